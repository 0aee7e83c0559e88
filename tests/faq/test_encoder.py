"""What the embedded encoder must be able to do, measured on data that lies in tests/data."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import cast

import numpy as np
import pytest
from numpy.typing import NDArray

from faq.encoder import heldback, lessons, measure
from faq.encoder.corpus import INTENTS, REQUESTS, TERMS, Corpus, is_chinese, rows
from faq.evaluate import grams, likeness
from faq.vectors import EMBEDDED, Encoder, load

HELD_OUT = Path(__file__).with_name("held_out")
DATA = Path(__file__).parents[1] / "data"
SHIPPED_MOST = 20_000_000  # bytes, so that the repository stays quick to clone


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    return cast("Encoder", load("embedded"))


def _pairs(name: str) -> list[tuple[str, str]]:
    return [(first, second) for first, second in rows(DATA / name)]


def test_english_sentences_find_their_chinese_translations(encoder: Encoder) -> None:
    found = measure.first_is_right(encoder.encode, _pairs("tatoeba_en_zh.tsv.gz"))
    print(f"Tatoeba, English to Chinese: {found:.1%} first of 1,578")
    assert found >= 0.80


def test_a_bank_customers_question_lies_nearest_to_one_with_the_same_intent(encoder: Encoder) -> None:
    known, asked = _pairs("banking77_train.tsv.gz")[::2], _pairs("banking77_test.tsv.gz")[::4]  # 65 of each intent
    right = measure.nearest_names(encoder.encode, known, asked)
    print(f"banking77: {right:.1%} of 770 nearest to their intent")
    assert right >= 0.88


def test_what_no_bank_is_asked_lies_far_from_every_bank_question(encoder: Encoder) -> None:
    known = [text for _, text in _pairs("banking77_train.tsv.gz")[::5]]
    inside = [text for _, text in _pairs("banking77_test.tsv.gz")[::3]]
    outside = [english for english, _ in _pairs("tatoeba_en_zh.tsv.gz")]
    told_apart = measure.outside_is_far(encoder.encode, known, inside, outside)
    print(f"bank questions against sentences of any kind: AUROC {told_apart:.3f}")
    assert told_apart >= 0.97


def test_it_is_small_and_holds_no_code() -> None:
    files = [file for file in EMBEDDED.rglob("*") if file.is_file()]
    size = sum(file.stat().st_size for file in files)
    print(f"{size / 1e6:.1f} MB")
    assert size <= SHIPPED_MOST
    assert {file.suffix for file in files} <= {".json", ".safetensors"}


def test_sentence_transformers_loads_it_by_its_path_alone_without_a_network(tmp_path: Path) -> None:
    code = (
        "import socket, sys\n"
        "def refuse(*_): raise SystemExit('asked the network')\n"
        "socket.socket.connect = socket.getaddrinfo = refuse\n"
        "from sentence_transformers import SentenceTransformer\n"
        f"print(SentenceTransformer({str(EMBEDDED)!r}).encode(['你好']).shape)"
    )
    env = {name: value for name, value in os.environ.items() if not name.startswith(("HF_", "TRANSFORMERS_"))}
    cache = {"HF_HOME": str(tmp_path), "HF_HUB_DISABLE_TELEMETRY": "1"}
    done = subprocess.run([sys.executable, "-c", code], env=env | cache, capture_output=True, text=True, check=False)
    assert done.stdout == "(1, 256)\n", done.stderr


def test_our_own_training_texts_are_whole_and_without_repetition() -> None:
    terms, requests = rows(TERMS), rows(REQUESTS)
    assert len(terms) >= 400
    assert len(requests) >= 400
    assert all(len(row) == 2 and all(row) for row in terms)
    assert all(len(row) == 3 and row[0] in INTENTS and all(row) for row in requests)
    assert len({chinese for chinese, _ in terms}) == len(terms)
    assert len({text for _, _, text in requests}) == len(requests)


def test_no_held_out_question_is_close_to_a_request_that_was_trained_on() -> None:
    trained = [grams(text) for _, _, text in rows(REQUESTS)]
    asked: list[str] = []
    for file in HELD_OUT.glob("*.tsv"):
        with file.open(encoding="utf-8", newline="") as lines:
            asked += [row["question"] for row in csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE)]
    assert len(asked) > 800
    close = sum(likeness(grams(text), known) >= 0.7 for text in asked for known in trained)
    assert close == 0  # which ones is nobody's business here


def test_a_slip_of_the_keyboard_changes_one_place_and_no_short_text() -> None:
    rng = np.random.default_rng(0)
    for _ in range(50):
        text = lessons.slipped("信用卡丢了怎么办", rng)
        assert abs(len(text) - 8) <= 1
        assert set(text) <= set("信用卡丢了怎么办")
    assert lessons.slipped("挂失", rng) == "挂失"


def test_two_texts_are_drawn_of_each_group_and_half_of_them_across_languages() -> None:
    groups = {"card": ("卡丢了", "挂失", "lost card"), "loan": ("贷款", "a loan"), "one": ("只有一句",)}
    source = lessons.Source(groups=groups, taken=5, weight=1.0)
    rng = np.random.default_rng(0)
    across = 0
    for _ in range(100):
        first, second = source.draw(rng)
        of = {text: name for name, texts in groups.items() for text in texts}
        assert [of[text] for text in first] == [of[text] for text in second]
        assert {of[text] for text in first} == groups.keys()
        assert all(a != b for a, b in zip(first, second, strict=True) if of[a] != "one")
        across += sum(is_chinese(a) != is_chinese(b) for a, b in zip(first, second, strict=True) if of[a] == "card")
    assert 50 <= across <= 90  # half of the draws, and by chance some of the others


def test_what_is_held_back_is_asked_for_and_not_learned() -> None:
    texts = {f"F{n}": tuple(f"问{n}{c}" for c in "甲乙丙丁戊") + tuple(f"q{n}{c}" for c in "abcde") for n in range(8)}
    corpus = Corpus(
        dev=(), pairs=(), words=(), terms=(), laws=(), intents=(), entries=texts, questions=(("问", "q"),) * 8
    )
    held = heldback.hold_back(corpus)
    learned = {text for group in held.learned.entries.values() for text in group}
    assert held.strange == {"F2", "F6"}
    assert held.strange.isdisjoint(held.learned.entries)
    assert len(held.learned.questions) == 6
    assert {text for _, text in held.asked} == {f"{t}" for n in range(8) for t in (f"问{n}戊", f"q{n}e")}
    assert learned.isdisjoint(text for _, text in held.asked)
    assert {*held.known, *held.asked} == {(entry, text) for entry, group in texts.items() for text in group}

    def encode(some: Sequence[str]) -> NDArray[np.float32]:
        return np.eye(8, dtype=np.float32)[[int(text[1]) for text in some]]

    assert all("100.0% of" in line for line in heldback.told(held, encode))

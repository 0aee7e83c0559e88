"""Question files are read strictly, every outcome is counted once, and the fit learns from what was left out."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from core.errors import ContentError
from core.model import Language
from faq import entries, fitting
from faq.entries import LANGUAGES
from faq.evaluate import Question, ask, by_language, figures, held_out, line, questions
from faq.search import Search
from tests.faq.folder import CONTENT, close, make

NOW = datetime(2026, 11, 21, 4, 0, tzinfo=UTC)
TUNING = questions(Path(__file__).with_name("tuning.tsv"))
OURS = entries.load(CONTENT)
SEARCH = Search(OURS, NOW)


def question(text: str, *expected: str, language: Language = "zh") -> Question:
    return Question(expected=frozenset(expected), language=language, text=text)


# Question files -----------------------------------------------------------------------------------------------------


def test_a_question_file_may_name_several_right_entries_or_none(tmp_path: Path) -> None:
    (tmp_path / "some_zh.tsv").write_text("id\tstyle\tquestion\nF01|F02\tshort\t投诉\n", encoding="utf-8")
    (tmp_path / "other.tsv").write_text("# why\nlanguage\tquestion\nen\tgold price\n", encoding="utf-8")
    (tmp_path / "third.tsv").write_text("id\tlanguage\tquestion\n-\tzh\t金价\n", encoding="utf-8")
    assert held_out(tmp_path) == [
        question("gold price", language="en"),
        question("投诉", "F01", "F02"),
        question("金价"),
    ]


@pytest.mark.parametrize("row", ["F22\tzh", "F22\tfr\tbonjour", "怎么查征信", "F22\tzh\t查\t征信", "F22\tzh\t"])
def test_a_broken_question_file_is_refused(tmp_path: Path, row: str) -> None:
    (tmp_path / "q.tsv").write_text(f"id\tlanguage\tquestion\n{row}\n", encoding="utf-8")
    with pytest.raises(ContentError, match=r"q\.tsv: row 2"):
        questions(tmp_path / "q.tsv")


def test_a_question_file_that_is_not_utf_8_is_refused(tmp_path: Path) -> None:
    (tmp_path / "q.tsv").write_bytes("id\tlanguage\tquestion\nF22\tzh\t查征信\n".encode("gb18030"))
    with pytest.raises(ContentError, match=r"q\.tsv cannot be read"):
        questions(tmp_path / "q.tsv")


def test_a_folder_without_question_files_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ContentError, match="no question files"):
        held_out(tmp_path)


# Counting -----------------------------------------------------------------------------------------------------------


def test_every_outcome_is_counted_once() -> None:
    cases = ask(
        SEARCH,
        [
            question("怎么查自己的信用报告", "F22"),
            question("怎么查自己的信用报告", "F77"),
            question("怎么查自己的信用报告", "F77", "F22"),
            question("征信", "F22"),
            question("征信", "F77"),
            question("你好", "F22"),
            question("怎么查自己的信用报告"),
            question("征信"),
            question("你好"),
        ],
    )
    outcomes = ["answered", "wrong", "answered", "offered", "missed", "missed", "false answer", "asked", "refused"]
    assert [case.outcome for case in cases] == outcomes
    assert [case.good for case in cases] == [o in ("answered", "offered", "refused") for o in outcomes]
    counted = figures(cases)
    assert (counted.in_scope, counted.out_of_scope) == (6, 3)
    assert [counted.answered, counted.offered, counted.wrong, counted.missed] == [2 / 6, 1 / 6, 1 / 6, 2 / 6]
    assert [counted.false_answer, counted.asked, counted.refused] == [1 / 3] * 3
    assert counted.top1 == 2 / 6
    assert counted.top3 == 3 / 6
    assert by_language(cases)["zh"] == counted
    assert by_language(cases)["en"] == figures([])


def test_a_case_as_a_line_says_what_was_asked_expected_and_found() -> None:
    [case] = ask(SEARCH, [question("怎么查自己的信用报告？", "F78", "F77")])
    row = line(case)
    assert (row["query"], row["language"], row["expected"]) == ("怎么查自己的信用报告？", "zh", ["F77", "F78"])
    assert (row["outcome"], row["hits"][0]["id"]) == ("wrong", "F22")
    assert len(row["hits"]) <= 3


# Learning -----------------------------------------------------------------------------------------------------------


def test_the_questions_to_tune_on_are_right_or_out_of_scope_in_both_languages() -> None:
    assert all(one.expected <= set(OURS.entries) for one in TUNING)
    for language in LANGUAGES:
        spoken = [one for one in TUNING if one.language == language]
        assert sum(not one.expected for one in spoken) >= 50
        assert sum(bool(one.expected) for one in spoken) >= 80


def test_no_question_to_tune_on_is_close_to_a_phrasing() -> None:
    assert close((one.text for one in TUNING), OURS) == []


def test_what_is_asked_was_left_out_and_nothing_else(tmp_path: Path) -> None:
    content = entries.load(make(tmp_path))
    first, *rest = fitting.lessons(content, NOW, [question("存款", "F01")])
    assert first.asked == [question("存款", "F01")]
    phrasings = [one for lesson in rest[::2] for one in lesson.asked]
    assert sorted(one.text for one in phrasings) == sorted(
        text for entry in content.entries.values() for language in LANGUAGES for text in entry.phrasings[language]
    )
    lesson = next(lesson for lesson in rest[::2] if any(one.text == "存款" for one in lesson.asked))
    [found] = [one for one in ask(lesson.search, lesson.asked) if one.question.text == "存款"]
    assert found.question.expected == {"F01"}
    assert all(hit.phrasing != "存款" for hit in found.found.hits)
    gone = next(lesson for lesson in rest[1::2] if any(one.text == "存款" for one in lesson.asked))
    assert all(not one.expected for one in gone.asked)
    assert all(hit.id != "F01" for case in ask(gone.search, gone.asked) for hit in case.found.hits)


def test_the_fit_tells_right_first_hits_from_wrong_ones() -> None:
    weights = fitting.fit([next(iter(fitting.lessons(OURS, NOW, TUNING)))])
    assert min(weights.share, weights.lead, weights.cover, weights.length) > 0 > weights.base


def test_a_fit_on_nothing_is_refused() -> None:
    empty = Search(replace(OURS, entries={}), NOW)
    with pytest.raises(ContentError, match="shares a word"):
        fitting.fit([fitting.Lesson(search=empty, asked=TUNING, counts=1.0)])

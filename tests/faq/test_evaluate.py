"""Question files are read strictly, every outcome is counted once, and the fit learns from what was left out."""

from __future__ import annotations

import random
from datetime import UTC, datetime
from itertools import combinations
from pathlib import Path

import pytest

from core.errors import ContentError
from core.model import Language
from faq import entries
from faq.entries import LANGUAGES
from faq.evaluate import (
    Case,
    Outcome,
    Question,
    alike,
    ask,
    by_language,
    by_style,
    by_topic,
    collisions,
    figures,
    held_out,
    likeness,
    line,
    questions,
    style,
)
from faq.search import Decision, Found, Hit, Search, readable
from faq.vectors import Vectors
from tests.faq.characters import by_characters
from tests.faq.folder import CONTENT, close, edit, make

NOW = datetime(2026, 11, 21, 4, 0, tzinfo=UTC)
TUNING = questions(Path(__file__).with_name("tuning.tsv"))
OURS = entries.load(CONTENT)
SEARCH = Search(OURS, NOW)


def question(text: str, *expected: str, language: Language = "zh", style: str = "") -> Question:
    return Question(expected=frozenset(expected), language=language, text=text, style=style)


# Question files -----------------------------------------------------------------------------------------------------


def test_a_question_file_may_name_several_right_entries_or_none(tmp_path: Path) -> None:
    (tmp_path / "some_zh.tsv").write_text("id\tstyle\tquestion\nF01|F02\tshort\t投诉\n", encoding="utf-8")
    (tmp_path / "other.tsv").write_text("# why\nlanguage\tquestion\nen\tgold price\n", encoding="utf-8")
    (tmp_path / "third.tsv").write_text("id\tlanguage\tquestion\n-\tzh\t金价\n", encoding="utf-8")
    assert held_out(tmp_path) == [
        question("gold price", language="en"),
        question("投诉", "F01", "F02", style="short"),
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


def test_every_outcome_is_counted_once(tmp_path: Path) -> None:
    edit(make(tmp_path) / "saving.yml", "[取现金,", "[存款,")  # a phrasing of both entries now, so it is asked back
    cases = ask(
        Search(entries.load(tmp_path), NOW),
        [
            question("怎么取钱", "F02"),
            question("怎么取钱", "F01"),
            question("怎么取钱", "F01", "F02"),
            question("存款", "F02"),
            question("存款", "F03"),
            question("鲸鱼", "F02"),
            question("怎么取钱"),
            question("存款"),
            question("鲸鱼"),
        ],
    )
    outcomes = ["answered", "wrong", "answered", "offered", "missed", "none", "false answer", "asked", "refused"]
    assert [case.outcome for case in cases] == outcomes
    assert [case.good for case in cases] == [o in ("answered", "offered", "refused") for o in outcomes]
    counted = figures(cases)
    assert (counted.in_scope, counted.out_of_scope) == (6, 3)
    assert [counted.answered, counted.offered] == [2 / 6, 1 / 6]
    assert [counted.wrong, counted.missed, counted.none] == [1 / 6] * 3
    assert [counted.false_answer, counted.asked, counted.refused] == [1 / 3] * 3
    assert counted.top1 in (2 / 6, 3 / 6)  # two entries with the same phrasing may come in any order
    assert counted.top3 == 3 / 6
    assert by_language(cases)["zh"] == counted
    assert by_language(cases)["en"] == figures([])


def test_with_an_encoder_every_question_is_compared_by_meaning_too(tmp_path: Path) -> None:
    encoder = by_characters()
    search = Search(entries.load(make(tmp_path)), NOW, Vectors(encoder))
    asked = [question("編號是多少"), question("how to deposit some cash", "F01", language="en")]
    found = [case.found for case in ask(search, asked, encoder)]
    rows = encoder.encode([readable(one.text) for one in asked])
    assert found == [search.find(one.text, one.language, vector=row) for one, row in zip(asked, rows, strict=True)]
    assert found != [case.found for case in ask(search, asked)]


def test_a_case_as_a_line_says_what_was_asked_expected_and_found() -> None:
    [case] = ask(SEARCH, [question("怎么查自己的信用报告？", "F78", "F77")])
    row = line(case)
    assert (row["query"], row["language"], row["expected"]) == ("怎么查自己的信用报告？", "zh", ["F77", "F78"])
    assert (row["outcome"], row["hits"][0]["id"]) == ("wrong", "F22")
    assert len(row["hits"]) <= 3


# Parts --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "language", "told"),
    [
        ("查征信", "zh", "fragment"),
        ("怎样查询自己的信用", "zh", "plain"),
        ("怎麼查自己的信用報告", "zh", "traditional"),
        ("我的credit report在哪里查", "zh", "mixed"),
        ("ＡＴＭ吞卡", "zh", "mixed"),
        ("A卡丢了", "zh", "fragment"),
        ("我上个月在银行" * 9, "zh", "story"),
        ("lost my card", "en", "fragment"),
        ("i lost my card", "en", "plain"),
        ("my card " * 15, "en", "story"),
    ],
)
def test_how_a_question_is_put_is_told_by_its_letters_where_the_file_does_not(
    text: str, language: Language, told: str
) -> None:
    assert style(question(text, language=language)) == told
    assert style(question(text, language=language, style="voice")) == "voice"


def test_figures_are_told_apart_by_topic_and_style() -> None:
    cases = ask(
        SEARCH,
        [
            question("怎么查自己的信用报告", "F22", style="plain"),
            question("你好", "F77", style="voice"),
            question(OURS.entries["F22"].question["en"], "F22", language="en", style="plain"),
            question("你好", style="far"),
            question("怎么查自己的信用报告", "F9999", style="plain"),
        ],
    )
    topics = by_topic(cases, OURS)
    assert list(topics) == [("zh", "credit_report"), ("zh", "deposit_insurance"), ("en", "credit_report")]
    assert [one.top1 for one in topics.values()] == [1, 0, 1]
    styles = by_style(cases)
    assert list(styles) == [("zh", "far"), ("zh", "plain"), ("zh", "voice"), ("en", "plain")]
    assert (styles["zh", "far"].in_scope, styles["zh", "far"].refused) == (0, 1)
    assert (styles["zh", "plain"].in_scope, styles["zh", "plain"].top1) == (2, 0.5)


def test_entries_that_are_taken_for_others_are_counted_the_most_frequent_first() -> None:
    def case(outcome: Outcome, first: str, *expected: str) -> Case:
        decision: Decision = "answer" if outcome in ("answered", "wrong", "false answer") else "ask"
        hits = tuple(Hit(id=one, topic="", score=0.5, phrasing="") for one in (first, "F50"))
        return Case(question=question("", *expected), found=Found(decision=decision, hits=hits), outcome=outcome)

    cases = [
        case("answered", "F22", "F22"),
        case("offered", "F23", "F50"),
        case("wrong", "F22", "F78", "F77"),
        case("missed", "F22", "F77", "F78"),
        case("false answer", "F22"),
        case("asked", "F22"),
        Case(question=question("", "F01"), found=Found(decision="none"), outcome="none"),
    ]
    assert [(one.expected, one.got, one.count, one.answered) for one in collisions(cases)] == [
        ("F77|F78", "F22", 2, 1),
        ("-", "F22", 1, 1),
        ("F50", "F23", 1, 0),
    ]


# Learning -----------------------------------------------------------------------------------------------------------


def test_the_questions_to_tune_on_are_right_or_out_of_scope_in_both_languages() -> None:
    assert all(one.expected <= set(OURS.entries) for one in TUNING)
    for language in LANGUAGES:
        spoken = [one for one in TUNING if one.language == language]
        assert sum(not one.expected for one in spoken) >= 50
        assert sum(bool(one.expected) for one in spoken) >= 80


def test_texts_that_are_alike_are_those_that_comparing_all_with_all_finds() -> None:
    chance = random.Random(1)
    texts = [frozenset(chance.sample("abcdefgh", chance.randint(1, 8))) for _ in range(300)]
    for least in (0.3, 0.5, 0.7, 1.0):
        pairs = combinations(range(len(texts)), 2)
        assert alike(texts, least) == [(n, m) for n, m in pairs if likeness(texts[n], texts[m]) >= least]


def test_no_question_to_tune_on_is_close_to_a_phrasing() -> None:
    assert close((one.text for one in TUNING), OURS) == []

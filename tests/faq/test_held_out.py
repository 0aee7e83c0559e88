"""The held-out questions stay what they are: many, well-formed, and close to no phrasing."""

from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path

from faq import entries
from faq.entries import LANGUAGES
from faq.evaluate import grams, likeness
from tests.faq.folder import CONTENT

FOLDER = Path(__file__).with_name("held_out")
ALL = {f"F{n:02d}" for n in range(1, 85)}  # the entries that the front desk is to have


def rows(name: str) -> list[dict[str, str]]:
    with (FOLDER / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))


CHINESE, ENGLISH, OUTSIDE = rows("in_scope_zh.tsv"), rows("in_scope_en.tsv"), rows("out_of_scope.tsv")


def test_there_are_enough_questions_over_every_entry_in_both_languages() -> None:
    assert len(CHINESE) >= 400
    assert len(ENGLISH) >= 150
    for part in (CHINESE, ENGLISH):
        assert {one for row in part for one in row["id"].split("|")} == ALL


def test_there_are_enough_questions_out_of_scope_and_half_of_them_are_near() -> None:
    assert len(OUTSIDE) >= 300
    assert min(Counter(row["language"] for row in OUTSIDE).values()) >= 100
    assert Counter(row["kind"] for row in OUTSIDE)["near"] * 2 >= len(OUTSIDE)


def test_no_question_is_asked_twice() -> None:
    asked = Counter(row["question"] for row in (*CHINESE, *ENGLISH, *OUTSIDE))
    assert [question for question, times in asked.items() if times > 1] == []


def test_no_held_out_question_is_close_to_a_phrasing() -> None:
    phrasings = [
        (text, grams(text))
        for entry in entries.load(CONTENT).entries.values()
        for language in LANGUAGES
        for text in (entry.question[language], *entry.phrasings[language])
    ]
    close = [
        (row["question"], text)
        for row in (*CHINESE, *ENGLISH, *OUTSIDE)
        for text, pieces in phrasings
        if likeness(grams(row["question"]), pieces) >= 0.7
    ]
    assert close == []

"""The held-out utterances stay what they are: enough of every label, and nothing close to them is trained on."""

from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path

import pytest

from core.model import Language
from door.cli import verdicts
from door.cli.examples import lint, load
from faq.entries import topic_files
from tests.faq.folder import CONTENT

FOLDER = Path(__file__).with_name("held_out")
EVERYDAY = Path(__file__).with_name("everyday")
TRAINING = Path(__file__).parents[2] / "nlu_data" / "nlu"
LABELS = frozenset(
    [
        "emergency",
        "fraud_in_progress",
        "optout",
        "handoff",
        "complaint_intake",
        "case_update",
        "status_lookup",
        "menu",
        "outreach_reply",
        "abuse",
        "chitchat",
        "out_of_scope",
    ]
)
STYLES = frozenset(
    ["plain", "typo", "dialect", "voice", "fragment", "long", "traditional", "mixed", "nonnative", "hard_negative"]
)


def rows(language: Language, folder: Path = FOLDER) -> list[dict[str, str]]:
    with (folder / f"{language}.tsv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))


ALL = [*rows("zh"), *rows("en")]
CALM = [*rows("zh", EVERYDAY), *rows("en", EVERYDAY)]


def test_every_line_has_a_label_and_a_style_that_exist() -> None:
    topics = {f"faq:{path.stem}" for path in topic_files(CONTENT)}
    for row in ALL:
        assert set(row["label"].split("|")) <= LABELS | topics, row
        assert row["style"] in STYLES, row
        assert row["text"].strip(), row


@pytest.mark.parametrize(
    ("label", "least"),
    [("emergency", 150), ("fraud_in_progress", 150), ("handoff", 150), *((one, 30) for one in sorted(LABELS))],
)
def test_there_are_enough_of_each_label(label: str, least: int) -> None:
    assert sum(label in row["label"].split("|") for row in ALL) >= least


def test_there_are_enough_in_all_and_enough_that_only_look_dangerous() -> None:
    assert len(ALL) >= 1200
    assert Counter(row["style"] for row in ALL)["hard_negative"] >= 300


def test_no_line_is_there_twice() -> None:
    assert [text for text, times in Counter(row["text"] for row in [*ALL, *CALM]).items() if times > 1] == []


def test_everyday_talk_is_enough_in_both_languages_and_nothing_else() -> None:
    assert len(rows("zh", EVERYDAY)) >= 100
    assert len(rows("en", EVERYDAY)) >= 100
    assert {row["label"] for row in CALM} == {verdicts.CALM}
    assert {row["style"] for row in CALM} <= STYLES


def test_nothing_close_to_a_held_out_line_is_trained_on() -> None:
    found = lint(load(TRAINING), [row["text"] for row in [*ALL, *CALM]])
    assert [one for one in found if one.rule == "leak"] == []

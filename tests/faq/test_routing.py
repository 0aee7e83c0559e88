"""The routing table: every matter has exactly one place to go, and a broken table is refused by file and line."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from core.errors import ContentError
from faq import reading, routing
from faq.fields import LANGUAGES
from faq.routing import FILE, MATTERS
from tests.faq.folder import CONTENT, edit, make

OURS = routing.load(CONTENT)


@pytest.mark.parametrize(
    ("matter", "number"),
    [
        ("payment", "{hotline_number}"),
        ("cross_market", "{hotline_number}"),
        ("insurance", "12378"),
        ("licensed_collection", "12378"),
        ("futures", "12386"),
        ("small_loan", "12345"),
        ("goods", "12315"),
        ("fraud", "110"),
        ("distress", "12356"),
        ("spam", "12321"),
    ],
)
def test_each_matter_leads_to_its_number(matter: str, number: str) -> None:
    assert OURS.of(matter).number == number


def test_nobody_is_left_without_a_way_to_go() -> None:
    assert {matter for route in OURS.routes.values() for matter in route.matters} == MATTERS
    for matter in MATTERS:
        route = OURS.of(matter)
        assert all(route.first[language] and route.name[language] for language in LANGUAGES)


def test_a_matter_that_nobody_knows_is_an_error_that_names_those_that_are_known() -> None:
    with pytest.raises(ContentError, match=r"nobody handles 'lottery'; known are account, cash"):
        OURS.of("lottery")


def test_who_is_in_danger_is_sent_to_nobody_else_first() -> None:
    for matter in ("fraud", "danger", "medical_emergency", "distress"):
        assert "不用先找别人" in OURS.of(matter).first["zh"]
        assert "Ask nobody else first" in OURS.of(matter).first["en"]


def test_sentences_may_name_numbers_and_matters_of_the_table(tmp_path: Path) -> None:
    folder = make(tmp_path)
    for language in LANGUAGES:
        edit(folder / "responses" / f"{language}.yml", "hold: ", "hold: '{route_nfra} {handles_nfra}'\nheld: ")
    whole = reading.load(folder)
    assert {"route_nfra", "handles_nfra"} <= whole.routing.names
    assert whole.routing.args("zh")["route_nfra"] == "12378"
    assert whole.routing.args("en")["handles_nfra"].startswith("loans, credit cards")


BAD = [
    # what is replaced, by what, and the reason
    ("- id: nfra", "- id: NFRA", "'NFRA' is not an id"),
    ("- id: nfra", "- id: here", "here is already the id of another route"),
    ("- id: nfra", "- name_of: nfra", "id is missing"),
    ('number: "12378"', "number: 12378", "YAML reads this as int"),
    ('number: "12378"', 'number: "call 12378"', "is neither a short number nor {hotline_number}"),
    ('number: "12378"', 'number: "{number}"', "is neither a short number nor {hotline_number}"),
    ("matters: [loan, ", "matters: [lottery, ", "unknown matter 'lottery'"),
    ("matters: [loan, ", "matters: [cash, loan, ", "cash is already handled by here"),
    ("matters: [loan, ", "matters: [", "nobody handles loan"),
    ("matters: [loan, ", "matters: [loan, loan, ", "loan is in this list twice"),
    ("confidence: V2", "confidence: sure", "'sure' is none of V, V2, M, U, D"),
    ("checked_on: 2026-11-21", "checked_on: null", "the day on which the facts were checked is needed"),
    ("valid_to: 2027-11-21", "valid_to: 2025-01-01", "valid_to 2025-01-01 is before checked_on"),
    ("reviewed_by: null", "reviewed_by: 李敏", "belong together"),
    ("    en: stocks, funds, futures\n", "", "en is missing"),
    ("zh: 请先向那家机构", "zh: 请{name}先向那家机构", "{name} is not known here"),
    ("- id: here", "id: here", "not YAML"),
]


@pytest.mark.parametrize(("old", "new", "reason"), BAD)
def test_a_bad_table_is_refused_by_file_line_and_reason(tmp_path: Path, old: str, new: str, reason: str) -> None:
    folder = make(tmp_path)
    edit(folder / FILE, old, new)
    with pytest.raises(ContentError) as refused:
        routing.load(folder)
    complaint = next(line for line in str(refused.value).splitlines() if reason in line)
    assert re.match(r"routing\.yml:\d+: ", complaint), complaint


def test_a_folder_without_a_table_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ContentError, match=r"^routing\.yml:0: cannot be read"):
        routing.load(tmp_path)


def test_the_table_is_no_topic_of_entries() -> None:
    assert "here" not in reading.load(CONTENT).content.entries

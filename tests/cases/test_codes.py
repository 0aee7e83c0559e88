"""The table of codes: each has its names, none is ambiguous, and the register takes no others."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import pytest

from cases import codes, register
from cases.model import BadCase, CaseType, Flag, Level, Sensitivity, Track, Urgency
from cases.states import State
from core.store import Store
from core.vault import Vault
from tests.cases.given import opened
from tests.conftest import NOON

ENUMS: dict[str, type[StrEnum]] = {
    "type": CaseType,
    "track": Track,
    "level": Level,
    "urgency": Urgency,
    "sensitivity": Sensitivity,
    "flag": Flag,
    "state": State,
}
TOP = {"channel": 6, "business": 14, "reason": 13}  # of JR/T 0169-2018, without what is a part of another code


@pytest.mark.parametrize("kind", ENUMS)
def test_every_value_of_the_model_has_its_names(kind: str) -> None:
    assert set(codes.tables()[kind]) == {each.value for each in ENUMS[kind]}


@pytest.mark.parametrize("kind", codes.tables())
def test_no_name_stands_for_two_codes(kind: str) -> None:
    meant: dict[str, set[str]] = {}
    for row in codes.tables()[kind].values():
        assert row.zh
        assert row.en
        for name in (row.code, row.zh, row.en, *row.also):
            meant.setdefault(codes.folded(name), set()).add(row.code)
    assert {name: found for name, found in meant.items() if len(found) > 1} == {}


@pytest.mark.parametrize("kind", TOP)
def test_the_standards_classes_are_all_there_and_their_numbers_are_not_made_up(kind: str) -> None:
    rows = codes.tables()[kind]
    assert sum("." not in code for code in rows) == TOP[kind]
    assert all(code.partition(".")[0] in rows for code in rows), "a part belongs to a code that is there"
    assert {row.standard for row in rows.values()} == {""}


@pytest.mark.parametrize(
    ("kind", "told", "code"),
    [
        ("business", "bank_card", "bank_card"),
        ("business", " 银 行 卡 ", "bank_card"),
        ("business", "BANK CARD", "bank_card"),
        ("channel", "ＡＰＰ", "electronic.app"),
        ("reason", "设施、设备、系统", "facility"),
        ("urgency", "Ⅱ", "II"),
        ("business", "银行", None),
        ("business", "", None),
    ],
)
def test_a_code_is_found_by_whatever_it_is_called(kind: str, told: str, code: str | None) -> None:
    assert codes.find(kind, told) == code


def test_a_code_has_its_name_and_an_unknown_one_keeps_itself() -> None:
    assert (codes.name("reason", "pricing", "zh"), codes.name("reason", "pricing", "en")) == (
        "定价收费",
        "Prices and fees",
    )
    assert codes.name("reason", "of_old_times", "zh") == "of_old_times"


@pytest.mark.parametrize("field", codes.KINDS)
async def test_the_register_takes_no_code_that_is_not_in_the_table(store: Store, vault: Vault, field: str) -> None:
    told: dict[str, Any] = {field: "no_such_thing"}
    good: dict[str, Any] = {field: "other"}
    with pytest.raises(BadCase, match=f"{field}: there is no code no_such_thing"):
        await opened(store, vault, **told)
    case = (await opened(store, vault, **good)).case
    with pytest.raises(BadCase, match=field):
        await store.write(
            lambda conn: register.edit(
                conn, vault, case.case_no, {field: "no_such_thing"}, actor="li", now=NOON, version=None
            )
        )

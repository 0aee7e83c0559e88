"""What is told of a case is kept masked, as JSON, and not without end."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from sqlalchemy import Connection

from cases.model import BadCase
from cases.texts import Masker, bare
from core.store import Store
from core.vault import Vault


async def kept(store: Store, vault: Vault, facts: dict[str, Any]) -> dict[str, Any]:
    def op(conn: Connection) -> dict[str, Any]:
        return Masker(conn, vault, conversation=None).facts(facts)

    return await store.read(op)


async def test_facts_are_masked_wherever_a_number_hides_in_them(store: Store, vault: Vault) -> None:
    given = {"call": 13912345678, "a13912345678": {"in": ["身份证11010519491231002X", ("13912345678",)]}}
    told = await kept(store, vault, given)
    assert "139" not in str(told)
    assert "1949" not in str(told)
    assert told["call"].startswith("⟦phone:")


async def test_what_is_no_number_of_anybody_stays_as_it_is(store: Store, vault: Vault) -> None:
    given = {
        "total": 30,
        "amount": 12.5,
        "ok": True,
        "none": None,
        "list": [1, "长安路12号"],
        "case": "Q2026-0001234-6",
    }
    assert await kept(store, vault, given | {"on": date(2026, 11, 21)}) == given | {"on": "2026-11-21"}


async def test_what_no_database_takes_is_left_out(store: Store, vault: Vault) -> None:
    assert await kept(store, vault, {"text": " a\0b\ud800 "}) == {"text": "ab"}


async def test_what_is_no_json_or_without_end_is_refused(store: Store, vault: Vault) -> None:
    deep: dict[str, Any] = {}
    for _ in range(20):
        deep = {"in": deep}
    for bad in (float("nan"), float("inf"), 10**400, object(), {1, 2}, b"x", deep, list(range(300)), "长" * 20_001):
        with pytest.raises(BadCase):
            await kept(store, vault, {"bad": bad})


def test_a_short_text_of_our_own_has_bare_marks_and_an_end() -> None:
    assert bare(" 回电13912345678 ", name="reason") == "回电⟦phone⟧"
    with pytest.raises(BadCase, match="reason: 501"):
        bare("长" * 501, name="reason")

"""Acts are noted with what they change, a slot is claimed once, and a later change of a sealed row shows."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import delete, update

from core import audit
from core.store import Store
from core.tables import audit as audit_table
from tests.conftest import NOON


async def note(store: Store, act: str, minutes: int = 0) -> None:
    when = NOON + timedelta(minutes=minutes)
    await store.write(lambda conn: audit.note(conn, actor="token:1", act=act, subject="alarm:1", now=when))


async def test_a_slot_is_claimed_by_one_of_many(store: Store) -> None:
    won = await asyncio.gather(*(store.write(lambda conn: audit.claim(conn, "seal", NOON)) for _ in range(10)))
    assert sum(won) == 1
    assert await store.write(lambda conn: audit.claim(conn, "seal", NOON + timedelta(hours=1)))


@pytest.mark.parametrize(
    "change",
    [
        update(audit_table).where(audit_table.c.act == "b").values(act="c"),
        delete(audit_table).where(audit_table.c.act == "b"),
    ],
    ids=["changed", "removed"],
)
async def test_a_change_of_a_sealed_row_breaks_its_seal(store: Store, change) -> None:
    await note(store, "a")
    await note(store, "b", 10)
    await store.write(lambda conn: audit.seal(conn, NOON))
    await note(store, "later", 61)
    assert await store.read(audit.unsealed) == 1
    await store.write(lambda conn: audit.seal(conn, NOON + timedelta(hours=1)))
    assert await store.read(audit.broken_seals) == []
    await store.write(lambda conn: conn.execute(change))
    assert (await store.read(audit.broken_seals))[0] == NOON


async def test_a_row_that_arrives_late_for_its_hour_is_sealed_with_the_next(store: Store) -> None:
    await note(store, "a")
    await store.write(lambda conn: audit.seal(conn, NOON))
    await note(store, "late", 5)
    await store.write(lambda conn: audit.seal(conn, NOON + timedelta(hours=1)))
    assert await store.read(audit.unsealed) == 0
    assert await store.read(audit.broken_seals) == []

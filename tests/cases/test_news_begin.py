"""A ledger of before has cases; what happened to them before there was any news is told to nobody."""

from __future__ import annotations

import asyncio

from sqlalchemy import Connection, insert, select, text

from cases import news
from cases.tables import complaint_case, person
from core.store import Store, migrate
from tests.conftest import NOON

CASE = {
    **dict.fromkeys(("case_no", "cause", "query_hash", "source_channel"), "Q1"),
    "person_id": "p1",
    "conversation_id": "c1",
    "type": "complaint",
    "track": "pboc",
    "level": "normal",
    "urgency": "III",
    "sensitivity": [],
    "flags": [],
    "people_count": 1,
    "co_handlers": [],
    "consents": {},
    "state": "accepted",
    "owner": "li",
    "version": 7,
    "opened_by": "li",
    **dict.fromkeys(("received_at", "opened_at", "updated_at"), NOON),
}


async def test_an_upgrade_tells_nothing_of_what_was_before_it(empty_url: str) -> None:
    await asyncio.to_thread(migrate, empty_url, "0011")
    store = await Store.open(empty_url)

    def fill(conn: Connection) -> None:
        conn.execute(text("INSERT INTO channel (id, kind, created_at) VALUES ('web', 'web', 0)"))
        conn.execute(text("INSERT INTO conversation (id, channel_id, created_at) VALUES ('c1', 'web', 0)"))
        conn.execute(insert(person).values(id="p1", created_at=NOON))
        conn.execute(insert(complaint_case).values(CASE))

    await store.write(fill)
    await store.close()
    await asyncio.to_thread(migrate, empty_url)
    store = await Store.open(empty_url)
    assert await store.read(lambda conn: conn.execute(select(complaint_case.c.news_n)).scalar_one()) == 7
    assert await store.read(news.untold) == []
    await store.close()

"""Statements that run for every message do what `Connection.execute` does, and fail as it does."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, bindparam, insert, select, text, update
from sqlalchemy.exc import IntegrityError

from core.inbox import Inbox
from core.statements import Statement
from core.store import UPSERTS, Store
from core.tables import EPOCH, conversation_seq, inbox
from core.vault import Vault
from tests.conftest import NOON, Clock
from tests.core.test_inbox import accept
from tests.servers import Postgres

HOUR = timedelta(hours=1)
ROWS: list[dict[str, Any]] = [
    {"external_id": "a", "raw": None, "held": False, "received_at": NOON, "done_at": None, "attempts": 0},
    {
        "external_id": "征",
        "raw": {"a": ["征", 1.5]},
        "held": True,
        "received_at": EPOCH,
        "done_at": NOON,
        "attempts": 9,
    },
]
_ADD = insert(inbox).inline()
_FIND = (
    select(inbox.c.received_at, inbox.c.raw, inbox.c.held, inbox.c.attempts.label("tries"), inbox.c.done_at)
    .where(inbox.c.received_at <= bindparam("now", type_=inbox.c.received_at.type), inbox.c.seq > 9)
    .order_by(inbox.c.seq)
    .limit(2)
)
_CLOSE = update(inbox).where(inbox.c.external_id == bindparam("e")).values(state="done", done_at=bindparam("now"))
_COUNT = {
    name: _insert(conversation_seq)
    .values(conversation_id=bindparam("c"), n=bindparam("k"))
    .on_conflict_do_update(index_elements=["conversation_id"], set_={"n": conversation_seq.c.n + bindparam("k")})
    .returning(conversation_seq.c.n, conversation_seq.c.conversation_id)
    for name, _insert in UPSERTS.items()
}


@pytest.fixture
async def rows(store: Store, vault: Vault, clock: Clock) -> list[dict[str, Any]]:
    """Of a conversation that there is."""
    accepted = await accept(Inbox(store, vault), clock)
    more = {"conversation_id": accepted.conversation, "next_try_at": NOON}
    return [row | more | {"seq": n} for n, row in enumerate(ROWS, start=10)]


def found(conn: Connection) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in conn.execute(_FIND, {"now": NOON})]


async def test_what_goes_in_and_comes_out_is_the_same_as_ever(store: Store, rows: list[dict[str, Any]]) -> None:
    def plainly(conn: Connection) -> list[tuple[Any, ...]]:
        conn.execute(_ADD, rows)
        seen = found(conn)
        conn.execute(text("DELETE FROM inbox WHERE seq > 9"))
        return seen

    def directly(conn: Connection) -> None:
        Statement(_ADD).run(conn, **rows[0])
        Statement(_ADD).each(conn, rows[1:])

    seen = await store.write(plainly)
    await store.write(directly)
    assert await store.read(found) == seen
    again = await store.read(lambda conn: Statement(_FIND).all(conn, now=NOON))
    assert [tuple(row) for row in again] == seen
    assert [(row.received_at, row.raw, row.held, row.tries, row.done_at) for row in again] == seen


async def test_several_rows_at_once_and_how_many_were_changed(store: Store, rows: list[dict[str, Any]]) -> None:
    close = Statement(_CLOSE)

    def op(conn: Connection) -> list[int]:
        Statement(_ADD).each(conn, rows)
        return [close.run(conn, e=external_id, now=NOON) for external_id in ("征", "a", "nobody")]

    assert await store.write(op) == [1, 1, 0]
    assert await store.read(lambda conn: len(Statement(_FIND).all(conn, now=NOON))) == 2
    assert await store.read(lambda conn: Statement(_FIND).first(conn, now=NOON)) is not None
    assert await store.read(lambda conn: Statement(_FIND).first(conn, now=EPOCH - HOUR)) is None


async def test_a_statement_of_each_dialect_gives_what_it_returns(store: Store) -> None:
    count = Statement(_COUNT)
    assert await store.write(lambda conn: count.all(conn, c="x", k=3)) == [(3, "x")]
    assert (await store.write(lambda conn: count.all(conn, c="x", k=4)))[0].n == 7


async def test_a_row_that_may_not_be_fails_alone_and_says_nothing_of_its_values(
    store: Store, rows: list[dict[str, Any]]
) -> None:
    add = Statement(_ADD)
    done = await asyncio.gather(
        *(store.write(lambda conn, row=row: add.run(conn, **row)) for row in (rows[0], rows[0], rows[1])),
        return_exceptions=True,
    )
    assert [type(one) for one in done] == [int, IntegrityError, int]
    assert "征" not in str(done[1])
    assert rows[0]["conversation_id"] not in str(done[1]).partition("[SQL")[2]
    assert len(await store.read(found)) == 2


async def test_a_name_too_many_or_too_few_is_a_mistake_of_ours(store: Store) -> None:
    count = Statement(_COUNT)
    with pytest.raises(TypeError, match="no parameter kk"):
        await store.write(lambda conn: count.first(conn, c="x", k=1, kk=2))
    await store.write(lambda conn: count.first(conn, c="x", k=1))
    with pytest.raises(KeyError):
        await store.write(lambda conn: count.first(conn, c="x"))
    add = Statement(insert(conversation_seq))
    await store.write(lambda conn: add.run(conn, conversation_id="y", n=1))
    with pytest.raises(TypeError, match="at most"):
        await store.write(lambda conn: add.run(conn, conversation_id="z", n=1, k=2))


async def test_a_reader_cannot_write_and_sees_one_moment(store: Store, rows: list[dict[str, Any]]) -> None:
    with pytest.raises(Exception, match=r"readonly|read-only"):
        await store.read(lambda conn: Statement(_COUNT).first(conn, c="x", k=1))
    find = Statement(_FIND)
    assert await store.read(lambda conn: [find.all(conn, now=NOON), conn.in_transaction()]) == [[], True]


# PostgreSQL alone -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ledger_url", ["postgresql"], indirect=True)
async def test_a_connection_that_was_cut_is_given_up_and_the_statement_tried_on_another(
    store: Store, ledger_url: str, postgres_server: Postgres
) -> None:
    count = Statement(_COUNT)
    for expected in (1, 2, 3):
        assert await store.write(lambda conn: count.all(conn, c="x", k=1)) == [(expected, "x")]
        await asyncio.to_thread(postgres_server.cut_connections, ledger_url.rpartition("/")[2])


@pytest.mark.parametrize("ledger_url", ["postgresql"], indirect=True)
async def test_a_column_that_another_house_has_changed_is_read_all_the_same(store: Store) -> None:
    count = Statement(_COUNT)

    def last(conn: Connection) -> int:
        return Statement(select(conversation_seq.c.n)).all(conn)[0].n

    await asyncio.gather(*(store.write(lambda conn: count.first(conn, c="x", k=1)) for _ in range(9)))
    await asyncio.gather(*(store.read(last) for _ in range(9)))
    await store.write(lambda conn: conn.execute(text("ALTER TABLE conversation_seq ALTER n TYPE integer")) and None)
    assert await asyncio.gather(*(store.read(last) for _ in range(9))) == [9] * 9
    assert await store.write(lambda conn: count.all(conn, c="x", k=1)) == [(10, "x")]

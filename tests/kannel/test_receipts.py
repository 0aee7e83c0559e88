"""Kannel's receipts in any order, into a real ledger: a message only moves forward, and the worst word stands."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import permutations

import pytest
from sqlalchemy import Connection, select

import channels
from channels import Channel
from core import outbox
from core.inbox import Inbox
from core.model import Author, Inbound, Receipt, Rendered
from core.store import Store
from core.tables import alarm
from core.tables import outbox as outbox_table
from core.vault import Vault
from tests.channels.kannel_cases import INBOUND, REPORT, TABLE, get
from tests.conftest import Clock

Orders = list[tuple[int, ...]]


def channel() -> Channel:
    return channels.make("test", TABLE.config("http://127.0.0.1:9"))


async def final_states(store: Store, vault: Vault, clock: Clock, orders: Orders) -> list[str]:
    """One message for each of `orders`, and where it stands after its receipts have come in that order."""
    kannel = channel()
    inbound = Inbound(sender=INBOUND.sender, external_id="m1", text="hi")
    accepted = await Inbox(store, vault).accept(channel=kannel.id, kind="kannel", inbound=inbound, now=clock())

    def run(conn: Connection) -> list[str]:
        outbox.put(
            conn,
            accepted.conversation,
            [Rendered(text="好的")] * len(orders),
            cause="turn:1",
            author=Author.BOT,
            now=clock(),
            live=False,
        )
        rows = select(outbox_table.c.id, outbox_table.c.state).order_by(outbox_table.c.id)
        for row, order in zip(conn.execute(rows).all(), orders, strict=True):
            for word in said(row.id, order):
                outbox.receipt(conn, kannel.id, word, clock())
        return [row.state for row in conn.execute(rows)]

    def said(our: int, order: Iterable[int]) -> Iterable[Receipt]:
        for d in order:
            [word] = kannel.parse(get("dlr", REPORT | {"id": str(our), "d": str(d)})).events
            assert isinstance(word, Receipt)
            yield word

    return await store.write(run, accepted.conversation)


@pytest.mark.parametrize(
    ("reports", "end"),
    [
        ((1,), "delivered"),
        ((8,), "sent"),
        ((4,), "sent"),
        ((1, 4, 8), "delivered"),
        ((2, 4, 8), "failed"),
        ((34, 8), "failed"),
        ((16,), "failed"),
        ((1, 2, 8, 16, 34), "failed"),  # a part arrived, another did not
    ],
)
async def test_the_order_of_receipts_does_not_matter(
    store: Store, vault: Vault, clock: Clock, reports: tuple[int, ...], end: str
) -> None:
    orders = list(permutations(reports))
    assert await final_states(store, vault, clock, orders) == [end] * len(orders)


async def test_a_message_that_failed_raises_one_alarm_and_one_that_arrived_none(
    store: Store, vault: Vault, clock: Clock
) -> None:
    await final_states(store, vault, clock, [(8, 2, 16, 34), (8, 1)])
    rows = await store.read(lambda conn: conn.execute(select(alarm.c.kind, alarm.c.count)).all())
    assert [tuple(row) for row in rows] == [("send_failed", 1)]

"""Who waits for a person: every transition there is, and that there are no others."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import Connection, Row, select

from core.effects import Role
from core.inbox import Inbox
from core.model import ChannelId, ConversationId, Inbound
from core.store import Store
from core.tables import left_message
from core.vault import Vault
from desk import handoff
from desk.handoff import TRANSITIONS, Event, State
from tests.conftest import NOON

STATES: tuple[State, ...] = ("asked", "left", "cancelled", "done")


@pytest.fixture
async def which(store: Store, vault: Vault) -> ConversationId:
    inbound = Inbound(sender="anna", external_id="m1", text="转人工")
    taken = await Inbox(store, vault).accept(channel=ChannelId("web"), kind="web", inbound=inbound, now=NOON)
    return taken.conversation


async def rows(store: Store) -> list[Row[Any]]:
    query = select(left_message).order_by(left_message.c.id)
    return await store.read(lambda conn: list(conn.execute(query)))


def step(event: Event, which: ConversationId, n: int = 0) -> Callable[[Connection], Any]:
    """One event, as the house lets it happen; `n` numbers its cause."""
    cause = f"{event}:{n}"
    return {
        "ask": lambda conn: handoff.ask(conn, which, cause=cause, reason="asked", now=NOON),
        "leave": lambda conn: handoff.leave(conn, which, cause=cause, text="请回电", contact="⟦phone:x⟧", now=NOON),
        "cancel": lambda conn: handoff.cancel(conn, which, NOON),
        "settle": lambda conn: handoff.settle(conn, 1, "Li", NOON),
    }[event]


ROADS: dict[State, list[Event]] = {
    "asked": ["ask"],
    "left": ["ask", "leave"],
    "cancelled": ["ask", "cancel"],
    "done": ["ask", "leave", "settle"],
}


@pytest.mark.parametrize("event", sorted(TRANSITIONS))
@pytest.mark.parametrize("before", STATES)
async def test_an_event_moves_a_request_along_the_table_or_not_at_all(
    store: Store, which: ConversationId, before: State, event: Event
) -> None:
    for n, way in enumerate(ROADS[before]):
        await store.write(step(way, which, n))
    await store.write(step(event, which, 9))
    found = await rows(store)
    moves = TRANSITIONS[event]
    assert found[0].state == (moves.after if before in moves.before else before)
    begun = moves.begins and before not in moves.before
    assert [row.state for row in found[1:]] == ([moves.after] if begun else [])


async def test_asking_twice_is_one_request_with_the_reason_that_presses_more(
    store: Store, which: ConversationId
) -> None:
    for n, reason in enumerate(("misses", "fraud", "asked")):
        await store.write(lambda conn, n=n, r=reason: handoff.ask(conn, which, cause=f"{n}:0", reason=r, now=NOON))  # type: ignore[misc]
    [row] = await rows(store)
    assert (row.state, row.reason, row.text, row.cause) == ("asked", "fraud", "", "0:0")


@pytest.mark.parametrize(
    ("roles", "kept"),
    [
        (["agent"], "agent"),
        (["expert"], "expert"),
        (["agent", "leader"], "leader"),
        (["leader", "agent"], "leader"),
        (["expert", "leader"], "leader"),
        (["leader", "expert"], "expert"),
    ],
)
async def test_whom_they_ask_for_is_kept(store: Store, which: ConversationId, roles: list[Role], kept: Role) -> None:
    for n, role in enumerate(roles):
        await store.write(
            lambda conn, n=n, role=role: handoff.ask(conn, which, cause=f"{n}:0", reason="asked", role=role, now=NOON)  # type: ignore[misc]
        )
    await store.write(step("leave", which))
    assert [row.role for row in await rows(store)] == [kept]


async def test_what_a_message_is_about_is_kept_beside_it(store: Store, which: ConversationId) -> None:
    facts = {"institution": "中国建设银行", "amount": "20.00"}
    await store.write(
        lambda conn: handoff.leave(conn, which, cause="1:0", text="x", contact="y", facts=facts, now=NOON)
    )
    await store.write(step("leave", which, 2))
    assert [row.facts for row in await rows(store)] == [facts, None]


async def test_what_is_left_belongs_to_what_was_asked_for(store: Store, which: ConversationId) -> None:
    await store.write(lambda conn: handoff.ask(conn, which, cause="1:0", reason="complaint", now=NOON))
    await store.write(step("leave", which))
    await store.write(step("leave", which, 1))
    assert [(row.reason, row.state, row.text) for row in await rows(store)] == [
        ("complaint", "left", "请回电"),
        ("message", "left", "请回电"),
    ]


@pytest.mark.parametrize("reason", ["emergency", "fraud"])
async def test_whoever_was_in_danger_stays_with_people(store: Store, which: ConversationId, reason: str) -> None:
    await store.write(lambda conn: handoff.ask(conn, which, cause="1:0", reason=reason, now=NOON))
    assert await store.write(lambda conn: handoff.cancel(conn, which, NOON)) is False
    [row] = await rows(store)
    assert (row.state, row.done_at) == ("asked", None)


async def test_a_request_is_dealt_with_once_and_says_by_whom(store: Store, which: ConversationId) -> None:
    await store.write(step("ask", which))
    assert await store.write(step("settle", which)) is True
    assert await store.write(step("settle", which)) is False
    [row] = await rows(store)
    assert (row.done_by, row.done_at) == ("Li", NOON)

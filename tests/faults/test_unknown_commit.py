"""A COMMIT whose answer never comes: the operation is run again and must find that its first run was its own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from typing import TypeVar

import pytest
from sqlalchemy import Connection, select

from core import outbox, turns
from core.inbox import Accepted, Inbox
from core.model import Author, ChannelId, DeliveryState, Inbound, Lease, Rendered
from core.outbox import Outcome, SendLease
from core.store import Store, migrate
from core.vault import Vault
from door.cli.bench.cutter import Cut, Cutter, cutter
from tests.conftest import NOON, Clock
from tests.servers import Postgres

T = TypeVar("T")
HOOK = ChannelId("hook")
SECONDS = 90.0


@pytest.fixture
async def proxy(postgres_server: Postgres) -> AsyncIterator[Cutter]:
    async with cutter(postgres_server.port) as proxy:
        yield proxy


@pytest.fixture
async def store(postgres_server: Postgres, proxy: Cutter, request: pytest.FixtureRequest) -> AsyncIterator[Store]:
    """A ledger behind the proxy."""
    name = f"unknown_{abs(hash(request.node.name))}"
    await asyncio.to_thread(migrate, postgres_server.create(name))
    ledger = await Store.open(postgres_server.url(name, proxy.port))
    yield ledger
    await ledger.close()
    postgres_server.drop(name)


@pytest.fixture
def inbox(store: Store, vault: Vault) -> Inbox:
    return Inbox(store, vault)


async def accept(inbox: Inbox, name: str = "m1") -> Accepted:
    inbound = Inbound(sender="visitor", external_id=name, text="怎么查征信？")
    return await inbox.accept(channel=HOOK, kind="webhook", inbound=inbound, now=NOON)


async def cut(proxy: Cutter, kinds: tuple[Cut, ...], store: Store, op: Callable[[Connection], T]) -> T:
    """Runs `op` with its COMMITs cut, one after the other, as `kinds` say."""
    rest = list(kinds)
    struck: list[Cut] = []

    def arm() -> None:
        if rest:
            proxy.arm(rest[0], fall)

    def fall() -> None:
        struck.append(rest.pop(0))
        arm()

    arm()
    result = await store.write(op)
    assert struck == list(kinds)
    return result


CUTS = [*((c,) for c in Cut), (Cut.AFTER, Cut.BEFORE), (Cut.BEFORE, Cut.AFTER), (Cut.AFTER, Cut.AT_ONCE)]
every_cut = pytest.mark.parametrize("kinds", CUTS, ids=[" then ".join(c.name.lower() for c in cuts) for cuts in CUTS])


@every_cut
async def test_an_accept_that_is_run_again_is_no_duplicate_of_itself(
    proxy: Cutter, inbox: Inbox, kinds: tuple[Cut, ...]
) -> None:
    await accept(inbox, "first")  # the conversation is there
    proxy.arm(kinds[0], lambda: None)
    accepted = await accept(inbox)
    assert not accepted.duplicate  # so its wake is not forgotten
    assert (await accept(inbox)).duplicate
    assert accepted.seq == 2


@every_cut
async def test_a_lease_that_is_taken_again_is_held(
    proxy: Cutter, inbox: Inbox, store: Store, kinds: tuple[Cut, ...]
) -> None:
    conversation = (await accept(inbox)).conversation
    held: Lease | None = None

    def lease(conn: Connection) -> Lease | None:
        nonlocal held
        held = turns.lease(conn, conversation, NOON, 10.0, mine=held)
        return held

    taken = await cut(proxy, kinds, store, lease)
    assert taken is not None
    assert await store.write(lambda conn: turns.renew(conn, taken, NOON, 10.0))
    other = NOON + timedelta(seconds=1)
    assert await store.write(lambda conn: turns.lease(conn, conversation, other, 10.0)) is None


async def put_out(store: Store, accepted: Accepted, count: int) -> None:
    replies = [Rendered(text=f"答 {n}") for n in range(count)]
    await store.write(
        lambda conn: outbox.put(
            conn, accepted.conversation, replies, cause="turn:1", author=Author.BOT, now=NOON, live=False
        )
    )


async def states(store: Store) -> list[str]:
    query = select(outbox.outbox.c.state).order_by(outbox.outbox.c.seq)
    return await store.read(lambda conn: list(conn.execute(query).scalars()))


@every_cut
@pytest.mark.parametrize("resend", [True, False])
async def test_a_message_marked_by_a_lost_commit_is_sent_at_once(
    proxy: Cutter, inbox: Inbox, store: Store, kinds: tuple[Cut, ...], resend: bool
) -> None:
    accepted = await accept(inbox)
    await put_out(store, accepted, 1)

    held: SendLease | None = None

    def claim(conn: Connection) -> SendLease | None:
        nonlocal held
        held = outbox.claim(conn, accepted.conversation, NOON, seconds=SECONDS, resend_unknown=resend, mine=held)
        return held

    taken = await cut(proxy, kinds, store, claim)
    assert taken is not None
    assert taken.parcel.text == "答 0"
    assert await states(store) == ["sending"]


@every_cut
@pytest.mark.parametrize("resend", [True, False])
async def test_the_message_after_a_settling_that_was_run_again_is_sent(
    proxy: Cutter, inbox: Inbox, store: Store, clock: Clock, kinds: tuple[Cut, ...], resend: bool
) -> None:
    accepted = await accept(inbox)
    await put_out(store, accepted, 2)
    first = await store.write(
        lambda conn: outbox.claim(conn, accepted.conversation, NOON, seconds=SECONDS, resend_unknown=resend)
    )
    assert first is not None
    sent = Outcome(state=DeliveryState.SENT)
    second = await cut(
        proxy,
        kinds,
        store,
        lambda conn: outbox.settle(conn, first, sent, clock(), seconds=SECONDS),
    )
    assert second is not None
    assert second.parcel.text == "答 1"
    assert await states(store) == ["sent", "sending"]

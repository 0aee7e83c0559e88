"""What must go out: sent once, in order, marked before the call, followed by receipts; on both databases."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Column, select, update

from core import outbox, turns
from core.inbox import Accepted, Inbox
from core.model import Author, Button, ChannelId, DeliveryState, Inbound, Receipt, Rendered
from core.outbox import Outcome, SendLease
from core.store import Store
from core.tables import conversation
from core.tables import outbox as outbox_table
from core.vault import Vault
from tests.conftest import NOON, Clock

HOOK = ChannelId("hook")
SECONDS = 10.0
SENT = Outcome(state=DeliveryState.SENT, external_id="p1")


@pytest.fixture
async def accepted(store: Store, vault: Vault, clock: Clock) -> Accepted:
    inbound = Inbound(sender="+8613912345678", external_id="m1", text="hi")
    return await Inbox(store, vault).accept(channel=HOOK, kind="webhook", inbound=inbound, now=clock())


async def put(
    store: Store, accepted: Accepted, clock: Clock, *texts: str, cause: str = "turn:1", epoch: int = 0
) -> None:
    items = [Rendered(text=t, buttons=(Button(title="好", payload="/ok"),)) for t in texts]
    await store.write(
        lambda conn: outbox.put(
            conn,
            accepted.conversation,
            items,
            cause=cause,
            author=Author.BOT,
            now=clock(),
            live=False,
            epoch=epoch,
            in_reply_to="m1",
        )
    )


async def test_the_lines_that_are_put_are_those_of_the_transcript(
    store: Store, accepted: Accepted, clock: Clock
) -> None:
    items = [
        Rendered(
            text="一\n二", buttons=(Button(title="好", payload='/faq{"id":"F22"}'), Button(title="no", payload="/n"))
        ),
        Rendered(text="F22", source="条例，2024-01-01", entry="F22", entry_version="3", score=0.5, phrasing="怎么查"),
    ]
    put = {"cause": "turn:1", "author": Author.SYSTEM, "now": clock(), "live": True, "answers": accepted.seq}
    lines = await store.write(lambda conn: outbox.put(conn, accepted.conversation, items, **put))
    assert await store.read(lambda conn: outbox.transcript(conn, accepted.conversation, after=1)) == list(lines)
    assert [line.seq for line in lines] == [2, 3]
    assert await store.write(lambda conn: outbox.put(conn, accepted.conversation, [], **put)) == ()


async def claim(store: Store, accepted: Accepted, clock: Clock, *, resend_unknown: bool = True) -> SendLease | None:
    return await store.write(
        lambda conn: outbox.claim(conn, accepted.conversation, clock(), seconds=SECONDS, resend_unknown=resend_unknown)
    )


async def settle(store: Store, held: SendLease, outcome: Outcome, clock: Clock) -> SendLease | None:
    return await store.write(lambda conn: outbox.settle(conn, held, outcome, clock(), seconds=SECONDS))


async def states(store: Store) -> list[str]:
    return list(
        await store.read(
            lambda conn: conn.execute(select(outbox_table.c.state).order_by(outbox_table.c.seq)).scalars().all()
        )
    )


async def one(store: Store, *columns: Column[Any]) -> tuple[Any, ...]:
    """These columns of the only row."""
    return await store.read(lambda conn: tuple(conn.execute(select(*columns).select_from(outbox_table)).one()))


async def test_messages_are_sent_one_after_the_other_in_order(
    store: Store, accepted: Accepted, vault: Vault, clock: Clock
) -> None:
    await put(store, accepted, clock, "一", "二")
    held = await claim(store, accepted, clock)
    assert held is not None
    assert held.parcel.text == "一"
    assert held.parcel.in_reply_to == "m1"
    assert held.parcel.buttons == (Button(title="好", payload="/ok"),)
    assert vault.unseal(held.parcel.sealed, context=accepted.conversation) == "+8613912345678"
    assert await states(store) == ["sending", "ready"]  # durably, before anybody calls the platform
    held = await settle(store, held, SENT, clock)
    assert held is not None
    assert held.parcel.text == "二"
    assert await settle(store, held, SENT, clock) is None
    assert await states(store) == ["sent", "sent"]
    assert await claim(store, accepted, clock) is None


async def test_only_one_sender_has_a_conversation(store: Store, accepted: Accepted, clock: Clock) -> None:
    await put(store, accepted, clock, "一", "二")
    claims = await asyncio.gather(*(claim(store, accepted, clock) for _ in range(10)))
    assert sum(held is not None for held in claims) == 1


async def test_a_message_that_rests_holds_those_behind_it(store: Store, accepted: Accepted, clock: Clock) -> None:
    await put(store, accepted, clock, "一", "二")
    held = await claim(store, accepted, clock)
    assert held is not None
    later = Outcome(state=DeliveryState.READY, error="throttled", next_try_at=clock() + timedelta(seconds=4))
    assert await settle(store, held, later, clock) is None
    assert await claim(store, accepted, clock) is None
    clock.forward(4)
    held = await claim(store, accepted, clock)
    assert held is not None
    assert (held.parcel.text, held.parcel.attempts) == ("一", 1)


@pytest.mark.parametrize("end", [DeliveryState.FAILED, DeliveryState.PARKED])
async def test_a_message_that_is_given_up_lets_the_next_one_go(
    store: Store, accepted: Accepted, clock: Clock, end: DeliveryState
) -> None:
    await put(store, accepted, clock, "一", "二")
    held = await claim(store, accepted, clock)
    assert held is not None
    held = await settle(store, held, Outcome(state=end, error="refused"), clock)
    assert held is not None
    assert held.parcel.text == "二"


async def test_after_a_crash_between_mark_and_answer_the_channel_sends_again_if_its_policy_says_so(
    store: Store, accepted: Accepted, clock: Clock
) -> None:
    await put(store, accepted, clock, "一", "二")
    assert await claim(store, accepted, clock) is not None
    assert await claim(store, accepted, clock) is None  # its lease still runs
    clock.forward(SECONDS + 1)
    held = await claim(store, accepted, clock, resend_unknown=True)
    assert held is not None
    assert held.parcel.text == "一"


async def test_after_a_crash_a_channel_that_must_not_repeat_leaves_the_row_unknown_and_goes_on(
    store: Store, accepted: Accepted, clock: Clock
) -> None:
    await put(store, accepted, clock, "一", "二")
    assert await claim(store, accepted, clock) is not None
    clock.forward(SECONDS + 1)
    held = await claim(store, accepted, clock, resend_unknown=False)
    assert held is not None
    assert held.parcel.text == "二"
    assert await states(store) == ["unknown", "sending"]


async def test_a_bot_reply_that_a_takeover_overtook_is_withheld(store: Store, accepted: Accepted, clock: Clock) -> None:
    await put(store, accepted, clock, "late", epoch=0)
    await store.write(lambda conn: conn.execute(update(conversation).values(epoch=1)))
    await put(store, accepted, clock, "from now", cause="turn:2", epoch=1)
    held = await claim(store, accepted, clock)
    assert held is not None
    assert held.parcel.text == "from now"
    assert await states(store) == ["withheld", "sending"]


async def test_the_truth_that_a_platform_has_it_is_stored_even_after_the_lease_ran_out(
    store: Store, accepted: Accepted, clock: Clock
) -> None:
    await put(store, accepted, clock, "一")
    slow = await claim(store, accepted, clock)
    clock.forward(SECONDS + 1)
    second = await claim(store, accepted, clock)
    assert slow is not None
    assert second is not None
    assert await settle(store, slow, SENT, clock) is None
    assert await states(store) == ["sent"]


async def test_receipts_move_a_message_forward_only_in_any_order(
    store: Store, accepted: Accepted, clock: Clock
) -> None:
    await put(store, accepted, clock, "一")
    held = await claim(store, accepted, clock)
    assert held is not None
    await settle(store, held, SENT, clock)

    async def receipt(state: DeliveryState, **which: object) -> bool:
        word = Receipt(**({"outbox_id": None, "external_id": "", "state": state} | which))  # type: ignore[arg-type]
        return await store.write(lambda conn: outbox.receipt(conn, HOOK, word, NOON))

    assert await receipt(DeliveryState.READ, outbox_id=held.parcel.id)
    assert not await receipt(DeliveryState.DELIVERED, external_id="p1")
    assert not await receipt(DeliveryState.SENT, outbox_id=held.parcel.id)
    assert await states(store) == ["read"]
    assert not await receipt(DeliveryState.READ)  # names nothing
    assert not await receipt(DeliveryState.READ, outbox_id=999)


async def test_a_receipt_from_another_channel_moves_nothing(store: Store, accepted: Accepted, clock: Clock) -> None:
    await put(store, accepted, clock, "一")
    held = await claim(store, accepted, clock)
    assert held is not None
    word = Receipt(outbox_id=held.parcel.id, external_id="", state=DeliveryState.DELIVERED)
    assert not await store.write(lambda conn: outbox.receipt(conn, ChannelId("other"), word, NOON))


async def test_a_receipt_that_comes_before_the_answer_to_our_call_is_not_undone(
    store: Store, accepted: Accepted, clock: Clock
) -> None:
    await put(store, accepted, clock, "一")
    held = await claim(store, accepted, clock)
    assert held is not None
    word = Receipt(outbox_id=held.parcel.id, external_id="", state=DeliveryState.DELIVERED)
    assert await store.write(lambda conn: outbox.receipt(conn, HOOK, word, NOON))
    clock.forward(1)
    await settle(store, held, SENT, clock)
    assert await states(store) == ["delivered"]
    # When it went out the receipt knew first; the platform's id only the answer has.
    assert await one(store, outbox_table.c.sent_at, outbox_table.c.external_id) == (NOON, "p1")


async def test_a_late_answer_to_an_earlier_call_replaces_nothing(
    store: Store, accepted: Accepted, clock: Clock
) -> None:
    await put(store, accepted, clock, "一")
    slow = await claim(store, accepted, clock)
    clock.forward(SECONDS + 1)
    second = await claim(store, accepted, clock)
    assert slow is not None
    assert second is not None
    await settle(store, second, Outcome(state=DeliveryState.SENT, external_id="p2"), clock)
    await settle(store, slow, SENT, clock)
    assert await one(store, outbox_table.c.state, outbox_table.c.external_id) == ("sent", "p2")


async def test_the_sweeper_finds_messages_nobody_was_woken_for(store: Store, accepted: Accepted, clock: Clock) -> None:
    await put(store, accepted, clock, "一")
    waited = timedelta(seconds=2)

    async def found() -> list[str]:
        return await store.read(lambda conn: list(outbox.due(conn, clock(), waited=waited, channels=[HOOK])))

    assert await found() == []
    clock.forward(2)
    assert await found() == [accepted.conversation]
    await claim(store, accepted, clock)
    assert await found() == []
    clock.forward(SECONDS + 1)
    assert await found() == [accepted.conversation]


async def test_only_a_button_that_was_offered_counts_as_ours(store: Store, accepted: Accepted, clock: Clock) -> None:
    await put(store, accepted, clock, "选一个")

    async def ours(payload: str, before: int = 10) -> str:
        return await store.read(lambda conn: outbox.offered(conn, accepted.conversation, payload, before=before))

    assert await ours("/ok") == "/ok"
    assert await ours("/restart") == ""
    assert await ours("/ok", before=2) == ""  # it was offered only later


async def test_a_long_payload_is_known_again_by_its_key(store: Store, accepted: Accepted, clock: Clock) -> None:
    long = Button(title="很长", payload='/case{"title":"' + "长" * 20 + '"}')
    item = Rendered(text="选一个", buttons=(long, Button(title="短", payload="/ok")))
    await store.write(
        lambda conn: outbox.put(
            conn, accepted.conversation, [item], cause="t1", author=Author.BOT, now=clock(), live=False
        )
    )
    assert len(long.key) == 41
    assert Button(title="短", payload="/ok").key == "/ok"
    assert (
        await store.read(lambda conn: outbox.offered(conn, accepted.conversation, long.key, before=10)) == long.payload
    )


async def test_a_list_is_open_until_the_contact_speaks_again(
    store: Store, vault: Vault, accepted: Accepted, clock: Clock
) -> None:
    async def offered(before: int) -> list[str]:
        found = await store.read(lambda conn: turns.open_list(conn, accepted.conversation, before=before))
        return [button.payload for button in found]

    await put(store, accepted, clock, "选一个")  # seq 2
    assert await offered(before=3) == []  # nobody has seen it yet
    held = await claim(store, accepted, clock)
    assert held is not None
    assert await offered(before=3) == []
    await settle(store, held, SENT, clock)
    assert await offered(before=2) == []
    assert await offered(before=3) == ["/ok"]
    inbound = Inbound(sender="+8613912345678", external_id="m2", text="谢谢")
    await Inbox(store, vault).accept(channel=HOOK, kind="webhook", inbound=inbound, now=clock())  # seq 3
    assert await offered(before=4) == []
    assert await offered(before=3) == ["/ok"]


@pytest.mark.parametrize("state", [*DeliveryState])
@pytest.mark.parametrize("as_notice", [False, True])
async def test_nobody_chooses_from_a_list_that_they_have_not_seen_as_it_was_written(
    store: Store, accepted: Accepted, clock: Clock, state: DeliveryState, *, as_notice: bool
) -> None:
    await put(store, accepted, clock, "选一个")
    became = {"state": state.value, "as_notice": as_notice}
    await store.write(lambda conn: conn.execute(update(outbox_table).values(became)))
    found = await store.read(lambda conn: turns.open_list(conn, accepted.conversation, before=3))
    seen = state in (DeliveryState.SENT, DeliveryState.DELIVERED, DeliveryState.READ) and not as_notice
    assert [button.payload for button in found] == (["/ok"] if seen else [])


async def test_what_waits_is_taken_back_but_not_from_under_a_sender(
    store: Store, accepted: Accepted, clock: Clock
) -> None:
    await put(store, accepted, clock, "选一个")

    async def taken_back() -> DeliveryState | None:
        return await store.write(lambda conn: outbox.withhold(conn, "turn:1:0", why="gone", now=clock()))

    held = await claim(store, accepted, clock)
    assert await taken_back() is None
    assert held is not None
    again = Outcome(state=DeliveryState.READY, error="busy", next_try_at=clock())
    await store.write(lambda conn: outbox.settle(conn, held, again, clock(), seconds=10.0, more=False))
    assert await taken_back() is DeliveryState.WITHHELD
    assert await taken_back() is None
    assert await claim(store, accepted, clock) is None

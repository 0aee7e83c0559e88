"""What came in is accepted once, in order, masked, and finished once, on both databases."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import func, select, update

from core import outbox, turns
from core.errors import LeaseLost, TooLarge
from core.inbox import Accepted, Inbox
from core.model import Attachment, Author, ChannelId, Inbound, Lease, MessageKind, Rendered
from core.store import Store
from core.tables import EPOCH, address, conversation, message, metadata, secret, unsupported, visit
from core.tables import inbox as inbox_table
from core.turns import FREE
from core.vault import Vault
from tests.conftest import Clock

WEB = ChannelId("web")
LEASE = 10.0  # seconds


def hello(text: str = "你好", *, sender: str = "visitor", external_id: str = "m1") -> Inbound:
    return Inbound(sender=sender, external_id=external_id, text=text)


@pytest.fixture
def door(store: Store, vault: Vault) -> Inbox:
    return Inbox(store, vault)


async def accept(door: Inbox, clock: Clock, inbound: Inbound | None = None) -> Accepted:
    return await door.accept(channel=WEB, kind="web", inbound=inbound or hello(), now=clock())


async def take(store: Store, accepted: Accepted, clock: Clock) -> Lease | None:
    return await store.write(lambda conn: turns.lease(conn, accepted.conversation, clock(), LEASE))


async def finish(store: Store, held: Lease, clock: Clock, n: int = 0, **different: object) -> int:
    values = {
        "state": b"s",
        "spoken": "zh",
        "script": "Hans",
        "outcome": "greet",
        "parked": False,
        "until": FREE,
        "now": clock(),
    }
    return await store.write(lambda conn: turns.finish(conn, held, held.turns[n], **(values | different)))  # type: ignore[arg-type]


# Accepting --------------------------------------------------------------------------------------------------------


async def test_a_message_is_in_the_ledger_with_the_first_seq(door: Inbox, store: Store, clock: Clock) -> None:
    accepted = await accept(door, clock)
    assert (accepted.seq, accepted.duplicate) == (1, False)
    [line] = await store.read(lambda conn: outbox.transcript(conn, accepted.conversation, after=0))
    assert (line.author, line.text, line.external_id, line.at) == (Author.CONTACT, "你好", "m1", clock())


async def test_a_second_delivery_of_the_same_message_changes_nothing(door: Inbox, store: Store, clock: Clock) -> None:
    first = await accept(door, clock)
    again = await accept(door, clock, hello("something else"))
    assert again == replace(first, duplicate=True, line=None)
    assert len(await store.read(lambda conn: outbox.transcript(conn, first.conversation, after=0))) == 1
    assert (await accept(door, clock, hello(external_id="m2"))).seq == 2  # and no place was used up


async def test_three_deliveries_at_once_are_one_message(door: Inbox, store: Store, clock: Clock) -> None:
    three = await asyncio.gather(*(accept(door, clock) for _ in range(3)))
    assert sorted(a.duplicate for a in three) == [False, True, True]
    assert len({a.inbox_id for a in three}) == 1


async def test_the_same_id_from_two_people_stays_two_messages(door: Inbox, clock: Clock) -> None:
    one, two = await accept(door, clock), await accept(door, clock, hello(sender="another"))
    assert one.conversation != two.conversation
    assert not two.duplicate


async def test_the_same_sender_on_two_channels_is_two_conversations(door: Inbox, clock: Clock) -> None:
    one = await accept(door, clock)
    two = await door.accept(channel=ChannelId("web2"), kind="web", inbound=hello(), now=clock())
    assert one.conversation != two.conversation


async def test_messages_accepted_from_many_doors_at_once_have_every_seq_once(
    ledger_url: str, vault: Vault, clock: Clock
) -> None:
    stores = [await Store.open(ledger_url) for _ in range(3)]
    doors = [Inbox(store, vault) for store in stores]
    got = await asyncio.gather(*(accept(doors[n % 3], clock, hello(external_id=f"m{n}")) for n in range(150)))
    assert sorted(a.seq for a in got) == list(range(1, 151))
    for store in stores:
        await store.close()


async def test_a_reader_that_follows_seq_misses_nothing_while_doors_write(
    ledger_url: str, vault: Vault, clock: Clock
) -> None:
    stores = [await Store.open(ledger_url) for _ in range(3)]
    doors = [Inbox(store, vault) for store in stores]
    conversation_id = vault.conversation_id(WEB, "visitor")
    done = asyncio.Event()
    seen: list[int] = []

    async def follow() -> None:
        last = False
        while not last:
            last = done.is_set()
            after = seen[-1] if seen else 0
            lines = await stores[0].read(lambda conn, n=after: outbox.transcript(conn, conversation_id, after=n))
            seen.extend(line.seq for line in lines)

    following = asyncio.create_task(follow())
    for start in range(0, 300, 30):
        await asyncio.gather(
            *(accept(doors[n % 3], clock, hello(external_id=f"m{n}")) for n in range(start, start + 30))
        )
    done.set()
    await following
    assert seen == list(range(1, 301))
    for store in stores:
        await store.close()


async def test_the_sender_lies_in_the_ledger_only_sealed(door: Inbox, store: Store, vault: Vault, clock: Clock) -> None:
    accepted = await accept(door, clock, hello(sender="+8613912345678"))
    sealed = await store.read(lambda conn: conn.execute(select(address.c.sealed)).scalar_one())
    assert vault.unseal(sealed, context=accepted.conversation) == "+8613912345678"
    assert "13912345678" not in await everything(store)


async def everything(store: Store) -> str:
    """All rows of all tables as one text."""
    return await store.read(lambda conn: repr([conn.execute(select(t)).all() for t in metadata.sorted_tables]))


async def test_personal_data_is_gone_or_sealed_before_anything_is_stored(
    door: Inbox, store: Store, vault: Vault, clock: Clock
) -> None:
    words = "我叫王小明，身份证110101199003074258，卡号4111 1111 1111 1111，电话13912345678"
    inbound = replace(
        hello(words), raw={"Content": words, "deep": [{"x": "电话13912345678"}]}, payload='/x{"p":"13912345678"}'
    )
    accepted = await accept(door, clock, inbound)
    rows = await everything(store)
    for number in ("110101199003074258", "4111 1111 1111 1111", "4111111111111111", "13912345678"):
        assert number not in rows
    hidden = await store.read(lambda conn: conn.execute(select(secret).where(secret.c.kind == "phone")).all())
    assert vault.unseal(hidden[0].sealed, context=f"secret:{hidden[0].ref}") == "13912345678"
    [line] = await store.read(lambda conn: outbox.transcript(conn, accepted.conversation, after=0))
    assert "王小明" in line.text
    assert f"⟦phone:{hidden[0].ref}⟧" in line.text


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("a\x00b", "ab"),
        ("\ud83d!", "?!"),
        ("😀\u202eمرحبا", "😀\u202eمرحبا"),
        ("👨‍👩‍👧", "👨‍👩‍👧"),
        ("", ""),
        ("x" * 4000, "x" * 4000),
    ],
    ids=["NUL", "half a character", "right to left", "joined emoji", "empty", "as long as may be"],
)
async def test_texts_no_database_likes_are_kept_as_far_as_they_are_texts(
    door: Inbox, store: Store, clock: Clock, sent: str, kept: str
) -> None:
    accepted = await accept(door, clock, hello(sent, external_id=f"id{sent[:9]}"))
    [line] = await store.read(lambda conn: outbox.transcript(conn, accepted.conversation, after=0))
    assert line.text == kept


async def test_a_message_that_is_too_long_is_refused_whole_and_leaves_nothing(
    door: Inbox, store: Store, clock: Clock
) -> None:
    with pytest.raises(TooLarge, match="4000"):
        await accept(door, clock, hello("x" * 100_000))
    assert await store.read(lambda conn: conn.execute(select(func.count()).select_from(inbox_table)).scalar()) == 0


async def test_a_number_in_a_buttons_payload_and_in_a_files_name_is_hidden_too(
    door: Inbox, store: Store, clock: Clock
) -> None:
    photo = Attachment(media_type="image/jpeg", url="https://example.org/1", name="身份证110101199003074258.jpg")
    await accept(door, clock, replace(hello(), payload='/x{"p":"13912345678"}', attachments=(photo,)))
    rows = await everything(store)
    assert "110101199003074258" not in rows
    assert "13912345678" not in rows
    payload = await store.read(lambda conn: conn.execute(select(message.c.payload)).scalar_one())
    ref = await store.read(lambda conn: conn.execute(select(secret.c.ref)).scalar_one())
    assert f"⟦phone:{ref}⟧" in payload


async def test_what_a_platform_sent_that_is_no_message_is_kept_masked(door: Inbox, store: Store, clock: Clock) -> None:
    await door.keep(channel=WEB, reason="sticker", raw={"from": "13912345678"}, now=clock())
    row = await store.read(lambda conn: conn.execute(select(unsupported)).one())
    assert (row.channel_id, row.reason) == ("web", "sticker")
    assert "13912345678" not in repr(row)


async def test_an_address_that_stops_is_noted_and_an_unknown_one_is_not_made(
    door: Inbox, store: Store, clock: Clock
) -> None:
    await accept(door, clock)
    await door.stop(channel=WEB, sender="visitor", now=clock())
    await door.stop(channel=WEB, sender="nobody", now=clock())
    rows = await store.read(lambda conn: conn.execute(select(address.c.stopped_at)).scalars().all())
    assert rows == [clock()]


@pytest.mark.parametrize(
    "inbound",
    [
        hello("我的手机是13912345678，身份证110101199003074258"),
        hello("a\0b\ud800"),
        replace(hello(), kind=MessageKind.PAYLOAD, payload='/x{"p":"13912345678"}'),
        replace(hello(""), kind=MessageKind.FOLLOWED, external_id="#followed"),
        Inbound(
            sender="visitor",
            external_id="m2",
            kind=MessageKind.ATTACHMENT,
            attachments=(
                Attachment(media_type="image/png", url="https://example.org/1", name="身份证110101199003074258.png"),
                Attachment(media_type="image/png", url="https://example.org/2"),
            ),
        ),
    ],
    ids=["personal data", "what no database keeps", "button", "opening", "files"],
)
async def test_the_line_that_is_handed_on_is_the_one_in_the_transcript(
    door: Inbox, store: Store, clock: Clock, inbound: Inbound
) -> None:
    await accept(door, clock, hello(external_id="m0"))
    accepted = await accept(door, clock, inbound)
    lines = await store.read(lambda conn: outbox.transcript(conn, accepted.conversation, after=1))
    assert lines == [accepted.line]
    assert [line.at.isoformat() for line in lines] == [clock().isoformat()]


# Taking and finishing ---------------------------------------------------------------------------------------------


async def test_a_lease_brings_the_open_messages_in_order(door: Inbox, store: Store, clock: Clock) -> None:
    photo = Attachment(media_type="image/png", url="https://example.org/1", name="1.png", size=12)
    first = await accept(door, clock)
    await accept(
        door, clock, Inbound(sender="visitor", external_id="m2", kind=MessageKind.ATTACHMENT, attachments=(photo,))
    )
    held = await take(store, first, clock)
    assert held is not None
    assert [(t.seq, t.kind, t.text) for t in held.turns] == [(1, "text", "你好"), (2, "attachment", "")]
    assert held.turns[1].attachments == (photo,)
    assert (held.owner, held.language, held.state, held.last_at) == ("bot", "", None, None)


async def test_only_one_worker_has_a_conversation(door: Inbox, store: Store, clock: Clock) -> None:
    accepted = await accept(door, clock)
    leases = await asyncio.gather(*(take(store, accepted, clock) for _ in range(10)))
    assert sum(held is not None for held in leases) == 1


async def test_a_lease_that_ran_out_goes_to_the_next_and_the_first_can_no_longer_finish(
    door: Inbox, store: Store, clock: Clock
) -> None:
    accepted = await accept(door, clock)
    first = await take(store, accepted, clock)
    clock.forward(LEASE + 1)
    second = await take(store, accepted, clock)
    assert first is not None
    assert second is not None
    assert second.fence == first.fence + 1
    with pytest.raises(LeaseLost):
        await finish(store, first, clock)
    await finish(store, second, clock)


async def test_a_turn_is_applied_once_however_often_its_commit_is_tried(
    door: Inbox, store: Store, clock: Clock
) -> None:
    held = await take(store, await accept(door, clock), clock)
    assert held is not None
    later = clock() + timedelta(seconds=5)
    await finish(store, held, clock, until=later)
    with pytest.raises(LeaseLost, match="closed"):  # as after a commit whose answer was lost
        await finish(store, held, clock, until=later)


async def test_a_takeover_fences_off_a_running_turn_and_nothing_of_it_stays(
    door: Inbox, store: Store, clock: Clock
) -> None:
    held = await take(store, await accept(door, clock), clock)
    assert held is not None
    raised = update(conversation).values(fence=conversation.c.fence + 1, epoch=1, owner="seat", lease_until=FREE)
    await store.write(lambda conn: conn.execute(raised))
    with pytest.raises(LeaseLost, match="taken over"):
        await finish(store, held, clock)
    row = await store.read(lambda conn: conn.execute(select(inbox_table.c.state)).scalar_one())
    assert row == "open"
    assert await store.read(lambda conn: conn.execute(select(func.count()).select_from(visit)).scalar()) == 0


async def test_a_heartbeat_after_the_release_does_not_lock_again(door: Inbox, store: Store, clock: Clock) -> None:
    held = await take(store, await accept(door, clock), clock)
    assert held is not None
    assert await store.write(lambda conn: turns.renew(conn, held, clock(), LEASE))
    await finish(store, held, clock)
    assert not await store.write(lambda conn: turns.renew(conn, held, clock(), LEASE))
    free = await store.read(lambda conn: conn.execute(select(conversation.c.lease_until)).scalar_one())
    assert free == EPOCH


async def test_finishing_keeps_the_state_and_opens_a_visit(door: Inbox, store: Store, clock: Clock) -> None:
    held = await take(store, await accept(door, clock), clock)
    assert held is not None
    opened = await finish(store, held, clock)
    clock.forward(1)
    held = await take(store, await accept(door, clock, hello(external_id="m2")), clock)
    assert held is not None
    assert (held.state, held.spoken, held.visit) == (b"s", "zh", opened)
    assert await finish(store, held, clock) == opened


async def test_a_message_that_rests_holds_those_behind_it(door: Inbox, store: Store, clock: Clock) -> None:
    accepted = await accept(door, clock)
    held = await take(store, accepted, clock)
    assert held is not None
    until = clock() + timedelta(seconds=3)
    assert await store.write(lambda conn: turns.postpone(conn, held, held.turns[0], until=until))
    await accept(door, clock, hello(external_id="m2"))
    assert await take(store, accepted, clock) is None
    clock.forward(3)
    again = await take(store, accepted, clock)
    assert again is not None
    assert [(t.seq, t.attempts) for t in again.turns] == [(1, 1), (2, 0)]


async def test_a_lease_without_an_open_message_is_not_taken(door: Inbox, store: Store, clock: Clock) -> None:
    accepted = await accept(door, clock)
    held = await take(store, accepted, clock)
    assert held is not None
    await finish(store, held, clock)
    assert await take(store, accepted, clock) is None


async def test_the_sweeper_finds_what_nobody_was_woken_for(door: Inbox, store: Store, clock: Clock) -> None:
    accepted = await accept(door, clock)
    waited = timedelta(seconds=2)

    async def found() -> list[str]:
        return await store.read(lambda conn: list(turns.due(conn, clock(), waited=waited, channels=[WEB])))

    assert await found() == []
    clock.forward(2)
    assert await found() == [accepted.conversation]
    await take(store, accepted, clock)
    assert await found() == []  # somebody is at it
    clock.forward(LEASE + 1)
    assert await found() == [accepted.conversation]  # and has died


async def test_one_holding_sentence_per_outage_and_conversation(door: Inbox, store: Store, clock: Clock) -> None:
    await accept(door, clock)
    await accept(door, clock, hello(external_id="m2"))
    after, outage = timedelta(seconds=5), timedelta(seconds=600)

    async def waiting() -> list[turns.Waiting]:
        return await store.read(lambda conn: turns.waiting(conn, clock(), hold_after=after, outage=outage))

    assert await waiting() == []
    clock.forward(5)
    [first] = await waiting()
    assert await store.write(lambda conn: turns.hold(conn, first, clock()))
    assert not await store.write(lambda conn: turns.hold(conn, first, clock()))
    assert await waiting() == []
    clock.forward(601)
    assert [w.inbox_id for w in await waiting()] == [first.inbox_id + 1]


async def test_an_answer_ends_the_outage(door: Inbox, store: Store, clock: Clock) -> None:
    accepted = await accept(door, clock)
    after, outage = timedelta(seconds=5), timedelta(seconds=600)
    clock.forward(5)
    [first] = await store.read(lambda conn: turns.waiting(conn, clock(), hold_after=after, outage=outage))
    await store.write(lambda conn: turns.hold(conn, first, clock()))
    held = await take(store, accepted, clock)
    assert held is not None
    await finish(store, held, clock)
    await accept(door, clock, hello(external_id="m2"))
    clock.forward(5)
    assert len(await store.read(lambda conn: turns.waiting(conn, clock(), hold_after=after, outage=outage))) == 1


async def test_a_quiet_visit_closes_and_the_next_message_opens_another(door: Inbox, store: Store, clock: Clock) -> None:
    idle = timedelta(minutes=60)
    held = await take(store, await accept(door, clock), clock)
    assert held is not None
    first = await finish(store, held, clock)
    assert await store.write(lambda conn: turns.close_idle_visits(conn, clock(), idle=idle)) == 0
    clock.forward(3601)
    assert await store.write(lambda conn: turns.close_idle_visits(conn, clock(), idle=idle)) == 1
    row = await store.read(lambda conn: conn.execute(select(visit)).one())
    assert (row.first_seq, row.last_seq, row.reason, row.closed_at) == (1, 1, "idle", clock())
    held = await take(store, await accept(door, clock, hello(external_id="m2")), clock)
    assert held is not None
    assert await finish(store, held, clock) > first


async def test_a_house_that_starts_alone_frees_every_lease(door: Inbox, store: Store, clock: Clock) -> None:
    accepted = await accept(door, clock)
    assert await take(store, accepted, clock) is not None
    await store.write(turns.free_leases)
    assert await take(store, accepted, clock) is not None


async def test_two_messages_of_one_turn_have_one_cause_each_and_cannot_be_put_twice(
    door: Inbox, store: Store, clock: Clock
) -> None:
    accepted = await accept(door, clock)
    items = [Rendered(text="一"), Rendered(text="二")]

    def put(conn) -> None:
        outbox.put(conn, accepted.conversation, items, cause="turn:1", author=Author.BOT, now=clock(), live=True)

    await store.write(put)
    with pytest.raises(Exception, match=r"UNIQUE|unique"):
        await store.write(put)
    lines = await store.read(lambda conn: outbox.transcript(conn, accepted.conversation, after=1))
    assert [(line.seq, line.text) for line in lines] == [(2, "一"), (3, "二")]

"""What goes out: in order, again where the error allows, else parked with an alarm, never silently lost."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from aiohttp import web
from sqlalchemy import select, update

from channels import CutOff
from channels.webhook import Webhook
from core import alarm, retry
from core import outbox as ledger
from core.model import Author, Capabilities, ChannelId, Inbound, Outbound, Rendered, Sent
from core.store import Store
from core.tables import address, conversation, outbox
from door import sender
from tests.door.conftest import HOOK, SECRET, Open, Platform, Running
from tests.waiting import until


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retry, "SEND_FIRST", 0.02)


async def states(running: Running) -> list[str]:
    return await running.house.store.read(
        lambda conn: list(conn.execute(select(outbox.c.state).order_by(outbox.c.id)).scalars())
    )


async def becomes(running: Running, *wanted: str) -> None:
    async def look() -> bool:
        return await states(running) == list(wanted)

    await until(look)


async def alarms(running: Running) -> list[alarm.Alarm]:
    return await running.house.store.read(alarm.open_alarms)


async def put(running: Running, *texts: str, source: str = "") -> None:
    """Messages of a person to anna, as the console will put them; each with its own wake."""
    await running.hear("hi")
    await running.said(1)
    await becomes(running, "sent")
    running.platform.sent.clear()
    which, now = running.conversation(), running.house.clock()
    for n, text in enumerate(texts):
        item = Rendered(text=text, source=source)
        await running.house.store.write(
            lambda conn, n=n, item=item: ledger.put(
                conn, which, [item], cause=f"agent:a test:{n}", author=Author.AGENT, now=now, live=False
            )
        )
    running.house.live.sends.add(which)


def refuse_until(running: Running, count: int, status: int, **headers: str) -> None:
    """The platform answers `status` to the first `count` calls from now on."""

    def answer(body: dict[str, Any]) -> web.StreamResponse:
        if len(running.platform.sent) <= count:
            return web.json_response({}, status=status, headers=headers)
        return web.json_response({"ok": True})

    running.platform.answer = answer


@pytest.mark.usefixtures("no_second_look")
async def test_messages_go_out_in_order_and_none_overtakes_one_that_is_tried_again(running: Running) -> None:
    await put(running)
    refuse_until(running, 2, 500)
    await put_more(running, "one", "two", "three")
    await becomes(running, "sent", "sent", "sent", "sent")
    assert running.platform.texts() == ["one", "one", "one", "two", "three"]
    assert len({body["id"] for body in running.platform.sent}) == 3
    assert await alarms(running) == []


async def put_more(running: Running, *texts: str) -> None:
    which, now = running.conversation(), running.house.clock()
    items = [Rendered(text=text) for text in texts]
    await running.house.store.write(
        lambda conn: ledger.put(conn, which, items, cause="agent:more", author=Author.AGENT, now=now, live=False)
    )
    running.house.live.sends.add(which)


async def test_a_message_that_is_never_taken_is_parked_with_an_alarm_and_the_next_goes_on(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retry, "SEND_TRIES", 3)
    await put(running)
    refuse_until(running, 3, 503)
    await put_more(running, "never", "next")
    await becomes(running, "sent", "parked", "sent")
    assert running.platform.texts() == ["never"] * 3 + ["next"]
    (one,) = await alarms(running)
    assert (one.kind, one.subject) == ("send_parked", running.conversation())
    assert "never" not in one.detail
    assert running.count("sends_total", channel=HOOK, outcome="parked") == 1


async def test_a_message_that_is_refused_is_not_sent_again(running: Running) -> None:
    await put(running)
    refuse_until(running, 1, 400)
    await put_more(running, "refused", "next")
    await becomes(running, "sent", "failed", "sent")
    assert running.platform.texts() == ["refused", "next"]
    assert [one.kind for one in await alarms(running)] == ["send_failed"]


async def test_a_contact_who_stopped_us_gets_nothing_proactive_and_nobody_is_alarmed(running: Running) -> None:
    await put(running)
    refuse_until(running, 1, 410)
    await put_more(running, "unwanted")
    await becomes(running, "sent", "failed")
    stopped = await running.house.store.read(lambda conn: conn.execute(select(address.c.stopped_at)).scalar_one())
    assert stopped is not None
    assert await alarms(running) == []


async def test_a_platform_that_throttles_rests_and_the_message_arrives_later(running: Running) -> None:
    await put(running)
    refuse_until(running, 1, 429, **{"Retry-After": "1"})
    await put_more(running, "patience")
    tried = select(outbox.c.next_try_at).where(outbox.c.state == "ready", outbox.c.attempts == 1)
    waits = await until(lambda: running.house.store.read(lambda conn: conn.execute(tried).scalar_one_or_none()))
    assert waits is not None
    assert waits > running.house.clock() + timedelta(seconds=0.5)
    await becomes(running, "sent", "sent")


async def test_the_source_of_an_answer_goes_out_with_it(running: Running) -> None:
    await put(running, "the answer", source="the basis, 2026-11-01")
    await becomes(running, "sent", "sent")
    assert running.platform.texts() == ["the answer\nthe basis, 2026-11-01"]


class Fragile:
    """A channel that repeats nothing: an SMS provider without idempotency keys."""

    kind = "webhook"
    capabilities = Capabilities(resend_unknown=False)

    def __init__(self, inner: Any, *fail: Exception) -> None:
        self.id = inner.id
        self.parse = inner.parse
        self.fail = list(fail)
        self.sent: list[Outbound] = []

    async def send(self, message: Outbound) -> Sent:
        self.sent.append(message)
        if self.fail:
            raise self.fail.pop(0)
        return Sent(external_id="x1")


def make_fragile(running: Running, *fail: Exception) -> Fragile:
    channels: Any = running.house.channels
    channels[HOOK] = fragile = Fragile(channels[HOOK], *fail)
    return fragile


CUT = [CutOff("server_down", "no answer", retryable=True), TimeoutError(), RuntimeError("a defect")]


@pytest.mark.parametrize("failure", CUT, ids=["cut off", "no end", "a defect"])
async def test_what_may_have_arrived_is_not_repeated_where_repeating_harms(
    running: Running, failure: Exception
) -> None:
    await put(running)
    fragile = make_fragile(running, failure)
    await put_more(running, "once", "next")
    await becomes(running, "sent", "unknown", "sent")
    assert [m.text for m in fragile.sent] == ["once", "next"]
    assert [one.kind for one in await alarms(running)] == ["send_unknown"]


@pytest.mark.parametrize("failure", CUT, ids=["cut off", "no end", "a defect"])
async def test_what_may_have_arrived_is_repeated_where_repeating_is_harmless(
    running: Running, failure: Exception
) -> None:
    await put(running)
    fragile = make_fragile(running, failure)
    fragile.capabilities = replace(fragile.capabilities, resend_unknown=True)
    await put_more(running, "again")
    await becomes(running, "sent", "sent")
    assert [m.text for m in fragile.sent] == ["again", "again"]
    assert await alarms(running) == []


async def leave_sending(open_doors: Open) -> None:
    """A house dies between its call and the note that the platform has it."""
    async with open_doors() as running:
        await put(running)
        await put_more(running, "cut", "next")
        await becomes(running, "sent", "sent", "sent")
    store = await Store.open(running.house.settings.ledger_url)  # the house is gone: its own sender would send them
    await store.write(
        lambda conn: (
            conn.execute(update(outbox).where(outbox.c.id == 2).values(state="sending"))
            and conn.execute(update(outbox).where(outbox.c.id == 3).values(state="ready"))
            and None
        )
    )
    await store.close()


async def test_after_a_crash_the_message_on_its_way_is_sent_again_where_that_is_harmless(open_doors: Open) -> None:
    await leave_sending(open_doors)
    async with open_doors() as again:
        again.platform.sent.clear()
        await becomes(again, "sent", "sent", "sent")
        assert again.platform.texts() == ["cut", "next"]


async def test_after_a_crash_the_message_on_its_way_is_left_unknown_where_that_is_not(
    open_doors: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    await leave_sending(open_doors)
    made = Webhook.__init__

    def careful(self: Webhook, *a: Any) -> None:
        made(self, *a)
        self.capabilities = replace(self.capabilities, resend_unknown=False)

    monkeypatch.setattr(Webhook, "__init__", careful)
    async with open_doors() as again:
        again.platform.sent.clear()
        await becomes(again, "sent", "unknown", "sent")
        assert again.platform.texts() == ["next"]
        assert [one.kind for one in await alarms(again)] == ["send_unknown"]


async def test_a_bots_answer_that_a_takeover_overtook_is_never_sent(running: Running) -> None:
    await put(running)
    await running.house.store.write(lambda conn: conn.execute(update(conversation).values(epoch=1)) and None)
    which, now = running.conversation(), running.house.clock()
    await running.house.store.write(
        lambda conn: ledger.put(
            conn, which, [Rendered(text="late")], cause="turn:99", author=Author.BOT, now=now, live=False, epoch=0
        )
    )
    await put_more(running, "a person here")
    await becomes(running, "sent", "withheld", "sent")
    assert running.platform.texts() == ["a person here"]


async def test_one_platform_that_hangs_does_not_hold_the_others(
    open_doors: Open, platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    hook = {"kind": "webhook", "secret": SECRET, "callback_url": platform.url}
    async with open_doors(channels={HOOK: hook, "stuck": hook}) as running:
        stuck, go_on = ChannelId("stuck"), asyncio.Event()
        waiting = 0

        async def hang(message: Outbound) -> Sent:
            nonlocal waiting
            waiting += 1
            await go_on.wait()
            return Sent()

        monkeypatch.setattr(running.house.channels[stuck], "send", hang)
        for n in range(sender.AT_ONCE_PER_CHANNEL + 10):
            inbound = Inbound(sender=f"s{n}", external_id="1", text="hi")
            accepted = await running.house.inbox.accept(
                channel=stuck, kind="webhook", inbound=inbound, now=running.house.clock()
            )
            running.house.live.turns.add(accepted.conversation)
        await until(lambda: waiting == sender.AT_ONCE_PER_CHANNEL)
        await running.hear("hi")
        await until(lambda: running.platform.sent)
        assert waiting == sender.AT_ONCE_PER_CHANNEL
        go_on.set()

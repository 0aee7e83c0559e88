"""Followers write, and the answer is in the reply to the platform's delivery: one, in time, or none at all.

Where its patience is used up, a second of the platform takes a fifth of one, and so do the house's times for it."""

from __future__ import annotations

import asyncio
import re
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from sqlalchemy import update

from channels import Channel, wechat
from core.model import Outbound
from core.outbox import SendLease
from core.tables import address, outbox
from door import holding, sender
from door.answers import send_plain
from tests.brain_server import say
from tests.waiting import until
from tests.wechat.conftest import PACE, Account, Desk
from tests.wechat.platform import OUT_OF_ORDER

PARKED = "没能答上来"


@pytest.mark.parametrize("mode", ["plain", "encrypted"])
async def test_a_quick_answer_is_in_the_first_reply(account: Account, mode: str) -> None:
    async with account(mode, answer="passive") as desk:
        answer = await desk.hears(desk.platform.text("你好"))
        assert answer
        assert answer != OUT_OF_ORDER
        assert desk.platform.attempts == 1
        assert await desk.ended("sent")
        assert desk.platform.fetches == 0  # nothing was sent otherwise


async def test_an_answer_that_takes_longer_is_in_the_reply_to_a_later_delivery(hurried: Desk) -> None:
    hurried.running.brain.hang()
    answer = asyncio.create_task(hurried.hears(hurried.platform.text("你好")))
    await until(lambda: hurried.platform.attempts >= 2)
    hurried.running.brain.wake()
    assert await answer not in ("", OUT_OF_ORDER)
    assert PARKED not in await answer
    assert hurried.platform.follower("anna").shown == [await answer]
    assert await hurried.turns() == [("text", "done")]
    assert await hurried.ended("sent")


async def test_with_the_brain_stopped_the_third_reply_says_that_the_message_is_parked(hurried: Desk) -> None:
    hurried.running.brain.hang()
    answer = await hurried.hears(hurried.platform.text("你好"))
    assert PARKED in answer
    assert hurried.platform.attempts == 3
    assert await hurried.turns() == [("text", "parked")]
    assert await hurried.ended("sent")
    assert "turn_parked" in await hurried.alarms()
    hurried.running.brain.wake()
    await until(lambda: len(hurried.running.brain.asked) >= 1)
    assert await hurried.ended("sent")  # what the brain says now reaches nobody, so it is not said


async def test_deliveries_that_overlap_bring_exactly_one_answer(passive: Desk) -> None:
    passive.running.brain.hang()
    xml = passive.platform.text("你好")
    several = [asyncio.create_task(passive.platform.post(passive.running.http, xml)) for _ in range(3)]
    await passive.running.brain.was_asked.wait()
    passive.running.brain.wake()
    bodies = [body for _, body in await asyncio.gather(*several)]
    assert sorted(bool(passive.platform.read(body)) for body in bodies) == [False, False, True]
    assert bodies.count("success") == 2
    status, again = await passive.platform.post(passive.running.http, xml)  # after the answer was written
    assert (status, again) == (200, "success")
    assert len(passive.running.brain.asked) == 1


async def test_an_answer_that_a_house_died_over_is_unknown_and_never_written_again(hurried: Desk) -> None:
    hurried.running.brain.hang()
    xml = hurried.platform.text("你好")
    with pytest.raises(TimeoutError):
        await hurried.platform.post(hurried.running.http, xml)
    hurried.running.brain.wake()
    await until(lambda: _last(hurried, "ready"))
    hurried.platform.pace = 1.0  # its patience is no part of this any more
    await hurried.running.house.store.write(lambda conn: conn.execute(update(outbox).values(state="sending")) and None)
    assert await hurried.platform.post(hurried.running.http, xml) == (200, "success")
    assert await hurried.ended("unknown")
    assert "send_unknown" in await hurried.alarms()


@pytest.fixture
def first_is_late(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first answer takes longer on its way than the platform waits."""
    ways = [5 * PACE]

    async def late(*answer: Any) -> None:
        await send_plain(*answer)
        await asyncio.sleep(ways.pop() if ways else 0)

    monkeypatch.setattr(holding, "send_plain", late)


@pytest.mark.usefixtures("first_is_late")
async def test_an_answer_that_was_written_too_late_is_written_again_to_the_next_delivery(hurried: Desk) -> None:
    delivery = partial(_answer, hurried, hurried.platform.text("你好"))
    first: str = await until(delivery)
    await until(lambda: _last(hurried, "ready"))
    assert await until(delivery) == first
    assert await hurried.ended("sent")
    assert len(hurried.running.brain.asked) == 1


@pytest.mark.usefixtures("first_is_late")
async def test_an_answer_that_was_written_too_late_for_the_last_delivery_is_unknown_and_people_hear_of_it(
    hurried: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wechat, "LAST_AFTER", -1.0)  # every delivery is the last
    await until(partial(_answer, hurried, hurried.platform.text("你好")))
    assert await hurried.ended("unknown")
    assert "written too late" in (await hurried.alarms())["send_unknown"]


async def test_an_answer_that_nobody_came_back_for_ends_visibly(hurried: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sender, "PASSIVE_FOR", timedelta(0))
    hurried.running.brain.hang()
    with pytest.raises(TimeoutError):
        await hurried.platform.post(hurried.running.http, hurried.platform.text("你好"))
    hurried.running.brain.wake()

    async def given_up() -> bool:
        hurried.running.house.live.sends.add(hurried.conversation())  # as the sweeper does
        return await hurried.replies() == ["failed"]

    assert await until(given_up)
    assert "undeliverable" in (await hurried.alarms())["send_failed"]


async def test_an_answer_to_an_address_that_cannot_be_opened_ends_visibly(passive: Desk) -> None:
    passive.running.brain.hang()
    delivery = asyncio.create_task(passive.hears(passive.platform.text("你好")))
    await passive.running.brain.was_asked.wait()
    await passive.running.house.store.write(lambda conn: conn.execute(update(address).values(sealed=b"?")) and None)
    passive.running.brain.wake()
    assert await delivery == ""
    assert await passive.ended("failed")
    assert "VaultError" in (await passive.alarms())["send_failed"]


async def test_an_answer_that_breaks_before_it_is_written_rests_and_is_written_then(hurried: Desk) -> None:
    webhooks, tries = hurried.running.house.webhooks, 0
    assert webhooks.holding is not None
    whole = webhooks.holding.outbound

    async def breaks_twice(channel: Channel, held: SendLease) -> Outbound:
        nonlocal tries
        tries += 1
        if tries <= 2:
            raise RuntimeError("a defect")
        return await whole(channel, held)

    webhooks.holding = replace(webhooks.holding, outbound=breaks_twice)
    began = asyncio.get_running_loop().time()
    assert await hurried.hears(hurried.platform.text("你好")) not in ("", OUT_OF_ORDER)
    assert asyncio.get_running_loop().time() - began >= 2 * holding.AGAIN_AFTER
    assert tries == 3
    assert await hurried.ended("sent")


async def test_choices_are_numbered_and_a_number_is_a_choice(passive: Desk) -> None:
    passive.running.brain.answer = lambda turn: say("followed")
    answer = await passive.hears(passive.platform.text("你好"))
    assert "\n1. " in answer
    await passive.hears(passive.platform.text("1"))
    assert passive.running.brain.asked[-1]["payload"].startswith("/")


async def test_what_the_house_says_of_a_case_and_what_the_brain_says_are_one_answer(passive: Desk) -> None:
    effect = {"name": "file_case", "type": "suggestion", "facts": "网点早一点开门"}
    passive.running.brain.answer = lambda turn: say("thanks", "followed", effects=[effect])
    answer = await passive.hears(passive.platform.text("我有个建议"))
    filed, thanks, followed = (passive.words(key) for key in ("case.filed_other", "thanks", "followed"))
    assert answer.index(filed) < answer.index(thanks) < answer.index(followed)
    assert re.search(r"查询码：[2-9A-Z]{10}\n", answer)
    assert "\n1. " in answer
    assert await passive.ended("sent")


async def test_a_greeting_answers_a_subscription_and_an_address_opened_is_not_answered(passive: Desk) -> None:
    assert await passive.hears(passive.platform.event("subscribe")) not in ("", OUT_OF_ORDER)
    assert await passive.hears(passive.platform.event("VIEW", "https://a.example")) == ""


async def test_a_message_of_a_kind_that_is_not_read_is_answered_too(passive: Desk) -> None:
    assert await passive.hears(passive.platform.message("note", "")) not in ("", OUT_OF_ORDER)


async def test_a_word_that_no_reply_can_carry_ends_visibly(passive: Desk) -> None:
    await passive.hears(passive.platform.text("你好"))
    await passive.say("工作人员在这里")
    await until(lambda: _last(passive, "failed"))
    assert "undeliverable" in (await passive.alarms())["send_failed"]


async def _last(desk: Desk, state: str) -> bool:
    return (await desk.replies())[-1:] == [state]


async def _answer(desk: Desk, xml: str) -> str:
    """What one delivery of the message brings, "" for none in time."""
    with suppress(TimeoutError):
        _, body = await desk.platform.post(desk.running.http, xml)
        return desk.platform.read(body)
    return ""

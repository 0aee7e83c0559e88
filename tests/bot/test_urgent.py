"""What may not wait: safety past a slow or absent brain, lost wakes, holding sentences, clocks that were set back."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from aiohttp import web
from sqlalchemy import select

from core import retry, turns
from core.errors import SettingsError
from core.inbox import Accepted
from core.live import Ready
from core.model import Author, ChannelId, ConversationId, Line
from core.settings import load
from core.store import PG_LANES, Store
from core.tables import alarm
from core.vault import Vault
from door.sweeper import LOST_AFTER, Sweeper
from tests.bot.test_conversation import HOOK, WEB, House
from tests.brain_server import brain_server
from tests.conftest import Clock

SOS = "我不想活了"
QUESTION = "怎么查自己的信用报告？"
GONE = ChannelId("gone")


@pytest.fixture
async def house(store: Store, vault: Vault, clock: Clock) -> AsyncIterator[House]:
    async with brain_server() as brain:
        made = House(store, vault, brain, clock)
        yield made
        brain.wake()
        await made.client.close()


@pytest.fixture
def urgent() -> Ready:
    return Ready()


@pytest.fixture
def sweeper(house: House, urgent: Ready) -> Sweeper:
    return Sweeper(
        store=house.store,
        live=house.live,
        urgent=urgent,
        channels=[WEB, HOOK],
        clock=house.clock,
        idle_visit=timedelta(hours=1),
    )


def fails(turn: dict[str, object]) -> web.Response:
    return web.Response(status=503)


async def helped(house: House, conversation: ConversationId) -> list[Line]:
    """What the house said that names the emergency number."""
    return [line for line in await house.lines(conversation) if line.author is Author.BOT and "110" in line.text]


async def alarms(house: House) -> list[tuple[str, str, int]]:
    query = select(alarm.c.kind, alarm.c.subject, alarm.c.count)
    return await house.store.read(lambda conn: [(row[0], row[1], row[2]) for row in conn.execute(query)])


# Emergencies ------------------------------------------------------------------------------------------------------


async def test_hands_for_emergencies_never_go_to_the_brain_themselves(house: House) -> None:
    house.brain.answer = fails
    waiting = [(await house.hear(QUESTION, sender=f"v{n}")).conversation for n in range(5)]
    for n, conversation in enumerate(waiting):
        await house.hear(SOS, sender=f"v{n}")
        await house.turns.answer_urgent(conversation)
        assert len(await helped(house, conversation)) == 1
    assert house.brain.asked == []
    assert {await house.live.turns.next() for _ in waiting} == set(waiting)  # the questions, for the other hands


async def test_an_emergency_is_seen_however_many_messages_stand_before_it(house: House) -> None:
    house.brain.answer = fails
    for n in range(40):
        await house.hear(f"问题{n}")
    last = await house.hear(SOS)
    await house.turns.answer_urgent(last.conversation)
    assert len(await helped(house, last.conversation)) == 1
    await house.turns.answer_urgent(last.conversation)
    assert len(await helped(house, last.conversation)) == 1  # nothing twice


@pytest.mark.parametrize("at_start", [True, False])
async def test_an_emergency_whose_wake_was_lost_does_not_wait_behind_one_that_waits_for_the_brain(
    house: House, sweeper: Sweeper, urgent: Ready, at_start: bool
) -> None:
    house.brain.answer = fails
    first = await house.hear(QUESTION)
    await house.turns.drain(first.conversation)  # fails: it rests
    house.clock.forward(retry.turn_delay(1) + LOST_AFTER.total_seconds())
    await house.hear(SOS)  # committed, then the process was killed
    await (sweeper.wake_all() if at_start else sweeper.sweep())
    assert len(urgent) == 1
    assert len(house.live.turns) == 0
    asked = len(house.brain.asked)
    await house.turns.answer_urgent(await urgent.next())
    assert len(await helped(house, first.conversation)) == 1
    assert len(house.brain.asked) == asked


@pytest.mark.parametrize("road", ["in its turn", "out of turn", "in a burst"])
async def test_the_brain_is_told_that_the_house_itself_answered_the_message_before(house: House, road: str) -> None:
    first = await house.hear(SOS)
    if road == "out of turn":
        await house.turns.answer_urgent(first.conversation)
    if road != "in a burst":
        await house.turns.drain(first.conversation)
    await house.answer("没人帮我")
    await house.answer("谢谢")
    assert [turn["context"]["reflex"] for turn in house.brain.asked] == ["emergency", ""]


# The sweeper ------------------------------------------------------------------------------------------------------


async def test_messages_of_a_channel_that_is_gone_raise_one_alarm_and_do_not_keep_the_house_busy(
    house: House, sweeper: Sweeper, urgent: Ready
) -> None:
    gone = [await house.hear("你好", sender=f"v{n}", channel=GONE) for n in range(3)]
    for accepted in gone:
        await house.turns.drain(accepted.conversation)
    assert await alarms(house) == [("channel_gone", GONE, 3)]
    house.clock.forward(60)
    operations = house.store.operations
    for _ in range(10):
        await sweeper.sweep()
        house.clock.forward(1)
    assert (len(urgent), len(house.live.turns), house.store.operations - operations) == (0, 0, 0)


async def test_of_more_than_the_sweeper_takes_at_once_those_who_waited_longest_come_first(house: House) -> None:
    came: list[Accepted] = []
    for n in range(6):
        came.append(await house.hear("你好", sender=f"v{n}"))
        house.clock.forward(1)
    found = await house.store.read(
        lambda conn: turns.due(conn, house.clock(), waited=LOST_AFTER, channels=[WEB], limit=3)
    )
    assert found == [one.conversation for one in came[:3]]


# Waiting ----------------------------------------------------------------------------------------------------------


async def test_holding_sentences_of_many_share_commits(house: House) -> None:
    people = [await house.hear("你好", sender=f"v{n}") for n in range(60)]
    house.clock.forward(4.6)
    commits = house.store.commits
    assert await house.turns.tell_waiting() == len(people)
    assert house.store.commits - commits <= 2 * PG_LANES
    for one in people[:: len(people) - 1]:
        assert [line.author for line in await house.lines(one.conversation, after=one.seq)] == [Author.SYSTEM]


async def test_a_message_is_answered_though_the_clock_was_set_back_after_it_came(house: House) -> None:
    accepted = await house.hear("你好")
    house.clock.forward(-3600)
    await house.turns.drain(accepted.conversation)
    assert len(await house.lines(accepted.conversation, after=accepted.seq)) == 1


def test_tries_that_outlive_their_window_are_refused_at_start() -> None:
    with pytest.raises(SettingsError, match="more than turn_window"):
        load(env={"QIANTAI_TURN_TRIES": "10"})
    assert load(env={"QIANTAI_TURN_TRIES": "10", "QIANTAI_TURN_WINDOW": "300"}).turn_tries == 10

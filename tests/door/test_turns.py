"""A brain that fails, seen from outside: consumers hear in time, nothing waits for ever, the next message goes on."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from typing import Any

import pytest
from aiohttp import web
from sqlalchemy import select, update

from core import alarm, retry
from core.model import Author, Say
from core.tables import EPOCH, MICROSECOND, conversation, inbox
from tests.brain_server import Answer, say
from tests.door.conftest import Open, Running
from tests.door.stub_brain import as_told
from tests.servers import free_port
from tests.waiting import until

# The budgets of DESIGN §2 a tenth as long, so that a whole outage fits into two seconds.
SHORT: dict[str, Any] = {"action_timeout": 0.1, "brain_timeout": 0.2, "hold_after": 0.6}


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retry, "TURN_DELAYS", (0.4, 0.6))


async def outcome(running: Running) -> list[tuple[str, int]]:
    return await running.house.store.read(
        lambda conn: [(row.state, row.attempts) for row in conn.execute(select(inbox).order_by(inbox.c.id))]
    )


async def alarms(running: Running) -> list[str]:
    return [one.kind for one in await running.house.store.read(alarm.open_alarms)]


def text(running: Running, key: str) -> str:
    return running.house.library.current.renderer.render(Say(key=key), "zh").text


def slow(running: Running) -> None:
    running.brain.hang()


def down(running: Running) -> None:
    running.house.brain.url = f"http://127.0.0.1:{free_port()}"


def empty(running: Running) -> None:
    running.brain.answer = lambda turn: say()


def failing(running: Running) -> None:
    running.brain.answer = lambda turn: web.json_response({"error": "KeyError"}, status=500)


@pytest.mark.parametrize("fail", [slow, down, empty, failing])
async def test_a_brain_that_fails_three_times_parks_the_message_tells_and_alarms_and_the_next_goes_on(
    open_doors: Open, fail: Callable[[Running], None]
) -> None:
    async with open_doors(**SHORT) as running:
        good = running.house.brain.url
        fail(running)
        await running.hear("怎么查自己的信用报告？")
        held, *_ = await running.said(1)
        assert (held.author, held.text) == (Author.SYSTEM, text(running, "hold"))
        both = await running.said(2)
        assert [line.text for line in both] == [text(running, "hold"), text(running, "parked")]
        assert [state for state, _ in await outcome(running)] == ["parked"]
        if fail is not down:
            assert len(running.brain.asked) == 3
        assert await alarms(running) == ["turn_parked"]
        assert f", seq 1 of {running.conversation()}: " in (await running.house.store.read(alarm.open_alarms))[0].detail
        assert running.count("turns_total", outcome="parked") == 1
        assert running.count("turns_total", outcome="postponed") == 2
        assert running.count("held_total") == 1
        await until(lambda: running.platform.texts() == [line.text for line in both])

        running.brain.wake()
        running.brain.answer = as_told
        running.house.brain.url = good
        await running.hear("还在吗？")
        *_, answer = await running.said(3)
        assert answer.author is Author.BOT


async def test_a_brain_that_comes_back_in_time_answers_as_if_nothing_had_been(open_doors: Open) -> None:
    async with open_doors(**SHORT) as running:
        running.brain.answer = lambda turn: web.json_response({"error": "x"}, status=500)
        await running.hear("hi")
        await until(lambda: len(running.brain.asked) == 1)
        running.brain.answer = as_told
        await running.said(1)
        assert (await running.said(1))[-1].author is Author.BOT
        assert await outcome(running) == [("done", 1)]
        assert await alarms(running) == []


async def test_a_turn_that_the_brain_will_never_take_is_parked_at_once(open_doors: Open) -> None:
    async with open_doors(**SHORT) as running:
        await running.hear("422")
        (told,) = await running.said(1)
        assert told.text == text(running, "parked")
        assert len(running.brain.asked) == 1


async def test_messages_behind_a_failing_one_wait_their_turn_and_are_answered_in_order(open_doors: Open) -> None:
    async with open_doors(**SHORT) as running:

        def answer(turn: dict[str, Any]) -> Answer:
            return say() if turn["text"] == "poison" else as_told(turn)

        running.brain.answer = answer
        await running.hear("poison")
        for n in range(3):
            await running.hear(f"good {n}")
        await until(lambda: len(running.platform.sent) == 5)  # held, parked, three answers
        assert [turn["text"] for turn in running.brain.asked] == ["poison"] * 3 + [f"good {n}" for n in range(3)]
        assert [state for state, _ in await outcome(running)] == ["parked", "done", "done", "done"]


async def test_one_outage_one_holding_sentence_however_many_messages(open_doors: Open) -> None:
    async with open_doors(**SHORT) as running:
        running.brain.hang()
        for n in range(4):
            await running.hear(f"第{n}条消息")
        await until(lambda: _parked(running, 4))
        told = [line.text for line in await running.said(5)]
        assert told.count(text(running, "hold")) == 1
        assert told.count(text(running, "parked")) == 4


async def _parked(running: Running, count: int) -> bool:
    return [state for state, _ in await outcome(running)] == ["parked"] * count


@pytest.mark.parametrize(
    ("words", "key"),
    [("我不想活了", "emergency"), ("退订", "opt_out.done"), ("0", "person.how"), ("投诉", "complaint.how")],
)
async def test_safety_does_not_wait_for_the_brain(open_doors: Open, words: str, key: str) -> None:
    async with open_doors(**SHORT) as running:
        running.brain.hang()
        await running.hear(words)
        (told,) = await running.said(1)
        assert told.text == text(running, key)
        assert await alarms(running) == (["emergency"] if key == "emergency" else [])
        for one in await running.house.store.read(alarm.open_alarms):
            assert (one.subject, one.detail.endswith(", seq 1")) == (running.conversation(), True)


async def test_an_emergency_does_not_queue_behind_turns_that_wait_for_a_slow_brain(open_doors: Open) -> None:
    async with open_doors(turns_in_flight=2, brain_timeout=100, hold_after=110, turn_window=400) as running:
        running.brain.hang()  # until it is woken: what queues behind the others is not answered before
        for n in range(10):
            await running.hear("hi", f"s{n}")
        await until(lambda: len(running.brain.asked) == 2)
        await running.hear("有人打我，救命", "berta")
        (told,) = await running.said(1, "berta")
        assert told.text == text(running, "emergency")
        running.brain.wake()
        await until(lambda: len(running.platform.sent) == 11)


async def test_a_message_whose_wake_was_lost_is_found_by_the_sweeper(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running.house.live.turns, "add", lambda which: None)
    await running.hear("hi")
    monkeypatch.undo()
    assert await running.lines()
    await running.said(1)


async def test_what_was_open_when_the_house_ended_is_answered_once_when_it_is_back(open_doors: Open) -> None:
    async with open_doors(**SHORT) as running:
        running.brain.hang()
        await running.hear("hi")
        await until(lambda: running.brain.asked)
    running.brain.wake()
    async with open_doors(**SHORT) as again:
        await until(lambda: [body for body in again.platform.sent if body["in_reply_to"] == "m1"])
        assert await outcome(again) in ([("done", 0)], [("done", 1)])
        assert len([line for line in await again.said(1) if line.author is Author.BOT]) == 1


async def test_a_house_does_not_wait_for_the_leases_of_the_one_that_died(open_doors: Open) -> None:
    async with open_doors(**SHORT) as running:
        running.brain.hang()
        await running.hear("hi")
        await until(lambda: running.brain.asked)
        ledger = running.house.settings.data / "qiantai.db"
        late = running.house.clock() + timedelta(minutes=1)
    running.brain.wake()
    with closing(sqlite3.connect(ledger)) as db:  # as a kill in the middle of a turn leaves it
        db.execute("UPDATE conversation SET lease_until = ?", [(late - EPOCH) // MICROSECOND])
        db.commit()
    async with open_doors(**SHORT) as again:
        await until(lambda: _all_done(again, 1))


async def test_a_turn_in_work_is_finished_before_the_house_ends(open_doors: Open) -> None:
    async with open_doors() as running:
        running.brain.hang()
        await running.hear("hi")
        await until(lambda: running.brain.asked)
        asyncio.get_running_loop().call_later(0.3, running.brain.wake)  # while the house is stopping
    async with open_doors() as again:
        (told,) = await again.said(1)
        assert told.author is Author.BOT
        assert await outcome(again) == [("done", 0)]
        assert len(again.brain.asked) == 1


async def test_a_conversation_that_a_person_owns_is_left_alone(running: Running) -> None:
    await running.hear("hi")
    await running.said(1)
    await running.house.store.write(lambda conn: conn.execute(update(conversation).values(owner="seat")) and None)
    await running.hear("and now?")
    await until(lambda: _all_done(running, 2))
    assert len(await running.said(1)) == 1
    assert len(running.brain.asked) == 1


async def _all_done(running: Running, count: int) -> bool:
    return [state for state, _ in await outcome(running)] == ["done"] * count

"""Loops and pools: nothing dies for good, nothing runs twice, everything comes to an end when told."""

from __future__ import annotations

import asyncio

import pytest

from core.errors import LedgerBusy
from core.live import Ready
from core.model import ConversationId
from door import loops
from door.loops import Loops
from door.workers import Pool
from tests.waiting import until


async def test_a_loop_that_dies_is_started_again_and_told_of(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loops, "RESTART_FIRST", 0.01)
    deaths: list[str] = []
    runs = 0

    async def body() -> None:
        nonlocal runs
        runs += 1
        if runs <= 2:
            raise RuntimeError("a defect")
        await asyncio.Event().wait()

    kept = Loops(deaths.append)
    kept.endless("turns", body)
    await until(lambda: runs == 3)
    assert deaths == ["turns", "turns"]
    assert kept.troubles() == ("turns failed 2 times in a row",)
    monkeypatch.setattr(loops, "WELL_AFTER", 0.0)
    assert kept.troubles() == ()
    await kept.stop()


async def test_a_loop_that_comes_to_an_end_counts_as_dead(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loops, "RESTART_FIRST", 0.01)
    deaths: list[str] = []

    async def body() -> None:
        pass

    kept = Loops(deaths.append)
    kept.endless("short", body)
    await until(lambda: len(deaths) >= 2)
    await kept.stop()


async def test_a_periodic_loop_is_well_again_after_its_next_good_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loops, "RESTART_FIRST", 0.01)
    fail = asyncio.Event()
    fail.set()
    runs = 0

    async def body() -> None:
        nonlocal runs
        runs += 1
        if fail.is_set():
            raise RuntimeError("a defect")

    kept = Loops()
    kept.every(0.01, "sweeper", body)
    await until(lambda: kept.troubles() != ())
    fail.clear()
    await until(lambda: kept.troubles() == ())
    seen = runs
    await until(lambda: runs > seen + 2)
    await kept.stop()


async def test_a_periodic_loop_that_hangs_is_not_well(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loops, "LATE", 0.05)
    kept = Loops()
    kept.every(0.01, "sweeper", asyncio.Event().wait)
    assert kept.troubles() == ()
    await until(lambda: kept.troubles() != ())
    assert "stuck" in kept.troubles()[0]
    await kept.stop()


async def test_loops_stop_in_reverse_order() -> None:
    stopped: list[str] = []

    def body(name: str):  # type: ignore[no-untyped-def]
        async def wait() -> None:
            try:
                await asyncio.Event().wait()
            finally:
                stopped.append(name)

        return wait

    kept = Loops()
    kept.endless("first", body("first"))
    kept.endless("second", body("second"))
    await asyncio.sleep(0)
    await kept.stop()
    assert stopped == ["second", "first"]


class Work:
    """Conversations in hand, each until it is let go."""

    def __init__(self) -> None:
        self.running: list[str] = []
        self.runs: list[str] = []
        self.most = 0
        self.gates: dict[str, asyncio.Event] = {}

    async def drain(self, conversation: ConversationId) -> None:
        assert conversation not in self.running, "one conversation twice at the same time"
        self.running.append(conversation)
        self.runs.append(conversation)
        self.most = max(self.most, len(self.running))
        try:
            await self.gates.setdefault(conversation, asyncio.Event()).wait()
        finally:
            self.running.remove(conversation)

    def let_go(self, *conversations: str) -> None:
        for one in conversations:
            self.gates.setdefault(one, asyncio.Event()).set()


async def test_a_pool_takes_no_more_than_it_may_and_the_rest_waits() -> None:
    work, ready = Work(), Ready()
    pool = Pool("turn", ready, work.drain, at_once=2)
    task = asyncio.create_task(pool.run())
    for name in "abcd":
        ready.add(ConversationId(name))
    await until(lambda: work.running == ["a", "b"])
    work.let_go("b")
    await until(lambda: work.running == ["a", "c"])
    work.let_go("a", "c", "d")
    await until(lambda: len(pool) == 0 and work.runs == ["a", "b", "c", "d"])
    assert work.most == 2
    task.cancel()


async def test_a_wake_during_the_work_brings_the_conversation_back_once() -> None:
    work, ready = Work(), Ready()
    pool = Pool("turn", ready, work.drain, at_once=4)
    task = asyncio.create_task(pool.run())
    a = ConversationId("a")
    ready.add(a)
    await until(lambda: work.running == ["a"])
    for _ in range(3):
        ready.add(a)
        await until(lambda: not len(ready))
    work.let_go("a")
    await until(lambda: work.runs == ["a", "a"] and len(pool) == 0)
    task.cancel()


@pytest.mark.parametrize("failure", [RuntimeError("a defect"), LedgerBusy()])
async def test_a_conversation_that_fails_takes_no_other_along(failure: Exception) -> None:
    seen: list[str] = []

    async def drain(conversation: ConversationId) -> None:
        seen.append(conversation)
        if conversation == "bad":
            raise failure

    ready = Ready()
    pool = Pool("turn", ready, drain, at_once=1)
    task = asyncio.create_task(pool.run())
    for name in ("bad", "good"):
        ready.add(ConversationId(name))
    await until(lambda: seen == ["bad", "good"])
    assert not task.done()
    task.cancel()


async def test_a_pool_that_stops_lets_its_work_end_and_cuts_off_what_does_not() -> None:
    work, ready = Work(), Ready()
    pool = Pool("turn", ready, work.drain, at_once=2)
    task = asyncio.create_task(pool.run())
    ready.add(ConversationId("quick"))
    ready.add(ConversationId("stuck"))
    await until(lambda: len(work.running) == 2)
    task.cancel()
    asyncio.get_running_loop().call_later(0.02, work.let_go, "quick")
    await pool.finish(0.2)
    assert work.running == []
    assert len(pool) == 0

"""The brain's process: started, found, watched, started again, ended; with real processes."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest

from bot.brain import BrainClient, TurnFailed, TurnRequest
from core.model import Capabilities, MessageKind
from door import brain_process
from door.brain_process import BrainProcess, environment
from tests.waiting import PATIENCE, until

STUB = [sys.executable, "-m", "tests.door.stub_brain"]
TURN = TurnRequest(
    turn="1",
    kind=MessageKind.TEXT,
    text="hi",
    language="en",
    channel="web",
    capabilities=Capabilities(),
    now=datetime(2026, 11, 21, tzinfo=UTC),
)


@dataclass
class Run:
    process: BrainProcess
    client: BrainClient
    task: asyncio.Task[None]
    alarms: list[str] = field(default_factory=list[str])
    changes: list[tuple[bool, bool]] = field(default_factory=list[tuple[bool, bool]])


@asynccontextmanager
async def running(command: list[str]) -> AsyncGenerator[Run]:
    client = BrainClient("", "token", timeout=0.3)
    alarms: list[str] = []
    changes: list[tuple[bool, bool]] = []

    async def alarm(detail: str) -> None:
        alarms.append(detail)

    told = environment("token", "http://127.0.0.1:1/webhook", "action-token")
    process = BrainProcess(command, told, client, alarm=alarm, on_change=lambda *c: changes.append(c))
    task = asyncio.create_task(process.run())
    try:
        yield Run(process, client, task, alarms, changes)
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        await client.close()


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


async def test_a_brain_is_found_where_it_says_it_is_and_answers() -> None:
    async with running(STUB) as run:
        assert run.process.trouble == "the brain is starting"
        await asyncio.wait_for(run.process.up.wait(), PATIENCE)
        assert run.process.model == "stub"
        assert run.process.trouble == ""
        assert (await run.client.turn(TURN)).say[0].key == "greeting"
        pid = run.process.pid
    assert not is_running(pid)
    assert run.changes == [(True, False), (False, False)]


async def test_a_brain_that_is_killed_is_started_again() -> None:
    async with running(STUB) as run:
        await asyncio.wait_for(run.process.up.wait(), PATIENCE)
        first = run.process.pid
        os.kill(first, signal.SIGKILL)
        await until(lambda: not run.process.up.is_set())
        assert "the brain is down" in run.process.trouble
        with pytest.raises(TurnFailed, match="down"):
            await run.client.turn(TURN)
        await asyncio.wait_for(run.process.up.wait(), PATIENCE)
        assert run.process.pid != first
        assert (await run.client.turn(TURN)).say
        assert run.changes == [(True, False), (False, False), (True, True)]
        assert run.alarms == []


async def test_a_brain_that_hangs_is_ended_and_started_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(brain_process, "LOOK_EVERY", 0.05)
    monkeypatch.setattr(brain_process, "HUNG_AFTER", 0.3)
    monkeypatch.setattr(brain_process, "STOP_MOST", 0.1)  # a stopped process does not hear SIGTERM
    async with running([*STUB, "--deaf"]) as run:
        await asyncio.wait_for(run.process.up.wait(), PATIENCE)
        first = run.process.pid
        await until(lambda: run.process.pid not in (0, first))
        assert "no answer for" in run.process.trouble
        assert not is_running(first)


async def test_a_brain_that_never_gets_ready_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(brain_process, "WARM_MOST", 0.5)
    monkeypatch.setattr(brain_process, "RESTART_FIRST", 0.01)
    async with running([*STUB, "--silent"]) as run:
        await until(lambda: "not ready after" in run.process.trouble)
        assert not run.process.up.is_set()


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ([sys.executable, "-c", "import sys; sys.exit('The brain cannot start: no model.')"], "no model"),
        (["/nowhere/python"], "No such file"),
    ],
)
async def test_a_brain_that_cannot_start_raises_an_alarm_with_its_last_words(
    command: list[str], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(brain_process, "RESTART_FIRST", 0.01)
    async with running(command) as run:
        await until(lambda: run.alarms)
        assert "3 failures in a row" in run.alarms[0]
        assert words in run.alarms[0]


def test_the_brain_is_told_its_own_secrets_and_none_of_the_house(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QIANTAI_DATABASE_URL", "postgresql://qiantai:secret@db/qiantai")
    told = environment("a", "http://127.0.0.1:1/webhook", "b")
    ours = {name: value for name, value in told.items() if name.startswith("QIANTAI_")}
    assert ours == {
        "QIANTAI_BRAIN_TOKEN": "a",
        "QIANTAI_ACTION_URL": "http://127.0.0.1:1/webhook",
        "QIANTAI_ACTION_TOKEN": "b",
        "QIANTAI_HOUSE_PID": str(os.getpid()),
    }

"""Alarms: one open row per trouble, told by every sink, repeated until acknowledged."""

from __future__ import annotations

import asyncio
import json
import shlex
import sys
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from sqlalchemy import select
from structlog.testing import capture_logs

import core.alarm
from core.alarm import DETAIL_MAX, Alarm, AlarmSinks, acknowledge, open_alarms, raise_alarm
from core.settings import Settings
from core.store import Store
from core.tables import alarm
from tests.conftest import NOON, Clock
from tests.servers import free_port
from tests.waiting import until

MINUTE = timedelta(minutes=1)


class Hook:
    """A webhook that notes what it gets and answers as it is told."""

    def __init__(self) -> None:
        self.got: list[dict[str, Any]] = []
        self.status = 200
        self.silent = False
        self.url = ""

    async def take(self, request: web.Request) -> web.Response:
        self.got.append(await request.json())
        if self.silent:
            await asyncio.Event().wait()
        return web.Response(status=self.status, headers={"Location": "/elsewhere"})


@pytest.fixture
async def hook() -> AsyncIterator[Hook]:
    taking = Hook()
    app = web.Application()
    app.router.add_post("/hook", taking.take)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    port = free_port()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    taking.url = f"http://127.0.0.1:{port}/hook"
    yield taking
    await runner.cleanup()


def python(code: str, *args: object) -> str:
    """A command line that runs `code`."""
    return shlex.join([sys.executable, "-c", code, *map(str, args)])


def append_to(path: Path) -> str:
    return python("import sys; open(sys.argv[1], 'a').write(sys.stdin.read() + chr(10))", path)


async def lifted(store: Store, kind: str = "turn_parked", subject: str = "brain", detail: str = "message 7") -> None:
    await store.write(lambda conn: raise_alarm(conn, kind, subject, detail, NOON))


async def only(store: Store) -> Alarm:
    (one,) = await store.read(open_alarms)
    return one


# Rows ---------------------------------------------------------------------------------------------------------------


async def test_a_trouble_that_comes_again_is_the_same_alarm_counted(store: Store):
    for minute, detail in enumerate(["message 7", "message 8", "message 9"]):
        now = NOON + minute * MINUTE
        await store.write(lambda conn, d=detail, n=now: raise_alarm(conn, "turn_parked", "brain", d, n))
    one = await only(store)
    assert one == Alarm(
        id=one.id,
        kind="turn_parked",
        subject="brain",
        detail="message 9",
        count=3,
        raised_at=NOON,
        last_at=NOON + 2 * MINUTE,
        told_at=None,
    )


async def test_other_kinds_and_subjects_are_other_alarms(store: Store):
    for kind, subject in [("a", "x"), ("a", "y"), ("b", "x"), ("a", "x")]:
        await lifted(store, kind, subject)
    assert [(a.kind, a.subject, a.count) for a in await store.read(open_alarms)] == [
        ("a", "x", 2),
        ("a", "y", 1),
        ("b", "x", 1),
    ]


async def test_a_trouble_after_its_acknowledgement_is_a_new_alarm(store: Store):
    await lifted(store)
    first = await only(store)
    assert await store.write(lambda conn: acknowledge(conn, first.id, "li", NOON))
    assert await store.read(open_alarms) == []
    await lifted(store)
    second = await only(store)
    assert (second.count, second.id > first.id) == (1, True)


async def test_an_alarm_is_acknowledged_once_and_by_whom_is_kept(store: Store):
    await lifted(store)
    one = await only(store)
    assert await store.write(lambda conn: acknowledge(conn, one.id, "li", NOON))
    assert not await store.write(lambda conn: acknowledge(conn, one.id, "wang", NOON + MINUTE))
    assert not await store.write(lambda conn: acknowledge(conn, 999, "li", NOON))
    row = await store.read(lambda conn: conn.execute(select(alarm)).one())
    assert (row.acknowledged_by, row.acknowledged_at) == ("li", NOON)


async def test_alarms_raised_at_the_same_moment_are_counted_all(store: Store):
    await asyncio.gather(*(lifted(store) for _ in range(50)))
    assert (await only(store)).count == 50


@pytest.mark.parametrize("detail", ["", "x" * 5000, "a\0b", "half a pair \ud800"])
async def test_any_detail_can_be_kept(store: Store, detail: str):
    await lifted(store, detail=detail)
    kept = (await only(store)).detail
    assert len(kept) <= DETAIL_MAX
    assert kept[:1] == detail[:1]


# Telling ------------------------------------------------------------------------------------------------------------


async def test_without_other_sinks_an_alarm_is_an_error_line(store: Store, clock: Clock):
    await lifted(store)
    with capture_logs() as lines:
        await AlarmSinks(store, Settings(), clock).deliver()
    one = await only(store)
    assert one.told_at == NOON
    assert lines == [
        {
            "event": "alarm",
            "log_level": "error",
            "alarm_id": one.id,
            "kind": "turn_parked",
            "subject": "brain",
            "detail": "message 7",
            "count": 1,
        }
    ]


async def test_every_sink_gets_every_alarm_once(store: Store, clock: Clock, hook: Hook, tmp_path: Path):
    noted = tmp_path / "noted"
    sinks = AlarmSinks(store, Settings(alarm_webhook=hook.url, alarm_command=append_to(noted)), clock)
    await lifted(store, subject="c1", detail="消息 7")
    await lifted(store, subject="c2")
    with capture_logs() as lines:
        await sinks.deliver()
        await sinks.deliver()
    assert [line["subject"] for line in lines] == ["c1", "c2"]
    assert [got["subject"] for got in hook.got] == ["c1", "c2"]
    assert [json.loads(line)["subject"] for line in noted.read_text("utf-8").splitlines()] == ["c1", "c2"]
    first = hook.got[0]
    assert first == json.loads(noted.read_text("utf-8").splitlines()[0])
    assert first == {
        "desk": "12363金融消费者热线",
        "id": first["id"],
        "kind": "turn_parked",
        "subject": "c1",
        "detail": "消息 7",
        "count": 1,
        "raised_at": "2026-11-21T04:00:00+00:00",
        "last_at": "2026-11-21T04:00:00+00:00",
        "told_at": None,
    }


async def test_an_alarm_is_told_again_until_somebody_looks_after_it(store: Store, clock: Clock, hook: Hook):
    sinks = AlarmSinks(store, Settings(alarm_webhook=hook.url, alarm_repeat_minutes=30), clock)
    await lifted(store)
    await sinks.deliver()
    clock.forward(29 * 60)
    await lifted(store)  # counted, and no reason to call before the time
    await sinks.deliver()
    assert len(hook.got) == 1
    clock.forward(60)
    await sinks.deliver()
    assert [got["count"] for got in hook.got] == [1, 2]
    one = await only(store)
    await store.write(lambda conn: acknowledge(conn, one.id, "li", clock()))
    clock.forward(24 * 3600)
    await sinks.deliver()
    assert len(hook.got) == 2


async def test_a_house_that_was_restarted_does_not_tell_again_before_the_time(store: Store, clock: Clock, hook: Hook):
    settings = Settings(alarm_webhook=hook.url)
    await lifted(store)
    await AlarmSinks(store, settings, clock).deliver()
    await AlarmSinks(store, settings, clock).deliver()
    assert len(hook.got) == 1


@pytest.mark.parametrize("status", [500, 404, 302])
async def test_a_webhook_that_refuses_is_tried_again_and_the_others_are_not_bothered(
    store: Store, clock: Clock, hook: Hook, tmp_path: Path, status: int
):
    noted = tmp_path / "noted"
    sinks = AlarmSinks(store, Settings(alarm_webhook=hook.url, alarm_command=append_to(noted)), clock)
    await lifted(store)
    hook.status = status
    with capture_logs() as lines:
        await sinks.deliver()
        await sinks.deliver()
    assert (await only(store)).told_at is None
    assert len(hook.got) == 2
    assert [line["event"] for line in lines] == ["alarm", "alarm_sink_failed", "alarm_sink_failed"]
    assert (lines[1]["sink"], lines[1]["error"]) == ("webhook", f"HTTP {status}")
    hook.status = 204
    clock.forward(60)
    await sinks.deliver()
    assert (await only(store)).told_at == clock()
    assert len(noted.read_text().splitlines()) == 1


async def test_a_sink_that_fails_is_asked_once_per_look(store: Store, clock: Clock, hook: Hook):
    sinks = AlarmSinks(store, Settings(alarm_webhook=hook.url), clock)
    for n in range(20):
        await lifted(store, subject=f"c{n}")
    hook.status = 503
    with capture_logs() as lines:
        await sinks.deliver()
    assert len(hook.got) == 1
    assert len([line for line in lines if line["event"] == "alarm"]) == 20
    hook.status = 200
    await sinks.deliver()
    assert len(hook.got) == 21
    assert all(one.told_at == NOON for one in await store.read(open_alarms))


async def test_a_webhook_that_nobody_serves_fails_without_showing_its_address(store: Store, clock: Clock):
    sinks = AlarmSinks(store, Settings(alarm_webhook=f"http://127.0.0.1:{free_port()}/token-wurst"), clock)
    await lifted(store)
    with capture_logs() as lines:
        await sinks.deliver()
    assert lines[1]["event"] == "alarm_sink_failed"
    assert "wurst" not in str(lines)
    assert (await only(store)).told_at is None


async def test_a_webhook_that_never_answers_is_given_up(
    store: Store, clock: Clock, hook: Hook, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(core.alarm, "WEBHOOK_TIMEOUT", 0.2)
    hook.silent = True
    await lifted(store)
    with capture_logs() as lines:
        await AlarmSinks(store, Settings(alarm_webhook=hook.url), clock).deliver()
    assert lines[1]["event"] == "alarm_sink_failed"
    assert (await only(store)).told_at is None


@pytest.mark.parametrize(
    ("command", "error"),
    [
        (python("import sys; sys.exit(3)"), "exit status 3"),
        ("/nowhere/page-me", "No such file or directory"),
        (python("import os; os.kill(os.getpid(), 9)"), "exit status -9"),
    ],
)
async def test_a_command_that_fails_is_told_and_tried_again(store: Store, clock: Clock, command: str, error: str):
    sinks = AlarmSinks(store, Settings(alarm_command=command), clock)
    await lifted(store)
    with capture_logs() as lines:
        await sinks.deliver()
        await sinks.deliver()
    assert [line["error"] for line in lines if line["event"] == "alarm_sink_failed"] == [error, error]
    assert (await only(store)).told_at is None


async def test_a_command_need_not_read_what_it_is_given(store: Store, clock: Clock):
    await lifted(store, detail="x" * DETAIL_MAX)
    await AlarmSinks(store, Settings(alarm_command=python("pass")), clock).deliver()
    assert (await only(store)).told_at == NOON


async def test_a_command_that_never_ends_is_ended_with_all_that_it_started(
    store: Store, clock: Clock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(core.alarm, "COMMAND_TIMEOUT", 2.0)
    child = "import time; time.sleep(600)"  # never ends by itself
    code = (
        "import subprocess, sys; p = subprocess.Popen([sys.executable, '-c', sys.argv[1]]);"
        "open(sys.argv[2], 'w').write(str(p.pid)); p.wait()"
    )
    pid_file = tmp_path / "pid"
    await lifted(store)
    with capture_logs() as lines:
        await AlarmSinks(store, Settings(alarm_command=python(code, child, pid_file)), clock).deliver()
    assert lines[-1]["error"] == "no end within 2 s"
    pid = int(pid_file.read_text())
    await until(lambda: not _alive(pid))


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False

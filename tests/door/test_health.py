"""Is the house well: what readiness finds, what strangers are told of it, and what the metrics show."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
import sys
from collections import namedtuple
from collections.abc import AsyncGenerator, Callable
from typing import Any

import aiohttp
import pytest
from sqlalchemy import Connection, insert

from core import alarm
from core.settings import Settings
from core.tables import left_message
from door import health, house, loops
from door.app import create_app
from door.house import House, open_house
from door.listening import LOOPBACK, Listening, bind
from door.metrics import MetricsPage
from tests.door.conftest import Running
from tests.waiting import PATIENCE, until

STUB = [sys.executable, "-m", "tests.door.stub_brain"]


@pytest.fixture(autouse=True)
def _always_asked_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "ASK_EVERY", 0.0)


async def ready(running: Running, headers: dict[str, str] | None = None) -> tuple[int, dict[str, Any]]:
    async with running.http.get(f"{running.url}/readyz", headers=headers or {}) as response:
        return response.status, await response.json()


async def test_a_house_at_work_is_alive_and_ready(running: Running) -> None:
    async with running.http.get(f"{running.url}/healthz") as response:
        assert (response.status, await response.json()) == (200, {"ok": True})
    for path in ("/healthz", "/readyz"):
        async with running.http.head(running.url + path) as response:
            assert (response.status, await response.read()) == (200, b"")
    assert await ready(running) == (200, {"ready": True})


async def test_a_ledger_that_takes_no_writes_is_a_reason_that_strangers_are_not_told(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "LEDGER_WITHIN", 0.2)
    headers = await running.token("health:read")
    assert (await ready(running, headers))[0] == 200  # and the token's last use is noted
    other = sqlite3.connect(running.house.settings.data / "qiantai.db", isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    try:
        assert await ready(running) == (503, {"ready": False})
        status, body = await ready(running, headers)
        assert status == 503
        assert body["reasons"] == {"ledger": "the ledger took no write within 0.2 s"}
        assert body["content"]
    finally:
        other.execute("ROLLBACK")
        other.close()
    await until(lambda: _is_ready(running))


async def _is_ready(running: Running) -> bool:
    return (await ready(running))[0] == 200


async def test_a_full_disk_is_a_reason(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(10**12, 10**12 - 5 * 2**20, 5 * 2**20))
    _, body = await ready(running, await running.token("health:read"))
    assert body["reasons"] == {"disk": "5 MB are free where the data lies, 200 are needed"}


async def test_a_loop_that_dies_is_a_reason_until_it_is_well_again(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loops, "RESTART_FIRST", 0.05)
    headers = await running.token("health:read")
    monkeypatch.setattr(running.house.sockets, "pages", None)
    await until(lambda: running.count("loop_deaths_total", loop="sockets") >= 1)
    status, body = await ready(running, headers)
    assert status == 503
    assert body["reasons"]["loops"].startswith("sockets failed")
    monkeypatch.setattr(running.house.sockets, "pages", set())
    await until(lambda: _is_ready(running))


async def test_readiness_is_looked_at_no_more_often_than_it_changes(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "ASK_EVERY", 60.0)
    await ready(running)
    before = running.house.store.commits
    await asyncio.gather(*(ready(running) for _ in range(20)))
    assert running.house.store.commits - before <= 2  # a sweep of its own may fall into it


@pytest.fixture
async def with_brain(make_settings: Callable[..., Settings]) -> AsyncGenerator[House]:
    async with open_house(make_settings(), brain_command=STUB) as made:
        yield made


async def test_a_house_starts_its_brain_and_is_ready_when_that_is(with_brain: House) -> None:
    process = with_brain.brain_process
    assert process is not None
    await asyncio.wait_for(process.up.wait(), PATIENCE)
    assert await with_brain.health.troubles() == {}
    assert with_brain.health.details()["model"] == "stub"
    assert with_brain.metrics.registry.get_sample_value("qiantai_brain_up") == 1


async def test_a_brain_that_does_not_start_is_a_reason_and_an_alarm(
    make_settings: Callable[..., Settings], monkeypatch: pytest.MonkeyPatch
) -> None:
    from door import brain_process

    monkeypatch.setattr(brain_process, "RESTART_FIRST", 0.01)
    broken = [sys.executable, "-c", "import sys; sys.exit('no model here')"]
    async with open_house(make_settings(), brain_command=broken) as made:
        found = await until(lambda: made.store.read(alarm.open_alarms))
        assert [(one.kind, one.subject) for one in found] == [("brain_down", "brain")]
        assert "no model here" in (await made.health.troubles())["brain"]


async def test_turns_wait_for_a_brain_that_is_just_starting_but_not_for_ever(
    make_settings: Callable[..., Settings], monkeypatch: pytest.MonkeyPatch
) -> None:
    from core.model import ChannelId, Inbound

    monkeypatch.setattr(house, "START_GRACE", 0.5)
    async with open_house(make_settings(), brain_command=[*STUB, "--silent"]) as made:
        inbound = Inbound(sender="anna", external_id="1", text="我不想活了")
        accepted = await made.inbox.accept(channel=ChannelId("web"), kind="web", inbound=inbound, now=made.clock())
        made.live.turns.add(accepted.conversation)
        await until(lambda: made.metrics.registry.get_sample_value("qiantai_turns_total", {"outcome": "answered"}))


async def test_the_metrics_show_what_happened_and_what_waits(running: Running) -> None:
    await running.hear("hi")
    await running.said(1)
    running.brain.hang()
    await running.hear("and now")
    now = running.house.clock()
    left = {"conversation_id": running.conversation(), "cause": "1:0", "text": "x", "contact": "", "created_at": now}

    def write(conn: Connection) -> None:
        alarm.raise_alarm(conn, "a", "b", "c", now)
        conn.execute(insert(left_message).values(left))

    await running.house.store.write(write)
    page = Listening(
        MetricsPage(running.house.store, running.house.metrics, running.house.clock, running.house.health),
        bind(LOOPBACK, 0, "a test"),
    )
    await page.start()
    async with running.http.get(f"http://{LOOPBACK}:{page.port}/metrics") as response:
        assert response.status == 200
        assert response.content_type == "text/plain"
        shown = await response.text()
    async with running.http.get(f"http://{LOOPBACK}:{page.port}/readyz") as response:
        assert (response.status, await response.json()) == (200, {"ready": True, "reasons": {}})
    async with running.http.get(f"http://{LOOPBACK}:{page.port}/else") as response:
        assert response.status == 404
    await page.stop()
    assert 'qiantai_accepted_total{channel="hook"} 2.0' in shown
    assert "qiantai_open_messages 1.0" in shown
    assert "qiantai_alarms 1.0" in shown
    assert "qiantai_left_messages 1.0" in shown
    assert running.count("oldest_left_seconds") > 0
    assert 'qiantai_turns_total{outcome="answered"} 1.0' in shown
    assert "qiantai_turn_seconds_bucket" in shown
    assert running.count("oldest_open_seconds") > 0
    assert "hi" not in shown.split()


async def test_the_public_door_shows_no_metrics(running: Running) -> None:
    door = create_app(running.house)
    assert "/metrics" not in {getattr(route, "path", "") for route in door.routes}
    async with aiohttp.ClientSession() as http, http.get(f"{running.url}/metrics") as response:
        assert response.status == 401

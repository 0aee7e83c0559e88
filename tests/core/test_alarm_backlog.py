"""Alarms while one sink is broken: those past the first hundred reach the sinks that work, and each of them once."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from aiohttp import web
from structlog.testing import capture_logs

import core.alarm
from core.alarm import AlarmSinks, raise_alarm
from core.settings import Settings
from core.store import Store
from tests.conftest import Clock


@pytest.fixture(autouse=True)
def three_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(core.alarm, "TOLD_AT_ONCE", 3)


async def test_alarms_past_the_first_look_are_told_while_a_sink_fails_and_to_it_once_it_works(
    store: Store, clock: Clock, tmp_path: Path
) -> None:
    heard: list[int] = []
    status = 500

    async def take(request: web.Request) -> web.Response:
        if status == 200:
            heard.append((await request.json())["id"])
        return web.Response(status=status)

    app = web.Application()
    app.router.add_post("/", take)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}/"
    for n in range(8):
        await store.write(lambda conn, n=n: raise_alarm(conn, "send_parked", f"c{n}", "x", clock()))
    sinks = AlarmSinks(store, Settings(data=tmp_path, alarm_webhook=url), clock)

    async def look(times: int) -> Counter[int]:
        with capture_logs() as logs:
            for _ in range(times):
                await sinks.deliver()
                clock.forward(5)
        return Counter(line["alarm_id"] for line in logs if line["event"] == "alarm")

    told = await look(4)
    assert (len(told), set(told.values())) == (8, {1})
    status = 200
    assert await look(2) == {}
    assert len(heard) == len(set(heard)) == 8
    await runner.cleanup()

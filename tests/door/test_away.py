"""What still speaks while something is away: metrics and readiness without a ledger, logs after a loop has ended."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from core.errors import LedgerBusy
from core.store import Store
from door.health import Health
from door.listening import LOOPBACK, Listening, bind
from door.logs import _Lines  # pyright: ignore[reportPrivateUsage]
from door.metrics import MetricsPage
from tests.door.conftest import Running
from tests.waiting import PATIENCE


@pytest.fixture
async def inside(running: Running) -> AsyncIterator[str]:
    """The address of the metrics' own port."""
    house = running.house
    page = Listening(MetricsPage(house.store, house.metrics, house.clock, house.health), bind(LOOPBACK, 0, "a test"))
    await page.start()
    yield f"http://{LOOPBACK}:{page.port}"
    await page.stop()


async def away(*_: object) -> None:
    raise LedgerBusy("away")


async def test_what_is_counted_in_memory_is_shown_while_the_ledger_is_away(
    running: Running, inside: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await running.hear("你好")
    monkeypatch.setattr(running.house.store, "read", away)
    async with running.http.get(f"{inside}/metrics") as response:
        assert response.status == 200
        assert 'qiantai_accepted_total{channel="hook"} 1.0' in await response.text()


async def test_whoever_may_use_the_inner_port_is_told_why_the_house_is_not_ready(
    running: Running, inside: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("door.health.ASK_EVERY", 0.0)
    async with running.http.get(f"{inside}/readyz") as response:
        assert (response.status, await response.json()) == (200, {"ready": True, "reasons": {}})
    monkeypatch.setattr(running.house.store, "write", away)
    async with running.http.get(f"{inside}/readyz") as response:
        told = {"ready": False, "reasons": {"ledger": "the ledger takes no writes"}}
        assert (response.status, await response.json(content_type=None)) == (503, told)


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
async def test_a_load_balancer_may_ask_without_wanting_a_body(running: Running, path: str) -> None:
    async with running.http.head(running.url + path) as response:
        assert (response.status, await response.read()) == (200, b"")


async def test_houses_that_ask_the_same_ledger_at_once_all_find_it_well(ledger_url: str, tmp_path: Path) -> None:
    ledgers = [await Store.open(ledger_url) for _ in range(3)]
    for _ in range(20):
        houses = [Health(store=ledger, data=tmp_path) for ledger in ledgers]
        assert await asyncio.gather(*(house.troubles() for house in houses)) == [{}, {}, {}]
    for ledger in ledgers:
        await ledger.close()


def test_lines_written_after_a_loop_has_ended_are_written_by_the_next_loop() -> None:
    out = io.BytesIO()
    lines = _Lines(out)

    async def say(line: bytes) -> None:
        lines.msg(line)

    async def say_and_wait(line: bytes) -> None:
        lines.msg(line)
        async with asyncio.timeout(PATIENCE):
            while not out.getvalue():  # noqa: ASYNC110
                await asyncio.sleep(0.01)

    asyncio.run(say(b"first"))
    asyncio.run(say_and_wait(b"second"))
    assert out.getvalue() == b"first\nsecond\n"

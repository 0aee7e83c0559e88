"""The house as a process: it says where it is, works, and ends in order when told."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import socket
import sys
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any

import aiohttp
import pytest

from channels.webhook import SIGNATURE_HEADER, sign
from core.errors import SettingsError
from core.settings import Settings
from core.store import Store
from door.house import open_house
from door.listening import LOOPBACK, Listening, bind
from tests.door.conftest import HOOK, ROOT, SECRET, Open, Platform
from tests.door.test_brain_process import is_running
from tests.waiting import PATIENCE, until


@dataclass
class Process:
    process: asyncio.subprocess.Process
    url: str
    metrics: str
    brain: int  # its process id

    async def line(self, words: str) -> str:
        return await line(self.process, words)


async def line(process: asyncio.subprocess.Process, words: str) -> str:
    """The next line on stdout with `words`."""
    assert process.stdout is not None
    async with asyncio.timeout(PATIENCE):
        while True:
            read = (await process.stdout.readline()).decode()
            assert read, "the house ended"
            if words in read:
                return read


@asynccontextmanager
async def process(settings: Settings, platform: Platform, **channel: Any) -> AsyncGenerator[Process]:
    hook = {"kind": "webhook", "secret": SECRET, "callback_url": platform.url, **channel}
    told = {
        "QIANTAI_DATA": str(settings.data),
        "QIANTAI_PORT": "0",
        "QIANTAI_METRICS_PORT": str(_free()),
        "QIANTAI_CHANNELS": json.dumps({"web": {"kind": "web"}, HOOK: hook}),
        "QIANTAI_BRAIN_TIMEOUT": "2",
        "QIANTAI_ENCODER": settings.encoder,
        "PATH": os.environ["PATH"],
    }
    with (settings.data / "stderr").open("wb") as log:
        started = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "tests.door.house_process",
            cwd=ROOT,
            env=told,
            stdout=asyncio.subprocess.PIPE,
            stderr=log,
            start_new_session=True,  # a group of its own, as a terminal gives it one
        )
    try:
        metrics = (await line(started, "Metrics")).split()[-1]
        url = re.findall(r"http://[^ ]+/", await line(started, "Qiantai is up"))[0]
        await line(started, "The brain is ready: model stub")
        brain = next(one["pid"] for one in logged(settings) if one["event"] == "brain_started")
        yield Process(started, url, metrics, brain)
    finally:
        with suppress(ProcessLookupError):
            started.kill()
        await started.wait()


def _free() -> int:
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


def logged(settings: Settings) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (settings.data / "stderr").read_bytes().splitlines()]


async def hear(house: Process, text: str) -> None:
    body = json.dumps({"id": text, "sender": "anna", "text": text}).encode()
    headers = {"Content-Type": "application/json", SIGNATURE_HEADER: sign(SECRET, int(time.time()), body)}
    async with (
        aiohttp.ClientSession() as http,
        http.post(f"{house.url}c/{HOOK}/in", data=body, headers=headers) as response,
    ):
        assert response.status == 200


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_house_says_where_it_is_works_and_ends_in_order(
    make_settings: Callable[..., Settings], platform: Platform, number: int
) -> None:
    settings = make_settings()
    async with process(settings, platform) as house:
        await hear(house, "a very particular sentence")
        await until(lambda: platform.sent)
        async with aiohttp.ClientSession() as http, http.get(house.metrics) as response:
            assert 'qiantai_accepted_total{channel="hook"} 1.0' in await response.text()
        assert is_running(house.brain)
        os.killpg(house.process.pid, number)  # Ctrl-C reaches every process of the terminal's group
        assert await asyncio.wait_for(house.process.wait(), PATIENCE) == 0
        assert not is_running(house.brain)
    lines = logged(settings)
    assert [one["event"] for one in lines if one["event"].startswith("stop")] == ["stopping", "stopped"]
    assert {"accepted", "turn_done", "sent"} <= {one["event"] for one in lines}
    assert not [one for one in lines if one["level"] in ("error", "critical")]
    assert all({"event", "level", "timestamp"} <= set(one) for one in lines)
    assert "particular" not in json.dumps(lines)


async def test_a_house_that_is_killed_goes_on_where_it_was(
    make_settings: Callable[..., Settings], platform: Platform
) -> None:
    settings = make_settings()
    async with process(settings, platform) as house:
        for n in range(5):
            await hear(house, f"message {n}")
        house.process.kill()
        await house.process.wait()
    os.kill(house.brain, signal.SIGTERM)
    async with process(settings, platform):
        await until(lambda: len({body["in_reply_to"] for body in platform.sent} - {""}) == 5)
    # A holding sentence, which replies to nothing, may be among them: a start on a busy machine takes seconds.
    replies = [(body["id"], body["in_reply_to"]) for body in platform.sent if body["in_reply_to"]]
    assert [replied for _, replied in dict(replies).items()] == [f"message {n}" for n in range(5)]


async def test_a_port_that_is_taken_is_told_with_the_setting_to_change() -> None:
    with socket.socket() as other:
        other.bind((LOOPBACK, 0))
        other.listen()
        with pytest.raises(SettingsError, match=r"is taken by another program: stop it or set QIANTAI_PORT"):
            bind(LOOPBACK, other.getsockname()[1], "QIANTAI_PORT")
    with pytest.raises(SettingsError, match=r"cannot listen on 192\.0\.2\.1"):
        bind("192.0.2.1", 0, "QIANTAI_HOST")  # an address of documentation, RFC 5737


async def test_what_fails_at_the_start_closes_what_was_opened_before(
    make_settings: Callable[..., Settings], monkeypatch: pytest.MonkeyPatch
) -> None:
    closed: list[str] = []
    close = Store.close

    async def noted(self: Store) -> None:
        closed.append("store")
        await close(self)

    monkeypatch.setattr(Store, "close", noted)
    with pytest.raises(SettingsError, match="nonsense"):
        async with open_house(make_settings(channels={"x": {"kind": "nonsense"}}), brain_command=["true"]):
            pass
    assert closed == ["store"]


async def test_nothing_is_left_running_when_a_house_has_ended(open_doors: Open) -> None:
    before = asyncio.all_tasks()
    async with open_doors() as running:
        await running.hear("hi")
        await running.said(1)
        assert len(asyncio.all_tasks()) > len(before) + 8
    assert asyncio.all_tasks() == before


async def test_a_request_in_progress_is_answered_before_the_port_closes() -> None:
    began, go_on = asyncio.Event(), asyncio.Event()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        began.set()
        await go_on.wait()
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    listening = Listening(app, bind(LOOPBACK, 0, "a test"))
    await listening.start()
    assert listening.alive
    async with aiohttp.ClientSession() as http:
        asking = asyncio.create_task(http.get(f"http://{LOOPBACK}:{listening.port}/"))
        await began.wait()
        stopping = asyncio.create_task(listening.stop())
        await asyncio.sleep(0)
        go_on.set()
        response = await asking
        assert response.status == 204
        await stopping
    assert not listening.alive

"""The whole house as people run it: `./qiantai up` in a folder of its own, with the real brain."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.faq.folder import ENCODED
from tests.servers import free_port
from tests.waiting import PATIENCE

ROOT = Path(__file__).resolve().parents[2]
READY_MOST = 120.0  # seconds; 4 are usual, a busy machine that trains the brain first takes longer


class RealHouse:
    """One house process on its own ledger; may be killed and started again on the same one."""

    program: tuple[str, ...] = ("door.cli", "up")  # a module and its arguments

    def __init__(self, folder: Path, **settings: str) -> None:
        self.data = folder / "data"
        self.log = folder / "house.log"
        self.port = free_port()
        self.base = f"http://127.0.0.1:{self.port}"
        self._settings = {
            "QIANTAI_DATA": str(self.data),
            "QIANTAI_PORT": str(self.port),
            "QIANTAI_METRICS_PORT": "0",
            "QIANTAI_RATE_PER_MINUTE": "1000000",
        } | settings
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> float:
        """Seconds until it was ready, brain included."""
        if ENCODED.is_dir() and not self.data.exists():
            shutil.copytree(ENCODED, self.data / ENCODED.name)
        started = time.monotonic()
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", *self.program],
                cwd=ROOT,
                env=self.environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        self.wait_ready()
        return time.monotonic() - started

    def environment(self) -> dict[str, str]:
        """What its commands are to be run with."""
        return {k: v for k, v in os.environ.items() if not k.startswith("QIANTAI_")} | self._settings

    def wait_ready(self) -> None:
        self.wait(lambda: self.status("/readyz") == 200, READY_MOST)

    def wait(self, happened: Callable[[], bool], most: float) -> None:
        """Looks every 50 ms; fails after `most` seconds or when the house has ended."""
        until = time.monotonic() + most
        while not happened():
            if self._process is None or self._process.poll() is not None or time.monotonic() > until:
                raise AssertionError(f"the house did not get there:\n{self.log.read_text(errors='replace')[-3000:]}")
            time.sleep(0.05)  # between two looks: the other process sends no event

    def status(self, path: str) -> int:
        try:
            with urllib.request.urlopen(self.base + path, timeout=2) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as e:
            return e.code
        except OSError:
            return 0

    def brain_pid(self) -> int:
        """The brain's process: the house says so when it starts one."""
        return [json.loads(line)["pid"] for line in self.log.read_text().splitlines() if '"brain_started"' in line][-1]

    def kill(self) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.wait(10)

    def stop(self) -> int:
        """Its exit status after an orderly end."""
        if self._process is None or self._process.poll() is not None:
            return 0
        self._process.send_signal(signal.SIGTERM)
        return self._process.wait(30)


class Page:
    """A visitor's page: the protocol, spoken by hand."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self.welcome: dict[str, Any] = {}
        self.seen: list[dict[str, Any]] = []  # every message, in order

    async def hello(self, token: str = "", last_seq: int = 0, language: str = "zh") -> None:
        await self.send({"type": "hello", "token": token, "last_seq": last_seq, "language": language})
        self.welcome = await self.frame("welcome")

    async def send(self, frame: dict[str, Any]) -> None:
        await self._socket.send_str(json.dumps(frame))

    async def frame(self, *types: str) -> dict[str, Any]:
        """The next frame of one of `types`; messages on the way are kept in `seen`."""
        async with asyncio.timeout(PATIENCE):
            while True:
                frame = json.loads(await self._socket.receive_str())
                if frame["type"] == "msg":
                    self.seen.append(frame)
                if frame["type"] in types:
                    return frame

    async def reply(self) -> dict[str, Any]:
        """The next message that is not the visitor's own."""
        while True:
            frame = await self.frame("msg")
            if frame["from"] != "contact":
                return frame

    async def say(self, text: str = "", **more: str) -> dict[str, Any]:
        """Says something and gives the first reply to it."""
        cid = uuid.uuid4().hex
        await self.send({"type": "msg", "cid": cid} | ({"text": text} if text else {}) | more)
        return await self.reply()

    async def hears(self, words: str) -> dict[str, Any]:
        """The next reply that says `words`; those before it are kept in `seen`."""
        while words not in (reply := await self.reply())["text"]:
            pass
        return reply

    async def press(self, button: dict[str, str]) -> dict[str, Any]:
        return await self.say(payload=button["payload"], title=button["title"])


@asynccontextmanager
async def page(house: RealHouse, language: str = "zh", **hello: Any) -> AsyncIterator[Page]:
    """A page that has said hello; a new visitor's has had its greeting too."""
    async with (
        aiohttp.ClientSession() as http,
        http.ws_connect(f"{house.base.replace('http', 'ws')}/socket/web", max_msg_size=0) as socket,
    ):
        opened = Page(socket)
        await opened.hello(language=language, **hello)
        if opened.welcome["seq"] == 0:
            await opened.reply()
        yield opened


@pytest.fixture(scope="session")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealHouse]:
    """One house that the tests of a worker share; each brings its own visitors."""
    made = RealHouse(tmp_path_factory.mktemp("house"))
    try:
        made.start()
        yield made
    finally:
        made.stop()

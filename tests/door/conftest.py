"""A whole house for tests of its doors: real ledger, real ports, a brain that does as it is told."""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from bot.brain import BrainClient
from channels.webhook import SIGNATURE_HEADER, sign
from core import outbox
from core.model import Author, ConversationId, Line
from core.settings import Settings
from core.store import migrate
from core.vault import Vault
from door import sweeper
from door.app import create_door
from door.auth import SCOPES, issue
from door.house import House, open_house
from door.listening import LOOPBACK, Listening, bind
from faq.entries import china_day
from faq.files import Files
from faq.making import Current, Maker
from tests.brain_server import BrainServer, brain_server
from tests.door.stub_brain import as_told
from tests.waiting import until

ROOT = Path(__file__).parents[2]
SECRET = "a secret of sixteen characters or more"
HOOK = "hook"


@dataclass
class Platform:
    """The other system of the webhook channel: keeps what it is sent, answers as the test says."""

    sent: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    answer: Callable[[dict[str, Any]], web.StreamResponse] = lambda body: web.json_response({"ok": True})
    url: str = ""

    async def take(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        self.sent.append(body)
        return self.answer(body)

    def texts(self) -> list[str]:
        return [body["text"] for body in self.sent]


@dataclass
class Running:
    """A house with its doors open, and what is around it."""

    house: House
    door: Listening
    url: str
    http: aiohttp.ClientSession
    brain: BrainServer
    platform: Platform
    ids: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    async def post(self, body: object, path: str = "/c/hook/in", **headers: str) -> tuple[int, dict[str, Any]]:
        """A signed delivery, `body` as JSON or as it is; status and decoded answer."""
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        signed = {"Content-Type": "application/json", SIGNATURE_HEADER: sign(SECRET, int(time.time()), raw)}
        async with self.http.post(self.url + path, data=raw, headers=signed | headers) as response:
            return response.status, await response.json()

    async def hear(self, text: str, sender: str = "anna", **more: object) -> dict[str, Any]:
        """One message through the webhook, which must be taken."""
        message = {"id": f"m{next(self.ids)}", "sender": sender, "text": text} | more
        status, answer = await self.post(message)
        assert status == 200, answer
        return message

    def conversation(self, sender: str = "anna", channel: str = HOOK) -> ConversationId:
        return self.house.vault.conversation_id(self.house.channels[channel].id, sender)  # type: ignore[index]

    async def lines(self, sender: str = "anna", channel: str = HOOK, after: int = 0) -> list[Line]:
        which = self.conversation(sender, channel)
        return await self.house.store.read(lambda conn: outbox.transcript(conn, which, after=after))

    async def said(self, count: int, sender: str = "anna", *, channel: str = HOOK) -> list[Line]:
        """What the house has said to `sender`, once it is `count` sentences."""

        async def look() -> list[Line]:
            lines = [line for line in await self.lines(sender, channel) if line.author is not Author.CONTACT]
            return lines if len(lines) >= count else []

        return await until(look)

    async def token(self, *scopes: str) -> dict[str, str]:
        """The header of somebody who may do what `scopes` say, all of them by default."""
        now = self.house.clock()
        token = await self.house.store.write(lambda conn: issue(conn, name="a test", scopes=scopes or SCOPES, now=now))
        return {"Authorization": f"Bearer {token}"}

    def count(self, metric: str, **labels: str) -> float:
        return self.house.metrics.registry.get_sample_value(f"qiantai_{metric}", labels) or 0.0


@pytest.fixture
def make_settings(tmp_path: Path) -> Callable[..., Settings]:
    """Settings for a fresh data folder, migrated and with keys; what is given replaces the defaults."""

    def make(callback: str = "http://127.0.0.1:9/", **more: Any) -> Settings:
        hook = {"kind": "webhook", "secret": SECRET, "callback_url": callback, "timeout": 2.0}
        values: dict[str, Any] = {
            "data": tmp_path,
            "content": ROOT / "faq" / "content",
            "encoder": "none",
            "port": 0,
            "metrics_port": 0,
            "rate_per_minute": 1000,
            "channels": {"web": {"kind": "web"}, HOOK: hook},
        }
        settings = Settings(**(values | more))
        if not settings.key_file.exists():
            Vault.create(settings.key_file)
            migrate(settings.ledger_url)
        return settings

    return make


@pytest.fixture
async def platform() -> AsyncGenerator[Platform]:
    other = Platform()
    app = web.Application()
    app.router.add_post("/", other.take)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, LOOPBACK, 0)
    await site.start()
    other.url = f"http://{LOOPBACK}:{runner.addresses[0][1]}/"
    yield other
    await runner.cleanup()


@pytest.fixture
async def brain() -> AsyncGenerator[BrainServer]:
    async with brain_server() as stub:
        stub.answer = as_told
        yield stub
        stub.wake()


_made: dict[tuple[str, date, str], Current] = {}


def share_content(monkeypatch: pytest.MonkeyPatch) -> None:
    """Houses share the state of the same files on the same day, which never changes: most of the second in which one
    opens is spent on making it."""
    make = Maker.made

    def shared(self: Maker, of: Files) -> Current:
        if self.vectors is not None:
            return make(self, of)
        which = of.version, china_day(self.clock()), repr(self.args)
        if which not in _made:
            _made[which] = make(self, of)
        return _made[which]

    monkeypatch.setattr(Maker, "made", shared)


Open = Callable[..., AbstractAsyncContextManager[Running]]


@pytest.fixture
def open_doors(
    make_settings: Callable[..., Settings],
    platform: Platform,
    brain: BrainServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Open:
    """Opens a house with the given settings; twice in one test is a restart on the same data."""
    share_content(monkeypatch)

    @asynccontextmanager
    async def start(**more: Any) -> AsyncGenerator[Running]:
        page = tmp_path / "page"
        page.mkdir(exist_ok=True)
        (page / "index.html").write_text("<!doctype html><title>page</title>")
        settings = make_settings(platform.url, **more)
        client = BrainClient(brain.url, "token", timeout=settings.brain_timeout)
        async with open_house(settings, brain=client) as house:
            door = Listening(create_door(house, page), bind(LOOPBACK, 0, "a test"))
            await door.start()
            try:
                async with aiohttp.ClientSession() as http:
                    yield Running(house, door, f"http://{LOOPBACK}:{door.port}", http, brain, platform)
            finally:
                await door.stop()

    return start


@pytest.fixture
def no_second_look(monkeypatch: pytest.MonkeyPatch) -> None:
    """The sweeper finds nothing: a wake that is missing shows."""
    monkeypatch.setattr(sweeper, "LOST_AFTER", timedelta(hours=1))


@pytest.fixture
async def running(open_doors: Open) -> AsyncGenerator[Running]:
    async with open_doors() as house:
        yield house

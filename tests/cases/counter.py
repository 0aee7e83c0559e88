"""The register's API as tests call it: a house with its door open, callers with tokens, a case to send."""

from __future__ import annotations

import itertools
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from sqlalchemy import select

from bot.brain import BrainClient
from core.settings import Settings
from core.store import migrate
from core.tables import audit
from core.vault import Vault
from door.app import create_door
from door.auth import SCOPES, issue
from door.house import House, open_house
from door.listening import LOOPBACK, Listening, bind
from tests.cases.given import bank
from tests.conftest import NOON, Clock

ROOT = Path(__file__).parents[2]
CASES = "/api/cases"
PHONE, NAME, ID_NUMBER = "13912345678", "王小明", "11010519491231002X"
NEW: dict[str, Any] = {
    "source_channel": "phone",
    "received_at": "2026-11-20T09:30:00+08:00",
    "summary": f"年费没有告诉我，电话{PHONE}",
    "facts": f"身份证{ID_NUMBER}，请回电{PHONE}",
    "amount": "300.00",
    "person": {"name": NAME, "id_type": "id_card", "id_number": ID_NUMBER, "phone": PHONE},
}
PNG = bytes.fromhex("89504e470d0a1a0a0000000d49484452") + b"\0" * 20
TASK = {"title": "核对", "owner": "li", "due_at": "2026-12-01T00:00:00Z"}
keys = itertools.count()


@asynccontextmanager
async def serve(house: House) -> AsyncIterator[str]:
    """The address of the house's door."""
    listening = Listening(create_door(house), bind(LOOPBACK, 0, "a test"))
    await listening.start()
    try:
        yield f"http://{LOOPBACK}:{listening.port}"
    finally:
        await listening.stop()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    """One house for the file's tests, with a bank in its register; its clock stands still and its brain is away."""
    data = tmp_path_factory.mktemp("house")
    settings = Settings(data=data, content=ROOT / "faq" / "content", encoder="none", port=0, metrics_port=0)
    Vault.create(settings.key_file)
    migrate(settings.ledger_url)
    async with open_house(settings, clock=Clock(NOON), brain=BrainClient("http://127.0.0.1:9", "token", 1.0)) as one:
        await one.store.write(bank)
        yield one


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def url(house: House) -> AsyncIterator[str]:
    async with serve(house) as address:
        yield address


@dataclass
class Api:
    """A caller with a token of some scopes."""

    url: str
    token: Mapping[str, str]

    async def ask(self, method: str, path: str, body: Any = None, **more: Any) -> tuple[int, Any, Mapping[str, str]]:
        """Status, answer and headers; `body` as JSON, or bytes as they are; further arguments are headers."""
        headers = dict(self.token) | {name.replace("_", "-"): str(value) for name, value in more.items()}
        sent: dict[str, Any] = {}
        if isinstance(body, bytes):
            sent = {"data": body}
            headers.setdefault("Content-Type", "application/json")
        elif isinstance(body, aiohttp.FormData):
            sent = {"data": body}
        elif body is not None:
            sent = {"json": body}
        async with (
            aiohttp.ClientSession() as http,
            http.request(method, self.url + path, headers=headers, **sent) as response,
        ):
            raw = await response.read()
            plain = not raw or "X-SHA256" in response.headers or response.content_type != "application/json"
            return response.status, raw if plain else json.loads(raw), response.headers

    async def get(self, path: str) -> Any:
        status, answer, _ = await self.ask("GET", path)
        assert status == 200, answer
        return answer

    async def send(self, method: str, path: str, body: Any, expected: int = 200, **more: Any) -> Any:
        status, answer, _ = await self.ask(method, path, body, **more)
        assert status == expected, answer
        return answer

    async def new(self, **more: Any) -> dict[str, Any]:
        """A new case's answer."""
        return await self.send("POST", CASES, NEW | more, 201, Idempotency_Key=f"k{next(keys)}")


async def token(house: House, *scopes: str) -> dict[str, str]:
    """The header of somebody who may do what `scopes` say, all of them by default."""
    made = await house.store.write(lambda conn: issue(conn, name="a test", scopes=scopes or SCOPES, now=NOON))
    return {"Authorization": f"Bearer {made}"}


@pytest_asyncio.fixture(loop_scope="module")
async def caller(house: House, url: str) -> Api:
    """Somebody who may do everything."""
    return Api(url, await token(house))


async def noted(house: House, subject: str) -> list[tuple[str, str]]:
    """Acts and details of the audit on one subject."""
    query = select(audit.c.act, audit.c.detail).where(audit.c.subject == subject).order_by(audit.c.id)
    return await house.store.read(lambda conn: [(row.act, row.detail) for row in conn.execute(query)])


def form(content: bytes, name: str = "bill.png") -> aiohttp.FormData:
    """A file as browsers send it."""
    data = aiohttp.FormData()
    data.add_field("file", content, filename=name)
    return data

"""The benches' platform, against houses that misbehave: every promise it checks can be seen to break."""

from __future__ import annotations

import asyncio
import json
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from channels.webhook import SIGNATURE_HEADER, sign
from door.cli.bench.control import Child, ChildDied
from tests.waiting import PATIENCE

SECRET = "0123456789abcdef"
Behaviour = Callable[["FakeHouse", dict[str, Any]], Coroutine[None, None, None]]


class FakeHouse:
    """Takes messages as the house does; what it sends back is the test's choice."""

    def __init__(self, behave: Behaviour) -> None:
        self.callback = ""
        self.taken: list[dict[str, Any]] = []
        self.refusals = 0
        self.next_id = 0
        self.held: dict[str, dict[str, Any]] = {}  # by sender: answered later
        self._behave = behave
        self._heard = asyncio.Condition()
        self._tasks: set[asyncio.Task[None]] = set()
        self._turns: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)  # by sender: one message at a time
        self._http: aiohttp.ClientSession

    async def take(self, request: web.Request) -> web.Response:
        if self.refusals:
            self.refusals -= 1
            return web.json_response({"error": "ledger_busy"}, status=503)
        message = await request.json()
        again = message in self.taken
        async with self._heard:
            self.taken.append(message)
            self._heard.notify_all()
        if not again:
            task = asyncio.create_task(self._answer(message))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return web.json_response({"ok": True})

    async def _answer(self, message: dict[str, Any]) -> None:
        async with self._turns[message["sender"]]:
            await self._behave(self, message)

    async def until(self, true: Callable[[], bool]) -> None:
        """Waits for a message that makes it `true`."""
        async with asyncio.timeout(PATIENCE), self._heard:
            await self._heard.wait_for(true)

    async def reply(self, message: dict[str, Any], *, id: int = 0) -> int:
        """Posts a reply, under an `id` that was there before if one is given; its id."""
        self.next_id += 1
        id = id or self.next_id
        fields = {"id": str(id), "to": message["sender"], "text": "好", "in_reply_to": message["id"]}
        body = json.dumps(fields).encode()
        headers = {"Content-Type": "application/json", SIGNATURE_HEADER: sign(SECRET, int(time.time()), body)}
        async with self._http.post(self.callback, data=body, headers=headers) as response:
            assert response.status == 200
        return id


@asynccontextmanager
async def load(
    tmp_path: Path, house: FakeHouse, *, refusals: int = 0, **plan: Any
) -> AsyncIterator[Callable[[], Awaitable[dict[str, Any]]]]:
    """A platform that delivers to `house`; what is handed out ends the load and gives its report."""
    house.refusals = refusals
    app = web.Application()
    app.add_routes([web.post("/c/bench/in", house.take)])
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    child = await Child.start("provider", ["--secret", SECRET], log=tmp_path / "provider.log")
    try:
        async with aiohttp.ClientSession() as house._http:
            told = await child.ask("house", url=f"http://127.0.0.1:{runner.addresses[0][1]}")
            house.callback = told["callback"]
            plan = {"name": "load", "conversations": 4, "rate": 100.0} | plan
            await child.ask("prepare", plan=plan)
            await child.ask("begin", name=plan["name"])

            async def report() -> dict[str, Any]:
                await child.ask("end", name="load")
                await child.ask("drain", names=["load"], patience=0.5)
                return await child.ask("report", names=["load"])

            yield report
    finally:
        await child.stop()
        await runner.cleanup()


async def enough(house: FakeHouse, messages: int = 40) -> None:
    await house.until(lambda: len(house.taken) >= messages)


async def honest(house: FakeHouse, message: dict[str, Any]) -> None:
    await house.reply(message)


async def losing(house: FakeHouse, message: dict[str, Any]) -> None:
    if not message["id"].endswith("-3"):
        await house.reply(message)


async def doubling(house: FakeHouse, message: dict[str, Any]) -> None:
    await house.reply(message)
    if message["id"].endswith("-3"):
        await house.reply(message)


async def repeating(house: FakeHouse, message: dict[str, Any]) -> None:
    id = await house.reply(message)
    if message["id"].endswith("-3"):
        await house.reply(message, id=id)


async def disordering(house: FakeHouse, message: dict[str, Any]) -> None:
    """Answers the fourth message after the fifth."""
    number, others = message["id"][-2:], house.held
    if number == "-3":
        others[message["sender"]] = message
        return
    await house.reply(message)
    if number == "-4":
        await house.reply(others[message["sender"]])


async def answering_a_stranger(house: FakeHouse, message: dict[str, Any]) -> None:
    await house.reply(message)
    await house.reply(message | {"id": "m-never"})


@pytest.mark.parametrize(
    ("behave", "found"),
    [
        (honest, {}),
        (losing, {"lost": 4}),
        (doubling, {"duplicates": 4}),
        (repeating, {"replies_repeated": 4}),
        (disordering, {"disorder": 4}),
    ],
    ids=["honest", "losing", "doubling", "repeating", "disordering"],
)
async def test_what_a_house_does_wrong_is_counted(tmp_path: Path, behave: Behaviour, found: dict[str, int]) -> None:
    house = FakeHouse(behave)
    async with load(tmp_path, house) as end:
        await enough(house)
        report = await end()
    kinds = ("lost", "duplicates", "replies_repeated", "disorder", "never_acknowledged")
    assert {kind: report[kind] for kind in kinds if report[kind]} == found
    assert report["accepted"] >= 40
    assert report["foreign"] == {}


async def test_a_reply_to_nobody_is_counted(tmp_path: Path) -> None:
    house = FakeHouse(answering_a_stranger)
    async with load(tmp_path, house) as end:
        await enough(house)
        report = await end()
    assert report["foreign"]["unknown"] >= 30


async def test_a_message_is_delivered_again_until_it_is_acknowledged(tmp_path: Path) -> None:
    house = FakeHouse(honest)
    async with load(tmp_path, house, refusals=7) as end:
        await enough(house)
        report = await end()
    assert report["not_taken"] == {"503": 7}
    assert report["never_acknowledged"] == report["lost"] == 0
    assert report["ack_ms"]["most"] > 100  # the wait for the next delivery counts


async def test_a_share_of_the_messages_is_delivered_twice(tmp_path: Path) -> None:
    house = FakeHouse(honest)
    async with load(tmp_path, house, duplicates=0.5) as end:
        await enough(house, 80)
        report = await end()
    assert len(house.taken) == report["accepted"] + report["delivered_again"]
    assert 0.2 < report["delivered_again"] / report["accepted"] < 0.8


async def test_a_child_that_died_says_so(tmp_path: Path) -> None:
    child = await Child.start("provider", ["--secret", SECRET], log=tmp_path / "provider.log")
    await child.kill()
    with pytest.raises(ChildDied, match="provider is gone"):
        await child.ask("house", url="")

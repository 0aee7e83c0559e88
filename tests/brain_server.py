"""A brain for tests of the house: a real HTTP server with the contract of `POST /turn`, answering as the test says."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web

Answer = dict[str, Any] | web.Response


def say(*keys: str, **more: Any) -> dict[str, Any]:
    """A good answer that says `keys`; `more` adds or replaces fields of it."""
    plain = {
        "say": [{"key": key, "args": {}} for key in keys],
        "effects": [],
        "state": {"schema": 1, "model": "test", "events": []},
        "decision": {"label": "test", "confidence": 1.0, "runner_up": "", "why": "a test said so"},
    }
    return plain | more


class BrainServer:
    """Answers every turn with `answer(request)`; keeps the requests; `hang()` makes it fall silent until `wake()`."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []
        self.answer: Callable[[dict[str, Any]], Answer | Awaitable[Answer]] = lambda turn: say("greeting")
        self.url = ""
        self.was_asked = asyncio.Event()
        self._awake = asyncio.Event()
        self._awake.set()

    def hang(self) -> None:
        self._awake.clear()

    def wake(self) -> None:
        self._awake.set()

    async def turn(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        self.asked.append(body)
        self.was_asked.set()
        await self._awake.wait()
        answer = self.answer(body)
        if isinstance(answer, Awaitable):
            answer = await answer
        return answer if isinstance(answer, web.StreamResponse) else web.json_response(answer)

    async def ready(self, request: web.Request) -> web.Response:
        return web.json_response({"model": "test"})


@asynccontextmanager
async def brain_server(port: int = 0) -> AsyncIterator[BrainServer]:
    """A running server on loopback."""
    brain = BrainServer()
    app = web.Application()
    app.add_routes([web.post("/turn", brain.turn), web.get("/ready", brain.ready)])
    runner = web.AppRunner(app, shutdown_timeout=0.1, handler_cancellation=True)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", port)
    await site.start()
    brain.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield brain
    finally:
        await runner.cleanup()

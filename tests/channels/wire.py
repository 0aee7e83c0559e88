"""The stand-in for a platform: a real HTTP server on loopback that compares every request with what was promised."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from aiohttp import web

from tests.channels.table import Exchange, Request

EVERYDAY = {"accept", "accept-encoding", "content-length", "host", "user-agent"}  # what every HTTP client sends


class Platform:
    """Answers the exchanges in their order; `mismatches` says what was not as promised."""

    def __init__(self, exchanges: Sequence[Exchange]) -> None:
        self.url = ""
        self.mismatches: list[str] = []
        self._waiting = list(exchanges)
        self._over = asyncio.Event()

    @property
    def unused(self) -> int:
        return len(self._waiting)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        if not self._waiting:
            self.mismatches.append(f"one request too many: {request.method} {request.path_qs}")
            return web.Response(status=500)
        exchange = self._waiting.pop(0)
        self._compare(request, body, exchange.request)
        match exchange.reply.fault:
            case "hangs":
                await self._over.wait()
            case "hangs up":
                assert request.transport is not None
                request.transport.close()
            case _:
                pass
        reply = exchange.reply
        return web.Response(status=reply.status, body=reply.body, headers=dict(reply.headers))

    def _compare(self, request: web.Request, body: bytes, promised: Request) -> None:
        sent = {k.lower(): v for k, v in request.headers.items() if k.lower() not in EVERYDAY}
        due = {k.lower(): v for k, v in promised.headers.items()}
        for what, got, want in (
            ("method", request.method, promised.method),
            ("path", request.path_qs, promised.path),
            ("headers", sent, due),
            ("body", body, promised.body),
        ):
            if got != want:
                self.mismatches.append(f"{what}: sent {got!r}, promised {want!r}")

    def release(self) -> None:
        """Let go of the requests that are never answered, so that the server can end."""
        self._over.set()


@asynccontextmanager
async def platform(exchanges: Sequence[Exchange], *, listening: bool = True) -> AsyncIterator[Platform]:
    """A platform on a free loopback port; with `listening=False` the port is known and nobody is there."""
    stand_in = Platform(exchanges)
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", stand_in.answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    stand_in.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    if not listening:
        await site.stop()
    try:
        yield stand_in
    finally:
        stand_in.release()
        await runner.cleanup()

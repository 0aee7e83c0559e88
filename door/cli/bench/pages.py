"""The provider's other road: open pages of the web chat, one WebSocket for each conversation.

A page's replies name no message they answer. The house answers in order, so the next reply belongs to the first
message that still waits for one; a reply too many, or one whose seq was there before, is noticed all the same.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import aiohttp
import orjson

WELCOME_WITHIN = 30.0  # seconds from the handshake to the greeting
ACK_WITHIN = 10.0  # seconds

Heard = Callable[[int], None]  # told the seq of every reply after the greeting


class Page:
    """One visitor's open page."""

    def __init__(self, http: aiohttp.ClientSession, url: str, heard: Heard) -> None:
        self._http = http
        self._url = url
        self._heard = heard
        self._socket: aiohttp.ClientWebSocketResponse | None = None
        self._acks: dict[str, asyncio.Future[None]] = {}
        self._greeted = asyncio.Event()
        self._listening: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Returns when the house has greeted the new visitor: from then on replies are answers."""
        self._socket = await self._http.ws_connect(self._url, compress=0, max_msg_size=2**20)
        self._listening = asyncio.create_task(self._listen(self._socket))
        await self._socket.send_str('{"type":"hello","token":"","last_seq":0,"language":"zh"}')
        async with asyncio.timeout(WELCOME_WITHIN):
            await self._greeted.wait()

    async def say(self, cid: str, text: str) -> None:
        """Sends one message; returns when it is acknowledged."""
        if self._socket is None:
            raise RuntimeError("the page is not open")
        acked = self._acks[cid] = asyncio.get_running_loop().create_future()
        await self._socket.send_str(orjson.dumps({"type": "msg", "cid": cid, "text": text}).decode())
        async with asyncio.timeout(ACK_WITHIN):
            await acked

    async def close(self) -> None:
        if self._listening is not None:
            self._listening.cancel()
            with suppress(asyncio.CancelledError):
                await self._listening
        if self._socket is not None:
            await self._socket.close()

    async def _listen(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        async for message in socket:
            frame: dict[str, Any] = orjson.loads(message.data)
            if frame["type"] == "ack":
                if (acked := self._acks.pop(frame["cid"], None)) is not None and not acked.done():
                    acked.set_result(None)
            elif frame["type"] == "msg" and frame["from"] != "contact":
                if self._greeted.is_set():
                    self._heard(int(frame["seq"]))
                self._greeted.set()

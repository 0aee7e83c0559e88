"""One open page of a visitor, as a WebSocket client of the web chat's door."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any, Self

import aiohttp
from aiohttp import WSMsgType
from sqlalchemy import func, insert, select, update

from core.model import ConversationId, Locale
from core.tables import conversation_seq, message
from tests.door.conftest import Running
from tests.waiting import PATIENCE


class Tab:
    """One open page of a visitor."""

    def __init__(self, ws: aiohttp.ClientWebSocketResponse) -> None:
        self.ws = ws
        self.frames: list[dict[str, Any]] = []
        self.token = ""
        self.conversation = ConversationId("")

    async def send(self, **frame: Any) -> None:
        await self.ws.send_str(json.dumps(frame))

    async def hello(self, token: str = "", last_seq: int = 0, language: Locale = "zh") -> dict[str, Any]:
        await self.send(type="hello", token=token, last_seq=last_seq, language=language)
        welcome = await self.next("welcome")
        self.token, self.conversation = welcome["token"], ConversationId(welcome["conversation"])
        return welcome

    async def write(self, text: str, cid: str) -> dict[str, Any]:
        await self.send(type="msg", cid=cid, text=text)
        return await self.next("ack", cid=cid)

    async def next(self, kind: str, **fields: Any) -> dict[str, Any]:
        """The next frame of this kind and these fields; others are passed over and kept in `frames`."""
        async with asyncio.timeout(PATIENCE):
            while True:
                received = await self.ws.receive()
                assert received.type is WSMsgType.TEXT, (received.type, self.ws.close_code)
                frame = json.loads(received.data)
                self.frames.append(frame)
                if frame["type"] == kind and all(frame.get(k) == v for k, v in fields.items()):
                    return frame

    async def own(self, cid: str) -> dict[str, Any]:
        """What was written as `cid`, as every page of the conversation gets it; it may have come before its ack."""
        there = (frame for frame in self.frames if frame["type"] == "msg" and frame.get("cid") == cid)
        return next(there, None) or await self.next("msg", cid=cid)

    async def hear(self, author: str) -> dict[str, Any]:
        """The next message of `author`."""
        fields: Any = {"from": author}  # no name for an argument
        return await self.next("msg", **fields)

    async def end(self) -> int | None:
        """The close code the server ends the socket with."""
        async with asyncio.timeout(PATIENCE):
            while True:
                received = await self.ws.receive()
                if received.type is not WSMsgType.TEXT:
                    return self.ws.close_code
                self.frames.append(json.loads(received.data))

    def messages(self) -> list[tuple[int, str, str]]:
        return [(f["seq"], f["from"], f["text"]) for f in self.frames if f["type"] == "msg"]

    async def until_seq(self, seq: int) -> Self:
        await self.next("msg", seq=seq)
        return self


@asynccontextmanager
async def tab(running: Running, channel: str = "web", **headers: str) -> AsyncGenerator[Tab]:
    async with running.http.ws_connect(f"{running.url}/socket/{channel}", headers=headers, max_msg_size=0) as ws:
        yield Tab(ws)


async def rows(running: Running, table: object) -> int:
    return await running.house.store.read(
        lambda conn: conn.execute(select(func.count()).select_from(table)).scalar_one()  # type: ignore[arg-type]
    )


async def whisper(running: Running, to: ConversationId, text: str, count: int = 1) -> None:
    """Writes messages of the house into the transcript without telling anybody: what another process may do."""

    def op(conn: Any) -> None:
        n = conn.execute(select(conversation_seq.c.n).where(conversation_seq.c.conversation_id == to)).scalar_one()
        conn.execute(
            insert(message),
            [
                {
                    "conversation_id": to,
                    "seq": n + 1 + k,
                    "author": "bot",
                    "kind": "text",
                    "text": text,
                    "created_at": running.house.clock(),
                }
                for k in range(count)
            ],
        )
        conn.execute(update(conversation_seq).where(conversation_seq.c.conversation_id == to).values(n=n + count))

    await running.house.store.write(op)

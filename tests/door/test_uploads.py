"""Files from pages: taken from who has the conversation, looked at, named once, and in the transcript by their name."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
from sqlalchemy import select

from channels.web import Web
from core import files
from core.model import ConversationId
from core.tables import file, message
from door import uploads
from tests.cases.test_attachments import PDF, PNG, PROGRAM, scanner
from tests.door.conftest import Open, Running
from tests.waiting import until

SITE = "https://bank.example"


class Visitor:
    """A page that has said hello, and what it uploads."""

    def __init__(self, running: Running, token: str = "") -> None:
        self.running, self.token = running, token
        self.frames: list[dict[str, Any]] = []

    async def arrives(self) -> Visitor:
        async with self.running.http.ws_connect(f"{self.running.url}/socket/web") as ws:
            await ws.send_json({"type": "hello", "token": self.token, "last_seq": 0, "language": "zh"})
            self.token = (await self.next(ws, "welcome"))["token"]
            await self.next(ws, "msg")
        return self

    async def next(self, ws: aiohttp.ClientWebSocketResponse, kind: str) -> dict[str, Any]:
        while True:
            frame = json.loads(await ws.receive_str(timeout=5))
            self.frames.append(frame)
            if frame["type"] == kind:
                return frame

    async def uploads(self, content: bytes, name: str = "a.png", **headers: str) -> tuple[int, dict[str, Any], Any]:
        told = {"X-Qiantai-Token": self.token} | {k.replace("_", "-"): v for k, v in headers.items()}
        url = f"{self.running.url}/c/web/upload"
        async with self.running.http.post(url, data=content, params={"name": name}, headers=told) as response:
            return response.status, json.loads(await response.read()), response.headers

    async def sends(self, cid: str, file_id: str) -> dict[str, Any]:
        """The answer to a message with this file: ack or error."""
        async with self.running.http.ws_connect(f"{self.running.url}/socket/web") as ws:
            await ws.send_json({"type": "hello", "token": self.token, "last_seq": 0, "language": "zh"})
            await ws.send_json({"type": "msg", "cid": cid, "file_id": file_id})
            while True:
                frame = json.loads(await ws.receive_str(timeout=5))
                if frame["type"] in ("ack", "error"):
                    return frame

    async def replayed(self, count: int) -> list[dict[str, Any]]:
        """The first `count` messages that a page gets which opens now."""
        async with self.running.http.ws_connect(f"{self.running.url}/socket/web") as ws:
            await ws.send_json({"type": "hello", "token": self.token, "last_seq": 0, "language": "zh"})
            return [await self.next(ws, "msg") for _ in range(count)]

    @property
    def conversation(self) -> ConversationId:
        return self.running.conversation(self.token, "web")


async def rows(running: Running) -> list[Any]:
    return await running.house.store.read(lambda conn: list(conn.execute(select(file).order_by(file.c.id))))


async def test_a_file_is_uploaded_named_in_a_message_and_shown_by_its_name_after_a_reload(running: Running) -> None:
    anna = await Visitor(running).arrives()
    status, told, _ = await anna.uploads(PDF, "我的/合同 13912345678.pdf")
    assert (status, told["name"], told["media_type"]) == (200, "合同 ⟦phone⟧.pdf", "application/pdf")
    assert (await anna.sends("f-1", told["file_id"]))["type"] == "ack"
    (row,) = await rows(running)
    assert (row.state, row.conversation_id) == ("kept", anna.conversation)
    (kept,) = await running.house.store.read(
        lambda conn: list(conn.execute(select(message.c.attachments).where(message.c.kind == "attachment")).scalars())
    )
    assert kept[0] | {"url": ""} == {
        "media_type": "application/pdf", "name": "合同 ⟦phone⟧.pdf", "size": len(PDF), "link": False, "url": "",
    }  # fmt: skip
    own = next(frame for frame in await anna.replayed(2) if frame.get("cid") == "f-1")
    assert (own["text"], own["files"]) == ("", ["合同 ⟦phone⟧.pdf"])
    assert [frame for frame in await anna.replayed(1) if frame["from"] == "bot" and "files" in frame] == []


async def test_the_same_message_again_is_one_and_another_cannot_have_its_file(running: Running) -> None:
    anna, ben = await Visitor(running).arrives(), await Visitor(running).arrives()
    _, told, _ = await anna.uploads(PNG)
    assert (await ben.sends("b-1", told["file_id"]))["code"] == "not_found"
    assert (await anna.sends("f-1", told["file_id"]))["type"] == "ack"
    assert (await anna.sends("f-1", told["file_id"]))["type"] == "ack"
    assert (await anna.sends("f-2", told["file_id"]))["code"] == "not_found"
    assert [row.state for row in await rows(running)] == ["kept"]


REFUSED = [
    ("empty", b"", 422, "bad_case"),
    ("a program", PROGRAM, 415, "not_taken"),
    ("too large", PNG + bytes(2000), 413, "too_large"),
]


async def test_what_is_not_taken_is_refused_at_once(open_doors: Open) -> None:
    async with open_doors(attachment_bytes=1024) as running:
        anna = await Visitor(running).arrives()
        for name, content, due, code in REFUSED:
            status, told, _ = await anna.uploads(content)
            assert (status, told["error"]) == (due, code), name
        assert (await anna.uploads(PNG, token="x"))[0] == 200  # what stands in other headers means nothing
        assert len(await rows(running)) == 1


async def test_what_the_scan_finds_is_not_kept(open_doors: Open) -> None:
    async with open_doors(scan_command=scanner("sys.exit(1)")) as running:
        anna = await Visitor(running).arrives()
        assert (await anna.uploads(PNG))[1]["error"] == "infected"
        assert await rows(running) == []


async def test_only_who_has_a_conversation_may_upload(running: Running) -> None:
    assert (await Visitor(running, "").uploads(PNG))[1]["error"] == "bad_signature"
    assert (await Visitor(running, "x" * 43 + "\n").uploads(PNG, X_Qiantai_Token="x" * 44))[0] == 401
    assert (await Visitor(running, Web.new_token()).uploads(PNG))[1]["error"] == "not_found"
    async with running.http.get(f"{running.url}/c/web/upload") as response:
        assert response.status == 405
    async with running.http.post(f"{running.url}/c/hook/upload", data=PNG) as response:
        assert response.status == 404
    assert await rows(running) == []


async def test_a_conversation_sends_so_many_in_a_day(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "PER_DAY", 2)
    anna = await Visitor(running).arrives()
    answers = [(await anna.uploads(PNG))[0] for _ in range(3)]
    assert answers == [200, 200, 429]


async def test_uploads_count_for_their_sender_in_a_minute(open_doors: Open) -> None:
    async with open_doors(rate_per_minute=2) as running:
        anna = await Visitor(running).arrives()
        assert [(await anna.uploads(PNG))[0] for _ in range(3)] == [200, 200, 429]


async def test_a_page_of_another_site_uploads_if_the_site_is_listed(open_doors: Open) -> None:
    async with open_doors(channels={"web": {"kind": "web", "origins": [SITE]}}) as running:
        anna = await Visitor(running).arrives()
        url = f"{running.url}/c/web/upload"
        async with running.http.options(url, headers={"Origin": SITE}) as asked:
            assert asked.status == 204
            assert "X-Qiantai-Token" in asked.headers["Access-Control-Allow-Headers"]
            assert asked.headers["Access-Control-Allow-Origin"] == SITE
        status, _, headers = await anna.uploads(PNG, Origin=SITE)
        assert (status, headers["Access-Control-Allow-Origin"]) == (200, SITE)
        status, told, headers = await anna.uploads(PNG, Origin="https://evil.example")
        assert (status, told["error"]) == (403, "elsewhere")
        assert "Access-Control-Allow-Origin" not in headers
        assert (await anna.uploads(PROGRAM, Origin=SITE))[2]["Access-Control-Allow-Origin"] == SITE


@asynccontextmanager
async def half_sent(visitor: Visitor, length: int) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """An upload that holds its place and whose body has yet to come: the house has asked for it (100 Continue)."""
    reader, writer = await asyncio.open_connection("127.0.0.1", visitor.running.door.port)
    try:
        head = ("POST /c/web/upload?name=a.png HTTP/1.1", "Host: a", f"X-Qiantai-Token: {visitor.token}")
        writer.write("\r\n".join((*head, "Expect: 100-continue", f"Content-Length: {length}", "", "")).encode())
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 100 ")
        yield reader, writer
    finally:
        writer.close()
        await writer.wait_closed()


async def test_a_conversation_sends_one_file_at_a_time(running: Running) -> None:
    anna = await Visitor(running).arrives()
    async with half_sent(anna, len(PNG)) as (reader, writer):
        assert (await anna.uploads(PNG))[0] == 429
        writer.write(PNG)
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200 ")
        assert (await anna.uploads(PNG))[0] == 200
    assert running.count("files_total", channel="web", outcome="uploaded") == 2


async def test_who_finds_no_place_is_soon_told_to_send_it_again(
    open_doors: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uploads, "AT_ONCE", 1)
    monkeypatch.setattr(uploads, "SLOT_SECONDS", 0.01)
    async with open_doors() as running:
        slow, anna = await Visitor(running).arrives(), await Visitor(running).arrives()
        async with half_sent(slow, 9):
            status, told, headers = await anna.uploads(PNG)
            assert (status, told["error"], headers["Retry-After"]) == (503, "uploads_busy", "2")

        async def taken() -> bool:  # as soon as the house has seen that the other is gone
            return (await anna.uploads(PNG))[0] == 200

        await until(taken)


async def test_a_page_that_goes_away_in_the_middle_leaves_nothing(running: Running) -> None:
    anna = await Visitor(running).arrives()
    async with half_sent(anna, 5000) as (_, writer):
        writer.write(PNG)
        await writer.drain()

    async def taken() -> bool:  # as soon as the house has seen that it is gone
        return (await anna.uploads(PNG))[0] == 200

    await until(taken)
    assert len(await rows(running)) == 1

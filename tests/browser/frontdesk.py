"""A small real server of the web chat protocol with its ledger in memory: what the widget is tested against.

It keeps the promises of the house (each cid once, seq per conversation, replay after last_seq, fan-out to every tab)
and can be told to break down in the ways a house does: cut at TCP level, slow, silent, refusing, turning away.
"""

from __future__ import annotations

import asyncio
import json
import secrets
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from aiohttp import WSMsgType, web

DIST = Path(__file__).resolve().parents[2] / "web" / "widget" / "dist"
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
)
HOTLINE = {
    "zh-Hant": {"name": "12363金融消費者熱線", "number": "12363", "hours": "週一至週五 9:00–17:00"},
    "zh": {"name": "12363金融消费者热线", "number": "12363", "hours": "周一至周五 9:00–17:00"},
    "en": {"name": "12363 Financial Consumer Hotline", "number": "12363", "hours": "Monday to Friday, 9:00–17:00"},
}

Frame = dict[str, Any]


@dataclass(kw_only=True)
class Answer:
    """What the desk says to one question."""

    text: str
    source: str = ""
    entry: str = ""
    buttons: list[dict[str, str]] = field(default_factory=list)


@dataclass(kw_only=True)
class Conversation:
    """One visitor's transcript, 1, 2, 3 …, and the tabs that show it."""

    token: str
    language: str
    messages: list[Frame] = field(default_factory=list)
    tabs: list[web.WebSocketResponse] = field(default_factory=list)
    ratings: dict[int, bool] = field(default_factory=dict)  # of answers, by seq

    def texts(self, author: str = "contact") -> list[str]:
        return [message["text"] for message in self.messages if message["from"] == author]


class FrontDesk:
    """The server; start it, point a browser at `url`, break it, look into `conversations`."""

    def __init__(self, answers: dict[str, Answer] | None = None) -> None:
        self.answers = answers or {}
        self.conversations: dict[str, Conversation] = {}
        self.frames: list[Frame] = []  # everything the widget sent, in order
        self.port = 0
        self.acknowledges = True
        self.refusal: Frame | None = None  # an error frame for the next messages instead of an ack
        self.turns_away = False  # close with 4401 at hello
        self.has_channel = True  # else 403 to every handshake, as where no such web channel is set up
        self.handshakes = 0
        self.uploads: dict[str, tuple[str, bytes]] = {}  # id → name and content
        self.upload_refusal = ""  # the word with which uploads are refused
        self.thinking: asyncio.Event | None = None  # answers wait for it, "typing" shown
        self.started_at = datetime.now(UTC)
        self._runner: web.AppRunner | None = None
        self._wires: set[asyncio.Transport] = set()
        self._thoughts: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def only(self) -> Conversation:
        """The one conversation that there is."""
        (conversation,) = self.conversations.values()
        return conversation

    def sent(self, kind: str) -> list[Frame]:
        """What the widget sent of one kind."""
        return [frame for frame in self.frames if frame["type"] == kind]

    async def start(self) -> None:
        """Opens the door, after a kill at the same port and with the same ledger."""
        app = web.Application()
        app.router.add_get("/socket/{channel}", self._socket)
        app.router.add_post("/c/{channel}/upload", self._upload)
        app.router.add_get("/", self._to_page)
        app.router.add_get("/widget/", self._page)
        app.router.add_static("/widget/", DIST)
        app.on_response_prepare.append(_headers)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self.port, reuse_address=True)
        await site.start()
        self.port = self._runner.addresses[0][1]

    async def kill(self) -> None:
        """As if the power went: every connection is reset, nobody listens any more."""
        if self._runner is None:
            return
        for site in list(self._runner.sites):
            await site.stop()
        for wire in self._wires:
            wire.abort()
        for thought in self._thoughts:
            thought.cancel()
        await self._runner.cleanup()
        self._runner = None

    async def say(self, conversation: Conversation, text: str, *, author: str = "bot", **more: Any) -> Frame:
        """Adds a message to the transcript and shows it in every tab."""
        message: Frame = {
            "type": "msg",
            "seq": len(conversation.messages) + 1,
            "from": author,
            "text": text,
            "buttons": [],
            "source": "",
            "entry": "",
            "at": datetime.now(UTC).isoformat(),
            **more,
        }
        conversation.messages.append(message)
        await self.tell(conversation, message)
        return message

    async def tell(self, conversation: Conversation, frame: Frame) -> None:
        """Sends a frame to every tab without keeping it."""
        for tab in list(conversation.tabs):
            if not tab.closed:
                await tab.send_json(frame)

    def token_script(self, conversation: Conversation) -> str:
        """A script that puts this conversation's token where the widget looks for it."""
        key = f"qiantai.token ws://127.0.0.1:{self.port}/socket/web"
        return f"localStorage.setItem({json.dumps(key)}, {json.dumps(conversation.token)})"

    def remember(self, texts: list[tuple[str, str]], *, days_ago: int) -> Conversation:
        """A conversation of an earlier day: (author, text) from the oldest on."""
        conversation = Conversation(token=secrets.token_urlsafe(32), language="zh")
        self.conversations[conversation.token] = conversation
        at = self.started_at - timedelta(days=days_ago)
        for seq, (author, text) in enumerate(texts, 1):
            conversation.messages.append(
                {
                    "type": "msg",
                    "seq": seq,
                    "from": author,
                    "text": text,
                    "buttons": [],
                    "source": "",
                    "at": at.isoformat(),
                }
            )
        return conversation

    async def _to_page(self, _request: web.Request) -> web.Response:
        raise web.HTTPFound("/widget/")

    async def _page(self, _request: web.Request) -> web.FileResponse:
        return web.FileResponse(DIST / "index.html")

    async def _upload(self, request: web.Request) -> web.Response:
        content = await request.read()
        if request.headers.get("X-Qiantai-Token", "") not in self.conversations:
            return web.json_response({"error": "bad_signature"}, status=401)
        if self.upload_refusal:
            return web.json_response({"error": self.upload_refusal, "detail": "no"}, status=415)
        file_id, name = secrets.token_urlsafe(16), request.query["name"]
        self.uploads[file_id] = (name, content)
        return web.json_response({"file_id": file_id, "name": name, "media_type": "image/png"})

    async def _socket(self, request: web.Request) -> web.WebSocketResponse:
        self.handshakes += 1
        if not self.has_channel:
            raise web.HTTPForbidden
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        wire = request.transport
        assert wire is not None
        self._wires.add(wire)
        conversation: Conversation | None = None
        try:
            async for packet in socket:
                if packet.type is not WSMsgType.TEXT:
                    break
                frame: Frame = json.loads(packet.data)
                self.frames.append(frame)
                if frame["type"] == "hello":
                    conversation = await self._hello(socket, frame)
                elif conversation is not None:
                    await self._take(socket, conversation, frame)
        except ConnectionResetError:
            pass  # the browser left while we were writing
        finally:
            self._wires.discard(wire)
            if conversation and socket in conversation.tabs:
                conversation.tabs.remove(socket)
        return socket

    async def _hello(self, socket: web.WebSocketResponse, frame: Frame) -> Conversation | None:
        if self.turns_away:
            await socket.close(code=4401)
            return None
        token = frame["token"] or secrets.token_urlsafe(32)
        fresh = Conversation(token=token, language=frame["language"])
        conversation = self.conversations.setdefault(token, fresh)
        language = frame["language"]
        await socket.send_json(
            {
                "type": "welcome",
                "token": token,
                "conversation": "c" + token[:8],
                "seq": len(conversation.messages),
                "hotline": HOTLINE[language],
                "language": language,
            }
        )
        last = frame["last_seq"]
        if last > len(conversation.messages):  # it remembers another ledger, or one from before a restore
            await socket.send_json({"type": "resync", "from": 0})
            last = 0
        for seq, helpful in conversation.ratings.items():
            await socket.send_json({"type": "rated", "seq": seq, "helpful": helpful})
        for message in conversation.messages[last:]:
            await socket.send_json(message)
        conversation.tabs.append(socket)
        if not conversation.messages:
            self._answer(conversation, "followed")
        return conversation

    async def _take(self, socket: web.WebSocketResponse, conversation: Conversation, frame: Frame) -> None:
        if frame["type"] == "ping":
            await socket.send_json({"type": "pong"})
        if frame["type"] == "rate":
            await self._rate(socket, conversation, frame)
        if frame["type"] != "msg":
            return
        if self.refusal:
            await socket.send_json({"type": "error", "cid": frame["cid"], **self.refusal})
            return
        known = next((message for message in conversation.messages if message.get("cid") == frame["cid"]), None)
        if known is None:
            text = frame.get("text") or frame.get("title", "")
            files = {"files": [self.uploads[frame["file_id"]][0]]} if "file_id" in frame else {}
            known = await self.say(conversation, text, author="contact", cid=frame["cid"], **files)
            self._answer(conversation, frame.get("payload") or frame.get("text") or "a file")
        if self.acknowledges:
            await socket.send_json({"type": "ack", "cid": frame["cid"], "seq": known["seq"]})

    async def _rate(self, socket: web.WebSocketResponse, conversation: Conversation, frame: Frame) -> None:
        seq, helpful = frame["seq"], frame["helpful"]
        if self.refusal:
            await socket.send_json({"type": "error", "seq": seq, **self.refusal})
            return
        if helpful is None:
            conversation.ratings.pop(seq, None)
        else:
            conversation.ratings[seq] = helpful
        if self.acknowledges:
            await socket.send_json({"type": "rated", "seq": seq, "helpful": helpful})

    def _answer(self, conversation: Conversation, question: str) -> None:
        answer = self.answers.get(f"{conversation.language}:{question}") or self.answers.get(question)
        if answer is None:
            return
        thought = asyncio.create_task(self._think(conversation, answer))
        self._thoughts.add(thought)
        thought.add_done_callback(self._thoughts.discard)

    async def _think(self, conversation: Conversation, answer: Answer) -> None:
        if self.thinking is not None:
            await self.tell(conversation, {"type": "typing", "on": True})
            await self.thinking.wait()
        await self.say(conversation, answer.text, source=answer.source, entry=answer.entry, buttons=answer.buttons)


async def _headers(_request: web.Request, response: web.StreamResponse) -> None:
    response.headers["Content-Security-Policy"] = POLICY
    response.headers["X-Content-Type-Options"] = "nosniff"

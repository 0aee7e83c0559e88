"""A client of the web chat protocol (channels/web.py): says something, and knows when all of the answer is there."""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

import aiohttp

from door.cli.common import say
from door.cli.exits import Exit, Failure

# The replies of a turn are committed together and sent in one go: once one is there, this much silence ends them.
QUIET = 0.1  # seconds
RETRY = 2.0  # seconds between two tries of a message that was refused for its frequency
RECONNECT = 15.0  # seconds in which a cut connection is taken up again
PING = 20.0  # seconds


@dataclass(frozen=True, kw_only=True)
class Reply:
    """One message of the house."""

    text: str
    buttons: list[dict[str, str]] = field(default_factory=list[dict[str, str]])
    source: str = ""
    entry: str = ""

    def shown(self) -> dict[str, Any]:
        return {"text": self.text, "buttons": self.buttons, "source": self.source, "entry": self.entry}


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What came back for one message; `ms` until the last reply, or until the waiting ended."""

    replies: list[Reply]
    ms: float
    error: dict[str, str] | None = None


class Line:
    """One visitor's connection. Cut off, it comes back with its token and its last seq, and loses nothing."""

    def __init__(self, base: str, channel: str, language: str, timeout: float, quiet: float = QUIET) -> None:
        self.base = base
        self.hotline = ""
        self.opening: list[Reply] = []  # what the house said before anybody asked
        self._url = f"{base.replace('http', 'ws', 1)}/socket/{channel}"
        self._channel = channel
        self._language = language
        self._timeout = timeout
        self._quiet = quiet
        self._token = ""
        self._seq = 0
        self._typing = False
        self._waited = False  # told the person why it takes longer
        self._http = aiohttp.ClientSession()
        self._socket: aiohttp.ClientWebSocketResponse | None = None

    async def __aenter__(self) -> Self:
        try:
            await self._connect()
        except (aiohttp.ClientError, OSError) as e:
            await self._http.close()
            raise self._away(e) from e
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._socket is not None:
            await self._socket.close()
        await self._http.close()

    async def greeting(self, seconds: float) -> None:
        """Takes what the house says first, so that it is nobody's answer."""
        self.opening = (await self._collect(lambda frame: False, time.monotonic(), seconds)).replies

    async def ask(self, *, text: str = "", button: dict[str, str] | None = None) -> Answer:
        """Sends one message and waits for all replies to it; none within the timeout is an answer without replies."""
        cid = uuid.uuid4().hex
        said = {"payload": button["payload"], "title": button["title"]} if button else {"text": text}
        message = {"type": "msg", "cid": cid, **said}
        while True:
            began = time.monotonic()
            await self._send(message)
            answer = await self._collect(
                lambda frame: frame.get("cid") == cid, began, self._timeout, again=lambda: self._send(message)
            )
            if answer.error is None or answer.error["code"] != "too_many":
                return answer
            if not self._waited:
                self._waited = True
                say("The house takes no more messages of one visitor for now; going on as it does.")
            await asyncio.sleep(RETRY)  # the message was not taken: the same one again, as every client does

    async def _collect(
        self,
        mine: Callable[[dict[str, Any]], bool],
        began: float,
        seconds: float,
        again: Callable[[], Awaitable[None]] | None = None,
    ) -> Answer:
        """Replies until they are complete or `seconds` since `began` are over; `mine` knows the error frame of our
        message, `again` sends it anew."""
        last = began
        replies: list[Reply] = []
        while True:
            patience = began + seconds - time.monotonic()
            if replies and not self._typing:
                patience = min(patience, self._quiet)
            frame = await self._receive(patience, again)
            if frame is None:
                return Answer(replies=replies, ms=round(((last if replies else time.monotonic()) - began) * 1000, 1))
            if frame["type"] == "error" and mine(frame):
                error = {"code": str(frame["code"]), "text": str(frame["text"])}
                return Answer(replies=replies, ms=round((time.monotonic() - began) * 1000, 1), error=error)
            if (reply := self._read(frame)) is not None:
                replies.append(reply)
                last = time.monotonic()

    def _read(self, frame: dict[str, Any]) -> Reply | None:
        """What a frame changes here; the reply in it, if it is one that was not there yet."""
        if frame["type"] == "typing":
            self._typing = bool(frame["on"])
        if frame["type"] != "msg" or frame["seq"] <= self._seq:
            return None
        self._seq = frame["seq"]
        if frame["from"] == "contact":
            return None
        return Reply(text=frame["text"], buttons=frame["buttons"], source=frame["source"], entry=frame["entry"])

    async def _receive(self, seconds: float, again: Callable[[], Awaitable[None]] | None) -> dict[str, Any] | None:
        """The next frame; None after `seconds` of silence. A cut connection is taken up again first."""
        if seconds <= 0:
            return None
        try:
            got = await self._open.receive(timeout=seconds)
        except TimeoutError:
            return None
        if got.type == aiohttp.WSMsgType.TEXT:
            return json.loads(got.data)
        await self._come_back()
        if again is not None:
            await again()  # it may not have been taken; the same cid is the same message
        return {"type": "resync"}

    async def _send(self, message: dict[str, Any]) -> None:
        with suppress(ConnectionError):  # the next receive notices and sends it again
            await self._open.send_str(json.dumps(message, ensure_ascii=False))

    async def _connect(self) -> None:
        self._socket = await self._http.ws_connect(self._url, heartbeat=PING, max_msg_size=0)
        hello = {"type": "hello", "token": self._token, "last_seq": self._seq, "language": self._language}
        await self._send(hello)
        got = await self._socket.receive(timeout=self._timeout)
        if got.type != aiohttp.WSMsgType.TEXT:
            raise aiohttp.ClientError(f"the socket was closed with code {got.data}")
        welcome = json.loads(got.data)
        if welcome["type"] != "welcome":
            raise aiohttp.ClientError(str(welcome.get("text", welcome["type"])))
        self._token = welcome["token"]
        self.hotline = welcome["hotline"]["name"]

    @property
    def _open(self) -> aiohttp.ClientWebSocketResponse:
        if self._socket is None:
            raise RuntimeError("a line is used as an async context manager")
        return self._socket

    async def _come_back(self) -> None:
        until = time.monotonic() + RECONNECT
        while True:
            try:
                return await self._connect()
            except (aiohttp.ClientError, OSError) as e:
                if time.monotonic() > until:
                    raise self._away(e) from e
                await asyncio.sleep(0.5)

    def _away(self, e: BaseException) -> Failure:
        if isinstance(e, aiohttp.WSServerHandshakeError) and e.status in (403, 404):
            return Failure(Exit.USAGE, f"the house at {self.base} has no web channel of the name {self._channel}")
        if isinstance(e, aiohttp.ClientConnectorError):
            return Failure(
                Exit.AWAY,
                f"no house answers at {self.base}: start it with ./qiantai up, or use --embedded for one of its own",
            )
        return Failure(Exit.AWAY, f"the house at {self.base} does not talk to us: {e}")

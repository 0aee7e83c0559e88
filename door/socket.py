"""The door of the web chat: one WebSocket per open page, fed from the ledger after the page's last seq.

What a page gets is what the ledger has: the lines that a commit of this process has just written, where they follow
on what the page was sent, and else a read (`core.live`). A page is registered before its first read, so that nothing
falls between; and every 2 s one query for the whole process finds what a lost word missed.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from urllib.parse import urlsplit

import structlog
from sqlalchemy import Connection, select
from starlette.types import Scope
from starlette.websockets import WebSocket, WebSocketDisconnect

from channels.web import (
    REPLAY_PAGE,
    BadFrame,
    Close,
    Frame,
    Hello,
    Hotline,
    Message,
    Ping,
    Rate,
    Read,
    Typing,
    Web,
    ack,
    error,
    msg,
    pong,
    rated,
    resync,
    typing,
    welcome,
)
from core import once, outbox, questions
from core.errors import BadSignature, LedgerBusy, NotFound, QiantaiError, TooMany
from core.inbox import Accepted
from core.live import Listener, Live
from core.model import ChannelId, ConversationId, Inbound, Language, Line, Locale, MessageKind, Seq, Tongue
from core.store import Store
from core.tables import conversation, conversation_seq
from core.vault import Vault
from door.answers import unforeseen
from door.metrics import Metrics
from door.rates import Addresses
from door.reception import Reception
from faq.language import locale, script_of

log = structlog.get_logger()

PREFIX = "/socket/"
HELLO_WITHIN = 10.0  # seconds
SLOW_AFTER = 10.0  # seconds one frame may wait for a page that does not read; 64 kB wait below us by then
CLOSE_WITHIN = 10.0  # seconds for the last word and the close code
FRAMES_PER_MINUTE = 600  # of any kind; a page that types without a break sends less than a hundred
SWEEP_EVERY = 2.0  # seconds
SWEEP_TAKE = 500  # conversations in one query


class Leave(Exception):
    """The socket ends with this close code."""

    def __init__(self, code: int) -> None:
        super().__init__(str(code))
        self.code = code


@dataclass(eq=False, slots=True)
class Page:
    """One open page of a visitor, from its hello on."""

    web: Web
    socket: WebSocket
    token: str = field(repr=False)
    conversation: ConversationId
    language: Locale
    network: str  # that it comes from, as `Addresses.network` has it
    last: int  # seq of the last message it was sent
    seen: int = 0  # end of the transcript at the last sweep
    frames: int = 0  # received in this minute …
    minute: float = 0.0  # … which began here, time.monotonic()
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)  # one frame at a time goes out


@dataclass(kw_only=True)
class Sockets:
    """Every open page of this process."""

    channels: Mapping[ChannelId, Web]
    store: Store
    vault: Vault
    live: Live
    reception: Reception
    addresses: Addresses
    metrics: Metrics
    hotline: Callable[[Locale], Hotline]
    default_language: Language
    public_base_url: str  # what browsers know us by where a proxy stands before us; "" if it is the Host header
    pages: set[Page] = field(default_factory=set[Page])

    async def serve(self, socket: WebSocket) -> None:
        """One connection at /socket/<channel id>, from handshake to end."""
        web = self.channels.get(ChannelId(socket.scope["path"].removeprefix(PREFIX).strip("/")))
        ours = {*(web.origins if web else ()), self.public_base_url}
        if web is None or not origin_fits(socket.headers.get("origin"), socket.headers.get("host"), ours):
            await socket.close()  # before accept: HTTP 403
            return
        await socket.accept()
        code = 1000
        try:
            with self.addresses.open(caller(socket.scope)):
                await self._talk(web, socket)
        except WebSocketDisconnect:
            return
        except TooMany as e:  # of its network address: nobody is welcomed
            code = Close.RATE
            self.metrics.refused.labels(web.id, e.code).inc()
            await _say(socket, error(code=e.code, text=e.sentence))
        except Leave as e:
            code = e.code
        except BadSignature:
            code = Close.AUTH
        except BadFrame as e:
            code = Close.BAD_FRAME
            await _say(socket, error(code=e.problem, text=e.detail))
        except LedgerBusy:
            code = 1013  # try again later
        except Exception as e:
            unforeseen(e, channel=web.id)
            code = 1011
        self.metrics.refused.labels(web.id, str(int(code))).inc()
        log.info("socket_closed", channel=web.id, code=int(code))
        await _close(socket, code)

    # ---- one page ----

    async def _talk(self, web: Web, socket: WebSocket) -> None:
        hello = await self._hello(web, socket)
        token = hello.token or web.new_token()
        conversation_id = self.vault.conversation_id(web.id, token)
        async with self.live.listen(conversation_id) as ear:
            end, chosen, ratings = await self.store.read(lambda conn: _standing(conn, conversation_id))
            if end == 0:  # whoever has a conversation comes back through any crowd
                self.addresses.visit(caller(socket.scope))
            language = hello.language or self.default_language
            if chosen:
                language = locale(chosen, "zh", script_of(hello.language))
            network = self.addresses.network(caller(socket.scope))
            last = min(hello.last_seq, end)
            page = Page(web, socket, token, conversation_id, language, network, last=last, seen=end)
            self.pages.add(page)
            gauge = self.metrics.sockets.labels(web.id)
            gauge.inc()
            try:
                await self._welcome(page, hello, end, ratings)
                await self._both_ways(page, ear)
            finally:
                gauge.dec()
                self.pages.discard(page)

    async def _hello(self, web: Web, socket: WebSocket) -> Hello:
        try:
            async with asyncio.timeout(HELLO_WITHIN):
                data = await _data(socket)
        except TimeoutError:
            raise Leave(Close.BAD_FRAME) from None
        frame = web.read(data)
        if not isinstance(frame, Hello):
            raise BadFrame("bad_frame", "hello comes first")
        return frame

    async def _welcome(self, page: Page, hello: Hello, end: int, ratings: Mapping[Seq, bool]) -> None:
        await self._send(
            page,
            welcome(
                token=page.token,
                conversation=page.conversation,
                seq=end,
                hotline=self.hotline(page.language),
                language=page.language,
            ),
        )
        if hello.last_seq > end:  # it remembers more than there is: another ledger, or one restored from a backup
            page.last = 0
            await self._send(page, resync(after=0))
        for seq, helpful in ratings.items():
            await self._send(page, rated(seq=seq, helpful=helpful))
        if end == 0:
            # The first opening is a turn like any other, so that the greeting comes from the brain.
            await self._accept(page, page.web.followed(page.token, page.language, page.network))

    async def _both_ways(self, page: Page, ear: Listener) -> None:
        """Listens and tells until one side ends; the other is then cancelled and its reason dropped."""
        tasks = {asyncio.create_task(self._tell(page, ear)), asyncio.create_task(self._listen(page))}
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            ended = await asyncio.gather(*tasks, return_exceptions=True)
        reasons = [e for e in ended if isinstance(e, Exception)]
        # A page that is gone explains every other failure of its socket.
        gone = next((e for e in reasons if isinstance(e, WebSocketDisconnect)), None)
        if done and reasons:
            raise gone or reasons[0]

    async def _tell(self, page: Page, ear: Listener) -> None:
        """Sends what the transcript has after the page's last seq, whenever there may be more."""
        typed = False
        while True:
            told = ear.take(page.last)
            if told is None or any(once.has(line.text) for line in told):
                await self._catch_up(page)
            else:
                await self._show(page, told)
            if ear.typing != typed:
                typed = ear.typing
                await self._send(page, typing(on=typed))
            await ear.wait()  # the sweep tells of what nobody else does

    async def _catch_up(self, page: Page) -> None:
        """Sends everything that the ledger has after the page's last seq."""
        base, count = self.public_base_url or origin_of(page.socket), REPLAY_PAGE
        while count == REPLAY_PAGE:
            lines = await self.store.read(
                lambda conn: next_lines(
                    conn, self.vault, page.conversation, page.last, self.reception.clock(), base=base
                )
            )
            await self._show(page, lines)
            count = len(lines)

    async def _show(self, page: Page, lines: Iterable[Line]) -> None:
        for line in lines:
            if line.kind is not MessageKind.FOLLOWED:  # an opening, nothing anybody said
                await self._send(page, _message(line))
            page.last = line.seq

    async def _listen(self, page: Page) -> None:
        while True:
            try:
                data = await _data(page.socket)
                self._count(page)  # before it is read: a bad frame costs no less than a good one
                await self._take(page, page.web.read(data))
            except BadFrame as e:
                if e.closes:
                    raise
                self.metrics.refused.labels(page.web.id, e.problem).inc()
                await self._send(page, error(code=e.problem, text=e.detail, cid=e.cid))

    def _count(self, page: Page) -> None:
        now = time.monotonic()
        if now - page.minute >= 60.0:
            page.minute, page.frames = now, 0
        page.frames += 1
        if page.frames > FRAMES_PER_MINUTE:
            raise Leave(Close.RATE)

    async def _take(self, page: Page, frame: Frame) -> None:
        match frame:
            case Ping():
                await self._send(page, pong())
            case Message():
                await self._message(page, frame)
            case Rate():
                await self._rate(page, frame)
            case Read() | Typing():
                pass  # nobody looks on yet: the seats' console will
            case Hello():
                raise BadFrame("bad_frame", "hello comes once")

    async def _message(self, page: Page, frame: Message) -> None:
        """Takes one message. A refusal names its cid; what is only too early is sent again by the page."""
        try:
            inbound = page.web.inbound(page.token, frame, page.language, page.network)
            accepted = await self._accept(page, inbound)
        except QiantaiError as e:
            await self._refuse(page, e, cid=frame.cid)
        else:
            await self._send(page, ack(cid=frame.cid, seq=accepted.seq))

    async def _rate(self, page: Page, frame: Rate) -> None:
        """Keeps what the visitor thinks of an answer, or says why not."""
        where, now = page.conversation, self.reception.clock()
        try:
            self.reception.rates.take(
                page.web.id, page.token, "rate"
            )  # counted apart: opinions take no one's words away
            if not await self.store.write(
                lambda conn: questions.rate(conn, where, frame.seq, frame.helpful, now), where
            ):
                raise NotFound("seq: there is no answer of ours at this place")
        except QiantaiError as e:
            await self._refuse(page, e, seq=frame.seq)
        else:
            await self._send(page, rated(seq=frame.seq, helpful=frame.helpful))

    async def _refuse(self, page: Page, e: QiantaiError, *, cid: str = "", seq: int = 0) -> None:
        """Says why a message or a rating is not taken; Leave(4429) for one too many."""
        self.metrics.refused.labels(page.web.id, e.code).inc()
        text = e.detail if e.detail and e.status < 500 else e.sentence
        await self._send(page, error(code=e.code, text=text, cid=cid, seq=seq))
        if isinstance(e, TooMany):
            raise Leave(Close.RATE) from e

    async def _accept(self, page: Page, inbound: Inbound) -> Accepted:
        return await self.reception.accept(page.web.id, page.web.kind, inbound)

    async def _send(self, page: Page, frame: str) -> None:
        """Writes one frame; Leave(4408) if the page has not read enough of the earlier ones in time."""
        try:
            async with asyncio.timeout(SLOW_AFTER), page.turn:
                await page.socket.send_text(frame)
        except TimeoutError:
            raise Leave(Close.SLOW) from None

    # ---- all pages ----

    async def sweep(self) -> None:
        """Tells the pages whose transcript has grown without anybody saying so; forgets old addresses."""
        self.addresses.forget()
        pages = list(self.pages)
        for start in range(0, len(pages), SWEEP_TAKE):
            part = pages[start : start + SWEEP_TAKE]
            ends = await self.store.read(lambda conn, part=part: _ends(conn, {page.conversation for page in part}))
            for page in part:
                end = ends.get(page.conversation, 0)
                if end > max(page.last, page.seen):
                    self.live.news(page.conversation)
                page.seen = end


def next_lines(
    conn: Connection, vault: Vault, conversation_id: ConversationId, after: int, now: datetime, *, base: str = ""
) -> list[Line]:
    """What comes next in a transcript, up to REPLAY_PAGE messages, with what may be read once; `base`: where the page
    finds us."""

    def shown(line: Line) -> Line:
        if not once.has(line.text):
            return line
        return replace(line, text=once.show(conn, vault, conversation_id, line.text, now, base=base))

    return [shown(line) for line in outbox.transcript(conn, conversation_id, after=after, limit=REPLAY_PAGE)]


def origin_fits(origin: str | None, host: str | None, ours: Collection[str]) -> bool:
    """Browsers say whose page connects: only our own host's and the listed ones may use a visitor's browser."""
    return origin is None or origin in ours or urlsplit(origin).netloc == host


def origin_of(socket: WebSocket) -> str:
    """The address under which a page's browser has found us."""
    return f"{'https' if socket.url.scheme == 'wss' else 'http'}://{socket.url.netloc}"


def caller(scope: Scope) -> str:
    """The network address at the other end; "" if the server does not know it."""
    client = scope.get("client")
    return client[0] if client else ""


async def _data(socket: WebSocket) -> str | bytes:
    event = await socket.receive()
    if event["type"] == "websocket.disconnect":
        raise WebSocketDisconnect(event.get("code", 1005))
    text = event.get("text")
    return text if text is not None else event.get("bytes") or b""


async def _say(socket: WebSocket, frame: str) -> None:
    """A last word, if it can still be said."""
    try:
        async with asyncio.timeout(CLOSE_WITHIN):
            await socket.send_text(frame)
    except (TimeoutError, WebSocketDisconnect, RuntimeError):
        log.debug("last_word_lost")


async def _close(socket: WebSocket, code: int) -> None:
    """Ends the socket; a page that reads nothing does not even get the code, and is cut off by the server below."""
    try:
        async with asyncio.timeout(CLOSE_WITHIN):
            await socket.close(int(code))
    except (TimeoutError, WebSocketDisconnect, RuntimeError):
        log.debug("close_code_lost", code=int(code))


def _message(line: Line) -> str:
    return msg(
        seq=line.seq,
        author=line.author,
        text=line.text,
        at=line.at,
        buttons=line.buttons,
        source=line.source,
        entry=line.entry,
        external_id=line.external_id,
        files=line.files,
    )


def _standing(conn: Connection, conversation_id: ConversationId) -> tuple[int, Tongue | None, Mapping[Seq, bool]]:
    """The end of the transcript, the language that was chosen in it and its rated answers; nothing of a new visitor."""
    row = conn.execute(
        select(conversation_seq.c.n, conversation.c.language)
        .join(conversation, conversation.c.id == conversation_seq.c.conversation_id)
        .where(conversation_seq.c.conversation_id == conversation_id)
    ).one_or_none()
    if row is None:
        return 0, None, {}
    return row.n, row.language or None, questions.ratings(conn, conversation_id)


def _ends(conn: Connection, conversations: Iterable[ConversationId]) -> dict[str, int]:
    rows = conn.execute(select(conversation_seq).where(conversation_seq.c.conversation_id.in_(list(conversations))))
    return {row.conversation_id: row.n for row in rows}

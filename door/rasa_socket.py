"""The door of pages that speak Rasa's web chat: socket.io at /socket.io/, with the same acceptance and ledger as all.

socket.io keeps a visitor's connection in one process, and its pages begin with several plain requests: with several
house processes the proxy before them must send all of one visitor's to the same.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from typing import Any, cast

import socketio  # pyright: ignore[reportMissingTypeStubs]
import structlog
from starlette.types import ASGIApp, Scope

from channels.rasa_webchat import PATH, RasaWebchat, bot_uttered
from core import outbox, shown
from core.errors import LedgerBusy, Malformed, QiantaiError, TooLarge, TooMany
from core.live import Live
from core.model import Author, ConversationId, Language, MessageKind
from core.store import Store
from core.vault import Vault
from door.answers import unforeseen
from door.metrics import Metrics
from door.rates import Addresses
from door.reception import Reception
from door.socket import FRAMES_PER_MINUTE, REPLAY_PAGE, caller, next_lines, origin_fits

log = structlog.get_logger()

EVENT_BYTES = 100_000  # of one event or request; a message of 4,000 characters has 24,000 at most, as JSON
LOOK_EVERY = 5.0  # seconds until the ledger is read again although nobody said that there is news


@dataclass(eq=False, slots=True)
class Page:
    """One page, from when its connection speaks socket.io; its session comes with the first event."""

    address: str = field(repr=False)  # the network address
    name: str = field(default_factory=lambda: secrets.token_hex(8))  # with a number the ids of its messages
    session: str = field(default="", repr=False)
    conversation: ConversationId = field(default_factory=lambda: ConversationId(""))
    told: asyncio.Task[None] | None = None
    shown: int | None = None  # seq of the last message it was shown, or any page before it; None: not looked up yet
    noted: int = 0  # how much of that the ledger knows
    titles: dict[str, str] = field(default_factory=dict[str, str])  # payload → title of the buttons it was shown
    messages: int = 0
    events: int = 0  # in this minute …
    minute: float = 0.0  # … which began here, time.monotonic()


class RasaSockets:
    """Every open page of this process that speaks Rasa's protocol."""

    def __init__(
        self,
        *,
        channel: RasaWebchat,
        store: Store,
        vault: Vault,
        live: Live,
        reception: Reception,
        addresses: Addresses,
        metrics: Metrics,
        words: Callable[[str, Language], str],
        default_language: Language,
        public_base_url: str,
    ) -> None:
        """`words(key, language)`: the sentence of the content that is told to a visitor."""
        self._channel = channel
        self._store = store
        self._vault = vault
        self._live = live
        self._reception = reception
        self._addresses = addresses
        self._metrics = metrics
        self._words = words
        self._language: Language = default_language
        self._ours = {*channel.origins, public_base_url}
        self._pages: dict[str, Page] = {}
        self._counted: dict[str, ExitStack] = {}  # by connection: its place in its address's count of open sockets
        self._io: Any = socketio.AsyncServer(
            async_mode="asgi",
            async_handlers=False,  # one page's events in their order
            cors_allowed_origins=self._origin_fits,
            cors_credentials=False,  # who a visitor is no cookie says
            max_http_buffer_size=EVENT_BYTES,
        )
        handlers = {
            "connect": self._connect,
            "session_request": self._session_request,
            "user_uttered": self._user_uttered,
            "disconnect": self._disconnect,
        }
        for event, handler in handlers.items():
            self._io.on(event, handler)
        # Below socket.io: a connection costs memory from its first request on, whether or not a page ever speaks.
        self._below = dict(self._io.eio.handlers)
        self._io.eio.on("connect", self._opened)
        self._io.eio.on("disconnect", self._closed)
        self.app = cast("ASGIApp", socketio.ASGIApp(self._io, socketio_path=PATH))

    async def close(self) -> None:
        """Lets go of every page."""
        for sid in list(self._pages):
            await self._disconnect(sid)
        for connection in list(self._counted):
            self._counted.pop(connection).close()
        await self._io.shutdown()

    def _origin_fits(self, origin: str | None, environ: dict[str, Any]) -> bool:
        return origin_fits(origin, environ.get("HTTP_HOST"), self._ours)

    def _sign(self, name: str) -> str:
        return self._vault.fingerprint("session", self._channel.id, name)

    # ---- events ----

    async def _opened(self, connection: str, environ: dict[str, Any]) -> bool:
        """Counts a connection; False, which is HTTP 401, for one too many of its address."""
        counted = ExitStack()
        try:
            counted.enter_context(self._addresses.open(caller(cast("Scope", environ["asgi.scope"]))))
        except TooMany as e:
            self._refused(e)
            return False
        self._counted[connection] = counted
        await self._below["connect"](connection, environ)
        return True

    async def _closed(self, connection: str, reason: object) -> None:
        try:
            await self._below["disconnect"](connection, reason)
        finally:
            if (counted := self._counted.pop(connection, None)) is not None:
                counted.close()

    async def _connect(self, sid: str, environ: dict[str, Any], auth: object = None) -> None:
        self._pages[sid] = Page(caller(cast("Scope", environ["asgi.scope"])))
        self._metrics.sockets.labels(self._channel.id).inc()

    async def _disconnect(self, sid: str, reason: object = None) -> None:
        page = self._pages.pop(sid, None)
        if page is None:
            return
        self._metrics.sockets.labels(self._channel.id).dec()
        try:
            await self._note(page)  # before the task ends: this may be running in it
        finally:
            if page.told is not None:
                page.told.cancel()

    async def _session_request(self, sid: str, raw: object = None) -> None:
        """Confirms the visitor's session or gives a new one; what was said meanwhile follows."""
        page = self._pages.get(sid)
        if page is None or page.told is not None:
            return
        page.session = self._channel.known_session(raw, self._sign)
        if not page.session:
            try:
                self._addresses.visit(page.address)
            except TooMany as e:
                self._refused(e)
                await self._io.disconnect(sid)
                return
            page.session = self._channel.new_session(self._sign)
        page.conversation = self._vault.conversation_id(self._channel.id, page.session)
        await self._io.emit("session_confirm", page.session, to=sid)
        if self._pages.get(sid) is not page:  # gone meanwhile: nobody would end the task
            return
        page.told = asyncio.create_task(self._tell(sid, page), name=f"rasa-{page.name}")

    async def _user_uttered(self, sid: str, raw: object = None) -> None:
        page = self._pages.get(sid)
        if page is None or page.told is None:
            return
        if not self._count(page):
            await self._io.disconnect(sid)
            return
        language = self._language
        try:
            said = self._channel.read(raw)
            language = said.language if said.language in ("zh", "en") else language
            first = said.message.startswith("/") and not await self._has_begun(page)
            page.messages += 1
            inbound = self._channel.inbound(
                page.session,
                said,
                external_id=f"{page.name}-{page.messages}",
                title=page.titles.get(said.message, ""),
                first=first,
            )
            inbound = replace(inbound, network=self._addresses.network(page.address))
            await self._reception.accept(self._channel.id, self._channel.kind, inbound)
        except Malformed as e:
            self._refused(e)  # nothing that a visitor could have written
        except QiantaiError as e:  # the protocol has no word for it, so the visitor is told in ours
            self._refused(e)
            key = "too_long" if isinstance(e, TooLarge) else "not_taken"
            told = bot_uttered(text=self._words(key, language), source="", buttons=())
            await self._io.emit("bot_uttered", told, to=sid)
        except Exception as e:
            unforeseen(e, channel=self._channel.id)

    async def _has_begun(self, page: Page) -> bool:
        return bool(await self._store.read(lambda conn: outbox.transcript(conn, page.conversation, after=0, limit=1)))

    def _count(self, page: Page) -> bool:
        """Counts an event; False for one too many in a minute."""
        now = time.monotonic()
        if now - page.minute >= 60.0:
            page.minute, page.events = now, 0
        page.events += 1
        return page.events <= FRAMES_PER_MINUTE

    def _refused(self, error: QiantaiError) -> None:
        self._metrics.refused.labels(self._channel.id, error.code).inc()
        log.info("rasa_refused", channel=self._channel.id, error=error.code)

    # ---- what we say ----

    async def _tell(self, sid: str, page: Page) -> None:
        """Shows what no page was shown yet, then what comes; ends with the page."""
        async with self._live.listen(page.conversation) as ear:
            while True:
                try:
                    await self._show(sid, page)
                except LedgerBusy:
                    log.warning("rasa_waits", channel=self._channel.id, conversation_id=page.conversation)
                except Exception as e:
                    unforeseen(e, channel=self._channel.id)
                await ear.wait(LOOK_EVERY)

    async def _show(self, sid: str, page: Page) -> None:
        """Shows this page everything after what it was shown; at first after what any page was shown."""
        which = page.conversation
        if page.shown is None:
            page.shown = page.noted = await self._store.read(lambda conn: shown.upto(conn, which))
        while True:
            now, after = self._reception.clock(), page.shown
            lines = await self._store.read(lambda conn: next_lines(conn, self._vault, which, after, now))  # noqa: B023
            for line in lines:
                if line.author is not Author.CONTACT and line.kind is MessageKind.TEXT:
                    page.titles |= {button.payload: button.title for button in line.buttons}
                    said = bot_uttered(text=line.text, source=line.source, buttons=line.buttons)
                    await self._io.emit("bot_uttered", said, to=sid)
                if self._pages.get(sid) is not page:  # gone: nobody saw it
                    return
                page.shown = line.seq
            await self._note(page)
            if len(lines) < REPLAY_PAGE:
                return

    async def _note(self, page: Page) -> None:
        """Keeps how far the page was shown. What fails is tried again with the next look, and nothing shown twice."""
        end = page.shown
        if end is None or end <= page.noted:
            return
        try:
            await self._store.write(lambda conn: shown.note(conn, page.conversation, end), page.conversation)
            page.noted = end
        except LedgerBusy:
            log.warning("rasa_not_noted", channel=self._channel.id, conversation_id=page.conversation)
        except Exception as e:
            unforeseen(e, channel=self._channel.id)

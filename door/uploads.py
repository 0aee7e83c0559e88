"""Files of visitors of the web chat: POST /c/<channel id>/upload?name=… with the bytes as the body.

    → 200 {"file_id":"…","name":"合同.pdf","media_type":"application/pdf"}

A msg frame then names the file_id. A file is looked at before it is kept: what it is shows its content, and what is not
taken is refused at once.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import cast
from urllib.parse import parse_qs

from sqlalchemy import Connection, select
from starlette.types import Receive, Scope, Send

from channels.web import VISITOR_HEADER, Web
from core import files
from core.errors import NotFound, QiantaiError, TooLarge, TooMany
from core.model import ConversationId
from core.store import Store
from core.tables import conversation
from core.vault import Vault
from door.answers import JSON, WrongMethod, headers, send_error, send_plain, shape, unforeseen
from door.fetching import inspected
from door.metrics import Metrics
from door.rates import Rates
from door.reading import ClientGone, read_body
from door.socket import origin_fits

PATH = "upload"
AT_ONCE = 16  # uploads at a time, one of each conversation; each lies in memory as a whole
BODY_SECONDS = 90.0  # for a whole file: 10 MB over a line of 1 Mbit/s
SLOT_SECONDS = 5.0  # for a place; with BODY_SECONDS less than the 100 s that a page waits for the answer


class Elsewhere(QiantaiError):
    """This site is not among those whose pages carry the chat."""

    code = "elsewhere"
    status = 403


class TooManyFiles(QiantaiError):
    """No more files are taken from one conversation in a day."""

    code = "too_many_files"
    status = 429


class UploadsBusy(QiantaiError):
    """Too many files are on their way here just now; send it again."""

    code = "uploads_busy"
    status = 503
    retryable = True


@dataclass(kw_only=True)
class Uploads:
    """Takes files from pages, ours and those of the channel's other sites."""

    store: Store
    vault: Vault
    rates: Rates
    metrics: Metrics
    clock: Callable[[], datetime]
    longest: int  # bytes of one file
    scan: str
    public_base_url: str
    _slots: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AT_ONCE))
    _busy: set[ConversationId] = field(default_factory=set[ConversationId])

    async def __call__(self, web: Web, scope: Scope, receive: Receive, send: Send) -> None:
        told = {
            name.decode("latin-1"): value.decode("latin-1")
            for name, value in cast("list[tuple[bytes, bytes]]", scope["headers"])
        }
        origin = told.get("origin")
        if not origin_fits(origin, told.get("host"), {*web.origins, self.public_base_url}):
            await send_error(send, Elsewhere())
            return
        # The page may stand on another of the channel's sites: else its browser would keep the answer to itself.
        shared = {"Access-Control-Allow-Origin": origin, "Vary": "Origin"} if origin else {}
        if scope["method"] == "OPTIONS":
            may = {"Access-Control-Allow-Methods": "POST", "Access-Control-Max-Age": "600"}
            may["Access-Control-Allow-Headers"] = f"{VISITOR_HEADER}, Content-Type"
            await send_plain(send, 204, b"", JSON, shared | may)
            return
        try:
            if scope["method"] != "POST":
                raise WrongMethod
            answer = await self._take(web, told, scope["query_string"], receive)
        except ClientGone:
            return
        except QiantaiError as e:
            self.metrics.refused.labels(web.id, e.code).inc()
            await send_plain(send, e.status, json.dumps(shape(e)).encode(), JSON, shared | dict(headers(e)))
        except Exception as e:
            e = unforeseen(e, channel=web.id)
            await send_plain(send, e.status, json.dumps(shape(e)).encode(), JSON, shared)
        else:
            await send_plain(send, 200, answer, JSON, shared)

    async def _take(self, web: Web, told: dict[str, str], query: bytes, receive: Receive) -> bytes:
        token = web.visitor(told.get(VISITOR_HEADER.lower(), ""))
        self.rates.take(web.id, token, "upload")  # counted apart: files take no one's words away
        length = told.get("content-length", "")
        if length.isdigit() and int(length[:18]) > self.longest:
            raise TooLarge(f"at most {self.longest} bytes are taken")
        which, now = self.vault.conversation_id(web.id, token), self.clock()

        def may(conn: Connection) -> None:
            if conn.execute(select(conversation.c.id).where(conversation.c.id == which)).one_or_none() is None:
                raise NotFound("there is no conversation yet that a file could be sent in")
            if files.sent_today(conn, which, now) >= files.PER_DAY:
                raise TooManyFiles

        await self.store.read(may)
        name = parse_qs(query.decode("ascii", "replace"), max_num_fields=10).get("name", [""])[0]
        async with self._alone(which), self._place():
            try:
                async with asyncio.timeout(BODY_SECONDS):
                    content = await read_body(receive, self.longest)
            except TimeoutError:
                raise TooLarge(f"the file did not come within {BODY_SECONDS:g} s") from None
            plain = self.vault.mask_tree(name.replace("\0", ""))
            found = await asyncio.to_thread(inspected, plain, content, longest=self.longest, scan=self.scan)
            ref = await self.store.write(lambda conn: files.upload(conn, self.vault, which, found, now), which)
        self.metrics.files.labels(web.id, "uploaded").inc()
        told_back = {"file_id": ref, "name": found.name, "media_type": found.media_type}
        return json.dumps(told_back, ensure_ascii=False).encode()

    @asynccontextmanager
    async def _place(self) -> AsyncGenerator[None]:
        """One of the places for uploads; UploadsBusy if none becomes free in time."""
        try:
            async with asyncio.timeout(SLOT_SECONDS):
                await self._slots.acquire()
        except TimeoutError:
            raise UploadsBusy from None
        try:
            yield
        finally:
            self._slots.release()

    @asynccontextmanager
    async def _alone(self, which: ConversationId) -> AsyncGenerator[None]:
        """One file of a conversation at a time, as pages send them: nobody takes all places by themselves."""
        if which in self._busy:
            raise TooMany
        self._busy.add(which)
        try:
            yield
        finally:
            self._busy.discard(which)

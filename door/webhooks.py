"""The door of the platforms: /c/<channel id>/…, answered only after what came in is committed."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import cast
from urllib.parse import parse_qsl

import structlog
from starlette.types import Receive, Scope, Send

from channels import Channel, Kept, Parsed, WebhookRequest
from channels.web import VISITOR_HEADER, Web
from channels.webhook import Webhook
from core import outbox
from core.errors import Malformed, QiantaiError, TooLarge, UnknownChannel
from core.inbox import Inbox
from core.model import ChannelId, Inbound, MessageKind, Receipt, Stopped
from core.store import Store
from core.vault import Vault
from door.answers import WrongMethod, send_error, send_plain, unforeseen
from door.holding import Holding
from door.metrics import Metrics
from door.rates import Addresses
from door.reading import ClientGone, read_body
from door.reception import Reception
from door.uploads import PATH as UPLOAD
from door.uploads import Uploads
from faq.language import detect

log = structlog.get_logger()

PREFIX = "/c/"
METHODS = ("GET", "POST")
OWN_CLIENTS = (Web, Webhook)  # whose callers read our refusal and can do something about it; platforms cannot


@dataclass(kw_only=True)
class Webhooks:
    """A bare ASGI application: what a framework would add to a request costs more than the request itself."""

    channels: Mapping[ChannelId, Channel]
    store: Store
    inbox: Inbox
    reception: Reception
    addresses: Addresses
    vault: Vault
    metrics: Metrics
    clock: Callable[[], datetime]
    max_body_bytes: int
    uploads: Uploads
    holding: Holding | None = None  # from when the house answers: it needs what answers and what sends

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        began = time.monotonic()
        channel_id, _, path = scope["path"].removeprefix(PREFIX).partition("/")
        channel = self.channels.get(ChannelId(channel_id))
        if isinstance(channel, Web) and path == UPLOAD:
            await self.uploads(channel, scope, receive, send)
            return
        try:
            if channel is None:
                raise UnknownChannel
            if scope["method"] not in METHODS:
                raise WrongMethod
            request = await self._request(scope, receive, path.strip("/"))
            parsed = channel.parse(request)
            if isinstance(channel, Web):
                await self._admit(channel, request)
            await self.keep(channel, parsed)
            if parsed.hold is not None and self.holding is not None:
                await self.holding.answer(channel, parsed.hold, parsed.ack, receive, send, began)
                return
        except ClientGone:
            return
        except QiantaiError as e:
            await self._refuse(send, channel_id if channel else "", e)
        except Exception as e:
            await self._refuse(send, channel_id, unforeseen(e, channel=channel_id))
        else:
            await send_plain(send, parsed.ack.status, parsed.ack.body, parsed.ack.content_type)

    async def _refuse(self, send: Send, channel_id: str, error: QiantaiError) -> None:
        self.metrics.refused.labels(channel_id, error.code).inc()
        log.warning("webhook_refused", channel=channel_id, error=error.code, status=error.status)
        await send_error(send, error)

    async def _request(self, scope: Scope, receive: Receive, path: str) -> WebhookRequest:
        headers: dict[str, str] = {}
        for raw_name, raw_value in cast("list[tuple[bytes, bytes]]", scope["headers"]):
            name, value = raw_name.decode("latin-1"), raw_value.decode("latin-1")
            headers[name] = f"{headers[name]}, {value}" if name in headers else value
        length = headers.get("content-length", "")
        if length.isdigit() and int(length) > self.max_body_bytes:
            raise TooLarge
        client = scope.get("client")
        return WebhookRequest(
            method=scope["method"],
            path=path,
            query=_query(scope["query_string"]),
            raw_query=scope["query_string"].decode("latin-1"),
            headers=headers,
            body=await read_body(receive, self.max_body_bytes),
            remote=client[0] if client else "",
            now=self.clock(),
        )

    async def _admit(self, web: Web, request: WebhookRequest) -> None:
        """Counts a visitor who is new like one who comes to the socket; TooMany above the limit of the address."""
        which = self.vault.conversation_id(web.id, request.headers[VISITOR_HEADER])
        if not await self.store.read(lambda conn: outbox.transcript(conn, which, after=0, limit=1)):
            self.addresses.visit(request.remote)

    async def keep(self, channel: Channel, parsed: Parsed) -> None:
        """Commits everything in the delivery; if one part fails the platform brings all of it again."""
        now = self.clock()
        for event in parsed.events:
            match event:
                case Inbound() if self.inbox.too_long(event) and not isinstance(channel, OWN_CLIENTS):
                    words = self.inbox.beginning(event.text)
                    await self._keep(channel, _too_long(event), now, MessageKind.TOO_LONG, _language(event), words)
                case Inbound():
                    await self.reception.accept(channel.id, channel.kind, event)
                case Receipt():
                    # Platforms name the number that could not be reached.
                    word = replace(event, detail=self.inbox.masked(event.detail))
                    await self.store.write(lambda conn, word=word: outbox.receipt(conn, channel.id, word, now))
                case Stopped():
                    await self.inbox.stop(channel=channel.id, sender=event.sender, now=now)
        for kept in parsed.kept:
            await self._keep(channel, kept, now)

    async def _keep(
        self,
        channel: Channel,
        kept: Kept,
        now: datetime,
        kind: MessageKind = MessageKind.UNREADABLE,
        language: str = "",
        text: str = "",
    ) -> None:
        if kept.external_id:  # answered like any message: once, counted, and never in silence
            event = Inbound(sender=kept.sender, external_id=kept.external_id, kind=kind, text=text, language=language)
            if (await self.reception.accept(channel.id, channel.kind, event)).duplicate:
                return
        elif kept.sender:
            self.reception.rates.take(channel.id, kept.sender)
        log.info("unsupported_kept", channel=channel.id, reason=kept.reason)
        await self.inbox.keep(channel=channel.id, reason=kept.reason, raw=kept.raw, sender=kept.sender, now=now)


def _too_long(event: Inbound) -> Kept:
    """A message that is longer than the house takes: a platform would bring it again and again, and never shorter."""
    raw = {"text": event.text, "payload": event.payload, "attachments": [asdict(file) for file in event.attachments]}
    return Kept(reason="a message that is too long", raw=raw, sender=event.sender, external_id=event.external_id)


def _language(event: Inbound) -> str:
    """What a message that nobody reads further is answered in: the platform's word on it, else by its first letters."""
    return event.language or detect(event.text, "zh")


def _query(raw: bytes) -> dict[str, str]:
    if not raw:
        return {}
    try:
        return dict(parse_qsl(raw.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=100))
    except ValueError as e:
        raise Malformed("the query of the address cannot be read") from e

"""Generic webhook: our own signed JSON over HTTP, for systems that a site already has; benches and fault tests use it.

Every request of both directions carries
    X-Qiantai-Signature: t=<unix seconds>,v1=<hex of HMAC-SHA256(secret, "<t>" + "." + body)>
and is refused when it is more than 300 s old or early. All bodies are JSON objects in UTF-8, application/json.

In: POST /c/<channel id>/in, a message of a consumer. `id` is yours: the same id of the same sender is the same
message however often you post it, so post again until you get an answer of 200.
    {"id":"m-1001","sender":"wx-7788","text":"怎么查自己的信用报告","language":"zh"}
    {"id":"m-1002","sender":"wx-7788","payload":"/faq{\\"id\\":\\"F22\\"}","text":"查询信用报告"}       a button we sent
    {"id":"m-1003","sender":"wx-7788","attachments":[{"media_type":"image/jpeg","url":"https://…","name":"a.jpg"}]}
    → 200 {"ok":true}; with "kept":"<why>" where it was kept for people because we do not handle it (no text, payload
      or attachments in it, but something else)
Receipt: POST /c/<channel id>/receipt, what became of a message of ours.
    {"id":"7","state":"delivered"}        delivered | read | failed, with an optional "detail"
    → 200 {"ok":true}
Out: POST <callback_url>, a message of ours. `id` is ours and never used for two messages: if it comes again, after an
answer that got lost, acknowledge it and do nothing.
    {"id":"7","to":"wx-7788","text":"…","buttons":[{"title":"…","payload":"/…"}],"in_reply_to":"m-1001"}
    and "part":1,"parts":2 where the text is longer than `text_max`: several requests with one id
    → 2xx {"ok":true}      taken
      2xx anything else    refused, {"error":"<code>"} says why; never sent again
      410                  this contact wants nothing more from us
      429                  throttled, sent again after Retry-After
      5xx, no answer       sent again later, from the part on that was not taken; other answers: refused
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Callable
from datetime import datetime
from typing import Any, ClassVar, cast

import orjson
from pydantic import Field, SecretStr

from channels import Ack, BaseConfig, Clock, Kept, Parsed, WebhookRequest
from channels._address import CalledUrl, Origins, connection_problem
from channels._http import Answer, Client, failure
from channels._media import Files
from channels._parts import rest
from channels._text import Part, fit, read_object, unstorable
from core.errors import BadSignature, Malformed, NotFound, SendError, Unsupported, WrongType
from core.model import (
    Attachment,
    Capabilities,
    ChannelId,
    DeliveryState,
    Event,
    Inbound,
    MessageKind,
    Outbound,
    Receipt,
    Sent,
)

SIGNATURE_HEADER = "X-Qiantai-Signature"
FRESH = 300  # seconds a signature is good for, either way: the clocks of two machines differ
ID_MAX = 200  # characters of an id or a sender
PAYLOAD_MAX = 1000  # characters
URL_MAX = 2000  # characters of an attachment's address
ATTACHMENTS_MAX = 10
DETAIL_MAX = 500  # characters of a receipt's detail that are kept

_SIGNATURE = re.compile(r"t=([0-9]{1,12}),v1=([0-9a-f]{64})")
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8}){0,4}")  # BCP 47: zh, zh-CN, en-US
_OUR_ID = re.compile(r"[1-9][0-9]{0,17}")
_MEDIA_TYPE = re.compile(r"[a-z]+/[a-z0-9.+_-]{1,100}")
_ERROR_CODE = re.compile(r"[A-Za-z0-9_.-]{1,64}")  # a word for machines; prose may quote the consumer

_CONTENT = ("text", "payload", "attachments")
_RECEIPTS = {
    "delivered": DeliveryState.DELIVERED,
    "read": DeliveryState.READ,
    "failed": DeliveryState.FAILED,
}


class Config(BaseConfig):
    secret: SecretStr = Field(min_length=16, description="shared with the other system; signs both directions")
    callback_url: CalledUrl = Field(description="where our messages are posted; https, or http on a private network")
    timeout: float = Field(default=10.0, ge=0.1, le=60.0, description="seconds one call may take")
    buttons: bool = Field(default=True, description="false: buttons go out as a numbered list in the text")
    text_max: int = Field(default=4000, ge=50, le=100_000, description="characters of one message going out")
    file_origins: Origins = Field(
        default=[], description="where files may come from beside the public internet: http://files.bank.internal:8080"
    )


def sign(secret: str, timestamp: int, body: bytes) -> str:
    """The value of the signature header for `body` sent at `timestamp` (unix seconds)."""
    digest = hmac.new(secret.encode(), b"%d." % timestamp + body, hashlib.sha256).hexdigest()
    return f"t={timestamp},v1={digest}"


class Webhook:
    """One system of the site that hands us its messages and takes ours."""

    kind: ClassVar[str] = "webhook"

    def __init__(self, channel_id: ChannelId, config: Config, clock: Clock) -> None:
        self.id = channel_id
        self.capabilities = Capabilities(
            buttons=config.buttons,
            images=True,
            attachments=True,
            receipts=True,
            text_max=config.text_max,
            resend_unknown=True,
        )
        self._config = config
        self._clock = clock
        self._http = Client()
        self._files = Files(config.file_origins)

    def __repr__(self) -> str:
        return f"Webhook({self.id!r})"

    # ---- in ----

    def parse(self, request: WebhookRequest) -> Parsed:
        reader = _READERS.get(request.path) if request.method == "POST" else None
        if reader is None:
            raise NotFound
        self._verify(request)
        if request.headers.get("Content-Type", "").partition(";")[0].strip().lower() != "application/json":
            raise WrongType("application/json is taken here")
        raw = read_object(request.body)
        # What cannot be kept comes into JSON by an escape only: bare it is no JSON, or no UTF-8.
        if b"\\u" in request.body and (why := unstorable(raw)):
            raise Malformed(why)
        try:
            return Parsed(events=(reader(raw),), ack=_TAKEN)
        except Unsupported as e:
            sender = raw.get("sender", "")  # a receipt names none, and its id is ours
            kept = Kept(reason=e.detail, raw=raw, sender=sender, external_id=raw["id"] if sender else "")
            return Parsed(kept=(kept,), ack=_kept(e.detail))

    def _verify(self, request: WebhookRequest) -> None:
        match = _SIGNATURE.fullmatch(request.headers.get(SIGNATURE_HEADER, ""))
        if match is None:
            raise BadSignature(f"{SIGNATURE_HEADER}: t=<unix seconds>,v1=<hex> is needed")
        timestamp = int(match[1])
        # Compared before the time is judged: who cannot sign learns nothing, not even our clock.
        if not hmac.compare_digest(sign(self._config.secret.get_secret_value(), timestamp, request.body), match[0]):
            raise BadSignature("the signature does not fit the body")
        if abs(request.now.timestamp() - timestamp) > FRESH:
            raise BadSignature(f"the signature is more than {FRESH} s away from our clock")

    # ---- out ----

    async def start(self) -> None:
        await self._http.start()
        await self._files.start()

    async def send(self, message: Outbound) -> Sent:
        parts = fit(message, self.capabilities)
        async for number, part in rest(message, parts):
            body = _body(message, part, number, len(parts))
            now = int(self._clock().timestamp())
            headers = {
                "Content-Type": "application/json",
                SIGNATURE_HEADER: sign(self._config.secret.get_secret_value(), now, body),
            }
            answer = await self._http.post(
                self._config.callback_url, body=body, headers=headers, within=self._config.timeout
            )
            _judge(answer)
        return Sent()

    async def fetch(self, file: Attachment, most: int) -> bytes:
        """A file that a message names: from the public internet, or from where the settings say that files are."""
        return (await self._files.get(file.url, most)).body

    async def close(self) -> None:
        await self._http.close()
        await self._files.close()


def create(channel_id: ChannelId, config: BaseConfig, clock: Clock) -> Webhook:
    return Webhook(channel_id, cast(Config, config), clock)


async def check(channel_id: ChannelId, config: BaseConfig, public_url: str) -> list[str]:
    """Whether somebody takes connections at the callback address."""
    problem = await connection_problem(cast(Config, config).callback_url)
    return [f"callback_url: {problem}"] if problem else []


def samples(channel_id: ChannelId, config: BaseConfig, now: datetime) -> dict[str, WebhookRequest]:
    secret, run = cast(Config, config).secret.get_secret_value(), int(now.timestamp() * 1000)
    photo = {"media_type": "image/png", "url": "https://files.invalid/sample.png", "name": "sample.png"}
    bodies = {
        "text": {"id": f"sample-{run}-1", "sender": "sample", "text": "怎么查自己的信用报告"},
        "attachment": {"id": f"sample-{run}-2", "sender": "sample", "attachments": [photo]},
        "unsupported": {"id": f"sample-{run}-3", "sender": "sample", "sticker": "sample"},
    }

    def post(fields: dict[str, Any]) -> WebhookRequest:
        body = json.dumps(fields, ensure_ascii=False).encode()
        headers = {"Content-Type": "application/json", SIGNATURE_HEADER: sign(secret, int(now.timestamp()), body)}
        return WebhookRequest(method="POST", path="in", headers=headers, body=body, now=now)

    return {label: post(fields) for label, fields in bodies.items()}


# ---- reading --------------------------------------------------------------------------------------------------------


def _message(raw: dict[str, Any]) -> Inbound:
    external_id, sender = _name(raw, "id"), _name(raw, "sender")
    extra = set(raw) - {"id", "sender", "language", *_CONTENT}
    if not any(name in raw for name in _CONTENT):
        if extra:
            raise Unsupported("no text, payload or attachments in it")
        raise Malformed("text, payload or attachments: one of them is needed")
    if extra:
        raise Malformed(f"{', '.join(sorted(extra))[:ID_MAX]}: no such field here")
    text, payload = _text(raw, "text"), _text(raw, "payload")
    attachments = _attachments(raw.get("attachments", []))
    if payload and (attachments or not payload.startswith("/") or len(payload) > PAYLOAD_MAX):
        raise Malformed(f'payload: begins with "/", at most {PAYLOAD_MAX} characters, no attachments beside it')
    if not (text.strip() or payload or attachments):
        raise Malformed("text, payload or attachments: one of them says something")
    return Inbound(
        sender=sender,
        external_id=external_id,
        kind=_kind(payload, attachments),
        text=text,
        payload=payload,
        attachments=attachments,
        language=_language(raw),
    )


def _kind(payload: str, attachments: tuple[Attachment, ...]) -> MessageKind:
    if payload:
        return MessageKind.PAYLOAD
    return MessageKind.ATTACHMENT if attachments else MessageKind.TEXT


def _receipt(raw: dict[str, Any]) -> Receipt:
    our_id, state, detail = _text(raw, "id"), _text(raw, "state"), _text(raw, "detail")
    if extra := set(raw) - {"id", "state", "detail"}:
        raise Malformed(f"{', '.join(sorted(extra))[:ID_MAX]}: no such field here")
    if not _OUR_ID.fullmatch(our_id):
        raise Malformed("id: the id of a message of ours, as a text")
    if not state:
        raise Malformed(f"state: {', '.join(_RECEIPTS)}")
    if state not in _RECEIPTS:
        raise Unsupported(f"a state that is none of {', '.join(_RECEIPTS)}")
    return Receipt(outbox_id=int(our_id), external_id="", state=_RECEIPTS[state], detail=detail[:DETAIL_MAX])


_READERS: dict[str, Callable[[dict[str, Any]], Event]] = {"in": _message, "receipt": _receipt}


def _text(raw: dict[str, Any], name: str) -> str:
    value = raw.get(name, "")
    if not isinstance(value, str):
        raise Malformed(f"{name}: a text")
    return value


def _name(raw: dict[str, Any], name: str) -> str:
    value = _text(raw, name)
    if not value.strip() or len(value) > ID_MAX:
        raise Malformed(f"{name}: a text of 1 to {ID_MAX} characters")
    return value


def _language(raw: dict[str, Any]) -> str:
    """The first part of the tag, in small letters: zh-CN is zh."""
    tag = _text(raw, "language")
    if tag and not _LANGUAGE.fullmatch(tag):
        raise Malformed("language: a tag as zh, en or zh-CN")
    return tag.partition("-")[0].lower()


def _attachments(value: Any) -> tuple[Attachment, ...]:
    """Addresses are not fetched here: they come from outside, and `fetch` looks where each one leads."""
    if not isinstance(value, list):
        raise Malformed("attachments: a list")
    items = cast(list[Any], value)
    if len(items) > ATTACHMENTS_MAX:
        raise Malformed(f"attachments: at most {ATTACHMENTS_MAX}")
    return tuple(_attachment(item) for item in items)


def _attachment(value: Any) -> Attachment:
    if not isinstance(value, dict):
        raise Malformed("attachments: objects with media_type and url")
    raw = cast(dict[str, Any], value)
    media_type = _text(raw, "media_type").partition(";")[0].strip().lower()
    url, name, size = _text(raw, "url"), _text(raw, "name"), raw.get("size")
    if set(raw) - {"media_type", "url", "name", "size"}:
        raise Malformed("attachments: media_type, url, name and size are known")
    if not _MEDIA_TYPE.fullmatch(media_type):
        raise Malformed("attachments: media_type: as image/jpeg")
    if not url.startswith(("https://", "http://")) or len(url) > URL_MAX or not url.isprintable():
        raise Malformed(f"attachments: url: an http address of at most {URL_MAX} characters")
    if size is not None and (not isinstance(size, int) or isinstance(size, bool) or not 0 <= size < 2**53):
        raise Malformed("attachments: size: bytes, a whole number")
    return Attachment(media_type=media_type, url=url, name=name[:ID_MAX], size=size)


_TAKEN = Ack(body=b'{"ok":true}', content_type="application/json")


def _kept(why: str) -> Ack:
    return Ack(body=orjson.dumps({"ok": True, "kept": why}), content_type="application/json")


# ---- writing --------------------------------------------------------------------------------------------------------


def _body(message: Outbound, part: Part, number: int, count: int) -> bytes:
    fields: dict[str, Any] = {
        "id": str(message.id),
        "to": message.address,
        "text": part.text,
        "buttons": [{"title": b.title, "payload": b.payload} for b in part.buttons],
        "in_reply_to": message.in_reply_to,
    }
    if count > 1:
        fields |= {"part": number, "parts": count}
    return orjson.dumps(fields)


def _judge(answer: Answer) -> None:
    """Return if the other system says that it has the message: status *and* body must say so."""
    if answer.status == 410:
        raise SendError("contact_stopped", "HTTP 410", retryable=False)
    if error := failure(answer):
        raise error
    said = answer.object()
    if said.get("ok") is not True or "error" in said:
        code = said.get("error")
        words = code if isinstance(code, str) and _ERROR_CODE.fullmatch(code) else 'the answer is not {"ok": true}'
        raise SendError("refused", f"HTTP {answer.status}: {words}", retryable=False)

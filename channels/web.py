"""Web chat: the frames that a browser (or a terminal) and the house exchange over a WebSocket, read and rendered.

`door/socket.py` runs the socket at /socket/<channel id>; here is only what the frames mean. All frames are JSON text.

Client to server:
    {"type":"hello","token":"<secret or empty>","last_seq":0,"language":"zh"}     always first
    {"type":"msg","cid":"<id by the client>","text":"怎么查自己的信用报告"}           what the visitor typed …
    {"type":"msg","cid":"<id by the client>","payload":"/faq{\\"id\\":\\"F22\\"}","title":"…"}   … or the button
    {"type":"msg","cid":"<id by the client>","file_id":"…"}      … or the file that was uploaded, see door/uploads.py
    {"type":"rate","seq":9,"helpful":true}    a thumb under the answer at this seq: up, down (false), taken back (null)
    {"type":"typing","on":true}   {"type":"read","seq":7}   {"type":"ping"}
Server to client:
    {"type":"welcome","token":"…","conversation":"c…","seq":7,"hotline":{"name","number","hours"},"language":"zh"}
    {"type":"ack","cid":"…","seq":8}
    {"type":"msg","seq":9,"from":"bot","text":"…","buttons":[{"title","payload"}],"source":"…","entry":"F22","at":"…"}
        and "cid" on the visitor's own messages: a client that already shows that cid shows it once; and "files", the
        names of those in it
    {"type":"rated","seq":9,"helpful":true}
        once it is kept; and after welcome, one for every rated answer of the conversation
    {"type":"typing","on":true}   {"type":"resync","from":4}   {"type":"error","code","text","cid"}   {"type":"pong"}

The token is a secret made here for a new visitor and kept by the client; it is the `sender`, which the house stores
only as a keyed hash. A client keeps each `msg` until its `ack` and sends it again after a reconnection: the same cid
is the same message. A bad frame therefore gets an error that names its cid, or the client would send it for ever;
where no cid can be read the socket is closed. `send` calls nobody: the client reads the ledger after its last seq.

A client keeps each `rate` until it is `rated`, too, and the latest one of an answer counts. An error names its seq:
not_found where no FAQ answer stands at this place of the visitor's own conversation.

Where no WebSocket gets through, `POST /c/<channel id>/in` takes one msg frame with the token in X-Qiantai-Token.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum
from typing import Any, ClassVar, Literal, cast

import orjson
from pydantic import Field

from channels import Ack, BaseConfig, Clock, Kept, Parsed, WebhookRequest
from channels._address import Origins, unencrypted
from channels._text import read_object, unstorable
from core.errors import BadSignature, Malformed, NotFound, Unsupported, WrongType
from core.model import (
    UPLOAD,
    Attachment,
    Author,
    Button,
    Capabilities,
    ChannelId,
    Inbound,
    Locale,
    MessageKind,
    Outbound,
    Sent,
)

FRAME_MAX = 262144  # characters of one frame; the socket's own limit in bytes should not be lower
PAYLOAD_MAX = 1000  # characters; a button of ours is `/intent` with a slot or two
TITLE_MAX = 200  # characters of the button that was pressed, as it was shown
SEQ_MAX = 2**53 - 1  # the largest whole number a browser counts with
PING_EVERY = 20.0  # seconds between two pings of the client
REPLAY_PAGE = 200  # messages read at once when a client comes back
FOLLOWED_ID = "#followed"  # external id of a visitor's first opening; no cid can be written like it

VISITOR_HEADER = "X-Qiantai-Token"  # of a visitor who posts

_TOKEN = re.compile(r"[A-Za-z0-9_-]{43}")  # 32 bytes as base64url
_FILE = re.compile(r"[A-Za-z0-9_-]{22}")  # 16 bytes as base64url, as core.files makes it
_CID = re.compile(r"[A-Za-z0-9._:-]{1,64}")

Problem = Literal["bad_frame", "bad_payload", "empty", "too_long", "unreadable"]


class Close(IntEnum):
    """WebSocket close codes of this protocol."""

    BAD_FRAME = 4400
    AUTH = 4401
    SLOW = 4408  # the client does not read what we send
    RATE = 4429


class BadFrame(Malformed):
    """The frame is not part of the web chat protocol."""

    def __init__(self, problem: Problem, detail: str, *, cid: str = "") -> None:
        super().__init__(detail)
        self.problem: Problem = problem  # the `code` of the error frame
        self.cid = cid  # the message it was; "" where none can be told

    @property
    def closes(self) -> bool:
        """Whether the socket ends with Close.BAD_FRAME, since no client could be told which frame was bad."""
        return not self.cid


# ---- frames of the client -------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True, slots=True)
class Hello:
    token: str = field(repr=False)  # "" for a new visitor
    last_seq: int
    language: Locale | Literal[""]  # of the page, and so the reader's


@dataclass(frozen=True, kw_only=True, slots=True)
class Message:
    """Exactly one of text, payload and file."""

    cid: str
    text: str = field(default="", repr=False)
    payload: str = ""
    title: str = ""  # of the button that was pressed
    file: str = ""  # id of an upload


@dataclass(frozen=True, kw_only=True, slots=True)
class Typing:
    on: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Read:
    seq: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Rate:
    """What the visitor thinks of the answer at `seq`."""

    seq: int
    helpful: bool | None  # None: takes it back


@dataclass(frozen=True, kw_only=True, slots=True)
class Ping:
    pass


Frame = Hello | Message | Typing | Read | Rate | Ping


def read_frame(data: str | bytes, max_text: int = 4000) -> Frame:
    """The frame in `data`; BadFrame says what is wrong, BadSignature that hello brings a token we never made."""
    if isinstance(data, bytes):
        raise BadFrame("bad_frame", "a binary frame; frames are JSON text")
    if len(data) > FRAME_MAX:
        raise BadFrame("too_long", f"a frame has at most {FRAME_MAX} characters")
    try:
        raw = read_object(data)
    except Malformed as e:
        raise BadFrame("bad_frame", e.detail) from None
    kind = raw.pop("type", None)
    reader = _READERS.get(kind) if isinstance(kind, str) else None
    if reader is None:
        raise BadFrame("bad_frame", f"type: one of {', '.join(_READERS)}")
    return reader(raw, max_text)


def _hello(raw: dict[str, Any], max_text: int) -> Hello:
    _only(raw, "token", "last_seq", "language")
    token, language = _text(raw, "token"), _text(raw, "language")
    if token and not _TOKEN.fullmatch(token):
        raise BadSignature("token: not one that was made here")
    if language not in ("", "zh", "zh-Hant", "en"):
        raise BadFrame("bad_frame", "language: zh, zh-Hant, en")
    return Hello(token=token, last_seq=_seq(raw, "last_seq"), language=language)


def _msg(raw: dict[str, Any], max_text: int) -> Message:
    cid = _text(raw, "cid")
    if not _CID.fullmatch(cid):
        raise BadFrame("bad_frame", "cid: 1 to 64 of A-Z a-z 0-9 . _ : -")
    _only(raw, "cid", "text", "payload", "title", "file_id", cid=cid)
    if why := unstorable(raw):
        raise BadFrame("unreadable", why, cid=cid)
    text, payload = _text(raw, "text", cid), _text(raw, "payload", cid)
    title, file = _text(raw, "title", cid), _text(raw, "file_id", cid)
    if len(text) > max_text:
        raise BadFrame("too_long", f"text: at most {max_text} characters", cid=cid)
    if not (text.strip() or payload or file):
        raise BadFrame("empty", "a message says something", cid=cid)
    if bool(text) + bool(payload) + bool(file) != 1:
        raise BadFrame("bad_frame", "text, payload or file_id: exactly one", cid=cid)
    if payload and (not payload.startswith("/") or len(payload) > PAYLOAD_MAX):
        raise BadFrame("bad_payload", f'payload: begins with "/", at most {PAYLOAD_MAX} characters', cid=cid)
    if file and not _FILE.fullmatch(file):
        raise BadFrame("bad_frame", "file_id: as the upload gave it", cid=cid)
    if len(title) > TITLE_MAX or (title and not payload):
        raise BadFrame("bad_frame", f"title: only with a payload, at most {TITLE_MAX} characters", cid=cid)
    return Message(cid=cid, text=text, payload=payload, title=title, file=file)


def _typing(raw: dict[str, Any], max_text: int) -> Typing:
    _only(raw, "on")
    on = raw.get("on")
    if not isinstance(on, bool):
        raise BadFrame("bad_frame", "on: true or false")
    return Typing(on=on)


def _read(raw: dict[str, Any], max_text: int) -> Read:
    _only(raw, "seq")
    return Read(seq=_seq(raw, "seq"))


def _rate(raw: dict[str, Any], max_text: int) -> Rate:
    _only(raw, "seq", "helpful")
    helpful = raw.get("helpful", "")
    if not (helpful is None or isinstance(helpful, bool)):
        raise BadFrame("bad_frame", "helpful: true, false or null")
    return Rate(seq=_seq(raw, "seq"), helpful=helpful)


def _ping(raw: dict[str, Any], max_text: int) -> Ping:
    _only(raw)
    return Ping()


_READERS: dict[str, Callable[[dict[str, Any], int], Frame]] = {
    "hello": _hello,
    "msg": _msg,
    "typing": _typing,
    "read": _read,
    "rate": _rate,
    "ping": _ping,
}


def _only(raw: dict[str, Any], *known: str, cid: str = "") -> None:
    if set(raw) - set(known):
        raise BadFrame("bad_frame", f"a field too many; there are: {', '.join(('type', *known))}", cid=cid)


def _text(raw: dict[str, Any], name: str, cid: str = "") -> str:
    value = raw.get(name, "")
    if not isinstance(value, str):
        raise BadFrame("bad_frame", f"{name}: a text", cid=cid)
    return value


def _seq(raw: dict[str, Any], name: str) -> int:
    value = raw.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= SEQ_MAX:
        raise BadFrame("bad_frame", f"{name}: a whole number from 0")
    return value


# ---- frames of the server -------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True, slots=True)
class Hotline:
    """Whom to call instead, shown by the widget."""

    name: str
    number: str
    hours: str


def welcome(*, token: str, conversation: str, seq: int, hotline: Hotline, language: Locale) -> str:
    line = {"name": hotline.name, "number": hotline.number, "hours": hotline.hours}
    return _frame(type="welcome", token=token, conversation=conversation, seq=seq, hotline=line, language=language)


def ack(*, cid: str, seq: int) -> str:
    return _frame(type="ack", cid=cid, seq=seq)


def msg(
    *,
    seq: int,
    author: Author,
    text: str,
    at: datetime,
    buttons: Sequence[Button] = (),
    source: str = "",
    entry: str = "",
    external_id: str = "",
    files: Sequence[str] = (),
) -> str:
    """One message of the transcript; `external_id` of the visitor's own messages comes back as their cid."""
    own: dict[str, Any] = {"cid": external_id} if external_id and external_id != FOLLOWED_ID else {}
    if files:
        own["files"] = list(files)
    return _frame(
        **{"type": "msg", "seq": seq, "from": author.value, "text": text},
        buttons=[{"title": b.title, "payload": b.payload} for b in buttons],
        source=source,
        entry=entry,
        at=at.isoformat(),
        **own,
    )


def rated(*, seq: int, helpful: bool | None) -> str:
    """What is kept of the visitor's opinion of the answer at `seq`."""
    return _frame(type="rated", seq=seq, helpful=helpful)


def typing(*, on: bool) -> str:
    return _frame(type="typing", on=on)


def resync(*, after: int) -> str:
    """The client missed something: what follows begins after this seq."""
    return _frame(**{"type": "resync", "from": after})


def error(*, code: str, text: str, cid: str = "", seq: int = 0) -> str:
    """A refusal; `cid` or `seq` says of which message or which rating."""
    about = ({"cid": cid} if cid else {}) | ({"seq": seq} if seq else {})
    return _frame(type="error", code=code, text=text, **about)


def pong() -> str:
    return _frame(type="pong")


def _frame(**fields: Any) -> str:
    return orjson.dumps(fields).decode()


# ---- the channel ----------------------------------------------------------------------------------------------------


class Config(BaseConfig):
    max_text: int = Field(default=4000, ge=1, le=100_000, description="characters of one visitor's message")
    origins: Origins = Field(default=[], description="other sites whose pages carry the widget: https://bank.example")


class Web:
    """The channel of all visitors of the page; a visitor is who holds the token."""

    kind: ClassVar[str] = "web"

    def __init__(self, channel_id: ChannelId, config: Config) -> None:
        self.id = channel_id
        self.capabilities = Capabilities(buttons=True, images=True, attachments=True, typing=True, live=True)
        self.origins = frozenset(config.origins)  # beside our own; for the socket's handshake
        self._max_text = config.max_text

    def __repr__(self) -> str:
        return f"Web({self.id!r})"

    @staticmethod
    def new_token() -> str:
        """The secret of a new visitor: 32 random bytes, base64url, 43 characters."""
        return secrets.token_urlsafe(32)

    @staticmethod
    def visitor(token: str) -> str:
        """The token that a visitor posts with; BadSignature for one that we never made."""
        if not _TOKEN.fullmatch(token):
            raise BadSignature(f"{VISITOR_HEADER}: missing, or not one that was made here")
        return token

    def read(self, data: str | bytes) -> Frame:
        """The frame a socket received; failures as in `read_frame`."""
        return read_frame(data, self._max_text)

    def inbound(self, token: str, frame: Message, language: str = "", network: str = "") -> Inbound:
        """What a msg frame says, by the visitor who holds `token`, from `network`."""
        if frame.file:  # what it is, the ledger knows
            file = Attachment(media_type="", url=f"{UPLOAD}{frame.file}")
            kind = MessageKind.ATTACHMENT
            return Inbound(
                sender=token,
                external_id=frame.cid,
                kind=kind,
                attachments=(file,),
                language=language,
                network=network,
            )
        return Inbound(
            sender=token,
            external_id=frame.cid,
            kind=MessageKind.PAYLOAD if frame.payload else MessageKind.TEXT,
            text=frame.title if frame.payload else frame.text,
            payload=frame.payload,
            language=language,
            network=network,
        )

    def followed(self, token: str, language: str = "", network: str = "") -> Inbound:
        """A visitor opened the page for the first time; once per visitor however often it is accepted."""
        return Inbound(
            sender=token,
            external_id=FOLLOWED_ID,
            kind=MessageKind.FOLLOWED,
            language=language,
            network=network,
        )

    def parse(self, request: WebhookRequest) -> Parsed:
        if request.method != "POST" or request.path != "in":
            raise NotFound
        token = self.visitor(request.headers.get(VISITOR_HEADER, ""))
        if request.headers.get("Content-Type", "").partition(";")[0].strip().lower() != "application/json":
            raise WrongType("application/json is taken here")
        try:
            body = request.body.decode()
        except UnicodeDecodeError:
            raise BadFrame("bad_frame", "not UTF-8") from None
        frame = self.read(body)
        ack = Ack(body=b'{"ok":true}', content_type="application/json")
        try:
            if not isinstance(frame, Message):
                raise Unsupported(f"{type(frame).__name__.lower()}: only a socket carries this frame")
            return Parsed(events=(self.inbound(token, frame),), ack=ack)
        except Unsupported as e:
            cid = frame.cid if isinstance(frame, Message) else ""
            return Parsed(kept=(Kept(reason=e.detail, raw=read_object(body), sender=token, external_id=cid),), ack=ack)

    async def start(self) -> None:
        """Nothing to open: nobody is called."""

    async def send(self, message: Outbound) -> Sent:
        """The commit was the delivery: the client reads the ledger after its last seq."""
        return Sent()

    async def close(self) -> None:
        """Nothing was opened."""


def create(channel_id: ChannelId, config: BaseConfig, clock: Clock) -> Web:
    return Web(channel_id, cast(Config, config))


async def check(channel_id: ChannelId, config: BaseConfig, public_url: str) -> list[str]:
    """Whether browsers on the internet would talk to us unencrypted; nobody is asked."""
    return unencrypted(*cast(Config, config).origins, public_url)


def samples(channel_id: ChannelId, config: BaseConfig, now: datetime) -> dict[str, WebhookRequest]:
    token, run = Web.new_token(), int(now.timestamp() * 1000)
    frames = {
        "text": {"type": "msg", "cid": f"sample-{run}-1", "text": "怎么查自己的信用报告"},
    }
    headers = {"Content-Type": "application/json", VISITOR_HEADER: token}
    return {
        label: WebhookRequest(method="POST", path="in", headers=headers, body=_frame(**frame).encode(), now=now)
        for label, frame in frames.items()
    }

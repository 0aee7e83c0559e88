"""Rasa's own web chat: a page that carries `rasa-webchat` (npm, 1.0.1), or another client of Rasa's socket.io channel,
talks to this house without a change but for its address.

`door/rasa_socket.py` runs the socket at /socket.io/; here is only what its events mean.

Client to server:
    session_request {"session_id": "<what the last session_confirm said>" or null}
    user_uttered    {"message": "怎么查自己的信用报告", "customData": {"language": "zh"}, "session_id": "…"}
        A message that begins with "/" is a button that was pressed; as the first one of all it is the page's
        `initPayload`, and opens the conversation.
Server to client:
    session_confirm "<session id>"
    bot_uttered     {"text": "…", "quick_replies": [{"content_type": "text", "title": "…", "payload": "/…"}]}

A session id is the visitor's secret, as the token of our own chat is: made and signed here, never chosen by a page. The
protocol has neither message ids nor acknowledgements. What the visitor writes while the line breaks may be lost; what
we say is shown once, and what was said while no page was open when the next one comes.
"""

from __future__ import annotations

import hmac
import re
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, cast

from pydantic import Field

from channels import BaseConfig, Clock, Parsed, WebhookRequest
from channels._address import Origins, unencrypted
from channels._text import unstorable
from core.errors import Malformed, NotFound, TooLarge
from core.model import Button, Capabilities, ChannelId, Inbound, MessageKind, Outbound, Sent

PATH = "/socket.io/"  # where such pages connect unless they are told otherwise
FOLLOWED_ID = "#followed"  # external id of a conversation's opening; no message has one like it

_SESSION = re.compile(r"([A-Za-z0-9_-]{32})\.([0-9a-f]{64})")
_LANGUAGE = re.compile(r"([A-Za-z]{2,3})(?:[-_][A-Za-z0-9]{1,8}){0,4}")

Sign = Callable[[str], str]  # 64 hex digits that only this house can make


class Config(BaseConfig):
    max_text: int = Field(default=4000, ge=1, le=100_000, description="characters of one visitor's message")
    origins: Origins = Field(default=[], description="other sites whose pages carry the widget: https://bank.example")


@dataclass(frozen=True, kw_only=True, slots=True)
class Uttered:
    """What a visitor wrote or pressed."""

    message: str = field(repr=False)
    language: str  # as the page says in its customData; "" if it does not


class RasaWebchat:
    """The channel of all visitors whose pages speak Rasa's protocol; a visitor is who holds the session id."""

    kind: ClassVar[str] = "rasa_webchat"

    def __init__(self, channel_id: ChannelId, config: Config) -> None:
        self.id = channel_id
        self.capabilities = Capabilities(buttons=True, live=True)
        self.origins = frozenset(config.origins)  # beside our own
        self._max_text = config.max_text

    def __repr__(self) -> str:
        return f"RasaWebchat({self.id!r})"

    @staticmethod
    def new_session(sign: Sign) -> str:
        name = secrets.token_urlsafe(24)
        return f"{name}.{sign(name)}"

    @staticmethod
    def known_session(raw: object, sign: Sign) -> str:
        """The session id in a session_request; "" where there is none, or one that was not made here."""
        named = cast("dict[str, object]", raw).get("session_id") if isinstance(raw, dict) else None
        match = _SESSION.fullmatch(named) if isinstance(named, str) else None
        return match[0] if match and hmac.compare_digest(sign(match[1]), match[2]) else ""

    def read(self, raw: object) -> Uttered:
        """What a user_uttered says; Malformed or TooLarge if it cannot be taken."""
        fields = cast("dict[str, object]", raw) if isinstance(raw, dict) else {}
        message, custom = fields.get("message"), fields.get("customData")
        if not isinstance(message, str) or not message.strip():
            raise Malformed("message: a text that says something")
        if len(message) > self._max_text:
            raise TooLarge(f"message: at most {self._max_text} characters")
        if why := unstorable(message):
            raise Malformed(why)
        tag = cast("dict[str, object]", custom).get("language") if isinstance(custom, dict) else None
        match = _LANGUAGE.fullmatch(tag) if isinstance(tag, str) else None
        return Uttered(message=message, language=match[1].lower() if match else "")

    def inbound(self, session: str, said: Uttered, *, external_id: str, title: str, first: bool) -> Inbound:
        """The message of the visitor with this session; `title` of the button that was pressed, "" if nobody knows."""
        heard = Inbound(sender=session, external_id=external_id, language=said.language, text=said.message)
        if not said.message.startswith("/"):
            return heard
        if first:
            return replace(heard, external_id=FOLLOWED_ID, kind=MessageKind.FOLLOWED, text="")
        return replace(heard, kind=MessageKind.PAYLOAD, text=title, payload=said.message)

    def parse(self, request: WebhookRequest) -> Parsed:
        raise NotFound("everything comes over socket.io")

    async def start(self) -> None:
        """Nothing to open: nobody is called."""

    async def send(self, message: Outbound) -> Sent:
        """The commit was the delivery: the door reads the ledger after what it has shown."""
        return Sent()

    async def close(self) -> None:
        """Nothing was opened."""


def create(channel_id: ChannelId, config: BaseConfig, clock: Clock) -> RasaWebchat:
    return RasaWebchat(channel_id, cast(Config, config))


async def check(channel_id: ChannelId, config: BaseConfig, public_url: str) -> list[str]:
    """Whether browsers on the internet would talk to us unencrypted; nobody is asked."""
    return unencrypted(*cast(Config, config).origins, public_url)


def bot_uttered(*, text: str, source: str, buttons: Sequence[Button]) -> dict[str, Any]:
    """The event for one message of ours."""
    replies = [{"content_type": "text", "title": b.title, "payload": b.payload} for b in buttons]
    said: dict[str, Any] = {"text": f"{text}\n\n{source}" if source else text}
    return said | ({"quick_replies": replies} if replies else {})

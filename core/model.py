"""The words of the house: plain frozen values that every room shares and that know nobody."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Literal, NewType

ChannelId = NewType("ChannelId", str)
ConversationId = NewType("ConversationId", str)
InboxId = NewType("InboxId", int)
OutboxId = NewType("OutboxId", int)
Seq = NewType("Seq", int)  # position in one conversation's transcript, 1, 2, 3 …

Language = Literal["zh", "en"]  # what content is written in; Chinese content in simplified characters
Script = Literal["Hans", "Hant"]  # simplified, traditional: ISO 15924
Locale = Literal["zh", "zh-Hant", "en"]  # what a sentence is shown in
Tongue = Literal["zh", "zh-Hans", "zh-Hant", "en"]  # what a consumer chooses; "zh": in the characters that they write
Owner = Literal["bot", "seat"]

AWAY = 12 * 3600.0  # seconds: who comes back later is asked whether an open form is still to be gone on with
UPLOAD = "upload:"  # before the reference of a file that is in the ledger already, in the place of its address
# Kinds of channels whose addresses are telephone numbers.
TELEPHONES = frozenset({"kannel", "twilio", "aliyun_sms", "tencent_sms"})
KEY_BYTES = 64  # the least that any platform lets a button carry


class MessageKind(StrEnum):
    """What a consumer's message is made of; the brain sees the same words."""

    TEXT = "text"
    PAYLOAD = "payload"  # one of our own buttons was pressed
    ATTACHMENT = "attachment"
    FOLLOWED = "followed"  # the consumer opened or subscribed to the channel
    LOCATION = "location"
    TOO_LONG = "too_long"  # more than the house reads; this and the next one no brain is asked about
    UNREADABLE = "unreadable"  # the platform's, but nothing that we can read


class Author(StrEnum):
    CONTACT = "contact"
    BOT = "bot"
    AGENT = "agent"
    SYSTEM = "system"


class DeliveryState(StrEnum):
    """Where an outbox row stands. States only move forward, in the order of `DELIVERY_ORDER`."""

    READY = "ready"
    SENDING = "sending"  # marked durably before the platform is called
    UNKNOWN = "unknown"  # the call was cut off: the platform may or may not have it
    SENT = "sent"
    DELIVERED = "delivered"
    READ = "read"
    FAILED = "failed"  # the platform refused it, or the contact stopped us
    PARKED = "parked"  # gave up after the last try; an alarm was raised
    WITHHELD = "withheld"  # a bot reply that a takeover overtook; never sent


DELIVERY_ORDER: dict[DeliveryState, int] = {
    DeliveryState.READY: 0,
    DeliveryState.SENDING: 1,
    DeliveryState.UNKNOWN: 2,
    DeliveryState.SENT: 3,
    DeliveryState.DELIVERED: 4,
    DeliveryState.READ: 5,
    DeliveryState.FAILED: 6,
    DeliveryState.PARKED: 6,
    DeliveryState.WITHHELD: 6,
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Attachment:
    """A file that came with a message: where the platform keeps it and what it says it is."""

    media_type: str
    url: str
    name: str = ""
    size: int | None = None  # bytes, as the platform claims
    link: bool = False  # a page that they point to, not a file that they sent


@dataclass(frozen=True, kw_only=True, slots=True)
class Inbound:
    """One message from a consumer, as a channel's `parse` gives it: nothing is masked yet."""

    sender: str = field(repr=False)  # the platform's id of the contact on this channel; never stored in clear
    external_id: str  # the platform's id of the message: same id, same message
    kind: MessageKind = MessageKind.TEXT
    text: str = field(default="", repr=False)
    payload: str = ""
    attachments: tuple[Attachment, ...] = ()
    language: str = ""  # what the platform knows of the contact's language; "" if nothing
    network: str = field(default="", repr=False)  # where it came from, as door.rates.network has it; "": not known
    raw: dict[str, Any] = field(default_factory=dict[str, Any], repr=False)


@dataclass(frozen=True, kw_only=True, slots=True)
class Receipt:
    """The platform's later word on one of our messages."""

    outbox_id: int | None  # our own id where the platform echoes it …
    external_id: str  # … else the platform's
    state: DeliveryState
    detail: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Stopped:
    """The contact does not want proactive messages on this channel any more."""

    sender: str = field(repr=False)


Event = Inbound | Receipt | Stopped


@dataclass(frozen=True, kw_only=True, slots=True)
class Button:
    """A quick reply: what the consumer sees, and the payload that comes back when it is chosen."""

    title: str
    payload: str

    @property
    def key(self) -> str:
        """What comes back where a platform bounds it: the payload, or the hash of one longer than KEY_BYTES."""
        data = self.payload.encode()
        return self.payload if len(data) <= KEY_BYTES else f"#{hashlib.sha256(data).hexdigest()[:40]}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Say:
    """Something to tell the consumer: exactly one of a response key, an FAQ entry or a person's own text."""

    key: str = ""
    args: dict[str, Any] = field(default_factory=dict[str, Any])
    faq: str = ""
    text: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Rendered:
    """What a `Say` became in one language."""

    text: str
    buttons: tuple[Button, ...] = ()
    source: str = ""  # for an FAQ answer: its basis, date and review mark, as one line
    entry: str = ""  # FAQ entry id, "" for other sentences
    entry_version: str = ""
    score: float | None = None  # of the match that chose the entry, 0..1; None where it was chosen otherwise
    phrasing: str = ""  # of the entry, which the question matched


@dataclass(frozen=True, kw_only=True, slots=True)
class Notice:
    """What a message says in the few words of a notice that a platform has approved, where no free text may go out."""

    kind: str  # which notice: an act of a case, or "ask"
    values: Mapping[str, str] = field(repr=False)  # case_no, step, day, text …


@dataclass(frozen=True, kw_only=True, slots=True)
class Heard:
    """A message of the contact that may still allow answers, where the platform counts them."""

    external_id: str
    at: datetime
    answers: int  # of ours since then


async def _forgotten(count: int) -> None:
    """Nobody keeps it."""


@dataclass(kw_only=True, slots=True)
class PartsTaken:
    """How many parts of a message the platform has: those of earlier tries, and each further one as it is taken."""

    count: int = 0
    keep: Callable[[int], Awaitable[None]] = _forgotten  # is told the new count

    async def further(self) -> None:
        """One part more was taken."""
        self.count += 1
        await self.keep(self.count)


@dataclass(frozen=True, kw_only=True, slots=True)
class Outbound:
    """One message on its way to a platform; `address` is the sender id that `parse` once gave."""

    id: int
    address: str = field(repr=False)
    text: str = field(repr=False)
    buttons: tuple[Button, ...] = ()
    in_reply_to: str = ""  # external id of the message it answers
    heard: tuple[Heard, ...] = ()  # the latest first; only for a channel with a window
    taken: PartsTaken = field(default_factory=PartsTaken, compare=False, repr=False)
    notice: Notice | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Sent:
    """The platform took it."""

    external_id: str = ""
    as_notice: bool = False  # in the words of an approved notice, which has no buttons


@dataclass(frozen=True, kw_only=True, slots=True)
class Capabilities:
    """What a channel kind can carry; the brain is told, and `_text.py` renders to it."""

    free_text: bool = True
    buttons: bool = False
    images: bool = False  # pictures of the consumer come in
    attachments: bool = False  # and other files
    typing: bool = False  # the consumer sees that an answer is being written
    receipts: bool = False
    text_max: int = 4000  # characters in one message
    window: str = ""  # how long after a message the platform lets us answer, in words; "" for ever
    live: bool = False  # the client reads the ledger after its last seq: a commit is the delivery
    passive: bool = False  # the answer to a delivery carries the one message that may follow it; nothing is sent
    resend_unknown: bool = True  # after a crash between call and mark: send again, or leave it unknown


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """One message of a transcript as a client may see it."""

    seq: Seq
    author: Author
    kind: MessageKind
    text: str
    payload: str
    buttons: tuple[Button, ...]
    source: str
    entry: str
    external_id: str
    at: datetime
    files: tuple[str, ...] = ()  # names of what came with it


@dataclass(frozen=True, kw_only=True, slots=True)
class Turn:
    """One open inbox row as the worker sees it, with what its conversation knew when the lease was taken."""

    inbox_id: InboxId
    conversation: ConversationId
    channel: ChannelId
    seq: Seq
    external_id: str
    kind: MessageKind
    text: str  # masked
    payload: str
    attachments: tuple[Attachment, ...]
    language_hint: str
    received_at: datetime
    attempts: int  # tries that failed before this one
    held: bool  # a holding sentence was already sent for this message
    network: str = ""  # keyed hash of where it came from; "": not known


@dataclass(frozen=True, kw_only=True, slots=True)
class OwnCase:
    """A case that was filed in a conversation, or a draft that is kept for it."""

    case_no: str
    state: str  # of the register; "draft" is not filed yet


@dataclass(frozen=True, kw_only=True, slots=True)
class Lease:
    """The right to apply turns of one conversation, until `fence` is raised by somebody else."""

    conversation: ConversationId
    channel: ChannelId
    fence: int
    epoch: int
    owner: Owner
    language: Tongue | Literal[""]  # chosen by the consumer
    spoken: Language | Literal[""]  # of the last message whose language showed
    script: Script | Literal[""]  # of the last Chinese message whose characters showed it
    state: bytes | None  # the brain's, packed
    visit: int | None
    last_at: datetime | None  # when the conversation last saw a turn
    outcome: str  # of the message before the first of them: a decision's label, reflex:<name>, or why it was parked
    turns: tuple[Turn, ...]  # open messages by seq
    offered: tuple[Button, ...] = ()  # what the first of them may choose from
    cases: tuple[OwnCase, ...] = ()  # newest first

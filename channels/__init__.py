"""The words a channel shares with the house, and the registry: one file per kind, found by its name.

A kind is a module `channels/<kind>.py` with two names:

    class Config(BaseConfig): …                                          # every key checked, unknown ones refused
    def create(channel_id: ChannelId, config: Config, clock: Clock) -> Channel

and, where it can, two more for `./qiantai channels check` and `./qiantai channels simulate`:

    async def check(channel_id: ChannelId, config: Config, public_url: str) -> list[str]
        # what would not work with these settings although each is well-formed, a sentence each; [] if all is well.
        # It may ask the platform (within 10 s) but changes nothing there; `public_url` is "" where none is set.
    def samples(channel_id: ChannelId, config: Config, now: datetime) -> dict[str, WebhookRequest]
        # label → a delivery as the platform would sign it now: "text" first, then "attachment", "unsubscribe" and
        # what else the kind has. Ids come from `now`, so that a later run is no repetition of an earlier one.

A Config with a field `public_url: str` is given the house's public address there, unless it names its own. A channel
whose Config has a field `allow` judges who calls: its `WebhookRequest.remote` is whom the trusted proxies name.

There is no list to edit: the file makes the kind, `tests/channels/<kind>_cases.py` makes it complete.
This module imports no kind and none of the shared helpers (`_http`, `_text`), so kinds never meet through it.
"""

from __future__ import annotations

import difflib
import importlib
import pkgutil
import re
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol, cast, runtime_checkable

from pydantic import BaseModel, ConfigDict, ValidationError

from core.errors import SendError, SettingsError
from core.model import Attachment, Capabilities, ChannelId, Event, Outbound, Sent

Clock = Callable[[], datetime]  # the aware UTC time of now

_CHANNEL_ID = re.compile(r"[a-z][a-z0-9-]{0,31}")  # it stands in addresses (/c/<id>/…) and in the ledger


def utc_now() -> datetime:
    return datetime.now(UTC)


class Headers(Mapping[str, str]):
    """Header names without regard to case; a header sent twice must come in joined by ", " as HTTP allows."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = {name.lower(): value for name, value in values.items()}

    def __getitem__(self, name: str) -> str:
        return self._values[name.lower()]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        return f"Headers({', '.join(self._values)})"  # names only: values hold tokens and signatures


@dataclass(frozen=True, kw_only=True, slots=True)
class WebhookRequest:
    """What a platform sent to /c/<channel id>/<path>, without any web framework; its repr shows no content."""

    method: str
    # What follows /c/<channel id>/, without slashes at its ends: "in", "receipt", ""; not shown, since for a platform
    # that signs nothing it holds the secret.
    path: str = field(repr=False)
    query: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    raw_query: str = field(default="", repr=False)  # `query` as it stood in the address: some platforms sign it
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    body: bytes = field(default=b"", repr=False)
    remote: str = field(default="", repr=False)  # address of the caller
    now: datetime  # when it came in: freshness is judged by this, never by a clock of the channel

    def __post_init__(self) -> None:
        object.__setattr__(self, "headers", Headers(self.headers))
        if self.now.tzinfo is None:
            raise ValueError("a request's time must be aware")


@dataclass(frozen=True, kw_only=True, slots=True)
class Ack:
    """The answer a platform wants to a delivery that was taken; it is sent after the commit."""

    status: int = 200
    body: bytes = b""
    content_type: str = "text/plain; charset=utf-8"


@dataclass(frozen=True, kw_only=True, slots=True)
class Kept:
    """Something a platform is known to send and we do not handle: acknowledged, and kept for people to look at.

    `sender` and `external_id` are given where the platform names them, so that the contact can be told."""

    reason: str
    raw: dict[str, Any] = field(repr=False)  # as it came: mask it before it is stored
    sender: str = field(default="", repr=False)
    external_id: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Hold:
    """The platform takes the answer in the acknowledgement, and delivers again as long as it gets none in time."""

    sender: str = field(repr=False)
    external_id: str  # of the message that is answered
    within: float  # seconds after the request in which an answer must be written
    last_after: float  # seconds after the first delivery from which a delivery is the last
    render: Callable[[Outbound], Ack] = field(repr=False, compare=False)


@dataclass(frozen=True, kw_only=True, slots=True)
class Parsed:
    """A verified delivery: the events in it, what could not be handled, and the platform's acknowledgement."""

    events: tuple[Event, ...] = ()
    kept: tuple[Kept, ...] = ()
    ack: Ack
    hold: Hold | None = None  # only of a passive channel: its one message is answered in the acknowledgement


class CutOff(SendError):
    """The call was cut off: the platform may or may not have the message."""

    # The sender repeats it only where `Capabilities.resend_unknown` says that a repetition does no harm.


class Channel(Protocol):
    """One configured account on a platform."""

    @property
    def id(self) -> ChannelId: ...

    @property
    def kind(self) -> str: ...

    @property
    def capabilities(self) -> Capabilities: ...

    def parse(self, request: WebhookRequest) -> Parsed:
        """Verify a delivery and read it; pure, and the only way in, so verification cannot be forgotten.

        Two different "no": what the platform is known to send and we do not handle comes back in `Parsed.kept`
        with an ack; what is not from that platform raises BadSignature (401), Malformed (400), WrongType (415)
        or, for an address the kind does not serve, NotFound (404)."""
        ...

    async def start(self) -> None:
        """Open what sending needs; call it once in the running loop before the first `send`."""
        ...

    async def send(self, message: Outbound) -> Sent:
        """Hand one message to the platform, or raise SendError, whose flags decide what the sender does next."""
        ...

    async def close(self) -> None:
        """Give back what `start` opened; a second call does nothing."""
        ...


@runtime_checkable
class Attending(Protocol):
    """A channel with something to do while the house is open, beside being called and sending."""

    async def attend(self, take: Callable[[Parsed], Awaitable[None]]) -> None:
        """Never returns. What it fetches by itself it hands to `take`, which fails as a delivery would be refused;
        only what `take` has committed may be confirmed to the platform."""
        ...


@runtime_checkable
class Fetching(Protocol):
    """A channel whose platform keeps the files of messages."""

    async def fetch(self, file: Attachment, most: int) -> bytes:
        """A file of a message that `parse` read, of at most `most` bytes; SendError says why there is none.

        Only what is the platform's own is called, or the public internet: see `_media`."""
        ...


@runtime_checkable
class Typing(Protocol):
    """A channel whose platform is told that an answer is being written."""

    async def typing(self, address: str) -> None:
        """Shows it to the contact for a while; SendError if the platform does not."""
        ...


@runtime_checkable
class Notifying(Protocol):
    """A channel whose platform takes notices that it has approved where it takes no free text any more."""

    async def notify(self, message: Outbound) -> Sent:
        """Hands `message.notice` over; SendError, `undeliverable` where nothing is approved for its kind."""
        ...


class BaseConfig(BaseModel):
    """The configuration of one channel: `[channels.<id>]` of the settings without its `kind`.

    Secrets are `SecretStr`, so no repr shows them; the values that fail a check are in no error either."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, hide_input_in_errors=True)


class Kind(Protocol):
    """What a module of this package must offer."""

    Config: type[BaseConfig]

    def create(self, channel_id: ChannelId, config: BaseConfig, clock: Clock) -> Channel: ...


def kinds() -> tuple[str, ...]:
    """Every kind there is: the modules of this package whose name does not begin with an underscore, by name."""
    return tuple(sorted(m.name for m in pkgutil.iter_modules(__path__) if not m.name.startswith("_")))


def load(kind: str) -> Kind:
    """The module of a kind; an unknown one is a SettingsError that names those there are."""
    known = kinds()
    if kind not in known:  # looked up before the import, so a setting can never import anything else
        raise SettingsError(f'unknown kind "{kind}"{_meant(kind, known)}; there are: {", ".join(known)}')
    module = importlib.import_module(f"{__name__}.{kind}")
    if missing := [name for name in ("Config", "create") if not hasattr(module, name)]:
        raise TypeError(f"channels/{kind}.py is not a channel: it has no {' and no '.join(missing)}")
    return cast(Kind, module)


def make(channel_id: str, config: Mapping[str, Any], clock: Clock = utc_now, public_url: str = "") -> Channel:
    """The channel `channel_id` from its settings, {"kind": …, the keys of that kind}; failures as in `configured`."""
    module, checked = configured(channel_id, config, public_url)
    return module.create(ChannelId(channel_id), checked, clock)


def configured(channel_id: str, config: Mapping[str, Any], public_url: str = "") -> tuple[Kind, BaseConfig]:
    """The kind of `channel_id` and its settings, checked; `public_url` is the house's own, "" if it has none.

    Every problem is named by channel and key in one SettingsError, one line each, without any value."""
    if not _CHANNEL_ID.fullmatch(channel_id):
        raise SettingsError(f'channel "{channel_id}": an id is a-z, 0-9 and "-", begins with a letter, 32 at most')
    values = dict(config)
    kind = values.pop("kind", None)
    if not isinstance(kind, str):
        raise SettingsError(f'channel "{channel_id}": kind: say which one; there are: {", ".join(kinds())}')
    try:
        module = load(kind)
    except SettingsError as e:
        raise SettingsError(f'channel "{channel_id}": kind: {e.detail}') from None
    if public_url and "public_url" in module.Config.model_fields:
        values.setdefault("public_url", public_url)
    problems: list[str] = []
    try:
        return module, module.Config.model_validate(values)
    except ValidationError as e:
        known = tuple(module.Config.model_fields)
        problems = [f'channel "{channel_id}": {_problem(dict(error), known)}' for error in e.errors()]
    # Raised out here so that the ValidationError, which remembers the values, hangs on no traceback.
    raise SettingsError("\n".join(problems))


def make_all(
    configs: Mapping[str, Mapping[str, Any]], clock: Clock = utc_now, public_url: str = ""
) -> dict[ChannelId, Channel]:
    """Every configured channel by id; the problems of all of them are in one SettingsError."""
    made: dict[ChannelId, Channel] = {}
    problems: list[str] = []
    for channel_id, config in configs.items():
        try:
            made[ChannelId(channel_id)] = make(channel_id, config, clock, public_url)
        except SettingsError as e:
            problems.append(e.detail)
    if problems:
        raise SettingsError("\n".join(problems))
    return made


def _problem(error: dict[str, Any], known: tuple[str, ...]) -> str:
    """One line on one pydantic error: the key and what is wrong with it."""
    key = ".".join(str(part) for part in error["loc"])
    if error["type"] == "extra_forbidden":
        return f"{key}: unknown key{_meant(key, known)}; there are: {', '.join(known)}"
    return f"{key}: {str(error['msg']).removeprefix('Value error, ')}"


def _meant(word: str, known: tuple[str, ...]) -> str:
    close = difflib.get_close_matches(word, known, n=1)
    return f', did you mean "{close[0]}"?' if close else ""

"""What the brain may ask the house to do: effects, checked when they arrive, applied in the turn's transaction."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

from core.model import Tongue


@dataclass(frozen=True, kw_only=True, slots=True)
class SetLanguage:
    """Answer in this language from now on, whatever the consumer writes."""

    name: Literal["set_language"] = "set_language"
    language: Tongue


@dataclass(frozen=True, kw_only=True, slots=True)
class LeaveMessage:
    """Keep a message and a contact for a person; texts are masked, the contact is a vault reference or plain words.

    The rest is what the message was understood to be about, "" where it does not say: the institution's full name, yuan
    such as 3500.00, a day such as 2026-11-18.
    """

    name: Literal["leave_message"] = "leave_message"
    text: str
    contact: str
    institution: str = ""
    amount: str = ""
    day: str = ""


# Why a conversation waits for a person, what presses most first.
Reason = Literal["emergency", "fraud", "complaint", "case", "asked", "misses"]
REASONS: tuple[Reason, ...] = get_args(Reason)

# Whom it asks for; "agent" is anybody.
Role = Literal["agent", "expert", "leader"]
ROLES: tuple[Role, ...] = get_args(Role)


@dataclass(frozen=True, kw_only=True, slots=True)
class HandOff:
    """Let the conversation wait for a person; the bot goes on helping meanwhile."""

    name: Literal["hand_off"] = "hand_off"
    reason: Reason
    role: Role = "agent"


@dataclass(frozen=True, kw_only=True, slots=True)
class CancelHandOff:
    """The contact does not want to wait for a person any more."""

    name: Literal["cancel_hand_off"] = "cancel_hand_off"


@dataclass(frozen=True, kw_only=True, slots=True)
class Alert:
    """Tell the people on duty now."""

    name: Literal["alert"] = "alert"
    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class OptOut:
    """No proactive messages to this address any more."""

    name: Literal["opt_out"] = "opt_out"


@dataclass(frozen=True, kw_only=True, slots=True)
class Rate:
    """Keep what the contact thinks of the answer that was given last."""

    name: Literal["rate"] = "rate"
    helpful: Literal["yes", "no"]


Effect = SetLanguage | LeaveMessage | HandOff | CancelHandOff | Alert | OptOut | Rate
KINDS: dict[str, type[Effect]] = {
    "set_language": SetLanguage,
    "leave_message": LeaveMessage,
    "hand_off": HandOff,
    "cancel_hand_off": CancelHandOff,
    "alert": Alert,
    "opt_out": OptOut,
    "rate": Rate,
}


def read(raw: Mapping[str, Any]) -> Effect:
    """The effect in `raw` ({"name": …, fields}); an unknown name, a missing, extra or mistyped field: ValueError."""
    kind = KINDS.get(str(raw.get("name")))
    if kind is None:
        raise ValueError(f"unknown effect {raw.get('name')!r}")
    fields = {k: v for k, v in raw.items() if k != "name"}
    if not all(isinstance(v, str) for v in fields.values()):
        raise ValueError(f"effect {raw['name']}: every field is a text")
    if fields.get("language", "zh") not in get_args(Tongue):
        raise ValueError(f"effect {raw['name']}: unknown language {fields['language']!r}")
    if kind is HandOff and fields.get("reason", "asked") not in REASONS:
        raise ValueError(f"effect {raw['name']}: unknown reason {fields['reason']!r}")
    if fields.get("role", "agent") not in ROLES:
        raise ValueError(f"effect {raw['name']}: unknown role {fields['role']!r}")
    if fields.get("helpful", "yes") not in ("yes", "no"):
        raise ValueError(f"effect {raw['name']}: helpful is yes or no")
    try:
        return kind(**fields)
    except TypeError as e:
        raise ValueError(f"effect {raw['name']}: {e}") from None

"""What the brain may ask the house to do: effects, checked when they arrive, applied in the turn's transaction."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from core.model import Language


@dataclass(frozen=True, kw_only=True, slots=True)
class SetLanguage:
    """Answer in this language from now on, whatever the consumer writes."""

    name: Literal["set_language"] = "set_language"
    language: Language


@dataclass(frozen=True, kw_only=True, slots=True)
class LeaveMessage:
    """Keep a message and a contact for a person; texts are masked, the contact is a vault reference or plain words."""

    name: Literal["leave_message"] = "leave_message"
    text: str
    contact: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Alert:
    """Tell the people on duty now."""

    name: Literal["alert"] = "alert"
    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class OptOut:
    """No proactive messages to this address any more."""

    name: Literal["opt_out"] = "opt_out"


Effect = SetLanguage | LeaveMessage | Alert | OptOut
KINDS: dict[str, type[Effect]] = {
    "set_language": SetLanguage,
    "leave_message": LeaveMessage,
    "alert": Alert,
    "opt_out": OptOut,
}


def read(raw: Mapping[str, Any]) -> Effect:
    """The effect in `raw` ({"name": …, fields}); an unknown name, a missing, extra or mistyped field: ValueError."""
    kind = KINDS.get(str(raw.get("name")))
    if kind is None:
        raise ValueError(f"unknown effect {raw.get('name')!r}")
    fields = {k: v for k, v in raw.items() if k != "name"}
    if not all(isinstance(v, str) for v in fields.values()):
        raise ValueError(f"effect {raw['name']}: every field is a text")
    if fields.get("language", "zh") not in ("zh", "en"):
        raise ValueError(f"effect {raw['name']}: unknown language {fields['language']!r}")
    try:
        return kind(**fields)
    except TypeError as e:
        raise ValueError(f"effect {raw['name']}: {e}") from None

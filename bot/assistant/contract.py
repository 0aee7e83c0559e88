"""What the house sends with a turn, checked field by field; knows nothing of Rasa."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

TEXT_MAX = 2000  # characters; the house cuts what it sends to this
KINDS = ("text", "payload", "attachment", "followed", "location")
LANGUAGES = ("zh", "en")
DECISIONS = ("answer", "ask", "none")
HITS_MAX = 20
_PAYLOAD = re.compile(r"/([a-z][a-z0-9_]*)\s*(\{.*\})?\s*", re.DOTALL)
_SURROGATES = re.compile("[\ud800-\udfff]")


class BadField(Exception):
    """A field of the turn is missing or of the wrong type."""

    def __init__(self, field: str, detail: str) -> None:
        super().__init__(f"{field}: {detail}")
        self.field = field
        self.detail = detail


class TooLong(Exception):
    """The message is longer than the brain reads."""


@dataclass(frozen=True, kw_only=True)
class Hit:
    """One FAQ entry that the search thinks fits."""

    id: str
    topic: str
    score: float  # 0..1, the calibrated probability that the entry answers


@dataclass(frozen=True, kw_only=True)
class Turn:
    """One message of a consumer with all that the house knows of it."""

    id: str
    kind: str
    text: str  # cleaned: no NUL, no lone surrogate, no space around
    payload: tuple[str, Mapping[str, Any]] | None  # intent and values of a button of ours
    attachments: int
    language: str
    channel: Mapping[str, Any]
    now: str  # ISO-8601, UTC
    hits_decision: str
    hits: tuple[Hit, ...]  # best first
    context: Mapping[str, Any]
    state: object  # as it was sent; bot.assistant.state reads it
    vector: tuple[float, ...] | None = None  # of the text, from the house's encoder
    plain: str = ""  # the text in simplified characters, "" where it has none else
    other_language: bool = False  # the text is in none of LANGUAGES


def clean(text: str) -> str:
    """`text` without NUL and lone surrogates, which no store and no encoder downstream takes."""
    return _SURROGATES.sub("", text.replace("\x00", "")).strip()


def read_turn(body: object) -> Turn:
    """The turn in a decoded request body. Raises BadField with the field's name, TooLong above TEXT_MAX characters."""
    if not isinstance(body, dict):
        raise BadField("body", "a JSON object is expected")
    raw = cast("dict[str, Any]", body)
    turn_id = _text(raw, "turn", needed=True)
    if not turn_id or len(turn_id) > 128:
        raise BadField("turn", "1 to 128 characters are expected")
    kind = _one_of(raw, "kind", KINDS)
    text = _text(raw, "text")
    if len(text) > TEXT_MAX:
        raise TooLong(f"{len(text)} characters, {TEXT_MAX} are read")
    text = clean(text)
    if kind == "text" and not text:
        raise BadField("text", "it is empty")
    vector = raw.get("vector")
    if vector is not None and not (isinstance(vector, list) and _numbers(cast("list[Any]", vector))):
        raise BadField("vector", "null or a list of numbers is expected")
    return Turn(
        id=turn_id,
        kind=kind,
        text=text,
        payload=read_payload(_text(raw, "payload", needed=True)) if kind == "payload" else None,
        attachments=len(_list(raw, "attachments")),
        language=_one_of(raw, "language", LANGUAGES),
        channel=_object(raw, "channel"),
        now=_time(raw),
        hits_decision=_one_of(raw, "hits_decision", DECISIONS, default="none"),
        hits=tuple(_hit(h) for h in _list(raw, "hits")[:HITS_MAX]),
        context=_object(raw, "context"),
        state=raw.get("state"),
        vector=None if vector is None else tuple(cast("list[float]", vector)),
        plain=clean(_text(raw, "plain")[:TEXT_MAX]),
        other_language=_flag(raw, "other_language"),
    )


def read_payload(payload: str) -> tuple[str, Mapping[str, Any]]:
    """`/intent` or `/intent{"slot": "value"}` of one of our own buttons: the intent and the values."""
    match = _PAYLOAD.fullmatch(payload)
    if match is None or len(payload) > TEXT_MAX:
        raise BadField("payload", 'it is not /intent or /intent{"slot": "value"}')
    try:
        values: object = json.loads(match[2] or "{}")
    except ValueError:
        raise BadField("payload", "its values are not JSON") from None
    if not isinstance(values, dict) or not all(isinstance(v, (str, int, float)) for v in values.values()):
        raise BadField("payload", "its values are texts or numbers")
    return match[1], cast("dict[str, Any]", values)


def _hit(raw: object) -> Hit:
    hit = cast("dict[str, Any]", raw) if isinstance(raw, dict) else {}
    entry, topic, score = hit.get("id"), hit.get("topic", ""), hit.get("score")
    if not (isinstance(entry, str) and entry and isinstance(topic, str) and _number(score)):
        raise BadField("hits", "each hit is {id, topic, score, phrasing}")
    return Hit(id=entry[:64], topic=topic[:64], score=float(cast("float", score)))


def _text(raw: Mapping[str, Any], name: str, *, needed: bool = False) -> str:
    value = raw.get(name)
    if value is None and not needed:
        return ""
    if not isinstance(value, str):
        raise BadField(name, "a text is expected")
    return value


def _flag(raw: Mapping[str, Any], name: str) -> bool:
    value = raw.get(name, False)
    if not isinstance(value, bool):
        raise BadField(name, "true or false is expected")
    return value


def _one_of(raw: Mapping[str, Any], name: str, allowed: tuple[str, ...], default: str | None = None) -> str:
    value = raw.get(name, default)
    if value not in allowed:
        raise BadField(name, f"one of {', '.join(allowed)} is expected")
    return cast("str", value)


def _object(raw: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = raw.get(name)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise BadField(name, "an object is expected")
    return cast("dict[str, Any]", value)


def _list(raw: Mapping[str, Any], name: str) -> list[Any]:
    value = raw.get(name)
    if value is None:
        return []
    if not isinstance(value, list):
        raise BadField(name, "a list is expected")
    return cast("list[Any]", value)


def _time(raw: Mapping[str, Any]) -> str:
    value = _text(raw, "now", needed=True)
    try:
        parsed = datetime.fromisoformat(value.replace("Z", "+00:00"))
    except ValueError:
        raise BadField("now", "an ISO-8601 time is expected") from None
    if parsed.tzinfo is None:
        raise BadField("now", "a time with its zone is expected")
    return value


def _number(value: object) -> bool:
    return _numbers([value])


def _numbers(values: list[Any]) -> bool:
    try:
        return {*map(type, values)} <= {int, float} and all(map(math.isfinite, values))
    except OverflowError:  # a whole number larger than any float
        return False

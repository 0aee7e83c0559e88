"""Pure rules of text: what may come in, and how a message is cut and numbered to fit a channel.

Grapheme borders: no library for them is among our packages, and a cut only needs one half of the Unicode rules
(UAX 29), "never inside a cluster". `is_border` keeps that half with the tables of `unicodedata` and joins a little
more than the standard where that is simpler (anything after a zero-width joiner, say): the cut then falls a few
characters earlier, which nobody can see. It was compared with the `regex` package's \\X on every pair of
1,400 characters of all classes and on random runs: no border of ours is inside a cluster of theirs.
"""

from __future__ import annotations

import json
import math
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NoReturn, cast

from core.errors import Malformed
from core.model import Button, Capabilities, Outbound

NESTING_MAX = 32  # levels of lists and objects; what platforms send has a handful

_UNSTORABLE = re.compile("[\0\ud800-\udfff]")

# ---- in ------------------------------------------------------------------------------------------------------------


def read_object(data: str | bytes) -> dict[str, Any]:
    """The JSON object in `data`; Malformed says why it is none."""
    value = _read(data)
    if not isinstance(value, dict):
        raise Malformed("not a JSON object")
    return cast(dict[str, Any], value)


def read_objects(data: str | bytes) -> list[dict[str, Any]]:
    """The JSON objects of the list in `data`, at least one; Malformed says why there are none."""
    value = _read(data)
    items = cast(list[Any], value) if isinstance(value, list) else []
    if not items or not all(isinstance(item, dict) for item in items):
        raise Malformed("not a JSON list of objects")
    return cast(list[dict[str, Any]], items)


def _read(data: str | bytes) -> Any:
    """The JSON value in `data`; Malformed says why it is none.

    Stricter than `json`: no byte order mark, no NaN, no number that a ledger or another reader could not hold, no
    more than NESTING_MAX levels, and no key twice, since two readers of a body must never see two values."""
    try:
        text = data.decode() if isinstance(data, bytes) else data
    except UnicodeDecodeError as e:
        raise Malformed(f"not UTF-8 at byte {e.start}") from None
    try:
        value: Any = _STRICT.decode(text)
    except json.JSONDecodeError as e:
        raise Malformed(f"not JSON: {e.msg} at character {e.pos}") from None
    except RecursionError:
        raise Malformed("nested too deeply") from None
    except ValueError as e:
        raise Malformed(f"not JSON we read: {e}") from None
    levels = text.count("[") + text.count("{")  # at most: some may stand in a text, or side by side
    if levels > NESTING_MAX and any(depth > NESTING_MAX for _, depth in _walk(value)):
        raise Malformed("nested too deeply")
    return value


def unstorable(value: Any) -> str:
    """Why a text, or any text inside a JSON value, cannot be kept, or "" if it can.

    A NUL is refused by PostgreSQL and cuts strings in C; half of a surrogate pair cannot be written as UTF-8."""
    for leaf, _ in _walk(value):
        if isinstance(leaf, str) and (match := _UNSTORABLE.search(leaf)):
            return "it holds a NUL character" if match[0] == "\0" else "it holds half of a surrogate pair"
    return ""


def _walk(value: Any) -> Iterator[tuple[Any, int]]:
    """Every value and key inside a JSON value with its depth, itself first at 0; without recursion."""
    waiting: list[tuple[Any, int]] = [(value, 0)]
    while waiting:
        found, depth = waiting.pop()
        yield found, depth
        if isinstance(found, dict):
            fields = cast(dict[str, Any], found)
            waiting += [(inner, depth + 1) for inner in (*fields, *fields.values())]
        elif isinstance(found, list):
            waiting += [(inner, depth + 1) for inner in cast(list[Any], found)]


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise ValueError("a key stands twice")
    return made


def _small(digits: str) -> int:
    if len(digits) > 20 or not -(2**63) <= int(digits) < 2**63:
        raise ValueError("a number is too large")
    return int(digits)


def _finite(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise ValueError("a number is too large")
    return number


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


# Made once: `json.loads` makes one for every text that is read with hooks.
_STRICT = json.JSONDecoder(object_pairs_hook=_once, parse_int=_small, parse_float=_finite, parse_constant=_no_constant)


# ---- out -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True, slots=True)
class Part:
    """What one call to a platform carries of a message."""

    text: str
    buttons: tuple[Button, ...] = ()


def fit(message: Outbound, capabilities: Capabilities) -> tuple[Part, ...]:
    """The message in parts that the channel can carry, in order; its buttons stand under the last one.

    A channel without buttons gets them as a numbered list; the house reads a bare number as the choice."""
    text, buttons = message.text, message.buttons
    if buttons and not capabilities.buttons:
        text, buttons = numbered(text, buttons), ()
    texts = split(text, capabilities.text_max)
    if len(texts) > 1:  # the blanks at a cut are no part of what is said
        texts = [t.strip() for t in texts if t.strip()] or texts[:1]
    return (*(Part(text=t) for t in texts[:-1]), Part(text=texts[-1], buttons=buttons))


def numbered(text: str, buttons: tuple[Button, ...]) -> str:
    """The text with its buttons as lines "1. title" below it."""
    choices = "\n".join(f"{n}. {button.title}" for n, button in enumerate(buttons, start=1))
    return f"{text}\n{choices}" if text else choices


# Where a text is cut rather than anywhere: after a paragraph, a line, a Chinese or an English sentence, a word.
# An English full stop ends a sentence only before a blank: "3.5 %" and addresses of pages stay whole.
_BREAKS = tuple(
    re.compile(p) for p in (r"\n\s*\n", r"\n", r"[。！？；…]+[”’」』）】]*", r"[.!?;][\"')\]]*\s+", r"\s+|[，、,：]")
)


def split(text: str, limit: int) -> list[str]:
    """`text` in pieces of at most `limit` characters that together are exactly `text`.

    A cut is at the best break in the second half of a piece, else at the last grapheme border, else, inside a
    cluster longer than a whole piece, where the limit falls."""
    if limit < 1:
        raise ValueError("a piece holds at least one character")
    pieces: list[str] = []
    start = 0
    while len(text) - start > limit:
        end = _cut(text, start, start + limit)
        pieces.append(text[start:end])
        start = end
    return [*pieces, text[start:]]


def _cut(text: str, start: int, end: int) -> int:
    half = start + (end - start) // 2
    for pattern in _BREAKS:
        ends = [m.end() for m in pattern.finditer(text, half, end)]
        for at in reversed(ends):
            if is_border(text, at):
                return at
    return next((at for at in range(end, start, -1) if is_border(text, at)), end)


def is_border(text: str, at: int) -> bool:
    """Whether what stands before and after position `at` are two characters for a reader."""
    if at <= 0 or at >= len(text):
        return True
    before, after = text[at - 1], text[at]
    if before < "\u0300" and after < "\u0300":
        return not (before == "\r" and after == "\n")
    if _extends(after) or before == _ZWJ or before in _PREPEND:
        return False
    if _is_flag(before) and _is_flag(after):
        return _run_of_flags(text, at) % 2 == 0
    if unicodedata.category(after) == "Lo" and _after_virama(text, at):
        return False
    return not _hangul_joins(before, after)


_ZWJ = "\u200d"
# Emoji tags, skin tones, the non-joiner, half-width Japanese voice marks, Thai and Lao vowels: they belong to the
# character before them though their category does not say so.
_EXTENDS = re.compile("[\u200c\u200d\uff9e\uff9f\u0e33\u0eb3\U0001f3fb-\U0001f3ff\U000e0020-\U000e007f]")
_PREPEND = frozenset(  # characters that belong to the one after them (Grapheme_Cluster_Break=Prepend)
    "\u0600\u0601\u0602\u0603\u0604\u0605\u06dd\u070f\u0890\u0891\u08e2\u0d4e\U000110bd\U000110cd\U000111c2\U000111c3"
    "\U0001193f\U00011941\U00011a3a\U00011a84\U00011a85\U00011a86\U00011a87\U00011a88\U00011a89\U00011d46\U00011f02"
)


def _extends(char: str) -> bool:
    return unicodedata.category(char) in ("Mn", "Me", "Mc") or _EXTENDS.match(char) is not None


def _is_flag(char: str) -> bool:
    return "\U0001f1e6" <= char <= "\U0001f1ff"  # regional indicators: two make a flag


def _run_of_flags(text: str, at: int) -> int:
    first = at
    while first > 0 and _is_flag(text[first - 1]):
        first -= 1
    return at - first


def _after_virama(text: str, at: int) -> bool:
    """Whether an Indic consonant at `at` is bound to the one before it by a virama (canonical class 9)."""
    while at > 0 and _extends(text[at - 1]):
        at -= 1
        if unicodedata.combining(text[at]) == 9:
            return True
    return False


def _hangul_joins(before: str, after: str) -> bool:
    leads = "\u1100" <= before <= "\u115f" or "\ua960" <= before <= "\ua97c"
    if "\u1160" <= after <= "\u11ff" or "\ud7b0" <= after <= "\ud7fb":  # a vowel or a final consonant
        return leads or "\uac00" <= before <= "\ud7fb" or "\u1160" <= before <= "\u11ff"
    return leads and ("\u1100" <= after <= "\u115f" or "\ua960" <= after <= "\ua97c" or "\uac00" <= after <= "\ud7a3")

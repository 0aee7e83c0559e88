"""Pure rules of short messages: what one holds, and how a text is cut so that no character is torn.

A short message carries 140 octets (3GPP TS 23.040): 160 characters of the GSM 7-bit alphabet or 70 units of UTF-16. A
longer text travels in parts, each with a header of 6 octets by which the phone puts them together again, which leaves
153 or 67. Gateways cut at exactly the 67th unit, through the middle of an emoji; so we cut, and they leave it alone.
"""

from __future__ import annotations

from dataclasses import dataclass

from channels._text import is_border, split

REFERENCES = 256  # concatenated messages that a phone can tell apart: the header has one octet for it
PARTS_MOST = 255  # of one concatenated message, for the same reason


@dataclass(frozen=True, slots=True)
class Coding:
    """How a text is written in a short message."""

    name: str
    single: int  # units of a message that is alone
    part: int  # units of one that is part of a longer


GSM7 = Coding("GSM-7", 160, 153)  # units: septets
UCS2 = Coding("UCS-2", 70, 67)  # units: 16 bits, so an emoji is two or more

# 3GPP TS 23.038, the default alphabet without its escape, and its extension table, whose characters take two septets.
_BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿"
    "abcdefghijklmnopqrstuvwxyzäöñüà"
)
_EXTENDED = frozenset("\f^{}\\[~]|€")


def coding(text: str) -> Coding:
    """GSM7 where every character is in its alphabet, else UCS2."""
    return GSM7 if _BASIC.union(_EXTENDED).issuperset(text) else UCS2


def size(text: str, coding: Coding) -> int:
    """How many units of `coding` the text takes."""
    if coding is GSM7:
        return len(text) + sum(char in _EXTENDED for char in text)
    return len(text) + sum(char > "\uffff" for char in text)


def segments(text: str) -> list[str]:
    """The text in the parts in which it travels, which together are exactly the text.

    A cut is at a border of two characters as a reader sees them; only a cluster that is longer than a whole part is
    cut inside, and even that never through the middle of one Unicode character."""
    how = coding(text)
    if size(text, how) <= how.single:
        return [text]
    parts: list[str] = []
    start = 0
    while start < len(text):
        end = _last_border(text, start, _end_of_part(text, start, how))
        parts.append(text[start:end])
        start = end
    return parts


def messages(text: str, parts_max: int, prefix: str = "") -> list[list[str]]:
    """The text as concatenated messages of at most `parts_max` parts each; each one begins with `prefix`.

    A text that needs more becomes several messages, cut where `split` cuts, without the blanks at the cuts."""
    found: list[list[str]] = []
    rest = text
    while True:
        parts = segments(prefix + rest)
        if len(parts) <= parts_max:
            return [*found, parts]
        room = sum(map(len, parts[:parts_max])) - len(prefix)
        if room < 1:
            raise ValueError("the prefix leaves no room for a text")
        head = split(rest, room)[0]
        if said := head.rstrip():
            found.append(segments(prefix + said))
        rest = rest[len(head) :].lstrip()
        if not rest:
            return found


def header(reference: int, count: int, number: int) -> bytes:
    """The user data header of part `number` (from 1) of `count`; parts with one `reference` belong together."""
    return bytes([5, 0, 3, reference % REFERENCES, count, number])


def _end_of_part(text: str, start: int, how: Coding) -> int:
    """The most that fits into a part from `start` on, whole Unicode characters."""
    room = how.part
    for at in range(start, len(text)):
        room -= size(text[at], how)
        if room < 0:
            return at
    return len(text)


def _last_border(text: str, start: int, end: int) -> int:
    return next((at for at in range(end, start, -1) if is_border(text, at)), end)

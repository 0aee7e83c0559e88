"""A short question on the answer before it, such as "要多久" or "how much?", which alone says nothing; pure."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

from bot.reflexes import bare, normal
from core.model import Button
from faq.entries import Entry

FOLLOW_UP_MAX = 40  # characters
_DETAILS = re.compile(r'/faq\{"id":"(\w+)","details":"yes"\}')
_FOLLOW_UP = re.compile(
    r"(?:那|那么|请问|还|一般|大概|都|会|要不)*(?:要|需要|得|用)?"
    r"(?:多少钱|钱吗|花钱吗|交钱吗|收费吗|免费吗|多久|多长时间|几天|(?:什么|哪些)(?:材料|证件|手续)|[带准]备?什么)[呢啊呀吗]?|"
    r"(?:那|请问)?[在去到]?(?:哪里|哪儿)[办查弄]?理?[呢啊呀]?|"
    r"(?:and |so |ok |but )*(?:how long(?: (?:does|will|would) (?:it|that|this) take)?|"
    r"how much(?: (?:does|is|will) (?:it|that|this)(?: cost)?)?|is it free|does it cost (?:anything|money)|"
    r"(?:what|which) (?:documents|papers)(?: (?:do i need|are needed))?|"
    r"what (?:do|should) i (?:need|bring|take)(?: with me)?|"
    r"where(?: (?:do|can) i (?:do|get) (?:it|that|this))?)"
)
_FULL = re.compile(r"\W*(?:and |so |ok |but )*how much")
NOTHING_MORE = "/faq_none"  # the payload that says so


_COST = re.compile(r"how much|free|cost|money|多少钱|收费|免费|[要花交]钱|钱[吗么]")


def in_full(text: str) -> str:
    """`text` as it is searched behind the question before it: what is bare English for a price says little there."""
    return "does it cost money" if _FULL.match(normal(text)) else text


def is_on(text: str, entry: Entry | None) -> bool:
    """Whether `entry` itself is on what `text` asks, its price, so that saying it again is an answer."""
    if entry is None or not _COST.search(normal(text)):
        return False
    return any(_COST.search(normal(question)) for question in entry.question.values())


def answered(offered: Sequence[Button]) -> str:
    """The id of the entry that was answered with last, in short; "" if it was something else or all was said."""
    found = (_DETAILS.fullmatch(button.payload) for button in offered)
    return next((match[1] for match in found if match), "")


def is_one(text: str) -> bool:
    """Whether `text` asks for a part of an answer and does not say of which."""
    return len(text) <= FOLLOW_UP_MAX and _FOLLOW_UP.fullmatch(bare(text)) is not None


def answer(entry: str) -> str:
    """The payload that asks for `entry`."""
    return "/faq" + json.dumps({"id": entry}, separators=(",", ":"))


def details(entry: str) -> str:
    """The payload that asks for all that is known on `entry`."""
    return "/faq" + json.dumps({"id": entry, "details": "yes"}, separators=(",", ":"))

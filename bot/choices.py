"""Which button a typed message means: by its number or its words in the list that was said last, or as a topic; pure.

On channels without buttons the list is numbered, and people also type what a button says.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from bot.reflexes import bare, normal
from core.model import Button
from core.turns import CHOICE_MAX

_NUMBER = re.compile(r"\W*(?:我?选择?|第|option |number |no\.? ?)?\W*([1-9]\d?)\W*(?:个|项|条|号)?\W*")
_ORDINAL = re.compile(
    r"\W*我?(?:选择?第?|第)([一二三四五六七八九十])(?:个|项|条|号)?吧?\W*|"
    r"\W*(?:the )?(first|second|third|fourth|fifth)(?: one| option)?(?: please)?\W*"
)
_WORDS_OF_ORDER = ("一二三四五六七八九十", ("first", "second", "third", "fourth", "fifth"))
_ORDINALS = {word: place for words in _WORDS_OF_ORDER for place, word in enumerate(words, 1)}
_BETWEEN_TOPICS = re.compile(r"、|和|, | and ")
# What comes before the question itself when somebody was misunderstood.
_ASKED_INSTEAD = re.compile(
    r"\s*(?:(?:不对|不對|不是|错了|錯了|no|sorry)[\s，,。.！!]*)?"
    r"(?:我(?:是想?[问問]|[想要]?[问問]的是)|i (?:asked|was asking) about)[\s：:，,]*(?=\w)",
    re.IGNORECASE,
)
AGAIN = "/complaint_again"  # the button by which a matter that looks like an older one is filed all the same
_QUESTION = re.compile(r'/faq\{"id":"\w+"\}')


def bare_number(text: str) -> int:
    """The number, 1 to 99, that is all a typed message says, as in "2", "２。", "选2" or "第二个"; else 0."""
    if len(text) > CHOICE_MAX:
        return 0
    plain = normal(text)
    if found := _NUMBER.fullmatch(plain):
        return int(found[1])
    return _ORDINALS[found[1] or found[2]] if (found := _ORDINAL.fullmatch(plain)) else 0


def chosen(text: str, buttons: Sequence[Button]) -> str:
    """The payload of the button that `text` means, "" if it means none.

    A typed question is left to the search, which finds the same entry and notes how well it matched.
    """
    if not buttons:
        return ""
    if number := bare_number(text):
        return buttons[number - 1].payload if number <= len(buttons) else ""
    said = bare(text)
    return next((b.payload for b in buttons if said and bare(b.title) == said and not _asks(b)), "")


def topic(text: str, pages: tuple[Button, ...]) -> str:
    """The payload of the menu's page whose title, or a topic in the title, is all that `text` says; "" if none is."""
    return _topics(pages).get(bare(text).removesuffix("s"), "") if len(text) <= CHOICE_MAX else ""


@lru_cache(maxsize=2)  # the pages change with the content; compared anew they cost a sixth of a turn
def _topics(pages: tuple[Button, ...]) -> dict[str, str]:
    """The payload for each title and each topic in one, written `bare`; where two share one, the first page's."""
    found: dict[str, str] = {}
    for page in pages:
        for one in (page.title, *_BETWEEN_TOPICS.split(page.title)):
            found.setdefault(bare(one).removesuffix("s"), page.payload)
    found.pop("", None)
    return found


def pending(offered: Sequence[Button]) -> str | None:
    """What the list that was said last leaves to be told: "repeat", whether it is the matter of an older case."""
    return "repeat" if any(button.payload == AGAIN for button in offered) else None


def asked_instead(text: str) -> str:
    """`text` without "不对，我问的是" or the like before the question: that is no part of what is searched."""
    return text[found.end() :] if (found := _ASKED_INSTEAD.match(text)) else text


def _asks(button: Button) -> bool:
    return _QUESTION.fullmatch(button.payload) is not None

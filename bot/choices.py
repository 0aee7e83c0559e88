"""Which button of the list that was said last a typed message means: by its number or by its words; pure.

On channels without buttons the list is numbered, and people also type what a button says.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from bot.reflexes import normal
from core.model import Button
from core.turns import CHOICE_MAX
from faq.folding import simplified

_NUMBER = re.compile(r"\W*(?:我?选择?|第|option |number |no\.? ?)?\W*([1-9]\d?)\W*(?:个|项|条|号)?\W*")
_EDGES = re.compile(r"^[\W_]+|[\W_]+$")
_QUESTION = re.compile(r'/faq\{"id":"\w+"\}')


def bare_number(text: str) -> int:
    """The number, 1 to 99, that is all a typed message says, as in "2", "２。" or "选2"; 0 if it says anything else."""
    found = _NUMBER.fullmatch(normal(text)) if len(text) <= CHOICE_MAX else None
    return int(found[1]) if found else 0


def chosen(text: str, buttons: Sequence[Button]) -> str:
    """The payload of the button that `text` means, "" if it means none.

    A typed question is left to the search, which finds the same entry and notes how well it matched.
    """
    if number := bare_number(text):
        return buttons[number - 1].payload if number <= len(buttons) else ""
    said = _plain(text)
    return next((b.payload for b in buttons if said and _plain(b.title) == said and not _asks(b)), "")


def _plain(text: str) -> str:
    """What a title and a typed message are compared by: case, width, characters and marks at the ends do not count."""
    return _EDGES.sub("", normal(simplified(text)))


def _asks(button: Button) -> bool:
    return _QUESTION.fullmatch(button.payload) is not None

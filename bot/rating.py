"""The answer to the question how a case went: one of our buttons, taken without the brain; pure."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, cast

from bot import choices
from bot.news import RATED
from bot.reflexes import Reflex
from core.effects import RateCase
from core.model import Button, MessageKind, Turn


def taken(turn: Turn, offered: Sequence[Button]) -> Reflex | None:
    """What to do with an answer to the survey, pressed or chosen by its number or its words from the list that was
    `offered` last; None for every other message. Whose case it is the register finds out."""
    meant = turn.payload if turn.kind is MessageKind.PAYLOAD else ""
    if turn.kind is MessageKind.TEXT and any(button.payload.startswith(RATED) for button in offered):
        meant = choices.chosen(turn.text, offered)
    if not meant.startswith(RATED):
        return None
    try:
        told = cast("dict[str, Any]", json.loads(meant.removeprefix(RATED)))
        asked = RateCase(case_no=str(told["case"]), grade=str(told["as"]))
    except (ValueError, KeyError, TypeError):
        return None
    return Reflex(name="case_rating", say=(), effects=(asked,))

"""Words that are told of a case, whoever asks for them: the day on which something is due, and what staff wrote."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, datetime, timedelta

from cases.calendar import today
from core.model import Language, Rendered, Say

TOLD_MAX = 500  # characters of what staff wrote that are said again
INSTANT = timedelta(microseconds=1)  # a limit's end is the first instant too late
_MARK = re.compile(r"⟦[^⟧]*⟧")


def last_day(render: Callable[[Say], Rendered], language: Language, due_at: datetime | None, now: datetime) -> str:
    """The last day in time of what comes next, as a date and in words; "" where no limit runs."""
    if due_at is None:
        return ""
    last = today(due_at - INSTANT)
    days = (last - today(now)).days
    near = {0: "case.by.today", 1: "case.by.tomorrow"}
    key = "case.late" if days < 0 else near.get(days, "case.by")
    return render(Say(key=key, args={"date": day(last, language), "days": days})).text


def day(which: date, language: Language) -> str:
    if language == "zh":
        return f"{which.year}年{which.month}月{which.day}日"
    return f"{which.day} {which:%B %Y}"


def shown(written: object, longest: int = TOLD_MAX) -> str:
    """What staff wrote as its consumer may read it: without the references that stand for numbers, and not for ever."""
    text = _MARK.sub("***", str(written or "")).strip()
    return text if len(text) <= longest else f"{text[:longest]}…"

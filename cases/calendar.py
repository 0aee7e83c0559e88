"""Working days of the mainland, with make-up work days (调休), and which years nobody can know yet; pure."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from functools import cache
from pathlib import Path
from typing import Any

import chinese_calendar  # pyright: ignore[reportMissingTypeStubs]
import yaml
from chinese_calendar.constants import holidays  # pyright: ignore[reportMissingTypeStubs]

BEIJING = timezone(timedelta(hours=8))  # without summer time since 1991
DAY = timedelta(days=1)
FOLDER = Path(__file__).with_name("holidays")  # YEAR.yml: a year that the package does not know yet
FIRST_YEAR = min(day.year for day in holidays)
LAST_YEAR = max(day.year for day in holidays)  # the last one with a notice of the State Council in the package
SATURDAY = 5


def today(now: datetime) -> date:
    """The date in Beijing at an aware time; a naive one: ValueError."""
    if now.tzinfo is None:
        raise ValueError("a time without its zone cannot be counted from")
    return now.astimezone(BEIJING).date()


def midnight(day: date) -> datetime:
    """The first instant of a day in Beijing, in UTC."""
    return datetime(day.year, day.month, day.day, tzinfo=BEIJING).astimezone(UTC)


def provisional(day: date) -> bool:
    """Whether that day's year has no published calendar yet, so that its working days may still change."""
    return day.year > LAST_YEAR


def works(day: date) -> bool:
    """Whether people work that day: make-up days yes, statutory holidays no. Before 2004 and where nothing is known:
    Monday to Friday."""
    if FIRST_YEAR <= day.year <= LAST_YEAR:
        return _published(day)
    rest, work = _expected(day.year)
    return day in work or (day.weekday() < SATURDAY and day not in rest)


def next_working_day(day: date) -> date:
    """The first day after that one on which people work."""
    day += DAY
    while not works(day):
        day += DAY
    return day


@cache  # the package looks through its whole table each time, and a limit asks for a month of days
def _published(day: date) -> bool:
    return bool(chinese_calendar.is_workday(day))  # pyright: ignore[reportUnknownMemberType]


@cache
def _expected(year: int) -> tuple[frozenset[date], frozenset[date]]:
    """Days of rest and of work besides the usual ones, from YEAR.yml; none without such a file."""
    file = FOLDER / f"{year}.yml"
    if not file.is_file():
        return frozenset(), frozenset()
    days: dict[str, Any] = yaml.safe_load(file.read_text(encoding="utf-8"))
    return frozenset(days["rest"]), frozenset(days["work"])

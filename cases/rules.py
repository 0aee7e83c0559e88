"""Time limits: the rows of deadlines.yml, and the one function that counts them; pure.

Days are Beijing days. The day on which a clock starts does not count, and a last day of rest rolls on to the next
working day (Civil Code, Articles 201 and 203; that they hold for these limits, and that weekends are days of rest here,
is our reading).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any, Literal, NamedTuple

import yaml
from pydantic import ConfigDict, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass as checked

from cases import calendar
from cases.calendar import DAY, midnight, today

FILE = Path(__file__).with_name("deadlines.yml")


class Unit(StrEnum):
    HOURS = "hours"
    CALENDAR_DAYS = "calendar_days"
    WORKING_DAYS = "working_days"
    MONTHS = "months"
    YEARS = "years"


@checked(frozen=True, kw_only=True, slots=True, config=ConfigDict(extra="forbid"))
class Rule:
    """One row: a limit with its law and the time in which it is in force."""

    id: str
    limit: int
    unit: Unit
    tracks: tuple[str, ...]
    basis: str
    confidence: Literal["V", "V2", "M", "D"]
    since: date = date.min
    until: date = date.max  # the last day on which a clock may start under it
    restarts: bool = False
    pauses: bool = False
    extensions: tuple[int, ...] = ()  # totals, one after the other …
    up_to: int = 0  # … or any greater total up to this one

    @property
    def version(self) -> str:
        """Which of the rows with this id it is; kept with the case."""
        return self.since.isoformat()

    @property
    def extends(self) -> bool:
        return bool(self.extensions or self.up_to)

    def allows(self, total: int, *, held: int) -> bool:
        """Whether the limit may be extended from `held` to `total`."""
        following = next((step for step in self.extensions if step > held), None)
        return total == following or held < total <= self.up_to


class Supplement(NamedTuple):
    """Material that was asked for, and when all of it was there; None: not yet."""

    asked: datetime
    complete: datetime | None


class Pause(NamedTuple):
    """Time that does not count, from its first day to the day before its end; None: it goes on."""

    begins: datetime
    ends: datetime | None


class Extension(NamedTuple):
    """A longer limit that somebody granted; `total` as in the rule's unit, counted from the start."""

    granted: datetime
    total: int


State = Literal["no_rule", "waiting", "paused", "running"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Clock:
    """Where one limit stands. Dates are set while it runs only; whether it is overdue is asked, never kept."""

    state: State
    version: str = ""  # of the rule
    due_on: date | None = None  # the last day in time
    due_at: datetime | None = None  # the first instant too late
    warn_half: date | None = None
    warn_most: date | None = None  # 80 %
    warn_last: date | None = None  # a day before
    extended: tuple[bool, ...] = ()  # which of the extensions hold
    provisional: bool = False  # counted over days whose calendar is not published yet

    def overdue(self, now: datetime) -> bool:
        """Whether it has run out at `now` (aware)."""
        return self.due_at is not None and now >= self.due_at


_ROW = TypeAdapter(Rule)


@cache
def rules() -> tuple[Rule, ...]:
    """All rows; a broken file: ValueError with the row and the reason."""
    return read(FILE.read_text(encoding="utf-8"))


def read(text: str) -> tuple[Rule, ...]:
    """The rows of a file like deadlines.yml."""
    rows = tuple(_row(number, raw) for number, raw in enumerate(yaml.safe_load(text), 1))
    for number, row in enumerate(rows):
        for other in rows[:number]:
            if row.id == other.id and row.since <= other.until and other.since <= row.until:
                raise ValueError(f"{row.id}: two rows are in force on the same day")
    return rows


def in_force(rule: str, day: date, version: str = "") -> Rule | None:
    """The row under which a clock starts on that day, or the one of that version; an unknown rule: ValueError."""
    rows = [row for row in rules() if row.id == rule]
    if not rows:
        raise ValueError(f"there is no rule {rule!r}: {', '.join(sorted({row.id for row in rules()}))}")
    return next((row for row in rows if (row.version == version if version else row.since <= day <= row.until)), None)


def clock(
    rule: str,
    started: datetime,
    *,
    version: str = "",
    supplements: Sequence[Supplement] = (),
    pauses: Sequence[Pause] = (),
    extensions: Sequence[Extension] = (),
) -> Clock:
    """Counts one limit from the event that starts it, under the row of `version` or the one in force; all times aware.

    Supplements and extensions in the order of time, pauses in any. What the rule does not know, or what cannot be so
    (an end before a beginning, for one), is refused: ValueError.
    """
    row = in_force(rule, today(started), version)
    _check(rule, row, started, supplements, pauses, extensions)
    if row is None:
        return Clock(state="no_rule", extended=(False,) * len(extensions))
    none = Clock(state="waiting", version=row.version, extended=(False,) * len(extensions))
    if row.unit is Unit.HOURS:
        return _hours(row, started)
    count = _Count(row, today(started))
    for supplement in supplements:
        if today(supplement.asked) > count.due():
            break
        if supplement.complete is None:
            return none
        count = _Count(row, today(supplement.complete))
    extended = [False] * len(extensions)
    events: list[tuple[date, int, Pause | int]] = [(today(pause.begins), 0, pause) for pause in pauses]
    events += [(today(extension.granted), 1, number) for number, extension in enumerate(extensions)]
    for day, _, event in sorted(events, key=lambda each: each[:2]):
        if not count.open and day > count.due():
            continue
        if isinstance(event, int):
            total = extensions[event].total
            if row.allows(total, held=count.limit):
                extended[event], count.limit = True, total
        elif event.ends is None:
            count.open = True
        else:
            count.pauses.append((day, today(event.ends)))
    if count.open:
        return Clock(state="paused", version=row.version, extended=tuple(extended))
    return count.clock(tuple(extended))


class _Count:
    """A limit in days, months or years that is being counted."""

    def __init__(self, row: Rule, start: date) -> None:
        self.row = row
        self.start = start
        self.limit = row.limit
        self.pauses: list[tuple[date, date]] = []
        self.open = False  # a pause goes on

    def due(self) -> date:
        """The last day in time."""
        if self.row.unit in (Unit.MONTHS, Unit.YEARS):
            months = self.limit * (12 if self.row.unit is Unit.YEARS else 1)
            last = _months_later(self.start, months)
        else:
            last = self._nth(self.limit)
        return _walk(last, DAY, self._works)

    def clock(self, extended: tuple[bool, ...]) -> Clock:
        due = self.due()
        if self.row.unit in (Unit.MONTHS, Unit.YEARS):
            whole = (due - self.start).days
            half, most = self.start + whole * 50 // 100 * DAY, self.start + whole * 80 // 100 * DAY
        else:
            half, most = self._nth(-(-self.limit * 50 // 100)), self._nth(-(-self.limit * 80 // 100))
        before = due - DAY
        return Clock(
            state="running",
            version=self.row.version,
            due_on=due,
            due_at=midnight(due + DAY),
            warn_half=half,
            warn_most=most,
            warn_last=_walk(before, -DAY, self._works) if self.row.unit is Unit.WORKING_DAYS else before,
            extended=extended,
            provisional=calendar.provisional(due),
        )

    def _nth(self, number: int) -> date:
        """The day that counts as the `number`-th after the start."""
        day = self.start
        counts = self._works if self.row.unit is Unit.WORKING_DAYS else self._runs
        for _ in range(number):
            day = _walk(day + DAY, DAY, counts)
        return day

    def _runs(self, day: date) -> bool:
        return not any(begins <= day < ends for begins, ends in self.pauses)

    def _works(self, day: date) -> bool:
        return self._runs(day) and calendar.works(day)


def _walk(day: date, step: timedelta, fits: Callable[[date], bool]) -> date:
    while not fits(day):
        day += step
    return day


def _months_later(day: date, months: int) -> date:
    """The same number of the day, or the last day of a month that has no such day (Civil Code, Article 202)."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    first_of_next = date(year + (month + 1) // 12, (month + 1) % 12 + 1, 1)
    return date(year, month + 1, min(day.day, (first_of_next - DAY).day))


def _hours(row: Rule, started: datetime) -> Clock:
    whole = timedelta(hours=row.limit)
    due = started + whole
    return Clock(
        state="running",
        version=row.version,
        due_on=today(due),
        due_at=due,
        warn_half=today(started + whole * 50 / 100),
        warn_most=today(started + whole * 80 / 100),
        warn_last=today(due - DAY),
    )


def _check(
    rule: str,
    row: Rule | None,
    started: datetime,
    supplements: Sequence[Supplement],
    pauses: Sequence[Pause],
    extensions: Sequence[Extension],
) -> None:
    known = row or next(each for each in rules() if each.id == rule)
    if (supplements and not known.restarts) or (pauses and not known.pauses) or (extensions and not known.extends):
        raise ValueError(f"{rule} knows no such supplement, pause or extension")
    _in_order("a supplement", [started, *(time for each in supplements for time in each if time is not None)])
    if any(each.complete is None for each in supplements[:-1]):
        raise ValueError("material is asked for again before it was complete")
    for pause in pauses:
        _in_order("a pause", [time for time in pause if time is not None])
    _in_order("an extension", [extension.granted for extension in extensions])


def _in_order(what: str, times: Iterable[datetime]) -> None:
    before: datetime | None = None
    for time in times:
        today(time)  # refuses a naive one
        if before and time < before:
            raise ValueError(f"{what} ends before it begins, or stands in the wrong order")
        before = time


def _row(number: int, raw: Any) -> Rule:
    try:
        row = _ROW.validate_python(raw)
        if row.limit < 1 or not row.basis or not row.tracks:
            raise ValueError("limit, basis or tracks is missing")
        if row.since > row.until or row.extensions != tuple(sorted({*row.extensions} - {*range(row.limit + 1)})):
            raise ValueError("since is after until, or the extensions do not grow")
        return row
    except ValidationError as e:
        why = "; ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in e.errors())
        raise ValueError(f"{FILE.name}, row {number}: {why}") from None
    except ValueError as e:
        raise ValueError(f"{FILE.name}, row {number}: {e}") from None

"""A second, slow reading of the legal time limits, against which the product's own is held.

It shares nothing with the product: standard library and the calendar data of `chinese_calendar` alone, one day after
the other, so that every line can be held against a paper calendar. Where the conventions leave a choice, it is this:

- Bad input is refused before anything else is looked at, so that a time limit without a law refuses it, too.
- Nothing can be asked after a supplement that is still open: another one after it is bad input.
- "Before" among moments compares the moments themselves; two at the same moment are in order.
- A pause may begin, and an extension be granted, before the clock starts; both are then in time.
- Without a rule in force no extension holds. With a total that is no greater than the one that holds, none does.
- The day before the last one (`warn_last`) may be a paused or a free day where calendar days count.
- A year's warnings count from the start to the last day as it is after rolling.
"""

from __future__ import annotations

import calendar
from collections.abc import Callable, Sequence
from datetime import date, datetime, time, timedelta, timezone
from typing import Literal, NamedTuple

import chinese_calendar

BEIJING = timezone(timedelta(hours=8))
DAY = timedelta(days=1)
HOUR = timedelta(hours=1)

# Holidays of 2027 that are certain before the State Council's notice; later years know weekends alone.
HOLIDAYS_2027 = {
    date(2027, month, day)
    for month, day in (
        (1, 1), (2, 5), (2, 6), (2, 7), (2, 8), (4, 5), (5, 1), (5, 2), (6, 9), (9, 15), (10, 1), (10, 2), (10, 3),
    )
}  # fmt: skip

Supplements = Sequence[tuple[datetime, datetime | None]]
Pauses = Sequence[tuple[datetime, datetime | None]]
Extensions = Sequence[tuple[datetime, int]]


class Rule(NamedTuple):
    """One time limit; `steps` are the only totals that may follow each other, `most` the greatest of any."""

    number: int
    unit: Literal["working days", "calendar days", "years", "hours"]
    since: date | None = None  # the first day in force; None: always
    restarts: bool = False
    pausable: bool = False
    steps: tuple[int, ...] = ()
    most: int | None = None

    @property
    def extendable(self) -> bool:
        return bool(self.steps) or self.most is not None


BANKING_LAW = date(2020, 11, 1)
INSURANCE_LAW = date(2020, 3, 1)
CREDIT_LAW = date(2013, 3, 15)
PETITION_LAW = date(2022, 5, 1)

RULES = {
    "pboc_decide": Rule(7, "working days", BANKING_LAW, restarts=True),
    "institution_reply": Rule(15, "calendar days", BANKING_LAW, pausable=True, most=60),
    "insurer_reply": Rule(15, "calendar days", INSURANCE_LAW, pausable=True, steps=(15, 30, 60)),
    "review_request": Rule(30, "calendar days", INSURANCE_LAW),
    "review_decision": Rule(30, "calendar days", INSURANCE_LAW),
    "credit_objection": Rule(20, "calendar days", CREDIT_LAW),
    "credit_complaint": Rule(30, "calendar days", CREDIT_LAW),
    "aml_objection": Rule(15, "calendar days", date(2025, 1, 1)),
    "samr_decide": Rule(7, "working days", date(2020, 1, 1), restarts=True),
    "petition_inform": Rule(15, "calendar days", PETITION_LAW),
    "petition_reply": Rule(60, "calendar days", PETITION_LAW, steps=(60, 90)),
    "petition_review": Rule(30, "calendar days", PETITION_LAW),
    "mediation_confirmation": Rule(30, "calendar days", date(2011, 1, 1)),
    "leak_report": Rule(72, "hours", BANKING_LAW),
    "retention": Rule(3, "years", BANKING_LAW),
    "follow_up": Rule(5, "working days"),
    "own_decide": Rule(7, "working days", restarts=True),
    "supplement_wait": Rule(15, "calendar days"),
    "own_reply": Rule(15, "calendar days", pausable=True, most=60),
    "draft_kept": Rule(30, "calendar days"),
    "appraisal_check": Rule(30, "calendar days"),
    "mediation_end": Rule(60, "calendar days"),
}


class Clock(NamedTuple):
    """What a clock says. `rolled` is told for statistics: the last day was a free or a paused one and moved."""

    state: Literal["no_rule", "waiting", "paused", "running"]
    due_on: date | None = None
    due_at: datetime | None = None
    warn_half: date | None = None
    warn_most: date | None = None
    warn_last: date | None = None
    extended: tuple[bool, ...] = ()
    provisional: bool = False
    rolled: bool = False


def clock(
    rule: str,
    started: datetime,
    *,
    supplements: Supplements = (),
    pauses: Pauses = (),
    extensions: Extensions = (),
) -> Clock:
    """What the time limit `rule`, started then, says after all that happened to it. ValueError: bad input."""
    if rule not in RULES:
        raise ValueError(f"there is no rule {rule}")
    row = RULES[rule]
    _check(row, started, supplements, pauses, extensions)
    none_hold = (False,) * len(extensions)
    if row.since is not None and on(started) < row.since:
        return Clock("no_rule", extended=none_hold)

    for asked, complete in supplements:
        due_on = _last_day(row, started, row.number, frozenset())[1]
        if on(asked) > due_on:
            break
        if complete is None:
            return Clock("waiting", extended=none_hold)
        started = complete

    if row.unit == "hours":
        return _hours(row, started)

    total, paused, held, is_open = _happened(row, started, pauses, extensions)
    if is_open:
        return Clock("paused", extended=held)
    return _running(row, started, total, paused, held)


def on(moment: datetime) -> date:
    """The date in Beijing."""
    return moment.astimezone(BEIJING).date()


def is_working(day: date) -> bool:
    """A day on which offices work, make-up days among them."""
    if day.year <= 2026:
        return chinese_calendar.is_workday(day)
    return day.weekday() < 5 and day not in HOLIDAYS_2027


def _happened(
    row: Rule, started: datetime, pauses: Pauses, extensions: Extensions
) -> tuple[int, frozenset[date], tuple[bool, ...], bool]:
    """The total that holds, the paused dates, which extensions held, and whether a pause is still open."""
    total = row.number
    paused: frozenset[date] = frozenset()
    held = [False] * len(extensions)
    is_open = False

    events = [(on(begins), 0, n) for n, (begins, _) in enumerate(pauses)]
    events += [(on(granted), 1, n) for n, (granted, _) in enumerate(extensions)]
    for day, kind, n in sorted(events):
        if not is_open and day > _last_day(row, started, total, paused)[1]:
            continue
        if kind == 1:
            wanted = extensions[n][1]
            if _allowed(row, total, wanted):
                total, held[n] = wanted, True
            continue
        ends = pauses[n][1]
        if ends is None:
            is_open = True
        elif not is_open:
            paused |= set(_each_day(day, on(ends)))
    return total, paused, tuple(held), is_open


def _allowed(row: Rule, total: int, wanted: int) -> bool:
    if row.steps:
        position = row.steps.index(total)
        return row.steps[position + 1 : position + 2] == (wanted,)
    return row.most is not None and total < wanted <= row.most


def _running(row: Rule, started: datetime, total: int, paused: frozenset[date], held: tuple[bool, ...]) -> Clock:
    counted, due_on = _last_day(row, started, total, paused)
    first = on(started)
    if row.unit == "years":
        length = (due_on - first).days
        warn_half, warn_most = first + length * 5 // 10 * DAY, first + length * 8 // 10 * DAY
    else:
        warn_half = _nth_day(row, started, -(-total * 5 // 10), paused)
        warn_most = _nth_day(row, started, -(-total * 8 // 10), paused)
    warn_last = due_on - DAY
    while row.unit == "working days" and (not is_working(warn_last) or warn_last in paused):
        warn_last -= DAY
    return Clock(
        "running",
        due_on=due_on,
        due_at=datetime.combine(due_on + DAY, time(), BEIJING),
        warn_half=warn_half,
        warn_most=warn_most,
        warn_last=warn_last,
        extended=held,
        provisional=due_on.year >= 2027,
        rolled=due_on != counted,
    )


def _hours(row: Rule, started: datetime) -> Clock:
    due_at = started + row.number * HOUR
    return Clock(
        "running",
        due_on=on(due_at),
        due_at=due_at,
        warn_half=on(started + row.number * HOUR * 5 / 10),
        warn_most=on(started + row.number * HOUR * 8 / 10),
        warn_last=on(due_at - 24 * HOUR),
    )


def _last_day(row: Rule, started: datetime, total: int, paused: frozenset[date]) -> tuple[date, date]:
    """The last day as counted, and as it is after rolling off free and paused days."""
    counted = _same_day(on(started), total) if row.unit == "years" else _nth_day(row, started, total, paused)
    day = counted
    while not is_working(day) or day in paused:
        day += DAY
    return counted, day


def _nth_day(row: Rule, started: datetime, n: int, paused: frozenset[date]) -> date:
    counts: Callable[[date], bool] = is_working if row.unit == "working days" else lambda day: True
    day = on(started)
    while n:
        day += DAY
        if counts(day) and day not in paused:
            n -= 1
    return day


def _same_day(first: date, years: int) -> date:
    year = first.year + years
    return date(year, first.month, min(first.day, calendar.monthrange(year, first.month)[1]))


def _each_day(begins: date, ends: date) -> list[date]:
    """From `begins` to the day before `ends`."""
    days: list[date] = []
    while begins < ends:
        days.append(begins)
        begins += DAY
    return days


def _check(row: Rule, started: datetime, supplements: Supplements, pauses: Pauses, extensions: Extensions) -> None:
    spans = [*supplements, *pauses]
    moments = [started, *(moment for span in spans for moment in span if moment is not None)]
    moments += [granted for granted, _ in extensions]
    if any(moment.utcoffset() is None for moment in moments):
        raise ValueError("a time without a zone")
    if (supplements and not row.restarts) or (pauses and not row.pausable) or (extensions and not row.extendable):
        raise ValueError("the rule knows nothing of this")
    if any(ends is not None and ends < begins for begins, ends in spans):
        raise ValueError("something ends before it begins")
    before: datetime | None = started
    for asked, complete in supplements:
        if before is None or asked < before:
            raise ValueError("material is asked before the start, or before that asked earlier was complete")
        before = complete
    granted = [moment for moment, _ in extensions]
    if granted != sorted(granted):
        raise ValueError("extensions are not in order of time")

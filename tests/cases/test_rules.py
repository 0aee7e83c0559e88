"""Time limits by hand: one case for each convention; a count of another hand compares random ones."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from cases.rules import Clock, Extension, Pause, Supplement, clock, in_force, read, rules


def noon(day: str) -> datetime:
    """12:00 in Beijing."""
    return datetime.fromisoformat(day).replace(hour=4, tzinfo=UTC)


@pytest.mark.parametrize(
    ("rule", "started", "due"),
    [
        (
            "pboc_decide",
            "2026-09-25",
            "2026-10-12",
        ),  # over National Day, with a make-up Saturday
        ("institution_reply", "2026-11-02", "2026-11-17"),
        ("institution_reply", "2026-11-06", "2026-11-23"),  # the 15th day is a Saturday
        ("institution_reply", "2025-09-16", "2025-10-09"),  # the 15th day is the first of the holiday
        ("credit_objection", "2026-11-02", "2026-11-23"),
        ("retention", "2024-02-29", "2027-03-01"),  # no such day in 2027: the last of February, a Sunday
    ],
)
def test_the_last_day_in_time(rule: str, started: str, due: str) -> None:
    counted = clock(rule, noon(started))
    assert counted.due_on == date.fromisoformat(due)
    assert counted.due_at == noon(due) + timedelta(hours=12)


def test_it_is_overdue_from_the_midnight_after_its_last_day() -> None:
    counted = clock("institution_reply", noon("2026-11-02"))
    assert not counted.overdue(datetime(2026, 11, 17, 15, 59, tzinfo=UTC))
    assert counted.overdue(datetime(2026, 11, 17, 16, 0, tzinfo=UTC))


def test_hours_are_counted_by_the_instant() -> None:
    counted = clock("leak_report", noon("2026-10-01"))
    assert counted.due_at == noon("2026-10-04")
    assert (counted.warn_half, counted.warn_most) == (date(2026, 10, 3), date(2026, 10, 3))


def test_warnings_at_half_at_most_of_it_and_a_day_before() -> None:
    counted = clock("institution_reply", noon("2026-11-02"))
    assert (counted.warn_half, counted.warn_most, counted.warn_last) == (
        date(2026, 11, 10),
        date(2026, 11, 14),
        date(2026, 11, 16),
    )


def test_before_a_law_is_in_force_there_is_no_limit() -> None:
    assert clock("aml_objection", noon("2024-12-31")).state == "no_rule"
    assert clock("aml_objection", noon("2025-01-01")).state == "running"


def test_what_is_asked_for_starts_the_clock_anew_when_it_is_there() -> None:
    asked = Supplement(noon("2026-11-03"), None)
    assert clock("pboc_decide", noon("2026-11-02"), supplements=[asked]).state == "waiting"
    there = Supplement(noon("2026-11-03"), noon("2026-11-10"))
    assert clock("pboc_decide", noon("2026-11-02"), supplements=[there]).due_on == date(2026, 11, 19)


def test_what_is_asked_for_after_the_last_day_changes_nothing() -> None:
    late = Supplement(noon("2026-11-12"), None)
    assert clock("pboc_decide", noon("2026-11-02"), supplements=[late]).due_on == date(2026, 11, 11)


def test_paused_days_do_not_count() -> None:
    pause = Pause(noon("2026-11-05"), noon("2026-11-10"))
    assert clock("institution_reply", noon("2026-11-02"), pauses=[pause]).due_on == date(2026, 11, 23)  # 22nd: a Sunday
    assert clock("institution_reply", noon("2026-11-02"), pauses=[Pause(noon("2026-11-05"), None)]).state == "paused"


def test_a_longer_limit_counts_from_the_start_and_only_within_the_law() -> None:
    granted = noon("2026-11-10")
    longer = clock("institution_reply", noon("2026-11-02"), extensions=[Extension(granted, 60)])
    assert (longer.due_on, longer.extended) == (date(2027, 1, 4), (True,))  # the 60th day is New Year's Day
    assert longer.provisional
    assert clock("institution_reply", noon("2026-11-02"), extensions=[Extension(granted, 61)]).extended == (False,)


@pytest.mark.parametrize(
    ("granted", "total", "holds"),
    [("2026-11-17", 30, True), ("2026-11-18", 30, False), ("2026-11-10", 60, False), ("2026-11-10", 31, False)],
)
def test_steps_are_taken_one_after_the_other_and_in_time(granted: str, total: int, holds: bool) -> None:
    counted = clock("insurer_reply", noon("2026-11-02"), extensions=[Extension(noon(granted), total)])
    assert counted.extended == (holds,)


START = noon("2026-11-02")


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ({"rule": "pboc_deside"}, "no rule"),
        ({"started": datetime(2026, 11, 2)}, "zone"),  # noqa: DTZ001
        ({"supplements": [Supplement(START, None)]}, "knows no such"),
        ({"rule": "pboc_decide", "pauses": [Pause(START, None)]}, "knows no such"),
        ({"rule": "pboc_decide", "extensions": [Extension(START, 30)]}, "knows no such"),
        ({"pauses": [Pause(START, START - timedelta(days=1))]}, "ends before"),
        ({"rule": "pboc_decide", "supplements": [Supplement(START - timedelta(days=1), None)]}, "ends before"),
        ({"rule": "pboc_decide", "supplements": [Supplement(START, None), Supplement(START, None)]}, "before it was"),
        ({"extensions": [Extension(START, 30), Extension(START - timedelta(days=1), 40)]}, "wrong order"),
    ],
)
def test_what_cannot_be_is_refused(arguments: dict[str, Any], why: str) -> None:
    given: dict[str, Any] = {"rule": "institution_reply", "started": START} | arguments
    with pytest.raises(ValueError, match=why):
        clock(given.pop("rule"), given.pop("started"), **given)


ROW = "- {id: a, limit: 3, unit: hours, tracks: [pboc], basis: law, confidence: V"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("- 3", "row 1"),
        (f"{ROW}, limt: 3}}", "limt"),
        (ROW.replace("3", "0") + "}", "limit"),
        (ROW.replace("hours", "weeks") + "}", "unit"),
        (ROW.replace("law", "''") + "}", "basis"),
        (f"{ROW}, extensions: [9, 6]}}", "grow"),
        (f"{ROW}, since: 2026-01-02, until: 2026-01-01}}", "after"),
        (f"{ROW}}}\n{ROW}, since: 2026-01-01}}", "same day"),
    ],
)
def test_a_broken_row_is_told_with_its_reason(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        read(text)


def test_the_version_that_a_case_began_with_goes_on() -> None:
    row = in_force("institution_reply", date(2026, 1, 1))
    assert row is not None
    assert in_force("institution_reply", date(1999, 1, 1), row.version) == row


def test_every_row_says_where_it_comes_from() -> None:
    assert all(row.basis for row in rules())


def test_nothing_runs_out_that_does_not_run() -> None:
    assert not Clock(state="waiting").overdue(START)

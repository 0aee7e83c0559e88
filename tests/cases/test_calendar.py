"""Working days: published ones with their make-up days, expected ones of the next year, and what nobody knows yet."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from cases.calendar import FOLDER, LAST_YEAR, midnight, provisional, today, works


@pytest.mark.parametrize(
    ("day", "worked"),
    [
        ("2026-11-20", True),  # a Friday
        ("2026-11-21", False),  # a Saturday
        ("2025-10-01", False),  # National Day, a Wednesday
        ("2025-10-08", False),  # the last day of that holiday
        ("2025-10-11", True),  # a Saturday worked for it
        ("2020-01-31", False),  # the holiday that was made longer
        ("2027-02-08", False),  # expected, not published
        ("2027-02-14", False),  # a Sunday that will perhaps be worked
        ("2030-10-01", True),  # nothing is known but the day of the week
    ],
)
def test_a_day_is_worked_as_the_notices_say(day: str, worked: bool) -> None:
    assert works(date.fromisoformat(day)) is worked


def test_years_without_a_notice_are_provisional() -> None:
    assert not provisional(date(LAST_YEAR, 12, 31))
    assert provisional(date(LAST_YEAR + 1, 1, 1))


def test_an_expected_calendar_is_deleted_once_it_is_published() -> None:
    assert [file.name for file in FOLDER.glob("*.yml") if int(file.stem) <= LAST_YEAR] == []


def test_the_day_is_beijings() -> None:
    assert today(datetime(2026, 11, 20, 16, 0, tzinfo=UTC)) == date(2026, 11, 21)
    assert midnight(date(2026, 11, 21)) == datetime(2026, 11, 20, 16, 0, tzinfo=UTC)


def test_a_time_without_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="zone"):
        today(datetime(2026, 11, 20))  # noqa: DTZ001

"""The oracle's own examples, worked out by hand on a paper calendar with the State Council's notices beside it."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from tests.cases.oracle import BEIJING, Clock, Extensions, Pauses, Supplements, clock


def at(month: int, day: int, hour: int = 10, *, year: int = 2026, minute: int = 0) -> datetime:
    return datetime(year, month, day, hour, minute, tzinfo=BEIJING)


def said(result: Clock) -> list[str | None]:
    """Last day, then the warnings at half, at most and at the end."""
    return [d and d.isoformat() for d in (result.due_on, result.warn_half, result.warn_most, result.warn_last)]


def test_seven_working_days_over_the_national_holiday_and_its_make_up_saturday() -> None:
    # Asked Fri 26 Sep 2025. Sun 28 works, 1-8 Oct is free, Sat 11 works: 28, 29, 30, 9, 10, 11, 13.
    found = clock("pboc_decide", at(9, 26, year=2025))
    assert said(found) == ["2025-10-13", "2025-10-09", "2025-10-11", "2025-10-11"]
    assert found.due_at == at(10, 14, 0, year=2025)
    assert not found.rolled


def test_the_day_is_the_one_in_beijing() -> None:
    # 16:30 UTC on Mon 2 March is Tue 3 March in Beijing; 3 + 15 = Wed 18.
    assert clock("supplement_wait", datetime(2026, 3, 2, 16, 30, tzinfo=UTC)).due_on == date(2026, 3, 18)


def test_fifteen_days_that_end_in_the_spring_festival_roll_past_it() -> None:
    # From Mon 2 Feb: the 15th day is Tue 17 Feb; 15-23 Feb is free, Tue 24 works. 8th day: 10 Feb, 12th: 14 Feb.
    found = clock("institution_reply", at(2, 2))
    assert said(found) == ["2026-02-24", "2026-02-10", "2026-02-14", "2026-02-23"]
    assert found.rolled


def test_a_last_day_on_a_make_up_saturday_stays() -> None:
    # From Fri 24 April the 15th day is Sat 9 May, which is worked for the Labour Day holiday.
    assert clock("aml_objection", at(4, 24)).due_on == date(2026, 5, 9)


def test_three_years_from_a_leap_day_end_with_february() -> None:
    # 28 Feb 2027 is a Sunday: Mon 1 March. 29 Feb 2024 to then: 1096 days; half 548 (30 Aug 2025), 0.8: 876 (24 July).
    found = clock("retention", at(2, 29, year=2024))
    assert said(found) == ["2027-03-01", "2025-08-30", "2026-07-24", "2027-02-28"]
    assert found.provisional


def test_hours_run_through_weekends_and_end_at_the_minute() -> None:
    # Fri 6 March 20:30 + 72 h = Mon 9 March 20:30; + 36 h = Sun 8, 08:30; + 57 h 36 min = Mon 9, 06:06.
    found = clock("leak_report", at(3, 6, 20, minute=30))
    assert found.due_at == at(3, 9, 20, minute=30)
    assert said(found) == ["2026-03-09", "2026-03-08", "2026-03-09", "2026-03-08"]


@pytest.mark.parametrize(
    ("supplements", "state", "due_on"),
    [
        # Started Mon 2 March: seven working days end on Wed 11. Complete Mon 16: Wed 25; complete Mon 30: Thu 9 April,
        # for Mon 6 April is free (Qingming is Sun 5).
        ([(at(3, 11, 23), at(3, 16))], "running", date(2026, 3, 25)),
        ([(at(3, 12, 0), at(3, 16))], "running", date(2026, 3, 11)),
        ([(at(3, 11), None)], "waiting", None),
        ([(at(3, 12), None)], "running", date(2026, 3, 11)),
        ([(at(3, 5), at(3, 16)), (at(3, 25), at(3, 30))], "running", date(2026, 4, 9)),
        ([(at(3, 5), at(3, 16)), (at(3, 26), at(3, 30)), (at(4, 1), None)], "running", date(2026, 3, 25)),
    ],
)
def test_material_that_is_asked_in_time_starts_the_clock_again(
    supplements: Supplements, state: str, due_on: date | None
) -> None:
    found = clock("pboc_decide", at(3, 2), supplements=supplements)
    assert (found.state, found.due_on) == (state, due_on)


@pytest.mark.parametrize(
    ("pauses", "due_on"),
    [
        # Started Mon 2 March 2026: the 15th day is Tue 17.
        ([(at(3, 10), at(3, 12))], date(2026, 3, 19)),  # 10 and 11 do not count
        ([(at(3, 10, 9), at(3, 10, 18))], date(2026, 3, 17)),  # the same day
        ([(at(3, 17), at(3, 20))], date(2026, 3, 20)),  # 17-19; the 15th counted day is Fri 20
        ([(at(3, 18), at(3, 20))], date(2026, 3, 17)),  # too late
        ([(at(3, 18), at(3, 20)), (at(3, 10), at(3, 12))], date(2026, 3, 23)),  # Sat 21 rolls; the earlier saves it
        ([(at(3, 10), at(3, 13)), (at(3, 11), at(3, 12))], date(2026, 3, 20)),  # within another
        ([(at(3, 12), at(3, 16)), (at(3, 23), at(3, 25))], date(2026, 3, 25)),  # Sat 21; Mon 23 and Tue 24 are paused
        ([(at(3, 1), at(3, 4))], date(2026, 3, 18)),  # of 1-3 only the 3rd was to be counted
    ],
)
def test_paused_days_do_not_count(pauses: Pauses, due_on: date) -> None:
    assert clock("own_reply", at(3, 2), pauses=pauses).due_on == due_on


@pytest.mark.parametrize(
    ("rule", "extensions", "held", "due_on"),
    [
        # 15 days from Mon 2 March end on Tue 17, 20 on Sun 22 (Mon 23), 30 on Wed 1 April, 60 on Fri 1 May (Wed 6).
        ("own_reply", [(at(3, 17, 23), 20)], (True,), date(2026, 3, 23)),
        ("own_reply", [(at(3, 18, 0), 20)], (False,), date(2026, 3, 17)),
        ("own_reply", [(at(3, 9), 20), (at(3, 23), 60)], (True, True), date(2026, 5, 6)),
        ("own_reply", [(at(3, 9), 61), (at(3, 9), 15)], (False, False), date(2026, 3, 17)),
        ("insurer_reply", [(at(3, 9), 60), (at(3, 9), 30), (at(4, 1), 60)], (False, True, True), date(2026, 5, 6)),
        ("insurer_reply", [(at(3, 9), 30), (at(4, 2), 60)], (True, False), date(2026, 4, 1)),
        # 60 days from Mon 2 March, then 90: Sun 31 May, Mon 1 June.
        ("petition_reply", [(at(5, 6), 90), (at(5, 7), 120)], (True, False), date(2026, 6, 1)),
    ],
)
def test_an_extension_holds_in_time_and_to_an_allowed_total(
    rule: str, extensions: Extensions, held: tuple[bool, ...], due_on: date
) -> None:
    found = clock(rule, at(3, 2), extensions=extensions)
    assert (found.extended, found.due_on) == (held, due_on)


def test_a_pause_on_the_day_of_an_extension_comes_first_and_an_open_one_lets_later_extensions_hold() -> None:
    open_since = [(at(3, 17, 18), None)]
    found = clock("own_reply", at(3, 2), pauses=open_since, extensions=[(at(3, 17, 9), 20), (at(12, 1), 30)])
    assert (found.state, found.due_on, found.extended) == ("paused", None, (True, True))


def test_a_rule_holds_from_its_first_day_and_one_that_was_first_started_before_it_never() -> None:
    assert clock("institution_reply", at(10, 31, 23, year=2020), pauses=[]).state == "no_rule"
    assert clock("institution_reply", at(11, 1, 0, year=2020)).state == "running"
    late = [(at(11, 2, year=2020), at(11, 4, year=2020))]
    assert clock("pboc_decide", at(10, 30, year=2020), supplements=late).state == "no_rule"


def test_a_clock_that_reaches_into_2027_is_provisional() -> None:
    # From Thu 24 Dec 25, 28, 29, 30 and 31 are worked. From Fri 25: 1 Jan is free, so Mon 4.
    found = [clock("follow_up", at(12, day)) for day in (24, 25)]
    assert [one.due_on for one in found] == [date(2026, 12, 31), date(2027, 1, 4)]
    assert [one.provisional for one in found] == [False, True]


@pytest.mark.parametrize(
    ("rule", "started", "more", "why"),
    [
        ("nothing", at(3, 2), {}, "no rule"),
        ("own_reply", datetime(2026, 3, 2), {}, "zone"),  # noqa: DTZ001  (without one on purpose)
        ("own_reply", at(3, 2), {"supplements": [(at(3, 3), None)]}, "knows nothing"),
        ("follow_up", at(3, 2), {"pauses": [(at(3, 3), None)]}, "knows nothing"),
        ("follow_up", at(3, 2), {"extensions": [(at(3, 3), 10)]}, "knows nothing"),
        ("own_reply", at(3, 2), {"pauses": [(at(3, 5), at(3, 4))]}, "before it begins"),
        ("own_reply", at(3, 2), {"extensions": [(at(3, 5), 20), (at(3, 4), 30)]}, "order of time"),
        ("pboc_decide", at(3, 2), {"supplements": [(at(3, 1), at(3, 4))]}, "before the start"),
        ("pboc_decide", at(3, 2), {"supplements": [(at(3, 3), at(3, 5)), (at(3, 4), None)]}, "asked earlier"),
        ("pboc_decide", at(3, 2), {"supplements": [(at(3, 3), None), (at(3, 4), None)]}, "asked earlier"),
    ],
)
def test_what_cannot_be_is_refused(rule: str, started: datetime, more: dict[str, Supplements], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        clock(rule, started, **more)  # pyright: ignore[reportArgumentType]

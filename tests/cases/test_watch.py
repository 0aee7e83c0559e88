"""The clocks of cases: extended, paused and restarted as the law has it, warned of once, counted again in time."""

from __future__ import annotations

import asyncio
from datetime import date, datetime, timedelta
from typing import Any

import pytest

from cases import calendar, history, register, tasks, watch
from cases.calendar import midnight
from cases.model import Case, Deadline, NewTask, Warned
from cases.states import Act, IllegalAct, State
from core.store import Store
from core.vault import Vault
from tests.cases.given import FACTS, done, opened
from tests.conftest import NOON

DAY = timedelta(days=1)
AT_WORK = (Act.ACCEPT, Act.FORWARD, Act.START)


async def limit(store: Store, case: Case) -> Deadline:
    """The one that runs."""
    limits = await store.read(lambda conn: watch.of_case(conn, case))
    (one,) = (each for each in limits if each.met_at is None)
    return one


async def extend(store: Store, vault: Vault, case: Case, total: int, now: datetime = NOON) -> Case:
    return await done(store, vault, case, Act.EXTEND, now=now, facts=FACTS | {"total": total})


async def test_an_extension_holds_up_to_the_law_and_says_who_granted_it_and_why(store: Store, vault: Vault) -> None:
    case = await done(store, vault, (await opened(store, vault)).case, *AT_WORK)
    assert (await limit(store, case)).due_on == date(2026, 12, 7)  # 15 days end on a Sunday
    case = await extend(store, vault, case, 30)
    case = await extend(store, vault, case, 60)
    one = await limit(store, case)
    assert one.due_on == date(2027, 1, 20)
    assert [(each["total"], each["approver"], each["reason"]) for each in one.extensions] == [
        (30, "head", "N1"),
        (60, "head", "N1"),
    ]
    with pytest.raises(IllegalAct, match=r"not 61, but no more .*第5号"):
        await extend(store, vault, case, 61)
    assert (await store.read(lambda conn: history.load(conn, case.case_no))) == case


@pytest.mark.parametrize(
    ("track", "total", "days", "why"),
    [
        ("pboc", 61, 0, "not 61, but at most 60"),
        ("pboc", 15, 0, "not 15, but at most 60"),
        ("nfra", 60, 0, "not 60, but 30 from its beginning"),
        ("nfra", 20, 0, "not 20, but 30 from its beginning"),
        ("petition", 91, 0, "not 91, but 90"),
        ("credit", 40, 0, "no extension .*征信业管理条例"),
        ("aml_control", 30, 0, "no extension .*反洗钱法"),
        ("pboc", 30, 30, "ran out on 2026-12-07"),
    ],
)
async def test_an_extension_beyond_the_law_is_refused_with_the_law(
    store: Store, vault: Vault, track: str, total: int, days: int, why: str
) -> None:
    case = await done(store, vault, (await opened(store, vault, track=track)).case, *AT_WORK)
    with pytest.raises(IllegalAct, match=why):
        await extend(store, vault, case, total, NOON + days * DAY)
    assert (await store.read(lambda conn: history.load(conn, case.case_no))) == case


async def test_a_pause_is_told_and_its_days_do_not_count(store: Store, vault: Vault) -> None:
    case = await done(store, vault, (await opened(store, vault)).case, *AT_WORK)
    for missing in ("reason", "text"):
        with pytest.raises(IllegalAct, match=missing):
            await done(store, vault, case, Act.PAUSE, facts={n: v for n, v in FACTS.items() if n != missing})
    case = await done(store, vault, case, Act.PAUSE, now=NOON + 2 * DAY)
    running = {each.rule: each for each in await store.read(lambda conn: watch.of_case(conn, case)) if not each.met_at}
    assert (running["institution_reply"].state, running["institution_reply"].due_at) == ("paused", None)
    assert case.due_at == running["appraisal_check"].due_at  # somebody looks after the pause, too
    case = await done(store, vault, case, Act.RESUME, now=NOON + 12 * DAY)
    one = await limit(store, case)
    assert one.due_on == date(2026, 12, 16)  # ten days later than without
    assert one.pauses[0]["reason"] == "N1"


async def test_a_limit_that_cannot_stand_still_is_not_paused(store: Store, vault: Vault) -> None:
    case = await done(store, vault, (await opened(store, vault, track="credit")).case, *AT_WORK)
    with pytest.raises(IllegalAct, match="credit_complaint: this limit does not stand still"):
        await done(store, vault, case, Act.PAUSE)


async def test_the_decision_waits_for_what_was_asked_for_and_begins_anew(store: Store, vault: Vault) -> None:
    case = (await opened(store, vault)).case
    first = case.due_at
    case = await done(store, vault, case, Act.REQUEST_SUPPLEMENT, now=NOON + DAY)
    limits = await store.read(lambda conn: watch.of_case(conn, case))
    assert [(each.rule, each.state) for each in limits] == [("pboc_decide", "waiting"), ("supplement_wait", "running")]
    assert case.due_at == limits[1].due_at
    case = await done(store, vault, case, Act.SUPPLEMENT, now=NOON + 10 * DAY)
    one = await limit(store, case)
    assert (one.due_on, one.rule) == (date(2026, 12, 10), "pboc_decide")
    assert case.due_at is not None
    assert first is not None
    assert case.due_at > first


async def test_another_track_has_its_own_limit_from_the_same_day(store: Store, vault: Vault) -> None:
    case = await done(store, vault, (await opened(store, vault)).case, *AT_WORK)

    def turn(track: str) -> Any:
        return lambda conn: register.edit(
            conn, vault, case.case_no, {"track": track}, actor="li", now=NOON + DAY, version=None
        )

    case = await store.write(turn("credit"))
    one = await limit(store, case)
    assert (one.rule, one.started_at, one.due_on) == ("credit_complaint", NOON, date(2026, 12, 21))
    limits = await store.read(lambda conn: watch.of_case(conn, case))
    assert [each.state for each in limits if each.rule == "institution_reply"] == [watch.REPLACED]
    assert case.due_at == one.due_at


async def test_material_that_was_asked_for_is_not_forgotten_over_two_changes_of_track(
    store: Store, vault: Vault
) -> None:
    case = await done(store, vault, (await opened(store, vault)).case, Act.REQUEST_SUPPLEMENT)
    for track in ("petition", "pboc"):
        case = await store.write(
            lambda c, no=case.case_no, to=track: register.edit(
                c, vault, no, {"track": to}, actor="li", now=NOON, version=None
            )
        )
    limits = await store.read(lambda conn: watch.of_case(conn, case))
    assert [each.state for each in limits if each.met_at is None] == ["running", "waiting"]


# ---- warnings --------------------------------------------------------------------------------------------------------


async def remind(store: Store, now: datetime, *of: Case) -> list[tuple[str, Warned]]:
    told = await store.write(lambda conn: watch.remind(conn, now=now, limit=5000))
    numbers = {case.case_no for case in of}
    return [(each.rule or each.title, each.level) for each in told if each.case_no in numbers]


async def test_each_warning_is_told_once_at_its_time_and_the_strongest_when_several_are_due(
    store: Store, vault: Vault
) -> None:
    case = (await opened(store, vault)).case
    one = await limit(store, case)
    assert one.warn_half is not None
    assert one.warn_most is not None
    assert one.due_at is not None
    half, most = midnight(one.warn_half), midnight(one.warn_most)
    assert await remind(store, half - timedelta(seconds=1), case) == []
    assert await remind(store, half, case) == [("pboc_decide", Warned.HALF)]
    assert await remind(store, half, case) == []
    assert await remind(store, most, case) == [("pboc_decide", Warned.LAST)]  # the same day as 80 %
    assert await remind(store, one.due_at - timedelta(seconds=1), case) == []
    assert await remind(store, one.due_at, case) == [("pboc_decide", Warned.OVERDUE)]
    assert await remind(store, one.due_at + 100 * DAY, case) == []
    late = (await opened(store, vault)).case
    assert await remind(store, one.due_at + DAY, late) == [("pboc_decide", Warned.OVERDUE)]


async def test_two_houses_that_remind_at_once_tell_each_warning_once(
    store: Store, vault: Vault, register_url: str
) -> None:
    cases = [(await opened(store, vault)).case for _ in range(10)]
    other = await Store.open(register_url)
    took = await asyncio.gather(*(remind(each, NOON + 60 * DAY, *cases) for each in (store, other)))
    await other.close()
    assert len(took[0]) + len(took[1]) == 10


async def test_a_limit_that_begins_anew_is_warned_of_anew_and_one_that_is_met_never(store: Store, vault: Vault) -> None:
    case = await done(store, vault, (await opened(store, vault)).case, *AT_WORK)
    assert await remind(store, NOON + 14 * DAY, case) == [("institution_reply", Warned.MOST)]
    case = await extend(store, vault, case, 60, NOON + 14 * DAY)
    assert await remind(store, NOON + 29 * DAY, case) == []
    assert await remind(store, NOON + 31 * DAY, case) == [("institution_reply", Warned.HALF)]
    await done(store, vault, case, Act.WITHDRAW, now=NOON + 32 * DAY)
    assert await remind(store, NOON + 5000 * DAY, case) == []  # nobody is warned of the end of keeping


async def test_a_task_is_warned_of_a_day_before_and_when_it_is_late(store: Store, vault: Vault) -> None:
    case = (await opened(store, vault)).case
    given = NewTask(title="核对流水", owner="li", due_at=NOON + 2 * DAY)
    made = await store.write(lambda c: tasks.add(c, vault, case.case_no, given, actor="wu", now=NOON))
    assert await remind(store, NOON + DAY - timedelta(seconds=1), case) == []
    assert await remind(store, NOON + DAY, case) == [("核对流水", Warned.LAST)]
    assert await remind(store, NOON + 2 * DAY, case) == [("核对流水", Warned.OVERDUE)]
    await store.write(lambda c: tasks.change(c, made.id, actor="wu", now=NOON, due_at=NOON + 4 * DAY))
    assert await remind(store, NOON + 3 * DAY, case) == [("核对流水", Warned.LAST)]
    await store.write(lambda c: tasks.settle(c, vault, made.id, result="好", actor="li", now=NOON))
    assert ("核对流水", Warned.OVERDUE) not in await remind(store, NOON + 9 * DAY, case)


async def test_a_task_with_less_than_a_day_is_warned_of_at_the_next_look_once_and_when_it_is_late(
    store: Store, vault: Vault
) -> None:
    case = (await opened(store, vault)).case
    short = NewTask(title="今天回电", owner="li", due_at=NOON + timedelta(hours=5))
    late = NewTask(title="昨天的事", owner="li", due_at=NOON - DAY)
    for given in (short, late):
        await store.write(lambda c, new=given: tasks.add(c, vault, case.case_no, new, actor="wu", now=NOON))
    assert sorted(await remind(store, NOON, case)) == [("今天回电", Warned.LAST), ("昨天的事", Warned.OVERDUE)]
    assert await remind(store, NOON + timedelta(hours=4), case) == []
    assert await remind(store, NOON + timedelta(hours=5), case) == [("今天回电", Warned.OVERDUE)]
    assert await remind(store, NOON + DAY, case) == []


async def test_whoever_is_given_a_task_is_warned_of_it_anew(store: Store, vault: Vault) -> None:
    case = (await opened(store, vault)).case
    given = NewTask(title="核对流水", owner="li", due_at=NOON + DAY)
    made = await store.write(lambda c: tasks.add(c, vault, case.case_no, given, actor="wu", now=NOON))
    assert await remind(store, NOON, case) == [("核对流水", Warned.LAST)]
    for owner, told in (("li", []), ("zhou", [("核对流水", Warned.LAST)])):
        await store.write(lambda c, to=owner: tasks.change(c, made.id, actor="wu", now=NOON, owner=to))
        assert await remind(store, NOON, case) == told


# ---- years that nobody knows yet -------------------------------------------------------------------------------------


async def test_limits_over_a_year_without_a_calendar_are_counted_again_when_it_comes(
    store: Store, vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    christmas = datetime(2026, 12, 29, 4, 0, tzinfo=NOON.tzinfo)
    case = (await opened(store, vault, now=christmas)).case
    before = await limit(store, case)
    assert before.provisional

    async def recompute() -> list[int]:
        moved: list[int] = []
        after: int | None = 0
        while after is not None:
            some, after = await store.write(lambda c, at=after: watch.recompute(c, now=christmas, after=at, limit=2))
            moved.append(some)
        return moved

    assert sum(await recompute()) == 0
    works = calendar.works
    monkeypatch.setattr(calendar, "works", lambda day: works(day) and day != date(2027, 1, 5))
    assert sum(await recompute()) >= 1
    now = await store.read(lambda conn: history.load(conn, case.case_no))
    after = await limit(store, now)
    assert (before.due_on, after.due_on) == (date(2027, 1, 8), date(2027, 1, 11))
    assert now.due_at == after.due_at
    last = (await store.read(lambda conn: history.events(conn, now)))[-1]
    assert (last.act, last.actor) == ("recount", "house")
    assert last.facts == {"rule": "pboc_decide", "before": "2027-01-08", "after": "2027-01-11"}


async def test_a_case_that_has_ended_has_no_clock_but_that_of_keeping(store: Store, vault: Vault) -> None:
    case = await done(store, vault, (await opened(store, vault)).case, Act.REFUSE)
    assert case.state is State.NOT_ACCEPTED
    one = await limit(store, case)
    assert (one.rule, one.due_on, case.retention_until) == ("retention", case.retention_until, one.due_on)

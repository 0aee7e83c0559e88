"""What the house tells of the register's clocks: each hour what has become due, once; each day what may have moved."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, insert, select, update

from cases import history, watch
from cases.keys import KEPT_FOR
from cases.model import NewTask
from cases.tables import case_deadline, case_event, case_key
from cases.tasks import add
from core import alarm
from core.store import Store
from core.vault import Vault
from door import deadlines
from door.deadlines import Deadlines
from tests.cases.given import opened
from tests.conftest import NOON, Clock

HOUR = 3600.0


async def alarms(store: Store) -> dict[tuple[str, str], alarm.Alarm]:
    return {(one.kind, one.subject): one for one in await store.read(alarm.open_alarms)}


async def test_a_warning_becomes_one_alarm_for_its_owner_and_is_told_once(
    store: Store, vault: Vault, clock: Clock
) -> None:
    late = (await opened(store, vault, received_at=NOON - timedelta(days=40))).case
    soon = (await opened(store, vault, received_at=NOON - timedelta(days=9))).case
    mine = (await opened(store, vault, received_at=NOON - timedelta(days=40), owner="li")).case
    task = NewTask(title="回电13912345678", owner="wang", due_at=NOON + timedelta(hours=25))
    await store.write(lambda conn: add(conn, vault, soon.case_no, task, actor="li", now=NOON))
    house = Deadlines(store, clock)
    await house.look()
    told = await alarms(store)
    assert set(told) == {
        ("case_overdue", "queue:complaints"),
        ("case_overdue", "li"),
        ("case_due", "queue:complaints"),
    }
    assert told["case_overdue", "queue:complaints"].detail.startswith(f"{late.case_no} pboc_decide, in time until 2026")
    assert mine.case_no in told["case_overdue", "li"].detail
    assert soon.case_no in told["case_due", "queue:complaints"].detail
    for _ in range(3):
        clock.forward(HOUR)
        await house.look()
    again = await alarms(store)
    task_too = ("case_due", "wang")
    assert {key: one.count for key, one in again.items()} == dict.fromkeys([*told, task_too], 1)
    assert again[task_too].detail.startswith(f"{soon.case_no} task ")
    assert "回电" not in again[task_too].detail, "an alarm leaves the house"


async def test_of_two_houses_one_looks_each_hour(store: Store, vault: Vault, clock: Clock) -> None:
    one, other = Deadlines(store, clock), Deadlines(store, clock)
    await one.look()
    await opened(store, vault, received_at=NOON - timedelta(days=40))
    await other.look()
    assert await alarms(store) == {}
    clock.forward(HOUR)
    await other.look()
    assert len(await alarms(store)) == 1


async def test_a_day_with_more_warnings_than_one_transaction_takes_is_told_whole_and_named_in_part(
    store: Store, vault: Vault, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deadlines, "AT_ONCE", 2)
    monkeypatch.setattr(deadlines, "NAMED", 1)
    for _ in range(5):
        await opened(store, vault, received_at=NOON - timedelta(days=40))
    await Deadlines(store, clock).look()
    (one,) = (await alarms(store)).values()
    assert one.count == 3
    silent = await store.read(
        lambda conn: conn.execute(select(func.count()).where(case_deadline.c.warned == "")).scalar()
    )
    assert silent == 0


async def test_limits_over_unknown_years_are_counted_again_once_a_day_and_old_keys_go(
    store: Store, vault: Vault, clock: Clock
) -> None:
    case = (await opened(store, vault)).case
    wrong = update(case_deadline).where(case_deadline.c.case_id == case.id)
    keys: list[dict[str, Any]] = [
        {"token": "token:1", "key": str(age), "request": "", "status": 201, "answer": {}, "created_at": NOON - age}
        for age in (KEPT_FOR / 2, KEPT_FOR * 2)
    ]
    moved = {"provisional": True, "due_on": NOON.date(), "due_at": NOON + timedelta(days=1)}
    await store.write(lambda conn: conn.execute(wrong.values(moved)) and None)
    await store.write(lambda conn: conn.execute(insert(case_key), keys) and None)
    house = Deadlines(store, clock)
    await house.look()
    [limit] = await store.read(lambda conn: watch.of_case(conn, history.load(conn, case.case_no)))
    assert (str(limit.due_on), limit.provisional) == ("2026-12-01", False)
    acts = select(case_event.c.act).where(case_event.c.case_id == case.id).order_by(case_event.c.n)
    assert await store.read(lambda conn: list(conn.execute(acts).scalars())) == ["open", "recount"]
    assert len(await store.read(lambda conn: conn.execute(select(case_key)).all())) == 1
    await store.write(lambda conn: conn.execute(wrong.values(moved)) and None)
    clock.forward(HOUR)
    await house.look()
    assert len(await store.read(lambda conn: conn.execute(acts).all())) == 2, "it was that day already"

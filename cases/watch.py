"""The clocks of cases as they lie in the register: started and met by what happens, counted by `cases.rules` alone."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from cases import history, rules
from cases.calendar import DAY, midnight, today
from cases.model import Case, Deadline, TaskState, Warned
from cases.rules import Clock, Extension, Pause, Rule, Supplement
from cases.states import PHASES, Act, IllegalAct, State, clocks, house_rule, rule_of
from cases.tables import case_deadline, case_task, complaint_case

RETENTION = "retention"
REPLACED = "replaced"  # state of a limit whose case changed its track
_ADD = insert(case_deadline).returning(case_deadline.c.id)
LEVELS = tuple(Warned)  # weakest first


@dataclass(frozen=True, kw_only=True, slots=True)
class Reminder:
    """A warning that is told once: of a limit (`rule`) or of a task (`task_id`, `title`)."""

    case_no: str
    owner: str  # of the case or of the task
    level: Warned
    due_at: datetime
    rule: str = ""
    task_id: int | None = None
    title: str = ""


# ---- what happens to a case ------------------------------------------------------------------------------------------


def follow(
    conn: Connection,
    case_id: int,
    track: str,
    *,
    before: State | None,
    after: State,
    act: Act | None,
    facts: Mapping[str, Any],
    now: datetime,
    started: datetime | None = None,
) -> dict[str, Any]:
    """Lets a change of state work on the case's clocks; gives the case's columns that follow from them.

    `started`: what the clocks that start count from, if not `now`. An extension that the law does not know: IllegalAct.
    """
    running = _running(conn, case_id) if before else {}
    begin, met = clocks(before, after, track)
    for rule in met:
        ended = running.pop(rule, None) or running.pop(house_rule(rule), None)
        if ended is not None:
            _set(conn, ended.id, met_at=now, tell_at=None)
    for rule, one in list(running.items()):
        if act is not None and (changed := _work(one, act, facts, now)):
            _set(conn, one.id, **changed)
            running[rule] = _one(conn, one.id)
    for rule in begin:
        one = _start(conn, case_id, rule, started or now)
        if one is not None:
            running[one.rule] = one
    return _standing(running.values())


def retrack(conn: Connection, case: Case, track: str, *, now: datetime) -> dict[str, Any]:
    """Puts the limits of another track in the place of those that run; they count from the same time."""
    running = _running(conn, case.id)
    for phase in (each for each in PHASES if case.state in each.states):
        rule, other = rule_of(phase, case.told.track), rule_of(phase, track)
        old = running.get(rule) or running.get(house_rule(rule))
        row = in_force(other, old.started_at) if old else None
        if old is None or row is None or row.id == old.rule:
            continue
        _set(conn, old.id, state=REPLACED, met_at=now, tell_at=None)
        del running[old.rule]
        new = _start(conn, case.id, other, old.started_at, old.supplements, old.pauses)
        if new is not None:
            running[new.rule] = new
    return _standing(running.values())


def in_force(rule: str, started: datetime) -> Rule | None:
    """The row under which such a clock starts: our own limit where the law is not in force yet, None without one."""
    day = today(started)
    return rules.in_force(rule, day) or rules.in_force(house_rule(rule), day)


def of_case(conn: Connection, case: Case) -> tuple[Deadline, ...]:
    """All limits of a case, those that are met included, in the order in which they began."""
    query = select(case_deadline).where(case_deadline.c.case_id == case.id).order_by(case_deadline.c.id)
    return tuple(map(_deadline, conn.execute(query).all()))


def count(one: Deadline) -> Clock:
    """The limit's clock, from what happened to it; supplements and pauses of which its rule knows nothing are kept for
    the case that another track's rule does."""
    row = _row(one)
    supplements = [Supplement(_time(each["asked"]), _maybe(each["complete"])) for each in one.supplements]
    pauses = [Pause(_time(each["begins"]), _maybe(each["ends"])) for each in one.pauses]
    return rules.clock(
        one.rule,
        one.started_at,
        version=one.version,
        supplements=supplements if row.restarts else (),
        pauses=pauses if row.pauses else (),
        extensions=[Extension(_time(each["granted"]), each["total"]) for each in one.extensions],
    )


# ---- what time does --------------------------------------------------------------------------------------------------


def remind(conn: Connection, *, now: datetime, limit: int = 500) -> list[Reminder]:
    """The warnings that have become due, of each limit and task the strongest one; each is given once, whoever asks."""
    told: list[Reminder] = []
    limits = (
        select(case_deadline, complaint_case.c.case_no, complaint_case.c.owner)
        .join(complaint_case, complaint_case.c.id == case_deadline.c.case_id)
        .where(case_deadline.c.met_at.is_(None), case_deadline.c.tell_at <= now)
        .order_by(case_deadline.c.tell_at, case_deadline.c.id)
        .limit(limit)
    )
    for row in conn.execute(limits).all():
        times = _times(_deadline(row))
        level, tell_at = _level(times, now)
        here = (case_deadline.c.id == row.id, case_deadline.c.warned == row.warned, case_deadline.c.met_at.is_(None))
        if conn.execute(update(case_deadline).where(*here).values(warned=level, tell_at=tell_at)).rowcount:
            told.append(Reminder(case_no=row.case_no, owner=row.owner, level=level, due_at=row.due_at, rule=row.rule))
    tasks = (
        select(case_task, complaint_case.c.case_no)
        .join(complaint_case, complaint_case.c.id == case_task.c.case_id)
        .where(case_task.c.state == TaskState.OPEN, case_task.c.tell_at <= now)
        .order_by(case_task.c.tell_at, case_task.c.id)
        .limit(limit)
    )
    for row in conn.execute(tasks).all():
        level, tell_at = _level(task_times(row.due_at), now)
        here = (case_task.c.id == row.id, case_task.c.warned == row.warned, case_task.c.state == TaskState.OPEN)
        if conn.execute(update(case_task).where(*here).values(warned=level, tell_at=tell_at)).rowcount:
            told.append(
                Reminder(
                    case_no=row.case_no,
                    owner=row.owner,
                    level=level,
                    due_at=row.due_at,
                    task_id=row.id,
                    title=row.title,
                )
            )
    return told


def recompute(conn: Connection, *, now: datetime, after: int = 0, limit: int = 500) -> tuple[int, int | None]:
    """Counts limits again that were counted over years without a calendar: how many have changed, and where to go on
    (None: that was all). A case whose limit moved has an event that says from which day to which."""
    query = (
        select(case_deadline, complaint_case.c.case_no)
        .join(complaint_case, complaint_case.c.id == case_deadline.c.case_id)
        .where(case_deadline.c.provisional, case_deadline.c.met_at.is_(None), case_deadline.c.id > after)
        .order_by(case_deadline.c.id)
        .limit(limit)
    )
    rows = conn.execute(query).all()
    moved = 0
    for row in rows:
        case = history.load(conn, row.case_no, lock=True)
        old = _one(conn, row.id)
        values = _counted(old)
        if old.met_at is not None or all(getattr(old, name) == value for name, value in values.items()):
            continue
        _set(conn, old.id, **values, tell_at=_tell_at(old, values))
        if values["due_on"] == old.due_on:
            continue
        facts = {"rule": old.rule, "before": str(old.due_on), "after": str(values["due_on"])}
        standing = _standing(_running(conn, case.id).values())
        history.record(conn, case, "recount", facts, actor="house", now=now, changes=standing)
        moved += 1
    return moved, rows[-1].id if len(rows) == limit else None


def task_times(due_at: datetime) -> dict[Warned, datetime]:
    """When which warning of a task is due."""
    return {Warned.LAST: due_at - DAY, Warned.OVERDUE: due_at}


# ---- inside ----------------------------------------------------------------------------------------------------------


def _start(
    conn: Connection,
    case_id: int,
    rule: str,
    started: datetime,
    supplements: list[dict[str, Any]] | None = None,
    pauses: list[dict[str, Any]] | None = None,
) -> Deadline | None:
    row = in_force(rule, started)
    if row is None:  # nothing has to be kept that ended before there was a rule
        return None
    new = Deadline(
        id=0,
        case_id=case_id,
        rule=row.id,
        version=row.version,
        started_at=started,
        supplements=supplements or [],
        pauses=pauses or [],
        extensions=[],
        state="running",
        due_on=None,
        due_at=None,
        warn_half=None,
        warn_most=None,
        warn_last=None,
        provisional=False,
        met_at=None,
        warned=Warned.NONE,
    )
    values = _counted(new)
    given = {
        "case_id": case_id,
        "rule": new.rule,
        "version": new.version,
        "started_at": started,
        "supplements": new.supplements,
        "pauses": new.pauses,
        "extensions": [],
        "warned": "",
        "tell_at": _tell_at(new, values),
    }
    id = conn.execute(_ADD, given | values).scalar_one()
    return _with(new, {"id": id} | values)


def _work(one: Deadline, act: Act, facts: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """What an act changes of a clock that goes on."""
    row = _row(one)
    at = now.isoformat()
    change: dict[str, Any] = {}
    if act is Act.REQUEST_SUPPLEMENT:
        change["supplements"] = [*one.supplements, {"asked": at, "complete": None}]
    elif act is Act.SUPPLEMENT:
        change["supplements"] = _ended(one.supplements, "complete", at)
    elif act is Act.PAUSE:
        if not row.pauses:
            raise IllegalAct(f"{row.id}: this limit does not stand still ({row.basis})")
        change["pauses"] = [*one.pauses, {"begins": at, "ends": None, "reason": facts["reason"]}]
    elif act is Act.RESUME:
        change["pauses"] = _ended(one.pauses, "ends", at)
    elif act is Act.EXTEND:
        given = {"granted": at, "total": facts["total"], "approver": facts["approver"], "reason": facts["reason"]}
        change["extensions"] = [*one.extensions, given]
        _check_extension(one, row, facts["total"], now)
    if not change:
        return {}
    values = _counted(_with(one, change))
    return change | values | {"warned": "", "tell_at": _tell_at(_with(one, {"warned": Warned.NONE}), values)}


def _row(one: Deadline) -> Rule:
    """The row under which the limit was started."""
    row = rules.in_force(one.rule, today(one.started_at), one.version)
    if row is None:
        raise ValueError(f"the rule {one.rule} of {one.version} is gone from {rules.FILE.name}")
    return row


def _check_extension(one: Deadline, row: Rule, total: int, now: datetime) -> None:
    held = one.extensions[-1]["total"] if one.extensions else row.limit
    if not row.extends:
        raise IllegalAct(f"{row.id}: the law knows no extension ({row.basis})")
    if not row.allows(total, held=held):
        steps = [step for step in row.extensions if step > held][:1] or ([row.up_to] if row.up_to > held else [])
        how = f"{'at most ' if row.up_to else ''}{steps[0]} from its beginning" if steps else "no more"
        raise IllegalAct(f"{row.id}: not {total}, but {how} ({row.basis})")
    if one.due_at is not None and now >= one.due_at:
        raise IllegalAct(f"{row.id}: it ran out on {one.due_on} and cannot be extended any more")


def _ended(spans: list[dict[str, Any]], name: str, at: str) -> list[dict[str, Any]]:
    """The spans with an end for the one that goes on."""
    return [each if each[name] is not None else each | {name: at} for each in spans]


def _counted(one: Deadline) -> dict[str, Any]:
    clock = count(one)
    return {
        "state": clock.state,
        "due_on": clock.due_on,
        "due_at": clock.due_at,
        "warn_half": clock.warn_half,
        "warn_most": clock.warn_most,
        "warn_last": clock.warn_last,
        "provisional": clock.provisional,
    }


def _times(one: Deadline) -> dict[Warned, datetime]:
    """When which warning of a limit is due; none while it does not run, and none of the end of keeping."""
    if one.due_at is None or one.rule == RETENTION:
        return {}
    days = {Warned.HALF: one.warn_half, Warned.MOST: one.warn_most, Warned.LAST: one.warn_last}
    times = {level: midnight(day) for level, day in days.items() if day is not None}
    return {level: at for level, at in times.items() if at < one.due_at} | {Warned.OVERDUE: one.due_at}


def _tell_at(one: Deadline, counted: Mapping[str, Any]) -> datetime | None:
    """When the next warning is due that is stronger than the last one."""
    times = _times(_with(one, counted))
    return min((at for level, at in times.items() if LEVELS.index(level) > LEVELS.index(one.warned)), default=None)


def _level(times: Mapping[Warned, datetime], now: datetime) -> tuple[Warned, datetime | None]:
    """The strongest warning that is due, and when the next one is."""
    due = [level for level, at in times.items() if at <= now]
    level = max(due, key=LEVELS.index, default=Warned.NONE)
    return level, min((at for each, at in times.items() if LEVELS.index(each) > LEVELS.index(level)), default=None)


def _with(one: Deadline, values: Mapping[str, Any]) -> Deadline:
    return dataclasses.replace(one, **values)


def _standing(running: Iterable[Deadline]) -> dict[str, Any]:
    """What the case's row says of its clocks: the next limit, and until when it is kept."""
    all = list(running)
    due = [each.due_at for each in all if each.due_at is not None and each.rule != RETENTION]
    return {
        "due_at": min(due, default=None),
        "retention_until": next((each.due_on for each in all if each.rule == RETENTION), None),
    }


def _running(conn: Connection, case_id: int) -> dict[str, Deadline]:
    query = select(case_deadline).where(case_deadline.c.case_id == case_id, case_deadline.c.met_at.is_(None))
    return {row.rule: _deadline(row) for row in conn.execute(query.order_by(case_deadline.c.id)).all()}


def _one(conn: Connection, id: int) -> Deadline:
    return _deadline(conn.execute(select(case_deadline).where(case_deadline.c.id == id)).one())


def _set(conn: Connection, id: int, **values: Any) -> None:
    conn.execute(update(case_deadline).where(case_deadline.c.id == id).values(**values))


def _deadline(row: Row[Any]) -> Deadline:
    values: dict[str, Any] = {each.name: getattr(row, each.name) for each in dataclasses.fields(Deadline)}
    values["warned"] = Warned(row.warned)
    return Deadline(**values)


def _time(written: str) -> datetime:
    return datetime.fromisoformat(written)


def _maybe(written: str | None) -> datetime | None:
    return None if written is None else _time(written)

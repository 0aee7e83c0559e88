"""What people and institutions are to do for a case: one mechanism for sub-tasks, referrals, mediation, visits, …"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from cases import codes, history, privacy, records
from cases.model import BadCase, Case, NewTask, Task, TaskKind, TaskState, Warned
from cases.states import IllegalAct
from cases.tables import case_task, institution
from cases.texts import SUMMARY_MAX
from cases.watch import task_times
from core.errors import NotFound
from core.vault import Vault

# What still makes sense when a case has ended; the rest ends with it.
LASTING = frozenset(
    {TaskKind.REVIEW, TaskKind.COMPENSATION, TaskKind.ROOT_CAUSE, TaskKind.IMPROVEMENT, TaskKind.CONTACT}
)


def add(conn: Connection, vault: Vault, case_no: str, new: NewTask, *, actor: str, now: datetime) -> Task:
    """Gives somebody something to do for a case, by a time; its facts are those of its kind (`records`)."""
    case = history.take(conn, case_no, None)
    if case.ended and new.kind not in LASTING:
        raise IllegalAct(f"a case that is {case.state} takes only {', '.join(sorted(LASTING))}")
    if not new.title:
        raise BadCase("title: say what is to be done")
    if new.institution_id is not None:
        found = select(institution.c.id).where(institution.c.id == new.institution_id)
        if conn.execute(found).one_or_none() is None:
            raise BadCase(f"institution_id: there is no institution {new.institution_id}")
    masker = privacy.masker(conn, vault, case)
    told = _record(new.kind, new.facts)
    values = {
        "case_id": case.id,
        "kind": new.kind.value,
        "title": masker.text(new.title, name="title", longest=SUMMARY_MAX),
        "owner": new.owner,
        "institution_id": new.institution_id,
        "due_at": new.due_at,
        "state": TaskState.OPEN.value,
        "facts": masker.facts(told),
        "created_at": now,
        "created_by": actor,
        "tell_at": _first_warning(new.due_at),
    }
    id = conn.execute(insert(case_task).returning(case_task.c.id), values).scalar_one()
    masker.save(case.id)
    facts = {"task": id, "kind": new.kind.value, "owner": new.owner, "due_at": new.due_at.isoformat()}
    history.record(conn, case, "task", facts | {"title": values["title"]}, actor=actor, now=now)
    return get(conn, id)


def change(
    conn: Connection, id: int, *, actor: str, now: datetime, owner: str | None = None, due_at: datetime | None = None
) -> Task:
    """Gives an open task to somebody else, or another time; whoever has it now is warned anew."""
    task = get(conn, id)
    case = _take(conn, task)
    task = _open(conn, id)
    new = NewTask(kind=task.kind, title=task.title, owner=owner or task.owner, due_at=due_at or task.due_at)
    if (new.owner, new.due_at) == (task.owner, task.due_at):
        return task
    values: dict[str, Any] = {"owner": new.owner, "due_at": new.due_at}
    values |= {"warned": "", "tell_at": _first_warning(new.due_at)}
    conn.execute(update(case_task).where(case_task.c.id == id).values(values))
    facts = {"task": id, "owner": new.owner, "due_at": new.due_at.isoformat()}
    history.record(conn, case, "task", facts, actor=actor, now=now)
    return get(conn, id)


def settle(
    conn: Connection,
    vault: Vault,
    id: int,
    *,
    result: str,
    actor: str,
    now: datetime,
    cancel: bool = False,
    facts: Mapping[str, Any] | None = None,
) -> Task:
    """Ends a task as done, or as cancelled; `result` says what came of it, `facts` join those of its record.

    Twice, or done without what its record needs: IllegalAct.
    """
    case = _take(conn, get(conn, id))
    task = _open(conn, id)
    masker = privacy.masker(conn, vault, case)
    state = TaskState.CANCELLED if cancel else TaskState.DONE
    told = masker.text(result, name="result")
    new = masker.facts(_record(task.kind, facts or {}))
    if not cancel:
        records.check_done(task.kind, task.facts | new)
    conn.execute(
        update(case_task)
        .where(case_task.c.id == id)
        .values(state=state, result=told, facts=task.facts | new, done_at=now, done_by=actor, tell_at=None)
    )
    masker.save(case.id)
    ended = {"task": id, "state": state, "result": told} | ({"facts": new} if new else {})
    history.record(conn, case, "settle", ended, actor=actor, now=now)
    return get(conn, id)


def get(conn: Connection, id: int) -> Task:
    """A task; NotFound."""
    row = conn.execute(select(case_task).where(case_task.c.id == id)).one_or_none()
    if row is None:
        raise NotFound(f"there is no task {id}")
    return of_row(row)


def of_case(conn: Connection, case: Case) -> tuple[Task, ...]:
    """All tasks of a case, in the order in which they were given."""
    rows = conn.execute(select(case_task).where(case_task.c.case_id == case.id).order_by(case_task.c.id)).all()
    return tuple(map(of_row, rows))


def cancel_open(conn: Connection, case_id: int, *, now: datetime, actor: str) -> None:
    """Ends the open tasks that make no sense without the case; part of the act that ends it."""
    ends = [kind.value for kind in TaskKind if kind not in LASTING]
    here = (case_task.c.case_id == case_id, case_task.c.state == TaskState.OPEN, case_task.c.kind.in_(ends))
    conn.execute(
        update(case_task).where(*here).values(state=TaskState.CANCELLED, done_at=now, done_by=actor, tell_at=None)
    )


def _take(conn: Connection, task: Task) -> Case:
    return history.take(conn, history.number(conn, task.case_id), None)


def _open(conn: Connection, id: int) -> Task:
    task = get(conn, id)
    if task.state is not TaskState.OPEN:
        raise IllegalAct(f"task {id} is {task.state} already")
    return task


def _first_warning(due_at: datetime) -> datetime:
    """When the first warning is due. Of a task with less than a day left that is past: `watch.remind` tells the
    strongest one that is due at its next look, so that its owner hears of it before it is late."""
    return min(task_times(due_at).values())


def _record(kind: TaskKind, facts: Mapping[str, Any]) -> dict[str, Any]:
    told = records.read(kind, facts)
    codes.check(told)
    return told


def of_row(row: Row[Any]) -> Task:
    """The task in a row."""
    values: dict[str, Any] = {each.name: getattr(row, each.name) for each in dataclasses.fields(Task)}
    values["kind"], values["state"], values["warned"] = TaskKind(row.kind), TaskState(row.state), Warned(row.warned)
    return Task(**values)

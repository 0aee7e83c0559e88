"""A case's row and its events: read, and changed only together, by the one function that counts the version on."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, Row, bindparam, insert, select, update

from cases.model import FIELDS, Case, CaseEvent, Conflict, Fields, read
from cases.states import State
from cases.tables import case_event, complaint_case
from core.errors import NotFound

# What a list or a case shows.
INSIDE = frozenset({"cause", "indexed", "query_hash", "news_n", "ask_at"})
SHOWN = tuple(each for each in complaint_case.c if each.name not in INSIDE)
_OWN = tuple(each.name for each in dataclasses.fields(Case) if each.name not in {"told", "state"})
_BY_NO = select(*SHOWN).where(complaint_case.c.case_no == bindparam("no"))
_BY_NO_LOCKED = _BY_NO.with_for_update()  # SQLite has one writer, and no word for this
_ADD_EVENT = insert(case_event)
JSON_FIELDS = ("sensitivity", "flags", "prior_complaint", "co_handlers", "consents", "compensation")


def load(conn: Connection, case_no: str, *, lock: bool = False) -> Case:
    """A case; NotFound. `lock`: no other transaction changes it before this one ends."""
    row = conn.execute(_BY_NO_LOCKED if lock else _BY_NO, {"no": case_no}).one_or_none()
    if row is None:
        raise NotFound(f"there is no case {case_no}")
    return of_row(row)


def number(conn: Connection, case_id: int) -> str:
    """The number of the case with this id."""
    return conn.execute(select(complaint_case.c.case_no).where(complaint_case.c.id == case_id)).scalar_one()


def person_of(conn: Connection, case_id: int) -> str:
    """Whose case this is."""
    return conn.execute(select(complaint_case.c.person_id).where(complaint_case.c.id == case_id)).scalar_one()


def take(conn: Connection, case_no: str, version: int | None) -> Case:
    """A case that is about to be changed, locked; Conflict if it is not of the version that the caller saw."""
    case = load(conn, case_no, lock=True)
    if version is not None and version != case.version:
        raise Conflict(f"{case_no} is at version {case.version}, not {version}")
    return case


def record(
    conn: Connection,
    case: Case,
    act: str,
    facts: Mapping[str, Any],
    *,
    actor: str,
    now: datetime,
    after: State | None = None,
    changes: Mapping[str, Any] | None = None,
) -> Case:
    """Writes one event and what it changes of the row; Conflict if the row has moved on since `case` was read.

    `changes` by column; `facts` masked. Within a case time never runs backwards.
    """
    at = max(now, case.updated_at)
    state = after or case.state
    values = {**(changes or {}), "state": state.value, "version": case.version + 1, "updated_at": at}
    here = (complaint_case.c.id == case.id, complaint_case.c.version == case.version)
    if conn.execute(update(complaint_case).where(*here).values(values)).rowcount != 1:
        raise Conflict(f"{case.case_no} has moved on from version {case.version}")
    add_event(conn, case.id, case.version + 1, act, facts, actor=actor, at=at, before=case.state, after=state)
    return load(conn, case.case_no)


def add_event(
    conn: Connection,
    case_id: int,
    n: int,
    act: str,
    facts: Mapping[str, Any],
    *,
    actor: str,
    at: datetime,
    before: State | None,
    after: State,
) -> None:
    """One row of history; a number that is taken: IntegrityError."""
    conn.execute(
        _ADD_EVENT,
        {
            "case_id": case_id,
            "n": n,
            "at": at,
            "actor": actor,
            "act": act,
            "before": before.value if before else None,
            "after": after.value,
            "facts": dict(facts),
        },
    )


def events(conn: Connection, case: Case) -> tuple[CaseEvent, ...]:
    """All that happened to a case, in its order."""
    rows = conn.execute(select(case_event).where(case_event.c.case_id == case.id).order_by(case_event.c.n)).all()
    return tuple(
        CaseEvent(
            n=row.n,
            at=row.at,
            actor=row.actor,
            act=row.act,
            before=State(row.before) if row.before else None,
            after=State(row.after),
            facts=row.facts,
        )
        for row in rows
    )


def of_row(row: Row[Any]) -> Case:
    """The case in a row of SHOWN."""
    values = dict(row._mapping)  # pyright: ignore[reportPrivateUsage]  (SQLAlchemy's public name for it)
    if values["amount"] is not None:
        values["amount"] = Decimal(values["amount"]).scaleb(-2)
    told = read(Fields, {name: values[name] for name in FIELDS})
    return Case(told=told, state=State(values["state"]), **{name: values[name] for name in _OWN})


def columns(told: Fields) -> dict[str, Any]:
    """The fields as the row has them."""
    values = {name: getattr(told, name) for name in FIELDS} | {name: plain(told, name) for name in JSON_FIELDS}
    return values | {"amount": None if told.amount is None else int(told.amount.scaleb(2))}


def plain(told: Fields, name: str) -> Any:
    """One of the fields as JSON."""
    value = getattr(told, name)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        value = dataclasses.asdict(value)
    return json.loads(json.dumps(value, default=str))

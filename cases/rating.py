"""How it went in the end: a consumer is asked once, some days after their case was closed, and the answer is kept."""

from __future__ import annotations

from datetime import datetime
from typing import Literal, get_args

from sqlalchemy import Connection, select, update

from cases import history
from cases.model import BadCase, Case
from cases.news import CONSUMER, Untold
from cases.states import IllegalAct, State
from cases.tables import complaint_case
from core.model import ConversationId

Grade = Literal["solved", "unhappy", "unsolved"]  # solved and content; solved, but not content; not solved
GRADES: tuple[Grade, ...] = get_args(Grade)


def due(conn: Connection, *, now: datetime, limit: int) -> list[Untold]:
    """Closed cases whose consumers are to be asked now."""
    query = select(complaint_case.c.case_no, complaint_case.c.conversation_id).where(
        complaint_case.c.ask_at <= now, complaint_case.c.conversation_id.is_not(None)
    )
    rows = conn.execute(query.order_by(complaint_case.c.ask_at, complaint_case.c.id).limit(limit))
    return [Untold(case_no=row.case_no, conversation=ConversationId(row.conversation_id)) for row in rows]


def ask(conn: Connection, case_no: str, *, now: datetime) -> Case | None:
    """Notes that the consumer is being asked; None if that is not to be any more: it was reopened, or is asked."""
    case = history.load(conn, case_no, lock=True)
    at = select(complaint_case.c.ask_at).where(complaint_case.c.id == case.id)
    if conn.execute(at).scalar_one() is None:
        return None
    if case.state is not State.CLOSED:
        drop(conn, case)
        return None
    return history.record(conn, case, "ask", {}, actor="house", now=now, changes={"ask_at": None})


def drop(conn: Connection, case: Case) -> None:
    """Nobody is to be asked about this case."""
    conn.execute(update(complaint_case).where(complaint_case.c.id == case.id).values(ask_at=None))


def later(conn: Connection, case: Case, at: datetime) -> None:
    """They are to be asked at that time instead."""
    conn.execute(update(complaint_case).where(complaint_case.c.id == case.id).values(ask_at=at))


def keep(conn: Connection, case: Case, grade: str, *, now: datetime) -> Case:
    """Keeps the consumer's answer, their latest; the same one again changes nothing. IllegalAct for a case that never
    was closed."""
    if grade not in GRADES:
        raise BadCase(f"grade: one of {', '.join(GRADES)}")
    if case.rating == grade:
        return case
    if not any(each.after is State.CLOSED for each in history.events(conn, case)):
        raise IllegalAct(f"a case that is {case.state} has not come to its end")
    changes = {"rating": grade, "ask_at": None}
    return history.record(conn, case, "rate", {"grade": grade}, actor=CONSUMER, now=now, changes=changes)

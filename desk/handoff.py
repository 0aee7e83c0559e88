"""Who waits for a person: what may happen to a request, and the one function that lets it happen.

A request lies in `left_message`: first that somebody asked (or was in danger, or was not understood twice), then what
they left for a person, until one has dealt with it. A conversation has at most one request without a message; asking
again changes nothing but a reason that presses more.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import ColumnElement, Connection, insert, select, update

from core.effects import REASONS, Role
from core.model import ConversationId
from core.tables import left_message

State = Literal["asked", "left", "cancelled", "done"]
Event = Literal["ask", "leave", "cancel", "settle"]

CONTACT = "contact"  # done_by of a request that the contact took back
# Reasons that stay with people, whatever the contact says of it afterwards.
LASTING = ("emergency", "fraud")


@dataclass(frozen=True, kw_only=True, slots=True)
class Transition:
    """Where an event leads, and from where; `begins`: also where there is no request yet."""

    before: tuple[State, ...]
    after: State
    begins: bool = False


TRANSITIONS: Mapping[Event, Transition] = {
    "ask": Transition(before=("asked",), after="asked", begins=True),
    "leave": Transition(before=("asked",), after="left", begins=True),
    "cancel": Transition(before=("asked",), after="cancelled"),
    "settle": Transition(before=("asked", "left"), after="done"),
}


def ask(
    conn: Connection, which: ConversationId, *, cause: str, reason: str, role: Role = "agent", now: datetime
) -> None:
    """Lets a conversation wait for a person; of two reasons the one that presses more is kept, and of whom they ask for
    whoever is not just anybody."""
    waits = (_of(which), left_message.c.state == "asked")
    kept = conn.execute(select(left_message.c.reason, left_message.c.role).where(*waits)).one_or_none()
    if kept is not None:
        reason = min((reason, kept.reason), key=REASONS.index) if kept.reason in REASONS else reason
        role = kept.role if role == "agent" else role
    _happen(conn, "ask", _of(which), which, cause=cause, now=now, reason=reason, role=role)


def leave(
    conn: Connection,
    which: ConversationId,
    *,
    cause: str,
    text: str,
    contact: str,
    facts: Mapping[str, str] | None = None,
    now: datetime,
) -> None:
    """Keeps a message for a person: as part of what the conversation waits for already, or as a request of its own.

    `facts`: what the text was understood to be about, as in the effect.
    """
    known = dict(facts) if facts else None
    _happen(conn, "leave", _of(which), which, cause=cause, now=now, text=text, contact=contact, facts=known)


def cancel(conn: Connection, which: ConversationId, now: datetime) -> bool:
    """The contact does not want to wait any more; False if there was no request, or one that stays with people."""
    mine = _of(which) & left_message.c.reason.not_in(LASTING)
    return _happen(conn, "cancel", mine, which, now=now, done_at=now, done_by=CONTACT)


def settle(conn: Connection, number: int, who: str, now: datetime) -> bool:
    """Notes that `who` has dealt with a request; False if there is none or it had ended before."""
    return _happen(conn, "settle", left_message.c.id == number, None, now=now, done_at=now, done_by=who)


def _happen(
    conn: Connection,
    event: Event,
    where: ColumnElement[bool],
    which: ConversationId | None,
    *,
    now: datetime,
    cause: str = "",
    **values: Any,
) -> bool:
    """Moves the request at `where` along the table, or begins one; False if `event` cannot happen there."""
    step = TRANSITIONS[event]
    moved = conn.execute(
        update(left_message).where(where, left_message.c.state.in_(step.before)).values(state=step.after, **values)
    )
    if moved.rowcount == 0 and step.begins:
        new = {"conversation_id": which, "cause": cause, "created_at": now, "text": "", "contact": ""}
        conn.execute(insert(left_message).values(new | values | {"state": step.after}))
        return True
    return moved.rowcount == 1


def _of(which: ConversationId) -> ColumnElement[bool]:
    return left_message.c.conversation_id == which

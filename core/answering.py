"""Platforms that count answers, or take them in the acknowledgement of what they deliver: how a message stands."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, bindparam, func, select

from core.model import ConversationId, Heard
from core.tables import IS_WAITING, inbox, outbox

_HEARD = (
    select(
        inbox.c.external_id,
        inbox.c.received_at,
        select(func.count())
        .where(outbox.c.conversation_id == inbox.c.conversation_id, outbox.c.sent_at > inbox.c.received_at)
        .scalar_subquery()
        .label("answers"),
    )
    .where(inbox.c.conversation_id == bindparam("c"))
    .order_by(inbox.c.seq.desc())
    .limit(5)  # more than platforms' rules look back: a message, and events after it
)


def heard(conn: Connection, conversation_id: ConversationId) -> tuple[Heard, ...]:
    """The contact's last messages, the latest first, each with the number of ours that went out since."""
    rows = conn.execute(_HEARD, {"c": conversation_id})
    return tuple(Heard(external_id=row.external_id, at=row.received_at, answers=row.answers) for row in rows)


@dataclass(frozen=True, kw_only=True, slots=True)
class Answering:
    """How a message stands whose answer goes into its acknowledgement."""

    received_at: datetime
    is_open: bool  # nobody has answered it yet
    is_ready: bool  # an answer waits to be written, or was left by somebody who died while writing
    is_over: bool  # the answer was written, given up, or there is none


_ANSWERING = (
    select(inbox.c.received_at, inbox.c.state, outbox.c.id.label("answer"))
    .join(
        outbox,
        (outbox.c.conversation_id == inbox.c.conversation_id)
        & (outbox.c.in_reply_to == inbox.c.external_id)
        & IS_WAITING,
        isouter=True,
    )
    .where(inbox.c.conversation_id == bindparam("c"), inbox.c.external_id == bindparam("e"))
    .order_by(outbox.c.seq)
    .limit(1)
)


def answering(conn: Connection, conversation_id: ConversationId, external_id: str) -> Answering | None:
    """How the message with `external_id` stands; None if there is none."""
    row = conn.execute(_ANSWERING, {"c": conversation_id, "e": external_id}).one_or_none()
    if row is None:
        return None
    is_open = row.state == "open"
    return Answering(
        received_at=row.received_at,
        is_open=is_open,
        is_ready=row.answer is not None,
        is_over=not is_open and row.answer is None,
    )


_TOO_LATE = (
    select(outbox.c.in_reply_to)
    .where(outbox.c.conversation_id == bindparam("c"), IS_WAITING)
    .where((outbox.c.in_reply_to == "") | (outbox.c.created_at < bindparam("before", type_=outbox.c.created_at.type)))
    .order_by(outbox.c.seq)
    .limit(1)
)


def too_late(conn: Connection, conversation_id: ConversationId, before: datetime) -> str | None:
    """What the first message replies to that no acknowledgement can carry any more: none, or made `before`."""
    return conn.execute(_TOO_LATE, {"c": conversation_id, "before": before}).scalar_one_or_none()

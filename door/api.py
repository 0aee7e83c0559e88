"""What token holders may ask over HTTP: alarms, conversations with their transcripts, and what people left for us."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query
from pydantic import AwareDatetime, BaseModel
from sqlalchemy import Column, Connection, func, select

from core import alarm, audit, outbox
from core.errors import NotFound
from core.model import Author, Button, ConversationId, Line, MessageKind
from core.store import Store
from core.tables import address, conversation, conversation_seq, inbox, left_message
from core.tables import alarm as alarms_table
from desk import handoff
from door.auth import Caller, require

PAGE = 50
PAGE_MOST = 200
ID_MOST = 2**63 - 1  # what a column holds

Id = Annotated[int, Path(ge=0, le=ID_MOST)]


class AlarmOut(BaseModel):
    id: int
    kind: str
    subject: str
    detail: str
    count: int
    raised_at: datetime
    last_at: datetime
    told_at: datetime | None


class ConversationOut(BaseModel):
    id: str
    channel: str
    kind: str
    owner: str
    language: str
    messages: int  # places in its transcript
    open: int  # messages that wait for an answer
    created_at: datetime
    last_at: datetime | None


class MessageOut(BaseModel):
    seq: int
    author: Author
    kind: MessageKind
    text: str
    buttons: list[Button]
    source: str
    entry: str
    at: datetime


class Transcript(BaseModel):
    conversation: str
    messages: list[MessageOut]
    next_after: int | None  # `after` of the next page; None at the end


class LeftOut(BaseModel):
    id: int
    conversation: str
    reason: str  # message, or why they wait for a person: emergency, fraud, complaint, case, asked, misses
    role: str  # whom they ask for: agent (anybody), expert, leader
    state: str  # asked: nothing was left yet; left, cancelled, done
    text: str
    contact: str
    facts: dict[str, str]  # what the text was understood to be about: institution, amount in yuan, day
    created_at: datetime
    done_at: datetime | None
    done_by: str | None


def router(store: Store, clock: Callable[[], datetime]) -> APIRouter:
    """The routes under /api; each names the scope its caller needs."""
    routes = APIRouter(prefix="/api")

    @routes.get("/alarms", tags=["alarms"])
    async def alarms(caller: Annotated[Caller, Depends(require("alarms:read"))]) -> list[AlarmOut]:
        """Alarms that nobody has acknowledged, the oldest first."""
        rows = await store.read(alarm.open_alarms)
        return [AlarmOut.model_validate(row, from_attributes=True) for row in rows]

    @routes.post("/alarms/{alarm_id}/acknowledge", tags=["alarms"])
    async def acknowledge(alarm_id: Id, caller: Annotated[Caller, Depends(require("alarms:write"))]) -> dict[str, bool]:
        """Says that somebody looks after it, which ends its repetition; false if somebody had said so before."""
        now = clock()

        def op(conn: Connection) -> bool:
            done = alarm.acknowledge(conn, alarm_id, caller.name, now)
            if done:
                _note(conn, caller, "alarm_acknowledged", str(alarm_id), now)
            else:
                _known(conn, alarms_table.c.id, alarm_id, "alarm")
            return done

        return {"acknowledged": await store.write(op)}

    @routes.get("/conversations", tags=["conversations"])
    async def conversations(
        caller: Annotated[Caller, Depends(require("conversations:read"))],
        before: Annotated[
            AwareDatetime | None, Query(description="`last_at` or `created_at` of the last one you have")
        ] = None,
        limit: Annotated[int, Query(ge=1, le=PAGE_MOST)] = PAGE,
    ) -> list[ConversationOut]:
        """Conversations, the one with the latest turn first."""
        return await store.read(lambda conn: page_of_conversations(conn, before=before, limit=limit))

    @routes.get("/conversations/{conversation_id}", tags=["conversations"])
    async def transcript(
        conversation_id: str,
        caller: Annotated[Caller, Depends(require("conversations:read"))],
        after: Annotated[int, Query(ge=0, le=ID_MOST, description="seq of the last message you have")] = 0,
        limit: Annotated[int, Query(ge=1, le=PAGE_MOST)] = PAGE,
    ) -> Transcript:
        """What was said, in order, personal data masked. Reading it is noted in the audit."""
        which = ConversationId(conversation_id)
        lines = await store.read(lambda conn: lines_of(conn, which, after, limit + 1))
        now = clock()
        await store.write(lambda conn: _note(conn, caller, "transcript_read", conversation_id, now))
        shown, more = lines[:limit], len(lines) > limit
        return Transcript(
            conversation=conversation_id,
            messages=[MessageOut.model_validate(line, from_attributes=True) for line in shown],
            next_after=shown[-1].seq if more else None,
        )

    @routes.get("/left-messages", tags=["conversations"])
    async def left_messages(
        caller: Annotated[Caller, Depends(require("conversations:read"))],
        done: Annotated[bool, Query(description="those already dealt with instead")] = False,
        after: Annotated[int, Query(ge=0, le=ID_MOST, description="id of the last one you have")] = 0,
        limit: Annotated[int, Query(ge=1, le=PAGE_MOST)] = PAGE,
    ) -> list[LeftOut]:
        """Who waits for a person, with what they left for one, oldest first."""
        return await store.read(lambda conn: page_of_left(conn, done=done, after=after, limit=limit))

    @routes.post("/left-messages/{left_id}/done", tags=["conversations"])
    async def deal_with(
        left_id: Id, caller: Annotated[Caller, Depends(require("conversations:write"))]
    ) -> dict[str, bool]:
        """Says that a person has dealt with it; false if somebody had said so before."""
        now = clock()

        def op(conn: Connection) -> bool:
            done = handoff.settle(conn, left_id, caller.name, now)
            if done:
                _note(conn, caller, "left_message_done", str(left_id), now)
            else:
                _known(conn, left_message.c.id, left_id, "left message")
            return done

        return {"done": await store.write(op)}

    return routes


def _note(conn: Connection, caller: Caller, act: str, subject: str, now: datetime) -> None:
    audit.note(conn, actor=f"token:{caller.token_id}", act=act, subject=subject, now=now)


def _known(conn: Connection, column: Column[Any], number: int, what: str) -> None:
    """NotFound if there never was one with this number."""
    if conn.execute(select(column).where(column == number)).one_or_none() is None:
        raise NotFound(f"no such {what}: {number}")


def page_of_conversations(conn: Connection, *, before: datetime | None = None, limit: int) -> list[ConversationOut]:
    """The latest first; `before`: when the last one that the caller has had its turn, or began if it had none."""
    waiting = (
        select(func.count())
        .select_from(inbox)
        .where(inbox.c.conversation_id == conversation.c.id, inbox.c.state == "open")
        .scalar_subquery()
    )
    latest = func.coalesce(conversation.c.last_at, conversation.c.created_at)  # without a turn: since it began
    query = (
        select(conversation, address.c.kind, conversation_seq.c.n, waiting.label("open"))
        .join(address, address.c.conversation_id == conversation.c.id)
        .join(conversation_seq, conversation_seq.c.conversation_id == conversation.c.id)
        .order_by(latest.desc(), conversation.c.id)
        .limit(limit)
    )
    if before is not None:
        query = query.where(latest < before)
    return [
        ConversationOut(
            id=row.id,
            channel=row.channel_id,
            kind=row.kind,
            owner=row.owner,
            language=row.language,
            messages=row.n,
            open=row.open,
            created_at=row.created_at,
            last_at=row.last_at,
        )
        for row in conn.execute(query)
    ]


def lines_of(conn: Connection, which: ConversationId, after: int, limit: int) -> list[Line]:
    """Up to `limit` places of a transcript after seq `after`; NotFound if there is no such conversation."""
    known = conn.execute(select(conversation.c.id).where(conversation.c.id == which)).one_or_none()
    if known is None:
        raise NotFound("no such conversation")
    return outbox.transcript(conn, which, after=after, limit=limit)


def page_of_left(conn: Connection, *, done: bool = False, after: int = 0, limit: int) -> list[LeftOut]:
    """Requests for a person that nobody has dealt with (`done`: that ended), oldest first, after number `after`."""
    state = left_message.c.done_at.is_not(None) if done else left_message.c.done_at.is_(None)
    query = select(left_message).where(state, left_message.c.id > after).order_by(left_message.c.id).limit(limit)

    return [
        LeftOut(
            id=row.id,
            conversation=row.conversation_id,
            reason=row.reason,
            role=row.role,
            state=row.state,
            text=row.text,
            contact=row.contact,
            facts=row.facts or {},
            created_at=row.created_at,
            done_at=row.done_at,
            done_by=row.done_by,
        )
        for row in conn.execute(query)
    ]

"""The worker's side of the inbox: messages taken in order under a lease, finished once, postponed or told to wait."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal, cast

from sqlalchemy import Connection, Select, bindparam, func, insert, select, update

from core.errors import LeaseLost
from core.model import (
    Attachment,
    Author,
    Button,
    ChannelId,
    ConversationId,
    InboxId,
    Language,
    Lease,
    MessageKind,
    Owner,
    Script,
    Seq,
    Tongue,
    Turn,
)
from core.statements import Statement
from core.tables import (
    EPOCH,
    IS_OPEN,
    IS_UNSEEN,
    IS_WAITING,
    conversation,
    conversation_seq,
    inbox,
    message,
    outbox,
    visit,
)

TAKE = 20  # open messages read with one lease; more are found by looking again after it
FREE = EPOCH  # a lease that nobody holds
CHOICE_MAX = 40  # characters: a longer message says more than which button of a list it means


def buttons(raw: list[dict[str, str]] | None) -> tuple[Button, ...]:
    """The buttons of a message as its row has them."""
    return tuple(Button(title=b["title"], payload=b["payload"]) for b in raw or ())


_THEIRS = select(outbox.c.seq).where(outbox.c.conversation_id == bindparam("c"))
_earlier = message.alias("earlier")
_THEY_SPOKE = (
    select(_earlier.c.seq)
    .where(_earlier.c.conversation_id == bindparam("c"), _earlier.c.seq < bindparam("before"))
    .where(_earlier.c.author == Author.CONTACT.value)
    .order_by(_earlier.c.seq.desc())
    .limit(1)
)
_SAID_SINCE = Statement(
    select(
        message.c.buttons,
        (message.c.seq.in_(_THEIRS.where(IS_WAITING)) | message.c.seq.in_(_THEIRS.where(IS_UNSEEN))).label("is_unseen"),
    )
    .where(message.c.conversation_id == bindparam("c"), message.c.seq < bindparam("before"))
    .where(message.c.seq > func.coalesce(_THEY_SPOKE.scalar_subquery(), 0))
    .order_by(message.c.seq.desc())
    .limit(20)
)


def open_list(conn: Connection, conversation_id: ConversationId, *, before: int) -> tuple[Button, ...]:
    """The buttons that were offered last before seq `before`, if the contact has said nothing since; else none.

    Once they spoke again, a number may mean anything; and from a list that has not gone out yet, or surely not as it
    was written, nobody can choose.
    """
    said = _SAID_SINCE.all(conn, c=conversation_id, before=before)
    return next((buttons(row.buttons) for row in said if row.buttons and not row.is_unseen), ())


_ALL_OPEN = (
    select(
        inbox.c.id,
        inbox.c.seq,
        inbox.c.external_id,
        inbox.c.language_hint,
        inbox.c.network,
        inbox.c.received_at,
        inbox.c.attempts,
        inbox.c.next_try_at,
        inbox.c.held,
        message.c.kind,
        message.c.text,
        message.c.payload,
        message.c.attachments,
    )
    .join(message, (message.c.conversation_id == inbox.c.conversation_id) & (message.c.seq == inbox.c.seq))
    .where(inbox.c.conversation_id == bindparam("c"), IS_OPEN)
    .order_by(inbox.c.seq)
)
_OPEN = Statement(_ALL_OPEN.limit(TAKE))
_FACTS = (
    conversation.c.channel_id,
    conversation.c.fence,
    conversation.c.epoch,
    conversation.c.owner,
    conversation.c.language,
    conversation.c.spoken,
    conversation.c.script,
    conversation.c.state,
    conversation.c.visit_id,
    conversation.c.last_at,
    conversation.c.outcome,
)
_LEASE = Statement(
    update(conversation)
    .where(
        conversation.c.id == bindparam("c"),
        conversation.c.lease_until < bindparam("now", type_=conversation.c.lease_until.type),
    )
    .values(fence=conversation.c.fence + 1, lease_until=bindparam("until", type_=conversation.c.lease_until.type))
    .returning(*_FACTS)
)
_LOOK = select(*_FACTS).where(conversation.c.id == bindparam("c"))

# The end of a lease is as good as unique: together with the fence it tells one taking from every other.
_TAKEN = select(conversation.c.id).where(
    conversation.c.id == bindparam("c"),
    conversation.c.fence == bindparam("f"),
    conversation.c.lease_until == bindparam("until", type_=conversation.c.lease_until.type),
)


def lease(
    conn: Connection, conversation_id: ConversationId, now: datetime, seconds: float, *, mine: Lease | None = None
) -> Lease | None:
    """Takes the conversation for `seconds` with its open messages; None if it is taken or has nothing due.

    The first open message is the only one that may be due: messages are answered in order, so one that waits for its
    next try holds those behind it. `mine`: what an earlier run of this operation, with the same `now`, got; if its
    commit succeeded and only the answer was lost, that is the result.
    """
    until = now + timedelta(seconds=seconds)
    if mine is not None and conn.execute(_TAKEN, {"c": conversation_id, "f": mine.fence, "until": until}).one_or_none():
        return mine
    rows = _OPEN.all(conn, c=conversation_id)
    if not rows or not _is_due(rows[0], now):
        return None
    held = _LEASE.first(conn, c=conversation_id, now=now, until=until)
    if held is None:
        return None
    first = rows[0]
    short = len(first.text) <= CHOICE_MAX
    return _lease(conversation_id, held, rows, open_list(conn, conversation_id, before=first.seq) if short else ())


def look(conn: Connection, conversation_id: ConversationId) -> Lease | None:
    """All that is open, without a lease: for what is answered out of turn, however many messages stand before it; None
    if nothing is."""
    rows = conn.execute(_ALL_OPEN, {"c": conversation_id}).all()
    if not rows:
        return None
    return _lease(conversation_id, conn.execute(_LOOK, {"c": conversation_id}).one(), rows)


def _lease(conversation_id: ConversationId, held: Any, rows: Sequence[Any], offered: tuple[Button, ...] = ()) -> Lease:
    channel_id = ChannelId(held.channel_id)
    return Lease(
        conversation=conversation_id,
        channel=channel_id,
        fence=held.fence,
        epoch=held.epoch,
        owner=cast("Owner", held.owner),
        language=cast("Tongue", held.language),
        spoken=cast("Language", held.spoken),
        script=cast("Script", held.script),
        state=held.state,
        visit=held.visit_id,
        last_at=held.last_at,
        outcome=held.outcome,
        offered=offered,
        turns=tuple(
            Turn(
                inbox_id=InboxId(row.id),
                conversation=conversation_id,
                channel=channel_id,
                seq=Seq(row.seq),
                external_id=row.external_id,
                kind=MessageKind(row.kind),
                text=row.text,
                payload=row.payload,
                attachments=tuple(Attachment(**a) for a in row.attachments or ()),
                language_hint=row.language_hint,
                received_at=row.received_at,
                attempts=row.attempts,
                held=row.held,
                network=row.network,
            )
            for row in rows
        ),
    )


_instant = conversation.c.lease_until.type
_HOLDER = (
    conversation.c.id == bindparam("c"),
    conversation.c.fence == bindparam("f"),
    conversation.c.lease_until > FREE,
)
_RENEW = Statement(update(conversation).where(*_HOLDER).values(lease_until=bindparam("until", type_=_instant)))
_HAS_OPEN = Statement(
    select(inbox.c.next_try_at, inbox.c.attempts)
    .where(inbox.c.conversation_id == bindparam("c"), IS_OPEN)
    .order_by(inbox.c.seq)
    .limit(1)
)


def renew(conn: Connection, held: Lease, now: datetime, seconds: float) -> bool:
    """Holds the lease for `seconds` more; False if it is lost or was released (a late renewal must not re-lock)."""
    until = now + timedelta(seconds=seconds)
    return _RENEW.run(conn, c=held.conversation, f=held.fence, until=until) == 1


def release(conn: Connection, held: Lease, now: datetime) -> bool:
    """Gives the lease back; True if a message is open and due, so that the caller looks again."""
    _RENEW.run(conn, c=held.conversation, f=held.fence, until=FREE)
    return has_due(conn, held.conversation, now)


def has_due(conn: Connection, conversation_id: ConversationId, now: datetime) -> bool:
    """Is the conversation's first open message due?"""
    first = _HAS_OPEN.first(conn, c=conversation_id)
    return first is not None and _is_due(first, now)


def _is_due(row: Any, now: datetime) -> bool:
    """A message that was never tried is due even if the clock has been set back since it came."""
    return row.attempts == 0 or row.next_try_at <= now


_DONE = Statement(
    update(inbox)
    .where(inbox.c.id == bindparam("i"), IS_OPEN)
    .values(state=bindparam("to"), done_at=bindparam("now", type_=_instant), outcome=bindparam("outcome"))
)
_AFTER_TURN = Statement(
    update(conversation)
    .where(*_HOLDER)
    .values(
        state=bindparam("state"),
        spoken=bindparam("spoken"),
        script=bindparam("script"),
        visit_id=bindparam("visit"),
        last_at=bindparam("now", type_=_instant),
        outcome=bindparam("outcome"),
        hold_at=bindparam("hold", type_=_instant),
        lease_until=bindparam("until", type_=_instant),
    )
)


def finish(
    conn: Connection,
    held: Lease,
    turn: Turn,
    *,
    state: bytes | None,
    spoken: str,
    script: str,
    outcome: str,
    parked: bool,
    until: datetime,
    now: datetime,
) -> int:
    """Closes `turn` and stores what the conversation becomes; the visit it belongs to is returned.

    `outcome` is the decision's label or why it was parked; the lease then runs `until` (FREE gives it back). Must be
    the first thing in its transaction: LeaseLost if the message is closed already (an unknown commit had succeeded) or
    the fence has moved on (a takeover, another worker), and then nothing of the transaction may stay.
    """
    to = "parked" if parked else "done"
    if _DONE.run(conn, i=turn.inbox_id, to=to, now=now, outcome=outcome) != 1:
        raise LeaseLost(f"message {turn.inbox_id} is closed")
    visit_id = held.visit or _open_visit(conn, turn, now)
    done = _AFTER_TURN.run(
        conn,
        c=held.conversation,
        f=held.fence,
        state=state,
        spoken=spoken,
        script=script,
        visit=visit_id,
        now=now,
        outcome=outcome,
        # A parked message is an outage still: one holding sentence per outage and conversation.
        hold=now if parked else None,
        until=until,
    )
    if done != 1:
        raise LeaseLost(f"conversation {held.conversation} was taken over")
    return visit_id


_IF_STILL_BOTS = Statement(
    update(conversation)
    .where(conversation.c.id == bindparam("c"), conversation.c.owner == "bot", conversation.c.epoch == bindparam("e"))
    .values(outcome=bindparam("outcome"))
)


def finish_out_of_turn(
    conn: Connection, seen: Lease, turn: Turn, *, outcome: str, now: datetime, parked: bool = False
) -> None:
    """Closes a message that is answered, or parked, past those before it; the brain's state is not touched.

    LeaseLost if it is closed already or a person has the conversation, and then nothing of the transaction may stay.
    """
    to = "parked" if parked else "done"
    if _DONE.run(conn, i=turn.inbox_id, to=to, now=now, outcome=outcome) != 1:
        raise LeaseLost(f"message {turn.inbox_id} is closed")
    # In the same order as `finish`, so that the two never wait for each other.
    if _IF_STILL_BOTS.run(conn, c=seen.conversation, e=seen.epoch, outcome=outcome) != 1:
        raise LeaseLost(f"conversation {seen.conversation} was taken over")


_VISIT = Statement(insert(visit).returning(visit.c.id))


def _open_visit(conn: Connection, turn: Turn, now: datetime) -> int:
    return _VISIT.all(conn, conversation_id=turn.conversation, opened_at=now, first_seq=turn.seq)[0].id


def postpone(conn: Connection, held: Lease, turn: Turn, *, until: datetime) -> bool:
    """Notes a failed try, gives the lease back and lets the message rest `until`; False if the lease was lost."""
    if not renew(conn, held, FREE, 0):
        return False
    conn.execute(
        update(inbox)
        .where(inbox.c.id == turn.inbox_id, IS_OPEN)
        .values(attempts=inbox.c.attempts + 1, next_try_at=until)
    )
    return True


def due(
    conn: Connection, now: datetime, *, waited: timedelta, channels: Collection[ChannelId], limit: int = 1000
) -> list[ConversationId]:
    """Conversations of `channels` whose message has been due for `waited` with nobody at it: their wake was lost."""
    rows = conn.execute(
        select(inbox.c.conversation_id)
        .join(conversation, conversation.c.id == inbox.c.conversation_id)
        .where(IS_OPEN, inbox.c.next_try_at <= now - waited, conversation.c.lease_until < now)
        .where(conversation.c.channel_id.in_(channels))
        .group_by(inbox.c.conversation_id)
        .order_by(func.min(inbox.c.next_try_at))
        .limit(limit)
    )
    return [ConversationId(row.conversation_id) for row in rows]


@dataclass(frozen=True, kw_only=True, slots=True)
class Waiting:
    """An open message that has waited long enough for the consumer to be told."""

    inbox_id: InboxId
    conversation: ConversationId
    channel: ChannelId
    text: str
    language: Tongue | Literal[""]
    spoken: Language | Literal[""]
    script: Script | Literal[""]
    language_hint: str


def waiting(conn: Connection, now: datetime, *, hold_after: timedelta, outage: timedelta) -> list[Waiting]:
    """Messages without an answer for `hold_after` in conversations that had no holding sentence within `outage`."""
    quiet = (conversation.c.hold_at.is_(None)) | (conversation.c.hold_at < now - outage)
    rows = conn.execute(
        select(
            inbox.c.id,
            inbox.c.conversation_id,
            inbox.c.language_hint,
            conversation.c.channel_id,
            conversation.c.language,
            conversation.c.spoken,
            conversation.c.script,
            message.c.text,
        )
        .join(conversation, conversation.c.id == inbox.c.conversation_id)
        .join(message, (message.c.conversation_id == inbox.c.conversation_id) & (message.c.seq == inbox.c.seq))
        .where(IS_OPEN, ~inbox.c.held, inbox.c.received_at <= now - hold_after)
        .where(conversation.c.owner == "bot", quiet)
        .order_by(inbox.c.id)
    )
    first: dict[str, Waiting] = {}  # one per conversation: the oldest
    for row in rows:
        if row.conversation_id not in first:
            first[row.conversation_id] = Waiting(
                inbox_id=InboxId(row.id),
                conversation=ConversationId(row.conversation_id),
                channel=ChannelId(row.channel_id),
                text=row.text,
                language=row.language,
                spoken=row.spoken,
                script=row.script,
                language_hint=row.language_hint,
            )
    return list(first.values())


def hold(conn: Connection, held: Waiting, now: datetime) -> bool:
    """Notes that the consumer is being told to wait; False if the answer came first."""
    still = update(inbox).where(inbox.c.id == held.inbox_id, IS_OPEN, ~inbox.c.held).values(held=True)
    if conn.execute(still).rowcount != 1:
        return False
    conn.execute(update(conversation).where(conversation.c.id == held.conversation).values(hold_at=now))
    return True


def forget(conn: Connection, conversations: Select[tuple[str]]) -> None:
    """Drops what the brain remembers of the dialogues that `conversations` selects. A turn that is at work there still
    knows it, so it loses its lease: its message is taken again, with an empty state."""
    conn.execute(
        update(conversation)
        .where(conversation.c.id.in_(conversations))
        .values(state=None, outcome="", fence=conversation.c.fence + 1, lease_until=FREE)
    )


def free_leases(conn: Connection) -> None:
    """Gives every lease back. Only for a house that is alone with its ledger and has just started."""
    conn.execute(update(conversation).where(conversation.c.lease_until > FREE).values(lease_until=FREE))
    conn.execute(update(conversation).where(conversation.c.send_lease_until > FREE).values(send_lease_until=FREE))


def close_idle_visits(conn: Connection, now: datetime, *, idle: timedelta, limit: int = 500) -> int:
    """Closes visits whose conversation has been quiet for `idle`; how many there were."""
    rows = conn.execute(
        select(conversation.c.id, conversation.c.visit_id, conversation_seq.c.n)
        .join(conversation_seq, conversation_seq.c.conversation_id == conversation.c.id)
        .where(conversation.c.visit_id.is_not(None), conversation.c.last_at < now - idle)
        .limit(limit)
    ).all()
    for row in rows:
        conn.execute(
            update(visit).where(visit.c.id == row.visit_id).values(closed_at=now, last_seq=row.n, reason="idle")
        )
        conn.execute(
            update(conversation)
            .where(conversation.c.id == row.id, conversation.c.visit_id == row.visit_id)
            .values(visit_id=None)
        )
    return len(rows)

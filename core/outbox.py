"""What must go out: put once by its cause, sent in order under a lease of its own, followed by receipts."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, bindparam, func, insert, literal, select, text, update

from core import alarm
from core.inbox import next_seq
from core.model import (
    DELIVERY_ORDER,
    Author,
    Button,
    ChannelId,
    ConversationId,
    DeliveryState,
    Line,
    MessageKind,
    Notice,
    OutboxId,
    Receipt,
    Rendered,
    Seq,
)
from core.statements import Statement
from core.tables import IS_WAITING, address, conversation, message, outbox
from core.turns import FREE, buttons


@dataclass(frozen=True, kw_only=True, slots=True)
class Parcel:
    """One row to send, marked as being sent before anybody calls the platform."""

    id: OutboxId
    seq: Seq
    sealed: bytes  # the address; its context is the conversation id
    text: str
    buttons: tuple[Button, ...]
    source: str
    in_reply_to: str
    attempts: int  # tries that failed before this one
    parts_taken: int  # by the platform, of a text that goes out in several
    created_at: datetime
    notice: Notice | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class SendLease:
    """The right to send one conversation's messages until `fence` moves on; `parcel` is the one to send now."""

    conversation: ConversationId
    channel: ChannelId
    fence: int
    parcel: Parcel


CUT_OFF = "cut off while sending"

_MESSAGE = Statement(insert(message))
_OUTBOX = Statement(insert(outbox).inline())  # its new id is not asked for


def put(
    conn: Connection,
    conversation_id: ConversationId,
    items: list[Rendered],
    *,
    cause: str,
    author: Author,
    now: datetime,
    live: bool,
    epoch: int | None = None,
    in_reply_to: str = "",
    answers: Seq | None = None,
    notice: Notice | None = None,
) -> tuple[Line, ...]:
    """Writes `items` at the end of the transcript and into the outbox as `<cause>:0`, `<cause>:1` …; the lines of the
    transcript that they are.

    A cause that is there already is an IntegrityError: nothing is said twice. `live`: the client reads the ledger
    itself, so the commit is the delivery and the rows are born `sent`. `answers`: the message that they answer.
    `notice`: the same in an approved notice's words; who gives one sees to it that it reaches its contact in some other
    way where this one fails, so no alarm tells of that.
    """
    if not items:
        return ()
    first = next_seq(conn, conversation_id, len(items))
    # Every row names the same columns in the same order: one statement, executed for all.
    _MESSAGE.each(
        conn,
        [
            {
                "conversation_id": conversation_id,
                "seq": first + n,
                "author": author.value,
                "kind": MessageKind.TEXT.value,
                "text": item.text,
                "buttons": [{"title": b.title, "payload": b.payload} for b in item.buttons] or None,
                "source": item.source,
                "entry": item.entry,
                "entry_version": item.entry_version,
                "score": item.score,
                "phrasing": item.phrasing,
                "answers": answers,
                "created_at": now,
            }
            for n, item in enumerate(items)
        ],
    )
    _OUTBOX.each(
        conn,
        [
            {
                "conversation_id": conversation_id,
                "seq": first + n,
                "cause": f"{cause}:{n}",
                "epoch": epoch,
                "in_reply_to": in_reply_to,
                "state": (DeliveryState.SENT if live else DeliveryState.READY).value,
                "notice": {"kind": notice.kind, "values": dict(notice.values)} if notice else None,
                "next_try_at": now,
                "created_at": now,
                "sent_at": now if live else None,
            }
            for n in range(len(items))
        ],
    )
    return tuple(
        Line(
            seq=Seq(first + n),
            author=author,
            kind=MessageKind.TEXT,
            text=item.text,
            payload="",
            buttons=item.buttons,
            source=item.source,
            entry=item.entry,
            external_id="",
            at=now,
        )
        for n, item in enumerate(items)
    )


_TRANSCRIPT = Statement(
    select(
        message.c.seq,
        message.c.author,
        message.c.kind,
        message.c.text,
        message.c.payload,
        message.c.attachments,
        message.c.buttons,
        message.c.source,
        message.c.entry,
        message.c.external_id,
        message.c.created_at,
    )
    .where(message.c.conversation_id == bindparam("c"), message.c.seq > bindparam("after"))
    .order_by(message.c.seq)
    .limit(bindparam("n"))
)


def transcript(conn: Connection, conversation_id: ConversationId, *, after: int, limit: int = 200) -> list[Line]:
    """Up to `limit` messages after seq `after`, in order."""
    rows = _TRANSCRIPT.all(conn, c=conversation_id, after=after, n=limit)
    return [
        Line(
            seq=Seq(row.seq),
            author=Author(row.author),
            kind=MessageKind(row.kind),
            text=row.text,
            payload=row.payload,
            buttons=buttons(row.buttons),
            source=row.source,
            entry=row.entry,
            external_id=row.external_id,
            at=row.created_at,
            files=tuple(each["name"] for each in row.attachments or ()),
        )
        for row in rows
    ]


_OFFERED = (
    select(message.c.buttons)
    .where(message.c.conversation_id == bindparam("c"), message.c.author != Author.CONTACT.value)
    .where(message.c.seq < bindparam("before"), message.c.seq >= bindparam("before") - 200)
    .order_by(message.c.seq.desc())
)


def offered(conn: Connection, conversation_id: ConversationId, said: str, *, before: int) -> str:
    """The payload of the button whose payload or key is `said`, if one of the last 200 messages before seq `before`
    offered it; else ""."""
    rows = conn.execute(_OFFERED, {"c": conversation_id, "before": before})
    return next((b.payload for row in rows for b in buttons(row.buttons) if said in (b.payload, b.key)), "")


# The sender's side ------------------------------------------------------------------------------------------------

_WAITING = (
    select(
        outbox.c.id,
        outbox.c.seq,
        outbox.c.state,
        outbox.c.epoch,
        outbox.c.attempts,
        outbox.c.parts_taken,
        outbox.c.next_try_at,
        outbox.c.in_reply_to,
        outbox.c.created_at,
        outbox.c.notice,
        message.c.text,
        message.c.buttons,
        message.c.source,
        address.c.sealed,
        conversation.c.epoch.label("now_epoch"),
    )
    .join(message, (message.c.conversation_id == outbox.c.conversation_id) & (message.c.seq == outbox.c.seq))
    .join(conversation, conversation.c.id == outbox.c.conversation_id)
    .join(address, address.c.conversation_id == outbox.c.conversation_id)
    .where(outbox.c.conversation_id == bindparam("c"), IS_WAITING)
    .order_by(outbox.c.seq)
    .limit(1)
)
_FIRST = Statement(_WAITING)
_FIRST_ANSWER = Statement(_WAITING.where(outbox.c.in_reply_to == bindparam("a")))
_instant = conversation.c.send_lease_until.type
_LEASE = Statement(
    update(conversation)
    .where(conversation.c.id == bindparam("c"), conversation.c.send_lease_until < bindparam("now", type_=_instant))
    .values(send_fence=conversation.c.send_fence + 1, send_lease_until=bindparam("until", type_=_instant))
    .returning(conversation.c.send_fence, conversation.c.channel_id)
)
# The end of a lease is as good as unique: together with the fence it tells one taking from every other.
_TAKEN = select(conversation.c.id).where(
    conversation.c.id == bindparam("c"),
    conversation.c.send_fence == bindparam("f"),
    conversation.c.send_lease_until == bindparam("until", type_=_instant),
)
_HOLD = Statement(
    update(conversation)
    .where(
        conversation.c.id == bindparam("c"),
        conversation.c.send_fence == bindparam("f"),
        conversation.c.send_lease_until > FREE,
    )
    .values(send_lease_until=bindparam("until", type_=_instant))
)
_TAKE_BACK = (
    update(conversation)
    .where(conversation.c.id == bindparam("c"), conversation.c.send_fence == bindparam("f"))
    .values(send_lease_until=bindparam("until", type_=_instant))
)
_MARK = update(outbox).where(outbox.c.id == bindparam("i"))
_SENDING = Statement(_MARK.values(state="sending"))
# Written out: a list given as a parameter is put into the SQL anew with every run.
_UNDER_WAY = _MARK.where(text("outbox.state IN ('ready', 'sending', 'unknown')"))
_now = bindparam("now", type_=outbox.c.sent_at.type)
_SENT = Statement(
    _UNDER_WAY.values(
        state=DeliveryState.SENT.value,
        error="",
        external_id=bindparam("external"),
        as_notice=bindparam("as_notice"),
        sent_at=_now,
    )
)
# Of a row that a receipt has moved on already: only what the receipt did not know.
_COMPLETED = _MARK.values(
    external_id=func.coalesce(func.nullif(outbox.c.external_id, ""), bindparam("external")),
    as_notice=bindparam("as_notice"),
    sent_at=func.coalesce(outbox.c.sent_at, _now),
)


def claim(
    conn: Connection,
    conversation_id: ConversationId,
    now: datetime,
    *,
    seconds: float,
    resend_unknown: bool,
    mine: SendLease | None = None,
    answers: str | None = None,
) -> SendLease | None:
    """Takes the conversation for sending and marks its first waiting message `sending`; None if there is none due.

    A row that a dead sender left `sending` is unknown: the platform may have it. `resend_unknown` says whether this
    channel sends such a row again or leaves it, with an alarm, for a person to see. `mine`: what an earlier run of this
    operation, with the same `now`, got; if its commit succeeded and only the answer was lost, that is the result.
    `answers`: the first one in reply to the message with this external id instead.
    """
    until = now + timedelta(seconds=seconds)
    if mine is not None and conn.execute(_TAKEN, {"c": conversation_id, "f": mine.fence, "until": until}).one_or_none():
        return mine
    # The lease first: what is read before it another sender may have sent since, and a wake for nothing is rare.
    held = _LEASE.first(conn, c=conversation_id, now=now, until=until)
    if held is None:
        return None
    parcel = _next(conn, conversation_id, now, resend_unknown=resend_unknown, answers=answers)
    if parcel is None:
        _HOLD.run(conn, c=conversation_id, f=held.send_fence, until=FREE)
        return None
    return SendLease(
        conversation=conversation_id, channel=ChannelId(held.channel_id), fence=held.send_fence, parcel=parcel
    )


def _next(
    conn: Connection,
    conversation_id: ConversationId,
    now: datetime,
    *,
    resend_unknown: bool,
    answers: str | None = None,
) -> Parcel | None:
    first, which = (_FIRST, {}) if answers is None else (_FIRST_ANSWER, {"a": answers})
    while (row := first.first(conn, c=conversation_id, **which)) is not None:
        if row.epoch is not None and row.epoch < row.now_epoch:
            _set(conn, row.id, DeliveryState.WITHHELD, error="a person took over")
        elif row.state == DeliveryState.SENDING.value and not resend_unknown:
            _set(conn, row.id, DeliveryState.UNKNOWN, error=CUT_OFF)
            _raise_alarm(conn, DeliveryState.UNKNOWN, conversation_id, row.id, CUT_OFF, now)
        elif row.next_try_at > now:
            return None  # order: nothing overtakes a message that rests
        else:
            _SENDING.run(conn, i=row.id)
            return Parcel(
                id=OutboxId(row.id),
                seq=Seq(row.seq),
                sealed=row.sealed,
                text=row.text,
                buttons=buttons(row.buttons),
                source=row.source,
                in_reply_to=row.in_reply_to,
                attempts=row.attempts,
                parts_taken=row.parts_taken,
                created_at=row.created_at,
                notice=Notice(**row.notice) if row.notice else None,
            )
    return None


def _set(conn: Connection, outbox_id: int, state: DeliveryState, **values: Any) -> None:
    conn.execute(_MARK.values(state=state.value, **values), {"i": outbox_id})


_PARTS = _MARK.where(outbox.c.parts_taken < bindparam("n")).values(parts_taken=bindparam("n"))


def took(conn: Connection, held: SendLease, count: int) -> None:
    """Notes that the platform has the first `count` parts of the message; whatever became of the lease, it is so."""
    conn.execute(_PARTS, {"i": held.parcel.id, "n": count})


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """How one try to send ended: sent, failed or parked for good, or ready again at `next_try_at`."""

    state: DeliveryState
    external_id: str = ""
    as_notice: bool = False
    error: str = ""
    next_try_at: datetime | None = None
    alarm: bool = False  # people must hear of it although it is tried again


def tell(conn: Connection, held: SendLease, outcome: Outcome, now: datetime) -> None:
    """Has people hear of a message that did not go out, or of which nobody knows; a notice that did not go out is seen
    to by who gave it."""
    lost = outcome.state in (DeliveryState.FAILED, DeliveryState.PARKED) and held.parcel.notice is None
    if lost or outcome.state is DeliveryState.UNKNOWN:
        _raise_alarm(conn, outcome.state, held.conversation, held.parcel.id, outcome.error, now)


def _raise_alarm(
    conn: Connection, state: DeliveryState, conversation_id: str, outbox_id: int, why: str, now: datetime
) -> None:
    alarm.raise_alarm(conn, f"send_{state.value}", conversation_id, f"outbox {outbox_id}: {why}", now)


def settle(
    conn: Connection, held: SendLease, outcome: Outcome, now: datetime, *, seconds: float, more: bool = True
) -> SendLease | None:
    """Stores how the try ended and marks the next message `sending`; with none due, or not `more`, the lease is given
    back.

    The row is written whatever became of the lease: that the platform has the message is true in any case.
    """
    # A receipt may have come before the answer to our call: states only move forward.
    if outcome.state is DeliveryState.SENT:
        taken = {"i": held.parcel.id, "external": outcome.external_id, "as_notice": outcome.as_notice, "now": now}
        if _SENT.run(conn, **taken) != 1:
            conn.execute(_COMPLETED, taken)
    else:
        values: dict[str, Any] = {"state": outcome.state.value, "error": outcome.error}
        values |= {"attempts": held.parcel.attempts + 1}
        if outcome.next_try_at is not None:
            values |= {"next_try_at": outcome.next_try_at}
        conn.execute(_UNDER_WAY.values(**values), {"i": held.parcel.id})
    # Given back first: mostly nothing follows, and then this is all. The row stays locked until the commit.
    if _HOLD.run(conn, c=held.conversation, f=held.fence, until=FREE) != 1 or not more:
        return None
    following = _FIRST.first(conn, c=held.conversation)
    if following is None or following.next_try_at > now:
        return None
    # Under our own lease a further row is `sending` only if an earlier run of this very operation marked it, and the
    # answer to its commit was lost: nobody has called the platform for it yet.
    parcel = _next(conn, held.conversation, now, resend_unknown=True)
    if parcel is None:
        return None
    until = now + timedelta(seconds=seconds)
    conn.execute(_TAKE_BACK, {"c": held.conversation, "f": held.fence, "until": until})
    return SendLease(conversation=held.conversation, channel=held.channel, fence=held.fence, parcel=parcel)


def due(
    conn: Connection, now: datetime, *, waited: timedelta, channels: Collection[ChannelId], limit: int = 1000
) -> list[ConversationId]:
    """Conversations of `channels` with a message that could have been sent `waited` ago and nobody at it."""
    rows = conn.execute(
        select(outbox.c.conversation_id)
        .join(conversation, conversation.c.id == outbox.c.conversation_id)
        .where(IS_WAITING, outbox.c.next_try_at <= now - waited, conversation.c.send_lease_until < now)
        .where(conversation.c.channel_id.in_(channels))
        .group_by(outbox.c.conversation_id)
        .order_by(func.min(outbox.c.next_try_at))
        .limit(limit)
    )
    return [ConversationId(row.conversation_id) for row in rows]


_AT_REST = (
    select(conversation.c.id)
    .where(conversation.c.id == bindparam("c"), conversation.c.send_lease_until < bindparam("now", type_=_instant))
    .with_for_update()
)


def withhold(conn: Connection, cause: str, *, why: str, now: datetime) -> DeliveryState | None:
    """Takes back the waiting row of that cause, which nobody here can send; what it becomes, None while somebody is at
    it. A row that a dead sender left `sending` is unknown."""
    waiting = select(outbox.c.id, outbox.c.conversation_id, outbox.c.state).where(outbox.c.cause == cause, IS_WAITING)
    row = conn.execute(waiting).one_or_none()
    if row is None or conn.execute(_AT_REST, {"c": row.conversation_id, "now": now}).one_or_none() is None:
        return None
    cut_off = row.state == DeliveryState.SENDING.value
    state, error = (DeliveryState.UNKNOWN, CUT_OFF) if cut_off else (DeliveryState.WITHHELD, why)
    same = (outbox.c.id == row.id, outbox.c.state == row.state)
    if conn.execute(update(outbox).where(*same).values(state=state.value, error=error)).rowcount != 1:
        return None
    if cut_off:
        _raise_alarm(conn, state, row.conversation_id, row.id, error, now)
    return state


def receipt(conn: Connection, channel_id: ChannelId, word: Receipt, now: datetime) -> bool:
    """Moves a row of this channel forward by the platform's word; False if it is not ours or is past that already.

    A word that comes before the answer to our call is the first to say that the row went out, at `now`.
    """
    mine = select(conversation.c.id).where(conversation.c.channel_id == channel_id)
    which = outbox.c.id == word.outbox_id if word.outbox_id is not None else outbox.c.external_id == word.external_id
    if word.outbox_id is None and not word.external_id:
        return False
    before = [s.value for s, rank in DELIVERY_ORDER.items() if rank < DELIVERY_ORDER[word.state]]
    went_out = func.coalesce(outbox.c.sent_at, literal(now, outbox.c.sent_at.type))
    moved = conn.execute(
        update(outbox)
        .where(which, outbox.c.conversation_id.in_(mine), outbox.c.state.in_(before))
        .values(state=word.state.value, error=word.detail, sent_at=went_out)
        .returning(outbox.c.id, outbox.c.conversation_id, outbox.c.notice)
    ).all()
    if word.state is DeliveryState.FAILED:  # taken at first, then not delivered: nobody else would hear of it
        for row in (one for one in moved if one.notice is None):
            _raise_alarm(conn, word.state, row.conversation_id, row.id, "the platform says failed", now)
    return bool(moved)

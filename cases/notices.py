"""A piece of news on its way: over one channel after the other, until it is told or a person has to tell it.

A notice is *open* while something carries it or is to carry it later; it ends as *told*, *unknown* (it may have
arrived, and is not sent again) or *undeliverable*; of the last, the consumer hears when they write again. What has
reached nobody is told along with what is told next, whose notice *supersedes* it. Each step is one conditional update,
so two processes never take the same one.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, Row, and_, or_, select, update

from cases.tables import IS_MISSED_NOTICE, IS_OPEN_NOTICE, case_notice, complaint_case
from core.model import ChannelId, ConversationId, DeliveryState, Locale
from core.store import upsert
from core.tables import conversation, outbox

ASK = "ask"  # what a survey is called among the acts


class Way(StrEnum):
    """How news may reach somebody."""

    TALK = "talk"  # the conversation that the case belongs to; on WeChat also by template
    SMS = "sms"
    PERSON = "person"
    LATER = "later"  # in the conversation, when they have written again


class Standing(StrEnum):
    OPEN = "open"
    TOLD = "told"
    UNKNOWN = "unknown"
    UNDELIVERABLE = "undeliverable"
    SUPERSEDED = "superseded"


@dataclass(frozen=True, kw_only=True, slots=True)
class Reach:
    """What there is to reach the consumer of a case by."""

    talks: bool  # the channel of its conversation runs here
    page: bool = False  # … and is a page, which shows a message to whoever has it open, and to nobody else
    there: bool = False  # … and they have just written
    phone: bool = False  # … or is a telephone itself: a second short message to it changes nothing
    sms: bool = False  # the case has a telephone number, and a channel for short messages runs here


def ways(reach: Reach, *, survey: bool = False) -> tuple[Way, ...]:
    """The order in which news tries to reach them; each is tried when the one before has not. A survey is worth neither
    a short message nor a person's call."""
    talk = (Way.TALK,) if reach.talks else ()
    if survey:
        return talk
    sms = (Way.SMS,) if reach.sms and not reach.phone else ()
    return (*talk, *sms, Way.PERSON)


def enough(way: Way, reach: Reach, *, survey: bool = False) -> bool:
    """Whether what has gone this way has surely been brought to them: a page that nobody has open brings nothing, but
    where there is no way to say so it is there when they come back."""
    return way is not Way.TALK or not reach.page or reach.there or Way.SMS not in ways(reach, survey=survey)


@dataclass(frozen=True, kw_only=True, slots=True)
class Pending:
    """An open notice whose carrier has come to an end, or that has none; `state` of the carrier, None without one."""

    id: int
    case_no: str
    home: ConversationId | None
    since: int  # the event before the first of those that it tells
    n: int
    act: str
    locale: Locale
    way: Way
    cause: str  # of its carrier; "": none has been put out yet
    state: DeliveryState | None
    channel: ChannelId | None  # of the carrier
    external_id: str  # the platform's name of it, by which its word on it comes back; ""
    put_at: datetime  # when its carrier was put out, else when it began


def begin(
    conn: Connection,
    case_id: int,
    *,
    since: int,
    n: int,
    act: str,
    locale: Locale,
    cause: str,
    next_at: datetime,
    now: datetime,
) -> bool:
    """Opens the notice of the events after `since` up to `n`, in the conversation; False if there is one. `cause`: of
    what carries it; "": that is to be put out at `next_at`."""
    values = {"case_id": case_id, "since_n": since, "n": n, "act": act, "locale": locale, "way": Way.TALK.value}
    values |= {"cause": cause, "state": Standing.OPEN.value, "next_at": next_at, "created_at": now}
    new = upsert(conn, case_notice).values(values).on_conflict_do_nothing().returning(case_notice.c.id)
    return conn.execute(new).one_or_none() is not None


def supersede(conn: Connection, case_id: int, *, before: int, ended_since: datetime, now: datetime) -> int | None:
    """Ends the case's notices of events before `before` that were not brought out yet, or to nobody from `ended_since`
    on: what they tell is told along. The event before the first of those; None without any."""
    ours = (case_notice.c.case_id == case_id, case_notice.c.n < before, case_notice.c.act != ASK)
    unsent = and_(IS_OPEN_NOTICE, case_notice.c.cause == "")
    missed = and_(IS_MISSED_NOTICE, case_notice.c.ended_at >= ended_since)
    values = {"state": Standing.SUPERSEDED.value, "ended_at": now}
    over = update(case_notice).where(*ours, or_(unsent, missed)).values(values).returning(case_notice.c.since_n)
    return min(conn.execute(over).scalars().all(), default=None)


def due(conn: Connection, *, now: datetime, channels: Collection[ChannelId], limit: int) -> list[Pending]:
    """Open notices to look at: those whose outbox row waits no more, or waits for none of `channels`, which are those
    that run here; the oldest first."""
    waits = (DeliveryState.READY.value, DeliveryState.SENDING.value)
    query = (
        select(case_notice, complaint_case.c.case_no, complaint_case.c.conversation_id)
        .add_columns(outbox.c.state.label("row_state"), outbox.c.external_id, conversation.c.channel_id)
        .add_columns(outbox.c.created_at.label("carried_at"))
        .join(complaint_case, complaint_case.c.id == case_notice.c.case_id)
        .outerjoin(outbox, outbox.c.cause == case_notice.c.cause)
        .outerjoin(conversation, conversation.c.id == outbox.c.conversation_id)
        .where(IS_OPEN_NOTICE, case_notice.c.next_at <= now)
        .where(or_(outbox.c.state.is_(None), outbox.c.state.not_in(waits), conversation.c.channel_id.not_in(channels)))
        .order_by(case_notice.c.next_at, case_notice.c.id)
        .limit(limit)
    )
    return [_pending(row) for row in conn.execute(query)]


@dataclass(frozen=True, kw_only=True, slots=True)
class Missed:
    """News that reached nobody, and whose consumer has written since."""

    id: int
    case_no: str
    home: ConversationId
    since: int
    n: int
    ended_at: datetime


def missed(conn: Connection, *, since: datetime, channels: Collection[ChannelId], limit: int) -> list[Missed]:
    """What was undeliverable from `since` on and can be told now in a conversation of `channels`: of each case the last
    first, which tells those before it along."""
    query = (
        select(case_notice.c.id, case_notice.c.since_n, case_notice.c.n, case_notice.c.ended_at)
        .add_columns(complaint_case.c.case_no, complaint_case.c.conversation_id)
        .join(complaint_case, complaint_case.c.id == case_notice.c.case_id)
        .join(conversation, conversation.c.id == complaint_case.c.conversation_id)
        .where(IS_MISSED_NOTICE, case_notice.c.ended_at >= since, conversation.c.last_at > case_notice.c.ended_at)
        .where(case_notice.c.act != ASK, conversation.c.channel_id.in_(channels))
        .order_by(case_notice.c.case_id, case_notice.c.n.desc())
        .limit(limit)
    )
    return [
        Missed(
            id=row.id,
            case_no=row.case_no,
            home=ConversationId(row.conversation_id),
            since=row.since_n,
            n=row.n,
            ended_at=row.ended_at,
        )
        for row in conn.execute(query)
    ]


def reopen(conn: Connection, one: Missed, *, cause: str, now: datetime) -> bool:
    """Opens it again, carried by the row of that cause; False if another process did, or it was told along with others.
    A person was told already."""
    same = (case_notice.c.id == one.id, IS_MISSED_NOTICE, case_notice.c.ended_at == one.ended_at)
    values = {"state": Standing.OPEN.value, "way": Way.LATER.value, "cause": cause, "next_at": now, "ended_at": None}
    return conn.execute(update(case_notice).where(*same).values(values)).rowcount == 1


def widen(conn: Connection, id: int, *, since: int) -> None:
    """It tells the events after `since`."""
    conn.execute(update(case_notice).where(case_notice.c.id == id).values(since_n=since))


def move(conn: Connection, one: Pending, *, way: Way, cause: str, next_at: datetime) -> bool:
    """Sends it another way, or lets it rest until `next_at`; False if another process did."""
    return _step(conn, one, way=way.value, cause=cause, next_at=next_at)


def end(conn: Connection, one: Pending, standing: Standing, *, now: datetime) -> bool:
    """Ends it; False if another process did something with it."""
    return _step(conn, one, state=standing.value, ended_at=now)


def of_case(conn: Connection, case_id: int) -> list[dict[str, Any]]:
    """All notices of a case, in order: n, act, way, state, created_at, ended_at."""
    shown = (case_notice.c[name] for name in ("n", "act", "way", "state", "created_at", "ended_at"))
    rows = conn.execute(select(*shown).where(case_notice.c.case_id == case_id).order_by(case_notice.c.n))
    return [dict(row) for row in rows.mappings()]


def _step(conn: Connection, one: Pending, **values: Any) -> bool:
    same = (case_notice.c.id == one.id, IS_OPEN_NOTICE, case_notice.c.cause == one.cause, case_notice.c.way == one.way)
    return conn.execute(update(case_notice).where(*same).values(values)).rowcount == 1


def _pending(row: Row[Any]) -> Pending:
    return Pending(
        id=row.id,
        case_no=row.case_no,
        home=row.conversation_id and ConversationId(row.conversation_id),
        since=row.since_n,
        n=row.n,
        act=row.act,
        locale=row.locale,
        way=Way(row.way),
        cause=row.cause,
        state=DeliveryState(row.row_state) if row.row_state else None,
        channel=row.channel_id and ChannelId(row.channel_id),
        external_id=row.external_id or "",
        put_at=row.carried_at or row.created_at,
    )

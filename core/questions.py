"""Questions that were not answered well, and what people think of answers: kept, and read for those who mend them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from sqlalchemy import Connection, Row, and_, bindparam, delete, insert, select

from core.model import Author, ConversationId, Language, MessageKind, Seq
from core.statements import Statement
from core.store import upsert
from core.tables import feedback, inbox, message, question

CANDIDATES = 3  # hits that are kept: as many as are offered when asking back
REACTION = timedelta(minutes=30)  # what is said later is no longer about the choices that were offered
FOLLOWING = 20  # messages after a question that are looked through for what became of it

Kind = Literal["unanswered", "rejected", "disliked"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Candidate:
    """An entry that came near a question, with the estimated probability (0..1) that it answers."""

    id: str
    score: float
    phrasing: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Missed:
    """What a turn could not answer: nothing fitted, or it asked back which of `hits` was meant."""

    kind: Literal["unanswered", "asked"]
    language: Language
    hits: tuple[Candidate, ...]  # best first


@dataclass(frozen=True, kw_only=True, slots=True)
class Poor:
    """A question that was not answered well; texts are masked."""

    kind: Kind
    conversation: ConversationId
    seq: Seq  # of the question; of the answer where its question is unknown
    at: datetime  # when it was asked; disliked: when the contact said so
    language: str  # "" if unknown
    text: str
    typed: bool  # else a button of ours was pressed, and the text is its title
    entry: str  # that answered, "" if none did
    version: str
    score: float | None
    phrasing: str  # of the entry, which the question matched
    hits: tuple[Candidate, ...]  # what came near, or what was offered
    next: str  # what the contact said then, "" if nothing


@dataclass(frozen=True, kw_only=True, slots=True)
class Said:
    """One message of a transcript, with what an answer was chosen by and what a contact's message came to."""

    conversation: ConversationId
    seq: Seq
    author: Author
    kind: MessageKind
    text: str
    entry: str
    version: str
    score: float | None
    phrasing: str
    answers: Seq | None
    outcome: str  # label of the turn's decision, "" for our own messages
    at: datetime


_KEEP = Statement(insert(question))


def keep(conn: Connection, conversation_id: ConversationId, seq: Seq, missed: Missed, now: datetime) -> None:
    """Notes in the turn's own transaction that message `seq` was not answered; twice is an IntegrityError."""
    _KEEP.run(
        conn,
        conversation_id=conversation_id,
        seq=seq,
        kind=missed.kind,
        language=missed.language,
        hits=[asdict(hit) for hit in missed.hits[:CANDIDATES]],
        created_at=now,
    )


# ---- what people think of answers ------------------------------------------------------------------------------------


def rate(conn: Connection, conversation_id: ConversationId, seq: int, helpful: bool | None, now: datetime) -> bool:
    """Keeps what the contact thinks of answer `seq`, the latest word only; None takes it back.

    False, and nothing is kept, if there is no FAQ answer at this place of this conversation.
    """
    where = (message.c.conversation_id == conversation_id, message.c.seq == seq)
    answer = select(message.c.seq).where(*where, message.c.author == Author.BOT.value, message.c.entry != "")
    if conn.execute(answer).one_or_none() is None:
        return False
    if helpful is None:
        conn.execute(delete(feedback).where(feedback.c.conversation_id == conversation_id, feedback.c.seq == seq))
        return True
    kept = upsert(conn, feedback).values(conversation_id=conversation_id, seq=seq, helpful=helpful, created_at=now)
    conn.execute(
        kept.on_conflict_do_update(
            index_elements=["conversation_id", "seq"],
            set_={"helpful": kept.excluded.helpful, "created_at": kept.excluded.created_at},
            where=feedback.c.helpful != kept.excluded.helpful,  # said again it is the same word, not a later one
        )
    )
    return True


RECENT = 8  # messages of both sides in which an answer is still what a short question is on
_LAST_SAID = (
    select(message.c.seq, message.c.author, message.c.entry)
    .where(message.c.conversation_id == bindparam("c"), message.c.seq < bindparam("before"))
    .order_by(message.c.seq.desc())
    .limit(FOLLOWING)
)


def last_answer(conn: Connection, conversation_id: ConversationId, *, before: Seq) -> Seq | None:
    """The FAQ answer that was given last before seq `before`, if the contact has said nothing since."""
    for row in conn.execute(_LAST_SAID, {"c": conversation_id, "before": before}):
        if row.author == Author.CONTACT.value:
            return None
        if row.entry:
            return Seq(row.seq)
    return None


_LAST_ENTRY = Statement(
    select(message.c.entry)
    .where(message.c.conversation_id == bindparam("c"), message.c.seq < bindparam("before"))
    .where(message.c.seq >= bindparam("before") - RECENT, message.c.entry.is_not(None), message.c.entry != "")
    .order_by(message.c.seq.desc())
    .limit(1)
)


def last_entry(conn: Connection, conversation_id: ConversationId, *, before: Seq) -> str:
    """The FAQ entry that was answered with last before seq `before`, "" if none among the last RECENT messages was."""
    last = _LAST_ENTRY.first(conn, c=conversation_id, before=before)
    return last.entry if last is not None else ""


def ratings(conn: Connection, conversation_id: ConversationId) -> dict[Seq, bool]:
    """The rated answers of a conversation by their seq: was each helpful?"""
    rows = conn.execute(
        select(feedback.c.seq, feedback.c.helpful)
        .where(feedback.c.conversation_id == conversation_id)
        .order_by(feedback.c.seq)
    )
    return {Seq(row.seq): row.helpful for row in rows}


# ---- for those who mend the answers ----------------------------------------------------------------------------------

_AFTER = (
    select(message)
    .where(message.c.conversation_id == bindparam("c"), message.c.seq > bindparam("after"))
    .order_by(message.c.seq)
    .limit(FOLLOWING)
)
_AT = select(message).where(message.c.conversation_id == bindparam("c"), message.c.seq == bindparam("seq"))
_BEFORE = (
    select(message)
    .where(message.c.conversation_id == bindparam("c"), message.c.seq < bindparam("seq"))
    .where(message.c.author == Author.CONTACT.value)
    .order_by(message.c.seq.desc())
    .limit(1)
)


def poor(conn: Connection, since: datetime, until: datetime) -> list[Poor]:
    """What was not answered well from `since` on and before `until`, by time.

    unanswered: no entry fitted · rejected: the contact went on without taking one of the choices that were offered ·
    disliked: a thumb down in this time, whenever the answer was given. A contact who was asked back and said nothing
    more has rejected nothing.
    """
    return sorted([*_missed(conn, since, until), *_disliked(conn, since, until)], key=lambda one: one.at)


def _missed(conn: Connection, since: datetime, until: datetime) -> list[Poor]:
    rows = conn.execute(
        select(question, message.c.text, message.c.kind.label("said_as"))
        .join(message, and_(message.c.conversation_id == question.c.conversation_id, message.c.seq == question.c.seq))
        .where(question.c.created_at >= since, question.c.created_at < until)
    ).all()
    found: list[Poor] = []
    for row in rows:
        after = conn.execute(_AFTER, {"c": row.conversation_id, "after": row.seq}).all()
        answered_at = max((one.seq for one in after if one.answers == row.seq), default=row.seq)
        then = _next(after, answered_at)
        hits = tuple(Candidate(**hit) for hit in row.hits)
        if row.kind == "asked" and not _is_rejected(after, then, hits, row.created_at):
            continue
        found.append(
            Poor(
                kind="rejected" if row.kind == "asked" else "unanswered",
                conversation=ConversationId(row.conversation_id),
                seq=Seq(row.seq),
                at=row.created_at,
                language=row.language,
                text=row.text,
                typed=row.said_as == MessageKind.TEXT.value,
                entry="",
                version="",
                score=None,
                phrasing="",
                hits=hits,
                next=then.text if then is not None else "",
            )
        )
    return found


def _next(after: Sequence[Row[Any]], seq: int) -> Row[Any] | None:
    """The contact's first message behind `seq`: one that was written before the answer came is no reaction to it."""
    return next((one for one in after if one.seq > seq and one.author == Author.CONTACT.value), None)


def _is_rejected(
    after: Sequence[Row[Any]], then: Row[Any] | None, offered: tuple[Candidate, ...], asked_at: datetime
) -> bool:
    """Did the contact go on, and not with one of the entries that were offered, whether pressed, numbered or typed?"""
    if then is None or then.created_at - asked_at > REACTION:
        return False
    taken = {one.entry for one in after if one.answers == then.seq}
    return not taken & {hit.id for hit in offered}


def _disliked(conn: Connection, since: datetime, until: datetime) -> list[Poor]:
    rows = conn.execute(
        select(message, feedback.c.created_at.label("rated_at"))
        .join(feedback, and_(feedback.c.conversation_id == message.c.conversation_id, feedback.c.seq == message.c.seq))
        .where(~feedback.c.helpful, feedback.c.created_at >= since, feedback.c.created_at < until)
    ).all()
    found: list[Poor] = []
    for row in rows:
        place = {"c": row.conversation_id, "seq": row.seq if row.answers is None else row.answers}
        asked = conn.execute(_BEFORE if row.answers is None else _AT, place).one_or_none()
        then = _next(conn.execute(_AFTER, {"c": row.conversation_id, "after": row.seq}).all(), row.seq)
        found.append(
            Poor(
                kind="disliked",
                conversation=ConversationId(row.conversation_id),
                seq=Seq(asked.seq if asked is not None else row.seq),
                at=row.rated_at,
                language="",
                text=asked.text if asked is not None else "",
                typed=asked is not None and asked.kind == MessageKind.TEXT.value,
                entry=row.entry,
                version=row.entry_version,
                score=row.score,
                phrasing=row.phrasing,
                hits=(),
                next=then.text if then is not None else "",
            )
        )
    return found


def said(conn: Connection, since: datetime, until: datetime) -> list[Said]:
    """Everything that was said from `since` on and before `until`, conversation by conversation, in order.

    Reads all of the transcript to find it: no index is kept up at every message for a report that is made once a day.
    """
    decided = and_(
        inbox.c.conversation_id == message.c.conversation_id,
        inbox.c.external_id == message.c.external_id,
        message.c.author == Author.CONTACT.value,
    )
    rows = conn.execute(
        select(message, inbox.c.outcome)
        .outerjoin(inbox, decided)
        .where(message.c.created_at >= since, message.c.created_at < until)
        .order_by(message.c.conversation_id, message.c.seq)
    )
    return [
        Said(
            conversation=ConversationId(row.conversation_id),
            seq=Seq(row.seq),
            author=Author(row.author),
            kind=MessageKind(row.kind),
            text=row.text,
            entry=row.entry,
            version=row.entry_version,
            score=row.score,
            phrasing=row.phrasing,
            answers=None if row.answers is None else Seq(row.answers),
            outcome=row.outcome or "",
            at=row.created_at,
        )
        for row in rows
    ]

"""One turn's transaction: message closed, effects done, state kept, answers put out. All or nothing."""

from __future__ import annotations

import zlib
from dataclasses import asdict, dataclass
from datetime import datetime

from sqlalchemy import Connection, bindparam, insert, update

from bot import saying
from bot.casework import Casework
from bot.tongues import Spoken
from core import alarm, inbox, outbox, questions, turns
from core.effects import (
    Alert,
    CancelHandOff,
    CaseEffect,
    Effect,
    HandOff,
    LeaveMessage,
    OptOut,
    Rate,
    SetLanguage,
)
from core.model import Author, Capabilities, Lease, Line, Rendered, Turn
from core.questions import Missed
from core.statements import Statement
from core.tables import conversation, effect
from desk import handoff

ABOUT = ("institution", "business", "amount", "day", "case_no")  # fields of LeaveMessage: what it is about
PACK = 1  # zlib level: most of the gain for a third of the time
SMALL = 1024  # bytes; below it compressing costs more (0.1 ms) than it saves


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """What a turn comes to once it is committed."""

    say: tuple[Rendered, ...]
    effects: tuple[Effect, ...] = ()
    state: bytes | None  # the brain's, packed
    spoken: Spoken
    outcome: str  # the decision's label, or why the message was parked
    parked: bool = False
    missed: Missed | None = None  # what the turn could not answer


def pack(state: bytes | None) -> bytes | None:
    """The brain's JSON as it is kept: as it is while it is small, else compressed."""
    return state if state is None or len(state) < SMALL else zlib.compress(state, PACK)


def unpack(packed: bytes | None) -> bytes | None:
    """What `pack` was given; a damaged one reads as an unreadable state, which the brain starts afresh from."""
    if packed is None or packed.startswith(b"{"):
        return packed
    try:
        return zlib.decompress(packed)
    except zlib.error:
        return b"{}"


def apply(
    conn: Connection,
    held: Lease,
    turn: Turn,
    plan: Plan,
    *,
    casework: Casework,
    carries: Capabilities,
    until: datetime,
    now: datetime,
) -> tuple[int, bool, tuple[Line, ...]]:
    """Commits `plan` for `turn`; the visit it belongs to, whether a further message of the conversation is due, and
    what was said.

    LeaseLost (nothing applied) if the message is closed already or the conversation was taken over. The lease runs
    `until` afterwards; turns.FREE gives it back. `carries`: what the conversation's channel can.
    """
    visit = turns.finish(
        conn,
        held,
        turn,
        state=plan.state,
        spoken=plan.spoken.language,
        script=plan.spoken.script,
        outcome=plan.outcome,
        parked=plan.parked,
        until=until,
        now=now,
    )
    if plan.parked:
        _tell_parked(conn, turn, plan, now)
    said = _act(conn, held, turn, plan, casework, carries, now=now)
    return visit, turns.has_due(conn, held.conversation, now), said


def apply_out_of_turn(
    conn: Connection, seen: Lease, turn: Turn, plan: Plan, *, casework: Casework, carries: Capabilities, now: datetime
) -> tuple[Line, ...]:
    """Commits a plan that needed no brain, past the messages before it; what was said. LeaseLost as above."""
    turns.finish_out_of_turn(conn, seen, turn, outcome=plan.outcome, parked=plan.parked, now=now)
    if plan.parked:
        _tell_parked(conn, turn, plan, now)
    return _act(conn, seen, turn, plan, casework, carries, now=now)


def _act(
    conn: Connection, held: Lease, turn: Turn, plan: Plan, casework: Casework, carries: Capabilities, *, now: datetime
) -> tuple[Line, ...]:
    said = [words for n, asked in enumerate(plan.effects) for words in _do(conn, turn, n, asked, casework, now)]
    lines = outbox.put(
        conn,
        held.conversation,
        saying.carried([*said, *plan.say], carries),
        # A cause of its own: what made the turn fail may be that a `turn:` row cannot be written.
        cause=f"{'parked' if plan.parked else 'turn'}:{turn.inbox_id}",
        author=Author.SYSTEM if plan.parked else Author.BOT,
        now=now,
        live=carries.live,
        epoch=held.epoch,
        in_reply_to=turn.external_id,
        answers=turn.seq,
    )
    if plan.missed is not None:
        questions.keep(conn, held.conversation, turn.seq, plan.missed, now)
    return lines


def _tell_parked(conn: Connection, turn: Turn, plan: Plan, now: datetime) -> None:
    alarm.raise_alarm(conn, "turn_parked", "brain", f"{_where(turn)} of {turn.conversation}: {plan.outcome}", now)


def _where(turn: Turn) -> str:
    """How an alarm names a message: by its numbers, never its words; seq is its place in the transcript."""
    return f"message {turn.inbox_id}, seq {turn.seq}"


_EFFECT = Statement(insert(effect))
_LANGUAGE = Statement(
    update(conversation).where(conversation.c.id == bindparam("c")).values(language=bindparam("language"))
)


def _do(conn: Connection, turn: Turn, n: int, asked: Effect, casework: Casework, now: datetime) -> tuple[Rendered, ...]:
    """Applies one effect and gives what it has to say; its row's key (message, place) is what makes a second time
    impossible."""
    fields, cause = asdict(asked), f"{turn.inbox_id}:{n}"
    name = fields.pop("name")
    # Of a case only which fields there were: what they say is the case's, and goes when the case's data goes.
    kept = {"filled": sorted(k for k, v in fields.items() if v)} if isinstance(asked, CaseEffect) else fields
    _EFFECT.run(conn, inbox_id=turn.inbox_id, n=n, name=name, fields=kept, applied_at=now)
    if isinstance(asked, CaseEffect):
        return casework.do(conn, turn, n, asked, now)
    match asked:
        case SetLanguage():
            _LANGUAGE.run(conn, c=turn.conversation, language=asked.language)
        case LeaveMessage():
            facts = {name: getattr(asked, name) for name in ABOUT}
            handoff.leave(
                conn,
                turn.conversation,
                cause=cause,
                text=asked.text,
                contact=asked.contact,
                facts={name: value for name, value in facts.items() if value},
                now=now,
            )
        case HandOff():
            handoff.ask(conn, turn.conversation, cause=cause, reason=asked.reason, role=asked.role, now=now)
        case CancelHandOff():
            handoff.cancel(conn, turn.conversation, now)
        case Alert():
            alarm.raise_alarm(conn, asked.reason, turn.conversation, _where(turn), now)
        case OptOut():
            inbox.stop(conn, turn.conversation, now)
        case Rate():
            if (answer := questions.last_answer(conn, turn.conversation, before=turn.seq)) is not None:
                questions.rate(conn, turn.conversation, answer, asked.helpful == "yes", now)
    return ()

"""What the ledger says after a run: every message answered once, every effect done once, in order, nothing left."""

from __future__ import annotations

from collections import Counter
from typing import Any

import orjson
from sqlalchemy import Connection, func, select

from bot.apply import unpack
from core.store import Store
from core.tables import alarm, conversation, effect, inbox, left_message, outbox
from door.cli.bench.stub import MODEL


async def ledger_account(url: str) -> dict[str, Any]:
    """The account of a ledger on which the benches' platform and stub brain have worked."""
    store = await Store.open(url)
    try:
        return await store.read(_account)
    finally:
        await store.close()


def _account(conn: Connection) -> dict[str, Any]:
    messages = _counts(conn, inbox.c.state)
    replies = _counts(conn, outbox.c.state)
    left = conn.execute(select(func.count()).select_from(left_message)).scalar_one()
    once = select(left_message.c.conversation_id, left_message.c.text).distinct().subquery()
    effects = conn.execute(select(func.count()).select_from(effect)).scalar_one()
    return {
        "messages": messages,
        "replies": replies,
        "open": messages.get("open", 0),
        "unsent": replies.get("ready", 0) + replies.get("sending", 0),
        "parked": messages.get("parked", 0),
        "parked_ids": list(conn.execute(select(inbox.c.external_id).where(inbox.c.state == "parked")).scalars()),
        "effects": effects,
        "left_messages": left,
        "effects_twice": left - conn.execute(select(func.count()).select_from(once)).scalar_one(),
        "held": conn.execute(select(func.count()).where(outbox.c.cause.startswith("hold:"))).scalar_one(),
        "retried_turns": conn.execute(select(func.count()).where(inbox.c.attempts > 0)).scalar_one(),
        "alarms": _counts(conn, alarm.c.kind),
        **_turns(conn),
        **_replies(conn),
    }


def _counts(conn: Connection, column: Any) -> dict[str, int]:
    return {str(value): int(count) for value, count in conn.execute(select(column, func.count()).group_by(column))}


def _turns(conn: Connection) -> dict[str, int]:
    """Compares what each conversation's state went through with the messages that it had."""
    rows = conn.execute(
        select(inbox.c.conversation_id, inbox.c.external_id, inbox.c.outcome).order_by(
            inbox.c.conversation_id, inbox.c.seq
        )
    )
    thought: Counter[str] = Counter()  # messages that went through the brain, by conversation
    last: dict[str, int] = {}
    disorder = 0
    for row in rows:
        number = int(row.external_id.rpartition("-")[2]) if "-" in row.external_id else 0
        disorder += number < last.get(row.conversation_id, -1)
        last[row.conversation_id] = number
        thought[row.conversation_id] += row.outcome == "bench"
    twice = missing = 0
    for row in conn.execute(select(conversation.c.id, conversation.c.state)):
        state = orjson.loads(unpack(row.state) or b"{}")
        kept = state["bench"] if state.get("model") == MODEL else {"seen": 0, "astray": 0}
        twice += max(0, kept["seen"] - thought[row.id])
        missing += max(0, thought[row.id] - kept["seen"])
        disorder += kept["astray"]
    return {"turns_twice": twice, "turns_missing_from_state": missing, "turns_disordered": disorder}


def _replies(conn: Connection) -> dict[str, int]:
    """Rows of the outbox against messages: closed ones without a reply, and replies nobody can have asked for."""
    answers: Counter[int] = Counter()
    for (cause,) in conn.execute(select(outbox.c.cause).where(~outbox.c.cause.startswith("hold:"))):
        answers[int(cause.split(":")[1])] += 1
    wishes = {row.inbox_id for row in conn.execute(select(effect.c.inbox_id))}
    closed = [row.id for row in conn.execute(select(inbox.c.id).where(inbox.c.state != "open"))]
    return {
        "without_reply": sum(answers[i] == 0 for i in closed),
        "replies_too_many": sum(max(0, answers[i] - (2 if i in wishes else 1)) for i in closed),
    }

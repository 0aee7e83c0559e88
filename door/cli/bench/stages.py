"""Hangs marks into a house so that a SIGKILL leaves word of where it struck. Only the bench's launcher calls this."""

from __future__ import annotations

import functools
import os
import signal
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Engine, Pool, event
from starlette.types import Receive, Scope, Send

from bot.brain import BrainClient
from bot.conversation import Conversations
from channels.webhook import Webhook
from core.store import Store, _Sqlite  # pyright: ignore[reportPrivateUsage]
from door.cli.bench.marks import Marks, Stage
from door.sender import Sender
from door.webhooks import Webhooks


@dataclass(frozen=True, kw_only=True, slots=True)
class Steps:
    """The stages of one kind of operation on the ledger."""

    before: Stage
    sql: Stage
    commit: Stage
    after: Stage
    may_be_nothing: bool = False  # None as a result: there was nothing to do, the journey ends


# By the function that hands the operation to `Store.write`; an unknown name is simply not marked, and the report of a
# run says which stages were never reached.
STEPS = {
    "Inbox.accept": Steps(
        before=Stage.ACCEPT_BEFORE, sql=Stage.ACCEPT_SQL, commit=Stage.ACCEPT_COMMIT, after=Stage.ACCEPT_AFTER
    ),
    "Conversations._lease": Steps(
        before=Stage.LEASE_BEFORE,
        sql=Stage.LEASE_SQL,
        commit=Stage.LEASE_COMMIT,
        after=Stage.LEASED,
        may_be_nothing=True,
    ),
    "Conversations._commit": Steps(
        before=Stage.TURN_BEFORE, sql=Stage.TURN_SQL, commit=Stage.TURN_COMMIT, after=Stage.TURN_AFTER
    ),
    "Sender._claim": Steps(
        before=Stage.MARK_BEFORE,
        sql=Stage.MARK_SQL,
        commit=Stage.MARK_COMMIT,
        after=Stage.MARKED,
        may_be_nothing=True,
    ),
    "Sender._settle": Steps(
        before=Stage.SETTLE_BEFORE, sql=Stage.SETTLE_SQL, commit=Stage.SETTLE_COMMIT, after=Stage.SETTLE_AFTER
    ),
}
IN_HAND = "bench_journeys"  # in a connection's `info`: whose operations its transaction holds


_fatal: list[Stage] = []  # where the house ends itself, at most one


def die_at(stage: Stage) -> None:
    """Lets the first message that comes to `stage` take the house with it, by SIGKILL: nothing is closed or flushed."""
    _fatal[:] = [stage]


class Journey:
    """One message's way through one part of the house."""

    __slots__ = ("_marks", "stage")

    def __init__(self, marks: Marks, stage: Stage) -> None:
        self._marks = marks
        self.stage: Stage | None = None
        self.to(stage)

    def to(self, stage: Stage | None) -> None:
        """Goes on to `stage`; None ends it."""
        if stage is not self.stage:
            self._marks.move(self.stage, stage)
            self.stage = stage
            if stage in _fatal:
                os.kill(os.getpid(), signal.SIGKILL)


_journey: ContextVar[Journey | None] = ContextVar("bench_journey", default=None)
Drain = Callable[[Any, Any], Awaitable[None]]


class _Operation:
    """An operation that tells where it is, in whichever thread it runs."""

    def __init__(self, op: Callable[[Connection], Any], journey: Journey, steps: Steps) -> None:
        self._op = op
        self._journey = journey
        self._steps = steps
        self.then: Stage | None = steps.after

    def __call__(self, conn: Connection) -> Any:
        conn.info.setdefault(IN_HAND, []).append(self)
        self._journey.to(self._steps.sql)
        result = self._op(conn)
        self.then = None if result is None and self._steps.may_be_nothing else self._steps.after
        return result

    def committing(self) -> None:
        self._journey.to(self._steps.commit)

    def committed(self) -> None:
        self._journey.to(self.then)


def hang(marks: Marks) -> None:
    """From now on every house of this process leaves its marks in `marks`."""
    _watch_ledger()
    _begin_with(marks, Conversations, Stage.LEASE_BEFORE)
    _begin_with(marks, Sender, Stage.MARK_BEFORE)
    _around(BrainClient, "turn", Stage.BRAIN, Stage.TURN_BEFORE)
    _around(Webhook, "send", Stage.CALL, Stage.SETTLE_BEFORE)
    answer = Webhooks.__call__

    @functools.wraps(answer)
    async def marked(self: Webhooks, scope: Scope, receive: Receive, send: Send) -> None:
        journey = Journey(marks, Stage.ACCEPT_BEFORE)
        _journey.set(journey)
        try:
            await answer(self, scope, receive, send)
        finally:
            journey.to(None)
            _journey.set(None)

    Webhooks.__call__ = marked


def _begin_with(marks: Marks, room: Any, stage: Stage) -> None:
    """Every `room.drain` is a journey that begins in `stage`."""
    drain: Drain = room.drain

    @functools.wraps(drain)
    async def marked(self: Any, conversation: Any) -> None:
        journey = Journey(marks, stage)
        _journey.set(journey)
        try:
            await drain(self, conversation)
        finally:
            journey.to(None)

    room.drain = marked


def _around(room: Any, name: str, within: Stage, after: Stage) -> None:
    """While `room.name` runs, its journey is `within`; then it is in `after`."""
    call: Drain = getattr(room, name)

    @functools.wraps(call)
    async def marked(self: Any, argument: Any) -> Any:
        journey = _journey.get()
        if journey is None:
            return await call(self, argument)
        journey.to(within)
        try:
            return await call(self, argument)
        finally:
            journey.to(after)

    setattr(room, name, marked)


def _watch_ledger() -> None:
    write = Store.write

    @functools.wraps(write)
    async def marked(self: Store, op: Callable[[Connection], Any], about: str = "") -> Any:
        steps = STEPS.get(getattr(op, "__qualname__", "").partition(".<locals>")[0])
        journey = _journey.get()
        if steps is None or journey is None:
            return await write(self, op, about)
        journey.to(steps.before)
        operation = _Operation(op, journey, steps)
        try:
            return await write(self, operation, about)
        finally:
            operation.committed()

    Store.write = marked

    def committing(conn: Connection) -> None:
        for operation in conn.info.get(IN_HAND, ()):
            operation.committing()

    def back_in_pool(_: object, record: Any) -> None:
        """The transaction is over: this runs right after COMMIT came back, in the thread that waited for it."""
        for operation in record.info.pop(IN_HAND, ()):
            operation.committed()

    def begun(conn: Connection) -> None:
        conn.info.pop(IN_HAND, None)  # of a transaction that was rolled back

    commit = _Sqlite._commit  # pyright: ignore[reportPrivateUsage]

    def kept(self: _Sqlite, ops: list[Callable[[Connection], Any]]) -> list[Any]:
        """Its writing connection never goes back to a pool: the transaction is over when this returns."""
        try:
            return commit(self, ops)
        finally:
            for operation in ops:
                if isinstance(operation, _Operation):
                    operation.committed()

    _Sqlite._commit = kept  # pyright: ignore[reportPrivateUsage]
    event.listen(Engine, "begin", begun)
    event.listen(Engine, "commit", committing)
    event.listen(Pool, "checkin", back_in_pool)

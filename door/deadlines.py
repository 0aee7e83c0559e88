"""What the register's clocks have to say, told to people on duty: by the house every hour, by a command at any time."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

import structlog
from sqlalchemy import Connection

from cases import id_links, keys, lookup, watch
from cases.calendar import midnight, today
from cases.model import Warned
from cases.watch import Reminder
from core import alarm, audit, files, once
from core.store import Store

log = structlog.get_logger()

LOOK_EVERY = 60.0  # seconds; whoever claims the slot of an hour, or of a day, does its work
AT_ONCE = 500  # limits in one transaction
INSTANT = timedelta(microseconds=1)  # a limit's end is the first instant too late
NAMED = 20  # cases that one alarm names; the register lists them all


class Deadlines:
    """Warns of limits, and counts those again that were counted over years without a calendar."""

    def __init__(self, store: Store, clock: Callable[[], datetime]) -> None:
        self._store = store
        self._clock = clock
        self._looked: datetime | None = None  # the hour in which this process has looked

    async def look(self) -> None:
        """Once an hour: the warnings that have become due, and what is not kept for longer. Once a day: provisional
        limits, and requests' old keys.

        What is more than one transaction takes follows in others; a house that dies between them goes on an hour later.
        """
        now = self._clock()
        hour = now.replace(minute=0, second=0, microsecond=0)
        if hour == self._looked:
            return
        told, after = await self._store.write(lambda conn: _first(conn, hour, now))
        count = told
        while told >= AT_ONCE:
            told = await self._store.write(lambda conn: len(warn(conn, now=now)))
            count += told
        while after is not None:
            since = after
            after = await self._store.write(lambda conn, since=since: _recount(conn, since, now))
        self._looked = hour
        if count:
            log.info("case_warnings", count=count)


def _first(conn: Connection, hour: datetime, now: datetime) -> tuple[int, int | None]:
    """The first transaction of an hour, for whichever process comes first: how many warnings there were, and after
    which limit to go on counting."""
    mine = audit.claim(conn, "case_warnings", hour)
    told = len(warn(conn, now=now)) if mine else 0
    if mine:
        lookup.forget(conn, now)
        once.forget(conn, now)
        files.forget(conn, now)
        id_links.forget(conn, now)
    if not audit.claim(conn, "case_recount", midnight(today(now))):
        return told, None
    keys.forget(conn, now=now)
    return told, _recount(conn, 0, now)


def _recount(conn: Connection, after: int, now: datetime) -> int | None:
    return watch.recompute(conn, now=now, after=after, limit=AT_ONCE)[1]


def warn(conn: Connection, *, now: datetime) -> list[Reminder]:
    """Raises the alarms of up to AT_ONCE limits, and as many tasks, that have passed a warning, each warning once.

    One alarm for each owner, so that a register with many cases does not drown people: `case_overdue` for what has run
    out, `case_due` for what will.
    """
    told = watch.remind(conn, now=now, limit=AT_ONCE)
    for owner, those in _by_owner(one for one in told if one.level is Warned.OVERDUE).items():
        alarm.raise_alarm(conn, "case_overdue", owner, _detail(those), now)
    for owner, those in _by_owner(one for one in told if one.level is not Warned.OVERDUE).items():
        alarm.raise_alarm(conn, "case_due", owner, _detail(those), now)
    return told


def _by_owner(told: Iterable[Reminder]) -> dict[str, list[Reminder]]:
    found: dict[str, list[Reminder]] = defaultdict(list)
    for one in told:
        found[one.owner].append(one)
    return found


def _detail(those: list[Reminder]) -> str:
    named = [
        f"{one.case_no} {one.rule or f'task {one.task_id}'}, in time until {today(one.due_at - INSTANT)}"
        for one in sorted(those, key=lambda one: one.due_at)
    ]
    more = [f"and {len(named) - NAMED} more"] if len(named) > NAMED else []
    return "; ".join(named[:NAMED] + more)

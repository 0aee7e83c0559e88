"""What is done now and then: lost wakes found again, quiet visits closed, hours sealed."""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import datetime, timedelta

import structlog
from sqlalchemy import Connection

from core import audit, outbox, turns
from core.live import Live, Ready
from core.model import ChannelId
from core.store import Store

log = structlog.get_logger()

SWEEP_EVERY = 1.0  # seconds
HOLD_EVERY = 0.5  # seconds; bot.conversation counts on it
LOST_AFTER = timedelta(seconds=2)  # a message that is due and untouched for so long has lost its wake
FEW = 20  # conversations
VISITS_EVERY = 60.0  # seconds
SEAL_EVERY = 60.0  # seconds; whoever claims the slot of an hour seals it


class Sweeper:
    """The house's second look at its ledger: nothing depends on a wake having arrived."""

    def __init__(
        self,
        *,
        store: Store,
        live: Live,
        urgent: Ready,
        channels: Collection[ChannelId],
        clock: Callable[[], datetime],
        idle_visit: timedelta,
    ) -> None:
        """`urgent`: where lost wakes go; nobody knows what they were for, and what needs the brain goes on."""
        self._store = store
        self._live = live
        self._urgent = urgent
        self._channels = list(channels)
        self._clock = clock
        self._idle_visit = idle_visit

    async def wake_all(self) -> None:
        """Wakes everything that is due, without waiting: the first thing a house does."""
        await self._wake(timedelta(0))

    async def sweep(self) -> None:
        """Wakes what should have been looked at 2 s ago and was not."""
        await self._wake(LOST_AFTER)

    async def _wake(self, waited: timedelta) -> None:
        now = self._clock()
        answers = await self._store.read(lambda conn: turns.due(conn, now, waited=waited, channels=self._channels))
        parcels = await self._store.read(lambda conn: outbox.due(conn, now, waited=waited, channels=self._channels))
        # A few have lost their wakes, and an emergency may be among them: all their messages are looked through. Many
        # are a backlog, and looking through all of it every second would take the time that answering needs.
        ready = self._urgent if len(answers) <= FEW else self._live.turns
        for conversation_id in answers:
            ready.add(conversation_id)
        for conversation_id in parcels:
            self._live.sends.add(conversation_id)
        if answers or parcels:
            log.info("woken_again", turns=len(answers), sends=len(parcels))

    async def close_visits(self) -> None:
        """Ends visits that have been quiet for long enough."""
        now = self._clock()
        closed = await self._store.write(lambda conn: turns.close_idle_visits(conn, now, idle=self._idle_visit))
        if closed:
            log.info("visits_closed", count=closed)

    async def seal_hour(self) -> None:
        """Seals the audit of the hour that has ended, in whichever process comes first."""
        hour = self._clock().replace(minute=0, second=0, microsecond=0) - audit.HOUR

        def op(conn: Connection) -> bool:
            if not audit.unsealed(conn) or not audit.claim(conn, "audit_seal", hour):
                return False
            audit.seal(conn, hour)
            return True

        if await self._store.read(audit.unsealed) and await self._store.write(op):
            log.info("hour_sealed", hour=hour.isoformat())

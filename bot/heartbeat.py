"""Keeps a conversation's lease while its turn is under way."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime

from core import turns
from core.errors import LedgerBusy
from core.model import Lease
from core.store import Store


class Heartbeat:
    """Renews a lease while it is in use; a turn that is done within a third of it never gets that far."""

    def __init__(self, store: Store, held: Lease, clock: Callable[[], datetime], seconds: float) -> None:
        self._store = store
        self._held = held
        self._clock = clock
        self._seconds = seconds
        self._task: asyncio.Task[None] | None = None
        self._timer = asyncio.get_running_loop().call_later(seconds / 3, self._start)

    def __enter__(self) -> None: ...

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()
        if self._task is not None:
            self._task.cancel()

    def _start(self) -> None:
        self._task = asyncio.create_task(self._beat())

    async def _beat(self) -> None:
        held, seconds = self._held, self._seconds
        with suppress(LedgerBusy):
            while await self._store.write(  # noqa: ASYNC110
                lambda conn: turns.renew(conn, held, self._clock(), seconds), held.conversation
            ):
                await asyncio.sleep(seconds / 3)

"""The endless loops of a house: each is started again when it dies, and readiness is told while one is not well."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress

import structlog

log = structlog.get_logger()

RESTART_FIRST = 0.5  # seconds, doubled with every death in a row
RESTART_MOST = 10.0  # seconds
WELL_AFTER = 5.0  # seconds a loop must run after a death to count as well again
LATE = 10.0  # seconds past its period after which a periodic loop counts as stuck

Body = Callable[[], Awaitable[object]]


class _Loop:
    def __init__(self, name: str, body: Body, period: float | None) -> None:
        self.name = name
        self.body = body
        self.period = period  # seconds between two runs; None: the body itself never ends
        self.deaths = 0  # in a row
        self.died_at = 0.0  # time.monotonic(); 0: never
        self.beat_at = time.monotonic()  # its making, then the last good run of a periodic loop

    def trouble(self, now: float) -> str:
        """Why the loop is not well, "" if it is."""
        if self.died_at and (self.period is not None or now - self.died_at < WELL_AFTER):
            return f"{self.name} failed {self.deaths} times in a row"
        if self.period is not None and now - self.beat_at > self.period + LATE:
            return f"{self.name} has been stuck for {now - self.beat_at:.0f} s"
        return ""


class Loops:
    """Loops under supervision, started in the order they were added and stopped in reverse."""

    def __init__(self, on_death: Callable[[str], None] = lambda name: None) -> None:
        """`on_death` is told the name of a loop that died; a metric hangs there."""
        self._loops: list[_Loop] = []
        self._tasks: list[asyncio.Task[None]] = []
        self._on_death = on_death

    def endless(self, name: str, body: Body) -> None:
        """Runs `body`, which never returns by itself, for ever."""
        self._add(_Loop(name, body, None))

    def every(self, seconds: float, name: str, body: Body) -> None:
        """Runs `body` now and then again `seconds` after each end of it."""
        self._add(_Loop(name, body, seconds))

    def troubles(self) -> tuple[str, ...]:
        """A sentence for each loop that is not well."""
        now = time.monotonic()
        return tuple(trouble for loop in self._loops if (trouble := loop.trouble(now)))

    async def stop(self) -> None:
        """Cancels the loops, the last one added first, and waits for each to be gone."""
        while self._tasks:
            task = self._tasks.pop()
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    def _add(self, loop: _Loop) -> None:
        self._loops.append(loop)
        self._tasks.append(asyncio.create_task(self._keep(loop), name=loop.name))

    async def _keep(self, loop: _Loop) -> None:
        while True:
            started = time.monotonic()
            try:
                await loop.body()
                if loop.period is None:
                    raise RuntimeError("an endless loop came to an end")
                loop.deaths, loop.died_at, loop.beat_at = 0, 0.0, time.monotonic()
                pause = loop.period
            except Exception:
                if time.monotonic() - started > WELL_AFTER:
                    loop.deaths = 0
                loop.deaths += 1
                loop.died_at = time.monotonic()
                pause = min(RESTART_FIRST * 2 ** (loop.deaths - 1), RESTART_MOST)
                log.exception("loop_died", loop=loop.name, deaths=loop.deaths, restart_in=pause)
                self._on_death(loop.name)
            await asyncio.sleep(pause)

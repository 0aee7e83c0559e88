"""How much one sender may write: counted in memory, by minute."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable

from core.errors import TooMany

MINUTE = 60.0  # seconds

Counts = defaultdict[tuple[str, ...], int]


class Rates:
    """Messages per minute of each sender; two weighed counters each, so that the turn of a minute is no loophole."""

    # `limits` starts a thread every 10 ms that goes through every counter: 8 ms of CPU a message with 100,000 senders.

    def __init__(self, per_minute: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._limit = per_minute
        self._clock = clock
        self._minute = 0
        self._now: Counts = defaultdict(int)
        self._before: Counts = defaultdict(int)

    def take(self, *who: str) -> None:
        """Counts one message of `who`; TooMany above the limit. The sender must wait, nothing was taken."""
        minute, second = divmod(self._clock(), MINUTE)
        if minute != self._minute:
            self._before = self._now if minute == self._minute + 1 else defaultdict(int)
            self._now, self._minute = defaultdict(int), int(minute)
        weighed = self._before.get(who, 0) * (1 - second / MINUTE) + self._now.get(who, 0)
        if int(weighed) >= self._limit:
            raise TooMany
        self._now[who] += 1

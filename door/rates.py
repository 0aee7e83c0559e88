"""How much one sender may write: counted in memory, by minute."""

from __future__ import annotations

from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import SlidingWindowCounterRateLimiter

from core.errors import TooMany


class Rates:
    """Messages per minute of each sender; two weighed counters each, so that the turn of a minute is no loophole."""

    def __init__(self, per_minute: int) -> None:
        self._limit = RateLimitItemPerMinute(per_minute)
        # 5 to 9 µs a message; the library's asynchronous storage costs twice that, its moving window twenty times.
        self._limiter = SlidingWindowCounterRateLimiter(MemoryStorage())

    def take(self, *who: str) -> None:
        """Counts one message of `who`; TooMany above the limit. The sender must wait, nothing was taken."""
        if not self._limiter.hit(self._limit, *who):
            raise TooMany

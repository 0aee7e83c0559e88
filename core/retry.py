"""When to try again: pure arithmetic."""

from __future__ import annotations

import random

# Seconds after the first and second failed try of a turn. With 4 s a try, 3 tries fit in 30 s and use most of it: a
# brain that is being started again should be met by the last one.
TURN_DELAYS = (4.0, 14.0)
SEND_FIRST = 2.0  # seconds
SEND_MOST = 300.0  # seconds
SEND_TRIES = 8  # 2 + 4 + 8 + … + 128 s: a platform that is down for four minutes loses nothing and is then looked at


def turn_delay(attempts: int) -> float:
    """Seconds until a turn that failed `attempts` (1, 2 …) times is tried again."""
    return TURN_DELAYS[min(attempts, len(TURN_DELAYS)) - 1]


def send_delay(attempts: int, spread: float | None = None) -> float:
    """Seconds until a message that failed `attempts` (1, 2 …) times is sent again: 2, 4, 8 … at most 300.

    `spread` (0..1, drawn if None) takes off up to half of it, so that messages which failed together do not all come
    back together.
    """
    whole = min(SEND_FIRST * 2 ** (attempts - 1), SEND_MOST)
    return whole * (1 - 0.5 * (random.random() if spread is None else spread))  # noqa: S311 (no secret)

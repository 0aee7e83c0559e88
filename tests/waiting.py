"""Waiting for something to become true, with an end to it."""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar, cast

T = TypeVar("T")

EVERY = 0.01  # seconds between two looks, where no event tells: at another process, a file, the ledger
PATIENCE = 60.0  # seconds that a machine with other work may take for anything: a test ends on what is so, not on when


async def until(look: Callable[[], T | Awaitable[T]]) -> T:
    """The first true value that `look` gives; AssertionError after `PATIENCE`."""
    end = time.monotonic() + PATIENCE
    while True:
        seen = look()
        value = cast(T, await seen if inspect.isawaitable(seen) else seen)
        if value:
            return value
        assert time.monotonic() < end, f"not within {PATIENCE:g} s"
        await asyncio.sleep(EVERY)


def wait_until(look: Callable[[], T], log: Callable[[], str] = str) -> T:
    """`until` where no loop runs; the AssertionError has the end of `log`."""
    end = time.monotonic() + PATIENCE
    while not (seen := look()):
        assert time.monotonic() < end, f"not within {PATIENCE:g} s:\n{log()[-4000:]}"
        time.sleep(EVERY)
    return seen

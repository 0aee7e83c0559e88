"""Waiting for something to become true, with an end to it."""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar, cast

T = TypeVar("T")

EVERY = 0.01  # seconds


async def until(look: Callable[[], T | Awaitable[T]], seconds: float = 5.0) -> T:
    """The first true value that `look` gives; AssertionError after `seconds`."""
    end = time.monotonic() + seconds
    while True:
        seen = look()
        value = cast(T, await seen if inspect.isawaitable(seen) else seen)
        if value:
            return value
        assert time.monotonic() < end, f"not within {seconds:g} s"
        await asyncio.sleep(EVERY)

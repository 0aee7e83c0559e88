"""Waiting for what other processes do, with an end to it."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

EVERY = 0.02  # seconds


def until(look: Callable[[], T], seconds: float, log: Callable[[], str] = str) -> T:
    """The first true value that `look` gives; AssertionError with the end of `log` after `seconds`."""
    end = time.monotonic() + seconds
    while not (seen := look()):
        assert time.monotonic() < end, f"not within {seconds:g} s:\n{log()[-4000:]}"
        time.sleep(EVERY)
    return seen

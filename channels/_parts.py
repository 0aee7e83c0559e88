"""Messages of several parts: what the platform has of them is not sent a second time."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from typing import TypeVar

from core.model import Outbound

T = TypeVar("T")


async def rest(message: Outbound, parts: Sequence[T]) -> AsyncGenerator[tuple[int, T]]:
    """Each part that is still to be sent with its number, from 1; asking for the next says that this was taken.

    Of the last one the sender learns by the end of the whole message."""
    for number, part in enumerate(parts, start=1):
        if number <= message.taken.count:
            continue
        yield number, part
        if number < len(parts):
            await message.taken.further()

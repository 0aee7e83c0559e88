"""Messages of several parts, tried again: what the platform took of them is not sent a second time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeVar

KEPT = 10_000  # messages whose taken parts are remembered; only those that are being tried again are among them

T = TypeVar("T")


class PartsTaken:
    """How many parts of a message earlier tries brought to the platform; forgotten with the process."""

    def __init__(self) -> None:
        self._taken: dict[int, int] = {}

    def of(self, message_id: int) -> int:
        return self._taken.get(message_id, 0)

    def rest(self, message_id: int, parts: Sequence[T]) -> Iterator[tuple[int, T]]:
        """Each part that is still to be sent with its number, from 1; asking for the next says that this was taken."""
        for number, part in enumerate(parts, start=1):
            if number <= self.of(message_id):
                continue
            yield number, part
            while len(self._taken) >= KEPT:
                self._taken.pop(next(iter(self._taken)))
            self._taken[message_id] = number
        self._taken.pop(message_id, None)

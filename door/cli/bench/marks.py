"""Where the house stands, written so that it outlives a SIGKILL: counters of every stage in a shared mapped file."""

from __future__ import annotations

import mmap
import threading
from enum import IntEnum
from pathlib import Path
from typing import Self


class Stage(IntEnum):
    """The stages a message goes through, in order; each has the words of the report."""

    words: str

    def __new__(cls, value: int, words: str) -> Stage:
        member = int.__new__(cls, value)
        member._value_ = value
        member.words = words
        return member

    ACCEPT_BEFORE = 0, "accept: request read, before its transaction"
    ACCEPT_SQL = 1, "accept: in its transaction"
    ACCEPT_COMMIT = 2, "accept: in COMMIT"
    ACCEPT_AFTER = 3, "accept: committed, not acknowledged"
    LEASE_BEFORE = 4, "turn: woken, before the lease's transaction"
    LEASE_SQL = 5, "turn: in the lease's transaction"
    LEASE_COMMIT = 6, "turn: in the lease's COMMIT"
    LEASED = 7, "turn: leased, the brain not asked yet"
    BRAIN = 8, "turn: with the brain"
    TURN_BEFORE = 9, "turn: answered by the brain, before its transaction"
    TURN_SQL = 10, "turn: in its transaction"
    TURN_COMMIT = 11, "turn: in COMMIT"
    TURN_AFTER = 12, "turn: committed, the sender not woken"
    MARK_BEFORE = 13, "send: woken, before the mark's transaction"
    MARK_SQL = 14, "send: in the mark's transaction"
    MARK_COMMIT = 15, "send: in the mark's COMMIT"
    MARKED = 16, "send: marked, the platform not called yet"
    CALL = 17, "send: with the platform"
    SETTLE_BEFORE = 18, "send: taken by the platform, before its settling"
    SETTLE_SQL = 19, "send: in the settling transaction"
    SETTLE_COMMIT = 20, "send: in the settling COMMIT"
    SETTLE_AFTER = 21, "send: settled, not let go"


SIZE = 8 * 2 * len(Stage)  # two 64-bit counters per stage: entered, left


class Marks:
    """The counters of one life of a house; the house writes them, the bench reads them, before its death and after."""

    def __init__(self, path: Path) -> None:
        """Maps `path`, which is made if there is none."""
        with path.open("a+b") as file:
            file.truncate(SIZE)
            self._map = mmap.mmap(file.fileno(), SIZE)
        self._counters = memoryview(self._map).cast("Q")
        self._lock = threading.Lock()  # the ledger's thread moves journeys too

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._counters.release()
        self._map.close()

    def move(self, before: Stage | None, after: Stage | None) -> None:
        """One journey goes from stage to stage; None is the world outside."""
        with self._lock:
            if after is not None:
                self._counters[2 * after] += 1
            if before is not None:
                self._counters[2 * before + 1] += 1

    def within(self, stage: Stage) -> int:
        """How many journeys stand in `stage` now."""
        return self._counters[2 * stage] - self._counters[2 * stage + 1]

    def standing(self) -> set[Stage]:
        """The stages with at least one journey in them."""
        return {stage for stage in Stage if self.within(stage) > 0}

    def passed(self, stage: Stage) -> int:
        """How many journeys have left `stage`."""
        return self._counters[2 * stage + 1]

    def clear(self) -> None:
        """Forgets the life before."""
        for n in range(2 * len(Stage)):
            self._counters[n] = 0

"""Who should look now: wakes for workers and news for open pages, inside one process.

Nothing here is durable and nothing depends on it: what is handed on is what a commit has just written, whoever lacks
what came before reads the ledger, and the sweeper finds what a lost wake left behind.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from types import TracebackType
from typing import Self

from core.model import ConversationId, Line


class Ready:
    """Conversations that want a worker: each at most once, oldest first."""

    def __init__(self) -> None:
        self._waiting: dict[ConversationId, None] = {}
        self._some = asyncio.Event()

    def add(self, conversation: ConversationId) -> None:
        """Wants `conversation` looked at; again before it is taken changes nothing."""
        self._waiting[conversation] = None
        self._some.set()

    async def next(self) -> ConversationId:
        """The conversation that has waited longest."""
        while not self._waiting:
            self._some.clear()
            await self._some.wait()
        conversation = next(iter(self._waiting))
        del self._waiting[conversation]
        return conversation

    def __len__(self) -> int:
        return len(self._waiting)


class Listener:
    """One open page's ear for one conversation; entered before the page's first read, so that nothing falls between."""

    def __init__(self, live: Live, conversation: ConversationId) -> None:
        self._live = live
        self._conversation = conversation
        self._news = asyncio.Event()
        self._lines: list[Line] = []  # told and not taken yet
        self._must_read = True  # at first, and after news that did not say what they are
        self.typing = False  # whether the other side is writing, as last heard

    async def __aenter__(self) -> Self:
        self._live.listeners[self._conversation].add(self)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        ears = self._live.listeners[self._conversation]
        ears.discard(self)
        if not ears:
            del self._live.listeners[self._conversation]

    def tell(self, lines: Sequence[Line] = ()) -> None:
        """There is news: `lines`, or what the ledger has."""
        if not lines:
            self._must_read = True
        if self._must_read:  # then they are found there, and whoever never takes them gathers none
            self._lines.clear()
        else:
            self._lines += lines
        self.wake()

    def wake(self) -> None:
        self._news.set()

    def take(self, after: int) -> list[Line] | None:
        """What follows seq `after` and was told since the last call; None if only the ledger can say what does.

        The lines of a conversation have the places 1, 2, 3 …, and one that is committed does not change any more: those
        that were told, up to the first place that is missing, are what the ledger has there.
        """
        told, must_read = self._lines, self._must_read
        self._lines, self._must_read = [], False
        new = [line for line in told if line.seq > after]
        is_whole = all(line.seq == place for place, line in enumerate(new, after + 1))
        return new if is_whole and not must_read else None

    async def wait(self, seconds: float | None = None) -> bool:
        """True as soon as there is news, False after `seconds`; look either way: what there is may be in the ledger."""
        try:
            async with asyncio.timeout(seconds):
                await self._news.wait()
        except TimeoutError:
            self._must_read = True
            return False
        self._news.clear()
        return True


class Live:
    """The process's wakes and news."""

    def __init__(self) -> None:
        self.turns = Ready()
        self.sends = Ready()
        self.files = Ready()
        self.listeners: defaultdict[ConversationId, set[Listener]] = defaultdict(set)

    def listen(self, conversation: ConversationId) -> Listener:
        """An ear for `conversation`, to be used as an async context manager."""
        return Listener(self, conversation)

    def news(self, conversation: ConversationId, lines: Sequence[Line] = ()) -> None:
        """Tells every page of `conversation` that its transcript has grown: by `lines`, which are committed, or by what
        the ledger will say."""
        for listener in self.listeners.get(conversation, ()):
            listener.tell(lines)

    def typing(self, conversation: ConversationId, on: bool) -> None:
        """Tells every page of `conversation` whether the other side is writing."""
        for listener in self.listeners.get(conversation, ()):
            if listener.typing != on:
                listener.typing = on
                listener.wake()

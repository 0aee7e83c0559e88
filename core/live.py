"""Who should look now: wakes for workers and news for open pages, inside one process.

Nothing here is durable and nothing depends on it: content always comes from the ledger, and the sweeper finds what a
lost wake left behind.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from types import TracebackType
from typing import Self

from core.model import ConversationId


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

    def tell(self) -> None:
        self._news.set()

    async def wait(self, seconds: float) -> bool:
        """True as soon as there is news, False after `seconds`; read the ledger either way."""
        try:
            async with asyncio.timeout(seconds):
                await self._news.wait()
        except TimeoutError:
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

    def news(self, conversation: ConversationId) -> None:
        """Tells every page of `conversation` that its transcript has grown."""
        for listener in self.listeners.get(conversation, ()):
            listener.tell()

    def typing(self, conversation: ConversationId, on: bool) -> None:
        """Tells every page of `conversation` whether the other side is writing."""
        for listener in self.listeners.get(conversation, ()):
            if listener.typing != on:
                listener.typing = on
                listener.tell()

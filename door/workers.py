"""The loop that answers: takes conversations that want a turn, a bounded number of them at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

import structlog

from core.errors import LedgerBusy
from core.live import Ready
from core.model import ConversationId

log = structlog.get_logger()


class Pool:
    """Works on at most `at_once` conversations together, never twice on the same one at the same time."""

    def __init__(
        self, name: str, ready: Ready, drain: Callable[[ConversationId], Awaitable[object]], *, at_once: int
    ) -> None:
        """`drain` does all there is to do in one conversation; it may be asked again for nothing."""
        self._name = name
        self._ready = ready
        self._drain = drain
        self._slots = asyncio.Semaphore(at_once)
        self._running: dict[ConversationId, asyncio.Task[None]] = {}
        self._again: set[ConversationId] = set()  # woken while they were being worked on

    async def run(self) -> None:
        """Takes wakes for ever. Cancelled, it leaves its conversations running: `finish` waits for them."""
        while True:
            await self._slots.acquire()  # a wake is taken only when there is a hand free for it
            try:
                conversation = await self._ready.next()
            except asyncio.CancelledError:
                self._slots.release()
                raise
            if conversation in self._running:
                self._again.add(conversation)
                self._slots.release()
            else:
                self._running[conversation] = asyncio.create_task(self._work(conversation), name=self._name)

    async def finish(self, seconds: float) -> None:
        """Waits up to `seconds` for what is in work, then cuts it off: the ledger knows where it stood."""
        if self._running:
            await asyncio.wait(list(self._running.values()), timeout=seconds)
        for task in list(self._running.values()):
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    def __len__(self) -> int:
        return len(self._running)

    async def _work(self, conversation: ConversationId) -> None:
        try:
            await self._drain(conversation)
        except LedgerBusy as e:
            log.warning("drain_waits", pool=self._name, conversation_id=conversation, why=e.code)
        except Exception:
            # The sweeper brings the conversation back; it must not take the loop, and with it all others, along.
            log.exception("drain_failed", pool=self._name, conversation_id=conversation)
        finally:
            del self._running[conversation]
            self._slots.release()
            if conversation in self._again:
                self._again.discard(conversation)
                self._ready.add(conversation)

"""Searches without holding up the event loop: where one takes long, a thread encodes the questions that wait, all at
once, and finds their answers."""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import structlog
from numpy.typing import NDArray

from core.model import Language
from faq.index import readable
from faq.search import Found, Search

if TYPE_CHECKING:
    from faq.vectors import Encoder

log = structlog.get_logger()

WAITING_MAX = 256  # questions; beyond them new ones are searched by words alone, at once
# With a quick encoder, a question of so many characters, compared with so many phrasings, takes 1 ms; a thread's hops
# take 0.3 ms of CPU more. One of 2,000 characters takes 5 ms, too much for a loop that serves everybody.
SHORT = 100
AT_ONCE = 20_000
BATCH = 8  # questions that are encoded together; so few that the encoder stays on one processor (faq/vectors.py)
STOP_WITHIN = 5.0  # seconds for what is being encoded to be done with

Vector = NDArray[np.float32]


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """What a question found, and its vector, if an encoder read it."""

    found: Found
    vector: Vector | None = None


@dataclass(frozen=True, slots=True)
class _Waiting:
    search: Search
    text: str
    language: Language
    loop: asyncio.AbstractEventLoop
    answer: asyncio.Future[Asked]

    def settle(self, asked: Asked | Exception) -> None:
        """From the thread to the one who asked, unless they have gone."""

        def tell() -> None:
            if self.answer.done():
                return
            if isinstance(asked, Exception):
                self.answer.set_exception(asked)
            else:
                self.answer.set_result(asked)

        try:
            self.loop.call_soon_threadsafe(tell)
        except RuntimeError:  # their loop is closed
            return


class Asking:
    """Puts questions to a search without holding up the event loop. Without an encoder the search goes by words."""

    def __init__(self, encoder: Encoder | None, failed: Callable[[], None] = lambda: None) -> None:
        """`failed` is called, in the thread, for every batch that the encoder could not read."""
        self._encoder = encoder
        self._failed = failed
        self._failing = False
        self._open = encoder is not None
        self._waiting: queue.Queue[_Waiting | None] = queue.Queue(WAITING_MAX)
        self._thread = threading.Thread(target=self._work, name="asking", daemon=True)
        if self._open:
            self._thread.start()

    async def ask(self, search: Search, text: str, language: Language) -> Asked:
        """What `search` finds. Never raises because of the encoder: a question it cannot read is searched by words."""
        quick = self._open and self._encoder is not None and self._encoder.quick
        if quick and len(text) <= SHORT and search.phrasings <= AT_ONCE:
            [vector] = self._vectors([readable(text)])
            return Asked(found=search.find(text, language, vector=vector), vector=vector)
        loop = asyncio.get_running_loop()
        one = _Waiting(search, text, language, loop, loop.create_future())
        try:
            if not self._open:
                raise queue.Full
            self._waiting.put_nowait(one)
        except queue.Full:
            return Asked(found=search.find(text, language))
        return await one.answer

    def close(self) -> None:
        """Finishes what waits, and no more; questions that come later are searched by words. May be called twice."""
        if self._open:
            self._open = False
            self._waiting.put(None)
            self._thread.join(STOP_WITHIN)

    def _work(self) -> None:
        while True:
            batch = [self._waiting.get()]
            while batch[-1] is not None and len(batch) < BATCH:
                try:
                    batch.append(self._waiting.get_nowait())
                except queue.Empty:
                    break
            asked = [one for one in batch if one is not None and not one.answer.cancelled()]
            if asked:
                self._answer(asked)
            if batch[-1] is None:
                return

    def _answer(self, asked: list[_Waiting]) -> None:
        for one, vector in zip(asked, self._vectors([readable(one.text) for one in asked]), strict=True):
            try:
                one.settle(Asked(found=one.search.find(one.text, one.language, vector=vector), vector=vector))
            except Exception as e:  # theirs to handle; the thread serves the others
                one.settle(e)

    def _vectors(self, texts: list[str]) -> list[Vector] | list[None]:
        """One for each text; None for all of them if the encoder fails, which is told in the log when it begins."""
        assert self._encoder is not None  # noqa: S101  (without one there is no thread)
        try:
            rows = self._encoder.encode(texts)
        except Exception as e:  # whatever a model may raise: words go on working
            if not self._failing:
                log.error("encoder_failed", why=f"{type(e).__name__}: {e}")
            self._failing = True
            self._failed()
            return [None] * len(texts)
        self._failing = False
        return list(rows)

"""Keeps the content of this moment: read, checked and swapped as a whole; a broken file changes nothing."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path

import structlog
from sqlalchemy import Connection
from watchfiles import awatch  # pyright: ignore[reportUnknownVariableType]

from core import alarm
from core.errors import ContentError
from core.settings import Settings
from core.store import Store, upsert
from core.tables import faq_version
from faq import entries, responses
from faq.entries import LANGUAGES, Content, china_day
from faq.responses import Args, Renderer, Responses
from faq.search import Search

log = structlog.get_logger()

LOOK = 60.0  # seconds between looks at the files where nothing tells of changes, as on network drives
DEBOUNCE = 300  # milliseconds: saving several files at once is one edit


@dataclass(frozen=True, kw_only=True, slots=True)
class Current:
    """One state of the content, ready to search and to speak; never changed, only replaced."""

    content: Content
    responses: Responses
    search: Search
    renderer: Renderer
    version: str  # hash of all content files, 12 hex digits
    day: date  # in China: entries begin and end with days


Published = Callable[[Current], Awaitable[None]]
Broken = Callable[[str], Awaitable[None]]


async def _nobody(_: object) -> None:
    """Told, and does nothing."""


class Library:
    """Holds the current content of a folder and follows its changes."""

    def __init__(
        self,
        folder: Path,
        *,
        args: Args | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        published: Published = _nobody,
        broken: Broken = _nobody,
    ) -> None:
        """Reads `folder` at once; ContentError if it cannot be used.

        `args`: what sentences may name (Settings.response_args), per language, else the settings' defaults.
        `published` is told of every new state, `broken` of files that were not taken: one line per problem.
        """
        self._folder = folder
        self._args = args or _args(Settings())
        self._clock = clock
        self._published = published
        self._broken = broken
        self._trouble = ""
        self._current = self._read(None)

    @classmethod
    async def open(cls, settings: Settings, store: Store, clock: Callable[[], datetime]) -> Library:
        """The library of a house: states are noted in the ledger, and broken files raise an alarm."""

        async def published(current: Current) -> None:
            await store.write(lambda conn: _note(conn, current, clock()))

        async def broken(problems: str) -> None:
            await store.write(lambda conn: alarm.raise_alarm(conn, "content_broken", "faq", problems, clock()))

        library = await asyncio.to_thread(
            lambda: cls(settings.content, args=_args(settings), clock=clock, published=published, broken=broken)
        )
        await published(library.current)
        return library

    @property
    def current(self) -> Current:
        """The content of this moment; at midnight in China entries begin and end, with no file changed."""
        if self._current.day != china_day(self._clock()):
            self._current = self._made(self._current)
        return self._current

    @property
    def version(self) -> str:
        """The version of the current content."""
        return self._current.version

    async def publish(self) -> bool:
        """Reads the files again and takes them if they can be used; whether the content is a new one now.

        Broken files leave the old content in place; their problems are logged and told once.
        """
        try:
            read = await asyncio.to_thread(self._read, self.current)
        except ContentError as e:
            if str(e) != self._trouble:
                self._trouble = str(e)
                log.error("content_broken", problems=str(e).splitlines(), kept=self.version)
                await self._broken(str(e))
            return False
        self._trouble = ""
        if read.version == self.version:
            return False
        self._current = read
        log.info("content_published", version=read.version, entries=len(read.content.entries))
        await self._published(read)
        return True

    async def watch(self) -> None:
        """Publishes whenever a content file is saved; runs until cancelled."""
        saved = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            group.create_task(self._notice(saved))
            await asyncio.sleep(0)  # the task listens from here on: what is saved during the first look is not missed
            while True:
                await self.publish()
                await saved.wait()
                saved.clear()

    async def _notice(self, saved: asyncio.Event) -> None:
        async for _ in awatch(self._folder, debounce=DEBOUNCE, rust_timeout=int(LOOK * 1000), yield_on_timeout=True):
            saved.set()

    def _read(self, old: Current | None) -> Current:
        """The files as they are now, `old` if they are the same; ContentError with every problem in them."""
        content, broken = entries.read(self._folder)
        said, unsaid = responses.read(self._folder / responses.FOLDER)
        if problems := [*broken, *unsaid]:
            raise ContentError("\n".join(map(str, problems)))
        version = hashlib.sha256(f"{content.version} {said.version}".encode()).hexdigest()[:12]
        if old is not None and version == old.version:
            return old  # the index is most of the work, and unchanged files are looked at every minute
        now = self._clock()
        return Current(
            content=content,
            responses=said,
            search=Search(content, now),
            renderer=Renderer(content, said, self._args, china_day(now)),
            version=version,
            day=china_day(now),
        )

    def _made(self, old: Current) -> Current:
        """`old` as it is today."""
        now = self._clock()
        today = china_day(now)
        renderer = Renderer(old.content, old.responses, self._args, today)
        return replace(old, search=Search(old.content, now), renderer=renderer, day=today)


def _args(settings: Settings) -> Args:
    return {language: settings.response_args(language) for language in LANGUAGES}


def _note(conn: Connection, current: Current, now: datetime) -> None:
    """One row per state that was ever published; a state that comes back keeps its first row."""
    row = {"id": current.version, "entries": len(current.content.entries), "published_at": now}
    conn.execute(upsert(conn, faq_version).values(row).on_conflict_do_nothing())

"""Keeps the content of this moment: what the ledger says is live, swapped as a whole; files are published into it."""

from __future__ import annotations

import asyncio
import socket
import stat
import time
from collections.abc import Callable
from contextlib import aclosing, suppress
from dataclasses import asdict
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import structlog
from sqlalchemy import Connection
from watchfiles import awatch  # pyright: ignore[reportUnknownVariableType]

from core import alarm
from core.errors import ContentError
from core.settings import Settings
from core.store import Store
from faq import expiry, files, making, versions
from faq.entries import LANGUAGES, china_day
from faq.making import Current, Maker
from faq.responses import Args
from faq.versions import Checked

if TYPE_CHECKING:
    from faq.vectors import Vectors

log = structlog.get_logger()

FOLLOW = 1.0  # seconds between two looks at what the ledger says is live
LOOK = 60.0  # seconds between looks at the files where nothing tells of changes, as on network drives
DEBOUNCE = 300  # milliseconds: saving several files at once is one edit


def place(folder: Path) -> str:
    """Where the files of `folder` are, among all machines."""
    return f"{socket.gethostname()}:{folder.resolve()}"


class Library:
    """Holds the content that the ledger says is live, and publishes the files of a folder when they are saved."""

    _current: Current

    def __init__(
        self, settings: Settings, store: Store, clock: Callable[[], datetime], vectors: Vectors | None
    ) -> None:
        """For `open`, which also makes the first state."""
        self._store = store
        self._clock = clock
        self._folder = settings.content
        self._place = place(settings.content)
        self._manual = settings.publish == "manual"
        args: Args = {language: settings.response_args(language) for language in LANGUAGES}
        self._maker = Maker(args=args, clock=clock, vectors=vectors)
        self._followed: int = 0  # the publication that `_current` is the state of; 0: there is no state yet
        self._unusable: int = 0  # the publication that cannot be used here; 0: the live one can
        self._why = ""  # … and why not
        self._looked = ""  # version of the files that were looked at last
        self._trouble = ""  # why they were refused
        self._told = ("", date.min)  # version and day whose endings were told

    @classmethod
    async def open(
        cls, settings: Settings, store: Store, clock: Callable[[], datetime], vectors: Vectors | None = None
    ) -> Library:
        """The library of a house: what is live is made ready, and new files are published.

        `vectors` holds those of the phrasings; None searches by words alone. ContentError if there is neither a live
        version in the ledger nor a folder of files that can be used.
        """
        library = cls(settings, store, clock, vectors)
        await library.follow()
        await library.look()
        if not library._followed:
            nothing = f"no content in the ledger, and no folder {library._folder}: set QIANTAI_CONTENT"
            raise ContentError(library._trouble or library._why or nothing)
        await library._tell_days()
        return library

    @property
    def current(self) -> Current:
        """The content of this moment."""
        return self._current

    @property
    def version(self) -> str:
        """The version of the current content."""
        return self._current.version

    async def watch(self) -> None:
        """Publishes what is saved, takes what others publish, begins and ends entries at midnight; until cancelled."""
        saved = asyncio.Event()
        saved.set()
        async with asyncio.TaskGroup() as group:
            group.create_task(self._notice(saved))
            await asyncio.sleep(0)  # the task listens from here on: what is saved during the first look is not missed
            while True:
                if saved.is_set():
                    saved.clear()
                    await self.look()
                await self.follow()
                await self.turn()
                with suppress(TimeoutError):
                    async with asyncio.timeout(FOLLOW):
                        await saved.wait()

    async def look(self) -> None:
        """Looks at the files: new ones are checked and, unless publishing is manual, published.

        Files that are broken or prohibited leave everything as it is; why is logged and told by an alarm.
        """
        if not self._looked and not self._folder.is_dir():
            return  # a machine without files serves what others publish
        looked = ""
        try:
            taken = await asyncio.to_thread(files.taken, self._folder)
            if taken.version == self._looked:
                return
            looked = taken.version
            checked = await asyncio.to_thread(making.checked, taken)
            waits = self._manual and bool(self._followed)
            news = not self._followed or taken.version != self.version
            made = await asyncio.to_thread(self._maker.made, taken) if news and not waits else None
        except ContentError as e:
            await self._refuse(str(e))
            self._looked = looked
            return
        if self._trouble or not self._looked:
            await self._write(lambda conn, now: expiry.close(conn, "content_broken", self._place, now))
            self._trouble = ""
        if waits and news:
            known = await self._store.read(lambda conn: versions.parts_of(conn, self.version))
            waiting = asdict(versions.changes(known, checked.parts)) if known else {}
            log.info("content_waits", version=taken.version, live=self.version, **waiting)
        elif not waits:
            await self._publish(checked)
            await self.follow(made)
        self._looked = taken.version

    async def follow(self, made: Current | None = None) -> None:
        """Takes what the ledger says is live, if that is news; `made` may be its state already.

        What cannot be used here, such as content for a newer program, leaves the old content in place, with an alarm.
        """
        live = await self._store.read(versions.live)
        if live is None or live.id in (self._followed, self._unusable):
            return
        try:
            if self._followed and live.version == self.version:
                made = self._current
            elif made is None or made.version != live.version:
                kept = await self._store.read(lambda conn: versions.kept(conn, live.version))
                made = await asyncio.to_thread(self._maker.made, kept)
        except ContentError as e:
            log.error("content_unusable", version=live.version, problems=str(e).splitlines())
            why = f"the live version {live.version} cannot be used here: {e}"
            await self._write(lambda conn, now: alarm.raise_alarm(conn, "content_unusable", self._place, why, now))
            self._unusable, self._why = live.id, why
            return
        self._current, self._followed = made, live.id
        log.info("content_live", version=made.version, entries=len(made.content.entries), why=live.why)
        await self._write(lambda conn, now: expiry.close(conn, "content_unusable", self._place, now))
        self._unusable = 0

    async def turn(self) -> None:
        """At midnight in China, makes today's state of the content; also tells what ends, once per state."""
        if self._current.day != china_day(self._clock()):
            self._current = await asyncio.to_thread(self._maker.today, self._current)
        await self._tell_days()

    async def _publish(self, checked: Checked) -> None:
        """Makes saved files live in the ledger, unless that was done before; in any case if nothing is live there."""
        packed = await asyncio.to_thread(files.packed, checked.files)
        version, followed = checked.files.version, bool(self._followed)

        def op(conn: Connection, now: datetime) -> None:
            versions.alone(conn)
            live = versions.live(conn)
            nothing = not followed and (live is None or not versions.is_kept(conn, live.version))
            if not nothing and (self._manual or versions.had(conn, version, self._place)):
                return
            versions.keep(conn, checked, packed, now)
            if not nothing or live is None or live.version != version:
                versions.make_live(conn, version, by="", why="saved", place=self._place, now=now)

        await self._write(op)
        self._unusable = 0  # its files may be there now

    async def _refuse(self, problems: str) -> None:
        if problems == self._trouble:
            return
        log.error("content_broken", problems=problems.splitlines(), kept=self.version if self._followed else "")
        await self._write(lambda conn, now: alarm.raise_alarm(conn, "content_broken", self._place, problems, now))
        self._trouble = problems

    async def _tell_days(self) -> None:
        current = self._current
        if self._told != (current.version, current.day):
            await self._write(lambda conn, now: expiry.tell(conn, current.content, now))
            self._told = (current.version, current.day)

    async def _write(self, op: Callable[[Connection, datetime], None]) -> None:
        now = self._clock()
        await self._store.write(lambda conn: op(conn, now))

    async def _notice(self, saved: asyncio.Event) -> None:
        """Tells of saves, also in a folder that was put in the place of the one before."""
        while True:
            while (folder := _which(self._folder)) is None:  # noqa: ASYNC110 (nothing tells of a folder that is not there)
                await asyncio.sleep(FOLLOW)
            looked = time.monotonic()
            with suppress(FileNotFoundError):  # gone again
                news = awatch(self._folder, debounce=DEBOUNCE, rust_timeout=int(FOLLOW * 1000), yield_on_timeout=True)
                saved.set()  # looked at once more when this task waits, which is when it listens
                async with aclosing(news):
                    async for changes in news:
                        if changes or time.monotonic() - looked >= LOOK:
                            saved.set()
                            looked = time.monotonic()
                        if await asyncio.to_thread(_which, self._folder) != folder:
                            break  # the system goes on telling of the old one, wherever that is now


def _which(folder: Path) -> tuple[int, int] | None:
    """Tells a folder from another one of the same name; None if there is none."""
    try:
        found = folder.stat()
    except OSError:
        return None
    return (found.st_dev, found.st_ino) if stat.S_ISDIR(found.st_mode) else None

"""Has what consumers send beside words: fetched from their platforms, looked at, sealed, and given to cases.

The ledger says what is wanted (`core.files`); a wake only says where to look first. A file that cannot be had is tried
again for half an hour, then people are told, and whoever sent it is asked once for it again.
"""

from __future__ import annotations

import asyncio
import mimetypes
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Literal

import structlog
from sqlalchemy import Connection, select

from bot import tongues
from cases import attachments, evidence
from cases.attachments import File, Infected, NotTaken, ScanFailed
from cases.model import BadCase
from cases.privacy import Erased
from channels import Channel, Fetching
from core import alarm, files, outbox
from core.errors import LedgerBusy, QiantaiError, SendError, TooLarge
from core.files import Taken
from core.live import Live
from core.model import Author, ChannelId, ConversationId, Language, Locale, Rendered, Say
from core.store import Store
from core.tables import conversation
from core.tables import outbox as outbox_table
from core.vault import Vault
from door.metrics import Metrics

log = structlog.get_logger()

AT_ONCE = 4  # conversations whose files are being fetched; each file lies in memory as a whole
LOOK_EVERY = 2.0  # seconds between two looks for what a lost wake, or a house that died, left behind
FETCH_SECONDS = 90.0  # longer than a channel's own limit for a file (60 s); this one is the net below

Asked = Literal["file.lost", "file.too_large", "file.not_taken", "file.unsafe", "file.too_many"]
_OURS = frozenset({"file.lost", "file.unsafe"})  # of which people on duty must hear too


class Fetcher:
    """Works on the files of one conversation at a time."""

    def __init__(
        self,
        *,
        store: Store,
        vault: Vault,
        live: Live,
        channels: Mapping[ChannelId, Channel],
        longest: int,
        scan: str,
        words: Callable[[Say, Locale], Rendered],
        default_language: Language,
        metrics: Metrics,
        clock: Callable[[], datetime],
    ) -> None:
        """`longest`: bytes of one file; `scan`: the command that scans one, "" for none."""
        self._store = store
        self._vault = vault
        self._live = live
        self._channels = channels
        self._longest = longest
        self._scan = scan
        self._words = words
        self._default_language: Language = default_language
        self._metrics = metrics
        self._clock = clock

    async def look(self) -> None:
        """Wakes what is due."""
        now = self._clock()
        for which in await self._store.read(lambda conn: files.due(conn, now, channels=list(self._channels))):
            self._live.files.add(which)

    async def drain(self, which: ConversationId) -> None:
        """Does what is due in a conversation, one file after the other."""
        while (held := await self._take(which)) is not None:
            if held.is_here:
                await self._move(held)
            else:
                await self._have(held)

    async def _take(self, which: ConversationId) -> Taken | None:
        now = self._clock()
        return await self._store.write(lambda conn: files.take(conn, which, now), which)

    async def _have(self, held: Taken) -> None:
        """Fetches a file and keeps it, leaves it to a later try, or gives it up."""
        try:
            await self._keep(held, await self._fetched(held))
        except SendError as e:
            again = e.may_retry and held.attempts <= len(files.DELAYS)
            refusal: Asked = "file.too_large" if e.send_code == "too_large" else "file.lost"
            await (self._again(held, e) if again else self._lose(held, refusal, str(e)))
        except ScanFailed as e:
            again = held.attempts <= len(files.DELAYS)
            await (self._again(held, e) if again else self._lose(held, "file.lost", e.detail))
        except TooLarge as e:
            await self._lose(held, "file.too_large", e.detail)
        except (NotTaken, BadCase) as e:
            await self._lose(held, "file.not_taken", e.detail)
        except Infected:
            await self._lose(held, "file.unsafe", "the scan found something in it")
        except _TooMany:
            await self._lose(held, "file.too_many", "")
        else:
            self._ended(held, "kept")

    async def _fetched(self, held: Taken) -> File:
        now, which, given = self._clock(), held.conversation, held.attachment
        sent = await self._store.read(lambda conn: files.sent_today(conn, which, now, upto=held.id))
        if sent > files.PER_DAY:
            raise _TooMany
        channel = self._channels[held.channel]
        if not isinstance(channel, Fetching):
            raise SendError("refused", "files of this channel cannot be fetched", retryable=False)
        try:
            async with asyncio.timeout(FETCH_SECONDS):
                content = await channel.fetch(given, self._longest)
            return await asyncio.to_thread(inspected, given.name, content, longest=self._longest, scan=self._scan)
        except TimeoutError:
            raise SendError("server_down", "no end of the file", retryable=True) from None
        except QiantaiError:
            raise
        except Exception as e:
            raise _broken(held, e) from e

    async def _keep(self, held: Taken, found: File) -> None:
        try:
            await self._store.write(
                lambda conn: _store(conn, self._vault, held, found, self._clock()), held.conversation
            )
        except LedgerBusy:
            raise
        except Exception as e:
            raise _broken(held, e) from e

    async def _move(self, held: Taken) -> None:
        """Gives a file that is here to the case that wants it."""

        def op(conn: Connection) -> None:
            if files.wanted_by(conn, held) is None:
                return
            kept = files.opened(conn, self._vault, held)
            verdict = "clean" if kept.verdict == "clean" else "not_scanned"
            found = File(name=kept.name, media_type=kept.media_type, content=kept.content, verdict=verdict)
            _store(conn, self._vault, held, found, self._clock())

        try:
            await self._store.write(op, held.conversation)
        except LedgerBusy:
            raise
        except Exception as e:  # it does not open, say: what is here stays, and people must see to it
            await self._again(held, e if isinstance(e, QiantaiError) else _broken(held, e))
            if held.attempts > len(files.DELAYS):
                detail, now = f"file {held.id} of {held.conversation}: {e}", self._clock()
                await self._store.write(lambda conn: alarm.raise_alarm(conn, "file_lost", held.channel, detail, now))
        else:
            self._ended(held, "attached")

    async def _again(self, held: Taken, error: QiantaiError) -> None:
        why = error.detail or error.code
        at = await self._store.write(lambda conn: files.again(conn, held, why, self._clock()), held.conversation)
        log.warning("file_not_fetched", channel=held.channel, file_id=held.id, why=why, again=at.isoformat())
        self._metrics.files.labels(held.channel, "again").inc()

    async def _lose(self, held: Taken, key: Asked, why: str) -> None:
        """Gives a file up, tells who sent it, and people where it is no fault of theirs."""
        channel, now = self._channels[held.channel], self._clock()

        def op(conn: Connection) -> None:
            if not files.lose(conn, held, why):
                return
            if key in _OURS:
                kind = "file_unsafe" if key == "file.unsafe" else "file_lost"
                alarm.raise_alarm(conn, kind, held.channel, f"file {held.id} of {held.conversation}: {why}", now)
            cause = f"file:{held.inbox_id}"  # once for all files of a message
            told = select(outbox_table.c.id).where(outbox_table.c.cause == f"{cause}:0")
            if channel.capabilities.passive or conn.execute(told).one_or_none() is not None:
                return
            said = self._words(Say(key=key, args=self._args(key)), _locale(conn, held, self._default_language))
            outbox.put(
                conn,
                held.conversation,
                [said],
                cause=cause,
                author=Author.SYSTEM,
                now=now,
                live=channel.capabilities.live,
            )

        await self._store.write(op, held.conversation)
        self._ended(held, key.removeprefix("file."))
        self._live.news(held.conversation)
        self._live.sends.add(held.conversation)

    def _args(self, key: Asked) -> dict[str, int]:
        return {"mb": max(1, self._longest // 1_048_576)} if key == "file.too_large" else {}

    def _ended(self, held: Taken, outcome: str) -> None:
        self._metrics.files.labels(held.channel, outcome).inc()
        log.info("file_done", channel=held.channel, conversation_id=held.conversation, file_id=held.id, outcome=outcome)


class _TooMany(Exception):
    """More files in a day than are taken from one conversation."""


def _broken(held: Taken, error: Exception) -> SendError:
    """A defect of ours: told like a platform that fails, and tried again like one, so that the trying ends."""
    log.error("file_broke", channel=held.channel, conversation_id=held.conversation, file_id=held.id, exc_info=error)
    return SendError("broken", type(error).__name__, retryable=True)


def inspected(name: str, content: bytes, *, longest: int, scan: str) -> File:
    """A file that may be kept (`attachments.inspect`); one without a name is called by what it is."""
    kind = attachments.media_type(content)
    return attachments.inspect(name or _called(kind), content, longest=longest, scan=scan)


def _called(kind: str) -> str:
    """image.jpg for image/jpeg, audio.amr for audio/amr."""
    what, _, how = kind.partition("/")
    return f"{what or 'file'}{mimetypes.guess_extension(kind) or (f'.{how}' if how.isalnum() else '')}"


def _store(conn: Connection, vault: Vault, held: Taken, found: File, now: datetime) -> None:
    """Keeps a file with the case that wants it, else with the conversation; nothing if the taking is over."""
    case_no = files.wanted_by(conn, held)
    if case_no is None:
        return
    if not case_no:
        files.keep(conn, vault, held, found)
        return
    try:
        evidence.add(conn, vault, case_no, found, now=now)
    except Erased:
        files.lose(conn, held, "the person's data was erased", "forgotten")
    else:
        files.attached(conn, held, found)


def _locale(conn: Connection, held: Taken, default: Language) -> Locale:
    query = select(conversation.c.language, conversation.c.spoken, conversation.c.script)
    row = conn.execute(query.where(conversation.c.id == held.conversation)).one()
    spoken = tongues.heard("", chosen=row.language, spoken=row.spoken, written=row.script, hint="", default=default)
    return spoken.locale

"""What people on duty must know: one open row per trouble, told until somebody says that they look after it."""

from __future__ import annotations

import asyncio
import json
import os
import shlex
import signal
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import Connection, Row, select, update

from core.settings import Settings
from core.store import Store, upsert
from core.tables import alarm

log = structlog.get_logger()

TELL_EVERY = 5.0  # seconds between two looks for alarms to tell
TOLD_AT_ONCE = 100  # alarms in one look; the rest follows in the next
DETAIL_MAX = 1000  # characters
WEBHOOK_TIMEOUT = 5.0  # seconds
COMMAND_TIMEOUT = 10.0  # seconds


@dataclass(frozen=True, kw_only=True, slots=True)
class Alarm:
    """A trouble that nobody has acknowledged yet."""

    id: int
    kind: str
    subject: str
    detail: str  # of the last time
    count: int  # how often it was raised
    raised_at: datetime
    last_at: datetime
    told_at: datetime | None


_COLUMNS = [alarm.c[name] for name in Alarm.__dataclass_fields__]
_OPEN = select(*_COLUMNS).where(alarm.c.acknowledged_at.is_(None)).order_by(alarm.c.id)


def raise_alarm(conn: Connection, kind: str, subject: str, detail: str, now: datetime) -> None:
    """Raises an alarm, or counts it once more if one of this `kind` and `subject` is open.

    It leaves the house with every sink, so `subject` and `detail` name things by their ids and never hold a word of a
    consumer. What is longer than DETAIL_MAX is cut.
    """
    detail = detail.encode("utf-8", "replace").decode().replace("\0", "")[:DETAIL_MAX]  # a database may refuse the rest
    raised = upsert(conn, alarm).values(kind=kind, subject=subject, detail=detail, raised_at=now, last_at=now)
    conn.execute(
        raised.on_conflict_do_update(
            index_elements=["kind", "subject"],
            index_where=alarm.c.acknowledged_at.is_(None),
            set_={"count": alarm.c.count + 1, "detail": detail, "last_at": now},
        )
    )


def open_alarms(conn: Connection) -> list[Alarm]:
    """Alarms that nobody has acknowledged, the oldest first."""
    return [_alarm(row) for row in conn.execute(_OPEN)]


def acknowledge(conn: Connection, alarm_id: int, who: str, now: datetime) -> bool:
    """Notes that `who` looks after it, which ends its repetition; False if there is no such open alarm."""
    still = update(alarm).where(alarm.c.id == alarm_id, alarm.c.acknowledged_at.is_(None))
    return conn.execute(still.values(acknowledged_at=now, acknowledged_by=who)).rowcount == 1


def _due(conn: Connection, before: datetime, limit: int) -> list[Alarm]:
    """Open alarms that were never told, or last told `before` then or earlier; the oldest first."""
    untold = alarm.c.told_at.is_(None) | (alarm.c.told_at <= before)
    return [_alarm(row) for row in conn.execute(_OPEN.where(untold).limit(limit))]


def _told(conn: Connection, alarm_id: int, now: datetime) -> None:
    conn.execute(update(alarm).where(alarm.c.id == alarm_id).values(told_at=now))


def _alarm(row: Row[Any]) -> Alarm:
    return Alarm(**row._mapping)  # pyright: ignore[reportPrivateUsage]  SQLAlchemy's public name for it


# Telling ------------------------------------------------------------------------------------------------------------


class SinkFailed(Exception):
    """A sink did not take an alarm; the text says why."""


Sink = Callable[[Alarm], Awaitable[None]]


def _utc_now() -> datetime:
    return datetime.now(UTC)


class AlarmSinks:
    """Tells open alarms to everybody who should hear them: an ERROR line in the log, the webhook, the command."""

    def __init__(self, store: Store, settings: Settings, clock: Callable[[], datetime] = _utc_now) -> None:
        self._store = store
        self._clock = clock
        self._repeat = timedelta(minutes=settings.alarm_repeat_minutes)
        self._sinks: dict[str, Sink] = {"log": _write_line}
        if settings.alarm_webhook:
            self._sinks["webhook"] = _Webhook(settings.alarm_webhook, settings.hotline_name)
        if settings.alarm_command:
            self._sinks["command"] = _Command(shlex.split(settings.alarm_command), settings.hotline_name)
        self._took: dict[int, set[str]] = {}  # by alarm, sinks that have it already while another one fails

    async def deliver(self) -> None:
        """Tells every alarm that is due once; what a sink did not take is tried again at the next call.

        An alarm counts as told, durably, when all sinks have it. A sink that fails is left alone until the next call,
        so that a hundred alarms do not wait for a hundred timeouts.
        """
        now = self._clock()
        # Those that wait for a broken sink must not stand in the way of the next ones.
        limit = TOLD_AT_ONCE + len(self._took)
        due = await self._store.read(lambda conn: _due(conn, now - self._repeat, limit))
        self._took = {one.id: self._took.get(one.id, set()) for one in due}
        failed: set[str] = set()
        for one in due:
            took = self._took[one.id]
            for name, sink in self._sinks.items():
                if name in took or name in failed:
                    continue
                try:
                    await sink(one)
                    took.add(name)
                except SinkFailed as e:
                    failed.add(name)
                    log.error("alarm_sink_failed", sink=name, alarm_id=one.id, error=str(e))
            if len(took) == len(self._sinks):
                await self._store.write(lambda conn, alarm_id=one.id: _told(conn, alarm_id, now))
                del self._took[one.id]


async def _write_line(one: Alarm) -> None:
    log.error("alarm", alarm_id=one.id, kind=one.kind, subject=one.subject, detail=one.detail, count=one.count)


def _json(one: Alarm, desk: str) -> bytes:
    """{"desk", "id", "kind", "subject", "detail", "count", "raised_at", "last_at", "told_at"}, times in ISO 8601."""
    return json.dumps({"desk": desk, **asdict(one)}, default=datetime.isoformat, ensure_ascii=False).encode()


class _Webhook:
    """POSTs an alarm as JSON; any answer but 2xx is a failure."""

    def __init__(self, url: str, desk: str) -> None:
        self._url = url
        self._desk = desk

    async def __call__(self, one: Alarm) -> None:
        import aiohttp  # 0.2 s that nobody who only lists alarms should wait

        headers = {"Content-Type": "application/json"}
        try:
            async with (
                aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=WEBHOOK_TIMEOUT)) as client,
                client.post(self._url, data=_json(one, self._desk), headers=headers, allow_redirects=False) as answer,
            ):
                status = answer.status
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as e:
            # The class only: messages of such errors repeat the address, which may carry a token.
            raise SinkFailed(type(e).__name__) from None
        if not 200 <= status < 300:
            raise SinkFailed(f"HTTP {status}")


class _Command:
    """Runs a command with an alarm as JSON on its standard input; any exit status but 0 is a failure."""

    def __init__(self, argv: list[str], desk: str) -> None:
        self._argv = argv
        self._desk = desk

    async def __call__(self, one: Alarm) -> None:
        try:
            process = await asyncio.create_subprocess_exec(
                *self._argv,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.DEVNULL,
                start_new_session=True,  # so that what it started ends with it
            )
        except OSError as e:
            raise SinkFailed(e.strerror or type(e).__name__) from None
        try:
            async with asyncio.timeout(COMMAND_TIMEOUT):
                await _feed(process, _json(one, self._desk))
                status = await process.wait()
        except TimeoutError:
            raise SinkFailed(f"no end within {COMMAND_TIMEOUT:g} s") from None
        finally:
            if process.returncode is None:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                await process.wait()
        if status:
            raise SinkFailed(f"exit status {status}")


async def _feed(process: asyncio.subprocess.Process, data: bytes) -> None:
    if process.stdin is None:
        return
    with suppress(BrokenPipeError, ConnectionResetError):  # a command need not read what it is given
        process.stdin.write(data)
        await process.stdin.drain()
    process.stdin.close()

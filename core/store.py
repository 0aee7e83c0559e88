"""The ledger's engines: a group-committing writer and a reader that cannot hold it back."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from operator import itemgetter
from pathlib import Path
from typing import Any, Protocol, TypeVar, cast

import structlog
from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, Engine, Table, create_engine, event, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.dialects.postgresql.asyncpg import AsyncAdapt_asyncpg_dbapi
from sqlalchemy.engine import URL, ExceptionContext, make_url
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from core.errors import LedgerBusy, SettingsError

log = structlog.get_logger()

T = TypeVar("T")
Op = Callable[[Connection], T]

BATCH = 500  # operations in one transaction at most; past it a commit would keep its first callers waiting
RETRY_FOR = 5.0  # seconds a batch is tried again while the database is locked or away, before its callers are told
RETRY_EVERY = 0.05  # seconds, doubled up to 1 s
SQLITE_BUSY_MS = 1000  # a lock held by another process (backup, a person's shell) is waited for this long per try
READERS = 4  # threads or connections for console, search and export
PG_CONNECT = 5.0  # seconds
PG_COMMAND = 20.0  # seconds for one statement, a long search included
PG_LANES = 4  # transactions in flight on PostgreSQL; each waits for a network round trip, not for a core

# PostgreSQL error classes that a second try can mend: connection (08), rollback by deadlock or serialization (40),
# operator intervention such as a restart (57P), too many connections (53300). Appendix A of its manual.
PG_TRANSIENT = ("08", "40", "57P", "53300")


class _Engine(Protocol):
    lanes: int

    async def commit(self, ops: list[Op[Any]]) -> list[Any]:
        """The result of each operation, an exception standing for one that failed alone; raises if none was applied."""
        ...

    async def read(self, query: Op[T]) -> T: ...
    async def close(self) -> None: ...


class Store:
    """Runs operations on the ledger.

    An operation is a plain function on a `Connection`: pure SQL, no waiting, safe to run twice (a commit whose answer
    was lost is run again). Operations that arrive while a commit runs share the next transaction; one that fails does
    not touch the others. What a reader does never holds a writer back.
    """

    def __init__(self, engine: _Engine) -> None:
        self._engine = engine
        self._queue: deque[tuple[Op[Any], asyncio.Future[Any], str]] = deque()
        self._closing = False
        self._arrived = asyncio.Event()
        self._lanes = [asyncio.create_task(self._lane(), name=f"ledger-lane-{n}") for n in range(engine.lanes)]
        self.commits = 0
        self.operations = 0

    @classmethod
    async def open(cls, url: str) -> Store:
        """The ledger at `url` (sqlite:///… or postgresql://…); it must be migrated."""
        parsed = make_url(url)
        return cls(_Sqlite(parsed) if parsed.get_backend_name() == "sqlite" else _Postgres(parsed))

    async def write(self, op: Op[T], about: str = "") -> T:
        """What `op` returns once it is committed; LedgerBusy if the database stayed locked, full or away.

        `about`: the conversation whose rows it changes. Operations of one transaction run in this order, so that two
        transactions cannot wait for each other's conversations.
        """
        done: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._queue.append((op, done, about))
        self._arrived.set()
        return await done

    async def read(self, query: Op[T]) -> T:
        """What `query` returns, on a connection that cannot write; once more if the connection turns out to be dead."""
        try:
            return await self._engine.read(query)
        except DBAPIError as e:
            if not e.connection_invalidated:
                raise
            return await self._engine.read(query)

    async def close(self) -> None:
        """Commits what is queued or under way, then lets go of the database."""
        self._closing = True
        self._arrived.set()
        await asyncio.gather(*self._lanes, return_exceptions=True)
        await self._engine.close()

    async def _lane(self) -> None:
        while True:
            await self._arrived.wait()
            batch = [self._queue.popleft() for _ in range(min(BATCH, len(self._queue)))]
            if batch:
                await self._settle(sorted(batch, key=itemgetter(2)))
            elif self._closing:
                return
            elif not self._queue:
                self._arrived.clear()

    async def _settle(self, batch: list[tuple[Op[Any], asyncio.Future[Any], str]]) -> None:
        ops = [op for op, _, _ in batch]
        until = time.monotonic() + RETRY_FOR
        pause = RETRY_EVERY
        while True:
            try:
                results = await self._engine.commit(ops)
                break
            except Exception as e:
                if time.monotonic() < until and _is_transient(e):
                    log.warning("ledger_retry", error=type(e).__name__, operations=len(ops))
                    await asyncio.sleep(pause)
                    pause = min(pause * 2, 1.0)
                    continue
                busy = LedgerBusy(str(getattr(e, "orig", e)))
                busy.__cause__ = e
                results: list[Any] = [busy] * len(ops)
                log.error("ledger_failed", error=type(e).__name__, detail=busy.detail, operations=len(ops))
                break
        self.commits += 1
        self.operations += len(ops)
        for (_, done, _), result in zip(batch, results, strict=True):
            if done.done():  # its caller was cancelled
                continue
            if isinstance(result, OperationalError):  # a full disk, most likely: nobody's fault but ours
                done.set_exception(LedgerBusy(str(result.orig)))
            elif isinstance(result, BaseException):
                done.set_exception(result)
            else:
                done.set_result(result)


class _Sqlite:
    """One writing connection on one thread, and a pool of readers that may not write.

    The driver is the standard library's, called from threads of our own: a whole batch costs one hop between threads,
    where an asynchronous driver pays one for every statement (docs/decisions/0003).
    """

    lanes = 1

    def __init__(self, url: URL) -> None:
        self._write = _sqlite_engine(url, read_only=False)
        self._read = _sqlite_engine(url, read_only=True)
        self._writer = ThreadPoolExecutor(1, "ledger-writer")
        self._writing: Connection | None = None  # kept: out of the pool and back takes longer than beginning
        self._readers = ThreadPoolExecutor(READERS, "ledger-reader")

    async def commit(self, ops: list[Op[Any]]) -> list[Any]:
        return await asyncio.get_running_loop().run_in_executor(self._writer, self._commit, ops)

    def _commit(self, ops: list[Op[Any]]) -> list[Any]:
        if self._writing is None:
            self._writing = self._write.connect()
        try:
            with self._writing.begin():
                return [_alone(self._writing, op) for op in ops]
        except BaseException:
            self._writing.close()  # where the database has refused to commit, only the pool rolls back
            self._writing = None
            raise

    async def read(self, query: Op[T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._readers, self._query, query)

    def _query(self, query: Op[T]) -> T:
        with self._read.connect() as conn:
            return query(conn)

    async def close(self) -> None:
        self._writer.shutdown()
        self._readers.shutdown()
        if self._writing is not None:
            self._writing.close()
        self._read.dispose()
        self._write.dispose()


class _Postgres:
    """Several transactions in flight; an operation that fails makes its batch run one by one."""

    lanes = PG_LANES

    def __init__(self, url: URL) -> None:
        self._engine: AsyncEngine = create_async_engine(
            url.set(drivername="postgresql+asyncpg"),
            pool_size=PG_LANES + READERS,
            pool_pre_ping=False,
            pool_recycle=1800,
            # A network that goes silent sends no reset: without these a lane waits for TCP, a quarter of an hour.
            connect_args={"timeout": PG_CONNECT, "command_timeout": PG_COMMAND},
            hide_parameters=True,  # an error that is logged would repeat what consumers wrote
        )
        event.listen(self._engine.sync_engine, "handle_error", _migrated_meanwhile)

    async def commit(self, ops: list[Op[Any]]) -> list[Any]:
        try:
            async with self._engine.begin() as conn:
                return await conn.run_sync(lambda c: [op(c) for op in ops])
        except Exception as e:
            if len(ops) == 1 and not _is_transient(e):
                return [e]
            # Those who wait for each other's rows never do so one by one.
            if len(ops) == 1 or (_is_transient(e) and not _is_deadlock(e)):
                raise
        return [await self._alone(op) for op in ops]

    async def _alone(self, op: Op[Any]) -> Any:
        """The result of one operation by itself: those before it in its batch are committed and not run again."""
        until = time.monotonic() + RETRY_FOR
        pause = RETRY_EVERY
        while True:
            try:
                return (await self.commit([op]))[0]
            except Exception as e:
                if time.monotonic() > until:
                    return LedgerBusy(str(getattr(e, "orig", e)))
                await asyncio.sleep(pause)
                pause = min(pause * 2, 1.0)

    async def read(self, query: Op[T]) -> T:
        async with self._engine.connect() as conn:
            await conn.execute(text("SET TRANSACTION READ ONLY"))
            return await conn.run_sync(query)

    async def close(self) -> None:
        await self._engine.dispose()


def _alone(conn: Connection, op: Op[Any]) -> Any:
    """What `op` returns; the exception it raised, where all that it did is undone and nothing else."""
    raw = cast("sqlite3.Connection", conn.connection.driver_connection)
    raw.execute("SAVEPOINT op")
    try:
        result = op(conn)
    except Exception as e:
        if not raw.in_transaction:  # disk full and the like: SQLite has rolled everything back
            raise
        raw.execute("ROLLBACK TO op")
        result = e
    raw.execute("RELEASE op")
    return result


def _sqlite_engine(url: URL, *, read_only: bool) -> Engine:
    engine = create_engine(
        url.set(drivername="sqlite"),
        pool_size=READERS if read_only else 1,
        hide_parameters=True,  # an error that is logged would repeat what consumers wrote
        max_overflow=0,
        connect_args={"check_same_thread": False, "timeout": SQLITE_BUSY_MS / 1000, "isolation_level": None},
    )

    def connected(dbapi: sqlite3.Connection, _: object) -> None:
        # WAL lets readers and the writer pass each other; FULL makes a commit outlive a power cut.
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "cache_size=-65536"):
            dbapi.execute(f"PRAGMA {pragma}")
        if read_only:
            dbapi.execute("PRAGMA query_only=ON")

    def begin(conn: Connection) -> None:
        conn.exec_driver_sql("BEGIN DEFERRED" if read_only else "BEGIN IMMEDIATE")

    event.listen(engine, "connect", connected)
    event.listen(engine, "begin", begin)
    return engine


def _migrated_meanwhile(context: ExceptionContext) -> None:
    """Where another house has changed a table, plans that connections keep are no good any more: new ones replace them,
    and what failed is tried again there."""
    if isinstance(context.original_exception, AsyncAdapt_asyncpg_dbapi.InvalidCachedStatementError):
        context.is_disconnect = True


def _is_transient(e: Exception) -> bool:
    """May the same transaction succeed a moment later, with nothing changed by anybody?"""
    if isinstance(e, (ConnectionError, TimeoutError)):
        return True
    if not isinstance(e, DBAPIError):
        return isinstance(e, OSError)
    if isinstance(e.orig, sqlite3.OperationalError):
        return e.orig.sqlite_errorcode & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
    state = str(getattr(e.orig, "sqlstate", None) or "")
    # A connection that breaks has no state; asyncpg says so through its interface error.
    return (
        e.connection_invalidated
        or state.startswith(PG_TRANSIENT)
        or (not state and "connection" in str(e.orig).lower())
    )


def _is_deadlock(e: Exception) -> bool:
    return isinstance(e, DBAPIError) and getattr(e.orig, "sqlstate", None) == "40P01"


UPSERTS: dict[str, Any] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}


def upsert(conn: Connection, table: Table) -> Any:
    """An INSERT of the connection's dialect, which knows ON CONFLICT."""
    return UPSERTS[conn.dialect.name](table)


def migrate(url: str, to: str = "head") -> None:
    """Brings the ledger at `url` to the version `to`, the newest; makes the SQLite file and its folder if need be."""
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        if not parsed.database:
            raise SettingsError("the ledger needs a file: sqlite:///path/to/qiantai.db")
        Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
        engine = _sqlite_engine(parsed, read_only=False)
        with engine.begin() as conn:
            _upgrade(conn, to)
        engine.dispose()
        return

    async def upgrade() -> None:
        engine = create_async_engine(parsed.set(drivername="postgresql+asyncpg"))
        async with engine.begin() as conn:
            # Two houses that start at once must not both create the tables.
            await conn.execute(text("SELECT pg_advisory_xact_lock(12363)"))
            await conn.run_sync(_upgrade, to)
        await engine.dispose()

    asyncio.run(upgrade())


def _upgrade(conn: Connection, to: str) -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["connection"] = conn
    command.upgrade(config, to)

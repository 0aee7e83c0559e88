"""The engines: one bad operation harms nobody, readers do not hold writers back, a full or locked database says so."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, func, insert, select, text
from sqlalchemy.exc import IntegrityError

import cases.tables  # noqa: F401  (the register's tables stand beside the ledger's)
from core import store as stores
from core.errors import LedgerBusy, SettingsError
from core.store import Store, migrate
from core.tables import faq_version, metadata, visit
from tests.conftest import NOON
from tests.servers import Postgres


def add(name: str):
    """An operation that adds one row; a second time is an IntegrityError."""

    def op(conn: Connection) -> str:
        conn.execute(insert(faq_version).values(id=name, entries=1, published_at=NOON))
        return name

    return op


def names(conn: Connection) -> set[str]:
    return set(conn.execute(select(faq_version.c.id)).scalars())


async def test_a_written_row_is_read_back(store: Store) -> None:
    assert await store.write(add("a")) == "a"
    assert await store.read(names) == {"a"}


async def test_one_bad_operation_does_not_roll_back_the_strangers_that_share_its_commit(store: Store) -> None:
    await store.write(add("twice"))
    done = await asyncio.gather(*(store.write(add(n)) for n in ("a", "twice", "b", "c")), return_exceptions=True)
    assert [r if isinstance(r, str) else type(r) for r in done] == ["a", IntegrityError, "b", "c"]
    assert await store.read(names) == {"twice", "a", "b", "c"}


async def test_an_operation_that_fails_half_way_leaves_nothing(store: Store) -> None:
    def half(conn: Connection) -> None:
        add("half")(conn)
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        await store.write(half)
    assert await store.read(names) == set()


async def test_operations_that_arrive_together_share_a_commit(store: Store) -> None:
    before = store.commits
    await asyncio.gather(*(store.write(add(str(n))) for n in range(200)))
    assert store.commits - before <= 2 + stores.PG_LANES
    assert len(await store.read(names)) == 200


async def test_a_cancelled_caller_does_not_stop_the_others(store: Store) -> None:
    first = asyncio.ensure_future(store.write(add("first")))
    second = asyncio.ensure_future(store.write(add("second")))
    await asyncio.sleep(0)
    first.cancel()
    assert await second == "second"


async def test_a_reader_cannot_write(store: Store) -> None:
    with pytest.raises(Exception, match=r"readonly|read-only"):
        await store.read(add("sneaked in"))


async def test_closing_commits_what_was_queued(ledger_url: str) -> None:
    ledger = await Store.open(ledger_url)
    writing = [asyncio.ensure_future(ledger.write(add(str(n)))) for n in range(20)]
    await asyncio.sleep(0)
    await ledger.close()
    assert len(await asyncio.gather(*writing)) == 20


async def test_the_migrations_lead_to_exactly_the_tables(store: Store) -> None:
    def difference(conn: Connection) -> list[object]:
        # The index of words is a table of each database's own kind, which no definition of ours covers.
        ours = {"include_name": lambda name, kind, _: kind != "table" or not name.startswith("case_words")}
        return compare_metadata(MigrationContext.configure(conn, opts=ours), metadata)

    assert await store.read(difference) == []


def test_migrating_twice_changes_nothing(ledger_url: str) -> None:
    migrate(ledger_url)


def test_a_ledger_without_a_file_is_refused() -> None:
    with pytest.raises(SettingsError, match="needs a file"):
        migrate("sqlite://")


# SQLite alone -----------------------------------------------------------------------------------------------------


@pytest.fixture
async def sqlite_store(tmp_path: Path) -> AsyncIterator[Store]:
    migrate(f"sqlite:///{tmp_path}/q.db")
    ledger = await Store.open(f"sqlite:///{tmp_path}/q.db")
    yield ledger
    await ledger.close()


async def test_a_commit_is_on_the_disk_before_it_is_answered(sqlite_store: Store) -> None:
    def pragmas(conn: Connection) -> tuple[str, int, int]:
        return tuple(
            conn.execute(text(f"PRAGMA {p}")).scalar_one() for p in ("journal_mode", "synchronous", "foreign_keys")
        )  # type: ignore[return-value]

    assert await sqlite_store.write(pragmas) == ("wal", 2, 1)  # 2 is FULL


async def test_a_long_reader_does_not_hold_a_writer_back(sqlite_store: Store) -> None:
    await sqlite_store.write(add("before"))
    entered, leave = threading.Event(), threading.Event()

    def long(conn: Connection) -> set[str]:
        found = names(conn)
        entered.set()
        assert leave.wait(10)
        return found | names(conn)

    reading = asyncio.ensure_future(sqlite_store.read(long))
    await asyncio.to_thread(entered.wait, 10)
    assert await sqlite_store.write(add("during")) == "during"
    leave.set()
    assert await reading == {"before"}  # and it saw one moment of the ledger, not two


async def test_a_locked_database_is_waited_for(sqlite_store: Store, tmp_path: Path) -> None:
    other = sqlite3.connect(tmp_path / "q.db", isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    writing = asyncio.ensure_future(sqlite_store.write(add("late")))
    await asyncio.sleep(0)
    assert not writing.done()
    other.execute("ROLLBACK")
    assert await writing == "late"
    other.close()


async def test_a_database_that_stays_locked_refuses_and_recovers(
    sqlite_store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stores, "RETRY_FOR", 0.0)
    other = sqlite3.connect(tmp_path / "q.db", isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    with pytest.raises(LedgerBusy, match="locked"):
        await sqlite_store.write(add("never"))
    other.execute("ROLLBACK")
    other.close()
    assert await sqlite_store.write(add("now")) == "now"
    assert await sqlite_store.read(names) == {"now"}


async def test_a_full_disk_refuses_every_operation_of_the_commit_and_recovers(sqlite_store: Store) -> None:
    def limit(pages: int):
        return lambda conn: conn.execute(text(f"PRAGMA max_page_count={pages}")).scalar_one()

    used = await sqlite_store.write(lambda conn: conn.execute(text("PRAGMA page_count")).scalar_one())
    await sqlite_store.write(limit(used))

    def large(conn: Connection) -> None:
        conn.execute(insert(faq_version).values(id="x" * 100_000, entries=1, published_at=NOON))

    with pytest.raises(LedgerBusy, match="full"):
        await sqlite_store.write(large)
    await sqlite_store.write(limit(used + 1000))
    await sqlite_store.write(large)
    assert (
        await sqlite_store.read(lambda conn: conn.execute(select(func.count()).select_from(faq_version)).scalar()) == 1
    )


async def test_a_commit_that_the_database_refuses_leaves_nothing_behind_on_the_connection(sqlite_store: Store) -> None:
    def nobodys(conn: Connection) -> None:
        conn.execute(text("PRAGMA defer_foreign_keys = ON"))  # found out at the commit only
        conn.execute(insert(visit).values(conversation_id="nobody", opened_at=NOON, first_seq=1))

    with pytest.raises(LedgerBusy, match="FOREIGN KEY"):
        await sqlite_store.write(nobodys)
    assert await sqlite_store.write(add("next")) == "next"
    assert await sqlite_store.read(lambda conn: conn.execute(select(func.count()).select_from(visit)).scalar()) == 0
    assert await sqlite_store.read(names) == {"next"}


# PostgreSQL alone -------------------------------------------------------------------------------------------------


async def test_a_cut_connection_is_made_again(postgres_server: Postgres) -> None:
    url = postgres_server.create("cut")
    await asyncio.to_thread(migrate, url)
    ledger = await Store.open(url)
    await ledger.write(add("before"))
    await asyncio.to_thread(postgres_server.cut_connections, "cut")
    assert await ledger.write(add("after")) == "after"
    assert await ledger.read(names) == {"before", "after"}
    await ledger.close()
    postgres_server.drop("cut")

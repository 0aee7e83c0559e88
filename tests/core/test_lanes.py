"""Several transactions in flight: no deadlocks, nothing lost at the end; connections that are cut or fall silent."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress

import pytest
from sqlalchemy import Connection, Engine, event, text
from sqlalchemy.engine import make_url
from structlog.testing import capture_logs

from core import store as stores
from core.inbox import Inbox
from core.model import ChannelId, Inbound
from core.store import PG_LANES, Store, migrate
from core.vault import Vault
from tests.conftest import Clock
from tests.core.test_store import add, names
from tests.servers import Postgres
from tests.waiting import PATIENCE

WEB = ChannelId("web")


@pytest.fixture
async def postgres_url(postgres_server: Postgres, request: pytest.FixtureRequest) -> AsyncIterator[str]:
    name = f"lanes_{abs(hash(request.node.name))}"
    url = postgres_server.create(name)
    await asyncio.to_thread(migrate, url)
    yield url
    postgres_server.drop(name)


@pytest.fixture
def errors() -> Iterator[list[str]]:
    """What the database refused, those included that were mended without a word."""
    seen: list[str] = []

    def note(context: object) -> None:
        seen.append(str(getattr(context, "original_exception", context)))

    event.listen(Engine, "handle_error", note)
    yield seen
    event.remove(Engine, "handle_error", note)


def count_up(name: str):
    """An operation that locks the row `name`."""

    def op(conn: Connection) -> str:
        conn.execute(text("UPDATE faq_version SET entries = entries + 1 WHERE id = :id"), {"id": name})
        return name

    return op


async def counts(ledger: Store) -> dict[str, int]:
    query = text("SELECT id, entries FROM faq_version")
    return await ledger.read(lambda conn: {row[0]: row[1] for row in conn.execute(query)})


async def two_rows(ledger: Store) -> None:
    for name in "ab":
        await ledger.write(add(name))


async def crossing(ledger: Store, *, named: bool, rounds: int, lanes: int) -> None:
    """Lets `lanes` change the same two rows, every second one in the other order."""
    for _ in range(rounds):
        order = "abba" * (lanes // 2)
        done = await asyncio.gather(*(ledger.write(count_up(name), name if named else "") for name in order))
        assert "".join(done) == order


# Deadlocks --------------------------------------------------------------------------------------------------------


async def test_lanes_that_change_the_same_conversations_never_wait_for_each_other_in_a_circle(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch, errors: list[str]
) -> None:
    monkeypatch.setattr(stores, "BATCH", 2)
    ledger = await Store.open(postgres_url)
    await two_rows(ledger)
    await crossing(ledger, named=True, rounds=10, lanes=PG_LANES)
    assert await counts(ledger) == {"a": 1 + 10 * PG_LANES, "b": 1 + 10 * PG_LANES}
    await ledger.close()
    assert errors == []


async def test_messages_of_the_same_people_taken_in_any_order_never_deadlock(
    postgres_url: str, vault: Vault, clock: Clock, monkeypatch: pytest.MonkeyPatch, errors: list[str]
) -> None:
    monkeypatch.setattr(stores, "BATCH", 10)
    ledger = await Store.open(postgres_url)
    inbox = Inbox(ledger, vault)

    async def accept(sender: int, number: str) -> int:
        said = Inbound(sender=f"s{sender}", external_id=f"{sender}-{number}", text="hello")
        return (await inbox.accept(channel=WEB, kind="web", inbound=said, now=clock())).seq

    for n in range(6):
        people = [*range(10), *reversed(range(10))] * (PG_LANES // 2)
        await asyncio.gather(*(accept(sender, f"{n}-{place}") for place, sender in enumerate(people)))
    assert sorted([await accept(sender, "last") for sender in range(10)]) == [6 * PG_LANES + 1] * 10
    await ledger.close()
    assert errors == []


async def test_operations_that_deadlock_all_the_same_are_done_one_by_one(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch, errors: list[str]
) -> None:
    ledger = await Store.open(postgres_url)
    name = make_url(postgres_url).database
    await ledger.write(lambda conn: conn.execute(text(f"ALTER DATABASE {name} SET deadlock_timeout = '20ms'")) and None)
    await ledger.close()
    monkeypatch.setattr(stores, "BATCH", 2)
    ledger = await Store.open(postgres_url)
    await two_rows(ledger)
    rounds = 0
    with capture_logs() as logs:
        while not any("deadlock" in one for one in errors):  # until then this test shows nothing
            assert rounds < 90, "they never met"
            await crossing(ledger, named=False, rounds=3, lanes=2)
            rounds += 3
    assert await counts(ledger) == {"a": 1 + rounds * 2, "b": 1 + rounds * 2}
    await ledger.close()
    assert [line["event"] for line in logs] == []


# The end ----------------------------------------------------------------------------------------------------------


async def test_closing_waits_for_the_commit_that_is_under_way_and_tells_its_caller(ledger_url: str) -> None:
    ledger = await Store.open(ledger_url)
    loop, entered, leave = asyncio.get_running_loop(), asyncio.Event(), threading.Event()

    def late(conn: Connection) -> str:
        loop.call_soon_threadsafe(entered.set)
        if conn.dialect.name == "sqlite":  # in a thread; the other one waits for the network below
            assert leave.wait(PATIENCE)
        return add("late")(conn)

    writing = asyncio.ensure_future(ledger.write(late))
    await entered.wait()
    closing = asyncio.ensure_future(ledger.close())
    await asyncio.sleep(0)
    leave.set()
    await closing
    assert await asyncio.wait_for(writing, PATIENCE) == "late"
    again = await Store.open(ledger_url)
    assert await again.read(names) == {"late"}
    await again.close()


# Connections ------------------------------------------------------------------------------------------------------


async def test_a_read_after_a_cut_connection_is_made_on_a_new_one(postgres_url: str, postgres_server: Postgres) -> None:
    ledger = await Store.open(postgres_url)
    await ledger.write(add("before"))
    assert await ledger.read(names) == {"before"}
    await asyncio.to_thread(postgres_server.cut_connections, str(make_url(postgres_url).database))
    assert await ledger.read(names) == {"before"}
    await ledger.close()


class Wire:
    """Stands between the house and PostgreSQL; `fall_silent` swallows what the connections of now say, no reset."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._tasks: set[asyncio.Task[None]] = set()
        self._silent: set[asyncio.Task[None]] = set()

    async def start(self) -> int:
        self._server = await asyncio.start_server(self._meet, "127.0.0.1", 0)
        return self._server.sockets[0].getsockname()[1]

    def fall_silent(self) -> int:
        self._silent = set(self._tasks)
        return len(self._silent) // 2

    async def stop(self) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _meet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._port)
        for source, target in ((reader, far_writer), (far_reader, writer)):
            self._tasks.add(asyncio.create_task(self._carry(source, target)))

    async def _carry(self, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        try:
            while data := await source.read(65536):
                if asyncio.current_task() not in self._silent:
                    target.write(data)
                    await target.drain()
        except ConnectionError:
            pass
        finally:
            target.close()
            with suppress(ConnectionError):
                await target.wait_closed()


async def test_a_connection_that_falls_silent_is_given_up_and_the_write_goes_through_on_another(
    postgres_url: str, postgres_server: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stores, "PG_COMMAND", 0.3)
    wire = Wire(postgres_server.port)
    ledger = await Store.open(make_url(postgres_url).set(port=await wire.start()).render_as_string(hide_password=False))
    await ledger.write(add("before"))
    assert wire.fall_silent() == 1
    async with asyncio.timeout(PATIENCE):
        assert await ledger.write(add("after")) == "after"
        assert await ledger.read(names) == {"before", "after"}
        await ledger.close()
    await wire.stop()

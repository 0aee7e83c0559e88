"""What every test may ask for: a migrated ledger on SQLite or PostgreSQL, a vault, a clock that stands still."""

from __future__ import annotations

import gc
import itertools
import os
import shutil
import signal
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

from core.store import Store, migrate
from core.vault import Vault
from tests.servers import Postgres, postgres

NOON = datetime(2026, 11, 21, 4, 0, tzinfo=UTC)  # 12:00 in Beijing
_databases = itertools.count()

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A shell without job control starts what stands before a `&` with Ctrl-C ignored, and so would every program
    # that a test starts; the tests of Ctrl-C then wait for an end that never comes.
    signal.signal(signal.SIGINT, signal.default_int_handler)


# What shares a house, a gateway or a search that takes long to make: one process runs it all, else each makes its own.
# By the beginnings of test ids, since pytest 9.2 keeps xdist from adding the marks of `xdist_group` to them.
TOGETHER = ("tests/flow/", "tests/kannel/", "tests/faq/test_search.py", "tests/faq/test_encoder.py")


class _Together(LoadScopeScheduling):
    def _split_scope(self, nodeid: str) -> str:
        return next((start for start in TOGETHER if nodeid.startswith(start)), nodeid)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadScopeScheduling:
    return _Together(config, log)


def pytest_collection_finish() -> None:
    # Thousands of collected tests stay to the end: walking them on every full collection took 0.7 s, and a test that
    # waits a second for an answer saw none.
    gc.collect()
    gc.freeze()


class Clock:
    """A clock that moves only when told to."""

    def __init__(self, now: datetime = NOON) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def forward(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="session")
def vault(tmp_path_factory: pytest.TempPathFactory) -> Vault:
    return Vault.create(tmp_path_factory.mktemp("keys") / "keys.json")


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Postgres]:
    with postgres() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A database without tables; the test runs once on each kind."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/qiantai.db"
        return
    server: Postgres = request.getfixturevalue("postgres_server")
    name = f"ledger_{os.getpid()}_{next(_databases)}"
    yield server.create(name)
    server.drop(name)


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated ledger that is only copied: migrating anew for each test takes ten times as long."""
    file = tmp_path_factory.mktemp("migrated") / "qiantai.db"
    migrate(f"sqlite:///{file}")
    return file


@pytest.fixture(scope="session")
def migrated_database(postgres_server: Postgres) -> str:
    name = f"migrated_{os.getpid()}"
    migrate(postgres_server.create(name))
    return name


@pytest.fixture(params=["sqlite", "postgresql"])
def ledger_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """An empty, migrated ledger; the test runs once on each database."""
    if request.param == "sqlite":
        file = tmp_path / "qiantai.db"
        shutil.copyfile(request.getfixturevalue("migrated_file"), file)
        yield f"sqlite:///{file}"
        return
    server: Postgres = request.getfixturevalue("postgres_server")
    name = f"ledger_{os.getpid()}_{next(_databases)}"
    yield server.create(name, like=request.getfixturevalue("migrated_database"))
    server.drop(name)


@pytest.fixture
async def store(ledger_url: str) -> AsyncIterator[Store]:
    ledger = await Store.open(ledger_url)
    yield ledger
    await ledger.close()

"""One migrated ledger per file and database: tests of the register open cases of their own beside each other's."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator

import pytest

from core.store import Store, migrate
from tests.cases.given import bank
from tests.servers import Postgres


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def register_url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A migrated ledger; the file's tests run once on each database."""
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path_factory.mktemp('register')}/qiantai.db"
        migrate(url)
        yield url
        return
    server: Postgres = request.getfixturevalue("postgres_server")
    name = f"register_{os.getpid()}_{request.module.__name__.rsplit('.', 1)[-1]}"
    url = server.create(name)
    migrate(url)
    yield url
    server.drop(name)


@pytest.fixture
async def store(register_url: str) -> AsyncIterator[Store]:
    ledger = await Store.open(register_url)
    await ledger.write(bank)
    yield ledger
    await ledger.close()

"""The ground a house stands on: its data folder held for one process, its keys, its ledger's tables."""

from __future__ import annotations

import asyncio
import fcntl
import os
from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from door.cli.common import ledger, reaching, say, sqlite_file
from door.cli.exits import Exit, fail

if TYPE_CHECKING:
    from core.settings import Settings
    from core.vault import Vault

LOCK = "house.lock"  # in the data folder; held as long as a house runs on it


@contextmanager
def sole_house(house: Settings) -> Generator[None]:
    """Holds the data folder: one house per folder, no restore under a running one. The lock ends with the process."""
    try:
        house.data.mkdir(parents=True, exist_ok=True)
        file = (house.data / LOCK).open("a+")
    except OSError as e:
        fail(Exit.SETUP, f"the data folder {house.data} cannot be used ({e.strerror}): mend its rights or QIANTAI_DATA")
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            who = file.read().strip()
            fail(
                Exit.TAKEN, f"a house runs on {house.data} already (process {who}): stop it first, or set QIANTAI_DATA"
            )
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield


def versions() -> list[str]:
    """The ledger's migrations that this version knows, the newest first."""
    from alembic.script import ScriptDirectory

    import core.migrations

    return [script.revision for script in ScriptDirectory(core.migrations.__path__[0]).walk_revisions()]


def running(house: Settings) -> str | None:
    """The process number of the house that runs on this data folder, "" if it left none; None if none runs."""
    try:
        with (house.data / LOCK).open() as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return file.read().strip()
    except OSError:
        return None
    return None


def open_keys(house: Settings) -> Vault:
    """The vault, new for a new house. A ledger whose key file is missing gets none: what it seals would be lost."""
    from core.vault import Vault

    if house.key_file.exists():
        return Vault.open(house.key_file)
    file = sqlite_file(house)
    if file is not None and file.exists():
        fail(
            Exit.REFUSED,
            f"the key file {house.key_file} is missing, but there is a ledger ({file}) sealed with it. "
            "Put the key file back from your backup. Only if the data may be lost: move the ledger away.",
        )
    vault = Vault.create(house.key_file)
    say(f"Made the keys that protect personal data: {house.key_file}. Keep a copy of it, apart from the ledger.")
    return vault


def prepare_ledger(house: Settings) -> None:
    """Keys that fit, and the tables of this version."""
    from core.store import migrate as migrate_ledger

    vault = open_keys(house)
    with reaching(house):
        migrate_ledger(house.ledger_url)
    if not asyncio.run(_fits(house, vault)):
        fail(
            Exit.REFUSED,
            f"the key file {house.key_file} is not the one this ledger was sealed with: put that one back from your "
            "backup, or set QIANTAI_KEY_FILE",
        )


async def _fits(house: Settings, vault: Vault) -> bool:
    """Whether `vault` opens what lies sealed in the ledger; an empty ledger fits any."""
    from sqlalchemy import select

    from core.errors import VaultError
    from core.tables import address

    async with ledger(house) as store:
        query = select(address.c.conversation_id, address.c.sealed).limit(1)
        row = await store.read(lambda conn: conn.execute(query).one_or_none())
    if row is None:
        return True
    try:
        vault.unseal(row.sealed, context=row.conversation_id)
    except VaultError:
        return False
    return True

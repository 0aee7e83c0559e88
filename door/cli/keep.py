"""`backup` and `restore` of a SQLite ledger: a consistent copy beside a running house, and the way back.

A backup is a folder: `qiantai.db`, `manifest.json` (written last: without it the folder is no backup) and, only when
asked for, `keys.json`. The keys are kept apart by default, because ledger and keys together are the personal data.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import shutil
import sqlite3
import time
from contextlib import closing
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from door.cli.common import Json, called_from, dump, say, settings, sqlite_file
from door.cli.exits import Exit, fail
from door.cli.premises import sole_house, versions

if TYPE_CHECKING:
    from core.settings import Settings

FORMAT = 1
LEDGER, KEYS, MANIFEST = "qiantai.db", "keys.json", "manifest.json"
PAGES = 2000  # copied between two looks at the clock: 8 MB, so that a writing house is never held up for long
TELL = 2.0  # seconds between two lines of progress
PG_BACKUP = (
    "this ledger is a PostgreSQL database: back it up with its own tools, for example `pg_dump --format=custom "
    '--file=qiantai.dump "$QIANTAI_DATABASE_URL"`, and keep a copy of the key file apart from it'
)
PG_RESTORE = (
    "this ledger is a PostgreSQL database: restore it with its own tools, for example `pg_restore --clean --if-exists "
    '--dbname="$QIANTAI_DATABASE_URL" qiantai.dump` while no house runs, put the key file back, then ./qiantai migrate'
)


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """What a backup says of itself."""

    format: int
    qiantai: str  # version of the program
    schema: str  # newest migration in the ledger
    keys: str  # a keyed fingerprint: tells whether a key file fits, gives nothing of it away
    made_at: str  # ISO 8601, UTC
    bytes: int  # of the ledger
    sha256: str  # of the ledger


def backup(
    folder: Annotated[
        Path | None, typer.Argument(help="New folder for the backup; default {data}/backups/<time>.")
    ] = None,
    with_keys: Annotated[
        bool, typer.Option("--with-keys", help="Put the key file into it, too. Guard it well.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Copy the ledger, consistent even beside a running house. The key file stays out unless asked for."""
    house = settings()
    file = _file(house, PG_BACKUP)
    if not file.exists():
        fail(Exit.AWAY, f"there is no ledger at {file}: nothing to back up")
    vault_print = _fingerprint(house.key_file)
    now = datetime.now(UTC)
    target = called_from(folder) if folder else _unused(house.data / "backups" / _stamp())
    if target.exists() and any(target.iterdir()):
        fail(Exit.REFUSED, f"{target} is not empty: name a new folder")
    try:
        target.mkdir(parents=True, exist_ok=True, mode=0o700)
        schema = _copy_online(file, target / LEDGER)
        if with_keys:
            shutil.copyfile(house.key_file, target / KEYS)
            (target / KEYS).chmod(0o600)
        size, digest = _measure(target / LEDGER)
        manifest = Manifest(
            format=FORMAT,
            qiantai=version(),
            schema=schema,
            keys=vault_print,
            made_at=now.isoformat(),
            bytes=size,
            sha256=digest,
        )
        _write_durably(target / MANIFEST, json.dumps(asdict(manifest), indent=1).encode())
    except (OSError, sqlite3.Error) as e:
        fail(Exit.AWAY, f"the backup could not be written to {target} ({e}). What lies there is no backup: remove it.")
    if as_json:
        dump({"folder": str(target), "with_keys": with_keys, **asdict(manifest)})
        return
    say(f"Backed up {size / 1e6:.1f} MB to {target}")
    if not with_keys:
        say(f"The key file {house.key_file} is not in it: keep a copy elsewhere; without it nothing can be read.")


def restore(
    folder: Annotated[Path, typer.Argument(help="A folder that `backup` made.")],
    with_keys: Annotated[bool, typer.Option("--with-keys", help="Also put back the key file that lies in it.")] = False,
    as_json: Json = False,
) -> None:
    """Put a backup in the ledger's place; the ledger that was there is kept beside it.

    Refuses while a house runs, when the key file does not fit, when the copy is damaged, and when it comes from a newer
    version.
    """
    house = settings()
    file = _file(house, PG_RESTORE)
    source = called_from(folder)
    with sole_house(house):
        manifest = _read(source)
        _refuse_newer(manifest)
        if with_keys:
            _put_keys(source / KEYS, house.key_file)
        if _fingerprint(house.key_file) != manifest.keys:
            fail(
                Exit.REFUSED,
                f"the key file {house.key_file} is not the one this backup was made with: put that one back first",
            )
        try:
            aside = _replace(source / LEDGER, file, manifest)
        except (OSError, sqlite3.Error) as e:
            fail(Exit.REFUSED, f"the ledger was left as it was: {e}")
        from core.store import migrate

        migrate(house.ledger_url)
    if as_json:
        dump({"ledger": str(file), "aside": str(aside) if aside else None, **asdict(manifest)})
        return
    say(f"Restored the ledger of {manifest.made_at} to {file}.")
    if aside:
        say(f"The ledger that was there is now {aside}; remove it when you are sure.")


def version() -> str:
    """The version in pyproject.toml."""
    import tomllib

    return str(tomllib.loads(Path("pyproject.toml").read_text())["project"]["version"])


def _file(house: Settings, otherwise: str) -> Path:
    return sqlite_file(house) or fail(Exit.REFUSED, otherwise)


def _fingerprint(key_file: Path) -> str:
    from core.vault import Vault

    if not key_file.exists():
        fail(Exit.REFUSED, f"the key file {key_file} is missing: put it back from where you keep it")
    return Vault.open(key_file).fingerprint("backup")


def _copy_online(file: Path, target: Path) -> str:
    """Copies the ledger page by page while others write, and returns the newest migration in the copy."""
    told = time.monotonic()

    def progress(_: int, remaining: int, total: int) -> None:
        nonlocal told
        if time.monotonic() - told > TELL:
            told = time.monotonic()
            say(f"{100 - 100 * remaining // max(total, 1)} % copied")

    target.touch(mode=0o600)
    source, copy = sqlite3.connect(f"file:{file}?mode=ro", uri=True), sqlite3.connect(target)
    try:
        source.backup(copy, pages=PAGES, progress=progress)
        copy.execute("PRAGMA journal_mode=DELETE")  # one file, no -wal beside it
        return str(copy.execute("SELECT version_num FROM alembic_version").fetchone()[0])
    finally:
        source.close()
        copy.close()


def _measure(file: Path) -> tuple[int, str]:
    """Size in bytes and SHA-256 of a file."""
    with file.open("rb") as opened:
        digest = hashlib.file_digest(opened, "sha256").hexdigest()
        os.fsync(opened.fileno())
    return file.stat().st_size, digest


def _write_durably(file: Path, content: bytes) -> None:
    partial = file.with_name(file.name + ".part")
    with partial.open("wb") as opened:
        opened.write(content)
        opened.flush()
        os.fsync(opened.fileno())
    partial.replace(file)


def _read(source: Path) -> Manifest:
    """The manifest of a backup whose ledger is the one it describes."""
    try:
        manifest = Manifest(**json.loads((source / MANIFEST).read_bytes()))
    except FileNotFoundError:
        fail(Exit.REFUSED, f"{source} is no backup: it has no {MANIFEST}")
    except (OSError, ValueError, TypeError) as e:
        fail(Exit.REFUSED, f"{source / MANIFEST} cannot be read ({e})")
    if manifest.format > FORMAT:
        fail(Exit.REFUSED, f"this backup was made by a newer Qiantai ({manifest.qiantai}): update this one first")
    try:
        measured = _measure(source / LEDGER)
    except OSError as e:
        fail(Exit.REFUSED, f"{source / LEDGER} cannot be read ({e.strerror})")
    if measured != (manifest.bytes, manifest.sha256):
        fail(
            Exit.REFUSED,
            f"{source / LEDGER} is damaged: it is not the file that {MANIFEST} describes. Take another backup.",
        )
    return manifest


def _refuse_newer(manifest: Manifest) -> None:
    if manifest.schema not in versions():
        fail(
            Exit.REFUSED,
            f"this backup's ledger has tables of a newer Qiantai ({manifest.qiantai}, {manifest.schema}): "
            "update this one first",
        )


def _put_keys(source: Path, key_file: Path) -> None:
    if not source.exists():
        fail(Exit.REFUSED, f"there is no {KEYS} in this backup: put the key file back from where you keep it")
    if key_file.exists():
        if key_file.read_bytes() != source.read_bytes():
            fail(Exit.REFUSED, f"{key_file} exists and is another key file: move it away first if it is not needed")
        return
    key_file.parent.mkdir(parents=True, exist_ok=True)
    key_file.touch(mode=0o600)
    shutil.copyfile(source, key_file)


def _replace(copy: Path, file: Path, manifest: Manifest) -> Path | None:
    """Puts `copy` in the ledger's place in one step; the old ledger's new name, None if there was none."""
    file.parent.mkdir(parents=True, exist_ok=True)
    incoming = file.with_name(file.name + ".restoring")
    try:
        shutil.copyfile(copy, incoming)
        incoming.chmod(0o600)
        if _measure(incoming)[1] != manifest.sha256:
            raise OSError(f"{copy} changed while it was read")
        with closing(sqlite3.connect(incoming)) as opened:
            verdict = opened.execute("PRAGMA integrity_check").fetchone()[0]
        if verdict != "ok":
            raise sqlite3.DatabaseError(f"the copy is damaged inside: {verdict}")
        aside = _put_aside(file) if file.exists() else None
        incoming.replace(file)
    finally:
        incoming.unlink(missing_ok=True)
    return aside


def _put_aside(file: Path) -> Path:
    """Keeps the old ledger under a second name, whatever state it is in; that name."""
    aside = _unused(file.with_name(f"{file.name}.before-{_stamp()}"))
    beside = [(file.with_name(file.name + rest), aside.with_name(aside.name + rest)) for rest in ("-wal", "-shm")]
    try:
        with closing(sqlite3.connect(file)) as old:
            old.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # everything into the one file that is moved
        os.link(file, aside)  # a second name, so that there is a ledger at every moment
    except (OSError, sqlite3.Error):
        # Damaged, or a disk without links. What is not in the one file yet goes with it: somebody may mend it by hand.
        file.rename(aside)
        for old_name, new_name in beside:
            if old_name.exists():
                old_name.rename(new_name)
    for old_name, _ in beside:
        old_name.unlink(missing_ok=True)
    return aside


def _stamp() -> str:
    return f"{datetime.now(UTC):%Y-%m-%dT%H%M%SZ}"


def _unused(path: Path) -> Path:
    """`path`, or the first of `path`-2, `path`-3 … that does not exist."""
    names = (path if n == 1 else path.with_name(f"{path.name}-{n}") for n in itertools.count(1))
    return next(name for name in names if not name.exists())

"""What the sub-commands share: how they load settings, reach the ledger, print data and fail."""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
import sys
from collections.abc import AsyncGenerator, Callable, Generator, Iterable, Sequence
from contextlib import asynccontextmanager, contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from door.cli.exits import Exit, fail

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from core.settings import Settings
    from core.store import Store

T = TypeVar("T")

DAMAGED = "Put a backup in its place with ./qiantai restore (the damaged file is kept)"

Json = Annotated[bool, typer.Option("--json", help="Data for machines on stdout instead of a table.")]


def say(text: str) -> None:
    """A line for the person, on stderr: stdout is data."""
    typer.echo(text, err=True)


def dump(data: Any) -> None:
    """One JSON value on one line of stdout; times as ISO 8601."""
    typer.echo(json.dumps(data, ensure_ascii=False, default=_plain))


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else str(value)


def table(columns: Sequence[str], rows: Iterable[Sequence[Any]], *, empty: str) -> None:
    """Rows for a person on stdout; `empty` is said instead of a table without rows."""
    from rich.console import Console
    from rich.table import Table

    shown = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        shown.add_column(column, overflow="fold")
    for row in rows:
        shown.add_row(*("" if cell is None else _cell(cell) for cell in row))
    if shown.row_count:
        # Into a file or a pipe nothing is folded: what reads it may count columns.
        Console(markup=False, width=None if sys.stdout.isatty() else 250).print(shown)
    else:
        say(empty)


def _cell(value: Any) -> str:
    return value.strftime("%Y-%m-%d %H:%M:%SZ") if isinstance(value, datetime) else str(value)


def settings() -> Settings:
    """The settings of this checkout: environment, secret files, qiantai.toml. SettingsError lists every problem."""
    from core.settings import load

    return load()


def called_from(path: Path) -> Path:
    """`path` as the person meant it: relative to the folder in which the command was typed."""
    return Path(os.environ.get("CALLED_FROM", ".")) / path


def sqlite_file(house: Settings) -> Path | None:
    """The ledger's file; None if the ledger is a PostgreSQL database."""
    scheme, _, path = house.ledger_url.partition(":///")
    return Path(path) if scheme.startswith("sqlite") else None


def address(house: Settings) -> str:
    """Where the house of these settings answers, seen from this machine."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(house.host, house.host)  # noqa: S104  (read, not bound)
    return f"http://{f'[{host}]' if ':' in host else host}:{house.port}"


@contextmanager
def reaching(house: Settings) -> Generator[None]:
    """Inside, a ledger that cannot be used is one sentence."""
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield
    except (OSError, SQLAlchemyError) as e:
        reason = str(getattr(e, "orig", None) or e).strip().splitlines()[0]
        where = sqlite_file(house) or house.shown()["database_url"]
        advice = f"{DAMAGED}, or set QIANTAI_DATABASE_URL" if is_damaged(e) else "Mend it, or QIANTAI_DATABASE_URL"
        fail(Exit.AWAY, f"the ledger {where} cannot be used: {reason}. {advice}.")


def is_damaged(e: BaseException) -> bool:
    """Does SQLite say that the file itself is broken, so that only a backup helps?"""
    code = getattr(getattr(e, "orig", e), "sqlite_errorcode", None)
    return code is not None and code & 0xFF in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


@asynccontextmanager
async def ledger(house: Settings) -> AsyncGenerator[Store]:
    """The ledger, which must be there and of this version; beside a running house this is safe."""
    from core.store import Store

    file = sqlite_file(house)
    if file is not None and not file.exists():
        fail(Exit.AWAY, f"there is no ledger at {file}: start the house once (./qiantai up) or run ./qiantai migrate")
    with reaching(house):
        store = await Store.open(house.ledger_url)
        try:
            yield store
        finally:
            await store.close()


def read_ledger(house: Settings, query: Callable[[Connection], T]) -> T:
    """What `query` reads in the ledger."""

    async def run() -> T:
        async with ledger(house) as store:
            return await store.read(query)

    return asyncio.run(run())


def write_ledger(house: Settings, op: Callable[[Connection], T]) -> T:
    """What `op` returns once it is committed to the ledger."""

    async def run() -> T:
        async with ledger(house) as store:
            return await store.write(op)

    return asyncio.run(run())

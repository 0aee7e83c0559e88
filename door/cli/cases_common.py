"""What the commands of the register share: how they reach it, what they are given, how it is told."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from door.cli.common import called_from, read_ledger, write_ledger
from door.cli.common import settings as load_settings
from door.cli.exits import Exit, fail

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from cases.model import Case
    from core.vault import Vault

T = TypeVar("T")

STDIN = "-"
INSTANT = timedelta(microseconds=1)

Number = Annotated[str, typer.Argument(metavar="CASE", help="A case's number, in any way it is written.")]


def read_register(query: Callable[[Connection], T]) -> T:
    """What `query` reads in the ledger of this checkout."""
    return read_ledger(load_settings(), query)


def write_register(op: Callable[[Connection], T]) -> T:
    """What `op` returns once it is committed."""
    return write_ledger(load_settings(), op)


def open_vault() -> Vault:
    """The keys of this checkout."""
    from core.vault import Vault

    return Vault.open(load_settings().key_file)


@contextmanager
def explained(listing: str = "./qiantai cases list") -> Generator[None]:
    """Inside, what the register refuses is a sentence that says what to do next; `listing` shows what there is."""
    from cases.model import BadCase, Conflict
    from cases.states import IllegalAct
    from core.errors import NotFound

    try:
        yield
    except BadCase as e:
        fail(Exit.USAGE, str(e))
    except NotFound as e:
        fail(Exit.FOUND, f"{e}; {listing} shows what there is")
    except Conflict as e:
        fail(Exit.FOUND, f"{e}; look at it with ./qiantai cases show, then do it again")
    except IllegalAct as e:
        how = "; give each as --fact name=value" if re.search(" needs | not done without ", str(e)) else ""
        fail(Exit.FOUND, f"{e}{how}")


def number(given: str) -> str:
    """A case's number as the register writes it."""
    from cases.numbers import read_case_no

    try:
        return read_case_no(given)
    except ValueError as e:
        fail(Exit.USAGE, f"{given}: {e}; ./qiantai cases list shows what there is")


def facts_of(given: Sequence[str]) -> dict[str, object]:
    """Facts as `name=value`, whole numbers as such."""
    from cases.register import NUMBERS

    found: dict[str, object] = {}
    for one in given:
        name, equals, value = one.partition("=")
        if not equals or not name:
            fail(Exit.USAGE, f"--fact {one}: write it as name=value")
        if name in NUMBERS and not (value.isascii() and value.isdigit() and len(value) < 19):
            fail(Exit.USAGE, f"--fact {name} is a whole number")
        found[name] = int(value) if name in NUMBERS else value
    return found


def json_of(file: Path) -> dict[str, Any]:
    """The object in the file; whatever else is there is a sentence."""
    try:
        raw = sys.stdin.buffer.read() if str(file) == STDIN else called_from(file).read_bytes()
        found: object = json.loads(raw)
    except OSError as e:
        fail(Exit.USAGE, f"{file} cannot be read: {e.strerror}")
    except (ValueError, RecursionError):
        fail(Exit.USAGE, f"{file} holds no JSON; docs/cases.md shows a case")
    if not isinstance(found, dict):
        fail(Exit.USAGE, f"{file} holds no JSON object; docs/cases.md shows a case")
    return {str(name): value for name, value in found.items()}  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]


def plain(value: Any) -> Any:
    """A value of the register as JSON."""
    from pydantic import TypeAdapter

    return TypeAdapter(value.__class__).dump_python(value, mode="json")


def minute(at: datetime | str) -> str:
    """A time as a clock in China shows it."""
    from cases.calendar import BEIJING

    return f"{(datetime.fromisoformat(at) if isinstance(at, str) else at).astimezone(BEIJING):%Y-%m-%d %H:%M}"


def until(at: datetime | str | None, now: datetime) -> str:
    """The last day in time, in China, for the first instant too late."""
    from cases.calendar import today

    if at is None:
        return ""
    end = datetime.fromisoformat(at) if isinstance(at, str) else at
    return f"{today(end - INSTANT)}{' late' if now >= end else ''}"


def limit_told(at: datetime | str | None, now: datetime) -> str:
    """The same as a part of a sentence."""
    day, _, late = until(at, now).partition(" ")
    return "" if not day else f", overdue since {day}" if late else f", in time until {day}"


def stands(case: Case, now: datetime) -> None:
    """Tells where a case stands, in a line."""
    limit = limit_told(case.due_at, now)
    typer.echo(f"{case.case_no} is {case.state.value}, with {case.owner}{limit} (version {case.version}).")

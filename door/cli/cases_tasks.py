"""`cases note`, `cases assign` and `cases tasks`: remarks, who looks after a case, what is to be done for it."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from door.cli.cases_common import (
    STDIN,
    Number,
    explained,
    facts_of,
    number,
    open_vault,
    plain,
    read_register,
    stands,
    until,
    write_register,
)
from door.cli.common import Json, dump, table
from door.cli.duty import me
from door.cli.exits import Exit, fail

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from cases.model import Case, Task

LISTING = "./qiantai cases tasks list"
KINDS = "subtask, referral, mediation, follow_up, review, compensation, root_cause, improvement, contact"

tasks = typer.Typer(no_args_is_help=True, help="What people and institutions are to do for cases.")

TaskNumber = Annotated[int, typer.Argument(metavar="TASK", help="A task's number, from `cases tasks list`.")]
Fact = Annotated[list[str] | None, typer.Option(help="A fact of its record, as name=value; repeat for several.")]
Result = Annotated[str, typer.Option(help="What came of it.")]
Due = Annotated[str, typer.Option(help="By when, in China: 2026-12-01 17:00, or a day, which counts to its end.")]


def note(
    case: Number,
    text: Annotated[str, typer.Argument(help="The remark; - for standard input, where nobody else sees it.")],
    as_json: Json = False,
) -> None:
    """Keep a remark with a case, for those who work on it."""
    from cases import register

    told = sys.stdin.read() if text == STDIN else text
    vault, now = open_vault(), datetime.now(UTC)
    with explained():
        case_no = number(case)
        found = write_register(lambda conn: register.note(conn, vault, case_no, told, actor=me(), now=now))
    _show_case(found, now, as_json)


def assign(
    case: Number,
    owner: Annotated[str, typer.Argument(help="An account, or a queue such as queue:complaints.")],
    reason: Annotated[str, typer.Option(help="Why; stands in the case's history.")] = "",
    version: Annotated[int | None, typer.Option(help="Only if the case is still of this version.")] = None,
    as_json: Json = False,
) -> None:
    """Give a case to an account, or to a queue."""
    from cases import register

    now = datetime.now(UTC)
    with explained():
        case_no = number(case)
        found = write_register(
            lambda conn: register.assign(conn, case_no, owner, actor=me(), now=now, version=version, reason=reason)
        )
    _show_case(found, now, as_json)


@tasks.command("list")
def list_tasks(
    case: Annotated[str, typer.Argument(metavar="[CASE]", help="All tasks of this case; else the open ones.")] = "",
    owner: Annotated[str, typer.Option(help="Only open tasks of this account or queue.")] = "",
    limit: Annotated[int, typer.Option(min=1, max=500, help="How many open tasks at most.")] = 50,
    as_json: Json = False,
) -> None:
    """The open tasks, the most pressing first; or all that were given for one case, those that are done included."""
    from cases import finding, history
    from cases import tasks as register
    from cases.model import LAST

    def look(conn: Connection) -> Sequence[Task]:
        if case_no:
            return register.of_case(conn, history.load(conn, case_no))
        return finding.due_tasks(conn, before=LAST, owner=owner, limit=limit)

    with explained():
        case_no = number(case) if case else ""
        found = read_register(look)
    _show_tasks(found, as_json)


@tasks.command("add")
def add(
    case: Number,
    title: Annotated[str, typer.Argument(help="What is to be done.")],
    owner: Annotated[str, typer.Option(help="Who does it: an account, or a queue such as queue:visits.")],
    due: Due,
    kind: Annotated[str, typer.Option(help=f"Of which record: {KINDS}.")] = "subtask",
    institution: Annotated[int | None, typer.Option(help="For which institution, by its number.")] = None,
    fact: Fact = None,
    as_json: Json = False,
) -> None:
    """Give somebody something to do for a case, by a time."""
    from cases import tasks as register
    from cases.model import NewTask, read

    vault, now = open_vault(), datetime.now(UTC)
    given = {"title": title, "owner": owner, "due_at": _due(due), "kind": kind, "facts": facts_of(fact or [])}
    with explained():
        case_no = number(case)
        new = read(NewTask, given | ({} if institution is None else {"institution_id": institution}))
        made = write_register(lambda conn: register.add(conn, vault, case_no, new, actor=me(), now=now))
    _show_tasks([made], as_json)


@tasks.command("change")
def change(
    task: TaskNumber,
    owner: Annotated[str, typer.Option(help="Who does it from now on.")] = "",
    due: Due = "",
    as_json: Json = False,
) -> None:
    """Give an open task to somebody else, or another time."""
    from cases import tasks as register

    if not owner and not due:
        fail(Exit.USAGE, "what is to change? Give --owner, --due or both")
    until, now = _due(due) if due else None, datetime.now(UTC)
    with explained(LISTING):
        found = write_register(
            lambda conn: register.change(conn, task, actor=me(), now=now, owner=owner or None, due_at=until)
        )
    _show_tasks([found], as_json)


@tasks.command("done")
def done(task: TaskNumber, result: Result = "", fact: Fact = None, as_json: Json = False) -> None:
    """Say that a task is done. A visit needs its satisfaction, a mediation its outcome, a review its finding …"""
    _settle(task, result, fact, as_json, cancel=False)


@tasks.command("cancel")
def cancel(task: TaskNumber, result: Result = "", as_json: Json = False) -> None:
    """Say that a task is not to be done any more."""
    _settle(task, result, None, as_json, cancel=True)


@tasks.command("records")
def list_records(as_json: Json = False) -> None:
    """The facts that the record of each kind of task has, and those without which it is not done."""
    from cases.records import RECORDS

    if as_json:
        for kind, record in RECORDS.items():
            dump({"kind": kind.value, "facts": list(record.names), "needs": list(record.needs)})
        return
    rows = ((kind.value, ", ".join(record.names), ", ".join(record.needs)) for kind, record in RECORDS.items())
    table(["Kind", "Facts", "Not done without"], rows, empty="")


# ---- inside ----------------------------------------------------------------------------------------------------------


def _settle(task: int, result: str, fact: list[str] | None, as_json: bool, *, cancel: bool) -> None:
    from cases import tasks as register

    vault, now, facts = open_vault(), datetime.now(UTC), facts_of(fact or [])
    with explained(LISTING):
        ended = write_register(
            lambda conn: register.settle(
                conn, vault, task, result=result, facts=facts, actor=me(), now=now, cancel=cancel
            )
        )
    _show_tasks([ended], as_json)


def _due(told: str) -> datetime:
    from cases.calendar import DAY
    from cases.columns import moment

    try:
        at = moment(told)
    except ValueError as e:
        fail(Exit.USAGE, f"--due {told}: {e}")
    alone = not re.search(r"\d[:时点T]", told)
    return at + DAY if alone else at  # the first instant too late


def _show_case(found: Case, now: datetime, as_json: bool) -> None:
    from cases import shapes

    if as_json:
        dump(shapes.Standing.model_validate(shapes.standing(found, now)).model_dump(mode="json"))
    else:
        stands(found, now)


def _show_tasks(found: Sequence[Task], as_json: bool) -> None:
    now = datetime.now(UTC)
    if as_json:
        for one in found:
            dump(plain(one))
        return
    rows = (
        (one.id, one.kind.value, one.state.value, one.owner, until(one.due_at, now), one.title, one.result)
        for one in found
    )
    table(["Task", "Kind", "State", "Owner", "In time until", "What", "Result"], rows, empty="No tasks.")

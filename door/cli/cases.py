"""`cases`: the register of complaints and other matters, for people at a terminal and for scripts."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from door.cli.cases_common import (
    Number,
    explained,
    facts_of,
    json_of,
    limit_told,
    minute,
    number,
    open_vault,
    plain,
    read_register,
    stands,
    until,
    write_register,
)
from door.cli.common import Json, dump, say, table
from door.cli.duty import me
from door.cli.exits import Exit, fail

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from cases.model import Case, Filter
    from cases.watch import Reminder

WARNINGS = {"half": "half is over", "most": "80 % are over", "last": "one day is left", "overdue": "overdue"}

group = typer.Typer(no_args_is_help=True, help="The register: complaints and the like, their time limits and tasks.")

Owner = Annotated[str, typer.Option(help="Only of this account or queue, such as queue:complaints.")]
Limit = Annotated[int, typer.Option(min=1, max=500, help="How many at most.")]


# ---- looking ---------------------------------------------------------------------------------------------------------


@group.command("list")
def list_cases(
    text: Annotated[str, typer.Argument(help="A case number, or words of the summary or the institution's name.")] = "",
    state: Annotated[list[str] | None, typer.Option(help="Only in this state; repeat for several.")] = None,
    type: Annotated[list[str] | None, typer.Option(help="Only of this type; repeat for several.")] = None,
    track: Annotated[list[str] | None, typer.Option(help="Only by these rules: pboc, nfra …; may be repeated.")] = None,
    owner: Owner = "",
    open: Annotated[
        bool | None, typer.Option("--open/--ended", help="Only those that are open, or have ended.")
    ] = None,
    after: Annotated[str, typer.Option(help="Go on after a page: what it said at its end.")] = "",
    limit: Limit = 50,
    as_json: Json = False,
) -> None:
    """Cases that fit, the newest first, personal data masked."""
    from cases import finding

    given = {"text": text, "owner": owner, "open": open, "states": state or (), "types": type or ()}
    with explained():
        what = _filter(given | {"tracks": track or ()})
        page = read_register(lambda conn: finding.page(conn, what, after=after or None, limit=limit))
    _show_cases(page.cases, as_json, empty="No case fits. ./qiantai cases new opens one.")
    if page.after:
        say(f"There are more: --after {page.after}")


@group.command("due")
def due(
    days: Annotated[int, typer.Option(min=0, max=3650, help="Limits that run out within so many days.")] = 7,
    overdue: Annotated[bool, typer.Option("--overdue", help="Only what has run out.")] = False,
    owner: Owner = "",
    tasks: Annotated[bool, typer.Option("--tasks", help="Tasks instead of cases.")] = False,
    limit: Limit = 50,
    as_json: Json = False,
) -> None:
    """Open cases whose next limit has run out or soon will, the most pressing first."""
    from cases import finding

    now = datetime.now(UTC)
    before = now if overdue else now + timedelta(days=days)
    with explained():
        what = _filter({"owner": owner})
        if tasks:
            found = read_register(lambda conn: finding.due_tasks(conn, before=before, owner=owner, limit=limit))
        else:
            page = read_register(lambda conn: finding.due(conn, what, before=before, limit=limit))
            _show_cases(page.cases, as_json, empty="Nothing is due.")
            if page.after:
                say("There are more: --limit shows up to 500.")
            return
    if as_json:
        for one in found:
            dump(plain(one))
        return
    rows = ((one.id, one.kind.value, one.owner, until(one.due_at, now), one.title) for one in found)
    table(["Task", "Kind", "Owner", "In time until", "What"], rows, empty="Nothing is due.")


@group.command("show")
def show(
    case: Number,
    reason: Annotated[
        str, typer.Option("--reveal", metavar="REASON", help="Open personal data; the reason stays in the audit.")
    ] = "",
    events: Annotated[bool, typer.Option("--events", help="All that happened to it, too.")] = False,
    as_json: Json = False,
) -> None:
    """One case: where it stands, what can be done, its limits with the law they rest on, tasks and files."""
    from cases import history, shapes

    vault, now = open_vault(), datetime.now(UTC)

    def look(conn: Connection) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        found = history.load(conn, case_no)
        told = shapes.whole(conn, vault, found, now).model_dump(mode="json")
        texts: dict[int, dict[str, Any]] = {}
        if reason:
            opened = shapes.open_data(conn, vault, case_no, actor=me(), reason=reason, now=now).model_dump(mode="json")
            told["result"] = opened["texts"].pop("result")
            told |= {"person": opened["person"], "agent": opened["agent"], "told": told["told"] | opened["texts"]}
            texts = {int(n): one for n, one in opened["events"].items()}
        happened = [plain(each) for each in history.events(conn, found)] if events else []
        return told, [each | {"facts": each["facts"] | texts.get(each["n"], {})} for each in happened]

    with explained():
        case_no = number(case)
        told, happened = write_register(look) if reason else read_register(look)
    if as_json:
        dump(told | ({"events": happened} if events else {}))
        return
    _show_whole(told, now)
    if events:
        rows = (
            (each["n"], minute(each["at"]), each["actor"], each["act"], each["after"], _line(each["facts"]))
            for each in happened
        )
        typer.echo("")
        table(["No.", "When", "Who", "What", "State then", "With"], rows, empty="")


# ---- changing --------------------------------------------------------------------------------------------------------


@group.command("new")
def new(
    summary: Annotated[str, typer.Option(help="What it is about, in one line.")] = "",
    facts: Annotated[str, typer.Option(help="What happened.")] = "",
    request: Annotated[str, typer.Option(help="What they want.")] = "",
    type: Annotated[str, typer.Option(help="complaint, enquiry, service_request, suggestion, …")] = "complaint",
    track: Annotated[str, typer.Option(help="Whose rules it goes by: pboc, nfra, csrc, credit, …")] = "pboc",
    institution: Annotated[str, typer.Option(help="The institution, as they call it.")] = "",
    source: Annotated[str, typer.Option(help="How it reached us: phone, counter, email, …")] = "phone",
    file: Annotated[
        Path | None, typer.Option("--from", help="A case as JSON, as the API takes it; - for standard input.")
    ] = None,
    draft: Annotated[bool, typer.Option("--draft", help="Not submitted yet.")] = False,
    as_json: Json = False,
) -> None:
    """Open a case. Its query code, with which the consumer asks after it, is shown only now.

    People's data belongs into --from and standard input: what stands on a command line others can see.
    """
    from cases import register, shapes
    from cases.model import NewCase, read

    now = datetime.now(UTC)
    typed = {"summary": summary, "facts": facts, "request": request, "institution": institution}
    given = {"type": type, "track": track, "source_channel": source, "received_at": now, "draft": draft}
    whole = given | {name: value for name, value in typed.items() if value} | (json_of(file) if file else {})
    if not {"summary", "facts"} & whole.keys() and not draft:
        fail(Exit.USAGE, "what is it about? Give --summary or --facts, or a case in a file with --from")
    vault = open_vault()
    with explained():
        told = read(NewCase, whole)
        cause = f"cli:{uuid.uuid4()}"
        opened = write_register(lambda conn: register.open_case(conn, vault, told, actor=me(), cause=cause, now=now))
    if as_json:
        standing = shapes.standing(opened.case, now) | {"query_code": opened.query_code}
        dump(shapes.OpenedOut.model_validate(standing).model_dump(mode="json"))
        return
    stands(opened.case, now)
    typer.echo(f"Query code, for the consumer, shown only now: {opened.query_code}")


@group.command("act")
def act(
    case: Number,
    what: Annotated[str, typer.Argument(metavar="[ACT]", help="What is done; without it, what is possible.")] = "",
    fact: Annotated[list[str] | None, typer.Option(help="A fact that it needs, as name=value; repeat.")] = None,
    version: Annotated[int | None, typer.Option(help="Only if the case is still of this version.")] = None,
    as_json: Json = False,
) -> None:
    """Do something to a case: accept, refuse, forward, reply, close …; it goes where the table of states says."""
    from cases import history, register, shapes
    from cases.states import Act

    vault, now = open_vault(), datetime.now(UTC)
    facts = facts_of(fact or [])
    with explained():
        case_no = number(case)
        if not what:
            found = read_register(lambda conn: history.load(conn, case_no))
        elif what not in set(Act):
            fail(Exit.USAGE, f"there is no act {what}; ./qiantai cases act {case_no} shows what is possible now")
        else:
            found = write_register(
                lambda conn: register.act(conn, vault, case_no, Act(what), facts, actor=me(), now=now, version=version)
            )
    told = shapes.Standing.model_validate(shapes.standing(found, now))
    if as_json:
        dump(told.model_dump(mode="json"))
        return
    stands(found, now)
    rows = ((name.value, " ".join(f"--fact {need}=…" for need in needs)) for name, needs in told.acts.items())
    table(["Possible now", "With"], rows, empty="Nothing can be done to it any more.")


@group.command("remind")
def remind(as_json: Json = False) -> None:
    """Raise an alarm for each limit and task that has passed a warning, once each; a running house does so hourly."""
    from door import deadlines

    now = datetime.now(UTC)
    told: list[Reminder] = []
    with explained():
        while found := write_register(lambda conn: deadlines.warn(conn, now=now)):
            told += found
    if as_json:
        for one in told:
            dump(plain(one))
        return
    rows = (
        (one.case_no, one.rule or f"task {one.task_id}", WARNINGS[one.level], until(one.due_at, now), one.owner)
        for one in told
    )
    table(["Case", "Limit", "Warning", "In time until", "Owner"], rows, empty="No new warnings.")


# ---- inside ----------------------------------------------------------------------------------------------------------


def _filter(given: dict[str, Any]) -> Filter:
    from cases.model import Filter, read

    return read(Filter, given)


def _show_cases(found: Sequence[Case], as_json: bool, *, empty: str) -> None:
    from cases import shapes

    now = datetime.now(UTC)
    if as_json:
        for case in found:
            dump(shapes.CaseLine.model_validate(shapes.line(case, now)).model_dump(mode="json"))
        return
    rows = ((one.case_no, one.state.value, until(one.due_at, now), one.owner, one.told.summary) for one in found)
    table(["Case", "State", "In time until", "Owner", "About"], rows, empty=empty)


def _show_whole(told: dict[str, Any], now: datetime) -> None:
    facts = told["told"]
    limit = limit_told(told["due_at"], now)
    typer.echo(f"{told['case_no']} is {told['state']}, with {told['owner']}{limit} (version {told['version']}).")
    lines = {
        "Kind": f"{told['type']}, track {told['track']}, level {told['level']}, urgency {told['urgency']}",
        "Came": f"{minute(told['received_at'])} by {told['source_channel']}",
        "About": told["summary"],
        "Facts": facts["facts"],
        "Wanted": facts["request"],
        "Institution": told["institution"] or told["institution_id"] or "",
        "Amount": f"{facts['amount']} {facts['currency']}" if facts["amount"] else "",
        "Person": _person(told["person"]),
        "Agent": _person(told["agent"]) if told["agent_id"] else "",
        "Result": told["result"],
        "Rated": told["rating"],
        "Belongs to": told["merged_into"] or told["parent_no"] or told["duplicate_of"] or "",
        "Kept until": told["retention_until"] or "",
        "Possible now": " ".join(told["acts"]),
    }
    for name, value in lines.items():
        if value:
            typer.echo(f"  {name + ':':<14}{value}")
    typer.echo("")
    limits = (
        (one["rule"], one["due_on"], one["state"] if one["met_at"] is None else "met", one["confidence"], one["basis"])
        for one in told["deadlines"]
    )
    table(["Limit", "Last day", "State", "Sure", "Law"], limits, empty="No limit runs.")
    if any(one["confidence"] == "M" and one["met_at"] is None for one in told["deadlines"]):
        say("M: taken from memory, not seen in the law yet; check it before you rely on it.")
    if any(one["provisional"] and one["met_at"] is None for one in told["deadlines"]):
        say("A limit reaches into a year without a published calendar and may still move.")
    if told["tasks"]:
        rows = (
            (one["id"], one["kind"], one["state"], one["owner"], until(one["due_at"], now), one["title"])
            for one in told["tasks"]
        )
        table(["Task", "Kind", "State", "Owner", "In time until", "What"], rows, empty="")
    if told["attachments"]:
        rows = ((one["id"], one["name"], one["media_type"], one["size"], one["verdict"]) for one in told["attachments"])
        table(["File", "Name", "Type", "Bytes", "Scan"], rows, empty="")
    if told["told_to_consumer"]:
        rows = (
            (one["n"], one["act"], minute(one["created_at"]), one["way"], one["state"])
            for one in told["told_to_consumer"]
        )
        table(["Event", "Told of", "When", "Over", "Ended"], rows, empty="")


def _line(facts: dict[str, Any]) -> str:
    return "; ".join(f"{name}: {value}" for name, value in facts.items())


def _person(one: dict[str, Any] | None) -> str:
    """What is known of somebody, in a line."""
    return "erased" if one is None else ", ".join(str(value) for value in one.values() if value)

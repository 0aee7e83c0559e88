"""`cases import`, `cases export` and `cases template`: lists of cases as CSV and XLSX files."""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections import Counter
from collections.abc import AsyncGenerator, Callable
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from door.cli.common import Json, called_from, dump, ledger, say, settings
from door.cli.duty import me
from door.cli.exits import Exit, fail

if TYPE_CHECKING:
    from collections.abc import Generator

    from cases.model import Case, Filter, Person
    from cases.sheets import Writer
    from cases.transfer import List, Outcome
    from core.store import Store
    from core.vault import Vault

TELL = 2.0  # seconds between two lines of progress
PAGE = 500  # cases read at a time


class Format(StrEnum):
    CSV = "csv"
    XLSX = "xlsx"


class Language(StrEnum):
    ZH = "zh"
    EN = "en"


Headings = Annotated[Language, typer.Option(help="The language of headings and codes.")]
As = Annotated[Format | None, typer.Option("--format", help="Default: by the file's ending, else csv.")]
Out = Annotated[Path, typer.Argument(help="The file to make; one that is there is not overwritten.")]


def import_cases(
    file: Annotated[Path, typer.Argument(help="A CSV or XLSX file; its first line has the headings.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Tell what would become of each line; take none.")] = False,
    source: Annotated[
        str, typer.Option(help="How the cases reached us (phone, counter, email …) where no column tells.")
    ] = "",
    refused: Annotated[Path | None, typer.Option(help="A new CSV file for the refused lines, to be mended.")] = None,
    codes: Annotated[
        Path | None, typer.Option(help="A new CSV file for line, case number and query code; codes are told only once.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Take a list of cases in. Bad lines are refused with column and reason; run again, it goes on where it stopped.

    Exit 1 if lines were refused. A file that was changed is another file: mend refused lines in the file of --refused.
    """
    from cases.codes import find, tables
    from cases.transfer import List

    path = called_from(file)
    if not path.is_file():
        fail(Exit.USAGE, f"there is no file {path}")
    channel = find("source_channel", source) if source else ""
    if channel is None:
        fail(Exit.USAGE, f"--source {source}: one of {', '.join(tables()['source_channel'])}")
    try:
        given = List(path, source_channel=channel)
    except OSError as e:
        fail(Exit.USAGE, f"{path} cannot be read: {e.strerror}")
    took: Counter[str] = Counter()
    with ExitStack() as files:
        bad = files.enter_context(_new(refused)) if refused else None
        told = files.enter_context(_new(codes)) if codes else None
        asyncio.run(_import(given, took, bad, told, dry=dry_run, as_json=as_json))
    total = {
        "file_sha256": given.sha256,
        "dry_run": dry_run,
        "lines": took.total(),
        "taken": took["taken"],
        "known": took["known"],
        "refused": took["refused"],
    }
    if as_json:
        dump(total)
    say(_summary(took, dry_run))
    if took["refused"]:
        raise typer.Exit(Exit.FOUND)


def export_cases(
    file: Out,
    requester: Annotated[str, typer.Option(help="Who asked for the list; stands in the audit.")],
    basis: Annotated[str, typer.Option(help="By what right; stands in the audit.")],
    kind: As = None,
    text: Annotated[str, typer.Option(help="Words of the summary or the institution's name.")] = "",
    state: Annotated[list[str] | None, typer.Option(help="Only cases in this state; may be repeated.")] = None,
    type: Annotated[list[str] | None, typer.Option(help="Only this type; may be repeated.")] = None,
    track: Annotated[list[str] | None, typer.Option(help="Only this track; may be repeated.")] = None,
    owner: Annotated[str, typer.Option(help="Only this account's or queue's.")] = "",
    institution: Annotated[int | None, typer.Option(help="Only the institution with this number.")] = None,
    since: Annotated[datetime | None, typer.Option(help="Received on this day or later, in China.")] = None,
    before: Annotated[datetime | None, typer.Option(help="Received before this day, in China.")] = None,
    open_only: Annotated[bool, typer.Option("--open", help="Only cases that have not ended.")] = False,
    open_personal_data: Annotated[
        bool, typer.Option("--open-personal-data", help="With names and numbers; each person's opening is audited.")
    ] = False,
    headings: Headings = Language.ZH,
    as_json: Json = False,
) -> None:
    """Give a list of cases out as CSV or XLSX, without personal data unless asked; its SHA-256 stands in the audit."""
    from cases.calendar import BEIJING
    from cases.model import BadCase, Filter, read
    from cases.texts import bare

    path = _free(file)
    for name, told in (("--requester", requester), ("--basis", basis)):
        if not told.strip():
            fail(Exit.USAGE, f"{name} is empty: who asks for the list and by what right must be known")
    wanted = {
        "text": text,
        "states": tuple(state or ()),
        "types": tuple(type or ()),
        "tracks": tuple(track or ()),
        "owner": owner,
        "institution_id": institution,
        "received_from": since and since.replace(tzinfo=BEIJING),
        "received_before": before and before.replace(tzinfo=BEIJING),
        "open": True if open_only else None,
    }
    shown = {name: value for name, value in wanted.items() if value not in ("", (), None)}
    try:
        what = read(Filter, shown)
        reason: dict[str, Any] = {
            "requester": bare(requester, name="--requester"),
            "basis": bare(basis, name="--basis"),
            "filter": shown | ({"text": bare(text, name="text")} if text else {}),
            "personal": open_personal_data,
        }
    except BadCase as e:
        fail(Exit.USAGE, str(e))
    made = asyncio.run(
        _export(path, _kind(path, kind), what, reason, personal=open_personal_data, language=headings.value)
    )
    if as_json:
        dump({"file": str(path), **made})
    else:
        say(f"{made['cases']} cases in {path}")
        typer.echo(f"{made['sha256']}  {path.name}")


def template(file: Out, kind: As = None, headings: Headings = Language.ZH) -> None:
    """Make an empty list with every column that ./qiantai cases import takes; XLSX: what may stand in each, too."""
    from cases import sheets, transfer

    path = _free(file)
    names, notes = transfer.template(headings.value)
    with sheets.writing(path, _kind(path, kind).value, notes) as write:
        write(names)
    say(f"{len(names)} columns in {path}")


# ---- in --------------------------------------------------------------------------------------------------------------


async def _import(
    given: List, took: Counter[str], bad: Writer | None, told: Writer | None, *, dry: bool, as_json: bool
) -> None:
    from cases import institutions, transfer
    from door.cli.premises import open_keys

    house = settings()
    vault, who = open_keys(house), me()
    if bad:
        bad(transfer.refused_headings(given))
    if told:
        told(["line", "case_no", "query_code"])
    progress = _progress()
    async with ledger(house) as store:
        names = await store.read(institutions.names)
        for batch in transfer.batches(given.lines(names)):
            now = datetime.now(UTC)
            outcomes = await store.write(
                lambda conn, batch=batch, now=now: transfer.take(conn, vault, given, batch, actor=who, now=now, dry=dry)
            )
            for each in outcomes:
                became = _became(each)
                took[became] += 1
                if bad and became == "refused":
                    bad(transfer.refused(each, len(given.headings)))
                if told and each.query_code and not dry:
                    told([each.line.number, each.case_no, each.query_code])
                if dry or became == "refused":
                    _report(each, became, dry=dry, as_json=as_json)
            progress(lambda: _summary(took, dry))


def _became(one: Outcome) -> str:
    return "refused" if one.problems else "known" if one.known else "taken"


def _report(one: Outcome, became: str, *, dry: bool, as_json: bool) -> None:
    if as_json:
        problems = [asdict(each) for each in one.problems]
        dump({"line": one.line.number, "outcome": became, "problems": problems})
        return
    reasons = "; ".join(f"{each.column}: {each.reason}" if each.column else each.reason for each in one.problems)
    verb = "would be taken" if dry and became == "taken" else became
    typer.echo(f"{one.line.number}: {verb}{f' ({reasons})' if reasons else ''}")


def _summary(took: Counter[str], dry: bool) -> str:
    verb = "would be taken" if dry else "taken"
    return f"{took.total():,} lines: {took['taken']:,} {verb}, {took['known']:,} known, {took['refused']:,} refused"


# ---- out -------------------------------------------------------------------------------------------------------------


async def _export(
    path: Path, kind: Format, what: Filter, reason: dict[str, Any], *, personal: bool, language: Any
) -> dict[str, Any]:
    """Writes the list beside its place and puts it there once the audit knows of it."""
    from cases import sheets, transfer
    from core import audit
    from door.cli.premises import open_keys

    house, count, who = settings(), 0, me()
    vault, progress = open_keys(house), _progress()
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        async with ledger(house) as store:
            with sheets.writing(part, kind.value) as write:
                write(transfer.exported(language, personal=personal))
                async for case in _found(store, what):
                    person = await _opened(store, vault, case, who, reason) if personal else None
                    write(transfer.cells(case, person, language, datetime.now(UTC)))
                    count += 1
                    progress(lambda n=count: f"{n:,} cases")
            made = {"cases": count, "sha256": sheets.sha256(part)}
            detail = json.dumps(reason | made, ensure_ascii=False, default=str)
            now = datetime.now(UTC)
            await store.write(
                lambda conn: audit.note(conn, actor=who, act="cases.list", subject="register", detail=detail, now=now)
            )
        part.rename(path)
    finally:
        part.unlink(missing_ok=True)
    return made


async def _found(store: Store, what: Filter) -> AsyncGenerator[Case]:
    from cases import finding

    after: str | None = None
    while True:
        page = await store.read(lambda conn, at=after: finding.page(conn, what, after=at, limit=PAGE))
        for case in page.cases:
            yield case
        after = page.after
        if after is None:
            return


async def _opened(store: Store, vault: Vault, case: Case, who: str, reason: dict[str, Any]) -> Person:
    """The person's open data; what was erased is nobody's."""
    from cases import privacy
    from cases.model import Person

    why = f"list for {reason['requester']}: {reason['basis']}"
    now = datetime.now(UTC)
    try:
        return await store.write(
            lambda conn: privacy.unmask(conn, vault, case.person_id, actor=who, reason=why, now=now)
        )
    except privacy.Erased:
        return Person()


# ---- files -----------------------------------------------------------------------------------------------------------


def _kind(path: Path, told: Format | None) -> Format:
    return told or (Format.XLSX if path.suffix.lower() == ".xlsx" else Format.CSV)


def _free(file: Path) -> Path:
    path = called_from(file)
    if path.exists():
        fail(Exit.REFUSED, f"{path} exists already: name another file, or move it away")
    if not path.parent.is_dir():
        fail(Exit.USAGE, f"there is no folder {path.parent}")
    return path


@contextmanager
def _new(file: Path) -> Generator[Writer]:
    from cases import sheets

    with sheets.writing(_free(file), "csv") as write:
        yield write


def _progress() -> Callable[[Callable[[], str]], None]:
    """Says what it is given, now and then."""
    last = time.monotonic()

    def tell(line: Callable[[], str]) -> None:
        nonlocal last
        if time.monotonic() - last >= TELL:
            last = time.monotonic()
            say(line())

    return tell

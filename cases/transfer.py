"""Lists of cases in and out: every line of a file is a case, taken once however often the file is read.

A line's cause is the file's SHA-256 and its number, so an import that was broken off goes on where it stopped when it
is run again. A line that cannot be taken is refused with its column and reason, and the others are taken.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any, cast

from pydantic import TypeAdapter, ValidationError
from sqlalchemy import Connection, select

from cases import codes, register, sheets
from cases.calendar import BEIJING
from cases.codes import Language, folded
from cases.columns import GIVEN, REFUSED, Column, empty, headings, value
from cases.institutions import Names
from cases.model import BadCase, Case, NewCase, Person
from cases.sheets import BadFile, Cell, Row
from cases.tables import complaint_case
from cases.texts import bare
from core.errors import NotFound
from core.vault import Vault

BATCH = 100  # lines of one transaction: others who write wait for a quarter of a second
INSTANT = timedelta(microseconds=1)  # a limit is the first instant too late; people read the last one in time
_NEW: TypeAdapter[NewCase] = TypeAdapter(NewCase)
_OWN = (("case_no", "编号"), ("state", "状态"), ("due_at", "期限"), ("overdue", "已超期"), ("ended_at", "办结时间"))
_END = (("result", "办理结果"), ("rating", "消费者评价"))


@dataclass(frozen=True, kw_only=True, slots=True)
class Problem:
    """Why a line cannot be taken; `reason` never repeats what people told."""

    column: str  # its heading; "": the line as a whole
    reason: str


@dataclass(frozen=True, kw_only=True, slots=True, repr=False)
class Line:
    """One line of a list: the case it tells, or what is wrong with it."""

    number: int
    cells: tuple[Cell, ...]
    new: NewCase | None = None
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """What became of one line."""

    line: Line
    case_no: str = ""  # "": refused
    query_code: str = dataclasses.field(default="", repr=False)
    known: bool = False  # it had been taken before
    problems: tuple[Problem, ...] = ()


# ---- in --------------------------------------------------------------------------------------------------------------


class List:
    """A file with its headings understood; `lines` reads the rest, once."""

    def __init__(self, path: Path, *, source_channel: str = "") -> None:
        """BadFile if it is no list or its headings will not do. `source_channel`: of lines that do not tell theirs."""
        self.sha256 = sheets.sha256(path)
        self._source = source_channel
        self._rows = sheets.rows(path)
        first = next(self._rows, None)
        if first is None:
            raise BadFile("there is nothing in the file")
        if first.problem:
            raise BadFile(f"line {first.line}: {first.problem}")
        self.headings = tuple("" if cell is None else str(cell).strip() for cell in first.cells)
        self._columns = self._understood(source_channel)
        self._heading_of = {
            column.into: heading
            for heading, column in zip(self.headings, self._columns, strict=True)
            if column is not None
        }

    def lines(self, institutions: Names) -> Iterator[Line]:
        """The lines below the headings; BadFile on the way if the file turns out to be damaged."""
        for row in self._rows:
            yield self._line(row, institutions)

    def heading(self, field: str) -> str:
        """What stands over the column of a field of NewCase, such as `person.name`; "" if none does."""
        into = tuple(field.split("."))
        return self._heading_of.get(into) or self._heading_of.get(into[:1], "")

    def _understood(self, source_channel: str) -> tuple[Column | None, ...]:
        known = headings()
        found = tuple(known.get(folded(heading)) for heading in self.headings)
        if not any(found):
            raise BadFile("the first line must hold the columns' headings: ./qiantai cases template shows them")
        if unknown := [each for each, column in zip(self.headings, found, strict=True) if each and column is None]:
            told = ", ".join(bare(each[:40], name="heading") for each in unknown)  # a line of data, perhaps
            raise BadFile(f"unknown columns: {told}. Take them out, or name them as ./qiantai cases template does")
        given = [column.key for column in found if column]
        if twice := sorted({key for key in given if given.count(key) > 1}):
            raise BadFile(f"columns that stand twice: {', '.join(twice)}")
        missing = [key for key in ("received_at", "source_channel") if key not in given]
        if source_channel:
            missing = [key for key in missing if key != "source_channel"]
        if not {"summary", "facts"} & set(given):
            missing.append("summary or facts")
        if missing:
            raise BadFile(f"columns that are missing: {', '.join(missing)}")
        return found

    def _line(self, row: Row, institutions: Names) -> Line:
        if row.problem:
            return Line(number=row.line, cells=(), problems=(Problem(column="", reason=row.problem),))
        if any(not empty(cell) for cell in row.cells[len(self.headings) :]):
            told = f"{len(row.cells)} cells under {len(self.headings)} headings"
            return Line(number=row.line, cells=row.cells, problems=(Problem(column="", reason=told),))
        raw: dict[str, Any] = {"source_channel": self._source} if self._source else {}
        problems: list[Problem] = []
        for heading, column, cell in zip(self.headings, self._columns, row.cells, strict=False):
            if empty(cell) or (column is not None and column.kind == "ignored"):
                continue
            if column is None:
                problems.append(Problem(column="", reason="a cell under no heading"))
                continue
            try:
                _put(raw, column.into, value(column, cell))
            except ValueError as e:
                problems.append(Problem(column=heading, reason=str(e)))
        called = raw.get("institution")
        if called and len(ids := institutions.find(called)) == 1:
            raw["institution_id"] = next(iter(ids))
        if problems:
            return Line(number=row.line, cells=row.cells, problems=tuple(problems))
        try:
            return Line(number=row.line, cells=row.cells, new=_NEW.validate_python(raw))
        except ValidationError as e:
            found = tuple(
                Problem(column=self.heading(".".join(map(str, each["loc"]))), reason=_reason(each))
                for each in e.errors(include_input=False)
            )
            return Line(number=row.line, cells=row.cells, problems=found)


def batches(lines: Iterator[Line]) -> Iterator[tuple[Line, ...]]:
    """The lines, as many at a time as go into one transaction."""
    while batch := tuple(islice(lines, BATCH)):
        yield batch


def take(
    conn: Connection,
    vault: Vault,
    given: List,
    lines: Sequence[Line],
    *,
    actor: str,
    now: datetime,
    dry: bool = False,
) -> list[Outcome]:
    """Opens a case for each line that will do, in its own savepoint. `dry`: tells what would be, and opens none."""
    causes = {f"file:{given.sha256}:{line.number}": line for line in lines}
    query = select(complaint_case.c.cause, complaint_case.c.case_no).where(complaint_case.c.cause.in_(causes))
    known: dict[str, str] = {row.cause: row.case_no for row in conn.execute(query).all()}
    outcomes: list[Outcome] = []
    with conn.begin_nested() as whole:
        for cause, line in causes.items():
            if cause in known:
                outcomes.append(Outcome(line=line, case_no=known[cause], known=True))
            else:
                outcomes.append(_taken(conn, vault, given, line, cause=cause, actor=actor, now=now))
        if dry:
            whole.rollback()
    return outcomes


def refused(outcome: Outcome, headings: int) -> list[Cell]:
    """A refused line for the file of them: number, columns, reasons, then its cells as they were."""
    cells = (*outcome.line.cells, *[None] * headings)[:headings]
    columns = ", ".join(dict.fromkeys(each.column for each in outcome.problems if each.column))
    return [outcome.line.number, columns, "; ".join(each.reason for each in outcome.problems), *cells]


def refused_headings(given: List, language: Language = "en") -> list[str]:
    return [*(column.heading(language) for column in REFUSED), *given.headings]


def _taken(
    conn: Connection, vault: Vault, given: List, line: Line, *, cause: str, actor: str, now: datetime
) -> Outcome:
    if line.new is None:
        return Outcome(line=line, problems=line.problems)
    try:
        with conn.begin_nested():
            opened = register.open_case(conn, vault, line.new, actor=actor, cause=cause, now=now)
    except (BadCase, NotFound) as e:
        # The register's sentences begin with the field: "summary: 400 characters, …".
        heading = given.heading(re.split(r"[: ]", str(e), maxsplit=1)[0])
        return Outcome(line=line, problems=(Problem(column=heading, reason=str(e)),))
    return Outcome(line=line, case_no=opened.case.case_no, query_code=opened.query_code)


def _put(raw: dict[str, Any], into: tuple[str, ...], told: Any) -> None:
    for part in into[:-1]:
        raw = raw.setdefault(part, {})
    raw[into[-1]] = told


def _reason(error: Any) -> str:
    if error["type"] == "missing":
        return f"{'.'.join(map(str, error['loc']))} is missing"
    return str(error["msg"]).removeprefix("Value error, ")


# ---- out -------------------------------------------------------------------------------------------------------------


def exported(language: Language, *, personal: bool) -> list[str]:
    """The headings of an exported list; `personal`: with those of the person."""
    mine, last = ([key if language == "en" else zh for key, zh in these] for these in (_OWN, _END))
    return [*mine, *(column.heading(language) for column in _shown(personal)), *last]


def cells(case: Case, person: Person | None, language: Language, now: datetime) -> list[Cell]:
    """A case as a line of an exported list; `person`: open personal data, None: the columns are not there."""
    return [
        case.case_no,
        codes.name("state", case.state, language),
        _local(case.due_at and case.due_at - INSTANT),
        _said(case.overdue(now), language),
        _local(case.ended_at),
        *(_cell(case, person, column, language) for column in _shown(person is not None)),
        case.result,
        codes.name("rating", case.rating, language) if case.rating else None,
    ]


def template(language: Language) -> tuple[list[str], list[list[Cell]]]:
    """The headings of an empty list to be filled in, and the notes of each column: heading, other names, codes."""
    notes: list[list[Cell]] = [["列", "英文列名", "可填写"] if language == "zh" else ["column", "Chinese", "values"]]
    for column in GIVEN:
        rows = codes.tables()[column.codes].values() if column.codes else ()
        values = " / ".join(row.name(language) for row in rows) or _HINTS.get(column.kind, "")
        notes.append([column.heading(language), column.heading("en" if language == "zh" else "zh"), values])
    return [column.heading(language) for column in GIVEN], notes


_HINTS = {
    "moment": "2026-11-20 09:30",
    "day": "2026-11-20",
    "money": "1234.50",
    "whole": "1",
    "truth": "是 / 否, yes / no",
}


def _shown(personal: bool) -> Generator[Column]:
    """The columns of a list that is given out; nobody's but the person's own data stand in it."""
    return (column for column in GIVEN if column.into[0] != "agent" and (personal or column.into[0] != "person"))


def _cell(case: Case, person: Person | None, column: Column, language: Language) -> Cell:
    top, *rest = column.into
    source: Any = person if top == "person" else case if hasattr(case, top) else case.told
    found: Any = source if top == "person" else getattr(source, top)
    for name in rest:
        found = getattr(found, name, None)
    if found is None or found == "":
        return None
    match column.kind:
        case "code":
            return codes.name(column.codes, str(found), language)
        case "codes":
            return "、".join(codes.name(column.codes, str(each), language) for each in cast("Sequence[str]", found))
        case "moment":
            return _local(found)
        case "truth":
            return _said(found, language)
        case "money" | "day" | "whole":
            return found
        case _:
            return str(found)


def _local(at: datetime | None) -> datetime | None:
    return None if at is None else at.astimezone(BEIJING)


def _said(yes: bool, language: Language) -> str:
    return {"zh": ("否", "是"), "en": ("no", "yes")}[language][yes]

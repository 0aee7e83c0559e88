"""Looks cases up: lists page by page, what is due, how many of what."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from typing import Any, Literal, cast, get_args

from sqlalchemy import ColumnElement, Connection, Select, and_, false, func, or_, select

from cases import history, numbers, words
from cases.model import BadCase, Case, Filter, Page, Task, TaskState
from cases.states import ENDED
from cases.tables import case_task, complaint_case
from cases.tasks import of_row as task_of_row
from core.tables import EPOCH, MICROSECOND

LIMIT_MAX = 500  # cases of one page
Dimension = Literal[
    "type",
    "track",
    "state",
    "level",
    "urgency",
    "institution_id",
    "business_code",
    "reason_code",
    "channel_code",
    "source_channel",
    "province",
    "city",
    "owner",
]
DIMENSIONS: tuple[str, ...] = get_args(Dimension)
SAME = ("owner", "institution_id", "business_code", "reason_code", "channel_code", "source_channel", "province", "city")
_ENDED = sorted(ENDED)


def page(conn: Connection, what: Filter, *, after: str | None = None, limit: int = 50) -> Page:
    """The newest cases that fit, `limit` of them; `after` is what the page before gave."""
    query, id = select(*history.SHOWN).where(*_where(what)), complaint_case.c.id
    if question := _words(what.text):
        # The order of the index of words, so that of a frequent word no more is read than a page.
        id, fits = words.match(conn.dialect.name, question)
        query = query.join_from(words.words, complaint_case, complaint_case.c.id == id).where(fits)
    if after is not None:
        query = query.where(id < _place(after, 1)[0])
    query = query.order_by(id.desc())
    cases, more = _cases(conn, query, limit)
    return Page(cases=cases, after=str(cases[-1].id) if more else None)


def due(conn: Connection, what: Filter, *, before: datetime, after: str | None = None, limit: int = 50) -> Page:
    """Open cases that fit and whose next limit runs out before that time (aware), the most pressing first; those that
    are overdue stand in front."""
    at, id = complaint_case.c.due_at, complaint_case.c.id
    query = select(*history.SHOWN).where(at < before, *_anywhere(conn, what)).order_by(at, id)
    if after is not None:
        micros, last = _place(after, 2)
        moment = EPOCH + micros * MICROSECOND
        query = query.where(or_(at > moment, and_(at == moment, id > last)))
    cases, more = _cases(conn, query, limit)
    return Page(cases=cases, after=_cursor(cases[-1]) if more else None)


def due_tasks(conn: Connection, *, before: datetime, owner: str = "", limit: int = 50) -> tuple[Task, ...]:
    """Open tasks to be done before that time (aware), the most pressing first."""
    query = select(case_task).where(case_task.c.state == TaskState.OPEN, case_task.c.due_at < before)
    if owner:
        query = query.where(case_task.c.owner == owner)
    rows = conn.execute(query.order_by(case_task.c.due_at, case_task.c.id).limit(_limit(limit))).all()
    return tuple(map(task_of_row, rows))


def cross_tab(conn: Connection, rows: Dimension, columns: Dimension, what: Filter) -> dict[tuple[str, str], int]:
    """How many of the cases that fit there are for every pair of values that occurs: (row, column) → number;
    "" stands for what is not known."""
    across, down = (_dimension(each) for each in (columns, rows))
    fits = _anywhere(conn, what)
    if conn.dialect.name == "sqlite":
        # SQLite sorts before it counts: of a million cases 1.5 s. Counted as its cursor gives them: 0.5 s.
        found = conn.execute(select(down, across).where(*fits))
        pairs: Counter[tuple[Any, Any]] = Counter(cast("Iterable[tuple[Any, Any]]", found.cursor))
        return {(_shown(row), _shown(column)): number for (row, column), number in pairs.items()}
    query = select(down, across, func.count()).where(*fits).group_by(down, across)
    return {(_shown(row), _shown(column)): number for row, column, number in conn.execute(query).all()}


# ---- inside ----------------------------------------------------------------------------------------------------------


def _where(what: Filter) -> list[ColumnElement[bool]]:
    c = complaint_case.c
    found: list[ColumnElement[bool]] = [c[name] == value for name in SAME if (value := getattr(what, name))]
    for name, values in (("state", what.states), ("type", what.types), ("track", what.tracks)):
        if values:
            found.append(c[name].in_([each.value for each in values]))
    for name in ("level", "urgency"):
        if (value := getattr(what, name)) is not None:
            found.append(c[name] == value.value)
    if what.open is not None:
        found.append(c.state.not_in(_ENDED) if what.open else c.state.in_(_ENDED))
    if what.person_id:
        found.append(or_(c.person_id == what.person_id, c.agent_id == what.person_id))
    if what.received_from is not None:
        found.append(c.received_at >= what.received_from)
    if what.received_before is not None:
        found.append(c.received_at < what.received_before)
    if what.due_before is not None:
        found.append(c.due_at < what.due_before)
    if what.text and (number := _number(what.text)):
        found.append(c.case_no == number)
    elif what.text and not words.asked(what.text):
        found.append(false())
    return found


def _anywhere(conn: Connection, what: Filter) -> list[ColumnElement[bool]]:
    """The conditions of `_where` and of the words."""
    question = _words(what.text)
    fits = [complaint_case.c.id.in_(words.ids(conn.dialect.name, question))] if question else []
    return _where(what) + fits


def _number(text: str) -> str | None:
    try:
        return numbers.read_case_no(text)
    except ValueError:
        return None


def _words(text: str) -> list[str]:
    """What is asked of the index of words; [] for a case number and for nothing."""
    return [] if not text or _number(text) else words.asked(text)


def _cases(conn: Connection, query: Select[Any], limit: int) -> tuple[tuple[Case, ...], bool]:
    rows = conn.execute(query.limit(_limit(limit) + 1)).all()
    return tuple(map(history.of_row, rows[:limit])), len(rows) > limit


def _limit(given: int) -> int:
    if not 1 <= given <= LIMIT_MAX:
        raise BadCase(f"limit: 1 to {LIMIT_MAX}")
    return given


def _place(after: str, parts: int) -> list[int]:
    read = after.split(".")
    if len(read) != parts or not all(each.isascii() and each.isdigit() and len(each) < 17 for each in read):
        raise BadCase("after: not what the page before gave")
    return list(map(int, read))


def _cursor(case: Case) -> str:
    if case.due_at is None:
        raise ValueError("a case without a limit stands in no list of what is due")
    return f"{(case.due_at - EPOCH) // MICROSECOND}.{case.id}"


def _dimension(name: str) -> ColumnElement[Any]:
    if name not in DIMENSIONS:
        raise BadCase(f"{name}: one of {', '.join(DIMENSIONS)}")
    column = complaint_case.c[name]
    # As an expression: of a column alone SQLite would follow an index in its order and fetch every row by itself.
    return func.coalesce(column, 0 if name == "institution_id" else "")


def _shown(value: object) -> str:
    return str(value or "")

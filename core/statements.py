"""Statements that run for every message: compiled once, then handed to the driver with nothing in between.

SQLAlchemy writes their SQL and knows their types, for both databases. What its `Connection.execute` does around each
run (cache key, execution context, result proxy) takes 12 to 16 µs of Python, though, where SQLite takes 1 to 3 µs, and
a message needs some twenty statements in its life. Whatever does not run for every message stays with
`Connection.execute`; both may be mixed in one transaction.
"""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn, cast

from sqlalchemy import Connection, Dialect, Select, UpdateBase
from sqlalchemy.engine.interfaces import DBAPICursor

Source = Select[*tuple[Any, ...]] | UpdateBase
Convert = Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class _Compiled:
    """A statement in the words of one dialect."""

    sql: str
    takes: tuple[tuple[str, Convert | None], ...]  # parameters by their places, with what makes them the driver's
    given: int  # how many of them a call names
    fixed: dict[str, Any]  # those that the statement brings along, as the driver takes them
    row: Callable[[Iterable[Any]], Any] | None  # makes one of what the driver gives; None: the statement gives no rows
    converts: tuple[tuple[int, Convert], ...]  # columns that the driver does not give as they are


class Statement:
    """One statement for both dialects, or one for each by its name.

    Its parameters are its `bindparam`s; an INSERT without values takes its columns, and every call names the same ones.
    Rows are named tuples; a Float cannot be among what they hold. Errors, and what becomes of the connection, are those
    of `Connection.execute`.
    """

    __slots__ = ("_compiled", "_source")

    def __init__(self, source: Source | Mapping[str, Source]) -> None:
        self._source = source
        self._compiled: dict[str, _Compiled] = {}

    def all(self, conn: Connection, **given: Any) -> list[Any]:
        """Every row, of a statement that gives rows."""
        return self._run(conn, [given])[0]

    def first(self, conn: Connection, **given: Any) -> Any | None:
        """The first row, of a statement that gives rows; None if there is none."""
        rows = self._run(conn, [given])[0]
        return rows[0] if rows else None

    def run(self, conn: Connection, **given: Any) -> int:
        """Runs a statement that gives no rows; how many it changed."""
        return self._run(conn, [given])[1]

    def each(self, conn: Connection, given: Sequence[dict[str, Any]]) -> None:
        """Runs it for each of `given`, one at least, of a statement that gives no rows."""
        self._run(conn, given)

    def _run(self, conn: Connection, given: Sequence[dict[str, Any]]) -> tuple[list[Any], int]:
        compiled = self._compiled.get(conn.dialect.name) or self._compile(conn.dialect, given[0])
        values = [_values(compiled, one) for one in given]
        if not conn.in_transaction():
            conn.begin()  # as `Connection.execute` does
        cursor = conn.connection.cursor()
        try:
            if len(values) == 1:
                cursor.execute(compiled.sql, values[0])
            else:
                cursor.executemany(compiled.sql, values)
            rows: Sequence[Any] = cursor.fetchall() if compiled.row is not None else ()
        except BaseException as e:
            _fail(conn, e, cursor, compiled.sql)
        return _rows(compiled, rows), cursor.rowcount

    def _compile(self, dialect: Dialect, given: dict[str, Any]) -> _Compiled:
        source = self._source[dialect.name] if isinstance(self._source, Mapping) else self._source
        compiled = source.compile(dialect=dialect, column_keys=list(given))
        binds = compiled.binds
        if strange := given.keys() - binds.keys():
            raise TypeError(f"the statement has no parameter {', '.join(sorted(strange))}")
        names = cast("list[str]", compiled.positiontup)
        takes = {name: binds[name].type.dialect_impl(dialect).bind_processor(dialect) for name in names}
        fixed = {name: binds[name].effective_value for name in names if not binds[name].required}
        columns = source.exported_columns
        made = _Compiled(
            sql=str(compiled),
            takes=tuple((name, None if name in fixed else takes[name]) for name in names),
            given=len(set(names) - fixed.keys()),
            fixed={name: value if (to := takes[name]) is None else to(value) for name, value in fixed.items()},
            row=_row_of([column.name for column in columns]) if columns else None,
            converts=tuple(
                (at, convert)
                for at, column in enumerate(columns)
                if (convert := column.type.dialect_impl(dialect).result_processor(dialect, None)) is not None
            ),
        )
        self._compiled[dialect.name] = made
        return made


def _row_of(names: list[str]) -> Callable[[Iterable[Any]], Any]:
    return namedtuple("Row", names)._make  # pyright: ignore[reportUntypedNamedTuple]  as untyped as SQLAlchemy's rows


def _values(compiled: _Compiled, given: dict[str, Any]) -> list[Any]:
    if len(given) > compiled.given:  # one that the first call did not name would be left out without a word
        raise TypeError(f"a call names {compiled.given} parameters at most, not {', '.join(given)}")
    if compiled.fixed:
        given = given | compiled.fixed
    return [given[name] if convert is None else convert(given[name]) for name, convert in compiled.takes]


def _rows(compiled: _Compiled, rows: Sequence[Any]) -> list[Any]:
    if compiled.row is None or not rows:
        return []
    if not compiled.converts:
        return [compiled.row(row) for row in rows]
    made: list[Any] = []
    for row in rows:
        values = list(row)
        for at, convert in compiled.converts:
            values[at] = convert(values[at])
        made.append(compiled.row(values))
    return made


def _fail(conn: Connection, e: BaseException, cursor: DBAPICursor, sql: str) -> NoReturn:
    """Raises what `Connection.execute` would, and like it lets go of a connection that is broken, or that was given up
    in the middle of a statement. It is SQLAlchemy's own way to do so; none that is public leads there."""
    ours = isinstance(e, conn.dialect.loaded_dbapi.Error)
    conn._handle_dbapi_exception(e, sql if ours else None, None, cursor, None)  # pyright: ignore[reportPrivateUsage]

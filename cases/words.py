"""The index by which cases are found by words of their summary and of their institution's name.

Chinese is cut into pairs of neighbouring characters, the rest into words; a question fits where all its pairs and words
are. Each becomes a token of plain letters, so that the two databases, whose own word breaking differs, agree: SQLite
keeps the tokens in an FTS5 table, PostgreSQL in a tsvector with a GIN index (migration 0006).
"""

from __future__ import annotations

import itertools
import re
import unicodedata
from collections.abc import Mapping
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Integer,
    bindparam,
    column,
    func,
    literal_column,
    select,
    table,
    text,
    update,
)

from cases.tables import complaint_case, institution

HAN = "\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
RUN = re.compile(f"[{HAN}]+|[^\\W{HAN}_]+")
FIRST_HAN = re.compile(f"[{HAN}]")
TOKENS_MAX = 16  # of a question; more would only make it slower

words = table("case_words", column("rowid", Integer), column("case_id", Integer), column("words"))


def tokens(written: str) -> list[str]:
    """The tokens of a text, each once, in order."""
    found: dict[str, None] = {}
    for run in _runs(written):
        # The last character stands alone, too, so that a question of one character finds it wherever it is.
        parts = [*map("".join, itertools.pairwise(run)), run[-1]] if _han(run) else [run]
        found |= dict.fromkeys(map(_code, parts))
    return list(found)


def asked(written: str) -> list[str]:
    """What a case must have for this question: tokens, or beginnings of tokens with a * behind; [] without a word."""
    found: dict[str, None] = {}
    for run in _runs(written):
        pairs = list(map("".join, itertools.pairwise(run))) if _han(run) else []
        found |= dict.fromkeys(map(_code, pairs) if pairs else [f"{_code(run)}*"])
    return list(found)[:TOKENS_MAX]


def told(summary: str, institution: str, official: str, external_no: str) -> str:
    """The text by whose words a case is found; its row keeps it as `indexed`."""
    return "\n".join((summary, institution, official, external_no))


def index(conn: Connection, case_id: int) -> None:
    """Indexes the words of a case as its row has them now."""
    row = conn.execute(_TOLD, {"case": case_id}).one()
    new = told(row.summary, row.institution, row.name or "", row.external_no)
    if new != row.indexed:
        conn.execute(update(complaint_case).where(complaint_case.c.id == case_id).values(indexed=new))
        put(conn, case_id, new, row.indexed)


def put(conn: Connection, case_id: int, new: str, old: str = "") -> None:
    """Puts the words of `new` in the place of those of `old`."""
    if conn.dialect.name == "sqlite":
        if old:
            conn.execute(_SQLITE_DROP, {"id": case_id, "words": " ".join(tokens(old))})
        conn.execute(_SQLITE_PUT, {"id": case_id, "words": " ".join(tokens(new))})
    else:
        conn.execute(_POSTGRES_PUT, {"id": case_id, "words": tokens(new)})


def put_new(conn: Connection, many: Mapping[int, str]) -> None:
    """Puts the words of many cases that have none yet, by their ids."""
    found = [(id, tokens(each)) for id, each in many.items()]
    if conn.dialect.name == "sqlite":
        conn.execute(_SQLITE_PUT, [{"id": id, "words": " ".join(each)} for id, each in found])
    else:
        conn.execute(_POSTGRES_PUT, [{"id": id, "words": each} for id, each in found])


def match(dialect: str, question: list[str]) -> tuple[ColumnElement[int], ColumnElement[bool]]:
    """The id column of the index and the condition under which its case fits; newest first goes by that column."""
    if dialect == "sqlite":
        return words.c.rowid, literal_column("case_words").op("MATCH", is_comparison=True)(" AND ".join(question))
    asks = " & ".join(each.replace("*", ":*") for each in question)
    return words.c.case_id, words.c.words.op("@@", is_comparison=True)(func.to_tsquery(text("'simple'"), asks))


def ids(dialect: str, question: list[str]) -> Any:
    """A subquery with the ids of the cases that fit."""
    id, fits = match(dialect, question)
    return select(id).select_from(words).where(fits)


_TOLD = (
    select(
        complaint_case.c.indexed,
        complaint_case.c.summary,
        complaint_case.c.institution,
        complaint_case.c.external_no,
        institution.c.name,
    )
    .outerjoin(institution, institution.c.id == complaint_case.c.institution_id)
    .where(complaint_case.c.id == bindparam("case"))
)
_SQLITE_PUT = text("INSERT INTO case_words(rowid, words) VALUES (:id, :words)")
# An FTS5 table without content forgets a row by being told what was in it.
_SQLITE_DROP = text("INSERT INTO case_words(case_words, rowid, words) VALUES ('delete', :id, :words)")
_POSTGRES_PUT = text(
    "INSERT INTO case_words (case_id, words) VALUES (:id, array_to_tsvector(CAST(:words AS text[])))"
    " ON CONFLICT (case_id) DO UPDATE SET words = excluded.words"
)


def _runs(written: str) -> list[str]:
    return RUN.findall(unicodedata.normalize("NFKC", written).casefold())


def _han(run: str) -> bool:
    return FIRST_HAN.match(run) is not None


def _code(run: str) -> str:
    """The characters as five hexadecimal digits each: a beginning of the text is a beginning of the token."""
    return "x" + "".join(f"{ord(char):05x}" for char in run)

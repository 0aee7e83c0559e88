"""Versions of the content in the ledger: what each consists of, which one is live, and the way back."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Literal, cast

from sqlalchemy import Connection, Row, Select, func, insert, select, text, update

from core.errors import ContentError, NotFound
from core.store import upsert
from core.tables import faq_publication, faq_version
from faq import files
from faq.files import Files

KEPT = 200  # versions whose files stay in the ledger, the latest published; about 200 kB each
LOCK = 12364  # PostgreSQL's advisory lock while something is published; 12363 is the migrations'

Why = Literal["saved", "published", "rolled_back"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Publication:
    """One row of `faq_publication`: from `at` on, until the next one, `version` was live."""

    id: int
    version: str
    at: datetime
    by: str  # the account that published or rolled back; "" for a saved file
    why: Why
    place: str  # machine and folder of the files; "" where none were looked at


@dataclass(frozen=True, kw_only=True, slots=True)
class Parts:
    """What a version consists of, to tell what differs between two."""

    entries: dict[str, str]  # entry id → its version
    files: dict[str, str]  # name → hash


@dataclass(frozen=True, kw_only=True, slots=True)
class Checked:
    """Files that may be published: nothing in them is broken or prohibited."""

    files: Files
    parts: Parts


@dataclass(frozen=True, kw_only=True, slots=True)
class Changes:
    """What differs between two versions; ids and names in order."""

    added: tuple[str, ...] = ()  # entries
    changed: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    files: tuple[str, ...] = ()  # that differ, are new or gone

    @property
    def entries(self) -> int:
        """The number of entries that differ."""
        return len(self.added) + len(self.changed) + len(self.removed)


@dataclass(frozen=True, kw_only=True, slots=True)
class Listed:
    """A publication as people see it."""

    publication: Publication
    entries: int
    changes: Changes | None  # against what was live before; None: not known any more
    kept: bool  # whether its files are still there, so that it can be rolled back to
    live: bool


def changes(before: Parts, after: Parts) -> Changes:
    """What somebody did who made `after` of `before`."""
    old, new = before.entries, after.entries
    names = before.files.keys() | after.files.keys()
    return Changes(
        added=tuple(sorted(new.keys() - old.keys())),
        changed=tuple(sorted(id for id in old.keys() & new.keys() if old[id] != new[id])),
        removed=tuple(sorted(old.keys() - new.keys())),
        files=tuple(sorted(name for name in names if before.files.get(name) != after.files.get(name))),
    )


# Looking ------------------------------------------------------------------------------------------------------------


def live(conn: Connection) -> Publication | None:
    """The newest publication; None in a ledger in which nothing was ever published."""
    return _one(conn, select(faq_publication))


def kept(conn: Connection, version: str) -> Files:
    """The files of `version`; ContentError if they were not kept or are damaged."""
    row = conn.execute(
        select(faq_version.c.files, faq_version.c.sha256).where(faq_version.c.id == version)
    ).one_or_none()
    if row is None or row.files is None:
        raise ContentError(f"the files of version {version} were not kept")
    if hashlib.sha256(row.files).hexdigest() != row.sha256:
        raise ContentError(f"the kept files of version {version} are damaged")
    return files.unpacked(row.files)


def is_kept(conn: Connection, version: str) -> bool:
    """Whether the files of `version` are there and whole."""
    try:
        kept(conn, version)
    except ContentError:
        return False
    return True


def parts_of(conn: Connection, version: str) -> Parts | None:
    """What `version` consists of; None if that was not noted."""
    row = conn.execute(select(faq_version.c.parts).where(faq_version.c.id == version)).one_or_none()
    return _parts(row.parts) if row else None


def history(conn: Connection, limit: int) -> list[Listed]:
    """The latest publications, the newest first."""
    rows = conn.execute(
        select(
            faq_publication, faq_version.c.entries, faq_version.c.parts, faq_version.c.files.is_not(None).label("kept")
        )
        .join(faq_version, faq_version.c.id == faq_publication.c.version)
        .order_by(faq_publication.c.id.desc())
        .limit(limit + 1)  # the one before the last tells what that one changed
    ).all()
    found: list[Listed] = []
    for n, row in enumerate(rows[:limit]):
        last = rows[n + 1] if n + 1 < len(rows) else None
        after, before = _parts(row.parts), _parts(last.parts) if last else Parts(entries={}, files={})
        same = last is not None and last.version == row.version
        found.append(
            Listed(
                publication=_publication(row),
                entries=row.entries,
                changes=Changes() if same else changes(before, after) if before and after else None,
                kept=row.kept,
                live=n == 0,
            )
        )
    return found


def before(conn: Connection) -> str:
    """The version that was live before the live one; NotFound if there is none.

    After a roll-back it is the one before that: rolling back twice goes back by two.
    """
    way: list[str] = []
    for row in conn.execute(select(faq_publication).order_by(faq_publication.c.id)):
        if row.why == "rolled_back" and row.version in way:
            while way[-1] != row.version:
                way.pop()
        elif not way or way[-1] != row.version:
            way.append(row.version)
    if len(way) < 2:
        raise NotFound("there is no version before the live one")
    return way[-2]


def named(conn: Connection, start: str) -> str:
    """The published version whose name begins with `start`; NotFound if there is none or more than one."""
    known = set(conn.execute(select(faq_publication.c.version).distinct()).scalars())
    found = sorted(version for version in known if version.startswith(start))
    if len(found) != 1:
        raise NotFound(f"{len(found) or 'no'} versions begin with {start}")
    return found[0]


def had(conn: Connection, version: str, place: str) -> bool:
    """Whether these files need not be published by themselves: they were, and whatever is live was made so since.

    They are the last ones that came from `place`, or from anywhere. Where nothing ever came from `place`, as on a
    machine that is new, any state that was published once counts: an old copy must not bring back old content.
    """
    came = select(faq_publication).where(faq_publication.c.place != "")
    here, last = _one(conn, came.where(faq_publication.c.place == place)), _one(conn, came)
    if version in {one.version for one in (here, last) if one}:
        return True
    return here is None and _one(conn, came.where(faq_publication.c.version == version)) is not None


# Changing -----------------------------------------------------------------------------------------------------------


def keep(conn: Connection, checked: Checked, packed: bytes, now: datetime) -> None:
    """Notes a version with its files, `packed`; one that is there already keeps its first time."""
    noted = {"files": packed, "sha256": hashlib.sha256(packed).hexdigest(), "parts": asdict(checked.parts)}
    row = {"id": checked.files.version, "entries": len(checked.parts.entries), "published_at": now} | noted
    conn.execute(upsert(conn, faq_version).values(row).on_conflict_do_update(index_elements=["id"], set_=noted))


def make_live(conn: Connection, version: str, *, by: str, why: Why, place: str, now: datetime) -> bool:
    """Makes a version live that is kept; False if it is live already.

    Saved files are noted also where they are what is live: from then on they count as had.
    """
    current = live(conn)
    if why != "saved" and current is not None and current.version == version:
        return False
    conn.execute(insert(faq_publication).values(version=version, at=now, by=by, why=why, place=place))
    latest = select(faq_publication.c.version).group_by(faq_publication.c.version)
    latest = latest.order_by(func.max(faq_publication.c.id).desc()).limit(KEPT)
    old = faq_version.c.files.is_not(None) & faq_version.c.id.not_in(latest)
    conn.execute(update(faq_version).where(old).values(files=None, sha256=None))
    return True


def alone(conn: Connection) -> None:
    """From here to the commit nobody else publishes."""
    if conn.dialect.name == "postgresql":  # SQLite has one writer anyway
        conn.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})


def _one(conn: Connection, query: Select[Any]) -> Publication | None:
    row = conn.execute(query.order_by(faq_publication.c.id.desc()).limit(1)).one_or_none()
    return _publication(row) if row else None


def _publication(row: Row[Any]) -> Publication:
    return Publication(id=row.id, version=row.version, at=row.at, by=row.by, why=row.why, place=row.place)


def _parts(noted: object) -> Parts | None:
    return Parts(**cast("dict[str, dict[str, str]]", noted)) if noted else None

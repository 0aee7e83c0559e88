"""The institutions that cases are about, found by their names and by what people call them."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, cast

from pydantic import Field
from pydantic.dataclasses import dataclass as checked
from sqlalchemy import Connection, Select, delete, insert, or_, select, union_all, update
from sqlalchemy.exc import IntegrityError

from cases import codes
from cases.codes import folded
from cases.model import PLAIN, BadCase, Line, RowId, Slug, read
from cases.tables import institution, institution_alias
from core import audit
from core.errors import NotFound
from core.store import upsert


@checked(frozen=True, kw_only=True, slots=True, config=PLAIN)
class Institution:
    """One institution as people or a list give it."""

    name: Annotated[Line, Field(min_length=1)]
    aliases: tuple[Annotated[Line, Field(min_length=1)], ...] = ()
    type: Slug = "unknown"  # a code of institution_type
    regulator: Slug = ""  # a code of track
    licence: Line = ""
    level: Line = ""  # head office, branch …
    parent_id: RowId | None = None
    province: Line = ""
    city: Line = ""
    district: Line = ""
    seat: Line = ""  # its address


@checked(frozen=True, kw_only=True, slots=True, config=PLAIN)
class Listed(Institution):
    """One institution as the register has it."""

    id: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Loaded:
    """What loading a list came to."""

    added: int
    aliases: int
    conflicts: tuple[str, ...]  # aliases that stand for more than one institution


class Names:
    """Who is meant by a name; pure."""

    def __init__(self, rows: Iterable[tuple[int, str]]) -> None:
        """`rows`: the id of an institution and a name of it, each as often as it has names."""
        found: dict[str, set[int]] = {}
        for id, name in rows:
            found.setdefault(folded(name), set()).add(id)
        self._ids: Mapping[str, frozenset[int]] = {name: frozenset(ids) for name, ids in found.items()}

    def find(self, told: str) -> frozenset[int]:
        """The ids of those that are called exactly so, in any width, case and spacing; more than one: nobody knows."""
        return self._ids.get(folded(told), frozenset())


def names(conn: Connection) -> Names:
    """The names and aliases of all institutions that the register has."""
    query = union_all(
        select(institution.c.id, institution.c.name),
        select(institution_alias.c.institution_id, institution_alias.c.alias),
    )
    return Names((id, name) for id, name in conn.execute(query).all())


def listed(conn: Connection) -> tuple[Listed, ...]:
    """All institutions of the register, by their numbers."""
    return _listed(conn, select(institution).order_by(institution.c.id))


def page(
    conn: Connection, *, text: str = "", type: str = "", after: int = 0, limit: int = 50
) -> tuple[tuple[Listed, ...], int | None]:
    """Institutions by their numbers, and the number after which the next page begins; None: this was the last.

    `text`: a part of the name or of an alias.
    """
    query = select(institution).where(institution.c.id > after).order_by(institution.c.id).limit(limit + 1)
    if type:
        query = query.where(institution.c.type == type)
    if text:
        called = select(institution_alias.c.institution_id).where(
            institution_alias.c.alias.icontains(text, autoescape=True)
        )
        query = query.where(or_(institution.c.name.icontains(text, autoescape=True), institution.c.id.in_(called)))
    found = _listed(conn, query)
    return found[:limit], found[limit - 1].id if len(found) > limit else None


def get(conn: Connection, id: int) -> Listed:
    """An institution; NotFound."""
    found = _listed(conn, select(institution).where(institution.c.id == id))
    if not found:
        raise NotFound(f"there is no institution {id}")
    return found[0]


def add(conn: Connection, new: Institution, *, actor: str, now: datetime) -> Listed:
    """Puts an institution into the register; BadCase if its name is taken, or for a code or a parent that is none."""
    _check(conn, new, None)
    row = _row(new) | {"created_at": now, "updated_at": now}
    try:
        with conn.begin_nested():
            id = conn.execute(insert(institution).returning(institution.c.id), row).scalar_one()
    except IntegrityError:
        raise BadCase(f"name: there is an institution {new.name} already") from None
    _put_aliases(conn, id, new.aliases)
    audit.note(conn, actor=actor, act="cases.institution", subject=f"institution:{id}", detail="added", now=now)
    return get(conn, id)


def change(conn: Connection, id: int, changes: Mapping[str, object], *, actor: str, now: datetime) -> Listed:
    """Changes what is named in `changes`; the audit names the fields. Nothing new: nothing happens.

    Whoever is renamed keeps the old name as an alias, unless `aliases` says otherwise: lists still call them so.
    Words of the new name find the cases that are opened or changed from then on.
    """
    before = get(conn, id)
    known = {name: getattr(before, name) for name in FIELDS}
    if unknown := sorted(changes.keys() - known.keys()):
        raise BadCase(f"{', '.join(unknown)}: no such field to change")
    new = read(Institution, known | dict(changes))
    if new.name != before.name and "aliases" not in changes:
        new = dataclasses.replace(new, aliases=(*before.aliases, before.name))
    changed = [name for name in FIELDS if _plain(getattr(new, name)) != _plain(known[name])]
    if not changed:
        return before
    _check(conn, new, id)
    here = institution.c.id == id
    try:
        with conn.begin_nested():
            conn.execute(update(institution).where(here).values(_row(new) | {"updated_at": now}))
    except IntegrityError:
        raise BadCase(f"name: there is an institution {new.name} already") from None
    if "aliases" in changed:
        conn.execute(delete(institution_alias).where(institution_alias.c.institution_id == id))
        _put_aliases(conn, id, new.aliases)
    detail = ", ".join(changed)
    audit.note(conn, actor=actor, act="cases.institution", subject=f"institution:{id}", detail=detail, now=now)
    return get(conn, id)


def load(conn: Connection, given: Iterable[Institution], *, now: datetime) -> Loaded:
    """Adds the institutions and aliases that are missing; what is there stays as people have made it.

    BadCase for a type or a regulator that is no code.
    """
    before = {name: id for id, name in conn.execute(select(institution.c.id, institution.c.name)).all()}
    added = new_aliases = 0
    for each in given:
        _check_codes(each)
        if each.name not in before:
            row = _row(each) | {"created_at": now, "updated_at": now}
            before[each.name] = conn.execute(insert(institution).returning(institution.c.id), row).scalar_one()
            added += 1
        new_aliases += _put_aliases(conn, before[each.name], each.aliases)
    known = names(conn)
    every = conn.execute(select(institution_alias.c.alias).distinct()).scalars().all()
    conflicts = tuple(sorted(alias for alias in [*every, *before] if len(known.find(alias)) > 1))
    return Loaded(added=added, aliases=new_aliases, conflicts=conflicts)


FIELDS = tuple(each.name for each in dataclasses.fields(Institution))
ANCESTORS_MAX = 20  # a bank has head office, branches and sub-branches, and nobody has more


def _listed(conn: Connection, query: Select[Any]) -> tuple[Listed, ...]:
    rows = conn.execute(query).all()
    aliases: dict[int, list[str]] = {}
    mine = select(institution_alias).where(institution_alias.c.institution_id.in_([row.id for row in rows]))
    for alias, id in conn.execute(mine.order_by(institution_alias.c.alias)).all():
        aliases.setdefault(id, []).append(alias)
    own = [name for name in (*FIELDS, "id") if name != "aliases"]
    return tuple(
        read(Listed, {name: getattr(row, name) for name in own} | {"aliases": aliases.get(row.id, ())}) for row in rows
    )


def _row(new: Institution) -> dict[str, Any]:
    return {name: getattr(new, name) for name in FIELDS if name != "aliases"}


def _plain(value: object) -> object:
    """Aliases have no order."""
    return set(cast("tuple[str, ...]", value)) if isinstance(value, tuple) else value


def _put_aliases(conn: Connection, id: int, aliases: Iterable[str]) -> int:
    """Adds those that are missing; how many."""
    new = [{"alias": alias, "institution_id": id} for alias in dict.fromkeys(aliases)]
    return sum(
        conn.execute(upsert(conn, institution_alias).values(each).on_conflict_do_nothing()).rowcount for each in new
    )


def _check(conn: Connection, new: Institution, id: int | None) -> None:
    """BadCase for a code that is none, or a parent that is not there or a part of the institution itself."""
    _check_codes(new)
    at = new.parent_id
    for _ in range(ANCESTORS_MAX):
        if at is None:
            return
        row = conn.execute(select(institution.c.parent_id).where(institution.c.id == at)).one_or_none()
        if row is None:
            raise BadCase(f"parent_id: there is no institution {at}")
        if at == id:
            raise BadCase("parent_id: an institution cannot be a part of itself")
        at = row.parent_id
    raise BadCase(f"parent_id: more than {ANCESTORS_MAX} institutions one above the other")


def _check_codes(new: Institution) -> None:
    for field, kind, code in (("type", "institution_type", new.type), ("regulator", "track", new.regulator)):
        if (code or field == "type") and code not in codes.tables()[kind]:
            raise BadCase(f"{field}: {code or 'nothing'} is no code of {kind}")

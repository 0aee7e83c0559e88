"""The institutions that cases are about, found by their names and by what people call them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, insert, select, union_all

from cases import codes
from cases.codes import folded
from cases.model import BadCase
from cases.tables import institution, institution_alias
from core.store import upsert


@dataclass(frozen=True, kw_only=True, slots=True)
class Institution:
    """One institution as a list gives it."""

    name: str
    aliases: tuple[str, ...] = ()
    type: str = "unknown"  # a code of institution_type
    regulator: str = ""  # a code of track


@dataclass(frozen=True, kw_only=True, slots=True)
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
    aliases: dict[int, list[str]] = {}
    for alias, id in conn.execute(select(institution_alias).order_by(institution_alias.c.alias)).all():
        aliases.setdefault(id, []).append(alias)
    return tuple(
        Listed(id=row.id, name=row.name, type=row.type, regulator=row.regulator, aliases=tuple(aliases.get(row.id, ())))
        for row in conn.execute(select(institution).order_by(institution.c.id)).all()
    )


def load(conn: Connection, given: Iterable[Institution], *, now: datetime) -> Loaded:
    """Adds the institutions and aliases that are missing; what is there stays as people have made it.

    BadCase for a type or a regulator that is no code.
    """
    before = {name: id for id, name in conn.execute(select(institution.c.id, institution.c.name)).all()}
    added = new_aliases = 0
    for each in given:
        for kind, code in (("institution_type", each.type), ("track", each.regulator)):
            if code and code not in codes.tables()[kind]:
                raise BadCase(f"{each.name}: {code} is no code of {kind}")
        if each.name not in before:
            row = {
                "name": each.name,
                "type": each.type,
                "regulator": each.regulator,
                "created_at": now,
                "updated_at": now,
            }
            before[each.name] = conn.execute(insert(institution).returning(institution.c.id), row).scalar_one()
            added += 1
        for alias in each.aliases:
            values = {"alias": alias, "institution_id": before[each.name]}
            put = upsert(conn, institution_alias).values(values).on_conflict_do_nothing()
            new_aliases += conn.execute(put).rowcount
    known = names(conn)
    every = conn.execute(select(institution_alias.c.alias).distinct()).scalars().all()
    conflicts = tuple(sorted(alias for alias in [*every, *before] if len(known.find(alias)) > 1))
    return Loaded(added=added, aliases=new_aliases, conflicts=conflicts)

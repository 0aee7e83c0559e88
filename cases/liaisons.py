"""Who answers for complaints at an institution, and in their absence: sealed, and opened for a reason."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal, NamedTuple

from sqlalchemy import Connection, select, update

from cases import privacy
from cases.model import Person, read
from cases.tables import institution
from core import audit
from core.errors import NotFound
from core.vault import Vault

Role = Literal["liaison", "deputy"]


class Liaisons(NamedTuple):
    """The two people; None: nobody is known."""

    liaison: Person | None
    deputy: Person | None


def put(
    conn: Connection, vault: Vault, id: int, people: Mapping[Role, Person | None], *, actor: str, now: datetime
) -> None:
    """Names an institution's liaison, its deputy or both in the place of those before; None: nobody. NotFound."""
    values: dict[str, Any] = {role: _close(vault, id, role, who) for role, who in people.items()}
    change = update(institution).where(institution.c.id == id).values(values | {"updated_at": now})
    if conn.execute(change).rowcount == 0:
        raise NotFound(f"there is no institution {id}")
    detail = ", ".join(f"{role} {'named' if who else 'taken out'}" for role, who in people.items())
    audit.note(conn, actor=actor, act="cases.liaisons", subject=f"institution:{id}", detail=detail, now=now)


def unmask(conn: Connection, vault: Vault, id: int, *, actor: str, reason: str, now: datetime) -> Liaisons:
    """An institution's liaison and deputy, open, for a reason that stays in the audit."""
    found = _read(conn, vault, id)
    privacy.note_opening(conn, f"institution:{id}", actor=actor, reason=reason, now=now)
    return found


def masked(conn: Connection, vault: Vault, id: int) -> Liaisons:
    """An institution's liaison and deputy as everybody may see them."""
    return Liaisons(*(None if who is None else privacy.hide(who) for who in _read(conn, vault, id)))


def _read(conn: Connection, vault: Vault, id: int) -> Liaisons:
    query = select(institution.c.liaison, institution.c.deputy).where(institution.c.id == id)
    row = conn.execute(query).one_or_none()
    if row is None:
        raise NotFound(f"there is no institution {id}")
    return Liaisons(_open(vault, id, "liaison", row.liaison), _open(vault, id, "deputy", row.deputy))


def _close(vault: Vault, id: int, role: str, who: Person | None) -> bytes | None:
    if who is None:
        return None
    return vault.seal(json.dumps(privacy.told(who), ensure_ascii=False), context=f"institution:{id}:{role}")


def _open(vault: Vault, id: int, role: str, sealed: bytes | None) -> Person | None:
    if sealed is None:
        return None
    return read(Person, json.loads(vault.unseal(sealed, context=f"institution:{id}:{role}")))

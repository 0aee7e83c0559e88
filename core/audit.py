"""Who did what to a protected thing, and the hourly seals that make a later change of it visible."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, func, insert, select

from core.store import upsert
from core.tables import audit, audit_seal, tick

HOUR = timedelta(hours=1)


def note(conn: Connection, *, actor: str, act: str, subject: str, now: datetime, detail: str = "") -> None:
    """Writes one act into the audit, in the transaction of the act itself."""
    conn.execute(insert(audit).values(at=now, actor=actor, act=act, subject=subject, detail=detail))


def claim(conn: Connection, name: str, slot: datetime) -> bool:
    """True for exactly one caller per (name, slot), whatever the number of processes."""
    mine = upsert(conn, tick).values(name=name, slot=slot).on_conflict_do_nothing().returning(tick.c.name)
    return conn.execute(mine).one_or_none() is not None


def seal(conn: Connection, hour: datetime) -> str:
    """Seals the acts of the `hour` that has ended: SHA-256 (hex) over the seal before and every row since it."""
    before = conn.execute(select(audit_seal).order_by(audit_seal.c.hour.desc()).limit(1)).one_or_none()
    last_id = before.last_id if before else 0
    rows = conn.execute(select(audit).where(audit.c.id > last_id, audit.c.at < hour + HOUR).order_by(audit.c.id)).all()
    digest = _digest(before.hash if before else "", rows)
    newest = max((row.id for row in rows), default=last_id)
    conn.execute(insert(audit_seal).values(hour=hour, rows=len(rows), last_id=newest, hash=digest))
    return digest


def broken_seals(conn: Connection) -> list[datetime]:
    """Hours whose rows no longer give the seal that was set on them: somebody changed, added or removed a row."""
    broken: list[datetime] = []
    last_id, chain = 0, ""
    for one in conn.execute(select(audit_seal).order_by(audit_seal.c.hour)).all():
        rows = conn.execute(
            select(audit).where(audit.c.id > last_id, audit.c.id <= one.last_id).order_by(audit.c.id)
        ).all()
        if _digest(chain, rows) != one.hash:
            broken.append(one.hour)
        last_id, chain = one.last_id, one.hash
    return broken


def unsealed(conn: Connection) -> int:
    """Rows that no seal covers yet."""
    last = conn.execute(select(func.max(audit_seal.c.last_id))).scalar() or 0
    return conn.execute(select(func.count()).select_from(audit).where(audit.c.id > last)).scalar_one()


def _digest(chain: str, rows: Sequence[Row[Any]]) -> str:
    whole = hashlib.sha256(chain.encode())
    for row in rows:
        whole.update(repr(tuple(row)).encode())
    return whole.hexdigest()

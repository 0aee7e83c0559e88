"""Requests that may come twice: under one key there is one answer, however often it is asked for."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, delete, select, update

from cases.tables import case_key
from core.errors import QiantaiError
from core.store import upsert
from core.vault import Vault

KEPT_FOR = timedelta(days=7)  # nobody repeats a request after that
CREATED = 201


class KeyUsed(QiantaiError):
    """This idempotency key came with another request before; take a new one."""

    code = "key_used"
    status = 422


def once(
    conn: Connection,
    vault: Vault,
    *,
    token: str,
    key: str,
    request: str,
    now: datetime,
    do: Callable[[], Mapping[str, Any]],
) -> dict[str, Any]:
    """The JSON that `do` answers, at the first time; later the same, while `request` is the same, else KeyUsed.

    The answer lies sealed, as it may hold what is shown only once. What `do` raises is not kept.
    """
    context = f"case-key:{token}:{key}"
    asked = vault.fingerprint("request", request)
    row: dict[str, Any] = {"token": token, "key": key, "request": asked, "status": CREATED, "created_at": now}
    # On PostgreSQL a second one waits here until the first is committed.
    first = upsert(conn, case_key).values(row | {"answer": {}}).on_conflict_do_nothing().returning(case_key.c.key)
    here = (case_key.c.token == token, case_key.c.key == key)
    if conn.execute(first).one_or_none() is None:
        known = conn.execute(select(case_key.c.request, case_key.c.answer).where(*here)).one()
        if known.request != asked:
            raise KeyUsed
        return json.loads(vault.unseal(base64.b64decode(known.answer["sealed"]), context=context))
    told = json.dumps(do(), ensure_ascii=False)
    sealed = base64.b64encode(vault.seal(told, context=context)).decode()
    conn.execute(update(case_key).where(*here).values(answer={"sealed": sealed}))
    return json.loads(told)


def forget(conn: Connection, *, now: datetime) -> int:
    """Drops answers older than KEPT_FOR; how many."""
    return conn.execute(delete(case_key).where(case_key.c.created_at < now - KEPT_FOR)).rowcount

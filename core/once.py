"""What a consumer may read once and nobody may keep: it stands in the transcript as a reference, for an hour."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, insert, select

from core.model import ConversationId
from core.tables import secret
from core.vault import Vault

KIND = "query-code"
SHOWN_FOR = timedelta(hours=1)  # time enough to write it down, or for a message to be sent again
GONE = "**********"
_MARK = re.compile(rf"⟦{KIND}:([a-z2-7]{{10}})⟧")


def hide(conn: Connection, vault: Vault, which: ConversationId, value: str, now: datetime) -> str:
    """The reference that stands for `value` in the words of this conversation."""
    hidden = vault.secret(KIND, value)
    conn.execute(
        insert(secret).values(
            ref=hidden.ref,
            conversation_id=which,
            kind=hidden.kind,
            fingerprint=hidden.fingerprint,
            sealed=hidden.sealed,
            created_at=now,
        )
    )
    return f"⟦{hidden.kind}:{hidden.ref}⟧"


def has(text: str) -> bool:
    """Whether there is something to show in it."""
    return _MARK.search(text) is not None


def show(conn: Connection, vault: Vault, which: ConversationId, text: str, now: datetime) -> str:
    """`text` as the consumer of this conversation may read it now."""
    refs = [match[1] for match in _MARK.finditer(text)]
    rows = conn.execute(
        select(secret.c.ref, secret.c.sealed).where(
            secret.c.conversation_id == which, secret.c.ref.in_(refs), secret.c.created_at > now - SHOWN_FOR
        )
    ).all()
    values = {row.ref: vault.unseal(row.sealed, context=f"secret:{row.ref}") for row in rows}
    return _MARK.sub(lambda match: values.get(match[1], GONE), text)


def forget(conn: Connection, now: datetime) -> None:
    """Removes what nobody may read any more, and the codes that consumers typed as long ago."""
    conn.execute(delete(secret).where(secret.c.kind == KIND, secret.c.created_at <= now - SHOWN_FOR))

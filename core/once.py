"""What a consumer may read once and nobody may keep: it stands in the transcript as a reference, for a while."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Literal

from sqlalchemy import Connection, and_, delete, insert, or_, select

from core.model import ConversationId
from core.tables import secret
from core.vault import Vault

Kind = Literal["query-code", "link"]
KIND: Kind = "query-code"
LINK: Kind = "link"  # the address of a page that works once; one that begins with / is on the reader's own host
SHOWN_FOR = timedelta(hours=1)  # time enough to write it down, or for a message to be sent again
LINKS_SHOWN_FOR = timedelta(hours=72)  # the longest that one works; after its use it is gone at once
SHOWN: Mapping[Kind, timedelta] = {KIND: SHOWN_FOR, LINK: LINKS_SHOWN_FOR}
GONE = "**********"
_MARK = re.compile(rf"⟦(?:{KIND}|{LINK}):([a-z2-7]{{10}})⟧")


def hide(conn: Connection, vault: Vault, which: ConversationId, value: str, now: datetime, *, kind: Kind = KIND) -> str:
    """The reference that stands for `value` in the words of this conversation."""
    hidden = vault.secret(kind, value)
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


def ref_of(mark: str) -> str:
    """The reference in what `hide` gave."""
    return mark[-11:-1]


def show(conn: Connection, vault: Vault, which: ConversationId, text: str, now: datetime, *, base: str = "") -> str:
    """`text` as the consumer of this conversation may read it now; `base` goes before the path of a link, and is where
    the reader's page found us."""
    refs = [match[1] for match in _MARK.finditer(text)]
    fresh = or_(*(and_(secret.c.kind == kind, secret.c.created_at > now - time) for kind, time in SHOWN.items()))
    query = select(secret.c.ref, secret.c.kind, secret.c.sealed)
    rows = conn.execute(query.where(secret.c.conversation_id == which, secret.c.ref.in_(refs), fresh)).all()
    values: dict[str, str] = {}
    for row in rows:
        value = vault.unseal(row.sealed, context=f"secret:{row.ref}")
        values[row.ref] = base + value if row.kind == LINK and value.startswith("/") else value
    return _MARK.sub(lambda match: values.get(match[1], GONE), text)


def forget(conn: Connection, now: datetime) -> None:
    """Removes what nobody may read any more, and the codes that consumers typed as long ago."""
    for kind, time in SHOWN.items():
        conn.execute(delete(secret).where(secret.c.kind == kind, secret.c.created_at <= now - time))


def drop(conn: Connection, ref: str) -> None:
    """Removes what stands behind this reference: it has been used."""
    conn.execute(delete(secret).where(secret.c.kind == LINK, secret.c.ref == ref))

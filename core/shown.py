"""How far a conversation was shown, for pages whose protocol lets them keep no place of their own."""

from __future__ import annotations

from sqlalchemy import Connection, select

from core.model import ConversationId
from core.store import upsert
from core.tables import shown


def upto(conn: Connection, conversation_id: ConversationId) -> int:
    """The seq of the last message that a page was shown; 0: none yet."""
    which = select(shown.c.seq).where(shown.c.conversation_id == conversation_id)
    return conn.execute(which).scalar_one_or_none() or 0


def note(conn: Connection, conversation_id: ConversationId, seq: int) -> None:
    """A page was shown everything up to `seq`; two pages may say so in any order."""
    row = upsert(conn, shown).values(conversation_id=conversation_id, seq=seq)
    further = row.excluded.seq > shown.c.seq
    conn.execute(row.on_conflict_do_update(index_elements=["conversation_id"], set_={"seq": seq}, where=further))

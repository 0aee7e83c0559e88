"""How far a conversation was shown: it only moves on, whichever page says so first; on both databases."""

from __future__ import annotations

from core import shown
from core.model import ConversationId
from core.store import Store

ANNA, BEN = ConversationId("canna"), ConversationId("cben")


async def test_it_moves_on_and_never_back_and_each_conversation_has_its_own(store: Store) -> None:
    async def upto(which: ConversationId) -> int:
        return await store.read(lambda conn: shown.upto(conn, which))

    assert await upto(ANNA) == 0
    for seq in (3, 7, 5, 7):
        await store.write(lambda conn, seq=seq: shown.note(conn, ANNA, seq), ANNA)
    assert await upto(ANNA) == 7
    assert await upto(BEN) == 0

"""What is shown once: readable for an hour where it was said, nowhere else, and gone afterwards."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select

from core import masking, once
from core.inbox import Inbox
from core.model import ChannelId, ConversationId, Inbound
from core.store import Store
from core.tables import message, secret
from core.vault import Vault
from tests.conftest import NOON

CODE = "7KX2M9PQRT"
LATE = NOON + once.SHOWN_FOR


async def talk(store: Store, vault: Vault, text: str = "你好", sender: str = "visitor") -> ConversationId:
    inbound = Inbound(sender=sender, external_id=f"m {sender}", text=text)
    done = await Inbox(store, vault).accept(channel=ChannelId("web"), kind="web", inbound=inbound, now=NOON)
    return done.conversation


async def test_it_is_read_for_an_hour_where_it_was_said(store: Store, vault: Vault) -> None:
    where, elsewhere = await talk(store, vault), await talk(store, vault, sender="other")
    mark = await store.write(lambda conn: once.hide(conn, vault, where, CODE, NOON))
    words = f"查询码：{mark}。"
    assert once.has(words)
    assert CODE not in words
    shown = await store.read(
        lambda conn: [
            once.show(conn, vault, which, words, at) for which, at in ((where, NOON), (where, LATE), (elsewhere, NOON))
        ]
    )
    assert shown == [f"查询码：{CODE}。", f"查询码：{once.GONE}。", f"查询码：{once.GONE}。"]


async def test_after_its_hour_nothing_of_it_is_left(store: Store, vault: Vault) -> None:
    where = await talk(store, vault)
    await store.write(lambda conn: once.hide(conn, vault, where, CODE, NOON) and None)
    await store.write(lambda conn: once.forget(conn, LATE - timedelta(seconds=1)))
    kinds = select(secret.c.kind)
    assert await store.read(lambda conn: conn.execute(kinds).scalars().all()) == [once.KIND]
    await store.write(lambda conn: once.forget(conn, LATE))
    assert await store.read(lambda conn: conn.execute(kinds).scalars().all()) == []


async def test_a_code_that_a_consumer_types_is_hidden_when_it_is_accepted(store: Store, vault: Vault) -> None:
    where = await talk(store, vault, "Q2026-0001234-6，查询码7kx2m-9pqrt")
    text = await store.read(lambda conn: conn.execute(select(message.c.text)).scalar_one())
    assert text.startswith("Q2026-0001234-6，查询码⟦query-code:")
    assert await store.read(lambda conn: once.show(conn, vault, where, text, NOON)) == f"Q2026-0001234-6，查询码{CODE}"


@pytest.mark.parametrize(
    "text",
    [
        "ABCDEFGHJK",
        "2345678922",
        "A2345678923",
        "订单号AB12345678",
        "12 ABCDEFG 3",
        "7KX2M 9PQRT",
        "A234567892",
        "Q2026",
    ],
)
def test_what_is_no_code_stays(text: str) -> None:
    assert [found for found in masking.find(text) if found.kind == "query-code"] == []

"""What is shown once: readable for an hour where it was said, nowhere else, and gone afterwards."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from sqlalchemy import select

from cases.numbers import new_code
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
    "typed",
    [
        CODE,
        "7kx2m9pqrt",
        "7KX2M 9PQRT",
        "7kx2m 9pqrt",
        "7KX2M　9PQRT",
        "7KX2M - 9PQRT",
        "7kx2m—9pqrt",
        "７ＫＸ２Ｍ９ＰＱＲＴ",
        "７ｋｘ２ｍ　９ｐｑｒｔ",
        "７ＫＸ２Ｍ－９ＰＱＲＴ",
        "7K X2 M9 PQ RT",
        "7KX 2M9 PQRT",
        "7KX2 M9P QRT",
        "7KX 2M9P QRT",
        "7KX2-M9PQ-RT",
        "7 K X 2 M 9 P Q R T",
        "7KX2M\u200b9PQRT",
        "7KX2M\n9PQRT",
    ],
)
async def test_a_code_is_hidden_however_it_is_typed_and_is_the_same_code(
    store: Store, vault: Vault, typed: str
) -> None:
    said = f"编号Q2026-0001234-6，查询码是{typed}，请查"
    where = await talk(store, vault, said)
    kept = await store.read(lambda conn: conn.execute(select(message.c.text)).scalar_one())
    assert re.fullmatch(r"编号Q2026-0001234-6，查询码是⟦query-code:[a-z2-7]{10}⟧，请查", kept)
    shown = await store.read(lambda conn: once.show(conn, vault, where, kept, NOON))
    assert shown == f"编号Q2026-0001234-6，查询码是{CODE}，请查"


@pytest.mark.parametrize("typed", ["ABCDE 23456", "ABCDE23456", "abcde-23456", "ＡＢＣＤＥ２３４５６", "ABC DE2 3456"])
def test_a_code_whose_letters_are_together_is_one_too(typed: str) -> None:
    assert [(found.kind, found.value) for found in masking.find(f"code: {typed}.")] == [("query-code", "ABCDE23456")]


def test_every_code_that_is_made_is_hidden_as_it_is_and_in_groups_of_five() -> None:
    written = [(code := new_code(), f"{code[:5]} {code[5:]}", f"{code[:5]}-{code[5:]}".lower()) for _ in range(500)]
    assert all(re.search(r"\A⟦query-code⟧\Z", hidden(each)) for way in written for each in way)


def hidden(text: str) -> str:
    return masking.replace(text, lambda found: f"⟦{found.kind}⟧")


@pytest.mark.parametrize(
    "text",
    [
        "ABCDEFGHJK",
        "2345678922",
        "A2345678923",
        "订单号AB12345678",
        "12 ABCDEFG 3",
        "A234567892",
        "after 95588",
        "from 95588 to 95533 years",
        "fees 3456 at",
        "HMAC-SHA-256",
        "on the 28th and the 3rd after that",
        "22 23 24 25 26",
        "we paid 2 3 4 5 6 7 8 9",
        "7KX2M 9PQRTA",
        "A7KX2M 9PQRT",
        "Q2026",
    ],
)
def test_what_is_no_code_stays(text: str) -> None:
    assert [found for found in masking.find(text) if found.kind == "query-code"] == []

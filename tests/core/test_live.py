"""Wakes and news inside one process: nobody is told twice for one reason, nobody misses the first word."""

from __future__ import annotations

import asyncio

from core.live import Live, Ready
from core.model import ConversationId

A, B = ConversationId("a"), ConversationId("b")


async def test_a_conversation_that_is_wanted_twice_is_handed_out_once() -> None:
    ready = Ready()
    for conversation in (A, B, A):
        ready.add(conversation)
    assert [await ready.next(), await ready.next(), len(ready)] == [A, B, 0]


async def test_a_conversation_wanted_again_while_it_is_worked_on_comes_again() -> None:
    ready = Ready()
    ready.add(A)
    assert await ready.next() == A
    ready.add(A)
    assert await ready.next() == A


async def test_a_worker_that_waits_gets_what_comes() -> None:
    ready = Ready()
    waiting = asyncio.create_task(ready.next())
    await asyncio.sleep(0)
    ready.add(B)
    assert await waiting == B


async def test_news_before_the_wait_is_not_missed_and_is_told_to_every_page() -> None:
    live = Live()
    async with live.listen(A) as one, live.listen(A) as two, live.listen(B) as other:
        live.news(A)
        assert await one.wait(1)
        assert await two.wait(1)
        assert not await other.wait(0)
    assert not live.listeners


async def test_typing_is_told_when_it_changes() -> None:
    live = Live()
    async with live.listen(A) as ear:
        live.typing(A, True)
        assert await ear.wait(1)
        assert ear.typing
        live.typing(A, True)
        assert not await ear.wait(0)

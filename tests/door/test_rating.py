"""Thumbs over the socket: kept once, shown again, and only under answers of the visitor's own conversation."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from sqlalchemy import select

from channels.web import Close
from core.errors import LedgerBusy
from core.tables import feedback
from door.socket import questions
from tests.brain_server import say
from tests.door.conftest import Open, Running
from tests.door.tab import Tab, tab


@asynccontextmanager
async def answered(running: Running) -> AsyncGenerator[tuple[Tab, int]]:
    """A visitor who has got an FAQ answer, and its seq."""
    async with tab(running) as one:
        await one.hello()
        await one.next("msg")
        running.brain.answer = lambda turn: say(say=[{"faq": "F22"}])
        await one.write("怎么查信用报告", "c-1")
        yield one, (await one.next("msg", entry="F22"))["seq"]


async def kept(running: Running) -> list[tuple[int, bool]]:
    columns = feedback.c.seq, feedback.c.helpful
    return [tuple(row) for row in await running.house.store.read(lambda conn: conn.execute(select(*columns)).all())]


async def test_a_thumb_is_kept_changed_and_taken_back(running: Running) -> None:
    async with answered(running) as (one, seq):
        for helpful in (True, True, False):  # twice the same is once
            await one.send(type="rate", seq=seq, helpful=helpful)
            assert await one.next("rated") == {"type": "rated", "seq": seq, "helpful": helpful}
        assert await kept(running) == [(seq, False)]
        await one.send(type="rate", seq=seq, helpful=None)
        await one.next("rated", helpful=None)
        assert await kept(running) == []


async def test_a_page_that_comes_back_is_told_its_thumbs_before_the_past(running: Running) -> None:
    async with answered(running) as (one, seq):
        await one.send(type="rate", seq=seq, helpful=False)
        await one.next("rated")
    async with tab(running) as again:
        await again.hello(one.token, last_seq=0)
        await again.until_seq(seq)
        assert [frame for frame in again.frames if frame["type"] == "rated"] == [
            {"type": "rated", "seq": seq, "helpful": False}
        ]


@pytest.mark.parametrize("away", [-1, 1, 1_000_000, 2**53 - 5])  # the visitor's own words, and places without any
async def test_what_is_no_answer_is_not_rated_and_the_conversation_goes_on(running: Running, away: int) -> None:
    async with answered(running) as (one, seq):
        await one.send(type="rate", seq=seq + away, helpful=True)
        refused = await one.next("error")
        assert (refused["code"], refused["seq"]) == ("not_found", seq + away)
        await one.send(type="ping")
        await one.next("pong")
    assert await kept(running) == []


async def test_a_greeting_is_no_answer(running: Running) -> None:
    async with tab(running) as one:
        await one.hello()
        greeting = await one.next("msg")
        await one.send(type="rate", seq=greeting["seq"], helpful=True)
        assert (await one.next("error"))["code"] == "not_found"


async def test_nobody_rates_in_another_visitors_name(running: Running) -> None:
    async with answered(running) as (_, seq), tab(running) as stranger:
        await stranger.hello()
        await stranger.next("msg")
        await stranger.send(type="rate", seq=seq, helpful=False)
        assert (await stranger.next("error"))["code"] == "not_found"
    assert await kept(running) == []


async def test_too_many_thumbs_end_the_socket_and_take_no_words_away(open_doors: Open) -> None:
    async with open_doors(rate_per_minute=3) as running:
        async with answered(running) as (one, seq):
            for n in range(3):
                await one.send(type="rate", seq=seq, helpful=n % 2 == 0)
                await one.next("rated")
            await one.send(type="rate", seq=seq, helpful=False)
            refused = await one.next("error")
            assert (refused["code"], refused["seq"]) == ("too_many", seq)
            assert await one.end() == Close.RATE
        async with tab(running) as again:
            await again.hello(one.token)
            await again.write("还能说话吗", "c-2")


async def test_a_thumb_that_the_ledger_could_not_take_may_come_again(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with answered(running) as (one, seq):

        def busy(*_: Any) -> bool:
            raise LedgerBusy

        with monkeypatch.context() as broken:
            broken.setattr(questions, "rate", busy)
            await one.send(type="rate", seq=seq, helpful=True)
            assert (await one.next("error"))["code"] == "ledger_busy"
        await one.send(type="rate", seq=seq, helpful=True)
        await one.next("rated")
    assert await kept(running) == [(seq, True)]

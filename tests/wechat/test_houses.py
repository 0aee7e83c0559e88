"""Several houses on one PostgreSQL ledger, before them what hands each delivery to the next one in turn."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import Any

import pytest

from core.settings import Settings
from tests.servers import Postgres
from tests.waiting import until
from tests.wechat.conftest import PACE, Account, Desk
from tests.wechat.platform import OUT_OF_ORDER

Houses = Callable[..., AbstractAsyncContextManager[list[Desk]]]


@pytest.fixture
def ledger(postgres_server: Postgres) -> Iterator[str]:
    name = f"houses_{os.getpid()}"
    yield postgres_server.create(name)
    postgres_server.drop(name)


@pytest.fixture
def houses(account: Account, ledger: str, make_settings: Callable[..., Settings]) -> Houses:
    make_settings(database_url=ledger)  # once: keys and tables

    @asynccontextmanager
    async def start(count: int, **more: Any) -> AsyncIterator[list[Desk]]:
        async with AsyncExitStack() as stack:
            desks: list[Desk] = []
            for _ in range(count):
                there = desks[0].platform if desks else None
                one = account(there=there, own={"database_url": ledger}, **more)
                desks.append(await stack.enter_async_context(one))
            yield desks

    return start


async def test_four_share_one_renewal_of_the_token_and_a_delivery_to_all_is_one_turn_and_one_reply(
    houses: Houses,
) -> None:
    async with houses(4) as desks:
        there, http, brain = desks[0].platform, desks[0].running.http, desks[0].running.brain
        for made in (1, 2, 3):
            xmls = [there.text(f"第{made}问", f"w{n}") for n in range(12)]
            assert await asyncio.gather(*(there.deliver(http, xml) for xml in xmls)) == [""] * 12
            await until(lambda made=made: all(len(there.follower(f"w{n}").shown) == made for n in range(12)))
            assert len(there.tokens) == made
            there.invalidate()
        assert there.fetches <= 4 * 3  # each house asks once at the most, and all are given the same one
        brain.asked.clear()
        brain.hang()
        xml = there.text("你好")
        assert await asyncio.gather(*(there.post(http, xml) for _ in range(3))) == [(200, "success")] * 3
        await brain.was_asked.wait()
        assert await there.post(http, xml) == (200, "success")  # while one house thinks of it
        brain.wake()
        assert await desks[-1].ended("sent")
        assert len(there.follower("anna").shown) == len(brain.asked) == 1


async def test_a_delivery_that_comes_to_another_house_while_the_first_thinks_brings_the_one_answer(
    houses: Houses,
) -> None:
    async with houses(2, answer="passive", pace=PACE) as (one, other):
        there, brain = one.platform, one.running.brain
        brain.hang()
        heard = asyncio.create_task(one.hears(there.text("你好")))
        await until(lambda: there.attempts >= 2)
        brain.wake()
        answer = await heard
        assert answer not in ("", OUT_OF_ORDER, one.words("parked"))
        assert there.follower("anna").shown == [answer]
        assert await other.turns() == [("text", "done")]
        assert await other.ended("sent")
        brain.hang()
        assert one.words("parked") in await one.hears(there.text("还在吗"))  # the third delivery, wherever it came
        assert await other.turns() == [("text", "done"), ("text", "parked")]
        assert await other.ended("sent", "sent")
        brain.wake()

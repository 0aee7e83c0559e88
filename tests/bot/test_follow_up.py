"""A short question on the answer before it is answered from that entry, or from the one beside it that fits better."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from bot.follow_up import answered, is_one
from core.model import Button
from core.store import Store
from core.vault import Vault
from tests.bot.test_choices import heard
from tests.bot.test_conversation import House
from tests.brain_server import brain_server, say
from tests.conftest import Clock


@pytest.fixture
async def house(store: Store, vault: Vault, clock: Clock) -> AsyncIterator[House]:
    async with brain_server() as brain:
        made = House(store, vault, brain, clock)
        yield made
        await made.client.close()


@pytest.mark.parametrize(
    "text", ["要多久", "多久呢？", "那要多少钱", "要錢嗎", "How long does it take?", "and what documents?"]
)
def test_what_says_nothing_alone_is_a_follow_up(text: str) -> None:
    assert is_one(text)


@pytest.mark.parametrize(
    "text", ["", "谢谢", "有用", "人呢", "投诉多久有结果", "0", "多少", "how long does a complaint take", "多久" * 50]
)
def test_what_says_something_alone_is_none(text: str) -> None:
    assert not is_one(text)


def test_the_button_for_details_tells_which_entry_was_answered_with() -> None:
    details = Button(title="详细说明", payload='/faq{"id":"F22","details":"yes"}')
    assert answered((details, Button(title="学一学", payload='/lesson{"step":"credit.1"}'))) == "F22"
    assert answered((Button(title="?", payload='/faq{"id":"F22"}'),)) == ""
    assert answered(()) == ""


async def test_it_is_answered_with_the_details_of_the_same_entry(house: House) -> None:
    house.brain.answer = lambda turn: say(say=[{"faq": "F22", "args": {}}])
    await house.answer("怎么查自己的信用报告？")
    await house.answer("要多久")
    assert heard(house) == ("payload", '/faq{"id":"F22","details":"yes"}')


async def test_it_is_a_message_like_any_other_where_nothing_was_answered(house: House) -> None:
    house.brain.answer = lambda turn: say("greeting")
    await house.answer("你好")
    await house.answer("要多久")
    assert heard(house) == ("text", "")


@pytest.mark.parametrize(
    ("asked", "text"),
    [("怎么查自己的信用报告？", "要多久"), ("How do I get my own credit report?", "what should I bring?")],
)
async def test_a_second_one_is_still_on_the_same_entry_and_owns_up_when_all_was_said(
    house: House, asked: str, text: str
) -> None:
    house.brain.answer = lambda turn: say(say=[{"faq": "F22", "args": {"details": "yes"}}])
    await house.answer(asked)
    await house.answer(text)
    assert heard(house) == ("payload", "/faq_none")

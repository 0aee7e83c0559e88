"""What is typed may choose from the list said last, by number or by title; else it is a message like any other."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from bot.choices import asked_instead, bare_number, chosen, topic
from core.model import Button, ChannelId
from core.store import Store
from core.vault import Vault
from tests.bot.test_conversation import HOOK, WEB, House
from tests.brain_server import brain_server, say
from tests.conftest import Clock

LIST = say("lessons.list")  # nine buttons, the first of them leads to rights.1


@pytest.fixture
async def house(store: Store, vault: Vault, clock: Clock) -> AsyncIterator[House]:
    async with brain_server() as brain:
        made = House(store, vault, brain, clock)
        yield made
        await made.client.close()


def heard(house: House) -> tuple[str, str]:
    """The kind and the payload of the last turn that the brain was asked for."""
    return house.brain.asked[-1]["kind"], house.brain.asked[-1]["payload"]


@pytest.mark.parametrize("channel", [WEB, HOOK])
@pytest.mark.parametrize(
    ("typed", "step"), [("1", "rights.1"), ("９", "cash.1"), ("2.", "scope.1"), ("选4", "fraud.1")]
)
async def test_a_number_presses_its_button(house: House, channel: ChannelId, typed: str, step: str) -> None:
    house.brain.answer = lambda turn: LIST
    accepted = await house.hear("学习", channel=channel)
    await house.turns.drain(accepted.conversation)
    await house.send(accepted.conversation)
    await house.answer(typed, channel=channel)
    assert heard(house) == ("payload", f'/lesson{{"step":"{step}"}}')


async def test_a_number_typed_before_the_list_went_out_is_a_message(house: House) -> None:
    house.brain.answer = lambda turn: LIST
    await house.answer("学习", channel=HOOK)
    await house.answer("1", channel=HOOK)
    assert heard(house) == ("text", "")


@pytest.mark.parametrize("typed", ["10", "99", "第10个"])
async def test_a_number_beyond_the_list_is_a_message(house: House, typed: str) -> None:
    house.brain.answer = lambda turn: LIST
    await house.answer("学习")
    await house.answer(typed)
    assert heard(house) == ("text", "")


@pytest.mark.parametrize(
    ("typed", "step"), [("存款保险", "deposit.1"), ("【存款保险】。", "deposit.1"), ("借钱、还钱、催收", "loan.1")]
)
async def test_the_words_of_a_button_press_it_too(house: House, typed: str, step: str) -> None:
    house.brain.answer = lambda turn: LIST
    await house.answer("学习")
    await house.answer(typed)
    assert heard(house) == ("payload", f'/lesson{{"step":"{step}"}}')


async def test_a_typed_question_is_searched_even_if_a_button_says_the_same(house: House) -> None:
    house.brain.answer = lambda turn: say("greeting")
    await house.answer("你好")
    await house.answer("怎么查自己的信用报告？")
    assert heard(house) == ("text", "")
    assert house.brain.asked[-1]["hits"][0]["id"] == "F22"


async def test_zero_is_a_person_whatever_list_is_open(house: House) -> None:
    house.brain.answer = lambda turn: LIST
    await house.answer("学习")
    first, *_ = await house.answer("0")
    assert "12363" in first.text
    assert heard(house) == ("payload", "/leave_message")


async def test_a_list_is_closed_once_something_else_was_said(house: House) -> None:
    house.brain.answer = lambda turn: LIST
    await house.answer("学习")
    house.brain.answer = lambda turn: say("thanks")
    await house.answer("谢谢")
    await house.answer("1")
    assert heard(house) == ("text", "")


async def test_the_last_of_two_lists_counts(house: House) -> None:
    house.brain.answer = lambda turn: say(
        say=[{"key": "lessons.list", "args": {}}, {"key": "faq.no_answer", "args": {}}]
    )
    await house.answer("学习")
    await house.answer("1")
    assert heard(house) == ("payload", "/leave_message")


async def test_a_number_before_anything_was_said_is_a_message(house: House) -> None:
    await house.answer("1")
    assert heard(house) == ("text", "")


async def test_a_number_after_the_holding_sentence_still_means_the_list(house: House) -> None:
    """The sentence that it takes longer comes between, and offers nothing."""
    house.brain.answer = lambda turn: LIST
    await house.answer("学习")
    accepted = await house.hear("3")
    house.clock.forward(6)
    assert await house.turns.tell_waiting() == 1
    await house.turns.drain(accepted.conversation)
    assert heard(house) == ("payload", '/lesson{"step":"case.1"}')


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("1", 1),
        (" 12 ", 12),
        ("３", 3),
        ("2️⃣", 2),
        ("（4）", 4),
        ("5、", 5),
        ("第6个", 6),
        ("我选7", 7),
        ("option 8", 8),
        ("No. 9", 9),
        ("0", 0),
        ("00", 0),
        ("100", 0),
        ("12363", 0),
        ("1 2", 0),
        ("3天", 0),
        ("1和2", 0),
        ("第二个", 2),
        ("我选第三", 3),
        ("the first one", 1),
        ("Second", 2),
        ("二", 0),
        ("第一次逾期", 0),
        ("first time buyer", 0),
        ("", 0),
        ("1" * 5000, 0),
        (" " * 5000 + "1", 0),
    ],
)
def test_what_counts_as_a_bare_number(text: str, number: int) -> None:
    assert bare_number(text) == number


OFFERED = (
    Button(title="Next", payload="/next"),
    Button(title="More details", payload='/faq{"id":"F22","details":"yes"}'),
    Button(title="How much?", payload='/faq{"id":"F77"}'),
    Button(title="10", payload="/ten"),
    Button(title="…", payload="/dots"),
)


@pytest.mark.parametrize(
    ("text", "payload"),
    [
        ("1", "/next"),
        ("NEXT", "/next"),
        (" next! ", "/next"),
        ("next please", ""),
        ("more details", '/faq{"id":"F22","details":"yes"}'),
        ("how much?", ""),
        ("3", '/faq{"id":"F77"}'),
        ("4", "/ten"),
        ("6", ""),
        ("10", ""),  # a number is a place in the list, whatever a button says
        ("…", ""),
        ("", ""),
    ],
)
def test_what_a_typed_message_chooses(text: str, payload: str) -> None:
    assert chosen(text, OFFERED) == payload
    assert chosen(text, ()) == ""


PAGES = (
    Button(title="贷款、信用卡和催收", payload='/menu{"page":"loan"}'),
    Button(title="Cards and accounts", payload='/menu{"page":"account"}'),
)


@pytest.mark.parametrize(
    ("text", "payload"),
    [
        ("贷款", PAGES[0].payload),
        ("信用卡。", PAGES[0].payload),
        ("貸款、信用卡和催收", PAGES[0].payload),
        ("card", PAGES[1].payload),
        ("Accounts?", PAGES[1].payload),
        ("贷款利率", ""),
        ("s", ""),
        ("", ""),
        ("和", ""),
    ],
)
def test_a_topic_alone_means_its_page_of_the_menu(text: str, payload: str) -> None:
    assert topic(text, PAGES) == payload


async def test_a_topic_typed_without_a_list_opens_its_page(house: House) -> None:
    await house.answer("征信")
    assert heard(house) == ("payload", '/menu{"page":"credit"}')


@pytest.mark.parametrize(
    ("text", "question"),
    [
        ("不对，我问的是征信", "征信"),
        ("不對，我問的是徵信", "徵信"),
        ("我是想问怎么投诉", "怎么投诉"),
        ("No, I asked about cash", "cash"),
        ("不对，是建行", "不对，是建行"),
        ("我问的是", "我问的是"),
        ("我问银行", "我问银行"),
    ],
)
def test_the_question_after_a_correction_is_what_counts(text: str, question: str) -> None:
    assert asked_instead(text) == question

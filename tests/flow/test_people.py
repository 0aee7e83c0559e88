"""What must not end with the assistant: danger, fraud, a person; and the menu by its numbers."""

from __future__ import annotations

import sqlite3

import pytest

from tests.flow.conftest import RealHouse, page


def waiting(house: RealHouse, conversation: str) -> list[tuple[str, str]]:
    """Reason and state of what the conversation waits for a person with."""
    with sqlite3.connect(house.data / "qiantai.db") as ledger:
        query = "SELECT reason, state FROM left_message WHERE conversation_id = ? ORDER BY id"
        return ledger.execute(query, (conversation,)).fetchall()


def alarms(house: RealHouse, conversation: str) -> list[str]:
    with sqlite3.connect(house.data / "qiantai.db") as ledger:
        return [kind for (kind,) in ledger.execute("SELECT kind FROM alarm WHERE subject = ?", (conversation,))]


FRAUD = [
    ("zh", "骗子刚刚让我转了五万块，钱已经打过去了"),
    ("en", "a scammer just made me transfer fifty thousand yuan, the money has gone"),
]


@pytest.mark.parametrize(("language", "text"), FRAUD)
async def test_in_a_fraud_the_police_come_first_and_people_are_told(house: RealHouse, language: str, text: str) -> None:
    async with page(house, language) as visitor:
        answer = await visitor.say(text)
        conversation = visitor.welcome["conversation"]
    assert answer["text"].index("110") < answer["text"].index("96110")
    assert answer["buttons"][0]["payload"] == "/leave_message"
    assert waiting(house, conversation) == [("fraud", "asked")]
    assert alarms(house, conversation) == ["fraud"]


@pytest.mark.parametrize(
    ("language", "text", "number"),
    [("zh", "我不想活了", "12356"), ("en", "I want to kill myself", "12356")],
)
async def test_in_an_emergency_help_is_named_and_people_are_told(
    house: RealHouse, language: str, text: str, number: str
) -> None:
    async with page(house, language) as visitor:
        answer = await visitor.say(text)
        conversation = visitor.welcome["conversation"]
    assert all(one in answer["text"] for one in ("110", "120", number))
    assert waiting(house, conversation) == [("emergency", "asked")]
    assert alarms(house, conversation) == ["emergency"]


@pytest.mark.parametrize(("language", "ask"), [("zh", "菜单"), ("en", "menu")])
async def test_the_menu_is_walked_by_numbers_to_an_answer_and_to_a_person(
    house: RealHouse, language: str, ask: str
) -> None:
    async with page(house, language) as visitor:
        for text in (ask, "1", "1"):
            shown = await visitor.say(text)
            assert len(shown["buttons"]) >= 5
        assert (await visitor.say("1"))["entry"] == "F22"
        await visitor.say(ask)
        await visitor.say("5")
        conversation = visitor.welcome["conversation"]
    assert waiting(house, conversation) == [("asked", "asked")]


@pytest.mark.parametrize(
    ("language", "texts"),
    [
        ("zh", ["今天天气怎么样", "推荐一部好看的电影"]),
        ("en", ["what is the weather like today", "recommend a good film"]),
    ],
)
async def test_after_two_misses_a_person_is_offered(house: RealHouse, language: str, texts: list[str]) -> None:
    async with page(house, language) as visitor:
        await visitor.say(texts[0])
        offered = await visitor.say(texts[1])
        assert [button["payload"] for button in offered["buttons"]] == ["/handoff", "/menu"]
        await visitor.press(offered["buttons"][0])
        conversation = visitor.welcome["conversation"]
    assert waiting(house, conversation) == [("misses", "asked")]

"""A visitor is answered as they write, in characters they choose if they choose; a third language by a line in two."""

from __future__ import annotations

import sqlite3

import pytest

from faq.language import script
from tests.flow.conftest import RealHouse, page


def rows(house: RealHouse, query: str, conversation: str) -> list[tuple[object, ...]]:
    with sqlite3.connect(house.data / "qiantai.db") as ledger:
        return ledger.execute(query, (conversation,)).fetchall()


async def test_traditional_characters_are_read_and_written(house: RealHouse) -> None:
    async with page(house, "zh") as visitor:
        answer = await visitor.say("怎麼查自己的信用報告？")
        assert answer["entry"] == "F22"
        assert script(answer["text"]) == script(answer["source"]) == "Hant"
        assert script((await visitor.say("有用"))["text"]) == "Hant"
        conversation = visitor.welcome["conversation"]
        assert rows(house, "SELECT helpful FROM feedback WHERE conversation_id = ?", conversation) == [(1,)]
        complaint = await visitor.say("我要投訴建設銀行亂收費")
        assert "登記投訴" in complaint["text"]
        assert script(complaint["text"]) == "Hant"
        await visitor.say("取消")
        assert script((await visitor.hears("不登記了"))["text"]) == "Hant"
        assert script((await visitor.say("請用簡體中文"))["text"]) == "Hans"
        assert script((await visitor.say("怎麼查自己的信用報告？"))["text"]) == "Hans"
    about = "SELECT language, spoken, script FROM conversation WHERE id = ?"
    assert rows(house, about, conversation) == [("zh-Hans", "zh", "Hant")]


async def test_a_third_language_gets_a_line_in_both_and_a_person(house: RealHouse) -> None:
    async with page(house, "en") as visitor:
        told = await visitor.say("口座を開設したいです")
        assert "Chinese and English" in told["text"]
        assert "中文和英文" in told["text"]
        await visitor.press(told["buttons"][0])
        await visitor.hears("Please write")
        conversation = visitor.welcome["conversation"]
    assert rows(house, "SELECT reason, role FROM left_message WHERE conversation_id = ?", conversation) == [
        ("asked", "agent")
    ]


@pytest.mark.parametrize(("language", "text"), [("zh", "我要见你们领导"), ("en", "let me talk to your manager")])
async def test_whom_somebody_asks_for_stands_with_the_request(house: RealHouse, language: str, text: str) -> None:
    async with page(house, language) as visitor:
        await visitor.say(text)
        conversation = visitor.welcome["conversation"]
    assert rows(house, "SELECT role FROM left_message WHERE conversation_id = ?", conversation) == [("leader",)]

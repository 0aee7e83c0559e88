"""In which language and characters a turn is answered: as the consumer writes, until they choose."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from sqlalchemy import select

from core.model import ConversationId, MessageKind
from core.store import Store
from core.tables import conversation
from core.vault import Vault
from faq.language import script
from tests.bot.test_conversation import HOOK, House
from tests.brain_server import brain_server, say
from tests.conftest import Clock


@pytest.fixture
async def house(store: Store, vault: Vault, clock: Clock) -> AsyncIterator[House]:
    async with brain_server() as brain:
        made = House(store, vault, brain, clock)
        yield made
        brain.wake()
        await made.client.close()


def switch(language: str) -> dict[str, object]:
    return say("language.switched", effects=[{"name": "set_language", "language": language}])


async def test_traditional_characters_are_answered_in_traditional_characters(house: House) -> None:
    [line] = await house.answer("請問怎麼投訴銀行？")
    assert script(line.text) == "Hant"
    assert {script(button.title) for button in line.buttons} <= {"Hant", ""}
    assert line.buttons[0].payload == '/faq{"id":"F22"}'


async def test_the_brain_reads_simplified_characters_and_the_transcript_keeps_what_was_written(house: House) -> None:
    accepted = await house.hear("我要投訴銀行亂收費")
    await house.turns.drain(accepted.conversation)
    asked = house.brain.asked[0]
    assert (asked["text"], asked["plain"]) == ("我要投訴銀行亂收費", "我要投诉银行乱收费")
    assert (await house.lines(accepted.conversation))[0].text == "我要投訴銀行亂收費"
    await house.answer("我要投诉")
    await house.answer("你好")
    assert house.brain.asked[-1]["plain"] == ""


async def test_an_answer_its_source_and_what_it_was_found_by(house: House) -> None:
    house.brain.answer = lambda turn: say(say=[{"faq": turn["hits"][0]["id"]}])
    [line] = await house.answer("怎麼查自己的信用報告？")
    assert line.entry == "F22"
    assert script(line.text) == script(line.source) == "Hant"


async def test_the_characters_last_until_others_show_and_past_english(house: House) -> None:
    shown = [script((await house.answer(text))[0].text) for text in ("你好", "我要貸款", "你好", "hello", "ok", "你好")]
    assert shown == ["Hans", "Hant", "Hant", "", "", "Hant"]
    assert script((await house.answer("我要贷款"))[0].text) == "Hans"


@pytest.mark.parametrize(("tag", "found"), [("zh-Hant", "Hant"), ("zh_TW", "Hant"), ("zh-CN", "Hans"), ("zh", "Hans")])
async def test_what_the_platform_knows_counts_until_something_shows(house: House, tag: str, found: str) -> None:
    assert script((await house.answer("你好", language=tag))[0].text) == found


@pytest.mark.parametrize(
    ("chosen", "text", "shown"),
    [
        ("zh-Hant", "我要贷款，怎么办", "Hant"),
        ("zh-Hans", "我要貸款，怎麼辦", "Hans"),
        ("zh-Hant", "how do I get a loan", "Hant"),
        ("zh", "我要貸款，怎麼辦", "Hant"),
        ("en", "我要貸款，怎麼辦", ""),
    ],
)
async def test_what_was_chosen_holds_whatever_is_written(house: House, chosen: str, text: str, shown: str) -> None:
    house.brain.answer = lambda turn: switch(chosen)
    [switched] = await house.answer("换一种")
    assert script(switched.text) == ("" if chosen == "en" else "Hant" if chosen == "zh-Hant" else "Hans")
    house.brain.answer = lambda turn: say("greeting")
    assert script((await house.answer(text))[0].text) == shown


async def test_what_is_said_without_the_brain_follows_too(house: House) -> None:
    [emergency] = await house.answer("我不想活了，沒人幫我")
    assert script(emergency.text) == "Hant"
    house.brain.hang()
    accepted = await house.hear("你好")
    house.clock.forward(6)
    assert await house.turns.tell_waiting() == 1
    assert script((await house.lines(accepted.conversation, after=accepted.seq))[0].text) == "Hant"


@pytest.mark.parametrize("typed", ["给工作人员留言", "給工作人員留言"])
async def test_the_words_of_a_button_press_it_in_either_characters(house: House, typed: str) -> None:
    house.brain.answer = lambda turn: say("faq.no_answer")
    await house.answer("這個怎麼辦")
    await house.answer(typed)
    assert (house.brain.asked[-1]["kind"], house.brain.asked[-1]["payload"]) == ("payload", "/leave_message")


@pytest.mark.parametrize(("before", "han"), [("你好", True), ("hello there", False)])
async def test_one_word_of_another_language_does_not_switch(house: House, before: str, han: bool) -> None:
    await house.answer(before)
    for text in ("ok", "Alipay", "13", "👍"):
        [line] = await house.answer(text)
        assert line.text.isascii() is not han


async def test_a_third_language_is_told_to_the_brain_and_not_searched(house: House) -> None:
    house.brain.answer = lambda turn: say("language.other")
    await house.answer("hello there")
    [line] = await house.answer("口座を開設したいです")
    asked = house.brain.asked[-1]
    assert (asked["other_language"], asked["language"], asked["hits"]) == (True, "en", [])
    assert "Chinese and English" in line.text
    assert "中文和英文" in line.text
    assert [button.payload for button in line.buttons] == ["/handoff"]
    await house.answer("sorry, how do I open an account")
    assert house.brain.asked[-1]["other_language"] is False


async def test_the_words_of_our_own_button_switch_nothing(house: House) -> None:
    house.brain.answer = lambda turn: say("language.other")
    await house.answer("hello there")
    [told] = await house.answer("口座を開設したいです")
    house.brain.answer = lambda turn: say("greeting")
    pressed = {"kind": MessageKind.PAYLOAD, "payload": told.buttons[0].payload, "text": told.buttons[0].title}
    assert (await house.answer(**pressed))[0].text.isascii()


async def test_the_ledger_keeps_language_and_characters(house: House) -> None:
    async def row(which: ConversationId) -> tuple[str, str, str]:
        columns = (conversation.c.language, conversation.c.spoken, conversation.c.script)
        query = select(*columns).where(conversation.c.id == which)
        return tuple(await house.store.read(lambda conn: conn.execute(query).one()))  # type: ignore[return-value]

    accepted = await house.hear("我要貸款", channel=HOOK)
    await house.turns.drain(accepted.conversation)
    assert await row(accepted.conversation) == ("", "zh", "Hant")
    house.brain.answer = lambda turn: switch("zh-Hans")
    await house.answer(kind=MessageKind.TEXT, text="how about simplified characters", channel=HOOK)
    assert await row(accepted.conversation) == ("zh-Hans", "en", "Hant")

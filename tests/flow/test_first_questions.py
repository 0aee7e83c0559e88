"""A person opens the page, asks in Chinese or English, and gets the right answer from the real brain."""

from __future__ import annotations

import sqlite3

import pytest

from tests.flow.conftest import RealHouse, page


@pytest.mark.parametrize(
    ("language", "question", "entry", "words"),
    [
        ("zh", "怎么查自己的信用报告？", "F22", "征信中心"),
        ("en", "How much of my deposit is insured?", "F77", "500,000"),
        ("zh", "存款保险最多赔多少？", "F77", "50万"),
        ("zh", "基金和理财有没有存款保险", "F78", "理财"),
    ],
)
async def test_a_question_gets_its_entry_with_source_and_date(
    house: RealHouse, language: str, question: str, entry: str, words: str
) -> None:
    async with page(house, language) as visitor:
        answer = await visitor.say(question)
    assert answer["entry"] == entry
    assert words in answer["text"].replace(" ", "")
    assert "2026" in answer["source"]
    assert ("待核实" if language == "zh" else "unreviewed") in answer["source"]


async def test_a_new_visitor_is_greeted_in_the_language_of_the_page(house: RealHouse) -> None:
    async with page(house, "zh") as chinese, page(house, "en") as english:
        assert "你好" in chinese.seen[0]["text"] or "您好" in chinese.seen[0]["text"]
        assert english.seen[0]["text"].isascii() or "hello" in english.seen[0]["text"].lower()


async def test_what_nobody_knows_is_not_answered(house: RealHouse) -> None:
    async with page(house) as visitor:
        answer = await visitor.say("火星上的房价是多少")
    assert answer["entry"] == ""


async def test_a_button_of_ours_leads_to_its_entry(house: RealHouse) -> None:
    async with page(house) as visitor:
        asked = await visitor.say("征信")
        assert len(asked["buttons"]) >= 2
        answer = await visitor.press(asked["buttons"][0])
    assert answer["entry"].startswith("F")


@pytest.mark.parametrize("typed", ["/restart", "/leave_message", '/faq{"id":"F22"}', "/session_start"])
async def test_a_typed_command_of_the_brain_is_only_words(house: RealHouse, typed: str) -> None:
    async with page(house) as visitor:
        answer = await visitor.say(typed)
        assert answer["entry"] == ""
        again = await visitor.say("怎么查自己的信用报告？")
    assert again["entry"] == "F22"


async def test_a_message_and_a_contact_are_left_for_a_person_with_a_question_in_between(house: RealHouse) -> None:
    async with page(house) as visitor:
        await visitor.say("转人工")
        await visitor.hears("请写下")
        digression = await visitor.say("存款保险最多赔多少？")
        assert digression["entry"] == "F77"
        await visitor.hears("请写下")  # the form asks again
        await visitor.say("信用卡年费被多收了三次，请回电")
        await visitor.say("13912345678")
        assert "13912345678" not in str(visitor.seen)
        conversation = visitor.welcome["conversation"]
    with sqlite3.connect(house.data / "qiantai.db") as ledger:
        [(reason, state, text, contact)] = ledger.execute(
            "SELECT reason, state, text, contact FROM left_message WHERE conversation_id = ?", (conversation,)
        )
    assert (reason, state) == ("asked", "left")
    assert "年费" in text
    assert contact.startswith("⟦phone:")


async def test_a_form_can_be_left(house: RealHouse) -> None:
    async with page(house) as visitor:
        await visitor.say("我要留言")
        await visitor.hears("请写下")
        await visitor.say("算了，不留了")
        answer = await visitor.say("怎么查自己的信用报告？")
    assert answer["entry"] == "F22"


async def test_the_language_can_be_chosen_and_stays(house: RealHouse) -> None:
    async with page(house) as visitor:
        await visitor.say("please speak english")
        answer = await visitor.say("存款保险最多赔多少？")
    assert "500,000" in answer["text"]
    assert answer["text"].isascii()


async def test_a_page_that_comes_back_gets_what_it_missed_and_nothing_twice(house: RealHouse) -> None:
    async with page(house) as first:
        await first.say("怎么查自己的信用报告？")
        token, last = first.welcome["token"], first.seen[-1]["seq"]
    async with page(house, token=token, last_seq=last - 1) as second:
        missed = await second.frame("msg")
        assert missed["seq"] == last
        answer = await second.say("存款保险最多赔多少？")
        assert answer["entry"] == "F77"
        assert [m["seq"] for m in second.seen] == list(range(last, last + 3))


async def test_two_pages_of_one_visitor_see_the_same(house: RealHouse) -> None:
    async with page(house) as one:
        token = one.welcome["token"]
        async with page(house, token=token, last_seq=one.seen[-1]["seq"]) as two:
            await one.say("怎么查自己的信用报告？")
            assert (await two.frame("msg"))["from"] == "contact"
            assert (await two.reply())["entry"] == "F22"

"""A person takes a lesson and its quiz, by buttons and by numbers, asks something in between and goes on."""

from __future__ import annotations

from typing import Any

from tests.flow.conftest import RealHouse, page


def titles(message: dict[str, Any]) -> list[str]:
    return [button["title"] for button in message["buttons"]]


def pick(message: dict[str, Any], title: str) -> dict[str, str]:
    return next(button for button in message["buttons"] if title in button["title"])


async def test_a_lesson_and_its_quiz_by_buttons(house: RealHouse) -> None:
    async with page(house) as visitor:
        shown = await visitor.press(pick(visitor.seen[0], "学点金融知识"))
        assert len(shown["buttons"]) == 9
        shown = await visitor.press(pick(shown, "存款保险"))
        while "小测验" not in titles(shown)[0]:
            assert "待核实" in shown["source"]
            shown = await visitor.press(pick(shown, "下一张"))
        shown = await visitor.press(pick(shown, "小测验"))
        for answer, verdict in (("50万元", "答对了"), ("加在一起", "没关系"), ("理财产品", "答对了")):
            shown = await visitor.press(pick(shown, answer))
            assert shown["text"].startswith(verdict)
        assert "3道题答对2道" in shown["text"]
        answer = await visitor.press(pick(shown, "存款保险最多赔多少"))
        assert answer["entry"] == "F77"


async def test_a_lesson_by_numbers_alone_in_english(house: RealHouse) -> None:
    async with page(house, "en") as visitor:
        shown = await visitor.say("quiz me")
        assert titles(shown)[3] == "Spotting and stopping fraud"
        shown = await visitor.say("4")
        for typed in ("1", "next", "Next.", "1"):
            shown = await visitor.say(typed)
        assert titles(shown)[0] == "Take the quiz"
        shown = await visitor.say("1.")
        for number, verdict in (("２", "That is right"), ("(1)", "That is right"), ("option 3", "That is right")):
            shown = await visitor.say(number)
            assert shown["text"].startswith(verdict)
        assert "3 of 3 right" in shown["text"]


async def test_a_question_in_the_middle_is_answered_and_the_lesson_goes_on(house: RealHouse) -> None:
    async with page(house) as visitor:
        await visitor.say("学习")
        card = await visitor.say("6")
        answer = await visitor.say("怎么查自己的信用报告？")
        assert answer["entry"] == "F22"
        assert titles(answer)[-1] == "继续学：存款保险"
        assert (await visitor.press(answer["buttons"][-1]))["text"] == card["text"]
        await visitor.say("谢谢")
        again = await visitor.say("继续学习")
        assert titles(again)[0] == "继续学：存款保险"
        assert (await visitor.say("1"))["text"] == card["text"]


async def test_zero_is_a_person_in_the_middle_of_a_quiz_too(house: RealHouse) -> None:
    async with page(house) as visitor:
        await visitor.say("学习")
        await visitor.say("7")
        for _ in range(3):
            await visitor.say("1")
        assert "小测验1/3" in (await visitor.say("1"))["text"]
        person = await visitor.say("0")
        assert "12363" in person["text"]


async def test_a_number_means_a_button_only_while_its_list_is_the_last_thing_said(house: RealHouse) -> None:
    async with page(house) as visitor:
        await visitor.say("学习")
        thanked = await visitor.say("谢谢")
        assert thanked["buttons"] == []
        assert "1/5" not in (await visitor.say("4"))["text"]


async def test_a_step_that_was_never_offered_is_words_like_any_other(house: RealHouse) -> None:
    async with page(house) as visitor:
        await visitor.say("学习")
        answer = await visitor.say(payload='/lesson{"step":"deposit.2"}', title="下一张")
        assert "2/5" not in answer["text"]

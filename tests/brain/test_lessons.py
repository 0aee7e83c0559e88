"""Lessons as the brain sees them: a wish in words, steps by button, and a question in between that loses nothing."""

from __future__ import annotations

import pytest

from tests.brain.house import Child, answers, press, said

CARD = '/lesson{"step":"fraud.2"}'
BACK = {"lesson": "fraud.2"}

WISHES = [
    "学习",
    "教育",
    "我想学点金融知识",
    "考考我",
    "继续学习",
    "lessons",
    "quiz me",
    "teach me something about money",
]


@pytest.mark.parametrize("text", WISHES)
def test_the_wish_to_learn_gets_the_list(brain: Child, text: str) -> None:
    answer = brain.turn(text)
    assert answer["say"] == [{"key": "lessons.list", "args": {}}]
    assert answer["decision"]["label"] == "lessons"


QUESTIONS = [
    ("我有哪些权利", "F21"),
    ("what are my rights", "F21"),
    ("怎么识别非法集资", "F72"),
    ("学校乱收费怎么办", "F38"),
]


@pytest.mark.parametrize(("text", "entry"), QUESTIONS)
def test_a_question_that_an_entry_answers_is_not_taken_for_a_wish_to_learn(brain: Child, text: str, entry: str) -> None:
    assert said(brain.turn(text, **answers(entry))) == [entry]


def test_a_step_goes_to_the_house_as_it_came_and_leaves_nothing_but_itself(brain: Child) -> None:
    answer = brain.turn(**press(CARD))
    assert answer["say"] == [{"key": "lesson.step", "args": {"step": "fraud.2"}}]
    kept = {event["name"]: event["value"] for event in answer["state"]["events"] if event["event"] == "slot"}
    assert kept == {"lesson_step": "fraud.2"}


def test_who_comes_back_to_the_list_is_offered_the_step_that_was_left(brain: Child) -> None:
    state = brain.turn(**press(CARD))["state"]
    for text in ("谢谢", "讲个笑话", "再见", "你好"):
        state = brain.turn(text, state=state)["state"]
    assert brain.turn("继续学习", state=state)["say"] == [{"key": "lessons.list", "args": {"step": "fraud.2"}}]


def test_a_question_in_the_middle_is_answered_with_the_way_back_once(brain: Child) -> None:
    state = brain.turn(**press(CARD))["state"]
    first = brain.turn("96110来电能接吗", state=state, **answers("F70"))
    assert first["say"] == [{"faq": "F70", "args": BACK}]
    second = brain.turn("存款保险最多赔多少", state=first["state"], **answers("F77"))
    assert second["say"] == [{"faq": "F77"}]


def test_asking_back_in_the_middle_keeps_the_way_back_too(brain: Child) -> None:
    state = brain.turn(**press(CARD))["state"]
    asked = brain.turn("征信", state=state, **answers("F22", "F24", score=0.4, decision="ask"))
    assert asked["say"] == [{"key": "faq.ask_back", "args": {"choices": ["F22", "F24"]} | BACK}]
    chosen = brain.turn(**press('/faq{"id":"F24"}'), state=asked["state"])
    assert chosen["say"] == [{"faq": "F24", "args": BACK}]
    assert said(brain.turn(**press("/deny"), state=asked["state"])) == ["faq.none_of_these"]


@pytest.mark.parametrize(("intent", "key"), [("faq_none", "faq.no_answer"), ("out_of_scope", "out_of_scope")])
def test_no_answer_in_the_middle_keeps_the_way_back_too(brain: Child, intent: str, key: str) -> None:
    state = brain.turn(**press(CARD))["state"]
    missed = brain.turn(**press(f"/{intent}"), state=state)
    assert missed["say"] == [{"key": key, "args": BACK}]
    assert said(brain.turn(**press(f"/{intent}"), state=missed["state"])) == ["person.offer"]


def test_a_lesson_opened_inside_a_form_is_shown_and_the_form_asks_again(brain: Child) -> None:
    opened = brain.turn("我要留言")["state"]
    assert said(brain.turn(**press(CARD), state=opened)) == ["lesson.step", "leave_message.ask_text"]


def test_a_number_without_a_list_is_no_step(brain: Child) -> None:
    state = brain.turn(**press(CARD))["state"]
    assert "lesson.step" not in said(brain.turn("2", state=state))

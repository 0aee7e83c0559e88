"""What the first assistant says outside its form: answers, questions back, honest silence, small talk, languages."""

from __future__ import annotations

import pytest

from tests.brain.house import ActionListener, Child, answers, press, said, turn

PHOTO = [{"media_type": "image/jpeg", "name": "a.jpg"}]
SAYINGS = [
    ("你好", "greeting"),
    ("good morning", "greeting"),
    ("再见", "goodbye"),
    ("see you later", "goodbye"),
    ("谢谢你", "thanks"),
    ("thank you very much", "thanks"),
    ("你是机器人吗", "bot_challenge"),
    ("are you a real person", "bot_challenge"),
    ("你能做什么", "menu"),
    ("what can you do", "menu"),
    ("讲个笑话", "smalltalk"),
    ("tell me a joke", "smalltalk"),
    ("是的", "affirm"),
    ("不是", "deny"),
    ("取消", "stop.nothing"),
    ("今天天气怎么样", "out_of_scope"),
    ("what will the weather be like tomorrow", "out_of_scope"),
]


@pytest.mark.parametrize(("text", "key"), SAYINGS)
def test_a_message_is_answered_by_its_key(brain: Child, text: str, key: str) -> None:
    answer = brain.turn(text)
    assert answer["say"] == [{"key": key, "args": {}}]
    assert answer["effects"] == []


def test_a_fitting_entry_answers_without_calling_an_action(brain: Child, listener: ActionListener) -> None:
    answer = brain.turn("How much of my deposit is insured?", language="en", **answers("F77"))
    assert answer["say"] == [{"faq": "F77"}]
    assert listener.calls == []


def test_several_possible_entries_are_offered_three_at_most(brain: Child) -> None:
    answer = brain.turn("征信", **answers("F22", "F24", "F29", "F25", score=0.4, decision="ask"))
    assert answer["say"] == [{"key": "faq.ask_back", "args": {"choices": ["F22", "F24", "F29"]}}]
    assert answer["decision"]["label"] == "faq:ask"


def test_a_chosen_entry_answers(brain: Child) -> None:
    asked = brain.turn("征信", **answers("F22", "F24", score=0.4, decision="ask"))
    answer = brain.turn(**press('/faq{"id":"F24"}'), state=asked["state"])
    assert answer["say"] == [{"faq": "F24"}]
    assert answer["decision"]["label"] == "faq:F24"


def test_details_of_an_entry_are_asked_for_by_its_button(brain: Child) -> None:
    answer = brain.turn(**press('/faq{"id":"F22","details":"yes"}'))
    assert answer["say"] == [{"faq": "F22", "args": {"details": "yes"}}]


def test_none_of_the_offered_entries_is_not_just_any_no(brain: Child) -> None:
    asked = brain.turn("征信", **answers("F22", "F24", score=0.4, decision="ask"))
    for no in ({"text": "都不是"}, press("/deny")):
        assert said(brain.turn(**no, state=asked["state"])) == ["faq.none_of_these"]
    greeted = brain.turn("你好", state=asked["state"])
    assert said(brain.turn("不是", state=greeted["state"])) == ["deny"]


def test_an_answer_without_its_entry_is_an_error_and_not_silence(brain: Child) -> None:
    status, error = brain.post(turn(**press("/faq")))
    assert (status, error["error"]) == (500, "ActionFailed")
    assert "turn_entry" in error["detail"]


def test_the_faq_wins_over_unsure_small_talk_and_says_why(brain: Child) -> None:
    answer = brain.turn("你们这个存款保险嘛，哈哈", **answers("F77", score=0.91))
    assert said(answer) == ["F77"]
    assert answer["decision"]["runner_up"]
    assert "0.91" in answer["decision"]["why"]


def test_a_clear_wish_comes_before_a_fitting_entry(brain: Child) -> None:
    answer = brain.turn("我要留言", **answers("F84", score=0.9))
    assert said(answer)[0] == "leave_message.intro"
    assert answer["decision"]["runner_up"] == "faq:credit_report:F84"


LANGUAGE_WISHES = [
    ("说英文", "en"),
    ("请用英语回答", "en"),
    ("English please", "en"),
    ("I don't understand Chinese", "en"),
    ("我看不懂英文", "zh"),
    ("别说英文了，说中文", "zh"),
    ("switch to Chinese", "zh"),
    ("换成中文", "zh"),
]


@pytest.mark.parametrize(("text", "language"), LANGUAGE_WISHES)
def test_a_wish_for_a_language_becomes_an_effect(
    brain: Child, listener: ActionListener, text: str, language: str
) -> None:
    answer = brain.turn(text)
    assert answer["effects"] == [{"name": "set_language", "language": language}]
    assert said(answer) == ["language.switched"]
    assert "set_language" not in [e["event"] for e in answer["state"]["events"]]
    assert "effect" not in str(answer["state"])


def test_a_wish_that_names_no_language_is_asked_back(brain: Child, listener: ActionListener) -> None:
    asked = brain.turn("换一种语言")
    assert (said(asked), asked["effects"]) == (["language.ask"], [])
    answer = brain.turn(**press('/set_language{"language":"en"}'), state=asked["state"])
    assert answer["effects"] == [{"name": "set_language", "language": "en"}]


@pytest.mark.parametrize(
    ("kind", "key"),
    [("followed", "followed"), ("location", "location.received")],
)
def test_what_happens_without_words_is_answered(brain: Child, kind: str, key: str) -> None:
    assert said(brain.turn(kind=kind)) == [key]


def test_of_a_file_that_no_form_asked_for_the_house_says_where_it_goes(brain: Child) -> None:
    answer = brain.turn(kind="attachment", attachments=PHOTO)
    assert (said(answer), answer["effects"]) == ([], [{"name": "attach_files"}])


def test_words_beside_a_file_are_understood_too(brain: Child) -> None:
    answer = brain.turn("怎么查自己的信用报告？", kind="attachment", attachments=PHOTO, **answers("F22"))
    assert (said(answer), answer["effects"]) == (["F22"], [{"name": "attach_files"}])


def test_a_file_with_words_inside_a_form_is_theirs_and_the_words_are_its_answer(brain: Child) -> None:
    asked = brain.turn("我要留言")
    text = "银行多扣了我二十元年费"
    answer = brain.turn(text, kind="attachment", attachments=PHOTO, state=asked["state"])
    assert (said(answer), answer["effects"]) == (["attachment.kept", "leave_message.ask_contact"], [])


def test_two_attempts_of_one_turn_do_not_meet(brain: Child) -> None:
    first = brain.turn("你好", turn="same")
    second = brain.turn("你好", turn="same")
    assert first == second

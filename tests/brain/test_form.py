"""The form leave_message: two answers, questions in between, stopping, going on."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.brain.house import ActionListener, Child, answers, press, said, turn

PHONE = "⟦phone:abcdefghij⟧"
EMAIL = "⟦email:klmnopqrst⟧"


@pytest.fixture(autouse=True)
def _working_actions(listener: ActionListener) -> None:
    """Every test starts with a listener that answers."""


class Talk:
    """One conversation: the state of each answer goes into the next turn."""

    def __init__(self, brain: Child) -> None:
        self._brain = brain
        self.state: Any = None

    def say(self, text: str = "", **fields: Any) -> dict[str, Any]:
        answer = self._brain.turn(text, state=self.state, **fields)
        self.state = answer["state"]
        return answer

    def hears(self, text: str = "", **fields: Any) -> list[str]:
        return said(self.say(text, **fields))


@pytest.fixture
def talk(brain: Child) -> Talk:
    return Talk(brain)


def test_two_answers_become_one_effect(talk: Talk) -> None:
    assert talk.hears("我要留言") == ["leave_message.intro", "leave_message.ask_text"]
    assert talk.hears("银行多扣了我二十元年费") == ["leave_message.ask_contact"]
    done = talk.say(f"打我手机 {PHONE}")
    assert said(done) == ["leave_message.done"]
    assert done["effects"] == [
        {
            "name": "leave_message",
            "text": "银行多扣了我二十元年费",
            "contact": f"打我手机 {PHONE}",
            "amount": "20.00",
        }
    ]


def test_a_second_message_starts_empty(talk: Talk) -> None:
    for text in ("我要留言", "第一件事情的经过", PHONE):
        talk.say(text)
    assert talk.hears("leave a message") == ["leave_message.intro", "leave_message.ask_text"]
    talk.say("the second story is another one")
    assert talk.say(EMAIL)["effects"][0]["text"] == "the second story is another one"


def test_a_contact_in_the_message_is_not_asked_for_again(talk: Talk) -> None:
    talk.say("我要留言")
    done = talk.say(f"银行乱收费，请打 {PHONE} 找我")
    assert done["effects"] == [{"name": "leave_message", "text": f"银行乱收费，请打 {PHONE} 找我", "contact": PHONE}]


@pytest.mark.parametrize("text", ["。", "嗯", "???", "12", "好"])
def test_a_text_that_says_nothing_is_asked_for_again(talk: Talk, text: str) -> None:
    talk.say("我要留言")
    assert talk.hears(text) == ["leave_message.invalid_text", "leave_message.ask_text"]
    assert talk.hears("银行多扣了我二十元年费") == ["leave_message.ask_contact"]


@pytest.mark.parametrize("contact", ["我叫张三", "1", "。。。"])
def test_a_contact_that_reaches_nobody_is_asked_for_again(talk: Talk, contact: str) -> None:
    for text in ("我要留言", "银行多扣了我二十元年费"):
        talk.say(text)
    assert talk.hears(contact) == ["leave_message.invalid_contact", "leave_message.ask_contact"]


@pytest.mark.parametrize(
    "contact", [PHONE, EMAIL, "微信 zhang_san88", "59832909", "就在这里回复我", "reply here please"]
)
def test_a_contact_that_reaches_somebody_is_taken(talk: Talk, contact: str) -> None:
    for text in ("我要留言", "银行多扣了我二十元年费"):
        talk.say(text)
    assert talk.say(contact)["effects"][0]["contact"] == contact


@pytest.mark.parametrize("before", [["我要留言"], ["我要留言", "银行多扣了我二十元年费"]])
def test_a_question_inside_is_answered_and_the_form_asks_again(talk: Talk, before: list[str]) -> None:
    for text in before:
        asked = talk.hears(text)[-1]
    answer = talk.say("怎么查自己的信用报告？", **answers("F22"))
    assert said(answer) == ["F22", asked]
    assert answer["decision"]["runner_up"].startswith("form:leave_message:")


def test_a_question_said_twice_is_the_message(talk: Talk) -> None:
    talk.say("我要留言")
    assert talk.hears("怎么查自己的信用报告？", **answers("F22")) == ["F22", "leave_message.ask_text"]
    assert talk.hears("怎么查自己的信用报告？", **answers("F22")) == ["leave_message.ask_contact"]


def test_a_question_nobody_can_answer_is_the_message(talk: Talk) -> None:
    talk.say("我要留言")
    assert talk.hears("为什么银行一直不给我回复？") == ["leave_message.ask_contact"]


def test_a_story_that_resembles_an_entry_is_the_message(talk: Talk) -> None:
    talk.say("我要留言")
    story = (
        "昨天我去某银行查信用报告，柜员让我等了两个小时，最后说机器坏了让我改天再来，我觉得很不合理，希望你们管一管。"
    )
    assert talk.hears(story, **answers("F22")) == ["leave_message.ask_contact"]


@pytest.mark.parametrize("word", ["取消", "算了", "cancel", "never mind"])
@pytest.mark.parametrize("before", [["我要留言"], ["我要留言", "银行多扣了我二十元年费"]])
def test_the_form_can_be_stopped_at_any_point(talk: Talk, before: list[str], word: str) -> None:
    for text in before:
        talk.say(text)
    stopped = talk.say(word)
    assert (said(stopped), stopped["effects"]) == (["leave_message.cancelled"], [{"name": "cancel_hand_off"}])
    assert not [key for key in talk.hears(PHONE) if key.startswith("leave_message")]
    assert "二十元" not in str([e for e in talk.state["events"] if e["event"] == "slot"])


def test_stopping_by_button_works_like_words(talk: Talk) -> None:
    talk.say("我要留言")
    assert talk.hears(**press("/stop")) == ["leave_message.cancelled"]


def test_leaving_also_leaves_the_form(talk: Talk) -> None:
    talk.say("我要留言")
    assert talk.hears("再见") == ["leave_message.cancelled", "goodbye"]


@pytest.mark.parametrize("again", [{"text": "我要留言"}, press("/leave_message")])
def test_asked_for_again_the_open_form_goes_on(talk: Talk, again: dict[str, Any]) -> None:
    for text in ("我要留言", "银行多扣了我二十元年费"):
        talk.say(text)
    assert talk.hears(**again) == ["leave_message.resume", "leave_message.ask_contact"]
    assert talk.say(PHONE)["effects"][0]["text"] == "银行多扣了我二十元年费"


INTERRUPTIONS: list[tuple[dict[str, Any], str]] = [
    ({"text": "说英文"}, "language.switched"),
    ({"text": "你是机器人吗"}, "bot_challenge"),
    ({"text": "what can you do"}, "menu"),
    (press("/deny"), "deny"),
    (press('/faq{"id":"F22"}'), "F22"),
    ({"kind": "attachment"}, "attachment.received"),
    ({"kind": "location"}, "location.received"),
    ({"kind": "followed"}, "followed"),
]


@pytest.mark.parametrize(("message", "key"), INTERRUPTIONS)
def test_what_else_happens_inside_is_answered_and_the_form_asks_again(
    talk: Talk, message: dict[str, Any], key: str
) -> None:
    talk.say("我要留言")
    assert talk.hears(**message) == [key, "leave_message.ask_text"]


def test_every_intent_is_answered_inside_and_outside_the_form(brain: Child) -> None:
    """A rule that is missing would be a 500 to a consumer; `inform` alone exists only as an answer to the form."""
    import yaml

    from tests.brain.house import ROOT

    domain = [yaml.safe_load(f.read_text()) for f in (ROOT / "bot/assistant/domain").glob("*.yml")]
    intents = sorted({next(iter(intent)) for part in domain for intent in part.get("intents", [])} - {"inform"})
    values = {"faq": '{"id":"F22"}', "faq_ask": '{"choice":"F22"}', "lesson": '{"step":"fraud.1"}'}
    opened = brain.turn("我要留言")["state"]
    for intent in intents:
        for state in (None, opened):
            status, answer = brain.post(turn(**press(f"/{intent}{values.get(intent, '')}"), state=state))
            assert (intent, status) == (intent, 200), answer
            assert answer["say"]


def test_conversations_side_by_side_do_not_mix(brain: Child) -> None:
    """Eight at once, as many as the house lets into one brain, each waiting for actions in between."""

    def leave(number: int) -> list[dict[str, Any]]:
        line, state, effects = brain.line(), None, []
        for text in ("我要留言", f"年费多收了，一共{number}次，没人管", f"我的微信 wechat{number}"):
            answer = line.turn(text, state=state, turn="the same id")
            state = answer["state"]
            effects += answer["effects"]
        line.close()
        return effects

    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(leave, range(24)))
    assert found == [
        [{"name": "leave_message", "text": f"年费多收了，一共{n}次，没人管", "contact": f"我的微信 wechat{n}"}]
        for n in range(24)
    ]


def test_the_reflexes_button_opens_the_form(talk: Talk) -> None:
    assert talk.hears(**press("/leave_message")) == ["leave_message.intro", "leave_message.ask_text"]


STORY = "银行多扣了我二十元年费"
STEPS_BACK = [
    ("返回", "leave_message.back"),
    ("上一步", "leave_message.back"),
    ("back", "leave_message.back"),
    ("go back", "leave_message.back"),
    ("重来", "leave_message.restart"),
    ("重新填", "leave_message.restart"),
    ("start over", "leave_message.restart"),
]


@pytest.mark.parametrize(("text", "key"), STEPS_BACK)
def test_a_step_back_asks_for_the_message_again(talk: Talk, text: str, key: str) -> None:
    for before in ("我要留言", STORY):
        talk.say(before)
    assert talk.hears(text) == [key, "leave_message.ask_text"]
    assert talk.hears("其实是年费多扣了三次") == ["leave_message.ask_contact"]
    effect = talk.say(PHONE)["effects"][0]
    assert (effect["text"], "amount" in effect) == ("其实是年费多扣了三次", False)


@pytest.mark.parametrize("text", ["返回", "重来", "back", "start over"])
def test_at_the_first_question_there_is_nothing_to_go_back_to(talk: Talk, text: str) -> None:
    talk.say("我要留言")
    assert talk.hears(text) == ["leave_message.first_step", "leave_message.ask_text"]


@pytest.mark.parametrize(
    "text",
    [
        "不对，是另一张卡",
        "寫錯了，應該是另一張卡",
        "写错了，是我爱人的账户",
        "no, it was my other card",
        "I meant the account",
    ],
)
def test_a_correction_is_added_to_the_message(talk: Talk, text: str) -> None:
    for before in ("我要留言", STORY):
        talk.say(before)
    assert talk.hears(text) == ["leave_message.corrected", "leave_message.ask_contact"]
    assert talk.say(PHONE)["effects"][0]["text"] == f"{STORY}\n{text}"


ABOUT = [
    (
        "zh",
        "工行上周三多扣了我三千五",
        "中国工商银行，3500元，11月11日",
        "不对，是建行，前天的事",
        "中国建设银行，3500元，11月19日",
        ("中国建设银行", "3500.00", "2026-11-19"),
    ),
    (
        "en",
        "ICBC took two thousand yuan from me last Friday",
        "Industrial and Commercial Bank of China, RMB 2000, 20 November",
        "no, it was CCB and it was ¥3,500.50",
        "China Construction Bank, RMB 3500.50, 20 November",
        ("中国建设银行", "3500.50", "2026-11-20"),
    ),
]


@pytest.mark.parametrize(("language", "story", "about", "correction", "corrected", "kept"), ABOUT)
def test_what_a_message_is_about_is_read_back_and_can_be_put_right(
    brain: Child, language: str, story: str, about: str, correction: str, corrected: str, kept: tuple[str, str, str]
) -> None:
    """As of 21 November 2026, a Saturday; the clock is the house's, which comes with the turn."""
    opened = brain.turn(**press("/leave_message"), language=language)
    told = brain.turn(story, state=opened["state"], language=language)
    assert told["say"][0] == {"key": "leave_message.about", "args": {"about": about}}
    changed = brain.turn(correction, state=told["state"], language=language)
    assert said(changed) == ["leave_message.corrected", "leave_message.about", "leave_message.ask_contact"]
    assert changed["say"][1]["args"] == {"about": corrected}
    effect = brain.turn(PHONE, state=changed["state"], language=language)["effects"][0]
    assert (effect["institution"], effect["amount"], effect["day"]) == kept
    again = brain.turn(**press("/leave_message"), state=changed["state"], language=language)
    assert said(again) == ["leave_message.resume", "leave_message.ask_contact"]


def test_what_the_last_message_was_about_is_not_told_of_the_next(talk: Talk) -> None:
    for text in ("我要留言", "工行上周三多扣了我三千五", PHONE, "我要留言", "柜台的人一直不肯给我办业务"):
        talk.say(text)
    assert set(talk.say(PHONE)["effects"][0]) == {"name", "text", "contact"}


DAY = {"context": {"since": 86_400}}


@pytest.mark.parametrize("text", ["对了，还有一件事想说一下", "one more thing about the same bank"])
def test_who_comes_back_after_a_day_is_asked_whether_to_go_on(talk: Talk, text: str) -> None:
    talk.say("我要留言")
    assert talk.hears(text, **DAY) == ["leave_message.draft", "leave_message.ask_text"]
    assert talk.hears(STORY) == ["leave_message.ask_contact"]
    assert talk.hears("嗯嗯", **DAY) == ["leave_message.draft", "leave_message.ask_contact"]
    assert talk.say(PHONE, **DAY)["effects"][0]["text"] == STORY


def test_who_comes_back_may_go_on_or_start_afresh_by_button(talk: Talk) -> None:
    for text in ("我要留言", STORY):
        talk.say(text)
    assert talk.hears("在吗", **DAY) == ["leave_message.draft", "leave_message.ask_contact"]
    assert talk.hears(**press("/leave_message")) == ["leave_message.resume", "leave_message.ask_contact"]
    assert talk.hears(**press("/start_over")) == ["leave_message.restart", "leave_message.ask_text"]
    assert talk.hears("是另外一件事，关于我的存折") == ["leave_message.ask_contact"]
    assert talk.say(PHONE)["effects"][0]["text"] == "是另外一件事，关于我的存折"
    assert talk.hears(**press("/start_over")) == ["leave_message.intro", "leave_message.ask_text"]


def test_another_language_inside_the_form_is_the_message(talk: Talk) -> None:
    talk.say("我要留言")
    text = "口座を開設したいです"
    assert talk.hears(text, other_language=True) == ["leave_message.ask_contact"]
    assert talk.say(PHONE)["effects"][0]["text"] == text


ASIDES = [
    ("zh", "能不能起诉银行", "legal"),
    ("en", "can I sue my bank?", "legal"),
]


@pytest.mark.parametrize(("language", "text", "key"), ASIDES)
def test_what_is_asked_instead_of_a_contact_is_answered_and_the_contact_asked_for_again(
    brain: Child, language: str, text: str, key: str
) -> None:
    opened = brain.turn(**press("/leave_message"), language=language)
    told = brain.turn("年费多收了两次，没人管", state=opened["state"], language=language)
    answer = brain.turn(text, state=told["state"], language=language)
    assert said(answer) == [key, "leave_message.ask_contact"]


MATTERS = [
    ("zh", "银行扣了我两百块，这合理吗？我要求他们退给我"),
    ("en", "My bank charged me twice, is that legal? I want it back"),
]


@pytest.mark.parametrize(("language", "text"), MATTERS)
def test_a_matter_with_a_question_mark_in_it_is_the_message(brain: Child, language: str, text: str) -> None:
    opened = brain.turn(**press("/leave_message"), language=language)
    told = brain.turn(text, state=opened["state"], language=language, **answers("F38"))
    assert said(told)[-1] == "leave_message.ask_contact"


QUESTIONS = [("zh", "存款保险最多赔多少？"), ("en", "How much of my deposit is insured?")]


@pytest.mark.parametrize(("language", "text"), QUESTIONS)
def test_a_question_in_either_language_is_a_digression(brain: Child, language: str, text: str) -> None:
    opened = brain.turn(**press("/leave_message"), language="en" if language == "zh" else "zh")
    answer = brain.turn(text, state=opened["state"], language=language, **answers("F77"))
    assert said(answer) == ["F77", "leave_message.ask_text"]


REFUSALS = [("zh", "不想留电话", "还是不想留"), ("en", "I'd rather not", "no, thanks")]


@pytest.mark.parametrize(("language", "first", "second"), REFUSALS)
def test_who_refuses_a_contact_twice_still_leaves_the_message(
    brain: Child, language: str, first: str, second: str
) -> None:
    state = brain.turn(**press("/leave_message"), language=language)["state"]
    state = brain.turn("年费多收了两次，没人管", state=state, language=language)["state"]
    refused = brain.turn(first, state=state, language=language)
    assert said(refused) == ["leave_message.no_contact", "leave_message.ask_contact"]
    done = brain.turn(second, state=refused["state"], language=language)
    assert said(done) == ["leave_message.here", "leave_message.done"]


PANIC = [
    ("zh", ["钱能追回来吗", "110一直占线", "我该怎么办"]),
    ("en", ["can I get my money back", "110 is busy", "what now"]),
]


@pytest.mark.parametrize(("language", "texts"), PANIC)
def test_whoever_is_in_the_middle_of_a_fraud_is_not_sent_to_the_menu(
    brain: Child, language: str, texts: list[str]
) -> None:
    state = brain.turn(**press("/fraud_in_progress"), language=language)["state"]
    heard = []
    for text in texts:
        answer = brain.turn(text, state=state, language=language)
        state = answer["state"]
        heard += said(answer)
    assert heard == ["fraud.more", "fraud.again", "fraud.more"]


@pytest.mark.parametrize(
    ("language", "text"),
    [("zh", "我已经共享了"), ("zh", "验证码我念给他了"), ("en", "I already told them"), ("en", "I just sent it")],
)
def test_what_was_handed_over_already_goes_on_with_the_fraud(brain: Child, language: str, text: str) -> None:
    state = brain.turn(**press("/fraud_in_progress"), language=language)["state"]
    assert said(brain.turn(text, state=state, language=language)) == ["fraud.more"]


@pytest.mark.parametrize(
    ("language", "text"),
    [("zh", "钱已经要回来了，谢谢"), ("zh", "我已经吃过饭了"), ("en", "thanks, I got my money back")],
)
def test_what_is_over_does_not_go_on_with_the_fraud(brain: Child, language: str, text: str) -> None:
    state = brain.turn(**press("/fraud_in_progress"), language=language)["state"]
    assert said(brain.turn(text, state=state, language=language)) != ["fraud.more"]


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("zh", "没人帮我"),
        ("zh", "他还在门外"),
        ("zh", "120打不通"),
        ("zh", "那咋办"),
        ("en", "nobody is helping me"),
        ("en", "he is still outside"),
        ("en", "she isn't breathing"),
        ("en", "what should I do"),
    ],
)
@pytest.mark.parametrize("by", ["the brain", "the house"])
def test_whoever_is_in_danger_still_is_told_so_again_and_not_about_money(
    brain: Child, by: str, language: str, text: str
) -> None:
    warned: dict[str, Any] = {"context": {"reflex": "emergency"}}
    if by == "the brain":
        warned = {"state": brain.turn(**press("/emergency"), language=language)["state"]}
    answer = brain.turn(text, **warned, language=language)
    assert said(answer) == ["emergency"]
    assert "alert" in [effect["name"] for effect in answer["effects"]]


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("zh", "谢谢，没事了"),
        ("zh", "救护车来了，没事了"),
        ("zh", "没人受伤"),
        ("en", "thanks for your help"),
        ("en", "he left, we are fine"),
        ("en", "we are safe"),
    ],
)
def test_whoever_says_that_the_danger_is_over_is_not_told_again(brain: Child, language: str, text: str) -> None:
    state = brain.turn(**press("/emergency"), language=language)["state"]
    assert said(brain.turn(text, state=state, language=language)) != ["emergency"]


@pytest.mark.parametrize(
    ("language", "text"), [("zh", "信用报告有错怎么办"), ("en", "please help, how do I get my credit report")]
)
def test_a_question_after_a_wrong_alarm_is_answered(brain: Child, language: str, text: str) -> None:
    state = brain.turn(**press("/emergency"), language=language)["state"]
    answer = brain.turn(text, state=state, language=language, **answers("F22"))
    assert answer["decision"]["label"].startswith("faq:")


@pytest.mark.parametrize("language", ["zh", "en"])
def test_small_talk_is_not_answered_with_the_same_words_twice(brain: Child, language: str) -> None:
    first = brain.turn(**press("/smalltalk"), language=language)
    again = brain.turn(**press("/smalltalk"), state=first["state"], language=language)
    assert (said(first), said(again)) == (["smalltalk"], ["smalltalk.again"])

"""Safety first, the ways to a person, complaints and cases: what is said, what the house is asked, what comes next."""

from __future__ import annotations

from typing import Any

import pytest

from tests.brain.house import ActionListener, Child, press, said

Step = tuple[str | dict[str, Any], list[str], list[tuple[str, str]]]  # typed or pressed, heard, effects with reasons

FORM = ["leave_message.intro", "leave_message.ask_text"]
STORY = {"zh": "柜台的人一直不肯给我办业务", "en": "the branch kept my passbook and gave no reason"}


@pytest.fixture(autouse=True)
def _working_actions(listener: ActionListener) -> None:
    """Every test starts with a listener that answers."""


def effects(answer: dict[str, Any]) -> list[tuple[str, str]]:
    return [(effect["name"], effect.get("reason", "")) for effect in answer["effects"]]


def play(brain: Child, language: str, steps: list[Step]) -> dict[str, Any]:
    """Goes through `steps`, each of which must be answered as it says; the last answer."""
    answer: dict[str, Any] = {"state": None}
    for message, heard, asked in steps:
        fields = {"text": message} if isinstance(message, str) else message
        answer = brain.turn(**fields, language=language, state=answer["state"])
        assert (said(answer), effects(answer)) == (heard, asked), message
    return answer


SAFETY: list[Step] = [
    (press("/emergency"), ["emergency"], [("alert", "emergency"), ("hand_off", "emergency")]),
    (press("/fraud_in_progress"), ["fraud.now"], [("alert", "fraud"), ("hand_off", "fraud")]),
]


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("step", SAFETY)
def test_danger_is_answered_at_once_and_people_are_told(
    brain: Child, listener: ActionListener, step: Step, language: str
) -> None:
    play(brain, language, [step])
    assert listener.calls == []  # no action has to be up for it


@pytest.mark.parametrize("language", ["zh", "en"])
def test_an_emergency_ends_the_open_form_and_keeps_what_was_written(brain: Child, language: str) -> None:
    answer = play(
        brain,
        language,
        [
            (press("/leave_message"), FORM, []),
            (STORY[language], ["leave_message.ask_contact"], []),
            (*SAFETY[0],),
            (press("/leave_message"), ["leave_message.intro", "leave_message.ask_contact"], []),
        ],
    )
    assert STORY[language] in str(answer["state"])


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("yes", ["/affirm", "/leave_message"])
def test_in_a_fraud_a_person_is_offered_and_one_word_takes_it(brain: Child, language: str, yes: str) -> None:
    answer = play(
        brain, language, [SAFETY[1], (press(yes), FORM, []), (STORY[language], ["leave_message.ask_contact"], [])]
    )
    assert answer["state"]


@pytest.mark.parametrize("language", ["zh", "en"])
def test_who_goes_on_telling_of_a_fraud_does_not_hear_the_same_again(brain: Child, language: str) -> None:
    more: Step = (press("/fraud_in_progress"), ["fraud.more"], [])
    again: Step = (press("/fraud_in_progress"), ["fraud.again"], [])
    play(brain, language, [SAFETY[1], more, again, more, (press("/affirm"), FORM, [])])


SAID = [
    ("zh", "骗子正在让我转账，怎么办", "fraud.now"),
    ("en", "a scammer is on the phone and I just sent him money", "fraud.now"),
    ("zh", "我不想活了", "emergency"),
    ("en", "I want to end my life", "emergency"),
    ("zh", "别再给我发短信了", "opt_out.done"),
    ("en", "stop sending me these messages", "opt_out.done"),
    ("zh", "给我找个真人客服", "person.how"),
    ("en", "I want to speak to a real person", "person.how"),
    ("zh", "我要见你们领导", "person.how"),
    ("en", "let me talk to your manager", "person.how"),
    ("zh", "我要投诉建设银行乱收费", "complaint.intro"),
    ("en", "I want to file a complaint against my bank", "complaint.intro"),
    ("zh", "我的投诉要补充一份材料", "case.ask_no"),
    ("en", "I need to add a document to my complaint", "case.ask_no"),
    ("zh", "我想撤回之前的投诉", "case.ask_no"),
    ("en", "please withdraw my complaint", "case.ask_no"),
    ("zh", "我的投诉怎么还没人处理，快点", "case.ask_no"),
    ("en", "hurry up with my complaint, it has been weeks", "case.ask_no"),
    ("zh", "帮我查一下我的投诉进度", "case.ask_no"),
    ("en", "what is the status of my case", "case.ask_no"),
    ("zh", "菜单", "menu"),
    ("en", "main menu", "menu"),
    ("zh", "你们发的短信我收到了，已经去网点办好了", "outreach.kept"),
    ("en", "yes, I am satisfied, the problem was settled last week", "outreach.kept"),
    ("zh", "你就是个废物", "abuse.calm"),
    ("en", "you are a useless piece of junk", "abuse.calm"),
    ("zh", "帮我订一张去上海的机票", "out_of_scope"),
    ("en", "book me a flight to Shanghai", "out_of_scope"),
]


@pytest.mark.parametrize(("language", "text", "key"), SAID)
def test_each_meaning_is_understood_and_answered_in_both_languages(
    brain: Child, language: str, text: str, key: str
) -> None:
    assert said(brain.turn(text, language=language))[0] == key


FRAUD = [
    ("zh", "骗子刚刚让我转了五万块，钱已经打过去了"),
    ("en", "a scammer just made me transfer fifty thousand, the money has gone"),
]


@pytest.mark.parametrize(("language", "text"), FRAUD)
def test_the_story_of_a_fraud_told_in_the_form_is_the_message_too(brain: Child, language: str, text: str) -> None:
    opened = brain.turn(**press("/leave_message"), language=language)
    told = brain.turn(text, state=opened["state"], language=language)
    assert said(told)[-1] == "leave_message.ask_contact"
    assert "fraud.now" in said(told)
    done = brain.turn("⟦phone:abcdefghij⟧", state=told["state"], language=language)
    assert done["effects"][0]["text"] == text


@pytest.mark.parametrize("text", ["3", "２。", "99"])
def test_a_bare_number_without_a_list_is_the_menu_and_in_a_form_its_answer(brain: Child, text: str) -> None:
    assert said(brain.turn(text)) == ["menu"]
    opened = brain.turn(**press("/leave_message"))
    assert said(brain.turn(text, state=opened["state"])) == ["leave_message.invalid_text", FORM[1]]


@pytest.mark.parametrize("language", ["zh", "en"])
def test_the_wish_for_a_person_says_how_it_works_and_takes_a_message(brain: Child, language: str) -> None:
    answer = play(
        brain,
        language,
        [
            (press("/handoff"), ["person.how", *FORM], [("hand_off", "asked")]),
            (STORY[language], ["leave_message.ask_contact"], []),
            ("⟦phone:abcdefghij⟧", ["leave_message.done"], [("leave_message", "")]),
        ],
    )
    assert answer["effects"][0]["text"] == STORY[language]


@pytest.mark.parametrize("language", ["zh", "en"])
def test_the_same_wish_in_the_open_form_is_answered_and_the_form_asks_again(brain: Child, language: str) -> None:
    play(
        brain,
        language,
        [
            (press("/leave_message"), FORM, []),
            (STORY[language], ["leave_message.ask_contact"], []),
            (press("/handoff"), ["person.how", "leave_message.ask_contact"], [("hand_off", "asked")]),
            ("⟦email:abcdefghij⟧", ["leave_message.done"], [("leave_message", "")]),
        ],
    )


@pytest.mark.parametrize(("language", "word"), [("zh", "取消"), ("zh", "算了"), ("en", "cancel"), ("en", "never mind")])
def test_who_cancels_does_not_wait_for_a_person_any_more(brain: Child, language: str, word: str) -> None:
    play(
        brain,
        language,
        [
            (press("/handoff"), ["person.how", *FORM], [("hand_off", "asked")]),
            (word, ["leave_message.cancelled"], [("cancel_hand_off", "")]),
        ],
    )


MISSES = [("/faq_none", "faq.no_answer"), ("/out_of_scope", "out_of_scope")]


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize(("first", "said_first"), MISSES)
@pytest.mark.parametrize("second", ["/faq_none", "/out_of_scope"])
@pytest.mark.parametrize("yes", ["/affirm", "/handoff"])
def test_two_misses_in_a_row_offer_a_person(
    brain: Child, language: str, first: str, said_first: str, second: str, yes: str
) -> None:
    play(
        brain,
        language,
        [
            (press(first), [said_first], []),
            (press(second), ["person.offer"], []),
            (press(second), ["person.offer"], []),
            (press(yes), ["person.how", *FORM], [("hand_off", "misses")]),
        ],
    )


@pytest.mark.parametrize(("language", "hello"), [("zh", "你好"), ("en", "hello")])
def test_a_miss_long_after_another_is_the_first_again(brain: Child, language: str, hello: str) -> None:
    no_answer: Step = (press("/faq_none"), ["faq.no_answer"], [])
    play(brain, language, [no_answer, (hello, ["greeting"], []), no_answer])


@pytest.mark.parametrize("language", ["zh", "en"])
def test_an_offered_person_can_be_declined(brain: Child, language: str) -> None:
    offered: list[Step] = [(press("/faq_none"), ["faq.no_answer"], []), (press("/faq_none"), ["person.offer"], [])]
    play(brain, language, [*offered, (press("/deny"), ["deny"], [])])


@pytest.mark.parametrize("language", ["zh", "en"])
def test_no_messages_of_ours_any_more_is_an_effect(brain: Child, language: str) -> None:
    play(
        brain,
        language,
        [
            (press("/outreach_reply"), ["outreach.kept"], []),
            (press("/opt_out"), ["opt_out.done"], [("opt_out", "")]),
            (press("/leave_message"), FORM, []),
            (press("/opt_out"), ["opt_out.done", "leave_message.ask_text"], [("opt_out", "")]),
        ],
    )


@pytest.mark.parametrize("language", ["zh", "en"])
def test_abuse_is_met_calmly_then_with_a_request_then_with_less(brain: Child, language: str) -> None:
    answer = play(
        brain,
        language,
        [
            (press("/abuse"), ["abuse.calm"], []),
            (press("/abuse"), ["abuse.warning"], []),
            (press("/smalltalk"), ["smalltalk"], []),
            (press("/abuse"), ["abuse.pause"], []),
            (press("/abuse"), ["abuse.pause"], []),
            (press('/faq{"id":"F22"}'), ["F22"], []),
        ],
    )
    later = brain.turn(**press("/abuse"), state=answer["state"], context={"since": 7200}, language=language)
    assert said(later) == ["abuse.calm"]


@pytest.mark.parametrize("language", ["zh", "en"])
def test_a_complaint_of_somebody_abusive_is_taken(brain: Child, language: str) -> None:
    play(
        brain,
        language,
        [
            (press("/abuse"), ["abuse.calm"], []),
            (press("/abuse"), ["abuse.warning"], []),
            (press("/complaint"), ["complaint.intro", "complaint.ask_institution"], []),
            (press("/abuse"), ["abuse.pause", "complaint.ask_institution"], []),
        ],
    )


@pytest.mark.parametrize("language", ["zh", "en"])
def test_a_page_of_the_menu_is_shown_inside_a_form_too(brain: Child, language: str) -> None:
    answer = play(brain, language, [(press("/menu"), ["menu"], []), (press('/menu{"page":"credit"}'), ["menu"], [])])
    assert answer["say"] == [{"key": "menu", "args": {"page": "credit"}}]
    again = brain.turn(**press("/menu"), state=answer["state"])
    assert again["say"] == [{"key": "menu", "args": {}}]
    play(brain, language, [(press("/leave_message"), FORM, []), (press("/menu"), ["menu", FORM[1]], [])])

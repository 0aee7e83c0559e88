"""The rules that weigh classifier, search and open form against each other, as arithmetic without a brain."""

from __future__ import annotations

import pytest

from bot.assistant.understanding import (
    DISTANT,
    FIRST,
    IN_FORM,
    SAFETY_IN_FORM,
    SURE,
    UNLIKELY,
    Decision,
    Heard,
    Label,
    language_in,
    public,
    role_in,
)
from tests.brain.hearing import FORM, QUESTION, both, decide, found, heard

UNSURE = [Label(name="faq", score=0.3), *(Label(name=name, score=0.23) for name in ("abuse", "greet", "stop"))]
OUTSIDE: list[tuple[str, Heard, str]] = [
    # nothing found
    ("a clear own intent", heard("greet", 0.9), "greet"),
    ("a likely own intent", heard("greet", UNLIKELY), "greet"),
    ("an unlikely own intent", heard("greet", UNLIKELY - 0.01), "faq:none"),
    ("intents that count as the same count together", both("greet", 0.2, "thanks", 0.1), "greet"),
    ("a question", heard("faq", 0.99), "faq:none"),
    ("a decision without hits counts as none", heard("faq", 0.9, hits_decision="answer"), "faq:none"),
    # an entry answers
    ("a question with its entry", heard("faq", 0.9, **found("answer", 0.9)), "faq:topic:F20"),
    ("what is likelier a question", both("faq", 0.5, "smalltalk", 0.4, **found("answer", 0.6)), "faq:topic:F20"),
    ("what is likelier small talk", both("smalltalk", 0.6, "faq", 0.25, **found("answer", 0.9)), "smalltalk"),
    ("what is hardly anything else", heard("greet", 0.2, **found("answer", 0.6)), "faq:topic:F20"),
    # several may answer
    ("a question with several entries", heard("faq", 0.9, **found("ask", 0.4, 0.3)), "faq:ask"),
    ("a sure question with distant entries", heard("faq", SURE, **found("none", DISTANT)), "faq:ask"),
    ("with entries too far away", heard("faq", SURE, **found("none", DISTANT / 2)), "faq:none"),
    ("an unsure question with distant ones", heard("faq", 0.3, ranking=UNSURE, **found("none", 0.2)), "faq:none"),
    ("likelier small talk beats asking back", both("smalltalk", 0.6, "faq", 0.25, **found("ask", 0.4)), "smalltalk"),
    # precedence
    ("an emergency", both("handoff", 0.6, "emergency", FIRST["emergency"]), "emergency"),
    ("fraud that runs", both("complaint", 0.6, "fraud_in_progress", FIRST["fraud_in_progress"]), "fraud_in_progress"),
    ("an emergency before fraud", both("fraud_in_progress", 0.6, "emergency", 0.4), "emergency"),
    ("no more messages before a person", both("handoff", 0.5, "opt_out", FIRST["optout"]), "opt_out"),
    ("a person before a complaint", both("complaint", 0.55, "handoff", FIRST["handoff"]), "handoff"),
    ("a complaint before a case", both("status", 0.5, "complaint", FIRST["complaint_intake"]), "complaint"),
    ("a case before an entry", both("faq", 0.3, "case_urge", 0.6, **found("answer", 0.95)), "case_urge"),
    ("one's own case, in whatever way", both("case_urge", 0.25, "case_withdraw", 0.2), "case_urge"),
    ("a complaint before an insult", both("abuse", 0.5, "complaint", FIRST["complaint_intake"]), "complaint"),
    ("too little for an alarm", both("smalltalk", 0.6, "emergency", FIRST["emergency"] - 0.01), "smalltalk"),
    # typed commands
    ("a typed command is never an own intent", heard("stop", 0.99, text="／stop"), "faq:none"),
    ("with values neither", heard("faq_x", 0.99, text='/faq{"id":"F22"}'), "faq:none"),
    ("but words after a slash are words", heard("stop", 0.99, text="／取消 吧"), "stop"),
]

STORY = "昨天我去银行" * 10
INSIDE: list[tuple[str, Heard, str]] = [
    ("an answer", heard("faq", 0.9, text="银行多收了钱", **FORM), "form:leave_message:message_text"),
    ("small talk is an answer", heard("greet", 0.99, text="你好", **FORM), "form:leave_message:message_text"),
    ("a complaint is an answer", heard("complaint", 0.99, text="多收费", **FORM), "form:leave_message:message_text"),
    ("a clear brief wish interrupts", heard("stop", IN_FORM, text="取消", **FORM), "stop"),
    ("an unclear one does not", heard("stop", IN_FORM - 0.01, text="取消", **FORM), "form:leave_message:message_text"),
    ("a long one does not", heard("stop", 0.99, text="取消" * 16, **FORM), "form:leave_message:message_text"),
    ("danger interrupts, however long", heard("emergency", SAFETY_IN_FORM, text=STORY, **FORM), "emergency"),
    ("so does fraud", heard("fraud_in_progress", 0.9, text=STORY, **FORM), "fraud_in_progress"),
    (
        "what only sounds like it does not",
        both("faq", 0.6, "emergency", 0.3, **FORM),
        "form:leave_message:message_text",
    ),
    ("a question with its entry", heard("faq", 0.9, **FORM, **found("answer", 0.6)), "faq:topic:F20"),
    ("a weak entry is offered", heard("faq", 0.9, **FORM, **found("answer", 0.59)), "faq:ask"),
    ("several entries are offered", heard("faq", 0.9, **FORM, **found("ask", 0.9)), "faq:ask"),
    (
        "no question, no digression",
        heard("faq", 0.9, text="信用报告", **FORM, **found("answer", 0.9)),
        "form:leave_message:message_text",
    ),
    (
        "a long story is no question",
        heard("faq", 0.9, text=QUESTION * 6, **FORM, **found("answer", 0.9)),
        "form:leave_message:message_text",
    ),
    (
        "said twice it is the answer",
        heard("faq", 0.9, said_before=QUESTION, **FORM, **found("answer", 0.9)),
        "form:leave_message:message_text",
    ),
    ("a typed command is an answer", heard("stop", 0.99, text="/stop", **FORM), "form:leave_message:message_text"),
]


@pytest.mark.parametrize(("message", "label"), [r[1:] for r in OUTSIDE], ids=[r[0] for r in OUTSIDE])
def test_outside_forms(message: Heard, label: str) -> None:
    assert decide(message).label == label


@pytest.mark.parametrize(("message", "label"), [r[1:] for r in INSIDE], ids=[r[0] for r in INSIDE])
def test_inside_a_form(message: Heard, label: str) -> None:
    assert decide(message).label == label


def test_every_decision_explains_itself() -> None:
    for _, message, _ in OUTSIDE + INSIDE:
        decision = decide(message)
        assert decision.why
        assert 0 <= decision.confidence <= 1
        assert isinstance(decision, Decision)


def test_the_confidence_is_of_the_source_that_decided() -> None:
    assert decide(heard("greet", 0.87)).confidence == 0.87
    assert decide(heard("faq", 0.5, **found("answer", 0.91))).confidence == 0.91
    assert decide(heard("greet", 0.1)).confidence == pytest.approx(0.9)


def test_the_runner_up_is_who_lost() -> None:
    assert decide(both("faq", 0.5, "smalltalk", 0.4, **found("answer", 0.9))).runner_up == "smalltalk"
    assert decide(heard("faq", 0.5, **found("answer", 0.9))).runner_up == "runner"
    assert decide(heard("stop", 0.9, **found("answer", 0.9))).runner_up == "faq:topic:F20"
    assert decide(heard("greet", 0.9)).runner_up == "runner"


def test_no_more_than_three_entries_are_offered() -> None:
    decision = decide(heard("faq", 0.9, **found("ask", 0.5, 0.4, 0.3, 0.2)))
    assert decision.values == {"choice": ["F20", "F21", "F22"]}


WISHES = [
    ("说英文", "en"),
    ("用普通话回答", "zh"),
    ("I want Chinese", "zh"),
    ("speak English", "en"),
    ("I don't speak Chinese", "en"),
    ("my English is bad", "zh"),
    ("no Chinese, English", "en"),
    ("不要英文，要中文", "zh"),
    ("看不懂英文", "zh"),
    ("换语言", ""),
    ("another language", ""),
    ("日本語", ""),
    ("繁体中文", "zh-Hant"),
    ("请用简体", "zh-Hans"),
    ("不要繁体，用简体", "zh-Hans"),
    ("看不懂简体字", "zh-Hant"),
    ("traditional Chinese please", "zh-Hant"),
    ("simplified characters", "zh-Hans"),
]


@pytest.mark.parametrize(("text", "language"), WISHES)
def test_the_language_a_wish_names(text: str, language: str) -> None:
    assert language_in(text) == language


ROLES = [
    ("我要见你们领导", "leader"),
    ("叫你们经理来", "leader"),
    ("let me speak to a supervisor", "leader"),
    ("转专家坐席", "expert"),
    ("is there a specialist", "expert"),
    ("转人工", ""),
    ("a real person", ""),
]


@pytest.mark.parametrize(("text", "role"), ROLES)
def test_whom_somebody_asks_for(text: str, role: str) -> None:
    assert role_in(text) == role
    assert decide(heard("handoff", 0.9, text=text)).values == ({"role": [role]} if role else {})


HELPED = ["有用", "很有帮助", "这个回答挺有用的", "helpful", "that was very helpful!", "it helped me"]
MISSED = ["没用", "没有帮助", "答非所问", "这个回答没什么用", "不是我想问的", "not helpful at all", "that didn't help"]


@pytest.mark.parametrize(
    ("text", "label"), [(text, "answer_helped") for text in HELPED] + [(text, "answer_missed") for text in MISSED]
)
def test_a_word_on_an_answer_counts_right_after_it_and_nowhere_else(text: str, label: str) -> None:
    assert decide(heard("smalltalk", 0.9, text=text, answered=True)).label == label
    assert decide(heard("smalltalk", 0.9, text=text)).label == "smalltalk"
    assert decide(heard("smalltalk", 0.9, text=text, answered=True, **FORM)).intent == "inform"


@pytest.mark.parametrize(
    "text",
    [
        "有用吗",
        "没用的卡怎么注销",
        "帮帮我",
        "is it useful to have two cards",
        "the app is not helpful, I want a person",
    ],
)
def test_what_says_more_than_a_word_on_an_answer_is_none(text: str) -> None:
    assert decide(heard("smalltalk", 0.9, text=text, answered=True)).label == "smalltalk"


def test_a_third_language_is_told_outside_a_form_and_is_the_answer_inside() -> None:
    assert decide(heard("emergency", 0.9, text="口座", other_language=True)).intent == "other_language"
    assert decide(heard("emergency", 0.9, text="口座", other_language=True, **FORM)).intent == "inform"


@pytest.mark.parametrize(
    "text", ["繁体", "请用简体字回答", "换成繁体中文吧", "traditional Chinese please", "simplified"]
)
def test_a_wish_for_other_characters_is_understood_whatever_the_classifier_says(text: str) -> None:
    for place in ({}, FORM):
        assert decide(heard("faq", 0.9, text=text, **place)).intent == "set_language"


@pytest.mark.parametrize("text", ["。。。", "？？？", "😀"])
def test_no_word_is_no_wish_that_could_end_a_form(text: str) -> None:
    assert decide(heard("goodbye", 0.9, text=text, **FORM)).intent == "inform"


@pytest.mark.parametrize("text", ["。", "...", "😀", "⟦phone:abcdefghij⟧", "8613 5520"])
def test_a_message_without_a_word_gets_the_menu_whatever_the_classifier_says(text: str) -> None:
    assert decide(heard("handoff", 0.9, text=text)).intent == "menu"


@pytest.mark.parametrize(
    ("text", "score", "alarmed"), [("密码", 0.6, False), ("loan", 0.6, False), ("割腕", 0.9, True)]
)
def test_one_word_alarms_people_only_when_it_is_beyond_doubt(text: str, score: float, alarmed: bool) -> None:
    for intent in ("emergency", "fraud_in_progress"):
        assert (decide(heard(intent, score, text=text)).intent == intent) is alarmed


def test_a_typed_command_is_neither_an_intent_nor_a_question() -> None:
    assert decide(heard("handoff", 0.9, text="/leave_message", **found("answer", 0.9))).label == "faq:none"


@pytest.mark.parametrize(
    ("text", "intent"),
    [("再见", "goodbye"), ("bye for now", "goodbye"), ("那线下呢", "inform"), ("I will go there myself", "inform")],
)
def test_only_words_of_parting_give_up_what_was_written(text: str, intent: str) -> None:
    assert decide(heard("goodbye", 0.9, text=text, **FORM)).intent == intent


@pytest.mark.parametrize("text", ["就在这里回复我", "这里就行", "reply here please", "write me in this chat"])
def test_where_to_reply_is_no_wish_for_a_person(text: str) -> None:
    contact = {"asked": "message_contact", "form": "leave_message"}
    assert decide(heard("handoff", 0.9, text=text, **contact)).intent == "inform"


COUNTED = [
    ("emergency", "emergency"),
    ("opt_out", "optout"),
    ("complaint", "complaint_intake"),
    ("case_withdraw", "case_update"),
    ("status", "status_lookup"),
    ("greet", "chitchat"),
    ("stop", "menu"),
    ("answer_missed", "chitchat"),
    ("other_language", "out_of_scope"),
    ("faq:none", "out_of_scope"),
    ("faq:topic:F20", "faq:topic:F20"),
    ("faq:ask", "faq:credit_report"),
    ("form:leave_message:message_text", "form:leave_message:message_text"),
]


@pytest.mark.parametrize(("decided", "label"), COUNTED)
def test_the_label_a_decision_counts_as(decided: str, label: str) -> None:
    assert public(decided, [("F22", "credit_report"), ("F77", "deposit_insurance")]) == label


LEGAL = ["can I sue my bank", "do I need a lawyer?", "我能不能起诉银行", "打官司要多少钱", "要不要找律师"]
NOT_LEGAL = ["已经起诉了还能投诉吗", "I already sued them, can I still complain?", "法院冻结了我的卡怎么办"]


@pytest.mark.parametrize("text", LEGAL)
def test_whether_to_go_to_court_is_told_apart_from_what_an_entry_answers(text: str) -> None:
    assert decide(heard("faq", 0.9, text=text, **found("answer", 0.9))).intent == "legal_question"


@pytest.mark.parametrize("text", NOT_LEGAL)
def test_a_court_that_is_only_mentioned_is_left_to_the_entries(text: str) -> None:
    assert decide(heard("faq", 0.9, text=text, **found("answer", 0.9))).intent == "faq"


@pytest.mark.parametrize("text", ["T", "t", " T. "])
def test_a_bare_letter_stops_no_messages(text: str) -> None:
    assert decide(heard("opt_out", 0.9, text=text)).intent == "outreach_reply"

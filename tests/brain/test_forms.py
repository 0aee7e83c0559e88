"""What a message inside an open form is, by its words alone."""

from __future__ import annotations

import pytest

from bot.assistant import forms

KEEP = [
    *("先存着吧", "先帮我存一下", "我现在有事，先帮我存着，明天再接着写", "先不填，以后再说", "明天再说", "我明天再弄"),
    *("迟啲先啦", "save for later", "let me finish this tomorrow", "can I do it later", "not now", "save the draft"),
]
NO_KEEP = [
    "他们说，明天再说",
    "客服说明天再处理",
    "存款没了",
    "我存了三万",
    "they said later",
    "tomorrow they took it",
    "",
]


@pytest.mark.parametrize(("text", "keeps"), [*((t, True) for t in KEEP), *((t, False) for t in NO_KEEP)])
def test_the_wish_to_go_on_another_time(text: str, keeps: bool) -> None:
    assert forms.is_to_keep(text) is keeps


STOPS = [
    "算了我不投诉了",
    "算了",
    "不弄了",
    "取消",
    "不想投诉了",
    "cancel",
    "never mind",
    "I don't want to complain any more",
]
NO_STOP = ["不同意", "卡被取消了", "他们说取消了", "没有", "算了半天利息不对"]


@pytest.mark.parametrize(("text", "stops"), [*((t, True) for t in STOPS), *((t, False) for t in NO_STOP)])
def test_the_wish_not_to_complain_any_more(text: str, stops: bool) -> None:
    assert forms.is_stop(text, "complaint_facts") is stops


@pytest.mark.parametrize(("asked", "stops"), [("complaint_contact", True), ("complaint_consent", False)])
def test_no_need_is_an_end_only_where_no_question_takes_a_no(asked: str, stops: bool) -> None:
    assert forms.is_stop("不用了", asked) is stops


COMPLAINS = ["投诉银行取款机出假币", "我要投诉健身房不退会员费", "投诉12363客服", "我想匿名提个建议"]
ASKS = ["投诉电话是多少", "投诉流程", "怎么投诉银行", "投诉多久有结果", "投诉要准备什么材料", "怎么提建议", "投诉进度"]


@pytest.mark.parametrize(("text", "complains"), [*((t, True) for t in COMPLAINS), *((t, False) for t in ASKS)])
def test_a_complaint_in_so_many_words_is_told_from_a_question_about_complaints(text: str, complains: bool) -> None:
    assert forms.complains(text) is complains


@pytest.mark.parametrize(
    ("text", "intent", "safety"),
    [
        ("逾期了三天他们就打我爸电话威胁要上门", "emergency", False),
        ("lift the restriction and tell me the reason in writing", "emergency", False),
        ("我不想活了", "emergency", True),
        ("去柜台问过，让我等", "fraud_in_progress", False),
        ("骗子让我转到安全账户", "fraud_in_progress", True),
    ],
)
def test_in_a_complaint_safety_takes_a_word_of_its_own(text: str, intent: str, safety: bool) -> None:
    assert forms.is_safety(text, forms.COMPLAINT, intent) is safety
    assert forms.is_safety(text, "leave_message", intent)


@pytest.mark.parametrize("text", ["是另一件事", "不是同一件事", "it is another matter", "a different one"])
def test_another_matter_than_the_one_that_was_named(text: str) -> None:
    assert forms.is_another(text)
    assert not forms.is_another("就是这件事")

"""What people write of a case that is there: numbers, codes, names, what is new and why one withdraws."""

from __future__ import annotations

import time
from itertools import product

import pytest

from actions import _case_words, _yes_no
from actions._case_words import Given

NUMBER = "Q2026-0001234-6"
CODE, PHONE = "⟦query-code:abcdefghij⟧", "⟦phone:klmnopqrst⟧"

GIVEN = [
    (NUMBER, Given(case_no=NUMBER)),
    ("q2026 0001234 6", Given(case_no=NUMBER)),
    ("２０２６０００１２３４６", Given(case_no=NUMBER)),
    ("Q2026—0001234—6", Given(case_no=NUMBER)),
    (f"{NUMBER} {CODE}", Given(case_no=NUMBER, code=CODE)),
    (f"{CODE}，编号{NUMBER}", Given(case_no=NUMBER, code=CODE)),
    (f"查询码是{CODE}", Given(code=CODE)),
    (f"{NUMBER}，{PHONE}，王芳", Given(case_no=NUMBER, phone=PHONE, name="王芳")),
    (f"我叫张三丰，手机{PHONE}", Given(phone=PHONE, name="张三丰")),
    (f"{PHONE} 古丽娜尔·买买提", Given(phone=PHONE, name="古丽娜尔·买买提")),
    (f"my name is Maria Gonzalez-Perez, phone {PHONE}", Given(phone=PHONE, name="Maria Gonzalez-Perez")),
    (f"手机号{PHONE}", Given(phone=PHONE)),
    ("Q2026-0001234-1", Given(mistyped_no=True)),  # the check digit
    ("Q2026-000123", Given(mistyped_no=True)),
    ("20260001234", Given(mistyped_no=True)),
    ("查询码abcde2345", Given(mistyped_code=True)),
    ("编号找不到了", Given()),
    ("138", Given()),
    ("", Given()),
    ("王芳", Given()),  # nobody asked for a name
]


@pytest.mark.parametrize(("text", "given"), GIVEN)
def test_what_opens_a_case_is_found_however_it_is_written(text: str, given: Given) -> None:
    assert _case_words.given(text) == given


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("张三", "张三"),
        ("我叫李和平", "李和平"),
        ("姓名：王为民", "王为民"),
        ("查大江", "查大江"),
        ("张三 谢谢", "张三"),
        ("Li Ming please", "Li Ming"),
        ("好的", ""),
        ("你好", ""),
        ("all right", ""),
        ("张三或者李四", ""),
        ("x" * 41, ""),
    ],
)
def test_a_name_that_was_asked_for_is_found_without_the_words_around_it(text: str, name: str) -> None:
    assert _case_words.given(text, name_asked=True).name == name


@pytest.mark.parametrize(
    ("text", "lost"),
    [
        ("找不到了", True),
        ("编号不记得了", True),
        ("我没有查询码", True),
        ("沒有", True),
        ("I lost it", True),
        ("I don't have the code", True),
        ("no", True),
        ("没有错", False),
        (NUMBER, False),
        ("我叫王芳", False),
    ],
)
def test_who_has_lost_it_is_understood(text: str, lost: bool) -> None:
    assert _case_words.is_lost(text) is lost


@pytest.mark.parametrize(
    ("text", "lost"),
    [
        ("我上个月投诉过，编号找不到了，帮我查一下", True),
        ("忘了编号，想查进度", True),
        ("I lost my case number, how is my complaint going", True),
        ("不知道我的投诉怎么样了", False),
        ("找不到人处理我的投诉", False),
        ("what is the status of my case number", False),
    ],
)
def test_a_lost_number_is_heard_with_the_question_itself(text: str, lost: bool) -> None:
    assert _case_words.has_lost_number(text) is lost


TOLD = [
    ("补充一下，他们昨天又扣了200", True),
    ("补充：对方工号3321", True),
    ("更正一下，金额是三千六不是三千", True),
    ("结案了但是我找到了录音，柜员承认了", True),
    ("they charged me again yesterday, add to my case", True),
    ("please add to my case: the manager's surname is Wang", True),
    ("我的投诉要补充一份材料", False),
    ("我投诉建设银行的那个案子要补充材料", False),
    ("我要补充材料", False),
    ("补充", False),
    ("把这个加进去", False),
    ("重新打开我的投诉", False),
    (f"补充材料，编号{NUMBER}", False),
    ("I need to add a document to my complaint", False),
    (f"I have new evidence for case {NUMBER}", False),
    ("I want to reopen my case", False),
    ("", False),
]


@pytest.mark.parametrize(("text", "tells"), TOLD)
def test_a_wish_to_add_something_is_told_from_the_thing_itself(text: str, tells: bool) -> None:
    assert _case_words.told(text) == (text if tells else "")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("我要撤诉，银行已经把钱退给我了", True),
        ("I'd like to withdraw my complaint, the bank paid me back", True),
        ("因为已经解决了所以撤回投诉", True),
        ("我想撤回之前的投诉", False),
        ("please withdraw my complaint", False),
    ],
)
def test_a_reason_is_kept_if_one_is_given(text: str, why: bool) -> None:
    assert _case_words.reason(text) == (text if why else "")


@pytest.mark.parametrize(
    ("text", "nothing"),
    [("没有了", True), ("就这些", True), ("nothing", True), ("That's all.", True), ("没有人理我", False), ("", False)],
)
def test_nothing_to_add_is_understood(text: str, nothing: bool) -> None:
    assert _case_words.is_nothing_more(text) is nothing


YES_AND_NO = [
    ("是的", "yes", ""),
    ("對", "yes", ""),
    ("没错", "yes", ""),
    ("没问题", "yes", ""),
    ("好的，钱已经退了", "yes", "钱已经退了"),
    ("Yes, they paid me back", "yes", "they paid me back"),
    ("no problem", "yes", ""),
    ("不对，是建行", "no", "是建行"),
    ("不", "no", ""),
    ("先不了", "no", ""),
    ("No, it was CCB", "no", "it was CCB"),
    ("I do not", "no", ""),
    ("对不起", "", ""),
    ("可以吗", "", ""),
    ("是不是", "", ""),
    ("我不知道", "", ""),
    ("I am not certain", "", ""),
    ("noon", "", ""),
    ("", "", ""),
]


@pytest.mark.parametrize(("text", "answer", "more"), YES_AND_NO)
def test_a_yes_and_a_no_are_told_apart_with_what_follows(text: str, answer: str, more: str) -> None:
    heard = _yes_no.heard(text)
    assert (heard.answer, heard.more) == (answer, more)


PIECES = (
    "我",
    "要",
    "撤",
    "补充",
    "材料",
    "没有",
    "查询码",
    "is ",
    "my ",
    "no ",
    "的",
    "20",
    "Q2026-",
    "-1",
    "，",
    "对",
    "了",
    "编号",
)


def test_no_message_takes_long_however_its_pieces_repeat() -> None:
    began = time.process_time()
    for one, other in product(PIECES, PIECES):
        text = ((one + other) * 1000)[:2000]
        _case_words.given(text, name_asked=True)
        _case_words.told(text)
        _case_words.reason(text)
        for asks in (
            _case_words.is_lost,
            _case_words.has_lost_number,
            _case_words.is_nothing_more,
            _case_words.is_sure,
        ):
            asks(text)
        _yes_no.heard(text)
    assert time.process_time() - began < 10  # 1 s alone

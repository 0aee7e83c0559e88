"""Traditional characters and the words of Taiwan, Hong Kong and Canton find what the mainland's find."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from faq.folding import fold
from faq.index import QUERY_MAX, bare, plain, readable


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("怎麼查自己的信用報告？", "怎么查自己的信用报告？"),
        ("存款保險最多賠多少錢", "存款保险最多赔多少钱"),
        ("徵信裡有一筆貸款不是我的", "征信里有一笔贷款不是我的"),
        ("帳戶被凍結，帳單對不上", "账户被冻结，账单对不上"),
        ("網路銀行轉帳失敗", "网络银行转账失败"),
        ("收到簡訊說身分證過期", "收到短信说身份证过期"),
        ("提款卡被提款機吃了", "银行卡被取款机吃了"),
        ("換散紙畀銀行拒絕，點算", "换零钱给银行拒绝，怎么办"),
        ("個人信貸紀錄喺邊度查", "个人信用记录在哪里查"),
        ("我唔記得密碼咗", "我不记得密码了"),
        ("存取款程序", "存取款程序"),
        ("资料要更新么", "资料要更新么"),
        ("银行卡丢了 lost card 123", "银行卡丢了 lost card 123"),
        ("", ""),
        ("\ud800", "?"),
        ("a\x00b", "a\x00b"),
    ],
)
def test_text_becomes_what_the_mainland_writes(text: str, folded: str) -> None:
    assert fold(text) == folded
    assert fold(folded) == folded


@given(st.text(max_size=100))
def test_folding_again_changes_nothing_and_no_text_fails(text: str) -> None:
    assert plain(plain(text)) == plain(text)


def test_many_threads_fold_alike() -> None:
    texts = [f"{n}號帳戶的銀行簡訊" for n in range(500)]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(fold, texts)) == [f"{n}号账户的银行短信" for n in range(500)]


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("ＨＯＷ ｍｕｃｈ　？", "how much ?"),
        ("我的號碼是⟦phone:abcdefghij⟧，查徵信", "我的号码是 ,查征信"),
        ("x" * (QUERY_MAX + 1), "x" * QUERY_MAX),
    ],
)
def test_a_search_reads_the_beginning_in_half_width_and_small_letters(text: str, read: str) -> None:
    assert readable(text) == read


def test_texts_that_differ_in_blanks_marks_and_script_are_the_same_question() -> None:
    assert bare("怎麼查 徵信？") == bare("怎么查征信")

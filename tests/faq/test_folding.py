"""Traditional characters find what simplified ones find."""

from __future__ import annotations

import pytest

from faq.folding import fold


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("怎麼查自己的信用報告？", "怎么查自己的信用报告？"),
        ("存款保險最多賠多少錢", "存款保险最多赔多少钱"),
        ("徵信裡有一筆貸款不是我的", "征信里有一笔贷款不是我的"),
        ("银行卡丢了 lost card 123", "银行卡丢了 lost card 123"),
        ("", ""),
    ],
)
def test_traditional_characters_become_simplified_ones(text: str, folded: str) -> None:
    assert fold(text) == folded
    assert fold(folded) == folded

"""How somebody wants to be answered: whatever they type, it is read at once."""

from __future__ import annotations

import time
from itertools import product

import pytest

from actions._contact import CONTACT_MAX, heard

PIECES = (
    *("你们", "你", "就", "打", "我的", "这个", "手机", "手机号", "手机号码", "号码", "号", "微信", "微信号", "电话"),
    *("不", "不想", "没有", "算了", "call me ", "the ", "same ", "it's ", "number ", "wechat ", "not ", "rather "),
)


def test_no_message_takes_long_however_its_pieces_repeat() -> None:
    """An expression that reads a run of pieces in two ways takes minutes for a hundred characters of them."""
    began = time.process_time()
    for start, one, other in product(("", "不"), PIECES, PIECES):
        heard((start + (one + other) * CONTACT_MAX)[: CONTACT_MAX - 1] + "x", "web")
    assert time.process_time() - began < 10  # 0.1 s alone


@pytest.mark.parametrize(
    ("text", "contact"),
    [
        ("你们就打我这个手机号码吧", "unseen_number"),
        ("用这个微信联系我就行", "unseen_account"),
        ("不想留手机号码", "refused"),
        ("不给你们我的微信号", "refused"),
        ("same number as before please", "unseen_number"),
    ],
)
def test_what_people_say_instead_of_a_contact(text: str, contact: str) -> None:
    assert heard(text, "web") == contact

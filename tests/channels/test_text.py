"""Text is cut between what a reader sees as characters, nothing of it gets lost, and what cannot be kept is named."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels._text import Part, fit, is_border, numbered, read_object, split, unstorable
from core.errors import Malformed
from core.model import Button, Capabilities, Outbound

CLUSTERS = {
    "a Chinese character": "国",
    "a family": "👨‍👩‍👧‍👦",
    "a flag": "🇨🇳",
    "a skin tone": "👍🏽",
    "a heart that is an emoji": "❤️",
    "a key cap": "1️⃣",
    "a flag of a region": "🏴\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f",
    "an accent after its letter": "e\u0301",
    "many accents": "e" + "\u0301" * 9,
    "a Hangul syllable in parts": "\u1112\u1161\u11ab",
    "a Hangul syllable and a final": "가\u11a8",
    "a Hindi conjunct": "क्षि",
    "a Thai vowel": "นำ",
    "a Japanese voice mark": "ｶﾞ",
    "a line end of two characters": "\r\n",
    "an Arabic number sign": "\u0600\u0661",
}


@pytest.mark.parametrize("cluster", CLUSTERS.values(), ids=CLUSTERS)
def test_a_character_made_of_several_is_never_cut(cluster: str) -> None:
    text = f"中{cluster}文"
    borders = [at for at in range(len(text) + 1) if is_border(text, at)]
    assert borders == [0, 1, 1 + len(cluster), 2 + len(cluster)]


def test_flags_in_a_row_are_cut_in_pairs() -> None:
    assert split("🇨🇳🇬🇧🇫🇷", 3) == ["🇨🇳", "🇬🇧", "🇫🇷"]


@pytest.mark.parametrize(
    ("text", "limit", "pieces"),
    [
        ("", 5, [""]),
        ("12345", 5, ["12345"]),
        ("123456", 5, ["12345", "6"]),
        ("一段。\n\n二段还有很多字", 9, ["一段。\n\n", "二段还有很多字"]),
        ("一行字\n二行字三行字", 7, ["一行字\n", "二行字三行字"]),
        ("他说“好。”然后走了很远", 8, ["他说“好。”", "然后走了很远"]),
        ("It costs 3.5 % a year. Ask first.", 25, ["It costs 3.5 % a year. ", "Ask first."]),
        ("see https://a.example/b.c/d and so on", 34, ["see https://a.example/b.c/d and ", "so on"]),
        ("甲，乙丙丁戊", 5, ["甲，乙丙丁", "戊"]),
        ("👨‍👩‍👧‍👦👨‍👩‍👧‍👦", 8, ["👨‍👩‍👧‍👦", "👨‍👩‍👧‍👦"]),
        ("👨‍👩‍👧‍👦👨‍👩‍👧‍👦", 7, ["👨‍👩‍👧‍👦", "👨‍👩‍👧‍👦"]),
        ("e" + "\u0301" * 9, 4, ["e\u0301\u0301\u0301", "\u0301" * 4, "\u0301" * 2]),  # longer than a whole piece
    ],
)
def test_a_text_is_cut_where_a_reader_would_pause(text: str, limit: int, pieces: list[str]) -> None:
    assert split(text, limit) == pieces


@given(st.text(st.sampled_from("国a 。，.!?\n\r\u0301👨\u200d👩🇨🇳👍🏽क्षि"), max_size=200), st.integers(1, 40))
def test_nothing_is_lost_or_added_and_no_piece_is_too_long(text: str, limit: int) -> None:
    pieces = split(text, limit)
    assert "".join(pieces) == text
    assert all(0 < len(p) <= limit for p in pieces) or pieces == [""]


def test_a_limit_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one"):
        split("x", 0)


BUTTONS = (Button(title="查询信用报告", payload="/a"), Button(title="转人工", payload="/b"))


def message(text: str, buttons: tuple[Button, ...] = BUTTONS) -> Outbound:
    return Outbound(id=1, address="a", text=text, buttons=buttons)


def test_buttons_become_numbers_where_there_are_none() -> None:
    parts = fit(message("请选择"), Capabilities(buttons=False))
    assert parts == (Part(text="请选择\n1. 查询信用报告\n2. 转人工"),)


def test_buttons_alone_become_a_list_without_an_empty_line() -> None:
    assert numbered("", BUTTONS) == "1. 查询信用报告\n2. 转人工"


def test_buttons_stand_under_the_last_part() -> None:
    parts = fit(message("甲" * 10 + "\n" + "乙" * 8), Capabilities(buttons=True, text_max=12))
    assert parts == (Part(text="甲" * 10), Part(text="乙" * 8, buttons=BUTTONS))


def test_a_message_that_fits_is_left_as_it_is() -> None:
    assert fit(message(" 好 \n", ()), Capabilities(text_max=5)) == (Part(text=" 好 \n"),)


def test_no_part_is_blank() -> None:
    assert fit(message("甲乙\n\n\n\n\n\n丙", ()), Capabilities(text_max=3)) == (Part(text="甲乙"), Part(text="丙"))
    assert fit(message(" " * 9, ()), Capabilities(text_max=3)) == (Part(text="   "),)


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ("怎么查\u202e👨\u200d👩", ""),
        ("a\0b", "NUL"),
        ("\ud83d", "surrogate"),
        ({"a": ["ok", {"b": "x\0"}]}, "NUL"),
        ({"a\udc00": 1}, "surrogate"),
        ([None, True, 1, 1.5, ""], ""),
    ],
)
def test_a_text_that_no_ledger_can_hold_is_found_anywhere(value: object, why: str) -> None:
    assert why in unstorable(value)
    assert bool(why) == bool(unstorable(value))


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"\xff", "not UTF-8 at byte 0"),
        (b"", "not JSON"),
        ("\ufeff{}", "not JSON"),
        ("[1]", "not a JSON object"),
        ('{"a":1,"a":2}', "a key stands twice"),
        ('{"a":Infinity}', "Infinity is not JSON"),
        ('{"a":-1e999}', "too large"),
        ('{"a":9223372036854775808}', "too large"),
        ('{"a":' + "9" * 10_000 + "}", "too large"),
        ('{"a":' * 33 + "1" + "}" * 33, "nested too deeply"),
        ("[" * 100_000, "nested too deeply|not JSON"),
    ],
)
def test_json_that_two_readers_could_read_differently_is_refused(data: str | bytes, why: str) -> None:
    with pytest.raises(Malformed, match=why):
        read_object(data)


def test_ordinary_json_is_read() -> None:
    data = b'{"a":{"b":[1,-9223372036854775808,2.5,null,true,"\\ud83d\\ude00"]}}'
    assert read_object(data) == {"a": {"b": [1, -(2**63), 2.5, None, True, "😀"]}}
    assert read_object('{"a":' * 32 + '"["' + "}" * 32)  # as deep as it may be
    assert read_object('{"a":"' + "[{" * 100 + '"}') == {"a": "[{" * 100}  # no level stands in a text
    assert len(read_object('{"a":[' + ",".join("{}" for _ in range(100)) + "]}")["a"]) == 100

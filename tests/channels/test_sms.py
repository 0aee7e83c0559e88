"""Short messages: every part fits, together they are the text, and no character is torn."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels._sms import GSM7, UCS2, Coding, coding, header, messages, segments, size
from channels._text import is_border

FAMILY = "👨‍👩‍👧"  # 8 units of UTF-16
PHONE_ALPHABET = st.text(st.sampled_from("abc XYZ019@£Δ\n[]{}€^~|\\ÄÖñü"), max_size=700)
CLUSTERS = ["信用", "。", "a [", "😀", FAMILY, "🇨🇳", "e\u0301", "👍🏽", "한", "क्षि", "\r\n", " ", "甲" * 60]
ANYTHING = st.lists(st.sampled_from(CLUSTERS) | st.characters(exclude_categories=["Cs"]), max_size=100).map("".join)
TEXTS = PHONE_ALPHABET | ANYTHING


def utf16(text: str) -> int:
    return len(text.encode("utf-16-be")) // 2


@given(TEXTS)
def test_the_parts_together_are_the_text(text: str) -> None:
    assert "".join(segments(text)) == text


@given(TEXTS)
def test_every_part_fits_and_none_is_empty(text: str) -> None:
    parts, how = segments(text), coding(text)
    most = how.single if len(parts) == 1 else how.part
    assert all(size(part, how) <= most for part in parts)
    assert all(parts) or text == ""


@given(TEXTS)
def test_no_cut_is_inside_what_a_reader_sees_as_one_character_unless_it_is_longer_than_a_part(text: str) -> None:
    parts, how, at = segments(text), coding(text), 0
    for part in parts[:-1]:
        at += len(part)
        if not is_border(text, at):
            assert not any(is_border(text, inside) for inside in range(at - len(part) + 1, at + 1))
            assert size(part + text[at], how) > how.part  # and then it is at least full


@given(TEXTS)
def test_a_text_is_cut_only_where_it_must_be(text: str) -> None:
    parts, how = segments(text), coding(text)
    if len(parts) > 1:
        assert size(text, how) > how.single


@given(st.text())
def test_units_are_those_of_utf_16_outside_the_alphabet_of_phones(text: str) -> None:
    assert size(text, UCS2) == utf16(text)


@given(TEXTS, st.integers(1, 5), st.sampled_from(["", "【前台】"]))
def test_a_message_has_no_more_parts_than_it_may_and_only_blanks_at_the_cuts_are_left_out(
    text: str, most: int, prefix: str
) -> None:
    cut = messages(text, most, prefix)
    assert all(len(parts) <= most for parts in cut)
    said = ["".join(parts) for parts in cut]
    assert all(one.startswith(prefix) for one in said)
    assert "".join("".join(one.removeprefix(prefix) for one in said).split()) == "".join(text.split())


@pytest.mark.parametrize(
    ("text", "how", "units", "parts"),
    [
        ("", GSM7, 0, 1),
        ("a" * 160, GSM7, 160, 1),
        ("a" * 161, GSM7, 161, 2),
        ("[" * 80, GSM7, 160, 1),
        ("[" * 81, GSM7, 162, 2),
        ("a" * 306, GSM7, 306, 2),
        ("a" * 307, GSM7, 307, 3),
        ("信" * 70, UCS2, 70, 1),
        ("信" * 71, UCS2, 71, 2),
        ("信" * 134, UCS2, 134, 2),
        ("信" * 135, UCS2, 135, 3),
        ("😀" * 35, UCS2, 70, 1),
        ("😀" * 36, UCS2, 72, 2),
        ("`" + "a" * 70, UCS2, 71, 2),  # the grave accent is no letter of phones
        ("price 5€", GSM7, 9, 1),
        ("it’s", UCS2, 4, 1),
        ("ç", UCS2, 1, 1),  # only the capital is in the alphabet
        ("Ç", GSM7, 1, 1),
    ],
)
def test_the_limits_of_the_standard(text: str, how: Coding, units: int, parts: int) -> None:
    assert (coding(text), size(text, how), len(segments(text))) == (how, units, parts)


def test_an_emoji_goes_whole_into_the_next_part() -> None:
    assert segments("甲" * 66 + "😀" + "乙" * 4) == ["甲" * 66, "😀" + "乙" * 4]
    assert segments("甲" * 60 + FAMILY + "乙" * 4) == ["甲" * 60, FAMILY + "乙" * 4]


def test_a_character_of_the_extension_table_is_not_cut_from_its_escape() -> None:
    assert segments("a" * 152 + "[" + "b" * 10) == ["a" * 152, "[" + "b" * 10]


def test_the_alphabet_of_phones_has_its_128_and_its_9() -> None:
    basic = [chr(n) for n in range(0x10000) if coding(chr(n)) is GSM7 and size(chr(n), GSM7) == 1]
    extended = [chr(n) for n in range(0x10000) if coding(chr(n)) is GSM7 and size(chr(n), GSM7) == 2]
    assert len(basic) == 127  # and the escape, which is no character
    assert "".join(extended) == "\f[\\]^{|}~€"


def test_a_header_says_which_part_of_which_message_it_is() -> None:
    assert header(7, 3, 1).hex() == "050003070301"
    assert header(256 + 7, 3, 2).hex() == "050003070302"


def test_a_prefix_that_leaves_no_room_is_an_error() -> None:
    with pytest.raises(ValueError, match="no room"):
        messages("信" * 80, 1, "【" * 67)

"""Case numbers tell mistyped ones; query codes can be read aloud and not guessed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cases.numbers import ALPHABET, CODE_LENGTH, case_no, mentioned, new_code, plain_code, read_case_no
from core import masking

NUMBERS = st.builds(case_no, st.integers(2020, 2099), st.integers(1, 99_999_999))


def test_a_number_has_its_year_its_place_in_it_and_a_check_digit() -> None:
    assert case_no(2026, 1234) == "Q2026-0001234-6"


@given(NUMBERS, st.data())
def test_a_wrong_digit_and_a_swap_of_neighbours_are_noticed(number: str, data: st.DataObject) -> None:
    places = [n for n, char in enumerate(number) if char.isdigit()]
    at = data.draw(st.sampled_from(places))
    wrong = data.draw(st.sampled_from([digit for digit in "0123456789" if digit != number[at]]))
    with pytest.raises(ValueError, match="no case number"):
        read_case_no(number[:at] + wrong + number[at + 1 :])
    digits = [number[n] for n in places]
    at = data.draw(st.integers(0, len(digits) - 2))
    if digits[at] != digits[at + 1]:
        digits[at : at + 2] = digits[at + 1], digits[at]
        with pytest.raises(ValueError, match="no case number"):
            read_case_no("".join(digits))


@pytest.mark.parametrize(
    "typed",
    [
        "Q2026-0001234-6",
        "q2026-0001234-6",
        " Q2026 0001234 6 ",
        "20260001234 6",
        "Ｑ２０２６－０００１２３４－６",
        "Q2026—0001234—6",
    ],
)
def test_a_number_is_read_however_people_type_it(typed: str) -> None:
    assert read_case_no(typed) == "Q2026-0001234-6"


@pytest.mark.parametrize("typed", ["", "Q", "2026", "Q2026-0001234", "QQ2026-0001234-6", "Q2026-0001234-6-1", "12363"])
def test_what_is_no_number_is_refused(typed: str) -> None:
    with pytest.raises(ValueError, match="no case number"):
        read_case_no(typed)


@given(NUMBERS)
def test_a_number_in_a_text_is_never_taken_for_a_personal_one(number: str) -> None:
    written = f"我的编号{number},请查"
    assert masking.replace(written, lambda found: "***") == written


def test_codes_are_long_unlike_each_other_and_of_characters_that_look_different() -> None:
    codes = {new_code() for _ in range(1000)}
    assert len(codes) == 1000
    assert {len(code) for code in codes} == {CODE_LENGTH}
    assert not set("01OILUV") & set("".join(codes)) | set(ALPHABET) & set("01OILUV")


def test_a_code_is_read_however_people_type_it() -> None:
    assert plain_code(" ab2c-d3ef gh ") == plain_code("ＡＢ２ＣＤ３ＥＦＧＨ") == "AB2CD3EFGH"


@pytest.mark.parametrize(
    "text",
    [
        "工单号 Q2026-0001234-6 怎么样了",
        "我的编号是202600012346，没人理我",
        "ｑ2026—0001234—6",
        "my case no. 2026 0001234 6 please",
        "the case number is q2026-0001234-6.",
    ],
)
def test_a_number_is_found_in_a_message(text: str) -> None:
    assert mentioned(text) == "Q2026-0001234-6"


@pytest.mark.parametrize(
    "text", ["", "12363", "my number is 13812345678", "2026 was a bad year", "卡号6222021234567890"]
)
def test_other_numbers_in_a_message_are_none(text: str) -> None:
    assert mentioned(text) == ""


@pytest.mark.parametrize("text", ["编号Q2026-0001234-9", "case number: Q2026-0001243-6"])
def test_a_mistyped_number_in_a_message_is_told(text: str) -> None:
    with pytest.raises(ValueError, match="wrong"):
        mentioned(text)

"""Messages as consumers write them: what is hidden, what is left, and that the bench would see a slip."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace

import pytest

from door.cli.bench import masking as bench
from door.cli.bench.personal import CARD, ID, NOBODYS, PHONE, Message, Planted, id_check, luhn_check, messages
from door.cli.setup.steps import ROOT


@pytest.fixture(scope="module")
def some() -> list[Message]:
    return messages(2_000, seed=22)


def test_995_of_1000_numbers_are_hidden_and_of_100_other_messages_at_most_one_loses_its_number() -> None:
    result = bench.measure(2_000, seed=22)
    assert {figure["name"]: figure["good"] for figure in result["figures"]} == {
        f"{ID}: recall": True,
        f"{CARD}: recall": True,
        f"{PHONE}: recall": True,
        "false masks": True,
    }, (result["missed"], result["false_masks"])
    assert result["passed"]
    assert min(result["recall"][kind]["planted"] for kind in (ID, CARD, PHONE)) > 300
    assert min(row["messages"] for row in result["false"].values()) > 40


@pytest.mark.parametrize(
    ("body", "check"),
    [("11010519491231002", "X"), ("44052418800101001", "4")],  # the examples of GB 11643-1999
)
def test_the_check_digit_of_an_identity_card_is_the_standards(body: str, check: str) -> None:
    assert id_check(body) == check


def test_the_check_digit_of_a_card_is_the_standards() -> None:
    assert luhn_check("7992739871") == "3"
    assert luhn_check("411111111111111") == "1"


def test_the_same_seed_makes_up_the_same_messages_of_every_sort(some: list[Message]) -> None:
    assert messages(2_000, seed=22) == some
    assert messages(2_000, seed=23) != some
    assert {message.kind for message in some} == {"personal", *NOBODYS}
    assert {one.form for message in some for one in message.planted} == {
        *("plain", "spaces", "dashes", "full width", "broken lines", "dots", "wide marks", "odd spaces"),
        *("landline", "abroad", "with 86"),
    }
    cards = [one.value for message in some for one in message.planted if one.kind == ID]
    assert 0.15 < sum(value.endswith("X") for value in cards) / len(cards) < 0.35


TWO = Message(
    text="卡号6222021234567890128，电话13800138000，扣了300元",
    hidden="卡号⟦bank-card⟧，电话⟦phone⟧，扣了300元",
    kind="personal",
    planted=(
        Planted(kind=CARD, value="6222021234567890128", form="plain"),
        Planted(kind=PHONE, value="13800138000", form="plain"),
    ),
)


@pytest.mark.parametrize(
    ("shown", "missed"),
    [
        ("卡号⟦bank-card⟧，电话⟦phone⟧，扣了300元", []),
        ("卡号⟦bank-card⟧，电话+86 ⟦phone⟧，扣了300元", []),
        ("卡号⟦bank-card⟧，电话１３８００１３８０００，扣了300元", [PHONE]),
        ("卡号⟦bank-card⟧，电话138 0013 8000，扣了300元", [PHONE]),
        ("卡号⟦bank-card⟧8，电话⟦phone⟧，扣了300元", [CARD, PHONE]),  # a digit is left, and nobody knows whose
        ("卡号⟦bank-card⟧，电话⟦bank-card⟧，扣了300元", [CARD, PHONE]),  # hidden, but as something else
        ("卡号⟦bank-card⟧，电话⟦phone⟧，扣了元", [CARD, PHONE]),  # an amount went with them
        ("卡号，电话，扣了300元", [CARD, PHONE]),
    ],
)
def test_what_is_left_of_a_number_or_taken_beside_it_is_a_miss(shown: str, missed: list[str]) -> None:
    assert [one.kind for one in bench.left_over(TWO, shown)] == missed


def test_numbers_without_their_marks_and_marks_without_numbers_fail(
    monkeypatch: pytest.MonkeyPatch, some: list[Message]
) -> None:
    untouched = [replace(message, text="没有号码") for message in some]
    monkeypatch.setattr(bench, "messages", lambda count, seed: untouched)
    nothing = bench.measure(2_000, seed=22)
    assert not nothing["passed"]
    assert nothing["recall"][ID]["hidden"] == 0
    everything = [replace(message, text="卡号6222021234567890128") for message in some]
    monkeypatch.setattr(bench, "messages", lambda count, seed: everything)
    assert bench.measure(2_000, seed=22)["false"]["amount"]["%"] == 100.0


def test_the_command_tells_each_kind() -> None:
    command = [sys.executable, "-m", "door.cli", "bench", "masking", "--json", "--texts", "300", "--seed", "7"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    told = json.loads(done.stdout)
    assert (told["messages"], told["seed"], told["passed"]) == (300, 7, True)
    assert {ID, CARD, PHONE} <= set(told["recall"])

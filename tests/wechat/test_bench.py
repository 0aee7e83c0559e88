"""The bench's judgement: a message has one answer, of the right kind; anything else is found."""

from __future__ import annotations

import pytest

from door.cli.bench.wechat import PARKED, Message, _answered, _not_acknowledged, _not_once  # pyright: ignore[reportPrivateUsage]

GOOD, SORRY = (0.5, "存款保险最高偿付五十万元。"), (4.0, f"刚才这条消息我{PARKED}。")


@pytest.mark.parametrize(
    ("message", "parked", "found"),
    [
        (Message(answers=[GOOD]), False, {}),
        (Message(answers=[GOOD], acks=[0.1]), False, {}),
        (Message(answers=[SORRY]), True, {}),
        (Message(), False, {"unanswered": 1}),
        (Message(answers=[GOOD, GOOD]), False, {"answered_twice": 1}),
        (Message(answers=[SORRY]), False, {"wrong_sentence": 1}),
        (Message(answers=[GOOD]), True, {"wrong_sentence": 1}),
        (Message(answers=[GOOD], odd=["500"]), False, {"odd": 1}),
    ],
)
def test_what_may_not_happen_is_counted(message: Message, parked: bool, found: dict[str, int]) -> None:
    assert {name: count for name, count in _not_once([message], parked=parked).items() if count} == found


def test_a_message_that_is_not_acknowledged_is_counted() -> None:
    assert dict(_not_acknowledged([Message(), Message(acks=[0.1]), Message(odd=["503"])])) == {
        "not_acknowledged": 2,
        "odd": 1,
    }


def test_an_answer_later_than_the_platform_waits_is_no_good() -> None:
    (latest,) = [f for f in _answered("x", [Message(answers=[(4.6, "好")])]) if "latest" in f.name]
    assert latest.good is False

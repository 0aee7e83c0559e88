"""The arithmetic of trying again."""

from __future__ import annotations

import pytest

from core import retry


@pytest.mark.parametrize(
    ("attempts", "whole"),
    [(1, 2), (2, 4), (3, 8), (7, 128), (8, 256), (9, 300), (50, 300)],  # 2 * 2**(n-1), at most 300
)
def test_sending_waits_twice_as_long_each_time_up_to_five_minutes(attempts: int, whole: float) -> None:
    assert retry.send_delay(attempts, 0) == whole
    assert retry.send_delay(attempts, 1) == whole / 2
    assert whole / 2 <= retry.send_delay(attempts) <= whole


def test_three_tries_of_a_turn_fit_in_thirty_seconds() -> None:
    budget = 4.0  # seconds a try may take
    assert 3 * budget + retry.turn_delay(1) + retry.turn_delay(2) <= 30


def test_a_turn_with_more_tries_keeps_the_last_delay() -> None:
    assert retry.turn_delay(5) == retry.turn_delay(2)

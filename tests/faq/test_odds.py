"""The odds of entries by all their words together: what is said, what is not, and what strangers say."""

from __future__ import annotations

import random

import numpy as np
import pytest

from faq.index import pieces
from faq.odds import Odds

FRUIT = [["green apples", "red apples", "apples and pears"], ["bananas", "yellow bananas"], ["苹果多少钱一斤"]]
STRANGE = ["a green car", "yellow taxi", "买车"]
ODDS = Odds(FRUIT, STRANGE)


@pytest.mark.parametrize(
    ("text", "group"),
    [("the apples", 0), ("yellow bananas", 1), ("苹果一斤多少钱", 2), ("a green taxi", 3), ("买辆车", 3)],
)
def test_a_question_belongs_where_its_words_stand(text: str, group: int) -> None:
    found = ODDS.of(pieces(text))
    assert found.shape == (len(FRUIT) + 1,)
    assert int(found.argmax()) == group
    assert found[group] > 0 > np.delete(found, group).max()


def test_the_odds_are_those_of_the_formula() -> None:
    # Of 6 texts 2 hold the stem, both in the first group of 3; every group is taken to have half a text besides, which
    # holds the stem as often as texts in general do, that is by 2 / 6.
    groups = [["pear", "pear", "plum"], ["fig", "fig", "fig"]]
    [first, second, _] = Odds(groups, []).of({"pear"})
    assert first == pytest.approx(np.log((2 + 1 / 6) / 3.5) - np.log((1 / 6) / 3.5))
    assert second == pytest.approx(np.log((1 / 6) / 3.5) - np.log((2 + 1 / 6) / 3.5))


def test_what_all_texts_of_a_group_say_counts_for_more_than_what_one_says() -> None:
    odds = Odds([["lost card", "lost phone", "lost purse"], ["lost", "found", "kept"]], [])
    first, second, _ = odds.of({"lost"})
    assert first > second


def test_two_words_together_say_more_than_each_of_them() -> None:
    odds = Odds([["how much is it", "so many"], ["much of it", "how is it"]], [])
    first, second, _ = odds.of(pieces("how much"))
    assert first > second
    assert pieces("How much?") == {"how", "much", "how much"}
    assert pieces("查ETF基金") == {"查", "etf", "基", "金", "基金"}


@pytest.mark.parametrize("text", ["", "???", "\x00", "zebra"])
def test_words_that_nobody_knows_say_nothing(text: str) -> None:
    assert not ODDS.of(pieces(text)).any()


def test_a_search_over_nothing_has_odds_of_nothing() -> None:
    assert Odds([], []).of({"apples"}).tolist() == [0.0]
    assert Odds([[], ["apples"]], []).of(pieces("apples"))[1] > 0


def test_each_of_many_texts_speaks_most_for_its_own_group() -> None:
    draw = random.Random(0)
    letters = [chr(0x4E00 + n) for n in range(3000)]
    groups = [["".join(draw.choices(letters, k=12)) for _ in range(100)] for _ in range(100)]
    odds = Odds(groups, [])
    for n in range(100):
        assert int(odds.of(pieces(groups[n][n])).argmax()) == n

"""The index of words: what it finds, how alike it says that is, and how fast."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from faq.index import STEM_MIN, Index, stem, terms

FRUIT = [["apples and pears", "green apples"], ["bananas", "yellow bananas from afar"], ["苹果多少钱一斤", "买苹果"]]
INDEX = Index(FRUIT, [["grown in an orchard"], [], []])


def found(query: str, k: int = 3) -> list[tuple[int, str]]:
    return [(match.group, match.text) for match in INDEX.match(terms(query), k).best]


def test_the_best_text_of_every_group_that_shares_a_word_is_found_best_first() -> None:
    assert found("green apples please") == [(0, "green apples")]
    assert found("yellow bananas, not apples") == [(1, "yellow bananas from afar"), (0, "green apples")]
    assert found("苹果怎么买") == [(2, "买苹果")]


def test_a_perfect_match_has_a_high_share_and_covers_its_text() -> None:
    [best] = INDEX.match(terms("green apples"), 3).best
    assert 0.6 < best.share <= 1.1
    assert best.cover == 1.0


def test_what_a_text_says_beyond_the_query_counts_a_little_against_it() -> None:
    index = Index([["lost my card"], ["lost my card abroad"]], [])
    first, second = index.match(terms("lost card"), 2).best
    assert (first.group, second.group) == (0, 1)
    assert first.cover > second.cover


@pytest.mark.parametrize("query", ["", "the", "???", "zebra", "\x00"])
def test_nothing_is_found_for_what_no_text_holds(query: str) -> None:
    matches = INDEX.match(terms(query), 3)
    assert list(matches.best) == []
    assert not matches.shares.any()


def test_the_answers_words_lift_a_group_and_find_none_alone() -> None:
    assert found("orchard") == []
    with_word = INDEX.match(terms("apples orchard"), 1).best[0].share
    without = INDEX.match(terms("apples zebra"), 1).best[0].share
    assert with_word > without


@pytest.mark.parametrize(
    ("misspelt", "group"),
    [("bananna", 1), ("bannaas", 1), ("banans", 1), ("aplpes", 0), ("appels", 0), ("yelow", 1), ("orange", None)],
)
def test_a_letter_too_few_too_many_or_swapped_does_no_harm(misspelt: str, group: int | None) -> None:
    assert [one for one, _ in found(misspelt)] == ([] if group is None else [group])


def test_an_index_of_nothing_finds_nothing() -> None:
    assert list(Index([], []).match(terms("apples"), 3).best) == []
    assert list(Index([[], []], [["apples"], []]).match(terms("apples"), 3).best) == []


def test_a_group_without_texts_is_never_found_and_moves_no_other() -> None:
    index = Index([[], ["apples"], [], ["pears"]], [["pears"], [], ["apples"], []])
    assert [match.group for match in index.match(terms("apples"), 4).best] == [1]
    assert [match.group for match in index.match(terms("pears"), 4).best] == [3]


def test_groups_that_fit_alike_come_in_order_and_no_more_than_asked_for() -> None:
    index = Index([["apples"]] * 20, [])
    assert [match.group for match in index.match(terms("apples"), 5).best] == [0, 1, 2, 3, 4]


def test_each_of_many_texts_is_its_own_best() -> None:
    draw = random.Random(0)
    letters = [chr(0x4E00 + n) for n in range(3000)]
    groups = [["".join(draw.choices(letters, k=12)) for _ in range(100)] for _ in range(100)]
    index = Index(groups, [[]] * 100)
    for n in range(200):
        group, text = draw.randrange(100), draw.randrange(100)
        [best] = index.match(terms(groups[group][text]), 1).best
        assert (best.group, best.text) == (group, groups[group][text]), n


@pytest.mark.parametrize(
    ("word", "root"),
    [("insured", "insur"), ("insure", "insur"), ("deposits", "deposit"), ("complaint's", "complaint"), ("is", "is")],
)
def test_a_stem_is_a_word_without_its_ending(word: str, root: str) -> None:
    assert stem(word) == root


ENDINGS = ("ations", "ation", "ments", "ment", "ings", "ing", "ies", "ed", "es", "ly", "s", "e", "y")


@given(st.from_regex(rf"\A[a-z]{{1,5}}({'|'.join(ENDINGS)}){{0,2}}\Z"))
def test_the_longest_ending_is_cut_off_that_leaves_enough(word: str) -> None:
    fit = [ending for ending in ENDINGS if word.endswith(ending) and len(word) - len(ending) >= STEM_MIN]
    assert stem(word) == word.removesuffix(max(fit, key=len, default=""))

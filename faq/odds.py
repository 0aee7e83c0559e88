"""Naive Bayes over the entries: how much rather a question's words come from one entry's phrasings than from others."""

from __future__ import annotations

import math
from array import array
from collections.abc import Collection, Sequence
from itertools import repeat

import numpy as np
from numpy.typing import NDArray

from faq.index import Postings, pieces

# Texts that every group is taken to have besides, which hold every piece as often as texts in general do: what was seen
# once proves little. For 0.1..2 the questions to tune on show no difference.
CAUTION = 0.5

Floats = NDArray[np.float64]


class Odds:
    """The log odds of every group of texts (the phrasings of an entry, in all languages). Immutable once made.

    BM25 sees the best text and which words are rare. This sees what the texts of a group say together, what they do not
    say, and what is said out of scope as well. One sparse table tells which groups hold a piece; what a piece that a
    group lacks says against it depends on the group's size alone and needs no place there.
    """

    def __init__(self, groups: Sequence[Sequence[str]], examples: Sequence[str]) -> None:
        """`examples`: questions out of scope, which are one group more."""
        self._all = len(groups) + 1
        self._ids: dict[str, int] = {}
        piece, group = array("q"), array("q")
        for n, texts in enumerate((*groups, examples)):
            for text in texts:
                found = pieces(text)
                piece.extend(self._ids.setdefault(one, len(self._ids)) for one in found)
                group.extend(repeat(n, len(found)))
        sizes = np.array([*map(len, groups), len(examples)], np.float64)
        total = max(1.0, float(sizes.sum()))
        odds = (total - sizes + CAUTION) / (sizes + CAUTION)  # of all other texts to those of a group
        self._lacking: Floats = np.log(CAUTION / (total + CAUTION) * odds)
        ids = np.array(piece, np.int64)
        pairs, times = np.unique(ids * self._all + np.array(group, np.int64), return_counts=True)
        ids, groups_ = pairs // self._all, pairs % self._all
        often = np.bincount(ids, times, len(self._ids))[ids]  # texts that hold the piece at all
        extra = CAUTION / total * often
        present = np.log((times + extra) / (often - times + extra) * odds[groups_])
        self._group = groups_.astype(np.int32)
        self._value = (present - self._lacking[groups_]).astype(np.float32)
        self._rows = Postings(ids, len(self._ids))

    def of(self, said: Collection[str]) -> Floats:
        """Of every group, and last of the examples: above 0 where a text with these `pieces` rather belongs.

        In a long text a piece counts less, since its pieces do not come one by one: otherwise all long ones were sure.
        """
        known = [id for id in map(self._ids.get, said) if id is not None]
        rows, _ = self._rows.of(known)
        held = np.bincount(self._group[rows], self._value[rows], self._all)
        return (held + len(known) * self._lacking) / math.sqrt(max(1, len(said)))

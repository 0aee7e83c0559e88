"""What a message is made of: pieces of its letters, words that mean much the same, and what the search says of it."""

from __future__ import annotations

import itertools
import math
import re
import unicodedata
import zlib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from bot.assistant.contract import DECISIONS

READ_MAX = 512  # characters of a message that are looked at: bounds the cost, and what matters is said early
_DIGIT = re.compile(r"\d")  # which figures they are says nothing about what is wanted
_WORDS = re.compile(r"[a-z0-9]+(?:'[a-z]+)?")
_LATIN = re.compile(r"[a-z0-9' -]+")


def even(text: str) -> str:
    """The beginning of `text` in half width and lower case."""
    return unicodedata.normalize("NFKC", text[:READ_MAX]).casefold().replace("’", "'")


def letters(read: str, longest: int) -> set[str]:
    """The pieces of an even text: 1 to `longest` characters within blanks, and Latin words alone and in pairs."""
    read = _DIGIT.sub("0", read)
    found: set[str] = set()
    for word in read.split():
        padded = f" {word} "
        for n in range(1, longest + 1):
            found.update(padded[i : i + n] for i in range(len(padded) - n + 1))
    words = _WORDS.findall(read)
    # A mark that no text holds keeps words apart from n-grams.
    found.update(f"\n{word}" for word in words)
    found.update(f"\n{one} {other}" for one, other in itertools.pairwise(words))
    return found


class Meanings:
    """Words that mean much the same, by the name of what they mean (the lookup tables of the training data)."""

    def __init__(
        self, names: Sequence[str], han: Mapping[str, Sequence[int]], latin: Mapping[str, Sequence[int]]
    ) -> None:
        """`han` and `latin`: for each even word the numbers in `names` of what it means. Chinese words are found
        anywhere, Latin ones as whole words or phrases, or "rob" would be found in "problem"."""
        self.names, self.han, self.latin = names, han, latin
        self._han_lengths: defaultdict[str, set[int]] = defaultdict(set)  # of words, by their first character
        self._latin_lengths: defaultdict[str, set[int]] = defaultdict(set)  # of phrases in words, by their first
        for word in han:
            self._han_lengths[word[0]].add(len(word))
        for phrase in latin:
            words = phrase.split(" ")
            self._latin_lengths[words[0]].add(len(words))

    @classmethod
    def of(cls, words: Mapping[str, Sequence[str]]) -> Meanings:
        """From the words of each name, as people wrote them."""
        names = sorted(words)
        han: defaultdict[str, list[int]] = defaultdict(list)
        latin: defaultdict[str, list[int]] = defaultdict(list)
        for n, name in enumerate(names):
            for read in filter(None, map(even, words[name])):
                if _LATIN.fullmatch(read):
                    latin[" ".join(_WORDS.findall(read))].append(n)
                else:
                    han[read].append(n)
        return cls(names, han, latin)

    def found(self, read: str) -> list[int]:
        """Sorted numbers of the names of which an even text holds a word."""
        found: set[int] = set()
        for i, character in enumerate(read):
            for n in self._han_lengths.get(character, ()):
                found.update(self.han.get(read[i : i + n], ()))
        words = _WORDS.findall(read)
        for i, word in enumerate(words):
            for n in self._latin_lengths.get(word, ()):
                found.update(self.latin.get(" ".join(words[i : i + n]), ()))
        return sorted(found)


def pairs(found: Sequence[int]) -> list[str]:
    """What was found, two and two: 'knife' beside 'film' is not 'knife' beside 'now'."""
    return [f"{one} {other}" for one, other in itertools.combinations(found, 2)]


def beside(decision: str | None, found: Sequence[tuple[str, float]], topics: Sequence[str]) -> list[float]:
    """What the search says of a message, 5 + len(topics) numbers; `found`: topic and score of the hits, best first;
    `decision` None: nothing was searched, which is all zeros."""
    if decision is None:
        return [0.0] * (len(DECISIONS) + 2 + len(topics))
    score = found[0][1] if found else 0.0
    odds = math.log((score + 0.001) / (1.001 - score)) / 5  # -1.4..1.4
    by_topic = [sum(one for name, one in found if name == topic) for topic in topics]
    return [*(float(decision == one) for one in DECISIONS), score, odds, *by_topic]


class Counted:
    """Features that stand in enough of the examples, each weighing more the rarer it is."""

    def __init__(self, buckets: int) -> None:
        self._buckets = buckets
        self._known = np.full(buckets, -1, np.int32)  # (buckets,): the feature's row, -1 for what is too rare
        self.rarity = np.zeros(0, np.float32)  # (rows,), inverse document frequency

    @property
    def kept(self) -> Any:
        """The buckets that have a row, in the order of their rows."""
        return np.flatnonzero(self._known >= 0).astype(np.int32)

    def fit(self, examples: Iterable[Iterable[str]], rare: int) -> None:
        """Takes the pieces that stand in at least `rare` of the examples."""
        seen, count = np.zeros(self._buckets), 0
        for pieces in examples:
            seen[self._at(pieces)] += 1
            count += 1
        kept = np.flatnonzero(seen >= rare)
        self.restore(kept, (np.log((count + 1) / (seen[kept] + 1)) + 1).astype(np.float32))

    def restore(self, kept: Any, rarity: Any) -> None:
        """Takes buckets and rarities as they were fitted, both of shape (rows,)."""
        self._known[kept] = np.arange(len(kept), dtype=np.int32)
        self.rarity = rarity

    def row(self, pieces: Iterable[str]) -> tuple[Any, Any]:
        """The rows of what is known of `pieces` and their values, together of length 1."""
        at = self._known[self._at(pieces)]
        at = at[at >= 0]
        values = self.rarity[at]
        return at, values / np.sqrt(max(float(values @ values), 1e-9))

    def _at(self, pieces: Iterable[str]) -> list[int]:
        return sorted({zlib.crc32(piece.encode("utf-8", "replace")) % self._buckets for piece in pieces})

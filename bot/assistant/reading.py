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

    def __init__(self, words: Mapping[str, Sequence[str]]) -> None:
        """`words`: the words of each name, Chinese ones found anywhere, Latin ones as whole words or phrases."""
        self.words = words
        self.names = sorted(words)
        # Apart, or "rob" would be found in "problem".
        self._han: defaultdict[str, list[int]] = defaultdict(list)
        self._latin: defaultdict[str, list[int]] = defaultdict(list)
        for n, name in enumerate(self.names):
            for word in words[name]:
                read = even(word)
                if _LATIN.fullmatch(read):
                    self._latin[" ".join(_WORDS.findall(read))].append(n)
                else:
                    self._han[read].append(n)
        # Lengths that occur, in characters and in words.
        self._han_lengths = sorted({len(word) for word in self._han})
        self._latin_lengths = sorted({word.count(" ") + 1 for word in self._latin})

    def found(self, read: str) -> list[int]:
        """Sorted numbers of the names of which an even text holds a word."""
        words = _WORDS.findall(read)
        han = (read[i : i + n] for n in self._han_lengths for i in range(len(read) - n + 1))
        latin = (" ".join(words[i : i + n]) for n in self._latin_lengths for i in range(len(words) - n + 1))
        both = itertools.chain((self._han.get(one, ()) for one in han), (self._latin.get(one, ()) for one in latin))
        return sorted({n for holders in both for n in holders})

    def row(self, found: Sequence[int]) -> Any:
        """A row with 1 at what was found, shape (names,)."""
        row = np.zeros(len(self.names), np.float32)
        row[list(found)] = 1
        return row


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

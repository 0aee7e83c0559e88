"""An inverted index with BM25 weights over short texts: Chinese by characters and pairs, English by word stems."""

from __future__ import annotations

import re
import unicodedata
from array import array
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import lru_cache
from itertools import chain, pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from faq.folding import fold

# Of a text. BM25's usual constants; for B in 0.25..0.75 phrasings left out show no difference (see faq/fitting.py).
B = 0.5  # how much a long text has to make up for its length
K1 = 1.2  # how soon a term stops counting more
# Of a group. Phrasings left out show a flat top here: GROUP_K 3..8, GROUP_B 0.3..0.6, GROUP_PART 0.65..0.85.
GROUP_B = 0.5
GROUP_K = 4.0
GROUP_PART = 0.7  # what all texts of a group together count, and the rest what the best one alone does
SCALE = 2.0  # brings the score of a question that an entry knows well to about 1
MISSPELT_MIN = 4  # letters of an English stem from which a like one may be meant
MISSPELT_WEIGHT = 0.8  # of what the known stem would count
SURPLUS = (
    0.1  # part of the score that a text loses by what it says beyond the query: breaks ties between like phrasings
)
COMMON = 0.2  # weight of words that any question may hold
ASKING = 0.5  # weight of English words that tell one question about a thing from another: how much, when, who
QUERY_MAX = 512  # characters of a question that are looked at
STEM_MIN = 3  # letters that a cut-off ending must leave

_RUNS = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U000323af]+|[a-z]+(?:'[a-z]+)?|\d+")
_HAN_FROM = "\u3400"  # the first character that the first branch above takes
_REFERENCES = re.compile(r"⟦[^⟧]*⟧")  # masked personal data says nothing about the question
_ENDINGS = {  # by their last letter, the longest first
    "s": ("ations", "ments", "ings", "ies", "es", "s"),
    "n": ("ation",),
    "t": ("ment",),
    "g": ("ing",),
    "d": ("ed",),
    "y": ("ly", "y"),
    "e": ("e",),
}


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_COMMON_HAN = frozenset(
    "的了吗呢吧啊呀嘛么我你您他她它们这那哪个是有没不在要想能会可以去来给让把被和跟与就都也还再又很太"
    "请问说到上下里什怎样办帮多少"
)
_COMMON_PAIRS = _words("""
    怎办 咋办 么办 怎弄 么弄 如何 为什 里可 自己 己的 一个 一下 一些 现在 已经 多少 知道 有人 意思 应该 该怎 谁能
    告诉 帮我
""")
_COMMON_WORDS = _words("""
    a an the of to in on at for from with by about into and or but if so as than then i i'm me my you your he she it
    it's its we our they them their this that these those is am are was were be been do does did don't has have had
    can could will would should may might must not no how what what's there here please want
    need get got any some someone anyone something tell know make just now help hello hi hey thanks thank
""")
_ASKING_WORDS = _words("much many when where which who why")


@lru_cache(maxsize=16)  # a question is read to be encoded and again to be searched, up to eight together
def plain(text: str) -> str:
    """Half width, lower case, simplified characters, without masked references."""
    return fold(unicodedata.normalize("NFKC", _REFERENCES.sub(" ", text)).casefold())


def readable(text: str) -> str:
    """What a search reads of `text`, by words and by meaning: the beginning, written `plain`."""
    return plain(text[:QUERY_MAX])


def bare(text: str) -> str:
    """The letters and digits of `plain`, nothing between them: two texts with the same are the same question."""
    return letters(plain(text))


def letters(text: str) -> str:
    """`bare` of a text that is written `plain`."""
    return "".join(filter(str.isalnum, text))


def stem(word: str) -> str:
    """`word` without one common English ending: insured → insur, complaints → complaint."""
    word = word.partition("'")[0]
    for ending in _ENDINGS.get(word[-1:], ()):
        if word.endswith(ending) and len(word) - len(ending) >= STEM_MIN:
            return word[: -len(ending)]
    return word


class Said(NamedTuple):
    """What a text is compared by."""

    # Chinese characters and pairs of neighbours, English stems, numbers as they are; and how much each counts
    terms: dict[str, float]
    words: list[str]  # the stems and numbers, one after the other

    @property
    def pieces(self) -> set[str]:
        """The terms, and the pairs of neighbouring words: "how much" says more than how and much."""
        return {*self.terms, *map(" ".join, pairwise(self.words))}


def read(text: str) -> Said:
    """A `text` that is written `plain`."""
    found: dict[str, float] = {}
    words: list[str] = []
    for run in _RUNS.findall(text):
        if run[0] >= _HAN_FROM:
            _han(run, found)
            continue
        weight = COMMON if run in _COMMON_WORDS else ASKING if run in _ASKING_WORDS else 1.0
        root = stem(run)
        found[root] = max(weight, found.get(root, 0.0))
        words.append(root)
    return Said(found, words)


def terms(text: str) -> dict[str, float]:
    """Those of any `text`."""
    return read(plain(text)).terms


def pieces(text: str) -> set[str]:
    """Those of any `text`."""
    return read(plain(text)).pieces


def _han(run: str, found: dict[str, float]) -> None:
    previous = ""
    for char in run:
        common = char in _COMMON_HAN
        found[char] = COMMON if common else 1.0
        if previous:
            pair = previous + char
            found[pair] = COMMON if pair in _COMMON_PAIRS or (common and previous in _COMMON_HAN) else 1.0
        previous = char


def _shortened(stem: str) -> set[str]:
    """The stem itself, and without any one letter: two that share one of these differ by a letter, or a swap."""
    return {stem, *(stem[:i] + stem[i + 1 :] for i in range(len(stem)))}


def _likeness(one: str, other: str) -> float:
    """How much two words have in common, 0..1."""
    return SequenceMatcher(None, one, other, autojunk=False).ratio()


Floats = NDArray[np.float64]
Places = NDArray[np.int64]


class Match(NamedTuple):
    """How well one group fits a query, and the text of it that fits best."""

    group: int  # its place among the groups
    text: str
    share: float  # of the score that a perfect match would have, about 0..1
    cover: float  # how much of the text's own weight the query holds, 0..1


class Matches(NamedTuple):
    """What a query finds."""

    best: Sequence[Match]  # best first
    shares: Floats  # of every group


@dataclass(frozen=True, slots=True)
class _Held:
    """Which text holds which term, and how much that counts; three columns of one table."""

    text: Places
    term: Places
    weight: Floats


class Postings:
    """Where the rows of each term stand in a table that is sorted by terms."""

    def __init__(self, term: Places, terms: int) -> None:
        """`term`: that of each row, a number below `terms`."""
        bounds = np.searchsorted(term, np.arange(terms + 1))
        self._start = bounds[:-1]
        self._size = np.diff(bounds)

    def of(self, terms: Sequence[int]) -> tuple[Places, Places]:
        """The rows of all `terms`, one term after the other, and how many rows each of them has."""
        ids = np.array(terms, np.int64)
        sizes = self._size[ids]
        ends = sizes.cumsum()
        rows = (self._start[ids] - ends + sizes).repeat(sizes)
        rows += np.arange(len(rows))
        return rows, sizes


class Index:
    """BM25 over groups of texts (the phrasings of FAQ entries): the best text, and all of the group together.

    A phrasing alone is too short to show which words its entry is about; all together they are, and the best one keeps
    a question that fits one phrasing word for word in front. Immutable once made.

    The groups stand behind the texts as if they were texts too, and one table says for each term which of them hold it:
    a query adds up a few slices of that table.
    """

    def __init__(self, texts: Sequence[Sequence[str]], beside: Sequence[Sequence[str]]) -> None:
        """`texts`: those of each group; `beside`: more words of each group (answers), which are no texts to match."""
        self._all = len(texts)
        filled = [group or ("",) for group in texts]  # so that each group has a first text
        self._texts = tuple(chain.from_iterable(filled))
        sizes = np.array([len(group) for group in filled], np.int64)
        group_of = np.repeat(np.arange(self._all), sizes)
        self._first = sizes.cumsum() - sizes  # text of each group
        self._spans = [slice(*bounds) for bounds in pairwise((*self._first.tolist(), len(self._texts)))]
        self._ids: dict[str, int] = {}  # of the terms
        held = self._read(self._texts)
        more = self._read(chain.from_iterable(beside))
        group = group_of[held.text]
        aside = np.repeat(np.arange(len(beside)), [len(one) for one in beside])[more.text]
        # Rare means: in few groups. By texts, the key word of an entry with many phrasings would look common.
        found = self._groups_with(held.term, group)
        rare = self._rarity(np.where(found > 0, found, self._groups_with(more.term, aside)))
        self._rare: list[float] = rare.tolist()
        self._unknown = float(self._rarity(np.zeros(1))[0])
        lengths = np.bincount(held.text, held.weight, len(self._texts))
        damping = 1 + K1 * (1 - B + B * lengths / max(1e-9, lengths.mean() if len(lengths) else 0.0))
        self._impact = (1 - GROUP_PART) / SCALE * (K1 + 1) / damping
        self._weight = np.bincount(held.text, held.weight * rare[held.term], len(self._texts)).tolist()
        term, behind, value = self._of_groups(np.append(held.term, more.term), np.append(group, aside))
        term, place = np.append(held.term, term), np.append(held.text, behind + len(self._texts))
        order = np.argsort(term, kind="stable")
        self._place = place[order].astype(np.int32)
        self._value = np.append(np.ones(len(held.term)), value)[order].astype(np.float32)
        self._rows = Postings(term[order], len(self._ids))
        self._spelt: defaultdict[str, list[str]] = defaultdict(list)  # stem, whole or without a letter → stems
        for known in self._ids:
            if known.isascii() and known.isalpha() and len(known) >= MISSPELT_MIN:
                for short in _shortened(known):
                    self._spelt[short].append(known)

    def _read(self, texts: Iterable[str]) -> _Held:
        """The terms of every text; a new one gets the next number."""
        text, term, weight = array("q"), array("q"), array("d")
        for n, one in enumerate(texts):
            for found, counts in terms(one).items():
                text.append(n)
                term.append(self._ids.setdefault(found, len(self._ids)))
                weight.append(counts)
        return _Held(np.array(text, np.int64), np.array(term, np.int64), np.array(weight, np.float64))

    def _groups_with(self, term: Places, group: Places) -> Places:
        """How many groups hold each term."""
        return np.bincount(np.unique(term * self._all + group) // max(1, self._all), minlength=len(self._ids))

    def _rarity(self, groups: Floats | Places) -> Floats:
        return np.log(1 + (self._all - groups + 0.5) / (groups + 0.5))

    def _of_groups(self, term: Places, group: Places) -> tuple[Places, Places, Floats]:
        """What each term adds to each group that holds it, the more the more of its texts hold it."""
        pairs, times = np.unique(term * self._all + group, return_counts=True)
        term, group = pairs // max(1, self._all), pairs % max(1, self._all)
        sizes = np.bincount(group, times, self._all)
        level = GROUP_K * (1 - GROUP_B + GROUP_B * sizes * np.count_nonzero(sizes) / max(1.0, sizes.sum()))
        return term, group, GROUP_PART / SCALE * (GROUP_K + 1) * times / (times + level[group])

    def _meant(self, term: str) -> str:
        """The known stem that an unknown one is nearly spelt like, "" if there is none."""
        if len(term) < MISSPELT_MIN or not (term.isascii() and term.isalpha()):
            return ""
        near = {known for short in _shortened(term) for known in self._spelt.get(short, ())}
        return max(near, key=lambda known: (_likeness(term, known), known), default="")

    def _asked(self, said: Mapping[str, float]) -> tuple[dict[int, float], float]:
        """What counts of a query, by the terms known here; and what all of it would, known or not."""
        asked: dict[int, float] = {}
        ceiling = 0.0
        for term, weight in said.items():
            if (known := self._ids.get(term)) is not None:
                counts = asked[known] = weight * self._rare[known]
            elif meant := self._meant(term):
                known = self._ids[meant]
                counts = weight * self._rare[known]
                asked.setdefault(known, counts * MISSPELT_WEIGHT)
            else:
                counts = weight * self._unknown
            ceiling += counts
        return asked, ceiling

    def match(self, said: Mapping[str, float], k: int) -> Matches:
        """The `k` groups that fit a query best; `said` are its `terms`."""
        asked, ceiling = self._asked(said)
        if not asked or not self._texts:
            return Matches((), np.zeros(self._all))
        rows, sizes = self._rows.of(list(asked))
        counts = np.array(list(asked.values())).repeat(sizes) * self._value[rows]
        both = np.asarray(np.bincount(self._place[rows], counts, len(self._texts) + self._all), np.float64)
        shared: Floats = both[: len(self._texts)]
        fits = shared * self._impact
        best = np.maximum.reduceat(fits, self._first)
        shares = np.where(best > 0, best + both[len(self._texts) :], 0) / ceiling
        highest = (-shares).argsort(kind="stable")[:k].tolist()
        found = [self._match(group, share, fits, shared) for group in highest if (share := shares.item(group))]
        for match in found:
            shares[match.group] = match.share
        return Matches(sorted(found, key=lambda match: -match.share), shares)

    def _match(self, group: int, share: float, fits: Floats, shared: Floats) -> Match:
        span = self._spans[group]
        text = span.start + int(fits[span].argmax())
        cover = min(1.0, shared.item(text) / self._weight[text])
        return Match(group, self._texts[text], share * (1 - SURPLUS + SURPLUS * cover), cover)

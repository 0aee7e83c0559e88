"""An inverted index with BM25 weights over short texts: Chinese by characters and pairs, English by word stems."""

from __future__ import annotations

import math
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from faq.folding import fold

# Of a text. BM25's usual constants; for B in 0.25..0.75 phrasings left out show no difference (see faq/fitting.py).
B = 0.5  # how much a long text has to make up for its length
K1 = 1.2  # how soon a term stops counting more
# Of a group. Phrasings left out show a flat top here: GROUP_K 3..8, GROUP_B 0.3..0.6, GROUP_PART 0.65..0.85.
GROUP_B = 0.5
GROUP_K = 4.0
GROUP_PART = 0.7  # what all texts of a group together count, and the rest what the best one alone does
SCALE = 2.0  # brings the score of a question that an entry knows well to about 1
MISSPELT_MIN = 5  # letters of an English stem from which a like one may be meant
MISSPELT = 0.65  # how alike (Dice, over pieces of three letters) a known stem has to be to be meant
MISSPELT_WEIGHT = 0.8  # of what the known stem would count
SURPLUS = (
    0.1  # part of the score that a text loses by what it says beyond the query: breaks ties between like phrasings
)
COMMON = 0.2  # weight of words that any question may hold
ASKING = 0.5  # weight of English words that tell one question about a thing from another: how much, when, who
STEM_MIN = 3  # letters that a cut-off ending must leave

_RUNS = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U000323af]+|[a-z]+(?:'[a-z]+)?|\d+")
_HAN_FROM = "\u3400"  # the first character that the first branch above takes
_REFERENCES = re.compile(r"⟦[^⟧]*⟧")  # masked personal data says nothing about the question
_ENDINGS = ("ations", "ation", "ments", "ment", "ings", "ing", "ies", "ed", "es", "ly", "s", "e", "y")


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


def plain(text: str) -> str:
    """Half width, lower case, simplified characters, without masked references."""
    return fold(unicodedata.normalize("NFKC", _REFERENCES.sub(" ", text)).casefold())


def bare(text: str) -> str:
    """The letters and digits of `plain`, nothing between them: two texts with the same are the same question."""
    return "".join(char for char in plain(text) if char.isalnum())


def stem(word: str) -> str:
    """`word` without one common English ending: insured → insur, complaints → complaint."""
    word = word.partition("'")[0]
    for ending in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= STEM_MIN:
            return word[: -len(ending)]
    return word


def terms(text: str) -> dict[str, float]:
    """What a text is compared by, and how much each counts.

    Chinese characters and pairs of neighbours, English stems, numbers as they are.
    """
    found: dict[str, float] = {}
    for run in _RUNS.findall(plain(text)):
        if run[0] >= _HAN_FROM:
            _han(run, found)
        elif run[0].isalpha():
            weight = COMMON if run in _COMMON_WORDS else ASKING if run in _ASKING_WORDS else 1.0
            root = stem(run)
            found[root] = max(weight, found.get(root, 0.0))
        else:
            found[run] = 1.0
    return found


def _han(run: str, found: dict[str, float]) -> None:
    previous = ""
    for char in run:
        common = char in _COMMON_HAN
        found[char] = COMMON if common else 1.0
        if previous:
            pair = previous + char
            found[pair] = COMMON if pair in _COMMON_PAIRS or (common and previous in _COMMON_HAN) else 1.0
        previous = char


def _pieces(stem: str) -> set[str]:
    """Three letters at a time, with the edges; one wrong letter leaves most of them."""
    edged = f"^{stem}$"
    return {edged[i : i + 3] for i in range(len(edged) - 2)}


@dataclass(frozen=True, slots=True)
class Match:
    """How well one group fits a query, and the text of it that fits best."""

    group: str
    text: str
    share: float  # of the score that a perfect match would have, about 0..1
    cover: float  # how much of the text's own weight the query holds, 0..1


@dataclass(frozen=True, slots=True)
class _Doc:
    group: str
    text: str
    terms: frozenset[str]
    weight: float  # of all its terms


class Index:
    """BM25 over groups of texts (the phrasings of FAQ entries): the best text, and all of the group together.

    A phrasing alone is too short to show which words its entry is about; all together they are, and the best one keeps
    a question that fits one phrasing word for word in front. Immutable once made.
    """

    def __init__(self, texts: Iterable[tuple[str, str]], beside: Iterable[tuple[str, str]] = ()) -> None:
        """`texts`: (group, text) pairs; `beside`: more words of the groups (answers), which are no texts to match."""
        pairs = [(group, text, terms(text)) for group, text in texts]
        groups: defaultdict[str, Counter[str]] = defaultdict(Counter)  # term → group → texts that hold it
        for group, _, found in pairs:
            for term in found:
                groups[term][group] += 1
        # Rare means: in few groups. By texts, the key word of an entry with many phrasings would look common.
        self._all = len({group for group, _, _ in pairs})
        self._rare = {term: self._rarity(len(among)) for term, among in groups.items()}
        for group, text in beside:
            for term in terms(text):
                groups[term][group] += 1
        self._rare = {term: self._rare.get(term, self._rarity(len(among))) for term, among in groups.items()}
        self._docs = [
            _Doc(group, text, frozenset(found), sum(w * self._rare[t] for t, w in found.items()))
            for group, text, found in pairs
        ]
        self._in_docs = self._of_docs([(found, sum(found.values())) for _, _, found in pairs])
        self._in_groups = self._of_groups(groups)
        self._spelt: defaultdict[str, list[str]] = defaultdict(list)  # piece of a stem → stems
        for term in self._rare:
            if term.isascii() and term.isalpha() and len(term) >= MISSPELT_MIN - 1:
                for piece in _pieces(term):
                    self._spelt[piece].append(term)

    def _of_docs(self, docs: list[tuple[dict[str, float], float]]) -> dict[str, list[tuple[int, float]]]:
        """What each term adds to each text that holds it; `docs`: terms and length of every text."""
        average = sum(length for _, length in docs) / len(docs) if docs else 1.0
        found: defaultdict[str, list[tuple[int, float]]] = defaultdict(list)
        for doc, (held, length) in enumerate(docs):
            impact = (1 - GROUP_PART) / SCALE * (K1 + 1) / (1 + K1 * (1 - B + B * length / average))
            for term in held:
                found[term].append((doc, impact * self._rare[term]))
        return dict(found)

    def _of_groups(self, groups: dict[str, Counter[str]]) -> dict[str, list[tuple[str, float]]]:
        """What each term adds to each group that holds it, the more the more of its texts hold it."""
        sizes: Counter[str] = Counter()
        for among in groups.values():
            sizes.update(among)
        average = sum(sizes.values()) / len(sizes) if sizes else 1.0
        level = {group: GROUP_K * (1 - GROUP_B + GROUP_B * size / average) for group, size in sizes.items()}
        return {
            term: [
                (group, GROUP_PART / SCALE * (GROUP_K + 1) * n / (n + level[group]) * self._rare[term])
                for group, n in among.items()
            ]
            for term, among in groups.items()
        }

    def _meant(self, term: str) -> str:
        """The known stem that an unknown one is nearly spelt like, "" if there is none."""
        if len(term) < MISSPELT_MIN or not (term.isascii() and term.isalpha()):
            return ""
        pieces = _pieces(term)
        shared = Counter(stem for piece in pieces for stem in self._spelt.get(piece, ()))
        alike = [(2 * n / (len(pieces) + len(known) + 1), known) for known, n in shared.items()]
        best, known = max(alike, default=(0.0, ""))
        return known if best >= MISSPELT else ""

    def _rarity(self, groups: int) -> float:
        return math.log(1 + (self._all - groups + 0.5) / (groups + 0.5))

    def match(self, query: str, k: int) -> tuple[list[Match], float]:
        """The `k` groups that fit best, best first, and the query's length: the weight of its terms."""
        said = terms(query)
        asked: dict[str, float] = {}  # what of it is known here
        ceiling = 0.0
        for term, weight in said.items():
            if term in self._rare:
                asked[term] = weight
                ceiling += weight * self._rare[term]
            elif known := self._meant(term):
                asked.setdefault(known, weight * MISSPELT_WEIGHT)
                ceiling += weight * self._rare[known]
            else:
                ceiling += weight * self._rarity(0)
        docs: dict[int, float] = {}
        groups: dict[str, float] = {}
        for term, weight in asked.items():
            for doc, impact in self._in_docs.get(term, ()):
                docs[doc] = docs.get(doc, 0.0) + weight * impact
            for group, impact in self._in_groups[term]:
                groups[group] = groups.get(group, 0.0) + weight * impact
        best: dict[str, tuple[float, int]] = {}
        for doc, score in docs.items():
            group = self._docs[doc].group
            if group not in best or score > best[group][0]:
                best[group] = score, doc
        ranked = sorted(best, key=lambda g: (-best[g][0] - groups[g], g))[:k]
        found = [self._match(asked, best[g][1], (best[g][0] + groups[g]) / ceiling) for g in ranked]
        found.sort(key=lambda match: -match.share)
        return found, sum(said.values())

    def _match(self, asked: dict[str, float], doc: int, share: float) -> Match:
        held = self._docs[doc]
        shared = sum(weight * self._rare[term] for term, weight in asked.items() if term in held.terms)
        cover = min(1.0, shared / held.weight)
        return Match(held.group, held.text, share * (1 - SURPLUS + SURPLUS * cover), cover)

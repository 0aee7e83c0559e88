"""Finds the entry that answers a question and decides: answer, ask back, or no answer. By words, not by meaning."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Literal

from core.model import Language
from faq.entries import LANGUAGES, Content, china_day
from faq.index import Index, Match, bare
from faq.language import detect

CANDIDATES = 10  # entries that are looked at more closely
QUERY_MAX = 512  # characters of a question that are looked at
# Thresholds by tests/faq/tuning.tsv, cross-validated; a wrong answer counts more than one more question asked back.
ANSWER = 0.7  # from this score on the first hit is the answer …
LEAD = 0.05  # … if its share is ahead of the second one's by this part
ASK = 0.25  # from this score on it is worth asking "did you mean …"
# A question this short (in characters or words) and well known only names a topic, like "征信": it is asked back; a
# shorter one, like "how much", does not even do that.
TOPIC_LENGTH: dict[Language, tuple[float, float]] = {"zh": (1.0, 4.0), "en": (0.8, 2.1)}
TOPIC_SHARE = 0.8
TOPIC_LEAD = 0.25  # answered all the same if one entry is ahead by this part
SHARE_MIN = 0.1  # a question of which so little is known is not even asked back, however long it is
FAR = 0.25  # a hit whose share is below this part of the first one's is no candidate
LENGTH_MAX = 10.0  # characters or words; a longer question counts as this long: few tuning questions are longer

SHARED = ""  # in the place of an entry: it is never answered, but asked back

Decision = Literal["answer", "ask", "none"]


@dataclass(frozen=True, slots=True)
class Weights:
    """Of a logistic regression on what the index says of a hit; see `features`."""

    base: float
    share: float
    lead: float
    cover: float
    length: float


# By faq.fitting, 2026-11-21.
WEIGHTS = Weights(base=-8.42, share=4.12, lead=4.66, cover=1.88, length=2.49)


@dataclass(frozen=True, kw_only=True, slots=True)
class Hit:
    """An entry that may answer; `score` estimates the probability that it does, 0..1."""

    id: str
    topic: str
    score: float
    phrasing: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """Hits best first, and what to do with them."""

    decision: Decision
    hits: tuple[Hit, ...] = ()


class Search:
    """Search over the entries that hold on one day; immutable and safe to share."""

    def __init__(self, content: Content, now: datetime) -> None:
        """Entries that are not valid yet or not any more at `now` are not found."""
        today = china_day(now)
        self._entries = {e.id: e for e in content.entries.values() if e.holds(today)}
        texts: dict[Language, list[tuple[str, str]]] = {
            language: [
                (entry.id, text)
                for entry in self._entries.values()
                for text in (entry.question[language], *entry.phrasings[language])
            ]
            for language in LANGUAGES
        }
        # The answers' words belong to an entry as well, though nobody asks in whole answers.
        answers: dict[Language, list[tuple[str, str]]] = {
            language: [
                (entry.id, f"{entry.answer[language].short} {entry.answer[language].details}")
                for entry in self._entries.values()
            ]
            for language in LANGUAGES
        }
        self._indexes = {language: Index(pairs, answers[language]) for language, pairs in texts.items()}
        self._exact = {language: _by_letters(pairs) for language, pairs in texts.items()}

    def find(self, text: str, language: Language, k: int = 5) -> Found:
        """At most `k` hits for any `text`; `language` counts only where the text's own letters do not tell."""
        text = text[:QUERY_MAX]
        language = detect(text, language)
        matches, length = self.candidates(text, language)
        if not matches:
            return Found(decision="none")
        same = self._exact[language].get(bare(text))
        matches.sort(key=lambda match: match.group != same)  # stable: the others keep their order
        exact = matches[0].group == same
        first = features(matches, 0, length)
        hits: list[Hit] = []
        ceiling = 1.0
        for n, match in enumerate(matches[:k]):
            if match.share < FAR * matches[0].share:
                break
            # A text that is covered better may lift a later hit over an earlier one; the order is the index's.
            ceiling = 1.0 if exact and n == 0 else min(ceiling, score(features(matches, n, length), WEIGHTS))
            topic = self._entries[match.group].topic
            hits.append(Hit(id=match.group, topic=topic, score=round(ceiling, 4), phrasing=match.text))
        decision = "answer" if exact else "ask" if same == SHARED else decide(first, length, language)
        return Found(decision=decision, hits=tuple(hits))

    def candidates(self, text: str, language: Language) -> tuple[list[Match], float]:
        """What the index of `language` says, and the question's length; the weights are fitted on this."""
        matches, length = self._indexes[language].match(text, CANDIDATES)
        # A Chinese character counts twice, alone and in a pair.
        return matches, length / 2 if language == "zh" else length


def _by_letters(texts: Sequence[tuple[str, str]]) -> dict[str, str]:
    """The entry of every phrasing, by its bare letters; SHARED for one that stands in two entries."""
    found: dict[str, str] = {}
    for entry, text in texts:
        key = bare(text)
        found[key] = entry if found.get(key, entry) == entry else SHARED
    return found


def features(matches: Sequence[Match], n: int, length: float) -> tuple[float, float, float, float, float]:
    """Of hit `n`: 1, share of a perfect score, lead over the best other, cover of its text, log of the length."""
    share = matches[n].share
    rival = matches[0 if n else 1].share if len(matches) > 1 else 0.0
    lead = max(-1.0, (share - rival) / share) if share else 0.0
    return 1.0, min(1.0, share), lead, matches[n].cover, math.log1p(min(length, LENGTH_MAX))


def score(values: Sequence[float], weights: Weights) -> float:
    """The probability that `values` (as from `features`) stand for a right answer."""
    x = sum(value * weight for value, weight in zip(values, asdict(weights).values(), strict=True))
    return 1 / (1 + math.exp(-x))


def decide(first: Sequence[float], length: float, language: Language) -> Decision:
    """What the first hit's `features` and the length of the question allow."""
    _, share, lead, _, _ = first
    shortest, longest = TOPIC_LENGTH[language]
    if share < SHARE_MIN or length < shortest:
        return "none"
    best = score(first, WEIGHTS)
    topic = share >= TOPIC_SHARE and length <= longest
    if best >= ANSWER and lead >= (TOPIC_LEAD if topic else LEAD):
        return "answer"
    return "ask" if best >= ASK or topic else "none"


def line(query: str, language: Language, found: Found) -> dict[str, Any]:
    """One line of `./qiantai faq search --json`."""
    hits = [{"id": h.id, "score": h.score, "phrasing": h.phrasing} for h in found.hits]
    return {"query": query, "language": detect(query, language), "decision": found.decision, "hits": hits}

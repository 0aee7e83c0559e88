"""Measures the search on questions that it has not seen, and lists what it misses."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from core.errors import ContentError
from core.model import Language
from faq.entries import LANGUAGES
from faq.index import bare
from faq.search import Found, Search

CHOICES = 3  # hits that are offered when asking back
NOBODY = "-"  # stands for the expected entry where no entry answers

# What may become of a question; the first four of one in scope, the others of one out of scope.
Outcome = Literal["answered", "offered", "wrong", "missed", "false answer", "asked", "refused"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Question:
    """A line of a question file."""

    expected: frozenset[str]  # entries of which each is right; none: out of scope
    language: Language
    text: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Figures:
    """How a set of questions fared; shares are 0..1 of the questions in scope or out of scope."""

    in_scope: int
    top1: float  # a right entry is the first hit, whatever was decided
    top3: float  # … is among the first three
    answered: float  # answered, and rightly
    offered: float  # asked back with a right entry among the choices
    wrong: float  # answered, and wrongly
    missed: float  # asked back without it, or no answer
    out_of_scope: int
    false_answer: float  # answered though nothing fits
    asked: float  # asked back though nothing fits
    refused: float  # rightly no answer


@dataclass(frozen=True, kw_only=True, slots=True)
class Case:
    """One question, and what became of it."""

    question: Question
    found: Found
    outcome: Outcome

    @property
    def good(self) -> bool:
        """Whether nothing is to be mended here."""
        return self.outcome in ("answered", "offered", "refused")

    def rank(self) -> int:
        """The place of a right entry among the hits, from 1; 0 if it is not among them."""
        return next((n for n, hit in enumerate(self.found.hits, 1) if hit.id in self.question.expected), 0)


def questions(path: Path) -> list[Question]:
    """The questions of a file of tab-separated lines under a line of column names.

    `question` is needed; `id` holds the right entry, several with | between them, - or no such column for out of scope;
    `language` may be missing where the file's name ends in _zh or _en. "#" begins a comment.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as e:
        raise ContentError(f"{path.name} cannot be read as UTF-8 text: {e}") from None
    rows = [line for line in text.splitlines() if line and not line.startswith("#")]
    found: list[Question] = []
    for n, row in enumerate(csv.DictReader(rows, delimiter="\t", quoting=csv.QUOTE_NONE), 2):
        if None in row or None in row.values():
            raise ContentError(f"{path.name}: row {n} does not have the columns of the first row")
        spoken = row.get("language", path.stem[-2:])
        if spoken not in LANGUAGES or not row.get("question"):
            raise ContentError(f"{path.name}: row {n} needs a question, and a language that is zh or en")
        expected = frozenset(row.get("id", NOBODY).split("|")) - {NOBODY}
        found.append(Question(expected=expected, language=spoken, text=row["question"]))
    return found


def held_out(folder: Path) -> list[Question]:
    """The questions of every .tsv file in `folder`; ContentError if there is none."""
    files = sorted(folder.glob("*.tsv"))
    if not files:
        raise ContentError(f"no question files (*.tsv) in {folder}")
    return [question for file in files for question in questions(file)]


def ask(search: Search, asked: Iterable[Question]) -> list[Case]:
    """Puts every question to `search`."""
    return [_case(question, search.find(question.text, question.language)) for question in asked]


def _case(question: Question, found: Found) -> Case:
    right = [hit.id in question.expected for hit in found.hits[:CHOICES]]
    outcome: Outcome
    if not question.expected:
        outcome = "false answer" if found.decision == "answer" else "asked" if found.decision == "ask" else "refused"
    elif found.decision == "answer":
        outcome = "answered" if right[0] else "wrong"
    else:
        outcome = "offered" if found.decision == "ask" and any(right) else "missed"
    return Case(question=question, found=found, outcome=outcome)


def figures(cases: Sequence[Case]) -> Figures:
    """The shares of every outcome."""
    counted = Counter(case.outcome for case in cases)
    inside = [case.rank() for case in cases if case.question.expected]
    ins, outs = max(1, len(inside)), max(1, len(cases) - len(inside))
    share = {outcome: counted[outcome] / (ins if n < 4 else outs) for n, outcome in enumerate(get_args(Outcome))}
    return Figures(
        in_scope=len(inside),
        top1=sum(rank == 1 for rank in inside) / ins,
        top3=sum(1 <= rank <= CHOICES for rank in inside) / ins,
        out_of_scope=len(cases) - len(inside),
        **{outcome.replace(" ", "_"): value for outcome, value in share.items()},
    )


def by_language(cases: Sequence[Case]) -> Mapping[Language, Figures]:
    """The figures of each language."""
    return {one: figures([case for case in cases if case.question.language == one]) for one in LANGUAGES}


def line(case: Case) -> dict[str, Any]:
    """A case as `./qiantai faq eval --misses --json` shows it."""
    return {
        "query": case.question.text,
        "language": case.question.language,
        "expected": sorted(case.question.expected),
        "outcome": case.outcome,
        "hits": [{"id": hit.id, "score": hit.score, "phrasing": hit.phrasing} for hit in case.found.hits[:CHOICES]],
    }


def grams(text: str) -> frozenset[str]:
    """The three-character pieces of a text, without blanks and punctuation."""
    letters = bare(text)
    return frozenset(letters[i : i + 3] for i in range(max(1, len(letters) - 2)))


def likeness(one: frozenset[str], other: frozenset[str]) -> float:
    """The Jaccard index of two sets of pieces, 0..1."""
    return len(one & other) / len(one | other) if one or other else 0.0

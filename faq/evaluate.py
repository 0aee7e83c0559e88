"""Measures the search on questions that it has not seen, and lists what it misses."""

from __future__ import annotations

import csv
import math
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

from core.errors import ContentError
from core.model import Language
from faq.entries import LANGUAGES, Content
from faq.folding import simplified
from faq.index import readable
from faq.search import Found, Search

if TYPE_CHECKING:
    from faq.vectors import Encoder

CHOICES = 3  # hits that are offered when asking back
NOBODY = "-"  # stands for the expected entry where no entry answers

# What may become of a question; the first five of one in scope, the others of one out of scope.
Outcome = Literal["answered", "offered", "wrong", "missed", "none", "false answer", "asked", "refused"]
INSIDE = 5
GOOD: frozenset[Outcome] = frozenset({"answered", "offered", "refused"})
# Where a question file says nothing about how its questions are put, the letters of each must do.
FRAGMENT_MAX: dict[Language, int] = {"zh": 6, "en": 3}  # characters, words
STORY_MIN: dict[Language, int] = {"zh": 60, "en": 30}
_LATIN = re.compile(r"[a-z]{2,}")


@dataclass(frozen=True, kw_only=True, slots=True)
class Question:
    """A line of a question file."""

    expected: frozenset[str]  # entries of which each is right; none: out of scope
    language: Language
    text: str
    style: str = ""  # how it is put: fragment, story, dialect …; "" where nobody said


@dataclass(frozen=True, kw_only=True, slots=True)
class Figures:
    """How a set of questions fared; shares are 0..1 of the questions in scope or out of scope."""

    in_scope: int
    top1: float  # a right entry is the first hit, whatever was decided
    top3: float  # … is among the first three
    answered: float  # answered, and rightly
    offered: float  # asked back with a right entry among the choices
    wrong: float  # answered, and wrongly
    missed: float  # asked back without it
    none: float  # no answer though there is one
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
        return self.outcome in GOOD

    def rank(self) -> int:
        """The place of a right entry among the hits, from 1; 0 if it is not among them."""
        return next((n for n, hit in enumerate(self.found.hits, 1) if hit.id in self.question.expected), 0)


@dataclass(frozen=True, kw_only=True, slots=True)
class Collision:
    """Questions of one entry whose first hit was another entry."""

    expected: str  # several right ones with | between them; - where no entry answers
    got: str
    count: int
    answered: int  # … of which the other entry was given as the answer


def questions(path: Path) -> list[Question]:
    """The questions of a file of tab-separated lines under a line of column names.

    `question` is needed; `id` holds the right entry, several with | between them, - or no such column for out of scope;
    `language` may be missing where the file's name ends in _zh or _en; `style` or `kind` says how a question is put.
    "#" begins a comment.
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
        put = row.get("style") or row.get("kind") or ""
        found.append(Question(expected=expected, language=spoken, text=row["question"], style=put))
    return found


def held_out(folder: Path) -> list[Question]:
    """The questions of every .tsv file in `folder`; ContentError if there is none."""
    files = sorted(folder.glob("*.tsv"))
    if not files:
        raise ContentError(f"no question files (*.tsv) in {folder}")
    return [question for file in files for question in questions(file)]


def style(question: Question) -> str:
    """How a question is put: as its file says, else by its letters."""
    if question.style:
        return question.style
    text = unicodedata.normalize("NFKC", question.text).casefold()
    spoken = question.language
    length = len(_letters(text)) if spoken == "zh" else len(text.split())
    if simplified(text) != text:
        return "traditional"
    if length >= STORY_MIN[spoken]:
        return "story"
    if spoken == "zh" and _LATIN.search(text):
        return "mixed"
    return "fragment" if length <= FRAGMENT_MAX[spoken] else "plain"


def ask(search: Search, asked: Iterable[Question], encoder: Encoder | None = None) -> list[Case]:
    """Puts every question to `search`; with its `encoder` by meaning, too, all encoded at once."""
    questions = list(asked)
    rows = encoder.encode([readable(one.text) for one in questions]) if encoder else [None] * len(questions)
    return [
        _case(question, search.find(question.text, question.language, vector=row))
        for question, row in zip(questions, rows, strict=True)
    ]


def _case(question: Question, found: Found) -> Case:
    right = [hit.id in question.expected for hit in found.hits[:CHOICES]]
    outcome: Outcome
    if not question.expected:
        outcome = "false answer" if found.decision == "answer" else "asked" if found.decision == "ask" else "refused"
    elif found.decision == "answer":
        outcome = "answered" if right[0] else "wrong"
    elif found.decision == "ask":
        outcome = "offered" if any(right) else "missed"
    else:
        outcome = "none"
    return Case(question=question, found=found, outcome=outcome)


def figures(cases: Sequence[Case]) -> Figures:
    """The shares of every outcome."""
    counted = Counter(case.outcome for case in cases)
    inside = [case.rank() for case in cases if case.question.expected]
    ins, outs = max(1, len(inside)), max(1, len(cases) - len(inside))
    share = {outcome: counted[outcome] / (ins if n < INSIDE else outs) for n, outcome in enumerate(get_args(Outcome))}
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


def by_style(cases: Sequence[Case]) -> Mapping[tuple[Language, str], Figures]:
    """The figures of each way to put a question, per language."""
    return _by(cases, lambda case: style(case.question))


def by_topic(cases: Sequence[Case], content: Content) -> Mapping[tuple[Language, str], Figures]:
    """The figures of each topic, per language; a question out of scope, or of an entry that is gone, has none."""
    topics = {entry.id: entry.topic for entry in content.entries.values()}
    return _by(cases, lambda case: next((topics[one] for one in sorted(case.question.expected) if one in topics), ""))


def _by(cases: Sequence[Case], name: Callable[[Case], str]) -> Mapping[tuple[Language, str], Figures]:
    """The figures of each group by language and name, in this order; cases without a name are left out."""
    groups: defaultdict[tuple[Language, str], list[Case]] = defaultdict(list)
    for case in cases:
        if called := name(case):
            groups[case.question.language, called].append(case)
    order = sorted(groups, key=lambda key: (LANGUAGES.index(key[0]), key[1]))
    return {key: figures(groups[key]) for key in order}


def collisions(cases: Iterable[Case]) -> list[Collision]:
    """Which entries are taken for which others, the most frequent first.

    Out of scope only what was answered counts: something is always the nearest.
    """
    first: Counter[tuple[str, str]] = Counter()
    answered: Counter[tuple[str, str]] = Counter()
    for case in cases:
        if not case.found.hits or case.outcome in ("asked", "refused") or case.rank() == 1:
            continue
        pair = "|".join(sorted(case.question.expected)) or NOBODY, case.found.hits[0].id
        first[pair] += 1
        answered[pair] += case.found.decision == "answer"
    return [
        Collision(expected=pair[0], got=pair[1], count=count, answered=answered[pair])
        for pair, count in sorted(first.items(), key=lambda item: (-item[1], item[0]))
    ]


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
    """The three-character pieces of a text, without blanks and punctuation, in simplified characters."""
    letters = _letters(text)
    return frozenset(letters[i : i + 3] for i in range(max(1, len(letters) - 2)))


def _letters(text: str) -> str:
    """The letters and digits of `text`: half width, lower case, simplified; the words stay as they are."""
    return "".join(char for char in simplified(unicodedata.normalize("NFKC", text).casefold()) if char.isalnum())


def likeness(one: frozenset[str], other: frozenset[str]) -> float:
    """The Jaccard index of two sets of pieces, 0..1."""
    return len(one & other) / len(one | other) if one or other else 0.0


def alike(texts: Sequence[frozenset[str]], least: float) -> list[tuple[int, int]]:
    """The places (earlier, later) of every two `texts` whose likeness is at least `least`, which is above 0; sorted.

    Of two such sets the larger shares one of its rarest pieces with the rarest of the smaller: only so many are kept
    and looked up that the rest alone could not make them alike (prefix filtering: Bayardo, Ma and Srikant, "Scaling Up
    All Pairs Similarity Search", 2007). Of 39,572 examples 1.3 million pairs are compared, of 783 million.
    """
    times = Counter(piece for held in texts for piece in held)
    holders: defaultdict[str, list[tuple[int, int]]] = defaultdict(list)  # size and place, the larger the later
    found: list[tuple[int, int]] = []
    for later in sorted(range(len(texts)), key=lambda n: len(texts[n])):
        held, size = texts[later], len(texts[later])
        rarest = sorted(held, key=lambda piece: (times[piece], piece))
        enough = math.ceil(least * size - 1e-9)  # pieces that a smaller text has and must share to be alike
        among = {n for piece in rarest[: size - enough + 1] for large, n in holders[piece] if large >= enough}
        found += [(n, later) if n < later else (later, n) for n in among if likeness(texts[n], held) >= least]
        shared = math.ceil(2 * least / (1 + least) * size - 1e-9)  # pieces that a larger one must share
        for piece in rarest[: size - shared + 1]:
            holders[piece].append((size, later))
    return sorted(found)

"""Short lessons: a few cards and a quiz of three questions each, read as strictly as entries, with basis and dates."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from core.errors import ContentError
from core.model import Language
from faq import texts, yamlfile
from faq.fields import NO_ARGS, STANDING, Confidence, names, per_language, standing
from faq.yamlfile import Place, Problem, YamlFile

FOLDER = "lessons"  # inside the content folder

CARDS_MIN, CARDS_MAX = 3, 6
QUESTIONS = 3
OPTIONS = 3
FIELDS = ("place", "title", "cards", "quiz", "related", "offered_with", *STANDING)

_ID = re.compile(r"[a-z][a-z0-9_]{0,19}")  # short: a step has to fit into the 64 bytes of the smallest button payload
_STEP = re.compile(
    r"(?P<lesson>[a-z][a-z0-9_]{0,19})\."
    r"(?:(?P<card>[1-9])|(?P<quiz>[0-9a-f]{6})\.(?P<question>[1-9])\.(?P<right>[0-9])(?:\.(?P<answer>[1-9]))?)"
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Question:
    """One question of a quiz."""

    ask: Mapping[Language, str]
    options: tuple[Mapping[Language, str], ...]
    right: int  # the right option, 1 …
    why: Mapping[Language, str]  # one sentence: why it is right


@dataclass(frozen=True, kw_only=True, slots=True)
class Lesson:
    """One lesson, in every language."""

    id: str  # the file's name
    place: int  # in the list of lessons, 1 …
    title: Mapping[Language, str]
    cards: tuple[Mapping[Language, str], ...]
    quiz: tuple[Question, ...]
    related: tuple[str, ...]  # entries to read next
    offered_with: tuple[str, ...]  # entries whose answer offers this lesson
    basis: Mapping[Language, str]
    confidence: Confidence  # of its least certain fact
    checked_on: date
    valid_to: date | None  # the last day on which it is taught
    reviewed_by: str  # "" until somebody has reviewed it
    reviewed_on: date | None
    quiz_version: str  # hash of the quiz, 6 hex digits: an answer to another version is not judged

    def holds(self, today: date) -> bool:
        """Whether the lesson may be taught on this day."""
        return today <= (self.valid_to or today)


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """Where in a lesson somebody is; travels in the payload of a button and needs no memory anywhere.

    Either a card, or a question of the quiz with the number of right answers before it and, once given, the answer.
    """

    lesson: str
    card: int = 0  # 1 …; 0 in the quiz
    quiz: str = ""  # the quiz_version that the question was asked from
    question: int = 0  # 1 …
    right: int = 0
    answer: int = 0  # the option chosen, 1 …; 0: not answered yet

    def __str__(self) -> str:
        if self.card:
            return f"{self.lesson}.{self.card}"
        return f"{self.lesson}.{self.quiz}.{self.question}.{self.right}" + (f".{self.answer}" if self.answer else "")


def step(text: str) -> Step | None:
    """The step that `str(step)` wrote, None for anything else."""
    found = _STEP.fullmatch(text)
    if found is None:
        return None
    numbers = {name: int(found[name] or 0) for name in ("card", "question", "right", "answer")}
    return Step(lesson=found["lesson"], quiz=found["quiz"] or "", **numbers)


@dataclass(frozen=True, kw_only=True, slots=True)
class Lessons:
    """All lessons by id, in the order of the list; `lines` are the places of their values, for complaints."""

    lessons: Mapping[str, Lesson] = field(default_factory=dict[str, Lesson])
    lines: Mapping[str, Mapping[Place, int]] = field(default_factory=dict[str, Mapping[Place, int]])
    version: str = ""  # hash of the files

    def line(self, lesson: str, *place: str | int) -> int:
        """The line of a value of a lesson, such as ("cards", 0, "zh"), or of the nearest one around it."""
        while place and place not in self.lines[lesson]:
            place = place[:-1]
        return self.lines[lesson].get(place, 0)


def file_name(lesson: str) -> str:
    """The file of a lesson as complaints name it."""
    return f"{FOLDER}/{lesson}.yml"


def load(folder: Path, more: frozenset[str] = NO_ARGS) -> Lessons:
    """The lessons of a content folder; ContentError with one line "file:line: reason" per problem."""
    lessons, problems = read(folder, more)
    if problems:
        raise ContentError("\n".join(map(str, problems)))
    return lessons


def read(folder: Path, more: frozenset[str] = NO_ARGS) -> tuple[Lessons, list[Problem]]:
    """What can be read of the lessons of a content folder, and everything that is wrong with it, by file and line.

    `more`: the {names} that cards and quiz may use besides those of the settings. A folder without lessons is fine.
    """
    paths = sorted(p for p in (folder / FOLDER).glob("*.y*ml") if not p.name.startswith("."))
    files = [yamlfile.read(path, f"{FOLDER}/{path.name}") for path in paths]
    found: dict[str, Lesson] = {}
    places: dict[int, str] = {}
    for path, file in zip(paths, files, strict=True):
        lesson = _lesson(file, path.stem, texts.SETTINGS_ARGS | more)
        if lesson is None:
            continue
        if (other := places.setdefault(lesson.place, lesson.id)) != lesson.id:
            file.blame(("place",), f"place {lesson.place} is already taken by {file_name(other)}")
        found[lesson.id] = lesson
    ordered = {lesson.id: lesson for lesson in sorted(found.values(), key=lambda one: one.place)}
    digest = hashlib.sha256(b"".join(hashlib.sha256(f.name.encode() + b"\0" + f.raw).digest() for f in files))
    lines = {path.stem: file.lines for path, file in zip(paths, files, strict=True)}
    problems = sorted(problem for file in files for problem in file.problems)
    return Lessons(lessons=ordered, lines=lines, version=digest.hexdigest()[:12]), problems


def strays(lessons: Lessons, entries: frozenset[str]) -> list[Problem]:
    """Ids under `related` and `offered_with` that are none of `entries`."""
    return [
        Problem(file=file_name(lesson.id), line=lessons.line(lesson.id, name, n), reason=f"{name}: no entry {entry}")
        for lesson in lessons.lessons.values()
        for name, ids in (("related", lesson.related), ("offered_with", lesson.offered_with))
        for n, entry in enumerate(ids)
        if entry not in entries
    ]


def _lesson(file: YamlFile, lesson_id: str, allowed: frozenset[str]) -> Lesson | None:
    if not _ID.fullmatch(lesson_id) or file.name != file_name(lesson_id):
        file.blame((), "the file's name is the lesson's id: at most 20 small letters, digits and _, ending in .yml")
    if file.problems:
        return None
    row = file.mapping((), file.value, required=FIELDS)
    if any(key not in row for key in FIELDS):
        return None
    place = row["place"]
    if not isinstance(place, int) or isinstance(place, bool) or place < 1:
        file.blame(("place",), "place: a number from 1 is needed here, the lesson's place in the list")
    cards = [per_language(file, ("cards", n), raw, allowed) for n, raw in enumerate(_list(file, row, "cards"))]
    if not CARDS_MIN <= len(cards) <= CARDS_MAX:
        file.blame(("cards",), f"{len(cards)} cards, a lesson has {CARDS_MIN} to {CARDS_MAX}")
    quiz = [_question(file, n, raw, allowed) for n, raw in enumerate(_list(file, row, "quiz"))]
    if len(quiz) != QUESTIONS:
        file.blame(("quiz",), f"{len(quiz)} questions, a quiz has {QUESTIONS}")
    fields: dict[str, Any] = {
        "title": per_language(file, ("title",), row["title"], NO_ARGS),
        "related": names(file, ("related",), row["related"]),
        "offered_with": names(file, ("offered_with",), row["offered_with"]),
        **standing(file, (), row),
    }
    if file.problems:
        return None
    asked = tuple(question for question in quiz if question is not None)
    return Lesson(id=lesson_id, place=place, cards=tuple(cards), quiz=asked, quiz_version=_hash(row["quiz"]), **fields)


def _list(file: YamlFile, row: Mapping[str, Any], name: str) -> list[Any]:
    return file.items((name,), row[name])


def _question(file: YamlFile, n: int, raw: Any, allowed: frozenset[str]) -> Question | None:
    place = ("quiz", n)
    row = file.mapping(place, raw, required=["question", "options", "right", "why"])
    if any(key not in row for key in ("question", "options", "right", "why")):
        return None
    rows = file.items((*place, "options"), row["options"])
    options = [per_language(file, (*place, "options", m), one, allowed) for m, one in enumerate(rows)]
    if len(options) != OPTIONS:
        file.blame((*place, "options"), f"{len(options)} options, a question has {OPTIONS}")
    right = row["right"]
    if not isinstance(right, int) or isinstance(right, bool) or not 1 <= right <= OPTIONS:
        file.blame((*place, "right"), f"right: the number of the right option is needed here, 1 to {OPTIONS}")
    return Question(
        ask=per_language(file, (*place, "question"), row["question"], allowed),
        options=tuple(options),
        right=right,
        why=per_language(file, (*place, "why"), row["why"], allowed),
    )


def _hash(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, sort_keys=True, default=str)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:6]

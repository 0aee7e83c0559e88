"""The FAQ: one file of entries per topic, read strictly, each entry in every language with its basis and dates."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any, cast

from core.errors import ContentError
from core.model import Language
from faq import fields, routing, texts, yamlfile
from faq.fields import LANGUAGES, NO_ARGS, Confidence
from faq.yamlfile import Place, Problem, YamlFile

FIELDS = (
    *("id", "question", "phrasings", "answer", "basis", "confidence", "checked_on", "valid_from", "valid_to"),
    *("reviewed_by", "reviewed_on", "next_step", "related"),
)

_ID = re.compile(r"F\d{2,4}")
_TOPIC = re.compile(r"[a-z][a-z0-9_]{0,39}")


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """The short answer comes first and fits a text message; details are given on request."""

    short: str
    details: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """One question with its answer, in every language."""

    id: str  # F01 …, as in the outline; never reused
    topic: str  # the file's name
    question: Mapping[Language, str]
    phrasings: Mapping[Language, tuple[str, ...]]
    answer: Mapping[Language, Answer]
    basis: Mapping[Language, str]  # the law and article, or the publication, that the answer rests on
    confidence: Confidence
    checked_on: date
    valid_from: date | None
    valid_to: date | None  # the last day on which the entry is answered from
    reviewed_by: str  # "" until somebody has reviewed it
    reviewed_on: date | None
    next_step: Mapping[Language, str]
    related: tuple[str, ...]
    version: str  # hash of all the above, 12 hex digits

    def holds(self, today: date) -> bool:
        """Whether the entry may be answered from on this day."""
        return (self.valid_from or today) <= today <= (self.valid_to or today)


Places = Mapping[str, tuple[str, Mapping[Place, int]]]  # entry id → its file, and the line of each value inside it


@dataclass(frozen=True, kw_only=True, slots=True)
class Content:
    """All entries by id, in the order of files and entries; `places` are their files and lines, for complaints."""

    entries: Mapping[str, Entry]
    places: Places  # of the values inside each entry
    version: str  # hash of the files

    def line(self, entry: str, *place: str | int) -> tuple[str, int]:
        """The file and line of a value in an entry, such as ("F22", "answer", "zh", "short")."""
        file, lines = self.places[entry]
        while place and place not in lines:
            place = place[:-1]
        return file, lines.get(place, 0)


def china_day(now: datetime) -> date:
    """The day it is in China, where the days of entries begin and end (UTC+8, no summer time)."""
    return now.astimezone(timezone(timedelta(hours=8))).date()


def load(folder: Path) -> Content:
    """The entries of every topic file in `folder`; ContentError with one line "file:line: reason" per problem."""
    content, problems = read(folder)
    if problems:
        raise ContentError("\n".join(map(str, problems)))
    return content


def read(folder: Path) -> tuple[Content, list[Problem]]:
    """What can be read of `folder`, and everything that is wrong with it, by file and line."""
    files = [yamlfile.read(path, path.name) for path in topic_files(folder)]
    entries: dict[str, Entry] = {}
    places: dict[str, tuple[str, Mapping[Place, int]]] = {}
    for file in files:
        for n, entry in _entries(file):
            if entry.id in entries:
                first = places[entry.id][0]
                file.blame((n, "id"), f"{entry.id} is already the id of an entry in {first}")
                continue
            entries[entry.id] = entry
            places[entry.id] = file.name, {p[1:]: line for p, line in file.lines.items() if p[:1] == (n,)}
            _check_related(file, n, entry)
    problems = [problem for file in files for problem in file.problems]
    problems += _broken_relations(entries, places)
    if not files:
        problems.append(Problem(file=".", line=0, reason="no topic files (*.yml) in this folder"))
    digest = hashlib.sha256(b"".join(hashlib.sha256(f.name.encode() + b"\0" + f.raw).digest() for f in files))
    return Content(entries=entries, places=places, version=digest.hexdigest()[:12]), sorted(problems)


def topic_files(folder: Path) -> list[Path]:
    """The files that hold entries, by name; hidden files and editors' backups are not among them."""
    if not folder.is_dir():
        return []
    files = (p for p in folder.iterdir() if p.suffix in (".yml", ".yaml") and not p.name.startswith("."))
    return sorted(p for p in files if p.name != routing.FILE)


def _entries(file: YamlFile) -> Iterator[tuple[int, Entry]]:
    """The entries of one file with their places in its list; those with problems are left out."""
    topic = Path(file.name).stem
    if not _TOPIC.fullmatch(topic) or not file.name.endswith(".yml"):
        file.blame((), "the file's name is the topic: small letters, digits and _, ending in .yml")
    if file.problems:
        return
    for n, raw in enumerate(file.items((), file.value)):
        before = len(file.problems)
        entry = _entry(file, n, raw, topic)
        if entry is not None and len(file.problems) == before:
            yield n, entry


def _entry(file: YamlFile, n: int, raw: Any, topic: str) -> Entry | None:
    row = file.mapping((n,), raw, required=FIELDS)
    if any(key not in row for key in FIELDS):
        return None
    entry_id = file.text((n, "id"), row["id"])
    if entry_id and not _ID.fullmatch(entry_id):
        file.blame((n, "id"), f"{entry_id!r} is not an id; F and two to four digits are")
    found: dict[str, Any] = {
        "id": entry_id,
        "topic": topic,
        "question": fields.per_language(file, (n, "question"), row["question"], NO_ARGS),
        "phrasings": _phrasings(file, (n, "phrasings"), row["phrasings"]),
        "answer": _answers(file, (n, "answer"), row["answer"]),
        "valid_from": file.day((n, "valid_from"), row["valid_from"]),
        "next_step": fields.per_language(file, (n, "next_step"), row["next_step"], texts.SETTINGS_ARGS),
        "related": fields.names(file, (n, "related"), row["related"]),
        **fields.standing(file, (n,), row),
    }
    valid_from, valid_to = cast("date | None", found["valid_from"]), cast("date | None", found["valid_to"])
    if valid_from and valid_to and valid_to < valid_from:
        file.blame((n, "valid_to"), f"valid_to {valid_to} is before valid_from {valid_from}")
    plain = {k: {x: asdict(y) for x, y in v.items()} if k == "answer" else v for k, v in found.items()}
    text = json.dumps(plain, ensure_ascii=False, sort_keys=True, default=str)
    return Entry(**found, version=hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:12])


def _phrasings(file: YamlFile, place: Place, raw: Any) -> dict[Language, tuple[str, ...]]:
    row = file.mapping(place, raw, required=LANGUAGES)
    found: dict[Language, tuple[str, ...]] = {}
    for language in LANGUAGES:
        if language in row:
            items = file.items((*place, language), row[language])
            found[language] = tuple(file.text((*place, language, n), item) for n, item in enumerate(items))
            if not items:
                file.blame((*place, language), f"no phrasings in {language}")
    return found


def _answers(file: YamlFile, place: Place, raw: Any) -> dict[Language, Answer]:
    row = file.mapping(place, raw, required=LANGUAGES)
    found: dict[Language, Answer] = {}
    for language in LANGUAGES:
        if language in row:
            here = (*place, language)
            parts = file.mapping(here, row[language], required=["short"], optional=["details"])
            words = {
                k: fields.sentence(file, (*here, k), v, texts.SETTINGS_ARGS)
                for k, v in parts.items()
                if k in ("short", "details")
            }
            found[language] = Answer(short=words.get("short", ""), details=words.get("details", ""))
    return found


def _check_related(file: YamlFile, n: int, entry: Entry) -> None:
    if entry.id in entry.related:
        file.blame((n, "related", entry.related.index(entry.id)), f"{entry.id} is related to itself")


def _broken_relations(entries: Mapping[str, Entry], places: Places) -> list[Problem]:
    """Ids under `related` that no entry has."""
    found: list[Problem] = []
    for entry in entries.values():
        file, lines = places[entry.id]
        for n, one in enumerate(entry.related):
            if one not in entries:
                line = lines.get(("related", n), 0)
                found.append(Problem(file=file, line=line, reason=f"related: there is no entry {one}"))
    return found

"""Checks how people's questions are covered: enough phrasings, not all with the same word, none too like another."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from itertools import permutations
from typing import TYPE_CHECKING

from core.model import Language
from faq.entries import LANGUAGES, Content, Entry
from faq.evaluate import alike, grams, likeness
from faq.findings import Finding, of_entry
from faq.index import bare, readable, terms

if TYPE_CHECKING:  # numpy is not needed to compare letters
    from faq.vectors import Vectors

LEAST = 8  # phrasings per language: with fewer people's own words are not found
SHARED_MAX = 0.6  # of the three-character pieces of a phrasing, with another of its entry: more says nothing new
WITHOUT_MIN = 3  # phrasings that do without any one word: people often do not know the name of the thing
ALIKE = 0.75  # likeness of three-character pieces from which phrasings of two entries are the same
CLOSE = 0.9  # cosine of two vectors from which phrasings of two entries mean the same


@dataclass(frozen=True, kw_only=True, slots=True)
class _Phrasing:
    entry: str
    place: tuple[str | int, ...]
    text: str
    pieces: frozenset[str]


def check(content: Content, vectors: Vectors | None = None) -> Iterator[Finding]:
    """Everything about phrasings that should be put right; comparing meanings needs `vectors`."""
    for entry in content.entries.values():
        for language in LANGUAGES:
            yield from _of_entry(content, entry, language)
    for language in LANGUAGES:
        phrasings = list(_phrasings(content, language))
        yield from _look_alikes(content, phrasings)
        if vectors is not None:
            yield from _same_meanings(content, phrasings, vectors)


def _of_entry(content: Content, entry: Entry, language: Language) -> Iterator[Finding]:
    """What is wrong with the phrasings of one entry among themselves."""
    texts = entry.phrasings[language]
    here = ("phrasings", language)
    if len(texts) < LEAST:
        reason = f"{len(texts)} phrasings in {language}, {LEAST} are needed"
        yield of_entry(content, entry.id, "few-phrasings", reason, *here)
    word, count = _most_frequent(texts, language)
    if len(texts) - count < WITHOUT_MIN <= len(texts):
        reason = f"“{word}” is in {count} of {len(texts)} phrasings in {language}, {WITHOUT_MIN} must do without it"
        yield of_entry(content, entry.id, "same-word", reason, *here)
    pieces = [grams(text) for text in texts]
    worst: dict[int, tuple[float, int]] = {}
    for one, other in permutations(range(len(texts)), 2):
        share = len(pieces[one] & pieces[other]) / len(pieces[one])
        if share > SHARED_MAX:
            worst[one] = max(worst.get(one, (0.0, 0)), (share, other))
    for one, (share, other) in worst.items():
        reason = f"“{texts[one]}” has {share:.0%} of its pieces in “{texts[other]}”, at most {SHARED_MAX:.0%} may be"
        yield of_entry(content, entry.id, "repeats", reason, *here, one)


def _most_frequent(texts: tuple[str, ...], language: Language) -> tuple[str, int]:
    """The word that most texts hold, and how many: a pair of Chinese characters, an English stem; no common word."""
    counted = Counter(
        term
        for text in texts
        for term, weight in terms(text).items()
        if weight == 1.0 and (language == "en" or len(term) > 1)
    )
    return max(counted.items(), key=lambda item: (item[1], len(item[0])), default=("", 0))


def _phrasings(content: Content, language: Language) -> Iterator[_Phrasing]:
    """All that is searched in one language: the questions and the phrasings."""
    for entry in content.entries.values():
        text = entry.question[language]
        yield _Phrasing(entry=entry.id, place=("question", language), text=text, pieces=grams(text))
        for n, text in enumerate(entry.phrasings[language]):
            yield _Phrasing(entry=entry.id, place=("phrasings", language, n), text=text, pieces=grams(text))


def _look_alikes(content: Content, phrasings: list[_Phrasing]) -> Iterator[Finding]:
    """Phrasings that are nearly the same in two entries, or exactly the same in one."""
    for m, n in alike([one.pieces for one in phrasings], ALIKE):
        one, other = phrasings[n], phrasings[m]
        if not _meet(content.entries[one.entry], content.entries[other.entry]):
            continue
        if one.entry != other.entry or bare(one.text) == bare(other.text):
            reason = f"“{one.text}” is nearly {other.entry}'s “{other.text}”"
            yield of_entry(content, one.entry, "look-alike", reason, *one.place)


def _same_meanings(content: Content, phrasings: list[_Phrasing], vectors: Vectors) -> Iterator[Finding]:
    """Phrasings of two entries that mean the same, in other words; what looks alike as well is found already."""
    rows = vectors.of([readable(one.text) for one in phrasings])
    for n, one in enumerate(phrasings):
        near: list[float] = (rows[:n] @ rows[n]).tolist()
        for m, cosine in enumerate(near):
            if cosine < CLOSE:
                continue
            other = phrasings[m]
            if not _meet(content.entries[one.entry], content.entries[other.entry]):
                continue
            if one.entry != other.entry and likeness(one.pieces, other.pieces) < ALIKE:
                reason = f"“{one.text}” means nearly what {other.entry}'s “{other.text}” does (cosine {cosine:.2f})"
                yield of_entry(content, one.entry, "same-meaning", reason, *one.place)


def _meet(one: Entry, other: Entry) -> bool:
    """Whether both are answered on some day; a successor may ask what the entry before it asked."""
    begins = max((entry.valid_from for entry in (one, other) if entry.valid_from), default=date.min)
    return begins <= min((entry.valid_to for entry in (one, other) if entry.valid_to), default=date.max)

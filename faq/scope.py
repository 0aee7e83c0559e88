"""What people ask and nobody answers here: examples, and the words that tell them from questions we do answer."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from core.model import Language
from faq.index import terms

FILE = Path(__file__).with_name("outside.tsv")
CAUTION = 0.5  # times that every word is taken to stand in the examples besides; keeps rare ones from telling much


@dataclass(frozen=True, slots=True)
class Example:
    """A question that no entry answers."""

    language: Language
    text: str


@cache
def examples() -> tuple[Example, ...]:
    """Those that come with the product; the search learns from them, so none of them may measure it."""
    rows = (line.split("\t") for line in FILE.read_text(encoding="utf-8").splitlines() if not line.startswith("#"))
    return tuple(Example(language="zh" if row[0] == "zh" else "en", text=row[1]) for row in rows)


class Scope:
    """Tells by its words whether a question lies where the phrasings do. Immutable once made; one for each language."""

    def __init__(self, phrasings: Iterable[str], outside: Sequence[str]) -> None:
        inside, beyond, inside_total = Counter[str](), Counter[str](), 0
        for text in phrasings:
            inside.update(terms(text).keys())
            inside_total += 1
        for text in outside:
            beyond.update(terms(text).keys())
        share = (inside_total + 1) / (len(outside) + 1)
        self._familiar = (
            {
                term: math.log((inside[term] + CAUTION * share) / (beyond[term] + CAUTION) / share)
                for term in inside.keys() | beyond.keys()
            }
            if outside
            else {}
        )

    def familiar(self, said: Mapping[str, float]) -> float:
        """Above 0: the words (`terms`) are rather those of phrasings; below 0: rather those of the examples."""
        total = sum(said.values())
        return sum(weight * self._familiar.get(term, 0.0) for term, weight in said.items()) / total if total else 0.0

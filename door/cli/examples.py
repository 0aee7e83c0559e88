"""The examples that the assistant learns from, and the texts that measure it: reads them and finds what is wrong."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast

import yaml

from core.errors import ContentError
from core.model import Language
from faq.evaluate import alike, grams
from faq.language import detect

CLOSE = 0.7  # Jaccard index of three-character pieces from which two texts are near-copies of each other
# Examples that an intent needs in each language: what people bring to us, and what is said in few ways.
ENOUGH = 60
ENOUGH_OF_SMALL = 30
SMALL = frozenset(
    {
        "bot_challenge",
        "greet",
        "thanks",
        "goodbye",
        "affirm",
        "deny",
        "stop",
        "set_language",
        "lessons",
        "leave_message",
    }
)
UNEVEN = 12  # times that the largest intent may be larger than the smallest of those that people bring
_MARKED = re.compile(r"\[([^\]]+)\](?:\([^)]*\)|\{[^}]*\})")

Rule = Literal["twice", "near", "leak", "few", "uneven"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Example:
    """One line of nlu_data/nlu."""

    intent: str
    text: str  # without the marks of entities
    file: str
    line: int

    @property
    def language(self) -> Language:
        return detect(self.text, "zh")


@dataclass(frozen=True, kw_only=True, slots=True)
class Utterance:
    """A line that is held out: never learned from, only measured on."""

    labels: frozenset[str]  # each is right
    style: str
    language: Language
    text: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """One thing to put right, and where."""

    file: str
    line: int
    rule: Rule
    reason: str


def load(folder: Path) -> list[Example]:
    """Every example of the .yml files in `folder`; ContentError for a file that cannot be read as Rasa's NLU data."""
    found: list[Example] = []
    for path in sorted(folder.glob("*.yml")):
        try:
            text = path.read_text(encoding="utf-8")
            blocks = cast("list[dict[str, str]]", yaml.safe_load(text)["nlu"])
            wanted = [
                (b["intent"], one.removeprefix("- ")) for b in blocks for one in b["examples"].splitlines() if one
            ]
        except (OSError, UnicodeDecodeError, yaml.YAMLError, KeyError, TypeError, AttributeError) as e:
            raise ContentError(f"{path.name} cannot be read as examples of intents: {e}") from None
        numbers = (n for n, line in enumerate(text.splitlines(), 1) if line.startswith("      - "))
        for (intent, one), n in zip(wanted, numbers, strict=True):
            found.append(Example(intent=intent, text=_MARKED.sub(r"\1", one), file=path.name, line=n))
    if not found:
        raise ContentError(f"no examples (*.yml) in {folder}")
    return found


def held_out(folder: Path) -> list[Utterance]:
    """The lines of the .tsv files in `folder`: columns label, style, text; the language is the file's name."""
    found: list[Utterance] = []
    for path in sorted(folder.glob("*.tsv")):
        if path.stem not in ("zh", "en"):
            raise ContentError(f"{path.name}: the file's name says the language, zh.tsv or en.tsv")
        with path.open(encoding="utf-8", newline="") as file:
            for n, row in enumerate(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE), 2):
                if not row.get("label") or not row.get("text"):
                    raise ContentError(f"{path.name}: row {n} needs a label and a text")
                labels = frozenset(row["label"].split("|"))
                language: Language = "zh" if path.stem == "zh" else "en"
                found.append(
                    Utterance(labels=labels, style=row.get("style") or "", language=language, text=row["text"])
                )
    return found


def lint(examples: Sequence[Example], measured: Iterable[str]) -> list[Finding]:
    """Copies, near-copies across intents, what comes close to a `measured` text, and intents with too few examples."""
    found = [*_twice(examples), *_near(examples, frozenset(measured)), *_few(examples)]
    return sorted(found, key=lambda one: (one.file, one.line))


def _finding(example: Example, rule: Rule, reason: str) -> Finding:
    return Finding(file=example.file, line=example.line, rule=rule, reason=reason)


def _twice(examples: Sequence[Example]) -> Iterator[Finding]:
    first: dict[str, Example] = {}
    for example in examples:
        other = first.setdefault(example.text.casefold(), example)
        if other is not example:
            yield _finding(example, "twice", f"{example.text!r} stands in {other.file}:{other.line} as {other.intent}")


def _near(examples: Sequence[Example], measured: frozenset[str]) -> Iterator[Finding]:
    pieces = [grams(example.text) for example in examples] + [grams(text) for text in measured]
    for n, other in alike(pieces, CLOSE):
        if n >= len(examples):
            continue
        example = examples[n]
        if other >= len(examples):
            yield _finding(example, "leak", f"{example.text!r} comes close to a text that is held out")
            continue
        seen = examples[other]
        if seen.intent != example.intent and seen.text.casefold() != example.text.casefold():
            where = f"{example.file}:{example.line}"
            yield _finding(seen, "near", f"{seen.text!r} is {seen.intent}, and {where} near it is {example.intent}")


def _few(examples: Sequence[Example]) -> Iterator[Finding]:
    first = {example.intent: example for example in reversed(examples)}
    counted = Counter((example.intent, example.language) for example in examples)
    for intent, example in first.items():
        least = ENOUGH_OF_SMALL if intent in SMALL else ENOUGH
        for language in ("zh", "en"):
            if (have := counted[intent, language]) < least:
                yield _finding(example, "few", f"{intent} has {have} examples in {language}, {least} are needed")
    sizes = {i: counted[i, "zh"] + counted[i, "en"] for i in first if i not in SMALL}
    smallest, largest = min(sizes, key=sizes.__getitem__, default=""), max(sizes, key=sizes.__getitem__, default="")
    if sizes and sizes[largest] > UNEVEN * sizes[smallest]:
        reason = f"{largest} has more than {UNEVEN} times as many examples as {smallest}"
        yield _finding(first[largest], "uneven", reason)

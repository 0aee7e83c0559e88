"""What an edit of the content changed: its entries, and what becomes of the same questions before and after."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

from faq.entries import LANGUAGES, Content, Entry
from faq.evaluate import Case, Outcome

# How good an outcome is for whoever asked: to be asked back costs a step, a wrong answer misleads.
WORTH: dict[Outcome, int] = {
    "answered": 3, "offered": 2, "missed": 1, "none": 1, "wrong": 0,
    "refused": 2, "asked": 1, "false answer": 0,
}  # fmt: skip

Changed = tuple[Case, Case]  # before, after


@dataclass(frozen=True, kw_only=True, slots=True)
class EntryChange:
    """An entry that is not what it was."""

    id: str
    what: str  # added, removed or changed
    fields: tuple[str, ...] = ()  # of a changed one, with the language where it has one: answer.zh, valid_to, …


@dataclass(frozen=True, kw_only=True, slots=True)
class Comparison:
    """The same questions put to two states of the content."""

    better: Sequence[Changed]  # questions with a better outcome than before
    worse: Sequence[Changed]
    entries: Sequence[EntryChange]


def compare(before: Sequence[Case], after: Sequence[Case], old: Content, new: Content) -> Comparison:
    """`before` and `after` are the cases of the same questions in the same order."""
    pairs = list(zip(before, after, strict=True))
    return Comparison(
        better=[pair for pair in pairs if _gain(pair) > 0],
        worse=[pair for pair in pairs if _gain(pair) < 0],
        entries=entry_changes(old, new),
    )


def _gain(pair: Changed) -> int:
    before, after = pair
    return WORTH[after.outcome] - WORTH[before.outcome]


def entry_changes(old: Content, new: Content) -> list[EntryChange]:
    """Which entries were added, removed or changed, by id."""
    found: list[EntryChange] = []
    for one in sorted({*old.entries, *new.entries}, key=lambda entry: (len(entry), entry)):
        was, now = old.entries.get(one), new.entries.get(one)
        if was is None or now is None:
            found.append(EntryChange(id=one, what="removed" if now is None else "added"))
        elif different := _different(was, now):
            found.append(EntryChange(id=one, what="changed", fields=different))
    return found


def _different(was: Entry, now: Entry) -> tuple[str, ...]:
    """The names of the fields that differ."""
    names: list[str] = []
    for field in fields(Entry):
        one, other = getattr(was, field.name), getattr(now, field.name)
        if field.name == "version" or one == other:
            continue
        if isinstance(one, dict):
            names += [f"{field.name}.{language}" for language in LANGUAGES if one[language] != other[language]]
        else:
            names.append(field.name)
    return tuple(names)

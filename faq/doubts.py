"""Answers that seem to have been wrong: by a thumb, by the same question once more, by a call for a person."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any, Literal

from core.model import Author, ConversationId, MessageKind, Seq
from core.questions import Candidate, Poor, Said
from faq.entries import Content
from faq.likeness import Likeness

SOON = timedelta(minutes=5)  # what is said later is no reaction to an answer
PERSON = frozenset({"reflex:person", "leave_message"})  # outcomes of turns in which somebody asked for a person

Why = Literal["disliked", "rephrased", "person", "rejected"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Doubt:
    """An answer, or choices offered, and what speaks against it; texts are masked."""

    why: tuple[Why, ...]
    conversation: ConversationId
    seq: Seq  # of the question
    at: datetime
    question: str
    entry: str  # "" where choices were offered
    version: str
    changed: bool  # the entry is not the same any more
    score: float | None  # None where a button led to the answer
    phrasing: str
    offered: tuple[Candidate, ...]
    next: str  # what the contact said then


def doubts(said: Iterable[Said], poor: Iterable[Poor], content: Content, likeness: Likeness) -> list[Doubt]:
    """What speaks against the answers in `said`, and what people told us in `poor`; by time, each answer once."""
    found = [_told(row, content) for row in poor if row.kind != "unanswered"]
    reactions = [pair for _, few in groupby(said, key=lambda one: one.conversation) for pair in _reactions(list(few))]
    typed = [(asked.text, then.text) for asked, _, then in reactions]
    for (asked, answer, then), alike in zip(reactions, likeness.of(typed), strict=True):
        again = then.kind is MessageKind.TEXT and alike >= likeness.same
        why: tuple[Why, ...] = ("person",) if then.outcome in PERSON else ("rephrased",) if again else ()
        if why:
            found.append(_seen(why, asked, answer, then, content))
    merged: dict[tuple[str, int, str], Doubt] = {}
    for one in found:
        key = one.conversation, one.seq, one.entry
        merged[key] = replace(merged[key], why=merged[key].why + one.why) if key in merged else one
    return sorted(merged.values(), key=lambda one: one.at)


def _reactions(said: Sequence[Said]) -> Iterable[tuple[Said, Said, Said]]:
    """Of one conversation: each question that an entry answered, the answer, and what was said soon after it."""
    by_seq = {one.seq: one for one in said}
    for answer in said:
        asked = by_seq.get(answer.answers) if answer.entry and answer.answers is not None else None
        then = next((one for one in said if one.seq > answer.seq and one.author is Author.CONTACT), None)
        if asked is not None and then is not None and then.at - answer.at <= SOON:
            yield asked, answer, then


def _told(row: Poor, content: Content) -> Doubt:
    return Doubt(
        why=("disliked",) if row.kind == "disliked" else ("rejected",),
        conversation=row.conversation,
        seq=row.seq,
        at=row.at,
        question=row.text,
        entry=row.entry,
        version=row.version,
        changed=_has_changed(row.entry, row.version, content),
        score=row.score,
        phrasing=row.phrasing,
        offered=row.hits,
        next=row.next,
    )


def _seen(why: tuple[Why, ...], asked: Said, answer: Said, then: Said, content: Content) -> Doubt:
    return Doubt(
        why=why,
        conversation=answer.conversation,
        seq=asked.seq,
        at=answer.at,
        question=asked.text,
        entry=answer.entry,
        version=answer.version,
        changed=_has_changed(answer.entry, answer.version, content),
        score=answer.score,
        phrasing=answer.phrasing,
        offered=(),
        next=then.text,
    )


def _has_changed(entry: str, version: str, content: Content) -> bool:
    now = content.entries.get(entry)
    return bool(entry) and (now is None or now.version != version)


def line(doubt: Doubt) -> dict[str, Any]:
    """One line of `./qiantai faq wrong --json`."""
    return asdict(doubt)

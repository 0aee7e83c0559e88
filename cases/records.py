"""What the record of a task holds, by its kind: which facts, of what type, and which of them an end needs; pure."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from functools import cache
from typing import Any, cast

from pydantic import ConfigDict, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass as checked

from cases.model import PLAIN, BadCase, Line, Moment, Money, Slug, TaskKind, Words
from cases.states import IllegalAct


class Satisfaction(StrEnum):
    """What the consumer says of the answer when somebody asks after it."""

    SATISFIED = "satisfied"
    ACCEPTED = "accepted"
    NOT_ACCEPTED = "not_accepted"


class Outcome(StrEnum):
    """How a mediation ended."""

    AGREED = "agreed"
    FAILED = "failed"


class Finding(StrEnum):
    """What a review found of the decision."""

    UPHELD = "upheld"
    CHANGED = "changed"
    WITHDRAWN = "withdrawn"


RECORD = PLAIN | ConfigDict(use_enum_values=True)


@checked(frozen=True, kw_only=True, slots=True, config=RECORD)
class Subtask:
    """A part of the work."""

    text: Words = ""


@checked(frozen=True, kw_only=True, slots=True, config=RECORD)
class Referral:
    """The matter goes to somebody else."""

    where_to: Line = ""
    way: Line = ""  # letter, system, telephone …
    text: Words = ""  # what they were told
    answer: Words = ""


@checked(frozen=True, kw_only=True, slots=True, config=RECORD)
class Mediation:
    body: Line = ""  # who mediates
    mediator: Line = ""
    at: Moment | None = None
    place: Line = ""
    outcome: Outcome | None = None
    text: Words = ""  # of the agreement


@checked(frozen=True, kw_only=True, slots=True, config=RECORD)
class FollowUp:
    way: Line = ""
    at: Moment | None = None
    satisfaction: Satisfaction | None = None
    text: Words = ""


@checked(frozen=True, kw_only=True, slots=True, config=RECORD)
class Review:
    unit: Line = ""  # who looks at the decision again
    asked_on: date | None = None
    finding: Finding | None = None
    text: Words = ""


@checked(frozen=True, kw_only=True, slots=True, config=RECORD)
class Payment:
    """A compensation."""

    plan: Words = ""
    amount: Money | None = None
    approver: Line = ""
    paid_on: date | None = None


@checked(frozen=True, kw_only=True, slots=True, config=RECORD)
class RootCause:
    reason_code: Slug = ""
    cause: Words = ""


@checked(frozen=True, kw_only=True, slots=True, config=RECORD)
class Improvement:
    """One turn of plan, do, check, act."""

    plan: Words = ""
    do: Words = ""
    check: Words = ""
    act: Words = ""


@checked(frozen=True, kw_only=True, slots=True, config=RECORD)
class Contact:
    """Somebody tells the consumer what reached them in no other way."""

    way: Line = ""
    at: Moment | None = None
    text: Words = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Record:
    """The facts of one kind of task, and those without which it is not done."""

    facts: type[Any]
    needs: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(each.name for each in dataclasses.fields(self.facts))


RECORDS: Mapping[TaskKind, Record] = {
    TaskKind.SUBTASK: Record(facts=Subtask),
    TaskKind.REFERRAL: Record(facts=Referral, needs=("where_to",)),
    TaskKind.MEDIATION: Record(facts=Mediation, needs=("outcome",)),
    TaskKind.FOLLOW_UP: Record(facts=FollowUp, needs=("satisfaction",)),
    TaskKind.REVIEW: Record(facts=Review, needs=("finding",)),
    TaskKind.COMPENSATION: Record(facts=Payment, needs=("amount", "approver")),
    TaskKind.ROOT_CAUSE: Record(facts=RootCause, needs=("cause",)),
    TaskKind.IMPROVEMENT: Record(facts=Improvement, needs=("plan", "check")),
    TaskKind.CONTACT: Record(facts=Contact),
}


def read(kind: TaskKind, given: Mapping[str, Any]) -> dict[str, Any]:
    """The facts of such a task as JSON, without those that nobody told; BadCase names what is wrong with them and,
    for a fact that its kind does not have, those it has."""
    record = RECORDS[kind]
    if unknown := sorted(given.keys() - set(record.names)):
        told = ", ".join(name[:64] for name in unknown)
        raise BadCase(f"facts: {kind} has no {told}; it has {', '.join(record.names)}")
    adapter = _adapter(kind)
    try:
        found = adapter.validate_python(dict(given))
    except ValidationError as e:
        wrong = "; ".join(f"facts.{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in e.errors())
        raise BadCase(wrong) from None
    plain = cast("dict[str, Any]", adapter.dump_python(found, mode="json"))
    return {name: value for name, value in plain.items() if value not in ("", None)}


@cache
def _adapter(kind: TaskKind) -> TypeAdapter[Any]:
    return TypeAdapter(RECORDS[kind].facts)


def check_done(kind: TaskKind, facts: Mapping[str, Any]) -> None:
    """IllegalAct if a task of that kind cannot be done with what is known of it."""
    if missing := [name for name in RECORDS[kind].needs if name not in facts]:
        raise IllegalAct(f"{kind} is not done without {', '.join(missing)}")

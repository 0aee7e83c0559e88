"""The words of the register: what is told of a case and of the people in it, and what the register gives back."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import StrEnum
from functools import cache
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, AwareDatetime, ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass as checked

from cases.states import ENDED, State
from core.errors import QiantaiError


class BadCase(QiantaiError):
    """What was given for the case cannot be used."""

    code = "bad_case"
    status = 422


class Conflict(QiantaiError):
    """Somebody else changed the case meanwhile; read it again."""

    code = "conflict"
    status = 409


class CaseType(StrEnum):
    ENQUIRY = "enquiry"
    COMPLAINT = "complaint"
    SERVICE_REQUEST = "service_request"
    SUGGESTION = "suggestion"
    SERVICE_SUPERVISION = "service_supervision"  # about the hotline itself or its people


class Track(StrEnum):
    """Whose rules a case goes by."""

    PBOC = "pboc"
    NFRA = "nfra"
    CSRC = "csrc"
    CREDIT = "credit"
    AML_CONTROL = "aml_control"
    PETITION = "petition"
    OTHER = "other"


class Level(StrEnum):
    NORMAL = "normal"
    COMPLEX = "complex"
    MAJOR = "major"


class Urgency(StrEnum):
    I = "I"  # noqa: E741  (the grade's own name)
    II = "II"
    III = "III"


class Sensitivity(StrEnum):
    SUPERVISION = "supervision"
    OPINION = "opinion"
    JUDICIAL = "judicial"
    PETITION = "petition"
    EXTREME = "extreme"  # violent or self-harming behaviour
    AGITATED = "agitated"
    VULNERABLE = "vulnerable"
    OCCUPATION = "occupation"


class Flag(StrEnum):
    BATCH = "batch"
    REPEAT = "repeat"
    SUSPECTED_FALSE = "suspected_false"
    SUSPECTED_FRAUD = "suspected_fraud"
    UPGRADED = "upgraded"


class TaskKind(StrEnum):
    SUBTASK = "subtask"
    REFERRAL = "referral"
    MEDIATION = "mediation"
    FOLLOW_UP = "follow_up"
    REVIEW = "review"
    COMPENSATION = "compensation"
    ROOT_CAUSE = "root_cause"
    IMPROVEMENT = "improvement"
    CONTACT = "contact"  # the consumer is to be told what reached them in no other way


class TaskState(StrEnum):
    OPEN = "open"
    DONE = "done"
    CANCELLED = "cancelled"


class Warned(StrEnum):
    """The strongest warning that was given of a limit."""

    NONE = ""
    HALF = "half"
    MOST = "most"  # 80 %
    LAST = "last"  # one day before
    OVERDUE = "overdue"


# Whom a case waits for until somebody takes it. Complaints about the hotline lie apart from what they are about.
QUEUE = "queue:"
QUEUES: Mapping[CaseType, str] = {
    CaseType.ENQUIRY: f"{QUEUE}enquiries",
    CaseType.COMPLAINT: f"{QUEUE}complaints",
    CaseType.SERVICE_REQUEST: f"{QUEUE}requests",
    CaseType.SUGGESTION: f"{QUEUE}suggestions",
    CaseType.SERVICE_SUPERVISION: f"{QUEUE}supervision",
}


FIRST, LAST = datetime(1970, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)


def storable(text: str) -> str:
    """The text without NUL and halves of surrogate pairs, which PostgreSQL or UTF-8 refuses, nor spaces around it."""
    return text.replace("\0", "").encode("utf-8", "ignore").decode().strip()


def countable(at: datetime) -> datetime:
    """A time (aware) in whose neighbourhood every calendar can count; ValueError for others."""
    if not FIRST <= at < LAST:
        raise ValueError(f"not a time from {FIRST.year} to {LAST.year - 1}")
    return at


Words = Annotated[str, AfterValidator(storable)]
Line = Annotated[Words, Field(max_length=300)]
Slug = Annotated[str, Field(pattern=r"^([a-z][a-z0-9_.-]{0,63})?$")]  # a code of ours; "": not known
Name = Annotated[str, Field(pattern=r"^[^\s:\x00-\x1f][^:\x00-\x1f]{0,63}$")]  # an account
# A queue or an account:
Holder = Annotated[str, Field(pattern=rf"^({QUEUE}[a-z][a-z_]{{0,31}}|[^\s:\x00-\x1f][^:\x00-\x1f]{{0,63}})$")]
Moment = Annotated[AwareDatetime, AfterValidator(countable)]
RowId = Annotated[int, Field(ge=1, le=2**63 - 1)]  # what a column holds
Money = Annotated[Decimal, Field(ge=0, max_digits=15, decimal_places=2)]
PLAIN = ConfigDict(extra="forbid", hide_input_in_errors=True)  # a logged error must not repeat what people told


@checked(frozen=True, kw_only=True, slots=True, config=PLAIN)
class PriorComplaint:
    """What the institution was told already, and what it said."""

    to_institution: Words = ""
    on: date | None = None
    reply: Words = ""


@checked(frozen=True, kw_only=True, slots=True, config=PLAIN)
class Compensation:
    plan: Words = ""
    amount: Money | None = None
    approver: Words = ""


@checked(frozen=True, kw_only=True, slots=True, repr=False, config=PLAIN)
class Person:
    """Somebody's open personal data; never stored as it is, never in a log."""

    name: Line = ""
    id_type: Slug = ""  # id_card, passport, pr_card …
    id_number: Line = ""
    birth_year: Annotated[int, Field(ge=1880, le=2200)] | None = None
    gender: Slug = ""
    country: Line = ""
    province: Line = ""
    city: Line = ""
    phone: Line = ""  # where they want to be reached
    reserved_phone: Line = ""  # known to the institution
    reply_phone: Line = ""  # for the reply
    email: Line = ""
    language: Slug = ""
    special_needs: Line = ""

    def __repr__(self) -> str:
        return "Person(…)"


@checked(frozen=True, kw_only=True, slots=True, config=PLAIN)
class Fields:
    """What people tell and change of a case; texts are free, codes are slugs of `codes.yml`, money is in `currency`."""

    type: CaseType = CaseType.COMPLAINT
    track: Track = Track.PBOC
    level: Level = Level.NORMAL
    urgency: Urgency = Urgency.III
    sensitivity: tuple[Sensitivity, ...] = ()
    flags: tuple[Flag, ...] = ()
    language: Slug = "zh"
    summary: Words = ""  # one line
    facts: Words = ""
    request: Words = ""  # what they want
    amount: Money | None = None
    currency: Annotated[str, Field(pattern="^[A-Z]{3}$")] = "CNY"
    people_count: Annotated[int, Field(ge=1, le=1_000_000)] = 1
    prior_complaint: PriorComplaint | None = None
    institution_id: RowId | None = None
    institution: Words = ""  # as they called it
    province: Words = ""  # where it happened
    city: Words = ""
    district: Words = ""
    business_code: Slug = ""
    reason_code: Slug = ""
    channel_code: Slug = ""  # where the business was done
    product: Words = ""
    co_handlers: tuple[Name, ...] = ()
    consents: dict[Slug, date] = field(default_factory=dict[str, date])  # purpose → the day on which it was given
    reply_mode: Slug = ""
    responsible: bool | None = None  # whether the institution was at fault
    accountability: Words = ""
    compensation: Compensation | None = None
    improvement: Words = ""


@checked(frozen=True, kw_only=True, slots=True, repr=False, config=PLAIN)
class NewCase(Fields):
    """Everything that intake or import gives; nothing is masked yet but what a conversation masked before."""

    source_channel: Annotated[str, Field(pattern="^[a-z][a-z0-9_.-]{0,63}$")]  # how it reached us
    received_at: Moment
    person: Person = field(default_factory=Person)
    # Of somebody the register knows, instead of `person`:
    person_id: Annotated[str, Field(pattern="^([0-9a-f]{32})?$")] = ""
    agent: Person | None = None  # who acts for the person
    # The talk it came from, whose references the texts may carry:
    conversation_id: Annotated[str, Field(pattern="^[!-~]{1,64}$")] | None = None
    external_no: Words = ""  # what another system calls it
    draft: bool = False
    owner: Holder | None = None  # None: the queue of its type

    def __repr__(self) -> str:
        return f"NewCase(type={self.type.value!r}, source_channel={self.source_channel!r}, …)"


FIELDS = tuple(each.name for each in dataclasses.fields(Fields))


@dataclass(frozen=True, kw_only=True, slots=True)
class Case:
    """A case as it lies in the register, without personal data; `told` is masked."""

    id: int
    case_no: str
    told: Fields
    source_channel: str
    received_at: datetime
    conversation_id: str | None
    external_no: str
    person_id: str
    agent_id: str | None
    state: State
    owner: str
    version: int  # number of its last event; rises with every change
    opened_at: datetime
    opened_by: str
    updated_at: datetime
    due_at: datetime | None  # the first instant too late of its next limit; an open case always has one
    ended_at: datetime | None
    retention_until: date | None  # kept until then, at the least
    result: str
    reply_at: datetime | None
    parent_no: str | None
    duplicate_of: str | None
    merged_into: str | None
    rating: str  # what its consumer said in the end: one of rating.GRADES; "": nothing

    @property
    def ended(self) -> bool:
        return self.state in ENDED

    def overdue(self, now: datetime) -> bool:
        """Whether a limit has run out at `now` (aware)."""
        return self.due_at is not None and now >= self.due_at


@dataclass(frozen=True, kw_only=True, slots=True)
class CaseEvent:
    """One thing that happened to a case; texts are masked."""

    n: int  # 1, 2, 3 … without gaps
    at: datetime
    actor: str
    # One of states.Act, or open, edit, note, assign, urge, move, task, settle, link, attach, recount, person, code,
    # erase, ask or rate:
    act: str
    before: State | None  # None: there was no case
    after: State
    facts: dict[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class Deadline:
    """One limit of a case, and what happened to it; the dates are Beijing days."""

    id: int
    case_id: int
    rule: str
    version: str  # of the rule
    started_at: datetime
    supplements: list[dict[str, Any]]  # {"asked", "complete"}: ISO times
    pauses: list[dict[str, Any]]  # {"begins", "ends", "reason"}
    extensions: list[dict[str, Any]]  # {"granted", "total", "approver", "reason"}
    state: str  # as rules.Clock has it
    due_on: date | None  # last day in time
    due_at: datetime | None  # first instant too late
    warn_half: date | None
    warn_most: date | None
    warn_last: date | None
    provisional: bool
    met_at: datetime | None  # when it stopped to count; None: it still does
    warned: Warned


@checked(frozen=True, kw_only=True, slots=True, config=PLAIN)
class NewTask:
    """What somebody is to do for a case by a time."""

    kind: TaskKind = TaskKind.SUBTASK
    title: Words
    owner: Holder
    due_at: Moment
    institution_id: RowId | None = None
    facts: dict[str, Any] = field(default_factory=dict[str, Any])  # of its kind: plan, amount, place, …


@dataclass(frozen=True, kw_only=True, slots=True)
class Task:
    id: int
    case_id: int
    kind: TaskKind
    title: str
    owner: str
    institution_id: int | None
    due_at: datetime
    state: TaskState
    facts: dict[str, Any]
    result: str
    created_at: datetime
    created_by: str
    done_at: datetime | None
    done_by: str | None
    warned: Warned

    def overdue(self, now: datetime) -> bool:
        return self.state is TaskState.OPEN and now >= self.due_at


@dataclass(frozen=True, kw_only=True, slots=True)
class Attachment:
    """A file of a case, without its bytes."""

    id: int
    case_id: int
    name: str  # masked
    media_type: str  # by its content
    size: int  # bytes
    sha256: str  # of the bytes, hex
    verdict: str  # of the scan: clean, not_scanned
    added_at: datetime
    added_by: str


@checked(frozen=True, kw_only=True, slots=True, config=PLAIN)
class Filter:
    """Which cases; everything that is given must hold, of several values any."""

    text: Words = ""  # a number, or words of the summary or the institution's name
    states: tuple[State, ...] = ()
    open: bool | None = None
    types: tuple[CaseType, ...] = ()
    tracks: tuple[Track, ...] = ()
    owner: str = ""
    institution_id: RowId | None = None
    business_code: str = ""
    reason_code: str = ""
    channel_code: str = ""
    source_channel: str = ""
    province: str = ""
    city: str = ""
    level: Level | None = None
    urgency: Urgency | None = None
    person_id: str = ""
    received_from: Moment | None = None
    received_before: Moment | None = None
    due_before: Moment | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Page:
    """Cases in the order of their list, and where the next page begins; None: this was the last."""

    cases: tuple[Case, ...]
    after: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Opened:
    """A case and the code by which its consumer asks after it: told once, "" when the same cause comes again."""

    case: Case
    query_code: str = field(repr=False)


T = TypeVar("T")


def read(kind: type[T], raw: Mapping[str, Any]) -> T:
    """`raw`, as from JSON, as a value of `kind` (NewCase, Fields, Person, NewTask, Filter); BadCase names every field
    that is wrong, and never its content."""
    try:
        return _adapter(kind).validate_python(dict(raw))
    except ValidationError as e:
        raise BadCase("; ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in e.errors())) from None


@cache
def _adapter(kind: type[T]) -> TypeAdapter[T]:
    return TypeAdapter(kind)

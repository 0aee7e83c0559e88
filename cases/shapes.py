"""What the register's API takes and gives as JSON. Times are ISO 8601 with their zone; money is a text, "1234.50"."""

from __future__ import annotations

import dataclasses
from datetime import date, datetime
from typing import Annotated, Any, get_type_hints

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, create_model
from sqlalchemy import Connection

from cases import attachments, history, notices, privacy, rules, tasks, watch
from cases.calendar import today
from cases.finding import Dimension
from cases.institutions import Institution, Listed
from cases.liaisons import Role
from cases.model import (
    Attachment,
    Case,
    CaseType,
    Deadline,
    Fields,
    Filter,
    Holder,
    Level,
    Moment,
    Person,
    RowId,
    Task,
    Track,
    Urgency,
    Words,
    read,
    storable,
)
from cases.states import TRANSITIONS, Act, State, acts
from core.vault import Vault

PAGE, PAGE_MOST = 50, 200
STRICT = ConfigDict(extra="forbid", hide_input_in_errors=True)


def _like(*examples: dict[str, Any]) -> ConfigDict:
    """Nothing but the fields, and what the description shows as examples."""
    return STRICT | ConfigDict(json_schema_extra={"examples": list(examples)})


Short = Annotated[Words, Field(max_length=200)]
Told = Annotated[str, Field(min_length=1, max_length=500), AfterValidator(storable)]


# ---- what comes in ---------------------------------------------------------------------------------------------------


class CaseQuery(BaseModel):
    """Which cases; everything that is given must hold, of several values any."""

    model_config = STRICT

    text: Short = Field("", description="a case number, or words of the summary or the institution's name")
    state: list[State] = []
    open: bool | None = None
    type: list[CaseType] = []
    track: list[Track] = []
    owner: Short = ""
    institution_id: RowId | None = None
    business_code: Short = ""
    reason_code: Short = ""
    channel_code: Short = ""
    source_channel: Short = ""
    province: Short = ""
    city: Short = ""
    level: Level | None = None
    urgency: Urgency | None = None
    person_id: Short = ""
    received_from: Moment | None = None
    received_before: Moment | None = None
    due_before: Moment | None = None

    def filter(self) -> Filter:
        """The same for `cases.finding`."""
        given = {name: getattr(self, name) for name in CaseQuery.model_fields if name not in PLURAL}
        return read(Filter, given | {many: tuple(getattr(self, one)) for one, many in PLURAL.items()})


PLURAL = {"state": "states", "type": "types", "track": "tracks"}
Limit = Annotated[int, Field(ge=1, le=PAGE_MOST)]
After = Annotated[str | None, Field(max_length=40, description="`after` of the page before")]


class ListQuery(CaseQuery):
    after: After = None
    limit: Limit = PAGE


class DueQuery(ListQuery):
    before: Moment | None = Field(None, description="limits that run out before then; default: in seven days")


class CrossTabQuery(CaseQuery):
    rows: Dimension
    columns: Dimension


class ActIn(BaseModel):
    """What is done to the case, with the facts that it needs (`acts` of the case names them)."""

    model_config = _like(
        {"act": "accept", "facts": {}},
        {"act": "extend", "facts": {"total": 30, "approver": "Li", "reason": "查账", "text": "told them so"}},
    )

    act: Act
    facts: dict[str, Any] = {}


class NoteIn(BaseModel):
    model_config = _like({"text": "已电话联系，约周三再打"})

    text: Annotated[str, Field(min_length=1, max_length=20_000), AfterValidator(storable)]


class OwnerIn(BaseModel):
    model_config = _like({"owner": "queue:complaints", "reason": "ill"})

    owner: Holder
    reason: Annotated[Words, Field(max_length=500)] = ""


class LinksIn(BaseModel):
    """Numbers of other cases; null for none; what is left out stays."""

    model_config = _like({"duplicate_of": "Q2026-0000002-0"})

    parent_no: Annotated[str, Field(max_length=40)] | None = None
    duplicate_of: Annotated[str, Field(max_length=40)] | None = None


class TaskChange(BaseModel):
    model_config = _like({"owner": "li", "due_at": "2026-12-01T17:00:00+08:00"})

    owner: Holder | None = None
    due_at: Moment | None = None


class SettleIn(BaseModel):
    model_config = _like({"result": "双方同意退还一半", "facts": {"outcome": "agreed"}})

    result: Annotated[Words, Field(max_length=20_000)] = ""
    facts: dict[str, Any] = {}  # of its kind, beside those with which it was given
    cancel: bool = False


class ReasonIn(BaseModel):
    """Why personal data is opened; it stays in the audit."""

    model_config = _like({"reason": "calling back about the reply"})

    reason: Told


class ExportIn(BaseModel):
    model_config = _like({"requester": "本人", "basis": "个人信息保护法第45条"})

    requester: Told
    basis: Told


class EraseIn(BaseModel):
    model_config = _like({"basis": "本人请求，保存期已满"})

    basis: Told


def _optional(kind: Any) -> type[BaseModel]:
    hints = get_type_hints(kind, include_extras=True)
    fields: dict[str, Any] = {each.name: (hints[each.name], None) for each in dataclasses.fields(kind)}
    return create_model("Optional", **fields)


class Changes(_optional(Fields)):
    """Any of a case's fields; what is left out stays."""

    model_config = _like({"level": "complex", "amount": "5000.00"})


class InstitutionQuery(BaseModel):
    model_config = STRICT

    text: Short = ""
    type: Short = ""
    after: Annotated[int, Field(ge=0, le=2**63 - 1)] = 0
    limit: Limit = PAGE


class InstitutionChanges(_optional(Institution)):
    """Any of an institution's fields; what is left out stays."""

    model_config = _like({"aliases": ["长安行"], "city": "西安"})


class LiaisonsIn(BaseModel):
    """Who answers for complaints at an institution; null: nobody, left out: as before."""

    model_config = _like({"liaison": {"name": "赵云", "phone": "13800138000"}, "deputy": None})

    liaison: Person | None = None
    deputy: Person | None = None

    def given(self) -> dict[Role, Person | None]:
        """Those that are not left out."""
        roles: tuple[Role, ...] = ("liaison", "deputy")
        return {role: getattr(self, role) for role in roles if role in self.model_fields_set}


# ---- what goes out ---------------------------------------------------------------------------------------------------


class Standing(BaseModel):
    """Where a case stands, and nothing of what it is about."""

    case_no: str
    state: State
    owner: str
    version: int
    due_at: datetime | None
    overdue: bool
    acts: dict[Act, list[str]]  # what can be done to it now, with the facts that each needs


class OpenedOut(Standing):
    query_code: str  # by which its consumer asks after it; "" where this was told too long ago to repeat it


class CaseLine(Standing):
    """A case as lists show it."""

    type: CaseType
    track: Track
    level: Level
    urgency: Urgency
    summary: str
    institution: str
    institution_id: int | None
    source_channel: str
    received_at: datetime
    updated_at: datetime
    ended_at: datetime | None


class PageOut(BaseModel):
    cases: list[CaseLine]
    after: str | None  # for the next page; null at the end


class DeadlineOut(BaseModel):
    rule: str
    version: str  # of the rule: since when it is in force
    basis: str  # the law, or our own promise
    confidence: str  # V, V2: read at the source; M: to be checked before relying on it; D: our own
    state: str
    started_at: datetime
    due_on: date | None  # the last day in time, in China
    due_at: datetime | None  # the first instant too late
    provisional: bool  # counted over a year whose holidays are not published yet
    met_at: datetime | None
    warned: str
    supplements: list[dict[str, Any]]
    pauses: list[dict[str, Any]]
    extensions: list[dict[str, Any]]


class NoticeOut(BaseModel):
    """What the case's consumer was told of an event, the last way it went, and how that ended."""

    n: int  # of the event
    act: str
    way: str  # talk, sms, person, later
    state: str  # open, told, unknown, undeliverable, superseded
    created_at: datetime
    ended_at: datetime | None


class CaseOut(CaseLine):
    """A whole case; texts and people masked."""

    told: Fields
    person_id: str
    person: Person | None  # null once erased
    agent_id: str | None
    agent: Person | None
    conversation_id: str | None
    external_no: str
    opened_at: datetime
    opened_by: str
    retention_until: date | None
    result: str
    reply_at: datetime | None
    parent_no: str | None
    duplicate_of: str | None
    merged_into: str | None
    rating: str  # what the consumer said in the end: solved, unhappy, unsolved; "": nothing
    deadlines: list[DeadlineOut]
    tasks: list[Task]
    attachments: list[Attachment]
    told_to_consumer: list[NoticeOut]


class OpenData(BaseModel):
    """A case's personal data, open."""

    person: Person | None  # null once erased
    agent: Person | None
    texts: dict[str, str]  # summary, facts, request, result
    events: dict[int, dict[str, str]]  # by number, the texts of notes, replies and so on that held something hidden


class InstitutionPage(BaseModel):
    institutions: list[Listed]
    after: int | None  # for the next page; null at the end


class LiaisonsOut(BaseModel):
    liaison: Person | None
    deputy: Person | None


class InstitutionOut(LiaisonsOut):
    """An institution; its people masked."""

    institution: Listed


class Cell(BaseModel):
    row: str
    column: str
    count: int


class CrossTabOut(BaseModel):
    rows: Dimension
    columns: Dimension
    cells: list[Cell]
    total: int


class Erasable(BaseModel):
    people: list[str]
    after: str | None


def standing(case: Case, now: datetime) -> dict[str, Any]:
    """The values of `Standing`."""
    return {
        "case_no": case.case_no,
        "state": case.state,
        "owner": case.owner,
        "version": case.version,
        "due_at": case.due_at,
        "overdue": case.overdue(now),
        "acts": {act: list(TRANSITIONS[act].needs) for act in acts(case.state)},
    }


def line(case: Case, now: datetime) -> dict[str, Any]:
    """The values of `CaseLine`."""
    told = ("type", "track", "level", "urgency", "summary", "institution", "institution_id")
    own = ("source_channel", "received_at", "updated_at", "ended_at")
    values = {name: getattr(case.told, name) for name in told} | {name: getattr(case, name) for name in own}
    return standing(case, now) | values


def whole(conn: Connection, vault: Vault, case: Case, now: datetime) -> CaseOut:
    """A case with all that hangs on it, masked."""
    own = {name for name in CaseOut.model_fields if name in Case.__dataclass_fields__}
    return CaseOut.model_validate(
        {name: getattr(case, name) for name in own}
        | line(case, now)
        | {
            "person": privacy.masked(conn, vault, case.person_id),
            "agent": privacy.masked(conn, vault, case.agent_id) if case.agent_id else None,
            "deadlines": [deadline(each) for each in watch.of_case(conn, case)],
            "tasks": list(tasks.of_case(conn, case)),
            "attachments": list(attachments.of_case(conn, case)),
            "told_to_consumer": [NoticeOut(**row) for row in notices.of_case(conn, case.id)],
        }
    )


def open_data(conn: Connection, vault: Vault, case_no: str, *, actor: str, reason: str, now: datetime) -> OpenData:
    """A case's people and texts, open; whatever is opened is a row of the audit."""
    case = history.load(conn, case_no)
    why: Any = {"actor": actor, "reason": reason, "now": now}
    told = {"summary": case.told.summary, "facts": case.told.facts, "request": case.told.request, "result": case.result}

    def opened(text: str) -> str:
        return privacy.unmask_text(conn, vault, case_no, text, **why) if privacy.REFERENCE.search(text) else text

    events = {
        each.n: {name: opened(value) for name, value in each.facts.items() if _hides(value)}
        for each in history.events(conn, case)
        if any(map(_hides, each.facts.values()))
    }

    def known(id: str | None) -> Person | None:
        try:
            return privacy.unmask(conn, vault, id, **why) if id else None
        except privacy.Erased:
            return None

    return OpenData(
        person=known(case.person_id),
        agent=known(case.agent_id),
        texts={name: opened(text) for name, text in told.items()},
        events=events,
    )


def _hides(value: object) -> bool:
    return isinstance(value, str) and privacy.REFERENCE.search(value) is not None


def deadline(one: Deadline) -> DeadlineOut:
    """A limit with the law it rests on."""
    row = rules.in_force(one.rule, today(one.started_at), one.version)
    law = {"basis": row.basis if row else "", "confidence": row.confidence if row else ""}
    own = {name: getattr(one, name) for name in DeadlineOut.model_fields if name not in law}
    return DeadlineOut.model_validate(own | law)

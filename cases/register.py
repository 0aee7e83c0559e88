"""The register: the one road by which a case is opened and changed, each step in the caller's transaction.

What may happen is `cases.states`' word, by when `cases.rules`'; here it is written down. Every change is one event and
one new version; who saw an older version gets Conflict and loses nothing of the other's work.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, cast

from pydantic import TypeAdapter, ValidationError
from sqlalchemy import Connection, bindparam, insert, select, text, update

from cases import codes, history, numbers, privacy, watch, words
from cases.calendar import today
from cases.model import (
    FIELDS,
    QUEUES,
    BadCase,
    Case,
    Fields,
    Holder,
    NewCase,
    Opened,
    Person,
    read,
)
from cases.states import ENDED, TRANSITIONS, Act, IllegalAct, State, step
from cases.tables import complaint_case, institution
from cases.tasks import cancel_open
from cases.texts import Masker, Names, bare
from core.tables import conversation
from core.vault import Vault

SKEW = timedelta(minutes=5)  # by which another system's clock may go ahead of ours
ID_MAX = 2**63 - 1  # what a column holds
EXTERNAL_MAX = 64  # characters of what another system calls a case
NUMBERS = ("institution_id", "total")  # facts that are whole numbers
_HOLDER: TypeAdapter[str] = TypeAdapter(Holder)
# Built once: a list of cases comes by here a hundred thousand times.
_ADD = insert(complaint_case).returning(complaint_case.c.id)
_STAND = (
    update(complaint_case)
    .where(complaint_case.c.id == bindparam("case"))
    .values(due_at=bindparam("due_at"), retention_until=bindparam("retention_until"))
)
_NEXT = text(
    "INSERT INTO case_number (year, n) VALUES (:year, 1)"
    " ON CONFLICT (year) DO UPDATE SET n = case_number.n + 1 RETURNING n"
)
_BY_CAUSE = select(complaint_case.c.case_no).where(complaint_case.c.cause == bindparam("what"))


# ---- opening ---------------------------------------------------------------------------------------------------------


def open_case(conn: Connection, vault: Vault, new: NewCase, *, actor: str, cause: str, now: datetime) -> Opened:
    """Opens a case, as a draft or submitted, and its first clock from `received_at`.

    `cause` names what it is opened for and is kept for ever: the same one again gives the same case, and no code. What
    cannot be: BadCase.
    """
    if not cause or len(cause) > 200:
        raise BadCase("cause: 1 to 200 characters")
    if (known := _of_cause(conn, cause)) is not None:
        return Opened(case=known, query_code="")
    if new.received_at > now + SKEW:
        raise BadCase("received_at lies in the future")
    received = min(new.received_at, now)
    state = State.DRAFT if new.draft else _submitted(new)
    _check_conversation(conn, new.conversation_id)
    known_as = privacy.read_person(conn, vault, new.person_id) if new.person_id else new.person
    names = Names((known_as, new.agent), institution=new.institution)
    masker = Masker(conn, vault, conversation=new.conversation_id, names=names)
    told = masker.fields(Fields(**{name: getattr(new, name) for name in FIELDS}))
    codes.check({name: getattr(told, name) for name in codes.KINDS})
    external_no = masker.text(new.external_no, name="external_no", longest=EXTERNAL_MAX)
    official = _institution_name(conn, told.institution_id)
    year = today(now).year
    case_no = numbers.case_no(year, _next_number(conn, year))
    # On PostgreSQL the number's row is locked from here on: whoever opened the same case meanwhile has committed it.
    if (known := _of_cause(conn, cause)) is not None:
        return Opened(case=known, query_code="")
    code = numbers.new_code()
    indexed = words.told(told.summary, told.institution, official, external_no)
    values = history.columns(told) | {
        "indexed": indexed,
        "case_no": case_no,
        "cause": cause,
        "query_hash": query_hash(vault, case_no, code),
        "external_no": external_no,
        "source_channel": new.source_channel,
        "received_at": received,
        "conversation_id": new.conversation_id,
        "person_id": new.person_id or privacy.add(conn, vault, new.person, now=now),
        "agent_id": privacy.add(conn, vault, new.agent, now=now) if new.agent else None,
        "state": state.value,
        "owner": new.owner or QUEUES[told.type],
        "version": 1,
        "opened_at": now,
        "opened_by": actor,
        "updated_at": now,
    }
    id = conn.execute(_ADD, values).scalar_one()
    facts = {"cause": cause, "source_channel": new.source_channel, "received_at": received.isoformat()}
    history.add_event(conn, id, 1, "open", facts, actor=actor, at=now, before=None, after=state)
    standing = watch.follow(
        conn, id, told.track, before=None, after=state, act=None, facts={}, now=now, started=received
    )
    conn.execute(_STAND, {"case": id} | standing)
    masker.save(id)
    words.put(conn, id, indexed)
    return Opened(case=history.load(conn, case_no), query_code=code)


# ---- changing --------------------------------------------------------------------------------------------------------


def act(
    conn: Connection,
    vault: Vault,
    case_no: str,
    what: Act,
    facts: Mapping[str, object],
    *,
    actor: str,
    now: datetime,
    version: int | None,
) -> Case:
    """Does something to a case, if `states.step` lets it happen and the law knows it (IllegalAct, with the reason).

    `facts` are masked and kept with the event. `version`: of the case as the caller saw it, else Conflict; None for a
    machine that has just read it in this transaction.
    """
    if what is Act.MERGE:
        _alone(conn)
    case = history.take(conn, case_no, version)
    at = max(now, case.updated_at)
    masker = privacy.masker(conn, vault, case)
    kept = masker.facts({name: value for name, value in facts.items() if name != "into"})
    if "into" in facts:
        kept["into"] = _number(facts["into"])
    after = step(case.state, what, kept)
    for name in {*TRANSITIONS[what].needs, *NUMBERS} & kept.keys():
        if type(kept[name]) is not (int if name in NUMBERS else str):
            raise BadCase(f"{name} is {'a whole number' if name in NUMBERS else 'a text'}")
    changes = _consequences(conn, case, what, kept, at)
    changes |= watch.follow(
        conn, case.id, case.told.track, before=case.state, after=after, act=what, facts=kept, now=at
    )
    if after in ENDED:
        changes["ended_at"] = at
        cancel_open(conn, case.id, now=at, actor=actor)
    elif case.ended:
        changes["ended_at"] = None
    done = history.record(conn, case, what, kept, actor=actor, now=at, after=after, changes=changes)
    if what is Act.MERGE:
        other = history.load(conn, str(kept["into"]), lock=True)
        history.record(conn, other, "link", {"merged": case_no}, actor=actor, now=at)
    masker.save(case.id)
    if "institution_id" in changes:
        words.index(conn, case.id)
    return done


def edit(
    conn: Connection,
    vault: Vault,
    case_no: str,
    changes: Mapping[str, object],
    *,
    actor: str,
    now: datetime,
    version: int | None,
) -> Case:
    """Changes what was told of a case; the event has each field before and after. Nothing new: nothing happens.

    Another track puts its limits in the place of those that run. BadCase for what is no field or no value of it.
    """
    case = history.take(conn, case_no, version)
    if case.state is State.MERGED:
        raise IllegalAct(f"{case_no} is merged into {case.merged_into}: change that one")
    if unknown := sorted(changes.keys() - set(FIELDS)):
        raise BadCase(f"{', '.join(unknown)}: no such field to change")
    told = read(Fields, {name: getattr(case.told, name) for name in FIELDS} | dict(changes))
    masker = privacy.masker(conn, vault, case)
    changed = [name for name in changes if getattr(told, name) != getattr(case.told, name)]
    told = masker.fields(told, changed)
    changed = [name for name in changed if getattr(told, name) != getattr(case.told, name)]
    if not changed:
        return case
    if case.ended and {"track", "type"} & set(changed):
        raise IllegalAct("a case that has ended keeps its type and its track")
    if "institution_id" in changed:
        _institution_name(conn, told.institution_id)
    codes.check({name: getattr(told, name) for name in codes.KINDS if name in changed})
    at = max(now, case.updated_at)
    row: dict[str, Any] = {name: value for name, value in history.columns(told).items() if name in changed}
    if "track" in changed:
        row |= watch.retrack(conn, case, told.track, now=at)
    if "type" in changed and case.owner == QUEUES[case.told.type]:
        row["owner"] = QUEUES[told.type]
    facts = {
        "before": {name: history.plain(case.told, name) for name in changed},
        "after": {name: history.plain(told, name) for name in changed},
    }
    masker.save(case.id)
    done = history.record(conn, case, "edit", facts, actor=actor, now=at, changes=row)
    words.index(conn, case.id)
    return done


def note(conn: Connection, vault: Vault, case_no: str, words: str, *, actor: str, now: datetime) -> Case:
    """Keeps a remark with the case, for those who work on it."""
    case = history.take(conn, case_no, None)
    masker = privacy.masker(conn, vault, case)
    kept = masker.text(words, name="note")
    if not kept:
        raise BadCase("note: nothing was written")
    masker.save(case.id)
    return history.record(conn, case, "note", {"text": kept}, actor=actor, now=now)


def urge(conn: Connection, case_no: str, *, actor: str, now: datetime) -> Case:
    """Notes that somebody waits for it."""
    return history.record(conn, history.take(conn, case_no, None), "urge", {}, actor=actor, now=now)


def move(conn: Connection, case_no: str, conversation_id: str, *, actor: str, now: datetime) -> Case:
    """Lets a case go on in another conversation of its consumer, which from now on opens it."""
    case = history.take(conn, case_no, None)
    if case.conversation_id == conversation_id:
        return case
    _check_conversation(conn, conversation_id)
    return history.record(conn, case, "move", {}, actor=actor, now=now, changes={"conversation_id": conversation_id})


def assign(
    conn: Connection, case_no: str, owner: str, *, actor: str, now: datetime, version: int | None, reason: str = ""
) -> Case:
    """Gives a case to somebody, or back to a queue (queue:…); it always has one of them."""
    case = history.take(conn, case_no, version)
    try:
        holder = _HOLDER.validate_python(owner)
    except ValidationError:
        raise BadCase("owner: an account, or queue: and small letters") from None
    if holder == case.owner:
        return case
    facts = {"before": case.owner, "after": holder, "reason": bare(reason, name="reason")}
    return history.record(conn, case, "assign", facts, actor=actor, now=now, changes={"owner": holder})


def set_person(
    conn: Connection, vault: Vault, case_no: str, who: Person, *, actor: str, now: datetime, version: int | None
) -> Case:
    """Puts other data in the place of the person's; the event names the fields that changed, not what they hold.

    A name that was not known before is veiled in what was told of the case.
    """
    case = history.take(conn, case_no, version)
    known = privacy.read_person(conn, vault, case.person_id)
    names = [name for name in Person.__dataclass_fields__ if getattr(known, name) != getattr(who, name)]
    if not names:
        return case
    privacy.replace(conn, vault, case.person_id, who)
    return _renamed(conn, vault, case, names, {}, actor=actor, now=now)


def set_agent(
    conn: Connection, vault: Vault, case_no: str, who: Person, *, actor: str, now: datetime, version: int | None
) -> Case:
    """Puts other data in the place of the data of who acts for the person, if anybody did; else like `set_person`."""
    case = history.take(conn, case_no, version)
    if case.agent_id is None:
        id = privacy.add(conn, vault, who, now=now)
        case = replace(case, agent_id=id)
        return _renamed(conn, vault, case, ["agent"], {"agent_id": id}, actor=actor, now=now)
    if privacy.read_person(conn, vault, case.agent_id) == who:
        return case
    privacy.replace(conn, vault, case.agent_id, who)
    return _renamed(conn, vault, case, ["agent"], {}, actor=actor, now=now)


# ---- cases that belong together --------------------------------------------------------------------------------------


def set_parent(
    conn: Connection, case_no: str, parent: str | None, *, actor: str, now: datetime, version: int | None
) -> Case:
    """Makes a case a part of another one, or of none; a circle: IllegalAct."""
    return _link(conn, case_no, "parent_no", parent, actor=actor, now=now, version=version)


def mark_duplicate(
    conn: Connection, case_no: str, of: str | None, *, actor: str, now: datetime, version: int | None
) -> Case:
    """Notes that a case tells the same as another one, or that it does not after all; both go on."""
    return _link(conn, case_no, "duplicate_of", of, actor=actor, now=now, version=version)


def _link(
    conn: Connection, case_no: str, column: str, other: str | None, *, actor: str, now: datetime, version: int | None
) -> Case:
    _alone(conn)
    case = history.take(conn, case_no, version)
    if getattr(case, column) == other:
        return case
    at: str | None = other
    while at is not None:
        if at == case_no:
            raise IllegalAct(f"{case_no} and {other} would stand for each other")
        at = getattr(history.load(conn, at), column)
    facts = {"link": column, "before": getattr(case, column), "after": other}
    return history.record(conn, case, "link", facts, actor=actor, now=now, changes={column: other})


# ---- the consumer's own question -------------------------------------------------------------------------------------


def new_code(conn: Connection, vault: Vault, case_no: str, *, actor: str, now: datetime) -> str:
    """Another query code for a consumer who lost theirs, which opens nothing any more."""
    case = history.take(conn, case_no, None)
    code = numbers.new_code()
    changes = {"query_hash": query_hash(vault, case_no, code)}
    history.record(conn, case, "code", {}, actor=actor, now=now, changes=changes)
    return code


def query_hash(vault: Vault, case_no: str, code: str) -> str:
    """What is kept of a query code; `code` as it was made."""
    return vault.fingerprint("query-code", case_no, code)


# ---- inside ----------------------------------------------------------------------------------------------------------


def _consequences(conn: Connection, case: Case, what: Act, facts: Mapping[str, Any], at: datetime) -> dict[str, Any]:
    """The columns that an act changes beside the state and the clocks; IllegalAct where it cannot be after all."""
    if what is Act.SUBMIT and not (case.told.summary or case.told.facts):
        raise IllegalAct("nothing is told of the case yet: a summary or facts are needed")
    if what is Act.FORWARD:
        _institution_name(conn, facts["institution_id"])
        return {} if case.told.institution_id else {"institution_id": facts["institution_id"]}
    if what is Act.REPLY:
        return {"reply_at": at}
    if what is Act.CLOSE:
        return {"result": str(facts["result"])}
    if what is Act.MERGE:
        into = facts["into"]
        other = history.load(conn, into)
        if other.id == case.id or other.state is State.MERGED:
            raise IllegalAct(f"{into} cannot take it in: it is {'itself' if other.id == case.id else 'merged too'}")
        return {"merged_into": into}
    return {}


def _renamed(
    conn: Connection,
    vault: Vault,
    case: Case,
    changed: list[str],
    changes: Mapping[str, Any],
    *,
    actor: str,
    now: datetime,
) -> Case:
    """Notes what changed of a case's people and veils names that are new in what was told."""
    masker = privacy.masker(conn, vault, case)
    before, after = history.columns(case.told), history.columns(masker.fields(case.told))
    veiled = {name: value for name, value in after.items() if value != before[name]}
    masker.save(case.id)
    done = history.record(
        conn, case, "person", {"changed": changed}, actor=actor, now=now, changes={**changes, **veiled}
    )
    if veiled:
        words.index(conn, case.id)
    return done


def _submitted(new: NewCase) -> State:
    if not (new.summary or new.facts):
        raise BadCase("a summary or facts are needed")
    return step(State.DRAFT, Act.SUBMIT, {})


def _number(given: object) -> str:
    try:
        return numbers.read_case_no(str(given))
    except ValueError as e:
        raise BadCase(f"into: {e}") from None


def _of_cause(conn: Connection, cause: str) -> Case | None:
    case_no = conn.execute(_BY_CAUSE, {"what": cause}).scalar_one_or_none()
    return None if case_no is None else history.load(conn, case_no)


def _next_number(conn: Connection, year: int) -> int:
    return cast("int", conn.execute(_NEXT, {"year": year}).scalar_one())


def _institution_name(conn: Connection, id: int | None) -> str:
    """The institution's own name, "" for none; BadCase if there is no such institution."""
    if id is None:
        return ""
    query = select(institution.c.name).where(institution.c.id == id)
    name = conn.execute(query).scalar_one_or_none() if 0 < id <= ID_MAX else None
    if name is None:
        raise BadCase(f"institution_id: there is no institution {id}")
    return str(name)


def _check_conversation(conn: Connection, id: str | None) -> None:
    if id is not None and conn.execute(select(conversation.c.id).where(conversation.c.id == id)).one_or_none() is None:
        raise BadCase(f"conversation_id: there is no conversation {id}")


def _alone(conn: Connection) -> None:
    """Lets one transaction at a time tie cases together: two that each see half of a circle would close it."""
    if conn.dialect.name == "postgresql":
        conn.execute(text("SELECT pg_advisory_xact_lock(12363, 1)"))

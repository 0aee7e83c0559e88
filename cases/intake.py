"""What consumers do with their own cases in a conversation: keep a draft, file, add to it, urge, withdraw, reopen.

Each step is one call in the caller's transaction and goes through the register. Who may do it was found out before
(`cases.lookup`); what cannot be is an error of the register with nothing written.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select

from cases import history, institutions, privacy, register, tasks
from cases.calendar import DAY, midnight, today, works
from cases.model import FIELDS, BadCase, Case, CaseType, NewCase, NewTask, Opened, Person, Track, read
from cases.repeats import is_batch, repeated
from cases.states import Act, IllegalAct, State
from cases.tables import complaint_case
from core import alarm
from core.vault import Vault

ACTOR = "consumer"
ANONYMOUS = frozenset({CaseType.ENQUIRY, CaseType.SUGGESTION})  # what nobody needs to give a name for
ON_BEHALF = ("proxy", "heir", "group")
REPRESENTATIVES_MAX = 5  # of a group (R12)


class NoName(BadCase):
    """A complaint needs a name and a way to reach who complains."""

    code = "no_name"


@dataclass(frozen=True, kw_only=True, slots=True)
class Contact:
    """How somebody wants to be reached."""

    phone: str = field(default="", repr=False)
    email: str = field(default="", repr=False)


@dataclass(frozen=True, kw_only=True, slots=True)
class Told:
    """What was told, as texts by the names of core.effects; the people's data apart, opened."""

    texts: Mapping[str, str]
    contact: Contact = Contact()
    agent_contact: Contact = Contact()
    conversation_id: str
    source_channel: str
    language: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Filed:
    """A case that was filed; or, of a matter that the same conversation has a case of already, that case instead."""

    opened: Opened | None = None
    repeat_of: Case | None = None


# ---- drafts ----------------------------------------------------------------------------------------------------------


def draft_of(conn: Connection, conversation_id: str) -> str:
    """The number of the newest draft of a conversation; "" if there is none."""
    here = (complaint_case.c.conversation_id == conversation_id, complaint_case.c.state == State.DRAFT.value)
    query = select(complaint_case.c.case_no).where(*here).order_by(complaint_case.c.id.desc()).limit(1)
    return conn.execute(query).scalar_one_or_none() or ""


def save_draft(conn: Connection, vault: Vault, told: Told, *, cause: str, now: datetime) -> Opened:
    """Keeps what was told, in the conversation's draft if it has one; only a new one comes with a code."""
    number = draft_of(conn, told.conversation_id)
    if number:
        return Opened(case=_retell(conn, vault, number, told, now), query_code="")
    return register.open_case(conn, vault, _new(conn, told, now, draft=True), actor=ACTOR, cause=cause, now=now)


def resume(conn: Connection, case: Case, conversation_id: str, *, now: datetime) -> Case:
    """Lets a draft go on in this conversation; IllegalAct for what is no draft any more."""
    if case.state is not State.DRAFT:
        raise IllegalAct(f"{case.case_no} is no draft: it is {case.state}")
    return register.move(conn, case.case_no, conversation_id, actor=ACTOR, now=now)


def recall(conn: Connection, vault: Vault, conversation_id: str) -> dict[str, str]:
    """What the conversation's draft holds, by the names of core.effects, for whoever goes on with it; of a name and a
    contact only that they are there ("kept"). Empty: there is no draft."""
    number = draft_of(conn, conversation_id)
    if not number:
        return {}
    case = history.load(conn, number)
    told, who = case.told, privacy.read_person(conn, vault, case.person_id)
    found = {
        "draft": number,
        "type": told.type.value,
        "summary": told.summary,
        "facts": told.facts,
        "request": told.request,
        "institution": told.institution,
        "business": told.business_code,
        "amount": f"{told.amount:.2f}" if told.amount is not None else "",
        "consent": "yes" if "forward" in told.consents else "",
        "person": "kept" if who.name else "",
        "contact": "kept" if who.phone or who.email else "",
    }
    return {name: value for name, value in found.items() if value}


# ---- filing ----------------------------------------------------------------------------------------------------------


def file(conn: Connection, vault: Vault, told: Told, *, cause: str, again: bool, now: datetime) -> Filed:
    """Files what was told, from the draft that it names if that is the conversation's; the same cause files once.

    A second case of one matter from the same conversation is not filed unless `again`; from elsewhere it is, marked as
    a repeat: who only gives somebody's telephone number must not learn what that person has told us.
    """
    number = draft_of(conn, told.conversation_id) if told.texts.get("draft") else ""
    new = _new(conn, told, now, draft=False)
    held = _held(conn, vault, number) if number else Person()
    _check_named(new, held)
    before = repeated(conn, vault, _merged(held, new.person), new, now=now)
    own = next((case for case in before if case.conversation_id == told.conversation_id and not case.ended), None)
    if own is not None and not again:
        return Filed(repeat_of=own)
    if number:
        _retell(conn, vault, number, told, now)
        case = register.act(conn, vault, number, Act.SUBMIT, {}, actor=ACTOR, now=now, version=None)
        code = register.new_code(conn, vault, number, actor=ACTOR, now=now)
        opened = Opened(case=case, query_code=code)
    else:
        opened = register.open_case(conn, vault, new, actor=ACTOR, cause=cause, now=now)
    return Filed(opened=Opened(case=_flag(conn, vault, opened.case, before, now), query_code=opened.query_code))


def _flag(conn: Connection, vault: Vault, case: Case, before: tuple[Case, ...], now: datetime) -> Case:
    """Marks a repeat, and one of many people's complaints on one matter, for those who work on it."""
    flags = {each.value for each in case.told.flags}
    if before:
        flags.add("repeat")
    if is_batch(conn, case, now=now):
        flags.add("batch")
        alarm.raise_alarm(conn, "case_batch", f"institution {case.told.institution_id}", case.case_no, now)
    if flags == {each.value for each in case.told.flags}:
        return case
    changes = {"flags": sorted(flags)}
    return register.edit(conn, vault, case.case_no, changes, actor=ACTOR, now=now, version=None)


# ---- afterwards ------------------------------------------------------------------------------------------------------


def supplement(conn: Connection, vault: Vault, case: Case, text: str, *, now: datetime) -> Case:
    """Adds to a case; if something was asked for, this is it. IllegalAct for a case that has ended."""
    if case.ended:
        raise IllegalAct(f"a case that is {case.state} takes nothing more")
    if case.state is State.SUPPLEMENT_REQUESTED:
        facts = {"text": text}
        return register.act(conn, vault, case.case_no, Act.SUPPLEMENT, facts, actor=ACTOR, now=now, version=None)
    return register.note(conn, vault, case.case_no, text, actor=ACTOR, now=now)


def urge(conn: Connection, vault: Vault, case: Case, *, now: datetime) -> bool:
    """Tells whoever has the case that its consumer waits, with a task for the next working day; once a day, else
    False. IllegalAct for a case that has ended."""
    if case.ended or case.state is State.DRAFT:
        raise IllegalAct(f"a case that is {case.state} cannot be urged")
    urged = [each.at for each in history.events(conn, case) if each.act == "urge"]
    if urged and today(urged[-1]) == today(now):
        return False
    register.urge(conn, case.case_no, actor=ACTOR, now=now)
    day = today(now) + DAY
    while not works(day):
        day += DAY
    task = NewTask(title="消费者催办：请答复进展", owner=case.owner, due_at=midnight(day + DAY))
    tasks.add(conn, vault, case.case_no, task, actor=ACTOR, now=now)
    return True


def withdraw(conn: Connection, vault: Vault, case: Case, reason: str, *, now: datetime) -> Case:
    """Ends a case at once, whatever stage it is at (R12)."""
    facts = {"reason": reason} if reason else {}
    return register.act(conn, vault, case.case_no, Act.WITHDRAW, facts, actor=ACTOR, now=now, version=None)


def reopen(conn: Connection, vault: Vault, case: Case, new_facts: str, *, now: datetime) -> Case:
    """Goes on with a closed case for new facts; without any: IllegalAct."""
    facts = {"new_facts": new_facts}
    return register.act(conn, vault, case.case_no, Act.REOPEN, facts, actor=ACTOR, now=now, version=None)


# ---- inside ----------------------------------------------------------------------------------------------------------


def _new(conn: Connection, told: Told, now: datetime, *, draft: bool) -> NewCase:
    """What was told as the register takes it; BadCase for what cannot be."""
    given = told.texts
    agent = given.get("on_behalf", "")
    if agent not in ("", *ON_BEHALF):
        raise BadCase(f"on_behalf: one of {', '.join(ON_BEHALF)}")
    found = institutions.names(conn).find(given.get("institution", ""))
    raw: dict[str, Any] = {
        "type": given.get("type") or CaseType.COMPLAINT,
        "track": given.get("track") or Track.PBOC,
        "language": told.language,
        "summary": given.get("summary", "") or _first_line(given.get("facts", "")),
        "facts": "\n".join(filter(None, [given.get("facts", ""), _day(given.get("day", ""))])),
        "request": given.get("request", ""),
        "institution": given.get("institution", ""),
        "institution_id": next(iter(found)) if len(found) == 1 else None,
        "business_code": given.get("business", ""),
        "amount": given.get("amount") or None,
        "people_count": given.get("people") or 1,
        "prior_complaint": _prior(given),
        "consents": {"forward": today(now)} if given.get("consent") == "yes" else {},
        "flags": ["batch"] if agent == "group" else [],
        "source_channel": told.source_channel,
        "received_at": now,
        "conversation_id": told.conversation_id,
        "draft": draft,
        "person": _person(given.get("person", ""), told.contact, told.language),
    }
    if agent:
        raw["agent"] = _person(given.get("agent", ""), told.agent_contact, told.language)
    return read(NewCase, raw)


def _person(name: str, contact: Contact, language: str) -> Person:
    return read(Person, {"name": name, "phone": contact.phone, "email": contact.email, "language": language})


def _first_line(facts: str) -> str:
    line = facts.strip().splitlines()[0] if facts.strip() else ""
    return line[:60]


def _day(day: str) -> str:
    return f"（发生日期：{day}）" if day else ""


def _prior(given: Mapping[str, str]) -> dict[str, Any] | None:
    """What the institution was told before; that it was not is kept too."""
    if not given.get("prior"):
        return None
    asked = given["prior"] == "yes"
    return {
        "to_institution": "已向机构投诉" if asked else "未向机构投诉",
        "on": (given.get("prior_day") or None) if asked else None,
        "reply": given.get("prior_reply", "") if asked else "",
    }


def _check_named(new: NewCase, held: Person) -> None:
    who = _merged(held, new.person)
    reached = new.agent if new.agent is not None and (new.agent.phone or new.agent.email) else who
    if new.type not in ANONYMOUS and not (who.name and (reached.phone or reached.email)):
        raise NoName


def _held(conn: Connection, vault: Vault, number: str) -> Person:
    return privacy.read_person(conn, vault, history.load(conn, number).person_id)


def _merged(held: Person, new: Person) -> Person:
    """The new data over those that were held."""
    return read(Person, privacy.told(held) | privacy.told(new))


def _retell(conn: Connection, vault: Vault, number: str, told: Told, now: datetime) -> Case:
    """Puts what was told now in the place of what the draft held; what was not told stays."""
    new = _new(conn, told, now, draft=True)
    case = history.load(conn, number, lock=True)
    held = _held(conn, vault, number)
    register.set_person(conn, vault, number, _merged(held, new.person), actor=ACTOR, now=now, version=None)
    changes = {
        name: value
        for name in FIELDS
        if (value := getattr(new, name)) not in ("", None, (), {}) and value != getattr(case.told, name)
    }
    return register.edit(conn, vault, number, changes, actor=ACTOR, now=now, version=None)

"""What consumers do with their own cases in a conversation: keep a draft, file, add to it, urge, withdraw, reopen.

Each step is one call in the caller's transaction and goes through the register. Who may do it was found out before
(`cases.lookup`); what cannot be is an error of the register with nothing written.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select

from cases import evidence, history, id_links, institutions, privacy, register, tasks
from cases.calendar import DAY, midnight, next_working_day, today
from cases.model import BadCase, Case, CaseType, Fields, Flag, NewCase, NewTask, Opened, Person, Track, read
from cases.repeats import is_batch, repeated, same_words
from cases.states import Act, IllegalAct, State
from cases.tables import complaint_case
from cases.texts import Masker, Names
from core import alarm
from core.vault import Vault

ACTOR = "consumer"
ANONYMOUS = frozenset({CaseType.ENQUIRY, CaseType.SUGGESTION})  # what nobody needs to give a name for
ON_BEHALF = ("proxy", "heir", "group")
REPRESENTATIVES_MAX = 5  # of a group (R12)
APART = "new"  # in the place of a draft's number: a complaint beside the draft that there is
KEPT = "kept"  # stands for a name or contact that the draft holds; told, it tells nothing
_DAY = re.compile(r"\n?（发生日期：([^）]*)）$")
_HEIR = "（由继承人投诉）"  # a last line of the facts, too: no field says it
_ASKED, _NOT_ASKED = "已向机构投诉", "未向机构投诉"
# Of which texts (core.effects) a field is made.
_SOURCES: Mapping[str, tuple[str, ...]] = {
    "type": ("type",),
    "track": ("track",),
    "summary": ("summary", "facts"),
    "facts": ("facts", "day", "on_behalf"),
    "request": ("request",),
    "institution": ("institution",),
    "institution_id": ("institution",),
    "business_code": ("business",),
    "amount": ("amount",),
    "people_count": ("people",),
    "prior_complaint": ("prior",),
    "consents": ("consent",),
    "flags": ("on_behalf",),
}


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
    """Keeps what was told, in the conversation's draft if it has one and this is not apart from it; only a new one
    comes with a code."""
    number = draft_of(conn, told.conversation_id) if told.texts.get("draft") != APART else ""
    if number:
        kept = Opened(case=_retell(conn, vault, number, told, now), query_code="")
    else:
        new = _new(conn, told, now, draft=True)
        kept = register.open_case(conn, vault, new, actor=ACTOR, cause=cause, now=now)
    evidence.give(conn, kept.case.case_no, told.conversation_id, now=now)
    return kept


def resume(conn: Connection, case: Case, conversation_id: str, *, now: datetime) -> Case:
    """Lets a draft go on in this conversation; IllegalAct for what is no draft any more."""
    if case.state is not State.DRAFT:
        raise IllegalAct(f"{case.case_no} is no draft: it is {case.state}")
    return register.move(conn, case.case_no, conversation_id, actor=ACTOR, now=now)


def recall(conn: Connection, vault: Vault, conversation_id: str) -> dict[str, str]:
    """What the conversation's draft holds, by the names of core.effects, for whoever goes on with it; of names and
    contacts only that they are there (KEPT), of a track only one that is not everybody's. Empty: there is no draft."""
    number = draft_of(conn, conversation_id)
    if not number:
        return {}
    case = history.load(conn, number)
    told, who = case.told, privacy.read_person(conn, vault, case.person_id)
    agent = privacy.read_person(conn, vault, case.agent_id) if case.agent_id else Person()
    prior = told.prior_complaint
    words, day, heir = _apart(told.facts)
    acting = "group" if Flag.BATCH in told.flags else "heir" if heir else "proxy"
    found = {
        "draft": number,
        "type": told.type.value,
        "summary": told.summary,
        "facts": words,
        "day": day,
        "request": told.request,
        "institution": told.institution,
        "business": told.business_code,
        "track": told.track.value if told.track is not Track.PBOC else "",
        "amount": f"{told.amount:.2f}" if told.amount is not None else "",
        "consent": "yes" if "forward" in told.consents else "",
        "person": KEPT if who.name else "",
        "contact": KEPT if who.phone or who.email else "",
        "on_behalf": acting if case.agent_id else "",
        "agent": KEPT if agent.name else "",
        "agent_contact": KEPT if agent.phone or agent.email else "",
        "people": str(told.people_count) if told.people_count > 1 else "",
        "prior": "" if prior is None else "no" if prior.to_institution == _NOT_ASKED else "yes",
        "prior_day": prior.on.isoformat() if prior and prior.on else "",
        "prior_reply": prior.reply if prior else "",
    }
    return {name: value for name, value in found.items() if value}


# ---- filing ----------------------------------------------------------------------------------------------------------


def file(conn: Connection, vault: Vault, told: Told, *, cause: str, again: bool, now: datetime) -> Filed:
    """Files what was told, from the draft that it names if that is the conversation's; the same cause files once.

    A second case of one matter from the same conversation is not filed unless `again`; from elsewhere it is, marked as
    a repeat: who only gives somebody's telephone number must not learn what that person has told us.
    """
    number = draft_of(conn, told.conversation_id) if told.texts.get("draft", APART) not in ("", APART) else ""
    new = _new(conn, told, now, draft=False)
    fields, who, agent = new, new.person, new.agent
    if number:
        draft = _retell(conn, vault, number, told, now)
        fields, who = draft.told, privacy.read_person(conn, vault, draft.person_id)
        agent = privacy.read_person(conn, vault, draft.agent_id) if draft.agent_id else None
    _check_named(fields, who, agent)
    before = repeated(conn, vault, who, fields, now=now)
    own = next((case for case in before if case.conversation_id == told.conversation_id and not case.ended), None)
    if own is None:
        names = Names((who, agent), institution=fields.institution)
        masker = Masker(conn, vault, conversation=told.conversation_id, names=names)
        own = same_words(conn, told.conversation_id, masker.fields(fields, ("summary", "facts", "institution")))
    if own is not None and not again:
        return Filed(repeat_of=own)
    if number:
        case = register.act(conn, vault, number, Act.SUBMIT, {}, actor=ACTOR, now=now, version=None)
        code = register.new_code(conn, vault, number, actor=ACTOR, now=now)
        opened = Opened(case=case, query_code=code)
    else:
        opened = register.open_case(conn, vault, new, actor=ACTOR, cause=cause, now=now)
    evidence.give(conn, opened.case.case_no, told.conversation_id, now=now)
    case = _flag(conn, vault, opened.case, repeat=bool(before) or own is not None, now=now)
    case = id_links.ask(conn, vault, case, now=now)
    return Filed(opened=Opened(case=case, query_code=opened.query_code))


def _flag(conn: Connection, vault: Vault, case: Case, *, repeat: bool, now: datetime) -> Case:
    """Marks a repeat, and one of many people's complaints on one matter, for those who work on it."""
    flags = {each.value for each in case.told.flags}
    if repeat:
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
    """Adds to a case; if something was asked for that can be told in a chat, this is it. IllegalAct for a case that has
    ended."""
    if case.ended:
        raise IllegalAct(f"a case that is {case.state} takes nothing more")
    if case.state is State.SUPPLEMENT_REQUESTED and not id_links.waits(conn, vault, case):
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
    end = midnight(next_working_day(today(now)) + DAY)
    task = NewTask(title="消费者催办：请答复进展", owner=case.owner, due_at=end)
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
        "facts": _dated(given, ""),
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
    if agent or given.get("agent") or told.agent_contact != Contact():
        raw["agent"] = _person(given.get("agent", ""), told.agent_contact, told.language)
    return read(NewCase, raw)


def _person(name: str, contact: Contact, language: str) -> Person:
    name = "" if name == KEPT else name
    return read(Person, {"name": name, "phone": contact.phone, "email": contact.email, "language": language})


def _first_line(facts: str) -> str:
    line = facts.strip().splitlines()[0] if facts.strip() else ""
    return line[:60]


def _dated(given: Mapping[str, str], held: str) -> str:
    """The facts with the day in a last line, and that an heir tells them in another; each as it was told now, else as
    the held facts have it."""
    words, day, heir = _apart(given.get("facts", ""))
    held_words, held_day, held_heir = _apart(held)
    day = given.get("day") or day or held_day
    heir = given["on_behalf"] == "heir" if given.get("on_behalf") else heir or held_heir
    return "\n".join(filter(None, [words or held_words, f"（发生日期：{day}）" if day else "", _HEIR if heir else ""]))


def _apart(facts: str) -> tuple[str, str, bool]:
    """What `_dated` put together: words, day, and whether an heir tells them."""
    rest = facts.removesuffix(_HEIR).removesuffix("\n")
    found = _DAY.search(rest)
    return _DAY.sub("", rest), found[1] if found else "", facts.endswith(_HEIR)


def _prior(given: Mapping[str, str]) -> dict[str, Any] | None:
    """What the institution was told before; that it was not is kept too."""
    if not given.get("prior"):
        return None
    asked = given["prior"] == "yes"
    return {
        "to_institution": _ASKED if asked else _NOT_ASKED,
        "on": (given.get("prior_day") or None) if asked else None,
        "reply": given.get("prior_reply", "") if asked else "",
    }


def _check_named(told: Fields, who: Person, agent: Person | None) -> None:
    reached = agent if agent is not None and (agent.phone or agent.email) else who
    if told.type not in ANONYMOUS and not (who.name and (reached.phone or reached.email)):
        raise NoName


def _merged(conn: Connection, vault: Vault, id: str | None, new: Person) -> Person:
    """The new data over those that are held of this person, if any are."""
    held = privacy.told(privacy.read_person(conn, vault, id)) if id else {}
    return read(Person, held | privacy.told(new))


def _retell(conn: Connection, vault: Vault, number: str, told: Told, now: datetime) -> Case:
    """Puts what was told now in the place of what the draft held; what was not told stays."""
    new, given = _new(conn, told, now, draft=True), told.texts
    case = history.load(conn, number, lock=True)
    who = _merged(conn, vault, case.person_id, new.person)
    register.set_person(conn, vault, number, who, actor=ACTOR, now=now, version=None)
    if new.agent is not None:
        agent = _merged(conn, vault, case.agent_id, new.agent)
        register.set_agent(conn, vault, number, agent, actor=ACTOR, now=now, version=None)
    held = history.load(conn, number).told
    changes: dict[str, object] = {
        name: getattr(new, name) for name, texts in _SOURCES.items() if any(given.get(text) for text in texts)
    }
    changes["language"] = new.language
    if "facts" in changes:
        changes["facts"] = _dated(given, held.facts)
    if not given.get("summary") and held.summary and held.summary != _first_line(held.facts):
        changes.pop("summary", None)  # one that was told in its own words
    if (
        (prior := new.prior_complaint)
        and (known := held.prior_complaint)
        and prior.to_institution == known.to_institution
    ):
        changes["prior_complaint"] = replace(prior, on=prior.on or known.on, reply=prior.reply or known.reply)
    if "flags" in changes:
        changes["flags"] = sorted({*held.flags, *new.flags})
    if given.get("consent") == "no":
        changes["consents"] = {purpose: day for purpose, day in held.consents.items() if purpose != "forward"}
    elif "consents" in changes:
        changes["consents"] = held.consents | new.consents
    return register.edit(conn, vault, number, changes, actor=ACTOR, now=now, version=None)

"""The one-time link by which the people of a complaint give the numbers of their identity papers.

A complaint needs them (R8). One that was filed without is asked for the supplement at once: what counts the days of
deciding waits, and counts anew from the number's arrival (R5). Of a link only a keyed hash lies here; it opens a form
and nothing of the case, works once, and the next one replaces it.
"""

from __future__ import annotations

import base64
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal

from sqlalchemy import Connection, delete, select, update

from cases import history, privacy, register
from cases.id_numbers import Paper
from cases.model import Case, CaseType, Person
from cases.states import Act, IllegalAct, State
from cases.tables import id_link
from core import audit, once
from core.store import upsert
from core.vault import Vault

PATH = "/id/"  # what a token stands behind
TOKEN_BYTES = 20  # random, written as 32 of a-z, 2-7: no sign that a messenger cuts from the end of an address
TOKEN = re.compile("[a-z2-7]{32}")
LINK_CHARS = 24  # of a link's hash that tell it from every other one
MATERIAL = "id_number"  # what is missing, as events name it
ASKED = "身份证件号码（由消费者在一次性安全页面填写）"
GIVEN = "身份证件号码已在一次性安全页面填写"
ENTERED = "身份证件号码已登记"
HOUSE, CONSUMER = "house", "consumer"  # actors

Holder = Literal["person", "agent"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Form:
    """What an open link asks for: the papers of the person, of who acts for them, or of both."""

    case: Case
    holders: tuple[Holder, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Used:
    """What the use of a link came to."""

    case: Case
    complete: bool  # the case waited for the numbers, and has them all now
    link: str  # tells this use from every other one


# ---- asking ----------------------------------------------------------------------------------------------------------


def ask(conn: Connection, vault: Vault, case: Case, *, now: datetime) -> Case:
    """Asks for the numbers that a complaint lacks; any other case, and one that lacks none, stays as it is."""
    if case.told.type is not CaseType.COMPLAINT or case.state is not State.SUBMITTED or not _lacking(conn, vault, case):
        return case
    facts = {"text": ASKED, "missing": MATERIAL}
    return register.act(conn, vault, case.case_no, Act.REQUEST_SUPPLEMENT, facts, actor=HOUSE, now=now, version=None)


def waits(conn: Connection, vault: Vault, case: Case) -> bool:
    """Whether a case waits for a number, and so for nothing that can be written in a chat."""
    return _asked(conn, case) and bool(_lacking(conn, vault, case))


def make(conn: Connection, vault: Vault, case: Case, *, valid: timedelta, actor: str, now: datetime) -> str:
    """The token of a new link, told only now; the one before it works no more. IllegalAct for a draft and for a case
    that has ended."""
    if case.ended or case.state is State.DRAFT:
        raise IllegalAct(f"a case that is {case.state} takes no number")
    old = select(id_link.c.secret_ref).where(id_link.c.case_id == case.id)
    if ref := conn.execute(old).scalar_one_or_none():
        once.drop(conn, ref)
    token = base64.b32encode(secrets.token_bytes(TOKEN_BYTES)).decode().lower()
    new = {
        "hash": _hash(vault, token),
        "secret_ref": "",
        "created_at": now,
        "expires_at": now + valid,
        "used_at": None,
    }
    made = upsert(conn, id_link).values(case_id=case.id, **new)
    conn.execute(made.on_conflict_do_update(index_elements=["case_id"], set_=new))
    audit.note(conn, actor=actor, act="cases.id_link", subject=case.case_no, now=now)
    return token


def shown_as(conn: Connection, case: Case, mark: str) -> None:
    """Notes the reference by which a conversation shows the link, so that it goes with the link's use."""
    ref = once.ref_of(mark)
    conn.execute(update(id_link).where(id_link.c.case_id == case.id).values(secret_ref=ref))


# ---- giving ----------------------------------------------------------------------------------------------------------


def find(conn: Connection, vault: Vault, token: str, *, now: datetime) -> Form | None:
    """What the link asks for; None alike for one that is unknown, used, replaced or too old."""
    row = conn.execute(
        select(id_link.c.case_id).where(
            id_link.c.hash == _hash(vault, token), id_link.c.used_at.is_(None), id_link.c.expires_at > now
        )
    ).one_or_none()
    return None if row is None else _form(conn, vault, row.case_id)


def use(conn: Connection, vault: Vault, token: str, given: Mapping[Holder, Paper], *, now: datetime) -> Used | None:
    """Keeps the papers, sealed with the people's other data.

    None, with nothing kept, for a link that `find` would not open: of two that come at once one is the first.
    """
    taken = conn.execute(
        update(id_link)
        .where(id_link.c.hash == _hash(vault, token), id_link.c.used_at.is_(None), id_link.c.expires_at > now)
        .values(used_at=now)
        .returning(id_link.c.case_id, id_link.c.secret_ref, id_link.c.hash)
    ).one_or_none()
    form = _form(conn, vault, taken.case_id, lock=True) if taken is not None else None
    if taken is None or form is None:
        return None
    once.drop(conn, taken.secret_ref)
    case = form.case
    for holder, who in _people(conn, vault, case).items():
        paper = given.get(holder)
        if paper is None:
            continue
        told = replace(who, id_type=paper.kind, id_number=paper.number)
        put = register.set_person if holder == "person" else register.set_agent
        put(conn, vault, case.case_no, told, actor=CONSUMER, now=now, version=None)
        id = case.person_id if holder == "person" else case.agent_id
        audit.note(conn, actor=CONSUMER, act="cases.id_number", subject=f"person:{id}", detail=case.case_no, now=now)
    case = history.load(conn, case.case_no)
    done = complete(conn, vault, case, GIVEN, actor=CONSUMER, now=now)
    return Used(case=done, complete=done.state is not case.state, link=str(taken.hash[:LINK_CHARS]))


def complete(conn: Connection, vault: Vault, case: Case, text: str, *, actor: str, now: datetime) -> Case:
    """Lets a case go on that waited for numbers and has them all now; any other stays as it is. `text`: how they
    came, kept with the event."""
    if not _asked(conn, case) or _lacking(conn, vault, case):
        return case
    facts = {"text": text, "material": MATERIAL}
    return register.act(conn, vault, case.case_no, Act.SUPPLEMENT, facts, actor=actor, now=now, version=None)


def forget(conn: Connection, now: datetime) -> None:
    """Removes links that work no more."""
    conn.execute(delete(id_link).where(id_link.c.expires_at <= now))


# ---- inside ----------------------------------------------------------------------------------------------------------


def _hash(vault: Vault, token: str) -> str:
    return vault.fingerprint("id-link", token)


def _form(conn: Connection, vault: Vault, case_id: int, *, lock: bool = False) -> Form | None:
    """None for a case that has ended, or whose people were erased."""
    case = history.load(conn, history.number(conn, case_id), lock=lock)
    if case.ended:
        return None
    try:
        people = _people(conn, vault, case)
    except privacy.Erased:
        return None
    return Form(case=case, holders=_without(people) or tuple(people))  # staff may ask anew for one that is wrong


def _asked(conn: Connection, case: Case) -> bool:
    """Whether the last that was asked for, and has not come, is the number."""
    if case.state is not State.SUPPLEMENT_REQUESTED:
        return False
    asked = [each.facts for each in history.events(conn, case) if each.act == Act.REQUEST_SUPPLEMENT]
    return bool(asked) and asked[-1].get("missing") == MATERIAL


def _lacking(conn: Connection, vault: Vault, case: Case) -> tuple[Holder, ...]:
    return _without(_people(conn, vault, case))


def _without(people: Mapping[Holder, Person]) -> tuple[Holder, ...]:
    return tuple(holder for holder, who in people.items() if not who.id_number)


def _people(conn: Connection, vault: Vault, case: Case) -> dict[Holder, Person]:
    """Whose papers the case needs; Erased."""
    people: dict[Holder, Person] = {"person": privacy.read_person(conn, vault, case.person_id)}
    if case.agent_id:
        people["agent"] = privacy.read_person(conn, vault, case.agent_id)
    return people

"""People in the register: sealed under a key each, masked unless opened with a reason, erased by destroying the key.

Every opening, export and erasure writes an audit row in the same transaction.
"""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import json
import re
import secrets
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, and_, delete, exists, insert, or_, select, update

from cases import history
from cases.calendar import today
from cases.model import BadCase, Case, Person, read
from cases.states import ENDED
from cases.tables import case_attachment, case_event, case_secret, complaint_case, person, person_mark
from cases.texts import Masker, Names, bare, veiled
from core import audit, files, masking, turns
from core.errors import NotFound, QiantaiError
from core.vault import KEY_BYTES, Seal, Vault

OPEN = frozenset({"country", "province", "city", "gender", "language", "id_type"})  # of a person, what needs no mask
PHONES = ("phone", "reserved_phone", "reply_phone")
CALLED = "phone_and_name"  # kind of the mark by which a consumer without a query code is known
_ADD, _ADD_MARK = insert(person), insert(person_mark)
REFERENCE = re.compile(r"⟦(phone|email):([a-z2-7]{10})⟧")


class Erased(QiantaiError):
    """This person's data was erased."""

    code = "erased"
    status = 410


class Kept(QiantaiError):
    """The law still wants this to be kept."""

    code = "kept"
    status = 409


@dataclass(frozen=True, kw_only=True, slots=True)
class Export:
    """What the register knows of one person, as JSON, and its SHA-256 (hex)."""

    content: bytes
    sha256: str


# ---- one person ------------------------------------------------------------------------------------------------------


def add(conn: Connection, vault: Vault, who: Person, *, now: datetime) -> str:
    """Seals a person under a new key; gives the id."""
    id = secrets.token_hex(16)
    key = secrets.token_bytes(KEY_BYTES)
    sealed_key = vault.seal(base64.b64encode(key).decode(), context=f"person-key:{id}")
    conn.execute(_ADD, {"id": id, "key": sealed_key, "sealed": _close(Seal(key), id, who), "created_at": now})
    _mark(conn, vault, id, who)
    return id


def replace(conn: Connection, vault: Vault, id: str, who: Person) -> None:
    """Puts other data in the place of a person's; Erased if there is nothing left to replace."""
    seal = data_seal(conn, vault, id)
    conn.execute(update(person).where(person.c.id == id).values(sealed=_close(seal, id, who)))
    conn.execute(delete(person_mark).where(person_mark.c.person_id == id))
    _mark(conn, vault, id, who)


def masked(conn: Connection, vault: Vault, id: str) -> Person | None:
    """A person as everybody with access to the case may see them: 王**, *******8000; None once erased."""
    who = _unless_erased(conn, vault, id)
    return None if who is None else hide(who)


def unmask(conn: Connection, vault: Vault, id: str, *, actor: str, reason: str, now: datetime) -> Person:
    """A person's open data, for a reason that stays in the audit; Erased once it is."""
    who = read_person(conn, vault, id)
    note_opening(conn, f"person:{id}", actor=actor, reason=reason, now=now)
    return who


def unmask_text(
    conn: Connection, vault: Vault, case_no: str, text: str, *, actor: str, reason: str, now: datetime
) -> str:
    """A text of the case with its telephone numbers and e-mail addresses; what was erased, and identity and bank card
    numbers, which nobody keeps, stay marks."""
    case = history.load(conn, case_no)
    refs = {match[2] for match in REFERENCE.finditer(text)}
    values = _values(conn, vault, case.id, refs)
    note_opening(conn, case_no, actor=actor, reason=reason, now=now)
    return REFERENCE.sub(lambda match: values.get(match[2], match[0]), text)


def note_opening(conn: Connection, subject: str, *, actor: str, reason: str, now: datetime) -> None:
    """Writes into the audit that somebody saw something open; without a reason nobody does: BadCase."""
    audit.note(conn, actor=actor, act="cases.unmask", subject=subject, detail=_reason(reason), now=now)


def hide(who: Person) -> Person:
    """A person with the first character of the name, the last four of numbers and the domain of an address."""
    return dataclasses.replace(
        who,
        name=veiled(who.name),
        id_number=_end(who.id_number),
        birth_year=None,
        **{name: _end(getattr(who, name)) for name in PHONES},
        email="***" + who.email[who.email.find("@") :] if "@" in who.email else "*" * len(who.email),
        special_needs="***" if who.special_needs else "",
    )


def masker(conn: Connection, vault: Vault, case: Case) -> Masker:
    """What masks further texts of a case, with the names of its people."""
    people = [_unless_erased(conn, vault, id) for id in (case.person_id, case.agent_id) if id]
    names = Names(people, institution=case.told.institution)
    return Masker(conn, vault, conversation=case.conversation_id, case_id=case.id, names=names)


def told(who: Person) -> dict[str, Any]:
    """What is known of a person, without what is not."""
    return {name: value for name, value in dataclasses.asdict(who).items() if value not in ("", None)}


def known(conn: Connection, vault: Vault, who: Person) -> tuple[str, ...]:
    """Ids of people in the register with an identity number, telephone number or address in common with this one."""
    marks = _marks(vault, who)
    if not marks:
        return ()
    same = select(person_mark.c.person_id).where(
        or_(*(and_(person_mark.c.kind == kind, person_mark.c.fingerprint == mark) for kind, mark in sorted(marks)))
    )
    return tuple(conn.execute(same.distinct().order_by(person_mark.c.person_id)).scalars())


def data_seal(conn: Connection, vault: Vault, id: str) -> Seal:
    """What seals this person's data; Erased once its key is destroyed, NotFound if there is no such person."""
    row = conn.execute(select(person.c.key).where(person.c.id == id)).one_or_none()
    if row is None:
        raise NotFound(f"there is no person {id}")
    if row.key is None:
        raise Erased
    return Seal(base64.b64decode(vault.unseal(row.key, context=f"person-key:{id}")))


# ---- what a person may ask for ---------------------------------------------------------------------------------------


def export(conn: Connection, vault: Vault, id: str, *, requester: str, basis: str, actor: str, now: datetime) -> Export:
    """All that is known of a person, with their cases and what happened to them, telephone numbers opened, and the
    files that they sent without a case; but not the numbers in cases of somebody else, for whom they only act, nor the
    files of others in the same conversation."""
    who = read_person(conn, vault, id)
    cases: list[dict[str, Any]] = []
    for case in conn.execute(select(complaint_case).where(_of(id)).order_by(complaint_case.c.id)).all():
        events = conn.execute(select(case_event).where(case_event.c.case_id == case.id).order_by(case_event.c.n)).all()
        about = select(case_attachment.c.name, case_attachment.c.sha256)
        kept = conn.execute(about.where(case_attachment.c.case_id == case.id).order_by(case_attachment.c.id)).all()
        one = {
            "case_no": case.case_no,
            "received_at": case.received_at.isoformat(),
            "state": case.state,
            "summary": case.summary,
            "facts": case.facts,
            "request": case.request,
            "result": case.result,
            "attachments": [{"name": file.name, "sha256": file.sha256} for file in kept],
            "events": [{"at": each.at.isoformat(), "act": each.act, "facts": each.facts} for each in events],
        }
        written = json.dumps(one, ensure_ascii=False)
        refs = {match[2] for match in REFERENCE.finditer(written)} if case.person_id == id else set[str]()
        values = _values(conn, vault, case.id, refs)
        cases.append(json.loads(REFERENCE.sub(lambda m, v=values: json.dumps(v.get(m[2], m[0]))[1:-1], written)))
    sent = [{"name": name, "sha256": sha256} for name, sha256 in files.listed(conn, _own(conn, id), _talks(conn, id))]
    whole = {"person": dataclasses.asdict(who), "cases": cases, "files": sent, "requester": requester, "basis": basis}
    content = json.dumps(whole | {"at": now.isoformat()}, ensure_ascii=False, indent=2).encode()
    digest = hashlib.sha256(content).hexdigest()
    detail = json.dumps({"requester": _reason(requester), "basis": _reason(basis), "sha256": digest})
    audit.note(conn, actor=actor, act="cases.export", subject=f"person:{id}", detail=detail, now=now)
    return Export(content=content, sha256=digest)


def erase(conn: Connection, id: str, *, basis: str, actor: str, now: datetime) -> None:
    """Makes a person's data unreadable for good: sealed data, files, telephone numbers in texts, what a dialogue
    of theirs still remembers. Their cases stay.

    Kept, with the day, while a case of theirs is open or must be kept; a second time changes nothing.
    """
    row = conn.execute(select(person.c.erased_at).where(person.c.id == id).with_for_update()).one_or_none()
    if row is None:
        raise NotFound(f"there is no person {id}")
    if row.erased_at is not None:
        return
    why = _reason(basis)
    held = conn.execute(
        select(complaint_case.c.case_no, complaint_case.c.retention_until).where(_of(id), _binds(now)).limit(1)
    ).one_or_none()
    if held is not None:
        raise Kept(f"{held.case_no} is kept until {held.retention_until or 'it has ended and its time has run out'}")
    if conn.dialect.name == "sqlite":
        # Else the old bytes stay in the file until others come there.
        conn.exec_driver_sql("PRAGMA secure_delete=ON")
    mine = select(complaint_case.c.id).where(complaint_case.c.person_id == id)
    conn.execute(delete(case_secret).where(case_secret.c.case_id.in_(mine)))
    conn.execute(update(case_attachment).where(case_attachment.c.case_id.in_(mine)).values(sealed=None))
    files.erase(conn, _own(conn, id), _talks(conn, id))
    conn.execute(delete(person_mark).where(person_mark.c.person_id == id))
    where = select(complaint_case.c.conversation_id).where(_of(id), complaint_case.c.conversation_id.is_not(None))
    turns.forget(conn, where)
    conn.execute(update(person).where(person.c.id == id).values(key=None, sealed=None, erased_at=now))
    theirs = select(complaint_case.c.case_no).where(_of(id)).order_by(complaint_case.c.id)
    for case_no in conn.execute(theirs).scalars().all():
        case, unasked = history.load(conn, case_no, lock=True), {"ask_at": None}
        history.record(conn, case, "erase", {"basis": why}, actor=actor, now=now, changes=unasked)
    audit.note(conn, actor=actor, act="cases.erase", subject=f"person:{id}", detail=why, now=now)


def erasable(conn: Connection, *, now: datetime, after: str = "", limit: int = 100) -> tuple[str, ...]:
    """Ids of people whose cases have all been kept for as long as they must, in their order."""
    of_them = or_(complaint_case.c.person_id == person.c.id, complaint_case.c.agent_id == person.c.id)
    bound = exists().where(of_them, _binds(now))
    query = select(person.c.id).where(person.c.erased_at.is_(None), person.c.id > after, ~bound)
    return tuple(conn.execute(query.order_by(person.c.id).limit(limit)).scalars())


# ---- inside ----------------------------------------------------------------------------------------------------------


def read_person(conn: Connection, vault: Vault, id: str) -> Person:
    """A person's open data for the house's own work; whoever shows it to people calls `unmask`."""
    seal = data_seal(conn, vault, id)
    sealed = conn.execute(select(person.c.sealed).where(person.c.id == id)).scalar_one()
    return read(Person, json.loads(seal.open(sealed, context=f"person:{id}")))


def _unless_erased(conn: Connection, vault: Vault, id: str) -> Person | None:
    try:
        return read_person(conn, vault, id)
    except Erased:
        return None


def _close(seal: Seal, id: str, who: Person) -> bytes:
    return seal.close(json.dumps(told(who), ensure_ascii=False).encode(), context=f"person:{id}")


def _mark(conn: Connection, vault: Vault, id: str, who: Person) -> None:
    if marks := _marks(vault, who):
        rows = [{"person_id": id, "kind": kind, "fingerprint": mark} for kind, mark in sorted(marks)]
        conn.execute(_ADD_MARK, rows)


def _marks(vault: Vault, who: Person) -> set[tuple[str, str]]:
    """Kind and fingerprint of what tells who it is; the same as a text's secrets have, so both are found together."""
    phones = {phone(getattr(who, name)) for name in PHONES} - {""}
    values = {("phone", each) for each in phones}
    values |= {("email", unicodedata.normalize("NFKC", who.email).lower()), ("id_number", _id_number(who.id_number))}
    marks = {(kind, vault.fingerprint(kind, value)) for kind, value in values if value}
    return marks | {(CALLED, called(vault, each, who.name)) for each in phones if who.name}


def called(vault: Vault, phone: str, name: str) -> str:
    """The mark of a telephone number together with the name of whose it is; `phone` canonical."""
    return vault.fingerprint(CALLED, phone, "".join(unicodedata.normalize("NFKC", name).casefold().split()))


def phone(written: str) -> str:
    """A telephone number in the form in which it is known again."""
    found = [each.value for each in masking.find(written) if each.kind == "phone"]
    return found[0] if found else re.sub(r"[^\d+]", "", unicodedata.normalize("NFKC", written))


def _id_number(written: str) -> str:
    return re.sub(r"[\s\-]", "", unicodedata.normalize("NFKC", written)).upper()


def _end(number: str) -> str:
    """Of a number its last four characters, unless they were half of it."""
    shown = number[-4:] if len(number) > 8 else ""
    return "*" * (len(number) - len(shown)) + shown


def _reason(given: str) -> str:
    told = bare(given, name="reason")
    if not told:
        raise BadCase("a reason is needed")
    return told


def _values(conn: Connection, vault: Vault, case_id: int, refs: set[str]) -> Mapping[str, str]:
    """What those of the references stand for that are the case's."""
    query = select(case_secret.c.ref, case_secret.c.sealed)
    rows = conn.execute(query.where(case_secret.c.case_id == case_id, case_secret.c.ref.in_(sorted(refs)))).all()
    return {row.ref: vault.unseal(row.sealed, context=f"secret:{row.ref}") for row in rows}


def _of(id: str) -> Any:
    return or_(complaint_case.c.person_id == id, complaint_case.c.agent_id == id)


def _own(conn: Connection, id: str) -> list[str]:
    """The numbers of a person's own cases."""
    return list(conn.execute(select(complaint_case.c.case_no).where(complaint_case.c.person_id == id)).scalars())


def _talks(conn: Connection, id: str) -> list[str]:
    """The conversations in which a person's own cases go on and no open one of somebody else, to whom what lies there
    in no case may belong."""
    other = complaint_case.alias()
    shared = exists().where(
        other.c.conversation_id == complaint_case.c.conversation_id,
        other.c.person_id != id,
        other.c.state.not_in(sorted(ENDED)),
    )
    here = select(complaint_case.c.conversation_id).where(
        complaint_case.c.person_id == id, complaint_case.c.conversation_id.is_not(None), ~shared
    )
    return list(conn.execute(here.distinct()).scalars())


def _binds(now: datetime) -> Any:
    """Whether a case is open or still must be kept; one that ended before any rule of keeping is free."""
    day: date = today(now)
    return or_(complaint_case.c.state.not_in(sorted(ENDED)), complaint_case.c.retention_until >= day)

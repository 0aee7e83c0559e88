"""Cases that tell the same: of one person on one matter (a repeat), of many people on one matter (a batch)."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Connection, or_, select

from cases import history, privacy
from cases.model import Case, CaseType, Fields, Person
from cases.states import ENDED, State
from cases.tables import complaint_case, person_mark
from core.vault import Vault

REPEAT_WITHIN = timedelta(days=365)
BATCH_WITHIN = timedelta(days=30)
BATCH_PEOPLE = 10  # different people; ours: R12 only limits how many may speak for a group
LOOKED_AT = 500  # marks; a batch shows long before
NONE_OF_THEM = (State.DRAFT.value, State.MERGED.value, State.WITHDRAWN.value)


def repeated(conn: Connection, vault: Vault, who: Person, told: Fields, *, now: datetime) -> tuple[Case, ...]:
    """Cases of the last year in which the same person tells of the same matter, the newest first.

    The same person has an identity number, a telephone number or an address in common; the same matter is of one type,
    about one institution, and of one kind of business where both say one.
    """
    people = privacy.known(conn, vault, who)
    about = _about(told)
    if not people or about is None:
        return ()
    same = (
        complaint_case.c.person_id.in_(people),
        complaint_case.c.type == told.type.value,
        complaint_case.c.received_at > now - REPEAT_WITHIN,
        complaint_case.c.state.not_in(NONE_OF_THEM),
        about,
    )
    rows = conn.execute(select(*history.SHOWN).where(*same).order_by(complaint_case.c.id.desc()).limit(20)).all()
    cases = (history.of_row(row) for row in rows)
    return tuple(case for case in cases if _same_business(case.told, told))


def same_words(conn: Connection, conversation_id: str, told: Fields) -> Case | None:
    """The newest open case of a conversation that tells the same in the same words, of no other institution.

    `told` as the register keeps it, masked; without facts its summary is compared.
    """
    same = [
        complaint_case.c.conversation_id == conversation_id,
        complaint_case.c.type == told.type.value,
        complaint_case.c.state.not_in((State.DRAFT.value, *sorted(ENDED))),
        complaint_case.c.facts == told.facts,
    ]
    if not told.facts:
        same.append(complaint_case.c.summary == told.summary)
    if told.institution:
        same.append(complaint_case.c.institution.in_((told.institution, "")))
    row = conn.execute(select(*history.SHOWN).where(*same).order_by(complaint_case.c.id.desc()).limit(1)).one_or_none()
    return None if row is None else history.of_row(row)


def is_batch(conn: Connection, case: Case, *, now: datetime) -> bool:
    """Whether BATCH_PEOPLE different people, this one among them, complain of one matter within BATCH_WITHIN: one
    institution that the register knows, one kind of business and one reason as far as they are told."""
    told = case.told
    if told.type is not CaseType.COMPLAINT or told.institution_id is None:
        return False
    same = (
        complaint_case.c.institution_id == told.institution_id,
        complaint_case.c.type == told.type.value,
        complaint_case.c.business_code == told.business_code,
        complaint_case.c.reason_code == told.reason_code,
        complaint_case.c.received_at > now - BATCH_WITHIN,
        complaint_case.c.state.not_in(NONE_OF_THEM),
    )
    marks = (person_mark.c.person_id == complaint_case.c.person_id) & (person_mark.c.kind != privacy.CALLED)
    query = select(complaint_case.c.person_id, person_mark.c.fingerprint).outerjoin(person_mark, marks)
    rows = conn.execute(query.where(*same).order_by(complaint_case.c.id.desc()).limit(LOOKED_AT)).all()
    return _different([(row.person_id, row.fingerprint) for row in rows]) >= BATCH_PEOPLE


def _different(marks: Collection[tuple[str, str | None]]) -> int:
    """How many people there are among those with these ids, where a mark in common makes two ids one person."""
    groups: dict[str, str] = {}  # each id or mark to the one before it, up to the first of its group

    def first(of: str) -> str:
        while groups.setdefault(of, of) != of:
            of = groups[of]
        return of

    ids = {id for id, _ in marks}
    for id, mark in marks:
        if mark is not None:
            groups[first(mark)] = first(id)
    return len({first(id) for id in ids})


def _about(told: Fields) -> ColumnElement[bool] | None:
    """The same institution; None where none is told, which is no matter to compare."""
    named = complaint_case.c.institution == told.institution
    if told.institution_id is not None:
        known = complaint_case.c.institution_id == told.institution_id
        return or_(known, named) if told.institution else known
    return named if told.institution else None


def _same_business(one: Fields, other: Fields) -> bool:
    a, b = one.business_code.partition(".")[0], other.business_code.partition(".")[0]
    return not a or not b or a == b

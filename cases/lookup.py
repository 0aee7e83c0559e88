"""Who may hear where a case stands: every try is counted first, then checked, and a wrong one tells nothing.

A case opens with its number and one thing more: the query code; the conversation that it was filed in, or the telephone
that it names as the person's; or, from elsewhere, that telephone number together with the name. Digits of the number
alone open nothing: four of them are guessed in a day.

Each try takes a place in four counters by a conditional update, so that of any number that come at once no more are
checked than a counter has places. A right one gives its places back. Whoever asks from an address of the case itself
has nothing to guess and is not counted. A full counter of the case or of the house refuses a telephone number with a
name, which can be guessed, but not the code, which cannot: nobody can shut an owner out by guessing at their case.
"""

from __future__ import annotations

import hmac
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, and_, bindparam, case, delete, func, or_, select, update

from cases import history, numbers, privacy, register
from cases.model import Case
from cases.tables import complaint_case, lookup_count, person_mark
from core import alarm
from core.model import OwnCase
from core.statements import Statement
from core.store import UPSERTS
from core.vault import Vault

WINDOW = timedelta(minutes=15)  # counted from the first try; a full counter stays shut for as long again
# Wrong tries in a window. Of codes of 48 bits a million sources, each as often as it may, guess one in 1,600 years.
LIMITS: Mapping[str, int] = {"source": 5, "network": 30, "case": 5, "all": 300}
OWN = ("source", "network")  # whose limits bind a right code too
EARLY = 100  # wrong tries in the whole house that are worth a look, long before it shuts
RECENT = 5  # cases of a conversation that its next turn knows of; older ones are opened by their number all the same
NO_HASH = "0" * 64  # of no code, where there is no case at all


@dataclass(frozen=True, kw_only=True, slots=True)
class Asker:
    """From where somebody asks."""

    source: str  # the conversation
    network: str = ""  # keyed hash; "": nobody knows, and nothing is counted
    phone: str = field(default="", repr=False)  # canonical, where the address is a telephone


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """A case number as people type it, and what is to open it; "" for what was not given."""

    case_no: str
    code: str = field(default="", repr=False)
    phone: str = field(default="", repr=False)  # canonical
    name: str = field(default="", repr=False)


@dataclass(frozen=True, kw_only=True, slots=True)
class Looked:
    """The case, for whoever may see it; or until when nothing is answered; or neither: something was wrong."""

    case: Case | None = None
    locked_until: datetime | None = None


def look_up(conn: Connection, vault: Vault, asked: Asked, asker: Asker, *, now: datetime) -> Looked:
    """What the house tells somebody who asks after a case; wrong and unknown take the same steps and look alike."""
    number = _number(asked.case_no)
    aim = number or f"no number {vault.fingerprint('case', asked.case_no)[:12]}"  # one typo shuts out no other
    # For an unknown number some other case stands in, so that every step has as much to do; nothing of it opens.
    known, last = conn.execute(_IDS, {"no": number}).one()
    other = zlib.crc32(number.encode()) % (last + 1)
    row = conn.execute(_CASE, {"id": known or other}).one_or_none()
    there = row is not None and row.case_no == number
    marks = _marks(conn, row.person_id if row else "")
    own = ("phone", vault.fingerprint("phone", asker.phone)) in marks and asker.phone != ""
    if there and row is not None and (row.conversation_id == asker.source or own):
        return Looked(case=history.load(conn, number))
    taken: list[tuple[str, str, int]] = []
    full: tuple[str, str] | None = None
    for scope, key in _counters(asker, aim):
        n = _take(conn, scope, key, now)
        if n is None:
            full = scope, key
            break
        taken.append((scope, key, n))
    kept = row.query_hash if row else NO_HASH
    right = hmac.compare_digest(register.query_hash(vault, number, numbers.plain_code(asked.code)), kept)
    named = (privacy.CALLED, privacy.called(vault, asked.phone, asked.name)) in marks
    by_code = right and (full is None or full[0] not in OWN)
    by_name = named and full is None and asked.phone != "" and asked.name != ""
    if there and (by_code or by_name):
        _give_back(conn, taken)
        return Looked(case=history.load(conn, number))
    for scope, key, n in taken:
        _warn(conn, scope, key, n, now)
    return Looked(locked_until=_until(conn, *full) if full else None)


def mine(conn: Connection, source: str) -> str:
    """The number of the newest case that was filed in this conversation; "" if there is none."""
    query = select(complaint_case.c.case_no).where(complaint_case.c.conversation_id == source)
    return conn.execute(query.order_by(complaint_case.c.id.desc()).limit(1)).scalar_one_or_none() or ""


def recent(conn: Connection, source: str) -> tuple[OwnCase, ...]:
    """The newest RECENT cases of this conversation, drafts among them, newest first."""
    return tuple(OwnCase(case_no=row.case_no, state=row.state) for row in _RECENT.all(conn, source=source))


def forget(conn: Connection, now: datetime) -> None:
    """Removes counters that begin anew anyway."""
    conn.execute(delete(lookup_count).where(lookup_count.c.until <= now))


# ---- inside ----------------------------------------------------------------------------------------------------------


def _number(written: str) -> str:
    try:
        return numbers.read_case_no(written)
    except ValueError:
        return ""


_same = select(complaint_case.c.id).where(complaint_case.c.case_no == bindparam("no")).scalar_subquery()
_IDS = select(func.coalesce(_same, 0), func.coalesce(select(func.max(complaint_case.c.id)).scalar_subquery(), 0))
_CASE = (
    select(
        complaint_case.c.case_no,
        complaint_case.c.query_hash,
        complaint_case.c.conversation_id,
        complaint_case.c.person_id,
    )
    .where(complaint_case.c.id >= bindparam("id"))
    .order_by(complaint_case.c.id)
    .limit(1)
)
_RECENT = Statement(
    select(complaint_case.c.case_no, complaint_case.c.state)
    .where(complaint_case.c.conversation_id == bindparam("source"))
    .order_by(complaint_case.c.id.desc())
    .limit(RECENT)
)
_MARKS = select(person_mark.c.kind, person_mark.c.fingerprint).where(
    person_mark.c.person_id == bindparam("id"), person_mark.c.kind.in_(("phone", privacy.CALLED))
)


def _marks(conn: Connection, person_id: str) -> set[tuple[str, str]]:
    return {(row.kind, row.fingerprint) for row in conn.execute(_MARKS, {"id": person_id}).all()}


def _counters(asker: Asker, aim: str) -> list[tuple[str, str]]:
    """In the order in which they are taken, always the same: narrow ones shut before they use up the wide ones."""
    network = [("network", asker.network)] if asker.network else []
    return [("source", asker.source), *network, ("case", aim), ("all", "")]


def _taking(dialect: str) -> Any:
    """Takes a place, unless there is none left; built once, since that costs more than running it."""
    here, instant = lookup_count.c, lookup_count.c.until.type
    over = here.until <= bindparam("now", type_=instant)
    last = here.tries + 1 >= bindparam("limit")
    new = UPSERTS[dialect](lookup_count).values(
        scope=bindparam("scope"), key=bindparam("key"), tries=1, until=bindparam("end", type_=instant)
    )
    taken = new.on_conflict_do_update(
        index_elements=["scope", "key"],
        set_={
            "tries": case((over, 1), else_=here.tries + 1),
            "until": case((or_(over, last), new.excluded.until), else_=here.until),
        },
        where=or_(over, here.tries < bindparam("limit")),
    )
    return taken.returning(here.tries)


_TAKE = {name: _taking(name) for name in UPSERTS}


def _take(conn: Connection, scope: str, key: str, now: datetime) -> int | None:
    """Takes a place and says which it is, from 1; None if there is none left."""
    values = {"scope": scope, "key": key, "now": now, "end": now + WINDOW, "limit": LIMITS[scope]}
    return conn.execute(_TAKE[conn.dialect.name], values).scalar_one_or_none()


_UNTIL = select(lookup_count.c.until).where(
    lookup_count.c.scope == bindparam("scope"), lookup_count.c.key == bindparam("key")
)


def _until(conn: Connection, scope: str, key: str) -> datetime:
    return conn.execute(_UNTIL, {"scope": scope, "key": key}).scalar_one()


def _give_back(conn: Connection, taken: list[tuple[str, str, int]]) -> None:
    """After a right try: of the counters that it counted in, source and case begin anew, the wide ones lose one."""
    here = lookup_count.c
    for scope, key, _ in taken:
        one = and_(here.scope == scope, here.key == key)
        if scope in ("source", "case"):
            conn.execute(delete(lookup_count).where(one))
        else:
            conn.execute(update(lookup_count).where(one, here.tries > 0).values(tries=here.tries - 1))


def _warn(conn: Connection, scope: str, key: str, n: int, now: datetime) -> None:
    """Tells people on duty of a counter that a wrong try has filled, and of many wrong tries in the whole house."""
    if scope == "all" and n in (EARLY, LIMITS["all"]):
        alarm.raise_alarm(conn, "lookup_spraying", "the whole house", f"{n} wrong tries to look a case up", now)
    elif scope == "network" and n == LIMITS[scope]:
        alarm.raise_alarm(conn, "lookup_spraying", f"network {key[:12]}", f"{n} wrong tries to look a case up", now)
    elif scope == "case" and n == LIMITS[scope]:
        alarm.raise_alarm(conn, "lookup_guessed", key, f"{n} wrong tries at one case", now)

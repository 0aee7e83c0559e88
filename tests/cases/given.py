"""What tests of the register start from: a case as intake gives it, and facts with which every act is possible."""

from __future__ import annotations

import itertools
import os
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from cases import history, id_links, register
from cases.id_numbers import Paper
from cases.model import Case, NewCase, Opened, Person, TaskKind
from cases.states import Act
from cases.tables import institution
from core.store import Store, upsert
from core.vault import Vault
from tests.conftest import NOON

WANG = Person(
    name="王小明",
    id_type="id_card",
    id_number="11010519491231002X",
    phone="13912345678",
    email="wang.xm@example.org",
    city="西安",
)
BANK = 12  # id of the institution that is there
FACTS: dict[str, Any] = {
    "reason": "N1",
    "where_to": "12378",
    "text": "我们已经告诉您",
    "institution_id": BANK,
    "total": 30,
    "approver": "head",
    "result": "satisfied",
    "new_facts": "新的转账凭证",
}


RECORDED: dict[TaskKind, dict[str, Any]] = {  # with which a task of each kind can be done
    TaskKind.REFERRAL: {"where_to": "12378"},
    TaskKind.MEDIATION: {"outcome": "failed"},
    TaskKind.FOLLOW_UP: {"satisfaction": "accepted"},
    TaskKind.REVIEW: {"finding": "upheld"},
    TaskKind.COMPENSATION: {"amount": "50", "approver": "head"},
    TaskKind.ROOT_CAUSE: {"cause": "短信没有写明费用"},
    TaskKind.IMPROVEMENT: {"plan": "改短信", "check": "三个月没有同样的投诉"},
}


def new(**more: Any) -> NewCase:
    told: dict[str, Any] = {"source_channel": "web", "received_at": NOON, "summary": "银行乱收年费", "person": WANG}
    return NewCase(**told | more)


def bank(conn: Connection) -> None:
    """The institution BANK, if it is not there yet."""
    values = {"id": BANK, "name": "长安银行", "type": "city_bank", "created_at": NOON, "updated_at": NOON}
    conn.execute(upsert(conn, institution).values(values).on_conflict_do_nothing())


_causes = itertools.count()


async def opened(store: Store, vault: Vault, cause: str = "", now: datetime = NOON, **more: Any) -> Opened:
    """A new case, of a cause of its own unless one is given."""
    cause = cause or f"given:{os.getpid()}:{next(_causes)}"
    case = new(**{"received_at": now} | more)
    return await store.write(lambda conn: register.open_case(conn, vault, case, actor="intake", cause=cause, now=now))


async def done(
    store: Store, vault: Vault, case: Case, *acts: Act, now: datetime = NOON, facts: dict[str, Any] = FACTS
) -> Case:
    """The case after these acts, one after the other."""

    def walk(conn: Connection) -> Case:
        at = history.load(conn, case.case_no)
        for what in acts:
            at = register.act(conn, vault, at.case_no, what, facts, actor="li", now=now, version=at.version)
        return at

    return await store.write(walk)


def identify(conn: Connection, vault: Vault, case_no: str, *, now: datetime) -> Case:
    """Gives the number of the person's identity card by a link of its own."""
    case = history.load(conn, case_no)
    token = id_links.make(conn, vault, case, valid=timedelta(hours=1), actor="house", now=now)
    used = id_links.use(conn, vault, token, {"person": Paper(kind="id_card", number=WANG.id_number)}, now=now)
    assert used is not None
    return used.case

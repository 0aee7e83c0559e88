"""People in the register: no number of theirs lies open, opening leaves a trace, erasing cannot be undone."""

from __future__ import annotations

import hashlib
import json
import re
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Connection, inspect, select, text, update
from sqlalchemy.engine import make_url

from cases import attachments, history, privacy, register, tasks
from cases.model import BadCase, Case, Compensation, NewTask, Person, PriorComplaint
from cases.privacy import Erased, Kept
from cases.states import Act
from cases.tables import case_secret, person, person_mark
from core import turns
from core.errors import LeaseLost, NotFound
from core.inbox import Inbox
from core.model import ChannelId, Inbound
from core.store import Store
from core.tables import audit, conversation
from core.vault import Vault
from tests.cases.given import WANG, done, opened
from tests.conftest import NOON

LATER = NOON + timedelta(days=3 * 366 + 30)  # when nothing of a case that ended at NOON has to be kept
PLANTED = {
    "id_number": "11010519491231002X",
    "phone": "13912345678",
    "reserved_phone": "13812345671",
    "reply_phone": "13712345672",
    "email": "wang.xm@example.org",
    "facts": "15812345673",
    "request": "15912345674",
    "note": "18612345675",
    "act": "18712345676",
    "task": "18812345677",
    "file": "18912345679",
    "file name": "13312345670",
    "card": "6222021001122334453",
    "prior": "13112345670",
    "plan": "13212345670",
    "number": "15112345670",
    "reason": "15212345670",
    "agent": "15312345670",
    "special_needs": "聋哑人需要手语",
    "name": "欧阳小明",
}
WHO = Person(
    name=PLANTED["name"],
    id_number=PLANTED["id_number"],
    phone=PLANTED["phone"],
    reserved_phone=PLANTED["reserved_phone"],
    reply_phone=PLANTED["reply_phone"],
    email=PLANTED["email"],
    special_needs=PLANTED["special_needs"],
)


async def planted(store: Store, vault: Vault) -> Case:
    """A case with a number of its own in every place that takes words."""
    case = (
        await opened(
            store,
            vault,
            person=WHO,
            agent=Person(phone=PLANTED["agent"]),
            facts=f"打我电话{PLANTED['facts']}，卡号{PLANTED['card']}",
            request=f"回电 {PLANTED['request'][:3]} {PLANTED['request'][3:7]} {PLANTED['request'][7:]}",
            prior_complaint=PriorComplaint(reply=f"找{PLANTED['prior']}"),
            compensation=Compensation(plan=f"转到{PLANTED['plan']}"),
        )
    ).case
    no = case.case_no
    file = attachments.inspect(f"{PLANTED['file name']}.txt", f"电话{PLANTED['file']}".encode(), longest=1000)

    def work(conn: Connection) -> None:
        register.note(conn, vault, no, f"邻居 {PLANTED['note']}", actor="li", now=NOON)
        given = NewTask(title=f"致电{PLANTED['task']}", owner="li", due_at=NOON)
        made = tasks.add(conn, vault, no, given, actor="li", now=NOON)
        tasks.settle(conn, vault, made.id, result=f"已打{PLANTED['task']}", actor="li", now=NOON)
        facts = {"text": "请补", "to": [f"请寄到{PLANTED['act']}"], "call": int(PLANTED["number"])}
        register.act(conn, vault, no, Act.REQUEST_SUPPLEMENT, facts, actor="li", now=NOON, version=None)
        register.assign(conn, no, "li", actor="li", now=NOON, version=None, reason=f"找{PLANTED['reason']}")
        attachments.add(conn, vault, no, file, actor="li", now=NOON)
        privacy.unmask(conn, vault, case.person_id, actor="li", reason=f"回电{PLANTED['reason']}", now=NOON)

    await store.write(work)
    return await store.read(lambda conn: history.load(conn, no))


def raw(conn: Connection) -> bytes:
    """All that the database keeps: its own files on SQLite, every row of every table on PostgreSQL."""
    if conn.dialect.name == "postgresql":
        tables = inspect(conn).get_table_names()
        rows = [str(row) for name in tables for row in conn.execute(text(f'SELECT t::text FROM "{name}" t')).scalars()]
        dumped = "\n".join(rows)
        return dumped.encode() + b"".join(map(bytes.fromhex, re.findall(r"\\x([0-9a-f]+)", dumped)))
    file = Path(str(conn.engine.url.database))
    return b"".join(each.read_bytes() for each in file.parent.glob(f"{file.name}*"))


async def test_no_number_lies_open_anywhere_in_the_database(store: Store, vault: Vault) -> None:
    case = await planted(store, vault)
    kept = await store.read(raw)
    assert case.case_no.encode() in kept
    assert [what for what, value in PLANTED.items() if value.encode() in kept] == []
    assert [what for what, value in PLANTED.items() if value[:8].encode() in kept and value[:8].isdigit()] == []


async def test_a_person_is_masked_unless_opened_and_opening_is_in_the_audit(store: Store, vault: Vault) -> None:
    case = (await opened(store, vault, person=WHO)).case
    seen = await store.read(lambda conn: privacy.masked(conn, vault, case.person_id))
    assert seen is not None
    assert (seen.name, seen.id_number, seen.phone) == ("欧***", "**************002X", "*******5678")
    assert (seen.email, seen.special_needs) == ("***@example.org", "***")
    subject = f"person:{case.person_id}"
    rows = select(audit).where(audit.c.subject == subject)
    assert await store.read(lambda conn: conn.execute(rows).all()) == []
    who = await store.write(
        lambda conn: privacy.unmask(conn, vault, case.person_id, actor="li", reason="回电", now=NOON)
    )
    assert who == WHO
    (row,) = await store.read(lambda conn: conn.execute(rows).all())
    assert (row.actor, row.act, row.detail, row.at) == ("li", "cases.unmask", "回电", NOON)
    with pytest.raises(BadCase, match="reason"):
        await store.write(lambda c: privacy.unmask(c, vault, case.person_id, actor="li", reason=" ", now=NOON))


async def test_the_numbers_of_a_text_open_for_a_reason_but_identity_and_card_numbers_never(
    store: Store, vault: Vault
) -> None:
    case = await planted(store, vault)
    assert PLANTED["facts"] not in case.told.facts
    shown = await store.write(
        lambda c: privacy.unmask_text(c, vault, case.case_no, case.told.facts, actor="li", reason="回电", now=NOON)
    )
    assert shown == f"打我电话{PLANTED['facts']}，卡号⟦bank-card⟧"
    count = select(audit.c.detail).where(audit.c.subject == case.case_no)
    assert await store.read(lambda conn: conn.execute(count).scalars().all()) == ["回电"]
    other = (await opened(store, vault)).case
    shown = await store.write(
        lambda c: privacy.unmask_text(c, vault, other.case_no, case.told.facts, actor="li", reason="回电", now=NOON)
    )
    assert shown == case.told.facts  # another case's references stay shut


async def test_somebody_is_known_again_however_their_numbers_are_written(store: Store, vault: Vault) -> None:
    case = (await opened(store, vault, person=Person(phone="138-1111-2222", id_number="51010419900101123x"))).case
    for again in (
        Person(phone="+86 138 1111 2222"),
        Person(id_number="51010419900101123X"),
        Person(reply_phone="１３８１１１１２２２２"),
    ):
        assert case.person_id in await store.read(lambda conn, who=again: privacy.known(conn, vault, who))
    for other in (Person(phone="13811112223"), Person(), Person(email="13811112222")):
        assert case.person_id not in await store.read(lambda conn, who=other: privacy.known(conn, vault, who))


async def test_what_must_be_kept_is_not_erased(store: Store, vault: Vault) -> None:
    case = (await opened(store, vault)).case

    async def erase(now: datetime) -> None:
        await store.write(lambda c: privacy.erase(c, case.person_id, basis="本人要求", actor="li", now=now))

    with pytest.raises(Kept, match=case.case_no):
        await erase(LATER)
    await done(store, vault, case, Act.WITHDRAW)
    with pytest.raises(Kept, match="2029-11-21"):
        await erase(NOON + timedelta(days=3 * 365))
    assert case.person_id not in await erasable(store, NOON)
    assert case.person_id in await erasable(store, LATER)
    await erase(LATER)
    assert case.person_id not in await erasable(store, LATER)
    with pytest.raises(NotFound):
        await store.write(lambda c: privacy.erase(c, "0" * 32, basis="x", actor="li", now=LATER))


async def erasable(store: Store, now: datetime) -> list[str]:
    found: list[str] = []
    after = ""
    while page := await store.read(lambda c, last=after: privacy.erasable(c, now=now, after=last, limit=3)):
        found += page
        after = page[-1]
    return found


async def test_what_was_erased_is_unreadable_for_good_and_the_case_stays(
    store: Store, vault: Vault, register_url: str
) -> None:
    case = await done(store, vault, await planted(store, vault), Act.WITHDRAW)
    (file,) = await store.read(lambda conn: attachments.of_case(conn, case))
    locked = select(person.c.key, person.c.sealed).where(person.c.id == case.person_id)
    key, sealed = await store.read(lambda conn: conn.execute(locked).one())
    assert key in await store.read(raw)

    await store.write(lambda c: privacy.erase(c, case.person_id, basis="本人要求", actor="li", now=LATER))
    after = await store.read(lambda conn: history.load(conn, case.case_no))
    assert (after.told, after.state, after.version) == (case.told, case.state, case.version + 1)
    assert await store.read(lambda conn: privacy.masked(conn, vault, case.person_id)) is None
    reads: tuple[Callable[[Connection], object], ...] = (
        lambda c: privacy.unmask(c, vault, case.person_id, actor="li", reason="x", now=LATER),
        lambda c: attachments.content(c, vault, file.id, actor="li", reason="x", now=LATER),
        lambda c: privacy.export(c, vault, case.person_id, requester="x", basis="x", actor="li", now=LATER),
    )
    for read in reads:
        with pytest.raises(Erased):
            await store.write(read)
    shown = await store.write(
        lambda c: privacy.unmask_text(c, vault, case.case_no, case.told.facts, actor="li", reason="x", now=LATER)
    )
    assert shown == case.told.facts
    for table, column, value in (
        (person_mark, person_mark.c.person_id, case.person_id),
        (case_secret, case_secret.c.case_id, case.id),
    ):
        query = select(table).where(column == value)
        assert await store.read(lambda conn, each=query: conn.execute(each).all()) == []
    assert await store.read(lambda conn: conn.execute(locked).one()) == (None, None)
    if register_url.startswith("sqlite"):
        with closing(sqlite3.connect(str(make_url(register_url).database))) as log:  # as SQLite does sooner or later
            assert log.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] == 0
    kept = await store.read(raw)
    assert key not in kept
    assert sealed not in kept
    query = select(audit.c.detail).where(audit.c.act == "cases.erase", audit.c.subject == f"person:{case.person_id}")
    assert await store.read(lambda conn: conn.execute(query).scalars().all()) == ["本人要求"]


@pytest.mark.parametrize("acts", [False, True])
async def test_what_a_dialogue_remembers_of_somebody_goes_with_them(store: Store, vault: Vault, *, acts: bool) -> None:
    inbox = Inbox(store, vault)
    sent = [Inbound(sender=f"remembered {acts} {n}", external_id="1", text="你好") for n in range(2)]
    own, strange = [
        (await inbox.accept(channel=ChannelId("web"), kind="web", inbound=one, now=NOON)).conversation for one in sent
    ]
    case = (await opened(store, vault, person=WHO, agent=Person(name="李四光"), conversation_id=own)).case
    await opened(store, vault, conversation_id=strange)
    await done(store, vault, case, Act.WITHDRAW)
    gone = case.agent_id if acts else case.person_id
    assert gone is not None
    here = conversation.c.id.in_([own, strange])
    await store.write(lambda conn: conn.execute(update(conversation).where(here).values(state=b"{}")))
    await store.write(lambda conn: privacy.erase(conn, gone, basis="本人要求", actor="li", now=LATER))
    left = select(conversation.c.id).where(here, conversation.c.state.is_not(None))
    assert await store.read(lambda conn: conn.execute(left).scalars().all()) == [strange]


async def test_a_turn_that_still_remembers_somebody_who_was_erased_comes_to_nothing_and_is_taken_again(
    store: Store, vault: Vault
) -> None:
    new = Inbound(sender="in flight", external_id="1", text="你好")
    asked = await Inbox(store, vault).accept(channel=ChannelId("web"), kind="web", inbound=new, now=NOON)
    case = (await opened(store, vault, conversation_id=asked.conversation)).case
    await done(store, vault, case, Act.WITHDRAW)
    held = await store.write(lambda conn: turns.lease(conn, asked.conversation, LATER, 10))
    assert held is not None
    await store.write(lambda conn: privacy.erase(conn, case.person_id, basis="本人要求", actor="li", now=LATER))
    plain = {"spoken": "zh", "script": "", "outcome": "answered", "parked": False, "until": turns.FREE, "now": LATER}
    with pytest.raises(LeaseLost):
        await store.write(lambda conn: turns.finish(conn, held, held.turns[0], state=b"of theirs", **plain))
    again = await store.write(lambda conn: turns.lease(conn, asked.conversation, LATER, 10))
    assert again is not None
    assert (again.state, again.turns) == (None, held.turns)


async def test_an_export_has_all_of_a_person_and_its_hash_is_in_the_audit(store: Store, vault: Vault) -> None:
    case = await planted(store, vault)
    made = await store.write(
        lambda c: privacy.export(c, vault, case.person_id, requester="本人", basis="第45条", actor="li", now=NOON)
    )
    assert hashlib.sha256(made.content).hexdigest() == made.sha256
    told = json.loads(made.content)
    assert told["person"]["phone"] == WHO.phone
    (only,) = told["cases"]
    assert PLANTED["facts"] in only["facts"]
    assert PLANTED["note"] in json.dumps(only["events"], ensure_ascii=False)
    assert PLANTED["card"] not in made.content.decode()
    query = select(audit.c.detail).where(audit.c.act == "cases.export", audit.c.subject == f"person:{case.person_id}")
    (detail,) = await store.read(lambda conn: conn.execute(query).scalars().all())
    assert json.loads(detail) == {"requester": "本人", "basis": "第45条", "sha256": made.sha256}


async def test_who_acts_for_somebody_gets_no_numbers_of_theirs(store: Store, vault: Vault) -> None:
    case = await planted(store, vault)
    assert case.agent_id is not None
    agent = case.agent_id
    made = await store.write(
        lambda c: privacy.export(c, vault, agent, requester="代理人", basis="第45条", actor="li", now=NOON)
    )
    shown = [what for what, value in PLANTED.items() if value in made.content.decode()]
    assert shown == ["agent"]
    assert case.case_no in made.content.decode()


async def test_nobody_without_a_name_is_known_as_anybody(store: Store, vault: Vault) -> None:
    anonymous = (await opened(store, vault, person=Person(), type="enquiry")).case
    assert await store.read(lambda conn: privacy.masked(conn, vault, anonymous.person_id)) == Person()
    assert await store.read(lambda conn: privacy.known(conn, vault, Person())) == ()


async def test_a_person_whom_the_register_knows_may_have_another_case(store: Store, vault: Vault) -> None:
    first = (await opened(store, vault, person=WANG)).case
    second = (await opened(store, vault, person_id=first.person_id)).case
    assert second.person_id == first.person_id
    with pytest.raises(NotFound):
        await opened(store, vault, person_id="f" * 32)

"""Looking a case up: what opens it, what does not, who is shut out and who never is."""

from __future__ import annotations

import itertools
import os
from datetime import datetime, timedelta

import pytest
from sqlalchemy import Connection, delete, event, func, select

from cases import lookup, numbers, register
from cases.lookup import LIMITS, WINDOW, Asked, Asker, Looked
from cases.model import Opened, Person
from cases.tables import lookup_count
from core.inbox import Inbox
from core.model import ChannelId, Inbound
from core.store import Store
from core.tables import alarm
from core.vault import Vault
from tests.cases.given import WANG, opened
from tests.conftest import NOON

PHONE = "13912345678"
UNKNOWN = numbers.case_no(2026, 9_999_999)
_sources = itertools.count()


@pytest.fixture(autouse=True)
async def uncounted(store: Store) -> None:
    """Each test begins with empty counters: those of the whole house are everybody's."""

    def clear(conn: Connection) -> None:
        conn.execute(delete(lookup_count))
        conn.execute(delete(alarm))

    await store.write(clear)


def somebody(**more: str) -> Asker:
    return Asker(source=f"source-{os.getpid()}-{next(_sources)}", **more)


async def ask(store: Store, vault: Vault, asker: Asker, now: datetime = NOON, /, **asked: str) -> Looked:
    return await store.write(lambda conn: lookup.look_up(conn, vault, Asked(**asked), asker, now=now))


async def talk(store: Store, vault: Vault, sender: str) -> str:
    """A conversation that somebody has begun."""
    inbound = Inbound(sender=sender, external_id=f"hello {sender}", text="你好")
    return (
        await Inbox(store, vault).accept(channel=ChannelId("web"), kind="web", inbound=inbound, now=NOON)
    ).conversation


async def alarms(store: Store) -> list[tuple[str, str]]:
    rows = await store.read(lambda conn: conn.execute(select(alarm.c.kind, alarm.c.subject)).all())
    return [(row.kind, row.subject) for row in rows]


# ---- what opens a case -----------------------------------------------------------------------------------------------


async def test_a_case_opens_with_its_number_and_its_code_however_they_are_typed(store: Store, vault: Vault) -> None:
    made = await opened(store, vault)
    number, code = made.case.case_no, made.query_code
    found = await ask(store, vault, somebody(), case_no=number.lower(), code=f" {code[:5]}-{code[5:].lower()}")
    assert found == Looked(case=made.case)


async def test_a_telephone_number_opens_a_case_together_with_the_name(store: Store, vault: Vault) -> None:
    made = await opened(store, vault)
    found = await ask(store, vault, somebody(), case_no=made.case.case_no, phone=PHONE, name="王 小明")
    assert found.case == made.case


async def test_a_telephone_that_the_case_names_opens_it_by_itself(store: Store, vault: Vault) -> None:
    made = await opened(store, vault)
    assert (await ask(store, vault, somebody(phone=PHONE), case_no=made.case.case_no)).case == made.case


async def test_the_conversation_in_which_it_was_filed_opens_a_case(store: Store, vault: Vault) -> None:
    where = await talk(store, vault, "filer")
    made = await opened(store, vault, conversation_id=where)
    assert (await ask(store, vault, Asker(source=where), case_no=made.case.case_no)).case == made.case
    assert await store.read(lambda conn: lookup.mine(conn, where)) == made.case.case_no


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"code": "AAAAAAAAAA"},
        {"phone": PHONE},
        {"name": "王小明"},
        {"phone": PHONE, "name": "王大明"},
        {"phone": "5678", "name": "王小明"},
        {"phone": "13912345679", "name": "王小明"},
    ],
)
async def test_what_is_not_enough_opens_nothing(store: Store, vault: Vault, given: dict[str, str]) -> None:
    made = await opened(store, vault)
    assert await ask(store, vault, somebody(), case_no=made.case.case_no, **given) == Looked()


async def test_nobody_without_a_name_is_opened_by_a_telephone_number_alone(store: Store, vault: Vault) -> None:
    made = await opened(store, vault, person=Person(phone=PHONE))
    assert await ask(store, vault, somebody(), case_no=made.case.case_no, phone=PHONE) == Looked()


async def test_an_unknown_number_and_nonsense_look_like_a_wrong_code(store: Store, vault: Vault) -> None:
    made = await opened(store, vault)
    for case_no in (UNKNOWN, "nonsense", "", made.case.case_no):
        assert await ask(store, vault, somebody(), case_no=case_no, code="AAAAAAAAAA") == Looked()


async def test_a_code_of_before_opens_nothing_once_there_is_a_new_one(store: Store, vault: Vault) -> None:
    made = await opened(store, vault)
    number = made.case.case_no
    code = await store.write(lambda c: register.new_code(c, vault, number, actor="li", now=NOON))
    assert (await ask(store, vault, somebody(), case_no=number, code=made.query_code)).case is None
    assert (await ask(store, vault, somebody(), case_no=number, code=code)).case is not None


# ---- who is shut out -------------------------------------------------------------------------------------------------


async def test_a_source_that_was_wrong_five_times_waits(store: Store, vault: Vault) -> None:
    made, guesser = await opened(store, vault), somebody()
    number, code = made.case.case_no, made.query_code
    for _ in range(LIMITS["source"]):
        assert await ask(store, vault, guesser, case_no=UNKNOWN, code="AAAAAAAAAA") == Looked()
    shut = Looked(locked_until=NOON + WINDOW)
    assert await ask(store, vault, guesser, case_no=number, code=code) == shut
    assert await ask(store, vault, guesser, case_no=UNKNOWN, code=code) == shut
    assert (await ask(store, vault, somebody(), case_no=number, code=code)).case == made.case
    assert (await ask(store, vault, guesser, NOON + WINDOW, case_no=number, code=code)).case == made.case


async def test_a_right_try_begins_the_count_anew(store: Store, vault: Vault) -> None:
    made, asker = await opened(store, vault), somebody()
    number, code = made.case.case_no, made.query_code
    for _ in range(3):
        for _ in range(LIMITS["source"] - 1):
            assert await ask(store, vault, asker, case_no=number, code="WRONG") == Looked()
        assert (await ask(store, vault, asker, case_no=number, code=code)).case == made.case


async def test_a_case_that_is_guessed_at_from_everywhere_shuts_for_strangers_alone(store: Store, vault: Vault) -> None:
    where = await talk(store, vault, "owner")
    made = await opened(store, vault, conversation_id=where)
    number, code = made.case.case_no, made.query_code
    for _ in range(LIMITS["case"]):
        assert await ask(store, vault, somebody(), case_no=number, code="WRONG") == Looked()
    shut = Looked(locked_until=NOON + WINDOW)
    assert await ask(store, vault, somebody(), case_no=number, code="WRONG") == shut
    assert await ask(store, vault, somebody(), case_no=number, phone=PHONE, name="王小明") == shut
    assert (await ask(store, vault, somebody(), case_no=number, code=code)).case == made.case
    assert await ask(store, vault, somebody(), case_no=number, phone=PHONE, name="王小明") == shut  # it stays so
    for owner in (Asker(source=where), somebody(phone=PHONE)):
        assert (await ask(store, vault, owner, case_no=number)).case == made.case
    assert await alarms(store) == [("lookup_guessed", number)]


async def test_a_source_that_is_shut_out_of_a_shut_case_has_no_use_of_its_code(store: Store, vault: Vault) -> None:
    made, guesser = await opened(store, vault), somebody()
    number, code = made.case.case_no, made.query_code
    for _ in range(LIMITS["source"]):
        await ask(store, vault, guesser, case_no=number, code="WRONG")
    assert await ask(store, vault, guesser, case_no=number, code=code) == Looked(locked_until=NOON + WINDOW)


async def test_typing_errors_of_many_people_shut_nobody_out(store: Store, vault: Vault) -> None:
    for n in range(LIMITS["case"] + 1):
        assert await ask(store, vault, somebody(), case_no=f"Q2026-typo-{n}", code="WRONG") == Looked()
    assert await alarms(store) == []


async def test_a_network_that_fills_at_a_case_that_is_shut_rings_too(store: Store, vault: Vault) -> None:
    made = await opened(store, vault)
    for _ in range(LIMITS["case"]):
        await ask(store, vault, somebody(), case_no=made.case.case_no, code="WRONG")
    for _ in range(LIMITS["network"]):
        wrong = await ask(store, vault, somebody(network="n" * 64), case_no=made.case.case_no, code="WRONG")
        assert wrong.locked_until == NOON + WINDOW
    assert ("lookup_spraying", f"network {'n' * 12}") in await alarms(store)


async def test_an_unknown_number_shuts_like_a_case(store: Store, vault: Vault) -> None:
    for _ in range(LIMITS["case"]):
        assert await ask(store, vault, somebody(), case_no=UNKNOWN, code="WRONG") == Looked()
    assert await ask(store, vault, somebody(), case_no=UNKNOWN) == Looked(locked_until=NOON + WINDOW)


async def test_a_network_of_many_sources_shuts_and_rings(store: Store, vault: Vault) -> None:
    made = [await opened(store, vault) for _ in range(LIMITS["network"])]
    for one in made:
        wrong = await ask(store, vault, somebody(network="n" * 64), case_no=one.case.case_no, code="WRONG")
        assert wrong == Looked()
    right = {"case_no": made[0].case.case_no, "code": made[0].query_code}
    assert (await ask(store, vault, somebody(network="n" * 64), **right)).locked_until == NOON + WINDOW
    assert (await ask(store, vault, somebody(network="m" * 64), **right)).case == made[0].case
    assert await alarms(store) == [("lookup_spraying", f"network {'n' * 12}")]


async def test_spraying_shuts_the_whole_house_but_not_for_owners(store: Store, vault: Vault) -> None:
    where = await talk(store, vault, "calm")
    made = await opened(store, vault, conversation_id=where)

    def spray(conn: Connection) -> None:
        for n in range(LIMITS["all"]):
            guess = Asked(case_no=str(n), code="WRONG")
            assert lookup.look_up(conn, vault, guess, somebody(), now=NOON) == Looked()

    await store.write(spray)
    number = made.case.case_no
    named = await ask(store, vault, somebody(), case_no=number, phone=PHONE, name="王小明")
    assert named == Looked(locked_until=NOON + WINDOW)
    right = {"case_no": number, "code": made.query_code}
    assert (await ask(store, vault, somebody(), **right)).case == made.case
    assert (await ask(store, vault, Asker(source=where), **right)).case == made.case
    assert ("lookup_spraying", "the whole house") in await alarms(store)


async def test_right_tries_never_fill_the_counters_that_all_share(store: Store, vault: Vault) -> None:
    made = await opened(store, vault)
    for _ in range(LIMITS["network"] + 1):
        asker = somebody(network="n" * 64)
        assert (await ask(store, vault, asker, case_no=made.case.case_no, code=made.query_code)).case == made.case


async def test_counters_that_have_run_out_are_forgotten(store: Store, vault: Vault) -> None:
    await ask(store, vault, somebody(), case_no=UNKNOWN)
    late = somebody()
    await ask(store, vault, late, NOON + timedelta(minutes=10), case_no="nonsense")
    await store.write(lambda conn: lookup.forget(conn, NOON + WINDOW))
    left = await store.read(lambda conn: conn.execute(select(lookup_count.c.key)).scalars().all())
    assert len(left) == 2
    assert late.source in left
    assert UNKNOWN not in left


# ---- what can be told from outside -----------------------------------------------------------------------------------


async def test_a_wrong_code_and_an_unknown_number_take_the_same_steps(store: Store, vault: Vault) -> None:
    made = await opened(store, vault)

    def steps(conn: Connection, number: str) -> list[str]:
        taken: list[str] = []

        def note(_c: object, _cur: object, statement: str, *_rest: object) -> None:
            taken.append(statement)

        event.listen(conn, "before_cursor_execute", note)
        lookup.look_up(conn, vault, Asked(case_no=number, code="WRONG"), somebody(), now=NOON)
        event.remove(conn, "before_cursor_execute", note)
        return taken

    wrong, unknown, nonsense = [
        await store.write(lambda conn, number=number: steps(conn, number))
        for number in (made.case.case_no, UNKNOWN, "nonsense")
    ]
    assert wrong == unknown == nonsense
    assert len(wrong) == 6  # the number, the case, its marks, three counters


async def test_no_counter_keeps_a_code_or_a_number_of_a_telephone(store: Store, vault: Vault) -> None:
    made: Opened = await opened(store, vault)
    await ask(store, vault, somebody(), case_no=made.case.case_no, code="SECRET2345", phone=PHONE, name="李四")
    rows = await store.read(lambda conn: conn.execute(select(lookup_count)).all())
    assert len(rows) == 3
    assert not any(each in str(rows) for each in ("SECRET2345", PHONE, "李四", WANG.name))
    assert await store.read(lambda conn: conn.execute(select(func.count()).select_from(alarm)).scalar_one()) == 0

"""The link for the numbers of identity papers: one at a time, used once, and what its use does to the case's clocks."""

from __future__ import annotations

import asyncio
import itertools
import os
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, event, select

from cases import history, id_links, privacy, register, watch
from cases.id_links import Form, Holder, Used
from cases.id_numbers import Paper
from cases.model import Case, Person, Track
from cases.states import Act, IllegalAct, State
from cases.tables import id_link
from core.store import Store
from core.tables import audit
from core.vault import Vault
from tests.cases.given import FACTS, WANG, new
from tests.conftest import NOON

CARD = Paper(kind="id_card", number=WANG.id_number)
PASSPORT = Paper(kind="passport", number="E12345678")
LI = Person(name="李四光", phone="13812345678")
NAMELESS = Person(name="王小明", phone="13912345678")  # whose number nobody knows yet
DAY = timedelta(days=1)
_causes = itertools.count()


class Register:
    """A register with a complaint or two that lack a number."""

    def __init__(self, store: Store, vault: Vault) -> None:
        self.store, self.vault = store, vault

    async def open(self, **more: Any) -> Case:
        told = new(**{"person": NAMELESS, **more})
        cause = f"id:{os.getpid()}:{next(_causes)}"
        opened = await self.store.write(
            lambda conn: register.open_case(conn, self.vault, told, actor="consumer", cause=cause, now=NOON)
        )
        return await self.store.write(lambda conn: id_links.ask(conn, self.vault, opened.case, now=NOON))

    async def link(self, case: Case, now: Any = NOON) -> str:
        return await self.store.write(
            lambda conn: id_links.make(conn, self.vault, case, valid=DAY, actor="house", now=now)
        )

    async def find(self, token: str, now: Any = NOON) -> Form | None:
        return await self.store.read(lambda conn: id_links.find(conn, self.vault, token, now=now))

    async def use(self, token: str, given: Mapping[Holder, Paper], now: Any = NOON) -> Used | None:
        return await self.store.write(lambda conn: id_links.use(conn, self.vault, token, given, now=now))

    async def case(self, case: Case) -> Case:
        return await self.store.read(lambda conn: history.load(conn, case.case_no))

    async def person(self, id: str | None) -> Person:
        assert id is not None
        return await self.store.read(lambda conn: privacy.read_person(conn, self.vault, id))

    async def act(self, case: Case, what: Act) -> Case:
        return await self.store.write(
            lambda conn: register.act(conn, self.vault, case.case_no, what, FACTS, actor="li", now=NOON, version=None)
        )


@pytest.fixture
def desk(store: Store, vault: Vault) -> Register:
    return Register(store, vault)


async def test_the_days_of_deciding_wait_for_the_number_and_count_anew_from_its_arrival(desk: Register) -> None:
    case = await desk.open()
    clocks = await desk.store.read(lambda conn: {each.rule: each for each in watch.of_case(conn, case)})
    assert case.state is State.SUPPLEMENT_REQUESTED
    assert (clocks["pboc_decide"].state, clocks["supplement_wait"].state) == ("waiting", "running")
    assert case.due_at == clocks["supplement_wait"].due_at
    later = NOON + 3 * DAY
    used = await desk.use(await desk.link(case, later), {"person": CARD}, later)
    assert used is not None
    done, complete = used.case, used.complete
    clocks = await desk.store.read(lambda conn: {each.rule: each for each in watch.of_case(conn, done)})
    assert (done.state, complete, done.owner) == (State.SUBMITTED, True, "queue:complaints")
    assert str(clocks["pboc_decide"].due_on) == "2026-12-03"  # seven working days after 24 November
    assert done.due_at == clocks["pboc_decide"].due_at
    assert clocks["supplement_wait"].met_at == later


@pytest.mark.parametrize("track", list(Track))
async def test_on_every_track_the_case_keeps_an_owner_and_an_end_before_and_after(desk: Register, track: Track) -> None:
    case = await desk.open(track=track)
    assert (case.state, bool(case.owner), case.due_at is not None) == (State.SUPPLEMENT_REQUESTED, True, True)
    used = await desk.use(await desk.link(case), {"person": CARD})
    assert used is not None
    assert (used.case.state, bool(used.case.owner), used.case.due_at is not None) == (State.SUBMITTED, True, True)


async def test_the_number_lies_with_the_person_and_history_and_audit_tell_of_it_without_it(desk: Register) -> None:
    case = await desk.open()
    token = await desk.link(case)
    await desk.use(token, {"person": CARD})
    who = await desk.person(case.person_id)
    assert (who.id_type, who.id_number, who.name) == ("id_card", CARD.number, "王小明")
    events = await desk.store.read(lambda conn: history.events(conn, case))
    assert [(each.act, each.actor) for each in events] == [
        ("open", "consumer"),
        ("request_supplement", "house"),
        ("person", "consumer"),
        ("supplement", "consumer"),
    ]
    assert events[-1].facts["material"] == "id_number"
    noted = await desk.store.read(
        lambda conn: conn.execute(select(audit.c.act).where(audit.c.detail == case.case_no)).scalars().all()
    )
    assert noted == ["cases.id_number"]
    everything = await desk.store.read(
        lambda conn: str([conn.execute(select(table)).all() for table in (audit, id_link)]) + str(events)
    )
    assert CARD.number not in everything
    assert token not in everything


async def test_of_many_uses_at_once_one_is_the_first(desk: Register) -> None:
    token = await desk.link(await desk.open())
    papers = [Paper(kind="passport", number=f"E1234567{n}") for n in range(8)]
    used = await asyncio.gather(*(desk.use(token, {"person": paper}) for paper in papers))
    assert sum(each is not None for each in used) == 1
    winner = next(n for n, each in enumerate(used) if each is not None)
    done = used[winner]
    assert done is not None
    assert (await desk.person(done.case.person_id)).id_number == papers[winner].number


async def test_a_link_opens_nothing_once_it_is_used_replaced_too_old_or_made_up(desk: Register) -> None:
    case = await desk.open()
    first = await desk.link(case)
    token = await desk.link(case)
    late = NOON + DAY
    assert [await desk.find(each) is not None for each in (first, token, token.upper(), "", "x" * 32)] == [
        False, True, False, False, False,
    ]  # fmt: skip
    assert await desk.find(token, late) is None
    assert await desk.use(token, {"person": CARD}, late) is None
    assert await desk.use(first, {"person": CARD}) is None
    assert await desk.use(token, {"person": CARD}) is not None
    assert await desk.find(token) is None
    assert await desk.use(token, {"person": PASSPORT}) is None
    assert (await desk.person(case.person_id)).id_number == CARD.number


async def test_looking_at_it_any_number_of_times_uses_nothing_up(desk: Register) -> None:
    case = await desk.open()
    token = await desk.link(case)
    for _ in range(5):
        form = await desk.find(token)
        assert form is not None
        assert form.holders == ("person",)
    assert (await desk.case(case)).version == case.version


@pytest.mark.parametrize("end", [Act.WITHDRAW, Act.MERGE])
async def test_a_case_that_has_ended_takes_no_number(desk: Register, end: Act) -> None:
    case, other = await desk.open(), await desk.open()
    token = await desk.link(case)
    facts = {"into": other.case_no}
    await desk.store.write(
        lambda conn: register.act(conn, desk.vault, case.case_no, end, facts, actor="li", now=NOON, version=None)
    )
    assert await desk.find(token) is None
    assert await desk.use(token, {"person": CARD}) is None
    assert (await desk.person(case.person_id)).id_number == ""
    with pytest.raises(IllegalAct):
        await desk.link(await desk.case(case))


async def test_who_acts_for_somebody_gives_both_numbers_and_only_then_it_is_complete(desk: Register) -> None:
    case = await desk.open(agent=LI)
    form = await desk.find(await desk.link(case))
    assert form is not None
    assert form.holders == ("person", "agent")
    used = await desk.use(await desk.link(case), {"agent": PASSPORT})
    assert used is not None
    assert (used.case.state, used.complete) == (State.SUPPLEMENT_REQUESTED, False)
    token = await desk.link(case)
    form = await desk.find(token)
    assert form is not None
    assert form.holders == ("person",), "what is there is not asked for again"
    used = await desk.use(token, {"person": CARD})
    assert used is not None
    assert (used.case.state, used.complete) == (State.SUBMITTED, True)
    assert (await desk.person(case.agent_id)).id_number == PASSPORT.number


async def test_a_link_that_is_used_after_our_people_entered_the_number_lets_the_case_go_on(desk: Register) -> None:
    case = await desk.open()
    token = await desk.link(case)
    who = replace(NAMELESS, id_type=CARD.kind, id_number=CARD.number)
    await desk.store.write(
        lambda conn: register.set_person(conn, desk.vault, case.case_no, who, actor="li", now=NOON, version=None)
    )
    used = await desk.use(token, {"person": CARD})
    assert used is not None
    assert (used.case.state, used.complete) == (State.SUBMITTED, True)


@pytest.mark.parametrize(
    ("asked", "agent", "goes_on"),
    [("the house", None, True), ("the house", LI, False), ("our people", None, False)],
    ids=["the number", "two numbers", "something else"],
)
async def test_with_the_number_alone_a_case_goes_on_that_waited_for_nothing_else(
    desk: Register, asked: str, agent: Person | None, goes_on: bool
) -> None:
    case = await desk.open(agent=agent, person=NAMELESS if asked == "the house" else WANG)
    if asked == "our people":
        case = await desk.act(case, Act.REQUEST_SUPPLEMENT)
    who = replace(NAMELESS, id_type=PASSPORT.kind, id_number=PASSPORT.number)

    def enter(conn: Connection) -> Case:
        entered = register.set_person(conn, desk.vault, case.case_no, who, actor="li", now=NOON, version=None)
        return id_links.complete(conn, desk.vault, entered, id_links.ENTERED, actor="li", now=NOON)

    done = await desk.store.write(enter)
    assert (case.state, done.state) == (
        State.SUPPLEMENT_REQUESTED,
        State.SUBMITTED if goes_on else State.SUPPLEMENT_REQUESTED,
    )


async def test_staff_may_ask_anew_for_a_number_that_is_wrong_and_the_case_goes_on_as_it_was(desk: Register) -> None:
    case = await desk.act((await desk.open(person=WANG)), Act.ACCEPT)
    used = await desk.use(await desk.link(case), {"person": PASSPORT})
    assert used is not None
    assert (used.case.state, used.complete, used.case.due_at) == (State.ACCEPTED, False, case.due_at)
    assert (await desk.person(case.person_id)).id_number == PASSPORT.number


async def test_a_complaint_with_a_number_is_not_asked_for_one(desk: Register) -> None:
    assert (await desk.open(person=WANG)).state is State.SUBMITTED


async def test_a_request_of_our_people_is_none_for_the_number(desk: Register) -> None:
    case = await desk.act(await desk.open(person=WANG), Act.REQUEST_SUPPLEMENT)
    assert not await desk.store.read(lambda conn: id_links.waits(conn, desk.vault, case))


async def test_erased_people_have_no_form(desk: Register) -> None:
    case = await desk.open()
    token = await desk.link(case)
    await desk.act(case, Act.WITHDRAW)
    later = NOON + 4 * 366 * DAY
    await desk.store.write(
        lambda conn: privacy.erase(conn, case.person_id, basis="kept long enough", actor="li", now=later)
    )
    assert await desk.find(token) is None
    assert await desk.use(token, {"person": CARD}) is None


async def test_old_links_are_removed(desk: Register) -> None:
    case = await desk.open()
    await desk.link(case)
    mine = select(id_link.c.case_id).where(id_link.c.case_id == case.id)
    await desk.store.write(lambda conn: id_links.forget(conn, NOON + DAY - timedelta(seconds=1)))
    assert await desk.store.read(lambda conn: conn.execute(mine).all())
    await desk.store.write(lambda conn: id_links.forget(conn, NOON + DAY))
    assert not await desk.store.read(lambda conn: conn.execute(mine).all())


async def test_whatever_opens_nothing_takes_the_same_steps(desk: Register) -> None:
    """So the time an answer takes tells nobody whether there ever was such a link."""
    case = await desk.open()
    replaced, used = await desk.link(case), await desk.link(case)
    await desk.use(used, {"person": CARD})
    old = await desk.link(await desk.open(), NOON - 2 * DAY)

    def steps(conn: Connection, token: str) -> list[str]:
        seen: list[str] = []

        def note(*given: Any) -> None:
            seen.append(given[2])

        event.listen(conn, "before_cursor_execute", note)
        assert id_links.find(conn, desk.vault, token, now=NOON) is None
        assert id_links.use(conn, desk.vault, token, {"person": CARD}, now=NOON) is None
        event.remove(conn, "before_cursor_execute", note)
        return seen

    took = [await desk.store.write(lambda conn, t=t: steps(conn, t)) for t in ("a" * 32, "x", replaced, used, old)]
    assert len(took[0]) == 2
    assert all(each == took[0] for each in took)

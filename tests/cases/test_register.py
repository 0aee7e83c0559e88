"""The register: a case is opened once, changed by one at a time, and told to nobody but those who may know."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import delete, func, select, update
from sqlalchemy.exc import DBAPIError

from cases import history, privacy, register, watch
from cases.calendar import today
from cases.model import QUEUES, BadCase, Case, CaseType, Conflict, NewCase, Person, read
from cases.states import Act, IllegalAct, State
from cases.tables import case_event, complaint_case, person
from core.errors import NotFound
from core.inbox import Inbox
from core.model import ChannelId, Inbound
from core.store import Store
from core.tables import message
from core.vault import Vault
from tests.cases.given import BANK, FACTS, WANG, done, new, opened
from tests.conftest import NOON

DAY = timedelta(days=1)


@pytest.fixture
async def two(register_url: str, store: Store) -> AsyncIterator[tuple[Store, Store]]:
    """Two houses on one ledger."""
    other = await Store.open(register_url)
    yield store, other
    await other.close()


async def load(store: Store, case: Case) -> Case:
    return await store.read(lambda conn: history.load(conn, case.case_no))


async def edit(store: Store, vault: Vault, case: Case, **changes: Any) -> Case:
    return await store.write(
        lambda conn: register.edit(conn, vault, case.case_no, changes, actor="li", now=NOON, version=case.version)
    )


# ---- opening ---------------------------------------------------------------------------------------------------------


async def test_a_retry_with_the_same_cause_gives_the_same_case_and_no_second_code(store: Store, vault: Vault) -> None:
    first, again = await opened(store, vault, "twice"), await opened(store, vault, "twice", summary="另一句话")
    assert again.case == first.case
    assert len(first.query_code) >= 8
    assert again.query_code == ""
    other = await opened(store, vault)
    assert other.case.case_no != first.case.case_no


async def test_two_houses_that_open_the_same_at_once_open_it_once(two: tuple[Store, Store], vault: Vault) -> None:
    people = select(func.count()).select_from(person)
    before = await two[0].read(lambda conn: conn.execute(people).scalar_one())
    made = await asyncio.gather(*(opened(two[n % 2], vault, f"import:{n // 8}") for n in range(48)))
    assert len({each.case.case_no for each in made}) == 6
    assert sum(bool(each.query_code) for each in made) == 6
    assert await two[0].read(lambda conn: conn.execute(people).scalar_one()) == before + 6


async def test_a_new_case_is_submitted_has_a_queue_a_limit_and_one_event(store: Store, vault: Vault) -> None:
    case = (await opened(store, vault)).case
    assert (case.state, case.owner, case.version) == (State.SUBMITTED, "queue:complaints", 1)
    assert case.due_at is not None
    assert case.due_at > NOON
    (first,) = await store.read(lambda conn: history.events(conn, case))
    assert (first.n, first.act, first.before, first.after) == (1, "open", None, State.SUBMITTED)


@pytest.mark.parametrize(
    ("now", "year", "due_on"),
    [
        (datetime(2025, 12, 31, 15, 59, 59, tzinfo=UTC), "2025", date(2026, 1, 15)),
        (datetime(2025, 12, 31, 16, 0, tzinfo=UTC), "2026", date(2026, 1, 16)),
        (datetime(2024, 2, 28, 15, 30, tzinfo=UTC), "2024", date(2024, 3, 14)),
        (datetime(2024, 2, 28, 16, 0, tzinfo=UTC), "2024", date(2024, 3, 15)),
    ],
)
async def test_a_year_and_a_day_begin_at_midnight_in_china(
    store: Store, vault: Vault, now: datetime, year: str, due_on: date
) -> None:
    case = (await opened(store, vault, now=now, track="nfra")).case
    assert case.case_no.startswith(f"Q{year}-")
    case = await done(store, vault, case, Act.ACCEPT, Act.FORWARD, now=now)
    assert case.due_at is not None
    assert today(case.due_at - timedelta(microseconds=1)) == due_on


async def test_every_type_waits_in_a_queue_of_its_own(store: Store, vault: Vault) -> None:
    for type in CaseType:
        assert (await opened(store, vault, type=type)).case.owner == QUEUES[type]
    assert len(set(QUEUES.values())) == len(CaseType)


async def test_the_first_clock_counts_from_when_the_case_was_received(store: Store, vault: Vault) -> None:
    late = (await opened(store, vault, received_at=NOON - 3 * DAY)).case
    (limit,) = await store.read(lambda conn: watch.of_case(conn, late))
    assert limit.started_at == NOON - 3 * DAY


async def test_a_case_from_before_a_law_goes_by_our_own_limit(store: Store, vault: Vault) -> None:
    old = NOON.replace(year=2019)
    case = (await opened(store, vault, now=old)).case
    (limit,) = await store.read(lambda conn: watch.of_case(conn, case))
    assert limit.rule == "own_decide"
    ended = await done(store, vault, case, Act.WITHDRAW, now=old)
    assert (ended.due_at, ended.retention_until) == (None, None)


async def test_all_that_was_told_comes_back(store: Store, vault: Vault) -> None:
    told = {
        "type": "suggestion",
        "track": "nfra",
        "level": "complex",
        "urgency": "I",
        "sensitivity": ["vulnerable", "opinion"],
        "flags": ["repeat"],
        "facts": "三月起每月多扣十元",
        "request": "退还",
        "amount": "1234.50",
        "people_count": 3,
        "prior_complaint": {"to_institution": "长安银行", "on": "2026-10-01", "reply": "不退"},
        "province": "陕西",
        "business_code": "bank_card",
        "compensation": {"plan": "退费", "amount": "30.00", "approver": "head"},
        "consents": {"forward": "2026-11-20"},
        "co_handlers": ["zhang"],
        "responsible": True,
    }
    given = read(NewCase, {"source_channel": "phone", "received_at": NOON, "summary": "年费"} | told)
    case = (await store.write(lambda c: register.open_case(c, vault, given, actor="li", cause="all", now=NOON))).case
    assert {name: getattr(case.told, name) for name in told} == {name: getattr(given, name) for name in told}
    assert await load(store, case) == case


BAD: dict[str, tuple[dict[str, Any], str]] = {
    "an unknown field": ({"sumary": "x"}, "sumary"),
    "an unknown type": ({"type": "grievance"}, "type"),
    "a negative amount": ({"amount": "-1"}, "amount"),
    "a third of a cent": ({"amount": "0.333"}, "amount"),
    "more than a number can be": ({"amount": "1e30"}, "amount"),
    "nobody": ({"people_count": 0}, "people_count"),
    "a time without its zone": ({"received_at": "2026-11-21T12:00:00"}, "received_at"),
    "a channel in capitals": ({"source_channel": "Web Page"}, "source_channel"),
    "an empty owner": ({"owner": ""}, "owner"),
    "a queue without a name": ({"owner": "queue:"}, "owner"),
    "a code with spaces": ({"business_code": "bank card"}, "business_code"),
    "a person of numbers": ({"person": {"phone": 13912345678}}, "person.phone"),
}


GOOD: dict[str, Any] = {"source_channel": "web", "received_at": NOON, "summary": "年费"}


@pytest.mark.parametrize("what", BAD)
def test_what_cannot_be_is_refused_by_field(what: str) -> None:
    raw, named = BAD[what]
    with pytest.raises(BadCase, match=named):
        read(NewCase, GOOD | raw)


async def test_what_only_the_register_can_know_is_refused_by_it(store: Store, vault: Vault) -> None:
    for raw, named in (
        ({"received_at": NOON + DAY}, "future"),
        ({"summary": " ", "facts": ""}, "summary or facts"),
        ({"summary": "长" * 301}, "summary"),
        ({"facts": "长" * 20_001}, "facts"),
        ({"institution_id": 77}, "institution"),
    ):
        given = read(NewCase, GOOD | raw)
        with pytest.raises(BadCase, match=named):
            await store.write(
                lambda conn, given=given: register.open_case(conn, vault, given, actor="li", cause="bad", now=NOON)
            )
    kept = select(complaint_case.c.id).where(complaint_case.c.cause == "bad")
    assert await store.read(lambda conn: conn.execute(kept).all()) == []


def test_a_refusal_does_not_repeat_what_people_told() -> None:
    with pytest.raises(BadCase) as refused:
        read(NewCase, {"person": {"id_number": ["11010519491231002X"]}, "amount": "13912345678x"})
    assert "1101051949" not in str(refused.value)
    assert "139123" not in str(refused.value)
    assert "王" not in repr(new()) + repr(WANG)


# ---- changing --------------------------------------------------------------------------------------------------------


async def test_of_two_who_act_on_the_same_version_one_gets_a_conflict(two: tuple[Store, Store], vault: Vault) -> None:
    case = (await opened(two[0], vault)).case
    acts = (Act.ACCEPT, Act.WITHDRAW)
    took = await asyncio.gather(
        *(done_at(two[n % 2], vault, case, what) for n, what in enumerate(acts)), return_exceptions=True
    )
    assert sorted(type(each).__name__ for each in took) == ["Case", "Conflict"]
    now = await load(two[0], case)
    assert now.version == 2
    assert now in took


def done_at(store: Store, vault: Vault, case: Case, what: Act) -> Any:
    return store.write(
        lambda conn: register.act(conn, vault, case.case_no, what, FACTS, actor="li", now=NOON, version=case.version)
    )


async def test_of_edits_at_the_same_time_none_is_lost(two: tuple[Store, Store], vault: Vault) -> None:
    case = (await opened(two[0], vault)).case
    fields = ("facts", "request", "province", "city", "district", "product", "improvement", "accountability")

    async def editor(n: int, field: str) -> None:
        while True:
            seen = await load(two[n % 2], case)
            try:
                await edit(two[n % 2], vault, seen, **{field: f"由{field}写"})
            except Conflict:
                continue
            return

    async def writer(n: int) -> None:
        await two[n % 2].write(lambda conn: register.note(conn, vault, case.case_no, f"第{n}条", actor="wu", now=NOON))

    await asyncio.gather(*(editor(n, field) for n, field in enumerate(fields)), *map(writer, range(8)))
    now = await load(two[0], case)
    assert [getattr(now.told, field) for field in fields] == [f"由{field}写" for field in fields]
    events = await two[1].read(lambda conn: history.events(conn, now))
    assert [each.n for each in events] == list(range(1, now.version + 1)) == list(range(1, 18))
    assert {each.facts["text"] for each in events if each.act == "note"} == {f"第{n}条" for n in range(8)}


async def test_an_edit_says_what_was_and_what_is(store: Store, vault: Vault) -> None:
    case = (await opened(store, vault, amount="10.00")).case
    case = await edit(store, vault, case, amount="12.5", flags=["batch"], summary=case.told.summary)
    last = (await store.read(lambda conn: history.events(conn, case)))[-1]
    assert last.facts == {"before": {"amount": "10.00", "flags": []}, "after": {"amount": "12.5", "flags": ["batch"]}}
    assert await edit(store, vault, case, flags=["batch"]) == case


async def test_an_edit_of_what_is_no_field_or_no_value_is_refused(store: Store, vault: Vault) -> None:
    case = (await opened(store, vault)).case
    bad: list[dict[str, Any]] = [{"state": "closed"}, {"owner": "me"}, {"type": "x"}, {"amount": -1}, {"summary": 5}]
    for changes in bad:
        with pytest.raises(BadCase, match=next(iter(changes))):
            await edit(store, vault, case, **changes)
    assert await load(store, case) == case


async def test_another_type_brings_another_queue_but_not_another_owner(store: Store, vault: Vault) -> None:
    case = await edit(store, vault, (await opened(store, vault)).case, type="service_supervision")
    assert case.owner == "queue:supervision"
    case = await store.write(
        lambda conn: register.assign(conn, case.case_no, "li", actor="wu", now=NOON, version=case.version)
    )
    assert (await edit(store, vault, case, type="enquiry")).owner == "li"


async def test_nobody_is_no_owner(store: Store, vault: Vault) -> None:
    case = (await opened(store, vault)).case
    for owner in ("", " ", "queue:", "queue:Night Shift", "a\nb", ":x"):
        with pytest.raises(BadCase, match="owner"):
            await store.write(
                lambda conn, to=owner: register.assign(conn, case.case_no, to, actor="li", now=NOON, version=None)
            )
    assert (await load(store, case)).owner == "queue:complaints"


async def test_a_draft_without_a_word_is_not_submitted(store: Store, vault: Vault) -> None:
    case = (await opened(store, vault, draft=True, summary="")).case
    assert case.state is State.DRAFT
    with pytest.raises(IllegalAct, match="nothing is told"):
        await done(store, vault, case, Act.SUBMIT)
    case = await edit(store, vault, case, summary="年费")
    assert (await done(store, vault, case, Act.SUBMIT)).state is State.SUBMITTED


async def test_a_case_is_forwarded_to_an_institution_of_the_register(store: Store, vault: Vault) -> None:
    case = await done(store, vault, (await opened(store, vault)).case, Act.ACCEPT)
    for bad in ("1", 99, True):
        with pytest.raises(BadCase, match="institution"):
            await done(store, vault, case, Act.FORWARD, facts={"institution_id": bad})
    assert (await load(store, case)).state is State.ACCEPTED


async def test_the_life_of_a_complaint_leaves_what_came_of_it(store: Store, vault: Vault) -> None:
    case = (await opened(store, vault)).case
    case = await done(store, vault, case, Act.ACCEPT, Act.FORWARD, Act.START, Act.REPLY, now=NOON + DAY)
    assert (case.told.institution_id, case.reply_at) == (BANK, NOON + DAY)
    case = await done(store, vault, case, Act.VISIT, Act.CLOSE, now=NOON + 2 * DAY)
    assert (case.state, case.result, case.ended_at, case.due_at) == (State.CLOSED, "satisfied", NOON + 2 * DAY, None)
    assert str(case.retention_until) == "2029-11-23"
    again = await done(store, vault, case, Act.REOPEN, now=NOON + 3 * DAY)
    assert (again.ended_at, again.retention_until) == (None, None)
    assert again.due_at is not None


async def test_within_a_case_time_never_runs_backwards(store: Store, vault: Vault) -> None:
    case = (await opened(store, vault)).case
    case = await done(store, vault, case, Act.ACCEPT, now=NOON - DAY)
    events = await store.read(lambda conn: history.events(conn, case))
    assert [each.at for each in events] == [NOON, NOON]


async def test_the_database_itself_keeps_events_as_they_are(store: Store, vault: Vault) -> None:
    await opened(store, vault)
    for statement in (update(case_event).values(actor="nobody"), delete(case_event)):
        with pytest.raises(DBAPIError, match="never changed"):
            await store.write(lambda conn, each=statement: conn.execute(each))


async def test_what_is_not_there_is_not_found(store: Store, vault: Vault) -> None:
    with pytest.raises(NotFound):
        await store.write(
            lambda conn: register.act(conn, vault, "Q1999-0000001-2", Act.ACCEPT, {}, actor="li", now=NOON, version=1)
        )


# ---- cases that belong together --------------------------------------------------------------------------------------


async def test_a_merged_case_points_to_the_one_that_goes_on(store: Store, vault: Vault) -> None:
    first, second = [(await opened(store, vault)).case for _ in (1, 2)]
    merged = await done(store, vault, second, Act.MERGE, facts={"into": first.case_no.lower()})
    assert (merged.state, merged.merged_into) == (State.MERGED, first.case_no)
    events = await store.read(lambda conn: history.events(conn, first))
    assert events[-1].facts == {"merged": second.case_no}
    with pytest.raises(IllegalAct, match="merged"):
        await edit(store, vault, merged, summary="x")
    for into, why in ((first.case_no, "itself"), (second.case_no, "merged too")):
        with pytest.raises(IllegalAct, match=why):
            await done(store, vault, first, Act.MERGE, facts={"into": into})
    with pytest.raises(BadCase, match="no case number"):
        await done(store, vault, first, Act.MERGE, facts={"into": "the other"})


async def test_two_that_are_merged_into_each_other_at_once_are_not(two: tuple[Store, Store], vault: Vault) -> None:
    pair = [(await opened(two[0], vault)).case for _ in (1, 2)]
    took = await asyncio.gather(
        *(done(two[n], vault, pair[n], Act.MERGE, facts={"into": pair[1 - n].case_no}) for n in (0, 1)),
        return_exceptions=True,
    )
    assert sum(isinstance(each, Case) for each in took) == 1
    states = [(await load(two[0], each)).state for each in pair]
    assert sorted(states) == [State.MERGED, State.SUBMITTED]


async def test_links_between_cases_never_close_a_circle(store: Store, vault: Vault) -> None:
    for link in (register.set_parent, register.mark_duplicate):
        chain = [(await opened(store, vault)).case for _ in range(3)]

        async def tie(a: Case, b: Case | None, link: Any = link) -> Case:
            other = b.case_no if b else None
            return await store.write(lambda c: link(c, a.case_no, other, actor="li", now=NOON, version=None))

        await tie(chain[0], chain[1])
        await tie(chain[1], chain[2])
        for target in chain:
            with pytest.raises(IllegalAct, match="stand for each other"):
                await tie(chain[2], target)
        await tie(chain[1], None)
        assert (await tie(chain[2], chain[0])).version == 2


# ---- texts and people ------------------------------------------------------------------------------------------------


async def test_references_of_the_talk_a_case_comes_from_stay_and_open(store: Store, vault: Vault) -> None:
    inbox = Inbox(store, vault)
    inbound = Inbound(sender="anna", external_id="m1", text="请打13912345678")
    taken = await inbox.accept(channel=ChannelId("web"), kind="web", inbound=inbound, now=NOON)
    said = select(message.c.text).where(message.c.conversation_id == taken.conversation)
    text = await store.read(lambda conn: conn.execute(said).scalar_one())
    foreign = "⟦phone:aaaaaaaaaa⟧"
    case = (await opened(store, vault, conversation_id=taken.conversation, facts=text + foreign)).case
    assert case.told.facts == text + "[phone:aaaaaaaaaa]"
    shown = await store.write(
        lambda c: privacy.unmask_text(c, vault, case.case_no, case.told.facts, actor="li", reason="回电", now=NOON)
    )
    assert shown == "请打13912345678[phone:aaaaaaaaaa]"
    case = await edit(store, vault, case, request=text)
    assert case.told.request == text


async def test_other_data_of_a_person_leave_an_event_that_does_not_tell_them(store: Store, vault: Vault) -> None:
    case = (await opened(store, vault)).case
    who = Person(name="王小明", phone="13711112222")
    case = await store.write(
        lambda c: register.set_person(c, vault, case.case_no, who, actor="li", now=NOON, version=case.version)
    )
    last = (await store.read(lambda conn: history.events(conn, case)))[-1]
    assert set(last.facts["changed"]) == {"id_type", "id_number", "phone", "email", "city"}
    assert "1371111" not in str(last)


# ---- the consumer's own question -------------------------------------------------------------------------------------


async def test_a_new_code_is_not_told_by_the_case_that_has_it(store: Store, vault: Vault) -> None:
    made = await opened(store, vault)
    number = made.case.case_no
    code = await store.write(lambda c: register.new_code(c, vault, number, actor="li", now=NOON))
    assert code != made.query_code
    assert code not in str(await store.read(lambda conn: history.events(conn, made.case)))


async def test_the_code_itself_is_nowhere_in_the_row(store: Store, vault: Vault) -> None:
    made = await opened(store, vault)
    query = select(complaint_case).where(complaint_case.c.id == made.case.id)
    row = await store.read(lambda conn: conn.execute(query).one())
    assert made.query_code not in repr(row)
    assert made.query_code not in repr(made)

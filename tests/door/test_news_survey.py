"""How it went: whoever may be asked is asked once; on both databases."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import select, update

from bot.rating import taken
from cases import history, privacy, rating, register
from cases.model import Case
from cases.states import Act
from cases.tables import case_event, complaint_case
from core import outbox, turns
from core.model import Author, Button, DeliveryState, Rendered
from core.store import Store
from core.tables import address, conversation
from core.vault import Vault
from door.news import Habits
from tests.conftest import NOON, Clock
from tests.door.telling import DAY, TO_CLOSE, Desk, a_desk


@pytest.fixture
async def desk(store: Store, vault: Vault, clock: Clock) -> Desk:
    return await a_desk(store, vault, clock)


async def closed(desk: Desk, **more: Any) -> Case:
    case = await desk.case(**more)
    await desk.act(case, *TO_CLOSE)
    await desk.news.look()
    return case


async def test_days_after_closing_the_consumer_is_asked_once_how_it_went(desk: Desk) -> None:
    case = await closed(desk)
    desk.clock.forward(3 * DAY - 1)
    await desk.news.look()
    assert len(await desk.texts()) == 1
    desk.clock.forward(1)
    for _ in range(3):
        await desk.news.look()
    asked = (await desk.said())[1:]
    assert [[button.title for button in line.buttons] for line in asked] == [
        ["解决了，满意", "解决了，但不满意", "没有解决"]
    ]
    assert case.case_no in asked[0].text


async def test_nobody_is_asked_at_night_after_an_opt_out_or_when_the_case_is_open_again(desk: Desk) -> None:
    night, stopped, again = [await closed(desk, sender=name) for name in ("night", "stopped", "again")]
    here = address.c.conversation_id == desk.where("stopped", "hook")
    await desk.store.write(lambda conn: conn.execute(update(address).where(here).values(stopped_at=NOON)))
    await desk.act(again, Act.REOPEN)
    desk.clock.forward(3 * DAY + 12 * 3600)  # midnight
    await desk.news.look()
    assert [len(await desk.texts(name)) for name in ("night", "stopped", "again")] == [1, 1, 2]
    desk.clock.forward(9 * 3600)
    await desk.news.look()
    assert [len(await desk.texts(name)) for name in ("night", "stopped", "again")] == [2, 1, 2]
    assert (night.case_no, stopped.case_no) != ("", "")


async def test_who_is_talking_about_something_else_is_asked_later(desk: Desk) -> None:
    await closed(desk)
    desk.clock.forward(3 * DAY)
    last = {"last_at": desk.clock()}
    await desk.store.write(lambda conn: conn.execute(update(conversation).values(last)))
    await desk.news.look()
    assert len(await desk.texts()) == 1
    desk.clock.forward(1800)
    await desk.news.look()
    assert len(await desk.texts()) == 2


async def test_zero_days_ask_nobody(desk: Desk) -> None:
    quiet = replace(desk, habits=Habits(follow_up_days=0))
    await closed(quiet)
    quiet.clock.forward(90 * DAY)
    await quiet.news.look()
    assert len(await quiet.texts()) == 1


async def test_a_question_that_reaches_nobody_is_nobodys_work(desk: Desk) -> None:
    case = await closed(desk)
    await desk.becomes(DeliveryState.DELIVERED)
    desk.clock.forward(3 * DAY)
    await desk.news.look()
    await desk.becomes(DeliveryState.FAILED)
    assert await desk.standing() == [("talk", "told"), ("talk", "undeliverable")]
    assert await desk.tasks(case) == []
    assert await desk.alarms() == []


async def test_the_answer_is_kept_on_the_case_and_the_same_again_changes_nothing(desk: Desk) -> None:
    case = await closed(desk)
    for grade in ("unsolved", "unsolved", "solved"):
        found = await desk.store.read(lambda conn: history.load(conn, case.case_no))
        await desk.store.write(lambda conn, f=found, g=grade: rating.keep(conn, f, g, now=NOON))
    found = await desk.store.read(lambda conn: history.load(conn, case.case_no))
    assert found.rating == "solved"
    kept = select(case_event.c.facts).where(case_event.c.case_id == case.id, case_event.c.act == "rate")
    facts = await desk.store.read(lambda conn: list(conn.execute(kept.order_by(case_event.c.n)).scalars()))
    assert facts == [{"grade": "unsolved"}, {"grade": "solved"}]
    desk.clock.forward(30 * DAY)
    await desk.news.look()
    assert len(await desk.texts()) == 1  # who has said it is not asked


async def test_what_happens_to_a_case_long_after_its_end_asks_nobody(desk: Desk) -> None:
    """As one that was closed before anybody was asked."""
    case = await desk.case()
    await desk.act(case, *TO_CLOSE)
    known = update(complaint_case).values(news_n=complaint_case.c.version)
    await desk.store.write(lambda conn: conn.execute(known))
    desk.clock.forward(400 * DAY)
    await desk.store.write(lambda conn: register.note(conn, desk.vault, case.case_no, "归档", actor="li", now=NOON))
    for _ in range(2):
        await desk.news.look()
    assert await desk.texts() == []


@pytest.mark.parametrize("known", [True, False], ids=["closing was looked at", "it was not"])
async def test_whose_data_was_erased_is_not_asked(desk: Desk, *, known: bool) -> None:
    case = await desk.case()
    await desk.act(case, *TO_CLOSE)
    if known:
        await desk.news.look()
    over = {"retention_until": NOON.date().replace(year=2020)}
    await desk.store.write(lambda conn: conn.execute(update(complaint_case).values(over)))
    erased = {"basis": "期限已过", "actor": "li", "now": desk.clock()}
    await desk.store.write(lambda conn: privacy.erase(conn, case.person_id, **erased))
    desk.clock.forward(3 * DAY)
    for _ in range(2):
        await desk.news.look()
    assert not any(line.buttons for line in await desk.said())


async def test_a_number_is_no_answer_to_a_question_that_nobody_has_seen(desk: Desk) -> None:
    await closed(desk)
    menu = Rendered(text="您想办什么？", buttons=(Button(title="查信用报告", payload="/report"),))
    which, now = desk.where("anna", "hook"), desk.clock()
    await desk.store.write(
        lambda conn: outbox.put(conn, which, [menu], cause="menu", author=Author.BOT, now=now, live=False)
    )
    await desk.becomes(DeliveryState.DELIVERED)
    desk.clock.forward(3 * DAY)
    await desk.news.look()
    await desk.becomes(DeliveryState.FAILED)
    seq = (await desk.said())[-1].seq + 1
    offered = await desk.store.read(lambda conn: turns.open_list(conn, which, before=seq))
    assert [button.payload for button in offered] == ["/report"]
    await desk.hears(text="1")
    found = await desk.store.read(lambda conn: turns.look(conn, which))
    assert found is not None
    assert taken(found.turns[-1], offered) is None

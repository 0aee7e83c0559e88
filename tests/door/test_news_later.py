"""News that comes later: what reached nobody, what waited for the morning, what lost its channel; on both databases."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import Connection, select, update

from cases import news
from cases.model import Person
from cases.states import Act
from core.model import DeliveryState
from core.store import Store
from core.tables import conversation
from core.tables import outbox as rows
from core.vault import Vault
from tests.conftest import Clock
from tests.door.telling import DAY, SMS, Desk, a_desk

WITHOUT_PHONE = Person(name="王")
NIGHT = 15 * 3600.0  # from NOON, which is 12:00 in China: 3:00
MORNING = 6 * 3600.0  # from then: 9:00


@pytest.fixture
async def desk(store: Store, vault: Vault, clock: Clock) -> Desk:
    return await a_desk(store, vault, clock)


@pytest.fixture
async def with_sms(store: Store, vault: Vault, clock: Clock) -> Desk:
    return await a_desk(store, vault, clock, sms=SMS)


async def test_what_reached_nobody_is_told_in_full_as_soon_as_they_write_again(desk: Desk) -> None:
    case = await desk.case()
    await desk.act(case, Act.REFUSE, text="请找消费者协会")
    await desk.news.look()
    await desk.becomes(DeliveryState.FAILED)
    assert await desk.standing() == [("talk", "undeliverable")]
    await desk.news.look()
    assert len(await desk.texts()) == 1
    for outcome in (DeliveryState.FAILED, DeliveryState.DELIVERED):  # the platform refuses it once more, then not
        desk.clock.forward(3600)
        await desk.writes_again()
        await desk.news.look()
        assert "请找消费者协会" in (await desk.texts())[-1]
        await desk.becomes(outcome)
    assert len(await desk.texts()) == 3
    assert await desk.standing() == [("later", "told")]
    assert len(await desk.tasks(case)) == 1


async def test_who_wrote_while_we_looked_and_before_the_news_failed_has_not_come_back(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = await desk.case()
    await desk.act(case, Act.ACCEPT)
    await desk.news.look()
    await desk.store.write(lambda conn: conn.execute(update(rows).values(state=DeliveryState.FAILED.value)))
    written = {"last_at": desk.clock() + timedelta(seconds=1)}
    await desk.store.write(lambda conn: conn.execute(update(conversation).values(written)))

    def slow(conn: Connection, *, limit: int) -> list[news.Untold]:
        desk.clock.forward(2)
        return untold(conn, limit=limit)

    untold = news.untold
    with monkeypatch.context() as patched:
        patched.setattr(news, "untold", slow)
        await desk.news.look()
    await desk.news.look()
    assert await desk.standing() == [("talk", "undeliverable")]
    assert len(await desk.texts()) == 1


async def test_what_reached_nobody_is_told_along_with_the_next_news_and_not_after_it(desk: Desk) -> None:
    case = await desk.case()
    await desk.act(case, Act.ACCEPT)
    await desk.news.look()
    await desk.becomes(DeliveryState.FAILED)
    desk.clock.forward(3600)
    await desk.act(case, Act.HANDLE)
    await desk.writes_again()
    await desk.becomes(DeliveryState.DELIVERED)
    await desk.writes_again()
    [_, told] = await desk.texts()
    assert told.splitlines()[1] == "2026年11月21日：已经受理。"
    assert told.splitlines()[2].startswith(f"{case.case_no}由我们自己来办，最晚")
    assert await desk.standing() == [("talk", "superseded"), ("talk", "told")]


async def test_all_of_a_notice_that_reached_nobody_is_told_later_what_staff_wrote_too(desk: Desk) -> None:
    case = await desk.case()
    await desk.act(case, Act.ACCEPT)
    await desk.news.look()
    await desk.becomes(DeliveryState.DELIVERED)
    await desk.act(case, Act.HANDLE, Act.REPLY, text="银行退还三百元")
    await desk.act(case, Act.VISIT, Act.CLOSE)
    await desk.news.look()
    await desk.becomes(DeliveryState.FAILED)
    desk.clock.forward(3600)
    await desk.writes_again()
    told = (await desk.texts())[-1].splitlines()
    assert told[1:4] == [
        "2026年11月21日：由我们自己办理。",
        "2026年11月21日：有答复了。",
        "工作人员写给您的话：银行退还三百元",
    ]
    assert "已经办结" in told[4]


async def test_several_notices_that_reached_nobody_are_told_later_in_one_message_again_and_again(desk: Desk) -> None:
    """However the platform ended them, and in whatever order."""
    case = await desk.case(who=WITHOUT_PHONE)
    for what in (Act.ACCEPT, Act.HANDLE):
        await desk.act(case, what)
        await desk.news.look()
    await desk.becomes(DeliveryState.FAILED)
    for outcome in (DeliveryState.FAILED, DeliveryState.DELIVERED):
        desk.clock.forward(3600)
        await desk.writes_again()
        told = (await desk.texts())[-1].splitlines()
        assert told[1] == "2026年11月21日：已经受理。"
        assert "由我们自己来办" in told[2]
        await desk.becomes(outcome)
    assert len(await desk.texts()) == 4
    assert await desk.standing() == [("talk", "superseded"), ("later", "told")]


async def test_a_step_that_others_have_overtaken_is_told_late_with_its_day_and_no_promise(desk: Desk) -> None:
    case = await desk.case()
    await desk.act(case, Act.ACCEPT)
    await desk.news.look()
    first = select(rows.c.id).order_by(rows.c.id).limit(1).scalar_subquery()
    await desk.store.write(lambda conn: conn.execute(update(rows).values(state="sent")))
    await desk.act(case, Act.HANDLE)
    await desk.news.look()
    await desk.store.write(lambda conn: conn.execute(update(rows).where(rows.c.id != first).values(state="delivered")))
    await desk.store.write(lambda conn: conn.execute(update(rows).where(rows.c.id == first).values(state="failed")))
    desk.clock.forward(60)
    await desk.news.look()
    desk.clock.forward(60)
    await desk.writes_again()
    assert (await desk.texts())[-1].splitlines() == [f"{case.case_no}有几处新进展：", "2026年11月21日：已经受理。"]


async def test_what_is_told_again_waits_as_long_for_the_word_on_it(with_sms: Desk) -> None:
    case = await with_sms.case("13912345678", "sms")
    await with_sms.act(case, Act.ACCEPT)
    await with_sms.news.look()
    await with_sms.becomes(DeliveryState.FAILED)
    with_sms.clock.forward(5 * DAY)
    await with_sms.writes_again()
    await with_sms.becomes(DeliveryState.SENT)
    assert await with_sms.standing() == [("later", "open")]
    with_sms.clock.forward(60)
    await with_sms.becomes(DeliveryState.FAILED)
    assert await with_sms.standing() == [("later", "undeliverable")]


# ---- at night --------------------------------------------------------------------------------------------------------


async def test_no_telephone_rings_at_night_and_in_the_morning_there_is_one_message(with_sms: Desk) -> None:
    with_sms.clock.forward(NIGHT)
    case = await with_sms.case("13912345678", "sms")
    for what in (Act.ACCEPT, Act.HANDLE):
        await with_sms.act(case, what)
        await with_sms.news.look()
    with_sms.clock.forward(MORNING - 1)
    await with_sms.news.look()
    assert await with_sms.texts("13912345678", "sms") == []
    with_sms.clock.forward(1)
    await with_sms.news.look()
    [told] = await with_sms.texts("13912345678", "sms")
    assert "由我们自己办理" in told
    await with_sms.becomes(DeliveryState.DELIVERED)
    assert await with_sms.standing() == [("talk", "superseded"), ("talk", "told")]


async def test_who_writes_by_telephone_at_night_hears_in_the_morning_what_had_not_reached_them(with_sms: Desk) -> None:
    case = await with_sms.case("13912345678", "sms")
    await with_sms.act(case, Act.ACCEPT)
    await with_sms.news.look()
    await with_sms.becomes(DeliveryState.FAILED)
    with_sms.clock.forward(NIGHT)
    await with_sms.writes_again()
    assert len(await with_sms.texts("13912345678", "sms")) == 1
    with_sms.clock.forward(MORNING)
    await with_sms.news.look()
    assert len(await with_sms.texts("13912345678", "sms")) == 2


async def test_who_has_come_back_to_the_page_by_the_morning_gets_no_short_message(with_sms: Desk) -> None:
    with_sms.clock.forward(NIGHT)
    case = await with_sms.case(channel="web")
    await with_sms.act(case, Act.ACCEPT)
    await with_sms.news.look()
    with_sms.clock.forward(MORNING - 60)
    await with_sms.writes_again()
    with_sms.clock.forward(120)
    await with_sms.news.look()
    assert await with_sms.standing() == [("talk", "told")]
    assert await with_sms.texts("13912345678", "sms") == []


# ---- a channel that is gone ------------------------------------------------------------------------------------------


async def test_what_waits_for_a_channel_that_was_removed_is_taken_back_and_goes_on(with_sms: Desk) -> None:
    case = await with_sms.case()
    await with_sms.act(case, Act.ACCEPT)
    await with_sms.news.look()
    gone = replace(with_sms, channels={id: one for id, one in with_sms.channels.items() if id != "hook"})
    await gone.news.look()
    states = await gone.store.read(lambda conn: list(conn.execute(select(rows.c.state).order_by(rows.c.id)).scalars()))
    assert states == ["withheld", "ready"]
    assert len(await gone.texts("13912345678", "sms")) == 1
    alone = replace(gone, channels={id: one for id, one in gone.channels.items() if id != "sms"})
    await alone.news.look()
    assert await alone.standing() == [("sms", "undeliverable")]
    assert await alone.alarms() == ["news_undeliverable"]
    assert len(await alone.tasks(case)) == 1


async def test_what_a_removed_channel_was_sending_may_have_arrived(with_sms: Desk) -> None:
    case = await with_sms.case()
    await with_sms.act(case, Act.ACCEPT)
    await with_sms.news.look()
    here = conversation.c.id == with_sms.where("anna", "hook")
    until = {"send_lease_until": with_sms.clock.now.replace(minute=1)}
    await with_sms.store.write(lambda conn: conn.execute(update(rows).values(state="sending")))
    await with_sms.store.write(lambda conn: conn.execute(update(conversation).where(here).values(until)))
    gone = replace(with_sms, channels={id: one for id, one in with_sms.channels.items() if id != "hook"})
    await gone.news.look()
    assert await gone.standing() == [("talk", "open")]  # another house may still be at it
    gone.clock.forward(120)
    await gone.news.look()
    assert await gone.standing() == [("talk", "unknown")]
    assert await gone.alarms() == ["send_unknown"]

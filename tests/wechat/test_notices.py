"""News of a case to a follower: in the chat while that is open, by an approved notice after it, else another way."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from cases import register
from cases.model import Case
from cases.states import Act
from cases.tables import case_notice
from channels._wechat_notice import Template, body
from core.model import Notice
from core.tables import inbox, outbox
from door import news
from tests.cases.given import FACTS, bank, opened
from tests.waiting import until
from tests.wechat.conftest import Account, Desk

ACCEPTED = "accepted-notice-of-this-account"
OTHERS = "other-notices-of-this-account"
TEMPLATES: dict[str, Any] = {
    "accept": {"id": ACCEPTED, "fields": {"character_string1": "{case_no}", "thing2": "{step}", "time3": "{day}"}},
    "any": {"id": OTHERS, "fields": {"thing1": "{text}", "phrase2": "{step}"}},
}
DAYS = timedelta(days=3)


@pytest.fixture(autouse=True)
def _looks_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(news, "LOOK_EVERY", 0.05)
    monkeypatch.setattr(news, "RECEIPT_LOOK", timedelta(milliseconds=100))


async def filed(desk: Desk, who: str = "anna", *, days_ago: bool = True) -> Case:
    """A case of a follower who wrote three days ago, or just now."""
    desk.platform.templates |= {ACCEPTED, OTHERS}
    await desk.hears(desk.platform.text("我要投诉", who))
    await desk.ended("sent", who=who)
    store, now = desk.running.house.store, datetime.now(UTC)
    if days_ago:
        desk.platform.clock += DAYS.total_seconds()
        await store.write(lambda conn: conn.execute(update(inbox).values(received_at=now - DAYS)))
    await store.write(bank)
    case = await opened(store, desk.running.house.vault, now=now, conversation_id=desk.conversation(who))
    return case.case


async def do(desk: Desk, case: Case, *acts: Act) -> None:
    house = desk.running.house

    def walk(conn: Any) -> None:
        for what in acts:
            register.act(conn, house.vault, case.case_no, what, FACTS, actor="li", now=house.clock(), version=None)

    await house.store.write(walk)


async def stands(desk: Desk, case: Case) -> str:
    """How the news of a case ended."""

    async def look() -> str:
        ended = select(case_notice.c.state).where(case_notice.c.case_id == case.id, case_notice.c.state != "open")
        return await desk.running.house.store.read(lambda conn: conn.execute(ended).scalar_one_or_none() or "")

    return await until(look)


async def test_while_the_chat_is_open_news_is_told_there_in_full(account: Account) -> None:
    async with account(templates=TEMPLATES) as desk:
        case = await filed(desk, days_ago=False)
        await do(desk, case, Act.ACCEPT)
        assert await stands(desk, case) == "told"
        follower = desk.platform.follower("anna")
        assert [case.case_no in text for text in follower.shown] == [False, True]
        assert follower.notices == []


async def test_after_two_days_a_notice_says_it_in_the_words_that_were_approved(account: Account) -> None:
    async with account(templates=TEMPLATES) as desk:
        case = await filed(desk)
        await do(desk, case, Act.ACCEPT)
        await until(lambda: bool(desk.platform.follower("anna").notices))
        [notice] = desk.platform.follower("anna").notices
        today = (datetime.now(UTC) + timedelta(hours=8)).date().isoformat()
        assert notice == {"character_string1": case.case_no, "thing2": "已经受理", "time3": today}
        await desk.hears(desk.platform.finished())
        assert await desk.ended("sent", "delivered")
        assert await desk.alarms() == {}
        kept = select(outbox.c.as_notice).order_by(outbox.c.id)
        assert await desk.running.house.store.read(lambda conn: list(conn.execute(kept).scalars())) == [False, True]


async def test_an_act_without_a_template_of_its_own_goes_by_the_one_for_any_cut_to_what_its_fields_take(
    account: Account,
) -> None:
    async with account(templates=TEMPLATES) as desk:
        case = await filed(desk)
        await do(desk, case, Act.REFUSE)
        await until(lambda: bool(desk.platform.follower("anna").notices))
        [notice] = desk.platform.follower("anna").notices
        assert notice["phrase2"] == "没有受理"
        assert notice["thing1"].startswith(case.case_no)
        assert len(notice["thing1"]) == 20


async def test_a_notice_that_is_refused_sends_the_news_on_to_a_person_and_tells_whose_fault_it_was(
    account: Account,
) -> None:
    """Settings that are wrong are an alarm of the account's; what the follower wants is none."""
    async with account(templates=TEMPLATES) as desk:
        for errcode, alarm in ((43004, ""), (43101, ""), (40037, "channel_trouble"), (47003, "channel_trouble")):
            who = f"follower{errcode}"
            case = await filed(desk, who)
            desk.platform.faults.append(errcode)
            await do(desk, case, Act.ACCEPT)
            assert await stands(desk, case) == "undeliverable"
            assert desk.platform.follower(who).notices == []
            assert set(await desk.alarms()) == {"news_undeliverable", alarm} - {""}


async def test_a_stale_token_is_renewed_and_the_notice_sent_once(account: Account) -> None:
    async with account(templates=TEMPLATES) as desk:
        case = await filed(desk)
        desk.platform.invalidate()
        await do(desk, case, Act.ACCEPT)
        await until(lambda: bool(desk.platform.follower("anna").notices))
        assert len(desk.platform.follower("anna").notices) == 1


async def test_without_a_template_the_news_goes_to_a_person_and_no_call_is_made(service: Desk) -> None:
    case = await filed(service)
    await do(service, case, Act.ACCEPT)
    assert await stands(service, case) == "undeliverable"
    assert set(await service.alarms()) == {"news_undeliverable"}


async def test_a_follower_who_blocked_the_account_meanwhile_is_told_by_a_person(account: Account) -> None:
    async with account(templates=TEMPLATES) as desk:
        case = await filed(desk)
        await do(desk, case, Act.ACCEPT)
        await until(lambda: bool(desk.platform.follower("anna").notices))
        await desk.ended("sent", "sent")
        await desk.hears(desk.platform.finished("failed:user block"))
        assert await stands(desk, case) == "undeliverable"


def test_a_notice_is_one_line_and_longer_values_end_in_dots() -> None:
    template = Template(id="x" * 30, fields={"thing1": "{text}", "keyword2": "办理：{step}"})
    said = body("o1", template, Notice(kind="accept", values={"text": "一\n" + "长" * 40, "step": "已经受理"}))
    assert said["data"] == {"thing1": {"value": "一 " + "长" * 17 + "…"}, "keyword2": {"value": "办理：已经受理"}}

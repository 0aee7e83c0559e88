"""News of cases: once, in order, in the consumer's language, over what reaches them; on both databases."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import replace

import pytest
from sqlalchemy import update

from cases import news, register
from cases.model import Person
from cases.states import Act
from core import outbox
from core.model import DeliveryState
from core.store import Store
from core.tables import address, conversation
from core.vault import Vault
from tests.cases.given import opened
from tests.channels import aliyun_sms_cases
from tests.conftest import NOON, Clock
from tests.door.telling import DAY, SMS, TO_CLOSE, Desk, a_desk


@pytest.fixture
async def desk(store: Store, vault: Vault, clock: Clock) -> Desk:
    return await a_desk(store, vault, clock)


@pytest.fixture
async def with_sms(store: Store, vault: Vault, clock: Clock) -> Desk:
    return await a_desk(store, vault, clock, sms=SMS)


# ---- what is told ----------------------------------------------------------------------------------------------------


TOLD: list[tuple[Iterable[Act], str, str]] = [
    ([Act.ACCEPT], "已经受理了", "is accepted"),
    ([Act.REQUEST_SUPPLEMENT], "还缺一些材料，请在2026年12月7日（还有16天）之前补上", "still lacks something"),
    ([Act.REFUSE], "没能受理。这件事可以找：12378", "could not accept"),
    ([Act.REFER], "您可以找：12378", "Who can help with it: 12378"),
    ([Act.ACCEPT, Act.FORWARD], "已经转给长安银行了，它应该在", "has gone to 长安银行"),
    ([Act.ACCEPT, Act.HANDLE], "由我们自己来办", "We handle"),
    ([Act.ACCEPT, Act.FORWARD, Act.START, Act.EXTEND], "新的期限是", "the new limit is"),
    ([Act.ACCEPT, Act.MEDIATE], "开始调解了", "has begun"),
    ([Act.ACCEPT, Act.MEDIATE, Act.AGREE], "调解谈成了", "ended in an agreement"),
    ([Act.ACCEPT, Act.MEDIATE, Act.FAIL], "没有谈成", "did not lead to an agreement"),
    ([Act.ACCEPT, Act.HANDLE, Act.REPLY], "有答复了", "There is an answer"),
    (TO_CLOSE, "已经办结", "is closed"),
    ([*TO_CLOSE, Act.REOPEN], "重新打开了", "is open again"),
    ([Act.WITHDRAW], "已经按您的意思撤回", "was withdrawn as you wished"),
]


async def test_what_staff_do_is_told_in_the_conversation_in_its_language(desk: Desk) -> None:
    cases = [
        (await desk.case(f"{spoken} {n}", spoken=spoken, who=Person(name="王")), acts, f"{spoken} {n}", words[spoken])
        for n, (acts, zh, en) in enumerate(TOLD)
        for words in ({"zh": zh, "en": en},)
        for spoken in words
    ]
    for case, acts, _, _ in cases:
        await desk.act(case, *acts)
    await desk.news.look()
    for case, acts, sender, words in cases:
        [told] = await desk.texts(sender)
        assert words in told, (acts, told)
        assert case.case_no in told


async def test_a_traditional_script_is_kept(desk: Desk) -> None:
    case = await desk.case(script="Hant")
    await desk.act(case, Act.ACCEPT)
    await desk.news.look()
    assert "已經受理了" in (await desk.texts())[0]


async def test_a_refusal_says_why_what_staff_wrote_and_no_number_that_they_wrote(desk: Desk) -> None:
    case = await desk.case()
    await desk.act(case, Act.REFUSE, reason="N3", text="请本人来，有事打13812345678")
    await desk.news.look()
    [told] = await desk.texts()
    assert "授权书" in told
    assert "工作人员写给您的话：请本人来，有事打***" in told


async def test_each_event_is_told_once_however_many_houses_look_and_however_often(desk: Desk, ledger_url: str) -> None:
    case = await desk.case()
    second = await Store.open(ledger_url)
    other = replace(desk, store=second)
    for what in (Act.ACCEPT, Act.HANDLE, Act.REPLY):
        await desk.act(case, what)
        await asyncio.gather(*(one.news.look() for one in (desk, other) * 3))
    await second.close()
    assert [text.partition(case.case_no)[2][:6] for text in await desk.texts()] == [
        "已经受理了，",
        "由我们自己来",
        "有答复了。最",
    ]


async def test_what_was_marked_but_not_committed_is_told_after_all(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    case = await desk.case()
    await desk.act(case, Act.ACCEPT)

    def dies(*_: object, **__: object) -> None:
        raise KeyError("the house dies between mark and message")

    with monkeypatch.context() as broken:
        broken.setattr(outbox, "put", dies)
        await desk.news.look()
    assert await desk.texts() == []
    assert await desk.alarms() == ["news_failed"]
    again = Desk(desk.store, desk.vault, desk.clock, desk.content, desk.channels)
    await again.news.look()
    assert len(await desk.texts()) == 1


async def test_one_case_that_breaks_stops_no_other(desk: Desk) -> None:
    broken, whole = await desk.case("anna"), await desk.case("ben", who=Person(name="李"))
    await desk.act(broken, Act.ACCEPT)
    await desk.act(whole, Act.ACCEPT)
    await desk.store.write(
        lambda conn: conn.execute(address.delete().where(address.c.conversation_id == desk.where("anna", "hook")))
    )
    await desk.news.look()
    await desk.news.look()
    assert len(await desk.texts("ben")) == 1
    assert await desk.alarms() == ["news_failed"]


async def test_several_steps_between_two_looks_are_one_message_the_last_one_whole(desk: Desk) -> None:
    case = await desk.case()
    await desk.act(case, Act.ACCEPT, Act.HANDLE, Act.REPLY, text="年费已经退还")
    await desk.news.look()
    [told] = await desk.texts()
    assert told.splitlines() == [
        f"{case.case_no}有几处新进展：",
        "2026年11月21日：已经受理。",
        "2026年11月21日：由我们自己办理。",
        f"{case.case_no}有答复了。最晚2026年11月27日（还有6天）我们会回访，问您满不满意。",
        "工作人员写给您的话：年费已经退还",
    ]


async def test_after_a_long_stop_what_piled_up_is_one_message_with_an_apology(desk: Desk) -> None:
    case = await desk.case()
    await desk.act(case, Act.ACCEPT)
    desk.clock.forward(10 * DAY)
    await desk.act(case, Act.HANDLE)
    await desk.news.look()
    [told] = await desk.texts()
    assert told.startswith("抱歉，")
    assert "2026年11月21日：已经受理。" in told


async def test_a_step_that_the_consumer_has_overtaken_promises_nothing(desk: Desk) -> None:
    case = await desk.case()
    await desk.act(case, Act.ACCEPT)
    await desk.act(case, Act.WITHDRAW, actor="consumer")
    await desk.news.look()
    [told] = await desk.texts()
    assert "最晚" not in told
    assert "已经受理" in told


async def test_what_the_consumer_did_and_the_work_on_a_case_is_not_told(desk: Desk) -> None:
    case = await desk.case()
    await desk.store.write(lambda conn: register.note(conn, desk.vault, case.case_no, "内部意见", actor="li", now=NOON))
    await desk.act(case, Act.WITHDRAW, actor="consumer")
    await desk.news.look()
    assert await desk.texts() == []
    assert await desk.store.read(news.untold) == []


async def test_cases_without_a_conversation_are_never_looked_at(desk: Desk) -> None:
    case = (await opened(desk.store, desk.vault)).case
    await desk.act(case, Act.ACCEPT)
    assert await desk.store.read(news.untold) == []
    await desk.news.look()
    assert await desk.standing() == []


async def test_whoever_wanted_nothing_proactive_hears_of_their_own_case_all_the_same(desk: Desk) -> None:
    case = await desk.case()
    await desk.store.write(lambda conn: conn.execute(update(address).values(stopped_at=NOON)))
    await desk.act(case, Act.ACCEPT)
    await desk.news.look()
    assert len(await desk.texts()) == 1


# ---- over what -------------------------------------------------------------------------------------------------------


async def test_where_the_conversation_fails_a_short_message_goes_to_the_telephone(with_sms: Desk) -> None:
    case = await with_sms.case()
    await with_sms.act(case, Act.REFUSE, text="王小明先生，您的流水我们看过了")
    await with_sms.news.look()
    await with_sms.becomes(DeliveryState.FAILED)
    [told] = await with_sms.texts("13912345678", "sms")
    assert told.startswith(f"12363金融消费者热线：{case.case_no}没有受理。可以找：12378。详情可回复“查进度”")
    assert "流水" not in told
    await with_sms.becomes(DeliveryState.DELIVERED, "sms")
    assert await with_sms.standing() == [("sms", "told")]
    assert await with_sms.alarms() == []


async def test_a_telephone_that_has_written_before_is_found_however_its_carrier_writes_it(with_sms: Desk) -> None:
    await with_sms.hears("+8613912345678", "sms")
    case = await with_sms.case()
    await with_sms.act(case, Act.ACCEPT)
    await with_sms.news.look()
    await with_sms.becomes(DeliveryState.PARKED)
    assert len(await with_sms.texts("+8613912345678", "sms")) == 1
    assert await with_sms.texts("13912345678", "sms") == []


async def test_a_page_that_nobody_has_open_is_followed_by_a_short_message(with_sms: Desk) -> None:
    case = await with_sms.case(channel="web")
    await with_sms.act(case, Act.ACCEPT)
    await with_sms.news.look()
    await with_sms.news.look()
    assert len(await with_sms.texts(channel="web")) == 1
    assert len(await with_sms.texts("13912345678", "sms")) == 1


async def test_who_has_just_written_on_the_page_gets_no_short_message(with_sms: Desk) -> None:
    case = await with_sms.case(channel="web")
    here = conversation.c.id == with_sms.where("anna", "web")
    await with_sms.store.write(lambda c: c.execute(update(conversation).where(here).values(last_at=NOON)))
    await with_sms.act(case, Act.ACCEPT)
    await with_sms.news.look()
    assert await with_sms.standing() == [("talk", "told")]


async def test_short_messages_wait_for_the_morning(with_sms: Desk) -> None:
    with_sms.clock.forward(10 * 3600)  # 22:00 in China
    case = await with_sms.case()
    await with_sms.act(case, Act.ACCEPT)
    await with_sms.news.look()
    await with_sms.becomes(DeliveryState.FAILED)
    assert await with_sms.texts("13912345678", "sms") == []
    with_sms.clock.forward(11 * 3600)  # 9:00
    await with_sms.news.look()
    assert len(await with_sms.texts("13912345678", "sms")) == 1


async def test_on_a_telephone_news_is_short_and_says_nothing_of_the_matter(with_sms: Desk) -> None:
    case = await with_sms.case("13912345678", "sms")
    await with_sms.act(case, Act.ACCEPT, Act.HANDLE, Act.REPLY, text="您的房贷逾期记录已更正")
    await with_sms.news.look()
    [told] = await with_sms.texts("13912345678", "sms")
    assert told.startswith(f"12363金融消费者热线：{case.case_no}有答复了。")
    assert "房贷" not in told


async def test_where_only_templates_go_out_the_step_stands_first(store: Store, vault: Vault, clock: Clock) -> None:
    ali = aliyun_sms_cases.config("https://dysmsapi.example") | {"kind": "aliyun_sms"}
    desk = await a_desk(store, vault, clock, ali=ali)
    case = await desk.case()
    await desk.act(case, Act.ACCEPT)
    await desk.news.look()
    await desk.becomes(DeliveryState.FAILED)
    assert await desk.texts("13912345678", "ali") == [f"已经受理：{case.case_no}"]


async def test_what_reaches_nobody_ends_visibly_with_an_alarm_and_a_task_for_whoever_has_the_case(
    with_sms: Desk,
) -> None:
    case = await with_sms.case()
    await with_sms.act(case, Act.REFUSE)
    await with_sms.news.look()
    await with_sms.becomes(DeliveryState.FAILED)
    await with_sms.becomes(DeliveryState.FAILED)
    assert await with_sms.standing() == [("sms", "undeliverable")]
    assert await with_sms.alarms() == ["news_undeliverable"]
    assert await with_sms.tasks(case) == [("contact", "消息没能送达，请打电话告诉消费者：没有受理")]
    await with_sms.news.look()
    assert len(await with_sms.tasks(case)) == 1


@pytest.mark.parametrize(
    ("who", "how"),
    [
        (Person(name="王", phone="029-88881234"), "请打电话"),
        (Person(name="王", email="wang@example.org"), "请发邮件"),
        (Person(name="王"), "请设法联系"),
    ],
)
async def test_whom_no_short_message_reaches_a_person_writes_or_calls(with_sms: Desk, who: Person, how: str) -> None:
    case = await with_sms.case(who=who)
    await with_sms.act(case, Act.ACCEPT)
    await with_sms.news.look()
    await with_sms.becomes(DeliveryState.FAILED)
    [(_, title)] = await with_sms.tasks(case)
    assert how in title


async def test_a_failure_that_a_receipt_tells_later_sends_it_on(with_sms: Desk) -> None:
    case = await with_sms.case()
    await with_sms.act(case, Act.ACCEPT)
    await with_sms.news.look()
    await with_sms.becomes(DeliveryState.SENT)
    assert await with_sms.standing() == [("talk", "open")]  # this platform says what became of it
    with_sms.clock.forward(600)
    await with_sms.becomes(DeliveryState.FAILED)
    assert len(await with_sms.texts("13912345678", "sms")) == 1


async def test_what_may_have_arrived_is_not_sent_another_way(with_sms: Desk) -> None:
    case = await with_sms.case()
    await with_sms.act(case, Act.ACCEPT)
    await with_sms.news.look()
    with_sms.clock.forward(4 * DAY)
    await with_sms.becomes(DeliveryState.UNKNOWN)
    assert await with_sms.standing() == [("talk", "unknown")]


async def test_a_channel_that_is_gone_from_the_settings_is_no_way(with_sms: Desk) -> None:
    case = await with_sms.case()
    gone = replace(with_sms, channels={id: one for id, one in with_sms.channels.items() if id != "hook"})
    await gone.act(case, Act.ACCEPT)
    await gone.news.look()
    assert await gone.texts() == []
    assert len(await gone.texts("13912345678", "sms")) == 1

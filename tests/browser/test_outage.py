"""Outages, reloads and second tabs: nothing lost, nothing twice, and the contact knows."""

from __future__ import annotations

from playwright.async_api import BrowserContext, Page, expect

from tests.browser.frontdesk import FrontDesk
from tests.browser.test_conversation import write
from tests.waiting import until


async def test_what_is_written_during_an_outage_is_sent_once_and_in_order_afterwards(
    page: Page, desk: FrontDesk
) -> None:
    await write(page, "一")
    await until(lambda: desk.only.texts() == ["一"])
    await desk.kill()
    await expect(page.get_by_text("您写的消息会在恢复后发送")).to_be_visible()
    await expect(page.locator("header").get_by_text("连接已断开")).to_be_visible()
    await write(page, "二")
    await write(page, "三")
    await expect(page.locator(".line.pending .state")).to_have_text(["待发送", "待发送"])
    await desk.start()
    await until(lambda: desk.only.texts() == ["一", "二", "三"])
    await expect(page.locator(".line.contact .text")).to_have_text(["一", "二", "三"])
    await expect(page.locator(".line.pending")).to_have_count(0)
    await expect(page.get_by_text("您写的消息会在恢复后发送")).to_be_hidden()
    await expect(page.locator("header").get_by_text("已连接")).to_be_visible()


async def test_a_message_whose_ack_was_lost_with_the_connection_stays_one_message(page: Page, desk: FrontDesk) -> None:
    desk.acknowledges = False
    desk.only.tabs.clear()  # nor does its echo get through
    await write(page, "只有一次")
    await until(lambda: desk.only.texts() == ["只有一次"])
    await expect(page.locator(".line.pending")).to_have_count(1)
    await desk.kill()
    desk.acknowledges = True
    await desk.start()
    await expect(page.locator(".line.kept.contact")).to_have_count(1)
    await until(lambda: len(desk.sent("msg")) == 2)  # it was sent again
    assert desk.only.texts() == ["只有一次"]
    await expect(page.locator(".line.contact")).to_have_count(1)


async def test_messages_of_the_outage_are_told_after_it_and_only_those(page: Page, desk: FrontDesk) -> None:
    conversation = desk.only
    await desk.kill()
    await desk.say(conversation, "断线期间的回答")
    await desk.start()
    await expect(page.get_by_text("断线期间的回答")).to_be_visible()
    assert desk.sent("hello")[-1]["last_seq"] == 1
    await expect(page.locator(".line")).to_have_count(2)


async def test_the_contact_can_end_the_waiting(page: Page, desk: FrontDesk) -> None:
    await desk.kill()
    await page.get_by_role("button", name="立即重试").wait_for()
    await page.clock.install()  # from here no timer fires by itself
    await page.clock.pause_at("2100-01-01")
    await desk.kill()
    await desk.start()
    await page.get_by_role("button", name="立即重试").click()
    await until(lambda: len(desk.only.tabs) == 1)


async def test_a_reload_brings_the_conversation_back_with_each_message_once(page: Page, desk: FrontDesk) -> None:
    await write(page, "第一个问题")
    await until(lambda: desk.only.texts() == ["第一个问题"])
    await page.reload()
    await expect(page.locator(".line.contact .text")).to_have_text(["第一个问题"])
    await expect(page.locator(".line")).to_have_count(len(desk.only.messages))
    assert len(desk.conversations) == 1


async def test_what_was_not_sent_before_a_reload_is_sent_after_it(page: Page, desk: FrontDesk) -> None:
    desk.acknowledges = False
    conversation = desk.only
    conversation.tabs.clear()
    await write(page, "重新加载之前")
    await until(lambda: conversation.texts() == ["重新加载之前"])
    conversation.messages.pop()  # as if it had never arrived
    desk.acknowledges = True
    await page.reload()
    await until(lambda: conversation.texts() == ["重新加载之前"])
    await expect(page.locator(".line.kept.contact .text")).to_have_text(["重新加载之前"])


async def test_two_tabs_show_the_same_conversation_each_message_once(
    page: Page, context: BrowserContext, desk: FrontDesk
) -> None:
    other = await context.new_page()
    await other.goto(f"{desk.url}/widget/")
    await other.locator(".line.bot").first.wait_for()
    assert len(desk.conversations) == 1
    await write(page, "来自第一页")
    await expect(other.get_by_text("来自第一页")).to_be_visible()
    await write(other, "来自第二页")
    for tab in (page, other):
        await expect(tab.locator(".line.kept.contact .text")).to_have_text(["来自第一页", "来自第二页"])
        await expect(tab.locator(".line")).to_have_count(len(desk.only.messages))


async def test_clearing_this_device_begins_anew_in_every_tab(
    page: Page, context: BrowserContext, desk: FrontDesk
) -> None:
    other = await context.new_page()
    await other.goto(f"{desk.url}/widget/")
    await write(page, "别人不该看到")
    await expect(other.get_by_text("别人不该看到")).to_be_visible()
    await page.get_by_role("button", name="清除本机上的对话记录").click()
    await expect(page.get_by_role("button", name="保留")).to_be_focused()
    await page.get_by_role("button", name="清除", exact=True).click()
    for tab in (page, other):
        await expect(tab.get_by_text("别人不该看到")).to_have_count(0)
        await expect(tab.locator(".line.bot")).to_have_count(1)
    assert len(desk.conversations) == 2
    assert await page.evaluate("Object.keys(sessionStorage).length") == 0


async def test_a_browser_that_stores_nothing_still_talks_and_survives_an_outage(visitor, desk: FrontDesk) -> None:
    page = await (await visitor()).new_page()
    await page.add_init_script(
        "for (const name of ['localStorage', 'sessionStorage'])"
        "  Object.defineProperty(window, name, { get() { throw new DOMException('no', 'SecurityError') } })"
    )
    await page.goto(f"{desk.url}/widget/")
    await write(page, "一")
    await until(lambda: desk.only.texts() == ["一"])
    await desk.kill()
    await desk.start()
    await write(page, "二")
    await until(lambda: desk.only.texts() == ["一", "二"])
    await expect(page.locator(".line.kept.contact .text")).to_have_text(["一", "二"])


async def test_a_long_past_is_replayed_and_the_newest_line_is_in_sight(visitor, desk: FrontDesk) -> None:
    before = desk.remember([("contact", "在吗"), *(("bot", f"第 {n} 条") for n in range(2, 451))], days_ago=0)
    page = await (await visitor()).new_page()
    await page.add_init_script(desk.token_script(before))
    await page.goto(f"{desk.url}/widget/")
    await expect(page.locator(".line")).to_have_count(450)
    await expect(page.get_by_text("第 450 条")).to_be_in_viewport()


async def test_a_house_restored_from_a_backup_shows_what_it_knows_and_nothing_else(page: Page, desk: FrontDesk) -> None:
    await desk.say(desk.only, "备份之后的话")
    await expect(page.get_by_text("备份之后的话")).to_be_visible()
    await desk.kill()
    desk.only.messages.pop()
    await desk.start()
    await expect(page.get_by_text("备份之后的话")).to_have_count(0)
    await expect(page.locator(".line")).to_have_count(1)


async def test_a_reader_of_older_lines_is_not_torn_away_by_a_new_one(page: Page, desk: FrontDesk) -> None:
    await desk.say(desk.only, "很长的回答。" * 400)
    await write(page, "好")
    await until(lambda: desk.only.texts() == ["好"])
    await page.locator(".scroll").evaluate("scroll => { scroll.scrollTop = 0 }")
    await expect(page.get_by_text("您好，欢迎来到")).to_be_in_viewport()
    await desk.say(desk.only, "新的一条")
    button = page.get_by_role("button", name="有新消息")
    await expect(button).to_be_visible()
    await expect(page.get_by_text("您好，欢迎来到")).to_be_in_viewport()
    await button.click()
    await expect(page.get_by_text("新的一条")).to_be_in_viewport()
    await expect(button).to_be_hidden()


async def test_a_visitor_who_is_turned_away_is_told_whom_to_call_and_keeps_what_they_wrote(
    page: Page, desk: FrontDesk
) -> None:
    desk.turns_away = True
    await desk.kill()
    await write(page, "一")
    await desk.start()
    await expect(page.get_by_text("请稍后再试或拨打热线")).to_be_visible()
    assert [hello["token"] == "" for hello in desk.sent("hello")] == [True, False, True]  # without the token, too
    desk.turns_away = False
    await page.get_by_role("button", name="立即重试").click()
    await expect(page.locator(".line.kept.contact .text")).to_have_text(["一"])


async def test_a_house_without_this_channel_is_not_reconnected_to_for_ever_but_names_the_hotline(
    context: BrowserContext, desk: FrontDesk
) -> None:
    desk.has_channel = False  # 403 to every handshake
    page = await context.new_page()
    await page.goto(f"{desk.url}/widget/")
    told = page.locator(".strip").get_by_text("这里暂时不能在线咨询，请直接拨打热线")
    await expect(told).to_be_visible(timeout=20_000)
    await expect(told.get_by_role("link", name="12363")).to_have_attribute("href", "tel:12363")
    await expect(page.locator("header").get_by_text("暂不可用")).to_be_visible()
    assert desk.handshakes >= 5  # not at the first hiccup
    desk.has_channel = True
    await page.get_by_role("button", name="立即重试").click()
    await expect(page.locator("header").get_by_text("已连接")).to_be_visible()
    await expect(told).to_be_hidden()

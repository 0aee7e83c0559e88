"""Talking through the widget: each message once, answers with their source, text that stays text."""

from __future__ import annotations

import asyncio
import re

from playwright.async_api import BrowserContext, Page, expect

from tests.browser.answers import CHOOSE, CREDIT_REPORT, DEPOSIT
from tests.browser.frontdesk import FrontDesk
from tests.waiting import until

HOSTILE = '<img src=x onerror="window.pwned=1"><script>window.pwned=1</script>&lt;b&gt; javascript:alert(1)'


async def write(page: Page, text: str) -> None:
    await page.get_by_role("textbox").fill(text)
    await page.keyboard.press("Enter")


async def test_a_first_visit_is_greeted_by_name_and_offered_questions(page: Page) -> None:
    await expect(page.get_by_role("heading", level=1)).to_have_text("12363金融消费者热线")
    await expect(page.get_by_role("heading", level=2)).to_have_text("12363金融消费者热线")
    await expect(page.get_by_role("log")).to_contain_text("您好")
    await expect(page.get_by_role("button", name=CREDIT_REPORT)).to_be_visible()
    emergency = page.locator(".emergency")
    await expect(emergency.get_by_role("link", name="110")).to_have_attribute("href", "tel:110")
    await expect(emergency.get_by_role("link", name="120")).to_have_attribute("href", "tel:120")
    await expect(page.get_by_text("由系统自动回答")).to_be_visible()


async def test_an_answer_shows_its_source_and_that_nobody_reviewed_it(page: Page) -> None:
    await write(page, CREDIT_REPORT)
    answer = page.locator(".line.bot").last
    await expect(answer.locator(".source")).to_contain_text("依据：《征信业管理条例》第十七条")
    await expect(answer.locator(".mark")).to_have_text("待核实")
    await expect(page.get_by_text("大家常问")).to_be_hidden()


async def test_the_greeting_offers_questions_that_one_press_asks(page: Page, desk: FrontDesk) -> None:
    await page.get_by_role("log").get_by_role("button", name=CREDIT_REPORT).click()
    await expect(page.locator(".line.bot .source")).to_have_count(1)
    assert desk.only.texts() == [CREDIT_REPORT]


async def test_without_a_greeting_there_are_questions_to_begin_with(context: BrowserContext, desk: FrontDesk) -> None:
    del desk.answers["zh:followed"]  # the brain is down
    page = await context.new_page()
    await page.goto(f"{desk.url}/widget/")
    await page.get_by_role("region", name="大家常问").get_by_role("button", name=CREDIT_REPORT).click()
    await expect(page.locator(".line.bot .source")).to_have_count(1)
    assert desk.only.texts() == [CREDIT_REPORT]


async def test_what_was_written_is_shown_once_however_often_it_comes_back(page: Page, desk: FrontDesk) -> None:
    await write(page, "你好")
    await until(lambda: desk.only.texts() == ["你好"])
    for message in desk.only.messages:
        await desk.tell(desk.only, message)
    await desk.tell(desk.only, {"type": "ack", "cid": desk.only.messages[-1]["cid"], "seq": 2})
    await desk.say(desk.only, "最后一条")
    await expect(page.get_by_text("最后一条")).to_be_visible()
    await expect(page.locator(".line")).to_have_count(len(desk.only.messages))
    await expect(page.locator(".line.contact")).to_have_text(re.compile("你好.*已送达"))


async def test_messages_that_arrive_out_of_order_stand_in_order(page: Page, desk: FrontDesk) -> None:
    late = {**desk.only.messages[0], "seq": 2, "text": "第二"}
    await desk.tell(desk.only, {**late, "seq": 3, "text": "第三"})
    await desk.tell(desk.only, late)
    await expect(page.locator(".line .text")).to_have_text([re.compile("您好"), "第二", "第三"])


async def test_hostile_text_is_shown_as_text_wherever_it_comes_from(page: Page, desk: FrontDesk) -> None:
    await write(page, HOSTILE)
    await desk.say(desk.only, HOSTILE, source=HOSTILE, buttons=[{"title": HOSTILE, "payload": HOSTILE}])
    await desk.say(desk.only, HOSTILE, author="system")
    await desk.tell(desk.only, {"type": "error", "code": "x", "text": HOSTILE})
    await expect(page.locator(".line .text").get_by_text(HOSTILE)).to_have_count(3)
    await expect(page.locator(".choice").get_by_text(HOSTILE)).to_have_count(1)
    await expect(page.locator(".strip").get_by_text(HOSTILE)).to_be_visible()
    assert await page.evaluate("window.pwned") is None
    assert await page.locator(".lines img, .lines script, .lines b, .lines a:not(.phone)").count() == 0


async def test_addresses_in_answers_are_links_that_give_nothing_away(page: Page, desk: FrontDesk) -> None:
    await desk.say(desk.only, "见 https://www.pbccrc.org.cn 。也可以看javascript:alert(1)")
    link = page.locator(".line.bot").last.get_by_role("link")
    await expect(link).to_have_count(1)
    await expect(link).to_have_attribute("href", "https://www.pbccrc.org.cn/")
    await expect(link).to_have_attribute("rel", "noopener noreferrer nofollow")
    await expect(link).to_have_attribute("target", "_blank")


async def test_addresses_that_a_contact_pastes_are_not_made_easy_to_open(page: Page) -> None:
    await write(page, "这个网址 https://fraud.example/pay 是真的吗")
    await expect(page.locator(".line.contact")).to_have_text(re.compile("已送达"))
    await expect(page.locator(".line.contact").get_by_role("link")).to_have_count(0)


async def test_public_numbers_in_answers_can_be_called_with_one_touch_and_a_contacts_own_cannot(
    page: Page, desk: FrontDesk
) -> None:
    said = "危险请打110或120，心里难受请打12356，其他请打12363人工服务。赔付110元，见第120条。"
    await desk.say(desk.only, said)
    await write(page, "他让我打 12363 和 110")
    await expect(page.locator(".line.contact")).to_have_text(re.compile("已送达"))
    links = page.locator(".line.bot").last.get_by_role("link")
    await expect(links).to_have_text(["110", "120", "12356", "12363"])
    assert await links.evaluate_all("links => links.map(link => link.getAttribute('href'))") == [
        "tel:110",
        "tel:120",
        "tel:12356",
        "tel:12363",
    ]
    await expect(page.locator(".line.bot").last.locator(".text")).to_have_text(said)
    await expect(page.locator(".line.contact").get_by_role("link")).to_have_count(0)


async def test_removed_personal_data_shows_as_a_mark_without_its_reference(page: Page, desk: FrontDesk) -> None:
    await desk.say(desk.only, "证件⟦id-card⟧电话⟦phone:abcdefghij⟧")
    await expect(page.locator(".line .text").last).to_have_text("证件身份证号已删除电话电话号码已隐去")


async def test_a_button_answers_with_its_payload_and_shows_its_title(page: Page, desk: FrontDesk) -> None:
    await write(page, CHOOSE)
    await page.get_by_role("button", name="信用报告有错怎么办", exact=True).click()
    await expect(page.locator(".line.contact").last).to_contain_text("信用报告有错怎么办")
    await expect(page.get_by_text("二十日内会书面答复您")).to_be_visible()
    pressed = desk.sent("msg")[-1]
    assert (pressed["payload"], pressed["title"]) == ('/faq{"id":"F24"}', "信用报告有错怎么办")


async def test_typed_text_that_looks_like_a_command_travels_as_text(page: Page, desk: FrontDesk) -> None:
    await write(page, '/faq{"id":"F24"}')
    await until(lambda: len(desk.sent("msg")) == 1)
    assert desk.sent("msg")[0] == {"type": "msg", "cid": desk.sent("msg")[0]["cid"], "text": '/faq{"id":"F24"}'}


async def test_enter_sends_and_shift_enter_starts_a_line_for_which_the_input_grows(page: Page, desk: FrontDesk) -> None:
    box = page.get_by_role("textbox")
    low = (await box.bounding_box() or {})["height"]
    await box.press_sequentially("第一行")
    await box.press("Shift+Enter")
    await box.press_sequentially("第二行")
    assert (await box.bounding_box() or {})["height"] > low
    assert desk.only.texts() == []
    await box.press("Enter")
    await until(lambda: desk.only.texts() == ["第一行\n第二行"])
    await expect(box).to_have_value("")
    assert (await box.bounding_box() or {})["height"] == low


async def test_enter_that_chooses_a_candidate_of_an_input_method_sends_nothing(page: Page, desk: FrontDesk) -> None:
    box = page.get_by_role("textbox")
    await box.focus()
    keys = await page.context.new_cdp_session(page)
    await keys.send("Input.imeSetComposition", {"text": "yue", "selectionStart": 3, "selectionEnd": 3})
    await keys.send("Input.dispatchKeyEvent", {"type": "rawKeyDown", "key": "Enter", "windowsVirtualKeyCode": 13})
    await expect(box).to_have_value("yue")
    await keys.send("Input.insertText", {"text": "余额"})
    # Safari ends the composition before the key that ended it; only its code still says so
    await keys.send("Input.dispatchKeyEvent", {"type": "rawKeyDown", "key": "Enter", "windowsVirtualKeyCode": 229})
    await expect(box).to_have_value("余额")
    assert desk.sent("msg") == []
    await box.press("Enter")
    await until(lambda: desk.only.texts() == ["余额"])


async def test_a_text_over_the_limit_is_kept_counted_and_not_sent(page: Page, desk: FrontDesk) -> None:
    box = page.get_by_role("textbox")
    await write(page, "长" * 4003)
    await expect(page.locator(".count")).to_have_text("超出 3 个字，请缩短或分几条发送")
    await expect(page.locator("#spoken")).to_have_text("超出 3 个字，请缩短或分几条发送")
    await expect(box).to_have_attribute("aria-invalid", "true")
    await expect(box).to_have_value("长" * 4003)
    await box.fill("长" * 3990)
    await expect(page.locator(".count")).to_have_text("还可以输入 10 个字")
    await box.press("Enter")
    await until(lambda: [len(text) for text in desk.only.texts()] == [3990])


async def test_a_refused_message_says_why_and_can_be_sent_again_or_deleted(page: Page, desk: FrontDesk) -> None:
    desk.refusal = {"code": "odd", "text": "您发得太快了"}
    await write(page, "一")
    await write(page, "二")
    refused = page.locator(".line.refused")
    await expect(refused).to_have_count(2)
    await expect(refused.first).to_contain_text("未发送：您发得太快了")
    desk.refusal = None
    await refused.first.get_by_role("button", name="重新发送").click()
    await until(lambda: desk.only.texts() == ["一"])
    await expect(refused).to_have_count(1)
    await refused.get_by_role("button", name="删除").click()
    await expect(page.locator(".line.contact .text")).to_have_text(["一"])


async def test_an_error_about_the_connection_as_a_whole_is_shown_until_dismissed(page: Page, desk: FrontDesk) -> None:
    await desk.tell(desk.only, {"type": "error", "code": "odd", "text": "系统繁忙，请稍候"})
    await expect(page.get_by_role("status").filter(has_text="系统繁忙")).to_be_visible()
    await page.get_by_role("button", name="知道了").click()
    await expect(page.get_by_text("系统繁忙，请稍候")).to_be_hidden()


async def test_typing_is_shown_until_the_answer_is_there(page: Page, desk: FrontDesk) -> None:
    thinking = desk.thinking = asyncio.Event()
    await write(page, CREDIT_REPORT)
    await expect(page.get_by_text("正在输入")).to_be_visible()
    thinking.set()
    await expect(page.locator(".line .source")).to_be_visible()
    await expect(page.get_by_text("正在输入")).to_be_hidden()


async def test_staff_and_the_assistant_are_told_apart_in_words(page: Page, desk: FrontDesk) -> None:
    await desk.say(desk.only, "我是小陈", author="agent")
    await expect(page.locator(".line.agent .who")).to_contain_text("工作人员")
    await expect(page.locator(".line.bot .who").first).to_contain_text("自动回答")


async def test_the_switch_changes_every_word_and_is_remembered(page: Page, desk: FrontDesk) -> None:
    await page.get_by_role("button", name="Switch to English").click()
    await expect(page.get_by_role("heading", level=2)).to_have_text("12363 Financial Consumer Hotline")
    await expect(page.get_by_role("heading", level=1)).to_have_text("12363Financial Consumer Hotline")
    await expect(page.get_by_role("textbox")).to_have_attribute("placeholder", re.compile("Type your question"))
    await expect(page.locator("html")).to_have_attribute("lang", "en")
    assert desk.sent("hello")[-1]["language"] == "en"
    assert desk.only.texts() == ["English"]  # the assistant had offered to change: it is asked, too
    await page.reload()
    await expect(page.get_by_role("button", name="Send", exact=True)).to_be_visible()
    words = await page.locator("qiantai-chat").evaluate(
        "chat => [...chat.shadowRoot.querySelectorAll('header, form, .strip, .starters, .who')]"
        ".map(part => part.innerText).join(' ')"
    )
    assert re.findall(r"[\u4e00-\u9fff]+", words.replace("中文", "")) == []


async def test_an_english_browser_is_answered_in_english(visitor, desk: FrontDesk) -> None:
    page = await (await visitor(locale="en-US")).new_page()
    await page.goto(f"{desk.url}/widget/")
    await write(page, DEPOSIT)
    await expect(page.locator(".line .source")).to_contain_text("Deposit Insurance Regulation, Article 5")
    await expect(page.locator(".line .mark")).to_have_text("unreviewed")
    assert desk.sent("hello")[0]["language"] == "en"


async def test_an_earlier_day_is_told_apart_from_today(visitor, desk: FrontDesk) -> None:
    before = desk.remember([("contact", "前天的问题"), ("bot", "前天的回答")], days_ago=1)
    page = await (await visitor()).new_page()
    await page.add_init_script(desk.token_script(before))
    await page.goto(f"{desk.url}/widget/")
    await write(page, "今天的问题")
    await expect(page.locator(".day")).to_have_text(["昨天", "今天"])
    await expect(page.get_by_text("大家常问")).to_be_hidden()

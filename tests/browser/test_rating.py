"""Thumbs under answers: by mouse, keyboard and screen reader, kept through outages and reloads."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.async_api import Locator, Page, expect

from tests.browser.answers import CHOOSE, CREDIT_REPORT, DEPOSIT
from tests.browser.frontdesk import FrontDesk
from tests.browser.test_access import PHONE, broken_rules
from tests.browser.test_conversation import write
from tests.waiting import until

FOCUSED = (
    "(() => { let at = document.activeElement; while (at?.shadowRoot?.activeElement)"
    " at = at.shadowRoot.activeElement; return at?.getAttribute('aria-label') })()"
)


def thumb(page: Page, name: str) -> Locator:
    return page.get_by_role("button", name=name, exact=True)


async def answered(page: Page) -> None:
    await write(page, CREDIT_REPORT)
    await page.locator(".line.bot .source").wait_for()


async def test_only_answers_of_the_faq_ask_whether_they_helped(page: Page) -> None:
    await answered(page)
    await write(page, CHOOSE)
    await page.get_by_role("button", name="征信投诉找谁").wait_for()
    await expect(page.get_by_role("group", name="这条回答有帮助吗？")).to_have_count(
        1
    )  # not the greeting, not the choices


async def test_a_thumb_is_kept_can_be_changed_and_taken_back(page: Page, desk: FrontDesk) -> None:
    await answered(page)
    up, down = thumb(page, "有帮助"), thumb(page, "没有帮助")
    await up.click()
    await expect(up).to_have_attribute("aria-pressed", "true")
    await expect(page.locator(".rating")).to_contain_text("谢谢")
    await until(lambda: desk.only.ratings == {3: True})
    await down.click()
    await expect(down).to_have_attribute("aria-pressed", "true")
    await expect(up).to_have_attribute("aria-pressed", "false")
    await until(lambda: desk.only.ratings == {3: False})
    await down.click()
    await expect(down).to_have_attribute("aria-pressed", "false")
    await until(lambda: desk.only.ratings == {})


async def test_a_thumb_is_still_there_after_a_reload(page: Page, desk: FrontDesk) -> None:
    await answered(page)
    await thumb(page, "没有帮助").click()
    await until(lambda: desk.only.ratings == {3: False})
    await page.reload()
    await expect(thumb(page, "没有帮助")).to_have_attribute("aria-pressed", "true")
    await expect(thumb(page, "有帮助")).to_have_attribute("aria-pressed", "false")


async def test_a_thumb_pressed_in_an_outage_reaches_the_house_even_after_a_reload(page: Page, desk: FrontDesk) -> None:
    await answered(page)
    desk.acknowledges = False  # the house's word that it is kept is lost with the line
    await thumb(page, "有帮助").click()
    await until(lambda: desk.only.ratings == {3: True})
    desk.only.ratings.clear()  # as if it had never arrived
    desk.acknowledges = True
    await page.reload()
    await until(lambda: desk.only.ratings == {3: True})
    await expect(thumb(page, "有帮助")).to_have_attribute("aria-pressed", "true")


async def test_a_refused_thumb_goes_back(page: Page, desk: FrontDesk) -> None:
    await answered(page)
    desk.refusal = {"code": "not_found", "text": "no"}
    await thumb(page, "有帮助").click()
    await until(lambda: len(desk.sent("rate")) == 1)
    await expect(thumb(page, "有帮助")).to_have_attribute("aria-pressed", "false")
    await expect(page.locator(".strip.empty")).to_have_count(1)  # nothing that the contact must mend


async def test_thumbs_are_pressed_with_the_keyboard_and_the_focus_stays(page: Page, desk: FrontDesk) -> None:
    await answered(page)
    for _ in range(6):
        await page.keyboard.press("Shift+Tab")
        if await page.evaluate(FOCUSED) == "有帮助":
            break
    await page.keyboard.press("Space")
    await until(lambda: desk.only.ratings == {3: True})
    assert await page.evaluate(FOCUSED) == "有帮助"
    await page.keyboard.press("Tab")
    await page.keyboard.press("Enter")
    await until(lambda: desk.only.ratings == {3: False})
    assert await page.evaluate(FOCUSED) == "没有帮助"


@pytest.mark.parametrize(("locale", "question"), [("zh-CN", CREDIT_REPORT), ("en-GB", DEPOSIT)])
@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_thumbs_break_no_rule_of_accessibility_on_a_small_screen(
    visitor: Any, desk: FrontDesk, locale: str, question: str, scheme: str
) -> None:
    page = await (await visitor(locale=locale, color_scheme=scheme, reduced_motion="reduce", **PHONE)).new_page()
    await page.goto(f"{desk.url}/widget/")
    await page.locator(".line.bot").first.wait_for()
    await write(page, question)
    for button in await page.locator(".thumb").all():
        box = await button.bounding_box()
        assert box is not None
        assert min(box["width"], box["height"]) >= 40
    assert await broken_rules(page) == []
    await page.locator(".thumb").last.click()
    await until(lambda: len(desk.only.ratings) == 1)
    assert await broken_rules(page) == []

"""For everyone: by keyboard, by screen reader, on a small screen, in the dark, without motion."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.async_api import Page, expect

from tests.browser.answers import CHOOSE, CREDIT_REPORT
from tests.browser.frontdesk import DIST, FrontDesk
from tests.browser.test_conversation import write
from tests.waiting import until

AXE = DIST.parent / "node_modules" / "axe-core" / "axe.min.js"
PHONE = {"viewport": {"width": 375, "height": 740}, "has_touch": True, "is_mobile": True}


async def broken_rules(page: Page) -> list[tuple[str, list[str]]]:
    """Rules of WCAG 2 A and AA and of good practice that the page breaks, with the elements concerned."""
    await page.evaluate(AXE.read_text())
    found: dict[str, Any] = await page.evaluate("axe.run()")
    return [
        (rule["id"], [f"{node['target']}: {node['failureSummary']}" for node in rule["nodes"]])
        for rule in found["violations"]
    ]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("locale", ["zh-CN", "en-GB"])
async def test_no_rule_of_accessibility_is_broken_in_any_state(
    visitor: Any, desk: FrontDesk, scheme: str, locale: str
) -> None:
    context = await visitor(locale=locale, color_scheme=scheme, reduced_motion="reduce")
    page = await context.new_page()
    await page.goto(f"{desk.url}/widget/")
    await page.locator(".line.bot").first.wait_for()
    assert await broken_rules(page) == []  # a first visit
    await write(page, CREDIT_REPORT)
    await write(page, CHOOSE)
    await page.locator(".line.bot .choices").nth(1).wait_for()
    await desk.say(desk.only, "⟦id-card⟧", author="agent")
    await desk.say(desk.only, "工作人员已接入", author="system")
    await desk.tell(desk.only, {"type": "typing", "on": True})
    desk.refusal = {"code": "odd", "text": "太快了"}
    await write(page, "被拒绝的话")
    await page.locator(".line.refused").wait_for()
    assert await broken_rules(page) == []  # a conversation, with a refused message
    await desk.kill()
    await page.locator(".strip").last.get_by_role("button").wait_for()
    await write(page, "断线时写的话")
    await page.get_by_role("textbox").fill("长" * 4001)
    assert await broken_rules(page) == []  # an outage, with a text that is too long


async def test_everything_can_be_done_with_the_keyboard_alone(page: Page, desk: FrontDesk) -> None:
    async def tab_to(name: str) -> None:
        for _ in range(20):
            await page.keyboard.press("Tab")
            focused = await page.evaluate(
                "(() => { let at = document.activeElement; while (at?.shadowRoot?.activeElement)"
                " at = at.shadowRoot.activeElement; return at?.matches('button, a') ? at.innerText : '' })()"
            )
            if name in focused:
                return
        pytest.fail(f"{name} cannot be reached with Tab")

    await tab_to(CREDIT_REPORT)
    await page.keyboard.press("Enter")
    await expect(page.locator(".line .source")).to_be_visible()
    await expect(page.get_by_role("textbox")).to_be_focused()  # where one goes on
    await page.keyboard.type(CHOOSE)
    await page.keyboard.press("Enter")
    await page.get_by_role("button", name="征信投诉找谁").wait_for()
    await page.keyboard.press("Shift+Tab")
    await expect(page.get_by_role("button", name="添加图片或文件")).to_be_focused()
    await page.keyboard.press("Shift+Tab")
    await expect(page.get_by_role("button", name="征信投诉找谁")).to_be_focused()
    await page.keyboard.press("Shift+Tab")
    await page.keyboard.press("Space")
    await until(lambda: desk.only.texts() == [CREDIT_REPORT, CHOOSE, "信用报告有错怎么办"])
    await tab_to("English")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", level=2)).to_have_text("12363 Financial Consumer Hotline")


async def test_focus_can_be_seen(page: Page) -> None:
    for _ in range(6):
        await page.keyboard.press("Tab")
        width = await page.evaluate(
            "(() => { let at = document.activeElement; while (at?.shadowRoot?.activeElement)"
            " at = at.shadowRoot.activeElement; return getComputedStyle(at).outlineWidth })()"
        )
        assert width == "2px"


async def test_new_lines_are_spoken_but_the_past_is_not_recited(page: Page, desk: FrontDesk) -> None:
    log = page.get_by_role("log")
    await expect(log).to_have_attribute("aria-live", "polite")
    await expect(log).to_have_attribute("aria-label", "对话记录")
    await page.add_init_script(
        "window.spoken = [];"
        "addEventListener('DOMContentLoaded', () => customElements.whenDefined('qiantai-chat').then(() => {"
        "  const log = document.querySelector('qiantai-chat').shadowRoot.querySelector('[role=log]');"
        "  const hear = changes => { for (const change of changes) for (const node of change.addedNodes)"
        "    if (log.getAttribute('aria-live') === 'polite') window.spoken.push(node.innerText) };"
        "  new MutationObserver(hear).observe(log, { childList: true });"
        "}))"
    )
    await page.reload()
    await expect(log).to_have_attribute("aria-live", "polite")
    assert await page.evaluate("window.spoken") == []
    await desk.say(desk.only, "新的一条")
    await expect(page.get_by_text("新的一条")).to_be_visible()
    (spoken,) = await page.evaluate("window.spoken")
    assert "自动回答" in spoken
    assert "新的一条" in spoken


@pytest.mark.parametrize("locale", ["zh-CN", "en-GB"])
async def test_a_small_screen_is_filled_and_never_scrolls_sideways(visitor: Any, desk: FrontDesk, locale: str) -> None:
    context = await visitor(locale=locale, **PHONE)
    page = await context.new_page()
    await page.goto(f"{desk.url}/widget/")
    await page.locator(".line.bot").first.wait_for()
    await write(page, "W" * 300)
    long = "https://example.cn/" + "a" * 300
    await desk.say(desk.only, long, source=long, buttons=[{"title": "很长的按钮文字" * 12, "payload": "/help"}])
    await desk.tell(desk.only, {"type": "error", "code": "x", "text": "E" * 200})
    await page.get_by_text("E" * 200).wait_for()
    sizes = await page.evaluate(
        "(() => { const root = document.querySelector('qiantai-chat').shadowRoot;"
        " const wide = [document.documentElement, ...root.querySelectorAll('*')]"
        "   .filter(at => !at.classList.contains('hidden') && at.getBoundingClientRect().right > innerWidth + 0.5);"
        " const panel = root.querySelector('.panel').getBoundingClientRect();"
        " return [wide.map(at => at.className), document.documentElement.scrollWidth, panel.width, panel.height] })()"
    )
    assert sizes == [[], 375, 375, 740]


async def test_nothing_moves_for_those_who_asked_for_stillness(visitor: Any, desk: FrontDesk) -> None:
    page = await (await visitor(reduced_motion="reduce")).new_page()
    await page.goto(f"{desk.url}/widget/")
    await page.locator(".line.bot").first.wait_for()
    await desk.tell(desk.only, {"type": "typing", "on": True})
    await page.get_by_text("正在输入").wait_for()
    moving = await page.evaluate(
        "document.querySelector('qiantai-chat').shadowRoot.getAnimations()"
        ".map(one => one.animationName ?? one.transitionProperty)"
    )
    assert moving == []


async def test_touch_targets_are_large_enough(visitor: Any, desk: FrontDesk) -> None:
    page = await (await visitor(**PHONE)).new_page()
    await page.goto(f"{desk.url}/widget/")
    await page.locator(".line.bot").first.wait_for()
    for button in await page.get_by_role("button").all():
        box = await button.bounding_box()
        assert box is not None
        assert box["height"] >= 40, await button.inner_text()


PROMISES = {"zh-CN": "身份证号和银行卡号在保存前就删除", "en-GB": "ID and bank card numbers are deleted before storing"}


@pytest.mark.parametrize("locale", PROMISES)
async def test_a_small_screen_has_the_emergency_numbers_and_the_privacy_promise(
    visitor: Any, desk: FrontDesk, locale: str
) -> None:
    page = await (await visitor(locale=locale, **PHONE)).new_page()
    await page.goto(f"{desk.url}/widget/")
    await page.locator(".line.bot").first.wait_for()
    for number in ("110", "120"):
        link = page.get_by_role("link", name=number, exact=True)
        await expect(link).to_be_in_viewport()
        await expect(link).to_have_attribute("href", f"tel:{number}")
    await expect(page.get_by_text(PROMISES[locale])).to_be_in_viewport()


@pytest.mark.parametrize("touch", [True, False])
async def test_on_a_small_screen_the_name_and_the_placeholder_take_one_line_each(
    visitor: Any, desk: FrontDesk, touch: bool
) -> None:
    screen = PHONE if touch else {"viewport": PHONE["viewport"]}
    page = await (await visitor(locale="en-GB", **screen)).new_page()
    await page.goto(f"{desk.url}/widget/")
    await page.locator(".line.bot").first.wait_for()
    await write(page, "what")  # now there is a button more in the header
    await page.get_by_role("button", name="Clear this conversation").wait_for()
    await expect(page.get_by_role("textbox")).to_have_attribute("placeholder", "Type your question")
    for place in ("h2", "textarea"):
        lines = await page.locator(place).evaluate(
            "at => { const style = getComputedStyle(at);"
            " return (at.scrollHeight - parseFloat(style.paddingTop) - parseFloat(style.paddingBottom))"
            "   / parseFloat(style.lineHeight) }"
        )
        assert 0.9 < lines < 1.3, place
    await page.set_viewport_size({"width": 1280, "height": 800})
    if not touch:
        await expect(page.get_by_role("textbox")).to_have_attribute("placeholder", "Type your question, Enter sends it")


@pytest.mark.parametrize("width", [375, 1280])
async def test_without_scripts_the_page_says_so_first_in_both_languages_and_names_the_hotline(
    visitor: Any, desk: FrontDesk, width: int
) -> None:
    context = await visitor(java_script_enabled=False, viewport={"width": width, "height": 740})
    page = await context.new_page()
    await page.goto(f"{desk.url}/widget/")
    chinese, english = page.locator("noscript p").first, page.locator("noscript p").last
    for text, words in ((chinese, "在线咨询需要 JavaScript"), (english, "The online chat needs JavaScript")):
        await expect(text).to_be_in_viewport()
        assert words in await text.inner_text()
        for number in ("12363", "110", "120"):
            await expect(text.locator(f"a[href='tel:{number}']")).to_be_visible()
    box = await chinese.bounding_box()
    assert box is not None
    assert box["y"] < 100  # nothing blank stands before it
    await expect(page.locator("main")).to_be_hidden()

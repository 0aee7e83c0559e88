"""On somebody else's page: one script tag, nothing sent before the visitor opens it, styles that do not leak in."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest_asyncio
from aiohttp import web
from playwright.async_api import Page, expect

from tests.browser.frontdesk import FrontDesk
from tests.browser.test_conversation import write
from tests.waiting import until

PAGE = """<!doctype html>
<html lang="{lang}">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>某银行</title>
<style>
* {{ letter-spacing: 9px; text-transform: uppercase; color: red }}
button {{ display: none }}
body {{ margin: 40px; font: 30px/3 cursive }}
</style></head>
<body><h1>某银行</h1><a href="#">首页</a>{body}</body></html>"""

Host = Callable[..., Awaitable[str]]


@pytest_asyncio.fixture(loop_scope="session")
async def host() -> AsyncIterator[Host]:
    """Puts a foreign page on another origin that carries `body` and a policy allowing only script and socket."""
    runners: list[web.AppRunner] = []

    async def put(body: str, desk: FrontDesk, lang: str = "zh") -> str:
        async def answer(_request: web.Request) -> web.Response:
            policy = f"default-src 'none'; script-src {desk.url}; connect-src ws://127.0.0.1:{desk.port}"
            text = PAGE.format(lang=lang, body=body.replace("HOUSE", desk.url))
            # the page's own style is let in by its hash in real life; here the policy is about the widget only
            headers = {"Content-Security-Policy": policy + "; style-src 'unsafe-inline'"}
            return web.Response(text=text, content_type="text/html", headers=headers)

        app = web.Application()
        app.router.add_get("/", answer)
        runner = web.AppRunner(app)
        runners.append(runner)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        return f"http://127.0.0.1:{runner.addresses[0][1]}/"

    yield put
    for runner in runners:
        await runner.cleanup()


SCRIPT = '<script src="HOUSE/widget/qiantai.js" data-channel="web" async></script>'


async def test_one_script_tag_is_enough_and_nothing_is_sent_before_the_visitor_opens_it(
    visitor: Any, desk: FrontDesk, host: Host
) -> None:
    page: Page = await (await visitor()).new_page()
    await page.goto(await host(SCRIPT, desk))
    launcher = page.get_by_role("button", name="在线咨询")
    await launcher.wait_for()
    assert desk.frames == []
    await launcher.click()
    await page.locator(".line.bot").first.wait_for()
    await expect(page.get_by_role("dialog", name="12363金融消费者热线")).to_be_visible()
    await expect(page.get_by_role("textbox")).to_be_focused()
    await write(page, "你好")
    await until(lambda: desk.only.texts() == ["你好"])


async def test_escape_closes_gives_the_focus_back_and_news_are_counted(
    visitor: Any, desk: FrontDesk, host: Host
) -> None:
    page: Page = await (await visitor()).new_page()
    await page.goto(await host(SCRIPT, desk))
    await page.get_by_role("button", name="在线咨询").click()
    await page.locator(".line.bot").first.wait_for()
    await until(lambda: len(desk.sent("read")) == 1)
    await page.keyboard.press("Escape")
    launcher = page.get_by_role("button", name="在线咨询", exact=True)
    await expect(launcher).to_be_focused()
    assert await launcher.evaluate("launcher => getComputedStyle(launcher).outlineWidth") == "2px"
    await desk.say(desk.only, "新消息")
    await page.get_by_role("button", name="在线咨询，1 条新消息").click()
    await expect(page.get_by_text("新消息", exact=True)).to_be_visible()
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("button", name="在线咨询", exact=True)).to_be_visible()


async def test_a_returning_visitor_hears_of_news_without_opening(visitor: Any, desk: FrontDesk, host: Host) -> None:
    page: Page = await (await visitor()).new_page()
    await page.goto(await host(SCRIPT, desk))
    await page.get_by_role("button", name="在线咨询").click()
    await until(lambda: len(desk.sent("read")) == 1)
    await page.goto("about:blank")
    await desk.say(desk.only, "我们回来了")
    await page.go_back()
    await expect(page.get_by_role("button", name="在线咨询，1 条新消息")).to_be_visible()


async def test_the_styles_of_the_page_stay_outside(visitor: Any, desk: FrontDesk, host: Host) -> None:
    page: Page = await (await visitor()).new_page()
    await page.goto(await host(SCRIPT, desk))
    await page.get_by_role("button", name="在线咨询").click()
    text = page.locator(".line.bot .text").first
    style = await text.evaluate(
        "text => ['letter-spacing', 'text-transform', 'color', 'font-size']"
        ".map(name => getComputedStyle(text).getPropertyValue(name))"
    )
    assert style == ["normal", "none", "rgb(23, 35, 31)", "16px"]


async def test_a_site_chooses_language_theme_and_colours(visitor: Any, desk: FrontDesk, host: Host) -> None:
    page: Page = await (await visitor()).new_page()
    body = (
        '<script src="HOUSE/widget/qiantai.js" async></script>'
        '<qiantai-chat server="HOUSE" channel="web" language="en" theme="dark" open '
        'style="--qiantai-accent: rgb(1, 2, 3)"></qiantai-chat>'
    )
    await page.goto(await host(body, desk))
    await expect(page.get_by_role("dialog")).to_contain_text("Hello and welcome")
    seal = page.locator(".seal")
    assert await seal.evaluate("seal => getComputedStyle(seal).backgroundColor") == "rgb(1, 2, 3)"
    assert (
        await page.locator(".panel").evaluate("panel => getComputedStyle(panel).backgroundColor") == "rgb(16, 24, 21)"
    )


async def test_on_a_small_screen_the_open_panel_is_the_screen_and_keeps_the_focus(
    visitor: Any, desk: FrontDesk, host: Host
) -> None:
    page: Page = await (await visitor(viewport={"width": 375, "height": 740})).new_page()
    await page.goto(await host(SCRIPT, desk))
    await page.get_by_role("button", name="在线咨询").click()
    await page.locator(".line.bot").first.wait_for()
    box = await page.locator(".panel").bounding_box()
    assert box == {"x": 0, "y": 0, "width": 375, "height": 740}
    for key in ("Tab", "Shift+Tab"):
        visited: list[str] = []
        for _ in range(14):  # as many as there are stops
            await page.keyboard.press(key)
            visited.append(
                await page.evaluate("document.activeElement.shadowRoot?.activeElement.localName ?? 'the page'")
            )
        assert {"button", "textarea"} <= set(visited)  # round and round,
        assert "the page" not in visited  # not through what lies hidden below


async def test_a_wrong_server_is_said_in_words(visitor: Any, desk: FrontDesk, host: Host) -> None:
    page: Page = await (await visitor()).new_page()
    body = '<script src="HOUSE/widget/qiantai.js" async></script><qiantai-chat server="mailto:x" open></qiantai-chat>'
    await page.goto(await host(body, desk))
    await expect(page.get_by_text("没有设置好，请直接拨打热线")).to_be_visible()


async def test_an_element_that_is_taken_off_the_page_lets_go_of_its_connection(page: Page, desk: FrontDesk) -> None:
    await page.evaluate("document.querySelector('qiantai-chat').remove()")
    await until(lambda: desk.only.tabs == [])
    await page.evaluate("document.querySelector('.chat').append(document.createElement('qiantai-chat'))")
    await page.get_by_role("button", name="在线咨询").wait_for()


async def test_a_browser_without_constructed_sheets_loads_the_same_styles_as_a_file(
    context: Any, desk: FrontDesk
) -> None:
    page: Page = await context.new_page()
    await page.add_init_script("delete CSSStyleSheet.prototype.replaceSync")
    await page.goto(f"{desk.url}/widget/")
    await page.locator(".line.bot").first.wait_for()
    await expect(page.locator(".panel")).to_have_css("background-color", "rgb(243, 246, 243)")
    await expect(page.locator(".slip").first).to_have_css("border-top-left-radius", "4px")

"""The browser (Debian's Chromium) and a front desk for the widget's tests; all of them share one event loop."""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, Page, async_playwright, expect

from tests.browser.answers import ANSWERS
from tests.browser.frontdesk import DIST, FrontDesk
from tests.waiting import PATIENCE

CHROMIUM = Path("/usr/bin/chromium")
HAS_CHROMIUM = CHROMIUM.exists()
HERE = Path(__file__).parent

WIDE = {"width": 1280, "height": 800}

expect.set_options(timeout=PATIENCE * 1000)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(HERE) and inspect.iscoroutinefunction(getattr(item, "function", None)):
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)  # a browser lives in one loop


@pytest.fixture(scope="session")
def built_widget() -> Path:
    """web/widget/dist, made by `./qiantai setup`."""
    if not (DIST / "qiantai.js").exists():
        pytest.fail("web/widget/dist is missing: run ./qiantai setup", pytrace=False)
    return DIST


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    if not HAS_CHROMIUM:
        pytest.fail(f"{CHROMIUM} is missing: apt-get install chromium fonts-wqy-microhei", pytrace=False)
    async with async_playwright() as playwright:
        chromium = await playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield chromium
        await chromium.close()


@pytest_asyncio.fixture(loop_scope="session")
async def desk(built_widget: Path) -> AsyncIterator[FrontDesk]:
    server = FrontDesk(dict(ANSWERS))
    await server.start()
    yield server
    await server.kill()


@pytest_asyncio.fixture(loop_scope="session")
async def visitor(browser: Browser) -> AsyncIterator[Callable[..., Awaitable[BrowserContext]]]:
    """Makes fresh visitors, by default with a Chinese browser on a wide screen and nothing stored.

    A script error or a breach of the content security policy on any of their pages fails the test.
    """
    contexts: list[BrowserContext] = []
    faults: list[str] = []

    def listen(page: Page) -> None:
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("console", lambda said: faults.append(said.text) if "Content Security Policy" in said.text else None)

    async def make(**options: Any) -> BrowserContext:
        wishes: dict[str, Any] = {"locale": "zh-CN", "timezone_id": "Asia/Shanghai", "viewport": WIDE} | options
        context = await browser.new_context(**wishes)
        context.set_default_timeout(PATIENCE * 1000)
        context.on("page", listen)
        contexts.append(context)
        return context

    yield make
    for context in contexts:
        await context.close()
    assert faults == []


@pytest_asyncio.fixture(loop_scope="session")
async def context(visitor: Callable[..., Awaitable[BrowserContext]]) -> BrowserContext:
    return await visitor()


@pytest_asyncio.fixture(loop_scope="session")
async def page(context: BrowserContext, desk: FrontDesk) -> Page:
    """Our own page, connected and greeted."""
    opened = await context.new_page()
    await opened.goto(f"{desk.url}/widget/")
    await opened.locator(".line.bot").first.wait_for()
    return opened

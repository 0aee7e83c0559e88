"""Who reads traditional characters finds the whole page in them, from the first word on."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page, expect

from faq.folding import traditional
from faq.language import script
from tests.browser.answers import ANSWERS
from tests.browser.frontdesk import Answer, FrontDesk

WORDS = Path(__file__).parents[2] / "web" / "widget" / "src"
FRAME = """() => {
  const panel = document.querySelector('qiantai-chat').shadowRoot;
  const said = [document.title, document.body.innerText];
  for (const node of panel.querySelectorAll('*')) {
    if (!node.checkVisibility()) continue;
    said.push(node.getAttribute('aria-label'), node.getAttribute('placeholder'), node.getAttribute('title'));
    for (const child of node.childNodes) if (child.nodeType === Node.TEXT_NODE) said.push(child.data);
  }
  return said.filter(Boolean);
}"""
GREETING = Answer(
    text=traditional(ANSWERS["zh:followed"].text),
    buttons=[one | {"title": traditional(one["title"])} for one in ANSWERS["zh:followed"].buttons],
)


def test_the_traditional_words_are_the_simplified_ones_in_other_characters() -> None:
    simplified = (WORDS / "text.ts").read_text(encoding="utf-8")
    begins, ends = simplified.index("const zh = {"), simplified.index("const en: Words")
    page = simplified[simplified.index("  zh: {\n    document") : simplified.index("  en: {\n    document")]
    literal = re.compile(r'"[^"\n]*"|`[^`]*`')
    hant = literal.findall((WORDS / "hant.ts").read_text(encoding="utf-8"))[1:]  # less the import
    assert hant == [traditional(said) for said in literal.findall(simplified[begins:ends] + page)]


@pytest.mark.parametrize("locale", ["zh-TW", "zh-HK"])
@pytest.mark.parametrize("width", [1280, 375])
async def test_the_page_is_in_the_characters_of_the_browser(
    visitor: Any, desk: FrontDesk, locale: str, width: int
) -> None:
    desk.answers["zh-Hant:followed"] = GREETING
    context = await visitor(locale=locale, viewport={"width": width, "height": 720})
    page: Page = await context.new_page()
    await page.goto(f"{desk.url}/widget/")
    await page.locator(".line.bot").first.wait_for()
    assert desk.frames[0]["language"] == "zh-Hant"
    assert await page.title() == "12363金融消費者熱線 · 在線諮詢"
    await expect(page.get_by_role("textbox")).to_have_accessible_name("輸入您的問題")
    assert [said for said in await page.evaluate(FRAME) if script(said) == "Hans"] == []
    assert await page.evaluate("document.documentElement.scrollWidth") == width


async def test_from_english_the_way_back_leads_to_the_readers_own_characters(visitor: Any, desk: FrontDesk) -> None:
    desk.answers["zh-Hant:followed"] = GREETING
    page: Page = await (await visitor(locale="zh-TW")).new_page()
    await page.goto(f"{desk.url}/widget/")
    await page.locator(".line.bot").first.wait_for()
    await page.get_by_role("button", name="Switch to English").click()
    await expect(page.get_by_role("textbox")).to_have_accessible_name("Type your question")
    await page.get_by_role("button", name="切换为中文").click()
    await expect(page.get_by_role("textbox")).to_have_accessible_name("輸入您的問題")

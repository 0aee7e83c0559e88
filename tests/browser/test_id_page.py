"""The page for the number of an identity paper, in a real browser without scripts: filled in, corrected, switched."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Page, expect

from bot.brain import BrainClient
from cases import history, id_links, privacy, register
from cases.model import Case, Person
from cases.states import State
from core.settings import Settings
from core.store import migrate
from core.vault import Vault
from door.app import create_door
from door.house import House, open_house
from door.listening import LOOPBACK, Listening, bind
from tests.browser.frontdesk import DIST
from tests.browser.test_access import PHONE, broken_rules
from tests.cases.given import new

ROOT = Path(__file__).parents[2]
CARD = "11010519491231002X"
WIDE = {"viewport": {"width": 1280, "height": 800}}
WORDS = {
    "zh-CN": ("填写证件号码", "证件号码", "提交", "有一位填错了", "收到了，谢谢", "这个链接打不开了"),
    "en-GB": ("Your document number", "Document number", "Submit", "One digit is wrong", "Received", "no longer works"),
}
_causes = itertools.count()


@dataclass
class Site:
    house: House
    url: str

    async def link(self, *, agent: Person | None = None) -> tuple[Case, str]:
        """A complaint that lacks the number, and the address of its form."""
        now, vault = datetime.now(UTC), self.house.vault
        told = new(person=Person(name="王小明", phone="13912345678"), agent=agent, received_at=now)
        cause = f"browser:{next(_causes)}"

        def op(conn: Any) -> tuple[Case, str]:
            opened = register.open_case(conn, vault, told, actor="consumer", cause=cause, now=now)
            case = id_links.ask(conn, vault, opened.case, now=now)
            return case, id_links.make(conn, vault, case, valid=timedelta(hours=1), actor="house", now=now)

        case, token = await self.house.store.write(op)
        return case, f"{self.url}/id/{token}"

    async def kept(self, case: Case) -> tuple[State, str]:
        now = await self.house.store.read(lambda conn: history.load(conn, case.case_no))
        who = await self.house.store.read(lambda conn: privacy.read_person(conn, self.house.vault, case.person_id))
        return now.state, who.id_number


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def site(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Site]:
    settings = Settings(
        data=tmp_path_factory.mktemp("house"),
        content=ROOT / "faq" / "content",
        encoder="none",
        port=0,
        metrics_port=0,
        channels={"web": {"kind": "web"}},
    )
    Vault.create(settings.key_file)
    migrate(settings.ledger_url)
    async with open_house(settings, brain=BrainClient("http://127.0.0.1:9", "token", timeout=1.0)) as house:
        door = Listening(create_door(house, DIST), bind(LOOPBACK, 0, "a test"))
        await door.start()
        yield Site(house, f"http://{LOOPBACK}:{door.port}")
        await door.stop()


async def fits(page: Page) -> bool:
    """Whether nothing is wider than the screen."""
    return bool(await page.evaluate("document.documentElement.scrollWidth <= innerWidth"))


@pytest.mark.parametrize("screen", [WIDE, PHONE], ids=["wide", "375"])
@pytest.mark.parametrize("locale", ["zh-CN", "en-GB"])
async def test_the_form_is_filled_in_corrected_and_done_without_a_script(
    visitor: Any, site: Site, locale: str, screen: dict[str, Any]
) -> None:
    title, number, send, wrong, done, gone = WORDS[locale]
    case, address = await site.link()
    context = await visitor(locale=locale, java_script_enabled=False, **screen)
    page = await context.new_page()
    await page.goto(address)
    await expect(page.get_by_role("heading", level=1)).to_have_text(title)
    await page.get_by_label(number, exact=True).fill("110105194912310021")
    await page.get_by_role("button", name=send).click()
    await expect(page.get_by_role("alert")).to_be_visible()
    await expect(page.locator(".error")).to_contain_text(wrong)
    await expect(page.get_by_label(number, exact=True)).to_have_value("")
    assert await site.kept(case) == (State.SUPPLEMENT_REQUESTED, "")
    await page.get_by_label(number, exact=True).fill("１１０１０５ 19491231 002x")
    await page.get_by_role("button", name=send).click()
    await expect(page.get_by_role("heading", level=1)).to_contain_text(done)
    assert await site.kept(case) == (State.SUBMITTED, CARD)
    await page.reload()
    await expect(page.get_by_role("heading", level=1)).to_contain_text(done)
    await page.goto(address)
    await expect(page.get_by_role("heading", level=1)).to_contain_text(gone)


async def test_the_language_is_switched_and_stays_through_the_form(visitor: Any, site: Site) -> None:
    _, address = await site.link()
    page = await (await visitor(java_script_enabled=False)).new_page()
    await page.goto(address)
    await page.get_by_role("link", name="繁體").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("填寫證件號碼")
    await page.get_by_role("link", name="English").click()
    await expect(page.locator("html")).to_have_attribute("lang", "en")
    await page.get_by_label("Kind of document").select_option("Passport")
    await page.get_by_label("Document number", exact=True).fill("??")
    await page.get_by_role("button", name="Submit").click()
    await expect(page.get_by_label("Kind of document")).to_have_value("passport")
    await page.get_by_label("Document number", exact=True).fill("E12345678")
    await page.get_by_role("button", name="Submit").click()
    await expect(page.get_by_role("heading", level=1)).to_contain_text("Received")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("screen", [WIDE, PHONE], ids=["wide", "375"])
async def test_no_rule_of_accessibility_is_broken_and_nothing_scrolls_sideways(
    visitor: Any, site: Site, screen: dict[str, Any], scheme: str
) -> None:
    for locale in ("zh-CN", "en-GB"):
        send = WORDS[locale][2]
        _, address = await site.link(agent=Person(name="李四光", phone="13812345678"))
        context = await visitor(locale=locale, color_scheme=scheme, bypass_csp=True, **screen)
        page = await context.new_page()
        await page.goto(address)
        assert (await broken_rules(page), await fits(page)) == ([], True)
        for holder in ("person", "agent"):
            await page.locator(f"#{holder}-number").fill("1")
        await page.get_by_role("button", name=send).click()
        await expect(page.locator(".error")).to_have_count(2)
        assert (await broken_rules(page), await fits(page)) == ([], True)
        await page.goto(f"{site.url}/id/nothing")
        assert (await broken_rules(page), await fits(page)) == ([], True)

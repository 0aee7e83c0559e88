"""Rasa's own chat widget as npm has it, rasa-webchat 1.0.1, talks to the house without a change."""

from __future__ import annotations

import gzip
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest_asyncio
from aiohttp import web
from playwright.async_api import BrowserContext, Page, Route, expect

from bot.brain import BrainClient
from core import outbox
from core.model import Author, ChannelId, Rendered
from core.settings import Settings
from door.app import create_door
from door.house import House, open_house
from door.listening import LOOPBACK, Listening, bind
from tests.brain_server import Answer, BrainServer, brain_server, say
from tests.door.conftest import make_settings

__all__ = ["make_settings"]  # a fixture

WIDGET = Path(__file__).parents[1] / "data" / "rasa_webchat" / "index.js.gz"
RASA = ChannelId("rasa")
PAGE = """<!doctype html><html lang="zh"><head><meta charset="utf-8"><title>某银行</title></head>
<body><div id="chat"></div><script src="/rasa-webchat.js"></script>
<script>
  const options = OPTIONS;
  WebChat.default({...options, customMessageDelay: () => 0}, document.querySelector("#chat"));
</script></body></html>"""


class Desk:
    """A bank's page with the widget, and the house it talks to, which can be stopped and started."""

    def __init__(self, settings: Callable[..., Settings], brain: BrainServer) -> None:
        self.page_url = ""
        self.port = 0
        self.house: House | None = None
        self._settings = settings
        self._brain = brain
        self._open = AsyncExitStack()

    async def start(self) -> None:
        channels = {RASA: {"kind": "rasa_webchat", "origins": [self.page_url]}}
        self._open = AsyncExitStack()
        brain = BrainClient(self._brain.url, "token", timeout=5.0)
        self.house = await self._open.enter_async_context(open_house(self._settings(channels=channels), brain=brain))
        door = Listening(create_door(self.house), bind(LOOPBACK, self.port, "a test"))
        await door.start()
        self._open.push_async_callback(door.stop)
        self.port = door.port

    async def stop(self) -> None:
        await self._open.aclose()

    async def show(self, request: web.Request) -> web.Response:
        if request.path == "/rasa-webchat.js":
            return web.Response(body=gzip.decompress(WIDGET.read_bytes()), content_type="text/javascript")
        options = {
            "initPayload": "/get_started",
            "socketUrl": f"http://{LOOPBACK}:{self.port}",
            "socketPath": "/socket.io/",
            "customData": {"language": "zh"},
            "title": "12363",
            "params": {"storage": "local"},
        }
        return web.Response(text=PAGE.replace("OPTIONS", json.dumps(options)), content_type="text/html")

    async def staff_says(self, session: str, text: str) -> None:
        """A person of the desk writes to the visitor."""
        house = self.house
        assert house is not None
        which, now = house.vault.conversation_id(RASA, session), house.clock()
        await house.store.write(
            lambda conn: outbox.put(
                conn, which, [Rendered(text=text)], cause=text, author=Author.AGENT, now=now, live=True
            )
        )
        house.live.news(which)


def answer(turn: dict[str, Any]) -> Answer:
    """A greeting with buttons; the FAQ entry on credit reports to the question on them; the menu to a button."""
    if turn["kind"] == "followed":
        return say("menu")
    return say(say=[{"faq": "F22"}]) if turn["kind"] == "text" else say("thanks")


@pytest_asyncio.fixture(loop_scope="session")
async def bank(make_settings: Callable[..., Settings]) -> AsyncIterator[Desk]:
    async with brain_server() as brain:
        brain.answer = answer
        desk = Desk(make_settings, brain)
        app = web.Application()
        app.router.add_get("/{path:.*}", desk.show)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, LOOPBACK, 0)
        await site.start()
        desk.page_url = f"http://{LOOPBACK}:{runner.addresses[0][1]}"
        await desk.start()
        yield desk
        await desk.stop()
        await runner.cleanup()


async def stay_inside(route: Route) -> None:
    """The widget asks for fonts elsewhere; no test leaves this machine."""
    await (route.continue_() if f"//{LOOPBACK}" in route.request.url else route.abort())


async def test_the_unmodified_widget_greets_answers_reloads_and_gets_what_it_missed(
    visitor: Callable[..., Awaitable[BrowserContext]], bank: Desk
) -> None:
    context = await visitor()
    await context.route("**/*", stay_inside)
    page: Page = await context.new_page()
    await page.goto(bank.page_url)
    await page.locator(".rw-launcher").click()
    said = page.locator(".rw-response")
    replies = page.locator(".rw-reply")
    await expect(replies.first).to_be_visible()  # the greeting and its buttons

    await replies.first.click()
    await expect(said.last).to_contain_text("不客气")

    await page.locator(".rw-new-message").fill("怎么查自己的信用报告？")
    await page.keyboard.press("Enter")
    await expect(said.last).to_contain_text("征信")
    await expect(said.last).to_contain_text("依据")

    shown = await said.count()
    session = await page.evaluate("JSON.parse(localStorage.getItem('chat_session')).session_id")
    await page.reload()
    await expect(said).to_have_count(shown)
    assert await page.evaluate("JSON.parse(localStorage.getItem('chat_session')).session_id") == session

    await page.goto("about:blank")
    await bank.staff_says(session, "您不在的时候")
    await page.goto(bank.page_url)
    await expect(page.get_by_text("您不在的时候")).to_have_count(1)

    await bank.stop()
    await bank.start()
    await bank.staff_says(session, "重启以后")
    await expect(page.get_by_text("重启以后")).to_have_count(1)
    await expect(page.get_by_text("您不在的时候")).to_have_count(1)

"""How a person of a script speaks to the house: by page, terminal, short message or webhook, through its real doors."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import sys
from collections import defaultdict
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlencode

import aiohttp
from aiohttp import web
from playwright.async_api import Browser, Page
from sqlalchemy import func, select

from channels import twilio, webhook
from core.model import ConversationId
from core.tables import inbox, outbox
from door.cli.line import Line
from door.house import House
from tests.waiting import PATIENCE, until

ROOT = Path(__file__).resolve().parents[2]
HERE = "https://desk.example"  # our address as Twilio knows it
ACCOUNT = "AC" + "0" * 32
SECRET = "a secret of sixteen characters or more"
PHOTO = bytes.fromhex(  # a PNG of one pixel
    "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de0000000c49444154789c63f8ffff3f0005fe02fe0def46b8"
    "0000000049454e44ae426082"
)


@dataclass(frozen=True, kw_only=True)
class Heard:
    """One message of the house as its reader sees it."""

    text: str
    buttons: tuple[dict[str, str], ...] = ()

    @property
    def whole(self) -> str:
        return "\n".join([self.text, *(f"[{button['title']}]" for button in self.buttons)])


class Mouth(Protocol):
    """One person at one channel; `say` gives all replies to a message, `press` to a button, `show` to a photo."""

    async def say(self, text: str) -> list[Heard]: ...
    async def press(self, button: dict[str, str]) -> list[Heard]: ...
    async def show(self, name: str) -> list[Heard]: ...


class MovingClock:
    """A fixed beginning from which time goes on as it does, and may jump."""

    def __init__(self, begin: datetime) -> None:
        self._ahead = begin - datetime.now(UTC)

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self._ahead

    def forward(self, time: timedelta) -> None:
        self._ahead += time


# ---- what stands on the other side of the house ----------------------------------------------------------------------


@dataclass
class World:
    """The platforms that the house sends to, by whom a message is for; and the file that people show."""

    url: str = ""
    came: defaultdict[str, list[Heard]] = field(default_factory=lambda: defaultdict(list))

    async def twilio(self, request: web.Request) -> web.Response:
        form = await request.post()
        self.came[str(form["To"])].append(Heard(text=str(form["Body"])))
        return web.json_response({"sid": f"SM{sum(map(len, self.came.values()))}", "status": "queued"}, status=201)

    async def hook(self, request: web.Request) -> web.Response:
        body = await request.json()
        self.came[body["to"]].append(Heard(text=body["text"], buttons=tuple(body.get("buttons", ()))))
        return web.json_response({"ok": True})

    async def photo(self, _request: web.Request) -> web.Response:
        return web.Response(body=PHOTO, content_type="image/png")

    def channels(self) -> dict[str, Any]:
        sms = {"kind": "twilio", "account_sid": ACCOUNT, "auth_token": SECRET, "sender": "+14155550100"}
        return {
            "web": {"kind": "web"},
            "sms": sms | {"public_url": HERE, "api_url": self.url},
            "hook": {"kind": "webhook", "secret": SECRET, "callback_url": f"{self.url}/hook"},
        }


@asynccontextmanager
async def world() -> AsyncGenerator[World]:
    made = World()
    app = web.Application()
    app.add_routes(
        [
            web.post("/2010-04-01/Accounts/{account}/Messages.json", made.twilio),
            web.post("/hook", made.hook),
            web.get("/2010-04-01/Accounts/{account}/Messages/{message}/Media/{file}", made.photo),
        ]
    )
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        made.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        yield made
    finally:
        await runner.cleanup()


# ---- mouths ----------------------------------------------------------------------------------------------------------


class AtPage:
    """A visitor of the page, by its protocol."""

    def __init__(self, line: Line) -> None:
        self._line = line

    async def say(self, text: str) -> list[Heard]:
        return self._read(await self._line.ask(text=text))

    async def press(self, button: dict[str, str]) -> list[Heard]:
        return self._read(await self._line.ask(button=button))

    async def show(self, name: str) -> list[Heard]:
        raise NotImplementedError(f"{name}: a script shows its photos by short message")

    def _read(self, answer: Any) -> list[Heard]:
        assert answer.error is None, answer.error
        return [Heard(text=reply.text, buttons=tuple(reply.buttons)) for reply in answer.replies]


class AtTerminal:
    """`./qiantai chat --json` with somebody at its keyboard."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def say(self, text: str) -> list[Heard]:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(f"{text}\n".encode())
        await self._process.stdin.drain()
        line = await asyncio.wait_for(self._process.stdout.readline(), PATIENCE)
        record = json.loads(line)
        assert "error" not in record, record
        return [Heard(text=reply["text"], buttons=tuple(reply["buttons"])) for reply in record["replies"]]

    async def press(self, button: dict[str, str]) -> list[Heard]:
        return await self.say(button["title"])

    async def show(self, name: str) -> list[Heard]:
        raise NotImplementedError(f"{name}: a terminal shows nothing")


class AtWidget:
    """A visitor of our own page in a browser."""

    def __init__(self, page: Page) -> None:
        self._page = page
        self._seen = 0

    async def greeting(self) -> None:
        await self._page.locator(".line.bot").first.wait_for()
        self._seen = await self._page.locator(".line.bot").count()

    async def say(self, text: str) -> list[Heard]:
        await self._page.get_by_role("textbox").fill(text)
        await self._page.keyboard.press("Enter")
        return await self._replies()

    async def press(self, button: dict[str, str]) -> list[Heard]:
        await self._page.get_by_role("button", name=button["title"], exact=True).last.click()
        return await self._replies()

    async def show(self, name: str) -> list[Heard]:
        raise NotImplementedError(f"{name}: a script shows its photos by short message")

    async def _replies(self) -> list[Heard]:
        lines = self._page.locator(".line.bot")
        await lines.nth(self._seen).wait_for(timeout=PATIENCE * 1000)
        await asyncio.sleep(0.15)  # the replies of a turn are shown in one go: this much silence ends them
        count = await lines.count()
        heard: list[Heard] = []
        for n in range(self._seen, count):
            titles = await lines.nth(n).locator(".choice").all_inner_texts()
            text = await lines.nth(n).locator(".text").inner_text()
            heard.append(Heard(text=text, buttons=tuple({"title": title, "payload": ""} for title in titles)))
        self._seen = count
        return heard


class Posted:
    """Somebody whose messages a platform delivers; the replies are what the platform was given until all was done."""

    def __init__(self, house: House, channel: str, sender: str, world: World, post: Any) -> None:
        self._house = house
        self._conversation: ConversationId = house.vault.conversation_id(house.channels[channel].id, sender)  # type: ignore[index]
        self._came = world.came[sender]
        self._world = world
        self._post = post
        self._ids = itertools.count(1)

    async def say(self, text: str) -> list[Heard]:
        return await self._told(text=text)

    async def press(self, button: dict[str, str]) -> list[Heard]:
        return await self._told(text=button["title"], payload=button["payload"])

    async def show(self, name: str) -> list[Heard]:
        url = f"{self._world.url}/2010-04-01/Accounts/{ACCOUNT}/Messages/MM1/Media/ME1"
        return await self._told(attachments=[{"media_type": "image/png", "url": url, "name": name}])

    async def _told(self, **message: Any) -> list[Heard]:
        seen = len(self._came)
        await self._post(f"m{next(self._ids)}", message)
        await until(self._is_quiet)
        return self._came[seen:]

    async def _is_quiet(self) -> bool:
        here = self._conversation
        unheard = select(func.count()).where(inbox.c.conversation_id == here, inbox.c.state == "open")
        unsent = select(func.count()).where(
            outbox.c.conversation_id == here, outbox.c.state.in_(("ready", "sending", "retry"))
        )
        counted = await self._house.store.read(lambda conn: [conn.execute(q).scalar_one() for q in (unheard, unsent)])
        return counted == [0, 0]


class Mouths:
    """Makes mouths at one house; they end with the block."""

    def __init__(self, house: House, url: str, world: World, browser: Browser, http: aiohttp.ClientSession) -> None:
        self._house = house
        self._url = url
        self._world = world
        self._browser = browser
        self._http = http
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Mouths:
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._stack.aclose()

    async def at(self, channel: str, who: str, language: str, phone: str) -> Mouth:
        """A new person at `channel`, or one who comes for the first time; `who` names them there."""
        match channel:
            case "web":
                line = await self._stack.enter_async_context(Line(self._url, "web", language, PATIENCE))
                await line.greeting(PATIENCE)
                return AtPage(line)
            case "terminal":
                return AtTerminal(await self._stack.enter_async_context(_terminal(self._url, language)))
            case "widget":
                return await self._widget(language)
            case "sms":
                return Posted(self._house, "sms", phone, self._world, lambda n, m: self._text(phone, n, m))
            case "webhook":
                return Posted(self._house, "hook", who, self._world, lambda n, m: self._hook(who, n, m))
            case _:
                raise ValueError(f"no way to talk on {channel}")

    async def _widget(self, language: str) -> Mouth:
        locale = {"zh": "zh-CN", "en": "en-GB"}[language]
        context = await self._browser.new_context(locale=locale, viewport={"width": 1280, "height": 800})
        self._stack.push_async_callback(context.close)
        page = await context.new_page()
        await page.goto(f"{self._url}/widget/")
        mouth = AtWidget(page)
        await mouth.greeting()
        return mouth

    async def _text(self, phone: str, id: str, message: dict[str, Any]) -> None:
        form = {"From": phone, "To": "+14155550100", "MessageSid": f"SM{phone}{id}", "Body": message.get("text", "")}
        for n, each in enumerate(message.get("attachments", ())):
            form |= {"NumMedia": "1", f"MediaUrl{n}": each["url"], f"MediaContentType{n}": each["media_type"]}
        signed = twilio.sign(SECRET, f"{HERE}/c/sms/in", list(form.items()))
        headers = {"Content-Type": "application/x-www-form-urlencoded", twilio.SIGNATURE_HEADER: signed}
        async with self._http.post(f"{self._url}/c/sms/in", data=urlencode(form), headers=headers) as answer:
            assert answer.status == 200, await answer.text()

    async def _hook(self, who: str, id: str, message: dict[str, Any]) -> None:
        body = json.dumps({"id": id, "sender": who} | message).encode()
        signed = webhook.sign(SECRET, int(self._house.clock().timestamp()), body)
        headers = {"Content-Type": "application/json", webhook.SIGNATURE_HEADER: signed}
        async with self._http.post(f"{self._url}/c/hook/in", data=body, headers=headers) as answer:
            assert answer.status == 200, await answer.text()


@asynccontextmanager
async def _terminal(url: str, language: str) -> AsyncIterator[asyncio.subprocess.Process]:
    options = ("--json", "--url", url, "--language", language, "--timeout", str(PATIENCE))
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "door.cli", "chat", *options),
        cwd=ROOT,
        env={k: v for k, v in os.environ.items() if not k.startswith("QIANTAI_")},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        yield process
    finally:
        assert process.stdin
        process.stdin.close()
        await asyncio.wait_for(process.wait(), PATIENCE)

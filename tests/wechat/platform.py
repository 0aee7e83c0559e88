"""A stand-in for WeChat's servers: signs, enciphers, delivers callbacks, brings them again, serves the interface.

Written from the platform's documentation, apart from the product and from the library it uses. What it does and where
that is said; `doc`: the platform's own pages, `community`: answers in its developer forum.

| Behaviour | Here | Source |
|---|---|---|
| hangs up on a callback after 5 s and delivers it three times in all, MsgId and CreateTime unchanged | deliver | doc |
| takes "success" or nothing as an acknowledgement, an XML text as the answer | deliver | doc |
| tells the follower that the account is out of order after anything else, as another status | deliver | community |
| gives every caller of stable_token the same token while it is valid | stable_token | doc |
| answers an error with status 200 and errcode, 40001 or 42001 for a token that is none or over | _take | doc |
| 5 answers within 48 h of a message, 3 within a minute of an event | _allows | doc |
| 45015 outside that time or after 取消关注, 45047 above the number | _allows | doc |
| 45002 for a text of more than 2048 bytes | send | community |
| 40200 for msgmenu of an account without it | send | community |
| gives a file by its media_id, of a video its address in JSON, 40007 for one that it does not keep | media | doc |
| a choice of a msgmenu comes back as a text with bizmsgmenuid | choose | doc |
| template messages go out at any time, to followers alone: 43004 | notice | doc |
| 40037 for a template that is not the account's, 47003 for a value longer than its field takes | notice | doc |
| names each template message by a number, and says later what became of it, by event | notice, finished | doc |
"""

from __future__ import annotations

import asyncio
import itertools
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from aiohttp import web

from tests.channels.wechat_cipher import Key
from tests.channels.wechat_cipher import field as element

HANGS_UP = 5.0  # seconds
DELIVERIES = 3
TEXT_MAX = 2048  # bytes
OUT_OF_ORDER = "该公众号提供的服务出现故障，请稍后再试"
LONGEST = {"thing": 20, "character_string": 32, "phrase": 5, "name": 10, "const": 20}  # characters of a field
WINDOWS = {"message": (5, 48 * 3600.0), "event": (3, 60.0)}  # answers, seconds


@dataclass
class Follower:
    """What one follower of one account sees, and what they may be sent."""

    shown: list[str] = field(default_factory=list[str])
    menus: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    notices: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    typing: int = 0
    follows: bool = True
    opened: list[list[Any]] = field(default_factory=list[list[Any]])  # [time, answers left, seconds]


@dataclass
class WeChat:
    """The platform with one account on it; `pace` is the share of a second that one of its seconds takes."""

    key: Key
    secret: str
    mode: str = "encrypted"
    pace: float = 1.0
    house: str = ""  # the address in the server settings
    behind: list[str] = field(default_factory=list[str])  # several houses behind it: deliveries go round
    url: str = ""
    menus_allowed: bool = True
    templates: set[str] = field(default_factory=set[str])  # ids of the account's own
    clock: float = field(default_factory=time.time)  # of quotas
    tokens: list[str] = field(default_factory=list[str])  # every one ever made
    valid: str = ""
    fetches: int = 0
    faults: list[int | web.Response] = field(default_factory=list[int | web.Response])  # of the next sends
    media_faults: list[int | web.Response] = field(default_factory=list[int | web.Response])  # of the next files
    files: dict[str, tuple[bytes, str]] = field(default_factory=dict[str, tuple[bytes, str]])
    video: bytes = b"\0\0\0\x18ftypmp42"  # what is behind the address of a video
    followers: dict[str, Follower] = field(default_factory=dict[str, Follower])
    attempts: int = 0
    account_menu: dict[str, Any] = field(default_factory=dict[str, Any])
    _ids: itertools.count[int] = field(default_factory=lambda: itertools.count(24001))
    _nonces: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    def follower(self, who: str) -> Follower:
        return self.followers.setdefault(who, Follower())

    # ---- callbacks ----

    def text(self, content: str, who: str = "anna", msg_id: int = 0, more: str = "") -> str:
        return self.message("text", f"<Content><![CDATA[{content}]]></Content>{more}", who, msg_id)

    def message(self, kind: str, more: str, who: str = "anna", msg_id: int = 0) -> str:
        self.follower(who).opened.append([self.clock, *WINDOWS["message"]])
        return self._xml(kind, f"{more}<MsgId>{msg_id or next(self._ids)}</MsgId>", who)

    def event(self, name: str, key: str = "", who: str = "anna", at: int = 0) -> str:
        self.follower(who).follows = name != "unsubscribe"
        self.follower(who).opened.append([self.clock, *WINDOWS["event"]])
        fields = f"<Event><![CDATA[{name}]]></Event><EventKey><![CDATA[{key}]]></EventKey>"
        return self._xml("event", fields, who, at)

    def choose(self, title: str, who: str = "anna") -> str:
        """What comes back when a choice of the last menu is touched."""
        listed = self.follower(who).menus[-1]["list"]
        (chosen,) = [one["id"] for one in listed if one["content"] == title]
        return self.text(title, who, more=f"<bizmsgmenuid><![CDATA[{chosen}]]></bizmsgmenuid>")

    def _xml(self, kind: str, more: str, who: str, at: int = 0) -> str:
        return (
            f"<xml><ToUserName><![CDATA[gh_1]]></ToUserName><FromUserName><![CDATA[{who}]]></FromUserName>"
            f"<CreateTime>{at or int(time.time())}</CreateTime><MsgType><![CDATA[{kind}]]></MsgType>{more}</xml>"
        )

    def request(self, xml: str) -> tuple[dict[str, str], bytes]:
        """Query and body of one delivery."""
        now, nonce = int(time.time()), f"n{next(self._nonces)}"
        if self.mode == "plain":
            return self.key.query(now, nonce), xml.encode()
        enciphered = self.key.encrypt(xml)
        inside = xml.removeprefix("<xml>").removesuffix("</xml>") if self.mode == "compatible" else ""
        body = f"<xml>{inside}<Encrypt><![CDATA[{enciphered}]]></Encrypt></xml>"
        return self.key.query(now, nonce, enciphered), body.encode()

    async def post(self, http: aiohttp.ClientSession, xml: str) -> tuple[int, str]:
        """One delivery, whatever comes back; TimeoutError when the platform hangs up."""
        query, body = self.request(xml)
        where = self.behind[self.attempts % len(self.behind)] if self.behind else self.house
        self.attempts += 1
        limit = aiohttp.ClientTimeout(total=HANGS_UP * self.pace)
        async with http.post(where, params=query, data=body, timeout=limit) as response:
            return response.status, await response.text()

    async def deliver(self, http: aiohttp.ClientSession, xml: str) -> str:
        """Delivers until it is acknowledged, three times at most; what the follower is shown, "" for nothing."""
        shown = OUT_OF_ORDER
        for _ in range(DELIVERIES):
            try:
                status, body = await self.post(http, xml)
            except (TimeoutError, aiohttp.ServerDisconnectedError):
                continue
            if status == 200 and body in ("", "success"):
                return ""
            if status == 200 and (answer := self.read(body)):
                shown = answer
                break
        self.follower(element(xml, "FromUserName")).shown.append(shown)
        return shown

    def read(self, body: str) -> str:
        """The text of a passive answer; "" if it is none."""
        if not body.startswith("<xml>"):
            return ""
        if self.mode != "plain":
            enciphered, stamp, nonce = (element(body, name) for name in ("Encrypt", "TimeStamp", "Nonce"))
            if self.key.query(int(stamp), nonce, enciphered)["msg_signature"] != element(body, "MsgSignature"):
                return ""
            body = self.key.decrypt(enciphered)
        text = element(body, "Content").replace("]]]]><![CDATA[>", "]]>")
        return text if element(body, "MsgType") == "text" and len(text.encode()) <= TEXT_MAX else ""

    # ---- the interface ----

    def invalidate(self) -> None:
        """The valid token is over: the next to ask makes a new one."""
        self.valid = ""

    async def stable_token(self, request: web.Request) -> web.Response:
        asked = await request.json()
        self.fetches += 1
        if asked != {"grant_type": "client_credential", "appid": self.key.app_id, "secret": self.secret}:
            return _error(40125)
        await asyncio.sleep(0)
        if not self.valid:
            self.valid = f"token-{len(self.tokens) + 1}"
            self.tokens.append(self.valid)
        return web.json_response({"access_token": self.valid, "expires_in": 7200})

    async def send(self, request: web.Request) -> web.Response:
        raw = await request.read()
        if (answer := self._take(request, self.faults)) is not None:
            return answer
        said: dict[str, Any] = json.loads(raw)
        text = said["text"]["content"] if said["msgtype"] == "text" else said["msgmenu"]["head_content"]
        if said["msgtype"] == "msgmenu" and not self.menus_allowed:
            return _error(40200)
        if len(text.encode()) > TEXT_MAX or b"\\u" in raw:
            return _error(45002)
        who = self.follower(said["touser"])
        if code := self._allows(who):
            return _error(code)
        who.shown.append(text)
        if said["msgtype"] == "msgmenu":
            who.menus.append(said["msgmenu"])
        return _error(0)

    async def notice(self, request: web.Request) -> web.Response:
        raw = await request.read()
        if (answer := self._take(request, self.faults)) is not None:
            return answer
        said: dict[str, Any] = json.loads(raw)
        if said["template_id"] not in self.templates:
            return _error(40037)
        who = self.follower(said["touser"])
        if not who.follows:
            return _error(43004)
        values = {name: one["value"] for name, one in said["data"].items()}
        if any(len(value) > LONGEST.get(name.rstrip("0123456789"), 200) for name, value in values.items()):
            return _error(47003)
        who.notices.append(values)
        return web.json_response({"errcode": 0, "errmsg": "ok", "msgid": 200228000 + len(who.notices)})

    def finished(self, status: str = "success", who: str = "anna") -> str:
        """The event that says what became of the follower's last notice."""
        number = 200228000 + len(self.follower(who).notices)
        fields = f"<Event>TEMPLATESENDJOBFINISH</Event><MsgID>{number}</MsgID><Status>{status}</Status>"
        return self._xml("event", fields, who)

    async def typing(self, request: web.Request) -> web.Response:
        self.follower((await request.json())["touser"]).typing += 1
        return _error(0)

    async def media(self, request: web.Request) -> web.Response:
        if (refused := self._take(request, self.media_faults)) is not None:
            return refused
        found = self.files.get(request.query["media_id"])
        if found is None:
            return _error(40007)
        return web.Response(body=found[0], content_type=found[1])

    async def clip(self, request: web.Request) -> web.Response:
        return web.Response(body=self.video)

    async def menu(self, request: web.Request) -> web.Response:
        self.account_menu = await request.json()
        return _error(0)

    def _take(self, request: web.Request, faults: list[int | web.Response]) -> web.Response | None:
        """What stands in the way of a call: a fault that the test wants, or the token."""
        if faults:
            fault = faults.pop(0)
            return _error(fault) if isinstance(fault, int) else fault
        token = request.query.get("access_token", "")
        if not self.valid or token != self.valid:
            return _error(42001 if token in self.tokens else 40001)
        return None

    def _allows(self, who: Follower) -> int:
        open_ones = [one for one in who.opened if self.clock - one[0] <= one[2]]
        if not who.follows or not open_ones:
            return 45015
        for one in reversed(open_ones):
            if one[1]:
                one[1] -= 1
                return 0
        return 45047


def _error(code: int) -> web.Response:
    return web.json_response({"errcode": code, "errmsg": "ok" if code == 0 else "error rid: 6a"})


@asynccontextmanager
async def serving(platform: WeChat) -> AsyncIterator[WeChat]:
    """The platform's interface on a loopback port."""
    app = web.Application()
    app.add_routes(
        [
            web.post("/cgi-bin/stable_token", platform.stable_token),
            web.post("/cgi-bin/message/custom/send", platform.send),
            web.post("/cgi-bin/message/custom/typing", platform.typing),
            web.post("/cgi-bin/message/template/send", platform.notice),
            web.get("/cgi-bin/media/get", platform.media),
            web.get("/video", platform.clip),
            web.post("/cgi-bin/menu/create", platform.menu),
        ]
    )
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    platform.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield platform
    finally:
        await runner.cleanup()

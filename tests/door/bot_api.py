"""A strict stand-in for the Bot API: refuses what Telegram refuses, answers in its shapes, delivers as it does."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

TOKEN = "110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw"
FILE_MAX = 20 * 1024 * 1024  # bytes of a file that the Bot API gives to bots
ME = {
    "id": 110201543,
    "is_bot": True,
    "first_name": "12363",
    "username": "desk_bot",
    "can_join_groups": False,
    "can_read_all_group_messages": False,
    "supports_inline_queries": False,
}


class Refused(Exception):
    """What the Bot API answers with ok: false."""

    def __init__(self, code: int, description: str, **parameters: int) -> None:
        super().__init__(description)
        self.body = {"ok": False, "error_code": code, "description": description}
        self.body |= {"parameters": parameters} if parameters else {}


@dataclass
class BotApi:
    """One bot's server; `calls` is everything it was asked, (method, fields) in order."""

    url: str = ""
    calls: list[tuple[str, dict[str, str]]] = field(default_factory=list[tuple[str, dict[str, str]]])
    webhook: dict[str, Any] = field(default_factory=lambda: {"url": ""})
    secret: str = ""
    waiting: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])  # updates that nobody confirmed
    confirmed: int = 0  # the offset that was asked for last
    refuse: Callable[[dict[str, str]], Refused | None] = lambda fields: None  # of sendMessage
    files: dict[str, bytes] = field(default_factory=dict[str, bytes])  # by their id
    news: asyncio.Event = field(default_factory=asyncio.Event)

    def sent(self) -> list[str]:
        """The texts that were taken from us."""
        return [fields["text"] for method, fields in self.calls if method == "sendMessage"]

    def methods(self) -> list[str]:
        return [method for method, _ in self.calls]

    def deliver(self, update: dict[str, Any]) -> None:
        self.waiting.append(update)
        self.news.set()

    async def take(self, request: web.Request) -> web.Response:
        if request.match_info["token"] != TOKEN:
            return web.json_response(Refused(401, "Unauthorized").body, status=401)
        fields = {**request.query, **{k: str(v) for k, v in (await request.post()).items()}}
        method = request.match_info["method"]
        answer = getattr(self, f"_{method}", None)
        try:
            if answer is None:
                raise Refused(404, "Not Found: method not found")
            result = await answer(fields)
        except Refused as e:
            return web.json_response(e.body, status=e.body["error_code"])
        self.calls.append((method, fields))
        return web.json_response({"ok": True, "result": result})

    async def _getMe(self, fields: dict[str, str]) -> dict[str, Any]:
        return ME

    async def _setWebhook(self, fields: dict[str, str]) -> bool:
        if not fields["url"].startswith("https://"):
            raise Refused(400, "Bad Request: bad webhook: An HTTPS URL must be provided for webhook")
        self.webhook = {"url": fields["url"], "allowed_updates": json.loads(fields["allowed_updates"])}
        self.secret = fields["secret_token"]
        return True

    async def _deleteWebhook(self, fields: dict[str, str]) -> bool:
        self.webhook = {"url": ""}
        return True

    async def _getWebhookInfo(self, fields: dict[str, str]) -> dict[str, Any]:
        return {"has_custom_certificate": False, "pending_update_count": 0, **self.webhook}

    async def _getUpdates(self, fields: dict[str, str]) -> list[dict[str, Any]]:
        if self.webhook["url"]:
            raise Refused(409, "Conflict: can't use getUpdates method while webhook is active")
        self.confirmed = int(fields["offset"])
        self.waiting = [update for update in self.waiting if update["update_id"] >= self.confirmed]
        if not self.waiting:
            self.news.clear()
            await self.news.wait()
        return self.waiting[: int(fields["limit"])]

    async def _answerCallbackQuery(self, fields: dict[str, str]) -> bool:
        if fields["callback_query_id"] == "old":
            raise Refused(400, "Bad Request: query is too old and response timeout expired or query ID is invalid")
        return True

    async def _getFile(self, fields: dict[str, str]) -> dict[str, Any]:
        found = self.files.get(fields["file_id"])
        if found is None:
            raise Refused(400, "Bad Request: invalid file_id")
        if len(found) > FILE_MAX:
            raise Refused(400, "Bad Request: file is too big")
        return {"file_id": fields["file_id"], "file_unique_id": "u", "file_path": f"photos/{fields['file_id']}.jpg"}

    async def give(self, request: web.Request) -> web.Response:
        name = request.match_info["path"].removeprefix("photos/").removesuffix(".jpg")
        if request.match_info["token"] != TOKEN or name not in self.files:
            return web.json_response(Refused(404, "Not Found").body, status=404)
        return web.Response(body=self.files[name], content_type="application/octet-stream")

    async def _sendChatAction(self, fields: dict[str, str]) -> bool:
        return True

    async def _sendMessage(self, fields: dict[str, str]) -> dict[str, Any]:
        if refused := self.refuse(fields):
            raise refused
        text, chat = fields["text"], int(fields["chat_id"])
        if not text.strip():
            raise Refused(400, "Bad Request: message text is empty")
        if len(text.encode("utf-16-le")) // 2 > 4096:
            raise Refused(400, "Bad Request: message is too long")
        shown = {"message_id": len(self.calls) + 1, "from": ME, "chat": {"id": chat, "type": "private"}, "text": text}
        if "reply_markup" in fields:
            shown["reply_markup"] = markup = json.loads(fields["reply_markup"])
            for row in markup["inline_keyboard"]:
                for button in row:
                    if not button["text"] or not 1 <= len(button["callback_data"].encode()) <= 64:
                        raise Refused(400, "Bad Request: BUTTON_DATA_INVALID")
        return {**shown, "date": int(time.time())}


@asynccontextmanager
async def bot_api() -> AsyncGenerator[BotApi]:
    """A running server on loopback."""
    api = BotApi()
    app = web.Application()
    app.router.add_post("/bot{token}/{method}", api.take)
    app.router.add_get("/file/bot{token}/{path:.*}", api.give)
    runner = web.AppRunner(app, shutdown_timeout=0.1, handler_cancellation=True)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    api.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield api
    finally:
        await runner.cleanup()

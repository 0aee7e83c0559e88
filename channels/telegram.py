"""Telegram: a bot of ours, by the Bot API 10.0 (https://core.telegram.org/bots/api).

In: POST /c/<channel id>/in with one update as JSON, `X-Telegram-Bot-Api-Secret-Token` as we gave it to setWebhook. Our
acknowledgement carries a call of our own, as the Bot API allows: "typing" for a message, and for a button that was
pressed the answer without which the consumer's app goes on showing that it waits.
Out: POST <api_url>/bot<token>/sendMessage. Texts are plain, never markup. A button carries its payload, or the hash of
a payload longer than the 64 bytes that Telegram allows; the ledger knows which button it was.

Private chats only: a bot that somebody adds to a group says nothing there, and nothing of the group is kept.

`mode = "polling"` asks Telegram for updates instead of being called: for a machine without a public address, and one
process only, since Telegram gives every update to one caller.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import re
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime
from typing import Any, ClassVar, Literal, cast
from urllib.parse import urlencode

import structlog
from pydantic import Field, SecretStr, field_validator
from telegram import Bot, CallbackQuery, InlineKeyboardButton, InlineKeyboardMarkup, Message, Update

from channels import Ack, BaseConfig, Clock, Kept, Parsed, WebhookRequest
from channels._address import BaseUrl, address_problems
from channels._parts import rest
from channels._telegram_api import Wire, judged
from channels._text import fit, read_object, split, unstorable
from core.errors import BadSignature, Malformed, NotFound, QiantaiError, SendError, TooMany, WrongType
from core.model import Attachment, Capabilities, ChannelId, Event, Inbound, MessageKind, Outbound, Sent, Stopped

log = structlog.get_logger()

SECRET_HEADER = "X-Telegram-Bot-Api-Secret-Token"  # noqa: S105 - a name
TEXT_UNITS = 4096  # UTF-16 units of one message, either way
TEXT_IN = 4000  # characters of one message in the house; what is longer comes in as two
PORTS = (80, 88, 443, 8443)  # that Telegram calls
POLL_SECONDS = 25.0  # one question for updates may wait so long for the first
POLL_TAKE = 20  # updates at once
FILE_MAX = 20 * 1024 * 1024  # bytes of a file that Telegram gives to bots
FILE = "telegram:"  # before Telegram's name of a file
AGAIN_AFTER = 5.0  # seconds until what could not be done with Telegram is tried again
WANTED = ("message", "edited_message", "callback_query", "my_chat_member")

_TOKEN = re.compile(r"[0-9]{1,20}:[A-Za-z0-9_-]{20,100}")
_START = re.compile(r"/start(?:@\w+)?(?:\s+(\S{1,64}))?\s*")
# Fields that name people: what is kept for others to look at has none of them.
_PEOPLE = {"from", "chat", "sender_chat", "via_bot", "contact", "forward_origin", "reply_to_message", "user", "users"}
# What people send and we cannot read: they are told so. Everything else is a notice of the app, which nobody wrote.
_SHOWN = ("contact", "sticker", "poll", "dice", "story", "game", "checklist", "paid_media", "invoice")
# field → what it is where Telegram does not say
_FILES = {
    "animation": "video/mp4",
    "audio": "audio/mpeg",
    "document": "application/octet-stream",
    "video": "video/mp4",
    "video_note": "video/mp4",
    "voice": "audio/ogg",
}

Take = Callable[[Parsed], Awaitable[None]]


class Config(BaseConfig):
    token: SecretStr = Field(description="of the bot, as @BotFather gives it")
    mode: Literal["webhook", "polling"] = Field(default="webhook", description="polling: no public address is needed")
    public_url: str = Field(default="", description="where Telegram reaches the house, if not where all others do")
    api_url: BaseUrl = Field(default="https://api.telegram.org", description="of a Bot API server of your own")
    timeout: float = Field(default=10.0, ge=0.1, le=60.0, description="seconds one call may take")

    @field_validator("token")
    @classmethod
    def _as_given(cls, value: SecretStr) -> SecretStr:
        if not _TOKEN.fullmatch(value.get_secret_value()):
            raise ValueError("digits, a colon and some 35 letters, as @BotFather gives it")
        return value


class Telegram:
    """One bot."""

    kind: ClassVar[str] = "telegram"

    def __init__(self, channel_id: ChannelId, config: Config) -> None:
        self.id = channel_id
        self.capabilities = Capabilities(
            buttons=True, images=True, attachments=True, typing=True, text_max=TEXT_UNITS, resend_unknown=False
        )
        self._config = config
        self._secret = webhook_secret(channel_id, config)
        self._wire = Wire(config.timeout, config.api_url)
        self._bot = _bot(config, self._wire)
        self._limited = ("", 0.0)  # the chat that was told to wait last, and until when (time.monotonic())

    def __repr__(self) -> str:
        return f"Telegram({self.id!r})"

    # ---- in ----

    def parse(self, request: WebhookRequest) -> Parsed:
        if request.method != "POST" or request.path != "in":
            raise NotFound
        if not hmac.compare_digest(request.headers.get(SECRET_HEADER, "").encode(), self._secret.encode()):
            raise BadSignature(f"{SECRET_HEADER}: missing, or not ours")
        if request.headers.get("Content-Type", "").partition(";")[0].strip().lower() != "application/json":
            raise WrongType("application/json is taken here")
        return read_update(read_object(request.body))

    async def attend(self, take: Take) -> None:
        """Has Telegram call us, or fetches its updates and hands each to `take`; never returns."""
        while True:
            try:
                if self._config.mode == "polling":
                    await self._poll(take)
                elif not self._config.public_url:
                    log.warning("telegram_not_told", channel=self.id, why="the house has no public address")
                else:
                    await self._be_called()
                break
            except SendError as e:
                log.warning("telegram_not_reached", channel=self.id, why=str(e))
                await asyncio.sleep(max(AGAIN_AFTER, e.retry_after or 0.0))
        await asyncio.Event().wait()

    async def _be_called(self) -> None:
        url = webhook_url(self.id, self._config.public_url)
        with judged():
            await self._bot.set_webhook(url, secret_token=self._secret, allowed_updates=WANTED)
        log.info("telegram_told", channel=self.id)

    async def _poll(self, take: Take) -> None:
        with judged():
            await self._bot.delete_webhook()  # while there is one, nothing can be fetched
        log.warning("telegram_polled", channel=self.id, note="one process only: two would take updates from each other")
        offset = 0
        while True:
            for raw in await self._updates(offset):
                await self._hand_in(raw, take)
                offset = raw["update_id"] + 1  # asking after it confirms it: only what is committed

    async def _updates(self, offset: int) -> list[dict[str, Any]]:
        """The updates from `offset` on, as they came: the library's own call would lose all for one it cannot read."""
        wish = {
            "offset": offset,
            "limit": POLL_TAKE,
            "timeout": int(POLL_SECONDS),
            "allowed_updates": json.dumps(WANTED),
        }
        within = POLL_SECONDS + self._config.timeout
        with judged():
            found: Any = await self._wire.post(
                f"{self._bot.base_url}/getUpdates?{urlencode(wish)}", read_timeout=within
            )
        return cast("list[dict[str, Any]]", found)

    async def _hand_in(self, raw: dict[str, Any], take: Take) -> None:
        """Has one update committed, however long that takes; one that is refused for good is passed over, and so is
        one of a sender above the rate: everybody else would wait behind it."""
        while True:
            try:
                parsed = read_update(raw)
                await take(parsed)
                break
            except QiantaiError as e:
                again = e.retryable and not isinstance(e, TooMany)
                log.warning("telegram_update_refused", channel=self.id, error=e.code, again=again)
                if not again:
                    return
                await asyncio.sleep(AGAIN_AFTER)
        if call := json.loads(parsed.ack.body or b"{}"):
            try:
                with judged():
                    await self._wire.post(f"{self._bot.base_url}/{call.pop('method')}?{urlencode(call)}")
            except SendError as e:  # a courtesy: the button was pressed too long ago, say
                log.info("telegram_courtesy_lost", channel=self.id, why=str(e))

    # ---- out ----

    async def start(self) -> None:
        await self._wire.initialize()

    async def send(self, message: Outbound) -> Sent:
        """Sends the message in as many parts as it takes; a second try goes on where the first one ended."""
        parts = fit(message, replace(self.capabilities, text_max=_characters(message.text)))
        taken = ""
        async for _, part in rest(message, parts):
            rows = [[InlineKeyboardButton(b.title, callback_data=b.key)] for b in part.buttons]
            markup = InlineKeyboardMarkup(rows) if rows else None
            try:
                with judged():
                    shown = await self._bot.send_message(message.address, part.text, reply_markup=markup)
            except SendError as e:
                raise self._whose(e, message.address) if e.send_code == "recipient_limit" else e from None
            taken = str(shown.message_id)
        return Sent(external_id=taken)

    def _whose(self, limit: SendError, chat: str) -> SendError:
        """Telegram does not say whether a limit is a chat's (a message a second) or the bot's (30 a second). The first
        chat to meet one rests alone, so that who writes fast is in nobody's way; a second one in that time means the
        bot, and the channel rests."""
        now, (before, until) = time.monotonic(), self._limited
        self._limited = (chat, now + (limit.retry_after or 0.0))
        if before == chat or now >= until:
            return limit
        return SendError("throttled", "HTTP 429", retryable=True, retry_after=limit.retry_after)

    async def fetch(self, file: Attachment, most: int) -> bytes:
        """A file of a message, of at most 20 MB unless the Bot API server is our own; SendError if there is none.

        Its place, which Telegram names for an hour, holds the bot's token and is asked for each time."""
        name = file.url.removeprefix(FILE)
        if name == file.url:
            raise SendError("refused", "not a file of this bot", retryable=False)
        if self._config.api_url == Config.model_fields["api_url"].default:
            most = min(most, FILE_MAX)
        if file.size is not None and file.size > most:
            raise SendError("too_large", f"the file has more than {most} bytes", retryable=False)
        with judged():
            found = await self._bot.get_file(name)
        head = f"{self._bot.base_file_url}/"
        if not (found.file_path or "").startswith(head):  # a server with files of its own disk, say
            raise SendError("refused", "the file is not where Telegram's files are", retryable=False)
        return await self._wire.file(cast("str", found.file_path), most)

    async def close(self) -> None:
        await self._wire.shutdown()


def create(channel_id: ChannelId, config: BaseConfig, clock: Clock) -> Telegram:
    return Telegram(channel_id, cast(Config, config))


def webhook_secret(channel_id: ChannelId, config: Config) -> str:
    """What Telegram shows us with every delivery: made from the token, so there is no second secret to keep."""
    return hmac.new(config.token.get_secret_value().encode(), channel_id.encode(), hashlib.sha256).hexdigest()


def webhook_url(channel_id: ChannelId, public_url: str) -> str:
    return f"{public_url.rstrip('/')}/c/{channel_id}/in"


def _bot(config: Config, wire: Wire) -> Bot:
    token, url = config.token.get_secret_value(), config.api_url
    return Bot(token, f"{url}/bot", f"{url}/file/bot", request=wire, get_updates_request=wire)


def _characters(text: str) -> int:
    """How many characters a part of `text` may have, so that none exceeds TEXT_UNITS: an emoji is two units or more."""
    return max(TEXT_UNITS // 2, TEXT_UNITS - sum(char > "\uffff" for char in text))


# ---- reading --------------------------------------------------------------------------------------------------------


def read_update(raw: dict[str, Any]) -> Parsed:
    """What an update says; Malformed if it is none at all. One that cannot be read is kept: it would come for ever."""
    if why := unstorable(raw):
        raise Malformed(why)
    number = raw.get("update_id")
    if not isinstance(number, int) or isinstance(number, bool):
        raise Malformed("update_id: a whole number")
    try:
        return _read(Update.de_json(raw), raw)
    except Exception:  # the library checks no types: whatever it stumbles over is the update's fault
        return _kept("an update that cannot be read", raw)


def _read(update: Update, raw: dict[str, Any]) -> Parsed:
    if update.callback_query:
        return _pressed(update.callback_query, raw)
    if update.message:
        return _message(update.message, raw) if update.message.chat.type == "private" else Parsed(ack=Ack())
    if update.edited_message:
        chat = update.edited_message.chat
        sender = _sender(chat.id)
        return _kept("an edited message", raw, sender=sender) if chat.type == "private" else Parsed(ack=Ack())
    if (change := update.my_chat_member) is not None:
        gone = change.chat.type == "private" and change.new_chat_member.status == "kicked"
        return Parsed(events=(Stopped(sender=_sender(change.chat.id)),) if gone else (), ack=Ack())
    return _kept("an update of another kind", raw)


def _pressed(query: CallbackQuery, raw: dict[str, Any]) -> Parsed:
    ack = _call("answerCallbackQuery", callback_query_id=_text(query.id))
    data = _text(query.data)
    if query.message is None or query.message.chat.type != "private" or not data:
        return _kept("a button that is none of ours", raw, ack=ack)
    markup = query.message.reply_markup if isinstance(query.message, Message) else None
    buttons = [button for row in markup.inline_keyboard for button in row] if markup else []
    pressed = Inbound(
        sender=_sender(query.message.chat.id),
        external_id=str(raw["update_id"]),
        kind=MessageKind.PAYLOAD,
        text=next((_text(button.text) for button in buttons if button.callback_data == data), ""),
        payload=data,
        language=_language(query.from_user.language_code),
    )
    return Parsed(events=(pressed,), ack=ack)


def _message(message: Message, raw: dict[str, Any]) -> Parsed:
    """One message of a private chat."""
    text = _text(message.text) or _text(message.caption)
    first, *more = split(text, TEXT_IN)
    base = Inbound(
        sender=_sender(message.chat.id),
        external_id=str(raw["update_id"]),
        text=first,
        language=_language(message.from_user.language_code if message.from_user else None),
    )
    rest = tuple(replace(base, external_id=f"{base.external_id}-{n}", text=t) for n, t in enumerate(more, 2))
    events: tuple[Event, ...]
    if begun := _START.fullmatch(text):
        # Once a minute however often it is pressed: it is greeted, and not counted as something they wrote.
        minute = f"start-{message.date:%Y%m%d%H%M}"
        events = (replace(base, external_id=minute, kind=MessageKind.FOLLOWED, text="", raw={"start": begun[1] or ""}),)
    elif files := _files(raw["message"]):
        events = (replace(base, kind=MessageKind.ATTACHMENT, attachments=files), *rest)
    elif message.location:
        place = {"latitude": message.location.latitude, "longitude": message.location.longitude}
        events = (replace(base, kind=MessageKind.LOCATION, raw=place),)
    elif text.strip():
        events = (base, *rest)
    elif kind := next((name for name in _SHOWN if raw["message"].get(name)), ""):
        return _kept(f"a message with a {kind}", raw, sender=base.sender, external_id=base.external_id)
    else:
        return _kept("a notice of the app", raw)
    return Parsed(events=events, ack=_call("sendChatAction", chat_id=base.sender, action="typing"))


def _files(message: dict[str, Any]) -> tuple[Attachment, ...]:
    """The file of a message; its address is Telegram's name for it, which only the bot's token opens."""
    name = next((name for name in _FILES if message.get(name)), "")
    if name:
        return (_file(message[name], _text(message[name].get("mime_type")) or _FILES[name]),)
    sizes: list[dict[str, Any]] = message.get("photo") or []
    return (_file(sizes[-1], "image/jpeg"),) if sizes else ()  # the last one is the largest


def _file(found: dict[str, Any], media_type: str) -> Attachment:
    size = found.get("file_size")
    if not (size is None or (isinstance(size, int) and not isinstance(size, bool) and size >= 0)):
        raise TypeError("file_size: bytes")
    name = _text(found.get("file_name"))[:200]
    return Attachment(media_type=media_type[:100], url=f"{FILE}{_text(found['file_id'])}", name=name, size=size)


def _call(method: str, **fields: str) -> Ack:
    """An acknowledgement that has Telegram do something, as the Bot API takes it in answer to an update."""
    return Ack(body=json.dumps({"method": method, **fields}).encode(), content_type="application/json")


def _kept(
    reason: str, raw: dict[str, Any], *, sender: str = "", external_id: str = "", ack: Ack | None = None
) -> Parsed:
    kept = Kept(reason=reason, raw=_nameless(raw), sender=sender, external_id=external_id)
    return Parsed(kept=(kept,), ack=ack or Ack())


def _nameless(value: Any) -> Any:
    """`value` without the people in it."""
    if isinstance(value, dict):
        fields = cast("dict[str, Any]", value)
        return {name: _nameless(inner) for name, inner in fields.items() if name not in _PEOPLE}
    return [_nameless(item) for item in cast("list[Any]", value)] if isinstance(value, list) else value


def _text(value: object) -> str:
    if not (value is None or isinstance(value, str)):
        raise TypeError("a text")
    return value or ""


def _sender(chat: object) -> str:
    if not isinstance(chat, int) or isinstance(chat, bool):
        raise TypeError("chat.id: a whole number")
    return str(chat)


def _language(tag: object) -> str:
    """The first part of the tag of the consumer's app, in small letters: zh-hans is zh."""
    return _text(tag).partition("-")[0].lower()[:8]


# ---- the account ----------------------------------------------------------------------------------------------------


async def check(channel_id: ChannelId, config: BaseConfig, public_url: str) -> list[str]:
    """Whether Telegram knows the bot, and calls us where we are; nothing is changed there."""
    settings = cast(Config, config)
    public, polls = settings.public_url or public_url, settings.mode == "polling"
    outside = settings.api_url == Config.model_fields["api_url"].default  # a server of one's own calls any address
    problems = address_problems(public, ports=PORTS) if not polls and (outside or not public) else []
    wire = Wire(min(settings.timeout, 5.0), settings.api_url)
    bot = _bot(settings, wire)
    await wire.initialize()
    try:
        with judged():
            await bot.get_me()
            info = await bot.get_webhook_info()
    except SendError as e:
        unknown = e.send_code == "refused"
        why = "token: Telegram does not know this bot" if unknown else f"api_url: Telegram does not answer ({e})"
        return [why, *problems]
    finally:
        await wire.shutdown()
    if polls:
        return [f"Telegram calls {_host(info.url)}: the house ends that as soon as it polls"] if info.url else []
    if problems:
        return problems
    if info.url != webhook_url(channel_id, public):
        where = f"calls {_host(info.url)}" if info.url else "was never told where to call"
        problems.append(f"Telegram {where}: start the house, which tells it")
    elif info.last_error_message:
        problems.append(
            f"Telegram could not deliver, the last time at {info.last_error_date}: {info.last_error_message}"
        )
    return problems


def _host(url: str) -> str:
    return url.partition("://")[2].partition("/")[0] or url


def samples(channel_id: ChannelId, config: BaseConfig, now: datetime) -> dict[str, WebhookRequest]:
    first = int(now.timestamp() * 1000)
    who = {"id": 7788, "is_bot": False, "first_name": "Sample", "language_code": "zh-hans"}
    chat = {"id": 7788, "type": "private", "first_name": "Sample"}
    base = {"message_id": 1, "date": int(now.timestamp()), "from": who, "chat": chat}
    photo = {"file_id": "sample", "file_unique_id": "s", "width": 90, "height": 90, "file_size": 1200}
    member = {"user": {"id": 1, "is_bot": True, "first_name": "Bot"}}
    contents: dict[str, dict[str, Any]] = {
        "text": {"message": {**base, "text": "怎么查自己的信用报告"}},
        "attachment": {"message": {**base, "photo": [photo], "caption": "我的征信报告"}},
        "unsubscribe": {
            "my_chat_member": {
                "chat": chat,
                "from": who,
                "date": base["date"],
                "old_chat_member": {**member, "status": "member"},
                "new_chat_member": {**member, "status": "kicked", "until_date": 0},
            }
        },
        "follow": {"message": {**base, "text": "/start"}},
    }
    headers = {"Content-Type": "application/json", SECRET_HEADER: webhook_secret(channel_id, cast(Config, config))}
    return {
        label: WebhookRequest(
            method="POST",
            path="in",
            headers=headers,
            body=json.dumps({"update_id": first + n, **content}, ensure_ascii=False).encode(),
            now=now,
        )
        for n, (label, content) in enumerate(contents.items())
    }

"""WeChat official account (微信公众号): XML callbacks in, answers by its customer-service interface or in the reply.

In: POST /c/<channel id>/in, one message or event, enciphered unless the account is set to plain mode; the platform
waits 5 s and delivers three times in all. GET on the same address is its check of our signature.
    <xml><ToUserName>gh_…</ToUserName><FromUserName>o…</FromUserName><CreateTime>1763697600</CreateTime>
    <MsgType>text</MsgType><Content>怎么查自己的信用报告</Content><MsgId>24…</MsgId></xml>
    → 200 success
Out, `answer = "service"`: POST <api_url>/cgi-bin/message/custom/send?access_token=…
    {"touser":"o…","msgtype":"text","text":{"content":"…"}}
    {"touser":"o…","msgtype":"msgmenu","msgmenu":{"head_content":"…","list":[{"id":"/…","content":"…"}],
     "tail_content":""}}
    → {"errcode":0,"errmsg":"ok"}; every other errcode is an error though the status is 200
Out, `answer = "passive"`: the answer to the callback is the message, the only one; for accounts without the interface.

Platform's rules: 5 messages within 48 h of a message, 3 within a minute of an event (a menu click, a scan, a
subscription); they are settings, since the platform has changed them. A text has at most 2048 bytes.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, ClassVar, Literal, cast
from urllib.parse import quote

from pydantic import Field, SecretStr, ValidationInfo, field_validator

from channels import Ack, BaseConfig, Clock, Hold, Kept, Parsed, WebhookRequest
from channels import _wechat_wire as wire
from channels._address import BaseUrl, address_problems
from channels._media import Files, origin
from channels._parts import rest
from channels._text import Part, numbered, split, unstorable
from channels._wechat_api import NO_MENUS, Api, Refused
from channels._wechat_notice import PATH as NOTICE_PATH
from channels._wechat_notice import Template, template_of
from channels._wechat_notice import body as notice_body
from channels._wechat_notice import receipt as notice_receipt
from core.errors import Malformed, NotFound, SendError
from core.model import (
    Attachment,
    Button,
    Capabilities,
    ChannelId,
    Event,
    Inbound,
    MessageKind,
    Outbound,
    Receipt,
    Sent,
    Stopped,
)

TEXT_MAX = 2048  # bytes in UTF-8
TEXT_CHARS = TEXT_MAX // 3  # characters that surely fit, Chinese ones included
MENU_ID_MAX = 128  # characters of a choice's id that comes back
MEDIA_MAX = 10_485_760  # bytes of one file; the platform takes none larger

SUCCESS = Ack(body=b"success")
REPLY_WITHIN = 4.2  # seconds in which a passive answer is claimed; the platform hangs up after 5
LAST_AFTER = 9.0  # seconds after the first delivery from which a delivery is the third and last (they come 5 s apart)

_APP_ID = re.compile(r"wx[0-9a-f]{16}")
_TOKEN = re.compile(r"[A-Za-z0-9]{3,32}")
_AES_KEY = re.compile(r"[A-Za-z0-9]{43}")
_NAME = re.compile(r"\S{1,200}")  # an openid, a MsgId, a media id
_VIDEO_HOST = re.compile(r"https?://([a-z0-9-]+\.)+qq\.com:(80|443)")
_MEDIA = {"image": "image/jpeg", "voice": "audio/amr", "video": "video/mp4", "shortvideo": "video/mp4"}
# Events of which people need not know: an address that was opened, a position that the app reports by itself.
_UNHEARD = frozenset({"view", "view_miniprogram", "location", "masssendjobfinish"})


class Config(BaseConfig):
    app_id: str = Field(description="AppID of the account")
    token: SecretStr = Field(description="Token of the server settings, 3 to 32 letters and digits")
    mode: Literal["plain", "compatible", "encrypted"] = Field(
        default="encrypted", description="message encryption as in the server settings (明文, 兼容, 安全模式)"
    )
    aes_key: SecretStr = Field(
        default=SecretStr(""), validate_default=True, description="EncodingAESKey, 43 characters; not for plain mode"
    )
    answer: Literal["service", "passive"] = Field(
        default="service", description="passive: one answer in the reply, for accounts without the interface"
    )
    app_secret: SecretStr = Field(
        default=SecretStr(""), validate_default=True, description="AppSecret; not for passive answers"
    )
    menus: bool = Field(default=True, description="false: choices go out as a numbered list, not as msgmenu")
    timeout: float = Field(default=5.0, ge=0.1, le=60.0, description="seconds one call may take")
    message_quota: int = Field(default=5, ge=1, le=100, description="answers that one message allows")
    message_hours: float = Field(default=48.0, gt=0, le=240, description="hours after a message in which it does")
    event_quota: int = Field(default=3, ge=1, le=100, description="answers that one event allows")
    event_seconds: float = Field(default=60.0, gt=0, le=864_000, description="seconds after an event in which it does")
    templates: dict[str, Template] = Field(
        default_factory=dict[str, Template],
        description="approved notices for news after that time, by act of the case or any; each id, fields, url",
    )
    api_url: BaseUrl = Field(
        default="https://api.weixin.qq.com", description="the platform's interface; a proxy of yours"
    )

    @field_validator("app_id")
    @classmethod
    def _an_app_id(cls, value: str) -> str:
        if not _APP_ID.fullmatch(value):
            raise ValueError("wx and 16 of 0-9 a-f")
        return value

    @field_validator("token")
    @classmethod
    def _a_token(cls, value: SecretStr) -> SecretStr:
        if not _TOKEN.fullmatch(value.get_secret_value()):
            raise ValueError("3 to 32 letters and digits")
        return value

    @field_validator("aes_key")
    @classmethod
    def _a_key(cls, value: SecretStr, info: ValidationInfo) -> SecretStr:
        key = value.get_secret_value()
        if not key and info.data.get("mode", "plain") == "plain":
            return value
        if not _AES_KEY.fullmatch(key):
            raise ValueError("43 letters and digits, needed in every mode but plain")
        return value

    @field_validator("app_secret")
    @classmethod
    def _a_secret(cls, value: SecretStr, info: ValidationInfo) -> SecretStr:
        if not value.get_secret_value() and info.data.get("answer") == "service":
            raise ValueError('needed unless answer is "passive"')
        return value

    @field_validator("templates")
    @classmethod
    def _can_be_sent(cls, value: dict[str, Template], info: ValidationInfo) -> dict[str, Template]:
        if value and not info.data.get("app_secret", SecretStr("")).get_secret_value():
            raise ValueError("they need app_secret")
        return value


class Wechat:
    """One official account."""

    kind: ClassVar[str] = "wechat"

    def __init__(self, channel_id: ChannelId, config: Config, clock: Clock) -> None:
        self.id = channel_id
        self._config, self._clock = config, clock
        self._passive = config.answer == "passive"
        self.capabilities = Capabilities(
            buttons=config.menus and not self._passive,
            images=True,
            attachments=True,
            typing=not self._passive,
            text_max=TEXT_CHARS,
            window="the reply" if self._passive else f"{config.message_hours:g} h",
            passive=self._passive,
            resend_unknown=False,
        )
        key = config.aes_key.get_secret_value()
        self._token = config.token.get_secret_value()
        self._seal = None if config.mode == "plain" else wire.Seal(self._token, key, config.app_id)
        self._menus = config.menus
        self._api = Api(config.api_url, config.app_id, config.app_secret.get_secret_value(), config.timeout)
        self._files = Files([config.api_url])

    def __repr__(self) -> str:
        return f"Wechat({self.id!r})"

    # ---- in ----

    def parse(self, request: WebhookRequest) -> Parsed:
        if request.path != "in" or request.method not in ("GET", "POST"):
            raise NotFound
        wire.verify(request.query, self._token, request.now.timestamp())
        if request.method == "GET":
            return Parsed(ack=Ack(body=request.query.get("echostr", "").encode()))
        body = wire.text_of(request.body)
        if self._seal is not None:
            body = self._seal.open(body, request.query)
            wire.refuse_markup(body)
        fields = wire.read(body)
        if why := unstorable(fields):
            raise Malformed(why)
        return self._understood(fields, request)

    def _understood(self, fields: dict[str, Any], request: WebhookRequest) -> Parsed:
        sender = _name(fields, "FromUserName")
        kind = _text(fields, "MsgType").lower()
        event = _text(fields, "Event").lower() if kind == "event" else ""
        external_id = _event_id(fields) if event or kind == "event" else _name(fields, "MsgId")
        if event in _UNHEARD:
            return Parsed(ack=SUCCESS)
        reader = (_EVENTS if kind == "event" else _MESSAGES).get(event or kind)
        found = reader(fields, sender, external_id) if reader else None
        if isinstance(found, Inbound) and found.attachments:
            found = replace(found, attachments=tuple(map(self._located, found.attachments)))
        hold = self._hold(fields, sender, external_id, request) if self._passive else None
        if isinstance(found, (Stopped, Receipt)):
            return Parsed(events=(found,), ack=SUCCESS)
        if found is not None:
            return Parsed(events=(found,), ack=SUCCESS, hold=hold)
        if kind == "event":  # nothing that anybody said, so nothing is answered
            return Parsed(kept=(Kept(reason=f"an event {event[:50]}", raw=fields, sender=sender),), ack=SUCCESS)
        reason = "a text without content" if kind == "text" else f"a message of type {kind[:50]}"
        kept = Kept(reason=reason, raw=fields, sender=sender, external_id=external_id)
        return Parsed(kept=(kept,), ack=SUCCESS, hold=hold)

    def _located(self, file: Attachment) -> Attachment:
        """A file's media id as an address; without a token, so only `fetch` can use it."""
        return file if "://" in file.url else replace(file, url=self._media_url(file.url))

    def _media_url(self, media_id: str) -> str:
        return f"{self._config.api_url.rstrip('/')}/cgi-bin/media/get?media_id={quote(media_id, safe='')}"

    def _hold(self, fields: dict[str, Any], sender: str, external_id: str, request: WebhookRequest) -> Hold:
        account = _text(fields, "ToUserName")
        at, nonce = int(request.now.timestamp()), request.query.get("nonce", "")

        def render(message: Outbound) -> Ack:
            xml = wire.reply(to=sender, sender=account, at=at, text=_only_part(message))
            if self._seal is not None:
                xml = self._seal.close(xml, timestamp=str(at), nonce=nonce)
            return Ack(body=xml.encode(), content_type="text/xml; charset=utf-8")

        return Hold(sender=sender, external_id=external_id, within=REPLY_WITHIN, last_after=LAST_AFTER, render=render)

    # ---- out ----

    async def start(self) -> None:
        await self._api.start()
        await self._files.start()

    async def close(self) -> None:
        await self._api.close()
        await self._files.close()

    async def send(self, message: Outbound) -> Sent:
        if self._passive:
            raise SendError("undeliverable", "this account answers only in the reply to a message", retryable=False)
        menus = self._menus
        try:
            await self._say(message, menus=menus)
        except Refused as e:
            if e.errcode != NO_MENUS or not (menus and message.buttons):
                raise
            self._menus = False
            await self._say(message, menus=False)  # its first parts are the same, and not sent again
        return Sent()

    async def _say(self, message: Outbound, *, menus: bool) -> None:
        """Sends the parts that the platform has not taken yet; with its choices as a list there may be one more."""
        parts = _parts(message, menus=menus)
        self._allow(message, len(parts) - message.taken.count)
        async for _, part in rest(message, parts):
            await self._api.call("/cgi-bin/message/custom/send", _body(message.address, part))

    def _allow(self, message: Outbound, parts: int) -> None:
        """SendError where the platform would refuse it anyway, counted from what the ledger knows."""
        config, now = self._config, self._clock()
        for heard in message.heard:
            is_event = ":" in heard.external_id
            quota = config.event_quota if is_event else config.message_quota
            lasts = timedelta(seconds=config.event_seconds) if is_event else timedelta(hours=config.message_hours)
            if now - heard.at <= lasts and heard.answers + parts <= quota:
                return
        if message.heard:
            raise SendError("undeliverable", "no more answers until they write again", retryable=False)

    async def notify(self, message: Outbound) -> Sent:
        """The notice of a message that may not go out itself any more, by the template for its kind."""
        template = template_of(self._config.templates, message.notice) if message.notice else None
        if message.notice is None or template is None:
            raise SendError("undeliverable", "no template for this news", retryable=False)
        taken = await self._api.call(NOTICE_PATH, notice_body(message.address, template, message.notice))
        return Sent(external_id=str(taken.get("msgid", "")))

    async def typing(self, address: str) -> None:
        """Shows for up to 15 s that an answer is being written; the next message ends it."""
        if not self._passive:
            await self._api.call("/cgi-bin/message/custom/typing", {"touser": address, "command": "Typing"})

    async def fetch(self, file: Attachment, most: int) -> bytes:
        """A file of a message, for three days after it came; SendError if there is none.

        Only an address that `parse` made is called, and of a video the one that the platform names in its answer, if it
        is on a host of the platform's."""
        head = self._media_url("")
        if not file.url.startswith(head):
            raise SendError("refused", "not a file of this account", retryable=False)
        content, video = await self._api.media(file.url.removeprefix(head), min(most, MEDIA_MAX))
        if not video:
            return content
        if origin(video) != origin(head) and not _VIDEO_HOST.fullmatch(origin(video)):
            raise SendError("refused", "the video is not on a host of the platform's", retryable=False)
        return (await self._files.get(video, min(most, MEDIA_MAX))).body


def create(channel_id: ChannelId, config: BaseConfig, clock: Clock) -> Wechat:
    return Wechat(channel_id, cast(Config, config), clock)


async def check(channel_id: ChannelId, config: BaseConfig, public_url: str) -> list[str]:
    """What the platform asks of our address, and whether it gives this account a token."""
    problems = address_problems(public_url, ports=(80, 443), tls=False)
    settings = cast(Config, config)
    if settings.answer == "service":
        api = Api(settings.api_url, settings.app_id, settings.app_secret.get_secret_value(), settings.timeout)
        await api.start()
        try:
            await api.token()
        except SendError as e:
            problems.append(f"the platform gives no token ({e})")
        finally:
            await api.close()
    if settings.mode == "plain":
        problems.append('mode "plain": the signature does not cover what a message says; use "encrypted"')
    return problems


def samples(channel_id: ChannelId, config: BaseConfig, now: datetime) -> dict[str, WebhookRequest]:
    settings = cast(Config, config)
    token, key = settings.token.get_secret_value(), settings.aes_key.get_secret_value()
    seal = None if settings.mode == "plain" else wire.Seal(token, key, settings.app_id)
    at, run = int(now.timestamp()), int(now.timestamp() * 1000)

    def post(n: int, fields: str) -> WebhookRequest:
        xml = (
            f"<xml><ToUserName>gh_sample</ToUserName><FromUserName>sample</FromUserName><CreateTime>{at}</CreateTime>"
            f"<MsgId>{run + n}</MsgId>{fields}</xml>"
        )
        query = {"timestamp": str(at), "nonce": str(run), "signature": wire.signature(token, str(at), str(run))}
        if seal is not None:
            xml = seal.close(xml, timestamp=str(at), nonce=str(run))
            enciphered = xml.partition("<Encrypt><![CDATA[")[2].partition("]]>")[0]
            signed = wire.signature(token, str(at), str(run), enciphered)
            query |= {"encrypt_type": "aes", "msg_signature": signed}
        return WebhookRequest(method="POST", path="in", query=query, body=xml.encode(), now=now)

    return {
        "text": post(1, "<MsgType>text</MsgType><Content>怎么查自己的信用报告</Content>"),
        "attachment": post(2, "<MsgType>image</MsgType><MediaId>sample</MediaId><PicUrl>http://x.invalid</PicUrl>"),
        "unsubscribe": post(3, "<MsgType>event</MsgType><Event>unsubscribe</Event>"),
        "unsupported": post(4, "<MsgType>sample</MsgType>"),
    }


# ---- reading --------------------------------------------------------------------------------------------------------

_Reader = Callable[[dict[str, Any], str, str], Event | None]  # fields, sender, external id → None: keep it for people


def _text(fields: dict[str, Any], name: str) -> str:
    value = fields.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise Malformed(f"{name}: one text")
    return value


def _name(fields: dict[str, Any], name: str) -> str:
    value = _text(fields, name)
    if not _NAME.fullmatch(value):
        raise Malformed(f"{name}: 1 to 200 characters without a blank")
    return value


def _event_id(fields: dict[str, Any]) -> str:
    """Events have no MsgId. Its colons tell an event's id from a message's, which is digits."""
    key = _text(fields, "EventKey")[:MENU_ID_MAX]
    return f"{_text(fields, 'Event').lower()[:50]}:{_name(fields, 'CreateTime')}:{key}"


def _typed(fields: dict[str, Any], sender: str, external_id: str) -> Event | None:
    text, choice = _text(fields, "Content"), _text(fields, "bizmsgmenuid")
    if not text.strip():
        return None
    if choice.startswith(("/", "#")) and len(choice) <= MENU_ID_MAX:  # a button's key; the house knows which
        kind = MessageKind.PAYLOAD
        return Inbound(sender=sender, external_id=external_id, kind=kind, text=text, payload=choice)
    return Inbound(sender=sender, external_id=external_id, text=text)


def _file(fields: dict[str, Any], sender: str, external_id: str) -> Event | None:
    kind = _text(fields, "MsgType").lower()
    file = Attachment(media_type=_MEDIA[kind], url=_name(fields, "MediaId"))
    said = _text(fields, "Recognition") if kind == "voice" else ""
    return Inbound(
        sender=sender,
        external_id=external_id,
        kind=MessageKind.TEXT if said.strip() else MessageKind.ATTACHMENT,
        text=said,
        attachments=(file,),
    )


def _place(fields: dict[str, Any], sender: str, external_id: str) -> Event | None:
    label = _text(fields, "Label")
    return Inbound(sender=sender, external_id=external_id, kind=MessageKind.LOCATION, text=label)


def _link(fields: dict[str, Any], sender: str, external_id: str) -> Event | None:
    url = _text(fields, "Url")
    if not url.startswith(("http://", "https://")) or len(url) > 2000:
        return None
    page = Attachment(media_type="text/html", url=url, name=_text(fields, "Title")[:200], link=True)
    kind = MessageKind.ATTACHMENT
    return Inbound(sender=sender, external_id=external_id, kind=kind, attachments=(page,))


def _followed(fields: dict[str, Any], sender: str, external_id: str) -> Event | None:
    return Inbound(sender=sender, external_id=external_id, kind=MessageKind.FOLLOWED)


def _stopped(fields: dict[str, Any], sender: str, external_id: str) -> Event | None:
    return Stopped(sender=sender)


def _clicked(fields: dict[str, Any], sender: str, external_id: str) -> Event | None:
    """The key of our own menu is the words of a topic, and counts as if they had been typed."""
    key = _text(fields, "EventKey")
    return Inbound(sender=sender, external_id=external_id, text=key) if key.strip() else None


def _noticed(fields: dict[str, Any], sender: str, external_id: str) -> Event | None:
    return notice_receipt({name: _text(fields, name) for name in ("MsgID", "Status")})


_MESSAGES: dict[str, _Reader] = {"text": _typed, "location": _place, "link": _link} | dict.fromkeys(_MEDIA, _file)
_EVENTS: dict[str, _Reader] = {
    "subscribe": _followed,
    "subscribe_scan": _followed,
    "scan": _followed,
    "unsubscribe": _stopped,
    "click": _clicked,
    "templatesendjobfinish": _noticed,
}


# ---- writing --------------------------------------------------------------------------------------------------------


def _parts(message: Outbound, *, menus: bool) -> list[Part]:
    """The message in parts of at most TEXT_MAX bytes; its choices stand under the last one."""
    text, buttons = message.text, message.buttons
    if buttons and not menus:
        text, buttons = numbered(text, buttons), ()
    *first, last = [t.strip() or t for t in in_bytes(text, TEXT_MAX)]
    return [*(Part(text=t) for t in first), Part(text=last, buttons=buttons)]


def in_bytes(text: str, limit: int) -> list[str]:
    """`text` in pieces of at most `limit` bytes of UTF-8, cut where `split` would cut."""
    pieces: list[str] = []
    while len(text.encode()) > limit:
        fits = max(1, len(text.encode()[:limit].decode(errors="ignore")))
        pieces.append(split(text[: fits + 100], fits)[0])  # a cut looks a few characters ahead
        text = text[len(pieces[-1]) :]
    return [*pieces, text]


def _only_part(message: Outbound) -> str:
    """All that one passive reply can carry: a text too long ends in …, its choices stay."""
    choices = numbered("", message.buttons) if message.buttons else ""
    room = TEXT_MAX - len(f"\n{choices}".encode()) if choices else TEXT_MAX
    text = message.text
    if len(text.encode()) > room:
        text = in_bytes(text, max(room - len("……".encode()), 1))[0].rstrip() + "……"
    return f"{text}\n{choices}" if choices else text


def _body(address: str, part: Part) -> dict[str, Any]:
    if not part.buttons:
        return {"touser": address, "msgtype": "text", "text": {"content": part.text}}
    menu = {"head_content": part.text, "list": list(map(_choice, part.buttons)), "tail_content": ""}
    return {"touser": address, "msgtype": "msgmenu", "msgmenu": menu}


def _choice(button: Button) -> dict[str, str]:
    return {"id": button.key, "content": button.title}

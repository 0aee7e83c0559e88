"""The case table of WeChat official accounts."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

from channels import Ack, Kept, WebhookRequest
from core.errors import BadSignature, Malformed, NotFound
from core.model import Attachment, Button, Heard, Inbound, MessageKind, Outbound, Sent, Stopped
from tests.channels.table import NOW, Fails, Receives, Reply, Request, Sends, Table, hangs, hangs_up, reply
from tests.channels.wechat_cipher import Key, field, signature

KEY = Key(app_id="wx5823bf96d3bd56c7", token="QDG6eK4", aes_key="jWmYm7qr5nMoAUwZRjGtBxmz3KA1tkAj3ykkR6q2B2C")
OTHER = replace(KEY, app_id="wx49f0ab532d5d035a")
APP_SECRET = "0b79a4a1c5c9d2f0-app-secret"
ACCESS = "84_an-access-token"
T = int(NOW.timestamp())
WHO, ACCOUNT = "oia2Tj-a-follower", "gh_7f083739789a"
SUCCESS = Ack(body=b"success")
PLAIN = {"mode": "plain"}
API = "https://api.invalid"
MEDIA = "/cgi-bin/media/get?media_id="


def xml(kind: str, more: str, sender: str = WHO) -> str:
    return (
        f"<xml><ToUserName><![CDATA[{ACCOUNT}]]></ToUserName><FromUserName><![CDATA[{sender}]]></FromUserName>"
        f"<CreateTime>{T}</CreateTime><MsgType><![CDATA[{kind}]]></MsgType>{more}</xml>"
    )


def text(content: str, msg_id: str = "24001", more: str = "") -> str:
    return xml("text", f"<Content><![CDATA[{content}]]></Content><MsgId>{msg_id}</MsgId>{more}")


def event(name: str, key: str = "") -> str:
    return xml("event", f"<Event><![CDATA[{name}]]></Event><EventKey><![CDATA[{key}]]></EventKey>")


def enclosed(enciphered: str) -> bytes:
    return (
        f"<xml><ToUserName><![CDATA[{ACCOUNT}]]></ToUserName><Encrypt><![CDATA[{enciphered}]]></Encrypt></xml>".encode()
    )


def post(message: str | bytes, key: Key = KEY, *, at: int = T, nonce: str = "n1", **encrypt: Any) -> WebhookRequest:
    """A delivery in encrypted mode."""
    enciphered = key.encrypt(message, **encrypt)
    query = key.query(at, nonce, enciphered)
    return WebhookRequest(method="POST", path="in", query=query, body=enclosed(enciphered), now=NOW)


def plain(message: str, *, at: int = T) -> WebhookRequest:
    """A delivery in plain mode."""
    return WebhookRequest(method="POST", path="in", query=KEY.query(at, "n1"), body=message.encode(), now=NOW)


def sign(request: WebhookRequest) -> WebhookRequest:
    return post(request.body)


def get(**change: str) -> WebhookRequest:
    query = KEY.query(T, "n2") | {"echostr": "5838479226548274"} | change
    return WebhookRequest(method="GET", path="in", query=query, now=NOW)


def inbound(external_id: str = "24001", **more: Any) -> Inbound:
    return Inbound(sender=WHO, external_id=external_id, **more)


def takes(label: str, message: str, *events: Any, kept: tuple[Kept, ...] = (), **more: Any) -> Receives:
    return Receives(label=label, request=post(message), events=events, kept=kept, ack=SUCCESS, **more)


def media(label: str, of: str, media_type: str, more: str = "", **said: Any) -> Receives:
    message = xml(of, f"<MediaId><![CDATA[m-1_x]]></MediaId><MsgId>24001</MsgId>{more}")
    file = Attachment(media_type=media_type, url=f"{API}{MEDIA}m-1_x")
    found = {"kind": MessageKind.ATTACHMENT} | said
    return takes(label, message, inbound(attachments=(file,), **found), config={"api_url": "https://api.invalid"})


def refused(label: str, request: WebhookRequest, error: type[Exception], says: str = "", **more: Any) -> Receives:
    return Receives(label=label, request=request, raises=error, says=says, **more)  # type: ignore[arg-type]


def kept(reason: str, message: str, external_id: str = "") -> tuple[Kept, ...]:
    names = ("ToUserName", "FromUserName", "CreateTime", "MsgType", "Content", "MsgId", "Event", "EventKey", "Url")
    raw = {name: field(message, name) or None for name in names if f"<{name}>" in message}
    return (Kept(reason=reason, raw=raw, sender=WHO, external_id=external_id),)


ASKED = text("怎么查自己的信用报告")
INBOUND = inbound(text="怎么查自己的信用报告")
ENCIPHERED = KEY.encrypt(ASKED)
NOTE, EMPTY, CARD = (
    xml("note", "<MsgId>24001</MsgId>"),
    text(""),
    event("user_get_card", "c"),
)
ODD_LINK = xml("link", "<Url><![CDATA[javascript:alert(1)]]></Url><MsgId>24001</MsgId>")
LINK = xml("link", "<Title>公告</Title><Url><![CDATA[https://a.example/n?x=1&y=2]]></Url><MsgId>24001</MsgId>")
PLACE = "<Location_X>23.1</Location_X><Location_Y>113.3</Location_Y><Label>广州市越秀区</Label><MsgId>24001</MsgId>"

RECEIVES = (
    takes("text", ASKED, INBOUND),
    Receives(label="text: in plain mode", request=plain(ASKED), events=(INBOUND,), ack=SUCCESS, config=PLAIN),
    Receives(
        label="text: in compatible mode, where the enciphered one counts",
        request=replace(post(ASKED), body=enclosed(ENCIPHERED).replace(b"<Encrypt>", b"<Content>x</Content><Encrypt>")),
        events=(INBOUND,),
        ack=SUCCESS,
        config={"mode": "compatible"},
    ),
    Receives(
        label="text: signed at the edge of freshness", request=post(ASKED, at=T - 300), events=(INBOUND,), ack=SUCCESS
    ),
    takes("text: emoji joined", text("👨‍👩‍👧 好"), inbound(text="👨‍👩‍👧 好")),
    takes(
        "text: with a link in it",
        text('<a href="http://x.example">点我</a>'),
        inbound(text='<a href="http://x.example">点我</a>'),
    ),
    takes(
        "text: that looks like a document type",
        text("<!DOCTYPE html> <?php ?>"),
        inbound(text="<!DOCTYPE html> <?php ?>"),
    ),
    takes(
        "payload: a choice of a menu",
        text("查询信用报告", more='<bizmsgmenuid>/faq{"id":"F22"}</bizmsgmenuid>'),
        inbound(kind=MessageKind.PAYLOAD, text="查询信用报告", payload='/faq{"id":"F22"}'),
    ),
    takes(
        "payload: an id that is none of ours",
        text("满意", more="<bizmsgmenuid>101</bizmsgmenuid>"),
        inbound(text="满意"),
    ),
    media("attachment", "image", "image/jpeg", "<PicUrl><![CDATA[http://192.0.2.1/a.jpg]]></PicUrl>"),
    media("attachment: a voice without a transcript", "voice", "audio/amr", "<Format>amr</Format><Recognition/>"),
    media(
        "text: a voice with a transcript",
        "voice",
        "audio/amr",
        "<Recognition><![CDATA[存款保险赔多少]]></Recognition>",
        kind=MessageKind.TEXT,
        text="存款保险赔多少",
    ),
    media("attachment: a video", "video", "video/mp4"),
    media("attachment: a short video", "shortvideo", "video/mp4"),
    takes(
        "attachment: a link",
        LINK,
        inbound(
            kind=MessageKind.ATTACHMENT,
            attachments=(
                Attachment(media_type="text/html", url="https://a.example/n?x=1&y=2", name="公告", link=True),
            ),
        ),
    ),
    takes("location", xml("location", PLACE), inbound(kind=MessageKind.LOCATION, text="广州市越秀区")),
    takes("duplicate", ASKED, INBOUND, again=post(ASKED, at=T - 5, nonce="n9")),
    takes("followed", event("subscribe"), inbound(f"subscribe:{T}:", kind=MessageKind.FOLLOWED)),
    takes(
        "followed: by a code with a scene",
        event("subscribe", "qrscene_counter-3"),
        inbound(f"subscribe_scan:{T}:counter-3", kind=MessageKind.FOLLOWED),
    ),
    takes("followed: a code scanned again", event("SCAN", "7"), inbound(f"scan:{T}:7", kind=MessageKind.FOLLOWED)),
    takes("stopped", event("unsubscribe"), Stopped(sender=WHO)),
    takes("menu click", event("CLICK", "信用报告"), inbound(f"click:{T}:信用报告", text="信用报告")),
    takes("an address opened is not answered", event("VIEW", "https://a.example")),
    takes("a position reported is not kept", xml("event", "<Event>LOCATION</Event><Latitude>23.1</Latitude>")),
    takes("unsupported", NOTE, kept=kept("a message of type note", NOTE, "24001")),
    takes("unsupported: a text without content", EMPTY, kept=kept("a text without content", EMPTY, "24001")),
    takes("unsupported: a link that is no address", ODD_LINK, kept=kept("a message of type link", ODD_LINK, "24001")),
    takes("unsupported: an event", CARD, kept=kept("an event user_get_card", CARD)),
    Receives(label="check", request=get(), ack=Ack(body=b"5838479226548274")),
    refused("check: another token", get(signature=signature("other", str(T), "n2")), BadSignature, "signature"),
    refused("check: too old", replace(get(), query=KEY.query(T - 301, "n2")), BadSignature, "300 s"),
    refused("bad signature", post(ASKED, replace(KEY, token="another")), BadSignature, "signature"),
    refused(
        "bad signature: only of the address", replace(post(ASKED), query=KEY.query(T, "n1")), BadSignature, "msg_sig"
    ),
    refused("bad signature: of another message", replace(post(ASKED), body=enclosed(KEY.encrypt(NOTE))), BadSignature),
    refused("bad signature: too old", post(ASKED, at=T - 301), BadSignature, "300 s"),
    refused("bad signature: from the future", post(ASKED, at=T + 301), BadSignature, "300 s"),
    refused(
        "bad signature: full-width time",
        replace(post(ASKED), query=KEY.query(T, "n1") | {"timestamp": "１"}),
        BadSignature,
    ),
    refused("bad signature: plain text in encrypted mode", plain(ASKED), BadSignature, "Encrypt"),
    refused("bad signature: for another account", post(ASKED, OTHER), BadSignature, "another account"),
    refused("bad signature: another app id inside", post(ASKED, app_id=OTHER.app_id), BadSignature, "another account"),
    refused("bad signature: padding garbage", post(ASKED, padding=b"\x63"), BadSignature),
    refused("malformed: padding of nothing", post(ASKED, padding=b"\x00"), Malformed, "deciphered"),
    refused("malformed", post("<xml><MsgType>text</MsgType>"), Malformed, "not a message"),
    refused("malformed: no type", post("<xml><MsgId>1</MsgId></xml>"), Malformed, "not a message"),
    refused(
        "malformed: no sender", post("<xml><MsgType>text</MsgType><MsgId>1</MsgId></xml>"), Malformed, "FromUserName"
    ),
    refused("malformed: no id", post(xml("text", "<Content>x</Content>")), Malformed, "MsgId"),
    refused("malformed: two contents", post(text("x", more="<Content>y</Content>")), Malformed, "Content: one text"),
    refused(
        "malformed: elements in the content", post(xml("text", "<Content><a/></Content><MsgId>1</MsgId>")), Malformed
    ),
    refused("malformed: an event without a time", post(event("SCAN").replace(str(T), "")), Malformed, "CreateTime"),
    refused("malformed: a document type", post(f"<!DOCTYPE xml>{ASKED}"), Malformed, "DOCTYPE"),
    refused(
        "malformed: an entity in plain mode",
        plain(f'<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>{ASKED}'),
        Malformed,
        "ENTITY",
        config=PLAIN,
    ),
    refused(
        "malformed: a comment that hides one", post(f"<!-- <![CDATA[ --><!DOCTYPE x>{ASKED}"), Malformed, "DOCTYPE"
    ),
    refused("malformed: not UTF-8", post(ASKED.encode("gb18030")), Malformed, "deciphered"),
    refused("malformed: larger than 1 MB", plain(" " * 1_000_001), Malformed, "1000000", config=PLAIN),
    refused(
        "malformed: no ciphertext",
        replace(post(ASKED), query=KEY.query(T, "n1", "AAAA"), body=enclosed("AAAA")),
        Malformed,
    ),
    refused("another address", replace(post(ASKED), path="out"), NotFound),
)

# ---- out ----

JSON = {"Content-Type": "application/json"}


def asks(path: str, fields: dict[str, Any]) -> Request:
    body = json.dumps(fields, ensure_ascii=False, separators=(",", ":")).encode()
    return Request(method="POST", path=path, headers=JSON, body=body)


def says(fields: dict[str, Any] | str, status: int = 200) -> Reply:
    return reply(status, fields if isinstance(fields, str) else json.dumps(fields))


TOKEN = asks("/cgi-bin/stable_token", {"grant_type": "client_credential", "appid": KEY.app_id, "secret": APP_SECRET})
GIVEN = TOKEN >> says({"access_token": ACCESS, "expires_in": 7200})
TAKEN = says({"errcode": 0, "errmsg": "ok"})


def sends(fields: dict[str, Any], token: str = ACCESS) -> Request:
    return asks(f"/cgi-bin/message/custom/send?access_token={token}", {"touser": WHO, **fields})


def said(content: str, token: str = ACCESS) -> Request:
    return sends({"msgtype": "text", "text": {"content": content}}, token)


BUTTONS = (Button(title="查询信用报告", payload='/faq{"id":"F22"}'), Button(title="转人工", payload="/leave_message"))
CHOICE = Outbound(id=7, address=WHO, text="您好，请选择：", buttons=BUTTONS, in_reply_to="24001")
MENU = sends(
    {
        "msgtype": "msgmenu",
        "msgmenu": {
            "head_content": "您好，请选择：",
            "list": [
                {"id": '/faq{"id":"F22"}', "content": "查询信用报告"},
                {"id": "/leave_message", "content": "转人工"},
            ],
            "tail_content": "",
        },
    }
)
NUMBERED = said("您好，请选择：\n1. 查询信用报告\n2. 转人工")
# One text with its menu, but with its choices as a list more than the 2048 bytes of a text.
FULL_BUTTONS = tuple(Button(title=f"选项{n}", payload=f"/{n}") for n in "一二三四")
FULL = Outbound(id=10, address=WHO, text="甲" * 670, buttons=FULL_BUTTONS)
FULL_MENU = sends(
    {
        "msgtype": "msgmenu",
        "msgmenu": {
            "head_content": FULL.text,
            "list": [{"id": button.payload, "content": button.title} for button in FULL_BUTTONS],
            "tail_content": "",
        },
    }
)
SHORT = Outbound(id=8, address=WHO, text="好的")
LONG_BUTTON = Button(title="更多", payload="/" + "x" * 200)
LONG = Outbound(id=9, address=WHO, text="甲" * 681 + "。" + "👨‍👩‍👧" * 120)
FAMILIES = 2048 // len("👨‍👩‍👧".encode())


def fails(label: str, answer: Reply, failure: Fails, **more: Any) -> Sends:
    return Sends(label=label, message=SHORT, wire=(GIVEN, said("好的") >> answer), raises=failure, **more)


def refuses(label: str, code: int, send_code: str, *, retryable: bool = False, wait: float | None = None) -> Sends:
    failure = Fails(code=send_code, retryable=retryable, retry_after=wait)
    return fails(label, says({"errcode": code, "errmsg": "error rid: 6a"}), failure)


def heard(external_id: str, ago: timedelta, answers: int) -> Outbound:
    return replace(SHORT, heard=(Heard(external_id=external_id, at=NOW - ago, answers=answers),))


DOWN = Fails(code="server_down", retryable=True)
CUT_OFF = Fails(code="server_down", retryable=True, cut_off=True)
UNDELIVERABLE = Fails(code="undeliverable", retryable=False)
STALE = says({"errcode": 42001, "errmsg": "access_token expired"})
RENEWED = TOKEN >> says({"access_token": "85_another", "expires_in": 7200})
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
SENDS = (
    Sends(label="plain", message=CHOICE, wire=(GIVEN, MENU >> TAKEN), result=Sent()),
    Sends(
        label="plain: without menus",
        message=CHOICE,
        config={"menus": False},
        wire=(GIVEN, NUMBERED >> TAKEN),
        result=Sent(),
    ),
    Sends(
        label="plain: an account that may not send menus",
        message=CHOICE,
        wire=(GIVEN, MENU >> says({"errcode": 40200, "errmsg": "invalid account type"}), NUMBERED >> TAKEN),
        result=Sent(),
    ),
    Sends(
        label="plain: an account that may not send menus gets a long question with its list in two parts",
        message=FULL,
        wire=(
            GIVEN,
            FULL_MENU >> says({"errcode": 40200, "errmsg": "invalid account type"}),
            said(f"{FULL.text}\n1. 选项一\n2. 选项二") >> TAKEN,
            said("3. 选项三\n4. 选项四") >> TAKEN,
        ),
        result=Sent(),
    ),
    Sends(
        label="plain: a choice too long to come back has a short key",
        message=replace(SHORT, buttons=(LONG_BUTTON,)),
        wire=(
            GIVEN,
            sends(
                {
                    "msgtype": "msgmenu",
                    "msgmenu": {
                        "head_content": "好的",
                        "list": [{"id": LONG_BUTTON.key, "content": "更多"}],
                        "tail_content": "",
                    },
                }
            )
            >> TAKEN,
        ),
        result=Sent(),
    ),
    Sends(
        label="long text",
        message=LONG,
        wire=(
            GIVEN,
            said(LONG.text[:682]) >> TAKEN,
            *(said("👨‍👩‍👧" * n) >> TAKEN for n in (FAMILIES, 120 - FAMILIES)),
        ),
        result=Sent(),
    ),
    Sends(
        label="plain: an expired token is renewed once",
        message=SHORT,
        wire=(GIVEN, said("好的") >> STALE, RENEWED, said("好的", "85_another") >> TAKEN),
        result=Sent(),
    ),
    Sends(
        label="a token that is refused for ever ends after one renewal",
        message=SHORT,
        wire=(GIVEN, said("好的") >> STALE, RENEWED, said("好的", "85_another") >> says({"errcode": 40001})),
        raises=Fails(code="account", retryable=True),
    ),
    refuses("throttled", 45009, "throttled", retryable=True, wait=3600.0),
    refuses("throttled: in this minute", 45011, "throttled", retryable=True, wait=60.0),
    fails("throttled: 429", reply(429), Fails(code="throttled", retryable=True)),
    refuses("server down", -1, "server_down", retryable=True),
    fails("server down: 503", reply(503, "<h1>busy</h1>"), DOWN),
    fails("server down: a gateway lost its answer", reply(502, "bad gateway"), CUT_OFF),
    fails("server down: no answer in time", hangs(), CUT_OFF, config={"timeout": 0.3}),
    fails("server down: hangs up", hangs_up(), CUT_OFF),
    Sends(label="server down: nobody listens", message=SHORT, listening=False, raises=DOWN),
    Sends(
        label="server down: no token in time",
        message=SHORT,
        wire=(TOKEN >> hangs(),),
        config={"timeout": 0.3},
        raises=DOWN,
    ),
    Sends(
        label="refused: no token",
        message=SHORT,
        wire=(TOKEN >> says({"ok": 1}),),
        raises=Fails(code="refused", retryable=False),
    ),
    Sends(
        label="the account's secret is wrong",
        message=SHORT,
        wire=(TOKEN >> says({"errcode": 40125, "errmsg": "invalid appsecret"}),),
        raises=Fails(code="account", retryable=False),
    ),
    refuses("refused", 40003, "refused"),
    refuses("refused: too long", 45002, "refused"),
    refuses("contact stopped", 43004, "contact_stopped"),
    refuses("200 but error", 48001, "account"),
    refuses("200 but error: our address is not allowed", 40164, "account"),
    refuses("200 but error: out of the window", 45015, "undeliverable"),
    refuses("200 but error: the quota is used up", 45047, "undeliverable"),
    refuses("200 but error: one we do not know", 99999, "refused"),
    fails("200 but error: no JSON", says("ok"), Fails(code="refused", retryable=False)),
    Sends(
        label="the fifth answer to a message",
        message=heard("24001", HOUR, 4),
        wire=(GIVEN, said("好的") >> TAKEN),
        result=Sent(),
    ),
    Sends(label="the sixth answer to a message", message=heard("24001", HOUR, 5), raises=UNDELIVERABLE),
    Sends(label="the 48 hours are over", message=heard("24001", 48 * HOUR + MINUTE, 0), raises=UNDELIVERABLE),
    Sends(
        label="the third answer to a click",
        message=heard("click:1:x", MINUTE, 2),
        wire=(GIVEN, said("好的") >> TAKEN),
        result=Sent(),
    ),
    Sends(label="the fourth answer to a click", message=heard("click:1:x", MINUTE, 3), raises=UNDELIVERABLE),
    Sends(label="the minute after a click is over", message=heard("click:1:x", 2 * MINUTE, 0), raises=UNDELIVERABLE),
    Sends(
        label="a message before the click still allows answers",
        message=replace(SHORT, heard=(*heard("click:1:x", 2 * MINUTE, 0).heard, *heard("24001", HOUR, 2).heard)),
        wire=(GIVEN, said("好的") >> TAKEN),
        result=Sent(),
    ),
    Sends(
        label="a quota that is set",
        message=heard("24001", HOUR, 19),
        config={"message_quota": 20},
        wire=(GIVEN, said("好的") >> TAKEN),
        result=Sent(),
    ),
    Sends(label="a passive account sends nothing", message=SHORT, config={"answer": "passive"}, raises=UNDELIVERABLE),
)


def config(base_url: str) -> dict[str, Any]:
    return {
        "kind": "wechat",
        "app_id": KEY.app_id,
        "token": KEY.token,
        "aes_key": KEY.aes_key,
        "app_secret": APP_SECRET,
        "api_url": base_url,
    }


TABLE = Table(config=config, sign=sign, receives=RECEIVES, sends=SENDS, secrets=(ACCESS, "85_another"))

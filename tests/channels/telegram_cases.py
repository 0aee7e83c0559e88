"""The case table of Telegram; shapes as the Bot API 10.0 documents them, seconds and `is_bot` included."""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import Any
from urllib.parse import urlencode

from channels import Ack, Kept, WebhookRequest
from core.errors import BadSignature, Malformed, NotFound, WrongType
from core.model import Attachment, Button, Inbound, MessageKind, Outbound, Sent, Stopped
from tests.channels.table import NOW, Exchange, Fails, Receives, Reply, Request, Sends, Table, hangs, hangs_up, reply

TOKEN = "110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw"
SECRET = hmac.new(TOKEN.encode(), b"test", hashlib.sha256).hexdigest()  # of the channel with the id "test"
DATE = 1_795_233_600  # 2026-11-21 04:00 UTC
PERSON = {"id": 7788001, "is_bot": False, "first_name": "安娜", "username": "anna_z", "language_code": "zh-hans"}
CHAT = {"id": 7788001, "first_name": "安娜", "username": "anna_z", "type": "private"}
GROUP = {"id": -1001, "title": "邻居", "type": "supergroup"}
BOT = {"id": 110201543, "is_bot": True, "first_name": "12363", "username": "desk_bot"}

OK = Ack()
TYPING = Ack(
    body=b'{"method": "sendChatAction", "chat_id": "7788001", "action": "typing"}', content_type="application/json"
)
ANSWERED = Ack(body=b'{"method": "answerCallbackQuery", "callback_query_id": "4382"}', content_type="application/json")


def message(**content: Any) -> dict[str, Any]:
    return {"message_id": 11, "from": PERSON, "chat": CHAT, "date": DATE, **content}


def update(number: int = 10_000, **fields: Any) -> dict[str, Any]:
    return {"update_id": number, **fields}


def post(body: dict[str, Any] | bytes, *, method: str = "POST", path: str = "in", **headers: str) -> WebhookRequest:
    raw = body if isinstance(body, bytes) else json.dumps(body, ensure_ascii=False).encode()
    given = {"Content-Type": "application/json", "X-Telegram-Bot-Api-Secret-Token": SECRET}
    given |= {name.replace("_", "-"): value for name, value in headers.items()}
    return WebhookRequest(method=method, path=path, headers=given, body=raw, now=NOW)


def said(**fields: Any) -> Inbound:
    return Inbound(**{"sender": "7788001", "external_id": "10000", "language": "zh", **fields})


def takes(label: str, content: dict[str, Any], **fields: Any) -> Receives:
    request = post(update(message=message(**content)))
    return Receives(label=label, request=request, events=(said(**fields),), ack=TYPING)


def attaches(label: str, content: dict[str, Any], media_type: str, name: str = "", size: int | None = None) -> Receives:
    file = Attachment(media_type=media_type, url="telegram:file-1", name=name, size=size)
    kind = MessageKind.ATTACHMENT
    return takes(label, content, kind=kind, text=content.get("caption", ""), attachments=(file,))


def keeps(
    label: str,
    body: dict[str, Any],
    reason: str,
    raw: dict[str, Any],
    *,
    told: bool,
    sender: str = "",
    ack: Ack = OK,
) -> Receives:
    who = {"sender": "7788001", "external_id": "10000"} if told else {"sender": sender}
    return Receives(label=label, request=post(body), kept=(Kept(reason=reason, raw=raw, **who),), ack=ack)


FILE = {"file_id": "file-1", "file_unique_id": "u1"}
SMALL = {"file_id": "file-0", "file_unique_id": "u0", "width": 90, "height": 60, "file_size": 1000}
PHOTO = [SMALL, {**FILE, "width": 1280, "height": 960, "file_size": 120_000}]
ASKED = update(message=message(text="怎么查自己的信用报告？"))
STICKER = {**FILE, "type": "regular", "width": 512, "height": 512, "is_animated": False, "is_video": False}
PHONE = {"phone_number": "+8613912345678", "first_name": "李"}
OFFERED = {
    "message_id": 12,
    "from": BOT,
    "chat": CHAT,
    "date": DATE,
    "text": "您想问的是哪一个？",
    "reply_markup": {
        "inline_keyboard": [
            [{"text": "查询信用报告", "callback_data": '/faq{"id":"F22"}'}],
            [{"text": "页", "url": "https://x.example"}],
        ]
    },
}
PRESSED = {"id": "4382", "from": PERSON, "message": OFFERED, "chat_instance": "-8", "data": '/faq{"id":"F22"}'}


def member(status: str, **more: Any) -> dict[str, Any]:
    return {"user": BOT, "status": status, **more}


def changed(chat: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    who = {"chat": chat, "from": PERSON, "date": DATE}
    return update(my_chat_member={**who, "old_chat_member": member("member"), "new_chat_member": new})


KICKED = member("kicked", until_date=0)
BROKEN = {"message_id": 11, "from": PERSON, "chat": CHAT, "text": "没有日期"}

RECEIVES = (
    takes("text", {"text": "怎么查自己的信用报告？"}, text="怎么查自己的信用报告？"),
    takes("text: with an emoji and a link", {"text": "👨‍👩‍👧 https://x.example"}, text="👨‍👩‍👧 https://x.example"),
    takes("text: another command", {"text": "/help"}, text="/help"),
    Receives(
        label="text: longer than one message here",
        request=post(update(message=message(text="长" * 4090))),
        events=(said(text="长" * 4000), said(external_id="10000-2", text="长" * 90)),
        ack=TYPING,
    ),
    Receives(
        label="text: no language told",
        request=post(update(message={**message(text="hi"), "from": {**PERSON, "language_code": None}})),
        events=(said(text="hi", language=""),),
        ack=TYPING,
    ),
    takes(
        "start",
        {"text": "/start"},
        kind=MessageKind.FOLLOWED,
        external_id="start-202611210400",
        raw={"start": ""},
    ),
    takes(
        "start: by a link that says from where",
        {"text": "/start@desk_bot poster-7"},
        kind=MessageKind.FOLLOWED,
        external_id="start-202611210400",
        raw={"start": "poster-7"},
    ),
    attaches("attachment", {"photo": PHOTO, "caption": "我的征信报告"}, "image/jpeg", size=120_000),
    Receives(
        label="attachment: with more words than one message of the house has",
        request=post(update(message=message(photo=PHOTO, caption="长" * 4000 + "尾" * 96))),
        events=(
            said(
                kind=MessageKind.ATTACHMENT,
                text="长" * 4000,
                attachments=(Attachment(media_type="image/jpeg", url="telegram:file-1", size=120_000),),
            ),
            said(external_id="10000-2", text="尾" * 96),
        ),
        ack=TYPING,
    ),
    attaches(
        "attachment: document",
        {"document": {**FILE, "file_name": "合同.pdf", "mime_type": "application/pdf", "file_size": 9}},
        "application/pdf",
        "合同.pdf",
        9,
    ),
    attaches("attachment: document of no type", {"document": FILE}, "application/octet-stream"),
    attaches("attachment: voice", {"voice": {**FILE, "duration": 3, "mime_type": "audio/ogg"}}, "audio/ogg"),
    attaches("attachment: video", {"video": {**FILE, "width": 9, "height": 9, "duration": 3}}, "video/mp4"),
    attaches("attachment: video note", {"video_note": {**FILE, "length": 9, "duration": 3}}, "video/mp4"),
    attaches(
        "attachment: animation, which comes as a document, too",
        {"animation": {**FILE, "width": 9, "height": 9, "duration": 3}, "document": FILE},
        "video/mp4",
    ),
    takes(
        "location",
        {"location": {"latitude": 31.2, "longitude": 121.5}},
        kind=MessageKind.LOCATION,
        raw={"latitude": 31.2, "longitude": 121.5},
    ),
    Receives(
        label="payload",
        request=post(update(callback_query=PRESSED)),
        events=(said(kind=MessageKind.PAYLOAD, payload='/faq{"id":"F22"}', text="查询信用报告"),),
        ack=ANSWERED,
    ),
    Receives(
        label="payload: of a message that Telegram does not show any more",
        request=post(update(callback_query={**PRESSED, "message": {"chat": CHAT, "message_id": 12, "date": 0}})),
        events=(said(kind=MessageKind.PAYLOAD, payload='/faq{"id":"F22"}'),),
        ack=ANSWERED,
    ),
    keeps(
        "unsupported: a button of a game",
        update(callback_query={"id": "4382", "from": PERSON, "chat_instance": "-8", "game_short_name": "chess"}),
        "a button that is none of ours",
        update(callback_query={"id": "4382", "chat_instance": "-8", "game_short_name": "chess"}),
        told=False,
        ack=ANSWERED,
    ),
    keeps(
        "unsupported",
        update(message=message(sticker=STICKER)),
        "a message with a sticker",
        update(message={"message_id": 11, "date": DATE, "sticker": STICKER}),
        told=True,
    ),
    keeps(
        "unsupported: a contact, without whom it is about",
        update(message=message(contact=PHONE)),
        "a message with a contact",
        update(message={"message_id": 11, "date": DATE}),
        told=True,
    ),
    keeps(
        "unsupported: an edited message is not answered again",
        update(edited_message=message(text="改过的话", edit_date=DATE)),
        "an edited message",
        update(edited_message={"message_id": 11, "date": DATE, "text": "改过的话", "edit_date": DATE}),
        told=False,
        sender="7788001",
    ),
    keeps(
        "unsupported: a notice of the app",
        update(message=message(connected_website="x.example")),
        "a notice of the app",
        update(
            message={
                "message_id": 11,
                "date": DATE,
                "connected_website": "x.example",
            }
        ),
        told=False,
    ),
    keeps(
        "unsupported: another update",
        update(poll_answer={"poll_id": "1", "option_ids": [0], "option_persistent_ids": ["a"], "user": PERSON}),
        "an update of another kind",
        update(poll_answer={"poll_id": "1", "option_ids": [0], "option_persistent_ids": ["a"]}),
        told=False,
    ),
    keeps(
        "unsupported: a required field is missing",
        update(message=BROKEN),
        "an update that cannot be read",
        update(message={"message_id": 11, "text": "没有日期"}),
        told=False,
    ),
    Receives(
        label="group: nothing is taken", request=post(update(message={**message(text="大家好"), "chat": GROUP})), ack=OK
    ),
    Receives(
        label="group: nor an edited message",
        request=post(update(edited_message={**message(text="大家好"), "chat": GROUP})),
        ack=OK,
    ),
    Receives(label="stopped", request=post(changed(CHAT, KICKED)), events=(Stopped(sender="7788001"),), ack=OK),
    Receives(label="stopped: and again allowed", request=post(changed(CHAT, member("member"))), ack=OK),
    Receives(label="stopped: thrown out of a group", request=post(changed(GROUP, KICKED)), ack=OK),
    Receives(
        label="duplicate",
        request=post(ASKED),
        again=post(ASKED, X_Forwarded_For="91.108.6.1"),
        events=(said(text="怎么查自己的信用报告？"),),
        ack=TYPING,
    ),
    Receives(label="bad signature", request=post(ASKED, X_Telegram_Bot_Api_Secret_Token="x" * 64), raises=BadSignature),
    Receives(
        label="bad signature: empty", request=post(ASKED, X_Telegram_Bot_Api_Secret_Token=""), raises=BadSignature
    ),
    Receives(
        label="bad signature: the bot's token itself",
        request=post(ASKED, X_Telegram_Bot_Api_Secret_Token=TOKEN),
        raises=BadSignature,
    ),
    Receives(
        label="bad signature: not even ASCII",
        request=post(ASKED, X_Telegram_Bot_Api_Secret_Token="密"),
        raises=BadSignature,
    ),
    Receives(label="malformed", request=post(b"{"), raises=Malformed, says="not JSON"),
    Receives(label="malformed: no update", request=post({"ok": True}), raises=Malformed, says="update_id"),
    Receives(label="malformed: NUL", request=post(update(message=message(text="a\0"))), raises=Malformed, says="NUL"),
    Receives(label="wrong content type", request=post(ASKED, Content_Type="text/plain"), raises=WrongType),
    Receives(label="GET", request=post(ASKED, method="GET"), raises=NotFound),
    Receives(label="another address", request=post(ASKED, path=""), raises=NotFound),
)


def out(text: str, **more: str) -> Request:
    body = urlencode({"chat_id": "7788001", "text": text, **more}).encode()
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    return Request(method="POST", path=f"/bot{TOKEN}/sendMessage", headers=headers, body=body)


def taken(text: str, number: int = 21) -> Reply:
    shown = {"message_id": number, "from": BOT, "chat": CHAT, "date": DATE, "text": text}
    return reply(200, json.dumps({"ok": True, "result": shown}))


def error(code: int, description: str, **parameters: int) -> Reply:
    more = {"parameters": parameters} if parameters else {}
    return reply(code, json.dumps({"ok": False, "error_code": code, "description": description} | more))


def keyboard(*buttons: tuple[str, str]) -> str:
    return json.dumps({"inline_keyboard": [[{"callback_data": data, "text": title}] for title, data in buttons]})


LONG_PAYLOAD = '/case{"title":"' + "长" * 20 + '"}'
LONG_KEY = "#" + hashlib.sha256(LONG_PAYLOAD.encode()).hexdigest()[:40]
HELLO = Outbound(
    id=7,
    address="7788001",
    text="您好，请选择：",
    buttons=(Button(title="查询信用报告", payload='/faq{"id":"F22"}'), Button(title="继续", payload=LONG_PAYLOAD)),
)
SHORT = Outbound(id=8, address="7788001", text="好的 *不是粗体* <b>")
SHORT_OUT = out(SHORT.text)
LONG = Outbound(id=9, address="7788001", text="甲" * 4000 + "。" + "乙" * 300, buttons=HELLO.buttons[:1])
FACES = Outbound(id=10, address="7788001", text="😀" * 4097)  # 8,194 units


def fails(label: str, answer: Reply, failure: Fails, **more: Any) -> Sends:
    return Sends(label=label, message=SHORT, wire=(SHORT_OUT >> answer,), raises=failure, **more)


def parts(label: str, message: Outbound, *texts: str) -> Sends:
    wire: list[Exchange] = [out(text) >> taken(text, 21 + n) for n, text in enumerate(texts)]
    return Sends(label=label, message=message, wire=tuple(wire), result=Sent(external_id=str(20 + len(texts))))


REFUSED = Fails(code="refused", retryable=False)
DOWN = Fails(code="server_down", retryable=True)
CUT_OFF = Fails(code="server_down", retryable=True, cut_off=True)
STOPPED = Fails(code="contact_stopped", retryable=False)
SENDS = (
    Sends(
        label="plain",
        message=HELLO,
        wire=(
            out(HELLO.text, reply_markup=keyboard(("查询信用报告", '/faq{"id":"F22"}'), ("继续", LONG_KEY)))
            >> taken(HELLO.text),
        ),
        result=Sent(external_id="21"),
    ),
    parts("plain: what looks like markup stays as it is", SHORT, SHORT.text),
    Sends(
        label="long text",
        message=LONG,
        wire=(
            out("甲" * 4000 + "。") >> taken("甲"),
            out("乙" * 300, reply_markup=keyboard(("查询信用报告", '/faq{"id":"F22"}'))) >> taken("乙", 22),
        ),
        result=Sent(external_id="22"),
    ),
    parts("long text: counted as Telegram counts, in UTF-16 units", FACES, "😀" * 2048, "😀" * 2048, "😀"),
    fails(
        "a limit of this chat, as long as no other one meets it",
        error(429, "Too Many Requests: retry after 7", retry_after=7),
        Fails(code="recipient_limit", retryable=True, retry_after=7.0),
    ),
    fails(
        "throttled: by a proxy",
        reply(429, "slow down", {"Retry-After": "9"}),
        Fails(code="throttled", retryable=True, retry_after=9.0),
    ),
    fails("server down", error(500, "Internal Server Error"), DOWN),
    fails("server down: a gateway lost its answer", error(502, "Bad Gateway"), CUT_OFF),
    fails("server down: no answer in time", hangs(), CUT_OFF, config={"timeout": 0.3}),
    fails("server down: hangs up", hangs_up(), CUT_OFF),
    fails("server down: a message without its date", reply(200, '{"ok":true,"result":{"message_id":1}}'), CUT_OFF),
    Sends(label="server down: nobody listens", message=SHORT, listening=False, raises=DOWN),
    fails("refused", error(400, "Bad Request: message is too long"), REFUSED),
    fails("refused: it quotes the consumer", error(400, f"Bad Request: cannot send {SHORT.text}"), REFUSED),
    fails("refused: no such chat", error(400, "Bad Request: chat not found"), REFUSED),
    fails("refused: another token", error(401, "Unauthorized"), REFUSED),
    fails(
        "refused: a chat that moved", error(400, "Bad Request: group chat was upgraded", migrate_to_chat_id=-5), REFUSED
    ),
    fails("refused: a page instead of the Bot API", reply(403, "<html>forbidden</html>"), REFUSED),
    fails("refused: a redirect is not followed", reply(302, "", {"Location": "http://192.0.2.1/"}), REFUSED),
    fails("contact stopped", error(403, "Forbidden: bot was blocked by the user"), STOPPED),
    fails("contact stopped: gone", error(403, "Forbidden: user is deactivated"), STOPPED),
    fails("200 but error", reply(200, '{"ok":false,"error_code":400,"description":"Bad Request"}'), REFUSED),
    fails("200 but error: nothing", reply(200), REFUSED),
    fails("200 but error: a page", reply(200, "<html>sign in</html>"), REFUSED),
)

TABLE = Table(
    config=lambda base_url: {"kind": "telegram", "token": TOKEN, "api_url": base_url},
    sign=lambda request: request,  # the secret does not depend on the body
    receives=RECEIVES,
    sends=SENDS,
    secrets=(SECRET,),
)

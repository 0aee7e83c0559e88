"""The case table of Twilio."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl, urlencode

from channels import Ack, Kept, WebhookRequest
from core.errors import BadSignature, Malformed, NotFound, WrongType
from core.model import Attachment, Button, DeliveryState, Inbound, MessageKind, Outbound, Receipt, Sent, Stopped
from tests.channels.table import NOW, Exchange, Fails, Receives, Reply, Request, Sends, Table, hangs, hangs_up, reply

ACCOUNT = "AC" + "0123456789abcdef" * 2
TOKEN = "twilio-token-0123456789"
SHARED = "twilio-shared-key-987654"
HERE = "https://desk.example"
SID = "SM" + "a" * 32
OK = Ack(body=b"<Response/>", content_type="text/xml")
FORM = "application/x-www-form-urlencoded"
SHARED_KEY = "key=webhooks_sharedkey_1,algorithm=HMAC_SHA256"

ASKED = {
    "AccountSid": ACCOUNT,
    "ApiVersion": "2010-04-01",
    "Body": "怎么查自己的信用报告 & 多少钱？",
    "From": "+14155550142",
    "MessageSid": SID,
    "NumMedia": "0",
    "SmsSid": SID,
    "To": "+14155550100",
}
INBOUND = Inbound(sender="+14155550142", external_id=SID, text="怎么查自己的信用报告 & 多少钱？")


def signature(url: str, fields: list[tuple[str, str]], secret: str = TOKEN, algorithm: Any = hashlib.sha1) -> str:
    """Written apart from the channel's own, so that the two must agree on the words of the contract."""
    text = url
    for name in sorted({name for name, _ in fields}):
        for value in sorted({v for n, v in fields if n == name}):
            text += name + value
    return base64.b64encode(hmac.new(secret.encode(), text.encode(), algorithm).digest()).decode()


def sign(request: WebhookRequest) -> WebhookRequest:
    query = request.raw_query
    fields: list[tuple[str, str]] = []
    if request.headers.get("Content-Type") == "application/json":
        query = f"bodySHA256={hashlib.sha256(request.body).hexdigest()}"
    elif request.method == "POST":
        fields = parse_qsl(request.body.decode("latin-1"), keep_blank_values=True, errors="replace")
    url = f"{HERE}/c/test/{request.path}" + (f"?{query}" if query else "")
    headers = {**request.headers, "X-Twilio-Signature": signature(url, fields)}
    return replace(request, headers=headers, raw_query=query, query=dict(parse_qsl(query)))


def post(path: str, fields: dict[str, str], **headers: str) -> WebhookRequest:
    named = {"Content-Type": FORM} | {name.replace("_", "-"): value for name, value in headers.items()}
    bare = WebhookRequest(method="POST", path=path, headers=named, body=urlencode(fields).encode(), now=NOW)
    return bare if "X-Twilio-Signature" in named else sign(bare)


def get(path: str, fields: dict[str, str]) -> WebhookRequest:
    return sign(WebhookRequest(method="GET", path=path, query=fields, raw_query=urlencode(fields), now=NOW))


def signed_as(url: str, secret: str = TOKEN, algorithm: Any = hashlib.sha1, **headers: str) -> WebhookRequest:
    """ASKED with a signature for `url`."""
    return post("in", ASKED, X_Twilio_Signature=signature(url, list(ASKED.items()), secret, algorithm), **headers)


def taken(label: str, request: WebhookRequest, *events: Any, **more: Any) -> Receives:
    return Receives(label=label, request=request, events=events or (INBOUND,), ack=OK, **more)


def bad(label: str, says: str, path: str = "in", **change: str | None) -> Receives:
    fields = {k: v for k, v in {**ASKED, **change}.items() if v is not None}
    return Receives(label=f"malformed: {label}", request=post(path, fields), raises=Malformed, says=says)


def forged(label: str, request: WebhookRequest) -> Receives:
    return Receives(label=f"bad signature: {label}", request=request, raises=BadSignature)


def reported(status: str, **more: str) -> dict[str, str]:
    return {"AccountSid": ACCOUNT, "MessageSid": SID, "MessageStatus": status, "To": "+14155550142", **more}


def receipt(state: DeliveryState, detail: str = "") -> Receipt:
    return Receipt(outbox_id=7, external_id=SID, state=state, detail=detail)


PHOTO = {
    "NumMedia": "2",
    "MediaUrl0": f"https://api.twilio.com/2010-04-01/Accounts/{ACCOUNT}/Messages/{SID}/Media/ME1",
    "MediaContentType0": "image/jpeg",
    "MediaUrl1": "https://api.twilio.com/ME2",
    "MediaContentType1": "?",
}
PLACE = {**ASKED, "Body": "", "Latitude": "31.2", "Longitude": "121.5"}
AS_JSON = WebhookRequest(
    method="POST",
    path="in",
    headers={"Content-Type": "application/json"},
    body=json.dumps(ASKED, ensure_ascii=False).encode(),
    now=NOW,
)

RECEIVES = (
    taken("text", post("in", ASKED)),
    taken(
        "text: emoji, right-to-left, a line break",
        post("in", {**ASKED, "Body": "\U0001f468\u200d\U0001f469 مرحبا\n+%26"}),
        Inbound(sender="+14155550142", external_id=SID, text="\U0001f468\u200d\U0001f469 مرحبا\n+%26"),
    ),
    taken(
        "text: from WhatsApp, with fields that nobody announced",
        post("in", {**ASKED, "From": "whatsapp:+14155550142", "Later": "x", "Later2": ""}),
        Inbound(sender="whatsapp:+14155550142", external_id=SID, text=ASKED["Body"]),
    ),
    taken("text: by GET", get("in", ASKED)),
    taken("text: as JSON, signed by its hash", sign(AS_JSON)),
    taken("text: signed with the port in the address", signed_as("https://desk.example:443/c/test/in")),
    taken(
        "text: signed with a shared key",
        signed_as(f"{HERE}/c/test/in", SHARED, hashlib.sha256, X_Twilio_Webhooks_Signature_Settings=SHARED_KEY),
    ),
    taken(
        "text: STOP without Twilio's opt-out is for the house to hear",
        post("in", {**ASKED, "Body": "STOP"}),
        Inbound(sender="+14155550142", external_id=SID, text="STOP"),
    ),
    taken(
        "unsubscribe: Twilio has answered",
        post("in", {**ASKED, "Body": "STOP", "OptOutType": "STOP"}),
        Stopped(sender="+14155550142"),
    ),
    taken(
        "attachment",
        post("in", {**ASKED, **PHOTO, "Body": "截图"}),
        Inbound(
            sender="+14155550142",
            external_id=SID,
            kind=MessageKind.ATTACHMENT,
            text="截图",
            attachments=(
                Attachment(media_type="image/jpeg", url=PHOTO["MediaUrl0"]),
                Attachment(media_type="application/octet-stream", url=PHOTO["MediaUrl1"]),
            ),
        ),
    ),
    Receives(label="duplicate", request=post("in", ASKED), again=get("in", ASKED), events=(INBOUND,), ack=OK),
    Receives(
        label="unsupported",
        request=post("in", PLACE),
        kept=(Kept(reason="no text and no media in it", raw=PLACE, sender="+14155550142", external_id=SID),),
        ack=OK,
    ),
    Receives(
        label="unsupported: a status that we do not know",
        request=post("status/7", reported("partially_delivered")),
        kept=(Kept(reason="a status that we do not know", raw=reported("partially_delivered")),),
        ack=OK,
    ),
    *(
        taken(f"receipt: {said}", post("status/7", reported(said)), receipt(state))
        for said, state in (
            ("accepted", DeliveryState.SENT),
            ("scheduled", DeliveryState.SENT),
            ("queued", DeliveryState.SENT),
            ("sending", DeliveryState.SENT),
            ("sent", DeliveryState.SENT),
            ("delivered", DeliveryState.DELIVERED),
            ("read", DeliveryState.READ),
        )
    ),
    *(
        taken(
            f"receipt: {said}",
            post("status/7", reported(said, ErrorCode="30003")),
            receipt(DeliveryState.FAILED, f"{said}: 30003"),
        )
        for said in ("undelivered", "failed", "canceled")
    ),
    taken("receipt: by GET", get("status/7", reported("delivered")), receipt(DeliveryState.DELIVERED)),
    taken(
        "receipt: failed since the contact has unsubscribed",
        post("status/7", reported("failed", ErrorCode="21610")),
        receipt(DeliveryState.FAILED, "failed: 21610"),
        Stopped(sender="+14155550142"),
    ),
    *(
        Receives(
            label=f"receipt: a part before the last is {said}, which says nothing of the message",
            request=post("status/7/1", reported(said)),
            ack=OK,
        )
        for said in ("sent", "delivered")
    ),
    taken(
        "receipt: a part before the last has failed",
        post("status/7/1", reported("undelivered")),
        receipt(DeliveryState.FAILED, "undelivered"),
    ),
    forged("none", replace(post("in", ASKED), headers={"Content-Type": FORM})),
    forged("another token", signed_as(f"{HERE}/c/test/in", "another-token-0123456")),
    forged("for another channel", signed_as(f"{HERE}/c/other/in")),
    forged("for another house", signed_as("https://other.example/c/test/in")),
    forged("for http", signed_as("http://desk.example/c/test/in")),
    forged("a changed body", replace(post("in", ASKED), body=urlencode({**ASKED, "Body": "x"}).encode())),
    forged("a field more", replace(post("in", ASKED), body=urlencode({**ASKED, "More": "x"}).encode())),
    forged("a query more", replace(post("in", ASKED), raw_query="x=1")),
    forged("of the message for a status", replace(post("in", ASKED), path="status/7")),
    forged("JSON with another body", replace(sign(AS_JSON), body=json.dumps({**ASKED, "Body": "x"}).encode())),
    forged("JSON without its hash", replace(sign(AS_JSON), raw_query="", query={})),
    forged(
        "the token's where the shared key's is said",
        signed_as(f"{HERE}/c/test/in", TOKEN, hashlib.sha256, X_Twilio_Webhooks_Signature_Settings=SHARED_KEY),
    ),
    forged(
        "an algorithm that nobody knows",
        signed_as(f"{HERE}/c/test/in", X_Twilio_Webhooks_Signature_Settings="key=k,algorithm=NONE"),
    ),
    forged("not ASCII", post("in", ASKED, X_Twilio_Signature="签名")),
    bad("malformed sender", "From", From=""),
    bad("no sender", "From", From=None),
    bad("no id", "MessageSid", MessageSid=None),
    bad("an id of 300 characters", "MessageSid", MessageSid="S" * 300),
    bad("media without an address", "MediaUrl0", NumMedia="1"),
    bad("media at a file", "MediaUrl0", NumMedia="1", MediaUrl0="file:///etc/passwd"),
    bad("media without end", "NumMedia", NumMedia="11"),
    bad("media in words", "NumMedia", NumMedia="two"),
    bad("a NUL", "NUL", Body="a\0b"),
    bad("a status without one", "MessageStatus", "status/7"),
    Receives(
        label="malformed: not UTF-8",
        request=sign(WebhookRequest(method="POST", path="in", headers={"Content-Type": FORM}, body=b"a=%ff", now=NOW)),
        raises=Malformed,
    ),
    Receives(label="another type", request=post("in", ASKED, Content_Type="text/plain"), raises=WrongType),
    Receives(label="another address", request=post("out", ASKED), raises=NotFound),
    Receives(label="a status of nothing", request=post("status", ASKED), raises=NotFound),
    Receives(label="a status of no id", request=post("status/x", ASKED), raises=NotFound),
    Receives(label="PUT", request=replace(post("in", ASKED), method="PUT"), raises=NotFound),
)

BUTTONS = (Button(title="查询信用报告", payload='/faq{"id":"F22"}'), Button(title="转人工", payload="/leave_message"))
HELLO = Outbound(id=7, address="+14155550142", text="您好，请选择：", buttons=BUTTONS, in_reply_to=SID)
SHORT = Outbound(id=8, address="+14155550142", text="好的")
LONG = Outbound(id=9, address="+14155550142", text="甲" * 69 + "。" + "乙" * 30 + "👨‍👩‍👧" * 5)
BASIC = base64.b64encode(f"{ACCOUNT}:{TOKEN}".encode()).decode()
CREATED = reply(201, f'{{"sid":"{SID}","status":"queued","error_code":null,"error_message":null}}')


def out(fields: dict[str, str]) -> Request:
    return Request(
        method="POST",
        path=f"/2010-04-01/Accounts/{ACCOUNT}/Messages.json",
        headers={"Authorization": f"Basic {BASIC}", "Content-Type": FORM},
        body=urlencode(fields).encode(),
    )


def text(body: str, id: int | str = 8, sender: str = "From", value: str = "+14155550100") -> Request:
    callback = f"{HERE}/c/test/status/{id}"
    return out({"To": "+14155550142", sender: value, "Body": body, "StatusCallback": callback})


def fails(label: str, answer: Reply, failure: Fails, **more: Any) -> Sends:
    wire: tuple[Exchange, ...] = (text("好的") >> answer,)
    return Sends(label=label, message=SHORT, wire=wire, raises=failure, **more)


def problem(status: int, code: int) -> Reply:
    """As Twilio tells of an error; its words quote the number."""
    words = f"The 'To' number +14155550142 is not … 好的 {code}"
    return reply(status, json.dumps({"code": code, "message": words, "status": status}, ensure_ascii=False))


REFUSED = Fails(code="refused", retryable=False)
DOWN = Fails(code="server_down", retryable=True)
CUT_OFF = Fails(code="server_down", retryable=True, cut_off=True)
THROTTLED = Fails(code="throttled", retryable=True)
STOPPED = Fails(code="contact_stopped", retryable=False)
SENDS = (
    Sends(
        label="plain",
        message=HELLO,
        wire=(text("您好，请选择：\n1. 查询信用报告\n2. 转人工", 7) >> CREATED,),
        result=Sent(external_id=SID),
    ),
    Sends(
        label="plain: by a messaging service",
        message=SHORT,
        config={"sender": "MG" + "b" * 32},
        wire=(text("好的", 8, "MessagingServiceSid", "MG" + "b" * 32) >> CREATED,),
        result=Sent(external_id=SID),
    ),
    Sends(
        label="long text",
        message=LONG,
        config={"text_max": 70},
        wire=(text(LONG.text[:70], "9/1") >> CREATED, text(LONG.text[70:], 9) >> CREATED),
        result=Sent(external_id=SID),
    ),
    fails("throttled", reply(429, "", {"Retry-After": "3"}), replace(THROTTLED, retry_after=3.0)),
    fails("throttled: faster than the sender may", problem(400, 14107), THROTTLED),
    fails("throttled: the sender's queue is full", problem(400, 21611), THROTTLED),
    fails("server down", problem(503, 20503), DOWN),
    fails("server down: a gateway lost its answer", reply(502, "bad gateway"), CUT_OFF),
    fails("server down: no answer in time", hangs(), CUT_OFF, config={"timeout": 0.3}),
    fails("server down: hangs up", hangs_up(), CUT_OFF),
    Sends(label="server down: nobody listens", message=SHORT, listening=False, raises=DOWN),
    fails("refused", problem(400, 21211), REFUSED),
    fails("refused: not our account", problem(401, 20003), REFUSED),
    fails("refused: a redirect is not followed", reply(302, "", {"Location": "http://192.0.2.1/"}), REFUSED),
    fails("contact stopped", problem(400, 21610), STOPPED),
    fails("contact stopped: said with a 200", reply(200, f'{{"sid":"{SID}","error_code":21610}}'), STOPPED),
    fails("200 but error", reply(201, f'{{"sid":"{SID}","status":"failed","error_code":30007}}'), REFUSED),
    fails("200 but error: no id", reply(201, '{"status":"queued"}'), REFUSED),
    fails("200 but error: an id that is none", reply(201, '{"sid":7}'), REFUSED),
    fails("200 but error: a page", reply(200, "<html>sign in</html>"), REFUSED),
    fails("200 but error: nothing", reply(200), REFUSED),
    fails("200 but error: a code that quotes the consumer", reply(200, '{"code":"好的 +14155550142"}'), REFUSED),
)


def config(base_url: str) -> dict[str, Any]:
    return {
        "kind": "twilio",
        "account_sid": ACCOUNT,
        "auth_token": TOKEN,
        "shared_key": SHARED,
        "sender": "+14155550100",
        "public_url": HERE,
        "api_url": base_url,
    }


TABLE = Table(config=config, sign=sign, receives=RECEIVES, sends=SENDS, secrets=(BASIC,))

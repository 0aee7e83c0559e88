"""The case table of Aliyun's short messages."""

from __future__ import annotations

import hashlib
import hmac
import json
from dataclasses import replace
from typing import Any
from urllib.parse import quote

from channels import Ack, Kept, WebhookRequest
from core.errors import BadSignature, Malformed, NotFound
from core.model import Button, DeliveryState, Inbound, Outbound, Receipt, Sent, Stopped
from tests.channels.table import NOW, Exchange, Fails, Receives, Reply, Request, Sends, Table, hangs, hangs_up, reply

SECRET = "aliyun-path-secret-0123"
KEY_ID, KEY = "LTAI-test-id", "aliyun-access-key-secret"
OK = Ack(body='{"code":0,"msg":"接收成功"}'.encode(), content_type="application/json; charset=utf-8")

ASKED = {
    "phone_number": "13811110001",
    "content": "怎么查自己的信用报告",
    "send_time": "2026-11-21 12:00:00",
    "dest_code": "1234",
    "sequence_id": "1234567890",
}
INBOUND = Inbound(sender="13811110001", external_id="1234567890", text="怎么查自己的信用报告")
REPORT = {
    "phone_number": "13811110001",
    "send_time": "2026-11-21 12:00:00",
    "report_time": "2026-11-21 12:00:02",
    "success": True,
    "err_code": "DELIVERED",
    "err_msg": "用户接收成功",
    "sms_size": "1",
    "biz_id": "900619746936498440^0",
    "out_id": "test-7",
}
EMPTY = {**ASKED, "content": " "}


def post(path: str, body: Any, secret: str = SECRET, **more: Any) -> WebhookRequest:
    raw = body if isinstance(body, bytes) else json.dumps(body, ensure_ascii=False).encode()
    headers = {"Content-Type": "application/json;charset=utf-8"}
    given = {"method": "POST", "headers": headers, "remote": "47.99.0.1", **more}
    return WebhookRequest(path=f"{secret}/{path}" if secret else path, body=raw, now=NOW, **given)


def taken(label: str, request: WebhookRequest, *events: Any, **more: Any) -> Receives:
    return Receives(label=label, request=request, events=events or (INBOUND,), ack=OK, **more)


def odd(label: str, reason: str, path: str = "up", raw: Any = None, **change: Any) -> Receives:
    """An item that is kept while the one after it counts; `raw`: what is kept, if not the item."""
    good, event = (ASKED, INBOUND) if path == "up" else (REPORT, receipt(DeliveryState.DELIVERED))
    item = {k: v for k, v in {**good, **change}.items() if v is not None}
    kept = (Kept(reason=reason, raw=item if raw is None else raw),)
    return Receives(label=f"unsupported: {label}", request=post(path, [item, good]), events=(event,), kept=kept, ack=OK)


def forged(label: str, request: WebhookRequest) -> Receives:
    return Receives(label=f"bad signature: {label}", request=request, raises=BadSignature)


def receipt(state: DeliveryState, detail: str = "", outbox_id: int | None = 7) -> Receipt:
    return Receipt(outbox_id=outbox_id, external_id="900619746936498440^0", state=state, detail=detail)


def failed(code: Any, **more: Any) -> dict[str, Any]:
    return {**REPORT, "success": False, "err_code": code, "err_msg": "13811110001 失败", **more}


RECEIVES = (
    taken("text", post("up", [ASKED])),
    taken("text: the older form, with a number as its id", post("up", [{**ASKED, "sequence_id": 1234567890}])),
    taken(
        "text: several, each with its own sender",
        post("up", [ASKED, {**ASKED, "phone_number": "13811110002"}]),
        INBOUND,
        replace(INBOUND, sender="13811110002"),
    ),
    taken("text: as any type, since none is promised", post("up", [ASKED], headers={})),
    taken(
        "text: TD is for the house to hear",
        post("up", [{**ASKED, "content": "TD"}]),
        replace(INBOUND, text="TD"),
    ),
    Receives(
        label="duplicate",
        request=post("up", [ASKED]),
        again=post("up", [{**ASKED, "send_time": "2026-11-21 12:01:00"}], remote="47.99.0.2"),
        events=(INBOUND,),
        ack=OK,
    ),
    Receives(
        label="unsupported",
        request=post("up", [EMPTY]),
        kept=(Kept(reason="a message without a text", raw=EMPTY, sender="13811110001", external_id="1234567890"),),
        ack=OK,
    ),
    Receives(
        label="unsupported: beside one that is not",
        request=post("up", [EMPTY, {**ASKED, "sequence_id": "2"}]),
        events=(replace(INBOUND, external_id="2"),),
        kept=(Kept(reason="a message without a text", raw=EMPTY, sender="13811110001", external_id="1234567890"),),
        ack=OK,
    ),
    taken("receipt: delivered", post("report", [REPORT]), receipt(DeliveryState.DELIVERED)),
    taken(
        "receipt: several, of which one failed",
        post("report", [REPORT, failed("MOBILE_NOT_ON_SERVICE", out_id="test-8")]),
        receipt(DeliveryState.DELIVERED),
        receipt(DeliveryState.FAILED, "MOBILE_NOT_ON_SERVICE", 8),
    ),
    taken(
        "receipt: of a call whose answer was lost",
        post("report", [{**REPORT, "biz_id": ""}]),
        Receipt(outbox_id=7, external_id="", state=DeliveryState.DELIVERED),
    ),
    *(
        taken(
            f"receipt: of another application, which calls it {theirs}",
            post("report", [{**REPORT, "out_id": theirs}]),
            receipt(DeliveryState.DELIVERED, outbox_id=None),
        )
        for theirs in (None, "", "7", "-7", "other-7", "test-07", "test-7-7", "test-order")
    ),
    taken(
        "receipt: failed in words that quote the number",
        post("report", [failed("失败 13811110001")]),
        receipt(DeliveryState.FAILED, "no code"),
    ),
    *(
        taken(
            f"receipt: {code}, the contact has unsubscribed",
            post("report", [failed(code)]),
            receipt(DeliveryState.FAILED, code),
            Stopped(sender="13811110001"),
        )
        for code in ("MOBILE_IN_BLACK", "USER_REJECT")
    ),
    forged("none", post("up", [ASKED], secret="")),
    forged("another secret", post("up", [ASKED], secret="another-path-secret-01")),
    forged("half of it", post("up", [ASKED], secret=SECRET[:10])),
    forged("not ASCII", post("up", [ASKED], secret="渠道" * 10)),
    forged("in the query", post("up", [ASKED], secret="", query={"secret": SECRET}, raw_query=f"secret={SECRET}")),
    forged("from another network", post("up", [ASKED], remote="198.51.100.7")),
    forged("from nowhere", post("up", [ASKED], remote="")),
    odd("malformed number", "phone_number: digits", phone_number="138****0001"),
    odd("no number", "phone_number: digits", phone_number=None),
    odd("no id", "sequence_id: the id of the message", sequence_id=None),
    odd("an id that is none", "sequence_id: the id of the message", sequence_id=True),
    odd("an id of 300 characters", "sequence_id: the id of the message", sequence_id="1" * 300),
    odd("no text", "content: a text", content=None),
    odd("a NUL", "it holds a NUL character", raw={}, content="a\0b"),
    odd("a report without a word", "success: true or false", "report", success=None),
    odd("a report in words", "success: true or false", "report", success="true"),
    odd("a report on nothing", "out_id, biz_id: which message it is about", "report", out_id="", biz_id=None),
    odd("a report on a number", "out_id: a text", "report", out_id=7),
    Receives(label="malformed: an object", request=post("up", ASKED), raises=Malformed, says="list"),
    Receives(label="malformed: an empty list", request=post("up", []), raises=Malformed, says="list"),
    Receives(label="GET", request=post("up", [ASKED], method="GET"), raises=NotFound),
    Receives(label="another address", request=post("down", [ASKED]), raises=NotFound),
)

BUTTONS = (Button(title="查询信用报告", payload='/faq{"id":"F22"}'), Button(title="转人工", payload="/leave_message"))
HELLO = Outbound(id=7, address="13811110001", text="您好，请选择：", buttons=BUTTONS, in_reply_to="1234567890")
SHORT = Outbound(id=8, address="13811110001", text="好的")
LONG = Outbound(
    id=9,
    address="13811110001",
    text="本人可以每年两次免费查询。\n\n详见 https://www.pbccrc.org.cn/ 的说明，\n"
    "也可以到当地人民银行网点查询，请带上身份证",
)
TAKEN = reply(200, '{"Code":"OK","Message":"OK","BizId":"900619746936498440^0","RequestId":"F655A8D5"}')
SENT = Sent(external_id="900619746936498440^0")


def out(values: dict[str, str], id: int = 8) -> Request:
    """The request that carries these parameters; signed apart from the channel's own signer."""
    query = {
        "OutId": f"test-{id}",
        "PhoneNumbers": "13811110001",
        "SignName": "测试热线",
        "TemplateCode": "SMS_123456",
        "TemplateParam": json.dumps(values, ensure_ascii=False, separators=(",", ":")),
    }
    path = "/?" + "&".join(f"{name}={quote(value, safe='~')}" for name, value in query.items())
    nonce = hmac.new(KEY.encode(), f"test:{id}:2026-11-21T04:00:00+00:00".encode(), hashlib.sha256).hexdigest()[:32]
    headers = {
        "content-type": "application/x-www-form-urlencoded",
        "host": "dysmsapi.aliyuncs.com",
        "x-acs-action": "SendSms",
        "x-acs-content-sha256": hashlib.sha256(b"").hexdigest(),
        "x-acs-date": "2026-11-21T04:00:00Z",
        "x-acs-signature-nonce": nonce,
        "x-acs-version": "2017-05-25",
    }
    names, lines = ";".join(headers), "".join(f"{k}:{v}\n" for k, v in headers.items())
    asked = f"POST\n/\n{path[2:]}\n{lines}\n{names}\n{headers['x-acs-content-sha256']}"
    to_sign = "ACS3-HMAC-SHA256\n" + hashlib.sha256(asked.encode()).hexdigest()
    signature = hmac.new(KEY.encode(), to_sign.encode(), hashlib.sha256).hexdigest()
    credential = f"ACS3-HMAC-SHA256 Credential={KEY_ID},SignedHeaders={names},Signature={signature}"
    del headers["host"]  # a header that every client sends
    return Request(method="POST", path=path, headers={**headers, "Authorization": credential}, body=b"")


def fails(label: str, answer: Reply, failure: Fails, **more: Any) -> Sends:
    wire: tuple[Exchange, ...] = (out({"content": "好的"}) >> answer,)
    return Sends(label=label, message=SHORT, wire=wire, raises=failure, **more)


def problem(status: int, code: str) -> Reply:
    """As Aliyun tells of an error; its words may quote the number."""
    return reply(status, json.dumps({"Code": code, "Message": "13811110001 好的", "RequestId": "F655A8D5"}))


REFUSED = Fails(code="refused", retryable=False)
DOWN = Fails(code="server_down", retryable=True)
CUT_OFF = Fails(code="server_down", retryable=True, cut_off=True)
THROTTLED = Fails(code="throttled", retryable=True)
SENDS = (
    Sends(
        label="plain: its buttons are dropped, for the page behind the template's link has them",
        message=HELLO,
        wire=(out({"content": "您好，请选择："}, 7) >> TAKEN,),
        result=SENT,
    ),
    Sends(
        label="plain: with a link and a fixed text, where the account may",
        message=SHORT,
        config={
            "params": {"answer": "{text}", "url": "{link}", "tel": "12363"},
            "public_url": "https://desk.example",
        },
        wire=(out({"answer": "好的", "url": "https://desk.example/widget/", "tel": "12363"}) >> TAKEN,),
        result=SENT,
    ),
    Sends(
        label="plain: with a link that is set",
        message=SHORT,
        config={"params": {"url": "{link}"}, "link": "https://desk.example/chat?from=sms"},
        wire=(out({"url": "https://desk.example/chat?from=sms"}) >> TAKEN,),
        result=SENT,
    ),
    Sends(
        label="plain: a template that says it all",
        message=SHORT,
        config={"params": {}},
        wire=(out({}) >> TAKEN,),
        result=SENT,
    ),
    Sends(
        label="long text: cut into one message, in one line and without addresses",
        message=LONG,
        wire=(out({"content": "本人可以每年两次免费查询。 详见 的说明， 也可以到当地人民银行网点…"}, 9) >> TAKEN,),
        result=SENT,
    ),
    fails("throttled", problem(400, "Throttling.User"), THROTTLED),
    fails("throttled: without a code", reply(429, "", {"Retry-After": "3"}), replace(THROTTLED, retry_after=3.0)),
    fails(
        "this number alone got too many",
        problem(200, "isv.BUSINESS_LIMIT_CONTROL"),
        Fails(code="recipient_limit", retryable=True, retry_after=60.0),
    ),
    fails(
        "this number is none", problem(200, "isv.MOBILE_NUMBER_ILLEGAL"), Fails(code="invalid_number", retryable=False)
    ),
    fails("server down", problem(503, "ServiceUnavailable"), DOWN),
    *(
        fails(f"server down: {code}, and it may have been sent", problem(200, code), CUT_OFF)
        for code in ("isp.SYSTEM_ERROR", "isp.GATEWAY_ERROR")
    ),
    fails("server down: InternalError, and it may have been sent", problem(500, "InternalError"), CUT_OFF),
    fails("server down: a gateway lost its answer", reply(502, "bad gateway"), CUT_OFF),
    fails("server down: no answer in time", hangs(), CUT_OFF, config={"timeout": 0.3}),
    fails("server down: hangs up", hangs_up(), CUT_OFF),
    Sends(label="server down: nobody listens", message=SHORT, listening=False, raises=DOWN),
    fails("refused", problem(400, "SignatureDoesNotMatch"), REFUSED),
    fails("refused: not our account", problem(403, "Forbidden.RAM"), REFUSED),
    fails("refused: a redirect is not followed", reply(302, "", {"Location": "http://192.0.2.1/"}), REFUSED),
    *(
        fails(f"200 but error: {code}", problem(200, code), REFUSED)
        for code in (
            "isv.SMS_SIGNATURE_ILLEGAL",
            "isv.SMS_TEMPLATE_ILLEGAL",
            "isv.PARAM_LENGTH_LIMIT",
            "isv.PARAM_NOT_SUPPORT_URL",
            "isv.BLACK_KEY_CONTROL_LIMIT",
            "isv.DAY_LIMIT_CONTROL",
            "isv.OUT_OF_SERVICE",
            "isv.something new",
        )
    ),
    fails("200 but error: no id", reply(200, '{"Code":"OK"}'), REFUSED),
    fails("200 but error: a page", reply(200, "<html>sign in</html>"), REFUSED),
    fails("200 but error: nothing", reply(200), REFUSED),
)


def config(base_url: str) -> dict[str, Any]:
    return {
        "kind": "aliyun_sms",
        "secret": SECRET,
        "access_key_id": KEY_ID,
        "access_key_secret": KEY,
        "sign_name": "测试热线",
        "template_code": "SMS_123456",
        "params": {"content": "{text}"},
        "allow": "47.99.0.0/16",
        "api_url": base_url,
    }


TABLE = Table(
    config=config,
    sign=lambda request: request,
    receives=RECEIVES,
    sends=SENDS,
    exempt={
        "unsigned": "Aliyun signs nothing: the secret in the address and the allowed networks stand for it",
        "attachment": "a short message of Aliyun carries text alone",
        "contact stopped": "SendSms takes a number that has unsubscribed, and only the report says so",
    },
)

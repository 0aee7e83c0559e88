"""The case table of Tencent's short messages."""

from __future__ import annotations

import hashlib
import hmac
import json
from dataclasses import replace
from typing import Any

from channels import Ack, Kept, WebhookRequest
from core.errors import BadSignature, Malformed, NotFound
from core.model import Button, DeliveryState, Inbound, Outbound, Receipt, Sent
from tests.channels.table import NOW, Exchange, Fails, Receives, Reply, Request, Sends, Table, hangs, hangs_up, reply

SECRET = "tencent-path-secret-012"
KEY_ID, KEY = "AKID-test-id", "tencent-access-key-secret"
OK = Ack(body=b'{"result":0,"errmsg":"OK"}', content_type="application/json; charset=utf-8")

ASKED = {
    "extend": "01",
    "mobile": "13811110001",
    "nationcode": "86",
    "sign": "测试热线",
    "text": "怎么查自己的信用报告",
    "time": 1457336869,
}
FINGERPRINT = (
    '["+8613811110001", "\\u600e\\u4e48\\u67e5\\u81ea\\u5df1\\u7684\\u4fe1\\u7528\\u62a5\\u544a", 1457336869, "01"]'
)
ID = hashlib.sha256(FINGERPRINT.encode()).hexdigest()[:32]
INBOUND = Inbound(sender="+8613811110001", external_id=ID, text="怎么查自己的信用报告")
SERIAL = "5000:1045710669157053657849499619"
REPORT = {
    "user_receive_time": "2026-11-21 12:00:02",
    "nationcode": "86",
    "mobile": "13811110001",
    "report_status": "SUCCESS",
    "errmsg": "DELIVRD",
    "description": "用户短信送达成功",
    "sid": SERIAL,
}
EMPTY = {**ASKED, "text": " "}
ODD = {**REPORT, "report_status": "WAITING"}


def id_of(text: str) -> str:
    return hashlib.sha256(json.dumps(["+8613811110001", text, 1457336869, "01"]).encode()).hexdigest()[:32]


def post(path: str, body: Any, secret: str = SECRET, **more: Any) -> WebhookRequest:
    raw = body if isinstance(body, bytes) else json.dumps(body, ensure_ascii=False).encode()
    given = {"method": "POST", "headers": {"Content-Type": "application/json"}, "remote": "203.0.113.9", **more}
    return WebhookRequest(path=f"{secret}/{path}" if secret else path, body=raw, now=NOW, **given)


def taken(label: str, request: WebhookRequest, *events: Any, **more: Any) -> Receives:
    return Receives(label=label, request=request, events=events or (INBOUND,), ack=OK, **more)


def bad(label: str, says: str, **change: Any) -> Receives:
    item = {k: v for k, v in {**ASKED, **change}.items() if v is not None}
    return Receives(label=f"malformed: {label}", request=post("up", item), raises=Malformed, says=says)


def odd(label: str, reason: str, raw: Any = None, **change: Any) -> Receives:
    """A report that is kept while the one after it counts; `raw`: what is kept, if not the item."""
    item = {k: v for k, v in {**REPORT, **change}.items() if v is not None}
    return Receives(
        label=f"unsupported: {label}",
        request=post("report", [item, REPORT]),
        events=(receipt(DeliveryState.DELIVERED),),
        kept=(Kept(reason=reason, raw=item if raw is None else raw),),
        ack=OK,
    )


def forged(label: str, request: WebhookRequest) -> Receives:
    return Receives(label=f"bad signature: {label}", request=request, raises=BadSignature)


def receipt(state: DeliveryState, detail: str = "") -> Receipt:
    return Receipt(outbox_id=None, external_id=SERIAL, state=state, detail=detail)


RECEIVES = (
    taken("text", post("up", ASKED)),
    taken("text: as any type, since none is promised", post("up", ASKED, headers={})),
    taken(
        "text: TD is for the house to hear",
        post("up", {**ASKED, "text": "TD"}),
        replace(INBOUND, text="TD", external_id=id_of("TD")),
    ),
    Receives(
        label="duplicate",
        request=post("up", ASKED),
        again=post("up", dict(reversed(ASKED.items())), remote="203.0.113.10"),
        events=(INBOUND,),
        ack=OK,
    ),
    Receives(
        label="unsupported",
        request=post("up", EMPTY),
        kept=(Kept(reason="a message without a text", raw=EMPTY, sender="+8613811110001", external_id=id_of(" ")),),
        ack=OK,
    ),
    Receives(
        label="unsupported: a status that we do not know, beside one that we do",
        request=post("report", [ODD, REPORT]),
        events=(receipt(DeliveryState.DELIVERED),),
        kept=(Kept(reason="a status that is neither SUCCESS nor FAIL", raw=ODD),),
        ack=OK,
    ),
    taken("receipt: delivered", post("report", [REPORT]), receipt(DeliveryState.DELIVERED)),
    taken(
        "receipt: failed",
        post("report", [{**REPORT, "report_status": "FAIL", "errmsg": "MK:0001"}]),
        receipt(DeliveryState.FAILED, "MK:0001"),
    ),
    taken(
        "receipt: failed in words that quote the number",
        post("report", [{**REPORT, "report_status": "FAIL", "errmsg": "失败 13811110001"}]),
        receipt(DeliveryState.FAILED, "no code"),
    ),
    forged("none", post("up", ASKED, secret="")),
    forged("another secret", post("up", ASKED, secret="another-path-secret-01")),
    forged("not ASCII", post("up", ASKED, secret="渠道" * 10)),
    forged("from another network", post("up", ASKED, remote="198.51.100.7")),
    bad("malformed number", "mobile", mobile="138****0001"),
    bad("no country", "nationcode", nationcode=None),
    bad("a country that is none", "nationcode", nationcode="0"),
    bad("no text", "text", text=None),
    bad("no time", "time", time=None),
    bad("a time in words", "time", time="now"),
    bad("a NUL", "NUL", text="a\0b"),
    odd("a report without an id", "sid: a text", sid=None),
    odd("a report on nothing", "sid: which message it is about", sid=""),
    odd("a report without a word", "report_status: a text", report_status=None),
    odd("a report with a NUL", "it holds a NUL character", raw={}, description="a\0b"),
    Receives(label="malformed: a list", request=post("up", [ASKED]), raises=Malformed, says="object"),
    Receives(label="malformed: one report alone", request=post("report", REPORT), raises=Malformed, says="list"),
    Receives(label="GET", request=post("up", ASKED, method="GET"), raises=NotFound),
    Receives(label="another address", request=post("down", ASKED), raises=NotFound),
)

BUTTONS = (Button(title="查询信用报告", payload='/faq{"id":"F22"}'), Button(title="转人工", payload="/leave_message"))
HELLO = Outbound(id=7, address="+8613811110001", text="您好，请选择：", buttons=BUTTONS, in_reply_to=ID)
SHORT = Outbound(id=8, address="+8613811110001", text="好的")
LONG = Outbound(
    id=9, address="+8613811110001", text="本人可以每年两次\n免费查询。详见 https://www.pbccrc.org.cn/ 的说明"
)
STATUS = {"SerialNo": SERIAL, "PhoneNumber": "+8613811110001", "Fee": 1, "Code": "Ok", "Message": "send success"}
SENT = Sent(external_id=SERIAL)


def answer(value: dict[str, Any], status: int = 200) -> Reply:
    return reply(status, json.dumps({"Response": {**value, "RequestId": "a0aabda6"}}, ensure_ascii=False))


def number(code: str) -> Reply:
    """As Tencent tells of one number that it did not take; its words may quote the number."""
    return answer({"SendStatusSet": [{**STATUS, "SerialNo": "", "Code": code, "Message": "+8613811110001 好的"}]})


def problem(code: str) -> Reply:
    """As Tencent tells that it did not take the call, with a status of 200 like everything."""
    return answer({"Error": {"Code": code, "Message": "+8613811110001 好的"}})


TAKEN = answer({"SendStatusSet": [STATUS]})


def out(params: list[str], id: int = 8) -> Request:
    """The request that carries these parameters; signed apart from the channel's own signer."""
    fields = {
        "PhoneNumberSet": ["+8613811110001"],
        "SmsSdkAppId": "1400006666",
        "SignName": "测试热线",
        "TemplateId": "1123835",
        "TemplateParamSet": params,
        "SessionContext": str(id),
    }
    body = json.dumps(fields, ensure_ascii=False, separators=(",", ":")).encode()
    asked = (
        "POST\n/\n\ncontent-type:application/json; charset=utf-8\nhost:sms.tencentcloudapi.com\n\n"
        f"content-type;host\n{hashlib.sha256(body).hexdigest()}"
    )
    stamp = str(int(NOW.timestamp()))
    to_sign = f"TC3-HMAC-SHA256\n{stamp}\n2026-11-21/sms/tc3_request\n{hashlib.sha256(asked.encode()).hexdigest()}"
    date_key = hmac.new(f"TC3{KEY}".encode(), b"2026-11-21", hashlib.sha256).digest()
    service_key = hmac.new(date_key, b"sms", hashlib.sha256).digest()
    signing_key = hmac.new(service_key, b"tc3_request", hashlib.sha256).digest()
    signature = hmac.new(signing_key, to_sign.encode(), hashlib.sha256).hexdigest()
    headers = {
        "Authorization": f"TC3-HMAC-SHA256 Credential={KEY_ID}/2026-11-21/sms/tc3_request, "
        f"SignedHeaders=content-type;host, Signature={signature}",
        "Content-Type": "application/json; charset=utf-8",
        "X-TC-Action": "SendSms",
        "X-TC-Region": "ap-guangzhou",
        "X-TC-Timestamp": stamp,
        "X-TC-Version": "2021-01-11",
    }
    return Request(method="POST", path="/", headers=headers, body=body)


def fails(label: str, said: Reply, failure: Fails, **more: Any) -> Sends:
    wire: tuple[Exchange, ...] = (out(["好的"]) >> said,)
    return Sends(label=label, message=SHORT, wire=wire, raises=failure, **more)


REFUSED = Fails(code="refused", retryable=False)
DOWN = Fails(code="server_down", retryable=True)
CUT_OFF = Fails(code="server_down", retryable=True, cut_off=True)
THROTTLED = Fails(code="throttled", retryable=True)
LATER = Fails(code="recipient_limit", retryable=True, retry_after=30.0)
NEVER = Fails(code="recipient_limit", retryable=False)
SENDS = (
    Sends(
        label="plain: its buttons are dropped, for the page behind the template's link has them",
        message=HELLO,
        wire=(out(["您好，请选择："], 7) >> TAKEN,),
        result=SENT,
    ),
    Sends(
        label="plain: with a link and a fixed text, where the account may",
        message=SHORT,
        config={"params": ["{link}", "{text}", "12363"], "public_url": "https://desk.example"},
        wire=(out(["https://desk.example/widget/", "好的", "12363"]) >> TAKEN,),
        result=SENT,
    ),
    Sends(
        label="plain: a template that says it all",
        message=SHORT,
        config={"params": []},
        wire=(out([]) >> TAKEN,),
        result=SENT,
    ),
    Sends(
        label="long text: cut into one message, in one line and without addresses",
        message=LONG,
        wire=(out(["本人可以每年两次 免费…"], 9) >> TAKEN,),
        result=SENT,
    ),
    fails("throttled", problem("RequestLimitExceeded"), THROTTLED),
    fails("throttled: too many messages", number("LimitExceeded.DeliveryFrequencyLimit"), THROTTLED),
    fails("throttled: by a relay", reply(429, "", {"Retry-After": "3"}), replace(THROTTLED, retry_after=3.0)),
    fails("this number got one just now", number("LimitExceeded.PhoneNumberThirtySecondLimit"), LATER),
    fails("this number got too many in an hour", number("LimitExceeded.PhoneNumberOneHourLimit"), LATER),
    fails("this number got too many today", number("LimitExceeded.PhoneNumberDailyLimit"), NEVER),
    fails("this number got the same today", number("LimitExceeded.PhoneNumberSameContentDailyLimit"), NEVER),
    fails(
        "this number is none",
        number("InvalidParameterValue.IncorrectPhoneNumber"),
        Fails(code="invalid_number", retryable=False),
    ),
    fails("server down", problem("InternalError.RequestTimeException"), DOWN),
    *(
        fails(f"server down: {code}, and it may have been sent", problem(code), CUT_OFF)
        for code in ("InternalError", "InternalError.SendAndRecvFail", "InternalError.Timeout", "InternalError.NewOne")
    ),
    fails("server down: for the number, and it may have been sent", number("InternalError.Timeout"), CUT_OFF),
    fails("server down: by its status", reply(503, "maintenance"), DOWN),
    fails("server down: a gateway lost its answer", reply(502, "bad gateway"), CUT_OFF),
    fails("server down: no answer in time", hangs(), CUT_OFF, config={"timeout": 0.3}),
    fails("server down: hangs up", hangs_up(), CUT_OFF),
    Sends(label="server down: nobody listens", message=SHORT, listening=False, raises=DOWN),
    fails("refused", reply(403, "who are you"), REFUSED),
    fails("refused: a redirect is not followed", reply(302, "", {"Location": "http://192.0.2.1/"}), REFUSED),
    fails(
        "contact stopped",
        number("FailedOperation.PhoneNumberInBlacklist"),
        Fails(code="contact_stopped", retryable=False),
    ),
    *(
        fails(f"200 but error: {code}", problem(code), REFUSED)
        for code in (
            "AuthFailure.SignatureFailure",
            "AuthFailure.SignatureExpire",
            "FailedOperation.SignatureIncorrectOrUnapproved",
            "FailedOperation.TemplateIncorrectOrUnapproved",
            "InvalidParameterValue.ProhibitedUseUrlInTemplateParameter",
            "something new 13811110001",
        )
    ),
    fails("200 but error: for the number", number("FailedOperation.ContainSensitiveWord"), REFUSED),
    fails("200 but error: no id", answer({"SendStatusSet": [{"Code": "Ok"}]}), REFUSED),
    fails("200 but error: no status", answer({"SendStatusSet": []}), REFUSED),
    fails("200 but error: a status that is none", answer({"SendStatusSet": ["Ok"]}), REFUSED),
    fails("200 but error: a page", reply(200, "<html>sign in</html>"), REFUSED),
    fails("200 but error: nothing", reply(200), REFUSED),
)


def config(base_url: str) -> dict[str, Any]:
    return {
        "kind": "tencent_sms",
        "secret": SECRET,
        "secret_id": KEY_ID,
        "secret_key": KEY,
        "sdk_app_id": "1400006666",
        "sign_name": "测试热线",
        "template_id": "1123835",
        "allow": "203.0.113.0/24",
        "api_url": base_url,
    }


TABLE = Table(
    config=config,
    sign=lambda request: request,
    receives=RECEIVES,
    sends=SENDS,
    exempt={
        "unsigned": "Tencent signs nothing: the secret in the address and the allowed networks stand for it",
        "attachment": "a short message of Tencent carries text alone",
    },
)

"""The case table of the generic signed webhook."""

from __future__ import annotations

import hashlib
import hmac
import json
from dataclasses import replace
from typing import Any

from channels import Ack, Kept, WebhookRequest
from core.errors import BadSignature, Malformed, NotFound, WrongType
from core.model import Attachment, Button, DeliveryState, Inbound, MessageKind, Outbound, Receipt, Sent
from tests.channels.table import NOW, Fails, Receives, Request, Sends, Table, hangs, hangs_up, reply

SECRET = "kx8Fq2-a-secret-for-both"
T = int(NOW.timestamp())
OK = Ack(body=b'{"ok":true}', content_type="application/json")
TAKEN = reply(200, '{"ok":true}')


def signature(body: bytes, t: int = T, secret: str = SECRET) -> str:
    """Written apart from the channel's own, so that the two must agree on the words of the contract."""
    return f"t={t},v1=" + hmac.digest(secret.encode(), f"{t}.".encode() + body, hashlib.sha256).hex()


def sign(request: WebhookRequest) -> WebhookRequest:
    return replace(request, headers={**request.headers, "X-Qiantai-Signature": signature(request.body)})


def post(path: str, body: dict[str, Any] | bytes, *, method: str = "POST", **headers: str) -> WebhookRequest:
    raw = body if isinstance(body, bytes) else json.dumps(body, ensure_ascii=False).encode()
    given = {"Content-Type": "application/json", "X-Qiantai-Signature": signature(raw)}
    given |= {name.replace("_", "-"): value for name, value in headers.items()}
    return WebhookRequest(method=method, path=path, headers=given, body=raw, remote="127.0.0.1", now=NOW)


def out(body: str) -> Request:
    """The request that carries `body`."""
    raw = body.encode()
    headers = {"Content-Type": "application/json", "X-Qiantai-Signature": signature(raw)}
    return Request(method="POST", path="/callback?site=1", headers=headers, body=raw)


ASKED = {"id": "m-1001", "sender": "wx-7788", "text": "怎么查自己的信用报告", "language": "zh-CN"}
INBOUND = Inbound(sender="wx-7788", external_id="m-1001", text="怎么查自己的信用报告", language="zh")
PHOTO = {"media_type": "image/jpeg", "url": "https://files.example/a.jpg", "name": "a.jpg", "size": 5120}
STICKER = {"id": "m-9", "sender": "wx-7788", "sticker": {"set": "cats", "n": 3}}
QUEUED = {"id": "7", "state": "queued"}


def bad(label: str, says: str, **change: Any) -> Receives:
    """A message that differs from a good one in `change` (None takes a field away) and is malformed."""
    body = {k: v for k, v in {**ASKED, **change}.items() if v is not None}
    return Receives(label=f"malformed: {label}", request=post("in", body), raises=Malformed, says=says)


def forged(label: str, header: str, body: dict[str, Any] | bytes = ASKED) -> Receives:
    request = post("in", body, X_Qiantai_Signature=header)
    return Receives(label=f"bad signature: {label}", request=request, raises=BadSignature)


RAW = json.dumps(ASKED, ensure_ascii=False).encode()
RECEIVES = (
    Receives(label="text", request=post("in", ASKED), events=(INBOUND,), ack=OK),
    Receives(
        label="text: emoji, right-to-left, one that looks like a command",
        request=post("in", {"id": "m-2", "sender": "a", "text": "/restart \u202e\U0001f468\u200d\U0001f469 مرحبا"}),
        events=(Inbound(sender="a", external_id="m-2", text="/restart \u202e\U0001f468\u200d\U0001f469 مرحبا"),),
        ack=OK,
    ),
    Receives(
        label="text: of 20,000 characters, which the house answers and not we",
        request=post("in", {"id": "m-3", "sender": "a", "text": "长" * 20_000}),
        events=(Inbound(sender="a", external_id="m-3", text="长" * 20_000),),
        ack=OK,
    ),
    Receives(
        label="text: with the content type's charset",
        request=post("in", ASKED, Content_Type="Application/JSON; charset=utf-8"),
        events=(INBOUND,),
        ack=OK,
    ),
    Receives(
        label="text: signed at the edge of freshness",
        request=post("in", ASKED, X_Qiantai_Signature=signature(RAW, T - 300)),
        events=(INBOUND,),
        ack=OK,
    ),
    Receives(
        label="payload",
        request=post("in", {"id": "m-4", "sender": "a", "payload": '/faq{"id":"F22"}', "text": "查询"}),
        events=(
            Inbound(sender="a", external_id="m-4", kind=MessageKind.PAYLOAD, payload='/faq{"id":"F22"}', text="查询"),
        ),
        ack=OK,
    ),
    Receives(
        label="attachment",
        request=post("in", {"id": "m-5", "sender": "a", "text": "截图", "attachments": [PHOTO]}),
        events=(
            Inbound(
                sender="a",
                external_id="m-5",
                kind=MessageKind.ATTACHMENT,
                text="截图",
                attachments=(
                    Attachment(media_type="image/jpeg", url="https://files.example/a.jpg", name="a.jpg", size=5120),
                ),
            ),
        ),
        ack=OK,
    ),
    Receives(
        label="duplicate",
        request=post("in", ASKED),
        again=replace(post("in", ASKED, X_Qiantai_Signature=signature(RAW, T - 60)), remote="127.0.0.2"),
        events=(INBOUND,),
        ack=OK,
    ),
    Receives(
        label="unsupported",
        request=post("in", STICKER),
        kept=(Kept(reason="no text, payload or attachments in it", raw=STICKER, sender="wx-7788", external_id="m-9"),),
        ack=Ack(body=b'{"ok":true,"kept":"no text, payload or attachments in it"}', content_type="application/json"),
    ),
    Receives(
        label="unsupported: a receipt with a state that we do not know",
        request=post("receipt", QUEUED),
        kept=(Kept(reason="a state that is none of delivered, read, failed", raw=QUEUED),),
        ack=Ack(
            body=b'{"ok":true,"kept":"a state that is none of delivered, read, failed"}',
            content_type="application/json",
        ),
    ),
    *(
        Receives(
            label=f"receipt: {word}",
            request=post("receipt", {"id": "7", "state": word, "detail": "why"}),
            events=(Receipt(outbox_id=7, external_id="", state=state, detail="why"),),
            ack=OK,
        )
        for word, state in (
            ("delivered", DeliveryState.DELIVERED),
            ("read", DeliveryState.READ),
            ("failed", DeliveryState.FAILED),
        )
    ),
    forged("none", ""),
    forged("another secret", signature(RAW, secret="another secret entirely")),
    forged("of another body", signature(RAW + b" ")),
    forged("of another time", signature(RAW, T - 1).replace(f"t={T - 1}", f"t={T}")),
    forged("too old", signature(RAW, T - 301)),
    forged("from the future", signature(RAW, T + 301)),
    forged("only the digest", signature(RAW).partition("v1=")[2]),
    forged("two digests", f"{signature(RAW)},v1={'0' * 64}"),
    forged("capital hex", signature(RAW).upper().replace("T=", "t=").replace("V1=", "v1=")),
    forged("time with a zero before it", signature(RAW).replace("t=", "t=0")),
    forged("full-width digits", f"t={''.join(chr(ord(d) + 0xFEE0) for d in str(T))},v1={'0' * 64}"),
    forged("absurd time", f"t=999999999999,v1={'0' * 64}"),
    forged("and a broken body", "t=1,v1=00", b"{"),
    Receives(label="malformed", request=post("in", b"{"), raises=Malformed, says="not JSON"),
    Receives(
        label="malformed: not UTF-8",
        request=post("in", '{"id":"中"}'.encode("gb18030")),
        raises=Malformed,
        says="UTF-8",
    ),
    Receives(
        label="malformed: a key twice",
        request=post("in", b'{"id":"1","sender":"a","text":"x","text":"y"}'),
        raises=Malformed,
        says="a key stands twice",
    ),
    Receives(
        label="malformed: our own message sent back to us",
        request=post("in", {"id": "7", "to": "wx-7788", "text": "x", "buttons": [], "in_reply_to": ""}),
        raises=Malformed,
        says="sender",
    ),
    bad("no id", "id: a text", id=None),
    bad("a number as id", "id: a text", id=1001),
    bad("an empty id", "id: a text of 1 to 200", id=" "),
    bad("a long id", "id: a text of 1 to 200", id="1" * 201),
    bad("no sender", "sender: a text", sender=None),
    bad("a list as text", "text: a text", text=["x"]),
    bad("nothing said", "one of them says something", text=" \n"),
    bad("nothing in it", "one of them is needed", text=None),
    bad("a field misspelt", "langauge: no such field here", langauge="zh"),
    bad("NUL", "NUL", text="a\0b"),
    Receives(
        label="malformed: half a surrogate pair",
        request=post("in", b'{"id":"1","sender":"a","text":"\\ud83d"}'),
        raises=Malformed,
        says="surrogate",
    ),
    Receives(
        label="malformed: a NUL that is not escaped",
        request=post("in", b'{"id":"1","sender":"a","text":"a\0b"}'),
        raises=Malformed,
        says="not JSON",
    ),
    Receives(
        label="malformed: half a surrogate pair that is not escaped",
        request=post("in", b'{"id":"1","sender":"a","text":"\xed\xa0\xbd"}'),
        raises=Malformed,
        says="UTF-8",
    ),
    bad("a payload that is no payload", "payload: begins with", text="", payload="restart"),
    bad("a long payload", "at most 1000", text="", payload="/" + "x" * 1000),
    bad("a payload beside attachments", "no attachments beside it", payload="/x", attachments=[PHOTO]),
    bad("a language that is none", "language: a tag", language="中文"),
    bad("attachments that are no list", "attachments: a list", attachments=PHOTO),
    bad("too many attachments", "at most 10", attachments=[PHOTO] * 11),
    bad("an attachment that is a text", "objects with media_type", attachments=["a.jpg"]),
    bad("an attachment from a file", "an http address", attachments=[{**PHOTO, "url": "file:///etc/passwd"}]),
    bad("an attachment without a type", "media_type: as image/jpeg", attachments=[{"url": "https://files.example/a"}]),
    bad("an attachment of a negative size", "size: bytes", attachments=[{**PHOTO, "size": -1}]),
    bad("an attachment with more to it", "media_type, url, name and size", attachments=[{**PHOTO, "exec": "x"}]),
    Receives(
        label="malformed: a receipt for an id that is not ours",
        request=post("receipt", {"id": "x7", "state": "read"}),
        raises=Malformed,
        says="id: the id of a message of ours",
    ),
    Receives(
        label="malformed: a receipt with a number as id",
        request=post("receipt", {"id": 7, "state": "read"}),
        raises=Malformed,
        says="id: a text",
    ),
    Receives(
        label="malformed: a receipt without a state",
        request=post("receipt", {"id": "7"}),
        raises=Malformed,
        says="state: delivered, read, failed",
    ),
    Receives(
        label="wrong content type",
        request=post("in", ASKED, Content_Type="application/x-www-form-urlencoded"),
        raises=WrongType,
        says="application/json",
    ),
    Receives(label="no content type", request=post("in", ASKED, Content_Type=""), raises=WrongType),
    Receives(label="GET", request=post("in", ASKED, method="GET"), raises=NotFound),
    Receives(label="another address", request=post("out", ASKED), raises=NotFound),
    Receives(label="no address", request=post("", ASKED), raises=NotFound),
)

BUTTONS = (Button(title="查询信用报告", payload='/faq{"id":"F22"}'), Button(title="转人工", payload="/leave_message"))
HELLO = Outbound(id=7, address="wx-7788", text="您好，请选择：", buttons=BUTTONS, in_reply_to="m-1001")
SHORT = Outbound(id=8, address="wx-7788", text="好的")
SHORT_OUT = out('{"id":"8","to":"wx-7788","text":"好的","buttons":[],"in_reply_to":""}')
LONG = Outbound(id=9, address="wx-7788", text="甲" * 49 + "。" + "乙" * 30 + "👨‍👩‍👧" * 5, buttons=BUTTONS[:1])


def fails(label: str, answer: Any, failure: Fails, **more: Any) -> Sends:
    return Sends(label=label, message=SHORT, wire=(SHORT_OUT >> answer,), raises=failure, **more)


REFUSED = Fails(code="refused", retryable=False)
DOWN = Fails(code="server_down", retryable=True)
CUT_OFF = Fails(code="server_down", retryable=True, cut_off=True)
SENDS = (
    Sends(
        label="plain",
        message=HELLO,
        wire=(
            out(
                '{"id":"7","to":"wx-7788","text":"您好，请选择：","buttons":[{"title":"查询信用报告",'
                '"payload":"/faq{\\"id\\":\\"F22\\"}"},{"title":"转人工","payload":"/leave_message"}],'
                '"in_reply_to":"m-1001"}'
            )
            >> TAKEN,
        ),
        result=Sent(),
    ),
    Sends(
        label="plain: buttons as a list for a system that has none",
        message=HELLO,
        config={"buttons": False},
        wire=(
            out(
                '{"id":"7","to":"wx-7788","text":"您好，请选择：\\n1. 查询信用报告\\n2. 转人工","buttons":[],'
                '"in_reply_to":"m-1001"}'
            )
            >> TAKEN,
        ),
        result=Sent(),
    ),
    Sends(label="plain: 201", message=SHORT, wire=(SHORT_OUT >> reply(201, '{"ok":true,"more":1}'),), result=Sent()),
    Sends(
        label="long text",
        message=LONG,
        config={"text_max": 70},
        wire=(
            out(
                f'{{"id":"9","to":"wx-7788","text":"{LONG.text[:50]}","buttons":[],"in_reply_to":"","part":1,"parts":2}}'
            )
            >> TAKEN,
            out(
                f'{{"id":"9","to":"wx-7788","text":"{LONG.text[50:]}","buttons":[{{"title":"查询信用报告",'
                '"payload":"/faq{\\"id\\":\\"F22\\"}"}],"in_reply_to":"","part":2,"parts":2}'
            )
            >> TAKEN,
        ),
        result=Sent(),
    ),
    Sends(
        label="long text: the second part is throttled",
        message=LONG,
        config={"text_max": 70, "buttons": True},
        wire=(
            out(
                f'{{"id":"9","to":"wx-7788","text":"{LONG.text[:50]}","buttons":[],"in_reply_to":"","part":1,"parts":2}}'
            )
            >> TAKEN,
            out(
                f'{{"id":"9","to":"wx-7788","text":"{LONG.text[50:]}","buttons":[{{"title":"查询信用报告",'
                '"payload":"/faq{\\"id\\":\\"F22\\"}"}],"in_reply_to":"","part":2,"parts":2}'
            )
            >> reply(429),
        ),
        raises=Fails(code="throttled", retryable=True),
    ),
    fails(
        "throttled",
        reply(429, "slow down", {"Retry-After": "7"}),
        Fails(code="throttled", retryable=True, retry_after=7.0),
    ),
    fails("server down", reply(503, "<h1>maintenance</h1>"), DOWN),
    fails(
        "server down: 500 that says when",
        reply(500, "", {"Retry-After": "30"}),
        Fails(code="server_down", retryable=True, retry_after=30.0),
    ),
    fails("server down: a gateway lost its answer", reply(502, "bad gateway"), CUT_OFF),
    fails("server down: no answer in time", hangs(), CUT_OFF, config={"timeout": 0.3}),
    fails("server down: hangs up", hangs_up(), CUT_OFF),
    Sends(label="server down: nobody listens", message=SHORT, listening=False, raises=DOWN),
    fails("refused", reply(403, "who are you"), REFUSED),
    fails("refused: 400", reply(400, '{"error":"bad to"}'), REFUSED),
    fails("refused: 404", reply(404), REFUSED),
    fails("refused: a redirect is not followed", reply(302, "", {"Location": "http://192.0.2.1/"}), REFUSED),
    fails("contact stopped", reply(410, '{"ok":true}'), Fails(code="contact_stopped", retryable=False)),
    fails("200 but error", reply(200, '{"error":"unknown_contact"}'), REFUSED),
    fails("200 but error: ok and error", reply(200, '{"ok":true,"error":"half"}'), REFUSED),
    fails("200 but error: not ok", reply(200, '{"ok":1}'), REFUSED),
    fails("200 but error: nothing", reply(200), REFUSED),
    fails("200 but error: nothing to say", reply(204), REFUSED),
    fails("200 but error: a page", reply(200, "<html>sign in</html>", {"Content-Type": "text/html"}), REFUSED),
    fails("200 but error: no end of it", reply(200, '{"ok":true,"x":"' + "x" * 200_000 + '"}'), REFUSED),
    fails("200 but error: it quotes the consumer", reply(200, '{"error":"cannot deliver 好的 to wx-7788"}'), REFUSED),
)


def config(base_url: str) -> dict[str, Any]:
    return {"kind": "webhook", "secret": SECRET, "callback_url": f"{base_url}/callback?site=1"}


TABLE = Table(config=config, sign=sign, receives=RECEIVES, sends=SENDS)

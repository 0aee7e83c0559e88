"""The case table of SMS through Kannel; tests/kannel runs the same against Kannel itself."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from channels import Ack, Kept, WebhookRequest
from core.errors import BadSignature, Malformed, NotFound
from core.model import Button, DeliveryState, Inbound, Outbound, Receipt, Sent
from tests.channels.table import NOW, Fails, Receives, Reply, Request, Sends, Table, hangs, hangs_up, reply

SECRET = "q3T_long-and-only-in-addresses"
PASSWORD = "door-password"
NUMBER = "10690001"
PHONE = "13800000001"
HOUSE = "http://127.0.0.1:8080"
OK = Ack()
TAKEN = reply(202, "0: Accepted for delivery")


def get(which: str, query: dict[str, str], **more: Any) -> WebhookRequest:
    path = f"{SECRET}/{which}" if which else SECRET
    return WebhookRequest(**({"method": "GET", "path": path, "query": query, "remote": "127.0.0.1", "now": NOW} | more))


ASKED = {
    "id": "677d5a68-ff93-4624-91bf-cbbb14294661",
    "from": PHONE,
    "to": NUMBER,
    "text": "怎么查自己的信用报告？",
    "ts": "1795326955",
    "smsc": "FAKE",
    "coding": "0",
    "udh": "",
}
INBOUND = Inbound(sender=PHONE, external_id=ASKED["id"], text=ASKED["text"])
REPORT = {"id": "7", "d": "1", "reply": "", "fid": "73c1aa85", "smsc": "FAKE", "ts": "1795326957"}
UNDELIVERED = (
    "id:1001 sub:001 dlvrd:000 submit date:2611221200 done date:2611221201 stat:UNDELIV err:011 text:您的信用报告"
)


def says(label: str, inbound: Inbound = INBOUND, **change: str) -> Receives:
    return Receives(label=label, request=get("mo", ASKED | change), events=(inbound,), ack=OK)


def bad(label: str, hint: str, which: str = "mo", **change: str | None) -> Receives:
    """A call that differs from a good one in `change` (None takes a field away) and is malformed."""
    query = {k: v for k, v in ({**(ASKED if which == "mo" else REPORT)} | change).items() if v is not None}
    return Receives(label=f"malformed: {label}", request=get(which, query), raises=Malformed, says=hint)


def forged(label: str, **change: Any) -> Receives:
    return Receives(label=f"bad signature: {label}", request=get("mo", ASKED, **change), raises=BadSignature)


def kept(label: str, reason: str, **change: str) -> Receives:
    raw = ASKED | change
    what = Kept(reason=reason, raw=raw, sender=PHONE, external_id=ASKED["id"])
    return Receives(label=label, request=get("mo", raw), kept=(what,), ack=OK)


def reports(label: str, d: str, state: DeliveryState, detail: str = "", said: str = "") -> Receives:
    return Receives(
        label=f"receipt: {label}",
        request=get("dlr", REPORT | {"d": d, "reply": said}),
        events=(Receipt(outbox_id=7, external_id="", state=state, detail=detail),),
        ack=OK,
    )


def unknown(d: str) -> Receives:
    raw = REPORT | {"d": d}
    what = Kept(reason="a receipt that says nothing we know", raw=raw)
    return Receives(label=f"unsupported: a receipt of {d}", request=get("dlr", raw), kept=(what,), ack=OK)


RECEIVES = (
    says("text"),
    says(
        "text: emoji, right-to-left, one that looks like a command",
        replace(INBOUND, text="/restart \u202e\U0001f468\u200d\U0001f469 مرحبا"),
        text="/restart \u202e\U0001f468\u200d\U0001f469 مرحبا",
    ),
    says("text: a word that ends our messages is the house's to read", replace(INBOUND, text="TD"), text="TD"),
    says("text: from abroad", replace(INBOUND, sender="+447700900123"), **{"from": "+447700900123"}),
    says("text: from a company's name", replace(INBOUND, sender="MyBank"), **{"from": "MyBank"}),
    Receives(
        label="text: only what is needed", request=get("mo", dict(list(ASKED.items())[:4])), events=(INBOUND,), ack=OK
    ),
    Receives(
        label="text: from a private network", request=get("mo", ASKED, remote="10.2.3.4"), events=(INBOUND,), ack=OK
    ),
    Receives(
        label="text: from loopback on a socket for both families",
        request=get("mo", ASKED, remote="::ffff:127.0.0.1"),
        events=(INBOUND,),
        ack=OK,
    ),
    Receives(
        label="duplicate",
        request=get("mo", ASKED),
        again=get("mo", ASKED | {"ts": "1795326999"}),
        events=(INBOUND,),
        ack=OK,
    ),
    kept("attachment", "a binary message", coding="1", text="\x06\x05\x04#application/vnd.wap.mms-message"),
    kept("unsupported", "a message without a text", text=" "),
    unknown("0"),
    unknown("64"),
    unknown("-1"),
    unknown("delivered"),
    unknown("99999999"),
    reports("delivered", "1", DeliveryState.DELIVERED),
    reports("failed", "2", DeliveryState.FAILED, "failed"),
    reports("failed, and the carrier quotes the text", "2", DeliveryState.FAILED, "failed: UNDELIV 011", UNDELIVERED),
    reports("buffered", "4", DeliveryState.SENT),
    reports("accepted by the carrier", "8", DeliveryState.SENT, said="ACK/"),
    reports("rejected", "16", DeliveryState.FAILED, "rejected: NACK/no SMSC", "NACK/no SMSC"),
    reports("expired", "34", DeliveryState.FAILED, "expired"),
    reports("accepted and delivered in one", "9", DeliveryState.DELIVERED),
    reports("buffered, then failed, in one", "6", DeliveryState.FAILED, "failed"),
    reports("a bit we do not know beside one we do", "65", DeliveryState.DELIVERED),
    reports("a reason without end", "16", DeliveryState.FAILED, "rejected: NACK/" + "x" * 185, "NACK/" + "x" * 9000),
    Receives(
        label="receipt: only what is needed",
        request=get("dlr", {"id": "7", "d": "1"}),
        events=(Receipt(outbox_id=7, external_id="", state=DeliveryState.DELIVERED),),
        ack=OK,
    ),
    Receives(label="bad signature", request=get("mo", ASKED, path=f"{SECRET.upper()}/mo"), raises=BadSignature),
    forged("no secret", path="mo"),
    forged("half a secret", path=f"{SECRET[:-1]}/mo"),
    forged("a secret and more", path=f"{SECRET}/{SECRET}/mo"),
    forged("Chinese", path="口令/mo"),
    forged("half of a surrogate pair", path="\ud83d/mo"),
    forged("from the internet", remote="203.0.113.7"),
    forged("from the internet, dressed up", remote="::ffff:203.0.113.7"),
    forged("from nobody knows where", remote=""),
    forged("a proxy that does not say for whom", remote="unknown"),
    Receives(label="malformed", request=get("mo", {}), raises=Malformed, says="id: %I"),
    bad("no id", "id: %I", id=None),
    bad("an empty id", "id: %I", id=" "),
    bad("a long id", "id: %I", id="1" * 201),
    bad("no sender", "from: %p", **{"from": ""}),
    bad("a sender that would be a header of ours", "from: %p", **{"from": "1380\r\nX-Kannel-From: 1"}),
    bad("a sender that is a sentence", "from: %p", **{"from": "138 0000"}),
    bad("no text at all", "text: %b", text=None),
    bad("the bytes of UTF-16", "NUL character: is mo-recode = true", text="\0h\0i"),
    bad("a receipt without an id", "id: the id of a message of ours", "dlr", id=None),
    bad("a receipt for an id that is not ours", "id: the id of a message of ours", "dlr", id="x7"),
    bad("a receipt that says nothing", "d: %d", "dlr", d=None),
    Receives(label="POST", request=get("mo", ASKED, method="POST"), raises=NotFound),
    Receives(label="another address", request=get("in", ASKED), raises=NotFound),
    Receives(label="the secret alone", request=get("", ASKED), raises=NotFound),
    Receives(label="no address", request=get("mo", ASKED, path=""), raises=NotFound),
)


def out(text: str, *, id: int = 7, coding: str = "2", mask: int = 31, **more: str) -> Request:
    """The call that carries `text`."""
    headers = {
        "Content-Type": "text/plain; charset=UTF-8",
        "X-Kannel-Username": "door",
        "X-Kannel-Password": PASSWORD,
        "X-Kannel-From": NUMBER,
        "X-Kannel-To": PHONE,
        "X-Kannel-Coding": coding,
        "X-Kannel-DLR-Mask": str(mask),
        "X-Kannel-DLR-Url": f"{HOUSE}/c/test/{SECRET}/dlr?id={id}&d=%d&reply=%A&fid=%F&smsc=%i&ts=%T",
    } | {f"X-Kannel-{name}": value for name, value in more.items()}
    return Request(method="POST", path="/cgi-bin/sendsms", headers=headers, body=text.encode())


FAMILY = "👨‍👩‍👧"  # 8 units of UTF-16
SHORT = Outbound(id=7, address=PHONE, text="好的，马上。")
MENU = Outbound(
    id=7,
    address=PHONE,
    text="请选择：",
    buttons=(
        Button(title="查询信用报告", payload='/faq{"id":"F22"}'),
        Button(title="转人工", payload="/leave_message"),
    ),
)
THREE = Outbound(id=7, address=PHONE, text="甲" * 66 + FAMILY + "乙" * 59 + "🏦" + "丙" * 20)
MORE = Outbound(id=8, address=PHONE, text="甲" * 80 + "。\n" + "乙" * 100)


def fails(label: str, answer: Reply, failure: Fails, **more: Any) -> Sends:
    return Sends(label=label, message=SHORT, wire=(out(SHORT.text) >> answer,), raises=failure, **more)


REFUSED = Fails(code="refused", retryable=False)
DOWN = Fails(code="server_down", retryable=True)
CUT_OFF = Fails(code="server_down", retryable=True, cut_off=True)
SENDS = (
    Sends(label="plain", message=SHORT, wire=(out(SHORT.text) >> TAKEN,), result=Sent()),
    Sends(
        label="plain: the link to the carrier is down, Kannel keeps it",
        message=SHORT,
        wire=(out(SHORT.text) >> reply(202, "3: Queued for later delivery"),),
        result=Sent(),
    ),
    Sends(
        label="plain: buttons as a list",
        message=MENU,
        wire=(out("请选择：\n1. 查询信用报告\n2. 转人工") >> TAKEN,),
        result=Sent(),
    ),
    Sends(
        label="plain: English in the alphabet of phones, with its extension",
        message=replace(SHORT, text="Up to €500,000 [per bank]."),
        wire=(out("Up to €500,000 [per bank].", coding="0") >> TAKEN,),
        result=Sent(),
    ),
    Sends(
        label="plain: signed, by a link of its own",
        message=SHORT,
        config={"signature": "前台", "smsc": "MOBILE-1"},
        wire=(out("【前台】好的，马上。", SMSC="MOBILE-1") >> TAKEN,),
        result=Sent(),
    ),
    Sends(
        label="plain: three parts, no emoji cut; any may report that it failed, the last that all is there",
        message=THREE,
        wire=(
            out("甲" * 66, mask=18, UDH="050003310301") >> TAKEN,
            out(FAMILY + "乙" * 59, mask=18, UDH="050003310302") >> TAKEN,
            out("🏦" + "丙" * 20, UDH="050003310303") >> TAKEN,
        ),
        result=Sent(),
    ),
    Sends(
        label="plain: two parts of the alphabet of phones",
        message=replace(SHORT, text="a" * 152 + "[" + "b" * 20),
        wire=(
            out("a" * 152, coding="0", mask=18, UDH="050003310201") >> TAKEN,
            out("[" + "b" * 20, coding="0", UDH="050003310202") >> TAKEN,
        ),
        result=Sent(),
    ),
    Sends(
        label="long text",
        message=MORE,
        config={"parts_max": 2, "signature": "前台"},
        wire=(
            out("【前台】" + "甲" * 63, id=8, mask=18, UDH="050003380201") >> TAKEN,
            out("甲" * 17 + "。", id=8, mask=18, UDH="050003380202") >> TAKEN,
            out("【前台】" + "乙" * 63, id=8, mask=18, UDH="050003390201") >> TAKEN,
            out("乙" * 37, id=8, UDH="050003390202") >> TAKEN,
        ),
        result=Sent(),
    ),
    Sends(
        label="long text: the second part cannot be taken now",
        message=MORE,
        config={"parts_max": 2},
        wire=(
            out("甲" * 67, id=8, mask=18, UDH="050003380201") >> TAKEN,
            out("甲" * 13 + "。", id=8, mask=18, UDH="050003380202")
            >> reply(503, "Temporal failure, try again later."),
        ),
        raises=DOWN,
    ),
    fails("throttled", reply(429, "", {"Retry-After": "7"}), Fails(code="throttled", retryable=True, retry_after=7.0)),
    fails("server down", reply(503, "Temporal failure, try again later."), DOWN),
    fails("server down: no answer in time", hangs(), CUT_OFF, config={"timeout": 0.3}),
    fails("server down: hangs up", hangs_up(), CUT_OFF),
    Sends(label="server down: nobody listens", message=SHORT, listening=False, raises=DOWN),
    fails("refused", reply(403, "Not routable. Do not try again."), REFUSED),
    fails("refused: another password", reply(403, "Authorization failed for sendsms"), REFUSED),
    fails(
        "refused: a list of Kannel's own",
        reply(400, "Number(s) has/have been denied by white- and/or black-lists."),
        REFUSED,
    ),
    fails("refused: another page", reply(404, "<html>Not found</html>"), REFUSED),
    fails("200 but error", reply(200, "<html>sign in</html>"), REFUSED),
    fails("200 but error: 202 with a code we do not know", reply(202, "4: Something else"), REFUSED),
    fails("200 but error: nothing", reply(202), REFUSED),
    fails("200 but error: it quotes the consumer", reply(200, f"no {SHORT.text} to {PHONE}"), REFUSED),
)


def config(base_url: str) -> dict[str, Any]:
    return {
        "kind": "kannel",
        "secret": SECRET,
        "number": NUMBER,
        "send_url": f"{base_url}/cgi-bin/sendsms",
        "username": "door",
        "password": PASSWORD,
    }


TABLE = Table(
    config=config,
    sign=lambda request: request,  # nothing depends on the query
    receives=RECEIVES,
    sends=SENDS,
    exempt={
        "contact stopped": "Kannel never says it: who wants no more of us writes it, and the house reads that",
        "unsigned": "Kannel signs nothing; the secret is in the address, which no call can leave out",
    },
)

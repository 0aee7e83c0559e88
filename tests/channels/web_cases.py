"""The case table of the web chat's way over HTTP; the frames of its socket have their own tests in test_web.py."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from channels import Ack, Kept, WebhookRequest
from core.errors import BadSignature, Malformed, NotFound, WrongType
from core.model import Attachment, Button, Inbound, MessageKind, Outbound, Sent
from tests.channels.table import NOW, Receives, Sends, Table

TOKEN = "Qm9vdHN0cmFwcGluZy1pcy1mdW4tZm9yLWV2ZXJ5MDE"  # as `Web.new_token` makes them
OK = Ack(body=b'{"ok":true}', content_type="application/json")
ASKED = {"type": "msg", "cid": "3f2b-1", "text": "怎么查自己的信用报告？"}
FILE = {"type": "msg", "cid": "4", "file_id": "Ab-_" * 5 + "xy"}
TYPES = {"type": "typing", "on": True}
INBOUND = Inbound(sender=TOKEN, external_id="3f2b-1", text="怎么查自己的信用报告？")


def post(body: dict[str, Any] | bytes, *, method: str = "POST", path: str = "in", **headers: str) -> WebhookRequest:
    raw = body if isinstance(body, bytes) else json.dumps(body, ensure_ascii=False).encode()
    given = {"Content-Type": "application/json", "X-Qiantai-Token": TOKEN}
    given |= {name.replace("_", "-"): value for name, value in headers.items()}
    return WebhookRequest(method=method, path=path, headers=given, body=raw, now=NOW)


def bad(label: str, says: str, **change: Any) -> Receives:
    return Receives(label=f"malformed: {label}", request=post({**ASKED, **change}), raises=Malformed, says=says)


RECEIVES = (
    Receives(label="text", request=post(ASKED), events=(INBOUND,), ack=OK),
    Receives(
        label="payload",
        request=post({"type": "msg", "cid": "3", "payload": '/faq{"id":"F22"}', "title": "查询信用报告"}),
        events=(
            Inbound(
                sender=TOKEN,
                external_id="3",
                kind=MessageKind.PAYLOAD,
                payload='/faq{"id":"F22"}',
                text="查询信用报告",
            ),
        ),
        ack=OK,
    ),
    Receives(
        label="attachment",
        request=post(FILE),
        events=(
            Inbound(
                sender=TOKEN,
                external_id="4",
                kind=MessageKind.ATTACHMENT,
                attachments=(Attachment(media_type="", url=f"upload:{FILE['file_id']}"),),
            ),
        ),
        ack=OK,
    ),
    Receives(
        label="unsupported",
        request=post(TYPES),
        kept=(Kept(reason="typing: only a socket carries this frame", raw=TYPES, sender=TOKEN),),
        ack=OK,
    ),
    Receives(label="duplicate", request=post(ASKED), again=post({**ASKED}, X_Other="1"), events=(INBOUND,), ack=OK),
    Receives(label="bad signature", request=post(ASKED, X_Qiantai_Token=""), raises=BadSignature),
    Receives(
        label="bad signature: a token that was chosen, not made",
        request=post(ASKED, X_Qiantai_Token="me"),
        raises=BadSignature,
    ),
    Receives(
        label="bad signature: two tokens", request=post(ASKED, X_Qiantai_Token=f"{TOKEN}, x"), raises=BadSignature
    ),
    Receives(label="malformed", request=post(b"{"), raises=Malformed, says="not JSON"),
    Receives(label="malformed: not UTF-8", request=post(b'{"type":"\xff"}'), raises=Malformed, says="UTF-8"),
    bad("no such frame", "type: one of hello, msg, typing, read, rate, ping", type="shout"),
    bad("nothing said", "says something", text=" "),
    Receives(label="wrong content type", request=post(ASKED, Content_Type="text/plain"), raises=WrongType),
    Receives(label="GET", request=post(ASKED, method="GET"), raises=NotFound),
    Receives(label="another address", request=post(ASKED, path="receipt"), raises=NotFound),
)

ANSWER = Outbound(id=7, address=TOKEN, text="您好", buttons=(Button(title="转人工", payload="/leave_message"),))
NOBODY_IS_CALLED = "nobody is called: the client reads the ledger after its last seq"

TABLE = Table(
    config=lambda base_url: {"kind": "web"},
    sign=lambda request: request,  # the token does not depend on the body
    receives=RECEIVES,
    sends=(
        Sends(label="plain", message=ANSWER, result=Sent()),
        Sends(label="long text", message=replace(ANSWER, text="长" * 4001), result=Sent()),
    ),
    exempt=dict.fromkeys(("throttled", "server down", "refused", "contact stopped", "200 but error"), NOBODY_IS_CALLED),
    secrets=(TOKEN,),
)

"""The case table of Rasa's web chat: nothing comes in by HTTP and nobody is called; its events are tested in
test_rasa_webchat.py, its socket in tests/door/test_rasa_socket.py and its own widget in tests/browser."""

from __future__ import annotations

from dataclasses import replace

from channels import WebhookRequest
from core.errors import NotFound
from core.model import Button, Outbound, Sent
from tests.channels.table import INCOMING, NOW, OUTGOING, Receives, Sends, Table

ANSWER = Outbound(id=7, address="a session", text="您好", buttons=(Button(title="留言", payload="/leave_message"),))
POSTED = WebhookRequest(method="POST", path="in", headers={}, body=b'{"message":"hi"}', now=NOW)

TABLE = Table(
    config=lambda base_url: {"kind": "rasa_webchat"},
    sign=lambda request: request,  # nothing is taken here
    receives=(Receives(label="POST", request=POSTED, raises=NotFound, says="socket.io"),),
    sends=(
        Sends(label="plain", message=ANSWER, result=Sent()),
        Sends(label="long text", message=replace(ANSWER, text="长" * 4001), result=Sent()),
    ),
    exempt={
        **dict.fromkeys(INCOMING, "everything comes over socket.io, which has its own tests"),
        **{
            label: "nobody is called: the door reads the ledger after what it has shown"
            for label in OUTGOING
            if label not in ("plain", "long text")
        },
    },
)

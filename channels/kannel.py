"""SMS through Kannel, the gateway that speaks SMPP and the like to carriers: its callbacks in, its sendsms out.

Kannel calls us with GET and takes any answer of 200 as final; the names are ours, the values its escape codes:

    /c/<channel id>/<secret>/mo?id=%I&from=%p&to=%P&text=%b&ts=%T&smsc=%i&coding=%c&udh=%u     a message of a consumer
    /c/<channel id>/<secret>/dlr?id=<ours>&d=%d&reply=%A&fid=%F&smsc=%i&ts=%T                  a receipt

It signs nothing: the secret in the address and the addresses it may call from stand for a signature. `%I` is the same
in every repetition of a call. Receipts come in any order, and what they say is a set of bits.

Out: POST <send_url>, one call for each part of a message. Kannel gives no id of its own, so ours is in the address for
the receipts; and it does not know a message again that it has, so one that may have got through is not repeated.
`./qiantai channels kannel-config` writes the configuration that Kannel needs for all this.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Annotated, ClassVar, cast
from urllib.parse import quote

from pydantic import Field, SecretStr, field_validator

from channels import Ack, BaseConfig, Clock, Kept, Parsed, WebhookRequest
from channels._address import BaseUrl
from channels._callers import Callers, Networks, PathSecret
from channels._http import Answer, Client, failure
from channels._parts import rest
from channels._sms import GSM7, PARTS_MOST, UCS2, coding, header, messages
from channels._text import fit, unstorable
from core.errors import Malformed, NotFound, SendError, Unsupported
from core.model import Capabilities, ChannelId, DeliveryState, Event, Inbound, Outbound, Receipt, Sent

MO_QUERY = "id=%I&from=%p&to=%P&text=%b&ts=%T&smsc=%i&coding=%c&udh=%u"
DLR_QUERY = "d=%d&reply=%A&fid=%F&smsc=%i&ts=%T"

NEAR = "127.0.0.0/8, ::1/128, 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16, fc00::/7"
ID_MAX = 200  # characters; Kannel's ids are UUIDs
DETAIL_MAX = 200  # characters of a receipt's reason that are kept
CHECK_SECONDS = 5.0

# What a receipt says, as a set of bits (Kannel's user guide, "Delivery reports"; 32 is in its source alone).
DELIVERED, FAILED, BUFFERED, ACCEPTED, REJECTED, EXPIRED = 1, 2, 4, 8, 16, 32
ALL_REPORTS = DELIVERED | FAILED | BUFFERED | ACCEPTED | REJECTED
BAD_REPORTS = FAILED | REJECTED

_WHOLE = 10**9  # characters: more than any text has
_BINARY = "1"  # %c of a message that is no text
_SENDER = re.compile(r"\+?[0-9A-Za-z*#]{1,32}")  # a number, or the name that a company sends under
_OUR_ID = re.compile(r"[1-9][0-9]{0,17}")
_REPORT = re.compile(r"[0-9]{1,4}")
_WORD = re.compile(r"[!#-\[\]-~]{1,64}")  # stands in a header and between quotes in Kannel's configuration
_NUMBER = re.compile(r"\+?[0-9]{1,20}|[A-Za-z0-9]{1,11}")
_STAT = re.compile(r"\bstat:(\w+)(?: err:(\w+))?")  # in a receipt of SMPP 3.4, beside the first words of the message


class Config(BaseConfig):
    secret: PathSecret = Field(description="16 or more of A-Z a-z 0-9 _ -: what only Kannel knows of our address")
    number: str = Field(description="the number that consumers write to, which our messages come from")
    send_url: BaseUrl = Field(description="Kannel's sendsms, http://127.0.0.1:13013/cgi-bin/sendsms; http only if near")
    username: str = Field(description="of the sendsms-user in Kannel's configuration")
    password: SecretStr = Field(description="of the sendsms-user")
    house_url: BaseUrl = Field(default="http://127.0.0.1:8080", description="where Kannel reaches this house")
    allow: Networks = Field(
        default=NEAR, description="addresses and networks that Kannel calls from, with commas between"
    )
    smsc: str = Field(default="", description="the smsc-id that our messages leave by; empty: Kannel chooses")
    signature: str = Field(
        default="", max_length=20, description="the registered name of the sender; stands as 【…】 before every message"
    )
    parts_max: Annotated[int, Field(ge=1, le=PARTS_MOST)] = Field(
        default=8, description="parts of one message; a longer text goes out as several messages"
    )
    timeout: float = Field(default=10.0, ge=0.1, le=60.0, description="seconds one call may take")

    @field_validator("username", "password")
    @classmethod
    def _in_a_header(cls, value: str | SecretStr) -> str | SecretStr:
        if not _WORD.fullmatch(value.get_secret_value() if isinstance(value, SecretStr) else value):
            raise ValueError('1 to 64 visible ASCII characters without " and \\')
        return value

    @field_validator("smsc")
    @classmethod
    def _names_a_link(cls, value: str) -> str:
        if value and not re.fullmatch(r"[A-Za-z0-9_-]{1,64}", value):
            raise ValueError("A-Z a-z 0-9 _ -, as in Kannel's configuration")
        return value

    @field_validator("number")
    @classmethod
    def _can_be_written_to(cls, value: str) -> str:
        if not _NUMBER.fullmatch(value):
            raise ValueError("a number such as 10690001 or +8610690001, or a name of 11 letters and digits at most")
        return value

    @field_validator("signature")
    @classmethod
    def _is_a_name(cls, value: str) -> str:
        if not value.isprintable() or value != value.strip() or set("【】[]") & set(value):
            raise ValueError("the name alone, without 【】")
        return value


def mo_url(channel_id: ChannelId, config: Config) -> str:
    """Kannel's get-url: where it brings us what consumers write."""
    return f"{_base(channel_id, config)}/mo?{MO_QUERY}"


def dlr_url(channel_id: ChannelId, config: Config, outbox_id: int) -> str:
    """Where Kannel reports on one message of ours."""
    return f"{_base(channel_id, config)}/dlr?id={outbox_id}&{DLR_QUERY}"


def _base(channel_id: ChannelId, config: Config) -> str:
    return f"{config.house_url}/c/{channel_id}/{config.secret.get_secret_value()}"


class Kannel:
    """One number behind one Kannel."""

    kind: ClassVar[str] = "kannel"

    def __init__(self, channel_id: ChannelId, config: Config) -> None:
        self.id = channel_id
        self._prefix = f"【{config.signature}】" if config.signature else ""
        self.capabilities = Capabilities(
            receipts=True, text_max=config.parts_max * UCS2.part - len(self._prefix), resend_unknown=False
        )
        self._config = config
        self._callers = Callers(config.secret, config.allow)
        self._http = Client()

    def __repr__(self) -> str:
        return f"Kannel({self.id!r})"

    # ---- in ----

    def parse(self, request: WebhookRequest) -> Parsed:
        which = request.path.rpartition("/")[2]
        reader = _READERS.get(which) if request.method == "GET" else None
        if reader is None:
            raise NotFound
        self._callers.verify(request)
        query = dict(request.query)
        if why := unstorable(query):
            raise Malformed(f"{why}: is mo-recode = true in Kannel's configuration?")
        try:
            return Parsed(events=(reader(query),), ack=Ack())
        except Unsupported as e:
            is_message = which == "mo"
            kept = Kept(
                reason=e.detail,
                raw=query,
                sender=query["from"] if is_message else "",
                external_id=query["id"] if is_message else "",
            )
            return Parsed(kept=(kept,), ack=Ack())

    # ---- out ----

    async def start(self) -> None:
        await self._http.start()

    async def send(self, message: Outbound) -> Sent:
        [whole] = fit(message, replace(self.capabilities, text_max=_WHOLE))
        cut = messages(whole.text, self._config.parts_max, self._prefix)
        calls = [(which, n, parts) for which, parts in enumerate(cut) for n in range(1, len(parts) + 1)]
        async for _, (which, n, parts) in rest(message, calls):
            headers = self._headers(message, last=(which, n, parts) == calls[-1])
            headers["X-Kannel-Coding"] = "0" if coding("".join(parts)) is GSM7 else "2"
            if len(parts) > 1:
                # Made of our id, so that a repetition has it again and the phone takes nothing twice; times 7, so that
                # a message of several and the next one have different ones.
                headers["X-Kannel-UDH"] = header(message.id * 7 + which, len(parts), n).hex()
            answer = await self._http.post(
                self._config.send_url, body=parts[n - 1].encode(), headers=headers, within=self._config.timeout
            )
            _judge(answer)
        return Sent()

    def _headers(self, message: Outbound, *, last: bool) -> dict[str, str]:
        """The message is delivered when its last part is, and failed when any part is."""
        headers = {
            "Content-Type": "text/plain; charset=UTF-8",
            "X-Kannel-Username": self._config.username,
            "X-Kannel-Password": self._config.password.get_secret_value(),
            "X-Kannel-From": self._config.number,
            "X-Kannel-To": message.address,
            "X-Kannel-DLR-Mask": str(ALL_REPORTS if last else BAD_REPORTS),
            "X-Kannel-DLR-Url": dlr_url(self.id, self._config, message.id),
        }
        return headers | ({"X-Kannel-SMSC": self._config.smsc} if self._config.smsc else {})

    async def close(self) -> None:
        await self._http.close()


def create(channel_id: ChannelId, config: BaseConfig, clock: Clock) -> Kannel:
    return Kannel(channel_id, cast(Config, config))


# ---- reading --------------------------------------------------------------------------------------------------------


def _message(query: Mapping[str, str]) -> Inbound:
    external_id, sender = query.get("id", ""), query.get("from", "")
    if not external_id.strip() or len(external_id) > ID_MAX:
        raise Malformed("id: %I of Kannel is needed")
    if not _SENDER.fullmatch(sender):
        raise Malformed("from: %p of Kannel is needed, a number")
    if "text" not in query:
        raise Malformed("text: %b of Kannel is needed")
    if query.get("coding") == _BINARY:
        raise Unsupported("a binary message")
    if not query["text"].strip():
        raise Unsupported("a message without a text")
    return Inbound(sender=sender, external_id=external_id, text=query["text"])


def _receipt(query: Mapping[str, str]) -> Receipt:
    our_id, said = query.get("id", ""), query.get("d", "")
    if not _OUR_ID.fullmatch(our_id):
        raise Malformed("id: the id of a message of ours")
    if not said:
        raise Malformed("d: %d of Kannel is needed")
    bits = int(said) if _REPORT.fullmatch(said) else 0
    state = _state(bits)
    detail = _reason(bits, query.get("reply", "")) if state is DeliveryState.FAILED else ""
    return Receipt(outbox_id=int(our_id), external_id="", state=state, detail=detail)


def _state(bits: int) -> DeliveryState:
    if bits & (FAILED | REJECTED | EXPIRED):
        return DeliveryState.FAILED
    if bits & DELIVERED:
        return DeliveryState.DELIVERED
    if bits & (BUFFERED | ACCEPTED):
        return DeliveryState.SENT
    raise Unsupported("a receipt that says nothing we know")


def _reason(bits: int, reply: str) -> str:
    """Why a message failed, in the carrier's words; never the text that some of them quote."""
    word = next(name for bit, name in ((EXPIRED, "expired"), (REJECTED, "rejected"), (FAILED, "failed")) if bits & bit)
    if found := _STAT.search(reply):
        return f"{word}: {' '.join(part for part in found.groups() if part)}"[:DETAIL_MAX]
    said = reply if reply.startswith("NACK/") else ""
    return (f"{word}: {said}" if said else word)[:DETAIL_MAX]


_READERS: dict[str, Callable[[Mapping[str, str]], Event]] = {"mo": _message, "dlr": _receipt}


# ---- writing --------------------------------------------------------------------------------------------------------


def _judge(answer: Answer) -> None:
    """Return if Kannel says that it has the part: "0: Accepted for delivery", or "3: Queued" while its link is down."""
    if error := failure(answer):
        raise error
    if not answer.body.startswith((b"0: ", b"3: ")):
        raise SendError("refused", f"HTTP {answer.status}, but not Kannel's word that it was taken", retryable=False)


# ---- for ./qiantai channels -----------------------------------------------------------------------------------------


async def check(channel_id: ChannelId, config: BaseConfig, public_url: str) -> list[str]:
    """What would not work, asked of Kannel with a message to nobody, which it refuses after it looked at the login."""
    settings, http = cast(Config, config), Client()
    headers = {
        "Content-Type": "text/plain; charset=UTF-8",
        "X-Kannel-Username": settings.username,
        "X-Kannel-Password": settings.password.get_secret_value(),
    }
    await http.start()
    try:
        answer = await http.post(settings.send_url, body=b"", headers=headers, within=CHECK_SECONDS)
    except SendError:
        return ["Kannel does not answer at send_url: is its smsbox running, with this sendsms-port?"]
    finally:
        await http.close()
    if b"Authorization failed" in answer.body:
        return ["Kannel does not know username and password, or does not take them from our address"]
    if answer.headers.get("Server", "").partition("/")[0] != "Kannel" or answer.status == 404:
        return ["what answers at send_url is not Kannel's sendsms"]
    return []


def samples(channel_id: ChannelId, config: BaseConfig, now: datetime) -> dict[str, WebhookRequest]:
    """What Kannel would bring: a question, a word that ends our messages, a receipt for a message that is none."""
    settings = cast(Config, config)
    sender, secret, stamp = "+8613800000000", settings.secret.get_secret_value(), f"{now.timestamp():.3f}"

    def get(path: str, query: dict[str, str]) -> WebhookRequest:
        raw = "&".join(f"{name}={quote(value)}" for name, value in query.items())
        return WebhookRequest(
            method="GET", path=f"{secret}/{path}", query=query, raw_query=raw, remote="127.0.0.1", now=now
        )

    def says(text: str) -> WebhookRequest:
        mo = {"from": sender, "to": settings.number, "text": text, "ts": str(int(now.timestamp())), "coding": "0"}
        return get("mo", {"id": f"sample-{stamp}-{len(text)}"} | mo)

    return {
        "text": says("怎么查自己的信用报告？"),
        "unsubscribe": says("TD"),
        "receipt": get("dlr", {"id": "999999999999", "d": "8", "reply": "ACK/"}),
    }

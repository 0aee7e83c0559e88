"""SMS and MMS through Twilio: its signed callbacks in, its Messages resource out.

    POST /c/<channel id>/in                      a message of a consumer, as a form (or GET with the same in the query)
    POST /c/<channel id>/status/<our id>         what became of a message of ours; we give this address with each
    POST /c/<channel id>/status/<our id>/<n>     … of part <n> of a long one, before its last
    → 200 <Response/>

X-Twilio-Signature is over the address as Twilio knows it, so our public one must be set: base64 of HMAC-SHA1 with the
account's auth token over the address and, sorted by name, every name and value of the form. Whether the address has its
port in it is not the same everywhere at Twilio, so both are tried. A JSON body is signed by its SHA-256, which stands
in the query. With the header X-Twilio-Webhooks-Signature-Settings the key is a shared one and the hash SHA-256.

Out: POST <api_url>/2010-04-01/Accounts/<account>/Messages.json. Twilio does not know a message again that it has, so
one that may have got through is not repeated; its status, which comes under our own id, says what became of it.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Iterable
from datetime import datetime
from typing import Any, ClassVar, cast
from urllib.parse import parse_qsl, urlencode, urlsplit

from pydantic import Field, SecretStr, field_validator

from channels import Ack, BaseConfig, Clock, Kept, Parsed, WebhookRequest
from channels._address import PORTS, BaseUrl, address_problems
from channels._http import Answer, Client, failure
from channels._media import Files
from channels._parts import rest
from channels._text import fit, read_object, unstorable
from core.errors import BadSignature, Malformed, NotFound, SendError, Unsupported, WrongType
from core.model import (
    Attachment,
    Capabilities,
    ChannelId,
    DeliveryState,
    Event,
    Inbound,
    MessageKind,
    Outbound,
    Receipt,
    Sent,
    Stopped,
)

SIGNATURE_HEADER = "X-Twilio-Signature"
SETTINGS_HEADER = "X-Twilio-Webhooks-Signature-Settings"
HASHES = {"HMAC_SHA1": "sha1", "HMAC_SHA256": "sha256"}
TEXT_MAX = 1600  # characters of one message; more is error 21617
FIELDS_MAX = 200  # of one form; Twilio sends some 30
MEDIA_MAX = 10  # of one message
NAME_MAX = 200  # characters of an address or an id
CHECK_SECONDS = 5.0
SAMPLE_NUMBER = "+15005550006"  # of Twilio's own for tests: nobody has it

Params = list[tuple[str, str]]

_ACK = Ack(body=b"<Response/>", content_type="text/xml")
_ACCOUNT = re.compile(r"AC[0-9a-f]{32}")
_SERVICE = re.compile(r"MG[0-9a-f]{32}")
_NUMBER = re.compile(r"(whatsapp:)?\+[1-9][0-9]{4,17}|[0-9]{3,8}|[A-Za-z0-9 ]{1,11}")
_STATUS_PATH = re.compile(r"status/([1-9][0-9]{0,17})(?:/([1-9][0-9]{0,3}))?")
_ALGORITHM = re.compile(r"(?:^|,)\s*algorithm\s*=\s*([^,\s]+)")
_MEDIA_TYPE = re.compile(r"[a-z]+/[a-z0-9.+_-]{1,100}")

_STATES = {
    **dict.fromkeys(("accepted", "scheduled", "queued", "sending", "sent"), DeliveryState.SENT),
    "delivered": DeliveryState.DELIVERED,
    "read": DeliveryState.READ,
    **dict.fromkeys(("undelivered", "failed", "canceled"), DeliveryState.FAILED),
}
_CODE = re.compile(r"[0-9]{1,9}")
_UNSUBSCRIBED = "21610"
# Twilio's error codes that are not what their HTTP status says; all others are.
_ERRORS = {
    _UNSUBSCRIBED: ("contact_stopped", False),
    "14107": ("throttled", True),  # messages are sent faster than allowed
    "21611": ("throttled", True),  # the queue of this sender is full
}


class Config(BaseConfig):
    account_sid: str = Field(description="of the account, AC…; the console shows it")
    auth_token: SecretStr = Field(min_length=16, description="of the account; it signs what Twilio brings us")
    shared_key: SecretStr | None = Field(
        default=None, min_length=16, description="for webhooks that are signed with a shared key and SHA-256"
    )
    sender: str = Field(description="the number or name that our messages come from, or a messaging service, MG…")
    public_url: BaseUrl = Field(description="our address as Twilio knows it; default: QIANTAI_PUBLIC_BASE_URL")
    api_url: BaseUrl = Field(default="https://api.twilio.com", description="where Twilio is; another for other regions")
    text_max: int = Field(default=TEXT_MAX, ge=70, le=TEXT_MAX, description="characters of one message going out")
    timeout: float = Field(default=10.0, ge=0.1, le=60.0, description="seconds one call may take")

    @field_validator("account_sid")
    @classmethod
    def _is_an_account(cls, value: str) -> str:
        if not _ACCOUNT.fullmatch(value):
            raise ValueError("AC and 32 of 0-9 a-f")
        return value

    @field_validator("sender")
    @classmethod
    def _sends(cls, value: str) -> str:
        if not (_NUMBER.fullmatch(value) or _SERVICE.fullmatch(value)):
            raise ValueError("a number such as +14155550100, a short code, a name of 11 letters at most, or MG…")
        return value


def sign(secret: str, url: str, params: Iterable[tuple[str, str]], hash_name: str = "sha1") -> str:
    """The signature of a request to `url` with the form `params`, as Twilio makes it."""
    signed = url + "".join(name + value for name, value in sorted(set(params)))
    return base64.b64encode(hmac.digest(secret.encode(), signed.encode(), hash_name)).decode()


def with_and_without_port(url: str) -> tuple[str, str]:
    """The two forms of one address."""
    parts = urlsplit(url)
    rest = url.removeprefix(f"{parts.scheme}://{parts.netloc}")
    host = parts.netloc if parts.port is None else parts.netloc.rpartition(":")[0]
    return f"{parts.scheme}://{host}:{parts.port or PORTS[parts.scheme]}{rest}", f"{parts.scheme}://{host}{rest}"


class Twilio:
    """One number, or one messaging service, of a Twilio account."""

    kind: ClassVar[str] = "twilio"

    def __init__(self, channel_id: ChannelId, config: Config) -> None:
        self.id = channel_id
        self.capabilities = Capabilities(
            images=True, attachments=True, receipts=True, text_max=config.text_max, resend_unknown=False
        )
        self._config = config
        self._http = Client()
        self._files = Files([config.api_url])

    def __repr__(self) -> str:
        return f"Twilio({self.id!r})"

    # ---- in ----

    def parse(self, request: WebhookRequest) -> Parsed:
        status = _STATUS_PATH.fullmatch(request.path)
        if request.method not in ("GET", "POST") or not (status or request.path == "in"):
            raise NotFound
        params = self._verified(request)
        fields = dict(params)
        if why := unstorable(fields):
            raise Malformed(why)
        try:
            events = _report(fields, int(status[1]), is_last=status[2] is None) if status else _message(fields)
            return Parsed(events=events, ack=_ACK)
        except Unsupported as e:
            sender, external_id = ("", "") if status else (fields["From"], fields["MessageSid"])
            kept = Kept(reason=e.detail, raw=dict(fields), sender=sender, external_id=external_id)
            return Parsed(kept=(kept,), ack=_ACK)

    def _verified(self, request: WebhookRequest) -> Params:
        """The fields of a request that Twilio has signed."""
        given = request.headers.get(SIGNATURE_HEADER, "").encode()
        if not given:
            raise BadSignature(f"{SIGNATURE_HEADER} is needed")
        query = _form(request.raw_query.encode())
        media_type = request.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        if request.method == "GET":
            signed, fields = [], query
        elif media_type == "application/x-www-form-urlencoded":
            signed = fields = _form(request.body)
        elif media_type == "application/json":
            due = hashlib.sha256(request.body).hexdigest()
            if not hmac.compare_digest(dict(query).get("bodySHA256", "").encode(), due.encode()):
                raise BadSignature("bodySHA256 does not fit the body")
            signed, fields = [], [(k, v) for k, v in read_object(request.body).items() if isinstance(v, str)]
        else:
            raise WrongType("application/x-www-form-urlencoded is taken here")
        secret, hash_name = self._key(request)
        url = f"{self._config.public_url}/c/{self.id}/{request.path}"
        fits = [
            hmac.compare_digest(sign(secret, form, signed, hash_name).encode(), given)
            for form in with_and_without_port(f"{url}?{request.raw_query}" if request.raw_query else url)
        ]
        if not any(fits):
            raise BadSignature(f"{SIGNATURE_HEADER} does not fit this request at our public address")
        return fields

    def _key(self, request: WebhookRequest) -> tuple[str, str]:
        """What the request is signed with, by what its headers say."""
        said = request.headers.get(SETTINGS_HEADER, "")
        found = _ALGORITHM.search(said)
        algorithm = found[1] if found else "HMAC_SHA1"
        if algorithm == "HMAC_SHA1":
            return self._config.auth_token.get_secret_value(), HASHES[algorithm]
        if algorithm not in HASHES or self._config.shared_key is None:
            raise BadSignature(f"{SETTINGS_HEADER}: not a signature that can be checked here")
        return self._config.shared_key.get_secret_value(), HASHES[algorithm]

    # ---- out ----

    async def start(self) -> None:
        await self._http.start()
        await self._files.start()

    async def send(self, message: Outbound) -> Sent:
        sent = Sent()
        parts = fit(message, self.capabilities)
        async for number, part in rest(message, parts):
            tail = "" if number == len(parts) else f"/{number}"
            form = {
                "To": message.address,
                "MessagingServiceSid" if _SERVICE.fullmatch(self._config.sender) else "From": self._config.sender,
                "Body": part.text,
                "StatusCallback": f"{self._config.public_url}/c/{self.id}/status/{message.id}{tail}",
            }
            answer = await self._http.post(
                f"{_account(self._config)}/Messages.json",
                body=urlencode(form).encode(),
                headers={
                    "Authorization": _basic(self._config.account_sid, self._config.auth_token.get_secret_value()),
                    "Content-Type": "application/x-www-form-urlencoded",
                },
                within=self._config.timeout,
            )
            sent = Sent(external_id=_judge(answer))
        return sent

    async def fetch(self, file: Attachment, most: int) -> bytes:
        """A file of a message; SendError if there is none. Our login goes to Twilio's own address of it and no further:
        that leads to a store, which wants none."""
        if not file.url.startswith(f"{_account(self._config)}/"):
            raise SendError("refused", "not a file of this account", retryable=False)
        login = _basic(self._config.account_sid, self._config.auth_token.get_secret_value())
        return (await self._files.get(file.url, most, {"Authorization": login})).body

    async def close(self) -> None:
        await self._http.close()
        await self._files.close()


def create(channel_id: ChannelId, config: BaseConfig, clock: Clock) -> Twilio:
    return Twilio(channel_id, cast(Config, config))


# ---- reading --------------------------------------------------------------------------------------------------------


def _form(data: bytes) -> Params:
    try:
        return parse_qsl(data.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=FIELDS_MAX)
    except ValueError:
        raise Malformed("not a form in ASCII with UTF-8 behind its %") from None


def _message(fields: dict[str, str]) -> tuple[Event, ...]:
    sender, external_id = _name(fields, "From"), _name(fields, "MessageSid")
    if fields.get("OptOutType") == "STOP":  # Twilio has answered, and lets nothing through from now on
        return (Stopped(sender=sender),)
    text, attachments = fields.get("Body", ""), _media(fields)
    if not (text.strip() or attachments):
        raise Unsupported("no text and no media in it")
    kind = MessageKind.ATTACHMENT if attachments else MessageKind.TEXT
    return (Inbound(sender=sender, external_id=external_id, kind=kind, text=text, attachments=attachments),)


def _media(fields: dict[str, str]) -> tuple[Attachment, ...]:
    """Addresses are not fetched here: they need our login, which must go to Twilio alone (`fetch`)."""
    count = fields.get("NumMedia", "") or "0"
    if not (count.isascii() and count.isdigit() and int(count[:4]) <= MEDIA_MAX):
        raise Malformed(f"NumMedia: 0 to {MEDIA_MAX}")
    found: list[Attachment] = []
    for n in range(int(count)):
        url, media_type = _name(fields, f"MediaUrl{n}", 2000), fields.get(f"MediaContentType{n}", "").lower()
        if not url.startswith(("https://", "http://")) or not url.isprintable():
            raise Malformed(f"MediaUrl{n}: an http address")
        known = media_type if _MEDIA_TYPE.fullmatch(media_type) else "application/octet-stream"
        found.append(Attachment(media_type=known, url=url))
    return tuple(found)


def _report(fields: dict[str, str], outbox_id: int, *, is_last: bool) -> tuple[Event, ...]:
    said = _name(fields, "MessageStatus")
    code = fields.get("ErrorCode", "")[:NAME_MAX]
    if said not in _STATES:
        raise Unsupported("a status that we do not know")
    state = _STATES[said]
    if not is_last and state is not DeliveryState.FAILED:
        return ()  # the message is sent and delivered when its last part is, and failed when any part is
    detail = (f"{said}: {code}" if code else said) if state is DeliveryState.FAILED else ""
    receipt = Receipt(
        outbox_id=outbox_id, external_id=fields.get("MessageSid", "")[:NAME_MAX], state=state, detail=detail
    )
    if code == _UNSUBSCRIBED:
        return receipt, Stopped(sender=_name(fields, "To"))
    return (receipt,)


def _name(fields: dict[str, str], name: str, most: int = NAME_MAX) -> str:
    value = fields.get(name, "")
    if not value.strip() or len(value) > most:
        raise Malformed(f"{name}: a text of 1 to {most} characters")
    return value


# ---- writing --------------------------------------------------------------------------------------------------------


def _account(config: Config) -> str:
    return f"{config.api_url}/2010-04-01/Accounts/{config.account_sid}"


def _basic(name: str, password: str) -> str:
    return f"Basic {base64.b64encode(f'{name}:{password}'.encode()).decode()}"


def _judge(answer: Answer) -> str:
    """Twilio's id of a message that it took; SendError with its code, never its words, which quote the number."""
    said = answer.object()
    code = str(said.get("code") or said.get("error_code") or "")
    if code in _ERRORS:
        name, retryable = _ERRORS[code]
        raise SendError(name, f"HTTP {answer.status}, code {code}", retryable=retryable)
    error = failure(answer)
    if error is not None and error.may_retry:
        raise error
    sid = said.get("sid")
    if error or code or not isinstance(sid, str) or not sid:
        shown = f"code {code}" if _CODE.fullmatch(code) else "no id of a message in the answer"
        raise SendError("refused", f"HTTP {answer.status}: {shown}", retryable=False)
    return sid[:NAME_MAX]


# ---- for ./qiantai channels -----------------------------------------------------------------------------------------


async def check(channel_id: ChannelId, config: BaseConfig, public_url: str) -> list[str]:
    """What Twilio would not call of ours, and whether it knows the account, which it is asked."""
    settings, http = cast(Config, config), Client()
    found = address_problems(settings.public_url, tls=False)
    headers = {"Authorization": _basic(settings.account_sid, settings.auth_token.get_secret_value())}
    await http.start()
    try:
        answer = await http.get(_account(settings) + ".json", headers=headers, within=CHECK_SECONDS)
    except SendError as e:
        return [*found, f"api_url: Twilio does not answer ({e})"]
    finally:
        await http.close()
    status = answer.object().get("status")
    if answer.status in (401, 403, 404):
        return [*found, "Twilio does not know account_sid with this auth_token"]
    if not isinstance(status, str) or answer.status != 200:
        return [*found, f"api_url: what answers there is not Twilio (HTTP {answer.status})"]
    return found if status == "active" else [*found, f"the account is {status[:NAME_MAX]}"]


def samples(channel_id: ChannelId, config: BaseConfig, now: datetime) -> dict[str, WebhookRequest]:
    settings, run = cast(Config, config), f"{int(now.timestamp() * 1000):x}"
    photo = {"NumMedia": "1", "MediaUrl0": "https://files.invalid/sample.png", "MediaContentType0": "image/png"}

    def post(path: str, fields: dict[str, Any]) -> WebhookRequest:
        signature = sign(
            settings.auth_token.get_secret_value(), f"{settings.public_url}/c/{channel_id}/{path}", fields.items()
        )
        headers = {"Content-Type": "application/x-www-form-urlencoded", SIGNATURE_HEADER: signature}
        return WebhookRequest(method="POST", path=path, headers=headers, body=urlencode(fields).encode(), now=now)

    def says(n: int, text: str, **more: str) -> WebhookRequest:
        sid = f"SM{run:0>30}{n:02}"
        return post("in", {"MessageSid": sid, "From": SAMPLE_NUMBER, "To": settings.sender, "Body": text} | more)

    return {
        "text": says(1, "怎么查自己的信用报告"),
        "attachment": says(2, "截图", **photo),
        "unsubscribe": says(3, "STOP", OptOutType="STOP"),
        "status": post("status/999999999999", {"MessageSid": f"SM{run:0>30}04", "MessageStatus": "delivered"}),
    }

"""SMS through Aliyun (Dysmsapi 2017-05-25): its pushes in, approved templates with parameters out.

    POST /c/<channel id>/<secret>/up        messages of consumers (SmsUp), a JSON list
    POST /c/<channel id>/<secret>/report    what became of ours (SmsReport), a JSON list
    → 200 {"code":0,"msg":"接收成功"}

Aliyun signs nothing that it brings: the secret in the address, and the addresses it may call from where they are known,
stand for a signature. It brings a list again, after 1, 5 and 10 minutes, until it is acknowledged.

Out: SendSms, signed with ACS3-HMAC-SHA256, one call and one short message for each reply. No free text goes through: a
parameter of the template carries what of the reply fits, and the template's own words say where to read on. Aliyun does
not know a message again that it has, so one that may have got through is not repeated; its report says what became of
it, under our channel's id and our own. Other applications of the account share the reports: theirs are not ours.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Any, ClassVar, cast
from urllib.parse import quote

from pydantic import Field, SecretStr, ValidationInfo, field_validator

from channels import Ack, BaseConfig, Clock, Kept, WebhookRequest
from channels import _template as template
from channels._batch import Reader, read_batch
from channels._http import Answer
from core.errors import Malformed
from core.model import ChannelId, DeliveryState, Event, Inbound, Outbound, Receipt, Sent, Stopped

VERSION = "2017-05-25"
ALGORITHM = "ACS3-HMAC-SHA256"
PARAM_MAX = 35  # characters of one parameter of a notice; PARAM_LENGTH_LIMIT above it

_ACK = Ack(body='{"code":0,"msg":"接收成功"}'.encode(), content_type="application/json; charset=utf-8")
_PHONE = re.compile(r"\+?[0-9]{5,20}")
_OUR_ID = re.compile(r"[1-9][0-9]{0,17}")
_PARAM = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,31}")

# What SendSms says beside OK; every other code is about our settings or the content, and refused.
_ERRORS = {
    "Throttling": ("throttled", True),
    "Throttling.User": ("throttled", True),
    "Throttling.Api": ("throttled", True),
    "isv.BUSINESS_LIMIT_CONTROL": ("recipient_limit", True),  # 1 in a minute, 5 in an hour, 10 in a day by default
    "ServiceUnavailable": ("server_down", True),
    "isv.MOBILE_NUMBER_ILLEGAL": ("invalid_number", False),
}
# Said after the message may have gone on to the carrier.
_MAY_HAVE_SENT = frozenset({"isp.SYSTEM_ERROR", "isp.GATEWAY_ERROR", "InternalError"})
RECIPIENT_REST = 60.0  # seconds until a number that got too many is tried again
# What a report says of a number that is on a black list, as after an unsubscription.
_STOPPED = frozenset({"MOBILE_IN_BLACK", "USER_REJECT"})


class Config(template.TemplateConfig):
    access_key_id: str = Field(min_length=1, description="of a RAM user that may call SendSms and nothing else")
    access_key_secret: SecretStr = Field(min_length=1, description="of the same")
    template_code: str = Field(pattern=r"^SMS_[0-9]{1,20}$", description="of the approved template, SMS_…")
    params: dict[str, str] = Field(
        description="the template's parameters by name: what each carries, {text}, {link} or a fixed text"
    )
    text_max: template.TextMax = PARAM_MAX
    api_url: template.ApiUrl = "https://dysmsapi.aliyuncs.com"
    host: template.Host = "dysmsapi.aliyuncs.com"

    @field_validator("params")
    @classmethod
    def _can_be_filled(cls, value: dict[str, str], info: ValidationInfo) -> dict[str, str]:
        for name, carries in value.items():
            if not _PARAM.fullmatch(name):
                raise ValueError("a parameter's name is letters, digits and _, as between ${ and } of the template")
            if why := template.problem(carries):
                raise ValueError(why)
        if template.LINK in value.values() and not template.link_to(
            info.data.get("link", ""), info.data.get("public_url", "")
        ):
            raise ValueError("{link} needs the setting link, or a public address of the house")
        return value


def sign(key_id: str, secret: str, method: str, query: Mapping[str, str], headers: Mapping[str, str]) -> str:
    """The Authorization header of a call to "/"; all `headers` are signed, x-acs-content-sha256 is one of them."""
    lines = sorted((name.lower(), value.strip()) for name, value in headers.items())
    names = ";".join(name for name, _ in lines)
    signed = "".join(f"{name}:{value}\n" for name, value in lines)
    body_hash = dict(lines)["x-acs-content-sha256"]
    canonical = f"{method}\n/\n{canonical_query(query)}\n{signed}\n{names}\n{body_hash}"
    to_sign = f"{ALGORITHM}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    signature = hmac.digest(secret.encode(), to_sign.encode(), "sha256").hex()
    return f"{ALGORITHM} Credential={key_id},SignedHeaders={names},Signature={signature}"


def canonical_query(query: Mapping[str, str]) -> str:
    """The query as it is signed and sent: sorted by name, everything but letters, digits and -._~ encoded."""
    return "&".join(f"{quote(name, safe='~')}={quote(value, safe='~')}" for name, value in sorted(query.items()))


class AliyunSms(template.TemplateSms[Config]):
    """One signature and template of an Aliyun account."""

    kind: ClassVar[str] = "aliyun_sms"

    def __init__(self, channel_id: ChannelId, config: Config, clock: Clock) -> None:
        readers: dict[str, Reader] = {"up": _message, "report": partial(_report, channel_id)}
        batches = {word: partial(read_batch, reader=reader, ack=_ACK) for word, reader in readers.items()}
        super().__init__(channel_id, config, clock, batches)

    async def send(self, message: Outbound) -> Sent:
        config = self._config
        text, link = template.short(message.text, config.text_max), template.link_to(config.link, config.public_url)
        values = {name: template.filled(carries, text, link) for name, carries in config.params.items()}
        query = {
            "PhoneNumbers": message.address,
            "SignName": config.sign_name,
            "TemplateCode": config.template_code,
            "TemplateParam": json.dumps(values, ensure_ascii=False, separators=(",", ":")),
            "OutId": f"{self.id}-{message.id}",  # 256 characters at most; ours have 51
        }
        answer = await self._http.post(
            f"{config.api_url}/?{canonical_query(query)}",
            body=b"",
            headers=self._headers(message, query),
            within=config.timeout,
        )
        return Sent(external_id=_judge(answer))

    def _headers(self, message: Outbound, query: Mapping[str, str]) -> dict[str, str]:
        now, secret = self._clock(), self._config.access_key_secret.get_secret_value()
        once = f"{self.id}:{message.id}:{now.isoformat()}".encode()  # a call is taken once, and nobody can guess it
        headers = {
            "content-type": "application/x-www-form-urlencoded",
            "host": self._config.host,
            "x-acs-action": "SendSms",
            "x-acs-content-sha256": hashlib.sha256(b"").hexdigest(),
            "x-acs-date": now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "x-acs-signature-nonce": hmac.digest(secret.encode(), once, "sha256").hex()[:32],
            "x-acs-version": VERSION,
        }
        return headers | {"Authorization": sign(self._config.access_key_id, secret, "POST", query, headers)}


def create(channel_id: ChannelId, config: BaseConfig, clock: Clock) -> AliyunSms:
    return AliyunSms(channel_id, cast(Config, config), clock)


# ---- reading --------------------------------------------------------------------------------------------------------


def _message(item: dict[str, Any]) -> tuple[Event | Kept, ...]:
    sender, external_id, text = _phone(item), _sequence_id(item), item.get("content")
    if not isinstance(text, str):
        raise Malformed("content: a text")
    if not text.strip():
        return (Kept(reason="a message without a text", raw=item, sender=sender, external_id=external_id),)
    return (Inbound(sender=sender, external_id=external_id, text=text),)


def _report(channel_id: ChannelId, item: dict[str, Any]) -> tuple[Event, ...]:
    delivered, out_id, external_id = item.get("success"), _id(item, "out_id"), _id(item, "biz_id")
    if not isinstance(delivered, bool):
        raise Malformed("success: true or false")
    if not (out_id or external_id):
        raise Malformed("out_id, biz_id: which message it is about")
    whose, _, our_id = out_id.rpartition("-")
    code = template.shown(item.get("err_code"))
    receipt = Receipt(
        outbox_id=int(our_id) if whose == channel_id and _OUR_ID.fullmatch(our_id) else None,
        external_id=external_id[: template.NAME_MAX],
        state=DeliveryState.DELIVERED if delivered else DeliveryState.FAILED,
        detail="" if delivered else code,
    )
    return (receipt, Stopped(sender=_phone(item))) if code in _STOPPED and not delivered else (receipt,)


def _id(item: dict[str, Any], name: str) -> str:
    """An id that may be missing or null, "" then."""
    value = item.get(name)
    if value is not None and not isinstance(value, str):
        raise Malformed(f"{name}: a text")
    return value or ""


def _sequence_id(item: dict[str, Any]) -> str:
    value = item.get("sequence_id")  # a number in older documents, a text in newer ones
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str) or not value.strip() or len(value) > template.NAME_MAX:
        raise Malformed("sequence_id: the id of the message")
    return value


def _phone(item: dict[str, Any]) -> str:
    phone = item.get("phone_number")
    if not isinstance(phone, str) or not _PHONE.fullmatch(phone):
        raise Malformed("phone_number: digits")
    return phone


# ---- writing --------------------------------------------------------------------------------------------------------


def _judge(answer: Answer) -> str:
    """Aliyun's id of a message that it took."""
    said = answer.object()
    code = said.get("Code")
    if isinstance(code, str) and code in _MAY_HAVE_SENT:
        raise template.may_have_sent(answer, code)
    return template.taken(answer, code, said.get("BizId"), good="OK", errors=_ERRORS, rest=RECIPIENT_REST)


# ---- for ./qiantai channels -----------------------------------------------------------------------------------------

check = template.check


def samples(channel_id: ChannelId, config: BaseConfig, now: datetime) -> dict[str, WebhookRequest]:
    secret, run = cast(Config, config).secret.get_secret_value(), int(now.timestamp() * 1000)
    at = now.strftime("%Y-%m-%d %H:%M:%S")

    def post(path: str, item: dict[str, Any]) -> WebhookRequest:
        body = json.dumps(
            [{"phone_number": template.SAMPLE_NUMBER, "send_time": at} | item], ensure_ascii=False
        ).encode()
        headers = {"Content-Type": "application/json;charset=utf-8"}
        return WebhookRequest(method="POST", path=f"{secret}/{path}", headers=headers, body=body, now=now)

    def says(n: int, text: str) -> WebhookRequest:
        return post("up", {"content": text, "dest_code": "1069", "sequence_id": f"{run}{n}"})

    report = {
        "report_time": at,
        "success": True,
        "err_code": "DELIVERED",
        "biz_id": f"sample-{run}",
        "out_id": f"{channel_id}-999999999999",
    }
    return {"text": says(1, "怎么查自己的信用报告"), "unsubscribe": says(2, "TD"), "report": post("report", report)}

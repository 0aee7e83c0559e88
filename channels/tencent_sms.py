"""SMS through Tencent Cloud (2021-01-11): its callbacks in, approved templates with parameters out.

    POST /c/<channel id>/<secret>/up        a message of a consumer, a JSON object
    POST /c/<channel id>/<secret>/report    what became of ours, a JSON list
    → 200 {"result":0,"errmsg":"OK"}

Tencent signs nothing that it brings: the secret in the address, and the addresses it may call from where they are
known, stand for a signature. A message has no id: number, text, second and extension code together are its id.

Out: SendSms, signed with TC3-HMAC-SHA256, one call and one short message for each reply. No free text goes through: a
parameter of the template carries what of the reply fits, and the template's own words say where to read on. Tencent
does not know a message again that it has, so one that may have got through is not repeated; a report knows a message
by Tencent's own id alone.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from datetime import UTC, datetime
from typing import Any, ClassVar, cast

from pydantic import Field, SecretStr, ValidationInfo, field_validator

from channels import Ack, BaseConfig, Clock, Kept, Parsed, WebhookRequest
from channels import _template as template
from channels._batch import read_batch
from channels._http import Answer
from channels._text import read_object, unstorable
from core.errors import Malformed
from core.model import ChannelId, DeliveryState, Inbound, Outbound, Receipt, Sent

VERSION = "2021-01-11"
ALGORITHM = "TC3-HMAC-SHA256"
SERVICE = "sms"
CONTENT_TYPE = "application/json; charset=utf-8"
PARAM_MAX = 12  # characters of one parameter of a notice; TemplateParameterLengthLimit above what was approved

_ACK = Ack(body=b'{"result":0,"errmsg":"OK"}', content_type="application/json; charset=utf-8")
_DIGITS = re.compile(r"[0-9]{5,20}")
_NATION = re.compile(r"[1-9][0-9]{0,3}")

# What SendSms says beside Ok; every other code is about our settings or the content, and refused.
_ERRORS = {
    "RequestLimitExceeded": ("throttled", True),
    "LimitExceeded.DeliveryFrequencyLimit": ("throttled", True),
    "LimitExceeded.PhoneNumberThirtySecondLimit": ("recipient_limit", True),
    "LimitExceeded.PhoneNumberOneHourLimit": ("recipient_limit", True),
    "LimitExceeded.PhoneNumberDailyLimit": ("recipient_limit", False),
    "LimitExceeded.PhoneNumberSameContentDailyLimit": ("recipient_limit", False),
    "FailedOperation.PhoneNumberInBlacklist": ("contact_stopped", False),
    "InvalidParameterValue.IncorrectPhoneNumber": ("invalid_number", False),
    # Surely not sent; what else begins with InternalError is said after the message may have gone on to the carrier.
    **dict.fromkeys(
        (
            "InternalError.JsonParseFail",
            "InternalError.RequestTimeException",
            "InternalError.RestApiInterfaceNotExist",
            "InternalError.SigFieldMissing",
            "InternalError.SigVerificationFail",
        ),
        ("server_down", True),
    ),
}
RECIPIENT_REST = 30.0  # seconds until a number that got too many is tried again


class Config(template.TemplateConfig):
    secret_id: str = Field(min_length=1, description="of a sub-account that may call SendSms and nothing else")
    secret_key: SecretStr = Field(min_length=1, description="of the same")
    sdk_app_id: str = Field(pattern=r"^[0-9]{6,16}$", description="of the SMS application, 1400…")
    template_id: str = Field(pattern=r"^[0-9]{1,16}$", description="of the approved template")
    params: list[str] = Field(
        default=[template.TEXT], description="what {1}, {2} … of the template carry: {text}, {link} or a fixed text"
    )
    text_max: template.TextMax = PARAM_MAX
    region: str = Field(default="ap-guangzhou", pattern=r"^[a-z0-9-]+$", description="of the service")
    api_url: template.ApiUrl = "https://sms.tencentcloudapi.com"
    host: template.Host = "sms.tencentcloudapi.com"

    @field_validator("params")
    @classmethod
    def _can_be_filled(cls, value: list[str], info: ValidationInfo) -> list[str]:
        for carries in value:
            if why := template.problem(carries):
                raise ValueError(why)
        if value and not {template.TEXT, template.LINK} & set(value):
            raise ValueError("one of them carries {text} or {link}, or there are none")
        if template.LINK in value and not template.link_to(info.data.get("link", ""), info.data.get("public_url", "")):
            raise ValueError("{link} needs the setting link, or a public address of the house")
        return value


def sign(secret_id: str, secret: str, *, host: str, content_type: str, body: bytes, now: datetime) -> str:
    """The Authorization header of a POST of `body` to "/" of `host` at `now`."""
    timestamp, date = int(now.timestamp()), now.astimezone(UTC).strftime("%Y-%m-%d")
    canonical = (
        f"POST\n/\n\ncontent-type:{content_type}\nhost:{host}\n\ncontent-type;host\n{hashlib.sha256(body).hexdigest()}"
    )
    scope = f"{date}/{SERVICE}/tc3_request"
    to_sign = f"{ALGORITHM}\n{timestamp}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    key = f"TC3{secret}".encode()
    for word in (date, SERVICE, "tc3_request"):
        key = hmac.digest(key, word.encode(), "sha256")
    signature = hmac.digest(key, to_sign.encode(), "sha256").hex()
    return f"{ALGORITHM} Credential={secret_id}/{scope}, SignedHeaders=content-type;host, Signature={signature}"


class TencentSms(template.TemplateSms[Config]):
    """One signature and template of a Tencent Cloud account."""

    kind: ClassVar[str] = "tencent_sms"

    async def send(self, message: Outbound) -> Sent:
        config, now = self._config, self._clock()
        text, link = template.short(message.text, config.text_max), template.link_to(config.link, config.public_url)
        fields = {
            "PhoneNumberSet": [message.address],
            "SmsSdkAppId": config.sdk_app_id,
            "SignName": config.sign_name,
            "TemplateId": config.template_id,
            "TemplateParamSet": [template.filled(carries, text, link) for carries in config.params],
            "SessionContext": str(message.id),
        }
        body = json.dumps(fields, ensure_ascii=False, separators=(",", ":")).encode()
        secret = config.secret_key.get_secret_value()
        headers = {
            "Authorization": sign(
                config.secret_id, secret, host=config.host, content_type=CONTENT_TYPE, body=body, now=now
            ),
            "Content-Type": CONTENT_TYPE,
            "Host": config.host,
            "X-TC-Action": "SendSms",
            "X-TC-Region": config.region,
            "X-TC-Timestamp": str(int(now.timestamp())),
            "X-TC-Version": VERSION,
        }
        answer = await self._http.post(f"{config.api_url}/", body=body, headers=headers, within=config.timeout)
        return Sent(external_id=_judge(answer))


def create(channel_id: ChannelId, config: BaseConfig, clock: Clock) -> TencentSms:
    return TencentSms(channel_id, cast(Config, config), clock, {"up": _message, "report": _reports})


# ---- reading --------------------------------------------------------------------------------------------------------


def _message(body: bytes) -> Parsed:
    raw = read_object(body)
    if why := unstorable(raw):
        raise Malformed(why)
    sender, text, at = _number(raw), _text(raw, "text"), raw.get("time")
    if not isinstance(at, int) or isinstance(at, bool):
        raise Malformed("time: seconds")
    extend = raw.get("extend")
    which = json.dumps([sender, text, at, extend if isinstance(extend, str) else ""])
    external_id = hashlib.sha256(which.encode()).hexdigest()[:32]
    if not text.strip():
        kept = Kept(reason="a message without a text", raw=raw, sender=sender, external_id=external_id)
        return Parsed(kept=(kept,), ack=_ACK)
    return Parsed(events=(Inbound(sender=sender, external_id=external_id, text=text),), ack=_ACK)


def _reports(body: bytes) -> Parsed:
    return read_batch(body, _receipt, _ACK)


def _receipt(item: dict[str, Any]) -> tuple[Receipt | Kept]:
    external_id, said = _text(item, "sid"), _text(item, "report_status")
    if not external_id or len(external_id) > template.NAME_MAX:
        raise Malformed("sid: which message it is about")
    if said not in ("SUCCESS", "FAIL"):
        return (Kept(reason="a status that is neither SUCCESS nor FAIL", raw=item),)
    state = DeliveryState.DELIVERED if said == "SUCCESS" else DeliveryState.FAILED
    detail = "" if said == "SUCCESS" else template.shown(item.get("errmsg"))
    return (Receipt(outbox_id=None, external_id=external_id, state=state, detail=detail),)


def _number(raw: dict[str, Any]) -> str:
    """The sender's number with its country's code before it, as SendSms wants it back."""
    nation, mobile = _text(raw, "nationcode"), _text(raw, "mobile")
    if not _NATION.fullmatch(nation) or not _DIGITS.fullmatch(mobile):
        raise Malformed("nationcode, mobile: digits")
    return f"+{nation}{mobile}"


def _text(raw: dict[str, Any], name: str) -> str:
    value = raw.get(name)
    if not isinstance(value, str):
        raise Malformed(f"{name}: a text")
    return value


# ---- writing --------------------------------------------------------------------------------------------------------


def _judge(answer: Answer) -> str:
    """Tencent's id of a message that it took."""
    said = _object(answer.object().get("Response"))
    statuses = said.get("SendStatusSet")
    status = _object(cast(list[Any], statuses)[0]) if isinstance(statuses, list) and statuses else {}
    code = _object(said.get("Error")).get("Code") or status.get("Code")
    if isinstance(code, str) and code.startswith("InternalError") and code not in _ERRORS:
        raise template.may_have_sent(answer, code)
    return template.taken(answer, code, status.get("SerialNo"), good="Ok", errors=_ERRORS, rest=RECIPIENT_REST)


def _object(value: object) -> dict[str, Any]:
    return cast(dict[str, Any], value) if isinstance(value, dict) else {}


# ---- for ./qiantai channels -----------------------------------------------------------------------------------------

check = template.check


def samples(channel_id: ChannelId, config: BaseConfig, now: datetime) -> dict[str, WebhookRequest]:
    settings, seconds = cast(Config, config), int(now.timestamp())
    secret = settings.secret.get_secret_value()

    def post(path: str, value: dict[str, Any] | list[dict[str, Any]]) -> WebhookRequest:
        body = json.dumps(value, ensure_ascii=False).encode()
        headers = {"Content-Type": "application/json"}
        return WebhookRequest(method="POST", path=f"{secret}/{path}", headers=headers, body=body, now=now)

    def says(text: str) -> WebhookRequest:
        who = {"nationcode": "86", "mobile": template.SAMPLE_NUMBER, "sign": settings.sign_name, "extend": ""}
        return post("up", who | {"text": text, "time": seconds})

    report = {
        "user_receive_time": now.strftime("%Y-%m-%d %H:%M:%S"),
        "nationcode": "86",
        "mobile": template.SAMPLE_NUMBER,
    }
    delivered = {"report_status": "SUCCESS", "errmsg": "DELIVRD", "description": "", "sid": f"sample-{seconds}"}
    return {
        "text": says("怎么查自己的信用报告"),
        "unsubscribe": says("TD"),
        "report": post("report", [report | delivered]),
    }

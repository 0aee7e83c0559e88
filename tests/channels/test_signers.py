"""Our signers say what the official packages say, on a thousand requests each that a seed has made."""

from __future__ import annotations

import base64
import hashlib
import random
import string
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from alibabacloud_tea_openapi.utils import Utils
from tencentcloud.common import credential
from tencentcloud.common.abstract_client import AbstractClient
from twilio.request_validator import RequestValidator

import channels
from channels import WebhookRequest, aliyun_sms, tencent_sms, twilio
from core.errors import BadSignature
from tests.channels.twilio_cases import ACCOUNT, SHARED, TOKEN

INPUTS = 1000
ASCII = string.ascii_letters + string.digits + "-._~"
ANY = ASCII + " +&=%/?:;,'\"*()[]{}<>@!#$\\\t\n" + "怎么查信用报告，。？！繁體é\u200d\U0001f468\U0001f469"


def some(rng: random.Random, letters: str, low: int = 0, high: int = 40) -> str:
    return "".join(rng.choices(letters, k=rng.randint(low, high)))


def twilio_request(rng: random.Random) -> tuple[str, dict[str, list[str]]]:
    host = f"{some(rng, string.ascii_lowercase, 1)}.example" + rng.choice(["", "", ":8443", ":443"])
    query = rng.choice(["", f"?{some(rng, ASCII, 1)}={some(rng, ASCII)}"])
    url = f"https://{host}/c/{some(rng, ASCII, 1)}/in{query}"
    names = {some(rng, ASCII, 1, 12) for _ in range(rng.randint(0, 12))}
    return url, {name: [some(rng, ANY) for _ in range(rng.choice([1, 1, 1, 3]))] for name in names}


class Form(dict[str, list[str]]):
    """A form as the web frameworks that the official package knows hand it over."""

    def getall(self, name: str) -> list[str]:
        return self[name]


@pytest.mark.parametrize("algorithm", twilio.HASHES)
def test_twilio_signs_as_its_own_package_does(algorithm: str) -> None:
    rng = random.Random(21610)
    for _ in range(INPUTS):
        url, fields = twilio_request(rng)
        token = some(rng, ANY, 1)
        ours = twilio.sign(token, url, [(k, v) for k, vs in fields.items() for v in vs], twilio.HASHES[algorithm])
        assert ours == RequestValidator(token).compute_signature(url, Form(fields), algorithm)


def twilio_channel(public_url: str) -> channels.Channel:
    config = {"kind": "twilio", "account_sid": ACCOUNT, "auth_token": TOKEN, "shared_key": SHARED}
    return channels.make("t", {**config, "sender": "+14155550100", "public_url": public_url})


def is_taken(channel: channels.Channel, request: WebhookRequest) -> bool:
    try:
        channel.parse(request)
    except BadSignature:
        return False
    return True


def test_twilio_takes_and_refuses_what_its_own_package_takes_and_refuses() -> None:
    rng = random.Random(4)
    takings = 0
    for _ in range(INPUTS):
        public = f"https://desk.example{rng.choice(['', ':443', ':8443'])}"
        fields = {"From": "+14155550142", "MessageSid": "SM1", "Body": some(rng, ANY, 1) + "x"}
        signed_at = f"https://desk.example{rng.choice(['', ':443', ':8443'])}/c/t/in"
        algorithm, key = rng.choice([("HMAC_SHA1", TOKEN), ("HMAC_SHA256", SHARED), ("HMAC_SHA1", SHARED)])
        signature = RequestValidator(key).compute_signature(signed_at, fields, algorithm)
        if rng.random() < 0.2:
            fields["Body"] += "y"
        secret = TOKEN if algorithm == "HMAC_SHA1" else SHARED
        theirs = RequestValidator(secret).validate(f"{public}/c/t/in", fields, signature, algorithm)
        headers = {
            "Content-Type": "application/x-www-form-urlencoded",
            "X-Twilio-Signature": signature,
            "X-Twilio-Webhooks-Signature-Settings": f"key=k,algorithm={algorithm}",
        }
        body = twilio.urlencode(fields).encode()
        request = WebhookRequest(method="POST", path="in", headers=headers, body=body, now=datetime.now(UTC))
        assert is_taken(twilio_channel(public), request) == theirs
        takings += theirs
    assert 200 < takings < 800  # both ways were tried


def test_twilio_takes_json_whose_hash_its_own_package_takes() -> None:
    body = '{"From":"+14155550142","MessageSid":"SM1","Body":"你好"}'
    query = f"bodySHA256={hashlib.sha256(body.encode()).hexdigest()}"
    url = f"https://desk.example/c/t/in?{query}"
    validator = RequestValidator(TOKEN)
    signature = validator.compute_signature(url, {})
    for sent in (body, body.replace("你", "您")):
        request = WebhookRequest(
            method="POST",
            path="in",
            raw_query=query,
            headers={"Content-Type": "application/json", "X-Twilio-Signature": signature},
            body=sent.encode(),
            now=datetime.now(UTC),
        )
        assert is_taken(twilio_channel("https://desk.example"), request) == validator.validate(url, sent, signature)


def test_aliyun_is_signed_for_as_by_its_own_package() -> None:
    rng = random.Random(2017)
    for _ in range(INPUTS):
        method, key_id, secret = rng.choice(["GET", "POST"]), some(rng, ASCII, 1), some(rng, ANY, 1)
        query = {some(rng, ASCII, 1, 12): some(rng, ANY) for _ in range(rng.randint(0, 8))}
        body_hash = hashlib.sha256(some(rng, ANY).encode()).hexdigest()
        headers = {f"x-acs-{some(rng, string.ascii_lowercase, 1, 9)}": some(rng, ASCII + " ") for _ in range(6)}
        headers |= {"Host": "dysmsapi.aliyuncs.com", "x-acs-content-sha256": body_hash}
        asked: Any = SimpleNamespace(method=method, pathname="/", query=query, headers=headers)
        theirs = Utils.get_authorization(asked, "ACS3-HMAC-SHA256", body_hash, key_id, secret)
        assert aliyun_sms.sign(key_id, secret, method, query, headers) == theirs


def test_tencent_is_signed_for_as_by_its_own_package() -> None:
    rng = random.Random(382)
    client = AbstractClient(credential.Credential("id", "key"), "ap-guangzhou")
    for _ in range(INPUTS):
        key_id, secret, body = some(rng, ASCII, 1), some(rng, ANY, 1), some(rng, ANY, 0, 400).encode()
        host, content_type = (
            f"{some(rng, ASCII, 1)}.tencentcloudapi.com",
            rng.choice(["application/json", "text/plain"]),
        )
        now = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=rng.randrange(10**8))
        header = {"Content-Type": content_type, "Host": host, "X-TC-Timestamp": str(int(now.timestamp()))}
        asked: Any = SimpleNamespace(method="POST", uri="/", data=body, header=header)
        date = now.strftime("%Y-%m-%d")
        theirs = client._get_tc3_signature({}, asked, date, "sms", secret)  # pyright: ignore[reportPrivateUsage]
        ours = tencent_sms.sign(key_id, secret, host=host, content_type=content_type, body=body, now=now)
        scope = f"{key_id}/{date}/sms/tc3_request"
        assert ours == f"TC3-HMAC-SHA256 Credential={scope}, SignedHeaders=content-type;host, Signature={theirs}"


def test_a_signature_depends_on_every_part_of_what_is_signed() -> None:
    now = datetime(2026, 11, 21, tzinfo=UTC)
    headers = {"host": "h", "x-acs-content-sha256": "0"}
    made = [
        aliyun_sms.sign("id", "key", "POST", {"a": "b"}, headers),
        aliyun_sms.sign("id", "key", "POST", {"a": "c"}, headers),
        aliyun_sms.sign("id", "key", "GET", {"a": "b"}, headers),
        aliyun_sms.sign("id", "other", "POST", {"a": "b"}, headers),
        aliyun_sms.sign("id", "key", "POST", {"a": "b"}, headers | {"x-acs-date": "1"}),
        tencent_sms.sign("id", "key", host="h", content_type="t", body=b"1", now=now),
        tencent_sms.sign("id", "key", host="h", content_type="t", body=b"2", now=now),
        tencent_sms.sign("id", "key", host="h", content_type="t", body=b"1", now=now + timedelta(seconds=1)),
        tencent_sms.sign("id", "other", host="h", content_type="t", body=b"1", now=now),
    ]
    assert len(set(made)) == len(made)
    assert (
        len(base64.b64decode(twilio.sign("key", "https://h/", []))) == hashlib.sha1(usedforsecurity=False).digest_size
    )

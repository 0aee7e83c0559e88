"""What a template carries of an answer, and what its settings may say."""

from __future__ import annotations

from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

import channels
from channels._template import short
from core.errors import SendError, SettingsError
from core.model import Outbound
from tests.channels import aliyun_sms_cases, tencent_sms_cases

ALIYUN, TENCENT = aliyun_sms_cases.config("http://127.0.0.1:9"), tencent_sms_cases.config("http://127.0.0.1:9")


@pytest.mark.parametrize(
    ("text", "limit", "carried"),
    [
        ("好的", 5, "好的"),
        ("一二三四五", 5, "一二三四五"),
        ("一二三四五六", 5, "一二三四…"),
        ("一二三\n\n四", 9, "一二三 四"),
        ("见 https://a.example/x?y=1 ，谢谢", 9, "见 ，谢谢"),
        ("https://a.example/", 9, "…"),
        ("", 9, "…"),
        ("  \n ", 9, "…"),
        ("一 二三四", 3, "一…"),
        ("ab👨‍👩‍👧c", 7, "ab…"),
        ("👨‍👩‍👧👨‍👩‍👧", 5, "…"),
    ],
)
def test_a_parameter_carries_one_line_without_addresses_cut_between_characters(
    text: str, limit: int, carried: str
) -> None:
    assert short(text, limit) == carried
    assert len(short(text, limit)) <= max(limit, 1)


@pytest.mark.parametrize(
    ("config", "says"),
    [
        ({**ALIYUN, "params": {"a b": "{text}"}}, "params: a parameter's name"),
        ({**ALIYUN, "params": {"a": ""}}, r"params: a parameter carries \{text\}"),
        ({**ALIYUN, "params": {"a": "{answer}"}}, r"params: a parameter carries \{text\}"),
        ({**ALIYUN, "params": {"a": "{text} {link}"}}, "params: .* one of them and nothing beside it"),
        ({**ALIYUN, "params": {"a": "{link}"}}, r"params: \{link\} needs the setting link"),
        ({**ALIYUN, "template_code": "123"}, "template_code"),
        ({**ALIYUN, "secret": "too short"}, "secret: 16 to 128"),
        ({**ALIYUN, "secret": "with/a/slash/in/the/middle"}, "secret: 16 to 128"),
        ({**ALIYUN, "allow": "everybody"}, "allow: addresses and networks"),
        ({**ALIYUN, "api_url": "http://dysmsapi.example"}, "api_url: use https"),
        ({**TENCENT, "params": ["a", "b"]}, "params: one of them carries"),
        ({**TENCENT, "params": ["{link}"]}, r"params: \{link\} needs the setting link"),
        ({**TENCENT, "sdk_app_id": "app"}, "sdk_app_id"),
        ({**TENCENT, "template_id": "SMS_1"}, "template_id"),
    ],
)
def test_settings_that_could_not_work_are_refused_by_name(config: dict[str, Any], says: str) -> None:
    with pytest.raises(SettingsError, match=says):
        channels.make("sms", config)


def test_the_house_gives_its_public_address_to_who_needs_it() -> None:
    config = {**ALIYUN, "params": {"a": "{link}"}}
    _, given = channels.configured("sms", config, "https://desk.example")
    _, own = channels.configured("sms", {**config, "public_url": "https://sms.example"}, "https://desk.example")
    assert (getattr(given, "public_url", ""), getattr(own, "public_url", "")) == (
        "https://desk.example",
        "https://sms.example",
    )


@pytest.mark.parametrize("table", [aliyun_sms_cases, tencent_sms_cases])
async def test_the_host_that_is_signed_is_the_host_that_is_named(table: Any) -> None:
    named: list[str] = []

    async def answer(request: web.Request) -> web.Response:
        named.append(request.headers["Host"])
        return web.Response(status=503)

    app = web.Application()
    app.router.add_post("/", answer)
    async with TestServer(app) as vendor:
        channel = channels.make(
            "test", {**table.config(f"http://127.0.0.1:{vendor.port}"), "host": "sms.vendor.example"}
        )
        await channel.start()
        with pytest.raises(SendError):
            await channel.send(Outbound(id=1, address="13811110001", text="好"))
        await channel.close()
    assert named == ["sms.vendor.example"]

"""What `./qiantai channels simulate` posts is what each kind takes, and `./qiantai channels check` speaks in words."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

import channels
from channels import WebhookRequest
from channels._address import address_problems, connection_problem
from core.model import ChannelId, Inbound
from tests.channels.table import NOW
from tests.channels.test_tables import COMPLETE_KINDS, NOWHERE, TABLES

SAMPLED = [kind for kind in COMPLETE_KINDS if hasattr(channels.load(kind), "samples")]


def made(kind: str, after: float = 0.0) -> tuple[channels.Channel, dict[str, WebhookRequest]]:
    """A channel that takes calls from this machine, and what it would be brought `after` seconds."""
    settings = TABLES[kind].config(NOWHERE)
    settings |= {"allow": "127.0.0.1"} if "allow" in settings else {}
    module, config = channels.configured("test", settings)
    samples: Any = getattr(module, "samples")  # noqa: B009  (a kind need not have any)
    now = NOW + timedelta(seconds=after)
    requests = {label: _from_here(request) for label, request in samples(ChannelId("test"), config, now).items()}
    return module.create(ChannelId("test"), config, lambda: now), requests


def _from_here(request: WebhookRequest) -> WebhookRequest:
    return channels.WebhookRequest(
        method=request.method,
        path=request.path,
        query=request.query,
        raw_query=request.raw_query,
        headers=request.headers,
        body=request.body,
        remote="127.0.0.1",
        now=request.now,
    )


def test_the_kinds_with_samples_are_those_that_are_called() -> None:
    assert {"aliyun_sms", "tencent_sms", "twilio", "web", "webhook"} <= set(SAMPLED)


@pytest.mark.parametrize("kind", SAMPLED)
def test_every_sample_of_a_kind_is_taken_by_its_channel(kind: str) -> None:
    channel, requests = made(kind)
    assert next(iter(requests)) == "text"
    for label, request in requests.items():
        assert 200 <= channel.parse(request).ack.status < 300, label
    [asked] = channel.parse(requests["text"]).events
    assert isinstance(asked, Inbound)
    assert asked.text


@pytest.mark.parametrize("kind", SAMPLED)
def test_a_later_run_is_no_repetition_of_an_earlier_one(kind: str) -> None:
    (channel, first), (_, second) = made(kind), made(kind, after=1)
    keys = {
        (event.sender, event.external_id)
        for requests in (first, second)
        for event in channel.parse(requests["text"]).events
        if isinstance(event, Inbound)
    }
    assert len(keys) == 2


@pytest.mark.parametrize(
    ("url", "more", "says"),
    [
        ("", {}, "set QIANTAI_PUBLIC_BASE_URL"),
        ("https://[x", {}, "not of the form"),
        ("desk.example", {}, "not of the form"),
        ("https://127.0.0.1", {}, "can be reached from this machine or a private network only"),
        ("https://10.1.2.3", {}, "private network only"),
        ("https://desk", {}, "private network only"),
        ("https://desk.internal", {}, "private network only"),
        ("http://desk.example", {}, "calls https only"),
        ("https://desk.example:8080", {"ports": (80, 443)}, "calls port 80 or 443 only, not 8080"),
        ("http://desk.example", {"ports": (443, 8443), "tls": False}, "port 443 or 8443 only, not 80"),
    ],
)
def test_what_a_platform_would_not_call_is_said_in_words(url: str, more: dict[str, Any], says: str) -> None:
    assert any(says in problem for problem in address_problems(url, **more))


@pytest.mark.parametrize(
    ("url", "more"),
    [
        ("https://desk.example", {"ports": (80, 443)}),
        ("https://desk.example:8443/path", {"ports": (443, 80, 88, 8443)}),
        ("http://desk.example", {"tls": False, "ports": (80, 443)}),
        ("https://8.8.8.8", {}),
        ("https://desk.example:8080", {}),
    ],
)
def test_nothing_is_said_against_an_address_that_will_do(url: str, more: dict[str, Any]) -> None:
    assert address_problems(url, **more) == []


async def test_who_does_not_answer_and_who_is_not_trusted_is_named() -> None:
    assert "port 9 cannot be reached" in await connection_problem("http://127.0.0.1:9/callback")
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        assert await connection_problem(f"http://127.0.0.1:{port}/callback") == ""
        assert f"port {port}" in await connection_problem(f"https://127.0.0.1:{port}/callback")

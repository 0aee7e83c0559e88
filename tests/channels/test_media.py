"""Files from addresses that came in messages: nothing inside is ever reached, nothing without end is read."""

from __future__ import annotations

import asyncio
import gzip
import ipaddress
import socket
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web

from channels import make
from channels._media import Files, is_public, origin, problem
from core.errors import SendError
from core.model import Attachment
from tests.waiting import PATIENCE

MOST = 1000  # bytes
Answer = Callable[[web.Request], Any]


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "127.8.8.8", "0.0.0.0", "10.1.2.3", "172.16.0.1", "172.31.255.255", "192.168.1.1",
        "169.254.169.254", "100.64.0.1", "192.0.0.1", "192.0.2.1", "198.18.0.1",
        "198.51.100.7", "203.0.113.9", "224.0.0.1", "240.0.0.1",
        "255.255.255.255", "::", "::1", "fe80::1", "fec0::1", "feff::1", "fc00::1", "fd12:3456::1", "ff02::1",
        "2001:db8::1",
        "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "64:ff9b::7f00:1", "64:ff9b::a00:1",
        "2002:7f00:1::", "2002:a00:1::1", "2001:0:4136:e378:8000:63bf:80ff:fffe",
    ],
)  # fmt: skip
def test_addresses_that_are_not_public(address: str) -> None:
    assert not is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize("address", ["8.8.8.8", "101.226.103.1", "2400:3200::1", "::ffff:8.8.8.8", "64:ff9b::808:808"])
def test_addresses_that_are_public(address: str) -> None:
    assert is_public(ipaddress.ip_address(address))


INSIDE = [
    "http://127.0.0.1/", "https://127.0.0.1:8443/a", "http://[::1]/", "http://169.254.169.254/latest/meta-data/",
    "http://10.0.0.8/x.jpg", "http://192.168.0.1/", "http://[::ffff:127.0.0.1]/", "http://[::ffff:7f00:1]/",
    "http://[fe80::1]/", "http://[64:ff9b::7f00:1]/", "http://2130706433/", "http://127.1/", "http://0x7f000001/",
    "http://0x7f.0.0.1/", "http://0177.0.0.1/", "http://0/", "http://127.0.0.1./", "http://①②⑦.0.0.1/",
    "http://user@files.example/a", "http://user:secret@files.example/a", "file:///etc/passwd", "ftp://files.example/a",
    "gopher://127.0.0.1/", "//files.example/a", "http://", "http:///a", "http://files.example:70000/", "",
    "http://files.example/a b", "http://files.example/\nHost: x", "telegram:AgAD", "http://[::1",
]  # fmt: skip


@pytest.mark.parametrize("url", INSIDE)
async def test_an_address_that_leads_inside_or_nowhere_is_refused_before_anything_is_looked_up(url: str) -> None:
    assert problem(url)
    async with fetching() as files:
        with pytest.raises(SendError) as caught:
            await files.get(url, MOST)
    assert not caught.value.may_retry


def test_an_origin_has_its_port_written_out() -> None:
    assert origin("https://a.example/x") == origin("https://a.example:443") == "https://a.example:443"


@asynccontextmanager
async def fetching(*trusted: str, within: float = 10.0) -> AsyncGenerator[Files]:
    files = Files(trusted, within)
    await files.start()
    yield files
    await files.close()


@asynccontextmanager
async def serving(answer: Answer) -> AsyncGenerator[tuple[str, list[web.Request]]]:
    """A server on loopback: its origin, and what it was asked for."""
    asked: list[web.Request] = []

    async def take(request: web.Request) -> web.StreamResponse:
        asked.append(request)
        return await answer(request)

    app = web.Application()
    app.router.add_get("/{path:.*}", take)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}", asked
    await runner.cleanup()


async def gives(request: web.Request) -> web.StreamResponse:
    return web.Response(body=b"\xff\xd8jpeg", content_type="image/jpeg")


@pytest.mark.parametrize(
    "found",
    [["127.0.0.1"], ["::1"], ["::ffff:127.0.0.1"], ["10.0.0.1"], ["169.254.169.254"], ["8.8.8.8", "127.0.0.1"]],
    ids=str,
)
async def test_a_name_that_leads_inside_is_refused_and_nobody_there_is_called(
    found: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def look_up(host: str, port: int, *args: Any, **kwargs: Any) -> list[Any]:
        kind = [(socket.AF_INET6 if ":" in ip else socket.AF_INET, (ip, port)) for ip in found]
        return [
            (family, socket.SOCK_STREAM, 6, "", (*where, 0, 0) if family == 10 else where) for family, where in kind
        ]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    async with serving(gives) as (here, asked), fetching() as files:
        with pytest.raises(SendError, match="public internet") as caught:
            await files.get(here.replace("127.0.0.1", "files.example"), MOST)
    assert not caught.value.may_retry
    assert asked == []


async def test_this_machine_by_its_name_is_refused() -> None:
    async with serving(gives) as (here, asked), fetching() as files:
        with pytest.raises(SendError, match="public internet"):
            await files.get(here.replace("127.0.0.1", "localhost"), MOST)
    assert asked == []


async def test_what_the_operator_trusts_may_be_inside_at_that_port_alone() -> None:
    async with serving(gives) as (here, _), serving(gives) as (other, asked), fetching(here) as files:
        assert (await files.get(f"{here}/a.jpg", MOST)).body == b"\xff\xd8jpeg"
        with pytest.raises(SendError, match="not public"):
            await files.get(f"{other}/a.jpg", MOST)
    assert asked == []


@pytest.mark.parametrize(
    "target", ["{other}/a.jpg", "//127.0.0.1:1/", "http://169.254.169.254/", "http://localhost:1/"]
)
async def test_a_redirect_inside_is_not_followed(target: str) -> None:
    async with serving(gives) as (other, asked):

        async def leads(request: web.Request) -> web.StreamResponse:
            return web.Response(status=302, headers={"Location": target.format(other=other)})

        async with serving(leads) as (here, _), fetching(here) as files:
            with pytest.raises(SendError):
                await files.get(f"{here}/a.jpg", MOST)
    assert asked == []


async def test_a_redirect_is_followed_without_the_login_and_not_for_ever() -> None:
    async with serving(gives) as (store, seen):

        async def leads(request: web.Request) -> web.StreamResponse:
            to = "/round" if request.path == "/round" else f"{store}/blob"
            return web.Response(status=307, headers={"Location": to})

        async with serving(leads) as (here, asked), fetching(here, store) as files:
            assert (await files.get(f"{here}/a", MOST, {"Authorization": "Basic c2VjcmV0"})).body == b"\xff\xd8jpeg"
            with pytest.raises(SendError, match="redirects"):
                await files.get(f"{here}/round", MOST)
    assert asked[0].headers["Authorization"] == "Basic c2VjcmV0"
    assert "Authorization" not in seen[0].headers


async def test_a_file_without_end_is_read_up_to_the_limit_and_refused() -> None:
    sent = 0

    async def endless(request: web.Request) -> web.StreamResponse:
        nonlocal sent
        response = web.StreamResponse(headers={"Content-Length": str(300 * 1024 * 1024)})
        await response.prepare(request)
        for _ in range(300):
            await response.write(b"x" * 1024 * 1024)
            sent += 1
        return response

    async with serving(endless) as (here, _), fetching(here) as files:
        with pytest.raises(SendError, match="more than 1000 bytes") as caught:
            await files.get(f"{here}/a", MOST)
    assert caught.value.send_code == "too_large"
    assert sent < 50  # what fits into the buffers between us


async def test_a_file_that_drips_is_given_up_in_time_and_may_be_tried_again() -> None:
    over = asyncio.Event()

    async def drips(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b"x")
        await over.wait()
        return response

    async with serving(drips) as (here, _), fetching(here, within=0.2) as files:
        with pytest.raises(SendError) as caught:
            await asyncio.wait_for(files.get(f"{here}/a", MOST), PATIENCE)
        over.set()
    assert caught.value.may_retry


@pytest.mark.parametrize(
    ("status", "retryable"), [(404, False), (403, False), (410, False), (429, True), (500, True), (503, True)]
)
async def test_what_a_server_says_instead_of_the_file(status: int, retryable: bool) -> None:
    async def refuses(request: web.Request) -> web.StreamResponse:
        return web.Response(status=status, body=b"no")

    async with serving(refuses) as (here, _), fetching(here) as files:
        with pytest.raises(SendError, match=str(status)) as caught:
            await files.get(f"{here}/a", MOST)
    assert caught.value.may_retry is retryable


async def test_what_is_packed_stays_packed_and_nothing_is_no_file() -> None:
    bomb = gzip.compress(b"0" * 500_000)

    async def packed(request: web.Request) -> web.StreamResponse:
        if request.path == "/empty":
            return web.Response(body=b"")
        return web.Response(body=bomb, headers={"Content-Encoding": "gzip"})

    async with serving(packed) as (here, _), fetching(here) as files:
        assert (await files.get(f"{here}/a", MOST)).body == bomb
        with pytest.raises(SendError, match="nothing"):
            await files.get(f"{here}/empty", MOST)


# Channels -------------------------------------------------------------------------------------------------------------

ACCOUNT = "AC" + "0" * 32
TOKEN = "a token of thirty-two characters"


def twilio(api: str) -> Any:
    settings = {
        "account_sid": ACCOUNT,
        "auth_token": TOKEN,
        "sender": "+14155550100",
        "public_url": "https://a.example",
    }
    return make("sms", {"kind": "twilio", "api_url": api, **settings})


async def test_twilios_files_are_fetched_with_our_login_which_goes_nowhere_else() -> None:
    async with serving(gives) as (here, asked):
        channel = twilio(here)
        await channel.start()
        path = f"/2010-04-01/Accounts/{ACCOUNT}/Messages/MM1/Media/ME1"
        photo = Attachment(media_type="image/jpeg", url=here + path)
        assert await channel.fetch(photo, MOST) == b"\xff\xd8jpeg"
        for url in (f"{here}/other", f"https://files.example{path}", here.replace("//", "//x@") + path):
            with pytest.raises(SendError, match="not a file of this account"):
                await channel.fetch(Attachment(media_type="image/jpeg", url=url), MOST)
        await channel.close()
    assert [request.path for request in asked] == [path]
    assert asked[0].headers["Authorization"].startswith("Basic ")


async def test_the_webhooks_files_come_from_outside_or_from_where_the_settings_say() -> None:
    async with serving(gives) as (here, asked):
        base = {"kind": "webhook", "secret": "a secret of sixteen", "callback_url": "http://127.0.0.1:9/"}
        photo = Attachment(media_type="image/jpeg", url=f"{here}/a.jpg")
        for more in ({}, {"file_origins": [here]}):
            channel: Any = make("hook", base | more)
            await channel.start()
            if more:
                assert await channel.fetch(photo, MOST) == b"\xff\xd8jpeg"
            else:
                with pytest.raises(SendError, match="not public"):
                    await channel.fetch(photo, MOST)
            await channel.close()
    assert len(asked) == 1

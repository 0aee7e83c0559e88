"""What an HTTP outcome means for the sender, and the one session that all channels share."""

from __future__ import annotations

import asyncio
import gzip
import socket

import aiohttp
import pytest

from channels import CutOff, Headers
from channels._http import ANSWER_MAX, Answer, Client, failure, retry_after
from core.errors import SendError
from tests.channels.conftest import LeftLoopback
from tests.channels.table import Request, hangs, reply
from tests.channels.wire import platform

HELLO = Request(method="POST", path="/x", headers={"content-type": "text/plain"}, body=b"hello")
PLAIN = {"Content-Type": "text/plain"}


def answer(status: int, **headers: str) -> Answer:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(status=status, headers=Headers(named), body=b"")


@pytest.mark.parametrize(
    ("status", "code", "retryable", "cut_off"),
    [
        (301, "refused", False, False),
        (302, "refused", False, False),
        (400, "refused", False, False),
        (401, "refused", False, False),
        (403, "refused", False, False),
        (404, "refused", False, False),
        (407, "refused", False, False),
        (408, "server_down", True, False),
        (413, "refused", False, False),
        (425, "server_down", True, False),
        (429, "throttled", True, False),
        (451, "refused", False, False),
        (500, "server_down", True, False),
        (502, "server_down", True, True),
        (503, "server_down", True, False),
        (504, "server_down", True, True),
        (599, "server_down", True, False),
    ],
)
def test_a_status_says_whether_to_try_again(status: int, code: str, retryable: bool, cut_off: bool) -> None:
    error = failure(answer(status))
    assert error is not None
    assert (error.send_code, error.may_retry, isinstance(error, CutOff)) == (code, retryable, cut_off)
    assert str(status) in str(error)


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_a_success_is_left_to_the_channel_to_judge(status: int) -> None:
    assert failure(answer(status)) is None


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"Retry-After": "0"}, 0.0),
        ({"Retry-After": " 7 "}, 7.0),
        ({"Retry-After": "86400"}, 3600.0),
        ({"Retry-After": "9" * 400}, 3600.0),
        ({"Retry-After": "-5"}, None),
        ({"Retry-After": "1.5"}, None),
        ({"Retry-After": "７"}, None),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "Sat, 21 Nov 2026 04:01:30 GMT", "Date": "Sat, 21 Nov 2026 04:00:00 GMT"}, 90.0),
        ({"Retry-After": "Sat, 21 Nov 2026 03:00:00 GMT", "Date": "Sat, 21 Nov 2026 04:00:00 GMT"}, 0.0),
        ({"Retry-After": "Sun, 21 Nov 2027 04:00:00 GMT", "Date": "Sat, 21 Nov 2026 04:00:00 GMT"}, 3600.0),
        ({"Retry-After": "Sat, 21 Nov 2026 04:01:30 GMT"}, None),
        ({"Retry-After": "Sat, 21 Nov 2026 04:01:30", "Date": "Sat, 21 Nov 2026 04:00:00 GMT"}, None),
    ],
)
def test_the_wait_a_platform_asks_for(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after(Headers(headers)) == seconds


async def test_all_channels_share_one_session_until_the_last_has_closed() -> None:
    first, second = Client(), Client()
    await first.start()
    await first.start()
    session = Client._session
    await second.start()
    assert Client._session is session
    await first.close()
    await first.close()
    assert session is not None
    assert not session.closed
    async with platform([HELLO >> reply(200, "still here")]) as there:
        said = await second.post(f"{there.url}/x", body=b"hello", headers=PLAIN, within=10)
    assert said.body == b"still here"
    await second.close()
    assert session.closed
    assert Client._session is None


async def test_a_client_that_was_not_started_says_so() -> None:
    client = Client()
    with pytest.raises(RuntimeError, match="before start"):
        await client.post("http://127.0.0.1:9/", body=b"", headers={}, within=1)


async def test_an_answer_is_read_up_to_a_limit_and_never_unpacked() -> None:
    bomb = gzip.compress(b"0" * 50_000_000)
    packed = reply(200, bomb, {"Content-Encoding": "gzip"})
    client = Client()
    await client.start()
    async with platform([HELLO >> reply(200, b"x" * 500_000), HELLO >> packed]) as there:
        long = await client.post(f"{there.url}/x", body=b"hello", headers=PLAIN, within=10)
        small = await client.post(f"{there.url}/x", body=b"hello", headers=PLAIN, within=10)
    await client.close()
    assert len(long.body) == ANSWER_MAX
    assert small.body == bomb[:ANSWER_MAX]
    assert small.object() == {}


async def test_a_call_that_never_got_a_connection_surely_did_not_arrive() -> None:
    client = Client()
    await client.start()
    async with platform([], listening=False) as nobody:
        with pytest.raises(SendError, match="no connection") as caught:
            await client.post(f"{nobody.url}/x", body=b"hello", headers=PLAIN, within=10)
    await client.close()
    assert not isinstance(caught.value, CutOff)
    assert caught.value.may_retry


async def test_a_call_that_was_given_up_may_have_arrived() -> None:
    client = Client()
    await client.start()
    async with platform([HELLO >> hangs()]) as silent:
        with pytest.raises(CutOff, match="no answer"):
            await client.post(f"{silent.url}/x", body=b"hello", headers=PLAIN, within=0.2)
    await client.close()


async def test_the_guard_of_these_tests_keeps_every_call_on_loopback(attempts: list[str]) -> None:
    async with aiohttp.ClientSession() as session:
        for url in ("http://192.0.2.1/", "http://desk.example/"):
            with pytest.raises(LeftLoopback):
                await session.get(url)
    with pytest.raises(LeftLoopback):
        await asyncio.get_running_loop().run_in_executor(None, socket.create_connection, ("192.0.2.1", 80))
    assert attempts == ["a connection to 192.0.2.1", "a look-up of desk.example", "a look-up of 192.0.2.1"]
    attempts.clear()

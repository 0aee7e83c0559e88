"""What one network address may do at the web chat, through the real door: newcomers, open pages, proxies, privacy."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import cast

import pytest
import structlog

from channels.web import Close
from core.setting_checks import networks
from core.tables import conversation
from door.app import create_door
from door.listening import Listening, bind
from door.rates import MINUTE, Addresses
from tests.channels import aliyun_sms_cases, kannel_cases, tencent_sms_cases
from tests.door.conftest import Open, Running
from tests.door.tab import Tab, rows, tab
from tests.door.test_abuse import Ticks
from tests.waiting import PATIENCE, until

NAT = "203.0.113.7"
HOME = "198.51.100.20"
NOWHERE = "http://127.0.0.1:9"  # an address for channels that send nothing


def limit(running: Running, *, visitors: int = 0, sockets: int = 0, proxies: str = "127.0.0.0/8") -> Ticks:
    """Gives the house these limits, with a clock of the test's."""
    ticks = Ticks(1000 * MINUTE)
    running.house.sockets.addresses = Addresses(visitors, sockets, networks(proxies), ticks)
    return ticks


def visit(running: Running, address: str = "") -> AbstractAsyncContextManager[Tab]:
    """A page that comes from `address` through the proxy, or without one."""
    return tab(running, **({"X-Forwarded-For": address} if address else {}))


async def refused(one: Tab, token: str = "") -> bool:
    """Is this visitor sent away? Then properly: with the reason, and the code that means later."""
    await one.send(type="hello", token=token, last_seq=0, language="zh")
    async with asyncio.timeout(PATIENCE):
        first = await one.ws.receive_json()
    if first["type"] == "welcome":
        return False
    assert (first["type"], first["code"]) == ("error", "too_many")
    assert "try again later" in first["text"]
    assert await one.end() == Close.RATE
    return True


# Newcomers --------------------------------------------------------------------------------------------------------


async def test_a_flood_of_invented_tokens_ends_at_the_limit_and_leaves_nothing_behind(running: Running) -> None:
    limit(running, visitors=5)
    sent_away: list[bool] = []
    for _ in range(12):
        async with visit(running, NAT) as one:
            sent_away.append(await refused(one, secrets.token_urlsafe(32)))
    assert sent_away == [False] * 5 + [True] * 7

    async def greeted() -> bool:  # a welcome comes before its first row
        return await rows(running, conversation) == 5

    await until(greeted)
    assert running.count("refused_total", channel="web", error="too_many") == 7


async def test_a_visitor_who_has_a_conversation_comes_back_through_the_flood_and_neighbours_get_in(
    running: Running,
) -> None:
    limit(running, visitors=2)
    async with visit(running, NAT) as one:
        await one.hello()
        await one.write("怎么查自己的信用报告？", "c-1")
    async with visit(running, NAT) as flood:
        assert not await refused(flood)
    for _ in range(3):
        async with visit(running, NAT) as flood:
            assert await refused(flood, secrets.token_urlsafe(32))
        async with visit(running, NAT) as again:
            assert (await again.hello(one.token))["conversation"] == one.conversation
        async with visit(running, NAT) as flood:
            assert await refused(flood)
    async with visit(running, HOME) as neighbour:
        assert not await refused(neighbour)


async def test_a_crowd_behind_one_address_gets_in_bit_by_bit(running: Running) -> None:
    ticks = limit(running, visitors=4)
    waiting, minutes = 11, 0
    while waiting:
        while waiting:
            async with visit(running, NAT) as one:
                if await refused(one):
                    break
            waiting -= 1
        ticks.now += MINUTE
        minutes += 1
        assert minutes < 6
    assert minutes >= 3  # and not all at once


async def test_who_posts_without_a_socket_is_counted_as_well(open_doors: Open) -> None:
    async def post(token: str, address: str = NAT) -> int:
        headers = {"X-Qiantai-Token": token, "X-Forwarded-For": address}
        frame = {"type": "msg", "cid": secrets.token_hex(8), "text": "怎么查自己的信用报告？"}
        async with running.http.post(f"{running.url}/c/web/in", json=frame, headers=headers) as response:
            return response.status

    async with open_doors(visitors_per_minute=2) as running:
        known = secrets.token_urlsafe(32)
        assert await post(known) == 200
        statuses = [await post(secrets.token_urlsafe(32)) for _ in range(5)]
        assert set(statuses) == {200, 429}
        assert await post(known) == 200
        assert await post(secrets.token_urlsafe(32), HOME) == 200


# Open pages -------------------------------------------------------------------------------------------------------


async def test_an_address_has_so_many_pages_open_and_no_more_until_one_is_closed(running: Running) -> None:
    limit(running, sockets=3)
    async with AsyncExitStack() as pages:
        first = await pages.enter_async_context(visit(running, NAT))
        await first.hello()
        for _ in range(2):
            await pages.enter_async_context(visit(running, NAT))  # a page that says nothing is open, too
        async with visit(running, NAT) as one:
            assert await refused(one)
        async with visit(running, NAT) as known:
            assert await refused(known, first.token)
        async with visit(running, HOME) as neighbour:
            assert not await refused(neighbour)
        await first.ws.close()
        async with asyncio.timeout(PATIENCE):
            while True:  # the house notices in its own time
                async with visit(running, NAT) as one:
                    if not await refused(one):
                        break


async def test_without_limits_anybody_comes_as_often_as_they_like(running: Running) -> None:
    limit(running)
    async with AsyncExitStack() as pages:
        for _ in range(20):
            one = await pages.enter_async_context(visit(running, NAT))
            assert not await refused(one)


async def test_the_settings_are_the_limits(open_doors: Open) -> None:
    async with open_doors(visitors_per_minute=2, sockets_per_address=1, trusted_proxies="none") as running:
        async with visit(running) as one, visit(running) as two:
            await one.hello()
            assert await refused(two)
        sent_away: list[bool] = []
        for _ in range(5):
            async with visit(running) as one:
                sent_away.append(await refused(one))
        assert True in sent_away


# Whose address ----------------------------------------------------------------------------------------------------

SAME, OTHER = True, False


@pytest.mark.parametrize(
    ("proxies", "first", "second", "one_caller"),
    [
        pytest.param("127.0.0.1", NAT, NAT, SAME, id="one address"),
        pytest.param("127.0.0.1", NAT, HOME, OTHER, id="two addresses"),
        pytest.param("none", NAT, HOME, SAME, id="nobody is trusted: what a caller says of itself does not count"),
        pytest.param("10.0.0.0/8", NAT, HOME, SAME, id="a caller from outside the trusted networks"),
        pytest.param("10.0.0.0/8", "", "", SAME, id="callers without a proxy"),
        pytest.param("127.0.0.1", f"8.8.8.8, {NAT}", f"9.9.9.9, {NAT}", SAME, id="what came before the proxy's word"),
        pytest.param("127.0.0.1", f"127.0.0.1, {NAT}", f"::1, {NAT}", SAME, id="a proxy's name before its word"),
        pytest.param(
            "127.0.0.1, 10.0.0.0/8", f"{NAT}, 10.0.0.7", f"{NAT}, 10.0.0.8", SAME, id="a chain of proxies: one caller"
        ),
        pytest.param(
            "127.0.0.1, 10.0.0.0/8", f"{NAT}, 10.0.0.7", f"{HOME}, 10.0.0.7", OTHER, id="a chain of proxies: two"
        ),
        pytest.param(
            "127.0.0.1, 10.0.0.0/8",
            f"8.8.8.8, {NAT}, 10.0.0.7",
            f"9.9.9.9, {NAT}, 10.0.0.7",
            SAME,
            id="a chain, forged",
        ),
        pytest.param("127.0.0.1", "2001:db8:1:2::1", "2001:db8:1:2:ffff::9", SAME, id="one /64"),
        pytest.param("127.0.0.1", "2001:db8:1:2::1", "2001:db8:1:3::1", OTHER, id="two /64"),
        pytest.param("127.0.0.1", "[2001:db8:1:2::1]:443", "2001:db8:1:2::2", SAME, id="with a port"),
        pytest.param("127.0.0.1", f"::ffff:{NAT}", NAT, SAME, id="IPv4 written as IPv6"),
        pytest.param("127.0.0.1", f"::ffff:{NAT}", f"::ffff:{HOME}", OTHER, id="two of these"),
        pytest.param("127.0.0.1", "unknown", "'; drop", SAME, id="what is no address"),
        pytest.param("127.0.0.1", "", "", OTHER, id="the machine itself is not counted"),
    ],
)
async def test_callers_are_told_apart_by_the_address_that_the_nearest_trusted_proxy_saw(
    open_doors: Open, proxies: str, first: str, second: str, one_caller: bool
) -> None:
    async with open_doors(trusted_proxies=proxies) as running:
        limit(running, visitors=1, proxies=proxies)
        async with visit(running, first) as one:
            assert not await refused(one)
        async with visit(running, second) as two:
            assert await refused(two) is one_caller


@asynccontextmanager
async def both_families(running: Running) -> AsyncGenerator[int]:
    """The same house at a socket that takes IPv4 and IPv6."""
    listening = Listening(create_door(running.house), bind("::", 0, "a test"))
    await listening.start()
    try:
        yield listening.port
    finally:
        await listening.stop()


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]"])
@pytest.mark.parametrize(
    ("proxies", "sent_away"), [("127.0.0.0/8, ::1", [False, False, True]), ("none", [False, True, True])]
)
async def test_a_proxy_is_known_in_both_families(
    open_doors: Open, host: str, proxies: str, sent_away: list[bool]
) -> None:
    async with open_doors(trusted_proxies=proxies) as running, both_families(running) as port:
        limit(running, visitors=1, proxies=proxies)
        url = f"http://{host}:{port}/socket/web"
        for address, expected in zip((NAT, HOME, NAT), sent_away, strict=True):
            async with running.http.ws_connect(url, headers={"X-Forwarded-For": address}) as ws:
                assert await refused(Tab(ws)) is expected


# Who may call -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("proxies", "caller", "status"),
    [
        pytest.param("127.0.0.1", HOME, 200, id="whom the proxy names is allowed"),
        pytest.param("127.0.0.1", NAT, 401, id="whom the proxy names is not"),
        pytest.param("127.0.0.1", "", 401, id="the proxy names nobody, and is not allowed itself"),
        pytest.param("none", HOME, 401, id="named by somebody whom we do not trust"),
    ],
)
async def test_a_channel_that_judges_its_callers_judges_whom_the_proxy_names(
    open_doors: Open, proxies: str, caller: str, status: int
) -> None:
    only = {"allow": f"{HOME}/32"}
    channels = {
        "ali": aliyun_sms_cases.config(NOWHERE) | only,
        "tencent": tencent_sms_cases.config(NOWHERE) | only,
    }
    paths = {"ali": f"{aliyun_sms_cases.SECRET}/report", "tencent": f"{tencent_sms_cases.SECRET}/report"}
    reports = {"ali": aliyun_sms_cases.REPORT, "tencent": tencent_sms_cases.REPORT}
    headers = {"X-Forwarded-For": caller} if caller else {}
    async with open_doors(channels=channels, trusted_proxies=proxies) as running:
        for id, path in paths.items():
            url = f"{running.url}/c/{id}/{path}"
            async with running.http.post(url, json=[reports[id]], headers=headers) as response:
                assert response.status == status, id


@pytest.mark.parametrize(("caller", "status"), [("", 200), ("10.1.2.3", 200), (HOME, 401)])
async def test_nobody_from_outside_is_kannel_only_because_the_proxy_is_near(
    open_doors: Open, caller: str, status: int
) -> None:
    headers = {"X-Forwarded-For": caller} if caller else {}
    async with open_doors(channels={"sms": kannel_cases.config(NOWHERE)}) as running:
        url = f"{running.url}/c/sms/{kannel_cases.SECRET}/dlr?id=7&d=1"
        async with running.http.get(url, headers=headers) as response:
            assert response.status == status


# Privacy ----------------------------------------------------------------------------------------------------------


async def test_no_address_is_written_anywhere(
    running: Running, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    limit(running, visitors=1, sockets=1)
    with structlog.testing.capture_logs() as logged:
        async with visit(running, NAT) as one:
            await one.hello()
            await one.write("怎么查自己的信用报告？", "c-1")
            async with visit(running, NAT) as two:
                assert await refused(two)
        async with visit(running, NAT) as three:
            assert await refused(three)
    assert [line["event"] for line in logged].count("socket_closed") == 2
    assert NAT not in str(logged) + "".join(capfd.readouterr())
    assert NAT not in running.house.metrics.text().decode()
    files = written(tmp_path)
    assert "qiantai.db" in files
    assert not [name for name, content in files.items() if NAT.encode() in content]


def written(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def kept(value: object) -> int:
    """How many keys all the tables in `value` have together."""
    if isinstance(value, dict):
        table = cast("dict[object, object]", value)
        return len(table) + sum(map(kept, table.values()))
    return sum(map(kept, vars(value).values())) if hasattr(value, "__dict__") else 0


async def test_addresses_are_hashed_and_forgotten_after_two_minutes_though_nobody_comes(running: Running) -> None:
    ticks = limit(running, visitors=1, sockets=1)
    addresses = running.house.sockets.addresses
    nothing = kept(addresses)
    with addresses.open(NAT):
        addresses.visit(NAT)
        assert kept(addresses) == nothing + 2
        assert NAT not in str(vars(addresses)) + str(vars(vars(addresses)["_visitors"]))
    ticks.now += 2 * MINUTE - 1
    await running.house.sockets.sweep()
    assert kept(addresses) == nothing + 1
    ticks.now += 1
    await running.house.sockets.sweep()
    assert kept(addresses) == nothing


def test_two_processes_keep_an_address_under_different_names() -> None:
    def name() -> str:
        addresses = Addresses(0, 1)
        with addresses.open(NAT):
            return str(vars(addresses)["_open"])

    assert name() != name()

"""`bench wechat`: a WeChat account under load, with the brain stopped and with a slow one, in both ways of answering.

A platform of our own delivers as WeChat does: it hangs up after 5 s, delivers a message three times in all, and takes
the first answer it can read. A share of the messages is delivered once more at some moment in between, as happens when
a network holds a request back. Everything is enciphered.
"""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from aiohttp import web

from channels import _wechat_wire as wire
from door.cli.bench.figures import Figure, as_data, machine, percentiles
from door.cli.bench.judge import ledger_account
from door.cli.bench.site import THINKS, Site, free_port, site

CHANNEL = "wx"
APP_ID, TOKEN, AES_KEY = "wx0123456789abcdef", "bench", "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG"
HANGS_UP = 5.0  # seconds; WeChat's documentation
DELIVERIES = 3  # of one message; the same page
SHUFFLED = 0.2  # share of messages that are delivered once more
SHUFFLED_WITHIN = 10.0  # seconds after the first delivery in which that happens
RATE = 200.0  # messages a second
RETRIED_RATE = 8.0  # messages a second that a brain of SLOW can answer before the last delivery
FOLLOWERS = 2000  # each message is of another one as long as they last
STOPPED = 600_000.0  # ms a turn takes a brain that never answers
BUSY, SLOW = 250.0, 6500.0  # ms a turn takes a slow brain: at RATE, and at RETRIED_RATE
ACK_MOST, ANSWER_MOST = 300.0, 4500.0  # ms
PARKED = "没能答上来"  # in the sentence that says so, and in no other

# Budgets in which a brain of SLOW may answer, which takes the second delivery.
SETTINGS = {"turns_in_flight": "64", "brain_timeout": "8", "hold_after": "9", "turn_window": "60"}


@dataclass(slots=True)
class Message:
    """One message of a follower; times in seconds."""

    acks: list[float] = field(default_factory=list[float])  # how long each acknowledgement took
    answers: list[tuple[float, str]] = field(default_factory=list[tuple[float, str]])  # how long, and the text
    odd: list[str] = field(default_factory=list[str])  # what was neither


class Platform:
    """Delivers messages, and takes the calls of the customer-service interface."""

    def __init__(self, house: str) -> None:
        self._house = house
        self._seal = wire.Seal(TOKEN, AES_KEY, APP_ID)
        self._number = 0
        self._rng = random.Random(1)  # noqa: S311 (no secret)
        self.sent = 0

    async def run(self, rate: float, seconds: float, *, passive: bool, shuffled: float = 0.0) -> list[Message]:
        """All messages of one load, once the platform has done with each."""
        limit = aiohttp.ClientTimeout(total=HANGS_UP)
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0), timeout=limit) as http:
            began, tasks = time.monotonic(), list[asyncio.Task[Message]]()
            for n in range(int(rate * seconds)):
                await asyncio.sleep(max(0.0, began + n / rate - time.monotonic()))
                again = self._rng.uniform(0, SHUFFLED_WITHIN) if self._rng.random() < shuffled else None
                tasks.append(asyncio.create_task(self._message(http, again if passive else None)))
            return await asyncio.gather(*tasks)

    async def _message(self, http: aiohttp.ClientSession, again: float | None) -> Message:
        self._number += 1
        number, at = self._number, int(time.time())
        xml = (
            f"<xml><ToUserName>gh_1</ToUserName><FromUserName>o{number % FOLLOWERS}</FromUserName>"
            f"<CreateTime>{at}</CreateTime><MsgType>text</MsgType><Content>问题 {number}</Content>"
            f"<MsgId>{number}</MsgId></xml>"
        )
        message = Message()
        extra = asyncio.create_task(self._later(http, xml, message, again)) if again is not None else None
        for _ in range(DELIVERIES):
            if await self._deliver(http, xml, message):
                break
        if extra is not None:
            await extra
        return message

    async def _later(self, http: aiohttp.ClientSession, xml: str, message: Message, after: float) -> None:
        await asyncio.sleep(after)
        await self._deliver(http, xml, message)

    async def _deliver(self, http: aiohttp.ClientSession, xml: str, message: Message) -> bool:
        """One delivery; False if the platform will bring it again."""
        stamp, nonce = str(int(time.time())), str(self._rng.getrandbits(32))
        body = self._seal.close(xml, timestamp=stamp, nonce=nonce)
        enciphered = body.partition("<Encrypt><![CDATA[")[2].partition("]]>")[0]
        query = {
            "timestamp": stamp,
            "nonce": nonce,
            "signature": wire.signature(TOKEN, stamp, nonce),
            "encrypt_type": "aes",
            "msg_signature": wire.signature(TOKEN, stamp, nonce, enciphered),
        }
        began = time.monotonic()
        try:
            async with http.post(self._house, params=query, data=body.encode()) as response:
                said, status = await response.text(), response.status
        except (TimeoutError, aiohttp.ClientError):
            return False
        took = time.monotonic() - began
        if status == 200 and said == "success":
            message.acks.append(took)
        elif status == 200 and said.startswith("<xml>"):
            message.answers.append((took, self._read(said)))
        else:
            message.odd.append(str(status))
        return True

    def _read(self, said: str) -> str:
        parts = {name: said.partition(f"<{name}>")[2].partition(f"</{name}>")[0] for name in ("TimeStamp", "Nonce")}
        nonce = parts["Nonce"].removeprefix("<![CDATA[").removesuffix("]]>")
        signed = said.partition("<MsgSignature><![CDATA[")[2].partition("]]>")[0]
        query = {"timestamp": parts["TimeStamp"], "nonce": nonce, "msg_signature": signed}
        return str(wire.read(self._seal.open(said, query))["Content"])

    async def token(self, request: web.Request) -> web.Response:
        return web.json_response({"access_token": "bench", "expires_in": 7200})

    async def take(self, request: web.Request) -> web.Response:
        await request.read()
        self.sent += 1
        return web.json_response({"errcode": 0, "errmsg": "ok"})


@asynccontextmanager
async def account(answer: str, *, keep: bool) -> AsyncGenerator[tuple[Site, Platform]]:
    """A house with one account, its brain up, and the platform beside it."""
    port = free_port()
    keys = {"kind": "wechat", "app_id": APP_ID, "token": TOKEN, "aes_key": AES_KEY, "app_secret": "bench"}
    channel = keys | {"answer": answer, "api_url": f"http://127.0.0.1:{port}"}
    settings = SETTINGS | {"channels": json.dumps({"web": {"kind": "web"}, CHANNEL: channel})}
    async with site(settings, keep=keep) as place:
        platform = Platform(f"http://127.0.0.1:{place.port}/c/{CHANNEL}/in")
        app = web.Application()
        app.add_routes([web.post("/cgi-bin/stable_token", platform.token), web.post("/{path:.*}", platform.take)])
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", port).start()
        try:
            await place.start_house()
            await place.brain_up()
            yield place, platform
        finally:
            await runner.cleanup()


async def measure(
    seconds: float, *, keep: bool = False, tell: Callable[[str], None] = lambda line: None
) -> dict[str, Any]:
    """The whole bench: {machine, figures, checks, passed}. `tell` hears how far it is."""
    figures: list[Figure] = []
    checks: Counter[str] = Counter()
    async with account("service", keep=keep) as (place, platform):
        facts = machine(place.folder)
        for name, pace in (("brain stopped", STOPPED), ("slow brain", BUSY)):
            tell(f"service mode, {name}")
            place.pace(pace)
            messages = await platform.run(RATE, seconds, passive=False)
            figures += _acknowledged(f"service, {name}", messages)
            checks.update(_not_acknowledged(messages))
        place.pace(THINKS)
    async with account("passive", keep=keep) as (place, platform):
        plans = (
            ("slow brain", BUSY, RATE, 0.0),
            ("slow brain, shuffled retries", SLOW, RETRIED_RATE, SHUFFLED),
            ("brain stopped, shuffled retries", STOPPED, RATE, SHUFFLED),
        )
        for name, pace, rate, shuffled in plans:
            tell(f"passive mode, {name}")
            place.pace(pace)
            messages = await platform.run(rate, seconds, passive=True, shuffled=shuffled)
            figures += _answered(f"passive, {name}", messages)
            checks.update(_not_once(messages, parked=pace == STOPPED))
        place.pace(THINKS)
        await place.house.stop()
        account_of = await ledger_account(place.database_url)
        checks.update(open=account_of["open"], unsent=account_of["unsent"])
    failed = any(figure.good is False for figure in figures) or any(checks.values())
    return {"machine": facts, "figures": as_data(figures), "checks": dict(checks), "passed": not failed}


def _acknowledged(name: str, messages: list[Message]) -> list[Figure]:
    took = percentiles([one for message in messages for one in message.acks])
    return [
        Figure(name=f"{name}: messages", value=len(messages)),
        Figure(name=f"{name}: ack p50", value=took["p50"], unit="ms"),
        Figure.at_most(f"{name}: ack p99", took["p99"], ACK_MOST, "ms"),
    ]


def _not_acknowledged(messages: list[Message]) -> Mapping[str, int]:
    return Counter(
        not_acknowledged=sum(len(message.acks) != 1 for message in messages),
        odd=sum(len(message.odd) for message in messages),
    )


def _answered(name: str, messages: list[Message]) -> list[Figure]:
    took = percentiles([one for message in messages for one, _ in message.answers])
    parked = sum(PARKED in text for message in messages for _, text in message.answers)
    return [
        Figure(name=f"{name}: messages", value=len(messages)),
        Figure(name=f"{name}: answers", value=took["count"]),
        Figure(name=f"{name}: of them parked", value=parked),
        Figure(name=f"{name}: answer in its reply p50", value=took["p50"], unit="ms"),
        Figure.at_most(f"{name}: latest answer in its reply", took["most"], ANSWER_MOST, "ms"),
    ]


def _not_once(messages: list[Message], *, parked: bool) -> Mapping[str, int]:
    """What may not happen: no answer, more than one, or the wrong one of answer and parked sentence."""
    found = Counter[str](unanswered=0, answered_twice=0, wrong_sentence=0, odd=0)
    for message in messages:
        found["unanswered"] += not message.answers
        found["answered_twice"] += len(message.answers) > 1
        found["wrong_sentence"] += any((PARKED in text) != parked for _, text in message.answers)
        found["odd"] += len(message.odd)
    return found

"""A platform of the webhook kind, in a process of its own: delivers messages, takes the replies, and keeps the books.

It behaves as platforms do: the next message of a conversation goes out after the one before was acknowledged, the same
id is delivered again until it is answered with 200, and now and then a message that was taken is delivered once more.
Every figure and every judgement on lost, doubled or disordered replies from the outside is made here.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import random
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Literal

import aiohttp
import orjson
import uvloop
from aiohttp import web

from channels.webhook import SIGNATURE_HEADER, sign
from door.cli.bench.control import obey
from door.cli.bench.figures import percentiles
from door.cli.bench.pages import Page
from door.cli.bench.stub import WISH

CHANNEL = "bench"
QUESTIONS = ("怎么查自己的信用报告？", "我的银行卡被限额了怎么办？", "存款保险最多赔多少？", "收到一张假币怎么处理？")
RETRY_EVERY = 0.2  # seconds between two deliveries of a message that nobody acknowledged, on average
TIMEOUT = 10.0  # seconds one delivery may take
GIVE_UP = 120.0  # seconds after which a message that is never acknowledged counts as refused
EXAMPLES = 5  # of each kind of trouble in a report


Road = Literal["webhook", "web"]


@dataclass(slots=True)
class Message:
    """One message of a consumer and what became of it; times are time.monotonic(), 0 for not yet."""

    id: str
    number: int
    replies_due: int
    began: float
    acked: float = 0.0
    answered: float = 0.0  # first reply
    replies: list[str] = field(default_factory=list[str])  # our outbox ids, in order of arrival, each once


@dataclass(slots=True)
class Conversation:
    """One consumer, as the platform sees them."""

    sender: str
    messages: list[Message] = field(default_factory=list[Message])
    last_number: int = -1  # of the message answered last
    last_reply: int = 0  # its outbox id
    disorder: list[str] = field(default_factory=list[str])
    page: Page | None = None  # where the road is the web chat


def _neighbours(one: Conversation) -> Iterator[tuple[float, float]]:
    """When each message of a conversation and the one after it had their first replies."""
    return pairwise(message.answered for message in one.messages if message.answered)


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How one phase delivers: `rate` messages a second over all conversations, 0 for as fast as they are taken."""

    name: str
    conversations: int
    road: Road = "webhook"
    rate: float = 0.0
    duplicates: float = 0.0  # share of messages delivered once more
    wishes: float = 0.0  # share of messages that ask for an effect
    seed: int = 0


class Phase:
    """One load: its conversations, its clock, its books."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.conversations = [Conversation(f"{plan.name}-{i}") for i in range(plan.conversations)]
        self.stopping = False
        self.began = self.ended = 0.0
        self.troubles: Counter[str] = Counter()  # deliveries that were not acknowledged, by reason
        self.again = 0  # deliveries of messages that were acknowledged before
        self.repeats = 0  # replies that came again under the id of an earlier one
        self.tasks: list[asyncio.Task[None]] = []

    def messages(self) -> Iterable[Message]:
        return (m for c in self.conversations for m in c.messages)


class Provider:
    def __init__(self, secret: str) -> None:
        self._secret = secret
        self._house = ""
        self._http: aiohttp.ClientSession | None = None
        self._phases: dict[str, Phase] = {}
        self._by_reply: dict[tuple[str, str], tuple[Phase, Conversation, Message]] = {}
        self._foreign: Counter[str] = Counter()  # replies that belong to no message
        self._url = ""

    @property
    def _client(self) -> aiohttp.ClientSession:
        if self._http is None:
            raise RuntimeError("the provider does not run")
        return self._http

    # ---- the sink ----

    async def take(self, request: web.Request) -> web.Response:
        """Our callback: a reply arrives."""
        arrived = time.monotonic()
        body = await request.read()
        given = request.headers.get(SIGNATURE_HEADER, "")
        stamp = given.removeprefix("t=").partition(",")[0]
        if not stamp.isdigit() or sign(self._secret, int(stamp), body) != given:
            self._foreign["bad_signature"] += 1
            return web.json_response({"ok": False}, status=401)
        reply = orjson.loads(body)
        if not reply["in_reply_to"]:
            self._foreign["unasked"] += 1  # holding sentences
        elif known := self._by_reply.get((reply["to"], reply["in_reply_to"])):
            self._note(*known, reply["id"], arrived)
        else:
            self._foreign["unknown"] += 1
        return web.json_response({"ok": True})

    def _hear(self, phase: Phase, where: Conversation, seq: int) -> None:
        """A reply on a page: the first message that still waits for one gets it."""
        arrived = time.monotonic()
        waiting = next((m for m in where.messages[max(0, where.last_number) :] if len(m.replies) < m.replies_due), None)
        if waiting is None:
            self._foreign["unknown"] += 1
        else:
            self._note(phase, where, waiting, str(seq), arrived)

    def _note(self, phase: Phase, where: Conversation, message: Message, reply: str, arrived: float) -> None:
        if reply in message.replies:
            phase.repeats += 1
            return
        message.replies.append(reply)
        message.answered = message.answered or arrived
        if message.number < where.last_number or int(reply) < where.last_reply:
            where.disorder.append(
                f"{message.id}: reply {reply} after {where.last_reply} of message {where.last_number}"
            )
        where.last_number, where.last_reply = message.number, int(reply)

    # ---- the source ----

    async def _converse(self, phase: Phase, index: int, where: Conversation) -> None:
        """One consumer's messages, one after the other, until the phase stops."""
        plan, dice = phase.plan, random.Random(f"{phase.plan.name}-{phase.plan.seed}-{index}")  # noqa: S311 - repeatable
        period = plan.conversations / plan.rate if plan.rate else 0.0
        due = phase.began + dice.random() * period
        while True:
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            if phase.stopping:
                return
            # An open loop counts from the moment the message was due: who is late must not look fast.
            message, text = self._compose(phase, index, where, dice, due if period else time.monotonic())
            if where.page is not None:
                await self._say(phase, where.page, message, text)
            else:
                body = orjson.dumps({"id": message.id, "sender": where.sender, "text": text, "language": "zh"})
                await self._deliver(phase, message, body, dice)
            due += period

    def _compose(
        self, phase: Phase, index: int, where: Conversation, dice: random.Random, began: float
    ) -> tuple[Message, str]:
        number = len(where.messages)
        wish = dice.random() < phase.plan.wishes
        text = f"{'请帮我' + WISH if wish else dice.choice(QUESTIONS)} #{index}.{number}"
        message = Message(f"m{index}-{number}", number, 2 if wish else 1, began)
        where.messages.append(message)
        self._by_reply[where.sender, message.id] = (phase, where, message)
        return message, text

    async def _say(self, phase: Phase, page: Page, message: Message, text: str) -> None:
        try:
            await page.say(message.id, text)
        except (aiohttp.ClientError, TimeoutError, OSError) as e:
            phase.troubles[type(e).__name__] += 1
        else:
            message.acked = time.monotonic()

    async def _deliver(self, phase: Phase, message: Message, body: bytes, dice: random.Random) -> None:
        """Delivers until the house says 200, and sometimes twice: beside the first delivery, or after its answer."""
        twice = dice.random() < phase.plan.duplicates
        beside = asyncio.create_task(self._post(phase, body)) if twice and dice.random() < 0.5 else None
        until = time.monotonic() + GIVE_UP
        while not await self._post(phase, body):
            if time.monotonic() > until:
                phase.troubles["given_up"] += 1
                return
            await asyncio.sleep(RETRY_EVERY * (0.5 + dice.random()))
        message.acked = time.monotonic()
        phase.again += twice
        if beside is not None:
            await beside
        elif twice:
            await self._post(phase, body)

    async def _post(self, phase: Phase, body: bytes) -> bool:
        headers = {"Content-Type": "application/json", SIGNATURE_HEADER: sign(self._secret, int(time.time()), body)}
        try:
            async with self._client.post(f"{self._house}/c/{CHANNEL}/in", data=body, headers=headers) as response:
                await response.read()
                if response.status == 200:
                    return True
                phase.troubles[str(response.status)] += 1
        except (aiohttp.ClientError, TimeoutError, OSError) as e:
            phase.troubles[type(e).__name__] += 1
        return False

    # ---- orders ----

    async def obey(self, order: dict[str, Any]) -> dict[str, Any]:
        match order["do"]:
            case "house":
                self._house = order["url"]
                return {"callback": self._url}
            case "prepare":
                return await self._prepare(Phase(Plan(**order["plan"])))
            case "begin":
                return self._begin(self._phases[order["name"]])
            case "end":
                return await self._end(self._phases[order["name"]])
            case "drain":
                return await self._drain([self._phases[name] for name in order["names"]], order["patience"])
            case "report":
                return self._report([self._phases[name] for name in order["names"]], set(order.get("parked", ())))
            case _:
                raise ValueError(f"no such order: {order['do']}")

    async def _prepare(self, phase: Phase) -> dict[str, Any]:
        """Everything that a phase needs before its first message."""
        self._phases[phase.plan.name] = phase
        if phase.plan.road == "web":
            await asyncio.gather(*(self._open(phase, where) for where in phase.conversations))
        return {}

    def _begin(self, phase: Phase) -> dict[str, Any]:
        phase.began = time.monotonic()
        phase.tasks = [
            asyncio.create_task(self._converse(phase, i, where)) for i, where in enumerate(phase.conversations)
        ]
        return {}

    async def _open(self, phase: Phase, where: Conversation) -> None:
        """Opens a page and waits until it was greeted."""
        url = f"{self._house.replace('http', 'ws', 1)}/socket/web"
        where.page = Page(self._client, url, lambda seq: self._hear(phase, where, seq))
        await where.page.open()

    async def _end(self, phase: Phase) -> dict[str, Any]:
        """No new messages; returns when those on their way are acknowledged."""
        phase.stopping = True
        if phase.plan.rate:  # consumers who sleep until their next message need not wake up
            idle = [
                t for t, c in zip(phase.tasks, phase.conversations, strict=True) if all(m.acked for m in c.messages)
            ]
            for task in idle:
                task.cancel()
        phase.ended = time.monotonic()
        await asyncio.gather(*phase.tasks, return_exceptions=True)
        phase.tasks = []
        return {"seconds": phase.ended - phase.began}

    async def _drain(self, phases: list[Phase], patience: float) -> dict[str, Any]:
        """Waits until every acknowledged message has its replies, or nothing came for `patience` seconds."""
        began = quiet_since = time.monotonic()
        missing = _missing(phases)
        while missing and time.monotonic() - quiet_since < patience:
            await asyncio.sleep(0.02)
            if (now := _missing(phases)) < missing:
                missing, quiet_since = now, time.monotonic()
        return {"seconds": time.monotonic() - began, "missing": missing}

    def _report(self, phases: list[Phase], parked: set[str]) -> dict[str, Any]:
        """The books. `parked` names messages of which the ledger says that they wait for a person: one reply is due."""
        for message in (m for phase in phases for m in phase.messages() if m.id in parked):
            message.replies_due = 1
        messages = [m for phase in phases for m in phase.messages()]
        taken = [m for m in messages if m.acked]
        lost = [
            f"{p.plan.name}/{m.id}" for p in phases for m in p.messages() if m.acked and len(m.replies) < m.replies_due
        ]
        doubled = [
            f"{p.plan.name}/{m.id}: {m.replies}" for p in phases for m in p.messages() if len(m.replies) > m.replies_due
        ]
        disorder = [line for p in phases for c in p.conversations for line in c.disorder]
        replies = [m for m in messages if m.answered]
        last = max((m.answered for m in replies), default=0.0)
        return {
            "accepted": len(taken),
            "openings": sum(c.page is not None for p in phases for c in p.conversations),
            "never_acknowledged": len(messages) - len(taken),
            "replies": sum(len(m.replies) for m in messages),
            "seconds": sum(p.ended - p.began for p in phases),
            "seconds_to_last_reply": max(0.0, last - min(p.began for p in phases)),
            "ack_ms": percentiles([m.acked - m.began for m in taken]),
            "e2e_ms": percentiles([m.answered - m.began for m in replies]),
            "apart_ms": percentiles([b - a for p in phases for c in p.conversations for a, b in _neighbours(c)]),
            "delivered_again": sum(p.again for p in phases),
            "wishes": sum(m.replies_due == 2 for m in taken),
            "replies_repeated": sum(p.repeats for p in phases),
            "not_taken": dict(sum((p.troubles for p in phases), Counter[str]())),
            "foreign": dict(self._foreign),
            "lost": len(lost),
            "duplicates": len(doubled),
            "disorder": len(disorder),
            "examples": {"lost": lost[:EXAMPLES], "duplicates": doubled[:EXAMPLES], "disorder": disorder[:EXAMPLES]},
        }

    async def run(self, control: int) -> None:
        app = web.Application()
        app.add_routes([web.post("/callback", self.take)])
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0, backlog=1024).start()
        self._url = f"http://127.0.0.1:{runner.addresses[0][1]}/callback"
        timeout = aiohttp.ClientTimeout(total=TIMEOUT)
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0), timeout=timeout) as self._http:
            gc.freeze()
            gc.disable()  # a pause of ours must not look like one of the house's; a run's books fit in memory
            await obey(control, self.obey)
            tasks = [task for phase in self._phases.values() for task in phase.tasks]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            pages = [c.page for phase in self._phases.values() for c in phase.conversations if c.page is not None]
            await asyncio.gather(*(page.close() for page in pages), return_exceptions=True)
        await runner.cleanup()


def _missing(phases: list[Phase]) -> int:
    """Replies that are due and have not come."""
    return sum(max(0, m.replies_due - len(m.replies)) for phase in phases for m in phase.messages() if m.acked)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--control", type=int, required=True, help="the socket on which orders come")
    parser.add_argument("--secret", required=True, help="the channel's")
    options = parser.parse_args()
    uvloop.run(Provider(options.secret).run(options.control))


if __name__ == "__main__":
    main()

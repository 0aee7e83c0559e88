"""`bench lookup`: how far guessing gets with the status look-up, and whether its refusals can be told apart.

What can be guessed is a telephone number of somebody whose name is known. Guesses are drawn from a short list of
numbers in which each case's own is one, so that a hole would show: one guess in PHONES that is checked must succeed,
and no more may be checked than the counters let through. The draws are spread over a simulated day. Query codes (29^10)
cannot be guessed; refusals are timed with them, at the function and from a signed POST to the reply that the house
sends back.
"""

from __future__ import annotations

import asyncio
import random
import shutil
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import orjson
from aiohttp import web
from scipy import stats  # pyright: ignore[reportMissingTypeStubs]
from sqlalchemy import Connection

from bot.brain import BrainClient, Decision, TurnReply, TurnRequest
from cases import lookup, numbers, register
from cases.lookup import LIMITS, WINDOW, Asked, Asker, Looked
from cases.model import NewCase, Person
from channels.webhook import SIGNATURE_HEADER, sign
from core.effects import LookUp
from core.model import Say
from core.settings import Settings
from core.store import Store, migrate
from core.vault import Vault
from door import logs
from door.app import create_door
from door.cli.bench.figures import Figure, as_data, machine, percentiles
from door.cli.bench.postgres import postgres
from door.cli.bench.site import free_port
from door.cli.setup.steps import ROOT
from door.house import House, open_house
from door.listening import LOOPBACK, Listening, bind

Tell = Callable[[str], None]

NOW = datetime(2026, 11, 20, 4, tzinfo=UTC)
DAY = timedelta(days=1)
SOURCE = LIMITS["source"]
CASES = 2_000
PHONES = 1_000  # in the guesser's list
NAME = "王小明"  # of everybody here; the guesser knows it
PG_SHARE = 10  # a draw takes six round trips there
BATCH = 1_000  # draws of one transaction
TIMED = 20_000  # refusals that are timed at the function
CHANCE = 0.001  # a p below this is no accident
# µs between the medians that a message hides from everybody: its own 5 ms and more spread so far that it takes some
# million tries to tell 10 µs, and the house lets 300 through in 15 minutes. What would be learnt, that a running number
# is taken, is no secret; the difference is the database's, which fetches a row where there is one.
APART = 10.0
HOOK, SECRET = "hook", "of a bench, sixteen or more characters"
REPLY_MOST = 30.0  # seconds


class Clock:
    """The bench's own time."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


@dataclass(frozen=True, kw_only=True)
class Register:
    """Numbers of cases that are there, and the telephone numbers that a guesser has."""

    store: Store
    vault: Vault
    cases: tuple[str, ...]
    phones: tuple[str, ...]


def measure(
    draws: int, asked: int, at_once: int, databases: tuple[str, ...], tell: Tell = lambda line: None
) -> dict[str, Any]:
    """What guessing came to, on each database; `passed` is whether nothing was let through that should not be."""
    logs.configure("ERROR")
    folder = Path(tempfile.mkdtemp(prefix="qiantai-bench-"))
    figures: list[Figure] = []
    result: dict[str, Any] = {"machine": machine(folder), "limits": dict(LIMITS), "databases": {}}
    try:
        for name in databases:
            where = folder / name
            where.mkdir()
            of = _Run(where, lambda line, name=name: tell(f"{name}: {line}"))
            if name == "postgresql":
                with postgres() as cluster:
                    told = asyncio.run(of.run(cluster.create("lookup"), draws // PG_SHARE, asked, at_once))
            else:
                told = asyncio.run(of.run(f"sqlite:///{where}/qiantai.db", draws, asked, at_once))
            result["databases"][name] = told
            figures += [replace(figure, name=f"{name}: {figure.name}") for figure in of.figures]
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return result | {"figures": as_data(figures), "passed": all(figure.good is not False for figure in figures)}


class _Run:
    """One database."""

    def __init__(self, folder: Path, tell: Tell) -> None:
        self._folder = folder
        self._tell = tell
        self.figures: list[Figure] = []

    async def run(self, url: str, draws: int, asked: int, at_once: int) -> dict[str, Any]:
        await asyncio.to_thread(migrate, url)
        store = await Store.open(url)
        told: dict[str, Any] = {}
        try:
            known = await _filled(store, Vault.create(self._folder / "keys.json"))
            if draws:
                told["spraying"] = await self._draw(known, draws, "spraying", known.cases)
                told["one case"] = await self._draw(known, draws, "one case", known.cases[:1])
                told["function"] = await self._time(known, min(TIMED, draws))
        finally:
            await store.close()
        async with _front(self._folder, url) as front:
            known = replace(known, store=front.house.store)
            told["http"] = await self._ask(known, front, asked)
            told["at once"] = await self._crowd(known, front, at_once)
        return told

    async def _draw(self, known: Register, draws: int, what: str, aims: tuple[str, ...]) -> dict[str, Any]:
        """Draws at `aims`, each from a source that has not been locked yet; how many were checked and how many hit."""
        chance = random.Random(what)  # noqa: S311  (a bench)
        begun = time.monotonic()
        counts: Counter[str] = Counter()
        await known.store.write(_anew)
        windows = DAY // WINDOW
        for first in range(0, draws, BATCH):
            now = NOW + DAY * (first / draws)
            size = min(BATCH, draws - first)
            tries = [
                (chance.choice(aims), chance.choice(known.phones), f"{what} {(first + n) // SOURCE}")
                for n in range(size)
            ]

            def op(conn: Connection, now: datetime = now, tries: list[tuple[str, str, str]] = tries) -> Counter[str]:
                lookup.forget(conn, now)
                return Counter(
                    _outcome(
                        lookup.look_up(
                            conn, known.vault, Asked(case_no=no, phone=phone, name=NAME), Asker(source=who), now=now
                        )
                    )
                    for no, phone, who in tries
                )

            counts += await known.store.write(op)
            if (first // BATCH) % 100 == 99:
                self._tell(f"{what}: {first + size:,} draws, {dict(counts)}, {time.monotonic() - begun:.0f} s")
        checked = counts["found"] + counts["refused"]
        expected = checked / PHONES
        most = (LIMITS["all"] if len(aims) > 1 else LIMITS["case"]) * (windows + 1) + SOURCE * counts["found"]
        # Exact, both sides: as many hits as the list's length explains, neither more nor fewer.
        p = float(stats.binomtest(counts["found"], checked, 1 / PHONES).pvalue) if checked else 1.0  # pyright: ignore
        self.figures += [
            Figure(name=f"{what}: draws", value=draws),
            Figure.at_most(f"{what}: draws that were checked", checked, most, ""),
            Figure(
                name=f"{what}: successes",
                value=counts["found"],
                target=f"{expected:.1f} expected, p {p:.3f}",
                good=p >= CHANCE,
            ),
        ]
        told = {"draws": draws, "checked": checked, "locked": counts["locked"], "successes": counts["found"]}
        return told | {"expected": expected, "p": p}

    async def _time(self, known: Register, count: int) -> dict[str, Any]:
        """Seconds of refusals at the function, of wrong codes and of unknown numbers by turns."""
        await known.store.write(_anew)
        chance = random.Random("time")  # noqa: S311
        seconds: dict[str, list[float]] = {"wrong": [], "unknown": []}
        aims, nobodys = known.cases, _nobodys(len(known.cases))

        def op(conn: Connection, first: int) -> None:
            lookup.forget(conn, NOW + 3 * DAY)
            for n in range(first, first + LIMITS["all"]):
                kind = chance.choice(("wrong", "unknown"))
                number = chance.choice(aims if kind == "wrong" else nobodys)
                guess, source = Asked(case_no=number, code=numbers.new_code()), Asker(source=f"timed {n}")
                begun = time.perf_counter()
                looked = lookup.look_up(conn, known.vault, guess, source, now=NOW + 2 * DAY)
                took = time.perf_counter() - begun
                if looked == Looked():  # a number may have been drawn five times: that one is locked
                    seconds[kind].append(took)

        for first in range(0, count, LIMITS["all"]):
            await known.store.write(lambda conn, first=first: op(conn, first))
        return self._alike("function", seconds)

    def _alike(self, where: str, seconds: dict[str, list[float]]) -> dict[str, Any]:
        """Mann-Whitney: how often the one refusal takes longer than the other (one half: nobody can tell), and p."""
        wrong, unknown = seconds["wrong"], seconds["unknown"]
        test = stats.mannwhitneyu(wrong, unknown)  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
        share, p = float(test.statistic) / (len(wrong) * len(unknown)), float(test.pvalue)  # pyright: ignore
        apart = 1e6 * (statistics.median(wrong) - statistics.median(unknown))
        self.figures.append(
            Figure(
                name=f"{where}: a wrong code takes longer than an unknown number",
                value=round(share, 4),
                target=f"0.5: Mann-Whitney p {p:.3f}; medians {apart:+.1f} µs apart",
                good=p >= CHANCE or abs(apart) <= APART,
            )
        )
        return {
            "wrong": percentiles(wrong),
            "unknown": percentiles(unknown),
            "longer": share,
            "p": p,
            "apart_us": apart,
        }

    async def _ask(self, known: Register, front: _Front, asked: int) -> dict[str, Any]:
        """Messages over HTTP, one after the other; what was said to wrong codes and to unknown numbers."""
        chance = random.Random("ask")  # noqa: S311
        aims, nobodys = known.cases, _nobodys(len(known.cases))
        await known.store.write(_anew)
        seconds: dict[str, list[float]] = {"wrong": [], "unknown": []}
        said: dict[str, Counter[str]] = {"wrong": Counter(), "unknown": Counter()}
        successes = 0
        for n in range(asked):
            if n % (LIMITS["all"] - 1) == 0:
                front.clock.now += WINDOW
            kind = chance.choice(("wrong", "unknown"))
            number = chance.choice(aims if kind == "wrong" else nobodys)
            begun = time.perf_counter()
            words = await front.say(f"asks {n}", f"{number} {numbers.new_code()}")
            seconds[kind].append(time.perf_counter() - begun)
            said[kind][words] += 1
            successes += number in words
            if n % 2_000 == 1_999:
                self._tell(f"HTTP: {n + 1:,} messages")
        self.figures += [
            Figure(name="HTTP: messages", value=asked),
            Figure.at_most("HTTP: successes (none expected)", successes, 0, ""),
            Figure.at_most("HTTP: replies to wrong and unknown", len(said["wrong"] | said["unknown"]), 1, ""),
        ]
        return {"messages": asked, "successes": successes} | self._alike("HTTP", seconds)

    async def _crowd(self, known: Register, front: _Front, at_once: int) -> dict[str, Any]:
        """So many conversations guess at one case at the same time; how many of them were checked."""
        await known.store.write(_anew)
        aim = known.cases[0]
        guesses = [front.say(f"crowd {n}", f"{aim} {numbers.new_code()}") for n in range(at_once)]
        words = Counter(await asyncio.gather(*guesses))
        refused = front.words("case.unknown")
        self.figures.append(
            Figure.at_most(f"{at_once} conversations at one case at once: checked", words[refused], LIMITS["case"], "")
        )
        return {"conversations": at_once, "checked": words[refused], "locked": at_once - words[refused]}


def _nobodys(count: int) -> list[str]:
    """Good numbers that no case has."""
    return [numbers.case_no(2026, n) for n in range(10**6, 10**6 + count)]


def _anew(conn: Connection) -> None:
    """Empties all counters."""
    lookup.forget(conn, NOW + 1000 * DAY)


def _outcome(looked: Looked) -> str:
    return "found" if looked.case else "locked" if looked.locked_until else "refused"


async def _filled(store: Store, vault: Vault) -> Register:
    """A register of CASES cases of people whose telephone numbers are in the guesser's list."""
    chance = random.Random("phones")  # noqa: S311
    cases: list[str] = []
    phones = tuple(f"139{n:08}" for n in range(PHONES))

    def op(conn: Connection, first: int) -> None:
        for n in range(first, first + 200):
            who = Person(name=NAME, phone=chance.choice(phones))
            case = NewCase(source_channel="web", received_at=NOW, summary="年费", person=who)
            opened = register.open_case(conn, vault, case, actor="bench", cause=f"bench:{n}", now=NOW)
            cases.append(opened.case.case_no)

    for first in range(0, CASES, 200):
        await store.write(lambda conn, first=first: op(conn, first))
    return Register(store=store, vault=vault, cases=tuple(cases), phones=phones)


class _Brain(BrainClient):
    """Understands every message as a number and a code."""

    async def turn(self, request: TurnRequest) -> TurnReply:
        number, _, code = request.text.partition(" ")
        return TurnReply(say=(), effects=(LookUp(case_no=number, code=code),), state=None, decision=Decision())


class _Front:
    """A platform before the house: posts messages, signed, and takes the replies."""

    def __init__(self, house: House, http: aiohttp.ClientSession, address: str, clock: Clock) -> None:
        self.house, self.clock = house, clock
        self._http, self._address = http, address
        self._waiting: dict[str, asyncio.Future[str]] = {}

    async def take(self, request: web.Request) -> web.Response:
        reply = orjson.loads(await request.read())
        self._waiting.pop(reply["to"]).set_result(reply["text"])
        return web.json_response({"ok": True})

    async def say(self, sender: str, text: str) -> str:
        """The reply to a consumer's first message."""
        came = self._waiting[sender] = asyncio.get_running_loop().create_future()
        body = orjson.dumps({"id": "1", "sender": sender, "text": text, "language": "zh"})
        stamp = int(self.clock().timestamp())
        headers = {"Content-Type": "application/json", SIGNATURE_HEADER: sign(SECRET, stamp, body)}
        async with self._http.post(self._address, data=body, headers=headers) as answer:
            answer.raise_for_status()
        async with asyncio.timeout(REPLY_MOST):
            return await came

    def words(self, key: str) -> str:
        """A sentence as it is said in Chinese."""
        return self.house.library.current.renderer.render(Say(key=key), "zh").text


@asynccontextmanager
async def _front(folder: Path, url: str) -> AsyncGenerator[_Front]:
    """A house on the ledger at `url`, whose keys are in `folder`, with its door open."""
    clock, replies = Clock(), web.Application()
    port = free_port()
    hook = {"kind": "webhook", "secret": SECRET, "callback_url": f"http://{LOOPBACK}:{port}/"}
    settings = Settings(
        data=folder,
        database_url=url,
        content=ROOT / "faq" / "content",
        encoder="none",
        metrics_port=0,
        channels={HOOK: hook},
    )
    async with (
        open_house(settings, clock=clock, brain=_Brain("http://127.0.0.1:9", "none")) as house,
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http,
    ):
        door = Listening(create_door(house), bind(LOOPBACK, 0, "a bench"))
        await door.start()
        front = _Front(house, http, f"http://{LOOPBACK}:{door.port}/c/{HOOK}/in", clock)
        replies.add_routes([web.post("/", front.take)])
        runner = web.AppRunner(replies, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, LOOPBACK, port).start()
        try:
            yield front
        finally:
            await door.stop()
            await runner.cleanup()

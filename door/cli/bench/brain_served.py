"""The three that `bench brain` lets talk: stock Rasa over REST, our brain alone, and the whole house with our brain."""

from __future__ import annotations

import asyncio
import json
import secrets
import time
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

import aiohttp
import orjson
import yaml

import actions
from bot.assistant.identity import model_path
from bot.brain import BrainClient, TurnRequest, encode
from core.model import Capabilities, Language, MessageKind
from core.settings import load as load_settings
from door import brain_process
from door.actions_listener import PATH, ActionsListener
from door.cli.bench import brain_stock
from door.cli.bench.figures import cpu_seconds
from door.cli.bench.site import Site, free_port
from door.cli.exits import Exit, fail
from door.cli.line import Line
from door.cli.setup import engine, steps
from door.listening import LOOPBACK, Listening, bind
from faq import entries, vectors
from faq.search import Search, readable

START_WITHIN = 300.0  # seconds; stock Rasa was seen to take 135 on a busy machine
LOOK_EVERY = 0.1  # seconds between two looks whether stock Rasa answers
ANSWER_WITHIN = 60.0  # seconds
STOP_MOST = 10.0  # seconds from SIGTERM to SIGKILL
QUIET = 0.02  # seconds of silence that end the house's replies: the others get no rest between two messages
SUBMITTED = "action_submit_message"
CHANNEL = "web"
WEB = Capabilities(buttons=True, live=True)

# One conversation: half of it questions that the FAQ answers, a form of two slots, and what belongs to a conversation.
# The contact is an account's name, since the house alone would mask a number.
SCRIPT: tuple[tuple[str, Language], ...] = (
    ("你好", "zh"),
    ("怎么查自己的信用报告？", "zh"),
    ("存款保险最多赔多少？", "zh"),
    ("信用报告有错怎么办", "zh"),
    ("我要留言", "zh"),
    ("年费多收了三次，每次二十块，一直没人管", "zh"),
    ("微信 qiantai_88", "zh"),
    ("谢谢", "zh"),
    ("银行卡被盗刷了怎么办？", "zh"),
    ("How much of my deposit is insured?", "en"),
    ("How do I get my credit report?", "en"),
    ("今天天气怎么样", "zh"),
    ("怎么投诉银行或支付机构？", "zh"),
    ("收到假币怎么办", "zh"),
    ("你是真人吗", "zh"),
    ("再见", "zh"),
)


@dataclass(kw_only=True)
class Start:
    """What a process took until it could answer."""

    seconds: float
    cpu_seconds: float


@dataclass(kw_only=True)
class Talk:
    """What one conversation took, or several."""

    cpu: float = 0.0  # seconds, of all processes that are measured
    turns: list[float] = field(default_factory=list[float])  # seconds of each

    def add(self, other: Talk) -> None:
        self.cpu += other.cpu
        self.turns += other.turns


class Served(Protocol):
    """Somebody who can be talked to, and whose processes are measured."""

    @property
    def pids(self) -> Sequence[int]: ...

    async def talk(self) -> Talk:
        """One conversation, SCRIPT from its first to its last message; its CPU is right if no other goes on."""
        ...


class Actions:
    """The house's actions on a port of their own, in the bench's process: their CPU is nobody's who is measured."""

    def __init__(self) -> None:
        self.submitted = 0  # forms that came to their end
        self.token = secrets.token_urlsafe(32)
        self._listening = Listening(ActionsListener(self._execute, self.token, 4.0), bind(LOOPBACK, 0, ""))

    @property
    def url(self) -> str:
        return f"http://{LOOPBACK}:{self._listening.port}{PATH}"

    async def start(self) -> None:
        await self._listening.start()
        await asyncio.to_thread(actions.names)

    async def stop(self) -> None:
        await self._listening.stop()

    async def _execute(self, call: dict[str, Any]) -> dict[str, Any]:
        self.submitted += call.get("next_action") == SUBMITTED
        return await actions.execute(call)


class Stock:
    """Stock Rasa as `rasa run --enable-api` serves it."""

    def __init__(self, process: asyncio.subprocess.Process, url: str, http: aiohttp.ClientSession) -> None:
        self.start = Start(seconds=0.0, cpu_seconds=0.0)
        self.silent = 0  # turns without an answer
        self._process = process
        self._url = url
        self._http = http

    @property
    def pids(self) -> Sequence[int]:
        return (self._process.pid,)

    async def ready(self) -> None:
        """Waits until it answers, which it does when its model is loaded."""
        began = time.monotonic()
        while time.monotonic() < began + START_WITHIN and self._process.returncode is None:
            with suppress(aiohttp.ClientError, TimeoutError):
                async with self._http.get(f"{self._url}/status") as answer:
                    if answer.status == 200:
                        self.start = Start(seconds=time.monotonic() - began, cpu_seconds=cpu_seconds(self.pids[0]))
                        return
            await asyncio.sleep(LOOK_EVERY)
        fail(Exit.AWAY, "stock Rasa did not start")

    async def talk(self) -> Talk:
        """One conversation over the REST channel."""
        sender, took, before = secrets.token_hex(8), list[float](), cpu(self.pids)
        for text, language in SCRIPT:
            about = {"now": datetime.now(UTC).isoformat(), "language": language}  # which our actions read
            began = time.perf_counter()
            replies = await self._post("/webhooks/rest/webhook", {"sender": sender, "message": text, "metadata": about})
            took.append(time.perf_counter() - began)
            self.silent += not replies
        return Talk(cpu=cpu(self.pids) - before, turns=took)

    async def parse(self, text: str) -> dict[str, Any]:
        """What a message means to it."""
        return await self._post("/model/parse", {"text": text})

    async def nothing(self) -> None:
        """A request that asks for nothing: what HTTP itself takes."""
        async with self._http.get(f"{self._url}/") as answer:
            await answer.read()

    async def _post(self, path: str, body: Mapping[str, Any]) -> Any:
        async with self._http.post(self._url + path, json=body) as answer:
            if answer.status != 200:
                fail(Exit.FOUND, f"stock Rasa answered {path} with {answer.status}")
            return await answer.json()


@asynccontextmanager
async def stock(model: brain_stock.Model, acting: Actions, folder: Path) -> AsyncGenerator[Stock]:
    """Stock Rasa with `model`, ready; `folder` takes its settings and its log."""
    port = free_port()
    endpoint = {"url": acting.url, "headers": {"Authorization": f"Bearer {acting.token}"}}
    (folder / "endpoints.yml").write_text(yaml.safe_dump({"action_endpoint": endpoint}))
    (folder / "credentials.yml").write_text("rest:\n")
    words = ["--endpoints", "endpoints.yml", "--credentials", "credentials.yml", "--interface", LOOPBACK]
    async with AsyncExitStack() as stack:
        log = stack.enter_context((folder / "stock.log").open("wb"))
        process = await asyncio.create_subprocess_exec(
            *(brain_stock.PYTHON, "-m", "rasa", "run", "--enable-api", "--model", model.path, "--port", str(port)),
            *words,
            cwd=folder,
            env=brain_stock.surroundings(),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
        stack.push_async_callback(_end, process)
        http = await stack.enter_async_context(
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=ANSWER_WITHIN))
        )
        made = Stock(process, f"http://{LOOPBACK}:{port}", http)
        await made.ready()
        yield made


class Brain:
    """Our brain's process alone; the bench is its house, and has asked the search beforehand."""

    def __init__(self, process: asyncio.subprocess.Process, client: BrainClient, turns: Sequence[TurnRequest]) -> None:
        self.start = Start(seconds=0.0, cpu_seconds=0.0)
        self._process = process
        self._client = client
        self._turns = turns

    @property
    def pids(self) -> Sequence[int]:
        return (self._process.pid,)

    async def ready(self) -> None:
        """Waits until it says that it is warm."""
        began = time.monotonic()
        async with asyncio.timeout(START_WITHIN):
            while line := await _out(self._process).readline():
                with suppress(ValueError):
                    if (told := json.loads(line)).get("ready"):
                        self.start = Start(seconds=time.monotonic() - began, cpu_seconds=cpu_seconds(self.pids[0]))
                        self._client.came_up(f"http://{LOOPBACK}:{told['port']}")
                        return
        fail(Exit.AWAY, "the brain did not start")

    async def talk(self) -> Talk:
        """One conversation over /turn; the state goes along with every turn."""
        state, took, before = None, list[float](), cpu(self.pids)
        for turn in self._turns:
            asked = replace(turn, turn=secrets.token_hex(8), now=datetime.now(UTC), state=state)
            began = time.perf_counter()
            state = (await self._client.turn(asked)).state
            took.append(time.perf_counter() - began)
        return Talk(cpu=cpu(self.pids) - before, turns=took)


@asynccontextmanager
async def brain(acting: Actions, turns: Sequence[TurnRequest]) -> AsyncGenerator[Brain]:
    """Our brain, ready."""
    settings = load_settings().model_copy(update={"brain_port": 0})
    client = BrainClient("", secrets.token_urlsafe(32), ANSWER_WITHIN)
    process = await asyncio.create_subprocess_exec(
        *brain_process.command(settings),
        env=brain_process.environment(client.token, acting.url, acting.token),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        made = Brain(process, client, turns)
        await made.ready()
        yield made
    finally:
        await client.close()
        await _end(process)


class WholeHouse:
    """A house with our brain, our encoder and our FAQ; a page of the web channel talks to it."""

    def __init__(self, site: Site, brain: int) -> None:
        self._site = site
        self._brain = brain
        self.silent = 0

    @property
    def pids(self) -> Sequence[int]:
        return (self._site.house.pid, self._brain)

    async def talk(self) -> Talk:
        """One visitor's conversation; the greeting that opens it is not one of its turns."""
        async with Line(f"http://{LOOPBACK}:{self._site.port}", CHANNEL, "zh", ANSWER_WITHIN, QUIET) as line:
            await line.greeting(ANSWER_WITHIN)
            before = cpu(self.pids)
            answers = [await line.ask(text=text) for text, _ in SCRIPT]
            used = cpu(self.pids) - before
        self.silent += sum(not answer.replies for answer in answers)
        return Talk(cpu=used, turns=[answer.ms / 1000 for answer in answers])


def turns() -> list[TurnRequest]:
    """SCRIPT as the house would hand it to the brain: with vector and hits, without state."""
    settings = load_settings()
    encoder = vectors.load(settings.encoder)
    finder = Search(entries.load(settings.content), datetime.now(UTC), vectors.kept(encoder, settings.data))
    rows = encoder.encode([readable(text) for text, _ in SCRIPT]) if encoder else [None] * len(SCRIPT)
    made: list[TurnRequest] = []
    for (text, language), row in zip(SCRIPT, rows, strict=True):
        found = finder.find(text, language, vector=row)
        made.append(
            TurnRequest(
                turn="bench",
                kind=MessageKind.TEXT,
                text=text,
                language=language,
                channel=CHANNEL,
                capabilities=WEB,
                now=datetime.now(UTC),
                vector=row,
                hits_decision=found.decision,
                hits=found.hits,
                context={"pending": None, "cases": [], "last_speaker": "bot", "since": 1.0},
            )
        )
    return made


class Parser:
    """Our brain's classification and decision without a conversation (bot/assistant/parse.py)."""

    def __init__(self, process: asyncio.subprocess.Process, asked: Sequence[TurnRequest]) -> None:
        if process.stdin is None:
            raise ValueError("a parser is asked over its standard input")
        self._process = process
        self._into = process.stdin
        self._lines = [encode(turn) + b"\n" for turn in asked]

    async def parse(self, number: int) -> dict[str, Any]:
        """What message `number` of SCRIPT means."""
        return orjson.loads(await self._ask(self._lines[number]))

    async def nothing(self) -> None:
        """A line that asks for nothing: what the pipe itself takes."""
        await self._ask(b"\n")

    async def _ask(self, line: bytes) -> bytes:
        self._into.write(line)
        await self._into.drain()
        return await _out(self._process).readline()


@asynccontextmanager
async def parser(asked: Sequence[TurnRequest]) -> AsyncGenerator[Parser]:
    """Our parser, warm."""
    process = await asyncio.create_subprocess_exec(
        *(steps.BRAIN / "bin" / "python", steps.ROOT / "bot" / "assistant" / "parse.py", model_path()),
        cwd=steps.ROOT,
        env=engine.environment(brain_process.environment("", "", "")),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        made = Parser(process, asked)
        for number in range(len(asked)):
            await made.parse(number)
        yield made
    finally:
        await _end(process)


def cpu(pids: Sequence[int]) -> float:
    """Seconds of CPU that processes have used."""
    return sum(map(cpu_seconds, pids))


def _out(process: asyncio.subprocess.Process) -> asyncio.StreamReader:
    if process.stdout is None:
        raise ValueError("the process was started without a pipe")
    return process.stdout


async def _end(process: asyncio.subprocess.Process) -> None:
    with suppress(ProcessLookupError):
        process.terminate()
    try:
        await asyncio.wait_for(process.wait(), STOP_MOST)
    except TimeoutError:
        process.kill()
        await process.wait()

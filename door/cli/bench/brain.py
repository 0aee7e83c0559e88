"""`bench brain`: our brain, and the house with it, against stock Rasa on the same data, interleaved in one run."""

from __future__ import annotations

import asyncio
import json
import math
import shutil
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from core.model import Language
from core.settings import load as load_settings
from door import brain_process
from door.cli import examples
from door.cli.bench import brain_paired, brain_stock
from door.cli.bench.brain_paired import Paired
from door.cli.bench.brain_served import (
    SCRIPT,
    Actions,
    Brain,
    Parser,
    Served,
    Start,
    Stock,
    Talk,
    WholeHouse,
    brain,
    cpu,
    parser,
    stock,
    turns,
)
from door.cli.bench.figures import Figure, as_data, machine, memory_mb, percentiles
from door.cli.bench.judge import ledger_account
from door.cli.bench.site import Site, site
from door.cli.common import say, table
from door.cli.examples import Utterance
from door.cli.exits import Exit, fail
from door.cli.setup import steps
from door.cli.understanding import HELD_OUT
from faq import entries

# How many times stock Rasa's figure must be ours.
TIMES = {"turn": 15, "together": 7, "p50": 12, "parse": 15, "start": 20, "memory": 6}
WARM_UP = 1  # conversations of each before anything is measured
# Conversations of each in one round: the kernel counts CPU in steps of 10 ms, and ours take little.
EACH = {"stock": 1, "brain": 4, "house": 1}
CROWD = 16  # conversations at once, where CPU under load is measured
SETTINGS = {"encoder": "embedded", "visitors_per_minute": "100000", "sockets_per_address": "1000"}

Tell = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class Costs:
    """What one side costs."""

    turn_ms: float  # CPU of Rasa's process per turn
    p50_ms: float  # of a turn, one conversation at a time
    parse_ms: float  # p50
    start_cpu: float  # seconds until it answers
    memory_mib: float  # resident, after the load


def judged(theirs: Costs, ours: Costs, crowd_ms: Mapping[str, float], paired: Sequence[Paired]) -> list[Figure]:
    """Every comparison with its target; `crowd_ms` is the CPU per turn of each while a crowd talks."""
    together = f"CPU per turn, house and brain together, {CROWD} conversations at once"
    return [
        _times("CPU of Rasa's process per turn", theirs.turn_ms, ours.turn_ms, TIMES["turn"]),
        _times(together, crowd_ms["stock"], crowd_ms["house"], TIMES["together"]),
        _times("one conversation, p50 of a turn", theirs.p50_ms, ours.p50_ms, TIMES["p50"]),
        _times("parse, p50", theirs.parse_ms, ours.parse_ms, TIMES["parse"]),
        _times("CPU until it answers", theirs.start_cpu, ours.start_cpu, TIMES["start"]),
        _times("memory", theirs.memory_mib, ours.memory_mib, TIMES["memory"]),
        *(Figure.at_least(f"right, {one.group}: ours less stock's", _points(one), 0.0, "points") for one in paired),
    ]


def _times(name: str, theirs: float, ours: float, target: int) -> Figure:
    """Cut, not rounded: 14.96 times is not 15."""
    value = math.floor(10 * theirs / ours) / 10 if ours else None
    return Figure.at_least(f"{name}: stock / ours", value, target, "times")


def _points(one: Paired) -> float:
    return round(100 * (one.ours - one.stock), 1)


async def measure(
    rounds: int, model: brain_stock.Model, *, same_data: bool = True, tell: Tell = lambda line: None
) -> dict[str, Any]:
    """The whole bench; {machine, stock, figures, costs, accuracy, checks …}. `tell` hears how far it is.

    `same_data`: whether the stock `model` was trained on the present data. SettingsError if our brain is not trained.
    """
    brain_process.command(load_settings())  # before the long part
    asked = examples.held_out(HELD_OUT)
    requests = await asyncio.to_thread(turns)
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="qiantai-bench-")))
        facts = machine(folder)
        acting = [Actions(), Actions()]
        for one in acting:
            await one.start()
            stack.push_async_callback(one.stop)
        tell("starting stock Rasa")
        theirs = await stack.enter_async_context(stock(model, acting[0], folder))
        tell("starting our brain and a house")
        ours = await stack.enter_async_context(brain(acting[1], requests))
        reading = await stack.enter_async_context(parser(requests))
        place = await stack.enter_async_context(site(SETTINGS, real_brain=True))
        house = WholeHouse(place, await _house(place))
        run = Run(theirs, ours, house, reading)
        await run.all(rounds, tell)
        memory = {name: memory_mb(pid) for name, pid in run.processes().items()}
        tell(f"{len(asked)} utterances that nothing was learned from")
        paired = await _accuracy(asked, theirs)
        await place.house.stop()
        account = await ledger_account(place.database_url)
    conversations = {
        name: (len(talk.turns) + len(run.crowds[name].turns)) // len(SCRIPT) for name, talk in run.talks.items()
    }
    costs = {"stock": run.costs("stock", theirs.start, memory), "brain": run.costs("brain", ours.start, memory)}
    together = run.talks["house"]
    crowd_ms = {name: _each_ms(talk) for name, talk in run.crowds.items()}
    checks = {
        "stock_silent": theirs.silent,
        "house_silent": house.silent,
        "stock_forms_unfinished": conversations["stock"] + WARM_UP - acting[0].submitted,
        "brain_forms_unfinished": conversations["brain"] + WARM_UP - acting[1].submitted,
        "house_forms_unfinished": conversations["house"] + WARM_UP - int(account["left_messages"]),
    }
    figures = judged(costs["stock"], costs["brain"], crowd_ms, paired)
    return {
        "machine": facts,
        "stock": model.told() | {"same_data": same_data},
        "rounds": rounds,
        "turns": {name: len(talk.turns) for name, talk in run.talks.items()},
        "figures": as_data(figures),
        "costs": {name: asdict(one) for name, one in costs.items()}
        | {"house_and_brain": {"turn_ms": _each_ms(together), "p50_ms": _p50(together.turns)}},
        "crowd_turn_ms": crowd_ms,
        "start_seconds": {"stock": theirs.start.seconds, "brain": ours.start.seconds},
        "spread_ms": {name: percentiles(talk.turns) for name, talk in run.talks.items()},
        "empty_ms": run.empty_ms(),
        "memory_mib": memory,
        "accuracy": brain_paired.as_data(paired),
        "checks": checks,
        "passed": not any(checks.values()) and all(figure.good for figure in figures),
    }


class Run:
    """The measured part: all of them warm, in turns, so that each sees the same machine."""

    def __init__(self, theirs: Stock, ours: Brain, house: WholeHouse, reading: Parser) -> None:
        self._theirs = theirs
        self._ours = ours
        self._house = house
        self._reading = reading
        self._parsed: dict[str, list[float]] = {"stock": [], "brain": []}
        self._nothing: dict[str, list[float]] = {"stock": [], "brain": []}
        self.talks = {"stock": Talk(), "brain": Talk(), "house": Talk()}
        self.crowds = {"stock": Talk(), "brain": Talk(), "house": Talk()}

    async def all(self, rounds: int, tell: Tell) -> None:
        served: dict[str, Served] = {"stock": self._theirs, "brain": self._ours, "house": self._house}
        for one in served.values():
            for _ in range(WARM_UP):
                await one.talk()
        for number in range(1, rounds + 1):
            for name, one in served.items():
                for _ in range(EACH[name]):
                    self.talks[name].add(await one.talk())
            for name, one in served.items():
                self.crowds[name].add(await _crowd(one))
            for text, _ in SCRIPT:
                self._parsed["stock"].append(await _seconds(self._theirs.parse(text)))
                self._nothing["stock"].append(await _seconds(self._theirs.nothing()))
            for which in range(len(SCRIPT)):
                self._parsed["brain"].append(await _seconds(self._reading.parse(which)))
                self._nothing["brain"].append(await _seconds(self._reading.nothing()))
            tell(f"round {number} of {rounds}")

    def processes(self) -> dict[str, int]:
        house, brain_in_it = self._house.pids
        return {"stock": self._theirs.pids[0], "brain": self._ours.pids[0], "house": house, "its brain": brain_in_it}

    def empty_ms(self) -> dict[str, float]:
        """p50 of what asks for nothing: a request to stock Rasa, a line to our parser."""
        return {name: _p50(seconds) for name, seconds in self._nothing.items()}

    def costs(self, name: str, start: Start, memory: dict[str, float]) -> Costs:
        """Ours is parsed through a pipe and stock's over HTTP: what the way alone takes is taken off both."""
        talk = self.talks[name]
        return Costs(
            turn_ms=_each_ms(talk),
            p50_ms=_p50(talk.turns),
            parse_ms=_p50(self._parsed[name]) - self.empty_ms()[name],
            start_cpu=start.cpu_seconds,
            memory_mib=memory[name],
        )


async def _crowd(one: Served) -> Talk:
    """CROWD conversations at once; all that `one` does meanwhile is counted, what opens them too."""
    before = cpu(one.pids)
    talks = await asyncio.gather(*(one.talk() for _ in range(CROWD)))
    return Talk(cpu=cpu(one.pids) - before, turns=[seconds for talk in talks for seconds in talk.turns])


def _each_ms(talk: Talk) -> float:
    return 1000 * talk.cpu / len(talk.turns)


def _p50(seconds: Sequence[float]) -> float:
    """Milliseconds; percentiles() has one digit, too few for what takes less than one."""
    ordered = sorted(seconds)
    return round(1000 * ordered[len(ordered) // 2], 3)


def tell_more(found: dict[str, Any]) -> None:
    """What stands behind the figures, as tables: the costs of each side and the paired accuracy."""
    columns = ("turn_ms", "p50_ms", "parse_ms", "start_cpu", "memory_mib")
    rows = [[name, *(_shown(cost.get(column)) for column in columns)] for name, cost in found["costs"].items()]
    table(["", "CPU ms per turn", "p50 ms", "parse ms", "CPU s to start", "MiB"], rows, empty="")
    pairs = [
        (one["group"], one["count"], f"{one['ours']:.1%}", f"{one['stock']:.1%}", *_split(one))
        for one in found["accuracy"]
    ]
    table(["Right", "Utterances", "Ours", "Stock", "Only ours", "Only stock", "McNemar p"], pairs, empty="")
    model = found["stock"]
    same = "the present data" if model["same_data"] else "earlier data than ours"
    say(f"Stock Rasa: {model['epochs']} epochs on {model['examples']} examples of {same}, trained {model['trained']}")


def _split(one: dict[str, Any]) -> tuple[int, int, str]:
    return one["only_ours"], one["only_stock"], f"{one['p']:.2g}"


def _shown(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"


async def _seconds(asked: Awaitable[object]) -> float:
    began = time.perf_counter()
    await asked
    return time.perf_counter() - began


async def _house(place: Site) -> int:
    """Starts the house of `place`; the process id of its brain. The vectors of this checkout's phrasings go along: they
    are made at set-up and not at a start."""
    encoded = load_settings().data / "vectors"
    if encoded.is_dir():
        await asyncio.to_thread(shutil.copytree, encoded, place.folder / "data" / "vectors")
    await place.start_house()
    return await place.brain_up()


async def _accuracy(asked: Sequence[Utterance], theirs: Stock) -> list[Paired]:
    """Both on the same utterances; ours by `understand`, as the house would understand them."""
    topics = {entry.id: entry.topic for entry in entries.load(load_settings().content).entries.values()}
    given = [brain_paired.stock_label(await theirs.parse(one.text), topics) for one in asked]
    spoken: dict[Language, list[str]] = {"zh": [], "en": []}
    for one in asked:
        spoken[one.language].append(one.text)
    understood = {language: iter(await _understood(texts, language)) for language, texts in spoken.items() if texts}
    return brain_paired.compare(asked, [next(understood[one.language]) for one in asked], given)


async def _understood(texts: Sequence[str], language: Language) -> list[str]:
    """The label of each text."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "door.cli", "understand", "--json", "--language", language, "--file", "-"),
        cwd=steps.ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    told, _ = await process.communicate("\n".join(" ".join(text.split()) for text in texts).encode())
    labels = [str(json.loads(line)["label"]) for line in told.splitlines()]
    if process.returncode or len(labels) != len(texts):
        fail(Exit.SETUP, "our brain could not read the utterances; see above")
    return labels

"""`bench faults`: kills house and brain, or cuts PostgreSQL's connection, under load, and looks what is left.

Every new life of the house is read from the checkout anew: whoever edits it during a run measures a mixture.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import time
from collections import Counter
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, Literal

from door.cli.bench.cutter import Cut, Cutter, cutter
from door.cli.bench.figures import machine
from door.cli.bench.judge import ledger_account
from door.cli.bench.marks import Marks, Stage
from door.cli.bench.provider import Plan
from door.cli.bench.site import Site, site

Database = Literal["sqlite", "postgresql"]
Tell = Callable[[str], None]

RATE = 80.0  # messages a second
CROWD = 200  # conversations
DUPLICATES = 0.02  # share of messages that the platform delivers again
WISHES = 0.1  # share of messages that ask for an effect
LIFE = (0.05, 1.6)  # seconds a house lives before it is struck, drawn evenly
BRAIN_SHARE = 0.25  # of rounds that strike the brain
AIMED_SHARE = 0.5  # of the house's rounds that wait, briefly, for the stage struck least so far
AIM_FOR = 0.3  # seconds of waiting for that stage
TELL_EVERY = 20  # rounds
CUT_EVERY = (0.05, 0.5)  # seconds between two cuts of PostgreSQL's connection, drawn evenly
CUT_WITHIN = 5.0  # seconds in which some COMMIT must come along
PATIENCE = {"sqlite": 45.0, "postgresql": 120.0}  # seconds without a new reply after which the missing ones are lost
# A brain that is killed again and again uses up the tries of those who wait; parking is a good end, but dull here.
SETTINGS = {"turn_tries": "10", "turn_window": "300"}

OUTSIDE = ("lost", "duplicates", "disorder", "never_acknowledged")
IN_LEDGER = (
    "open",
    "unsent",
    "effects_twice",
    "turns_twice",
    "turns_missing_from_state",
    "turns_disordered",
    "without_reply",
    "replies_too_many",
)


@dataclass
class Struck:
    """Where the blows fell: rounds by stage in which at least one journey stood there."""

    house: Counter[Stage] = field(default_factory=Counter[Stage])
    brain: Counter[Stage] = field(default_factory=Counter[Stage])
    cut: Counter[tuple[Cut, Stage]] = field(default_factory=Counter[tuple[Cut, Stage]])
    rounds: Counter[str] = field(default_factory=Counter[str])
    aimed: int = 0
    starts: list[float] = field(default_factory=list[float])  # seconds of each new start

    def table(self) -> list[dict[str, Any]]:
        """One row per stage, in the order of a message's way."""
        rows: list[dict[str, Any]] = []
        for stage in Stage:
            cuts = {cut.name.lower(): self.cut[cut, stage] for cut in Cut if self.cut[cut, stage]}
            rows.append(
                {"stage": stage.words, "house": self.house[stage], "brain": self.brain[stage]}
                | ({"cut": cuts} if cuts else {})
            )
        return rows


class Killing:
    """SIGKILL of the house or the brain, round after round."""

    def __init__(self, place: Site, marks: Marks, dice: random.Random, tell: Tell) -> None:
        self._site = place
        self._tell = tell
        self._marks = marks
        self._dice = dice
        self.struck = Struck()

    async def run(self, rounds: int) -> None:
        brain = 0
        for number in range(1, rounds + 1):
            brain = await self._site.brain_up(other_than=brain)
            await asyncio.sleep(self._dice.uniform(*LIFE))
            if self._dice.random() < BRAIN_SHARE:
                self._strike_brain(brain)
            else:
                await self._strike_house(aimed=self._dice.random() < AIMED_SHARE)
            if number % TELL_EVERY == 0:
                self._tell(f"{number} of {rounds} rounds")

    def _strike_brain(self, pid: int) -> None:
        standing = self._marks.standing()
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        self.struck.brain.update(standing)
        self.struck.rounds["brain"] += 1

    async def _strike_house(self, *, aimed: bool) -> None:
        house = self._site.house
        if aimed:
            self.struck.aimed += 1
            self._wait_for(min(Stage, key=lambda stage: (self.struck.house[stage], self._dice.random())))
        await house.kill()
        self.struck.house.update(self._marks.standing())
        self.struck.rounds["house"] += 1
        self._marks.clear()
        self.struck.starts.append(await self._site.start_house())

    def _wait_for(self, stage: Stage) -> None:
        """Returns as soon as somebody stands in `stage`, or after AIM_FOR. Spins: some stages last 50 µs."""
        until = time.monotonic() + AIM_FOR
        while not self._marks.within(stage) and time.monotonic() < until:
            pass


async def _cut_connections(proxy: Cutter, marks: Marks, dice: random.Random, rounds: int) -> Struck:
    """Cuts the connection around a COMMIT, round after round."""
    struck = Struck()
    commits = {s for s in Stage if s.name.endswith("_COMMIT")}
    for _ in range(rounds):
        await asyncio.sleep(dice.uniform(*CUT_EVERY))
        kind = dice.choice(list(Cut))
        done = proxy.arm(kind, lambda kind=kind: struck.cut.update((kind, s) for s in marks.standing() & commits))
        async with asyncio.timeout(CUT_WITHIN):
            await done
        struck.rounds[kind.value] += 1
    return struck


@asynccontextmanager
async def database_of(kind: Database) -> AsyncGenerator[tuple[str, str, Cutter | None]]:
    """The ledger's address for the house and for the judge, and the proxy between; "" for the site's own SQLite."""
    if kind == "sqlite":
        yield "", "", None
        return
    from door.cli.bench.postgres import postgres

    with postgres() as cluster:
        direct = await asyncio.to_thread(cluster.create, "bench")
        async with cutter(cluster.port) as proxy:
            yield cluster.url("bench", proxy.port), direct, proxy


async def strike(
    rounds: int, seed: int, database: Database, *, keep: bool = False, tell: Tell = lambda line: None
) -> dict[str, Any]:
    """The whole run; {machine, stages, checks, report, ledger …}. `tell` hears how far it is."""
    dice = random.Random(seed)  # noqa: S311 - the same seed must give the same blows
    async with (
        database_of(database) as (through, direct, proxy),
        site(SETTINGS, database_url=through, marked=True, keep=keep) as place,
    ):
        facts = machine(place.folder)
        plan = Plan(name="faults", conversations=CROWD, rate=RATE, duplicates=DUPLICATES, wishes=WISHES, seed=seed)
        with Marks(place.marks_file) as marks:
            await place.start_house()
            await place.brain_up()
            await place.begin(plan)
            began = time.monotonic()
            if proxy is None:
                killing = Killing(place, marks, dice, tell)
                await killing.run(rounds)
                struck = killing.struck
            else:
                struck = await _cut_connections(proxy, marks, dice, rounds)
            seconds = time.monotonic() - began
            tell("no more blows; waiting for what is still to be answered")
            await place.provider.ask("end", name=plan.name)
            drained = await place.provider.ask("drain", names=[plan.name], patience=PATIENCE[database])
            code = await place.house.stop()
            unreached = [stage.words for stage in Stage if not marks.passed(stage)]
        account = await ledger_account(direct or place.database_url)
        parked = account.pop("parked_ids")
        report = await place.provider.ask("report", names=[plan.name], parked=parked)
        checks = {key: int(report[key]) for key in OUTSIDE} | {key: int(account[key]) for key in IN_LEDGER}
        checks |= {
            "not_in_ledger": abs(int(report["accepted"]) - sum(account["messages"].values())),
            "effects_missing": abs(int(report["wishes"]) - int(account["left_messages"])),
            "parked_without_alarm": int(bool(parked) and "turn_parked" not in account["alarms"]),
            "unknown_replies": sum(n for why, n in report["foreign"].items() if why != "unasked"),
            "house_exit_code": code,
        }
        return {
            "machine": facts,
            "database": database,
            "seed": seed,
            "rounds": dict(struck.rounds),
            "aimed": struck.aimed,
            "seconds": round(seconds, 1),
            "drain_seconds": round(drained["seconds"], 1),
            "restart_seconds": _spread(struck.starts),
            "stages": struck.table(),
            "never_struck": _never(struck, database),
            "unreached": unreached,  # by any message of the last life: a mark that hangs nowhere
            "resent_after_unknown": report["replies_repeated"],
            "parked": account["parked"],
            "checks": checks,
            "passed": not any(checks.values()),
            "report": report,
            "ledger": account,
            "folder": str(place.folder) if keep else "",
        }


def _spread(seconds: list[float]) -> dict[str, float]:
    ordered = sorted(seconds) or [0.0]
    return {"median": round(ordered[len(ordered) // 2], 2), "most": round(ordered[-1], 2)}


def _never(struck: Struck, database: Database) -> list[str]:
    """The stages that no blow of the run fell on."""
    if database == "sqlite":
        return [stage.words for stage in Stage if not struck.house[stage]]
    commits = [stage for stage in Stage if stage.name.endswith("_COMMIT")]
    return [f"{s.words}, {cut.value}" for s in commits for cut in Cut if not struck.cut[cut, s]]

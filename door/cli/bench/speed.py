"""`bench core`: how fast the house takes, answers and sends, with a stub brain, FULL and logs on."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from door.cli.bench.figures import Figure, as_data, cpu_seconds, machine
from door.cli.bench.judge import ledger_account
from door.cli.bench.provider import Plan, Road
from door.cli.bench.site import THINKS, Site, site

CROWD = 200  # conversations
WARM_UP = 2.0  # seconds of load before anything is measured
INTERVALS = 4  # of each kind at 80 messages a second
HELD_BACK = 90_000.0  # ms a turn takes while only accepting is measured: nothing is answered until the pace changes
PATIENCE = 20.0  # seconds without any new reply after which what is missing counts as lost

# Budgets wide enough for answers that are held back on purpose; no hot path looks at them.
SETTINGS = {"brain_timeout": "100", "hold_after": "110", "turn_window": "400"}

Report = dict[str, Any]


class Speed:
    """One run; figures and troubles gather in it."""

    def __init__(self, place: Site, seconds: float, road: Road, tell: Callable[[str], None]) -> None:
        self._site = place
        self._seconds = seconds
        self._road: Road = road
        self._tell = tell
        self.figures: list[Figure] = []
        self.reports: dict[str, Report] = {}

    async def run(self) -> None:
        await self._site.brain_up()
        await self._load(self._plan("warm"), min(WARM_UP, self._seconds))
        self._tell("saturated, and until all of it is answered")
        await self._saturated()
        self._tell("accepting alone")
        await self._burst()
        self._tell("one conversation whose messages all wait already")
        await self._in_a_row()
        self._tell("10 messages a second")
        await self._calm()
        self._tell("80 messages a second, alone and in company")
        await self._beside_a_reader()

    def _plan(self, name: str, *, conversations: int = CROWD, rate: float = 0.0, wishes: float = 0.0) -> Plan:
        return Plan(name=name, conversations=conversations, road=self._road, rate=rate, wishes=wishes)

    async def _load(self, plan: Plan, seconds: float, beside: float = 0.0) -> Report:
        """Delivers by `plan` for `seconds` and waits for every reply; a query of `beside` seconds may run along."""
        site = self._site
        await site.begin(plan)
        reading = asyncio.create_task(site.house.ask("read", seconds=beside)) if beside else None
        await asyncio.sleep(seconds)
        await site.provider.ask("end", name=plan.name)
        query = await reading if reading else None
        await site.provider.ask("drain", names=[plan.name], patience=PATIENCE)
        report = await site.provider.ask("report", names=[plan.name])
        self.reports[plan.name] = report | ({"query": query} if query else {})
        return report

    async def _saturated(self) -> None:
        site = self._site
        before, cpu = await site.status(), cpu_seconds(site.house.pid)
        report = await self._load(self._plan("saturated", wishes=0.05), self._seconds)
        cpu, after = cpu_seconds(site.house.pid) - cpu, await site.status()
        commits, operations = (after[k] - before[k] for k in ("commits", "operations"))
        self.figures += [
            Figure(name="saturated: messages", value=report["accepted"]),
            Figure(name="saturated: accepts", value=_rate(report["accepted"], report["seconds"]), unit="1/s"),
            Figure(
                name="saturated: replies", value=_rate(report["replies"], report["seconds_to_last_reply"]), unit="1/s"
            ),
            *_three("saturated: ack", report["ack_ms"]),
            *_three("saturated: end to end", report["e2e_ms"]),
            Figure.at_most("saturated: CPU of the house per message", _each(cpu, report), 2.0, "ms"),
            Figure(name="saturated: commits", value=commits),
            Figure(name="saturated: operations per commit", value=round(operations / max(commits, 1), 1)),
            Figure(name="memory of the house", value=after["memory_mb"], unit="MiB"),
        ]

    async def _burst(self) -> None:
        """Accepting alone: the brain holds its answers back until the burst is over."""
        site, plan = self._site, self._plan("burst")
        cpu = await self._held_back(plan)
        taken = await site.provider.ask("report", names=[plan.name])
        site.pace(THINKS)
        began = time.monotonic()
        drained = await site.provider.ask("drain", names=[plan.name], patience=PATIENCE)
        self.reports["burst"] = await site.provider.ask("report", names=[plan.name]) | {"backlog": drained}
        self.figures += [
            Figure.at_least("burst: accepts", _rate(taken["accepted"], taken["seconds"]), 1000, "1/s"),
            *_three("burst: ack", taken["ack_ms"]),
            Figure(name="burst: CPU of the house per accept", value=_each(cpu, taken), unit="ms"),
            Figure(
                name="burst: backlog answered at",
                value=_rate(taken["accepted"] - taken["replies"], time.monotonic() - began),
                unit="1/s",
            ),
        ]

    async def _held_back(self, plan: Plan) -> float:
        """Delivers by `plan` while the brain gives no answer; the house's CPU seconds meanwhile."""
        site = self._site
        await site.provider.ask("prepare", plan=asdict(plan))
        site.pace(HELD_BACK)
        await asyncio.sleep(0.1)
        cpu = cpu_seconds(site.house.pid)
        await site.provider.ask("begin", name=plan.name)
        await asyncio.sleep(min(self._seconds, 5.0))
        await site.provider.ask("end", name=plan.name)
        return cpu_seconds(site.house.pid) - cpu

    async def _in_a_row(self) -> None:
        """One impatient consumer: how soon after one turn the next begins, when its message waits already.

        Told by the replies: the time between two of them, less what the brain thinks. The sending is in it.
        """
        site, plan = self._site, self._plan("in a row", conversations=1, rate=20.0)
        await self._held_back(plan)
        site.pace(THINKS)
        await site.provider.ask("drain", names=[plan.name], patience=PATIENCE)
        report = self.reports[plan.name] = await site.provider.ask("report", names=[plan.name])
        apart = {p: round(report["apart_ms"][p] - THINKS, 1) for p in ("p50", "p95", "p99")}
        self.figures += [
            Figure(name="in a row: from one turn to the next p50", value=apart["p50"], unit="ms"),
            Figure.at_most("in a row: from one turn to the next p95", apart["p95"], 50.0, "ms"),
            Figure(name="in a row: from one turn to the next p99", value=apart["p99"], unit="ms"),
        ]

    async def _calm(self) -> None:
        report = await self._load(self._plan("calm", conversations=50, rate=10.0), 2 * self._seconds)
        self.figures += [
            *_three("10/s: ack", report["ack_ms"]),
            Figure(name="10/s: end to end p50", value=report["e2e_ms"]["p50"], unit="ms"),
            Figure.at_most("10/s: end to end p95", report["e2e_ms"]["p95"], 40.0, "ms"),
            Figure(name="10/s: end to end p99", value=report["e2e_ms"]["p99"], unit="ms"),
        ]

    async def _beside_a_reader(self) -> None:
        """80 messages a second alone, beside a long query of the house, and beside a process that only uses a core.

        In turns, so that all three see the same machine. The third tells what of the second's delay is the ledger's,
        and what any other work on this machine would cost.
        """
        names: dict[str, list[str]] = {"alone": [], "query": [], "busy": []}
        for n in range(INTERVALS):
            for kind in names:
                plan = self._plan(f"{kind}-{n}", conversations=CROWD, rate=80.0)
                busy = await _busy(self._seconds) if kind == "busy" else None
                await self._load(plan, self._seconds, beside=self._seconds if kind == "query" else 0.0)
                if busy is not None:
                    await busy.wait()
                names[kind].append(plan.name)
        report = {kind: await self._site.provider.ask("report", names=names[kind]) for kind in names}
        p99 = {kind: report[kind]["ack_ms"]["p99"] for kind in names}
        words = {"alone": "80/s", "query": "80/s beside a long query", "busy": "80/s beside a busy process"}
        for kind, name in words.items():
            self.figures += [
                *_three(f"{name}: ack", report[kind]["ack_ms"]),
                *_three(f"{name}: end to end", report[kind]["e2e_ms"]),
            ]
        self.figures += [
            Figure.at_most("80/s: ack p99 with the query / alone", round(p99["query"] / p99["alone"], 2), 1.2, ""),
            Figure(name="80/s: ack p99 with a busy process / alone", value=round(p99["busy"] / p99["alone"], 2)),
        ]


async def _busy(seconds: float) -> asyncio.subprocess.Process:
    """A process that uses one core for `seconds` and touches nothing of ours."""
    code = f"import time\nend = time.monotonic() + {seconds}\nwhile time.monotonic() < end: pass"
    return await asyncio.create_subprocess_exec(sys.executable, "-c", code, stdin=asyncio.subprocess.DEVNULL)


def _rate(count: int, seconds: float) -> float:
    return round(count / seconds, 1) if seconds else 0.0


def _each(cpu: float, report: Report) -> float:
    return round(1000 * cpu / max(report["accepted"], 1), 2)


def _three(name: str, values: dict[str, Any]) -> list[Figure]:
    return [Figure(name=f"{name} {p}", value=values[p], unit="ms") for p in ("p50", "p95", "p99")]


def wrong(reports: dict[str, Report], account: dict[str, Any]) -> dict[str, int]:
    """What may not happen in any run, and how often it did."""
    outside = ("lost", "duplicates", "disorder", "never_acknowledged", "replies_repeated")
    found: dict[str, int] = {key: sum(report[key] for report in reports.values()) for key in outside}
    found |= {key: int(account[key]) for key in ("open", "unsent", "parked", "effects_twice", "turns_twice")}
    found |= {key: int(account[key]) for key in ("turns_missing_from_state", "turns_disordered", "without_reply")}
    accepted = sum(report["accepted"] + report["openings"] for report in reports.values())
    found["not_in_ledger"] = abs(accepted - sum(account["messages"].values()))
    return found


async def measure(
    seconds: float,
    road: Road = "webhook",
    *,
    encoder: str = "none",
    keep: bool = False,
    tell: Callable[[str], None] = lambda line: None,
) -> dict[str, Any]:
    """The whole bench; {machine, figures, checks, reports …}. `encoder`: as the setting. `tell` hears how far it is."""
    async with site(SETTINGS | {"encoder": encoder}, keep=keep) as place:
        facts = machine(place.folder)
        started = await place.start_house()
        run = Speed(place, seconds, road, tell)
        await run.run()
        stopped = time.monotonic()
        code = await place.house.stop()
        account = await ledger_account(place.database_url)
        account.pop("parked_ids")
        run.figures += [
            Figure(name="start of the house", value=round(started, 2), unit="s"),
            Figure(name="stop of the house", value=round(time.monotonic() - stopped, 2), unit="s"),
        ]
        checks = wrong(run.reports, account) | {"house_exit_code": code}
        return {
            "machine": facts,
            "channel": road,
            "encoder": encoder,
            "figures": as_data(run.figures),
            "checks": checks,
            "passed": not any(checks.values()),
            "ledger": account,
            "reports": run.reports,
        }

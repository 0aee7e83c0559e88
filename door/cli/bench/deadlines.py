"""`bench deadlines`: the product's legal clocks against a second, naive reading of the same rules, on random cases.

The second reading is tests/cases/oracle.py, which shares nothing with cases/rules.py. Cases are drawn where clocks
break: beginnings and ends near holidays, midnights, year ends and first days of laws, and what happens to a clock on
its last day or a day beside it.
"""

from __future__ import annotations

import importlib.util
import multiprocessing
import os
import random
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta, timezone
from functools import cache, partial
from pathlib import Path
from typing import Any, NamedTuple

from cases import rules
from door.cli.exits import Exit, fail
from door.cli.setup.steps import ROOT

ORACLE = ROOT / "tests" / "cases" / "oracle.py"
BATCH = 2_000  # cases drawn from one seed, so that the number of processes changes nothing
SHOWN = 5  # differences that are told in full
FIRST, LAST = date(2017, 1, 1), date(2026, 12, 31)
DAY = timedelta(days=1)
BEIJING = timezone(timedelta(hours=8))
ZONES = (BEIJING, UTC, timezone(timedelta(hours=-5)))
CLOCK_TIMES = (time(0), time(0, 0, 1), time(9, 30), time(12), time(16), time(23, 59, 59))  # Beijing
# Month and day round which rest days and make-up days cluster: New Year, Spring Festival, Qingming, Labour Day,
# Dragon Boat, Mid-Autumn and National Day; the leap day and the year's end beside them.
BUSY = (
    *((1, 1), (1, 28), (2, 8), (2, 17), (2, 28), (4, 5), (5, 1)),
    *((6, 10), (6, 22), (9, 17), (10, 1), (10, 8), (12, 31)),
)
FIELDS = ("state", "due_on", "due_at", "warn_half", "warn_most", "warn_last", "extended", "provisional")
REFUSED = "refused"

Tell = Callable[[str], None]


class Case(NamedTuple):
    """One clock: what starts it and what happens to it."""

    rule: str
    started: datetime
    supplements: tuple[rules.Supplement, ...] = ()
    pauses: tuple[rules.Pause, ...] = ()
    extensions: tuple[rules.Extension, ...] = ()


@dataclass
class Account:
    """What a batch of cases came to."""

    rules: Counter[str] = field(default_factory=Counter[str])
    edges: Counter[str] = field(default_factory=Counter[str])
    differences: int = 0
    shown: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])

    def add(self, other: Account) -> None:
        self.rules += other.rules
        self.edges += other.edges
        self.differences += other.differences
        self.shown = (self.shown + other.shown)[:SHOWN]


def measure(cases: int, seed: int, tell: Tell = lambda line: None, oracle: Path = ORACLE) -> dict[str, Any]:
    """How often the two readings differ, where they were tried, and the first differences with both results."""
    if not oracle.is_file():
        fail(
            Exit.USAGE,
            f"there is no second reading at {oracle}; it comes with a checkout of the source, in tests/cases/oracle.py",
        )
    tell(f"seed {seed}, {cases:,} cases")
    sizes = [min(BATCH, cases - begun) for begun in range(0, cases, BATCH)]
    work = partial(batch, oracle, seed)
    whole = Account()
    if len(sizes) == 1:
        whole.add(work(0, sizes[0]))
    else:
        workers = min(len(sizes), len(os.sched_getaffinity(0)))
        with ProcessPoolExecutor(workers, multiprocessing.get_context("spawn")) as pool:
            for account in pool.map(work, range(len(sizes)), sizes):
                whole.add(account)
    return {
        "cases": cases,
        "seed": seed,
        "differences": whole.differences,
        "rules": dict(sorted(whole.rules.items())),
        "edges": dict(sorted(whole.edges.items())),
        "shown": whole.shown,
        "passed": not whole.differences,
    }


def batch(oracle: Path, seed: int, number: int, size: int) -> Account:
    """One batch, drawn, counted twice and compared."""
    drawn = _Draw(_load(oracle), random.Random(f"{seed}:{number}"))  # noqa: S311  (test data)
    account = Account()
    for _ in range(size):
        case = drawn.case()
        account.rules[case.rule] += 1
        ours, theirs = outcome(rules.clock, case), outcome(drawn.oracle.clock, case)
        account.edges.update(_edges(theirs))
        if {name: ours.get(name) for name in FIELDS} != {name: theirs.get(name) for name in FIELDS}:
            account.differences += 1
            if len(account.shown) < SHOWN:
                account.shown.append({"case": _plain(case), "product": _plain(ours), "oracle": _plain(theirs)})
    account.edges.update(drawn.edges)
    return account


def outcome(clock: Callable[..., Any], case: Case) -> dict[str, Any]:
    """What a clock says by its field names; a refused case has the state "refused" and nothing else to compare."""
    happened = {"supplements": case.supplements, "pauses": case.pauses, "extensions": case.extensions}
    try:
        found = clock(case.rule, case.started, **happened)
    except ValueError as e:
        return {"state": REFUSED, "why": str(e)}
    return {name: getattr(found, name) for name in (*FIELDS, "rolled") if hasattr(found, name)}


@cache
def _load(file: Path) -> Any:
    """The oracle's module, by its path: the product knows no tests."""
    spec = importlib.util.spec_from_file_location("oracle", file)
    if spec is None or spec.loader is None:
        fail(Exit.USAGE, f"{file} is no Python file")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _edges(said: dict[str, Any]) -> list[str]:
    struck = [said["state"]] + [name for name in ("rolled", "provisional") if said.get(name)]
    if said["state"] in ("running", "paused"):
        struck += ["extension held" if held else "extension refused" for held in said["extended"]]
    return struck


def _plain(value: Any) -> Any:
    """As JSON can show it; times in Beijing."""
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items()}  # pyright: ignore[reportUnknownVariableType]
    if isinstance(value, Case):
        return _plain(value._asdict())
    if isinstance(value, tuple):
        return [_plain(each) for each in value]  # pyright: ignore[reportUnknownVariableType]
    if isinstance(value, datetime):
        return (value.astimezone(BEIJING) if value.tzinfo else value).isoformat()
    return value.isoformat() if isinstance(value, date) else value


class _Draw:
    """Draws cases; the oracle tells where a clock's last day lies, so that things happen on it and beside it."""

    def __init__(self, oracle: Any, chance: random.Random) -> None:
        self.oracle = oracle
        self.chance = chance
        self.edges: Counter[str] = Counter()
        # Clocks to which nothing can happen but time are sooner tried out.
        self._names = [
            name
            for name, row in sorted(oracle.RULES.items())
            for _ in range(4 if row.restarts or row.pausable or row.extendable else 1)
        ]

    def case(self) -> Case:
        """The next one; two in a hundred are bad input."""
        rule = self.chance.choice(self._names)
        row = self.oracle.RULES[rule]
        case = Case(rule, self._started(row))
        many = self.chance.choices((0, 1, 2, 3), (2, 3, 3, 2), k=3)
        if row.restarts:
            for _ in range(many[0]):
                case = self._supplement(case)
        happenings = [self._pause] * many[1] * row.pausable + [self._extension] * many[2] * row.extendable
        self.chance.shuffle(happenings)
        for happening in happenings:
            case = happening(case)
        case = case._replace(pauses=tuple(self.chance.sample(case.pauses, len(case.pauses))))
        return self._spoilt(case) if self.chance.random() < 0.02 else case

    def _started(self, row: Any) -> datetime:
        """Anywhere in the ten years, before or on a busy day by the length of the limit, or as a law begins."""
        drawn = self.chance.random()
        if drawn < 0.35:
            day = FIRST + self.chance.randrange((LAST - FIRST).days + 1) * DAY
        elif drawn < 0.8 or row.since is None:
            month, number = self.chance.choice(BUSY)
            length = {"working days": row.number * 7 // 5, "calendar days": row.number}.get(row.unit, 0)
            day = date(self.chance.randint(FIRST.year, LAST.year), month, number)
            day += (self.chance.randint(-6, 6) - length * self.chance.randint(0, 1)) * DAY
            if row.unit == "years" and self.chance.random() < 0.2:
                day = date(2024, 2, 29)
        else:
            day = row.since + self.chance.choice((-2, -1, 0, 0, 1)) * DAY
        if row.since and drawn < 0.8 and day < row.since and self.chance.random() < 0.9:
            day = row.since + self.chance.randrange((LAST - row.since).days + 1) * DAY
        return self._moment(min(max(day, FIRST), LAST))

    def _moment(self, day: date) -> datetime:
        """A time of that Beijing day, often its first or last instant, written in one zone or another."""
        hour = self.chance.choice(CLOCK_TIMES)
        return datetime.combine(day, hour, BEIJING).astimezone(self.chance.choice(ZONES))

    def _near(self, case: Case) -> date:
        """A day on which something happens to the clock: most often its last one or one beside it."""
        due = self.oracle.clock(*case[:2], **dict(zip(case._fields[2:], case[2:], strict=True))).due_on
        began = case.started.astimezone(BEIJING).date()
        if due is None:
            return began + self.chance.randint(0, 80) * DAY
        if self.chance.random() < 0.4:
            return began + self.chance.randint(-2, max((due - began).days, 0) + 3) * DAY
        away = self.chance.choice((-2, -1, 0, 0, 1, 1, 2))
        self.edges.update({0: ["happens on the last day"], 1: ["happens a day late"]}.get(away, []))
        return due + away * DAY

    def _until(self, begins: datetime) -> datetime | None:
        """When it ends: the same day, within three weeks, or not yet."""
        drawn = self.chance.random()
        if drawn < 0.12:
            return None
        if drawn < 0.25:
            return begins + timedelta(seconds=self.chance.randint(0, 14 * 3600))
        ends = self._moment(begins.astimezone(BEIJING).date() + self.chance.randint(1, 20) * DAY)
        return max(ends, begins)

    def _supplement(self, case: Case) -> Case:
        before = case.supplements[-1].complete if case.supplements else case.started
        if before is None:
            return case
        asked = max(self._moment(self._near(case)), before)
        return case._replace(supplements=(*case.supplements, rules.Supplement(asked, self._until(asked))))

    def _pause(self, case: Case) -> Case:
        begins = self._moment(self._near(case))
        return case._replace(pauses=(*case.pauses, rules.Pause(begins, self._until(begins))))

    def _extension(self, case: Case) -> Case:
        row = self.oracle.RULES[case.rule]
        most = max(row.steps, default=row.most)
        totals = (*row.steps, *row.steps, row.number, row.number + 1, most - 1, most, most + 1)
        total = self.chance.choice((*totals, self.chance.randint(row.number, most)))
        more = rules.Extension(self._moment(self._near(case)), total)
        return case._replace(extensions=tuple(sorted((*case.extensions, more), key=lambda each: each.granted)))

    def _spoilt(self, case: Case) -> Case:
        """The case with something in it that cannot be."""
        later, early = case.started + DAY, case.started - DAY
        twice = (rules.Supplement(later, None), rules.Supplement(later + DAY, None))
        extension = rules.Extension(later, 60)
        ways: tuple[Case, ...] = (
            case._replace(rule="no_such_rule"),
            case._replace(started=case.started.replace(tzinfo=None)),
            case._replace(supplements=(rules.Supplement(early, later),)),
            case._replace(supplements=twice),
            case._replace(supplements=(rules.Supplement(later, early),)),
            case._replace(pauses=(*case.pauses, rules.Pause(later, early))),
            case._replace(pauses=(*case.pauses, rules.Pause(later.replace(tzinfo=None), None))),
            case._replace(extensions=(extension, extension._replace(granted=early))),
            case._replace(extensions=(extension._replace(granted=later.replace(tzinfo=None)),)),
        )
        return self.chance.choice(ways)

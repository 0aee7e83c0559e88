"""Figures and how they are told: percentiles, a process's CPU time, the machine, and tables with their targets."""

from __future__ import annotations

import os
import platform
import sqlite3
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

TICKS = os.sysconf("SC_CLK_TCK")  # per second, of /proc/<pid>/stat
FSYNCS = 100  # in the probe of the disk


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One measured value; `target` in the words of the issue, `good` None where there is none."""

    name: str
    value: float | int | None
    unit: str = ""
    target: str = ""
    good: bool | None = None

    @classmethod
    def at_most(cls, name: str, value: float | None, limit: float, unit: str) -> Figure:
        good = value is not None and value <= limit
        return cls(name=name, value=value, unit=unit, target=f"<= {limit:g}", good=good)

    @classmethod
    def at_least(cls, name: str, value: float | None, limit: float, unit: str) -> Figure:
        good = value is not None and value >= limit
        return cls(name=name, value=value, unit=unit, target=f">= {limit:g}", good=good)


def percentiles(seconds: Sequence[float]) -> dict[str, float | int | None]:
    """p50, p95, p99 and the greatest in milliseconds, and how many there were."""
    ordered = sorted(seconds)

    def at(share: float) -> float | None:
        return round(1000 * ordered[min(len(ordered) - 1, int(len(ordered) * share))], 1) if ordered else None

    return {"p50": at(0.5), "p95": at(0.95), "p99": at(0.99), "most": at(1.0), "count": len(ordered)}


def cpu_seconds(pid: int) -> float:
    """User and system time that a living process, all its threads, has used; children are not counted."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def memory_mb(pid: int) -> float:
    """Resident memory of a living process in MiB."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return round(pages * os.sysconf("SC_PAGE_SIZE") / 2**20, 1)


def machine(folder: Path) -> dict[str, Any]:
    """What a reader must know to compare figures; `folder` is where the ledger lies."""
    return {
        "cores": len(os.sched_getaffinity(0)),
        "load_before": [round(n, 2) for n in os.getloadavg()],
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
        "kernel": platform.release(),
        "yardstick_ms": _yardstick_ms(),
        "fdatasync_ms": _fdatasync_ms(folder),
    }


def _yardstick_ms() -> float:
    """How long a fixed piece of Python takes here and now: CPU figures of two runs compare only beside this one."""
    took: list[float] = []
    for _ in range(5):
        began = time.process_time()
        sum(n * n for n in range(500_000))
        took.append(time.process_time() - began)
    return round(1000 * min(took), 1)


def _fdatasync_ms(folder: Path) -> dict[str, float | int | None]:
    """How long the disk takes to promise 4 kB: FULL pays this once per commit."""
    probe = folder / "fsync.probe"
    took: list[float] = []
    with probe.open("wb", buffering=0) as file:
        for _ in range(FSYNCS):
            file.write(bytes(4096))
            began = time.perf_counter()
            os.fdatasync(file.fileno())
            took.append(time.perf_counter() - began)
    probe.unlink()
    # Milliseconds with three digits: a disk with a cache answers in less than a tenth.
    ordered = sorted(took)
    return {"p50": round(1000 * ordered[FSYNCS // 2], 3), "p99": round(1000 * ordered[-2], 3)}


def as_data(figures: Sequence[Figure]) -> list[dict[str, Any]]:
    return [asdict(figure) for figure in figures]


def show(title: str, figures: Sequence[Figure]) -> None:
    """A table for people on stdout."""
    from door.cli.common import table

    rows = [(f.name, _shown(f.value), f.unit, f.target, {True: "yes", False: "NO", None: ""}[f.good]) for f in figures]
    print(f"\n{title}")
    table(["Figure", "Value", "Unit", "Target", "Reached"], rows, empty="nothing was measured")


def _shown(value: float | int | None) -> str:
    if value is None:
        return "-"
    return f"{value:,}" if isinstance(value, int) else f"{value:,.2f}".rstrip("0").rstrip(".")

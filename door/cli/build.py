"""`setup`, `train`, `lint`, `test`: make the checkout whole and check it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import typer

from door.cli.common import say, settings
from door.cli.exits import Exit, fail
from door.cli.setup import engine, steps, system

PASS_ON = {"allow_extra_args": True, "ignore_unknown_options": True}
LINES_MAX = 500  # of one source file: past it a second reason to change has moved in
WORKERS = min(3, os.cpu_count() or 2)  # each takes a processor and 1 GB; more start to wait for their houses
SOURCES = (".py", ".ts", ".vue", ".js", ".css")


def whole(*, developing: bool = False) -> None:
    """Every step of setting up, as far as something changed; SetupError says what hindered it."""
    engine.run(steps.steps(developing=developing), steps.ROOT)


def setup(
    repair: Annotated[bool, typer.Option("--repair", help="Make both environments and the page anew.")] = False,
) -> None:
    """Set everything up: environments, page, brain, keys. Quick when nothing changed; resumes if interrupted."""
    from door.cli.premises import open_keys

    house = settings()  # before the long part: a wrong setting is told at once
    if repair:
        for step in steps.steps():
            step.stamp.unlink(missing_ok=True)
        for env in (steps.HOUSE, steps.BRAIN):
            if env.exists():
                (env / "begun").touch()
    whole()
    open_keys(house)
    say("Everything is set up. Start with: ./qiantai up")


def train(
    force: Annotated[bool, typer.Option("--force", help="Also when the training data is unchanged.")] = False,
) -> None:
    """Train the brain if its data, its pipeline or its code changed."""
    if steps.model().done() and not force:
        say("The brain's model is up to date.")
        return
    steps.model().stamp.unlink(missing_ok=True)
    needed = [step for step in steps.steps() if step.name in ("tool", "torch", "brain")]
    engine.run([*needed, steps.model(force=force)], steps.ROOT)


@dataclass(frozen=True, kw_only=True)
class Check:
    """One tool that must exit 0."""

    name: str
    command: Sequence[str | Path]
    cwd: Path = steps.ROOT
    env: dict[str, str] = field(default_factory=steps.npm_environment)

    def run(self) -> bool:
        """True if it passed; its output goes to the terminal as it comes."""
        say(f"\n== {self.name}: {' '.join(str(part) for part in self.command)}")
        sys.stdout.flush()
        done = subprocess.run([str(p) for p in self.command], cwd=self.cwd, env=self.env, check=False)
        return done.returncode == 0


def _conclude(checks: Sequence[tuple[str, bool]], what: str) -> None:
    failed = [name for name, passed in checks if not passed]
    if failed:
        fail(Exit.FOUND, f"{what}: {', '.join(failed)} found something; see above.")


def lint(
    fix: Annotated[bool, typer.Option("--fix", help="Let ruff and prettier mend what they can first.")] = False,
) -> None:
    """Check style, types, import contracts and file sizes, in both environments; the FAQ content; and the figures."""
    whole(developing=True)
    results: list[tuple[str, bool]] = []
    if fix:
        for check in fixers():
            check.run()
    for check in linters():
        results.append((check.name, check.run()))
    results.append((f"files over {LINES_MAX} lines", _no_long_files()))
    _conclude(results, "lint")
    say(f"\nlint: all {len(results)} checks passed")


def _tool(*words: str | Path) -> list[str | Path]:
    return [sys.executable, "-m", *words]


def fixers() -> list[Check]:
    return [
        Check(name="ruff --fix", command=_tool("ruff", "check", "--fix", "--quiet")),
        Check(name="ruff format", command=_tool("ruff", "format", "--quiet")),
        *(
            Check(name=f"web/{f.name}: format", command=[steps.HOUSE / "bin" / "npm", "run", "format"], cwd=f)
            for f in steps.FRONTS
        ),
    ]


def linters() -> list[Check]:
    # What the brain's modules import can only be seen from its own environment.
    brain = steps.BRAIN / "bin" / "python"
    npm = steps.HOUSE / "bin" / "npm"
    return [
        Check(name="ruff", command=_tool("ruff", "check")),
        Check(name="ruff format", command=_tool("ruff", "format", "--check")),
        Check(name="pyright", command=_tool("pyright", "--warnings")),
        Check(
            name="pyright (brain)", command=_tool("pyright", "--warnings", "-p", "bot/assistant", "--pythonpath", brain)
        ),
        Check(name="import contracts", command=[steps.HOUSE / "bin" / "lint-imports", "--no-cache"]),
        Check(
            name="import contracts (brain)",
            command=[steps.BRAIN / "bin" / "lint-imports", "--no-cache", "--config", "bot/assistant/pyproject.toml"],
        ),
        *(Check(name=f"web/{f.name}", command=[npm, "run", "lint"], cwd=f) for f in steps.FRONTS),
        Check(name="FAQ", command=_tool("door.cli", "faq", "lint")),
        Check(name="FAQ figures", command=_tool("door.cli", "faq", "eval", "--gate")),
        Check(name="NLU figures", command=_nlu("held_out", "gate.toml")),
        Check(name="NLU figures of everyday talk", command=_nlu("everyday", "everyday.toml")),
    ]


def _nlu(folder: str, gate: str) -> list[str | Path]:
    data = "tests/nlu_data"
    return _tool("door.cli", "nlu", "eval", "--folder", f"{data}/{folder}", "--gate", f"{data}/{gate}")


def _no_long_files() -> bool:
    made = {".venv", ".tool", ".git", "node_modules", "dist", "__pycache__"}
    long: list[str] = []
    for folder, folders, names in os.walk(steps.ROOT):
        folders[:] = [f for f in folders if f not in made]
        for file in (Path(folder, name) for name in names if name.endswith(SOURCES)):
            if (lines := len(file.read_bytes().splitlines())) > LINES_MAX:
                long.append(f"{file.relative_to(steps.ROOT)}: {lines} lines, at most {LINES_MAX}: split it")
    say(f"\n== files over {LINES_MAX} lines")
    for line in sorted(long):
        say(line)
    return not long


def run_tests(
    context: typer.Context,
    workers: Annotated[int, typer.Option("--workers", "-n", help="Processes that share the tests.")] = WORKERS,
) -> None:
    """Run every test; brings what it needs. Paths and pytest options narrow it: ./qiantai test tests/core -k lease

    As root on Debian or Ubuntu the packages of system-packages.txt are installed; elsewhere what could not be run is
    named, with how to get it. With CI=true nothing may be missing.
    """
    whole(developing=True)
    system.install()
    lacking = system.missing()
    strict = os.environ.get("CI", "").lower() == "true"
    if lacking and strict:
        fail(Exit.FOUND, "\n".join(f"CI=true, and {m.what} is missing: {m.get}" for m in lacking))
    narrowed = list(context.args)
    results = [(c.name, c.run()) for c in suites(narrowed, workers, [path for m in lacking for path in m.tests])]
    for m in lacking:
        say(f"Not run: {', '.join(m.tests)}, because {m.what} is missing. {m.get}")
    _conclude(results, "test")


def suites(narrowed: list[str], workers: int, left_out: Sequence[str]) -> list[Check]:
    """Python's tests, then, unless somebody asked for particular ones, those of the pages."""
    shared = ["-n", str(workers), "--dist", "loadgroup"] if workers > 1 else []
    ignore = [f"--ignore={path}" for path in left_out]
    python = Check(name="pytest", command=_tool("pytest", *shared, *ignore, *narrowed))
    if narrowed:
        return [python]
    npm = steps.HOUSE / "bin" / "npm"
    return [*(Check(name=f"web/{f.name}", command=[npm, "test"], cwd=f) for f in steps.FRONTS), python]

"""Runs the steps of setting up: side by side where they may, never twice, and again from where an interruption cut."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from door.cli.setup.explain import SetupError, sentence

HEARTBEAT = 15.0  # seconds between two "still working" lines


@dataclass(frozen=True, kw_only=True)
class Step:
    """One part of setting up. It is done when `stamp` holds `key()` and what it makes is there; the stamp is written
    after `work` succeeded."""

    name: str
    what: str  # for people: "the brain's environment"
    stamp: Path
    key: Callable[[], bytes]  # everything the result depends on
    work: Callable[[Call], None]
    there: Callable[[], bool] = lambda: True
    after: tuple[str, ...] = ()

    def done(self) -> bool:
        try:
            return self.stamp.read_bytes() == self.key() and self.there()
        except OSError:
            return False


class Programs:
    """The programs that run now; once stopped, those and any that still start are ended."""

    def __init__(self) -> None:
        self._running: set[subprocess.Popen[bytes]] = set()
        self._stopped = False
        self._lock = threading.Lock()

    def run(self, start: Callable[[], subprocess.Popen[bytes]]) -> tuple[int, bytes]:
        """Starts a program and waits for its end; exit code and output."""
        with self._lock:
            process = start()
            self._running.add(process)
            if self._stopped:
                process.terminate()
        try:
            output, _ = process.communicate()
            return process.returncode, output
        finally:
            self._running.discard(process)

    def stop(self) -> None:
        with self._lock:
            self._stopped = True
            for process in tuple(self._running):
                process.terminate()


@dataclass(frozen=True, kw_only=True)
class Call:
    """Runs a step's programs: output goes to a log file, a failure becomes one sentence."""

    step: str
    root: Path
    env: Mapping[str, str]
    programs: Programs

    @property
    def log(self) -> Path:
        return self.root / ".tool" / "log" / f"{self.step}.log"

    def __call__(self, command: Sequence[str | Path], *, cwd: Path | None = None, where: Path | None = None) -> None:
        """Run `command`; a non-zero exit raises SetupError. `where` is the folder it fills, whose room is told."""
        code, output = self.programs.run(
            lambda: subprocess.Popen(
                [str(part) for part in command],
                cwd=cwd or self.root,
                env=dict(self.env),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
            )
        )
        with suppress(OSError):  # on a full disk there is no log either
            self.log.parent.mkdir(parents=True, exist_ok=True)
            with self.log.open("ab") as log:
                log.write(output)
        if code:
            words = output.decode(errors="replace")
            proxy = next((self.env[n] for n in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY") if self.env.get(n)), "")
            shown = self.log.relative_to(self.root)
            raise SetupError(sentence(words, where=where or self.root, proxy=proxy, log=shown), words)


def environment(base: Mapping[str, str]) -> dict[str, str]:
    """The installers' environment: no wheel folders, no foreign virtual environment, one certificate file for all."""
    drop = {"PIP_FIND_LINKS", "UV_FIND_LINKS", "VIRTUAL_ENV", "CONDA_PREFIX", "PYTHONPATH", "PYTHONHOME"}
    env = {k: v for k, v in base.items() if k not in drop | {"PYTHONDONTWRITEBYTECODE"}}
    if env.get("PIP_CERT"):
        env["SSL_CERT_FILE"] = env["PIP_CERT"]  # uv reads this one …
        env.setdefault("NODE_EXTRA_CA_CERTS", env["PIP_CERT"])  # … and npm that one
    if env.get("PIP_INDEX_URL"):
        env.setdefault("UV_DEFAULT_INDEX", env["PIP_INDEX_URL"])  # a mirror that pip knows serves uv too
    env["RASA_TELEMETRY_ENABLED"] = "false"
    return env


def say(text: str) -> None:
    """One line of progress on stderr, so that stdout stays data."""
    print(text, file=sys.stderr, flush=True)


def run(steps: Sequence[Step], root: Path) -> None:
    """Bring every step up to date, independent ones at the same time; nothing to do: no output, a few milliseconds.

    SetupError holds one line per distinct failure. Steps that a failed one would have fed are left for the next time.
    """
    if all(step.done() for step in steps):
        return
    try:
        (root / ".tool").mkdir(exist_ok=True)
        with _alone(root / ".tool" / "lock"):
            _run(steps, root)
    except OSError as e:
        raise SetupError(sentence(str(e), where=root, proxy="", log=None)) from e


def _run(steps: Sequence[Step], root: Path) -> None:
    programs = Programs()
    env = environment(os.environ)
    waiting = {step.name: step for step in steps}
    started: dict[Future[None], tuple[Step, float]] = {}
    failed: dict[str, list[str]] = {}
    told = time.monotonic()

    def terminate(*_: Any) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, terminate)
    pool = ThreadPoolExecutor(max_workers=len(steps))
    try:
        while waiting or started:
            busy = {step.name for step, _ in started.values()}
            ready = [s for s in waiting.values() if not (busy | waiting.keys()) & set(s.after)]
            # Asked only now: another set-up may have done it, or a step before it undone it (a new lock removes torch).
            if done := [s for s in ready if s.done()]:
                for step in done:
                    del waiting[step.name]
                continue
            for step in ready:
                del waiting[step.name]
                if any(name in names for names in failed.values() for name in step.after):
                    failed.setdefault("", []).append(step.name)  # its reason stands beside the step that failed
                    continue
                say(f"[{step.name}] making {step.what}")
                call = Call(step=step.name, root=root, env=env, programs=programs)
                started[pool.submit(_do, step, call)] = (step, time.monotonic())
            ended, _ = wait(started, timeout=1.0, return_when=FIRST_COMPLETED)
            for future in ended:
                step, since = started.pop(future)
                try:
                    future.result()
                    say(f"[{step.name}] ready in {time.monotonic() - since:.1f} s")
                except SetupError as e:
                    failed.setdefault(str(e), []).append(step.name)
            if started and time.monotonic() - told >= HEARTBEAT:
                told = time.monotonic()
                say("still working: " + ", ".join(f"{s.name} {told - since:.0f} s" for s, since in started.values()))
    except BaseException as e:
        programs.stop()
        if isinstance(e, KeyboardInterrupt):
            say("Interrupted. Run the same command again: what is done is kept.")
        raise
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
        signal.signal(signal.SIGTERM, before)
    lines = [f"{', '.join(names)}: {reason}" for reason, names in failed.items() if reason]
    if lines:
        raise SetupError("\n".join(lines))


def _do(step: Step, call: Call) -> None:
    try:
        with suppress(OSError):
            call.log.unlink()  # of an earlier time
        key = step.key()  # before the work: a file edited meanwhile makes the step run again
        step.work(call)
        step.stamp.parent.mkdir(parents=True, exist_ok=True)
        partial = step.stamp.with_name(step.stamp.name + ".part")
        partial.write_bytes(key)
        partial.replace(step.stamp)
    except OSError as e:
        raise SetupError(sentence(str(e), where=call.root, proxy="", log=None)) from e


@contextmanager
def _alone(lock: Path) -> Generator[None]:
    """Two terminals may set up the same checkout: the second waits for the first."""
    with lock.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("Another set-up of this checkout is running; waiting for it.")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield

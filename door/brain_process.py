"""The brain's process: started, watched, started again with growing pauses, and ended with the house."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import orjson
import structlog

from bot.assistant import identity
from bot.brain import BrainClient
from core.errors import SettingsError
from core.settings import Settings

log = structlog.get_logger()

ROOT = Path(__file__).resolve().parents[1]
ASSISTANT = ROOT / "bot" / "assistant"
RESTART_FIRST = 0.5  # seconds, doubled with every failure in a row
RESTART_MOST = 30.0  # seconds
ALARM_AFTER = 3  # failures in a row
GOOD_AFTER = 10.0  # seconds of answering after which earlier failures are forgotten
WARM_MOST = 180.0  # seconds from start to ready: 4 usually, 15 where bytecode must be compiled, more on a busy machine
LOOK_EVERY = 2.0  # seconds between two looks at a brain that is up
HUNG_AFTER = 12.0  # seconds without an answer to /ready: three times what a whole turn may take
STOP_MOST = 6.0  # seconds from SIGTERM to SIGKILL; the brain gives its turns 5
LINE_MAX = 2000  # characters of a line of the brain's that are logged


def command(settings: Settings) -> list[str]:
    """How the brain is started. SettingsError if it was not set up or trained."""
    python = ASSISTANT / ".venv" / "bin" / "python"
    model = identity.model_path()
    for needed in (python, model):
        if not needed.exists():
            raise SettingsError(f"{needed} is missing: run ./qiantai setup")
    return [str(python), str(ASSISTANT / "serve.py"), "--model", str(model), "--port", str(settings.brain_port)]


def environment(brain_token: str, action_url: str, action_token: str) -> dict[str, str]:
    """What the brain's process is told: nothing of the house's own settings, which hold secrets."""
    kept = {name: value for name, value in os.environ.items() if not name.upper().startswith("QIANTAI_")}
    return kept | {
        "QIANTAI_BRAIN_TOKEN": brain_token,
        "QIANTAI_ACTION_URL": action_url,
        "QIANTAI_ACTION_TOKEN": action_token,
        "QIANTAI_HOUSE_PID": str(os.getpid()),
    }


class BrainProcess:
    """Keeps one brain running and tells `client` where it is."""

    def __init__(
        self,
        command: Sequence[str],
        environment: Mapping[str, str],
        client: BrainClient,
        *,
        alarm: Callable[[str], Awaitable[None]],
        on_change: Callable[[bool, bool], None] = lambda up, restarted: None,
    ) -> None:
        """`alarm(detail)` is awaited when it keeps failing; `on_change(up, restarted)` hears of each start and end."""
        self._command = list(command)
        self._environment = dict(environment)
        self._client = client
        self._alarm = alarm
        self._on_change = on_change
        self._last_words: deque[str] = deque(maxlen=1)
        self._starts = 0
        self._failures = 0  # in a row
        self.model = ""  # id of what it serves while it is up
        self.pid = 0
        self.up = asyncio.Event()

    @property
    def trouble(self) -> str:
        """Why there is no brain to ask, "" while there is one."""
        if self.up.is_set():
            return ""
        if not self._failures:
            return "the brain is starting"
        return (
            f"the brain is down, {self._failures} failures in a row: {' '.join(self._last_words) or 'no word from it'}"
        )

    async def run(self) -> None:
        """Runs the brain for ever; when this is cancelled the process is ended."""
        while True:
            try:
                await self._once()
            except OSError as e:  # no such program, no memory, no process left
                self._last_words.append(f"{type(e).__name__}: {e.strerror}")
            self._failures += 1
            pause = min(RESTART_FIRST * 2 ** (self._failures - 1), RESTART_MOST)
            log.error("brain_ended", failures=self._failures, restart_in=pause, last_words=" ".join(self._last_words))
            if self._failures >= ALARM_AFTER:
                await self._alarm(self.trouble)
            await asyncio.sleep(pause)

    async def _once(self) -> None:
        """One life of the brain, from its start to its end."""
        process = await asyncio.create_subprocess_exec(
            *self._command,
            env=self._environment,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            # Ctrl-C at a terminal reaches the house only, which ends the brain after its last turn.
            start_new_session=True,
        )
        self.pid = process.pid
        self._starts += 1
        log.info("brain_started", pid=process.pid, start=self._starts)
        ready: asyncio.Future[tuple[int, str]] = asyncio.get_running_loop().create_future()
        ears = [
            asyncio.create_task(self._hear(process.stdout, ready)),
            asyncio.create_task(self._hear(process.stderr, None)),
        ]
        watch = asyncio.create_task(self._watch(ready))
        end = asyncio.create_task(process.wait())
        try:
            await asyncio.wait({watch, end}, return_when=asyncio.FIRST_COMPLETED)
            if watch.done():
                watch.result()
        finally:
            if self.up.is_set():
                self.up.clear()
                self._client.went_down()
                self._on_change(False, False)
            self.model, self.pid = "", 0
            watch.cancel()
            await _end(process, end)
            await asyncio.gather(*ears, watch, return_exceptions=True)

    async def _watch(self, ready: asyncio.Future[tuple[int, str]]) -> None:
        """Returns when the brain must be ended: it never got ready, or it hangs."""
        started = time.monotonic()
        try:
            async with asyncio.timeout(WARM_MOST):
                port, self.model = await ready
        except TimeoutError:
            self._last_words.append(f"not ready after {WARM_MOST:.0f} s")
            return
        self._client.came_up(f"http://127.0.0.1:{port}")
        self.up.set()
        self._on_change(True, self._starts > 1)
        log.info("brain_ready", model=self.model, port=port, seconds=round(time.monotonic() - started, 1))
        answered = up_since = time.monotonic()
        while True:
            await asyncio.sleep(LOOK_EVERY)
            now = time.monotonic()
            if await self._client.ready():
                answered = time.monotonic()
                if answered - up_since > GOOD_AFTER:
                    self._failures = 0
            elif now - answered > HUNG_AFTER:
                self._last_words.append(f"no answer for {now - answered:.0f} s")
                return

    async def _hear(self, stream: asyncio.StreamReader | None, ready: asyncio.Future[tuple[int, str]] | None) -> None:
        """Logs what the brain says; its one line of JSON on stdout says that it is ready."""
        while stream is not None:
            try:
                line = await stream.readline()
            except ValueError:  # a line longer than the reader's limit: it is thrown away, the next one is read
                continue
            if not line:
                return
            text = line.decode("utf-8", "replace").rstrip()[:LINE_MAX]
            if ready is not None and not ready.done() and (said := _ready(line)):
                ready.set_result(said)
            elif text:
                self._last_words.append(text)
                log.warning("brain_says", line=text)


def _ready(line: bytes) -> tuple[int, str] | None:
    with suppress(ValueError, KeyError, TypeError):
        said = orjson.loads(line)
        if said["ready"] is True:
            return int(said["port"]), str(said["model"])
    return None


async def _end(process: asyncio.subprocess.Process, end: asyncio.Task[int]) -> None:
    """Ends the process, kindly at first; returns when it is gone."""
    if process.returncode is None:
        with suppress(ProcessLookupError):
            process.send_signal(signal.SIGTERM)
        with suppress(TimeoutError):
            async with asyncio.timeout(STOP_MOST):
                await asyncio.shield(end)
    if process.returncode is None:
        with suppress(ProcessLookupError):
            process.kill()
    await end

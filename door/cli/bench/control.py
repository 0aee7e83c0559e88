"""How the bench talks to the processes it starts: one JSON object per line over a socket that both ends inherit."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
import traceback
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Self, cast

import orjson

LINE_MAX = 256 * 1024 * 1024  # bytes; a report names every message that went wrong
STOP_MOST = 20.0  # seconds from SIGTERM to SIGKILL; the house lets its turns end first
LAST_LINES = 20  # of a child's log that are shown when it died
ROOT = Path(__file__).resolve().parents[3]
FAILED = "failed"  # the key of an answer that tells why there is none

Order = dict[str, Any]
Handler = Callable[[Order], Awaitable[Mapping[str, Any]]]


class ChildDied(RuntimeError):
    """A process of the bench's own ended although nobody ended it."""


class OrderFailed(RuntimeError):
    """A process of the bench's own could not do what it was asked."""


class Child:
    """A process of the bench's own. When the bench ends, however it ends, the socket closes and the child goes too."""

    def __init__(self, name: str, process: asyncio.subprocess.Process, control: socket.socket, log: Path) -> None:
        self.name = name
        self.process = process
        self._log = log
        self._control = control
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._asking = asyncio.Lock()

    @classmethod
    async def start(
        cls, module: str, arguments: Sequence[str], *, log: Path, environment: Mapping[str, str] | None = None
    ) -> Self:
        """Runs `python -m door.cli.bench.<module> --control <fd> <arguments>`; its stderr goes to the end of `log`."""
        ours, theirs = socket.socketpair()
        with theirs, log.open("ab") as file:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                f"{__package__}.{module}",
                "--control",
                str(theirs.fileno()),
                *arguments,
                cwd=ROOT,
                env=environment,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=file,
                stderr=file,
                pass_fds=[theirs.fileno()],
            )
        return cls(module, process, ours, log)

    @property
    def pid(self) -> int:
        return self.process.pid

    async def ask(self, order: str, **fields: Any) -> dict[str, Any]:
        """The child's answer to one order; ChildDied if it is gone, OrderFailed with what went wrong in it."""
        async with self._asking:
            with suppress(OSError):
                if self._reader is None or self._writer is None:
                    self._reader, self._writer = await asyncio.open_connection(sock=self._control, limit=LINE_MAX)
                self._writer.write(orjson.dumps({"do": order} | fields) + b"\n")
                await self._writer.drain()
                if line := await self._reader.readline():
                    answer = cast("dict[str, Any]", orjson.loads(line))
                    if FAILED in answer:
                        raise OrderFailed(f"{self.name} could not {order}: {answer[FAILED]}")
                    return answer
        code = await self.process.wait()
        raise ChildDied(f"{self.name} is gone (exit code {code}). The end of its log:\n{self._last_words()}")

    def _last_words(self) -> str:
        return "\n".join(self._log.read_text("utf-8", "replace").splitlines()[-LAST_LINES:])

    async def kill(self) -> None:
        """SIGKILL; returns when the process is gone."""
        with suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        await self.process.wait()
        self._close()

    async def ended(self) -> None:
        """Returns when it has ended by itself."""
        await self.process.wait()
        self._close()

    async def stop(self) -> int:
        """SIGTERM, and SIGKILL for one that does not listen; the exit code."""
        with suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGTERM)
        with suppress(TimeoutError):
            async with asyncio.timeout(STOP_MOST):
                await self.process.wait()
        if self.process.returncode is None:
            await self.kill()
        self._close()
        return int(self.process.returncode or 0)

    def _close(self) -> None:
        if self._writer is not None:
            self._writer.close()
        else:
            self._control.close()


async def obey(fd: int, handler: Handler) -> None:
    """The child's end: answers orders until the bench closes its end."""
    reader, writer = await asyncio.open_connection(sock=socket.socket(fileno=fd), limit=LINE_MAX)
    while line := await reader.readline():
        try:
            answer = await handler(orjson.loads(line))
        except Exception as e:
            traceback.print_exc()
            answer = {FAILED: f"{type(e).__name__}: {e}"}
        writer.write(orjson.dumps(answer) + b"\n")
        await writer.drain()

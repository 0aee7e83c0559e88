"""A house for one occasion: the real one, on free ports, with a ledger that is thrown away."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
import tempfile
import time
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import aiohttp

from door.cli.exits import Exit, fail

READY = 120.0  # seconds for the brain to load on a slow, busy machine; 4 are usual
STOP = 20.0  # seconds for an orderly end


@asynccontextmanager
async def guest_house(settings: Mapping[str, str] | None = None) -> AsyncGenerator[str]:
    """The address of a ready house that ends with the block; `settings` are more QIANTAI_… values for it."""
    with tempfile.TemporaryDirectory(prefix="qiantai-") as made:
        folder = Path(made)
        port = _free_port()
        own = {
            "QIANTAI_DATA": str(folder),
            "QIANTAI_DATABASE_URL": f"sqlite:///{folder}/qiantai.db",
            "QIANTAI_KEY_FILE": f"{folder}/keys.json",
            "QIANTAI_HOST": "127.0.0.1",
            "QIANTAI_PORT": str(port),
            "QIANTAI_METRICS_PORT": "0",
            "QIANTAI_BRAIN_PORT": "0",
            "QIANTAI_ACTION_PORT": "0",
            "QIANTAI_RATE_PER_MINUTE": "1000000",  # its only visitor is the one who started it
            "QIANTAI_LOG_LEVEL": "WARNING",
        }
        with (folder / "log").open("wb") as log:
            house = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "door.cli", "up"),
                env=os.environ | own | dict(settings or {}),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        try:
            await _ready(f"http://127.0.0.1:{port}", house)
            yield f"http://127.0.0.1:{port}"
        except _NotReady:
            words = (folder / "log").read_text(errors="replace").strip().splitlines()[-3:]
            fail(Exit.AWAY, "the house could not start: " + " / ".join(words))
        finally:
            with suppress(ProcessLookupError):
                house.terminate()
            try:
                await asyncio.wait_for(house.wait(), STOP)
            except TimeoutError:
                house.kill()
                await house.wait()


async def _ready(base: str, house: asyncio.subprocess.Process) -> None:
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=2)) as http:
        until = time.monotonic() + READY
        while house.returncode is None and time.monotonic() < until:
            with suppress(aiohttp.ClientError, TimeoutError):
                async with http.get(f"{base}/readyz") as answer:
                    if answer.status == 200:
                        return
            await asyncio.sleep(0.1)
    raise _NotReady


class _NotReady(Exception):
    """The house ended, or did not get ready in time."""


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])

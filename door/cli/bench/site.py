"""A site for one bench: a folder of its own, a house with a stub brain, and a platform, all on loopback."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import shutil
import socket
import tempfile
import time
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from door.cli.bench.control import Child
from door.cli.bench.provider import CHANNEL, Plan

THINKS = 8.0  # ms a turn takes the stub brain
UP_WITHIN = 30.0  # seconds a house may take to start before the bench gives up


def free_port() -> int:
    """A port on loopback that nobody listens on at this moment."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


class Site:
    """What a bench works with. The house may die and be started again; the platform lives as long as the site."""

    def __init__(
        self,
        folder: Path,
        database_url: str,
        settings: Mapping[str, str],
        *,
        marked: bool,
        real_brain: bool = False,
        callback: str = "",
    ) -> None:
        self.folder = folder
        self.port = free_port()
        self.database_url = database_url or f"sqlite:///{folder / 'data' / 'qiantai.db'}"
        self.marks_file = folder / "marks"
        self._marked = marked
        self._real_brain = real_brain
        self.secret = secrets.token_hex(16)
        self._settings = dict(settings)
        self._pace = folder / "pace"
        self._house: Child | None = None
        self._provider: Child | None = None
        self._callback = callback
        self.pace(THINKS)

    @property
    def house(self) -> Child:
        if self._house is None:
            raise RuntimeError("the house has not been started")
        return self._house

    @property
    def provider(self) -> Child:
        if self._provider is None:
            raise RuntimeError("the platform has not been started")
        return self._provider

    def pace(self, milliseconds: float) -> None:
        """How long a turn takes the stub brain from now on; turns it has in hand begin anew."""
        new = self._pace.with_suffix(".new")
        new.write_text(str(milliseconds))
        new.rename(self._pace)

    async def start_provider(self) -> None:
        """The platform, before the house: its address is one of the house's settings."""
        self._provider = await Child.start("provider", ["--secret", self.secret], log=self.folder / "provider.log")
        told = await self._provider.ask("house", url=f"http://127.0.0.1:{self.port}")
        self._callback = told["callback"]

    async def start_house(self) -> float:
        """A new life of the house; the seconds until its door was open."""
        began = time.monotonic()
        paced = [] if self._real_brain else ["--pace", str(self._pace)]
        arguments = [*paced, *(["--marks", str(self.marks_file)] if self._marked else [])]
        self._house = await Child.start(
            "house", arguments, log=self.folder / "house.log", environment=self._environment()
        )
        async with asyncio.timeout(UP_WITHIN):
            await self.status()
        return time.monotonic() - began

    async def status(self) -> dict[str, Any]:
        """What the house says of itself: commits, operations, memory_mb."""
        return await self.house.ask("status", pid=self.house.pid)

    async def begin(self, plan: Plan) -> None:
        """Lets the platform deliver by `plan`."""
        await self.provider.ask("prepare", plan=asdict(plan))
        await self.provider.ask("begin", name=plan.name)

    async def brain_up(self, other_than: int = 0) -> int:
        """Waits for a brain, one with another process id than the last; its process id."""
        async with asyncio.timeout(UP_WITHIN):
            return int((await self.house.ask("brain", other_than=other_than))["pid"])

    async def close(self) -> None:
        """Ends what lives. A house that does not stop in order is the bench's finding, not its problem."""
        for child in (self._house, self._provider):
            if child is not None and child.process.returncode is None:
                await child.stop()

    def _environment(self) -> dict[str, str]:
        """A site's settings, and none of the machine's own."""
        empty = self.folder / "qiantai.toml"
        empty.touch()
        channels = {
            CHANNEL: {"kind": "webhook", "secret": self.secret, "callback_url": self._callback},
            "web": {"kind": "web"},
        }
        ours = {
            "config": str(empty),
            "data": str(self.folder / "data"),
            "database_url": self.database_url,
            "host": "127.0.0.1",
            "port": str(self.port),
            "metrics_port": "0",
            "log_level": "INFO",
            "log_format": "json",
            "rate_per_minute": "1000000",
            "encoder": "none",  # the house alone is measured; bench faq tells what an encoder costs
            "channels": json.dumps(channels),
        } | self._settings
        kept = {name: value for name, value in os.environ.items() if not name.upper().startswith("QIANTAI_")}
        return kept | {f"QIANTAI_{name.upper()}": value for name, value in ours.items()}


@asynccontextmanager
async def site(
    settings: Mapping[str, str],
    *,
    database_url: str = "",
    marked: bool = False,
    real_brain: bool = False,
    callback: str = "",
    keep: bool = False,
) -> AsyncGenerator[Site]:
    """A site with its platform running and no house yet; everything is gone at the end, with `keep` not the folder.

    With `real_brain` its house starts ours in place of the stub; `callback` is the address of another platform, and
    then none is started.
    """
    folder = Path(tempfile.mkdtemp(prefix="qiantai-bench-"))
    place = Site(folder, database_url, settings, marked=marked, real_brain=real_brain, callback=callback)
    try:
        if not callback:
            await place.start_provider()
        yield place
    finally:
        await place.close()
        if not keep:
            shutil.rmtree(folder, ignore_errors=True)

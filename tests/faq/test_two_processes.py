"""Two processes on one ledger, asked all the time: an edit is live on both within 5 s, and no question fails."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from core.alarm import open_alarms
from core.store import Store
from door.cli.setup.steps import ROOT
from tests.faq.folder import edit, make
from tests.waiting import PATIENCE, until

OLD, NEW, BROKEN = "short: 用卡到取款机。", "short: 请用卡到取款机。", "short: [用卡"


class Process:
    """One library process: what it has shown so far."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.lines: list[dict[str, Any]] = []
        self.news = asyncio.Event()
        self.reading = asyncio.create_task(self._read())

    async def _read(self) -> None:
        assert self.process.stdout
        try:
            async for line in self.process.stdout:
                self.lines.append(json.loads(line))
                self.news.set()
        finally:
            self.news.set()

    async def shows(self, answer: str) -> dict[str, Any]:
        """The latest state, once its answer begins like this."""
        async with asyncio.timeout(PATIENCE):
            while not (self.lines and self.lines[-1]["answer"].startswith(answer)):
                assert not self.reading.done(), "the process has ended"
                self.news.clear()
                await self.news.wait()
        return self.lines[-1]

    async def stop(self) -> dict[str, Any]:
        """The last line, with all that was asked."""
        self.process.terminate()
        await self.process.wait()
        await self.reading
        return self.lines[-1]


@asynccontextmanager
async def started(folder: Path, ledger_url: str) -> AsyncIterator[Process]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.faq.library_process", str(folder)),
        cwd=ROOT,
        env=environment(ledger_url),
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        yield Process(process)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


def environment(ledger_url: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("QIANTAI_")}
    return kept | {"QIANTAI_DATABASE_URL": ledger_url, "QIANTAI_CONFIG": ""}


async def command(folder: Path, ledger_url: str, *words: str) -> str:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "door.cli", "faq", *words),
        cwd=ROOT,
        env=environment(ledger_url) | {"QIANTAI_CONTENT": str(folder)},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    assert process.returncode == 0, err.decode()
    return out.decode()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return make(tmp_path / "content")


async def test_edits_and_rollbacks_are_live_on_both_and_a_broken_edit_on_none_while_every_question_is_answered(
    ledger_url: str, folder: Path, tmp_path: Path
) -> None:
    store = await Store.open(ledger_url)
    nowhere = tmp_path / "nowhere"  # the second one has no files, as on another machine
    async with started(folder, ledger_url) as one:
        first = await one.shows("用卡")
        async with started(nowhere, ledger_url) as two:
            assert (await two.shows("用卡"))["version"] == first["version"]

            edit(folder / "saving.yml", OLD, NEW)
            second = [await process.shows("请用卡") for process in (one, two)]
            assert second[0]["version"] == second[1]["version"] != first["version"]

            edit(folder / "saving.yml", NEW, BROKEN)
            await until(lambda: store.read(open_alarms))  # the other processes raise it
            edit(folder / "saving.yml", BROKEN, NEW)

            await command(folder, ledger_url, "rollback")
            back = [await process.shows("用卡") for process in (one, two)]
            assert {line["version"] for line in back} == {first["version"]}

            edit(folder / "saving.yml", NEW, "short: 拿卡去取款机。")
            for process in (one, two):
                await process.shows("拿卡")

            for process in (one, two):
                last = await process.stop()
                assert last["failed"] == 0
                assert last["asked"] > 100
                # The broken edit was never a state of either.
                states = [first["version"], second[0]["version"], first["version"]]
                assert [line["version"] for line in process.lines[:3]] == states
                assert len(process.lines) == 5
    await store.close()


async def test_a_process_that_joins_later_has_what_is_live(ledger_url: str, folder: Path, tmp_path: Path) -> None:
    published = json.loads(await command(folder, ledger_url, "publish", "--json"))
    async with started(tmp_path / "nowhere", ledger_url) as late:
        assert (await late.shows("用卡"))["version"] == published["version"]

"""docs/channels.md has a sheet for every kind, names every config key, and its samples work as they stand."""

from __future__ import annotations

import asyncio
import dataclasses
import os
import re
import shutil
import subprocess
import sys
import time
import tomllib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, get_args

import pytest
from aiohttp import web

import channels
from channels import WebhookRequest
from channels.web import Close, Problem
from channels.webhook import sign
from core.errors import NotFound, QiantaiError, TooMany
from core.model import Capabilities, Event, Inbound
from tests.channels.test_tables import COMPLETE_KINDS, TABLES, make

ROOT = Path(__file__).parents[2]
SECRET = "a shared secret, 16+"
DOCS = (ROOT / "docs/channels.md").read_text()
SHEETS = {
    title.partition(":")[0]: text for title, _, text in (part.partition("\n") for part in DOCS.split("\n## ")[1:])
}


def sample(kind: str, language: str, n: int = 0) -> str:
    return re.findall(rf"```{language}\n(.*?)```", SHEETS[kind], re.DOTALL)[n]


def first_cells(kind: str) -> list[str]:
    return re.findall(r"^\| `?([^|`]+?)`? \|", SHEETS[kind], re.MULTILINE)


@pytest.mark.parametrize("kind", channels.kinds())
def test_every_kind_has_a_sheet_that_names_each_config_key(kind: str) -> None:
    assert kind in SHEETS, f'docs/channels.md has no sheet "## {kind}: …"'
    missing = set(channels.load(kind).Config.model_fields) - set(first_cells(kind))
    assert not missing


@pytest.mark.parametrize("kind", channels.kinds())
def test_every_config_key_says_what_it_is_for(kind: str) -> None:
    assert all(f.description for f in channels.load(kind).Config.model_fields.values())


@pytest.mark.parametrize("kind", channels.kinds())
def test_every_sheet_says_what_is_done_and_what_is_not(kind: str) -> None:
    states = re.findall(r"\| (done|todo|exempt because)\b", SHEETS[kind])
    assert "done" in states
    assert {"todo", "exempt because"} & set(states)


def row(kind: str) -> str:
    """The kind's line of the capability table as its code has it."""
    can = make(kind).capabilities
    yes = [can.free_text, can.buttons, can.images, can.attachments, can.typing, can.receipts]
    values = [*yes, can.text_max, can.window or "none", can.live, can.passive, can.resend_unknown]
    cells = [("yes" if v else "no") if isinstance(v, bool) else str(v) for v in values]
    return f"| {' | '.join((f'`{kind}`', *cells))} |"


@pytest.mark.parametrize("kind", COMPLETE_KINDS)
def test_the_capability_table_says_of_every_kind_what_its_code_says(kind: str) -> None:
    assert row(kind) in DOCS.splitlines(), f"docs/channels.md needs the line {row(kind)}"


def test_the_capability_table_names_every_capability_and_no_kind_that_is_not() -> None:
    _, ruler, *rows = DOCS[DOCS.index("\n| Kind |") + 1 :].partition("\n\n")[0].splitlines()
    assert ruler.count("---") - 1 == len(dataclasses.fields(Capabilities))
    assert [line.split("`")[1] for line in rows] == list(channels.kinds())


def test_every_error_and_close_code_of_the_web_chat_is_explained() -> None:
    named = first_cells("web")
    assert {*get_args(Problem), NotFound.code, TooMany.code} <= set(named)
    assert {str(int(code)) for code in Close} <= set(named)


@dataclass
class House:
    """A front desk with one webhook channel, listening on loopback."""

    url: str = ""
    events: list[Event] = field(default_factory=list[Event])

    async def take(self, request: web.Request) -> web.Response:
        channel = channels.make("crm", {"kind": "webhook", "secret": SECRET, "callback_url": "https://crm.example/"})
        came = WebhookRequest(
            method=request.method,
            path=request.match_info["path"],
            headers=request.headers,
            body=await request.read(),
            now=datetime.now(UTC),
        )
        try:
            parsed = channel.parse(came)
        except QiantaiError as e:
            return web.Response(status=e.status, text=e.detail)
        self.events += parsed.events
        return web.Response(status=parsed.ack.status, body=parsed.ack.body)


@asynccontextmanager
async def house() -> AsyncIterator[House]:
    desk = House()
    app = web.Application()
    app.router.add_post("/c/crm/{path}", desk.take)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    desk.url = f"http://127.0.0.1:{runner.addresses[0][1]}/c/crm/in"
    try:
        yield desk
    finally:
        await runner.cleanup()


def environment(url: str, **more: str) -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "URL": url, "SECRET": SECRET, "no_proxy": "*", "LC_ALL": "C.UTF-8", **more}


async def run(command: list[str], env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return await asyncio.to_thread(
        subprocess.run, command, env=env, capture_output=True, text=True, timeout=30, check=False
    )


async def test_the_python_sample_is_taken() -> None:
    assert len(sample("webhook", "python").splitlines()) == 6
    async with house() as desk:
        done = await run([sys.executable, "-c", sample("webhook", "python")], environment(desk.url))
    assert (done.stdout, done.stderr) == ('{"ok":true}\n', "")
    assert desk.events == [Inbound(sender="wx-7788", external_id="m-1001", text="怎么查自己的信用报告")]


async def test_the_shell_sample_is_taken() -> None:
    if missing := [tool for tool in ("openssl", "curl") if shutil.which(tool) is None]:
        assert os.environ.get("CI", "").lower() != "true", missing
        pytest.skip(f"not installed: {', '.join(missing)}")
    async with house() as desk:
        done = await run(["sh", "-eu", "-c", sample("webhook", "sh")], environment(desk.url))
    assert (done.stdout, done.stderr) == ('{"ok":true}', "")
    assert desk.events == [Inbound(sender="wx-7788", external_id="m-1002", text="How much of my deposit is insured?")]


async def test_the_samples_with_another_secret_are_not() -> None:
    async with house() as desk:
        done = await run(
            [sys.executable, "-c", sample("webhook", "python")], environment(desk.url, SECRET="another secret of 16")
        )
    assert "HTTP Error 401" in done.stderr
    assert desk.events == []


def test_the_sample_that_checks_our_signature_takes_ours_and_nothing_else() -> None:
    names: dict[str, Any] = {}
    exec(sample("webhook", "python", 1), names)
    check = names["is_from_qiantai"]
    body, now = b'{"id":"7"}', int(time.time())
    assert check(sign(SECRET, now, body), body, SECRET)
    assert not check(sign(SECRET, now, body), body + b" ", SECRET)
    assert not check(sign("another", now, body), body, SECRET)
    assert not check(sign(SECRET, now - 400, body), body, SECRET)


def deep(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    """Both tables in one, as if they stood in the same file."""
    both = {key: deep(one[key], value) if isinstance(one.get(key), dict) else value for key, value in other.items()}
    return one | both


def test_the_settings_in_the_docs_can_be_used() -> None:
    tables: dict[str, dict[str, Any]] = {}
    for block in re.findall(r"```toml\n(.*?)```", DOCS, re.DOTALL):
        tables = deep(tables, tomllib.loads(block)["channels"])
    for account in tables.values():
        good = TABLES[account["kind"]].config("https://platform.example")
        for name in [key for key in account if key.endswith("_file")]:  # read by core.settings before a channel sees it
            account[name.removesuffix("_file")] = good[name.removesuffix("_file")]
            del account[name]
    assert {account["kind"] for account in tables.values()} == set(channels.kinds()) - {"web"}  # needs none
    assert sorted(channels.make_all(tables, public_url="https://desk.example")) == sorted(tables)

"""A brain for the benches: speaks the contract of `POST /turn`, thinks for a fixed time, keeps account in the state.

Started by the house in the place of Rasa, it prints the same line when it is ready and ends with the house as Rasa's
process does. `PACE` names a file with the milliseconds one turn takes; it is read anew every 20 ms, so a bench can
hold the answers back and let them go.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import socket
from pathlib import Path
from typing import Any, cast

import orjson
import uvloop
from aiohttp import web

MODEL = "bench-stub"
MARK = re.compile(r"#(\d+)\.(\d+)")  # conversation and number of a bench message, as `provider` writes them
WISH = "记下"  # in a text: leave it for a person, which is an effect that must happen once
DRAFT, FILE = (
    "先存草稿",
    "登记投诉",
)  # keep a draft, file a complaint, from the draft if there is one; the house says it
# What a dialogue's state usually weighs (bot.assistant.state keeps the last turns of a conversation).
PADDING = [{"event": "slot", "name": f"slot_{n}", "value": "credit_report", "at": 1_780_000_000 + n} for n in range(30)]
PACE_EVERY = 0.02  # seconds between two looks at the pace
ORPHAN_EVERY = 0.1  # seconds between two looks at the parent


def answer(turn: dict[str, Any]) -> dict[str, Any]:
    """What the stub says to one turn.

    The state counts the turns it has been through and those that came after a later one, so the ledger itself tells in
    the end whether every message was one turn exactly, in order.
    """
    mark = MARK.search(turn["text"])
    kept = cast("dict[str, Any]", (turn["state"] or {"bench": {}})["bench"])
    last, seen, astray = kept.get("last", -1), kept.get("seen", 0), kept.get("astray", 0)
    number = int(mark[2]) if mark else last  # a page's opening has none
    effects = _effects(turn["text"], mark) if mark else []
    wish = any(effect["name"] == "leave_message" for effect in effects)
    said = ["thanks", "leave_message.done"] if wish else [] if effects else ["thanks"]
    return {
        "say": [{"key": key, "args": {}} for key in said],
        "effects": effects,
        "state": {
            "schema": 1,
            "model": MODEL,
            "events": PADDING,
            "bench": {"last": number, "seen": seen + 1, "astray": astray + (mark is not None and number <= last)},
        },
        "decision": {"label": "bench", "confidence": 1.0, "runner_up": "", "why": "a bench asked"},
    }


def _effects(text: str, mark: re.Match[str]) -> list[dict[str, str]]:
    told = {"facts": mark[0], "person": "王小明", "contact": f"139{int(mark[1]):08}"}
    if WISH in text:
        return [{"name": "leave_message", "text": mark[0], "contact": "bench"}]
    if DRAFT in text:
        return [{"name": "save_draft"} | told]
    return [{"name": "file_case", "draft": "yes"} | told] if FILE in text else []


class Stub:
    def __init__(self, token: str, pace: Path) -> None:
        self._expected = f"Bearer {token}"
        self._file = pace
        self._seconds = 0.0
        self._changed = asyncio.Event()
        self.look()

    def look(self) -> None:
        """Takes over the pace that the file names now."""
        seconds = float(self._file.read_text()) / 1000
        if seconds != self._seconds:
            self._seconds = seconds
            self._changed.set()
            self._changed = asyncio.Event()

    async def turn(self, request: web.Request) -> web.Response:
        if request.headers.get("Authorization") != self._expected:
            return web.json_response({"error": "token"}, status=401)
        turn = orjson.loads(await request.read())
        await self._think()
        return web.Response(body=orjson.dumps(answer(turn)), content_type="application/json")

    async def _think(self) -> None:
        """Waits for the time a turn takes; one that is waiting when the pace changes begins anew at the new pace."""
        while True:
            changed = self._changed
            try:
                async with asyncio.timeout(self._seconds):
                    await changed.wait()
            except TimeoutError:
                return

    async def ready(self, request: web.Request) -> web.Response:
        return web.json_response({"model": MODEL})

    async def keep_pace(self) -> None:
        while True:
            await asyncio.sleep(PACE_EVERY)
            self.look()


async def serve(pace: Path) -> None:
    parent = os.getppid()
    stub = Stub(os.environ["QIANTAI_BRAIN_TOKEN"], pace)
    app = web.Application(client_max_size=2**20)
    app.add_routes([web.post("/turn", stub.turn), web.get("/ready", stub.ready)])
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    with socket.create_server(("127.0.0.1", 0)) as listening:
        await web.SockSite(runner, listening).start()
        print(json.dumps({"ready": True, "port": listening.getsockname()[1], "model": MODEL}), flush=True)
        keeping = asyncio.create_task(stub.keep_pace())
        while os.getppid() == parent and not keeping.done():  # noqa: ASYNC110 - nobody tells of a parent's end
            await asyncio.sleep(ORPHAN_EVERY)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pace", type=Path, required=True, help="file with the milliseconds a turn takes")
    uvloop.run(serve(parser.parse_args().pace))


if __name__ == "__main__":
    main()

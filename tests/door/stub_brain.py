"""Brains for tests of the doors: what they do is chosen by the text of the turn, or by how their process is started."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from aiohttp import web

from tests.brain_server import Answer, brain_server, say


def as_told(turn: dict[str, Any]) -> Answer:
    """A good answer, or the failure that the text names: a status, empty, broken, nonsense."""
    text = turn["text"]
    if text in ("401", "413", "422", "500", "503"):
        return web.json_response({"error": "stub", "detail": "as told"}, status=int(text))
    if text == "broken":
        return web.Response(text="{")
    if text == "empty":
        return say()
    if text == "nonsense":
        return say("greeting", effects=[{"name": "nonsense"}])
    return say("greeting", state={"n": (turn["state"] or {"n": 0})["n"] + 1})


async def process(
    port: int = 0, *, silent: bool = False, deaf: bool = False, answer: Callable[[dict[str, Any]], Answer] = as_told
) -> None:
    """Like bot/assistant/serve.py: one line of JSON when it is ready, SIGTERM ends it."""
    house = int(os.environ.get("QIANTAI_HOUSE_PID") or os.getppid())
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    async with brain_server(port) as brain:
        brain.answer = answer
        if not silent:
            said = {"ready": True, "port": int(brain.url.rpartition(":")[2]), "model": "stub"}
            print(json.dumps(said), flush=True)
        if deaf:
            os.kill(os.getpid(), signal.SIGSTOP)
        while os.getppid() == house and not stop.is_set():  # a house that is killed takes it along
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), 0.5)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--silent", action="store_true", help="never gets ready")
    parser.add_argument("--deaf", action="store_true", help="hangs as soon as it is ready")
    options = parser.parse_args()
    asyncio.run(process(options.port, silent=options.silent, deaf=options.deaf))

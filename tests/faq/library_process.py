"""A library in a process of its own, asked questions all the time: `python -m tests.faq.library_process FOLDER`.

The ledger is QIANTAI_DATABASE_URL. Every state it is seen in is one line of JSON on stdout:
{"version", "answer", "asked", "failed"}, the last two counted from the start; the last line comes at SIGTERM.
"""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from datetime import datetime
from pathlib import Path

import structlog

from core.model import Say
from core.settings import Settings, load
from core.store import Store
from faq.publish import Library
from tests.conftest import NOON

QUESTION = "怎么取钱？"
PAUSE = 0.002  # seconds between two questions: the loop has other things to do, too


async def serve(settings: Settings) -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    store = await Store.open(settings.ledger_url)
    library = await Library.open(settings, store, clock)
    watching = asyncio.create_task(library.watch())
    asked = failed = 0
    shown = ""
    while not stop.is_set() and not watching.done():
        current = library.current
        asked += 1
        try:
            hit = current.search.find(QUESTION, "zh").hits[0].id
            await asyncio.sleep(PAUSE)  # a turn waits for its brain, and the content may be swapped meanwhile
            answer = current.renderer.render(Say(faq=hit), "zh").text
            failed += hit != "F02"
        except Exception:
            failed, answer = failed + 1, ""
        if current.version != shown:
            shown = current.version
            tell(version=shown, answer=answer, asked=asked, failed=failed)
    tell(version=shown, answer="", asked=asked, failed=failed + watching.done())
    watching.cancel()
    await asyncio.wait([watching])
    await store.close()


def tell(**line: object) -> None:
    print(json.dumps(line, ensure_ascii=False), flush=True)


def clock() -> datetime:
    return NOON


if __name__ == "__main__":
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))  # stdout is for the states
    asyncio.run(serve(load().model_copy(update={"content": Path(sys.argv[1])})))

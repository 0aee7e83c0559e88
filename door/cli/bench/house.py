"""Starts a real house for a bench: the same parts as `./qiantai up`, with another program in the brain's place.

`python -m door.cli.bench.house --control <fd> [--pace <file>] [--marks <file>]`, settings from the environment as ever.
The marks are hung in only where a bench asks for them.
"""

from __future__ import annotations

import argparse
import asyncio
import signal
import sqlite3
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, cast

import uvloop
from sqlalchemy import Connection, func, select
from sqlalchemy.exc import OperationalError

from core.settings import Settings, load
from core.tables import message
from door import logs
from door.app import create_door
from door.cli.bench.control import obey
from door.cli.bench.figures import memory_mb
from door.cli.premises import prepare_ledger, sole_house
from door.house import House, keep_what_is_loaded, open_house
from door.listening import Listening, bind


class Hand:
    """What a bench may ask of a living house."""

    def __init__(self, house: House) -> None:
        self._house = house

    async def obey(self, order: dict[str, Any]) -> dict[str, Any]:
        match order["do"]:
            case "brain":
                return {"pid": await self._brain(other_than=order["other_than"])}
            case "status":
                store = self._house.store
                return {
                    "commits": store.commits,
                    "operations": store.operations,
                    "memory_mb": memory_mb(order["pid"]),
                }
            case "die":
                from door.cli.bench import stages
                from door.cli.bench.marks import Stage

                stages.die_at(Stage[order["stage"]])
                return {}
            case "read":
                return await self._house.store.read(lambda conn: read_all(conn, order["seconds"]))
            case _:
                raise ValueError(f"no such order: {order['do']}")

    async def _brain(self, other_than: int) -> int:
        """The process id of a brain that is up and is not the one that was just killed."""
        brain = self._house.brain_process
        if brain is None:
            raise ValueError("this house has no brain of its own")
        while not brain.up.is_set() or brain.pid == other_than:  # noqa: ASYNC110 - its end has no event
            await asyncio.sleep(0.005)
        return brain.pid


def read_all(conn: Connection, seconds: float) -> dict[str, Any]:
    """One statement that looks at the text of every message, over and over, for `seconds`; it reads one snapshot.

    Stands for a person's search or report. Only SQLite's driver can be stopped in the middle, so only it is measured.
    """
    driver = cast("sqlite3.Connection", conn.connection.driver_connection)
    stop = threading.Timer(seconds, driver.interrupt)
    began = time.monotonic()
    stop.start()
    with suppress(OperationalError):  # interrupted, as it must be: the statement has no end of its own
        conn.exec_driver_sql(
            "WITH RECURSIVE again(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM again) "
            "SELECT sum(length(text)) FROM again CROSS JOIN message WHERE text LIKE '%信用%额度%'"
        ).one()
    took = time.monotonic() - began
    messages = conn.execute(select(func.count()).select_from(message)).scalar_one()
    return {"seconds": round(took, 2), "messages": messages}


async def serve(settings: Settings, control: int, brain: list[str] | None) -> None:
    """A house with its public door, until SIGTERM or until the bench is gone; `brain` None: the real one."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    public = bind(settings.host, settings.port, "QIANTAI_PORT")
    async with open_house(settings, brain_command=brain) as house:
        door = Listening(create_door(house), public)
        await door.start()
        keep_what_is_loaded()
        try:
            hand = asyncio.create_task(obey(control, Hand(house).obey))
            ends = {hand, asyncio.create_task(stop.wait())}
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
            for end in ends:
                end.cancel()
        finally:
            await door.stop()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--control", type=int, required=True, help="the socket on which orders come")
    parser.add_argument("--pace", type=Path, help="for a stub brain; without it the real one is started")
    parser.add_argument("--marks", type=Path, help="file for the stages that a SIGKILL may strike")
    options = parser.parse_args()
    settings = load()
    logs.configure(settings.log_level, settings.log_format)
    if options.marks is not None:
        from door.cli.bench import stages
        from door.cli.bench.marks import Marks

        stages.hang(Marks(options.marks))
    stub = [sys.executable, "-m", "door.cli.bench.stub", "--pace", str(options.pace)]
    with sole_house(settings):
        prepare_ledger(settings)
        uvloop.run(serve(settings, options.control, stub if options.pace else None))


if __name__ == "__main__":
    main()

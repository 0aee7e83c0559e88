"""Log lines: JSON for machines, readable for people, and no variables of ours beside a trace."""

from __future__ import annotations

import asyncio
import io
import json
import subprocess
import sys
import threading

import pytest

from door.logs import _Lines  # pyright: ignore[reportPrivateUsage]
from tests.door.conftest import ROOT
from tests.waiting import until

PROGRAM = """
import logging, structlog
from door import logs
logs.configure({level!r}, {form!r})
log = structlog.get_logger()
log.debug("hidden")
log.info("turn_done", conversation_id="c1", ms=3.5)
def fail(text):
    raise KeyError("what")
try:
    fail("a particular sentence")
except KeyError:
    log.exception("broken")
logging.getLogger("aiohttp.client").info("chatter")
logging.getLogger("aiohttp.client").warning("a library warns")
logging.getLogger("uvicorn.error").info("chatter")
"""


def lines(level: str, form: str) -> list[str]:
    program = PROGRAM.format(level=level, form=form)
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == ""
    return done.stderr.splitlines()


def test_a_line_is_json_with_its_ids() -> None:
    read = [json.loads(line) for line in lines("INFO", "json")]
    assert [one["event"] for one in read] == ["turn_done", "broken", "a library warns"]
    assert (read[0]["conversation_id"], read[0]["ms"], read[0]["level"]) == ("c1", 3.5, "info")
    assert read[0]["timestamp"].endswith("Z")
    assert "KeyError" in read[1]["exception"]
    assert read[2]["logger"] == "aiohttp.client"


def test_the_readable_form_says_the_same() -> None:
    whole = "\n".join(lines("INFO", "console"))
    assert "turn_done" in whole
    assert "conversation_id" in whole
    assert "a library warns" in whole
    assert "chatter" not in whole


@pytest.mark.parametrize("form", ["json", "console"])
def test_a_trace_shows_no_variables(form: str) -> None:
    whole = "\n".join(lines("INFO", form))
    assert "KeyError" in whole
    # The call's own line is code; what `text` held in `fail` is not shown.
    assert "text = " not in whole
    assert "locals" not in whole


def test_the_level_is_kept() -> None:
    assert [json.loads(line)["event"] for line in lines("ERROR", "json")] == ["broken"]


async def test_lines_of_a_running_house_are_written_together_and_soon() -> None:
    class File(io.BytesIO):
        writes = 0

        def write(self, data: object, /) -> int:
            self.writes += 1
            return super().write(data)  # type: ignore[arg-type]

    file = File()
    out = _Lines(file)
    for n in range(100):
        out.msg(b"%d" % n)
    assert file.writes == 0
    await until(lambda: file.writes)
    assert file.writes == 1
    assert file.getvalue().split() == [b"%d" % n for n in range(100)]


async def test_lines_of_many_threads_are_all_written() -> None:
    file = io.BytesIO()
    out = _Lines(file)

    def write(which: int) -> None:
        for n in range(200):
            out.msg(b"%d-%d" % (which, n))

    threads = [threading.Thread(target=write, args=(which,)) for which in range(4)]
    for thread in threads:
        thread.start()
    for n in range(200):
        out.msg(b"loop-%d" % n)
        await asyncio.sleep(0)
    for thread in threads:
        thread.join()
    out.flush()
    written = file.getvalue().split()
    assert len(written) == len(set(written)) == 1000

"""Logs: one JSON line per event with ids, never texts; a readable form for people at a terminal."""

from __future__ import annotations

import asyncio
import atexit
import logging
import sys
from collections import deque
from contextlib import suppress
from typing import Any, BinaryIO, Literal

import orjson
import structlog

# Libraries speak only when something is wrong: at INFO some of them print what consumers wrote.
QUIET = (
    "uvicorn",
    "uvicorn.error",
    "uvicorn.access",
    "aiohttp",
    "sqlalchemy",
    "alembic",
    "asyncio",
    "watchfiles",
    "rasa_sdk",
    "socketio",
    "engineio",
    "sentence_transformers",
    "transformers",
)


FLUSH_EVERY = 0.05  # seconds
SECRET_PATHS = ("/id/",)  # what follows opens something


def shown(path: str) -> str:
    """An address as a line may have it."""
    return next((f"{start}…" for start in SECRET_PATHS if path.startswith(start)), path)


class _Lines:
    """Writes lines together, a few times a second while an event loop runs, else at once.

    A write of its own for each of the three lines of a message cost 0.2 ms of CPU, a tenth of the whole message: it
    gives up the interpreter's lock to the ledger's thread and must win it back. A kill loses 50 ms of lines, no data.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._lines: deque[bytes] = deque()
        self._scheduled: asyncio.AbstractEventLoop | None = None  # the loop that will flush
        atexit.register(self.flush)

    def __call__(self, *_: object) -> _Lines:
        return self

    def msg(self, line: bytes) -> None:
        self._lines.append(line)  # one step for the interpreter: safe from every thread
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            self.flush()
            return
        if self._scheduled is not loop:  # a loop that ended took its flush along
            self._scheduled = loop
            loop.call_later(FLUSH_EVERY, self.flush)

    debug = info = warning = error = critical = exception = log = msg

    def flush(self) -> None:
        self._scheduled = None
        lines: list[bytes] = []
        with suppress(IndexError):
            while True:
                lines.append(self._lines.popleft() + b"\n")
        if lines:
            self._file.write(b"".join(lines))
            self._file.flush()


def configure(level: str = "INFO", form: Literal["json", "console"] = "json") -> None:
    """Sends every log line of this process to stderr in `form`; `level` is a name such as INFO."""
    shared: list[structlog.types.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    number = logging.getLevelNamesMapping()[level.upper()]
    structlog.configure(
        processors=[*shared, *_render(form)],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=_Lines(sys.stderr.buffer) if form == "json" else structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, structlog.stdlib.add_logger_name],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *_render(form, as_text=True)],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(number)
    for name in QUIET:
        library = logging.getLogger(name)
        library.handlers[:] = []
        library.propagate = True
        library.setLevel(max(number, logging.WARNING))


def _render(form: Literal["json", "console"], *, as_text: bool = False) -> list[structlog.types.Processor]:
    if form == "console":
        # The default shows the local variables of every frame, and with them what consumers wrote.
        plain = structlog.dev.plain_traceback
        return [structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=plain)]
    renderer = structlog.processors.JSONRenderer(serializer=_text if as_text else _bytes)
    return [structlog.processors.format_exc_info, renderer]


def _bytes(event: Any, **_: Any) -> bytes:
    return orjson.dumps(event, default=str)


def _text(event: Any, **_: Any) -> str:
    return _bytes(event).decode()

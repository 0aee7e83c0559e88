"""`chat`: a conversation in the terminal, for people and, with --json, for programs; speaks the web chat protocol."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from door.cli.build import whole
from door.cli.common import Json, address, dump, say, settings
from door.cli.exits import Exit, fail

if TYPE_CHECKING:
    from door.cli.line import Line, Reply

CHUNK = 65536  # bytes
GREETING = 10.0  # seconds the first sentence of the house is waited for


def chat(
    url: Annotated[
        str, typer.Option(help="A house elsewhere, e.g. https://desk.example.org; default: this checkout's.")
    ] = "",
    channel: Annotated[str, typer.Option(help="Id of a channel of kind web.")] = "web",
    language: Annotated[str, typer.Option(help="zh or en; default: as the house is set.")] = "",
    embedded: Annotated[
        bool, typer.Option("--embedded", help="Start a house only for this talk; nothing is kept.")
    ] = False,
    timeout: Annotated[float, typer.Option(help="Seconds to wait for an answer.", min=1)] = 40.0,
    as_json: Json = False,
) -> None:
    """Talk to the running house. With --json: one message per line on stdin, one JSON line out for each.

    Each line out has text, replies (text, buttons, source, entry) and ms, the time until the last reply; `error` if the
    message was refused. If no house runs, start one with ./qiantai up, or use --embedded.
    """
    if language not in ("", "zh", "en"):
        fail(Exit.USAGE, "--language is zh or en")
    if embedded and url:
        fail(Exit.USAGE, "--embedded starts a house of its own: leave --url away")
    if embedded:
        whole()
    try:
        asyncio.run(_chat(url, channel, language, embedded, timeout, as_json))
    except BrokenPipeError:
        sys.stderr.close()  # the reader of our output has gone, as `| head` does; nothing is wrong


async def _chat(url: str, channel: str, language: str, embedded: bool, patience: float, as_json: bool) -> None:
    from door.cli.line import Line

    async with _house(url, embedded) as base, Line(base, channel, language, patience) as line:
        await line.greeting(GREETING)
        await (_machine(line) if as_json else _person(line))


@asynccontextmanager
async def _house(url: str, embedded: bool) -> AsyncGenerator[str]:
    """The address of the house to talk to."""
    if not embedded:
        yield url.rstrip("/") or address(settings())
        return
    from door.cli.guest import guest_house

    say("Starting a house for this talk; its ledger is thrown away afterwards.")
    async with guest_house() as base:
        yield base


async def _machine(line: Line) -> None:
    """Lines in, JSON lines out, in order; a line is sent when the one before was answered."""
    async for text in lines_of(sys.stdin.fileno()):
        if not text.strip():
            continue
        answer = await line.ask(text=text)
        record: dict[str, Any] = {"text": text, "replies": [r.shown() for r in answer.replies], "ms": answer.ms}
        if answer.error:
            record["error"] = answer.error
        dump(record)


async def _person(line: Line) -> None:
    say(f"Talking to {line.hotline or line.base}. `:1` presses the first button, an empty line or Ctrl-D ends.")
    buttons: list[dict[str, str]] = []
    for reply in line.opening:
        buttons = _show(reply) or buttons
    typer.echo("> ", nl=False)
    async for line_read in lines_of(sys.stdin.fileno()):
        if not (text := line_read.strip()):
            return
        pressed = _pressed(text, buttons)
        if pressed is None and text[0] == ":" and text[1:].isdigit():
            say(f"There is no button {text}" + (f"; :1 to :{len(buttons)} are there." if buttons else " here."))
            typer.echo("> ", nl=False)
            continue
        answer = await line.ask(text="" if pressed else text, button=pressed)
        if answer.error:
            say(f"({answer.error['code']}: {answer.error['text']})")
        for reply in answer.replies:
            buttons = _show(reply) or buttons
        if not answer.replies and not answer.error:
            say(f"(no answer within {answer.ms / 1000:.0f} s)")
        typer.echo("> ", nl=False)


async def lines_of(descriptor: int) -> AsyncGenerator[str]:
    """The lines that come in, without their ends, until there are no more. Waits in the loop, not in a thread: a thread
    that waits for a keyboard cannot be stopped by Ctrl-C."""
    loop = asyncio.get_running_loop()
    came: asyncio.Queue[bytes] = asyncio.Queue()

    def read() -> None:
        try:
            data = os.read(descriptor, CHUNK)
        except OSError:  # the terminal is gone
            data = b""
        if not data:
            loop.remove_reader(descriptor)  # or it would call us again and again
        came.put_nowait(data)

    try:
        loop.add_reader(descriptor, read)
        waits = True
    except PermissionError:  # a file: there is nothing to wait for
        waits = False
    rest = b""
    try:
        while data := await came.get() if waits else os.read(descriptor, CHUNK):
            *whole_lines, rest = (rest + data).split(b"\n")
            for line in whole_lines:
                yield line.decode("utf-8", "replace").rstrip("\r")
        if rest:
            yield rest.decode("utf-8", "replace").rstrip("\r")
    finally:
        if waits:
            loop.remove_reader(descriptor)


def _pressed(text: str, buttons: list[dict[str, str]]) -> dict[str, str] | None:
    number = text[1:]
    if text.startswith(":") and number.isdigit() and 1 <= int(number) <= len(buttons):
        return buttons[int(number) - 1]
    return None


def _show(reply: Reply) -> list[dict[str, str]]:
    typer.echo(f"\n{reply.text}")
    if reply.source:
        typer.echo(typer.style(reply.source, dim=True))
    for n, button in enumerate(reply.buttons, 1):
        typer.echo(f"  :{n} {button['title']}")
    return reply.buttons

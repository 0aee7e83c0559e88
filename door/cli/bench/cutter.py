"""A proxy in front of PostgreSQL that cuts a connection around its COMMIT: the client cannot know what became of it."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from enum import StrEnum

STARTUP = 196608  # protocol 3.0, the code of the message after which every message has a type byte
ANSWER_WITHIN = 2.0  # seconds the server may take to answer a COMMIT whose answer is kept back


class Cut(StrEnum):
    """Where a connection is cut; the client sees the same broken connection every time."""

    BEFORE = "COMMIT never reached the server"
    AT_ONCE = "COMMIT forwarded, nobody waited"
    AFTER = "COMMIT done, its answer kept back"


@dataclass(frozen=True, kw_only=True)
class Blow:
    """A cut that waits for its COMMIT; `look` is called when it falls."""

    cut: Cut
    look: Callable[[], None]
    when: Callable[[], bool]
    done: asyncio.Future[None]


class Cutter:
    """Passes everything through, except that an armed cut falls on the next COMMIT, on whichever connection."""

    def __init__(self, server_port: int) -> None:
        self.port = 0
        self._server_port = server_port
        self._armed: Blow | None = None

    def arm(self, cut: Cut, look: Callable[[], None], when: Callable[[], bool] = lambda: True) -> asyncio.Future[None]:
        """The next COMMIT that comes `when` it is true is cut, `look` is called right before; the future is done when
        it has been."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._armed = Blow(cut=cut, look=look, when=when, done=done)
        return done

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection of the house."""
        try:
            server_reader, server_writer = await asyncio.open_connection("127.0.0.1", self._server_port)
        except OSError:
            writer.close()
            return
        back = asyncio.create_task(_pass(server_reader, writer))
        try:
            commit, blow = await self._forward(reader, server_writer)
            back.cancel()  # from here on the client hears nothing more
            with suppress(asyncio.CancelledError):
                await back
            await _strike(blow, commit, writer, server_writer, server_reader)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            back.cancel()
            for end in (writer, server_writer):
                end.transport.abort()

    async def _forward(self, client: asyncio.StreamReader, server: asyncio.StreamWriter) -> tuple[bytes, Blow]:
        """Hands the client's messages on, whole ones only, until a COMMIT comes on which an armed cut falls."""
        started = False
        while True:
            head = await client.readexactly(5 if started else 4)
            (length,) = struct.unpack("!I", head[-4:])
            body = await client.readexactly(length - 4)
            commits = started and head[:1] == b"Q" and body.upper().startswith(b"COMMIT")
            if commits and self._armed and self._armed.when():
                blow, self._armed = self._armed, None
                return head + body, blow
            started = started or struct.unpack("!I", body[:4])[0] == STARTUP
            server.write(head + body)
            await server.drain()


async def _strike(
    blow: Blow,
    commit: bytes,
    client: asyncio.StreamWriter,
    server: asyncio.StreamWriter,
    answers: asyncio.StreamReader,
) -> None:
    """Does to one COMMIT what was armed; the client's connection is gone afterwards."""
    blow.look()
    with suppress(TimeoutError):
        async with asyncio.timeout(ANSWER_WITHIN):
            if blow.cut is not Cut.BEFORE:
                server.write(commit)
                await server.drain()
            if blow.cut is Cut.AFTER:
                await answers.read(1)
            client.transport.abort()
            if blow.cut is Cut.AT_ONCE:
                server.write_eof()  # a reset might overtake the COMMIT, a polite end cannot
                await answers.read()
    if not blow.done.done():
        blow.done.set_result(None)


async def _pass(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.close()


@asynccontextmanager
async def cutter(server_port: int) -> AsyncGenerator[Cutter]:
    """A proxy that listens on a free loopback port."""
    proxy = Cutter(server_port)
    server = await asyncio.start_server(proxy.connected, "127.0.0.1", 0)
    proxy.port = server.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        server.close()

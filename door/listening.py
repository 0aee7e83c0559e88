"""Ports: bound by us, so that a taken one is a clear sentence, and served by uvicorn inside our own loop."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
from collections.abc import Generator

import uvicorn
from starlette.types import ASGIApp

from core.errors import SettingsError

LOOPBACK = "127.0.0.1"
BACKLOG = 2048
UNREAD_MOST = 30_000  # ms a peer may leave what we sent unread before the kernel drops it, where the kernel can
GRACE = 10  # seconds that requests in progress get when we stop


def bind(host: str, port: int, setting: str) -> socket.socket:
    """A listening address; `setting` is what a person would change. SettingsError if it cannot be had."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # Named as TCP, or asyncio leaves Nagle's algorithm on, and what is written in two pieces waits 40 ms.
    sock = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if hasattr(socket, "TCP_USER_TIMEOUT"):  # Linux; accepted connections inherit it
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, UNREAD_MOST)
    try:
        sock.bind((host, port))
    except OSError as e:
        sock.close()
        if e.errno == errno.EADDRINUSE:
            raise SettingsError(f"port {port} is taken by another program: stop it or set {setting}") from e
        # No right to the port, or no such address here (a name that means none included).
        wrong = setting if e.errno == errno.EACCES else "QIANTAI_HOST"
        raise SettingsError(f"cannot listen on {host}:{port} ({e.strerror}): set {wrong}") from e
    sock.setblocking(False)
    return sock


class _Server(uvicorn.Server):
    """Signals belong to the house, which stops its parts in order."""

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield


class Listening:
    """One port being served; `app` is a whole ASGI application without a lifespan."""

    def __init__(self, app: ASGIApp, sock: socket.socket) -> None:
        self.port: int = sock.getsockname()[1]
        self._sock = sock
        self._server = _Server(
            uvicorn.Config(
                app,
                loop="none",  # we run inside the house's loop
                http="httptools",
                ws="websockets-sansio",
                ws_per_message_deflate=False,  # 31 instead of 66 kB for an idle socket (CORE §3)
                ws_max_size=1024 * 1024,  # bytes; channels.web has the limit that clients are told of
                ws_ping_interval=20.0,
                ws_ping_timeout=20.0,
                lifespan="off",
                log_config=None,
                access_log=False,
                proxy_headers=False,  # create_door sees to them, where it matters who calls
                server_header=False,
                backlog=BACKLOG,
                timeout_keep_alive=75,  # longer than the 60 s of usual reverse proxies, which must hang up first
                timeout_graceful_shutdown=GRACE,
            )
        )
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Returns once connections are taken."""
        self._task = asyncio.create_task(self._server.serve(sockets=[self._sock]), name=f"port-{self.port}")
        while not self._server.started:
            if self._task.done():
                self._task.result()
                raise RuntimeError(f"port {self.port} closed before it was served")
            await asyncio.sleep(0.005)

    @property
    def alive(self) -> bool:
        return self._task is not None and not self._task.done()

    async def stop(self) -> None:
        """Takes no more connections, lets requests in progress end, closes sockets with 1012 (service restart)."""
        if self._task is None:
            self._sock.close()
            return
        self._server.should_exit = True
        await self._task
        self._task = None

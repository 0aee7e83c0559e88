"""The public door: which addresses there are, who may use them, and the process that serves them."""

from __future__ import annotations

import asyncio
import signal
import socket
import sys
import time
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, cast

import structlog
import uvloop
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

import channels
from cases import api as cases_api
from cases import api_institutions
from channels.rasa_webchat import PATH as RASA
from core.errors import Malformed, NotFound, QiantaiError, TooLarge
from core.setting_checks import Networks, networks
from core.settings import Settings
from door import api, health, id_page, logs
from door.answers import WrongMethod, response, send_error, unforeseen
from door.auth import Guard, require
from door.house import House, keep_what_is_loaded, open_house
from door.listening import LOOPBACK, Listening, bind
from door.metrics import MetricsPage
from door.webhooks import PREFIX as WEBHOOKS

log = structlog.get_logger()

WIDGET = Path(__file__).resolve().parents[1] / "web" / "widget" / "dist"

# Everything that needs no token. What ends in "/" stands for all below it; /readyz tells the status only.
PUBLIC = ("/", "/c/", "/id/", "/socket/", "/widget/", "/healthz", "/readyz")

HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"same-origin"),
    (b"x-frame-options", b"SAMEORIGIN"),
)
# The page and its widget: own files and the socket, nothing inline (the widget's sheet is constructed, or a file).
PAGE_POLICY = (
    b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    b"base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
)
FORM_BYTES = 16_384  # what a form may have beside the file in it
WRONG_MAX = 10  # wrong fields that one refusal names
NO_POLICY = b"default-src 'none'; frame-ancestors 'none'"


def is_public(path: str) -> bool:
    """May this address be used without a token?"""
    return f"{path}/" in PUBLIC or path in PUBLIC or any(path.startswith(p) for p in PUBLIC[1:] if p.endswith("/"))


def create_door(house: House, widget: Path = WIDGET) -> ASGIApp:
    """The whole public door of `house`; `widget` is the folder of the built page.

    What platforms deliver does not pass through the framework: its layers cost more than the delivery itself, 16 % of
    the CPU of a message. Who calls matters to the rest, where visitors post, and to channels that judge it: they learn
    it through the proxies that we trust.
    """
    proxies = _as_seen(networks(house.settings.trusted_proxies))
    inner: Any = create_app(house, widget)  # uvicorn and Starlette have types of their own for the same interface
    posts: Any = house.webhooks
    app, visitors = (cast("ASGIApp", ProxyHeadersMiddleware(one, proxies)) for one in (inner, posts))
    rasa = cast("ASGIApp", ProxyHeadersMiddleware(cast(Any, house.rasa.app), proxies)) if house.rasa else None
    judging = {id for id, one in house.channels.items() if "allow" in channels.load(one.kind).Config.model_fields}
    by_caller = tuple(f"{WEBHOOKS}{id}/" for id in judging.union(house.sockets.channels))

    async def door(scope: Scope, receive: Receive, send: Send) -> None:
        if rasa is not None and scope["path"].startswith(RASA):
            await rasa(scope, receive, send)
            return
        is_delivery = scope["type"] == "http" and scope["path"].startswith(WEBHOOKS)
        deliveries = visitors if is_delivery and scope["path"].startswith(by_caller) else house.webhooks
        await (deliveries if is_delivery else app)(scope, receive, send)

    return door


def _as_seen(proxies: Networks) -> list[str]:
    """The networks of the proxies; those of IPv4 as a socket shows them, too, that listens for both families."""
    both = [f"::ffff:{one.network_address}/{96 + one.prefixlen}" for one in proxies if one.version == 4]
    return [*map(str, proxies), *both]


def create_app(house: House, widget: Path = WIDGET) -> FastAPI:
    """The doors that are not for platforms: pages, sockets, health and the API."""
    app = FastAPI(
        title="Qiantai",
        description="The open front desk for a financial-consumer hotline.",
        # The interactive pages load their scripts from elsewhere, which an offline house has not got.
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    app.router.routes += [
        WebSocketRoute("/socket/{channel}", house.sockets.serve, name="socket"),
        Route("/id/{link_id}", house.ids.serve, methods=["GET", "POST"], name="id"),
        Route("/", _to_page, name="home"),
        Route("/widget", _to_page, name="page"),
        Mount("/widget", StaticFiles(directory=widget, html=True) if widget.is_dir() else _not_built, name="widget"),
    ]
    app.include_router(health.router(house.health))
    app.include_router(api.router(house.store, house.clock))
    office = _office(house)
    app.include_router(cases_api.router(office, require))
    app.include_router(api_institutions.router(office, require))
    app.add_exception_handler(QiantaiError, _answer)
    app.add_exception_handler(RequestValidationError, _answer)
    app.add_exception_handler(HTTPException, _answer)
    app.add_exception_handler(Exception, _answer)
    app.add_middleware(Bounded, longest=house.settings.max_body_bytes, file=house.settings.attachment_bytes)
    app.add_middleware(Guard, tokens=house.tokens, is_public=is_public)
    app.add_middleware(SecureHeaders)
    return app


async def _answer(request: Request, error: Exception) -> Response:
    """Every failure in the one shape, whoever raised it."""
    match error:
        case QiantaiError():
            return response(error)
        case RequestValidationError():
            wrong = [f"{'.'.join(str(part) for part in one['loc'])}: {one['msg']}" for one in error.errors()]
            return response(Malformed("; ".join(wrong[:WRONG_MAX])))
        case HTTPException(status_code=404):
            return response(NotFound())
        case HTTPException(status_code=405):
            return response(WrongMethod())
        case HTTPException(status_code=413):
            return response(TooLarge())
        case HTTPException():
            return response(Malformed(str(error.detail)))
        case _:
            return response(unforeseen(error, path=logs.shown(request.url.path)))


async def _to_page(request: Request) -> Response:
    return RedirectResponse("/widget/")


async def _not_built(scope: Scope, receive: Receive, send: Send) -> None:
    await send_error(send, NotBuilt())


class NotBuilt(QiantaiError):
    """The page is not built yet: run ./qiantai setup."""

    code = "not_built"
    status = 503


def _office(house: House) -> cases_api.Office:
    return cases_api.Office(
        store=house.store,
        vault=house.vault,
        clock=house.clock,
        attachment_bytes=house.settings.attachment_bytes,
        scan_command=house.settings.scan_command,
    )


class Bounded:
    """Refuses what is longer than is taken before it is read: more where files come in."""

    def __init__(self, app: ASGIApp, *, longest: int, file: int) -> None:
        """Bytes of a request, and of a file."""
        self._app = app
        self._longest = longest
        self._file = file

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        left = self._file + FORM_BYTES if scope["path"].endswith("/attachments") else self._longest
        told = next((value for name, value in scope["headers"] if name == b"content-length"), b"0")
        if not told.isdigit() or len(told) > 18 or int(told) > left:
            await send_error(send, TooLarge(f"{left} bytes are taken at most"))
            return

        async def bounded() -> Message:
            nonlocal left
            message = await receive()
            left -= len(message.get("body", b""))
            if left < 0:  # it came without its length, or with a wrong one
                raise HTTPException(413)
            return message

        await self._app(scope, bounded, send)


class SecureHeaders:
    """Tells browsers what a page of ours may do: next to nothing, and the chat page only what it needs."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        policy = PAGE_POLICY if scope["path"].startswith("/widget/") else NO_POLICY
        ids = scope["path"].startswith(id_page.PATH)
        headers = id_page.HEADERS if ids else (*HEADERS, (b"content-security-policy", policy))

        async def add(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *headers]
            await send(message)

        await self._app(scope, receive, add)


def run(settings: Settings, *, began: float | None = None) -> None:
    """The embedded house, until SIGTERM or Ctrl-C; then it stops in order. `began`: the command's time.monotonic()."""
    logs.configure(settings.log_level, settings.log_format)
    uvloop.run(_run(settings, time.monotonic() if began is None else began))


async def _run(settings: Settings, began: float) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    # Ports first: a taken one should be told before anything is started.
    public = bind(settings.host, settings.port, "QIANTAI_PORT")
    inner = bind(LOOPBACK, settings.metrics_port, "QIANTAI_METRICS_PORT") if settings.metrics_port else None
    async with open_house(settings) as house, AsyncExitStack() as doors:
        if inner is not None:
            page = await _serve(doors, MetricsPage(house.store, house.metrics, house.clock, house.health), inner)
            _say(f"Metrics: http://{LOOPBACK}:{page.port}/metrics")
        door = await _serve(doors, create_door(house), public)
        host = f"[{settings.host}]" if ":" in settings.host else settings.host
        _say(f"Qiantai is up: http://{host}:{door.port}/ ({time.monotonic() - began:.1f} s)")
        _say(f"Channels: {', '.join(f'{id} ({one.kind})' for id, one in house.channels.items()) or 'none'}")
        keep_what_is_loaded()
        await _brain_or_stop(house, stop, began)
        await stop.wait()
        log.info("stopping")
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)  # a second Ctrl-C does not wait for anybody
    log.info("stopped")


async def _serve(doors: AsyncExitStack, app: ASGIApp, sock: socket.socket) -> Listening:
    listening = Listening(app, sock)
    await listening.start()
    doors.push_async_callback(listening.stop)
    return listening


async def _brain_or_stop(house: House, stop: asyncio.Event, began: float) -> None:
    """Says when the brain is there too; a house that is told to stop does not wait for it."""
    if house.brain_process is None:
        return
    waits = [asyncio.create_task(house.brain_process.up.wait()), asyncio.create_task(stop.wait())]
    await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    for wait in waits:
        wait.cancel()
    if house.brain_process.up.is_set():
        _say(f"The brain is ready: model {house.brain_process.model} ({time.monotonic() - began:.1f} s)")


def _say(line: str) -> None:
    """A line for the person at the terminal; logs go elsewhere."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()

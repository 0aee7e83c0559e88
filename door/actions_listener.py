"""The brain's way back: its actions, run by the house on a loopback port of their own."""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Awaitable, Callable
from typing import Any, cast

import orjson
import structlog
from starlette.types import Receive, Scope, Send

from actions import ActionError
from core.errors import Malformed, NotFound, NotSignedIn, QiantaiError
from door.answers import send_error, send_plain
from door.reading import ClientGone, read_body

log = structlog.get_logger()

PATH = "/webhook"  # rasa_sdk's own
BODY_MAX = 4 * 1024 * 1024  # bytes: an action call carries the tracker and the forms of the domain


class ActionsListener:
    """A bare ASGI application: POST /webhook with the house's token runs one action within its budget."""

    def __init__(
        self, execute: Callable[[dict[str, Any]], Awaitable[dict[str, Any]]], token: str, seconds: float
    ) -> None:
        self._execute = execute
        self._expected = f"Bearer {token}".encode()
        self._seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            given = next((value for name, value in scope["headers"] if name == b"authorization"), b"")
            if not hmac.compare_digest(given, self._expected):
                raise NotSignedIn
            if scope["method"] != "POST" or scope["path"] != PATH:
                raise NotFound
            call = _call(await read_body(receive, BODY_MAX))
        except ClientGone:
            return
        except QiantaiError as e:
            await send_error(send, e)
            return
        await self._run(call, send)

    async def _run(self, call: dict[str, Any], send: Send) -> None:
        """Every failure is a status of its own: the brain makes a failed turn of it, never a silent one."""
        name = str(call.get("next_action"))
        try:
            async with asyncio.timeout(self._seconds):
                answer = await self._execute(call)
        except ActionError as e:
            log.error("action_refused", action=name, error=e.code)
            await send_plain(send, e.status, orjson.dumps(e.body()))
        except TimeoutError:
            log.error("action_slow", action=name, seconds=self._seconds)
            await _failed(send, 504, "slow", f"{name} took longer than {self._seconds:g} s")
        except Exception as e:
            log.error("action_failed", action=name, error=type(e).__name__, exc_info=e)
            await _failed(send, 500, type(e).__name__, f"{name} failed")
        else:
            await send_plain(send, 200, orjson.dumps(answer, option=orjson.OPT_NON_STR_KEYS))


def _call(body: bytes) -> dict[str, Any]:
    try:
        call = orjson.loads(body)
    except ValueError as e:
        raise Malformed("an action call is JSON") from e
    if not isinstance(call, dict):
        raise Malformed("an action call is a JSON object")
    return cast("dict[str, Any]", call)


async def _failed(send: Send, status: int, error: str, detail: str) -> None:
    await send_plain(send, status, orjson.dumps({"error": error, "detail": detail}))

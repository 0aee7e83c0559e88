"""Our Rasa input channel: `POST /turn` and `GET /ready` for the house, with honest status codes."""

from __future__ import annotations

import asyncio
import hmac
import json
import logging
import sys
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import ujson
from rasa.core.channels.channel import InputChannel, UserMessage, register
from sanic import Blueprint, Sanic, response
from sanic.exceptions import SanicException
from sanic.request import Request
from sanic.response import HTTPResponse

from bot.assistant.brain import Brain
from bot.assistant.contract import BadField, TooLong, read_turn

log = logging.getLogger(__name__)

BODY_MAX = 1024 * 1024  # bytes; a turn with a vector of 1,024 numbers and the largest state is 50 kB
KEEP_ALIVE = 120  # seconds that a connection may be idle; the house closes one after 30
DETAIL_MAX = 300  # characters of an exception's own words in an answer


class DoorInput(InputChannel):
    """The one channel of this brain. `brain` is None until the model is loaded and warm; then turns are answered."""

    def __init__(self, token: str) -> None:
        if not token:
            raise ValueError("the brain needs a token: QIANTAI_BRAIN_TOKEN is empty")
        self._expected = f"Bearer {token}".encode()
        self.brain: Brain | None = None

    @classmethod
    def name(cls) -> str:
        """Name of the channel in credentials.yml."""
        return "door"

    @classmethod
    def from_credentials(cls, credentials: Mapping[str, Any] | None) -> DoorInput:
        """The channel as credentials.yml describes it: {token}."""
        return cls(str((credentials or {}).get("token") or ""))

    def url_prefix(self) -> str:
        """No prefix: this brain has no other channel."""
        return ""

    def blueprint(self, on_new_message: Callable[[UserMessage], Awaitable[Any]]) -> Blueprint:
        """The routes. Rasa's `on_new_message` is not used: it answers nothing and hides failures."""
        routes = Blueprint("door")

        @routes.route("/turn", methods=["POST"])
        async def turn(request: Request) -> HTTPResponse:
            if not self._allowed(request):
                return _answer(401, {"error": "token", "detail": "the bearer token of this brain is needed"})
            if self.brain is None:
                return _answer(503, {"error": "not_ready", "detail": "the model is being loaded"})
            return await _turn(self.brain, request.body)

        @routes.route("/ready", methods=["GET"])
        async def ready(request: Request) -> HTTPResponse:
            if not self._allowed(request):
                return _answer(401, {"error": "token", "detail": "the bearer token of this brain is needed"})
            if self.brain is None:
                return _answer(503, {"error": "not_ready", "detail": "the model is being loaded"})
            return _answer(200, {"model": self.brain.model})

        @routes.exception(SanicException)
        async def refused(request: Request, error: SanicException) -> HTTPResponse:
            return _answer(error.status_code, {"error": type(error).__name__, "detail": str(error)[:DETAIL_MAX]})

        return routes

    def app(self) -> Sanic:
        """The web application, this channel alone: Rasa's own greets at `/` and asks of each answer whether pages of
        another origin may read it."""
        app = Sanic("qiantai_brain", configure_logging=False)
        app.config.REQUEST_MAX_SIZE = BODY_MAX
        app.config.KEEP_ALIVE_TIMEOUT = KEEP_ALIVE
        app.config.FALLBACK_ERROR_FORMAT = "json"
        if sys.platform == "darwin":  # as Rasa does there: its connections break under uvloop
            app.config.USE_UVLOOP = False
            asyncio.set_event_loop_policy(None)
        register([self], app, route="/")
        return app

    def _allowed(self, request: Request) -> bool:
        given = request.headers.get("authorization") or ""
        return hmac.compare_digest(given.encode("utf-8", "replace"), self._expected)


async def _turn(brain: Brain, body: bytes) -> HTTPResponse:
    """The answer to one request; an exception of any kind is a 5xx with its class as `error`, never an empty 200."""
    try:
        turn = read_turn(_decoded(body))
        return _answer(200, await brain.turn(turn))
    except TooLong as e:
        return _answer(413, {"error": "text", "detail": str(e)})
    except BadField as e:
        return _answer(422, {"error": e.field, "detail": e.detail})
    except Exception as e:
        log.exception("turn failed")
        return _answer(500, {"error": type(e).__name__, "detail": str(e)[:DETAIL_MAX]})


def _decoded(body: bytes) -> object:
    try:
        return json.loads(body)  # the standard library keeps lone surrogates readable, so that they can be taken out
    except (ValueError, RecursionError):
        raise BadField("body", "it is not JSON") from None


def _answer(status: int, content: Mapping[str, Any]) -> HTTPResponse:
    text = ujson.dumps(content, ensure_ascii=False, escape_forward_slashes=False, reject_bytes=True)
    return response.raw(text.encode("utf-8", "replace"), status=status, content_type="application/json")

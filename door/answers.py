"""How every failure looks at the doors: {"error": code, "detail": sentence} with the status its class names."""

from __future__ import annotations

from collections.abc import Mapping

import orjson
import structlog
from starlette.responses import Response
from starlette.types import Send

from core.errors import NotSignedIn, QiantaiError, TooMany

log = structlog.get_logger()

JSON = "application/json"
RETRY_AFTER = 2  # seconds a caller should leave us alone after a 503


class Internal(QiantaiError):
    """Something went wrong in the front desk; it is in the log."""


class WrongMethod(QiantaiError):
    """This address does not take this method."""

    code = "wrong_method"
    status = 405


def shape(error: QiantaiError) -> dict[str, str]:
    """What the caller is told. Details of our own failures stay in the log: they may name hosts and files."""
    told = error.detail if error.detail and error.status < 500 else error.sentence
    return {"error": error.code, "detail": told.encode("utf-8", "replace").decode()}  # it may repeat what was sent


def headers(error: QiantaiError) -> dict[str, str]:
    if isinstance(error, NotSignedIn):
        return {"WWW-Authenticate": "Bearer"}
    if isinstance(error, TooMany):
        return {"Retry-After": "60"}
    return {"Retry-After": str(RETRY_AFTER)} if error.status == 503 else {}


def response(error: QiantaiError) -> Response:
    return Response(orjson.dumps(shape(error)), error.status, headers(error), JSON)


def unforeseen(error: Exception, **ids: object) -> Internal:
    """The answer to an exception nobody expected, which is logged with `ids`."""
    log.error("unforeseen", error=type(error).__name__, exc_info=error, **ids)
    return Internal()


async def send_plain(
    send: Send, status: int, body: bytes, content_type: str = JSON, more: Mapping[str, str] | None = None
) -> None:
    """A whole answer in two events, without a Response object in between."""
    fields = [(b"content-type", content_type.encode("latin-1")), (b"content-length", b"%d" % len(body))]
    fields += [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in (more or {}).items()]
    await send({"type": "http.response.start", "status": status, "headers": fields})
    await send({"type": "http.response.body", "body": body})


async def send_error(send: Send, error: QiantaiError) -> None:
    await send_plain(send, error.status, orjson.dumps(shape(error)), JSON, headers(error))

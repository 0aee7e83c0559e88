"""Bodies of requests, read for those parts of the door that do without a framework."""

from __future__ import annotations

from starlette.types import Receive

from core.errors import TooLarge


class ClientGone(Exception):
    """The caller hung up before its request was complete; nobody is left to be answered."""


async def read_body(receive: Receive, limit: int) -> bytes:
    """The request's body; TooLarge as soon as more than `limit` bytes have come, whatever its headers promised."""
    body = bytearray()
    while True:
        event = await receive()
        if event["type"] == "http.disconnect":
            raise ClientGone
        body += event.get("body", b"")
        if len(body) > limit:
            raise TooLarge
        if not event.get("more_body", False):
            return bytes(body)

"""Deliveries that bring a list of items, also of other applications of the same account: each is read by itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from channels import Ack, Kept, Parsed
from channels._text import read_objects, unstorable
from core.errors import Malformed
from core.model import Event

Reader = Callable[[dict[str, Any]], tuple[Event | Kept, ...]]


def read_batch(body: bytes, reader: Reader, ack: Ack) -> Parsed:
    """What `reader` makes of each item of the JSON list in `body`; Malformed if that is no list of objects.

    An item that `reader` finds Malformed is kept, and the others count: refused, the platform would bring the same list
    again and then give all of it up."""
    found = [one for item in read_objects(body) for one in _read(item, reader)]
    events = tuple(one for one in found if not isinstance(one, Kept))
    return Parsed(events=events, kept=tuple(one for one in found if isinstance(one, Kept)), ack=ack)


def _read(item: dict[str, Any], reader: Reader) -> tuple[Event | Kept, ...]:
    if why := unstorable(item):
        return (Kept(reason=why, raw={}),)
    try:
        return reader(item)
    except Malformed as e:
        return (Kept(reason=e.detail, raw=item),)

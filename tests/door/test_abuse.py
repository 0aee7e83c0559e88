"""What anybody may do to the doors, counted: kept deliveries, long ids, bad frames, the arithmetic of rates."""

from __future__ import annotations

import json
import secrets
from typing import Any

import pytest
from sqlalchemy import select

from channels.web import Close
from core.errors import TooMany
from core.model import Author
from core.tables import unsupported
from door import socket as door_socket
from door.rates import MINUTE, Rates
from tests.door.conftest import Open, Running
from tests.door.tab import Tab

STICKER = {"id": "k1", "sender": "wx-openid-7788", "sticker": "x", "13812345678": "y"}


async def kept(running: Running) -> list[dict[str, Any]]:
    return await running.house.store.read(lambda conn: list(conn.execute(select(unsupported.c.raw)).scalars()))


async def post(running: Running, token: str, frame: dict[str, Any]) -> int:
    """A frame over HTTP; those that say nothing are kept, since only a socket carries them."""
    headers = {"X-Qiantai-Token": token}
    async with running.http.post(running.url + "/c/web/in", json=frame, headers=headers) as response:
        return response.status


# Deliveries that are kept -----------------------------------------------------------------------------------------


async def test_a_delivery_we_do_not_handle_is_never_met_with_silence(running: Running) -> None:
    assert (await running.post(STICKER))[0] == 200
    [line] = await running.said(1, sender=STICKER["sender"])
    assert line.author is Author.BOT


async def test_a_delivery_we_do_not_handle_is_kept_once_however_often_it_comes(running: Running) -> None:
    for _ in range(3):
        assert (await running.post(STICKER))[0] == 200
    assert len(await kept(running)) == 1
    assert running.count("accepted_total", channel="hook") == 1
    assert running.count("duplicates_total", channel="hook") == 2


async def test_a_kept_delivery_names_its_conversation_and_holds_neither_its_sender_nor_a_number(
    running: Running,
) -> None:
    await running.post(STICKER)
    [raw] = await kept(running)
    assert raw == {
        "id": "k1",
        "sender": running.conversation(STICKER["sender"]),
        "sticker": "x",
        "⟦phone⟧": "y",
    }


async def test_kept_deliveries_count_like_messages(open_doors: Open) -> None:
    async with open_doors(rate_per_minute=3) as running:
        token = secrets.token_urlsafe(32)
        statuses = [await post(running, token, {"type": "ping"}) for _ in range(5)]
        assert statuses == [200, 200, 200, 429, 429]
        assert len(await kept(running)) == 3


@pytest.mark.parametrize(("length", "status"), [(22, 404), (21, 400), (23, 400), (250_000, 400)])
async def test_the_id_of_a_file_has_a_length_and_names_an_upload(running: Running, length: int, status: int) -> None:
    frame = {"type": "msg", "cid": "a", "file_id": "A" * length}
    assert await post(running, secrets.token_urlsafe(32), frame) == status
    assert await kept(running) == []


# Frames -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "frame",
    [
        {"type": "msg", "cid": "x", "text": " "},
        {"type": "msg", "cid": "x", "file_id": "A" * 23},
        {"type": "msg", "cid": "x", "payload": "no slash"},
    ],
)
async def test_bad_frames_count_like_good_ones(
    running: Running, monkeypatch: pytest.MonkeyPatch, frame: dict[str, str]
) -> None:
    monkeypatch.setattr(door_socket, "FRAMES_PER_MINUTE", 5)
    async with running.http.ws_connect(running.url + "/socket/web") as ws:
        tab = Tab(ws)
        await tab.hello()
        for _ in range(6):
            await ws.send_str(json.dumps(frame))
        await ws.send_str(json.dumps({"type": "ping"}))
        assert await tab.end() == Close.RATE
    told = [one["type"] for one in tab.frames if one["type"] in ("error", "pong")]
    assert told == ["error"] * 5


# Rates ------------------------------------------------------------------------------------------------------------


class Ticks:
    """A monotonic clock that moves only when told to."""

    def __init__(self, now: float) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def taken(rates: Rates, *who: str) -> int:
    """How many messages `who` may write now."""
    count = 0
    while True:
        try:
            rates.take(*who)
        except TooMany:
            return count
        count += 1


@pytest.mark.parametrize(
    ("later", "free"),
    [
        (0, 0),
        (29, 0),  # the same minute
        (30, 0),  # the next one, and all of the last still weighs
        (30 + 6, 6),  # a tenth of it is over
        (30 + 30, 30),
        (30 + 59, 59),
        (30 + 60, 60),  # it is the minute before the last one
        (30 + 3600, 60),
    ],
)
def test_a_sender_who_used_it_up_gets_it_back_bit_by_bit_and_not_at_the_turn_of_a_minute(
    later: float, free: int
) -> None:
    ticks = Ticks(1000 * MINUTE + 30)
    rates = Rates(60, ticks)
    assert taken(rates, "web", "anna") == 60
    ticks.now += later
    assert taken(rates, "web", "anna") == free


def test_what_was_refused_does_not_count_and_others_are_not_touched() -> None:
    ticks = Ticks(1000 * MINUTE)
    rates = Rates(2, ticks)
    assert taken(rates, "web", "anna") == 2
    for _ in range(100):
        with pytest.raises(TooMany):
            rates.take("web", "anna")
    assert taken(rates, "hook", "anna") == 2
    ticks.now += 1.5 * MINUTE
    assert taken(rates, "web", "anna") == 1


def test_senders_are_forgotten_after_two_minutes_and_cost_nothing_when_they_write() -> None:
    ticks = Ticks(1000 * MINUTE)
    looked = 0

    class Sender(str):
        def __hash__(self) -> int:
            nonlocal looked
            looked += 1
            return super().__hash__()

    rates = Rates(60, ticks)
    for n in range(1000):
        rates.take("web", Sender(n))
    looked = 0
    rates.take("web", "anna")
    assert looked == 0
    ticks.now += 2 * MINUTE
    rates.take("web", "anna")
    assert looked == 0

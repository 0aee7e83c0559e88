"""Pages that speak Rasa's protocol, through a whole house: sessions of our making, each message shown once."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import socketio
from socketio.exceptions import ConnectionError as Refused
from sqlalchemy import Connection

from core import outbox, shown
from core.errors import LedgerBusy, SettingsError
from core.model import Author, ConversationId, MessageKind, Rendered
from door import rasa_socket
from tests.brain_server import BrainServer, say
from tests.door.conftest import Open, Running
from tests.waiting import until

RASA = "rasa"
CHANNELS = {"channels": {RASA: {"kind": "rasa_webchat", "max_text": 50, "origins": ["https://bank.example"]}}}


class Page:
    """A page as rasa-webchat makes one: it asks for a session when it connects, and shows what comes."""

    def __init__(self, session: object) -> None:
        self.session = session
        self.confirmed: list[str] = []
        self.shown: list[dict[str, Any]] = []
        self.io: Any = socketio.AsyncClient(reconnection=False)
        self.io.on("connect", self._connected)
        self.io.on("session_confirm", self.confirmed.append)
        self.io.on("bot_uttered", self.shown.append)

    async def _connected(self) -> None:
        await self.io.emit("session_request", {"session_id": self.session})

    async def write(self, message: object, **more: object) -> None:
        await self.io.emit("user_uttered", {"message": message, "customData": {}, **more})

    def texts(self) -> list[str]:
        return [event["text"] for event in self.shown]


@asynccontextmanager
async def page(house: Running, session: object = None, **options: Any) -> AsyncGenerator[Page]:
    opened = Page(session)
    await opened.io.connect(house.url, **options)
    try:
        await until(lambda: opened.confirmed)
        yield opened
    finally:
        await opened.io.disconnect()


async def staff_says(house: Running, session: str, text: str) -> None:
    which, now = house.conversation(session, RASA), house.house.clock()
    await house.house.store.write(
        lambda conn: outbox.put(conn, which, [Rendered(text=text)], cause=text, author=Author.AGENT, now=now, live=True)
    )
    house.house.live.news(which)


@pytest.fixture(autouse=True)
def _told_by_text(brain: BrainServer) -> None:
    """An answer that shows which turn it answers."""
    brain.answer = lambda turn: say("followed" if turn["kind"] == "followed" else "menu")


async def test_a_conversation_with_two_tabs_a_break_and_a_restart(open_doors: Open, brain: BrainServer) -> None:
    async with open_doors(**CHANNELS) as house:
        async with page(house) as tab:
            (session,) = tab.confirmed
            await tab.write("/get_started")
            await until(lambda: len(tab.shown) == 1)
            assert brain.asked[-1]["kind"] == "followed"
            await tab.write("怎么查自己的信用报告")
            await until(lambda: len(tab.shown) == 2)
            replies = tab.shown[1]["quick_replies"]
            assert set(replies[0]) == {"content_type", "title", "payload"}
            async with page(house, session) as other:
                assert other.confirmed == [session]
                await tab.write(replies[0]["payload"])  # pressed in one tab, answered in both
                await until(lambda: len(tab.shown) == 3 and len(other.shown) == 1)
                assert brain.asked[-1]["payload"] == replies[0]["payload"]
        lines = await house.lines(session, RASA)
        assert [line.text for line in lines if line.kind is MessageKind.PAYLOAD] == [replies[0]["title"]]
        await staff_says(house, session, "没有人在看")
        async with page(house, session) as tab:
            await until(lambda: tab.texts() == ["没有人在看"])
    async with open_doors(**CHANNELS) as house:
        await staff_says(house, session, "重启以后")
        async with page(house, session) as tab:
            await until(lambda: tab.texts() == ["重启以后"])
            last = (await house.lines(session, RASA))[-1].seq
            which = house.conversation(session, RASA)
            await until(lambda: house.house.store.read(lambda conn: shown.upto(conn, which) == last))
        async with page(house, session) as tab:  # and it is shown once
            await staff_says(house, session, "最后")
            await until(lambda: tab.texts() == ["最后"])


@pytest.mark.parametrize("until_it_leaves", [False, True])
async def test_what_was_shown_is_shown_once_although_the_ledger_could_not_note_it(
    open_doors: Open, monkeypatch: pytest.MonkeyPatch, until_it_leaves: bool
) -> None:
    note, failed = shown.note, list[int]()

    def in_trouble() -> bool:
        return house.count("sockets", channel=RASA) > 0 if until_it_leaves else failed.count(2) < 3

    def troubled(conn: Connection, which: ConversationId, seq: int) -> None:
        if in_trouble():
            failed.append(seq)
            raise LedgerBusy
        note(conn, which, seq)

    monkeypatch.setattr(shown, "note", troubled)
    if not until_it_leaves:
        monkeypatch.setattr(rasa_socket, "LOOK_EVERY", 0.02)
    async with open_doors(**CHANNELS) as house:
        async with page(house) as tab:
            (session,) = tab.confirmed
            await tab.write("/get_started")
            await until(lambda: 2 in failed and (until_it_leaves or not in_trouble()))  # 1 is the opening, 2 the answer
            await until(lambda: tab.shown)
            assert len(tab.shown) == 1
        await until(lambda: house.house.store.read(lambda conn: shown.upto(conn, house.conversation(session, RASA))))
        async with page(house, session) as tab:
            await staff_says(house, session, "下一句")
            await until(lambda: "下一句" in tab.texts())
            assert tab.texts() == ["下一句"]


async def test_a_session_that_a_page_chose_is_replaced_and_what_cannot_be_read_harms_nobody(
    open_doors: Open, brain: BrainServer
) -> None:
    async with (
        open_doors(**CHANNELS, rate_per_minute=5) as house,
        page(house, "me") as tab,
        page(house, {"a": 1}) as other,
    ):
        assert tab.confirmed != ["me"]
        assert len({*tab.confirmed, *other.confirmed}) == 2
        for nonsense in (None, 7, "", ["x"], {"message": "x"}, "a\0"):
            await tab.write(nonsense)
        await tab.io.emit("user_uttered", "nothing")
        await tab.io.emit("session_request", {"session_id": other.confirmed[0]})  # one page, one session
        await tab.io.emit("no_such_event", {})
        await tab.write("你好", session_id=other.confirmed[0], customData={"language": "en"})
        await until(lambda: tab.shown)
        assert [turn["text"] for turn in brain.asked] == ["你好"]
        assert other.shown == []
        await tab.write("长" * 51)
        await until(lambda: len(tab.shown) == 2)
        assert "太长" in tab.texts()[1]
        for _ in range(5):
            await tab.write("again", customData={"language": "en"})
        await until(lambda: any("did not get through" in text for text in tab.texts()))
        assert house.count("refused_total", channel=RASA, error="too_many") == 1.0


async def test_pages_of_other_sites_and_too_many_of_one_address_are_refused(open_doors: Open) -> None:
    async with open_doors(**CHANNELS, sockets_per_address=2, trusted_proxies="none") as house:
        with pytest.raises(Refused):
            async with page(house, headers={"Origin": "https://evil.example"}):
                pass
        async with page(house, headers={"Origin": "https://bank.example"}), page(house, headers={"Origin": house.url}):
            third = Page(None)
            with pytest.raises(Refused):
                await third.io.connect(house.url, retry=False)
        await until(lambda: house.count("sockets", channel=RASA) == 0.0)
        async with page(house, retry=True):  # what is below the pages may end a moment later
            pass


async def test_a_connection_counts_from_its_first_request_until_it_ends(open_doors: Open) -> None:
    async with open_doors(**CHANNELS, sockets_per_address=2, trusted_proxies="none") as house:
        address = f"{house.url}/socket.io/?EIO=4&transport=polling"

        async def handshake() -> tuple[int, str]:
            async with house.http.get(address) as response:
                return response.status, await response.text()

        (_, first), (_, _), (refused, _) = [await handshake() for _ in range(3)]
        assert refused == 401
        assert house.count("refused_total", channel=RASA, error="too_many") == 1.0
        async with house.http.post(f"{address}&sid={json.loads(first[1:])['sid']}", data="1") as response:  # it ends
            assert response.status == 200
        assert [(await handshake())[0] for _ in range(2)] == [200, 401]


async def test_a_house_without_such_a_channel_has_no_such_address(running: Running) -> None:
    async with running.http.get(f"{running.url}/socket.io/?EIO=4&transport=polling") as response:
        assert response.status in (401, 404)


async def test_only_one_channel_can_be_of_this_kind(open_doors: Open) -> None:
    two: dict[str, Any] = {"channels": {id: {"kind": "rasa_webchat"} for id in ("one", "two")}}
    with pytest.raises(SettingsError, match="one and two: only one"):
        async with open_doors(**two):
            pass

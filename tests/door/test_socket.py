"""The web chat's door, with real WebSocket clients: welcomed, acknowledged, resumed by seq, told in every tab."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from typing import Any

import aiohttp
import pytest
from sqlalchemy import update
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from channels.web import FRAME_MAX, Close
from core.errors import LedgerBusy
from core.model import ChannelId, ConversationId, Locale
from core.tables import conversation, inbox
from door import socket as door_socket
from tests.door.conftest import Open, Running
from tests.door.tab import rows, tab, whisper
from tests.waiting import until

WEB = ChannelId("web")


# The good road ----------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("no_second_look")
async def test_a_first_visit_is_welcomed_and_greeted_by_the_brain(running: Running) -> None:
    async with tab(running) as one:
        welcome = await one.hello(language="en")
        assert welcome["seq"] == 0
        assert len(welcome["token"]) == 43
        assert welcome["language"] == "en"
        assert welcome["hotline"] == {
            "name": "12363 financial consumer hotline",
            "number": "12363",
            "hours": "Monday to Friday, 9:00–17:00",
        }
        greeting = await one.next("msg")
        assert greeting["from"] == "bot"
        assert running.brain.asked[0]["kind"] == "followed"
        # The opening itself is nothing anybody said.
        assert [author for _, author, _ in one.messages()] == ["bot"]
        assert running.count("sockets", channel="web") == 1
    await until(lambda: running.count("sockets", channel="web") == 0)


@pytest.mark.usefixtures("no_second_look")
async def test_a_message_is_acknowledged_shown_with_its_cid_and_answered(running: Running) -> None:
    async with tab(running) as one:
        await one.hello()
        await one.next("msg")
        acked = await one.write("怎么查自己的信用报告？", "c-1")
        answer = await one.hear("bot")
        own = next(f for f in one.frames if f["type"] == "msg" and f["from"] == "contact")
        assert own["cid"] == "c-1"
        assert own["seq"] == acked["seq"]
        assert answer["seq"] == acked["seq"] + 1
        assert {"text", "buttons", "source", "entry", "at"} <= set(answer)


async def test_a_message_sent_again_is_one_message_with_the_same_ack(running: Running) -> None:
    async with tab(running) as one:
        await one.hello()
        await one.next("msg")
        first = await one.write("你好", "c-1")
        assert await one.write("你好", "c-1") == first
    async with tab(running) as again:
        await again.hello(one.token)
        assert await again.write("你好", "c-1") == first
    assert await rows(running, inbox) == 2  # the opening and the message


async def test_a_page_that_comes_back_gets_what_it_missed_and_nothing_twice(running: Running) -> None:
    async with tab(running) as one:
        await one.hello()
        await one.next("msg")
        acked = await one.write("first", "c-1")
        await one.until_seq(acked["seq"] + 1)
    async with tab(running) as other:
        await other.hello(one.token, last_seq=acked["seq"] + 1)
        await whisper(running, one.conversation, "while you were here", 3)
        running.house.live.news(one.conversation)
        await other.until_seq(acked["seq"] + 4)
        assert [seq for seq, _, _ in other.messages()] == [acked["seq"] + n for n in (2, 3, 4)]
    async with tab(running) as third:
        await third.hello(one.token, last_seq=0)
        await third.until_seq(acked["seq"] + 4)
        seqs = [seq for seq, _, _ in third.messages()]
        assert seqs == sorted(set(seqs))
        assert third.messages()[0][1] == "bot"  # the greeting: the opening is not shown


async def test_a_long_transcript_comes_back_whole_and_in_order(running: Running) -> None:
    async with tab(running) as one:
        await one.hello()
        await one.next("msg")
        await whisper(running, one.conversation, "line", 1000)
    async with tab(running) as again:
        welcome = await again.hello(one.token)
        await again.until_seq(welcome["seq"])
        assert [seq for seq, _, _ in again.messages()] == list(range(2, 1003))


async def test_every_tab_sees_what_any_tab_writes_and_each_message_once(running: Running) -> None:
    async with tab(running) as left, tab(running) as right:
        await left.hello()
        await left.next("msg")
        await right.hello(left.token)
        for n in range(5):
            await (left, right)[n % 2].write(f"line {n}", f"c-{n}")
        last = 2 + 5 * 2
        for one in (left, right):
            if not any(seq == last for seq, _, _ in one.messages()):
                await one.until_seq(last)
        assert left.messages() == right.messages()
        assert [text for _, author, text in left.messages() if author == "contact"] == [f"line {n}" for n in range(5)]


async def test_another_visitor_sees_nothing_of_it(running: Running) -> None:
    async with tab(running) as one, tab(running) as other:
        await one.hello()
        await other.hello()
        await one.write("a secret", "c-1")
        await other.write("hello", "c-1")
        await other.own("c-1")
        await one.own("c-1")
        assert one.token != other.token
        assert "a secret" not in json.dumps(other.frames)


async def test_a_page_hears_of_what_nobody_told_it(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    """The sweep finds what a lost word left behind."""
    async with tab(running) as one:
        await one.hello()
        await one.next("msg")
        await whisper(running, one.conversation, "unannounced")
        assert (await one.next("msg"))["text"] == "unannounced"


async def test_news_between_the_first_read_and_the_waiting_is_not_missed(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running.house.sockets, "sweep", lambda: asyncio.sleep(0))  # only the registration may save it
    async with tab(running) as one:
        await one.hello()
        await one.next("msg")
    read = door_socket.outbox.transcript

    def late(conn: Any, which: ConversationId, **more: Any) -> Any:
        lines = read(conn, which, **more)
        if not lines:
            monkeypatch.setattr(door_socket.outbox, "transcript", read)
            asyncio.run_coroutine_threadsafe(_grow(), loop).result(5)  # commits after the read, before the wait
        return lines

    async def _grow() -> None:
        await whisper(running, one.conversation, "just then")
        running.house.live.news(one.conversation)

    loop = asyncio.get_running_loop()
    monkeypatch.setattr(door_socket.outbox, "transcript", late)
    async with tab(running) as again:
        await again.hello(one.token, last_seq=2)
        assert (await again.next("msg"))["text"] == "just then"


async def test_a_page_that_knows_more_than_the_ledger_starts_from_the_beginning(running: Running) -> None:
    async with tab(running) as one:
        await one.hello()
        await one.next("msg")
    async with tab(running) as again:
        await again.hello(one.token, last_seq=700)
        assert (await again.next("resync"))["from"] == 0
        await again.until_seq(2)


async def test_a_slow_answer_shows_that_somebody_writes(running: Running) -> None:
    async with tab(running) as one:
        await one.hello()
        await one.next("msg")
        running.brain.hang()
        await one.write("hi", "c-1")
        assert (await one.next("typing"))["on"] is True
        running.brain.wake()
        assert (await one.next("typing"))["on"] is False


async def test_the_small_frames_are_answered_or_taken(running: Running) -> None:
    async with tab(running) as one:
        await one.hello()
        await one.send(type="typing", on=True)
        await one.send(type="read", seq=1)
        await one.send(type="ping")
        await one.next("pong")


@pytest.mark.parametrize(
    ("chosen", "hinted", "shown"),
    [
        ("en", "zh", "en"),
        ("zh", "en", "zh"),
        ("zh-Hant", "en", "zh-Hant"),
        ("zh-Hans", "zh-Hant", "zh"),
        ("zh", "zh-Hant", "zh-Hant"),
        ("en", "zh-Hant", "en"),
    ],
)
async def test_a_language_that_was_chosen_stays(running: Running, chosen: str, hinted: Locale, shown: Locale) -> None:
    async with tab(running) as one:
        await one.hello(language=hinted)
        await one.next("msg")
        await running.house.store.write(
            lambda conn: conn.execute(update(conversation).values(language=chosen)) and None
        )
    async with tab(running) as again:
        assert (await again.hello(one.token, language=hinted))["language"] == shown


# Bad input --------------------------------------------------------------------------------------------------------

CLOSING = [
    ("not json", "not json"),
    ("binary", b"\x00\x01"),
    ("a list", "[]"),
    ("unknown type", '{"type":"shout"}'),
    ("two keys", '{"type":"ping","type":"ping"}'),
    ("no cid", '{"type":"msg","text":"hi"}'),
    ("second hello", '{"type":"hello","token":"","last_seq":0,"language":"zh"}'),
    ("negative seq", '{"type":"read","seq":-1}'),
    ("too long for a frame", json.dumps({"type": "msg", "cid": "c", "text": "a" * FRAME_MAX})),
]


@pytest.mark.parametrize("frame", [pytest.param(frame, id=name) for name, frame in CLOSING])
async def test_a_frame_of_no_message_is_named_and_ends_the_socket(running: Running, frame: str | bytes) -> None:
    async with tab(running) as one:
        await one.hello()
        await one.next("msg")
        await (one.ws.send_str(frame) if isinstance(frame, str) else one.ws.send_bytes(frame))
        assert await one.end() == Close.BAD_FRAME
        assert [f for f in one.frames if f["type"] == "error"]


NAMED = [
    ("empty", {"text": "   "}, "empty"),
    ("too long", {"text": "长" * 4001}, "too_long"),
    ("nul", {"text": "a\0b"}, "unreadable"),
    ("lone surrogate", {"text": "\ud800"}, "unreadable"),
    ("a payload that is none", {"payload": "restart"}, "bad_payload"),
    ("text and payload", {"text": "a", "payload": "/b"}, "bad_frame"),
    ("a field too many", {"text": "a", "admin": True}, "bad_frame"),
    ("a file that nobody uploaded", {"file_id": "A" * 22}, "not_found"),
    ("a file that is none", {"file_id": "f1"}, "bad_frame"),
]


@pytest.mark.parametrize(("fields", "code"), [pytest.param(f, c, id=n) for n, f, c in NAMED])
async def test_a_message_that_cannot_be_taken_is_named_by_its_cid_and_the_talk_goes_on(
    running: Running, fields: dict[str, Any], code: str
) -> None:
    async with tab(running) as one:
        await one.hello()
        await one.next("msg")
        await one.ws.send_str(json.dumps({"type": "msg", "cid": "bad-1", **fields}))
        refusal = await one.next("error")
        assert (refusal["code"], refusal["cid"]) == (code, "bad-1")
        assert refusal["text"]
        await one.write("a good one", "good-1")
    assert await rows(running, inbox) == 2


ODD = {
    "right to left": "\u202eمرحبا\u202c",
    "emoji": "👩‍👩‍👧‍👦🇨🇳",
    "typed restart": "/restart",
    "typed intent": '/intent{"slot":"value"}',
    "html": "<script>alert(1)</script>",
    "4000 characters": "长" * 4000,
}


@pytest.mark.parametrize("text", [pytest.param(text, id=name) for name, text in ODD.items()])
async def test_an_odd_message_is_a_message_like_any_other(running: Running, text: str) -> None:
    async with tab(running) as one:
        await one.hello()
        await one.next("msg")
        await one.write(text, "c-1")
        await one.hear("bot")
        assert (2 + 1, "contact", text) in one.messages()
    assert {turn["kind"] for turn in running.brain.asked} <= {"text", "followed"}


@pytest.mark.parametrize("token", ["x", "a" * 42, "a" * 44, "=" * 43, "短" * 43])
async def test_a_token_that_was_not_made_here_ends_the_socket(running: Running, token: str) -> None:
    async with tab(running) as one:
        await one.send(type="hello", token=token, last_seq=0, language="zh")
        assert await one.end() == Close.AUTH


async def test_who_does_not_say_hello_is_not_listened_to(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    async with tab(running) as one:
        await one.send(type="msg", cid="c-1", text="hi")
        assert await one.end() == Close.BAD_FRAME
    monkeypatch.setattr(door_socket, "HELLO_WITHIN", 0.05)
    async with tab(running) as silent:
        assert await silent.end() == Close.BAD_FRAME
    assert await rows(running, inbox) == 0


@pytest.mark.parametrize("channel", ["nobody", "hook", "", "web/else"])
async def test_a_channel_without_a_socket_has_none(running: Running, channel: str) -> None:
    with pytest.raises(aiohttp.WSServerHandshakeError):
        async with tab(running, channel):
            pass


async def test_a_page_of_another_site_may_not_use_a_visitors_browser(open_doors: Open) -> None:
    channels = {"web": {"kind": "web", "origins": ["https://www.example.org"]}}
    async with open_doors(public_base_url="https://desk.example.org", channels=channels) as running:
        for origin in ("https://evil.example", "https://desk.example.org.evil.example", "null", ""):
            with pytest.raises(aiohttp.WSServerHandshakeError):
                async with tab(running, Origin=origin):
                    pass
        for origin in ("https://desk.example.org", "https://www.example.org", running.url):
            async with tab(running, Origin=origin) as one:
                await one.hello()


async def test_a_visitor_who_writes_too_much_is_told_and_sent_away(open_doors: Open) -> None:
    async with open_doors(rate_per_minute=3) as running, tab(running) as one:
        await one.hello()
        for n in range(3):
            await one.write("hi", f"c-{n}")
        await one.send(type="msg", cid="c-3", text="hi")
        assert (await one.next("error"))["code"] == "too_many"
        assert await one.end() == Close.RATE


async def test_a_page_that_floods_us_with_frames_is_sent_away(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(door_socket, "FRAMES_PER_MINUTE", 5)
    async with tab(running) as one:
        await one.hello()
        for _ in range(6):
            await one.send(type="ping")
        assert await one.end() == Close.RATE


async def test_a_message_that_the_ledger_could_not_take_is_not_acknowledged(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with tab(running) as one:
        await one.hello()
        await one.next("msg")
        accept = running.house.inbox.accept

        async def fail(**_: object) -> None:
            raise LedgerBusy("a detail of the database")

        monkeypatch.setattr(running.house.inbox, "accept", fail)
        await one.send(type="msg", cid="c-1", text="hi")
        refusal = await one.next("error", cid="c-1")
        assert refusal["code"] == "ledger_busy"
        assert "database" not in refusal["text"]
        monkeypatch.setattr(running.house.inbox, "accept", accept)
        await one.write("hi", "c-1")  # as the page does by itself


async def test_a_page_that_does_not_read_is_let_go_and_others_do_not_notice(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(door_socket, "SLOW_AFTER", 0.5)
    async with tab(running) as one:
        await one.hello()
        await one.next("msg")
        await whisper(running, one.conversation, "长" * 4000, 1500)  # 18 MB: more than any buffer on the way
    port = int(running.url.rpartition(":")[2])
    slow = await connect(f"ws://127.0.0.1:{port}/socket/web", max_queue=1, ping_interval=None, max_size=None)
    await slow.send(json.dumps({"type": "hello", "token": one.token, "last_seq": 0, "language": "zh"}))
    await until(lambda: running.count("sockets", channel="web") == 1)
    await until(lambda: running.count("refused_total", channel="web", error=str(int(Close.SLOW))) == 1)
    assert running.count("sockets", channel="web") == 0
    async with tab(running) as other:
        await other.hello()
        await other.write("hi", "c-1")
    with suppress(ConnectionClosed):
        while True:
            await slow.recv()
    assert slow.close_code == Close.SLOW


async def test_a_house_that_stops_sends_its_pages_away_to_come_back(running: Running) -> None:
    async with tab(running) as one:
        await one.hello()
        await one.next("msg")
        stopping = asyncio.create_task(running.door.stop())
        assert await one.end() == 1012  # service restart: RFC 6455's registry
        await stopping

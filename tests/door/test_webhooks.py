"""The platforms' door: taken once and in order, refused with a reason, and answered only after the commit."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import time
import traceback
from collections.abc import AsyncGenerator

import pytest
from aiohttp import web
from sqlalchemy import func, select
from structlog.testing import capture_logs

from channels.webhook import SIGNATURE_HEADER, sign
from core import store as ledger
from core.errors import LedgerBusy
from core.model import Author, DeliveryState
from core.tables import inbox, message, outbox, unsupported
from tests.door.conftest import SECRET, Open, Running
from tests.waiting import until


async def rows(running: Running, table: object) -> int:
    return await running.house.store.read(
        lambda conn: conn.execute(select(func.count()).select_from(table)).scalar_one()  # type: ignore[arg-type]
    )


# The good road ----------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("no_second_look")
async def test_a_message_is_taken_answered_and_sent_back_to_its_platform(running: Running) -> None:
    sent = await running.hear("怎么查自己的信用报告？")
    await until(lambda: running.platform.sent)
    (reply,) = running.platform.sent
    assert reply["to"] == "anna"
    assert reply["in_reply_to"] == sent["id"]
    assert reply["text"]
    own, answer = await running.lines()
    assert (own.author, own.text) == (Author.CONTACT, "怎么查自己的信用报告？")
    assert answer.author is Author.BOT
    assert running.count("accepted_total", channel="hook") == 1
    assert running.count("turns_total", outcome="answered") == 1
    assert running.count("sends_total", channel="hook", outcome="sent") == 1


async def test_a_second_delivery_of_the_same_message_changes_nothing(running: Running) -> None:
    body = {"id": "m1", "sender": "anna", "text": "你好"}
    assert [await running.post(body) for _ in range(3)] == [(200, {"ok": True})] * 3
    await running.said(1)
    assert await rows(running, inbox) == 1
    assert len(running.brain.asked) == 1
    assert running.count("duplicates_total", channel="hook") == 2


async def test_the_same_message_delivered_ten_times_at_once_is_one(running: Running) -> None:
    body = {"id": "m1", "sender": "anna", "text": "你好"}
    answers = await asyncio.gather(*(running.post(body) for _ in range(10)))
    assert {status for status, _ in answers} == {200}
    await running.said(1)
    assert await rows(running, inbox) == 1


async def test_messages_of_one_sender_are_answered_in_order_and_others_do_not_wait(running: Running) -> None:
    senders = [f"s{n}" for n in range(5)]

    async def talk(sender: str) -> None:
        for n in range(8):
            await running.hear(f"{sender} {n}", sender)

    await asyncio.gather(*map(talk, senders))
    await until(lambda: len(running.platform.sent) == 40)
    for sender in senders:
        asked = [turn["text"] for turn in running.brain.asked if turn["text"].startswith(f"{sender} ")]
        assert asked == [f"{sender} {n}" for n in range(8)]
        replied = [body["in_reply_to"] for body in running.platform.sent if body["to"] == sender]
        own = [line.external_id for line in await running.lines(sender) if line.author is Author.CONTACT]
        assert replied == own


async def test_no_more_turns_are_with_the_brain_than_the_settings_allow(open_doors: Open) -> None:
    async with open_doors(turns_in_flight=3) as running:
        running.brain.hang()
        for n in range(10):
            await running.hear("hi", f"s{n}")
        await until(lambda: len(running.brain.asked) == 3)
        await asyncio.sleep(0.1)  # long enough for a fourth to arrive, were it let through
        assert len(running.brain.asked) == 3
        running.brain.wake()
        await until(lambda: len(running.platform.sent) == 10)


async def test_a_receipt_moves_the_message_forward_and_never_back(running: Running) -> None:
    await running.hear("你好")
    await until(lambda: running.platform.sent)
    our_id = running.platform.sent[0]["id"]

    async def state() -> str:
        return await running.house.store.read(
            lambda conn: conn.execute(select(outbox.c.state).where(outbox.c.id == int(our_id))).scalar_one()
        )

    await until(lambda: _is(state, DeliveryState.SENT))
    for word, becomes in [("read", "read"), ("delivered", "read")]:
        assert (await running.post({"id": our_id, "state": word}, "/c/hook/receipt"))[0] == 200
        assert await state() == becomes


async def _is(state: object, wanted: str) -> bool:
    return await state() == wanted  # type: ignore[operator]


async def test_what_a_platform_is_known_to_send_and_we_do_not_handle_is_acknowledged_and_kept(running: Running) -> None:
    status, answer = await running.post({"id": "m1", "sender": "anna", "voice": "call me on 13800138000"})
    assert (status, answer["ok"]) == (200, True)
    raw = await running.house.store.read(lambda conn: conn.execute(select(unsupported.c.raw)).scalar_one())
    assert "13800138000" not in json.dumps(raw)
    assert await rows(running, inbox) == 1  # answered like a file that cannot be opened


# Bad input --------------------------------------------------------------------------------------------------------

OVER = b'{"id":"m1","sender":"anna","text":"' + b"a" * 300_000 + b'"}'
BAD = [
    ("no json", b"not json", {}, 400, "malformed"),
    ("broken utf-8", b'{"id":"m1","sender":"a","text":"\xff"}', {}, 400, "malformed"),
    ("lone surrogate", rb'{"id":"m1","sender":"a","text":"\ud800"}', {}, 400, "malformed"),
    ("nul", rb'{"id":"m1","sender":"a","text":"a\u0000b"}', {}, 400, "malformed"),
    ("empty body", b"", {}, 400, "malformed"),
    ("a list", b"[]", {}, 400, "malformed"),
    ("deep nesting", b"[" * 50_000, {}, 400, "malformed"),
    ("empty text", b'{"id":"m1","sender":"anna","text":"  "}', {}, 400, "malformed"),
    ("no sender", b'{"id":"m1","text":"hi"}', {}, 400, "malformed"),
    ("a number for a text", b'{"id":"m1","sender":"anna","text":7}', {}, 400, "malformed"),
    ("a payload that is none", b'{"id":"m1","sender":"anna","payload":"restart"}', {}, 400, "malformed"),
    (
        "wrong content type",
        b'{"id":"m1","sender":"anna","text":"hi"}',
        {"Content-Type": "text/plain"},
        415,
        "wrong_type",
    ),
    ("bad signature", b'{"id":"m1","sender":"anna","text":"hi"}', {SIGNATURE_HEADER: "t=1,v1=0"}, 401, "bad_signature"),
    ("too large", OVER, {}, 413, "too_large"),
    ("100 kB of text", b'{"id":"m1","sender":"anna","text":"' + b"a" * 100_000 + b'"}', {}, 413, "too_large"),
]


@pytest.mark.parametrize(("body", "headers", "status", "code"), [pytest.param(*case[1:], id=case[0]) for case in BAD])
async def test_a_bad_delivery_is_refused_with_its_reason_and_leaves_nothing(
    running: Running, body: bytes, headers: dict[str, str], status: int, code: str
) -> None:
    answer = await running.post(body, **headers)
    assert answer[0] == status
    assert answer[1]["error"] == code
    assert answer[1]["detail"].strip()
    assert await rows(running, message) == 0
    assert running.count("refused_total", channel="hook", error=code) == 1
    # The door still works.
    await running.hear("hi")
    await running.said(1)


ODD = {
    "right to left": "\u202eمرحبا\u202c שלום",
    "emoji": "👩‍👩‍👧‍👦🇨🇳😀" * 20,
    "a typed command": "/restart",
    "a typed intent": '/intent{"slot":"value"}',
    "line ends": "a\r\nb\n\nc",
    "4000 characters": "长" * 4000,
    "looks like a reference": "⟦phone:abcdefghij⟧",
    "html": "<script>alert(1)</script>",
}


@pytest.mark.parametrize("text", [pytest.param(text, id=name) for name, text in ODD.items()])
async def test_an_odd_message_is_a_message_like_any_other(running: Running, text: str) -> None:
    await running.hear(text)
    await running.said(1)
    own = (await running.lines())[0]
    assert own.author is Author.CONTACT
    # Nothing typed ever reaches the brain as one of our own buttons.
    assert {turn["kind"] for turn in running.brain.asked} <= {"text"}


async def test_a_payload_that_the_house_never_offered_is_words(running: Running) -> None:
    await running.hear("", payload="/leave_message")
    await running.said(1)
    assert {turn["kind"] for turn in running.brain.asked} == {"text"}


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/c/nobody/in", 404, "unknown_channel"),
        ("/c/", 404, "unknown_channel"),
        ("/c/hook", 404, "not_found"),
        ("/c/hook/else", 404, "not_found"),
        ("/c/Hook/in", 404, "unknown_channel"),
    ],
)
async def test_an_address_that_no_channel_serves_says_so(running: Running, path: str, status: int, code: str) -> None:
    answer = await running.post({"id": "m1", "sender": "anna", "text": "hi"}, path)
    assert (answer[0], answer[1]["error"]) == (status, code)


@pytest.mark.parametrize(("method", "status"), [("GET", 404), ("PUT", 405), ("DELETE", 405)])
async def test_other_methods_are_refused(running: Running, method: str, status: int) -> None:
    async with running.http.request(method, f"{running.url}/c/hook/in") as response:
        assert response.status == status


async def test_a_body_without_a_length_is_cut_off_at_the_limit(running: Running) -> None:
    async def endless() -> AsyncGenerator[bytes]:
        for _ in range(1000):
            yield b"a" * 65536

    async with running.http.post(f"{running.url}/c/hook/in", data=endless()) as response:
        assert response.status == 413
        assert (await response.json())["error"] == "too_large"


async def test_a_caller_who_hangs_up_half_way_leaves_nothing(running: Running) -> None:
    port = int(running.url.rpartition(":")[2])
    body = b'{"id":"m1","sender":"anna","text":"hi"}'
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(
        b"POST /c/hook/in HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        + f"{SIGNATURE_HEADER}: {sign(SECRET, int(time.time()), body)}\r\nContent-Length: {len(body)}\r\n\r\n".encode()
        + body[:10]
    )
    await writer.drain()
    writer.close()
    await running.hear("hi")
    await running.said(1)
    assert await rows(running, inbox) == 1


async def test_a_sender_who_writes_too_much_is_told_to_wait_and_others_are_not(open_doors: Open) -> None:
    async with open_doors(rate_per_minute=5) as running:
        for _ in range(5):
            await running.hear("hi")
        status, answer = await running.post({"id": "late", "sender": "anna", "text": "hi"})
        assert (status, answer["error"]) == (429, "too_many")
        await running.hear("hi", "berta")
        assert await rows(running, inbox) == 6


async def test_a_defect_of_ours_is_a_500_without_its_inside(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(request: object) -> None:
        raise RuntimeError("the inside of the house")

    monkeypatch.setattr(running.house.channels["hook"], "parse", broken)  # type: ignore[index]
    status, answer = await running.post({"id": "m1", "sender": "anna", "text": "hi"})
    assert (status, answer["error"]) == (500, "internal")
    assert "inside" not in json.dumps(answer)


# A ledger that takes nothing --------------------------------------------------------------------------------------


async def test_a_locked_ledger_is_not_acknowledged_and_nothing_is_lost(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger, "RETRY_FOR", 0.2)
    body = {"id": "m1", "sender": "anna", "text": "hi"}
    other = sqlite3.connect(running.house.settings.data / "qiantai.db", isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    status, answer = await running.post(body)
    assert (status, answer["error"]) == (503, "ledger_busy")
    assert "qiantai.db" not in json.dumps(answer)
    other.execute("ROLLBACK")
    other.close()
    assert await running.post(body) == (200, {"ok": True})  # as the platform does
    await running.said(1)
    assert await rows(running, inbox) == 1


async def test_a_full_disk_is_not_acknowledged_and_nothing_is_lost(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    await running.hear("first")
    await running.said(1)
    pages = await running.house.store.write(lambda conn: conn.exec_driver_sql("PRAGMA page_count").scalar_one())
    await running.house.store.write(lambda conn: conn.exec_driver_sql(f"PRAGMA max_page_count = {pages}").scalar_one())
    taken = 0
    while True:  # until the last page is full
        body = {"id": f"more {taken}", "sender": "anna", "text": "长" * 4000}
        status, answer = await running.post(body)
        if status != 200:
            break
        taken += 1
        assert taken < 100
    assert (status, answer["error"]) == (503, "ledger_busy")
    await running.house.store.write(lambda conn: conn.exec_driver_sql("PRAGMA max_page_count = 1000000").scalar_one())
    assert await running.post(body) == (200, {"ok": True})
    await running.said(2 + taken)


async def test_a_commit_that_fails_is_never_answered_with_200(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(**_: object) -> None:
        raise LedgerBusy("the inside of the database")

    monkeypatch.setattr(running.house.inbox, "accept", fail)
    async with running.http.post(f"{running.url}/c/hook/in", data=b"{}") as response:
        assert response.status != 200
    status, answer = await running.post({"id": "m1", "sender": "anna", "text": "hi"})
    assert (status, answer) == (503, {"error": "ledger_busy", "detail": LedgerBusy().sentence})


# What the logs say ------------------------------------------------------------------------------------------------


async def test_no_log_line_holds_what_a_consumer_wrote(running: Running) -> None:
    with capture_logs() as logged:
        await running.hear("a very particular sentence")
        await running.said(1)
        await running.post({"id": "x", "sender": "anna", "voice": "another particular sentence"})
        await running.post(b'{"id":"m9","sender":"anna","text":"third particular sentence"')
    assert any(line["event"] == "accepted" for line in logged)
    assert "particular" not in json.dumps(logged, default=str)
    assert "anna" not in json.dumps(logged, default=str)


async def test_a_failure_of_the_database_is_logged_without_what_was_to_be_stored(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    await running.hear("first")
    await running.said(1)
    refuse = "CREATE TRIGGER refuse BEFORE INSERT ON message BEGIN SELECT RAISE(ABORT, 'refused'); END"
    await running.house.store.write(lambda conn: conn.exec_driver_sql(refuse) and None)
    with capture_logs() as logged:
        status, answer = await running.post({"id": "m2", "sender": "anna", "text": "a particular sentence"})
    assert (status, answer["error"]) == (500, "internal")
    (line,) = [one for one in logged if one["event"] == "unforeseen"]
    trace = "".join(traceback.format_exception(line["exc_info"]))
    assert "IntegrityError" in trace
    assert "particular" not in trace


async def test_an_answer_the_platform_did_not_take_is_tried_again(running: Running) -> None:
    running.platform.answer = lambda body: web.json_response({}, status=500)
    await running.hear("hi")
    await until(lambda: running.platform.sent)
    running.platform.answer = lambda body: web.json_response({"ok": True})
    await until(lambda: len(running.platform.sent) == 2)
    assert running.platform.sent[0] == running.platform.sent[1]

"""Wakes and news inside one process: nobody is told twice for one reason, nobody misses the first word."""

from __future__ import annotations

import asyncio

import pytest

from core.live import Live, Ready
from core.model import Author, ConversationId, Line, MessageKind, Seq
from tests.conftest import NOON

A, B = ConversationId("a"), ConversationId("b")


def line(seq: int) -> Line:
    return Line(
        seq=Seq(seq),
        author=Author.BOT,
        kind=MessageKind.TEXT,
        text=f"line {seq}",
        payload="",
        buttons=(),
        source="",
        entry="",
        external_id="",
        at=NOON,
    )


async def test_a_conversation_that_is_wanted_twice_is_handed_out_once() -> None:
    ready = Ready()
    for conversation in (A, B, A):
        ready.add(conversation)
    assert [await ready.next(), await ready.next(), len(ready)] == [A, B, 0]


async def test_a_conversation_wanted_again_while_it_is_worked_on_comes_again() -> None:
    ready = Ready()
    ready.add(A)
    assert await ready.next() == A
    ready.add(A)
    assert await ready.next() == A


async def test_a_worker_that_waits_gets_what_comes() -> None:
    ready = Ready()
    waiting = asyncio.create_task(ready.next())
    await asyncio.sleep(0)
    ready.add(B)
    assert await waiting == B


async def test_news_before_the_wait_is_not_missed_and_is_told_to_every_page() -> None:
    live = Live()
    async with live.listen(A) as one, live.listen(A) as two, live.listen(B) as other:
        live.news(A)
        assert await one.wait(1)
        assert await two.wait(1)
        assert not await other.wait(0)
    assert not live.listeners


async def test_typing_is_told_when_it_changes() -> None:
    live = Live()
    async with live.listen(A) as ear:
        live.typing(A, True)
        assert await ear.wait(1)
        assert ear.typing
        live.typing(A, True)
        assert not await ear.wait(0)


# What a commit hands on -------------------------------------------------------------------------------------------

TAKEN = [
    ("the next line", [[5]], [5]),
    ("the lines of two commits", [[5, 6], [7]], [5, 6, 7]),
    ("what was read meanwhile comes too", [[3, 4], [5]], [5]),
    ("nothing but what was read meanwhile", [[3], [4]], []),
    ("nothing", [], []),
    ("what another process has written before it is missing", [[6]], None),
    ("what another process has written in between is missing", [[5], [7]], None),
    ("the later of two commits is told first", [[6], [5]], None),
    ("a line twice", [[5], [5]], None),
    ("news without words", [[]], None),
    ("news without words before it", [[], [5]], None),
    ("news without words after it", [[5], []], None),
]


@pytest.mark.parametrize(("told", "taken"), [pytest.param(told, taken, id=name) for name, told, taken in TAKEN])
async def test_lines_are_taken_as_they_were_told_where_they_follow_and_else_read(
    told: list[list[int]], taken: list[int] | None
) -> None:
    live = Live()
    async with live.listen(A) as ear, live.listen(B) as other:
        for one in (ear, other):
            assert one.take(0) is None  # the first look is at the ledger
        for seqs in told:
            live.news(A, [line(seq) for seq in seqs])
        assert ear.take(4) == (taken if taken is None else [line(seq) for seq in taken])
        assert ear.take(4) == []
        assert other.take(0) == []


async def test_after_a_wait_in_which_nothing_was_told_the_ledger_is_read() -> None:
    async with Live().listen(A) as ear:
        ear.take(0)
        assert not await ear.wait(0)
        assert ear.take(0) is None


async def test_that_somebody_writes_is_no_reason_to_read() -> None:
    live = Live()
    async with live.listen(A) as ear:
        ear.take(0)
        live.typing(A, True)
        assert await ear.wait(1)
        assert ear.take(0) == []


async def test_who_only_reads_gathers_no_lines() -> None:
    live = Live()
    async with live.listen(A) as ear:
        for seq in range(1, 1001):
            live.news(A, [line(seq)])
            await ear.wait(1)
            assert not ear._lines
        assert ear.take(999) is None

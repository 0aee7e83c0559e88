"""What a page is told by the commit that wrote it, and when it reads the ledger instead: each line once, in order."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from core import once, outbox
from core.model import Author, ConversationId, Line, Rendered
from door import socket as door_socket
from tests.door.conftest import Running
from tests.door.tab import Tab, tab, whisper


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """After which seq the ledger was read for a page."""
    seen: list[int] = []
    read = outbox.transcript

    def transcript(conn: Any, which: ConversationId, *, after: int, limit: int = 200) -> list[Line]:
        seen.append(after)
        return read(conn, which, after=after, limit=limit)

    monkeypatch.setattr(door_socket.outbox, "transcript", transcript)
    return seen


@pytest.fixture
def unswept(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    """No second look: what is not told is never found."""

    async def sweep() -> None:
        pass

    monkeypatch.setattr(running.house.sockets, "sweep", sweep)


async def written(running: Running, to: ConversationId, *texts: str) -> list[Line]:
    """Lines of the house, committed by this process and not told yet."""
    now, items = running.house.clock(), [Rendered(text=text) for text in texts]
    lines = await running.house.store.write(
        lambda conn: outbox.put(conn, to, items, cause=f"test:{texts}", author=Author.AGENT, now=now, live=True)
    )
    return list(lines)


def texts(page: Tab) -> list[str]:
    """What the page was shown, in the order in which it was, after the greeting."""
    return [text for _, _, text in page.messages()][1:]


@pytest.mark.usefixtures("unswept")
async def test_what_this_house_has_written_is_told_without_a_read(running: Running, reads: list[int]) -> None:
    async with tab(running) as one, tab(running) as two:
        await one.hello()
        await one.next("msg")
        await two.hello(one.token)
        await two.next("msg")
        assert (first := len(reads)) >= 2  # each page once, when it opened
        for n in range(3):
            await one.write(f"line {n}", f"c-{n}")
            for page in (one, two):
                await page.hear("bot")
        assert len(reads) == first
        assert one.messages() == two.messages()
    told = one.messages()
    async with tab(running) as three:
        await three.hello(one.token)
        await three.until_seq(told[-1][0])
        assert three.messages() == told
        assert [f for f in three.frames if f["type"] == "msg"] == [f for f in one.frames if f["type"] == "msg"]


@pytest.mark.usefixtures("unswept")
async def test_what_another_process_wrote_before_it_is_read_and_shown_first(running: Running) -> None:
    async with tab(running) as one, tab(running) as two:
        await one.hello()
        await one.next("msg")
        await two.hello(one.token)
        await two.next("msg")
        await whisper(running, one.conversation, "theirs", 2)
        await one.write("mine", "c-1")
        for page in (one, two):
            await page.own("c-1")
            await page.hear("bot")
            assert [seq for seq, _, _ in page.messages()] == list(range(2, 7))
            assert texts(page)[:3] == ["theirs", "theirs", "mine"]


@pytest.mark.usefixtures("unswept")
async def test_of_two_commits_that_are_told_the_wrong_way_round_each_line_is_shown_once_in_order(
    running: Running,
) -> None:
    async with tab(running) as one:
        await one.hello()
        await one.next("msg")
        first, second = (
            await written(running, one.conversation, "first"),
            await written(running, one.conversation, "second"),
        )
        running.house.live.news(one.conversation, second)
        await one.next("msg", text="second")
        for lines in (first, second, first):
            running.house.live.news(one.conversation, lines)
        await one.write("third", "c-1")
        await one.own("c-1")
        assert texts(one) == ["first", "second", "third"]


@pytest.mark.usefixtures("unswept")
async def test_what_was_read_before_it_was_told_is_not_shown_again(running: Running, reads: list[int]) -> None:
    async with tab(running) as one:
        await one.hello()
        await one.next("msg")
        early = await written(running, one.conversation, "early")
        running.house.live.news(one.conversation)  # a word without lines, such as the sweep's
        await one.next("msg", text="early")
        count = len(reads)
        running.house.live.news(one.conversation, early + await written(running, one.conversation, "late"))
        await one.next("msg", text="late")
        assert texts(one) == ["early", "late"]
        assert len(reads) == count


@pytest.mark.usefixtures("unswept")
async def test_what_may_be_read_once_is_shown_as_long_as_the_ledger_lets_it(running: Running) -> None:
    house, base = running.house, running.url
    async with tab(running) as one:
        await one.hello()
        await one.next("msg")
        now = house.clock()
        cases: list[tuple[datetime, once.Kind, str]] = [
            (now, once.LINK, f"{base}/id/abc"),
            (now, once.KIND, "/id/abc"),
            (now - timedelta(hours=2), once.KIND, once.GONE),
        ]
        for at, kind, shown in cases:
            mark = await house.store.write(
                lambda conn, at=at, kind=kind: once.hide(conn, house.vault, one.conversation, "/id/abc", at, kind=kind)
            )
            house.live.news(one.conversation, await written(running, one.conversation, f"here: {mark}"))
            assert (await one.next("msg"))["text"] == f"here: {shown}"

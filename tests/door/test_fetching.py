"""Files that consumers send: had once, sealed, given to their case, and asked for again where that fails."""

from __future__ import annotations

import asyncio
import io
import threading
import zipfile
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from aiohttp import web
from sqlalchemy import func, select, update

from cases import attachments, evidence, history, intake, privacy
from cases.intake import Contact, Told
from cases.model import Case
from cases.privacy import Erased
from cases.states import Act
from cases.tables import case_attachment, complaint_case
from channels import Channel, make
from core import alarm, files, outbox
from core.inbox import Inbox
from core.live import Live
from core.model import Attachment, Author, ChannelId, ConversationId, Inbound, Line, MessageKind, Rendered
from core.store import Store
from core.tables import file
from core.vault import Vault
from door import fetching
from door.fetching import Fetcher
from door.metrics import Metrics
from tests.cases.given import done
from tests.cases.test_attachments import scanner
from tests.conftest import Clock
from tests.door.conftest import HOOK, SECRET

JPEG = b"\xff\xd8\xff\xe0" + b"a contract, photographed" * 40
PROGRAM = b"\x7fELF\x02\x01\x01" + bytes(64)
LONGEST = 100_000  # bytes
CHANNEL = ChannelId(HOOK)


def zipped() -> bytes:
    """50 MB of zeros in 50 kB, as a ZIP."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as bomb:
        bomb.writestr("zeros", bytes(50_000_000))
    return made.getvalue()


@dataclass
class Shelf:
    """The server that the files are on."""

    holds: dict[str, bytes] = field(default_factory=dict[str, bytes])
    status: int = 200
    asked: list[str] = field(default_factory=list[str])
    url: str = ""
    reached: asyncio.Event = field(default_factory=asyncio.Event)
    go_on: asyncio.Event | None = None

    async def give(self, request: web.Request) -> web.StreamResponse:
        name = request.path.removeprefix("/")
        self.asked.append(name)
        self.reached.set()
        if self.go_on is not None:
            await self.go_on.wait()
        if self.status != 200:
            return web.Response(status=self.status)
        found = self.holds.get(name)
        return web.Response(status=404) if found is None else web.Response(body=found, content_type="image/png")


@pytest.fixture
async def shelf() -> AsyncGenerator[Shelf]:
    shelf = Shelf(holds={"a.jpg": JPEG, "program": PROGRAM, "long": b"x" * (LONGEST + 1), "bomb.zip": zipped()})
    app = web.Application()
    app.router.add_get("/{name}", shelf.give)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    shelf.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield shelf
    await runner.cleanup()


@dataclass
class Desk:
    """A ledger with a consumer in it, and the server that their files are on."""

    store: Store
    vault: Vault
    clock: Clock
    shelf: Shelf
    where: ConversationId = field(default=ConversationId(""))
    live: Live = field(default_factory=Live)
    sent: int = 0

    async def sends(self, *names: str, **more: Any) -> ConversationId:
        """One message with these files."""
        self.sent += 1
        urls = [name if "://" in name else f"{self.shelf.url}/{name}" for name in names]
        inbound = Inbound(
            sender="anna",
            external_id=f"m{self.sent}",
            kind=MessageKind.ATTACHMENT,
            attachments=tuple(Attachment(media_type="image/png", url=url, **more) for url in urls),
        )
        inbox = Inbox(self.store, self.vault)
        accepted = await inbox.accept(channel=CHANNEL, kind="webhook", inbound=inbound, now=self.clock())
        self.where = accepted.conversation
        return self.where

    @asynccontextmanager
    async def house(self, scan: str = "") -> AsyncGenerator[Fetcher]:
        """What fetches in one house."""
        told = {"kind": "webhook", "secret": SECRET, "callback_url": "http://127.0.0.1:9/"}
        channel: Channel = make(HOOK, told | {"file_origins": [self.shelf.url]}, self.clock)
        await channel.start()
        yield Fetcher(
            store=self.store,
            vault=self.vault,
            live=self.live,
            channels={channel.id: channel},
            longest=LONGEST,
            scan=scan,
            words=lambda say, shown: Rendered(text=f"{say.key} {say.args} {shown}"),
            default_language="zh",
            metrics=Metrics(),
            clock=self.clock,
        )
        await channel.close()

    async def fetch(self, scan: str = "") -> None:
        async with self.house(scan) as one:
            await one.drain(self.where)

    async def rows(self) -> list[Any]:
        return await self.store.read(lambda conn: list(conn.execute(select(file).order_by(file.c.id))))

    async def states(self) -> list[str]:
        return [row.state for row in await self.rows()]

    async def said(self) -> list[str]:
        lines: list[Line] = await self.store.read(lambda conn: outbox.transcript(conn, self.where, after=0))
        return [line.text for line in lines if line.author is not Author.CONTACT]

    async def alarms(self) -> list[str]:
        return [one.kind for one in await self.store.read(alarm.open_alarms)]

    async def draft(self) -> Case:
        """A draft that the consumer has kept."""
        told = Told(
            texts={"facts": "多扣了年费", "person": "王小明"},
            contact=Contact(phone="13912345678"),
            conversation_id=self.where,
            source_channel="webhook",
            language="zh",
        )
        made = await self.store.write(
            lambda conn: intake.save_draft(conn, self.vault, told, cause="a test", now=self.clock())
        )
        return made.case

    async def kept(self, case_no: str) -> list[bytes]:
        """The files of a case, opened."""

        def op(conn: Any) -> list[bytes]:
            found = attachments.of_case(conn, history.load(conn, case_no))
            return [
                attachments.content(conn, self.vault, one.id, actor="li", reason="a test", now=self.clock())
                for one in found
            ]

        return await self.store.write(op)


@pytest.fixture
def desk(store: Store, vault: Vault, clock: Clock, shelf: Shelf) -> Desk:
    return Desk(store, vault, clock, shelf)


async def test_a_file_is_kept_sealed_and_is_what_its_content_is(desk: Desk) -> None:
    await desk.sends("a.jpg", name="合同 13912345678.png")
    await desk.fetch()
    (row,) = await desk.rows()
    assert (row.state, row.media_type, row.size, row.verdict) == ("kept", "image/jpeg", len(JPEG), "not_scanned")
    assert row.name == "合同 ⟦phone⟧.png"
    assert b"contract" not in row.sealed
    assert await desk.said() == []
    assert desk.shelf.asked == ["a.jpg"]


async def test_a_file_without_a_name_is_called_by_what_it_is_and_a_link_is_none(desk: Desk) -> None:
    await desk.sends("a.jpg")
    await desk.sends("https://files.example/page", link=True)
    await desk.fetch()
    assert [row.name for row in await desk.rows()] == ["image.jpg"]


async def test_two_houses_fetch_one_file_once(desk: Desk) -> None:
    await desk.sends("a.jpg")
    async with desk.house() as one, desk.house() as other:
        await asyncio.gather(*(house.drain(desk.where) for house in (one, other, one, other)))
    assert desk.shelf.asked == ["a.jpg"]
    assert await desk.states() == ["kept"]


async def test_a_house_killed_before_its_commit_is_followed_by_another_and_the_file_is_there_once(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    await desk.sends("a.jpg")
    case = await desk.draft()
    fetched, dead = threading.Event(), threading.Event()
    inspected = fetching.inspected

    def dies(*given: Any, **more: Any) -> Any:
        fetched.set()
        dead.wait(10)
        return inspected(*given, **more)

    async with desk.house() as one:
        monkeypatch.setattr(fetching, "inspected", dies)
        killed = asyncio.create_task(one.drain(desk.where))
        await asyncio.to_thread(fetched.wait, 10)
        killed.cancel()
        await asyncio.gather(killed, return_exceptions=True)
        dead.set()
    monkeypatch.setattr(fetching, "inspected", inspected)
    await desk.fetch()
    assert desk.shelf.asked == ["a.jpg"]  # it is still the dead one's
    desk.clock.forward(files.LEASE.total_seconds())
    await desk.fetch()
    assert desk.shelf.asked == ["a.jpg", "a.jpg"]
    assert await desk.states() == ["attached"]
    assert await desk.kept(case.case_no) == [JPEG]


async def test_a_house_that_was_too_slow_changes_nothing_of_what_another_one_did(desk: Desk) -> None:
    await desk.sends("a.jpg")
    desk.shelf.go_on = asyncio.Event()
    async with desk.house() as slow, desk.house() as quick:
        late = asyncio.create_task(slow.drain(desk.where))
        await desk.shelf.reached.wait()
        desk.clock.forward(files.LEASE.total_seconds())
        second = asyncio.create_task(quick.drain(desk.where))
        desk.shelf.go_on.set()
        await asyncio.gather(late, second)
    (row,) = await desk.rows()
    assert (row.state, row.attempts) == ("kept", 2)


async def test_what_a_dead_wake_left_behind_is_found(desk: Desk) -> None:
    await desk.sends("a.jpg")
    async with desk.house() as one:
        await one.look()
        assert await desk.live.files.next() == desk.where
        await one.drain(desk.where)
        await one.look()
    assert len(desk.live.files) == 0


REFUSED = [
    ("program", "", "file.not_taken {} zh", []),
    ("gone.jpg", "", "file.lost {} zh", ["file_lost"]),
    ("http://127.0.0.1:1/a.jpg", "", "file.lost {} zh", ["file_lost"]),
    ("long", "", "file.too_large {'mb': 1} zh", []),
    ("a.jpg", scanner("sys.exit(1)"), "file.unsafe {} zh", ["file_unsafe"]),
]


async def test_a_file_that_cannot_be_kept_is_told_once_for_each_message(desk: Desk) -> None:
    alarmed: set[str] = set()
    for n, (name, scan, said, alarms) in enumerate(REFUSED, start=1):
        await desk.sends(name, name)
        await desk.fetch(scan)
        assert (await desk.said())[n - 1 :] == [said], name
        alarmed.update(alarms)
        assert set(await desk.alarms()) == alarmed, name
    assert {(row.state, row.key, row.sealed, row.url) for row in await desk.rows()} == {("lost", None, None, "")}


async def test_a_file_is_tried_again_for_half_an_hour_and_then_asked_for_once_more(desk: Desk) -> None:
    await desk.sends("a.jpg")
    for n, seconds in enumerate((*files.DELAYS, 0.0)):
        assert await desk.said() == []
        desk.shelf.status = 503 if n % 2 else 200
        await desk.fetch(scanner("sys.exit(2)"))  # a scanner that fails, where the platform does not
        desk.clock.forward(seconds)
    assert len(desk.shelf.asked) == 6
    assert await desk.states() == ["lost"]
    assert await desk.said() == ["file.lost {} zh"]
    assert await desk.alarms() == ["file_lost"]
    assert 1500 < sum(files.DELAYS) < 1800


async def test_a_file_that_comes_at_a_later_try_is_kept(desk: Desk) -> None:
    await desk.sends("a.jpg")
    desk.shelf.status = 500
    await desk.fetch()
    desk.shelf.status = 200
    await desk.fetch()
    assert len(desk.shelf.asked) == 1  # not before its time
    desk.clock.forward(files.DELAYS[0])
    await desk.fetch()
    assert await desk.states() == ["kept"]


async def test_what_is_packed_is_kept_as_it_is(desk: Desk) -> None:
    await desk.sends("bomb.zip")
    case = await desk.draft()
    await desk.fetch()
    assert await desk.kept(case.case_no) == [desk.shelf.holds["bomb.zip"]]


async def test_of_too_many_files_in_a_day_the_last_ones_are_not_taken(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "PER_DAY", 2)
    await desk.sends("a.jpg", "a.jpg")
    await desk.fetch()
    await desk.sends("a.jpg")
    await desk.fetch()
    assert await desk.states() == ["kept", "kept", "lost"]
    assert await desk.said() == ["file.too_many {} zh"]
    desk.clock.forward(files.DAY.total_seconds())
    await desk.sends("a.jpg")
    await desk.fetch()
    assert (await desk.states())[-1] == "kept"


async def test_a_kept_file_that_does_not_open_stays_and_people_are_told(desk: Desk) -> None:
    await desk.sends("a.jpg")
    await desk.fetch()
    await desk.draft()
    await desk.store.write(lambda conn: conn.execute(update(file).values(key=b"damaged")) and None)
    for seconds in (*files.DELAYS, 0.0):
        assert await desk.alarms() == []
        await desk.fetch()
        desk.clock.forward(seconds)
    assert await desk.alarms() == ["file_lost"]
    assert await desk.states() == ["moving"]
    assert await desk.said() == []


# Cases ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fetched_first", [True, False])
async def test_files_go_with_what_their_conversation_files(desk: Desk, fetched_first: bool) -> None:
    await desk.sends("a.jpg", name="合同.jpg")
    if fetched_first:
        await desk.fetch()
    case = await desk.draft()
    await desk.fetch()
    assert await desk.kept(case.case_no) == [JPEG]
    (row,) = await desk.rows()
    assert (row.state, row.case_no, row.key, row.sealed, row.name) == ("attached", case.case_no, None, None, "")
    events = await desk.store.read(lambda conn: history.events(conn, history.load(conn, case.case_no)))
    (attached,) = [each for each in events if each.act == "attach"]
    assert (attached.actor, attached.facts["name"]) == ("consumer", "合同.jpg")
    assert desk.shelf.asked == ["a.jpg"]


async def test_what_was_sent_more_than_a_day_before_or_is_in_a_case_stays_where_it_is(desk: Desk) -> None:
    await desk.sends("a.jpg")
    await desk.fetch()
    desk.clock.forward(timedelta(days=1).total_seconds())
    case = await desk.draft()
    await desk.sends("a.jpg")
    given = await desk.store.write(
        lambda conn: [evidence.give(conn, case.case_no, desk.where, now=desk.clock()) for _ in range(2)]
    )
    await desk.fetch()
    assert given == [1, 0]
    assert await desk.states() == ["kept", "attached"]


async def test_a_later_file_goes_to_the_newest_case_that_is_open(desk: Desk) -> None:
    await desk.sends("a.jpg")
    case = await desk.draft()
    find: Callable[[Any], str] = lambda conn: evidence.open_case(conn, desk.where)  # noqa: E731
    assert await desk.store.read(find) == case.case_no
    await done(desk.store, desk.vault, case, Act.SUBMIT, Act.WITHDRAW, now=desk.clock())
    assert await desk.store.read(find) == ""


async def test_a_file_for_a_case_that_was_merged_goes_to_the_other_one(desk: Desk) -> None:
    await desk.sends("a.jpg")
    case = await desk.draft()
    other = (await desk.sends("a.jpg")) and case.case_no
    into = await desk.store.write(
        lambda conn: intake.file(
            conn,
            desk.vault,
            Told(
                texts={"type": "enquiry", "facts": "利率怎么算"},
                conversation_id=desk.where,
                source_channel="webhook",
                language="zh",
            ),
            cause="another",
            again=True,
            now=desk.clock(),
        )
    )
    assert into.opened is not None
    wanted = into.opened.case.case_no
    await desk.store.write(
        lambda conn: (
            conn.execute(update(complaint_case).where(complaint_case.c.case_no == other).values(merged_into=wanted))
            and None
        )
    )
    await desk.fetch()
    counted = select(func.count()).select_from(case_attachment)
    assert await desk.store.read(lambda conn: conn.execute(counted).scalar_one()) == 1  # the same file twice is one
    assert await desk.kept(wanted) == [JPEG]


# Erased and forgotten -------------------------------------------------------------------------------------------------


async def erase(desk: Desk, case: Case) -> None:
    ended = await done(desk.store, desk.vault, case, Act.SUBMIT, Act.WITHDRAW, now=desk.clock())
    assert ended.retention_until is not None
    desk.clock.forward(5 * 366 * 86_400)
    await desk.store.write(
        lambda conn: privacy.erase(conn, ended.person_id, basis="asked for it", actor="li", now=desk.clock())
    )


async def test_with_a_persons_data_their_files_go_wherever_they_are(desk: Desk) -> None:
    await desk.sends("a.jpg")
    case = await desk.draft()
    await desk.fetch()
    await erase(desk, case)
    await desk.sends("a.jpg")  # afterwards: of a new matter
    with pytest.raises(Erased):
        await desk.kept(case.case_no)
    bare = select(case_attachment.c.sealed)
    assert await desk.store.read(lambda conn: conn.execute(bare).scalars().all()) == [None]
    await desk.fetch()
    assert await desk.states() == ["attached", "kept"]


async def test_what_no_case_has_goes_too_and_is_listed_before(desk: Desk) -> None:
    await desk.sends("a.jpg", name="合同.jpg")
    await desk.fetch()
    desk.clock.forward(timedelta(days=2).total_seconds())
    case = await desk.draft()
    written = await desk.store.write(
        lambda conn: privacy.export(
            conn, desk.vault, case.person_id, requester="王", basis="asked", actor="li", now=desk.clock()
        )
    )
    assert '"files": [' in written.content.decode()
    assert "合同.jpg" in written.content.decode()
    await erase(desk, case)
    (row,) = await desk.rows()
    assert (row.state, row.key, row.sealed, row.name) == ("forgotten", None, None, "")


async def test_a_file_that_comes_after_its_person_was_erased_is_not_kept(desk: Desk) -> None:
    await desk.sends("a.jpg")
    case = await desk.draft()
    await erase(desk, case)
    await desk.store.write(
        lambda conn: conn.execute(update(file).values(state="wanted", url=f"{desk.shelf.url}/a.jpg")) and None
    )
    await desk.fetch()
    (row,) = await desk.rows()
    assert (row.state, row.sealed) == ("forgotten", None)


async def test_what_no_case_wants_in_thirty_days_is_forgotten(desk: Desk) -> None:
    await desk.sends("a.jpg")
    await desk.fetch()
    for days, state in ((29, "kept"), (1, "forgotten")):
        desk.clock.forward(timedelta(days=days).total_seconds())
        await desk.store.write(lambda conn: files.forget(conn, desk.clock()))
        assert await desk.states() == [state]
    (row,) = await desk.rows()
    assert (row.key, row.sealed) == (None, None)

"""The library: serves what the ledger says is live, publishes what is saved, keeps the old when a file is broken."""

from __future__ import annotations

import asyncio
import shutil
import threading
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from core.alarm import open_alarms
from core.errors import ContentError, NotFound
from core.model import Say
from core.settings import Settings
from core.store import Store
from core.tables import faq_publication, faq_version
from faq import files, versions
from faq.publish import Library
from tests.conftest import Clock
from tests.faq.folder import edit, make
from tests.waiting import until

SHORT = "用卡到取款机。"
NEW = "请用卡到取款机。"


class Desk:
    """A content folder, a ledger, and libraries on them."""

    def __init__(self, store: Store, folder: Path, clock: Clock) -> None:
        self.store, self.folder, self.clock = store, folder, clock

    async def open(self, folder: Path | None = None, **settings: Any) -> Library:
        return await Library.open(Settings(content=folder or self.folder, **settings), self.store, self.clock)

    def save(self, new: str = NEW, old: str = SHORT) -> None:
        edit(self.folder / "saving.yml", old, new)

    async def roll_back(self, version: str = "") -> str:
        """As `faq rollback` does."""

        def op(conn: Any) -> str:
            target = version or versions.before(conn)
            versions.make_live(conn, target, by="li", why="rolled_back", place="", now=self.clock())
            return target

        return await self.store.write(op)

    async def rows(self) -> list[tuple[str, str]]:
        """Every publication so far: version and why."""
        query = select(faq_publication).order_by(faq_publication.c.id)
        return [(r.version, r.why) for r in await self.store.read(lambda conn: conn.execute(query).all())]

    async def alarms(self) -> dict[str, str]:
        """Details of the open alarms by kind."""
        return {one.kind: one.detail for one in await self.store.read(open_alarms)}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return make(tmp_path / "content")


@pytest.fixture
def desk(store: Store, folder: Path, clock: Clock) -> Desk:
    return Desk(store, folder, clock)


def answer(library: Library, entry: str = "F02") -> str:
    return library.current.renderer.render(Say(faq=entry), "zh").text


# Opening ------------------------------------------------------------------------------------------------------------


async def test_a_library_publishes_its_first_files_and_serves_them(desk: Desk) -> None:
    library = await desk.open(hotline_number="0000")
    assert answer(library).startswith(SHORT)
    assert "0000" in answer(library, "F01")
    assert library.current.search.find("怎么取钱？", "zh").hits[0].id == "F02"
    assert await desk.rows() == [(library.version, "saved")]


async def test_opening_again_publishes_nothing(desk: Desk) -> None:
    first = await desk.open()
    again = await desk.open()
    assert again.version == first.version
    assert len(await desk.rows()) == 1


async def test_files_that_were_edited_while_nobody_looked_are_published_at_the_next_start(desk: Desk) -> None:
    await desk.open()
    desk.save()
    assert answer(await desk.open()).startswith(NEW)


async def test_a_process_without_files_serves_what_is_in_the_ledger(desk: Desk, tmp_path: Path) -> None:
    writing = await desk.open()
    reading = await desk.open(tmp_path / "nowhere")
    assert reading.version == writing.version
    assert answer(reading).startswith(SHORT)
    desk.save()
    await writing.look()
    await reading.follow()
    assert answer(reading).startswith(NEW)
    assert await desk.alarms() == {}


async def test_without_content_anywhere_a_library_does_not_open(desk: Desk, tmp_path: Path) -> None:
    with pytest.raises(ContentError, match=r"no content in the ledger, and no folder .*nowhere: set QIANTAI_CONTENT"):
        await desk.open(tmp_path / "nowhere")


async def test_first_files_that_cannot_be_used_are_named(desk: Desk) -> None:
    desk.save("confidence: sure\n", "confidence: V\n")
    edit(desk.folder / "responses" / "zh.yml", "hold: ", "halt: ")
    with pytest.raises(ContentError) as refused:
        await desk.open()
    assert "saving.yml:10: " in str(refused.value)
    assert "responses/zh.yml:0: " in str(refused.value)


async def test_with_broken_files_a_house_starts_with_what_is_live(desk: Desk) -> None:
    version = (await desk.open()).version
    desk.save("confidence: sure\n", "confidence: V\n")
    assert (await desk.open()).version == version
    assert (await desk.alarms())["content_broken"].startswith("saving.yml:10: ")


async def test_a_new_machine_with_old_files_does_not_bring_them_back(desk: Desk, tmp_path: Path) -> None:
    old = shutil.copytree(desk.folder, tmp_path / "old")
    await desk.open()
    desk.save()
    await desk.open()
    other = await desk.open(old)
    assert answer(other).startswith(NEW)
    await other.look()
    assert len(await desk.rows()) == 2


@pytest.mark.parametrize("harm", [{"files": None}, {"sha256": "0" * 64}, {"files": b"no archive", "sha256": None}])
async def test_a_live_version_that_cannot_be_read_any_more_is_replaced_by_the_files(
    desk: Desk, harm: dict[str, Any]
) -> None:
    version = (await desk.open()).version
    await desk.store.write(lambda conn: conn.execute(update(faq_version).values(**harm)))
    again = await desk.open()
    assert (again.version, await desk.alarms()) == (version, {})
    assert await desk.store.read(lambda conn: versions.kept(conn, version).version) == version


@pytest.fixture
async def newer(desk: Desk, tmp_path: Path) -> str:
    """A live version for a newer program: its entries have a field that nobody here knows."""
    opened = await desk.open()
    edit(folder := make(tmp_path / "newer") / "saving.yml", "  confidence: V\n", "  colour: red\n  confidence: V\n")
    taken = files.taken(folder.parent)
    checked = versions.Checked(files=taken, parts=versions.Parts(entries={}, files=taken.hashes()))

    def op(conn: Any) -> None:
        versions.keep(conn, checked, files.packed(taken), desk.clock())
        versions.make_live(conn, taken.version, by="li", why="published", place="elsewhere", now=desk.clock())

    await desk.store.write(op)
    await opened.follow()
    assert answer(opened).startswith(SHORT)  # a process that runs goes on with what it has
    return taken.version


@pytest.mark.parametrize("mode", ["auto", "manual"])
async def test_an_older_program_neither_starts_with_content_for_a_newer_one_nor_replaces_it(
    desk: Desk, newer: str, mode: str
) -> None:
    with pytest.raises(ContentError, match=rf"the live version {newer} cannot be used here: saving\.yml:10: .*colour"):
        await desk.open(publish=mode)
    assert (await desk.rows())[-1] == (newer, "published")


async def test_files_that_were_edited_are_published_over_content_that_cannot_be_used(desk: Desk, newer: str) -> None:
    desk.save()
    assert answer(await desk.open()).startswith(NEW)
    assert "content_unusable" not in await desk.alarms()


# Saving -------------------------------------------------------------------------------------------------------------


async def test_an_edit_is_published_as_a_whole(desk: Desk) -> None:
    library = await desk.open()
    before = library.current
    desk.save()
    await library.look()
    assert answer(library).startswith(NEW)
    assert library.version != before.version
    assert before.renderer.render(Say(faq="F02"), "zh").text.startswith(SHORT)  # a turn under way keeps its state


async def test_an_edited_sentence_is_live_like_an_entry(desk: Desk) -> None:
    library = await desk.open()
    edit(desk.folder / "responses" / "zh.yml", "hold: ", "hold: 您好，")
    await library.look()
    assert library.current.renderer.render(Say(key="hold"), "zh").text.startswith("您好，")


async def test_a_save_without_a_change_publishes_nothing(desk: Desk) -> None:
    library = await desk.open()
    before = library.current
    desk.save(SHORT)
    await library.look()
    assert library.current is before
    assert len(await desk.rows()) == 1


REFUSED = [
    ("confidence: V\n", "confidence: sure\n", "saving.yml:10: "),
    ("- id: F02", "- id: [", "saving.yml:20: not YAML"),
    ("related: [F02]", "related: [F99]", "saving.yml:17: related: there is no entry F99"),
    (', en: "Savings Reg', ', eng: "Savings Reg', "saving.yml:9: 0.basis: en is missing"),
    (SHORT, "保证追回您的钱。", "saving.yml:24: F02: prohibited content: promise of a result (保证追回)"),
]


@pytest.mark.parametrize(("old", "new", "told"), REFUSED)
async def test_a_refused_file_changes_nothing_raises_one_alarm_and_closes_it_once_mended(
    desk: Desk, old: str, new: str, told: str
) -> None:
    library = await desk.open()
    before = library.current
    desk.save(new, old)
    await library.look()
    await library.look()
    assert library.current is before
    assert len(await desk.rows()) == 1
    [one] = await desk.store.read(open_alarms)
    assert (one.kind, one.count) == ("content_broken", 1)
    assert one.detail.startswith(told)
    desk.save(old, new)
    await library.look()
    assert await desk.alarms() == {}
    assert library.current is before  # mended: the old content again


async def test_an_alarm_of_files_that_were_mended_while_nobody_looked_is_closed_at_the_next_start(desk: Desk) -> None:
    library = await desk.open()
    desk.save("confidence: sure\n", "confidence: V\n")
    await library.look()
    desk.save("confidence: V\n", "confidence: sure\n")
    await desk.open()
    assert await desk.alarms() == {}


async def test_wording_that_is_only_bad_style_is_published(desk: Desk) -> None:
    library = await desk.open()
    desk.save("你用卡到取款机。")
    await library.look()
    assert answer(library).startswith("你用卡")


async def test_a_folder_that_vanishes_keeps_the_old_content(desk: Desk) -> None:
    library = await desk.open()
    shutil.rmtree(desk.folder)
    await library.look()
    assert answer(library).startswith(SHORT)
    assert "no topic files" in (await desk.alarms())["content_broken"]


async def test_a_file_that_cannot_be_read_is_named(desk: Desk) -> None:
    library = await desk.open()
    (desk.folder / "loans.yml").symlink_to("nowhere.yml")
    await library.look()
    assert (await desk.alarms())["content_broken"].startswith("loans.yml:0: cannot be read: ")


async def test_with_manual_publishing_a_save_waits_and_is_checked(desk: Desk) -> None:
    library = await desk.open(publish="manual")
    desk.save()
    await library.look()
    assert answer(library).startswith(SHORT)
    assert answer(await desk.open(publish="manual")).startswith(SHORT)
    desk.save("confidence: sure\n", "confidence: V\n")
    await library.look()
    assert "content_broken" in await desk.alarms()
    assert len(await desk.rows()) == 1


async def test_two_processes_that_see_the_same_save_publish_it_once(desk: Desk) -> None:
    libraries = [await desk.open() for _ in range(4)]
    desk.save()
    await asyncio.gather(*(library.look() for library in libraries))
    assert {answer(library).split("。")[0] + "。" for library in libraries} == {NEW}
    assert [why for _, why in await desk.rows()] == ["saved", "saved"]


# Going back ---------------------------------------------------------------------------------------------------------


async def test_after_a_rollback_only_a_further_save_publishes_also_across_restarts(desk: Desk) -> None:
    library = await desk.open()
    old = library.version
    desk.save()
    await library.look()
    assert await desk.roll_back() == old
    await library.follow()
    await library.look()
    assert answer(library).startswith(SHORT)
    again = await desk.open()
    await again.look()
    assert (again.version, len(await desk.rows())) == (old, 3)
    desk.save("用卡。", NEW)
    await again.look()
    assert answer(again).startswith("用卡。")


async def test_an_edit_undone_by_hand_after_a_rollback_can_be_made_again(desk: Desk) -> None:
    library = await desk.open()
    desk.save()
    await library.look()
    await desk.roll_back()
    await library.follow()
    desk.save(SHORT, NEW)
    await library.look()
    desk.save()
    await library.look()
    assert answer(library).startswith(NEW)


async def test_rolling_back_twice_goes_back_by_two_and_further_is_told(desk: Desk) -> None:
    library = await desk.open()
    found = [library.version]
    for old, new in ((SHORT, NEW), (NEW, "用卡。")):
        desk.save(new, old)
        await library.look()
        found.append(library.version)
    assert [await desk.roll_back(), await desk.roll_back()] == [found[1], found[0]]
    with pytest.raises(NotFound, match="no version before"):
        await desk.roll_back()
    await desk.roll_back(found[2])
    assert await desk.roll_back() == found[0]


async def test_a_published_version_that_cannot_be_used_here_leaves_the_old_one_and_an_alarm(desk: Desk) -> None:
    library = await desk.open()
    old = library.version
    desk.save()
    await library.look()
    harmed = update(faq_version).where(faq_version.c.id == old).values(sha256="0" * 64)
    await desk.store.write(lambda conn: conn.execute(harmed))
    await desk.roll_back(old)
    await library.follow()
    await library.follow()
    assert answer(library).startswith(NEW)
    [told] = await desk.store.read(open_alarms)
    assert (told.kind, told.count) == ("content_unusable", 1)
    assert told.detail == f"the live version {old} cannot be used here: the kept files of version {old} are damaged"
    desk.save("用卡。", NEW)
    await library.look()
    assert await desk.alarms() == {}


# Days ---------------------------------------------------------------------------------------------------------------


async def test_at_midnight_in_china_an_entry_ends_with_no_file_changed(desk: Desk) -> None:
    desk.clock.now += timedelta(days=365)  # 2027-11-21, noon in China: its last day
    library = await desk.open()
    assert answer(library).startswith(SHORT)
    version = library.version
    desk.clock.forward(12 * 3600)
    await library.turn()
    assert "F02" not in [hit.id for hit in library.current.search.find("怎么取钱？", "zh").hits]
    assert not answer(library).startswith(SHORT)
    assert library.version == version


async def test_an_entry_that_ends_is_told_of_once_before_and_once_after_whatever_the_processes(desk: Desk) -> None:
    desk.clock.now += timedelta(days=334)  # 2027-10-21: 31 days before
    library, other = await desk.open(), await desk.open()
    assert await desk.alarms() == {}
    desk.clock.forward(24 * 3600)
    for one in (library, other):
        await one.turn()
    [ending] = await desk.store.read(open_alarms)
    assert (ending.kind, ending.subject, ending.count) == ("content_expiring", "saving", 1)
    assert ending.detail == "answered until: F02 2027-11-21"
    desk.clock.forward(31 * 24 * 3600)
    for one in (library, other):
        await one.turn()
    [ended] = await desk.store.read(open_alarms)
    assert (ended.kind, ended.subject, ended.count) == ("content_expired", "saving", 1)
    assert ended.detail == "no longer answered since: F02 2027-11-21"
    desk.save("valid_to: 2028-11-21", "valid_to: 2027-11-21")
    await library.look()
    await library.turn()
    assert await desk.alarms() == {}  # renewed


class Witness(Clock):
    """A clock that knows in which threads it was read; whoever makes a state of the content reads it."""

    def __init__(self) -> None:
        super().__init__()
        self.threads: set[int] = set()

    def __call__(self) -> datetime:
        self.threads.add(threading.get_ident())
        return super().__call__()


async def test_a_state_is_made_in_a_thread_and_never_on_the_event_loop(store: Store, folder: Path) -> None:
    clock = Witness()
    desk = Desk(store, folder, clock)
    library = await desk.open()

    async def save() -> None:
        desk.save()
        await library.look()

    async def roll_back() -> None:
        await desk.roll_back()
        await library.follow()

    async def midnight() -> None:
        clock.forward(24 * 3600)
        await library.turn()

    for act in (save, roll_back, midnight):
        before = library.current
        clock.threads.clear()
        await act()
        assert library.current is not before
        assert clock.threads - {threading.get_ident()}, act.__name__


# Watching -----------------------------------------------------------------------------------------------------------


@pytest.fixture
async def watching(desk: Desk) -> AsyncIterator[Library]:
    library = await desk.open()
    task = asyncio.create_task(library.watch())
    yield library
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


async def test_a_save_is_published_by_itself(watching: Library, desk: Desk) -> None:
    before = watching.version
    desk.save()
    await until(lambda: watching.version != before)
    before = watching.version
    edit(desk.folder / "responses" / "en.yml", "hold: ", "hold: Hello, ")
    await until(lambda: watching.version != before)


@pytest.mark.parametrize("gone", [0.0, 2.5])  # seconds
async def test_saves_in_a_folder_put_in_place_of_another_are_seen(watching: Library, desk: Desk, gone: float) -> None:
    new_one = shutil.copytree(desk.folder, desk.folder.with_name("new"))
    shutil.move(desk.folder, desk.folder.with_name("old"))
    await asyncio.sleep(gone)
    shutil.move(new_one, desk.folder)
    desk.save()
    await until(lambda: answer(watching).startswith(NEW))


async def test_what_another_process_makes_live_is_taken(watching: Library, desk: Desk) -> None:
    old = watching.version
    desk.save()
    await until(lambda: watching.version != old)
    await desk.roll_back()
    await until(lambda: watching.version == old)


async def test_the_day_turns_by_itself(watching: Library, desk: Desk) -> None:
    day = watching.current.day
    desk.clock.forward(24 * 3600)
    await until(lambda: watching.current.day == day + timedelta(days=1))


async def test_a_broken_save_is_told_and_the_next_good_one_taken(watching: Library, desk: Desk) -> None:
    before = watching.version
    desk.save("confidence: sure\n", "confidence: V\n")

    async def told() -> bool:
        return "content_broken" in await desk.alarms()

    await until(told)
    assert watching.version == before
    desk.save("confidence: V2\n", "confidence: sure\n")
    await until(lambda: watching.version != before)

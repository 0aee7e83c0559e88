"""The library: follows its files, swaps whole states, and keeps the old one when a file is broken."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select

from core.errors import ContentError
from core.model import Say
from core.settings import Settings
from core.store import Store
from core.tables import alarm, faq_version
from faq.publish import Current, Library
from tests.conftest import Clock
from tests.faq.folder import edit, make

SHORT = "用卡到取款机。"
DEADLINE = 20.0  # seconds; a save is seen within one


class Told:
    """What a library told its house."""

    def __init__(self) -> None:
        self.states: list[Current] = []
        self.problems: list[str] = []

    async def published(self, current: Current) -> None:
        self.states.append(current)

    async def broken(self, problems: str) -> None:
        self.problems.append(problems)


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return make(tmp_path / "content")


@pytest.fixture
def library(folder: Path, told: Told, clock: Clock) -> Library:
    return Library(folder, clock=clock, published=told.published, broken=told.broken)


def answer(library: Library, entry: str = "F02") -> str:
    return library.current.renderer.render(Say(faq=entry), "zh").text


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(DEADLINE):
        while not true():  # noqa: ASYNC110 (what is waited for is a file system's word, which sets no event of ours)
            await asyncio.sleep(0.02)


def test_a_library_opens_with_its_content(library: Library) -> None:
    assert answer(library).startswith(SHORT)
    assert library.current.search.find("怎么取钱？", "zh").hits[0].id == "F02"
    assert library.version == library.current.version


def test_a_library_without_usable_content_does_not_open(folder: Path) -> None:
    edit(folder / "saving.yml", "confidence: V\n", "confidence: sure\n")
    edit(folder / "responses" / "zh.yml", "hold: ", "halt: ")
    with pytest.raises(ContentError) as refused:
        Library(folder)
    assert "saving.yml:10: " in str(refused.value)
    assert "responses/zh.yml:0: " in str(refused.value)


async def test_an_edit_is_published_as_a_whole(library: Library, folder: Path, told: Told) -> None:
    before = library.current
    edit(folder / "saving.yml", SHORT, "请用卡到取款机。")
    assert await library.publish()
    assert answer(library).startswith("请用卡到取款机。")
    assert library.version != before.version
    assert before.renderer.render(Say(faq="F02"), "zh").text.startswith(SHORT)  # a turn under way keeps its state
    assert [state.version for state in told.states] == [library.version]


async def test_an_edited_sentence_is_live_like_an_entry(library: Library, folder: Path) -> None:
    edit(folder / "responses" / "zh.yml", "hold: ", "hold: 您好，")
    assert await library.publish()
    assert library.current.renderer.render(Say(key="hold"), "zh").text.startswith("您好，")


async def test_a_save_without_a_change_publishes_nothing(library: Library, folder: Path, told: Told) -> None:
    before = library.current
    edit(folder / "saving.yml", SHORT, SHORT)
    assert not await library.publish()
    assert library.current is before
    assert told.states == []


@pytest.mark.parametrize(
    ("old", "new", "place"),
    [("confidence: V\n", "confidence: sure\n", "saving.yml:10: "), ("- id: F02", "- id: [", "saving.yml:20: not YAML")],
)
async def test_a_broken_file_keeps_the_old_content_and_is_told_once(
    library: Library, folder: Path, told: Told, old: str, new: str, place: str
) -> None:
    before = library.current
    edit(folder / "saving.yml", old, new)
    assert not await library.publish()
    assert not await library.publish()
    assert library.current is before
    assert len(told.problems) == 1
    assert told.problems[0].startswith(place)
    edit(folder / "saving.yml", new, old)
    assert not await library.publish()  # mended: the old content again
    edit(folder / "saving.yml", old, new)
    await library.publish()
    assert len(told.problems) == 2


async def test_a_folder_that_vanishes_keeps_the_old_content(library: Library, folder: Path, told: Told) -> None:
    shutil.rmtree(folder)
    assert not await library.publish()
    assert answer(library).startswith(SHORT)
    assert "no topic files" in told.problems[0]


def test_at_midnight_in_china_an_entry_ends_with_no_file_changed(library: Library, clock: Clock) -> None:
    clock.now += timedelta(days=365)  # 2027-11-21, noon in China: its last day
    assert answer(library).startswith(SHORT)
    version = library.version
    clock.forward(12 * 3600)
    assert "F02" not in [hit.id for hit in library.current.search.find("怎么取钱？", "zh").hits]
    assert not answer(library).startswith(SHORT)
    assert library.version == version


# Watching -----------------------------------------------------------------------------------------------------------


@pytest.fixture
async def watching(library: Library) -> AsyncIterator[Library]:
    task = asyncio.create_task(library.watch())
    yield library
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


async def test_a_save_is_published_by_itself(watching: Library, folder: Path, told: Told) -> None:
    before = watching.version
    edit(folder / "saving.yml", SHORT, "请用卡到取款机。")
    await until(lambda: watching.version != before)
    await until(lambda: len(told.states) == 1)
    before = watching.version
    edit(folder / "responses" / "en.yml", "hold: ", "hold: Hello, ")
    await until(lambda: watching.version != before)


async def test_a_broken_save_is_told_and_the_next_good_one_taken(watching: Library, folder: Path, told: Told) -> None:
    before = watching.version
    edit(folder / "saving.yml", "confidence: V\n", "confidence: sure\n")
    await until(lambda: bool(told.problems))
    assert watching.version == before
    edit(folder / "saving.yml", "confidence: sure\n", "confidence: V2\n")
    await until(lambda: watching.version != before)


# In a house ---------------------------------------------------------------------------------------------------------


async def test_a_house_notes_each_state_once(store: Store, folder: Path, clock: Clock, tmp_path: Path) -> None:
    settings = Settings(content=folder, data=tmp_path, hotline_number="0000")
    library = await Library.open(settings, store, clock)
    assert "0000" in answer(library, "F01")
    await Library.open(settings, store, clock)
    edit(folder / "saving.yml", SHORT, "请用卡到取款机。")
    await library.publish()
    rows = await store.read(lambda conn: conn.execute(select(faq_version).order_by(faq_version.c.published_at)).all())
    assert len(rows) == 2
    assert library.version in [row.id for row in rows]
    assert {(row.entries, row.published_at) for row in rows} == {(2, clock())}


async def test_a_broken_file_raises_an_alarm_that_names_it(
    store: Store, folder: Path, clock: Clock, tmp_path: Path
) -> None:
    library = await Library.open(Settings(content=folder, data=tmp_path), store, clock)
    edit(folder / "saving.yml", "confidence: V\n", "confidence: sure\n")
    await library.publish()
    assert await store.read(lambda conn: conn.execute(select(func.count()).select_from(alarm)).scalar_one()) == 1
    [row] = await store.read(lambda conn: conn.execute(select(alarm)).all())
    assert "saving.yml:10" in row.detail

"""Versions in the ledger: what came before them, how many are kept, what goes wrong, and files packed and laid out."""

from __future__ import annotations

import asyncio
import io
import os
import shutil
import threading
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import Connection, func, insert, select, text

from core.errors import ContentError, NotFound
from core.settings import Settings
from core.store import Store, migrate
from core.tables import faq_version
from faq import files, making, versions
from faq.files import Files
from faq.publish import Library
from tests.conftest import NOON, Clock
from tests.faq.folder import edit, make


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return make(tmp_path / "content")


# From before --------------------------------------------------------------------------------------------------------


async def test_versions_from_before_their_files_were_kept_are_listed_and_cannot_be_gone_back_to(
    empty_url: str, folder: Path, clock: Clock
) -> None:
    await asyncio.to_thread(migrate, empty_url, "0001")
    store = await Store.open(empty_url)
    row = text("INSERT INTO faq_version (id, entries, published_at) VALUES (:id, :n, :at)")

    def old(conn: Connection) -> None:
        for n, name in enumerate(("beef00000001", "beef00000000")):
            conn.execute(row, {"id": name, "n": 80 + n, "at": 1_000_000 * (n + 1)})

    await store.write(old)
    await store.close()
    await asyncio.to_thread(migrate, empty_url)
    store = await Store.open(empty_url)
    listed = await store.read(lambda conn: versions.history(conn, 10))
    assert [(one.publication.version, one.entries, one.kept, one.live) for one in listed] == [
        ("beef00000000", 81, False, True),
        ("beef00000001", 80, False, False),
    ]
    assert listed[0].changes is None
    with pytest.raises(ContentError, match="files of version beef00000001 were not kept"):
        await store.read(lambda conn: versions.kept(conn, versions.before(conn)))

    library = await Library.open(Settings(content=folder), store, clock)  # the house after the upgrade
    listed = await store.read(lambda conn: versions.history(conn, 10))
    assert (len(listed), listed[0].publication.version) == (3, library.version)
    assert (listed[0].kept, listed[0].changes) == (True, None)
    await store.close()


# Keeping ------------------------------------------------------------------------------------------------------------


async def test_only_the_files_of_the_latest_versions_are_kept(
    store: Store, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(versions, "KEPT", 2)
    checked = making.checked(files.taken(folder))
    packed = files.packed(checked.files)

    def publish(conn: Connection, name: str) -> None:
        one = replace(checked, files=Files(contents=checked.files.contents, version=name))
        versions.keep(conn, one, packed, NOON)
        versions.make_live(conn, name, by="li", why="published", place="here", now=NOON)

    for name in ("v1", "v2", "v3"):
        await store.write(lambda conn, name=name: publish(conn, name))
    listed = await store.read(lambda conn: versions.history(conn, 10))
    assert [(one.publication.version, one.kept) for one in listed] == [("v3", True), ("v2", True), ("v1", False)]
    await store.write(lambda conn: publish(conn, "v1"))  # published again: its files are there again
    assert await store.read(lambda conn: versions.kept(conn, "v1").contents) == checked.files.contents


async def test_the_same_version_is_one_row_and_keeps_its_first_time(store: Store, folder: Path) -> None:
    checked = making.checked(files.taken(folder))
    for _ in range(2):
        await store.write(lambda conn: versions.keep(conn, checked, files.packed(checked.files), NOON))
    assert await store.read(lambda conn: conn.execute(select(func.count()).select_from(faq_version)).scalar()) == 1


async def test_a_version_is_named_by_its_first_letters_if_they_are_its_own(store: Store) -> None:
    def published(conn: Connection) -> None:
        for name in ("abc1", "abd2"):
            conn.execute(insert(faq_version).values(id=name, entries=1, published_at=NOON))
            versions.make_live(conn, name, by="li", why="published", place="here", now=NOON)

    await store.write(published)
    assert await store.read(lambda conn: versions.named(conn, "abd")) == "abd2"
    for start, told in (("ab", "2 versions begin with ab"), ("x", "no versions begin with x")):
        with pytest.raises(NotFound, match=told):
            await store.read(lambda conn, start=start: versions.named(conn, start))


def test_what_differs_is_named() -> None:
    old = versions.Parts(entries={"F01": "a", "F02": "b"}, files={"x.yml": "1", "y.yml": "2"})
    new = versions.Parts(entries={"F02": "c", "F03": "d"}, files={"x.yml": "1", "z.yml": "3"})
    found = versions.changes(old, new)
    assert (found.added, found.changed, found.removed) == (("F03",), ("F02",), ("F01",))
    assert (found.files, found.entries) == (("y.yml", "z.yml"), 3)


# Files --------------------------------------------------------------------------------------------------------------


def test_files_come_back_as_they_were_packed(folder: Path) -> None:
    taken = files.taken(folder)
    assert {"saving.yml", "responses/zh.yml"} <= taken.contents.keys()
    assert files.packed(taken) == files.packed(files.taken(folder))
    assert files.unpacked(files.packed(taken)) == taken
    with files.laid_out(taken) as place:
        assert files.taken(place) == taken
    assert not place.exists()


def test_every_change_of_a_name_or_a_letter_is_another_version(folder: Path) -> None:
    seen = {files.taken(folder).version}
    edit(folder / "saving.yml", "到网点", "去网点")
    seen.add(files.taken(folder).version)
    (folder / "saving.yml").rename(folder / "savings.yml")
    seen.add(files.taken(folder).version)
    (folder / "responses" / "zh.yml").unlink()
    seen.add(files.taken(folder).version)
    assert len(seen) == 4


def test_hidden_files_backups_and_other_files_are_no_content(folder: Path) -> None:
    before = files.taken(folder)
    for name in (".saving.yml", "saving.yml~", "notes.txt", "responses/.zh.yml", ".git/config.yml"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text("x: y")
    assert files.taken(folder) == before


def test_a_folder_that_is_not_there_has_no_files(tmp_path: Path) -> None:
    assert files.taken(tmp_path / "nowhere").contents == {}


def test_a_folder_that_goes_while_it_is_listed_is_named_and_nothing_else_breaks(folder: Path) -> None:
    away, looks = folder.with_name("away"), True

    def take_away_and_bring_back() -> None:
        while looks:
            folder.rename(away)
            away.rename(folder)

    mover = threading.Thread(target=take_away_and_bring_back)
    mover.start()
    told = set[str]()
    try:
        for _ in range(500):
            try:
                files.taken(folder)
            except ContentError as e:
                told.add(str(e).split(": ")[1])
    finally:
        looks = False
        mover.join()
    assert told <= {"cannot be listed", "cannot be read"}


def test_content_that_is_too_large_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "TOTAL_MAX", 1000)
    with pytest.raises(ContentError, match="more than 1000 files or 1000 bytes"):
        files.taken(folder)


def test_one_file_that_is_too_large_is_named_by_the_reader(folder: Path) -> None:
    (folder / "large.yml").write_text("#" + "x" * 1_000_001)
    with pytest.raises(ContentError, match=r"large\.yml:0: larger than 1000000 bytes"):
        making.checked(files.taken(folder))


@pytest.mark.parametrize("name", [b"\xcb\xb5\xc3\xf7.yml", b"lessons/\xff.yml", b"\xff/a.yml"])
def test_a_file_whose_name_no_ledger_can_keep_is_named(folder: Path, name: bytes) -> None:
    file = folder / os.fsdecode(name)  # Chinese as old archives bring it
    file.parent.mkdir(exist_ok=True)
    shutil.copy(folder / "saving.yml", file)
    with pytest.raises(ContentError, match=r"\\udc.*:0: the name of this file is not UTF-8"):
        files.taken(folder)


def test_a_folder_in_the_place_of_a_file_is_named(folder: Path) -> None:
    (folder / "loans.yml").mkdir()
    with pytest.raises(ContentError, match=r"loans\.yml:0: cannot be read: "):
        files.taken(folder)


def archive(*names: str, size: int = 1, how: int = zipfile.ZIP_DEFLATED) -> bytes:
    into = io.BytesIO()
    with zipfile.ZipFile(into, "w", how) as made:
        for name in names:
            made.writestr(name, b"x" * size)
    return into.getvalue()


@pytest.mark.parametrize(
    ("packed", "told"),
    [
        (b"", "damaged"),
        (b"no archive", "damaged"),
        (archive("a.yml", size=50_000)[:-30], "damaged"),
        (archive("a.yml", how=zipfile.ZIP_STORED).replace(b"x", b"y"), "damaged"),
        (archive("../a.yml"), "lead out of their folder"),
        (archive("/etc/a.yml"), "lead out of their folder"),
        (archive("a/b/c.yml"), "lead out of their folder"),
        (archive("a.yml", size=files.TOTAL_MAX + 1), "larger than content may be"),
        (archive(*(f"{n}.yml" for n in range(files.MEMBERS_MAX + 1))), "larger than content may be"),
    ],
)
def test_packed_files_that_were_tampered_with_are_refused(packed: bytes, told: str) -> None:
    with pytest.raises(ContentError, match=told):
        files.unpacked(packed)


def test_the_checked_files_are_those_that_were_taken_and_no_later_edit(folder: Path) -> None:
    taken = files.taken(folder)
    shutil.rmtree(folder)
    assert making.checked(taken).files == taken

"""Backup and restore, drilled: what was in the ledger is there again, and nothing is put where it does harm."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import shutil
import sqlite3
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from core.inbox import Inbox
from core.model import ChannelId, Inbound
from core.store import Store
from core.vault import Vault
from door.cli import keep
from door.cli.exits import Exit
from door.cli.premises import prepare_ledger, sole_house
from tests.cli.conftest import Site

NOON = datetime(2026, 11, 21, 4, 0, tzinfo=UTC)


@pytest.fixture
def busy(site: Site) -> Site:
    """A site with a ledger in which three people wrote."""
    prepare_ledger(site.settings)
    asyncio.run(write(site, ["a", "b", "c"]))
    return site


async def write(site: Site, senders: list[str], until: threading.Event | None = None) -> None:
    """One message of each sender; with `until`, on and on."""
    store = await Store.open(site.settings.ledger_url)
    inbox = Inbox(store, Vault.open(site.settings.key_file))
    number = 0
    while number == 0 or (until and not until.is_set()):
        for sender in senders:
            message = Inbound(sender=sender, external_id=f"m{number}", text=f"存款 {number}")
            await inbox.accept(channel=ChannelId("web"), kind="web", inbound=message, now=NOON)
        number += 1
    await store.close()


def texts(ledger: Path) -> list[tuple[str, int, str]]:
    with sqlite3.connect(ledger) as conn:
        rows = conn.execute("SELECT conversation_id, seq, text FROM message ORDER BY conversation_id, seq").fetchall()
    conn.close()
    return rows


def manifest(folder: Path) -> dict[str, object]:
    return json.loads((folder / "manifest.json").read_text())


def test_a_restored_ledger_holds_what_was_backed_up_and_the_other_one_is_kept_beside_it(busy: Site) -> None:
    before = texts(busy.ledger)
    assert busy.run("backup", "monday").returncode == Exit.DONE
    asyncio.run(write(busy, ["d"]))
    after = texts(busy.ledger)

    done = busy.run("restore", "monday", "--json")
    assert (done.returncode, done.stderr) == (Exit.DONE, "")
    assert texts(busy.ledger) == before
    assert texts(Path(json.loads(done.stdout)["aside"])) == after
    asyncio.run(write(busy, ["e"]))  # and the house goes on with it
    assert len(texts(busy.ledger)) == len(before) + 1


def test_a_backup_is_readable_by_its_owner_only_and_holds_no_keys_unless_asked(busy: Site, tmp_path: Path) -> None:
    done = busy.run("backup", "monday", "--json")
    folder = tmp_path / "monday"
    assert sorted(f.name for f in folder.iterdir()) == ["manifest.json", "qiantai.db"]
    assert folder.stat().st_mode & 0o77 == 0
    assert (folder / "qiantai.db").stat().st_mode & 0o77 == 0
    told = json.loads(done.stdout)
    assert told["bytes"] == (folder / "qiantai.db").stat().st_size
    assert {k: told[k] for k in manifest(folder)} == manifest(folder)

    assert busy.run("backup", "tuesday", "--with-keys").returncode == Exit.DONE
    assert (tmp_path / "tuesday" / "keys.json").read_bytes() == busy.settings.key_file.read_bytes()
    assert (tmp_path / "tuesday" / "keys.json").stat().st_mode & 0o77 == 0


def test_a_backup_beside_a_writing_house_is_one_consistent_moment(busy: Site, tmp_path: Path) -> None:
    stop = threading.Event()
    house = threading.Thread(target=lambda: asyncio.run(write(busy, ["a", "b"], until=stop)))
    house.start()
    try:
        with sole_house(busy.settings):  # as a running house holds it: a backup does not mind
            assert busy.run("backup", "monday").returncode == Exit.DONE
    finally:
        stop.set()
        house.join()
    with sqlite3.connect(tmp_path / "monday" / "qiantai.db") as copy:
        assert copy.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        # Each message has its inbox row and its place: a copy torn apart would not.
        assert (
            copy.execute("SELECT count(*) FROM message").fetchone()
            == copy.execute("SELECT count(*) FROM inbox").fetchone()
        )
        last = copy.execute("SELECT conversation_id, max(seq) FROM message GROUP BY 1 ORDER BY 1").fetchall()
        assert last == copy.execute("SELECT conversation_id, n FROM conversation_seq ORDER BY 1").fetchall()
    copy.close()


def test_a_new_machine_gets_ledger_and_keys_back(busy: Site, tmp_path: Path) -> None:
    before = texts(busy.ledger)
    busy.run("backup", "monday", "--with-keys")
    shutil.rmtree(busy.data)
    assert busy.run("restore", "monday", "--with-keys").returncode == Exit.DONE
    assert texts(busy.ledger) == before
    assert busy.settings.key_file.stat().st_mode & 0o77 == 0


Break = Callable[[Site, Path], None]


def _newer_tables(site: Site, folder: Path) -> None:
    changed = manifest(folder) | {"schema": "9999"}
    (folder / "manifest.json").write_text(json.dumps(changed))


def _newer_format(site: Site, folder: Path) -> None:
    (folder / "manifest.json").write_text(json.dumps(manifest(folder) | {"format": 2}))


def _manifest(text: str) -> Break:
    def write_it(_: Site, folder: Path) -> None:
        (folder / "manifest.json").write_text(text)

    return write_it


def _one_byte(site: Site, folder: Path) -> None:
    raw = bytearray((folder / "qiantai.db").read_bytes())
    raw[5000] ^= 1
    (folder / "qiantai.db").write_bytes(raw)


def _other_keys(site: Site, folder: Path) -> None:
    site.settings.key_file.unlink()
    Vault.create(site.settings.key_file)


BROKEN: dict[str, tuple[Break, str]] = {
    "no manifest": (lambda _, folder: (folder / "manifest.json").unlink(), "is no backup: it has no manifest.json"),
    "manifest is not JSON": (_manifest("{"), "cannot be read"),
    "manifest misses a field": (_manifest("{}"), "cannot be read"),
    "no ledger in it": (
        lambda _, folder: (folder / "qiantai.db").unlink(),
        "cannot be read (No such file or directory)",
    ),
    "one byte is another": (_one_byte, "is damaged: it is not the file that manifest.json describes"),
    "tables of a newer version": (_newer_tables, "has tables of a newer Qiantai"),
    "made by a newer version": (_newer_format, "was made by a newer Qiantai"),
    "other keys": (_other_keys, "is not the one this backup was made with"),
    "no keys": (lambda site, _: site.settings.key_file.unlink(), "is missing: put it back"),
}


@pytest.mark.parametrize(("destroy", "says"), BROKEN.values(), ids=BROKEN.keys())
def test_what_cannot_be_restored_is_refused_and_the_ledger_stays_as_it_was(
    busy: Site, tmp_path: Path, destroy: Break, says: str
) -> None:
    busy.run("backup", "monday")
    before = texts(busy.ledger)
    destroy(busy, tmp_path / "monday")
    done = busy.run("restore", "monday")
    assert done.returncode == Exit.REFUSED, done.stderr
    assert says in done.stderr
    assert done.stderr.startswith("qiantai: ")
    assert len(done.stderr.splitlines()) == 1
    assert texts(busy.ledger) == before
    assert not list(busy.data.glob("*before*"))


def test_a_running_house_is_not_restored_under_its_feet(busy: Site) -> None:
    busy.run("backup", "monday")
    with sole_house(busy.settings):
        done = busy.run("restore", "monday")
    assert done.returncode == Exit.TAKEN
    assert f"(process {os.getpid()})" in done.stderr


def test_keys_are_never_put_over_other_keys(busy: Site, tmp_path: Path) -> None:
    busy.run("backup", "monday", "--with-keys")
    _other_keys(busy, tmp_path / "monday")
    keys = busy.settings.key_file.read_bytes()
    done = busy.run("restore", "monday", "--with-keys")
    assert done.returncode == Exit.REFUSED
    assert "is another key file: move it away first" in done.stderr
    assert busy.settings.key_file.read_bytes() == keys


def test_a_backup_goes_into_a_new_folder_only(busy: Site, tmp_path: Path) -> None:
    (tmp_path / "monday").mkdir()
    (tmp_path / "monday" / "mine").touch()
    done = busy.run("backup", "monday")
    assert (done.returncode, "is not empty: name a new folder" in done.stderr) == (Exit.REFUSED, True)


def test_without_a_ledger_there_is_nothing_to_back_up(site: Site) -> None:
    done = site.run("backup")
    assert (done.returncode, "nothing to back up" in done.stderr) == (Exit.AWAY, True)


def test_a_backup_that_cannot_be_written_is_told_and_is_no_backup(busy: Site, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    done = busy.run("backup", "file/monday")
    assert done.returncode == Exit.AWAY
    assert "could not be written" in done.stderr


@pytest.mark.parametrize(("words", "tool"), [(("backup",), "pg_dump"), (("restore", "x"), "pg_restore")])
def test_a_postgresql_ledger_is_left_to_its_own_tools(site: Site, words: tuple[str, ...], tool: str) -> None:
    done = site.run(*words, env={"QIANTAI_DATABASE_URL": "postgresql://me:hunter2@db.example/qiantai"})
    assert done.returncode == Exit.REFUSED
    assert tool in done.stderr
    assert "hunter2" not in done.stderr


@pytest.mark.parametrize("damage", ["no database", "torn inside"])
def test_a_damaged_ledger_is_replaced_kept_aside_and_told_by_every_command(busy: Site, damage: str) -> None:
    before = texts(busy.ledger)
    busy.run("backup", "monday")
    whole = busy.ledger.read_bytes()
    broken = b"garbage " * 4096 if damage == "no database" else whole[:100] + b"\xff" * (len(whole) - 100)
    busy.ledger.write_bytes(broken)
    for rest in ("-wal", "-shm"):
        busy.ledger.with_name(busy.ledger.name + rest).unlink(missing_ok=True)

    told = busy.run("migrate")
    assert (told.returncode, "./qiantai restore" in told.stderr) == (Exit.AWAY, True)
    looked = busy.run("doctor")
    assert looked.returncode == Exit.FOUND
    assert f"MISSING ledger {busy.ledger}" in looked.stdout
    assert "./qiantai restore" in looked.stdout
    assert busy.ledger.read_bytes() == broken

    done = busy.run("restore", "monday", "--json")
    assert (done.returncode, done.stderr) == (Exit.DONE, "")
    assert texts(busy.ledger) == before
    assert Path(json.loads(done.stdout)["aside"]).read_bytes() == broken
    assert not list(busy.data.glob("*.restoring"))
    assert "is whole" in busy.run("doctor").stdout


def test_a_restore_that_fails_leaves_no_half_of_a_ledger_behind(busy: Site, tmp_path: Path) -> None:
    busy.run("backup", "monday")
    torn = tmp_path / "monday" / "qiantai.db"
    raw = torn.read_bytes()
    torn.write_bytes(raw[:100] + b"\xff" * (len(raw) - 100))
    size, digest = len(raw), hashlib.sha256(torn.read_bytes()).hexdigest()
    told = manifest(tmp_path / "monday") | {"bytes": size, "sha256": digest}
    (tmp_path / "monday" / "manifest.json").write_text(json.dumps(told))
    before = texts(busy.ledger)
    assert busy.run("restore", "monday").returncode == Exit.REFUSED
    assert not list(busy.data.glob("*.restoring"))
    assert texts(busy.ledger) == before


def test_two_backups_in_one_second_get_two_folders(busy: Site) -> None:
    folder = json.loads(busy.run("backup", "--json").stdout)["folder"]
    taken = keep._unused(Path(folder))  # pyright: ignore[reportPrivateUsage]
    assert taken.name == f"{Path(folder).name}-2"

"""Files of people who share a conversation, files that come together, and files on which the house itself breaks."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import update

from cases import intake, privacy
from cases.intake import Contact, Told
from cases.model import Case
from cases.states import Act
from core import files
from core.store import Store
from core.tables import file
from core.vault import Vault
from door import fetching
from tests.cases.given import done
from tests.conftest import Clock
from tests.door.test_fetching import JPEG, Desk, Shelf
from tests.door.test_fetching import shelf as shelf

YEARS = timedelta(days=5 * 366)  # longer than any case is kept


@pytest.fixture
def desk(store: Store, vault: Vault, clock: Clock, shelf: Shelf) -> Desk:
    shelf.holds["b.jpg"] = JPEG + b"b"
    return Desk(store, vault, clock, shelf)


def told(desk: Desk, name: str) -> Told:
    return Told(
        texts={"facts": f"{name}的事", "person": name},
        contact=Contact(phone="13912345678"),
        conversation_id=desk.where,
        source_channel="webhook",
        language="zh",
    )


async def draft(desk: Desk, name: str) -> Case:
    made = await desk.store.write(
        lambda conn: intake.save_draft(conn, desk.vault, told(desk, name), cause=name, now=desk.clock())
    )
    return made.case


async def filed(desk: Desk, name: str) -> Case:
    made = await desk.store.write(
        lambda conn: intake.file(conn, desk.vault, told(desk, name), cause=name, again=True, now=desk.clock())
    )
    assert made.opened is not None
    return made.opened.case


async def erase(desk: Desk, case: Case) -> None:
    await desk.store.write(
        lambda conn: privacy.erase(conn, case.person_id, basis="kept long enough", actor="li", now=desk.clock())
    )


async def exported(desk: Desk, case: Case) -> list[str]:
    """The names of the files that are in no case, as the person is given them."""
    written = await desk.store.write(
        lambda conn: privacy.export(
            conn, desk.vault, case.person_id, requester="王", basis="asked", actor="li", now=desk.clock()
        )
    )
    return [each["name"] for each in json.loads(written.content)["files"]]


async def test_of_files_that_wait_together_only_those_beyond_the_limit_are_refused(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "PER_DAY", 2)
    await desk.sends("a.jpg", "a.jpg", "a.jpg")
    await desk.fetch()
    assert await desk.states() == ["kept", "kept", "lost"]
    assert await desk.said() == ["file.too_many {} zh"]


async def test_a_file_that_could_not_be_had_takes_no_place_of_the_day(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "PER_DAY", 2)
    await desk.sends("gone.jpg", "a.jpg", "a.jpg")
    await desk.fetch()
    assert await desk.states() == ["lost", "kept", "kept"]


@pytest.mark.parametrize("fetched", [False, True], ids=["to be fetched", "here"])
async def test_erasing_one_person_takes_nothing_from_anothers_case_in_the_same_conversation(
    desk: Desk, fetched: bool
) -> None:
    await desk.sends("a.jpg")
    old = await draft(desk, "王小明")
    await desk.fetch()
    await done(desk.store, desk.vault, old, Act.SUBMIT, Act.WITHDRAW, now=desk.clock())
    desk.clock.now += YEARS
    await desk.sends("b.jpg")
    if fetched:
        await desk.fetch()
    new = await draft(desk, "李四")
    await erase(desk, old)
    await desk.fetch()
    assert await desk.states() == ["attached", "attached"]
    assert await desk.kept(new.case_no) == [desk.shelf.holds["b.jpg"]]


async def test_what_no_case_has_is_spared_while_somebody_elses_case_is_open(desk: Desk) -> None:
    await desk.sends("a.jpg")
    old = await draft(desk, "王小明")
    await desk.fetch()
    await done(desk.store, desk.vault, old, Act.SUBMIT, Act.WITHDRAW, now=desk.clock())
    desk.clock.now += YEARS
    await draft(desk, "李四")
    await desk.sends("b.jpg")
    await desk.fetch()
    await erase(desk, old)
    assert await desk.states() == ["attached", "kept"]


async def test_a_person_is_given_their_own_files_and_nobody_elses(desk: Desk) -> None:
    await desk.sends("a.jpg", name="合同.jpg")
    await desk.fetch()
    one = await filed(desk, "王小明")
    assert await exported(desk, one) == ["合同.jpg"], "on its way to their own case"
    await desk.fetch()
    await desk.sends("b.jpg", name="别人的判决书.jpg")
    await desk.fetch()
    two = await filed(desk, "李四")
    assert (await exported(desk, one), await exported(desk, two)) == ([], ["别人的判决书.jpg"])


@pytest.mark.parametrize("step", ["inspected", "_store"])
async def test_a_defect_of_ours_ends_the_trying_and_is_told_once(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    def breaks(*_given: Any, **_more: Any) -> None:
        raise ValueError("a defect")

    monkeypatch.setattr(fetching, step, breaks)
    await desk.sends("a.jpg")
    for seconds in (*files.DELAYS, 0.0):
        assert await desk.alarms() == []
        await desk.fetch()
        desk.clock.forward(seconds)
    assert await desk.states() == ["lost"]
    assert await desk.said() == ["file.lost {} zh"]
    assert await desk.alarms() == ["file_lost"]


async def test_a_kept_file_on_which_we_break_stays_and_people_are_told(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def breaks(*_given: Any) -> None:
        raise ValueError("a defect")

    await desk.sends("a.jpg")
    await desk.fetch()
    await draft(desk, "王小明")
    monkeypatch.setattr(fetching, "_store", breaks)
    for seconds in (*files.DELAYS, 0.0):
        await desk.fetch()
        desk.clock.forward(seconds)
    assert await desk.states() == ["moving"]
    assert await desk.alarms() == ["file_lost"]
    monkeypatch.undo()
    await desk.store.write(lambda conn: conn.execute(update(file).values(next_try_at=desk.clock())) and None)
    await desk.fetch()
    assert await desk.states() == ["attached"]

"""News of cases through a whole house: whatever way a change came, over what is left, and the answer to how it went."""

from __future__ import annotations

import asyncio
import os
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from sqlalchemy import select, update

from cases import history, register
from cases.model import Case
from cases.states import Act
from cases.tables import case_event, complaint_case
from core.errors import SettingsError
from core.store import Store, migrate
from core.tables import conversation, outbox
from core.vault import Vault
from door import news
from tests.cases.given import FACTS, bank, opened
from tests.channels import kannel_cases
from tests.door.conftest import ROOT, Open, Running
from tests.waiting import until

TO_CLOSE = (Act.ACCEPT, Act.HANDLE, Act.REPLY, Act.VISIT, Act.CLOSE)
SMS = {"sms": kannel_cases.config("http://127.0.0.1:9"), "web": {"kind": "web"}}


@pytest.fixture(autouse=True)
def _looks_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(news, "LOOK_EVERY", 0.05)


async def filed(running: Running, sender: str = "anna") -> Case:
    await running.hear("你好", sender)
    await running.said(1, sender)
    await running.house.store.write(bank)
    which = running.conversation(sender)
    return (await opened(running.house.store, running.house.vault, now=datetime.now(UTC), conversation_id=which)).case


async def do(running: Running, case: Case, *acts: Act) -> None:
    def walk(conn: Any) -> None:
        for what in acts:
            register.act(
                conn, running.house.vault, case.case_no, what, FACTS, actor="li", now=datetime.now(UTC), version=None
            )

    await running.house.store.write(walk)


def heard(running: Running, case: Case) -> list[str]:
    return [text for text in running.platform.texts() if case.case_no in text]


async def test_a_change_by_api_and_one_by_command_are_each_told_once(
    open_doors: Open, ledger_url: str, tmp_path: Path
) -> None:
    Vault.create(tmp_path / "keys.json")
    async with open_doors(database_url=ledger_url) as running:
        case = await filed(running)
        await until(lambda: len(heard(running, case)) == 1)  # that staff have opened it
        signed = await running.token("cases:read", "cases:write")
        where = f"{running.url}/api/cases/{case.case_no}"
        async with running.http.get(where, headers=signed) as seen:
            version = seen.headers["ETag"]
        body = {"act": "accept", "facts": {}}
        async with running.http.post(f"{where}/acts", json=body, headers=signed | {"If-Match": version}) as done:
            assert done.status == 200, await done.text()
        await until(lambda: len(heard(running, case)) == 2)
        forward = ("forward", "--fact", "institution_id=12")
        command = [sys.executable, "-m", "door.cli", "cases", "act", case.case_no, *forward]
        clean = {name: value for name, value in os.environ.items() if not name.startswith("QIANTAI_")}
        child = await asyncio.create_subprocess_exec(
            *command,
            cwd=ROOT,
            env=clean | {"QIANTAI_DATA": str(running.house.settings.data), "QIANTAI_DATABASE_URL": ledger_url},
        )
        assert await child.wait() == 0
        await until(lambda: len(heard(running, case)) == 3)
        assert "已经受理了" in heard(running, case)[1]
        assert "长安银行" in heard(running, case)[2]


async def test_who_stopped_us_on_one_channel_hears_of_their_case_by_short_message(open_doors: Open) -> None:
    hook = {"kind": "webhook", "secret": "a secret of sixteen characters or more", "timeout": 2.0}
    async with open_doors(proactive_from=0, proactive_until=24) as first:
        hook["callback_url"] = first.platform.url
    async with open_doors(channels=SMS | {"hook": hook}, proactive_from=0, proactive_until=24) as running:
        running.platform.answer = lambda body: web.json_response({}, status=410 if "Q20" in body["text"] else 200)
        await filed(running)
        there = running.conversation("13912345678", "sms")
        carried = select(outbox.c.cause).where(outbox.c.conversation_id == there)
        read = running.house.store.read
        cause = await until(lambda: read(lambda conn: conn.execute(carried).scalar_one_or_none()))
        assert cause is not None
        assert cause.startswith("news:")


async def asked(running: Running, sender: str) -> Case:
    """A closed case whose consumer has just been asked how it went."""
    case = await filed(running, sender)
    await do(running, case, *TO_CLOSE)
    long_ago = datetime.now(UTC) - timedelta(days=4)
    await running.house.store.write(lambda conn: conn.execute(update(conversation).values(last_at=long_ago)))
    read = running.house.store.read
    waits = select(complaint_case.c.ask_at).where(complaint_case.c.id == case.id)
    await until(lambda: read(lambda conn: conn.execute(waits).scalar_one()))
    await running.house.store.write(
        lambda conn: conn.execute(update(complaint_case).where(complaint_case.c.id == case.id).values(ask_at=long_ago))
    )
    await until(lambda: any("解决了吗" in text for text in heard(running, case)))
    return case


async def rating_of(running: Running, case: Case) -> tuple[str, int]:
    """What is kept, and how many events say so."""

    def look(conn: Any) -> tuple[str, int]:
        told = select(case_event.c.n).where(case_event.c.case_id == case.id, case_event.c.act == "rate")
        return history.load(conn, case.case_no).rating, len(conn.execute(told).all())

    return await running.house.store.read(look)


async def test_how_it_went_is_answered_by_a_button_or_its_number_and_kept_once(open_doors: Open) -> None:
    async with open_doors(proactive_from=0, proactive_until=24) as running:
        pressed, typed = await asked(running, "anna"), await asked(running, "ben")
        [question] = [body for body in running.platform.sent if pressed.case_no in body["text"] and body.get("buttons")]
        buttons = {button["title"]: button["payload"] for button in question["buttons"]}
        for _ in range(2):
            await running.hear("", "anna", payload=buttons["解决了，满意"])
        await running.hear("3", "ben")
        await until(lambda: any("重新打开" in text and "抱歉" in text for text in heard(running, typed)))
        await until(lambda: sum("太好了" in text for text in heard(running, pressed)) == 2)
        assert await rating_of(running, pressed) == ("solved", 1)
        assert await rating_of(running, typed) == ("unsolved", 1)
        assert len(running.brain.asked) == 2  # the greetings


async def test_a_strangers_answer_is_kept_nowhere(open_doors: Open) -> None:
    async with open_doors(proactive_from=0, proactive_until=24) as running:
        case = await asked(running, "anna")
        [question] = [body for body in running.platform.sent if body.get("buttons") and case.case_no in body["text"]]
        await running.hear("", "mallory", payload=question["buttons"][0]["payload"])
        await running.said(1, "mallory")
        assert await rating_of(running, case) == ("", 0)


@pytest.mark.parametrize("named", ["nowhere", "hook"])
async def test_short_messages_by_a_channel_that_cannot_are_refused_at_the_start(open_doors: Open, named: str) -> None:
    with pytest.raises(SettingsError, match="sms_channel"):
        async with open_doors(sms_channel=named):
            pass


# ---- killed at any moment --------------------------------------------------------------------------------------------

KILLS = 8


async def test_a_house_that_is_killed_tells_nothing_twice_and_leaves_nothing_out(tmp_path: Path) -> None:
    url, keys = f"sqlite:///{tmp_path}/qiantai.db", tmp_path / "keys.json"
    Vault.create(keys)
    await asyncio.to_thread(migrate, url)
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.door.news_process", url, str(keys), str(KILLS), cwd=ROOT
    )
    assert await child.wait() == 0
    store = await Store.open(url)
    told = select(outbox.c.cause).where(outbox.c.cause.like("news:%"))
    events = select(case_event.c.case_id, case_event.c.n).where(case_event.c.act.in_(["open", "accept"]))
    happened = [tuple(row) for row in await store.read(lambda conn: conn.execute(events).all())]
    causes = [row.cause for row in await store.read(lambda conn: conn.execute(told).all())]
    await store.close()
    assert len(happened) > KILLS
    last = {case: max(n for each, n in happened if each == case) for case, _ in happened}
    places = [cause.removeprefix("news:").partition(":")[0].split(".") for cause in causes]
    assert len(places) == len({tuple(place) for place in places})
    assert {int(case): max(int(n) for each, n in places if each == case) for case, _ in places} == last

"""People complain in chat as people do: every script of conversations/ is played against a real house and its brain."""

from __future__ import annotations

import asyncio
import shutil
import statistics
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from playwright.async_api import Browser, async_playwright
from sqlalchemy import select

from cases import history, institutions, numbers
from core.settings import Settings
from core.store import migrate
from core.tables import left_message, message
from core.vault import Vault
from door.app import create_door
from door.auth import SCOPES, issue
from door.house import House, open_house
from door.listening import LOOPBACK, Listening, bind
from faq import facts
from tests.browser.conftest import CHROMIUM
from tests.faq.folder import ENCODED
from tests.flow.mouths import ROOT, Mouths, MovingClock, World, world
from tests.flow.talking import Leaves, Person, Script, has, scripts
from tests.waiting import until

MORNING = datetime(2026, 11, 20, 2, 0, tzinfo=UTC)  # a Friday, 10:00 in Beijing
AT_ONCE = 12  # people who talk at the same time
NOT_ASKED = "未向机构投诉"  # what stands for the institution that was complained to first, where there was none
DANGERS = ("emergency", "fraud.now", "fraud.more", "fraud.again")  # keys of what frightens whoever is in none
AGREE = ("consent", "check")  # topics
MEDIAN_MOST = 12  # messages of a consumer until the case number

SCRIPTS = scripts()
pytestmark = pytest.mark.asyncio(loop_scope="module")


@dataclass
class Desk:
    """What people who work with the register see and do, through its API."""

    house: House
    url: str
    http: aiohttp.ClientSession
    token: str

    async def call(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        bearer = {"Authorization": f"Bearer {self.token}"}
        async with self.http.request(method, self.url + path, json=body, headers=bearer | headers) as answer:
            assert answer.status < 300, (path, answer.status, await answer.text())
            return await answer.json()

    async def state(self, number: str) -> str:
        case = await self.house.store.read(lambda conn: history.load(conn, numbers.read_case_no(number)))
        return case.state.value

    async def refused(self, reason: str) -> dict[str, str]:
        """A case that the desk took by telephone and refused: its number and code."""
        told = {"source_channel": "phone", "received_at": MORNING.isoformat(), "summary": f"电话投诉{reason}"}
        opened = await self.call("POST", "/api/cases", told, **{"Idempotency-Key": f"refused-{reason}"})
        refusal = {"act": "refuse", "facts": {"reason": reason, "where_to": "见告知书", "text": "已书面告知"}}
        path = f"/api/cases/{opened['case_no']}"
        await self.call("POST", f"{path}/acts", refusal, **{"If-Match": f'"{opened["version"]}"'})
        return {"number": opened["case_no"], "code": opened["query_code"]}


@dataclass
class Played:
    """What came of a script."""

    person: Person
    trouble: str = ""


@dataclass
class Day:
    """The desk at the end, and everybody who was there."""

    desk: Desk
    played: dict[str, Played] = field(default_factory=dict[str, Played])

    def counts(self) -> dict[str, int]:
        """Messages until a case number, of everybody who got one."""
        who = {id: each.person.until_number for id, each in self.played.items() if not each.trouble}
        return {id: count for id, count in who.items() if count is not None}


def settings(folder: Path, world: World) -> Settings:
    made = Settings(
        data=folder,
        content=ROOT / "faq" / "content",
        port=0,
        metrics_port=0,
        brain_port=0,
        action_port=0,
        rate_per_minute=1_000_000,
        visitors_per_minute=1_000_000,
        brain_timeout=15.0,  # with everybody at once on a busy machine a turn takes seconds
        hold_after=30.0,
        turn_window=90.0,
        channels=world.channels(),
    )
    if ENCODED.is_dir():
        shutil.copytree(ENCODED, folder / ENCODED.name)
    Vault.create(made.key_file)
    migrate(made.ledger_url)
    return made


async def play(script: Script, day: int, day_of: Day, mouths: Mouths) -> None:
    """The scenes of one day, unless the person has left."""
    played = day_of.played[script.id]
    for scene in script.plays():
        if scene["day"] == day and not played.trouble:
            try:
                await played.person.play(scene)
            except Leaves as e:
                played.trouble = str(e)
            except Exception as e:  # one person's trouble is not everybody's
                played.trouble = f"{type(e).__name__}: {e}"


def known_institutions() -> list[institutions.Institution]:
    known = {each.zh: each for each in facts.institutions().values()}.values()
    return [
        institutions.Institution(name=each.zh, aliases=(each.en, *each.aliases), type=each.type or "unknown")
        for each in known
    ]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncGenerator[Browser]:
    async with async_playwright() as playwright:
        chromium = await playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield chromium
        await chromium.close()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def day(tmp_path_factory: pytest.TempPathFactory, browser: Browser) -> AsyncGenerator[Day]:
    """All scripts, played to their end, many at a time; everybody's next day comes at once."""
    clock = MovingClock(MORNING)
    async with AsyncExitStack() as stack:
        platforms = await stack.enter_async_context(world())
        http = await stack.enter_async_context(aiohttp.ClientSession())
        made = settings(tmp_path_factory.mktemp("chat"), platforms)
        house = await stack.enter_async_context(open_house(made, clock=clock))
        door = Listening(create_door(house), bind(LOOPBACK, 0, "a test"))
        await door.start()
        stack.push_async_callback(door.stop)
        process, known = house.brain_process, known_institutions()
        assert process is not None
        await until(process.up.is_set)
        await house.store.write(lambda conn: institutions.load(conn, known, now=clock()))
        token = await house.store.write(lambda conn: issue(conn, name="desk", scopes=SCOPES, now=clock()))
        url = f"http://{LOOPBACK}:{door.port}"
        over = Day(Desk(house, url, http, token))
        mouths = await stack.enter_async_context(Mouths(house, url, platforms, browser, http))
        await everybody(over, mouths, clock)
        yield over


async def everybody(over: Day, mouths: Mouths, clock: MovingClock) -> None:
    for script in SCRIPTS:
        person = Person(
            script=script,
            mouth=lambda on, who, script=script: mouths.at(on, who, script.language, script.phone),
            state=over.desk.state,
            desk=over.desk.refused,
        )
        over.played[script.id] = Played(person)
    places = asyncio.Semaphore(AT_ONCE)

    async def one(script: Script, day: int) -> None:
        async with places:
            await play(script, day, over, mouths)

    last = max(scene["day"] for script in SCRIPTS for scene in script.plays())
    for today in range(1, last + 1):
        if today > 1:
            clock.forward(timedelta(days=1))
        await asyncio.gather(*(one(script, today) for script in SCRIPTS))


# ---- what the register holds -----------------------------------------------------------------------------------------


async def held(desk: Desk, number: str) -> dict[str, Any]:
    """A case by the words of the scripts."""
    case = await desk.call("GET", f"/api/cases/{number}")
    opened = await desk.call("POST", f"/api/cases/{number}/open", {"reason": "a test"})
    events = await desk.call("GET", f"/api/cases/{number}/events")
    told, person, agent = case["told"], opened["person"] or {}, opened["agent"] or {}
    prior = told["prior_complaint"]
    listed = await desk.call("GET", "/api/cases?limit=200")
    return {
        "type": told["type"],
        "state": case["state"],
        "institution": told["institution"],
        "facts": opened["texts"]["facts"],
        "request": opened["texts"]["request"],
        "amount": told["amount"],
        "day": opened["texts"]["facts"],
        "asked_first": bool(prior) and prior["to_institution"] != NOT_ASKED,
        "flags": told["flags"],
        "people": told["people_count"],
        "consent": "forward" in told["consents"],
        "name": person.get("name", ""),
        "phone": person.get("phone", ""),
        "email": person.get("email", ""),
        "agent": agent.get("name", ""),
        "agent_phone": agent.get("phone", ""),
        "files": len(case["attachments"]),
        "events": f"{events}{opened['events']}",
        "cases": sum(one["institution"] == told["institution"] for one in listed["cases"]),
        "never": f"{case}{opened}{events}",
    }


def fits(name: str, wanted: Any, found: Any) -> bool:
    match name:
        case "institution" | "facts" | "request" | "events":
            return has(wanted, found)
        case "day":
            words = (f"{wanted:%Y-%m-%d}", f"{wanted.year}年{wanted.month}月{wanted.day}日")
            return any(one in found for one in words)
        case "phone" | "agent_phone":
            return found.removeprefix("+86") == wanted
        case "flags":
            return wanted in found
        case "never":
            return wanted not in found
        case _:
            return found == wanted


def marked(script: Script) -> Any:
    marks = [pytest.mark.xfail(strict=True, reason=script.known)] if script.known else []
    return pytest.param(script, id=script.id, marks=marks)


@pytest.mark.parametrize("script", [marked(each) for each in SCRIPTS])
async def test_a_conversation_ends_as_its_person_wants(day: Day, script: Script) -> None:
    played = day.played[script.id]
    transcript = played.person.transcript
    print(transcript)  # pytest shows it with -rA, and of a failure anyway
    if played.trouble:
        pytest.fail(f"{script.title}: {played.trouble}", pytrace=False)
    frightened = [key for key in DANGERS if played.person.times(key) > 0 and key not in script.danger]
    if frightened:
        pytest.fail(f"{script.title}: {frightened}", pytrace=False)
    if script.register:
        found = await held(day.desk, played.person.given["number"])
        wanted = script.register.items()
        wrong = {name: (value, found[name]) for name, value in wanted if not fits(name, value, found[name])}
        # What was said to agree is no part of what happened.
        agreed = {text for topic, text in played.person.answered if topic in AGREE}
        if stray := agreed.intersection(found["facts"].splitlines()):
            wrong["facts"] = ("nothing of the talk about it", stray)
        if wrong:
            pytest.fail(f"{script.title}: wanted and found: {wrong}", pytrace=False)
    if script.waiting:
        said = next(line[2:] for line in reversed(played.person.said) if line.startswith("> "))
        where = select(message.c.conversation_id).where(message.c.text == said)
        query = select(left_message.c.reason).where(left_message.c.conversation_id.in_(where))
        reasons = await day.desk.house.store.read(lambda conn: conn.execute(query).scalars().all())
        if not any(has(script.waiting, reason) for reason in reasons):
            pytest.fail(f"{script.title}: people are told of {reasons}", pytrace=False)


async def test_nobody_is_told_twice_to_wait(day: Day) -> None:
    for id, each in day.played.items():
        assert each.person.times("hold") < 2, f"{id}\n{each.person.transcript}"


async def test_a_case_number_takes_few_messages(day: Day) -> None:
    counts = day.counts()
    shown = ", ".join(f"{id} {count}" for id, count in sorted(counts.items(), key=lambda one: one[1]))
    median = statistics.median(counts.values())
    print(f"messages to a case number: median {median:g} of {len(counts)}: {shown}")
    assert median <= MEDIAN_MOST, shown

"""`bench faults --filing`: the house dies at each step of filing, or PostgreSQL's connection is cut around each COMMIT.

Whatever was tried again, each consumer has one case, and has heard one number and one code, which opens that case.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections import Counter, defaultdict
from collections.abc import AsyncGenerator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import orjson
from aiohttp import web
from sqlalchemy import Connection, func, select

from cases import register
from cases.states import State
from cases.tables import case_event, complaint_case
from channels.webhook import SIGNATURE_HEADER, sign
from core.model import ChannelId
from core.store import Store
from core.tables import inbox, outbox
from core.vault import Vault
from door.cli.bench.blows import Database, database_of
from door.cli.bench.cutter import Cut, Cutter
from door.cli.bench.figures import machine
from door.cli.bench.marks import Marks, Stage
from door.cli.bench.provider import CHANNEL
from door.cli.bench.site import Site, free_port, site
from door.cli.bench.stub import DRAFT, FILE

Tell = Callable[[str], None]

COMMITS = tuple(stage for stage in Stage if stage.name.endswith("_COMMIT"))
WITHIN = 20.0  # seconds for a death, an answer or a cut to come
FILING = "m1"  # id of the message that files
# A house that dies again and again uses up the tries of a message, but none of these may be given up.
SETTINGS = {"turn_tries": "10", "turn_window": "300"}
AGAIN_AFTER = 0.05  # seconds between two deliveries of a message that nobody acknowledged
NUMBER = re.compile(r"Q20\d\d-\d{7}-\d")
CODE = re.compile(r"(?<=[：:])\s?([2-9A-Z]{10})(?![0-9A-Z])")


class Platform:
    """Delivers until it hears 200, as platforms do, and keeps what it is sent."""

    def __init__(self) -> None:
        self._http: aiohttp.ClientSession | None = None
        self._came = asyncio.Condition()
        self.heard: dict[tuple[str, str], dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))

    @asynccontextmanager
    async def open(self) -> AsyncGenerator[str]:
        """Its address."""
        app = web.Application()
        app.add_routes([web.post("/", self._take)])
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        port = free_port()
        await web.TCPSite(runner, "127.0.0.1", port).start()
        try:
            async with aiohttp.ClientSession() as self._http:
                yield f"http://127.0.0.1:{port}/"
        finally:
            await runner.cleanup()

    async def _take(self, request: web.Request) -> web.Response:
        reply = orjson.loads(await request.read())
        async with self._came:
            self.heard[reply["to"], reply["in_reply_to"]][reply["id"]].add(reply["text"])
            self._came.notify_all()
        return web.json_response({"ok": True})

    async def say(self, place: Site, sender: str, id: str, text: str) -> None:
        """Delivers a message until it is taken and answered; TimeoutError if that does not come about."""
        if self._http is None:
            raise RuntimeError("the platform is not open")
        body = orjson.dumps({"id": id, "sender": sender, "text": text, "language": "zh"})
        address = f"http://127.0.0.1:{place.port}/c/{CHANNEL}/in"
        async with asyncio.timeout(WITHIN):
            while True:
                signed = {SIGNATURE_HEADER: sign(place.secret, int(time.time()), body)}
                headers = {"Content-Type": "application/json"} | signed
                try:
                    async with self._http.post(address, data=body, headers=headers) as answer:
                        if answer.status == 200:
                            break
                except (aiohttp.ClientError, OSError):
                    pass
                await asyncio.sleep(AGAIN_AFTER)
            async with self._came:
                await self._came.wait_for(lambda: self.heard[sender, id])

    def told(self, sender: str, id: str) -> list[tuple[str, str]]:
        """Each number and code that the consumer has read in answer to a message."""
        pairs: set[tuple[str, str]] = set()
        for texts in self.heard[sender, id].values():
            for text in texts:
                codes = CODE.findall(text) or [""]
                pairs |= {(number, code) for number in NUMBER.findall(text) for code in codes}
        return sorted(pairs)


async def strike(
    stages: Sequence[Stage], cuts: Sequence[tuple[Stage, Cut]], database: Database, tell: Tell = lambda line: None
) -> dict[str, Any]:
    """Files a complaint for each of `stages` at which the house dies, and for each of `cuts`; every second one goes on
    from a draft. {checks, struck, passed …}; `struck` names what was really hit."""
    began, platform = time.monotonic(), Platform()
    async with (
        platform.open() as address,
        database_of(database) as (through, direct, proxy),
        site(SETTINGS, database_url=through, marked=True, callback=address) as place,
    ):
        struck: list[str] = []
        with Marks(place.marks_file) as marks:
            run = _Run(place, marks, platform)
            await place.start_house()
            for stage in stages:
                struck += await run.die(stage)
                tell(f"died: {stage.words}")
            for stage, cut in cuts:
                if proxy is None:
                    raise ValueError("only PostgreSQL's connection can be cut")
                struck += await run.cut(proxy, stage, cut)
                tell(f"cut: {stage.words}, {cut.value}")
            code = await place.house.stop()
        vault = Vault.open(place.folder / "data" / "keys.json")
        store = await Store.open(direct or place.database_url)
        try:
            checks = await store.read(lambda conn: _account(conn, vault, platform, run.senders))
        finally:
            await store.close()
        checks |= {"not_struck": len(run.senders) - len(struck), "house_exit_code": code}
        return {
            "machine": machine(place.folder),
            "database": database,
            "filed": len(run.senders),
            "struck": struck,
            "seconds": round(time.monotonic() - began, 1),
            "checks": checks,
            "passed": not any(checks.values()),
        }


async def strike_everywhere(database: Database, tell: Tell = lambda line: None) -> dict[str, Any]:
    """At every step, on SQLite; every cut at every COMMIT, on PostgreSQL."""
    if database == "sqlite":
        return await strike(tuple(Stage), (), database, tell)
    return await strike((), [(stage, cut) for stage in COMMITS for cut in Cut], database, tell)


class _Run:
    """One house, and a consumer for each blow."""

    def __init__(self, place: Site, marks: Marks, platform: Platform) -> None:
        self._place, self._marks, self._platform = place, marks, platform
        self.senders: list[str] = []

    async def _begin(self) -> Callable[[], Coroutine[Any, Any, None]]:
        """A new consumer, every second one with a draft; what is to be called is the message that files."""
        n = len(self.senders)
        sender = f"consumer-{n}"
        self.senders.append(sender)
        if n % 2:
            await self._platform.say(self._place, sender, "m0", f"{DRAFT} #{n}.0")
        return lambda: self._platform.say(self._place, sender, FILING, f"{FILE} #{n}.1")

    async def die(self, stage: Stage) -> list[str]:
        """The house dies when the message comes to `stage`, and starts anew; where it stood when it died."""
        say = await self._begin()
        await self._place.house.ask("die", stage=stage.name)
        filing = asyncio.create_task(say())
        try:
            async with asyncio.timeout(WITHIN):
                await self._place.house.ended()
            struck = [stage.words] if stage in self._marks.standing() else []
            self._marks.clear()
            await self._place.start_house()
            await filing
        finally:
            filing.cancel()
        return struck

    async def cut(self, proxy: Cutter, stage: Stage, cut: Cut) -> list[str]:
        """The connection goes while the message is in `stage`, which is a COMMIT."""
        say = await self._begin()
        done = proxy.arm(cut, lambda: None, when=lambda: self._marks.within(stage) > 0)
        await say()
        async with asyncio.timeout(WITHIN):  # what is settled last is settled after the answer
            await done
        return [f"{stage.words}, {cut.value}"]


def _account(conn: Connection, vault: Vault, platform: Platform, senders: Sequence[str]) -> dict[str, int]:
    """What may not be, and how often it is."""
    found: Counter[str] = Counter()
    for sender in senders:
        where = vault.conversation_id(ChannelId(CHANNEL), sender)
        query = select(complaint_case.c.case_no, complaint_case.c.state, complaint_case.c.query_hash)
        rows = conn.execute(query.where(complaint_case.c.conversation_id == where)).all()
        told = platform.told(sender, FILING)
        found["cases_missing"] += not rows
        found["cases_twice"] += max(0, len(rows) - 1)
        found["numbers_told_twice"] += max(0, len({number for number, _ in told}) - 1)
        found["codes_told_twice"] += max(0, len({code for _, code in told}) - 1)
        found["not_told"] += not told
        right = {(row.case_no, row.query_hash) for row in rows if row.state != State.DRAFT.value}
        found["wrong_told"] += sum((no, register.query_hash(vault, no, code)) not in right for no, code in told)
    opened = select(func.count()).where(case_event.c.act == "open")
    found["opened_too_often"] = abs(conn.execute(opened).scalar_one() - len(senders))
    found["messages_open"] = conn.execute(select(func.count()).where(inbox.c.state == "open")).scalar_one()
    unsent = select(func.count()).where(outbox.c.state.in_(("ready", "sending")))
    found["replies_unsent"] = conn.execute(unsent).scalar_one()
    return dict(found)

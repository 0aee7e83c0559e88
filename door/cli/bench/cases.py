"""`bench cases`: the register with a million cases on both databases, and an import that is killed half way.

Cases go straight into their tables and into the index of words; their people are few and their history is left out: no
measured question touches either. The import takes the road that everybody's takes, `./qiantai cases import`.
"""

from __future__ import annotations

import asyncio
import csv
import json
import os
import random
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, event, func, insert, select, text

from cases import codes, finding, history, numbers, words
from cases.model import QUEUES, CaseType, Fields, Filter, Level, Track
from cases.states import ENDED, State
from cases.tables import complaint_case, institution, person
from core.store import Store, migrate
from door.cli.bench.figures import Figure, as_data, machine, percentiles
from door.cli.bench.postgres import postgres
from door.cli.setup.steps import ROOT

TIMES = 50  # questions of each kind
LIMIT_MS = 1000
CHUNK = 5_000  # cases of one transaction
PEOPLE = 1_000
BANKS = 400
NOW = datetime(2026, 11, 20, 4, tzinfo=UTC)
DAY = timedelta(days=1)
PLACES = ("西安", "咸阳", "宝鸡", "渭南", "汉中", "安康", "商洛", "延安", "榆林", "铜川")
WHAT = ("信用卡", "房贷", "车贷", "存款", "理财", "转账", "征信", "二维码支付", "外币兑换", "保险", "社保卡", "账户")
WRONG = (
    *(
        "年费未经同意收取",
        "提前还款被拒",
        "被冻结没有说明",
        "利率与合同不符",
        "客服电话打不通",
        "逾期记录有误",
        "重复扣款",
    ),
    *("柜台不收零钞", "营业员态度差", "短信天天催收", "到期不能赎回", "被盗刷三笔", "手续费过高", "材料反复要求补交"),
)
HEADINGS = ("收到时间", "来源渠道", "类型", "摘要", "投诉内容", "机构", "业务类别", "姓名", "联系电话", "外部编号")
BAD_LINE = 100  # every hundredth line of the import has no such day
STARTED = re.compile(r"^([0-9,]+) lines:")

Tell = Callable[[str], None]
Question = Callable[[Connection, random.Random, int], object]


def measure(
    cases: int, lines: int, databases: tuple[str, ...], tell: Tell = lambda line: None, *, keep: bool = False
) -> dict[str, Any]:
    """Milliseconds of every question with its plan, and what the killed import lost or took twice (must be nothing)."""
    folder = Path(tempfile.mkdtemp(prefix="qiantai-bench-"))
    figures: list[Figure] = []
    result: dict[str, Any] = {"cases": cases, "lines": lines, "machine": machine(folder), "databases": {}}
    checks = {"lost": 0, "twice": 0}
    try:
        with ExitStack() as stack:
            cluster = stack.enter_context(postgres()) if "postgresql" in databases else None
            urls = {
                name: [
                    cluster.create(what)
                    if cluster and name == "postgresql"
                    else f"sqlite:///{folder / what}/qiantai.db"
                    for what in ("asked", "taken")
                ]
                for name in databases
            }
            for name in databases:
                asked = asyncio.run(_asked(urls[name][0], cases, lambda line, of=name: tell(f"{of}: {line}")))
                result["databases"][name] = asked
                figures += [
                    Figure.at_most(f"{name}: {what}, p95", told["ms"]["p95"], LIMIT_MS, "ms")
                    for what, told in asked["questions"].items()
                ]
                if not keep and name == "sqlite":
                    shutil.rmtree(folder / "asked", ignore_errors=True)
            if lines:
                taken = asyncio.run(_all_taken(folder, {name: both[1] for name, both in urls.items()}, lines, tell))
                for name, told in taken.items():
                    result["databases"][name]["import"] = told
                    figures.append(Figure(name=f"{name}: lines taken in", value=told["per_second"], unit="1/s"))
                    checks = {what: checks[what] + told[what] for what in checks}
    finally:
        if not keep:
            shutil.rmtree(folder, ignore_errors=True)
    passed = not any(checks.values()) and all(figure.good is not False for figure in figures)
    return result | {"figures": as_data(figures), "checks": checks, "passed": passed}


# ---- questions -------------------------------------------------------------------------------------------------------


def _words(chance: random.Random) -> str:
    return f"{chance.choice(WHAT)} {chance.choice(WRONG)[:4]}"


QUESTIONS: dict[str, Question] = {
    "first page": lambda conn, chance, cases: finding.page(conn, Filter()),
    "first page of a queue": lambda conn, chance, cases: finding.page(conn, Filter(owner=QUEUES[CaseType.COMPLAINT])),
    "first page of the open": lambda conn, chance, cases: finding.page(conn, Filter(open=True)),
    "first page of a state": lambda conn, chance, cases: finding.page(
        conn, Filter(states=(chance.choice(list(State)),))
    ),
    "by number": lambda conn, chance, cases: finding.page(conn, Filter(text=_number(chance.randint(1, cases)))),
    "by institution": lambda conn, chance, cases: finding.page(conn, Filter(institution_id=chance.randint(1, BANKS))),
    "by the institution's name": lambda conn, chance, cases: finding.page(
        conn, Filter(text=_bank(chance.randint(1, BANKS)))
    ),
    "by a word of the summary": lambda conn, chance, cases: finding.page(conn, Filter(text=chance.choice(WHAT))),
    "by words of the summary": lambda conn, chance, cases: finding.page(conn, Filter(text=_words(chance))),
    "by words never together": lambda conn, chance, cases: finding.page(conn, Filter(text="信用卡 房贷")),
    "words and a rare place": lambda conn, chance, cases: finding.page(
        conn, Filter(text=chance.choice(WHAT), institution_id=chance.randint(1, BANKS))
    ),
    "due list": lambda conn, chance, cases: finding.due(conn, Filter(), before=NOW + 7 * DAY),
    "due list of a queue": lambda conn, chance, cases: finding.due(
        conn, Filter(owner=chance.choice(list(QUEUES.values()))), before=NOW + 7 * DAY
    ),
    "cross-tab": lambda conn, chance, cases: finding.cross_tab(conn, "business_code", "reason_code", Filter()),
    "cross-tab of a year": lambda conn, chance, cases: finding.cross_tab(
        conn, "state", "type", Filter(received_from=NOW - 365 * DAY, received_before=NOW)
    ),
    "cross-tab by institution": lambda conn, chance, cases: finding.cross_tab(
        conn, "institution_id", "business_code", Filter()
    ),
}


async def _asked(url: str, cases: int, tell: Tell) -> dict[str, Any]:
    """Fills a new ledger and asks it."""
    await asyncio.to_thread(migrate, url)
    store = await Store.open(url)
    try:
        began = time.monotonic()
        await store.write(_fill_around)
        for first in range(1, cases + 1, CHUNK):
            last = min(cases, first + CHUNK - 1)
            await store.write(lambda conn, first=first, last=last: _fill(conn, first, last))
            if (last // CHUNK) % 20 == 0 or last == cases:
                tell(f"{last:,} of {cases:,} cases in {time.monotonic() - began:.0f} s")
        if url.startswith("postgresql"):
            await store.write(lambda conn: conn.execute(text("ANALYZE")))  # as its own autovacuum does within a minute
        chance = random.Random(1)  # noqa: S311  (test data)
        told: dict[str, Any] = {}
        for name, question in QUESTIONS.items():
            took: list[float] = []
            worked: list[float] = []
            for _ in range(TIMES):
                begun, cpu = time.perf_counter(), time.process_time()
                await store.read(lambda conn, of=question: of(conn, chance, cases))
                took.append(time.perf_counter() - begun)
                worked.append(time.process_time() - cpu)
            plan = await store.read(lambda conn, of=question: _plan(conn, lambda: of(conn, chance, cases)))
            # Where our own work is little and the time is long, somebody else had the machine.
            told[name] = {"ms": percentiles(took), "own_cpu_ms": percentiles(worked), "plan": plan}
            tell(f"{name}: p95 {told[name]['ms']['p95']} ms, {told[name]['own_cpu_ms']['p95']} ms of it our own work")
        return {"questions": told}
    finally:
        await store.close()


def _plan(conn: Connection, ask: Callable[[], object]) -> list[str]:
    """How the database goes about the question, as it tells itself."""
    seen: list[tuple[str, Any]] = []

    def note(*given: Any) -> None:
        seen.append((given[2], given[3]))

    event.listen(conn, "before_cursor_execute", note)
    ask()
    event.remove(conn, "before_cursor_execute", note)
    how = "EXPLAIN QUERY PLAN" if conn.dialect.name == "sqlite" else "EXPLAIN"
    return [
        str(row[-1]).strip()
        for statement, parameters in seen
        for row in conn.exec_driver_sql(f"{how} {statement}", parameters).all()
    ]


# ---- a register of many cases ----------------------------------------------------------------------------------------


@cache
def _bank(n: int) -> str:
    return f"{PLACES[n % len(PLACES)]}{'工农商建交通信达民丰'[n // 10 % 10]}{'安和康泰'[n // 100 % 4]}银行"


def _number(n: int) -> str:
    return numbers.case_no(2026, n)


def _fill_around(conn: Connection) -> None:
    row = {"type": "city_bank", "created_at": NOW, "updated_at": NOW}
    conn.execute(insert(institution), [row | {"id": n, "name": _bank(n)} for n in range(1, BANKS + 1)])
    conn.execute(insert(person), [{"id": f"{n:032x}", "created_at": NOW} for n in range(PEOPLE)])


def _fill(conn: Connection, first: int, last: int) -> None:
    rows = [_row(n) for n in range(first, last + 1)]
    conn.execute(insert(complaint_case), rows)
    words.put_new(conn, {row["id"]: row["indexed"] for row in rows})


def _row(n: int) -> dict[str, Any]:
    """One case; seven of eight have ended, and the newest are open."""
    chance = random.Random(n)  # noqa: S311  (test data)
    kind = chance.choices(list(CaseType), (30, 50, 12, 5, 3))[0]
    bank = chance.randint(1, BANKS)
    received = NOW - timedelta(minutes=chance.randint(0, 3 * 365 * 24 * 60))
    ended = chance.random() < 7 / 8
    state = chance.choice(sorted(ENDED if ended else set(State) - ENDED))
    told = Fields(
        type=kind,
        track=chance.choice(list(Track)),
        level=chance.choices(list(Level), (90, 8, 2))[0],
        summary=f"{chance.choice(WHAT)}{chance.choice(WRONG)}",
        facts="三月起每月多扣十元，多次致电客服没有结果，要求退还并道歉。",
        institution=_bank(bank),
        institution_id=bank,
        city=chance.choice(PLACES),
        province="陕西",
        business_code=chance.choice(list(codes.tables()["business"])),
        reason_code=chance.choice(list(codes.tables()["reason"])),
        channel_code=chance.choice(list(codes.tables()["channel"])),
    )
    return history.columns(told) | {
        "id": n,
        "indexed": words.told(told.summary, told.institution, told.institution, ""),
        "case_no": _number(n),
        "cause": f"bench:{n}",
        "query_hash": "",
        "external_no": "",
        "source_channel": "phone",
        "received_at": received,
        "person_id": f"{chance.randrange(PEOPLE):032x}",
        "state": state.value,
        "owner": QUEUES[kind] if chance.random() < 1 / 2 else f"seat{chance.randrange(200)}",
        "version": 1,
        "opened_at": received,
        "opened_by": "bench",
        "updated_at": received,
        "due_at": None if ended else NOW + timedelta(hours=chance.randint(-200, 1000)),
        "ended_at": received + 10 * DAY if ended else None,
    }


# ---- an import that is killed ----------------------------------------------------------------------------------------


async def _all_taken(folder: Path, urls: Mapping[str, str], lines: int, tell: Tell) -> dict[str, dict[str, Any]]:
    """The list taken in by every database, all at once: nobody waits for these lines."""
    each = (_taken(folder, url, lines, lambda line, of=name: tell(f"{of}: {line}")) for name, url in urls.items())
    return dict(zip(urls, await asyncio.gather(*each), strict=True))


async def _taken(folder: Path, url: str, lines: int, tell: Tell) -> dict[str, Any]:
    """Takes a list in, kills it half way, takes it in again; how many lines were lost or taken twice."""
    place = folder / f"taken-{url.partition(':')[0]}"
    place.mkdir()
    file = place / "list.csv"
    good = _list(file, lines)
    kept = {name: value for name, value in os.environ.items() if not name.startswith("QIANTAI_")}
    own = {"QIANTAI_DATA": str(place), "QIANTAI_DATABASE_URL": url, "QIANTAI_CONFIG": "", "QIANTAI_ENCODER": "none"}
    await _run(kept | own, ["migrate"], None, lambda line: None)
    began = time.monotonic()
    await _run(kept | own, ["cases", "import", str(file), "--json"], lines // 2, tell)
    after_kill = await _count(url)
    tell(f"killed when {after_kill:,} cases were there")
    again = time.monotonic()
    end = await _run(kept | own, ["cases", "import", str(file), "--json"], None, tell)
    seconds = time.monotonic() - again
    there = await _count(url)
    return {
        "good_lines": good,
        "after_kill": after_kill,
        "there": there,
        "refused": end["refused"],
        "seconds": round(time.monotonic() - began, 1),
        "per_second": round((there - after_kill) / seconds),
        "lost": max(0, good - there) + abs(lines - good - end["refused"]),
        "twice": max(0, there - good),
    }


def _list(file: Path, lines: int) -> int:
    """Writes a list of so many lines; how many of them are good."""
    chance = random.Random(2)  # noqa: S311  (test data)
    with file.open("w", encoding="utf-8-sig", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(HEADINGS)
        writer.writerows(_lines(chance, lines))
    return lines - lines // BAD_LINE


def _lines(chance: random.Random, lines: int) -> Iterator[list[str]]:
    for n in range(1, lines + 1):
        day = "2026-13-01" if n % BAD_LINE == 0 else f"2026-{chance.randint(1, 10):02}-{chance.randint(1, 28):02} 09:30"
        summary = f"{chance.choice(WHAT)}{chance.choice(WRONG)}"
        facts = "三月起每月多扣十元，多次致电客服没有结果，请回电 13800138000。"
        phone = f"139{chance.randrange(10**8):08}"
        yield [day, "电话", "投诉", summary, facts, _bank(chance.randint(1, BANKS)), "银行卡", "王小明", phone, f"B{n}"]


async def _run(environment: dict[str, str], arguments: list[str], kill_at: int | None, tell: Tell) -> dict[str, Any]:
    """Runs a command, kills it once it tells of `kill_at` lines; its last line of JSON."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "door.cli", *arguments),
        cwd=ROOT,
        env=environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    if process.stdout is None or process.stderr is None:
        raise RuntimeError("a command without pipes")
    out = asyncio.create_task(process.stdout.read())
    killed = False
    async for raw in process.stderr:
        line = raw.decode(errors="replace").strip()
        tell(line)
        found = STARTED.match(line)
        if kill_at is not None and not killed and found and int(found[1].replace(",", "")) >= kill_at:
            process.kill()
            killed = True
    await process.wait()
    if kill_at is not None and not killed:
        raise RuntimeError("the import ended before it could be killed: give it more lines")
    told = (await out).decode().splitlines()
    if not killed and process.returncode not in (0, 1):
        raise RuntimeError(f"{' '.join(arguments)} ended with {process.returncode}")
    return json.loads(told[-1]) if told and not killed else {}


async def _count(url: str) -> int:
    store = await Store.open(url)
    try:
        return await store.read(
            lambda conn: conn.execute(select(func.count()).select_from(complaint_case)).scalar_one()
        )
    finally:
        await store.close()

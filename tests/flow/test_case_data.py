"""Numbers that are told of a case are nowhere in clear: not in the ledger, its log, the house's log or a list."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.core.masking_forms import Planted, planted
from tests.flow.conftest import ROOT, RealHouse, page
from tests.flow.telltale_house import FORMS, SEED
from tests.flow.test_personal_data import everything
from tests.servers import Postgres

PAGES = 20
SHOWN = 2  # cases that are shown whole
COUNT = {"sqlite": FORMS, "postgresql": FORMS // 5}  # what differs there is the database's own log alone


class Telltale(RealHouse):
    """With the brain that hides nothing; `ledger` reads all that its database keeps."""

    program = ("tests.flow.telltale_house",)
    ledger: Callable[[], list[bytes]]
    count: int

    def command(self, *arguments: str) -> bytes:
        """What `./qiantai` says."""
        command = [sys.executable, "-m", "door.cli", *arguments]
        return subprocess.run(command, cwd=ROOT, env=self.environment(), capture_output=True, check=True).stdout


@pytest.fixture(params=["sqlite", "postgresql"])
def telltale(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Telltale]:
    settings = {"QIANTAI_LOG_LEVEL": "DEBUG", "QIANTAI_ENCODER": "none"}
    server: Postgres | None = None
    if request.param == "postgresql":
        server = request.getfixturevalue("postgres_server")
        assert server is not None
        settings["QIANTAI_DATABASE_URL"] = server.create("telltale")
    made = Telltale(tmp_path, **settings)
    made.count = COUNT[request.param]
    made.ledger = list if server is None else lambda: server.traces("telltale")
    try:
        made.start()
        yield made
    finally:
        made.stop()
        if server is not None:
            server.drop("telltale")


async def test_of_a_thousand_numbers_told_of_cases_none_is_anywhere(telltale: Telltale, tmp_path: Path) -> None:
    forms = list(planted(seed=SEED, count=telltale.count))

    async def tell(part: list[Planted]) -> None:
        async with page(telltale) as visitor:
            for form in part:
                await visitor.say(form.text)

    await asyncio.gather(*(tell(forms[n::PAGES]) for n in range(PAGES)))
    running = everything(telltale)  # with the write-ahead log that a stop folds in
    listed, shown = await asyncio.to_thread(lists, telltale, tmp_path)
    assert telltale.stop() == 0
    assert len(listed) > telltale.count / 10  # drafts and cases were really kept
    left = [*shown, *everything(telltale), *telltale.ledger()]
    assert values(forms, *running, *left) == []
    assert written(forms, *left) == []


TOKEN = re.compile(rb"[0-9]{8,}[Xx]?|[!-?A-~]{1,64}@[A-Za-z0-9.-]{4,64}")


def values(forms: list[Planted], *places: bytes) -> list[str]:
    """The bare values that stand in one of `places`, also inside a longer number."""
    whole = {form.value.lower().encode() for form in forms}
    sizes = {len(value) for value in whole}
    found: set[bytes] = set()
    for token in {token.lower() for place in places for token in TOKEN.findall(place)}:
        found |= {token[n : n + size] for size in sizes for n in range(len(token) - size + 1)} & whole
    return sorted(value.decode() for value in found)


def written(forms: list[Planted], *places: bytes) -> list[str]:
    """The texts that stand in one of `places` as they were told, or as JSON writes them that knows ASCII only; where a
    number is bare its value tells as much."""
    texts = {form.text for form in forms if form.value not in form.text}
    return sorted(t for t in texts for p in places if t.encode() in p or json.dumps(t)[1:-1].encode() in p)


def lists(house: Telltale, folder: Path) -> tuple[list[dict[str, Any]], list[bytes]]:
    """The cases, and all that a list, a case that is shown and a file of them tell without opening anything."""
    told = house.command("cases", "list", "--json", "--limit", "200")
    cases: list[dict[str, Any]] = [json.loads(line) for line in told.splitlines()]
    places = [told, *(house.command("cases", "show", case["case_no"], "--json") for case in cases[:SHOWN])]
    for kind in ("csv", "xlsx"):
        file = folder / f"cases.{kind}"
        house.command("cases", "export", str(file), "--requester", "audit", "--basis", "yearly")
        places.append(file.read_bytes())
    with zipfile.ZipFile(folder / "cases.xlsx") as book:
        places += [book.read(name) for name in book.namelist()]
    return cases, places

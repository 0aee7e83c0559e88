"""`cases …` as people and scripts type it, on a ledger of their own: what is shown, what is refused and how."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine
from typer.testing import CliRunner

from cases import history, notices
from cases.calendar import BEIJING
from cases.numbers import case_no
from door.cli.app import app
from door.cli.exits import Exit, Failure
from door.cli.premises import prepare_ledger
from tests.cli.conftest import Site

FIRST = case_no(datetime.now(BEIJING).year, 1)
PHONE, NAME = "13912345678", "王小明"


@dataclass(frozen=True)
class Done:
    """How a command ended; a refusal is its sentence on stderr, as its process would tell it."""

    returncode: int
    stdout: str
    stderr: str


@dataclass(frozen=True)
class Desk:
    """Runs commands in this process: a new one takes a second to start."""

    site: Site

    def run(self, *words: str, stdin: str = "") -> Done:
        told = CliRunner().invoke(app, words, input=stdin, env=self.site.env)
        if isinstance(told.exception, Failure):
            return Done(told.exception.code, told.stdout, f"{told.stderr}{told.exception}")
        if told.exception is not None and not isinstance(told.exception, SystemExit):
            raise told.exception
        return Done(told.exit_code, told.stdout, told.stderr)


@pytest.fixture
def desk(site: Site) -> Desk:
    prepare_ledger(site.settings)
    return Desk(site)


def rows(done: Done) -> list[dict[str, Any]]:
    assert done.returncode == Exit.DONE, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def new(desk: Desk, tmp_path: Path, **more: Any) -> dict[str, Any]:
    """The answer to a case that was given in a file, as seen from where the command was typed."""
    told = {"summary": f"年费乱收，电话{PHONE}", "person": {"name": NAME, "phone": PHONE}} | more
    (tmp_path / "case.json").write_text(json.dumps(told, default=str))
    [made] = rows(desk.run("cases", "new", "--from", "case.json", "--json"))
    return made


def test_a_case_is_opened_found_shown_masked_and_worked_on(desk: Desk, tmp_path: Path) -> None:
    made = new(desk, tmp_path)
    number = made["case_no"]
    assert len(made["query_code"]) == 10
    [line] = rows(desk.run("cases", "list", "年费", "--state", "submitted", "--open", "--json"))
    assert (line["case_no"], line["owner"]) == (number, "queue:complaints")
    shown = desk.run("cases", "show", number.lower().replace("-", ""))
    assert shown.returncode == Exit.DONE, shown.stderr
    assert "王**, *******5678" in shown.stdout
    assert "pboc_decide" in shown.stdout
    assert "check it before you rely on it" in shown.stderr
    assert PHONE not in shown.stdout
    possible = desk.run("cases", "act", number)
    assert "--fact reason=… --fact where_to=… --fact text=…" in possible.stdout
    [done] = rows(desk.run("cases", "act", number, "accept", "--version", "1", "--json"))
    assert (done["state"], done["version"]) == ("accepted", 2)
    [told] = rows(desk.run("cases", "show", number, "--reveal", "回电", "--events", "--json"))
    assert told["person"]["phone"] == PHONE
    assert PHONE in told["told"]["summary"]
    assert [each["act"] for each in told["events"]] == ["open", "accept"]


def test_a_case_shows_what_its_consumer_was_told_and_what_they_said(desk: Desk, tmp_path: Path) -> None:
    number, now = new(desk, tmp_path)["case_no"], datetime.now(UTC)
    engine = create_engine(desk.site.settings.ledger_url)
    with engine.begin() as conn:
        case = history.load(conn, number)
        history.record(conn, case, "rate", {}, actor="consumer", now=now, changes={"rating": "solved"})
        sent = "news:1.2:talk:0"
        notices.begin(conn, case.id, since=0, n=2, act="accept", locale="zh", cause=sent, next_at=now, now=now)
    engine.dispose()
    shown = desk.run("cases", "show", number).stdout
    assert "Rated:        solved" in shown
    assert re.search(r"2 +accept +.* +talk +open", shown)
    [whole] = rows(desk.run("cases", "show", number, "--json"))
    assert [one["act"] for one in whole["told_to_consumer"]] == ["accept"]


def test_what_is_due_is_listed_and_warned_of_once(desk: Desk, tmp_path: Path) -> None:
    late = new(desk, tmp_path, received_at=datetime.now(UTC) - timedelta(days=40))["case_no"]
    new(desk, tmp_path, owner="li")
    [overdue] = rows(desk.run("cases", "due", "--overdue", "--json"))
    assert (overdue["case_no"], overdue["overdue"]) == (late, True)
    assert len(rows(desk.run("cases", "due", "--days", "60", "--json"))) == 2
    assert [one["owner"] for one in rows(desk.run("cases", "due", "--days", "60", "--owner", "li", "--json"))] == ["li"]
    assert "Nothing is due" in desk.run("cases", "due", "--tasks").stderr
    [warned] = rows(desk.run("cases", "remind", "--json"))
    assert (warned["case_no"], warned["level"], warned["rule"]) == (late, "overdue", "pboc_decide")
    again = desk.run("cases", "remind")
    assert (again.returncode, again.stdout, again.stderr) == (Exit.DONE, "", "No new warnings.\n")
    assert [one["kind"] for one in rows(desk.run("alarms", "list", "--json"))] == ["case_overdue"]


def test_pages_follow_one_another(desk: Desk) -> None:
    for n in range(3):
        assert desk.run("cases", "new", "--summary", f"第{n}件").returncode == Exit.DONE
    first = desk.run("cases", "list", "--limit", "2", "--json")
    after = first.stderr.split("--after ")[1].strip()
    second = desk.run("cases", "list", "--limit", "2", "--after", after, "--json")
    assert [one["summary"] for one in rows(first) + rows(second)] == ["第2件", "第1件", "第0件"]


def test_a_case_may_come_through_a_pipe(desk: Desk) -> None:
    done = desk.site.run("cases", "new", "--from", "-", "--draft", stdin='{"person": {"name": "王小明"}}')
    assert done.returncode == Exit.DONE, done.stderr
    assert " is draft, with queue:complaints" in done.stdout
    assert "shown only now" in done.stdout


WRONG = (
    (("new",), "", Exit.USAGE, "--summary or --facts"),
    (("new", "--summary", "x", "--type", "row"), "", Exit.USAGE, "type: Input should be"),
    (("new", "--from", "nowhere.json"), "", Exit.USAGE, "cannot be read"),
    (("new", "--from", "-"), "{", Exit.USAGE, "holds no JSON"),
    (("new", "--from", "-"), "[1]", Exit.USAGE, "no JSON object"),
    (("new", "--from", "-"), '{"summary": "x", "shoes": 43}', Exit.USAGE, "shoes"),
    (("list", "--state", "burnt"), "", Exit.USAGE, "states.0"),
    (("list", "--after", "x"), "", Exit.USAGE, "after: not what the page before gave"),
    (("show", "Q2026-0000001-0"), "", Exit.USAGE, "a digit of it is wrong; ./qiantai cases list"),
    (("show", "Q2026-0000009-9"), "", Exit.FOUND, "there is no case"),
    (("act", FIRST, "burn"), "", Exit.USAGE, "shows what is possible now"),
    (("act", FIRST, "close"), "", Exit.FOUND, "possible: request_supplement"),
    (("act", FIRST, "refuse"), "", Exit.FOUND, "give each as --fact name=value"),
    (("act", FIRST, "accept", "--fact", "x"), "", Exit.USAGE, "name=value"),
    (("act", FIRST, "accept", "--fact", "total=soon"), "", Exit.USAGE, "a whole number"),
    (("act", FIRST, "accept", "--version", "9"), "", Exit.FOUND, "at version 1, not 9"),
)


def test_what_cannot_be_done_is_told_with_what_to_do(desk: Desk) -> None:
    assert desk.run("cases", "new", "--summary", "年费").returncode == Exit.DONE
    for words, stdin, code, sentence in WRONG:
        done = desk.run("cases", *words, stdin=stdin)
        assert (done.returncode, done.stdout) == (code, ""), (words, done.stderr)
        assert sentence in done.stderr, words
    assert "version 1" in desk.run("cases", "act", FIRST).stdout, "nothing of it was done"


def test_without_a_ledger_it_says_how_to_get_one(site: Site) -> None:
    done = site.run("cases", "list")
    assert done.returncode == Exit.AWAY
    assert "./qiantai up" in done.stderr

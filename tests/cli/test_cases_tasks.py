"""`cases note`, `assign`, `tasks …` and `institutions …` as people type them."""

from __future__ import annotations

import json
import re
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from door.cli.exits import Exit
from door.cli.premises import prepare_ledger
from tests.cli.conftest import Site
from tests.cli.test_cases import FIRST, NAME, PHONE, Desk, new, rows


@pytest.fixture
def desk(site: Site) -> Desk:
    prepare_ledger(site.settings)
    return Desk(site)


def test_a_case_is_given_to_somebody_and_remarked_upon(desk: Desk, tmp_path: Path) -> None:
    number = new(desk, tmp_path)["case_no"]
    [told] = rows(desk.run("cases", "assign", number, "li", "--reason", "熟悉", "--version", "1", "--json"))
    assert (told["owner"], told["version"]) == ("li", 2)
    assert f"{number} is submitted, with li" in desk.run("cases", "note", number, f"{NAME}约周三").stdout
    noted = desk.run("cases", "note", number, "-", stdin=f"回电{PHONE}\n")
    assert noted.returncode == Exit.DONE, noted.stderr
    [shown] = rows(desk.run("cases", "show", number, "--events", "--json"))
    assert [each["act"] for each in shown["events"]] == ["open", "assign", "note", "note"]
    assert shown["events"][2]["facts"] == {"text": "王**约周三"}
    assert PHONE not in json.dumps(shown)


def test_a_task_is_given_moved_and_done_with_its_record(desk: Desk, tmp_path: Path) -> None:
    number = new(desk, tmp_path)["case_no"]
    give = ("cases", "tasks", "add", number, "回访", "--kind", "follow_up", "--owner", "queue:visits")
    [task] = rows(desk.run(*give, "--due", "2090-12-01", "--fact", "way=电话", "--json"))
    assert task["due_at"] in ("2090-12-01T16:00:00Z", "2090-12-02T00:00:00+08:00"), "a day counts to its end"
    id = str(task["id"])
    desk.run("cases", "tasks", "add", number, "查流水", "--owner", "wu", "--due", "2080-01-01 09:00")
    assert [one["title"] for one in rows(desk.run("cases", "tasks", "list", "--json"))] == ["查流水", "回访"]
    moved = desk.run("cases", "tasks", "change", id, "--owner", "li", "--due", "2090-11-30 17:00")
    assert "2090-11-30" in moved.stdout
    assert [one["id"] for one in rows(desk.run("cases", "tasks", "list", "--owner", "li", "--json"))] == [task["id"]]
    early = desk.run("cases", "tasks", "done", id)
    assert (early.returncode, "not done without satisfaction; give each as --fact" in early.stderr) == (
        Exit.FOUND,
        True,
    )
    [ended] = rows(
        desk.run("cases", "tasks", "done", id, "--result", "好", "--fact", "satisfaction=accepted", "--json")
    )
    assert (ended["state"], ended["facts"]) == ("done", {"way": "电话", "satisfaction": "accepted"})
    assert len(rows(desk.run("cases", "tasks", "list", number, "--json"))) == 2
    other = str(rows(desk.run("cases", "tasks", "list", "--json"))[0]["id"])
    assert rows(desk.run("cases", "tasks", "cancel", other, "--json"))[0]["state"] == "cancelled"
    assert "No tasks" in desk.run("cases", "tasks", "list").stderr
    assert "satisfaction" in desk.run("cases", "tasks", "records").stdout


def test_an_institution_is_added_changed_and_its_liaison_opened_with_a_trace(desk: Desk, tmp_path: Path) -> None:
    (tmp_path / "bank.json").write_text('{"seat": "长安路1号", "aliases": ["长行"]}')
    add = ("cases", "institutions", "add", "长安银行", "--type", "city_bank", "--from", "bank.json", "--json")
    [made] = rows(desk.run(*add))
    id = str(made["id"])
    assert (made["seat"], made["aliases"]) == ("长安路1号", ["长行"])
    [changed] = rows(desk.run("cases", "institutions", "change", id, "--name", "新长安银行", "--json"))
    assert set(changed["aliases"]) == {"长行", "长安银行"}
    assert "新长安银行" in desk.run("cases", "institutions").stdout
    assert [one["id"] for one in rows(desk.run("cases", "institutions", "list", "长行", "--json"))] == [made["id"]]
    people = json.dumps({"liaison": {"name": NAME, "phone": PHONE}})
    named = desk.run("cases", "institutions", "liaisons", id, "--from", "-", stdin=people)
    assert "王**, *******5678" in named.stdout, named.stderr
    assert "nobody is known" in named.stdout
    [shown] = rows(desk.run("cases", "institutions", "show", id, "--reveal", "转办", "--json"))
    assert shown["liaison"] == {"name": NAME, "phone": PHONE}
    with closing(sqlite3.connect(desk.site.ledger)) as ledger:
        trace = ledger.execute("SELECT act, detail FROM audit WHERE subject = ? ORDER BY id", (f"institution:{id}",))
        assert trace.fetchall()[-2:] == [("cases.liaisons", "liaison named"), ("cases.unmask", "转办")]


WRONG = (
    (("note", FIRST, " "), "", Exit.USAGE, "note: nothing was written"),
    (("note", "Q2026-0000001-0", "x"), "", Exit.USAGE, "a digit of it is wrong"),
    (("assign", FIRST, "queue:"), "", Exit.USAGE, "owner: an account"),
    (("assign", FIRST, "li", "--version", "7"), "", Exit.FOUND, "not 7; look at it"),
    (("tasks", "add", FIRST, " ", "--owner", "li", "--due", "2090-01-01"), "", Exit.USAGE, "title"),
    (("tasks", "add", FIRST, "x", "--owner", "li", "--due", "soon"), "", Exit.USAGE, "--due soon: no date"),
    (("tasks", "add", FIRST, "x", "--owner", "li", "--due", "2090-02-30"), "", Exit.USAGE, "no such day"),
    (("tasks", "add", FIRST, "x", "--owner", "li", "--due", "2300-01-01"), "", Exit.USAGE, "due_at"),
    (("tasks", "add", FIRST, "x", "--owner", "", "--due", "2090-01-01"), "", Exit.USAGE, "owner"),
    (("tasks", "add", FIRST, "x", "--owner", "li", "--due", "2090-01-01", "--kind", "row"), "", Exit.USAGE, "kind"),
    (
        ("tasks", "add", FIRST, "x", "--owner", "li", "--due", "2090-01-01", "--fact", "a=1"),
        "",
        Exit.USAGE,
        "has no a; it has text",
    ),
    (
        ("tasks", "add", FIRST, "x", "--owner", "li", "--due", "2090-01-01", "--institution", "99"),
        "",
        Exit.USAGE,
        "no institution 99",
    ),
    (("tasks", "change", "99"), "", Exit.USAGE, "what is to change?"),
    (("tasks", "change", "99", "--owner", "li"), "", Exit.FOUND, "there is no task 99; ./qiantai cases tasks list"),
    (("tasks", "done", "99"), "", Exit.FOUND, "there is no task 99"),
    (("tasks", "list", "Q2026-0000009-9"), "", Exit.FOUND, "there is no case"),
    (("institutions", "add", " "), "", Exit.USAGE, "name"),
    (("institutions", "add", "x", "--type", "circus"), "", Exit.USAGE, "type: circus is no code"),
    (("institutions", "add", "x", "--from", "-"), '{"shoes": 43}', Exit.USAGE, "shoes"),
    (("institutions", "change", "9"), "", Exit.USAGE, "what is to change?"),
    (("institutions", "change", "9", "--name", "x"), "", Exit.FOUND, "./qiantai cases institutions list shows"),
    (("institutions", "show", "9"), "", Exit.FOUND, "there is no institution 9"),
    (("institutions", "liaisons", "9", "--from", "-"), "{}", Exit.USAGE, "liaison, deputy or both"),
    (("institutions", "liaisons", "9", "--from", "-"), '{"driver": null}', Exit.USAGE, "not driver"),
    (("institutions", "liaisons", "9", "--from", "-"), '{"deputy": 7}', Exit.USAGE, "deputy: an object"),
    (("institutions", "liaisons", "9", "--from", "-"), '{"deputy": {"shoes": 4}}', Exit.USAGE, "shoes"),
    (("institutions", "liaisons", "9", "--from", "-"), '{"deputy": null}', Exit.FOUND, "there is no institution 9"),
)


def test_what_cannot_be_done_is_told_with_what_to_do(desk: Desk) -> None:
    assert desk.run("cases", "new", "--summary", "年费").returncode == Exit.DONE
    for words, stdin, code, sentence in WRONG:
        done = desk.run("cases", *words, stdin=stdin)
        assert (done.returncode, done.stdout) == (code, ""), (words, done.stderr)
        assert sentence in done.stderr, (words, done.stderr)
    assert "version 1" in desk.run("cases", "act", FIRST).stdout, "nothing of it was done"


def test_a_link_for_the_identity_number_is_shown_once_and_replaces_the_one_before(desk: Desk, tmp_path: Path) -> None:
    number = new(desk, tmp_path)["case_no"]
    [told] = rows(desk.run("cases", "id-link", number, "--json"))
    assert told["case_no"] == number
    again = desk.run("cases", "id-link", number)
    address = again.stdout.splitlines()[0]
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/id/[a-z2-7]{32}", address)
    assert address != told["link"]
    assert "it is not shown again" in again.stdout
    with closing(sqlite3.connect(desk.site.settings.data / "qiantai.db")) as ledger:
        kept = str(ledger.execute("SELECT * FROM id_link").fetchall())
        assert ledger.execute("SELECT count(*) FROM audit WHERE act = 'cases.id_link'").fetchone() == (2,)
    assert (kept.count("("), address[-32:] in kept) == (1, False)
    desk.run("cases", "act", number, "withdraw")
    ended = desk.run("cases", "id-link", number)
    assert (ended.returncode, "takes no number" in ended.stderr) == (Exit.FOUND, True)
    assert desk.run("cases", "id-link", "Q2026-9999999-9").returncode == Exit.USAGE

"""`cases import`, `export` and `template` as people type them: files in, files out, and what is said and refused."""

from __future__ import annotations

import codecs
import csv
import hashlib
import json
import re
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from cases.columns import GIVEN
from cases.sheets import BadFile
from door.cli.exits import Exit
from door.cli.premises import prepare_ledger
from door.cli.setup.steps import ROOT
from tests.cli.conftest import Site
from tests.cli.test_cases import Desk

PHONE, NAME = "13912345678", "王小明"
HEAD = "收到时间,来源渠道,摘要,姓名,联系电话"
GOOD = f"2026-11-01 09:30,电话记录,银行乱收年费,{NAME},{PHONE}"
BAD = f"2026-13-01,电话记录,没有这个月,{NAME},{PHONE}"
ASKED = ("--requester", "审计处", "--basis", "年度检查")


@pytest.fixture
def desk(site: Site) -> Desk:
    prepare_ledger(site.settings)
    return Desk(site)


@pytest.fixture
def taken(desk: Desk, tmp_path: Path) -> Desk:
    """A register into which a list of three good lines and a bad one was taken."""
    (tmp_path / "list.csv").write_text("\n".join([HEAD, GOOD, BAD, GOOD, GOOD]), encoding="gb18030")
    done = desk.run("cases", "import", "list.csv", "--refused", "bad.csv", "--codes", "codes.csv")
    assert done.returncode == Exit.FOUND, done.stderr
    assert "3: refused (收到时间: there is no such day or time)" in done.stdout
    assert "4 lines: 3 taken, 0 known, 1 refused" in done.stderr
    return desk


def table(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def audited(desk: Desk, act: str) -> list[dict[str, Any]]:
    with closing(sqlite3.connect(desk.site.ledger)) as ledger:
        rows = ledger.execute("SELECT detail FROM audit WHERE act = ?", (act,)).fetchall()
    return [json.loads(detail) if detail.startswith("{") else {"reason": detail} for (detail,) in rows]


def test_a_list_is_taken_in_once_and_its_bad_lines_come_back_mended(taken: Desk, tmp_path: Path) -> None:
    codes = table(tmp_path / "codes.csv")
    assert [row["line"] for row in codes] == ["2", "4", "5"]
    assert len({row["query_code"] for row in codes}) == 3
    again = taken.run("cases", "import", "list.csv", "--json")
    told = [json.loads(line) for line in again.stdout.splitlines()]
    assert [line["line"] for line in told[:-1]] == [3]
    assert {name: told[-1][name] for name in ("lines", "taken", "known", "refused")} == {
        "lines": 4,
        "taken": 0,
        "known": 3,
        "refused": 1,
    }
    bad = tmp_path / "bad.csv"
    assert bad.stat().st_mode & 0o077 == 0
    bad.write_text(bad.read_text().replace("2026-13-01", "2026-10-01"))
    mended = taken.run("cases", "import", "bad.csv")
    assert mended.returncode == Exit.DONE, mended.stderr
    assert "1 taken" in mended.stderr


def test_a_dry_run_tells_of_every_line_and_takes_none(desk: Desk, tmp_path: Path) -> None:
    (tmp_path / "list.csv").write_text("\n".join([HEAD, GOOD, BAD]))
    done = desk.run("cases", "import", "list.csv", "--dry-run")
    assert done.stdout.splitlines()[0] == "2: would be taken"
    assert done.stdout.splitlines()[1].startswith("3: refused (收到时间")
    assert "1 would be taken" in done.stderr
    assert desk.run("cases", "list", "--json").stdout == ""


def test_a_list_goes_out_without_anybodys_data_and_its_hash_stands_in_the_audit(taken: Desk, tmp_path: Path) -> None:
    done = taken.run("cases", "export", "out.csv", *ASKED, "--state", "submitted", "--json")
    assert done.returncode == Exit.DONE, done.stderr
    content = (tmp_path / "out.csv").read_bytes()
    told = json.loads(done.stdout)
    assert (told["cases"], told["sha256"]) == (3, hashlib.sha256(content).hexdigest())
    assert PHONE not in content.decode()
    assert NAME not in content.decode()
    assert content.startswith(codecs.BOM_UTF8)
    (noted,) = audited(taken, "cases.list")
    assert (noted["requester"], noted["basis"], noted["sha256"]) == ("审计处", "年度检查", told["sha256"])
    assert (noted["personal"], noted["filter"]) == (False, {"states": ["submitted"]})
    assert audited(taken, "cases.unmask") == []


def test_the_audit_of_a_list_holds_no_number_of_a_person(taken: Desk) -> None:
    words = ("--requester", f"王 {PHONE}", "--basis", PHONE, "--text", PHONE)
    assert taken.run("cases", "export", "out.csv", *words).returncode == Exit.DONE
    assert PHONE not in str(audited(taken, "cases.list"))


def test_personal_data_goes_out_only_when_asked_for_and_each_opening_is_audited(taken: Desk, tmp_path: Path) -> None:
    done = taken.run("cases", "export", "out.xlsx", *ASKED, "--open-personal-data", "--headings", "en")
    assert done.returncode == Exit.DONE, done.stderr
    sheet: Any = openpyxl.load_workbook(tmp_path / "out.xlsx").worksheets[0]
    first, *rows = sheet.iter_rows(values_only=True)
    assert {row[first.index("phone")] for row in rows} == {PHONE}
    assert len(audited(taken, "cases.unmask")) == 3
    assert audited(taken, "cases.list")[0]["personal"] is True


@pytest.mark.parametrize("file", ["list.csv", "list.xlsx"])
def test_the_template_is_taken_as_a_list_without_lines(desk: Desk, file: str) -> None:
    assert desk.run("cases", "template", file).returncode == Exit.DONE
    done = desk.run("cases", "import", file)
    assert done.returncode == Exit.DONE, done.stderr
    assert "0 lines" in done.stderr
    assert desk.run("cases", "template", file).returncode == Exit.REFUSED


def test_the_well_known_institutions_are_loaded_once_and_found_by_their_other_names(desk: Desk, tmp_path: Path) -> None:
    first = desk.run("cases", "institutions", "load")
    assert "is the name of more than one" not in first.stderr
    listed = desk.run("cases", "institutions", "list", "--json").stdout
    rows = [json.loads(line) for line in listed.splitlines()]
    (icbc,) = (row for row in rows if "工行" in row["aliases"])
    assert (icbc["name"], icbc["type"]) == ("中国工商银行", "state_bank")
    again = desk.run("cases", "institutions", "load")
    assert "0 institutions and 0 other names added" in again.stderr
    assert desk.run("cases", "institutions", "list", "--json").stdout == listed
    (tmp_path / "list.csv").write_text(f"{HEAD},机构\n{GOOD},icbc\n")
    assert desk.run("cases", "import", "list.csv").returncode == Exit.DONE
    assert desk.run("cases", "export", "out.csv", *ASKED, "--institution", str(icbc["id"])).returncode == Exit.DONE
    assert [row["机构"] for row in table(tmp_path / "out.csv")] == ["icbc"]


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (("import", "nowhere.csv"), Exit.USAGE, "there is no file"),
        (("import", "list.csv", "--refused", "list.csv"), Exit.REFUSED, "exists already"),
        (("export", "list.csv", *ASKED), Exit.REFUSED, "exists already"),
        (("export", "no/folder.csv", *ASKED), Exit.USAGE, "there is no folder"),
        (("export", "out.csv", "--requester", " ", "--basis", "x"), Exit.USAGE, "--requester is empty"),
        (("export", "out.csv", "--requester", "x"), Exit.USAGE, ""),
        (("export", "out.csv", *ASKED, "--state", "lost"), Exit.USAGE, "state"),
        (("import", "list.csv", "--source", "Nobody knows"), Exit.USAGE, "source"),
    ],
)
def test_what_cannot_be_done_is_said(desk: Desk, tmp_path: Path, words: tuple[str, ...], code: Exit, told: str) -> None:
    (tmp_path / "list.csv").write_text("\n".join([HEAD, GOOD]))
    done = desk.run("cases", *words)
    assert done.returncode == code, done.stderr
    assert told in done.stderr
    assert not (tmp_path / "out.csv").exists()


def test_a_file_that_is_no_list_takes_nothing(desk: Desk, tmp_path: Path) -> None:
    (tmp_path / "bad.csv").write_text(f"{HEAD},星座\n{GOOD}\n")
    with pytest.raises(BadFile, match="unknown columns: 星座"):  # its process tells it and ends with 1
        desk.run("cases", "import", "bad.csv")
    assert desk.run("cases", "list", "--json").stdout == ""


def test_every_column_stands_in_the_documentation() -> None:
    shown = (ROOT / "docs" / "cases.md").read_text().partition("<!-- columns -->")[2].partition("<!-- end")[0]
    rows = re.findall(r"^\| (\w+) \| (\S+) \| [a-z ]+ \| (.*?) ?\|$", shown, re.M)
    assert rows == [(each.key, each.zh, ", ".join(each.also)) for each in GIVEN]

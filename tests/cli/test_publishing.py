"""`faq publish`, `faq versions` and `faq rollback` as a person or a script types them, without a running house."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from door.cli.exits import Exit
from tests.cli.conftest import Site
from tests.faq.folder import edit, make

SHORT = "用卡到取款机。"


@pytest.fixture
def content(site: Site, tmp_path: Path) -> Site:
    """A site with a ledger and a small content folder."""
    folder = make(tmp_path / "content")
    own = Site(data=site.data, env=dict(site.env) | {"QIANTAI_CONTENT": str(folder)})
    assert own.run("migrate").returncode == 0
    return own


@pytest.fixture
def saving(content: Site) -> Path:
    return Path(content.env["QIANTAI_CONTENT"]) / "saving.yml"


def lines(site: Site, *words: str) -> list[dict[str, Any]]:
    done = site.run("faq", *words, "--json")
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_publishing_shows_what_changed_and_makes_it_live(content: Site, saving: Path) -> None:
    [first] = lines(content, "publish")
    assert (first["before"], first["added"], first["published"]) == ("", ["F01", "F02"], True)
    edit(saving, SHORT, "请用卡。")
    edit(saving.parent / "responses" / "zh.yml", "hold: ", "hold: 您好，")
    done = content.run("faq", "publish")
    assert done.stdout == "changed: F02\nfiles: responses/zh.yml, saving.yml\n"
    assert "is live" in done.stderr
    [again] = lines(content, "publish")
    assert (again["published"], again["changed"], again["files"]) == (False, [], [])


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("confidence: V\n", "confidence: sure\n", ":10: confidence 'sure' is none of V, V2, M, U, D [broken]"),
        (SHORT, "稳赚不赔。", ":24: F02: prohibited content: promises of gain (稳赚) [prohibited]"),
    ],
)
def test_what_may_not_be_published_is_refused_by_file_line_and_reason(
    content: Site, saving: Path, old: str, new: str, told: str
) -> None:
    lines(content, "publish")
    edit(saving, old, new)
    done = content.run("faq", "publish")
    assert done.returncode == Exit.FOUND
    assert done.stdout == f"{saving}{told}\n"
    assert "not published: 1 things" in done.stderr
    machine = content.run("faq", "publish", "--json")
    assert machine.returncode == Exit.FOUND
    assert json.loads(machine.stdout)["line"] == int(told.split(":")[1])
    assert len(lines(content, "versions")) == 1


def test_a_folder_without_content_is_refused(content: Site, tmp_path: Path) -> None:
    done = content.run("faq", "publish", env={"QIANTAI_CONTENT": str(tmp_path / "nowhere")})
    assert done.returncode == Exit.FOUND
    assert "no topic files" in done.stdout


def test_versions_are_listed_with_what_changed_by_whom_and_which_is_live(content: Site, saving: Path) -> None:
    lines(content, "publish")
    edit(saving, SHORT, "请用卡。")
    lines(content, "publish")
    lines(content, "rollback")
    newest, second, first = lines(content, "versions")
    assert [one["why"] for one in (newest, second, first)] == ["rolled_back", "published", "published"]
    assert [one["live"] for one in (newest, second, first)] == [True, False, False]
    assert newest["version"] == first["version"] != second["version"]
    assert [len(one["changes"]["changed"]) for one in (newest, second)] == [1, 1]
    assert first["changes"]["added"] == ["F01", "F02"]
    assert all(one["by"] and one["kept"] for one in (newest, second, first))
    table = content.run("faq", "versions")
    assert table.stdout.splitlines()[1].split()[:2] == ["live", newest["version"]]
    assert "not what is live" in table.stderr
    assert len(lines(content, "versions", "--limit", "1")) == 1


def test_a_rollback_goes_back_by_one_or_to_a_named_version_and_leaves_the_files(content: Site, saving: Path) -> None:
    [first] = lines(content, "publish")
    edit(saving, SHORT, "请用卡。")
    text = saving.read_text()
    [second] = lines(content, "publish")
    [back] = lines(content, "rollback")
    assert (back["version"], back["before"], back["rolled_back"]) == (first["version"], second["version"], True)
    assert saving.read_text() == text
    done = content.run("faq", "rollback", second["version"][:6])
    assert (done.returncode, second["version"] in done.stderr) == (Exit.DONE, True)
    [same] = lines(content, "rollback", second["version"])
    assert same["rolled_back"] is False


def test_each_act_is_in_the_audit(content: Site, saving: Path) -> None:
    lines(content, "publish")
    edit(saving, SHORT, "请用卡。")
    lines(content, "publish")
    lines(content, "rollback")
    with closing(sqlite3.connect(content.ledger)) as ledger:
        acts = [act for (act,) in ledger.execute("SELECT act FROM audit ORDER BY id")]
    assert acts == ["content_published", "content_published", "content_rolled_back"]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ((), "there is no version before the live one"),
        (("beef",), "no versions begin with beef"),
    ],
)
def test_a_rollback_to_nowhere_says_so(content: Site, words: tuple[str, ...], told: str) -> None:
    lines(content, "publish")
    done = content.run("faq", "rollback", *words)
    assert (done.returncode, told in done.stderr) == (Exit.FOUND, True)


def test_nothing_to_go_back_to_and_nothing_to_list_before_the_first_publication(content: Site) -> None:
    assert content.run("faq", "rollback").returncode == Exit.FOUND
    assert lines(content, "versions") == []
    assert "Nothing was published yet" in content.run("faq", "versions").stderr


@pytest.mark.parametrize(("harm", "told"), [("NULL", "were not kept"), ("x'00'", "are damaged")])
def test_a_version_whose_files_are_not_there_is_listed_and_not_gone_back_to(
    content: Site, saving: Path, harm: str, told: str
) -> None:
    [first] = lines(content, "publish")
    edit(saving, SHORT, "请用卡。")
    [second] = lines(content, "publish")
    with closing(sqlite3.connect(content.ledger)) as ledger:
        ledger.execute(f"UPDATE faq_version SET files = {harm} WHERE id = ?", [first["version"]])
        ledger.commit()
    done = content.run("faq", "rollback")
    assert (done.returncode, told in done.stderr) == (Exit.FOUND, True)
    newest, last = lines(content, "versions")
    assert (newest["version"], newest["live"]) == (second["version"], True)
    assert last["kept"] == (harm != "NULL")


def test_a_backup_carries_the_versions(content: Site, saving: Path, tmp_path: Path) -> None:
    [first] = lines(content, "publish")
    edit(saving, SHORT, "请用卡。")
    lines(content, "publish")
    assert content.run("backup", str(tmp_path / "copy")).returncode == 0
    lines(content, "rollback")
    assert content.run("restore", str(tmp_path / "copy")).returncode == 0
    assert [one["why"] for one in lines(content, "versions")] == ["published", "published"]
    assert lines(content, "rollback")[0]["version"] == first["version"]


def test_without_a_ledger_the_sentence_says_how_to_get_one(site: Site) -> None:
    for words in (("versions",), ("rollback",), ("publish",)):
        done = site.run("faq", *words)
        assert (done.returncode, "./qiantai migrate" in done.stderr) == (Exit.AWAY, True)

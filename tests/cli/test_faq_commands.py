"""`faq search`, `faq eval` and `faq lint`, as somebody types them."""

from __future__ import annotations

import json
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from door.cli.exits import Exit
from faq.entries import china_day
from tests.cli.conftest import Site
from tests.faq.folder import edit, make

OWN = "id\tstyle\tquestion\nF22\tplain\t怎么查自己的信用报告？\nF01\tvoice\t存款保险最多赔多少？\n-\tfar\t你好\n"


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """Three questions of our own: one is answered rightly, one wrongly."""
    (tmp_path / "own_zh.tsv").write_text(OWN, encoding="utf-8")
    return tmp_path


def rows(done: subprocess.CompletedProcess[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in done.stdout.splitlines()]


def gate(folder: Path, text: str) -> None:
    (folder / "gate.toml").write_text(text, encoding="utf-8")


# search -------------------------------------------------------------------------------------------------------------


def test_search_says_for_each_line_what_the_assistant_would_do(site: Site, tmp_path: Path) -> None:
    (tmp_path / "questions.txt").write_text(
        "怎么查自己的信用报告？\n\nHow much of my deposit is insured?\n\x00明天天气\n"
    )
    found = rows(site.run("faq", "search", "--json", "--file", "questions.txt"))
    assert [(row["language"], row["decision"]) for row in found[:2]] == [("zh", "answer"), ("en", "answer")]
    assert [found[0]["hits"][0]["id"], found[1]["hits"][0]["id"]] == ["F22", "F77"]
    assert found[2]["decision"] == "none"
    assert "F22" in site.run("faq", "search", "怎么查自己的信用报告").stdout
    assert json.loads(site.run("faq", "search", "--json", "--file", "-", stdin="征信").stdout)["query"] == "征信"


@pytest.mark.parametrize("words", [(), ("x", "--file", "y"), ("--file", "nowhere.txt"), ("x", "--language", "fr")])
def test_search_says_what_it_wants(site: Site, words: tuple[str, ...]) -> None:
    assert site.run("faq", "search", *words).returncode == Exit.USAGE


# eval ---------------------------------------------------------------------------------------------------------------


def test_eval_measures_each_language_topic_and_style(site: Site) -> None:
    found = rows(site.run("faq", "eval", "--json"))
    assert [row["language"] for row in found[:2]] == ["zh", "en"]
    assert all(0.5 < row["top1"] < row["top3"] < 1 for row in found[:2])
    for part in ("topic", "style"):
        named = [row[part] for row in found if part in row]
        assert {one["language"] for one in named} == {"zh", "en"}
        assert sum(one["in_scope"] for one in named) == sum(row["in_scope"] for row in found[:2])
    curves = [row["calibration"] for row in found if "calibration" in row]
    assert [(one["language"], len(one["bins"])) for one in curves] == [("zh", 10), ("en", 10)]


def test_eval_lists_what_collides_and_with_misses_which_questions(site: Site, own: Path) -> None:
    done = site.run("faq", "eval", "--folder", ".", "--misses")
    assert "50.0%" in done.stdout
    assert "wrong: 存款保险最多赔多少？\n  expected F01; F77 1.00" in done.stdout
    found = rows(site.run("faq", "eval", "--folder", ".", "--misses", "--json"))
    missed = [row for row in found if "query" in row]
    assert [(row["expected"], row["outcome"], row["hits"][0]["id"]) for row in missed] == [(["F01"], "wrong", "F77")]
    assert {"collision": {"expected": "F01", "got": "F77", "count": 1, "answered": 1}} in found


def test_eval_without_questions_says_where_they_come_from(site: Site) -> None:
    done = site.run("faq", "eval", "--folder", "nowhere")
    assert done.returncode == Exit.USAGE
    assert "come with a checkout" in done.stderr


def test_the_gate_lets_pass_what_reaches_it_and_names_what_does_not(site: Site, own: Path) -> None:
    gate(own, "[zh]\ntop1 = { least = 0.5 }\n")
    assert site.run("faq", "eval", "--folder", ".", "--gate").returncode == Exit.DONE
    gate(own, "[zh]\ntop1 = { least = 0.51 }\nwrong = { most = 0.02 }\n")
    done = site.run("faq", "eval", "--folder", ".", "--gate", "--json")
    assert done.returncode == Exit.FOUND
    assert "zh top1 is 50.0%, at least 51.0% is needed" in done.stderr
    assert "zh wrong is 50.0%, at most 2.0% is allowed" in done.stderr
    assert rows(done)[0]["top1"] == 0.5
    assert site.run("faq", "eval", "--folder", ".").returncode == Exit.DONE


def test_without_a_gate_file_nothing_is_measured(site: Site, own: Path) -> None:
    done = site.run("faq", "eval", "--folder", ".", "--gate")
    assert (done.returncode, done.stdout) == (Exit.FOUND, "")
    assert "there is no gate.toml" in done.stderr


def test_eval_against_an_older_copy_tells_what_the_edit_changed(site: Site, tmp_path: Path) -> None:
    (tmp_path / "q_zh.tsv").write_text("id\tquestion\nF02\t怎么提现\nF01\t我要存钱\n-\t怎么提现\n", encoding="utf-8")
    make(tmp_path / "old")
    edit(make(tmp_path / "new") / "saving.yml", "[取现金,", "[怎么提现,")
    env = {"QIANTAI_CONTENT": str(tmp_path / "new")}
    words = ("faq", "eval", "--folder", ".", "--against", "old")
    found = rows(site.run(*words, "--json", env=env))
    assert {"entry": {"id": "F02", "what": "changed", "fields": ["phrasings.zh"]}} in found
    assert {"better": 1, "worse": 1} in found
    before, after = (next(row["against"][when] for row in found if "against" in row) for when in ("before", "after"))
    assert (before["answered"], after["answered"], after["false_answer"]) == (0.5, 1, 1)
    told = site.run(*words, "--misses", env=env).stdout
    assert "F02    changed  phrasings.zh" in told
    assert "1 questions fare better\n  怎么提现: " in told
    assert ", now answered (F02)" in told


def test_eval_against_a_published_version_takes_its_files_from_the_ledger(site: Site, own: Path) -> None:
    folder = make(own / "content")
    env = {"QIANTAI_CONTENT": str(folder)}
    assert site.run("migrate", env=env).returncode == Exit.DONE
    [published] = rows(site.run("faq", "publish", "--yes", "--json", env=env))
    edit(folder / "saving.yml", "valid_to: 2027-11-21", "valid_to: 2027-12-21")
    found = rows(site.run("faq", "eval", "--folder", ".", "--against", published["version"], "--json", env=env))
    changed = [row["entry"] for row in found if "entry" in row]
    assert changed == [{"id": "F02", "what": "changed", "fields": ["valid_to"]}]


@pytest.mark.parametrize("past", ["nowhere", "--help", "0123456789ab"])
def test_eval_against_what_nobody_knows_says_so(site: Site, own: Path, past: str) -> None:
    done = site.run("faq", "eval", "--folder", ".", "--against", past)
    assert done.returncode == Exit.FOUND
    assert f"git knows no revision {past!r}" in done.stderr


def test_eval_against_content_that_cannot_be_used_any_more_says_so(site: Site, own: Path) -> None:
    (own / "old").mkdir()
    (own / "old" / "cash.yml").write_text("- id: F99\n", encoding="utf-8")
    done = site.run("faq", "eval", "--folder", ".", "--against", "old")
    assert done.returncode == Exit.FOUND
    assert "the content as of old cannot be used today" in done.stderr


def test_eval_draws_its_picture(site: Site, own: Path) -> None:
    assert site.run("faq", "eval", "--folder", ".", "--picture", "curve.svg").returncode == Exit.DONE
    assert ElementTree.parse(own / "curve.svg").getroot().tag.endswith("svg")
    for name in ("curve.png", "nowhere/curve.svg"):
        assert site.run("faq", "eval", "--folder", ".", "--picture", name).returncode == Exit.USAGE


# lint ---------------------------------------------------------------------------------------------------------------


def test_lint_names_file_line_and_reason(site: Site, tmp_path: Path) -> None:
    (tmp_path / "faq" / "responses").mkdir(parents=True)
    (tmp_path / "faq" / "cash.yml").write_text("- id: F99\n  question: 1\n")
    done = site.run("faq", "lint", "--json", env={"QIANTAI_CONTENT": str(tmp_path / "faq")})
    assert done.returncode == Exit.FOUND
    assert any((row["file"], row["level"], row["stops"]) == ("cash.yml", "stops", True) for row in rows(done))


def test_warnings_alone_are_no_failure(site: Site, tmp_path: Path) -> None:
    soon = china_day(datetime.now(UTC)) + timedelta(days=5)
    edit(make(tmp_path / "faq") / "saving.yml", "valid_to: 2027-11-21", f"valid_to: {soon}")
    done = site.run("faq", "lint", env={"QIANTAI_CONTENT": str(tmp_path / "faq")})
    assert done.returncode == Exit.DONE
    assert f"answered from until {soon} only; check the facts again [expiring, warning]" in done.stdout


def test_the_content_that_is_shipped_has_nothing_to_put_right(site: Site) -> None:
    done = site.run("faq", "lint", "--json")
    assert done.returncode == Exit.DONE
    assert [row for row in rows(done) if row["level"] != "warning"] == []

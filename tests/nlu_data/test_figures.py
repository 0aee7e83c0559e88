"""The figures of `nlu eval`: the picture of what is taken for what, and what the figures may not fall below."""

from __future__ import annotations

import json
import subprocess
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from core.errors import ContentError
from door.cli import limits, verdicts
from door.cli.examples import Utterance
from door.cli.verdicts import Pair, Verdict
from tests.brain.house import PYTHON, ROOT

GATE = Path(__file__).with_name("gate.toml")


def pair(meant: str, understood: str, style: str = "plain") -> Pair:
    one = Utterance(labels=frozenset(meant.split("|")), style=style, language="zh", text="…")
    return one, Verdict(text="…", language="zh", label=understood, confidence=0.9, runner_up="menu", why="a test")


FOUND = [
    pair("emergency", "emergency"),
    pair("emergency", "chitchat"),
    pair("out_of_scope", "emergency", "hard_negative"),
    pair("out_of_scope", "faq:cash:F51"),
    pair("out_of_scope", "faq:cash"),
    pair("out_of_scope", "out_of_scope"),
    pair("faq:cash|out_of_scope", "faq:cash:F52"),
    pair("handoff", "handoff"),
]


def test_what_is_taken_for_what_counts_every_message_once() -> None:
    table = verdicts.confusion(FOUND)
    assert sum(map(sum, table.counts)) == len(FOUND)
    meant, given = table.labels.index("emergency"), table.labels.index("chitchat")
    assert table.counts[meant][given] == 1


def test_the_picture_is_a_page_and_a_png(tmp_path: Path) -> None:
    table = verdicts.confusion(FOUND)
    assert verdicts.page(table).count("<tr>") == len(table.labels) + 1
    file = tmp_path / "confusion.png"
    drawn = _drawn(asdict(table), file)
    assert (drawn.returncode, drawn.stderr) == (0, b"")
    assert file.read_bytes().startswith(b"\x89PNG")


def test_a_png_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    drawn = _drawn(asdict(verdicts.confusion(FOUND)), tmp_path / "nowhere" / "confusion.png")
    assert drawn.returncode == 1
    assert b"cannot be written" in drawn.stderr.splitlines()[-1]


def _drawn(table: dict[str, Any], file: Path) -> subprocess.CompletedProcess[bytes]:
    command = [str(PYTHON), str(ROOT / "bot" / "assistant" / "heatmap.py"), str(file)]
    return subprocess.run(command, input=json.dumps(table).encode(), capture_output=True, timeout=60, check=False)


def test_the_gate_asks_for_figures_that_are_measured() -> None:
    asked = limits.read(GATE)
    assert {one.group for one in asked} >= {"zh", "en", *verdicts.SAFETY, "out_of_scope"}
    assert all(one.figure in verdicts.COLUMNS for one in asked)


def test_the_gate_of_everyday_talk_asks_both_languages() -> None:
    asked = limits.read(GATE.with_name("everyday.toml"))
    assert {(one.group, one.figure) for one in asked} == {("zh", "right"), ("en", "right")}


BROKEN: list[tuple[str, dict[str, float], str]] = [
    ("right = { least = 0.9 }", {"right": 0.9}, ""),
    ("right = { least = 0.9 }", {"right": 0.8}, "zh right is 80.0%, at least 90.0% is needed"),
    ("answered = { most = 0.05 }", {"answered": 0.06}, "zh answered is 6.0%, at most 5.0% is allowed"),
    ("right = { least = 0.9 }", {}, "zh right was not measured"),
]


@pytest.mark.parametrize(("limit", "figures", "why"), BROKEN)
def test_a_limit_says_why_it_is_broken(tmp_path: Path, limit: str, figures: dict[str, float], why: str) -> None:
    file = tmp_path / "gate.toml"
    file.write_text(f"[zh]\n{limit}\n", encoding="utf-8")
    assert [one.broken_by({"zh": figures}) for one in limits.read(file)] == [why]


WRONG = [
    ("", "it sets no limit"),
    ("[zh", "cannot be read"),
    ("zh = 1", "zh is not a table of figures"),
    ("[zh]\nright = 0.9", "zh.right needs least or most"),
    ("[zh]\nright = {}", "zh.right needs least or most"),
    ("[zh]\nright = { min = 0.9 }", "zh.right needs least or most"),
    ("[zh]\nright = { least = 90 }", "zh.right: 90 is not a share between 0 and 1"),
    ("[zh]\nright = { least = true }", "zh.right: True is not a share between 0 and 1"),
    ('[zh]\nright = { least = "0.9" }', "zh.right: 0.9 is not a share between 0 and 1"),
]


@pytest.mark.parametrize(("content", "reason"), WRONG)
def test_a_gate_that_cannot_be_used_is_one_sentence(tmp_path: Path, content: str, reason: str) -> None:
    file = tmp_path / "gate.toml"
    file.write_text(content, encoding="utf-8")
    with pytest.raises(ContentError, match=r"gate\.toml") as caught:
        limits.read(file)
    assert reason in str(caught.value)


def test_a_gate_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ContentError, match="cannot be read"):
        limits.read(tmp_path / "gate.toml")

"""The product's clocks and the oracle's agree on random cases, and the cases are such that a slip would be seen."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from door.cli.bench import deadlines
from door.cli.bench.deadlines import ORACLE, measure
from door.cli.exits import Exit, Failure
from door.cli.setup.steps import ROOT


def test_both_readings_agree_on_two_thousand_cases_that_strike_every_edge() -> None:
    result = measure(2_000, seed=20)
    assert result["passed"], result["shown"]
    assert set(result["edges"]) == {
        *("no_rule", "waiting", "paused", "running", "refused", "rolled", "provisional"),
        *("extension held", "extension refused", "happens on the last day", "happens a day late"),
    }
    assert min(result["edges"].values()) >= 20
    assert len(result["rules"]) == 23  # with one that there is not


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ('Rule(7, "working days", BANKING_LAW', 'Rule(8, "working days", BANKING_LAW'),
        ("BANKING_LAW = date(2020, 11, 1)", "BANKING_LAW = date(2020, 11, 2)"),
        ("if on(asked) > due_on", "if on(asked) >= due_on"),
        ("if not is_open and day > ", "if not is_open and day >= "),
        ("while not is_working(day) or day in paused", "while not is_working(day)"),
        ("while begins < ends", "while begins <= ends"),
        ("total < wanted <= row.most", "total < wanted < row.most"),
        ("-(-total * 8 // 10)", "(total * 8 // 10)"),
        ("due_on.year >= 2027", "due_on.year >= 2028"),
        ("moment.astimezone(BEIJING).date()", "moment.date()"),
    ],
)
def test_a_slip_in_one_of_them_is_seen(tmp_path: Path, right: str, wrong: str) -> None:
    text = ORACLE.read_text(encoding="utf-8")
    assert right in text
    slipped = tmp_path / "oracle.py"
    slipped.write_text(text.replace(right, wrong), encoding="utf-8")
    result = measure(400, seed=21, oracle=slipped)
    assert not result["passed"]
    assert {"case", "product", "oracle"} == set(result["shown"][0])


def test_the_same_seed_draws_the_same_cases_in_however_many_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deadlines, "BATCH", 40)
    result = measure(80, seed=7)
    alone = deadlines.batch(ORACLE, 7, 0, 40)
    alone.add(deadlines.batch(ORACLE, 7, 1, 40))
    assert (result["rules"], result["edges"]) == (dict(alone.rules), dict(alone.edges))


def test_the_command_tells_its_seed_and_what_it_counted() -> None:
    command = [sys.executable, "-m", "door.cli", "bench", "deadlines", "--json", "--cases", "20", "--seed", "7"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    told = json.loads(done.stdout)
    assert (told["cases"], told["seed"], told["differences"], told["passed"]) == (20, 7, 0, True)


def test_without_the_second_reading_it_says_where_it_comes_from(tmp_path: Path) -> None:
    with pytest.raises(Failure, match="checkout of the source") as refused:
        measure(1, seed=1, oracle=tmp_path / "oracle.py")
    assert refused.value.code is Exit.USAGE

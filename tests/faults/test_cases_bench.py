"""The bench of the register asks what it says it asks, and none of its lists reads the whole register."""

from __future__ import annotations

import pytest

from door.cli.bench import cases as bench

IN_ORDER = ("first page", "first page of the open")  # these walk the table backwards and stop after a page
BY_INDEX = {
    "by number": "case_no=?",
    "by institution": "ix_case_institution",
    "by a word of the summary": "case_words",
    "first page of a queue": "ix_case_owner",
    "due list": "ix_case_due",
    "cross-tab of a year": "USING COVERING INDEX ix_case_tab",
}


def test_every_question_is_asked_and_goes_by_an_index(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench, "TIMES", 2)
    told: list[str] = []
    result = bench.measure(1000, 0, ("sqlite",), told.append)
    asked = result["databases"]["sqlite"]["questions"]
    assert set(asked) == set(bench.QUESTIONS)
    assert all(each["ms"]["count"] == 2 for each in asked.values())
    for name, index in BY_INDEX.items():
        assert index in " ".join(asked[name]["plan"]), name
    for name, each in asked.items():
        assert name in IN_ORDER or "SCAN complaint_case" not in " ".join(each["plan"]).replace(
            "SCAN complaint_case USING COVERING", ""
        ), name
    for name in IN_ORDER:
        assert "TEMP B-TREE" not in " ".join(asked[name]["plan"])
    assert len(result["figures"]) == len(asked)
    assert result["checks"] == {"lost": 0, "twice": 0}
    assert told[-1].startswith("sqlite: ")

"""The fault bench in short: what it does two hundred times, `./qiantai test` does a dozen times."""

from __future__ import annotations

from door.cli.bench import blows


async def test_a_house_and_a_brain_that_are_killed_under_load_lose_and_double_nothing() -> None:
    result = await blows.strike(12, 7, "sqlite")
    assert result["checks"] == dict.fromkeys(result["checks"], 0), result["report"]["examples"]
    assert result["passed"]
    assert sum(result["rounds"].values()) == 12
    assert result["rounds"]["house"] > 3
    assert result["report"]["accepted"] > 300
    assert any(row["house"] for row in result["stages"])  # it was struck while it worked
    assert result["unreached"] == []  # every mark still hangs where messages pass


async def test_a_connection_to_postgresql_that_is_cut_around_commits_loses_and_doubles_nothing() -> None:
    result = await blows.strike(20, 7, "postgresql")
    assert result["checks"] == dict.fromkeys(result["checks"], 0), result["report"]["examples"]
    assert result["report"]["accepted"] > 100
    assert result["unreached"] == []

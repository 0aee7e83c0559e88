"""A complaint that is filed while the house dies, or its database's connection is cut, is filed once."""

from __future__ import annotations

from door.cli.bench import filing
from door.cli.bench.cutter import Cut
from door.cli.bench.filing import COMMITS
from door.cli.bench.marks import Stage

# One of each kind of half-done work that a death leaves; `bench faults` strikes all stages.
STAGES = (
    Stage.ACCEPT_COMMIT,
    Stage.ACCEPT_AFTER,
    Stage.LEASED,
    Stage.TURN_COMMIT,
    Stage.TURN_AFTER,
    Stage.CALL,
    Stage.SETTLE_COMMIT,
)


async def test_a_house_that_dies_between_two_steps_of_filing_files_once() -> None:
    result = await filing.strike(STAGES, (), "sqlite")
    assert result["checks"] == dict.fromkeys(result["checks"], 0)
    assert result["struck"] == [stage.words for stage in STAGES]


async def test_a_connection_that_is_cut_around_any_commit_of_filing_files_once() -> None:
    result = await filing.strike((), [(stage, cut) for stage in COMMITS for cut in Cut], "postgresql")
    assert result["checks"] == dict.fromkeys(result["checks"], 0)
    assert len(result["struck"]) == len(COMMITS) * len(Cut)

"""The speed bench in short: its figures are not looked at here, but that it measures, checks and loses nothing."""

from __future__ import annotations

import pytest

from door.cli.bench import speed
from door.cli.bench.figures import Figure, percentiles
from door.cli.bench.provider import Road


@pytest.mark.parametrize("road", ["webhook", "web"])
async def test_every_figure_is_measured_and_every_message_answered(road: Road) -> None:
    result = await speed.measure(0.5, road)
    assert result["checks"] == dict.fromkeys(result["checks"], 0), result["reports"]
    assert {f["name"] for f in result["figures"] if f["value"] is None} == set()
    assert {f["name"] for f in result["figures"] if f["target"]} == {
        "saturated: CPU of the house per message",
        "burst: accepts",
        "in a row: from one turn to the next p95",
        "10/s: end to end p95",
        "80/s: ack p99 with the query / alone",
    }
    assert all(report["accepted"] for report in result["reports"].values())


def test_percentiles_are_milliseconds() -> None:
    hundred = percentiles([n / 1000 for n in range(1, 101)])
    assert hundred == {"p50": 51.0, "p95": 96.0, "p99": 100.0, "most": 100.0, "count": 100}
    assert percentiles([])["p99"] is None


@pytest.mark.parametrize(("value", "good"), [(39.9, True), (40.0, True), (40.1, False), (None, False)])
def test_a_figure_knows_its_target(value: float | None, good: bool) -> None:
    assert Figure.at_most("p95", value, 40.0, "ms").good is good


@pytest.mark.parametrize(("value", "good"), [(999.9, False), (1000.0, True), (None, False)])
def test_a_figure_knows_that_more_is_better(value: float | None, good: bool) -> None:
    assert Figure.at_least("accepts", value, 1000, "1/s").good is good

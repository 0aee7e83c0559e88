"""A pager that nobody can reach shows in the figures."""

from __future__ import annotations

from core.alarm import raise_alarm
from core.settings import Settings
from core.store import Store
from door.metrics import Metrics
from door.sinks import CountedSinks
from tests.conftest import Clock


async def test_a_sink_that_fails_is_counted_and_the_others_are_not(store: Store, clock: Clock) -> None:
    metrics = Metrics()
    sinks = CountedSinks(store, Settings(alarm_command="/nowhere/pager"), clock, metrics)

    def failures(sink: str) -> float | None:
        return metrics.registry.get_sample_value("qiantai_alarm_sink_failures_total", {"sink": sink})

    assert failures("command") == 0
    await store.write(lambda conn: raise_alarm(conn, "brain_down", "brain", "no word", clock()))
    for _ in range(2):
        await sinks.deliver()
    assert (failures("command"), failures("log")) == (2, 0)

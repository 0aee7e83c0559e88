"""The alarms' sinks with their failures counted: a pager that nobody can reach must show in the figures."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from core.alarm import Alarm, AlarmSinks, Sink, SinkFailed
from core.settings import Settings
from core.store import Store
from door.metrics import Metrics


class CountedSinks(AlarmSinks):
    """Tells alarms as ever; each try that a sink failed at is counted under its name."""

    def __init__(self, store: Store, settings: Settings, clock: Callable[[], datetime], metrics: Metrics) -> None:
        super().__init__(store, settings, clock)
        self._metrics = metrics
        for name in self._sinks:
            metrics.alarm_sink_failures.labels(name)  # 0 from the start, so that the first failure shows as a rise
        self._sinks = {name: self._counted(name, sink) for name, sink in self._sinks.items()}

    def _counted(self, name: str, sink: Sink) -> Sink:
        async def tell(one: Alarm) -> None:
            try:
                await sink(one)
            except SinkFailed:
                self._metrics.alarm_sink_failures.labels(name).inc()
                raise

        return tell

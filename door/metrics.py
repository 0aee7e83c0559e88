"""What a house counts, for Prometheus; one registry per house, so that two in one process do not meet."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import orjson
import structlog
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from sqlalchemy import Connection, func, select
from starlette.types import Receive, Scope, Send

from core.errors import NotFound
from core.store import Store
from core.tables import alarm, inbox, left_message, outbox
from door.answers import send_error, send_plain
from door.health import Health

log = structlog.get_logger()

PREFIX = "qiantai"
# Seconds. A reflex takes 5 ms, a turn with the brain 20; 4 is the brain's budget, 30 the window of all tries.
TURN_SECONDS = (0.005, 0.01, 0.02, 0.04, 0.08, 0.15, 0.3, 0.6, 1, 2, 4, 10, 30)
Waiting = tuple[int, datetime | None]  # how many, and since when the first
OUTBOX_STATES = ("ready", "sending")


class Metrics:
    """The counters and gauges; gauges that come from the ledger are set when somebody asks."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()

        def counter(name: str, help: str, *labels: str) -> Counter:
            return Counter(name, help, labels, namespace=PREFIX, registry=self.registry)

        def gauge(name: str, help: str, *labels: str) -> Gauge:
            return Gauge(name, help, labels, namespace=PREFIX, registry=self.registry)

        self.accepted = counter("accepted", "Messages that entered the ledger.", "channel")
        self.duplicates = counter("duplicates", "Deliveries of messages that were there already.", "channel")
        self.refused = counter("refused", "Requests and frames that were not taken.", "channel", "error")
        self.id_pages = counter("id_pages", "Requests at the page for identity numbers, by how they ended.", "outcome")
        self.turns = counter("turns", "Turns by how they ended.", "outcome")
        self.turn_seconds = Histogram(
            "turn_seconds",
            "Seconds a turn took, from its lease to its commit.",
            namespace=PREFIX,
            buckets=TURN_SECONDS,
            registry=self.registry,
        )
        self.sends = counter("sends", "Tries to hand a message to a platform, by how they ended.", "channel", "outcome")
        self.files = counter("files", "Files that consumers sent, by what became of them.", "channel", "outcome")
        self.held = counter("held", "Holding sentences that were put out.")
        self.loop_deaths = counter("loop_deaths", "Deaths of the house's endless loops.", "loop")
        self.brain_restarts = counter("brain_restarts", "Starts of the brain after its first.")
        self.brain_up = gauge("brain_up", "1 while the brain answers.")
        self.encoder_failures = counter("encoder_failures", "Batches of questions that the encoder could not read.")
        self.sockets = gauge("sockets", "Open pages.", "channel")
        self.outbox = gauge("outbox", "Messages that wait to go out, by state.", "state")
        self.open_messages = gauge("open_messages", "Messages that wait for an answer.")
        self.oldest_open_seconds = gauge("oldest_open_seconds", "Age of the message that has waited longest; 0: none.")
        self.left_messages = gauge("left_messages", "People who wait for a person: asked for one or left a message.")
        self.oldest_left_seconds = gauge("oldest_left_seconds", "Age of the one that was left first; 0: none.")
        self.alarm_sink_failures = counter("alarm_sink_failures", "Alarms that a sink did not take at a try.", "sink")
        self.alarms = gauge("alarms", "Alarms that nobody has acknowledged.")

    def text(self) -> bytes:
        """The exposition format 0.0.4."""
        return generate_latest(self.registry)


async def measure(store: Store, metrics: Metrics, now: datetime) -> None:
    """Sets the gauges that only the ledger knows. Reads partial indexes: the cost is that of what is open."""

    def query(conn: Connection) -> tuple[dict[str, int], Waiting, Waiting, int]:
        waiting = conn.execute(
            select(outbox.c.state, func.count()).where(outbox.c.state.in_(OUTBOX_STATES)).group_by(outbox.c.state)
        )
        states = {str(row[0]): int(row[1]) for row in waiting}
        messages = conn.execute(
            select(func.count(), func.min(inbox.c.received_at)).where(inbox.c.state == "open")
        ).one()
        left = conn.execute(
            select(func.count(), func.min(left_message.c.created_at)).where(left_message.c.done_at.is_(None))
        ).one()
        alarms = conn.execute(select(func.count()).where(alarm.c.acknowledged_at.is_(None))).scalar_one()
        return states, (messages[0], messages[1]), (left[0], left[1]), alarms

    states, (count, oldest), (left, first_left), alarms = await store.read(query)
    for state in OUTBOX_STATES:
        metrics.outbox.labels(state).set(states.get(state, 0))
    metrics.open_messages.set(count)
    metrics.oldest_open_seconds.set((now - oldest).total_seconds() if oldest else 0)
    metrics.left_messages.set(left)
    metrics.oldest_left_seconds.set((now - first_left).total_seconds() if first_left else 0)
    metrics.alarms.set(alarms)


class MetricsPage:
    """GET /metrics, and /readyz with its reasons, on a loopback port of its own: a bare ASGI application."""

    def __init__(self, store: Store, metrics: Metrics, clock: Callable[[], datetime], health: Health) -> None:
        self._health = health
        self._store = store
        self._metrics = metrics
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == "/readyz":  # whoever may use this machine's loopback may know why (doctor asks)
            troubles = await self._health.troubles()
            told = {"ready": not troubles, "reasons": troubles}
            await send_plain(send, 503 if troubles else 200, orjson.dumps(told))
            return
        if scope["path"] != "/metrics":
            await send_error(send, NotFound("the metrics are at /metrics"))
            return
        try:
            await measure(self._store, self._metrics, self._clock())
        except Exception as e:  # what is counted in memory is wanted most while the ledger is away
            log.warning("ledger_not_measured", error=type(e).__name__)
        await send_plain(send, 200, self._metrics.text(), CONTENT_TYPE_LATEST)

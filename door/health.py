"""Is the house alive, and can it do its work: reasons in sentences, for people and for what restarts and routes."""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import structlog
from fastapi import APIRouter, Request, Response
from sqlalchemy import Connection

from core.store import Store, upsert
from core.tables import EPOCH, tick
from door.auth import caller_of

log = structlog.get_logger()

ASK_EVERY = 2.0  # seconds an answer is good for: anybody may ask, and each new answer costs a commit
LEDGER_WITHIN = 2.0  # seconds for one commit
DISK_LEAST = 200 * 1024 * 1024  # bytes: an hour of heavy traffic, logs and a backup fit in it
PROBE = "ready_probe"

Reason = Callable[[], str]


@dataclass(kw_only=True)
class Health:
    """What readiness depends on. Each reason is a sentence, "" while all is well."""

    store: Store
    data: Path
    reasons: dict[str, Reason] = field(default_factory=dict[str, Reason])  # by the part that may be unwell
    details: Callable[[], dict[str, str]] = dict[str, str]  # what else a person wants to know
    _asked_at: float = 0.0
    _found: dict[str, str] = field(default_factory=dict[str, str])
    _asking: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def troubles(self) -> dict[str, str]:
        """Why the house is not ready, by part; empty when it is."""
        async with self._asking:
            if time.monotonic() - self._asked_at > ASK_EVERY:
                found = {part: reason() for part, reason in self.reasons.items()}
                found |= {"ledger": await self._ledger(), "disk": await asyncio.to_thread(self._disk)}
                self._found = {part: reason for part, reason in found.items() if reason}
                self._asked_at = time.monotonic()
        return self._found

    async def _ledger(self) -> str:
        try:
            async with asyncio.timeout(LEDGER_WITHIN):
                await self.store.write(_probe)
        except TimeoutError:
            return f"the ledger took no write within {LEDGER_WITHIN:g} s"
        except Exception as e:
            log.warning("ledger_probe_failed", error=type(e).__name__)
            return "the ledger takes no writes"
        return ""

    def _disk(self) -> str:
        try:
            free = shutil.disk_usage(self.data).free
        except OSError as e:
            return f"the data folder cannot be looked at: {e.strerror}"
        if free < DISK_LEAST:
            return f"{free // 2**20} MB are free where the data lies, {DISK_LEAST // 2**20} are needed"
        return ""


def _probe(conn: Connection) -> None:
    """A write that leaves nothing new behind."""
    again = upsert(conn, tick).values(name=PROBE, slot=EPOCH)  # several houses may ask at once
    conn.execute(again.on_conflict_do_update(index_elements=["name", "slot"], set_={"slot": EPOCH}))


def router(health: Health) -> APIRouter:
    """/healthz: the process answers. /readyz: it can do its work; why not is told to token holders only."""
    routes = APIRouter()

    @routes.get("/healthz", tags=["health"])
    async def alive() -> dict[str, bool]:
        """The process runs and answers."""
        return {"ok": True}

    @routes.get("/readyz", tags=["health"])
    async def ready(request: Request, response: Response) -> dict[str, Any]:
        """200 when the house can do its work, else 503; with a token of scope health:read also the reasons."""
        troubles = await health.troubles()
        response.status_code = 503 if troubles else 200
        response.headers["Cache-Control"] = "no-store"
        caller = caller_of(request)
        if caller is None or "health:read" not in caller.scopes:
            return {"ready": not troubles}
        return {"ready": not troubles, "reasons": troubles, **health.details()}

    for path, answer in (("/healthz", alive), ("/readyz", ready)):  # load balancers like to ask without a body
        routes.add_api_route(path, answer, methods=["HEAD"], include_in_schema=False)
    return routes

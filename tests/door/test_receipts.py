"""Receipts that say failed: somebody on duty hears of it, once, and no telephone number stays in the ledger."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from core.tables import alarm, outbox
from tests.door.conftest import Running
from tests.waiting import until


@pytest.fixture
async def sent(running: Running) -> str:
    """Our id of a message that the platform has taken."""
    await running.hear("你好")
    await until(lambda: running.platform.sent)
    our = str(running.platform.sent[0]["id"])

    async def taken() -> bool:
        return (await standing(running, our))[0] == "sent"

    await until(taken)
    return our


async def standing(running: Running, our: str) -> tuple[str, str]:
    query = select(outbox.c.state, outbox.c.error).where(outbox.c.id == int(our))
    return await running.house.store.read(lambda conn: tuple(conn.execute(query).one()))  # type: ignore[return-value]


async def alarms(running: Running) -> list[tuple[str, str, int, str]]:
    query = select(alarm.c.kind, alarm.c.subject, alarm.c.count, alarm.c.detail)
    return await running.house.store.read(lambda conn: [tuple(row) for row in conn.execute(query)])  # type: ignore[misc]


async def test_a_message_that_was_taken_and_then_not_delivered_raises_one_alarm(running: Running, sent: str) -> None:
    for _ in range(2):
        status, _ = await running.post({"id": sent, "state": "failed", "detail": "unreachable"}, "/c/hook/receipt")
        assert status == 200
    assert await standing(running, sent) == ("failed", "unreachable")
    assert await alarms(running) == [
        ("send_failed", running.conversation(), 1, f"outbox {sent}: the platform says failed")
    ]


async def test_the_number_a_platform_could_not_reach_does_not_stay(running: Running, sent: str) -> None:
    said = {"id": sent, "state": "failed", "detail": "number 13812345678 is not in service"}
    assert (await running.post(said, "/c/hook/receipt"))[0] == 200
    assert await standing(running, sent) == ("failed", "number ⟦phone⟧ is not in service")
    assert "13812345678" not in str(await alarms(running))


@pytest.mark.parametrize("state", ["delivered", "read"])
async def test_a_message_that_arrived_alarms_nobody(running: Running, sent: str, state: str) -> None:
    assert (await running.post({"id": sent, "state": state}, "/c/hook/receipt"))[0] == 200
    assert await alarms(running) == []

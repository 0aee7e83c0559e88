"""What token holders see and do over HTTP."""

from __future__ import annotations

from typing import Any

from sqlalchemy import insert, select

from core import alarm
from core.tables import audit, left_message
from tests.door.conftest import Running


async def get(running: Running, path: str, headers: dict[str, str]) -> Any:
    async with running.http.get(running.url + path, headers=headers) as response:
        assert response.status == 200, await response.text()
        return await response.json()


async def post(running: Running, path: str, headers: dict[str, str]) -> Any:
    async with running.http.post(running.url + path, headers=headers) as response:
        assert response.status == 200, await response.text()
        return await response.json()


async def acts(running: Running) -> list[str]:
    return await running.house.store.read(lambda conn: list(conn.execute(select(audit.c.act)).scalars()))


async def test_alarms_are_seen_and_acknowledged_once(running: Running) -> None:
    now = running.house.clock()
    await running.house.store.write(lambda conn: alarm.raise_alarm(conn, "brain_down", "brain", "no word", now))
    headers = await running.token("alarms:read", "alarms:write")
    (one,) = await get(running, "/api/alarms", headers)
    assert (one["kind"], one["subject"], one["count"]) == ("brain_down", "brain", 1)
    where = f"/api/alarms/{one['id']}/acknowledge"
    assert await post(running, where, headers) == {"acknowledged": True}
    assert await post(running, where, headers) == {"acknowledged": False}
    assert await get(running, "/api/alarms", headers) == []
    for unknown in ("/api/alarms/99/acknowledge", "/api/left-messages/99/done"):
        async with running.http.post(running.url + unknown, headers=await running.token()) as response:
            assert (response.status, (await response.json())["error"]) == (404, "not_found")
    assert await acts(running) == ["alarm_acknowledged"]


async def test_conversations_are_listed_with_the_latest_first_and_read_by_seq(running: Running) -> None:
    for sender in ("anna", "berta"):
        await running.hear(f"hello from {sender}", sender)
        await running.said(1, sender)
    await running.hear("call 13800138000", "anna")
    await running.said(2, "anna")
    headers = await running.token("conversations:read")
    listed = await get(running, "/api/conversations", headers)
    assert [one["id"] for one in listed] == [running.conversation("anna"), running.conversation("berta")]
    assert listed[0]["channel"] == "hook"
    assert listed[0]["kind"] == "webhook"
    assert listed[0]["messages"] == 4
    assert listed[0]["open"] == 0
    rest = await get(running, f"/api/conversations?before={listed[0]['last_at'].replace('+00:00', 'Z')}", headers)
    assert [one["id"] for one in rest] == [running.conversation("berta")]
    where = f"/api/conversations/{running.conversation('anna')}"
    page = await get(running, f"{where}?limit=3", headers)
    assert [m["seq"] for m in page["messages"]] == [1, 2, 3]
    assert page["next_after"] == 3
    assert page["messages"][0]["text"] == "hello from anna"
    assert page["messages"][0]["author"] == "contact"
    assert "13800138000" not in page["messages"][2]["text"]
    last = await get(running, f"{where}?after=3", headers)
    assert [m["seq"] for m in last["messages"]] == [4]
    assert last["next_after"] is None
    assert await acts(running) == ["transcript_read", "transcript_read"]


async def test_what_people_left_is_listed_until_somebody_has_dealt_with_it(running: Running) -> None:
    await running.hear("hi")
    await running.said(1)
    which, now = running.conversation(), running.house.clock()
    await running.house.store.write(
        lambda conn: (
            conn.execute(
                insert(left_message),
                [
                    {
                        "conversation_id": which,
                        "cause": f"{n}:0",
                        "text": f"call me {n}",
                        "contact": "⟦phone:x⟧",
                        "created_at": now,
                    }
                    for n in range(2)
                ],
            )
            and None
        )
    )
    headers = await running.token("conversations:read", "conversations:write")
    left = await get(running, "/api/left-messages", headers)
    assert [one["text"] for one in left] == ["call me 0", "call me 1"]
    where = f"/api/left-messages/{left[0]['id']}/done"
    assert await post(running, where, headers) == {"done": True}
    assert await post(running, where, headers) == {"done": False}
    assert [one["text"] for one in await get(running, "/api/left-messages", headers)] == ["call me 1"]
    (done,) = await get(running, "/api/left-messages?done=true", headers)
    assert done["done_by"] == "a test"


async def test_the_description_of_the_api_names_every_route_and_is_not_public(running: Running) -> None:
    described = await get(running, "/openapi.json", await running.token("health:read"))
    assert set(described["paths"]) == {
        "/healthz",
        "/readyz",
        "/api/alarms",
        "/api/alarms/{alarm_id}/acknowledge",
        "/api/conversations",
        "/api/conversations/{conversation_id}",
        "/api/left-messages",
        "/api/left-messages/{left_id}/done",
        "/api/cases",
        "/api/cases/due",
        "/api/cases/cross-tab",
        "/api/cases/{case_no}",
        "/api/cases/{case_no}/events",
        "/api/cases/{case_no}/acts",
        "/api/cases/{case_no}/notes",
        "/api/cases/{case_no}/owner",
        "/api/cases/{case_no}/person",
        "/api/cases/{case_no}/links",
        "/api/cases/{case_no}/tasks",
        "/api/cases/{case_no}/tasks/{task_id}",
        "/api/cases/{case_no}/tasks/{task_id}/settle",
        "/api/cases/{case_no}/attachments",
        "/api/cases/{case_no}/attachments/{attachment_id}/open",
        "/api/cases/{case_no}/open",
        "/api/people/erasable",
        "/api/people/{person_id}/export",
        "/api/people/{person_id}/erase",
        "/api/institutions",
        "/api/institutions/{institution_id}",
        "/api/institutions/{institution_id}/liaisons",
        "/api/institutions/{institution_id}/liaisons/open",
    }

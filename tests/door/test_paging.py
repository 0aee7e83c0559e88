"""The API's edges: everything can be reached page by page, odd numbers are refused, scopes are told from tokens."""

from __future__ import annotations

import pytest
from aiohttp import web

from core import alarm
from tests.door.conftest import Running


async def test_conversations_that_never_had_a_turn_can_be_paged_like_the_others(running: Running) -> None:
    await running.hear("你好", sender="answered")
    await running.said(1, sender="answered")
    running.brain.answer = lambda turn: web.json_response({}, status=503)
    for n in range(5):
        await running.hear("你好吗今天", sender=f"s{n}")
    headers = await running.token("conversations:read")
    seen: list[str] = []
    query = {"limit": "2"}
    for _ in range(3):
        async with running.http.get(running.url + "/api/conversations", params=query, headers=headers) as response:
            page = await response.json()
        seen += [one["id"] for one in page]
        query["before"] = page[-1]["last_at"] or page[-1]["created_at"]
    people = ["answered", *(f"s{n}" for n in range(5))]
    assert sorted(seen) == sorted(running.conversation(sender) for sender in people)


async def test_a_number_no_column_holds_is_bad_input(running: Running) -> None:
    headers = await running.token()
    for method, path in [
        ("POST", "/api/alarms/{n}/acknowledge"),
        ("POST", "/api/left-messages/{n}/done"),
        ("GET", "/api/left-messages?after={n}"),
        ("GET", "/api/conversations/c?after={n}"),
    ]:
        for number in (-1, 2**63, 10**25):
            url = running.url + path.format(n=number)
            async with running.http.request(method, url, headers=headers) as response:
                assert (response.status, (await response.json())["error"]) == (400, "malformed"), url


@pytest.mark.parametrize("path", ["/api/alarms/{n}/acknowledge", "/api/left-messages/{n}/done"])
async def test_what_never_was_is_not_found_rather_than_done_before(running: Running, path: str) -> None:
    headers = await running.token()
    async with running.http.post(running.url + path.format(n=2**63 - 1), headers=headers) as response:
        assert response.status == 404


async def test_a_token_without_the_scope_is_forbidden_and_no_token_is_not_signed_in(running: Running) -> None:
    now = running.house.clock()
    await running.house.store.write(lambda conn: alarm.raise_alarm(conn, "a", "b", "c", now))
    where = running.url + "/api/alarms/1/acknowledge"
    async with running.http.post(where, headers=await running.token("alarms:read")) as response:
        assert (response.status, (await response.json())["error"]) == (403, "forbidden")
    async with running.http.post(where) as response:
        assert response.status == 401
    async with running.http.post(where, headers=await running.token("alarms:write")) as response:
        assert (response.status, await response.json()) == (200, {"acknowledged": True})

"""API tokens: kept as hashes, limited to their scopes, ended at once."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from core.store import Store
from core.tables import api_token
from door.auth import PREFIX, SCOPES, Tokens, issue, require, revoke, tokens
from tests.conftest import Clock
from tests.door.conftest import Running


async def test_a_token_opens_the_door_and_only_its_hash_is_kept(store: Store, clock: Clock) -> None:
    token = await store.write(lambda conn: issue(conn, name="pager", scopes=["alarms:read"], now=clock()))
    caller = await Tokens(store, clock).caller(f"Bearer {token}")
    assert caller is not None
    assert (caller.name, caller.scopes) == ("pager", {"alarms:read"})
    assert len(token) == len(PREFIX) + 43
    row = await store.read(lambda conn: conn.execute(select(api_token)).one())
    assert token not in repr(tuple(row))
    assert len(row.hash) == 64


@pytest.mark.parametrize("shown", ["", "Bearer", "Bearer ", "Basic x", "qt_abc", "Bearer qt_", "Bearer qt_短"])
async def test_what_is_no_token_opens_nothing(store: Store, clock: Clock, shown: str) -> None:
    assert await Tokens(store, clock).caller(shown) is None


async def test_a_token_that_was_revoked_is_over_at_once(store: Store, clock: Clock) -> None:
    token = await store.write(lambda conn: issue(conn, name="pager", scopes=["alarms:read"], now=clock()))
    known = Tokens(store, clock)
    caller = await known.caller(f"Bearer {token}")
    assert caller is not None
    assert await store.write(lambda conn: revoke(conn, caller.token_id, clock()))
    assert await known.caller(f"Bearer {token}") is None
    assert not await store.write(lambda conn: revoke(conn, caller.token_id, clock()))
    (row,) = await store.read(tokens)
    assert row.revoked_at == clock()


async def test_the_last_use_is_kept_to_the_minute(store: Store, clock: Clock) -> None:
    token = await store.write(lambda conn: issue(conn, name="pager", scopes=["alarms:read"], now=clock()))
    known = Tokens(store, clock)

    async def used() -> object:
        await known.caller(f"Bearer {token}")
        return (await store.read(tokens))[0].last_used_at

    first = await used()
    assert first == clock()
    clock.forward(59)
    assert await used() == first
    clock.forward(2)
    assert await used() == clock()


@pytest.mark.parametrize(("name", "scopes"), [("", ["alarms:read"]), ("pager", []), ("pager", ["alarms:all"])])
async def test_a_token_without_a_name_or_with_a_scope_that_is_none_is_not_made(
    store: Store, clock: Clock, name: str, scopes: list[str]
) -> None:
    with pytest.raises(ValueError, match=r"scope|name"):
        await store.write(lambda conn: issue(conn, name=name, scopes=scopes, now=clock()))


def test_a_route_cannot_ask_for_a_scope_that_is_none() -> None:
    with pytest.raises(ValueError, match="no such scope"):
        require("alarms:all")


async def test_a_token_opens_what_its_scopes_say_and_nothing_else(running: Running) -> None:
    opens = {
        "alarms:read": "/api/alarms",
        "conversations:read": "/api/conversations",
        "cases:read": "/api/cases",
        "cases:export": "/api/people/erasable",
    }
    for scope in SCOPES:
        headers = await running.token(scope)
        for needed, path in opens.items():
            async with running.http.get(running.url + path, headers=headers) as response:
                assert response.status == (200 if scope == needed else 403), (scope, path)
    for headers in ({}, {"Authorization": "Bearer qt_none"}):
        async with running.http.get(f"{running.url}/api/alarms", headers=headers) as response:
            assert response.status == 401


async def test_what_is_public_stays_open_while_tokens_cannot_be_looked_up(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    headers = await running.token()

    async def broken(shown: str) -> None:
        raise OSError("the inside of the database")

    monkeypatch.setattr(running.house.tokens, "caller", broken)
    for path, status in (("/healthz", 200), ("/readyz", 200), ("/api/alarms", 500)):
        async with running.http.get(running.url + path, headers=headers) as response:
            assert response.status == status, path
            assert "inside" not in await response.text()

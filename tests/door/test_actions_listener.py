"""The brain's way back into the house: with the token, within the budget, and never a silent failure."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import aiohttp
import pytest

import actions
from door.actions_listener import BODY_MAX, PATH, ActionsListener
from door.listening import LOOPBACK, Listening, bind

TOKEN = "action-token"
CALL = {
    "next_action": "action_set_language",
    "sender_id": "s",
    "tracker": {"sender_id": "s", "slots": {}, "events": [], "latest_message": {}},
    "domain": {},
    "version": "3.6.21",
}


@dataclass
class Way:
    url: str
    http: aiohttp.ClientSession

    async def call(self, body: Any = None, path: str = PATH, token: str = TOKEN, **more: Any) -> tuple[int, Any]:
        headers = {"Authorization": f"Bearer {token}"}
        async with self.http.post(self.url + path, json=body, headers=headers, **more) as response:
            return response.status, await response.json()


async def execute(call: dict[str, Any]) -> dict[str, Any]:
    """Our own actions, and a few that misbehave."""
    match call.get("next_action"):
        case "slow":
            await asyncio.sleep(60)
        case "broken":
            raise KeyError("a secret")
        case _:
            pass
    return await actions.execute(call)


@pytest.fixture
async def way() -> AsyncGenerator[Way]:
    listening = Listening(ActionsListener(execute, TOKEN, 0.2), bind(LOOPBACK, 0, "a test"))
    await listening.start()
    async with aiohttp.ClientSession() as http:
        yield Way(f"http://{LOOPBACK}:{listening.port}", http)
    await listening.stop()


async def test_an_action_of_ours_runs_and_answers_as_rasa_expects(way: Way) -> None:
    name = actions.names()[0]
    status, answer = await way.call(CALL | {"next_action": name})
    assert status == 200
    assert set(answer) == {"events", "responses"}


@pytest.mark.parametrize("token", ["", "wrong", TOKEN + "x"])
async def test_who_has_not_the_token_runs_nothing(way: Way, token: str) -> None:
    status, answer = await way.call(CALL, token=token)
    assert (status, answer["error"]) == (401, "not_signed_in")


@pytest.mark.parametrize(
    ("name", "status", "error"),
    [("slow", 504, "slow"), ("broken", 500, "KeyError"), ("action_nobody_wrote", 404, "unknown_action")],
)
async def test_an_action_that_fails_says_so(way: Way, name: str, status: int, error: str) -> None:
    answer = await way.call(CALL | {"next_action": name})
    assert (answer[0], answer[1]["error"]) == (status, error)
    assert "secret" not in str(answer)


async def test_what_is_no_call_is_refused(way: Way) -> None:
    assert (await way.call(CALL, path="/else"))[0] == 404
    for body in (None, [], "text", {}, {"next_action": 7}):
        status, answer = await way.call(body)
        assert status in (400, 422), body
        assert answer["error"]
    headers = {"Authorization": f"Bearer {TOKEN}"}
    async with way.http.post(way.url + PATH, data=BytesIO(b"x" * (BODY_MAX + 1)), headers=headers) as response:
        assert response.status == 413

"""Nothing fails silently and no clock is read: what Rasa would log and forget is a 5xx, and leaves nothing behind."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from tests.brain.house import ACTION_TOKEN, ActionListener, Child, inside, press, said, turn


def reply(body: Any, status: int = 200) -> Callable[[web.Request, dict[str, Any]], Any]:
    async def answer(request: web.Request, call: dict[str, Any]) -> web.Response:
        return web.json_response(body, status=status)

    return answer


async def hang(request: web.Request, call: dict[str, Any]) -> web.Response:
    await asyncio.sleep(1.5)  # longer than the budget of an action, 1 s
    return web.json_response({"events": [], "responses": []})


async def cut_off(request: web.Request, call: dict[str, Any]) -> web.Response:
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


async def not_json(request: web.Request, call: dict[str, Any]) -> web.Response:
    return web.Response(text="<html>", content_type="text/html")


def event(**fields: Any) -> dict[str, Any]:
    return {"events": [fields], "responses": []}


FAILURES: list[tuple[str, Any, str]] = [
    ("an error inside the action", reply({"error": "x"}, 500), "ActionFailed"),
    ("an unknown action", reply({"error": "x", "action_name": "y"}, 404), "ActionFailed"),
    ("no answer within its budget", hang, "ActionFailed"),
    ("the line is cut", cut_off, "ActionFailed"),
    ("a page instead of JSON", not_json, "ActionFailed"),
    ("a list instead of an object", reply([]), "ActionFailed"),
    ("null instead of an object", reply(None), "ActionFailed"),
    ("events that are no list", reply({"events": {}, "responses": []}), "ActionFailed"),
    ("an event without a name", reply({"events": [{}], "responses": []}), "ActionFailed"),
    ("an unknown event", reply(event(event="dance")), "ActionFailed"),
    ("a response that is a text", reply({"events": [], "responses": ["hello"]}), "ActionFailed"),
    ("a text instead of a key", reply({"events": [], "responses": [{"text": "hello"}]}), "Unsayable"),
    ("an effect without a name", reply({"events": [], "responses": [{"custom": {"effect": {}}}]}), "Unsayable"),
    ("a reminder", reply(event(event="reminder", intent="greet", date_time="2026-11-22T00:00:00")), "ActionFailed"),
    ("a cancelled reminder", reply(event(event="cancel_reminder", name="x")), "ActionFailed"),
    ("a pause", reply(event(event="pause")), "ActionFailed"),
    ("a restart", reply(event(event="restart")), "ActionFailed"),
    ("a message put into the consumer's mouth", reply(event(event="undo")), "ActionFailed"),
]


@pytest.mark.parametrize(("answer", "error"), [row[1:] for row in FAILURES], ids=[row[0] for row in FAILURES])
def test_a_failing_action_fails_the_turn(brain: Child, listener: ActionListener, answer: Any, error: str) -> None:
    listener.answer = answer
    status, found = brain.post(turn("说英文"))
    assert (status, found["error"]) == (500, error)
    assert "state" not in found
    listener.restore()
    assert said(brain.turn("说英文")) == ["language.switched"]


def test_a_form_whose_check_fails_does_not_open(brain: Child, listener: ActionListener) -> None:
    opened = brain.turn(**press("/leave_message"))
    listener.answer = reply({"error": "x"}, 500)
    status, found = brain.post(turn("银行多扣了我二十元年费", state=opened["state"]))
    assert (status, found["error"]) == (500, "ActionFailed")
    listener.restore()
    again = brain.turn("银行多扣了我二十元年费", state=opened["state"])
    assert said(again) == ["leave_message.ask_contact"]


def test_an_action_gets_what_the_house_knows_and_not_the_vector(brain: Child, listener: ActionListener) -> None:
    brain.turn("说英文", vector=[0.5] * 8, context={"since": 7}, language="en")
    (call,) = listener.calls
    known = call["tracker"]["latest_message"]["metadata"]
    assert set(known) == {"language", "now", "channel", "context", "kind"}
    assert (known["language"], known["now"], known["context"]["since"]) == ("en", "2026-11-21T04:00:00+00:00", 7)
    assert "0.5, 0.5" not in json.dumps(call)
    assert call["tracker"]["sender_id"] != "t1"


def test_the_listener_is_called_with_its_token(brain: Child, listener: ActionListener) -> None:
    seen: list[str] = []

    async def look(request: web.Request, call: dict[str, Any]) -> web.Response:
        seen.append(request.headers["Authorization"])
        return web.json_response({"events": [], "responses": [{"custom": {"key": "greeting"}}]})

    listener.answer = look
    brain.turn("说英文")
    assert seen == [f"Bearer {ACTION_TOKEN}"]


def test_the_silent_failures_of_rasa_raise_and_leave_no_key(model: Path, listener: ActionListener) -> None:
    found = inside("failures", model, listener)
    assert {name: case["raised"] for name, case in found.items()} == {
        "whole": "",
        "the save fails": "OSError",
        "the save is forgotten": "KeyError",
        "the read fails": "ValueError",
        "the events are unreadable": "ValueError",
        "the action fails": "ActionFailed",
        "the prediction limit": "PredictionLimit",
        "a response is empty": "Unsayable",
        "a response is missing": "ActionFailed",
        "nothing is said": "NothingSaid",
    }
    assert [name for name, case in found.items() if case["left"]] == []


def test_the_clock_changes_no_answer(model: Path, listener: ActionListener) -> None:
    found = inside("clock", model, listener)
    assert found["now"] == found["hour"] == found["month"]
    assert [said(answer)[-1] for answer in found["now"]] == [
        "greeting",
        "F22",
        "leave_message.ask_text",
        "leave_message.ask_text",
        "leave_message.ask_contact",
        "leave_message.ask_contact",
        "leave_message.done",
        "thanks",
    ]

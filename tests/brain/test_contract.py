"""The wire to the house: what comes in is checked field by field, and every failure has its own status."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.brain.house import Child, answers, press, said, turn

GOOD = turn("你好")
MISSING = object()


def without(name: str) -> dict[str, Any]:
    return {k: v for k, v in GOOD.items() if k != name}


BAD_FIELDS = [
    ("no turn id", without("turn"), "turn"),
    ("an empty turn id", GOOD | {"turn": ""}, "turn"),
    ("a turn id that is too long", GOOD | {"turn": "t" * 129}, "turn"),
    ("a turn id that is a number", GOOD | {"turn": 7}, "turn"),
    ("no kind", without("kind"), "kind"),
    ("an unknown kind", GOOD | {"kind": "shout"}, "kind"),
    ("a kind that is a list", GOOD | {"kind": ["text"]}, "kind"),
    ("no text", without("text"), "text"),
    ("an empty text", GOOD | {"text": ""}, "text"),
    ("a blank text", GOOD | {"text": " \t\n\u3000"}, "text"),
    ("only NUL", GOOD | {"text": "\x00\x00"}, "text"),
    ("only a lone surrogate", GOOD | {"text": "\ud800"}, "text"),
    ("a text that is a number", GOOD | {"text": 12363}, "text"),
    ("no language", without("language"), "language"),
    ("an unknown language", GOOD | {"language": "fr"}, "language"),
    ("no time", without("now"), "now"),
    ("a time that is none", GOOD | {"now": "noon"}, "now"),
    ("a time without its zone", GOOD | {"now": "2026-11-21T04:00:00"}, "now"),
    ("a channel that is a text", GOOD | {"channel": "web"}, "channel"),
    ("a context that is a list", GOOD | {"context": []}, "context"),
    ("attachments that are an object", GOOD | {"attachments": {}}, "attachments"),
    ("a plain text that is a number", GOOD | {"plain": 7}, "plain"),
    ("another language in words", GOOD | {"other_language": "yes"}, "other_language"),
    ("a vector of words", GOOD | {"vector": ["a"]}, "vector"),
    ("a vector with a number beyond all", GOOD | {"vector": [10**400]}, "vector"),
    ("a vector that is not finite", GOOD | {"vector": [float("nan")]}, "vector"),
    ("an unknown decision", GOOD | {"hits_decision": "perhaps"}, "hits_decision"),
    ("hits that are a text", GOOD | {"hits": "F22"}, "hits"),
    ("a hit that is a text", GOOD | {"hits": ["F22"]}, "hits"),
    ("a hit without a score", GOOD | {"hits": [{"id": "F22", "topic": "credit_report"}]}, "hits"),
    ("a button without a payload", GOOD | {"kind": "payload"}, "payload"),
    ("a payload that is no command", GOOD | press("leave_message"), "payload"),
    ("a payload with broken values", GOOD | press('/faq{"id":'), "payload"),
    ("a payload whose values are a list", GOOD | press('/faq["F22"]'), "payload"),
    ("a payload with a nested value", GOOD | press('/faq{"id":{"a":1}}'), "payload"),
    ("an intent that does not exist", GOOD | press("/dance"), "payload"),
    ("a value that does not exist", GOOD | press('/faq{"colour":"red"}'), "payload"),
    ("an intent of Rasa's own", GOOD | press("/restart"), "payload"),
    ("another intent of Rasa's own", GOOD | press("/session_start"), "payload"),
    ("a list instead of an object", [GOOD], "body"),
    ("a text instead of an object", "hello", "body"),
    ("null instead of an object", None, "body"),
]


@pytest.mark.parametrize(("body", "field"), [row[1:] for row in BAD_FIELDS], ids=[row[0] for row in BAD_FIELDS])
def test_a_bad_field_is_named(brain: Child, body: Any, field: str) -> None:
    status, answer = brain.request("POST", "/turn", json.dumps(body).encode())
    assert (status, answer["error"]) == (422, field)
    assert answer["detail"]


@pytest.mark.parametrize("body", [b"", b"{", b"\xff\xfe", b"[" * 100_000, b"not json"])
def test_a_body_that_is_not_json_is_refused(brain: Child, body: bytes) -> None:
    status, answer = brain.request("POST", "/turn", body)
    assert (status, answer["error"]) == (422, "body")


@pytest.mark.parametrize("length", [2001, 100_000])
def test_a_text_above_the_cap_is_refused(brain: Child, length: int) -> None:
    status, answer = brain.post(turn("好" * length))
    assert (status, answer["error"]) == (413, "text")


def test_a_text_at_the_cap_is_answered(brain: Child) -> None:
    assert brain.turn("好" * 2000)["say"]


def test_a_body_above_the_cap_is_refused_and_the_brain_lives_on(brain: Child) -> None:
    try:
        status, _ = brain.request("POST", "/turn", b'{"x":"' + b"a" * 2_000_000 + b'"}')
        assert status == 413
    except OSError:
        pass  # the server may close the line before all of it is sent
    assert said(brain.turn("你好")) == ["greeting"]


@pytest.mark.parametrize("token", [None, "", "wrong", "brain-token-of-a-tesT", "ключ"])
@pytest.mark.parametrize(("method", "path"), [("POST", "/turn"), ("GET", "/ready")])
def test_without_the_token_nothing_is_answered(brain: Child, method: str, path: str, token: str | None) -> None:
    sent = token.encode().decode("latin-1") if token is not None else None
    status, answer = brain.request(method, path, json.dumps(GOOD).encode() if method == "POST" else None, token=sent)
    assert (status, answer["error"]) == (401, "token")


def test_ready_tells_the_model(brain: Child) -> None:
    assert brain.request("GET", "/ready") == (200, {"model": brain.ready["model"]})


@pytest.mark.parametrize(
    ("method", "path", "status"), [("GET", "/nothing", 404), ("GET", "/turn", 405), ("POST", "/ready", 405)]
)
def test_other_addresses_do_not_exist(brain: Child, method: str, path: str, status: int) -> None:
    assert brain.request(method, path)[0] == status


ODD_TEXTS = [
    "😀",
    "👨‍👩‍👧‍👦🇨🇳",
    "\u202eللخلف والأمام\u202c",
    "你\x00好",
    "hello\ud83d there",
    "\ufeff\u200b\u200d零宽",
    "ａｂｃ　１２３",
    "%s {0} {text} ${HOME} ../../etc/passwd",
    "<script>alert(1)</script>",
    "'; DROP TABLE message; --",
    "\x1b[31mred\x07",
    "A\u0300\u0301\u0302\u0303" * 50,
    "/",
    "//",
    "/ restart",
    "⟦phone:abcdefghij⟧",
]


@pytest.mark.parametrize("text", ODD_TEXTS)
def test_an_odd_text_gets_an_answer_and_a_state(brain: Child, text: str) -> None:
    answer = brain.turn(text)
    assert answer["say"]
    again = brain.turn("你好", state=answer["state"])
    assert said(again) == ["greeting"]


COMMANDS = [
    "/restart",
    "/back",
    "/session_start",
    "/leave_message",
    "  /leave_message",
    '/faq{"id":"F22"}',
    '/set_language{"language":"en"}',
    "/stop@0.99",
    "／leave_message",
]


@pytest.mark.parametrize("text", COMMANDS)
def test_a_typed_command_is_words_and_never_an_intent(brain: Child, text: str) -> None:
    answer = brain.turn(text)
    assert said(answer) == ["faq.no_answer"]
    assert answer["effects"] == []
    assert answer["decision"]["label"] == "faq:none"


def test_a_typed_command_is_kept_as_it_was_written(brain: Child) -> None:
    opened = brain.turn(**press("/leave_message"))
    answer = brain.turn("/restart 我的投诉", state=opened["state"])
    assert said(answer) == ["leave_message.ask_contact"]
    assert slots(answer)["message_text"] == "/restart 我的投诉"


def test_an_answer_has_the_whole_shape(brain: Child) -> None:
    answer = brain.turn("怎么查自己的信用报告？", **answers("F22", "F23"))
    assert answer["say"] == [{"faq": "F22"}]
    assert answer["effects"] == []
    assert answer["state"]["schema"] == 1
    assert answer["state"]["model"] == brain.ready["model"]
    assert answer["decision"]["label"] == "faq:credit_report:F22"
    assert 0 < answer["decision"]["confidence"] <= 1
    assert answer["decision"]["runner_up"]
    assert "0.93" in answer["decision"]["why"]


def test_a_vector_is_taken_and_nothing_of_the_house_stays_in_the_state(brain: Child) -> None:
    answer = brain.turn(
        "怎么查自己的信用报告？",
        **answers("F22", "F23"),
        vector=[0.125] * 1024,
        context={"pending": "NEEDLE", "cases": [], "last_speaker": "bot", "since": 5},
        channel={"kind": "NEEDLE", "capabilities": {}},
    )
    kept = json.dumps(answer["state"])
    for trace in ("0.125", "NEEDLE", "F23", "0.93", "turn_", "credit_report", "2026"):
        assert trace not in kept


def slots(answer: dict[str, Any]) -> dict[str, Any]:
    return {e["name"]: e["value"] for e in answer["state"]["events"] if e["event"] == "slot"}

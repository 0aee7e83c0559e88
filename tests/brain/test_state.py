"""The state that travels: bounded, a fixed point, forgiving towards other models, and never a reason to fail."""

from __future__ import annotations

import copy
import json
import random
from pathlib import Path
from typing import Any

import pytest

from tests.brain.bench import Growth, growth
from tests.brain.house import ActionListener, Child, answers, inside, press, said

PHONE = "⟦phone:abcdefghij⟧"
TURNS_KEPT = 3
SIZE_MAX = 16 * 1024  # bytes


@pytest.fixture(autouse=True)
def _working_actions(listener: ActionListener) -> None:
    """Every test starts with a listener that answers."""


def size(state: Any) -> int:
    return len(json.dumps(state, ensure_ascii=False, separators=(",", ":")).encode())


def messages(state: Any) -> list[str]:
    return [e["text"] for e in state["events"] if e["event"] == "user"]


def slots(state: Any) -> dict[str, Any]:
    return {e["name"]: e["value"] for e in state["events"] if e["event"] == "slot"}


def in_the_form(brain: Child) -> Any:
    """A state in which the form has its first answer and asks for the second."""
    opened = brain.turn("我要留言")
    return brain.turn("银行多扣了我二十元年费", state=opened["state"])["state"]


def test_the_last_three_turns_are_kept_in_full(brain: Child) -> None:
    state = None
    for text in ("你好", "谢谢", "你是谁", "讲个笑话", "再见"):
        state = brain.turn(text, state=state)["state"]
    assert messages(state) == ["你是谁", "讲个笑话", "再见"]


def test_an_open_form_outlives_the_turns_that_opened_it(brain: Child) -> None:
    state = in_the_form(brain)
    for number in range(12):
        answer = brain.turn(f"怎么查自己的信用报告{number}？", state=state, **answers("F22"))
        assert said(answer) == ["F22", "leave_message.ask_contact"]
        state = answer["state"]
    assert len(messages(state)) == TURNS_KEPT
    done = brain.turn(PHONE, state=state)
    left = {"text": "银行多扣了我二十元年费", "contact": PHONE, "amount": "20.00"}
    assert done["effects"] == [{"name": "leave_message"} | left]


def test_the_same_digression_again_and_again_leaves_the_same_state(brain: Child) -> None:
    state, seen = in_the_form(brain), []
    for number in range(8):
        state = brain.turn(f"怎么查信用报告{number % 2}？", state=state, **answers("F22"))["state"]
        seen.append(state)
    assert seen[3] == seen[5] == seen[7]
    assert seen[4] == seen[6]


def test_the_longest_messages_stay_below_the_bound(brain: Child) -> None:
    longest = "😀漢字" * 666
    state = brain.turn("我要留言")["state"]
    state = brain.turn(longest, state=state)["state"]
    assert slots(state)["message_text"] == longest
    for number in range(5):
        state = brain.turn(f"{number}" + longest[:1990], state=state)["state"]
        assert size(state) <= SIZE_MAX
    assert slots(state)["message_text"] == longest


def test_long_messages_leave_room_for_three_turns(brain: Child) -> None:
    state = None
    for number in range(4):
        state = brain.turn(f"{number}" + "漢" * 1990, state=state)["state"]
    assert [text[:2] for text in messages(state)] == ["1漢", "2漢", "3漢"]
    assert size(state) <= SIZE_MAX // 4


def test_what_the_rules_do_not_lead_to_is_packed_as_well(model: Path, listener: ActionListener) -> None:
    found = inside("packing", model, listener)
    stood_back, large = found["a form that stood back"], found["slots that fill the state"]
    assert stood_back["fixed"]
    assert stood_back["same_slots"]
    assert stood_back["rejected"] == [True, True]
    assert large["fixed"]
    assert large["same_slots"]
    assert not large["transient"]
    assert large["size"] <= SIZE_MAX
    assert found["slots beyond any state"] == {"error": "the slots need more than 16384 bytes"}
    longest, put_aside = found["the longest complaint"], found["the longest complaint, put aside for a message"]
    assert (longest["fixed"], longest["same_slots"]) == (True, True)
    assert put_aside["fixed"]
    assert max(longest["size"], put_aside["size"]) <= SIZE_MAX


def test_two_thousand_turns_with_the_form_open_cost_what_ten_do(brain: Child) -> None:
    found: Growth = growth(brain, turns=2000, sample=100)
    print(json.dumps(found))
    assert found["largest_state_bytes"] <= SIZE_MAX
    assert found["last_state_bytes"] <= SIZE_MAX


def with_name(state: Any, old: str, new: str) -> Any:
    """`state` as a model left it in which `old` had the name `new`."""
    return json.loads(json.dumps(state | {"model": "another"}).replace(f'"{old}"', f'"{new}"'))


def test_a_state_of_another_model_that_fits_goes_on_unnoticed(brain: Child) -> None:
    answer = brain.turn(PHONE, state=in_the_form(brain) | {"model": "another"})
    assert said(answer) == ["leave_message.done"]
    assert answer["state"]["model"] == brain.ready["model"]


def test_a_form_that_was_renamed_is_dropped_and_told_once(brain: Child) -> None:
    state = with_name(in_the_form(brain), "leave_message", "leave_word")
    answer = brain.turn("你好", state=state)
    assert said(answer) == ["afresh", "greeting"]
    assert said(brain.turn("你好", state=answer["state"])) == ["greeting"]


def test_a_filled_slot_that_was_renamed_is_asked_for_again_and_told_once(brain: Child) -> None:
    state = with_name(in_the_form(brain), "message_text", "message_words")
    answer = brain.turn("蓝色的那个", state=state)
    assert said(answer) == ["afresh", "leave_message.invalid_contact", "leave_message.ask_text"]
    answer = brain.turn("银行多扣了我二十元年费", state=answer["state"])
    assert said(answer) == ["leave_message.ask_contact"]


def test_the_question_that_was_renamed_is_asked_anew(brain: Child) -> None:
    state = with_name(in_the_form(brain), "message_contact", "message_address")
    answer = brain.turn(PHONE, state=state)
    assert said(answer) == ["afresh", "leave_message.ask_contact"]
    assert said(brain.turn(PHONE, state=answer["state"])) == ["leave_message.done"]


@pytest.mark.parametrize(
    ("old", "new"), [("utter_greeting", "utter_hello"), ("greet", "hello"), ("action_listen", "action_wait")]
)
def test_past_actions_and_intents_that_are_gone_are_dropped_in_silence(brain: Child, old: str, new: str) -> None:
    state = with_name(brain.turn("你好")["state"], old, new)
    answer = brain.turn("谢谢", state=state)
    assert said(answer) == ["thanks"]
    assert "hello" not in str(answer["state"])


def test_slots_survive_a_turn_that_is_dropped(brain: Child) -> None:
    state = with_name(in_the_form(brain), "inform", "tell")
    assert brain.turn(PHONE, state=state)["effects"][0]["text"] == "银行多扣了我二十元年费"


def events(*raws: Any) -> dict[str, Any]:
    return {"schema": 1, "model": "m", "events": list(raws)}


UNREADABLE: list[tuple[str, Any]] = [
    ("a text", "broken"),
    ("a number", 7),
    ("a list", []),
    ("an empty object", {}),
    ("another schema", events() | {"schema": 2}),
    ("no model", {"schema": 1, "events": []}),
    ("events that are none", events() | {"events": "…"}),
    ("an event that is a text", events("user")),
    ("an event without a kind", events({"name": "action_listen"})),
    ("an unknown event", events({"event": "reminder", "name": "x"})),
    ("a slot without a value", events({"event": "slot", "name": "message_text"})),
    ("a message without its text", events({"event": "user", "intent": "greet"})),
    ("a message that is a number", events({"event": "user", "text": 1, "intent": "greet"})),
    ("a name that is an object", events({"event": "action", "name": {}})),
    ("too many events", events(*[{"event": "action", "name": "action_listen"}] * 501)),
]


@pytest.mark.parametrize("state", [row[1] for row in UNREADABLE], ids=[row[0] for row in UNREADABLE])
def test_an_unreadable_state_starts_afresh_and_says_so_once(brain: Child, state: Any) -> None:
    answer = brain.turn("你好", state=state)
    assert said(answer) == ["afresh", "greeting"]
    assert said(brain.turn("你好", state=answer["state"])) == ["greeting"]


DAMAGE = [None, 0, "x", [], {}, {"a": [1]}, True, 1e300, "leave_message", "action_listen"]


def test_a_damaged_state_is_never_an_error(brain: Child) -> None:
    """Any field of a real state replaced by any other kind of value: the turn is answered."""
    chance = random.Random(20261121)
    good = in_the_form(brain)
    for _ in range(300):
        state = copy.deepcopy(good)
        for _ in range(chance.randint(1, 3)):
            event = chance.choice(state["events"])
            field = chance.choice([*event, "name"])
            event[field] = chance.choice(DAMAGE)
        if chance.random() < 0.3:
            del state["events"][chance.randrange(len(state["events"]))]
        answer = brain.turn("怎么查自己的信用报告？", state=state, **answers("F22"))
        assert answer["say"]
        assert size(answer["state"]) <= SIZE_MAX


def test_an_effect_is_no_part_of_the_state(brain: Child) -> None:
    done = brain.turn(PHONE, state=in_the_form(brain))
    assert done["effects"]
    assert "effect" not in json.dumps(done["state"])
    assert PHONE not in str(slots(done["state"]).values())


def test_a_button_is_kept_without_a_slash(brain: Child) -> None:
    state = brain.turn(**press('/faq{"id":"F22"}'))["state"]
    assert messages(state) == ["[faq]"]

"""Runs inside the brain's own Python 3.10: what can only be seen, or only be broken, from within one process.

`inside.py failures MODEL ACTION_URL TOKEN` breaks the brain in each way that Rasa would hide; `inside.py clock …` runs
one script at several clocks. Both print one JSON object.
"""

from __future__ import annotations

import asyncio
import json
import math
import random
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path[0] = str(Path(__file__).resolve().parents[2])

from bot.assistant import environment  # noqa: E402

environment.prepare()

import aiohttp  # noqa: E402
import rasa.shared.core.events as events  # noqa: E402
from rasa.shared.core.trackers import DialogueStateTracker  # noqa: E402

from bot.assistant import tuning  # noqa: E402
from bot.assistant.brain import Brain  # noqa: E402
from bot.assistant.calling import ActionListener  # noqa: E402
from bot.assistant.contract import Hit, Turn, read_payload  # noqa: E402
from bot.assistant.door_input import DoorInput  # noqa: E402
from bot.assistant.state import LISTEN, TooLarge, pack, size, unpack  # noqa: E402

DAY = 24 * 3600.0
# Characters of a complaint's texts at most, by actions/_complaint.py, which needs a newer Python; the rest are words.
LONGEST = {"facts": 2000, "summary": 100, "request": 500, "prior_reply": 500, "institution": 100, "contact": 100}
LONGEST |= {"person": 60, "agent": 60}
_REAL_TIME = time.time


def message(text: str, state: Any = None, payload: str = "", hits: tuple[Hit, ...] = ()) -> Turn:
    return Turn(
        id="t",
        kind="payload" if payload else "text",
        text=text,
        payload=read_payload(payload) if payload else None,
        attachments=0,
        language="zh",
        channel={"kind": "web"},
        now="2026-11-21T04:00:00Z",
        hits_decision="answer" if hits else "none",
        hits=hits,
        context={},
        state=state,
    )


async def failures(model: Path, url: str, token: str) -> dict[str, Any]:
    """Per case: what was raised, and what was left in any store."""

    async def no_save(tracker: Any) -> None:
        raise OSError("disk full")

    async def no_read(sender: str) -> None:
        raise ValueError("unreadable")

    async def silence(*args: Any, **kwargs: Any) -> None:
        return None

    async def never_saved(tracker: Any) -> None:
        return None

    def break_save(brain: Brain) -> None:
        brain.store.save = no_save  # type: ignore[method-assign]

    def break_read(brain: Brain) -> None:
        brain.store.retrieve = no_read  # type: ignore[method-assign]

    def forget_to_save(brain: Brain) -> None:
        brain.store.save = never_saved  # type: ignore[method-assign]

    def break_action(brain: Brain) -> None:
        brain.processor.action_endpoint = ActionListener("http://127.0.0.1:1/webhook", token)

    def limit(brain: Brain) -> None:
        brain.processor.max_number_of_predictions = 1

    def break_state(brain: Brain) -> None:
        put = brain.store.put
        brain.store.put = lambda sender, events: put(sender, ("not an event",))  # type: ignore

    def empty_response(brain: Brain) -> None:
        brain.processor.domain.responses["utter_greeting"] = [{"custom": {"key": ""}}]

    def no_response(brain: Brain) -> None:
        brain.processor.domain.responses.pop("utter_greeting")

    def no_words(brain: Brain) -> None:
        brain.processor.nlg.generate = silence  # type: ignore

    cases: dict[str, tuple[Callable[[Brain], None], str]] = {
        "whole": (lambda brain: None, "/leave_message"),
        "the save fails": (break_save, "/leave_message"),
        "the save is forgotten": (forget_to_save, "/leave_message"),
        "the read fails": (break_read, "/leave_message"),
        "the events are unreadable": (break_state, "/leave_message"),
        "the action fails": (break_action, "/leave_message"),
        "the prediction limit": (limit, "/leave_message"),
        "a response is empty": (empty_response, "/greet"),
        "a response is missing": (no_response, "/greet"),
        "nothing is said": (no_words, "/greet"),
    }
    found: dict[str, Any] = {}
    for name, (broken, payload) in cases.items():
        actions = ActionListener(url, token)
        brain = Brain(model, actions)
        broken(brain)
        raised = ""
        try:
            await brain.turn(message("", payload=payload))
        except Exception as e:
            raised = type(e).__name__
        left = [*await brain.store.keys(), *brain.processor.lock_store.conversation_locks]  # type: ignore
        found[name] = {"raised": raised, "left": left}
        await actions.close()
    return found


async def clock(model: Path, url: str, token: str) -> dict[str, Any]:
    """The answers of one script at the processor's clock, an hour later and thirty days later, from the same states."""
    actions = ActionListener(url, token)
    brain = Brain(model, actions)
    f22 = (Hit(id="F22", topic="credit_report", score=0.93),)
    script = [
        ("你好", "", ()),
        ("怎么查自己的信用报告？", "", f22),
        ("", "/leave_message", ()),
        ("怎么查自己的信用报告？", "", f22),
        ("银行多扣了我二十元年费", "", ()),
        ("不知道", "", ()),
        ("⟦phone:abcdefghij⟧", "", ()),
        ("谢谢", "", ()),
    ]
    found: dict[str, Any] = {"now": [], "hour": [], "month": []}
    state: Any = None
    for text, payload, hits in script:
        for name, later in (("hour", 3600.0), ("month", 30 * DAY), ("now", 0.0)):
            time.time = lambda later=later: _REAL_TIME() + later  # type: ignore
            answer = await brain.turn(message(text, state, payload, hits))
            found[name].append(answer)
        state = found["now"][-1]["state"]
    time.time = _REAL_TIME
    await actions.close()
    return found


async def packing(model: Path, url: str, token: str) -> dict[str, Any]:
    """Packs trackers that the first assistant's rules do not lead to, and what they were unpacked from."""
    domain = Brain(model, None).processor.domain
    slots = [slot.name for slot in domain.slots]
    limits = {f"complaint_{name}": most for name, most in LONGEST.items()}
    opened = [events.ActionExecuted("action_session_start"), events.SessionStarted(), events.ActionExecuted(LISTEN)]
    stood_back = [
        events.UserUttered("留言", {"name": "leave_message"}),
        events.ActionExecuted("leave_message"),
        events.ActiveLoop("leave_message"),
        events.SlotSet("requested_slot", "message_text"),
        events.ActionExecuted(LISTEN),
        events.UserUttered("等等", {"name": "greet"}),
        events.ActionExecutionRejected("leave_message"),
        events.ActionExecuted("utter_greeting"),
        events.ActionExecuted(LISTEN),
    ]
    talk = [
        events.UserUttered("你好", {"name": "greet"}),
        events.ActionExecuted("utter_greeting"),
        events.ActionExecuted(LISTEN),
    ]
    large = [
        events.UserUttered("信用报告", {"name": "faq"}),
        events.SlotSet("turn_entry", "F22"),
        events.SlotSet("message_text", "好" * 5000),
        events.ActionExecuted("utter_faq_answer"),
        events.ActionExecuted(LISTEN),
    ]
    complaint = [
        events.ActiveLoop("complaint"),
        *(events.SlotSet(name, "😀" * limits.get(name, 12)) for name in slots if name.startswith("complaint_")),
        events.SlotSet("requested_slot", "complaint_confirmed"),
        *talk,
    ]
    found: dict[str, Any] = {}
    for name, past in {
        "a form that stood back": opened + stood_back + talk * 4,
        "slots that fill the state": opened + large * 4,
        "slots beyond any state": [
            *opened,
            events.SlotSet("message_text", "好" * 6000),
            events.SlotSet("requested_slot", "message_contact"),
        ],
        "the longest complaint": opened + complaint,
        "the longest complaint, put aside for a message": [
            *opened,
            *complaint,
            events.ActiveLoop(None),
            events.SlotSet("message_text", "😀" * 2000),
            events.SlotSet("requested_slot", "message_contact"),
        ],
    }.items():
        tracker = DialogueStateTracker.from_events("t", past, domain.slots)
        try:
            state = pack(tracker, "m")
        except TooLarge as e:
            found[name] = {"error": str(e)}
            continue
        again = DialogueStateTracker.from_events("t", list(unpack(state, domain).events), domain.slots)
        found[name] = {
            "fixed": pack(again, "m") == state,
            "size": size(state),
            "same_slots": [s.value for n, s in again.slots.items() if not n.startswith("turn_")]
            == [s.value for n, s in tracker.slots.items() if not n.startswith("turn_")],
            "rejected": (tracker.is_active_loop_rejected, again.is_active_loop_rejected),
            "transient": "turn_" in json.dumps(state),
        }
    return found


async def waiting(model: Path, url: str, token: str) -> dict[str, Any]:
    """What the channel answers while the model is being loaded, and once it is."""
    channel = DoorInput(token)
    app = channel.app()
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        server = await app.create_server(sock=listening, return_asyncio_server=True)
        await server.startup()
        await server.start_serving()
        address = f"http://127.0.0.1:{listening.getsockname()[1]}"
        found: dict[str, Any] = {}
        async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {token}"}) as http:
            for name in ("before", "after"):
                async with http.get(f"{address}/ready") as ready, http.post(f"{address}/turn", data=b"{}") as turn:
                    found[name] = [ready.status, await ready.json(), turn.status, (await turn.json())["error"]]
                channel.brain = Brain(model, None)
        server.close()
    return found


async def slots(model: Path, url: str, token: str) -> dict[str, Any]:
    """Of the domain's slots: how many one conversation sets, its copy has and forgets, and how many of another
    conversation or of the domain are set with them, or by a write in place."""
    tuning.apply()
    store = Brain(model, None).store
    one, other = store.init_tracker("one"), store.init_tracker("other")
    for name in one.slots:
        one.update(events.SlotSet(name, ["a"]))
    copied = one.copy()
    one.update(events.AllSlotsReset())
    written = 0
    for slot in (*one.slots.values(), *store.domain.slots):
        for write in (lambda slot=slot: setattr(slot, "value", ["b"]), slot.reset):
            try:
                write()
            except (AttributeError, TypeError):
                continue
            written += 1
    untouched = [other, store.init_tracker("after")]
    return {
        "slots": len(other.slots),
        "copied": sum(slot.value == ["a"] for slot in copied.slots.values()),
        "reset": sum(slot.value == slot.initial_value for slot in one.slots.values()),
        "elsewhere": sum(slot.value != slot.initial_value for tracker in untouched for slot in tracker.slots.values()),
        "in_place": written,
    }


async def copies(model: Path, url: str, token: str) -> dict[str, Any]:
    """After each of some events, of which one asks for an action that is then about to be run: is a copy of the tracker
    what its events, replayed, make of it?"""
    tuning.apply()
    tracker = Brain(model, None).store.init_tracker("one")
    found: dict[str, Any] = {"compared": 0, "differ": []}
    for event in (
        events.ActionExecuted("action_session_start"),
        events.SessionStarted(),
        events.ActionExecuted(LISTEN),
        events.UserUttered("wait", {"name": "greet"}),
        events.SlotSet("requested_slot", "message_text"),
        events.ActiveLoop("leave_message"),
        events.ActionExecuted("leave_message"),
        events.LoopInterrupted(True),
        events.ActionExecutionRejected("leave_message"),
        events.BotUttered(None, {"custom": {"key": "greeting"}}),
        events.FollowupAction("action_set_language"),
        events.SlotSet("requested_slot", None),
        events.ActiveLoop(None),
        events.ActionExecuted("action_set_language"),
    ):
        tracker.update(event)
        if isinstance(event, events.FollowupAction):
            tracker.clear_followup_action()  # as the processor does before it runs the action
        ours, replayed = (
            {**vars(one), "slots": one.current_slot_values()}
            for one in (tracker.copy(), tracker.travel_back_in_time(math.inf))
        )
        found["compared"] += 1
        found["differ"] += [name for name in replayed if ours[name] != replayed[name]]
    return found


async def rules(model: Path, url: str, token: str) -> dict[str, Any]:
    """Rasa's own answer which rules are possible, beside the indexed one, for states near those of every rule."""
    from rasa.core.policies.rule_policy import RulePolicy

    from bot.assistant.tuning import _Rules  # pyright: ignore[reportPrivateUsage]

    runner: Any = Brain(model, None).processor.graph_runner
    components = [node._component for node in runner._instantiated_nodes.values()]
    policy: Any = next(one for one in components if isinstance(one, RulePolicy))
    dice = random.Random(7)
    found = {"compared": 0, "possible": 0, "differ": 0}
    before = {"prev_action": {"action_name": "action_listen"}}
    odd = [  # what Rasa's rules may hold and ours do not yet: a beginning, slots, entities, an empty list
        [{}, {"prev_action": {"action_name": "utter_hello"}}],
        [{"slots": {"kind": [1.0, 0.0]}}, before | {"user": {"intent": "greet", "entities": ["city", "day"]}}],
        [before | {"user": {"intent": "greet"}, "slots": {"kind": "should_not_be_set"}}],
        [before | {"slots": {"kind": []}}],
        [{"slots": {"kind": [1.0]}}],
    ]
    tables = [table for table in policy.lookup.values() if isinstance(table, dict)]
    for table in [*tables, {json.dumps(rule): "utter_hello" for rule in odd}]:
        index = _Rules(table)
        known = [json.loads(key) for key in table]
        said = [state for rule in known for state in rule]
        parts = [(part, name, value) for state in said for part, its in state.items() for name, value in its.items()]
        for rule in known:
            for _ in range(6):
                states = [{part: dict(values) for part, values in state.items()} for state in rule]
                for state in states * dice.randrange(3):
                    part, name, value = dice.choice(parts)
                    if dice.random() < 0.5:
                        state.setdefault(part, {})[name] = tuple(value) if isinstance(value, list) else value
                    else:
                        state.pop(dice.choice([*state, part]), None)
                states = [*([dict(dice.choice(known)[-1])] * dice.randrange(2)), *states[dice.randrange(len(states)) :]]
                theirs, ours = policy._get_possible_keys(table, states), index.possible(states)
                found["compared"] += 1
                found["possible"] += len(theirs)
                found["differ"] += theirs != ours
    return found


if __name__ == "__main__":
    what, model, url, token = sys.argv[1:5]
    run = {
        "failures": failures,
        "clock": clock,
        "packing": packing,
        "waiting": waiting,
        "rules": rules,
        "slots": slots,
        "copies": copies,
    }[what]
    print(json.dumps(asyncio.run(run(Path(model), url, token)), ensure_ascii=False))

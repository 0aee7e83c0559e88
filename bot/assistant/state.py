"""The dialogue's state, which travels with every turn and lies in the house: {schema, model, events} in, the same out.

The events are Rasa's, pared down and in a fixed form: first what lasts (the open form, what it asks for, the slots),
then the last three turns. Packing what was unpacked gives the same again, so a conversation of 2,000 turns costs what
one of ten does, inside a form too. Ours instead of Rasa's own serialisation because that keeps every word ever said,
each text twice and the whole classification beside it: 114 kB after 40 digressions.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, cast

import ujson
from rasa.core.tracker_store import TrackerStore
from rasa.shared.core.domain import Domain
from rasa.shared.core.events import (
    ActionExecuted,
    ActionExecutionRejected,
    ActiveLoop,
    BotUttered,
    DefinePrevUserUtteredFeaturization,
    Event,
    FollowupAction,
    LoopInterrupted,
    SessionStarted,
    SlotSet,
    UserUttered,
)
from rasa.shared.core.slots import BooleanSlot, FloatSlot, ListSlot, Slot, TextSlot
from rasa.shared.core.trackers import DialogueStateTracker

SCHEMA = 1
TURNS = 3  # of the past that are kept; Rasa's rules look back one
SIZE_MAX = 16 * 1024  # bytes of UTF-8 JSON
EVENTS_MAX = 500  # a state of ours has some forty
TEXT_KEPT = 300  # characters of a past message: enough to see what was said, rules do not read it
LISTEN, START, REQUESTED = "action_listen", "action_session_start", "requested_slot"
TRANSIENT = "turn_"  # prefix of slots that the house or one message fills and that end with the turn

SOON = "soon_"  # prefix of slots that are kept, no longer than past turns are, while the house waits for an answer

# What a turn may leave behind. The rest of Rasa's events either need a clock (reminders), rewrite the past (restart,
# undo, rewind) or silence the assistant (pause); processor.py refuses them.
KEPT = (
    ActionExecuted,
    ActionExecutionRejected,
    ActiveLoop,
    BotUttered,
    DefinePrevUserUtteredFeaturization,
    FollowupAction,
    LoopInterrupted,
    SlotSet,
    UserUttered,
)

Raw = dict[str, Any]


class Unreadable(Exception):
    """The state is not one of ours, or broken."""


class TooLarge(Exception):
    """The slots alone are larger than a state may be: some slot keeps more than a message."""


@dataclass(frozen=True)
class Opened:
    """A state as the tracker starts from it."""

    events: tuple[Event, ...] = ()
    afresh: bool = False  # something that mattered could not be kept: the consumer is told once


def unpack(state: object, domain: Domain, *, waits: bool = False) -> Opened:
    """The events of `state` (None: a new conversation), less what `domain` does not know any more and, unless the house
    `waits` to hear whether a matter is another one, what was kept for that. Never raises."""
    if state is None:
        return Opened()
    try:
        raws = _checked(state)
        if not waits:
            raws = [raw for raw in raws if raw["event"] != "slot" or not raw["name"].startswith(SOON)]
        kept, lost = _sifted(raws, domain)
        return Opened(tuple(_built(raw) for raw in kept), lost)
    except (Unreadable, KeyError, TypeError, ValueError, AttributeError):
        return Opened(afresh=True)


def pack(tracker: DialogueStateTracker, model: str) -> Raw:
    """The state after a turn: fewer past turns where the slots are large, then without the long texts of forms that are
    not open; TooLarge if what is open alone does not fit."""
    events = list(tracker.events)
    state: Raw = {"schema": SCHEMA, "model": model}
    for turns in range(TURNS, -1, -1):
        state["events"] = _packed(events, turns)
        if size(state) <= SIZE_MAX:
            return state
    for put_aside in _put_aside(state["events"]):
        state["events"].remove(put_aside)
        if size(state) <= SIZE_MAX:
            return state
    raise TooLarge(f"the slots need more than {SIZE_MAX} bytes")


def size(state: Mapping[str, Any]) -> int:
    """Bytes of the state as compact UTF-8 JSON."""
    return len(ujson.dumps(state, ensure_ascii=False, escape_forward_slashes=False).encode("utf-8", "replace"))


def _packed(events: list[Event], turns: int) -> list[Raw]:
    said = [i for i, e in enumerate(events) if isinstance(e, UserUttered)]
    cut = said[-min(turns, len(said))] if turns and said else len(events)
    before, window = events[:cut], [raw for e in events[cut:] if (raw := _written(e)) is not None]
    loop, rejected, slots = _standing(before)
    later = {raw["name"] for raw in window if raw["event"] == "slot"}
    head: list[Raw] = [{"event": "action", "name": START}, {"event": "session_started"}]
    if loop:
        head += [{"event": "action", "name": loop}, {"event": "active_loop", "name": loop}]
    head += [
        {"event": "slot", "name": name, "value": value}
        for name, value in slots.items()
        if value is not None and name not in later and not name.startswith(SOON)
    ]
    if rejected:
        head.append({"event": "action_execution_rejected", "name": loop})
    head.append({"event": "action", "name": LISTEN})
    return head + _last_settings(window)


def _put_aside(raws: list[Raw]) -> list[Raw]:
    """The long texts of forms that are not open, as an interruption left them; those set first come first."""
    asked = next((raw["value"] for raw in raws if raw.get("name") == REQUESTED), None) or ""
    form = asked.partition("_")[0] + "_"  # slots of a form share what stands before the first underscore
    texts = [raw for raw in raws if raw["event"] == "slot" and isinstance(raw["value"], str)]
    return [raw for raw in texts if len(raw["value"]) > TEXT_KEPT and not raw["name"].startswith(form)]


def _standing(events: Iterable[Event]) -> tuple[str | None, bool, dict[str, Any]]:
    """Open form, whether it stood back from the last message, and the slots after `events`."""
    loop: str | None = None
    rejected = False
    slots: dict[str, Any] = {}
    for event in events:
        if isinstance(event, SlotSet):
            if not event.key.startswith(TRANSIENT):
                slots.pop(event.key, None)  # set last, written last: the order is part of the fixed point
                slots[event.key] = event.value
        elif isinstance(event, ActiveLoop):
            loop, rejected = event.name, False
        elif isinstance(event, ActionExecutionRejected):
            rejected = rejected or event.action_name == loop
        elif isinstance(event, ActionExecuted) and event.action_name == loop:
            rejected = False
    return loop, rejected and loop is not None, slots


def _last_settings(window: list[Raw]) -> list[Raw]:
    """`window` with only the last setting of each slot: a long answer is kept once, not three times."""
    last = {raw["name"]: i for i, raw in enumerate(window) if raw["event"] == "slot"}
    return [raw for i, raw in enumerate(window) if raw["event"] != "slot" or last[raw["name"]] == i]


def _written(event: Event) -> Raw | None:
    """One event of a past turn, or None if it is not kept."""
    if isinstance(event, UserUttered):
        return {"event": "user", "text": (event.text or "")[:TEXT_KEPT], "intent": event.intent_name}
    if isinstance(event, ActionExecuted):
        return {"event": "action", "name": event.action_name}
    if isinstance(event, SlotSet):
        return None if event.key.startswith(TRANSIENT) else {"event": "slot", "name": event.key, "value": event.value}
    if isinstance(event, BotUttered):
        said = {k: v for k, v in (event.data.get("custom") or {}).items() if k in ("key", "faq")}
        return {"event": "bot", "said": said} if said else None  # an effect is no part of the state
    if isinstance(event, ActiveLoop):
        return {"event": "active_loop", "name": event.name}
    if isinstance(event, ActionExecutionRejected):
        return {"event": "action_execution_rejected", "name": event.action_name}
    if isinstance(event, LoopInterrupted):
        return {"event": "loop_interrupted", "is_interrupted": event.is_interrupted}
    return None


def _built(raw: Raw) -> Event:
    """The event that `raw` was written from; KeyError, TypeError or ValueError if it is none of ours."""
    kind = raw["event"]
    if kind == "action":
        return ActionExecuted(raw["name"])
    if kind == "session_started":
        return SessionStarted()
    if kind == "user":
        return UserUttered(raw["text"], {"name": raw["intent"]}, use_text_for_featurization=False)
    if kind == "slot":
        return SlotSet(raw["name"], raw["value"])
    if kind == "active_loop":
        return ActiveLoop(raw["name"])
    if kind == "action_execution_rejected":
        return ActionExecutionRejected(raw["name"])
    if kind == "loop_interrupted":
        return LoopInterrupted(bool(raw["is_interrupted"]))
    if kind == "bot":
        return BotUttered(None, {"custom": dict(raw["said"])})
    raise Unreadable(f"unknown event {kind!r}")


def _checked(state: object) -> list[Raw]:
    if not isinstance(state, dict):
        raise Unreadable("not an object")
    whole = cast("Raw", state)
    events = whole.get("events")
    if whole.get("schema") != SCHEMA or not isinstance(whole.get("model"), str) or not isinstance(events, list):
        raise Unreadable("not a state of this schema")
    raws = cast("list[Any]", events)
    if len(raws) > EVENTS_MAX or not all(isinstance(raw, dict) for raw in raws):
        raise Unreadable("not a list of events")
    for raw in raws:
        name = raw.get("name", "")
        if not isinstance(name, str) and not (name is None and raw.get("event") == "active_loop"):
            raise Unreadable("a name is a text")
        if raw.get("event") == "user" and not isinstance(raw["text"], str):
            raise Unreadable("a message is a text")
    return cast("list[Raw]", raws)


def _sifted(raws: list[Raw], domain: Domain) -> tuple[list[Raw], bool]:
    """What of `raws` the model still knows, and whether a form that was open lost something."""
    actions = set(domain.action_names_or_texts)
    slots = {slot.name: slot for slot in domain.slots}
    opened = next((raw["name"] for raw in reversed(raws) if raw["event"] == "active_loop"), None)
    needed = set(domain.required_slots_for_form(opened)) if opened in domain.form_names else set[str]()
    gone: set[str] = set()  # slots whose value is dropped
    lost = opened is not None and opened not in domain.form_names

    def known(raw: Raw) -> bool:
        kind, name = raw["event"], raw.get("name")
        if kind in ("action", "action_execution_rejected"):
            return name in actions
        if kind == "active_loop":
            return name is None or name in domain.form_names
        if kind == "slot" and name == REQUESTED:
            return opened is None or raw["value"] is None or raw["value"] in needed
        if kind == "slot":
            return name in slots and _fits(slots[name], raw["value"])
        return kind != "user" or raw["intent"] in domain.intents

    kept: list[Raw] = []
    for turn in _turns(raws):
        whole = all(known(raw) for raw in turn if raw["event"] in ("action", "user", "action_execution_rejected"))
        for raw in turn:
            lasting = raw["event"] in ("slot", "active_loop", "session_started")
            if known(raw) and (whole or lasting or raw.get("name") in (START, LISTEN)):
                kept.append(raw)
            elif raw["event"] == "slot" and raw["value"] is not None:
                gone.add(raw["name"])
    if next((raw["name"] for raw in reversed(kept) if raw["event"] == "action"), "") != LISTEN:
        kept.append({"event": "action", "name": LISTEN})  # whatever was dropped, a turn begins by listening
    return kept, lost or bool(opened and gone)


def _fits(slot: Slot, value: Any) -> bool:
    """Whether `value` is of the slot's kind; another model may have had another kind by the same name."""
    kinds: dict[type[Slot], Any] = {TextSlot: str, BooleanSlot: bool, FloatSlot: (int, float), ListSlot: list}
    return value is None or isinstance(value, kinds.get(type(slot), object))


def _turns(raws: list[Raw]) -> Iterable[list[Raw]]:
    """`raws` cut before every message of the consumer."""
    turn: list[Raw] = []
    for raw in raws:
        if raw["event"] == "user" and turn:
            yield turn
            turn = []
        turn.append(raw)
    yield turn


class TurnStore(TrackerStore):
    """Rasa's tracker store for the length of one turn: what unpack gave goes in, the tracker after the turn comes out.

    It is used bare: Rasa's FailSafeTrackerStore would swallow a failing read or save and go on with an empty memory.
    """

    def __init__(self, domain: Domain | None = None, **kwargs: Any) -> None:
        super().__init__(domain)
        self._before: dict[str, tuple[Event, ...]] = {}
        self._after: dict[str, DialogueStateTracker] = {}

    def put(self, sender: str, events: tuple[Event, ...]) -> None:
        """Make the conversation `sender` exist for the coming turn."""
        self._before[sender] = events

    async def retrieve(self, sender_id: str) -> DialogueStateTracker | None:
        """The tracker as the turn starts; None for a new conversation."""
        events = self._before[sender_id]
        if not events:
            return None
        tracker = self.init_tracker(sender_id)
        for event in events:
            tracker.update(event)
        return tracker

    async def save(self, tracker: DialogueStateTracker) -> None:
        """Keep the tracker until it is taken."""
        self._after[tracker.sender_id] = tracker

    def take(self, sender: str) -> DialogueStateTracker:
        """The tracker after the turn; KeyError if it was never saved."""
        return self._after[sender]

    def forget(self, sender: str) -> None:
        """Remove every trace of the attempt."""
        self._before.pop(sender, None)
        self._after.pop(sender, None)

    async def keys(self) -> Iterable[str]:
        """Conversations held now: those of turns in flight."""
        return list(self._before.keys() | self._after.keys())

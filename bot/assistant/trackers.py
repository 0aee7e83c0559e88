"""Patches of Rasa 3.6.21 for its trackers, of which a turn makes several (tuning.py says what patches must keep)."""

from __future__ import annotations

import copy
from typing import Any

from rasa.core.actions.forms import FormAction
from rasa.shared.core.constants import REQUESTED_SLOT
from rasa.shared.core.domain import Domain
from rasa.shared.core.events import (
    ActionExecuted,
    BotUttered,
    DefinePrevUserUtteredFeaturization,
    Event,
    FollowupAction,
    SessionStarted,
    SlotSet,
    UserUttered,
)
from rasa.shared.core.slots import ListSlot, Slot
from rasa.shared.core.trackers import DialogueStateTracker


def slots_that_are_replaced() -> None:
    """A slot cannot be changed: one that is set is replaced by another. So whoever has a slot may share it, copies of a
    tracker too, and one that was never set needs no resetting; a write into a slot, by whatever code, is an error.

    Rasa copies each slot, by way of pickling, and resets it about ten times a turn. FAQ 1.42 → 1.18 ms; it
    grows with the number of slots.
    """
    by_rasa = DialogueStateTracker._set_slot

    def set_slot(self: DialogueStateTracker, key: str, value: Any) -> None:
        slot = self.slots.get(key)
        if slot is None:
            by_rasa(self, key, value)  # which says so
            return
        whole = [value] if type(slot) is ListSlot and value and not isinstance(value, list) else value
        self.slots[key] = _changed(slot, whole, has_been_set=True)

    def reset_slots(self: DialogueStateTracker) -> None:
        for name, slot in self.slots.items():
            if slot.has_been_set or slot.value is not slot.initial_value:
                self.slots[name] = _changed(slot, slot.initial_value, has_been_set=False)

    DialogueStateTracker._set_slot = set_slot  # type: ignore[method-assign]
    DialogueStateTracker._reset_slots = reset_slots  # type: ignore[method-assign]
    Slot.value = property(lambda self: self._value)  # type: ignore[assignment]
    Slot.__copy__ = lambda self: self  # type: ignore[attr-defined]


def _changed(slot: Slot, value: Any, *, has_been_set: bool) -> Slot:
    other: Slot = object.__new__(type(slot))
    vars(other).update(vars(slot), _value=value, _has_been_set=has_been_set)
    return other


def plain_copies_of_trackers() -> None:
    """A tracker is copied as it stands, not by replaying its events; each action runs on a copy, a form on three more.

    FAQ 1.18 → 1.10 ms.
    """

    def copied(self: DialogueStateTracker) -> DialogueStateTracker:
        other = object.__new__(type(self))
        vars(other).update(vars(self))
        other.events = self.events.copy()
        other.slots = dict(self.slots)  # none of them is ever changed
        other.active_loop = copy.copy(self.active_loop)
        other.model_id = other.assistant_id = None  # both are written into events where they are kept
        # An action that follows another is taken off the tracker before it is run, but not off its events.
        turns = (e for e in reversed(self.events) if type(e) in (ActionExecuted, UserUttered, FollowupAction))
        if isinstance(last := next(turns, None), FollowupAction):
            other.followup_action = last.action_name
        return other

    def temporary(
        self: FormAction, current_tracker: DialogueStateTracker, additional_events: list[Event], domain: Domain
    ) -> DialogueStateTracker:
        tracker = current_tracker.copy()
        asked = SlotSet(REQUESTED_SLOT, self.get_slot_to_fill(current_tracker))
        for event in (asked, ActionExecuted(self.name()), *additional_events):
            tracker.update(event)
        return tracker

    DialogueStateTracker.copy = copied  # type: ignore[method-assign]
    FormAction._temporary_tracker = temporary  # type: ignore[method-assign]


def plain_events() -> None:
    """Whether an event takes back others is told by its class alone. Rasa asks each event five times whether it is of a
    kind, three times a turn, and an abstract class takes 0.2 µs to say no. Where a form was open, or anything is taken
    back, Rasa's own way is taken. FAQ 1.10 → 1.05 ms."""
    by_rasa = DialogueStateTracker.applied_events

    def applied(self: DialogueStateTracker) -> list[Event]:
        kinds = [type(event) for event in self.events]
        if not _PLAIN.issuperset(kinds):
            return by_rasa(self)
        started = len(kinds) - kinds[::-1].index(SessionStarted) if SessionStarted in kinds else 0
        return list(self.events)[started:]

    DialogueStateTracker.applied_events = applied  # type: ignore[method-assign]


_PLAIN = frozenset(
    {ActionExecuted, BotUttered, DefinePrevUserUtteredFeaturization, SessionStarted, SlotSet, UserUttered}
)


def found_event_classes() -> None:
    """The class of an event that an action returned is found once by its name; Rasa walks all classes of events, and
    asks each whether it is abstract. 24 µs for each event of an action."""
    by_rasa = Event.resolve_by_type
    known: dict[str, type[Event] | None] = {}

    def resolve(type_name: str, default: type[Event] | None = None) -> type[Event] | None:
        if type_name not in known:
            found = by_rasa(type_name, default)
            if found is default:
                return found
            known[type_name] = found
        return known[type_name]

    Event.resolve_by_type = staticmethod(resolve)  # type: ignore[method-assign]


PATCHES = (slots_that_are_replaced, plain_copies_of_trackers, plain_events, found_event_classes)

"""Keeps what was told of a complaint so far, to go on with another time."""

from __future__ import annotations

from typing import Any

from rasa_sdk import Action, Tracker
from rasa_sdk.executor import CollectingDispatcher
from rasa_sdk.types import DomainDict

from actions import _complaint_slots
from actions._asking import ask, say

WORTH_KEEPING = ("institution", "facts", "summary", "request", "person", "contact")


class SaveComplaint(Action):
    def name(self) -> str:
        return "action_save_complaint"

    async def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: DomainDict) -> list[dict[str, Any]]:
        """Effect save_draft, whose number and code the house says; the slots are emptied."""
        known = _complaint_slots.known(tracker)
        if any(known[name] for name in WORTH_KEEPING):
            ask(dispatcher, "save_draft", **_complaint_slots.effect_fields(known))
        else:
            say(dispatcher, "complaint.nothing_yet")
        return _complaint_slots.emptied()

"""Files the complaint that was read back and confirmed."""

from __future__ import annotations

import json
from typing import Any

from rasa_sdk import Action, Tracker
from rasa_sdk.events import SlotSet
from rasa_sdk.executor import CollectingDispatcher
from rasa_sdk.types import DomainDict

from actions import _complaint_slots
from actions._asking import ask


class SubmitComplaint(Action):
    def name(self) -> str:
        return "action_submit_complaint"

    async def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: DomainDict) -> list[dict[str, Any]]:
        """Effect file_case; the house says what came of it, so what was told is kept for the moment that it takes
        somebody to say that it is another matter than the one the house has found."""
        known = _complaint_slots.known(tracker)
        if known["confirmed"] != "yes":
            raise ValueError("the form was submitted before it was confirmed")
        fields = _complaint_slots.effect_fields(known)
        ask(dispatcher, "file_case", **fields)
        return [*_complaint_slots.emptied(), SlotSet(_complaint_slots.FILED, json.dumps(fields, ensure_ascii=False))]

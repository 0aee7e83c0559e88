"""Does what the form case has asked together, or says why it comes to nothing."""

from __future__ import annotations

from typing import Any

from rasa_sdk import Action, Tracker
from rasa_sdk.events import SlotSet
from rasa_sdk.executor import CollectingDispatcher
from rasa_sdk.types import DomainDict

from actions import _case
from actions._asking import say


class SubmitCase(Action):
    def name(self) -> str:
        return "action_submit_case"

    async def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: DomainDict) -> list[dict[str, Any]]:
        """The effect with what opens the case; the slots are emptied. Who has lost the number leaves a message."""
        slots = tracker.slots
        if slots.get("case_lost"):
            return _case.turn_to_person(dispatcher)
        if slots.get("case_act") == _case.FILE:
            say(dispatcher, "attachment.received")  # the house says instead where the file went
            return _case.forget()
        if not slots.get("case_act"):
            say(dispatcher, "case.put_aside")
            return _case.forget()
        if slots.get("case_sure") == "no":
            say(dispatcher, "case.not_withdrawn", case_no=str(slots.get("case_no")))
            return _case.forget()
        if not all(slots.get(name) for name in _case.missing(slots, tracker)):
            raise ValueError("the form was submitted before it was complete")
        return [SlotSet(name, value) for name, value in _case.do(dispatcher, tracker, slots).items()]

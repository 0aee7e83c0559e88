"""Hears each message to the open form `complaint`: an answer, a correction, more than was asked for."""

from __future__ import annotations

from typing import Any

from rasa_sdk import Action, Tracker
from rasa_sdk.events import SlotSet
from rasa_sdk.executor import CollectingDispatcher
from rasa_sdk.types import DomainDict

from actions import _complaint, _complaint_slots
from actions._asking import ask, intent_of, say, since
from actions._complaint_slots import PREFIX
from core.model import AWAY

TYPED = "inform"  # the intent of words that are an answer
ANSWERS = frozenset({TYPED, "affirm", "deny", "form_answer"})  # what is heard; all else is a digression for the rules
STORY = ("institution", "facts")  # steps at which the story of a fraud is the answer


class ValidateComplaint(Action):
    def name(self) -> str:
        return "validate_complaint"

    async def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: DomainDict) -> list[dict[str, Any]]:
        """All slots that the message changes; nothing for a message that is no answer, so that a rule takes it.

        The story of a fraud is answered with what to do now, as outside the form, and is the story all the same.
        Whoever was away is asked whether to go on first.
        """
        asked = str(tracker.get_slot("requested_slot") or "").removeprefix(PREFIX)
        intent = intent_of(tracker)
        if asked not in _complaint.STEPS or not (tracker.active_loop or {}).get("name"):
            return []
        cheated = intent == "fraud_in_progress" and asked in STORY
        resumed = intent == "complaint" and asked == "going_on"
        if intent not in ANSWERS and not cheated and not resumed:
            return []
        before = _complaint_slots.known(tracker)
        message = _complaint_slots.message(tracker)
        if intent == TYPED and asked != "going_on" and since(tracker) >= AWAY:
            return _complaint_slots.set_slots({"going_on": None})
        if cheated:
            ask(dispatcher, "alert", reason="fraud")
            ask(dispatcher, "hand_off", reason="fraud")
            say(dispatcher, "fraud.now")
        heard = _complaint.answered(message, asked, before)
        _complaint_slots.tell(dispatcher, tracker, heard, before)
        change = [SlotSet(_complaint_slots.CHANGE, "yes")] if heard.say == ["change"] else []
        return [*_complaint_slots.set_slots(heard.told), *change]

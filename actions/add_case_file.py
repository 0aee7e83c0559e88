"""A file sent while the form case is open: it may be all that is to be added."""

from __future__ import annotations

from typing import Any

from rasa_sdk import Action, Tracker
from rasa_sdk.events import SlotSet
from rasa_sdk.executor import CollectingDispatcher
from rasa_sdk.types import DomainDict

from actions import _case
from actions._asking import say


class AddCaseFile(Action):
    def name(self) -> str:
        return "action_add_case_file"

    async def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: DomainDict) -> list[dict[str, Any]]:
        """Ends the form where it asked what to add to the case that the house gives a file to by itself, and says which
        that is; else the file waits for the words that it goes with."""
        running = next((case for case in _case.own(tracker) if not case.has_ended), None)
        asked = tracker.get_slot("requested_slot") == "case_text"
        if asked and running is not None and running.case_no == tracker.get_slot("case_no"):
            return [SlotSet("case_act", _case.FILE)]
        say(dispatcher, "attachment.kept")
        return []

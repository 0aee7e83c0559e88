"""Files what was just told although the house has a case that looks like it: it is another matter."""

from __future__ import annotations

import json
from typing import Any

from rasa_sdk import Action, Tracker
from rasa_sdk.events import SlotSet
from rasa_sdk.executor import CollectingDispatcher
from rasa_sdk.types import DomainDict

from actions._asking import ask, metadata_of, say, text_of
from actions._complaint_slots import FILED


class SubmitComplaintAgain(Action):
    def name(self) -> str:
        return "action_submit_complaint_again"

    async def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: DomainDict) -> list[dict[str, Any]]:
        """Effect file_case with again, while the house waits to hear whether it is another matter; the button of an
        older message files nothing, so what is another matter by then is told anew."""
        filed = text_of(tracker.get_slot(FILED))
        waited_for = (metadata_of(tracker).get("context") or {}).get("pending") == "repeat"
        if not filed or not waited_for:
            say(dispatcher, "complaint.gone")
            return [SlotSet(FILED, None)]
        ask(dispatcher, "file_case", **json.loads(filed), again="yes")
        return [SlotSet(FILED, None)]

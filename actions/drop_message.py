"""Forgets a message that the consumer does not want to leave any more."""

from __future__ import annotations

from typing import Any

from rasa_sdk import Action, Tracker
from rasa_sdk.events import SlotSet
from rasa_sdk.executor import CollectingDispatcher
from rasa_sdk.types import DomainDict

from actions import _about


class DropMessage(Action):
    def name(self) -> str:
        return "action_drop_message"

    async def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: DomainDict) -> list[dict[str, Any]]:
        """Empties the form's slots; what the consumer hears is said by the rule."""
        return [
            SlotSet(name, None)
            for name in ("message_text", "message_contact", "message_contact_refused", *_about.EMPTY)
        ]

"""Passes the finished message on: the house keeps it for a person."""

from __future__ import annotations

from typing import Any

from rasa_sdk import Action, Tracker
from rasa_sdk.events import SlotSet
from rasa_sdk.executor import CollectingDispatcher
from rasa_sdk.types import DomainDict

from actions import _about
from actions._asking import ask, say, text_of


class SubmitMessage(Action):
    def name(self) -> str:
        return "action_submit_message"

    async def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: DomainDict) -> list[dict[str, Any]]:
        """Effect leave_message with text and contact, both masked, and what it is about; the slots are emptied."""
        text, contact = text_of(tracker.get_slot("message_text")), text_of(tracker.get_slot("message_contact"))
        if not text or not contact:
            raise ValueError("the form was submitted before it was complete")
        ask(dispatcher, "leave_message", text=text, contact=contact, **_about.fields(tracker))
        say(dispatcher, "leave_message.done")
        return [
            SlotSet(name, None)
            for name in ("message_text", "message_contact", "message_contact_refused", *_about.EMPTY)
        ]

"""Forgets what was wanted of a case, and what would have opened it."""

from __future__ import annotations

from typing import Any

from rasa_sdk import Action, Tracker
from rasa_sdk.executor import CollectingDispatcher
from rasa_sdk.types import DomainDict

from actions import _case


class DropCase(Action):
    def name(self) -> str:
        return "action_drop_case"

    async def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: DomainDict) -> list[dict[str, Any]]:
        """Empties the form's slots; what the consumer hears is said by the rule."""
        return _case.forget()

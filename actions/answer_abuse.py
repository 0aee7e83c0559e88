"""Answers abuse: calmly, then with a request, then no more than the way to what is really wanted."""

from __future__ import annotations

from typing import Any

from rasa_sdk import Action, Tracker
from rasa_sdk.events import SlotSet
from rasa_sdk.executor import CollectingDispatcher
from rasa_sdk.types import DomainDict

from actions._asking import say, since

LADDER = ("abuse.calm", "abuse.warning", "abuse.pause")
FORGOTTEN_AFTER = 3600.0  # seconds of silence: who comes back later is met calmly again


class AnswerAbuse(Action):
    def name(self) -> str:
        return "action_answer_abuse"

    async def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: DomainDict) -> list[dict[str, Any]]:
        """One step of the ladder further than `abuse_count`; whoever is abusive can still complain or ask."""
        before = 0 if since(tracker) >= FORGOTTEN_AFTER else int(tracker.get_slot("abuse_count") or 0)
        say(dispatcher, LADDER[min(before, len(LADDER) - 1)])
        return [SlotSet("abuse_count", min(before + 1, len(LADDER)))]

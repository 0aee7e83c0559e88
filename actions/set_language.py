"""Answers in another language from now on, or asks in which."""

from __future__ import annotations

from typing import Any, get_args

from rasa_sdk import Action, Tracker
from rasa_sdk.executor import CollectingDispatcher
from rasa_sdk.types import DomainDict

from actions._asking import ask, say
from core.model import Tongue


class SetLanguage(Action):
    def name(self) -> str:
        return "action_set_language"

    async def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: DomainDict) -> list[dict[str, Any]]:
        """The wish's own language or characters are in the slot `turn_language`; without one the consumer is asked."""
        language = tracker.get_slot("turn_language")
        if isinstance(language, str) and language in get_args(Tongue):
            ask(dispatcher, "set_language", language=language)
            say(dispatcher, "language.switched")
        else:
            say(dispatcher, "language.ask")
        return []

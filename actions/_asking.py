"""How an action speaks: response keys for the consumer and effects for the house, never a sentence of its own."""

from __future__ import annotations

from typing import Any

from rasa_sdk import Tracker
from rasa_sdk.executor import CollectingDispatcher


def say(dispatcher: CollectingDispatcher, key: str, **args: str | int | float) -> None:
    """Say the response `key` of faq/content/responses."""
    dispatcher.utter_message(json_message={"key": key, "args": args})


def ask(dispatcher: CollectingDispatcher, name: str, **fields: str) -> None:
    """Ask the house for the effect `name` (core/effects.py); it is applied with the turn or not at all."""
    dispatcher.utter_message(json_message={"effect": {"name": name, **fields}})


def text_of(value: Any) -> str:
    """A slot's value as trimmed text; "" for none."""
    return value.strip() if isinstance(value, str) else ""


def intent_of(tracker: Tracker) -> str:
    """What the message of this turn means to the brain."""
    intent: Any = (tracker.latest_message or {}).get("intent") or {}
    return str(intent.get("name") or "")


def metadata_of(tracker: Tracker) -> dict[str, Any]:
    """What the house sent along with the message of this turn."""
    return dict((tracker.latest_message or {}).get("metadata") or {})


def since(tracker: Tracker) -> float:
    """Seconds since the conversation's turn before this one, as the house measured them; 0 for the first."""
    seconds = (metadata_of(tracker).get("context") or {}).get("since")
    return float(seconds) if isinstance(seconds, (int, float)) else 0.0

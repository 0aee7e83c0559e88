"""How an action speaks: response keys for the consumer and effects for the house, never a sentence of its own."""

from __future__ import annotations

from typing import Any

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

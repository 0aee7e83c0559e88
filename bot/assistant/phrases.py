"""What the brain says: response keys, FAQ entries and effects, never a sentence of its own."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from rasa.core.channels.channel import OutputChannel
from rasa.core.nlg.generator import NaturalLanguageGenerator
from rasa.shared.core.trackers import DialogueStateTracker


class Unsayable(Exception):
    """The domain or an action asked to say something that is neither a response key, an FAQ entry nor an effect."""


class Phrases(NaturalLanguageGenerator):
    """Makes the `custom` JSON of a domain response; "{slot}" as a whole value becomes the slot's value.

    "{slot?}" is left out where the slot is empty; an empty "{slot}" is Unsayable.
    """

    async def generate(
        self, utter_action: str, tracker: DialogueStateTracker, output_channel: str, **kwargs: Any
    ) -> dict[str, Any]:
        """`{"custom": {key, args} | {faq}}` of the response. Rasa only logs a missing one; here it is Unsayable."""
        responses = kwargs.get("domain_responses") or {}
        variants = responses.get(utter_action)
        if not variants:
            raise Unsayable(f"the domain has no response {utter_action}")
        return {"custom": _filled(variants[0].get("custom"), tracker, utter_action)}


def _filled(value: Any, tracker: DialogueStateTracker, where: str) -> Any:
    if isinstance(value, dict):
        parts = {name: _filled(part, tracker, where) for name, part in value.items()}
        return {name: part for name, part in parts.items() if part is not None}
    if isinstance(value, str) and value.startswith("{") and value.endswith("}"):
        name = value[1:-1].rstrip("?")
        slot = tracker.get_slot(name)
        if slot is None and not value.endswith("?}"):
            raise Unsayable(f"{where} needs the slot {name}, which is empty")
        return slot
    return value


class Replies(OutputChannel):
    """Collects what one turn says and asks for, in order; anything a consumer could not be shown is an error."""

    def __init__(self) -> None:
        self.say: list[dict[str, Any]] = []
        self.effects: list[dict[str, Any]] = []

    @classmethod
    def name(cls) -> str:
        """Name of the channel, as responses could be bound to it."""
        return "house"

    async def send_response(self, recipient_id: str, message: dict[str, Any]) -> None:
        """Take one message of the dialogue: `custom` is {key, args}, {faq} or {effect: {name, …}}."""
        stray = sorted(k for k in ("text", "buttons", "image", "attachment", "elements") if message.get(k))
        custom = message.get("custom") or {}
        if stray or not isinstance(custom, dict):
            raise Unsayable(f"the brain says keys, not {', '.join(stray) or 'this'}: {_short(message)}")
        kind = [name for name in ("key", "faq", "effect") if custom.get(name)]
        if len(kind) != 1:
            raise Unsayable(f"one of key, faq, effect is expected: {_short(custom)}")
        if kind == ["effect"]:
            self.effects.append(_effect(custom["effect"]))
        elif kind == ["faq"]:
            args = dict(custom.get("args") or {})
            self.say.append({"faq": str(custom["faq"]), **({"args": args} if args else {})})
        else:
            self.say.append({"key": str(custom["key"]), "args": dict(custom.get("args") or {})})


def _effect(effect: Any) -> dict[str, Any]:
    if not isinstance(effect, dict) or not isinstance(effect.get("name"), str):
        raise Unsayable(f"an effect is {{name, …}}: {_short(effect)}")
    return dict(effect)


def _short(value: Mapping[str, Any] | Any) -> str:
    """The shape of a bad message for the log: names, never what the consumer wrote."""
    return json.dumps(sorted(value) if isinstance(value, Mapping) else type(value).__name__)

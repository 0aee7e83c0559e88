"""One turn: the house's knowledge and the state go in, words, effects and a new state come out, nothing stays."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Any

from rasa.core.lock_store import InMemoryLockStore
from rasa.core.nlg.generator import NaturalLanguageGenerator
from rasa.shared.core.trackers import DialogueStateTracker
from rasa.utils.endpoints import EndpointConfig

from bot.assistant import identity
from bot.assistant.components import entities
from bot.assistant.contract import BadField, Hit, Turn
from bot.assistant.phrases import Phrases, Replies
from bot.assistant.processor import HonestProcessor, Incoming
from bot.assistant.state import TurnStore, pack, unpack

# Intents that Rasa handles itself; no button of ours carries one.
_RASAS_OWN = frozenset({"restart", "back", "session_start", "nlu_fallback"})
# Effects that take the files of the conversation along.
TAKE_FILES = frozenset({"supplement_case", "reopen_case"})
WARM_UP = "这是一条用来预热的消息 warm up"


class NothingSaid(Exception):
    """The rules had no answer to this message: the consumer would have heard nothing."""


class Brain:
    """A loaded model. Turns may run side by side; they share nothing but it."""

    def __init__(
        self, model: Path, actions: EndpointConfig | None, phrases: NaturalLanguageGenerator | None = None
    ) -> None:
        """Load `model`; raises processor.ModelRefused with a sentence where it does not fit this brain."""
        self.model = identity.name_of(model)
        self.store = TurnStore()
        # Every sender id is used once, so the lock store that the processor wants is never asked.
        self.processor = HonestProcessor(
            model, self.store, InMemoryLockStore(), phrases or Phrases(), action_endpoint=actions
        )
        self.store.domain = self.processor.domain

    async def turn(self, turn: Turn) -> dict[str, Any]:
        """The answer to `turn` as it goes over the wire. Whatever fails inside is raised; the store is empty again."""
        opened = unpack(turn.state, self.processor.domain, waits=turn.context.get("pending") == "repeat")
        sender = f"{turn.id}-{secrets.token_hex(8)}"  # fresh: two attempts of one turn must not meet
        replies = Replies()
        text, parsed = self._read(turn)
        message = Incoming(turn, text=text, output_channel=replies, sender=sender, parsed=parsed)
        try:
            self.store.put(sender, opened.events)
            await self.processor.handle_message(message)
            tracker = self.store.take(sender)
        finally:
            self.store.forget(sender)
        if not replies.say and not replies.effects:
            message_meant = tracker.latest_message.intent_name if tracker.latest_message else None
            raise NothingSaid(f"no rule answers {message_meant}")
        first = [{"key": "afresh", "args": {}}] if opened.afresh else []
        said, effects = replies.say, replies.effects
        if turn.kind == "attachment" and not tracker.active_loop_name:
            # No form goes on, so nobody asked for the file: the house says where it went.
            said = [one for one in said if one.get("key") != "attachment.received"]
            if not any(one["name"] in TAKE_FILES for one in effects):
                effects = [*effects, {"name": "attach_files"}]
        elif turn.kind == "attachment" and turn.text:
            first.append({"key": "attachment.kept", "args": {}})
        elif turn.kind == "location" and turn.text:
            first.append({"key": "location.received", "args": {}})
        return {
            "say": first + said,
            "effects": effects,
            "state": pack(tracker, self.model),
            "decision": _decision(tracker),
        }

    async def warm_up(self) -> None:
        """Run one turn of each common sort, so that the first consumer does not pay for what is loaded lazily."""
        await self.turn(_sample("followed", ""))
        answered = await self.turn(_sample("text", WARM_UP))
        await self.turn(_sample("text", WARM_UP, answered["state"]))

    def _read(self, turn: Turn) -> tuple[str, dict[str, Any] | None]:
        """The message's text and, for what was not typed, its meaning; None: the classifier has to find it."""
        if turn.kind == "payload" and turn.payload:
            intent, values = turn.payload
            return self._pressed(intent, {name: [str(value)] for name, value in values.items()})
        if turn.text:
            return turn.text, None
        return self._pressed(turn.kind, {})

    def _pressed(self, intent: str, values: dict[str, list[str]]) -> tuple[str, dict[str, Any]]:
        domain = self.processor.domain
        if intent not in domain.intents or intent in _RASAS_OWN:
            raise BadField("payload", f"unknown intent {intent}")
        unknown = sorted(set(values) - set(domain.entities))
        if unknown:
            raise BadField("payload", f"unknown value {unknown[0]}")
        text = f"[{intent}]"  # no slash: whatever reads past messages must not take it for a command
        found = {"name": intent, "confidence": 1.0}
        decision = {"label": intent, "confidence": 1.0, "runner_up": "", "why": "a button or an event, not words"}
        if intent == "faq" and values.get("id"):
            decision["label"] = f"faq:{values['id'][0]}"
        return text, {
            "text": text,
            "intent": found,
            "intent_ranking": [found],
            "entities": entities(values, len(text)),
            "decision": decision,
        }


def _decision(tracker: DialogueStateTracker) -> dict[str, Any]:
    parsed: Any = tracker.latest_message.parse_data if tracker.latest_message else {}
    return dict(parsed["decision"])


def _sample(kind: str, text: str, state: object = None) -> Turn:
    return Turn(
        id="warm-up",
        kind=kind,
        text=text,
        payload=None,
        attachments=0,
        language="zh",
        channel={"kind": "web"},
        now="2000-01-01T00:00:00Z",
        hits_decision="answer" if text else "none",
        hits=(Hit(id="F00", topic="warm_up", score=0.9),) if text else (),
        context={},
        state=state,
    )

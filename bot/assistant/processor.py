"""Rasa's message processor made honest: what Rasa logs and forgets ends the turn here, and no clock is read.

Four failures are silent in Rasa 3.6.21: an action's error ("Bot will continue, but the actions events are lost"), a
state that cannot be read and a save that fails (FailSafeTrackerStore goes on with an empty memory), and the prediction
limit ("Circuit breaker tripped"). A fifth hides in slot mappings that call an action; a model that has one is refused.
"""

from __future__ import annotations

import tarfile
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from rasa.core.actions.action import Action, ActionExecutionRejection
from rasa.core.channels.channel import OutputChannel, UserMessage
from rasa.core.nlg.generator import NaturalLanguageGenerator
from rasa.core.policies.policy import PolicyPrediction
from rasa.core.processor import MessageProcessor
from rasa.engine.graph import ExecutionContext
from rasa.engine.runner.dask import DaskGraphRunner
from rasa.engine.runner.interface import GraphRunner
from rasa.engine.storage.local_model_storage import LocalModelStorage
from rasa.engine.storage.storage import ModelMetadata
from rasa.exceptions import ActionLimitReached
from rasa.shared.core.domain import Domain
from rasa.shared.core.events import BotUttered, SessionStarted, UserUttered
from rasa.shared.core.trackers import DialogueStateTracker

from bot.assistant import notf
from bot.assistant.contract import Turn
from bot.assistant.identity import RASA
from bot.assistant.state import KEPT, REQUESTED

_FULLWIDTH_SLASH = "\uff0f"


class ModelRefused(Exception):
    """The model asks for something that this brain does not do; the sentence says what."""


class ActionFailed(Exception):
    """An action could not be run; its events and words would have been lost."""


class PredictionLimit(Exception):
    """The rules went round in a circle."""


class EventRefused(Exception):
    """An action returned an event that needs a clock or rewrites the past."""


class Incoming(UserMessage):
    """A message with the house's turn beside it: the classifier reads it, neither the tracker nor an action gets it."""

    def __init__(
        self, turn: Turn, *, text: str, output_channel: OutputChannel, sender: str, parsed: Any = None
    ) -> None:
        super().__init__(
            text,
            output_channel,
            sender,
            parse_data=parsed,
            input_channel=str(turn.channel.get("kind", "")),
            message_id=turn.id,
            metadata={
                "language": turn.language,
                "now": turn.now,
                "channel": dict(turn.channel),
                "context": dict(turn.context),
                "kind": turn.kind,
            },
        )
        self.turn = turn


class HonestProcessor(MessageProcessor):
    """One turn through Rasa: it ends as Rasa meant it, or with an exception."""

    @staticmethod
    def _load_model(model_path: str | Path) -> tuple[str, ModelMetadata, GraphRunner]:
        """As Rasa does, but unpacked once and refused before any part of it is loaded."""
        path = Path(model_path)
        with tempfile.TemporaryDirectory() as folder:
            try:
                storage, metadata = LocalModelStorage.from_model_archive(Path(folder), path)
            except (OSError, tarfile.TarError, KeyError, ValueError) as e:
                raise ModelRefused(f"{model_path} is no model of Rasa: {e}") from e
            check(metadata)
            schema = metadata.predict_schema
            runner = DaskGraphRunner.create(schema, storage, ExecutionContext(schema, metadata.model_id))
        return path.name, metadata, runner

    async def parse_message(
        self, message: UserMessage, tracker: DialogueStateTracker | None = None, only_output_properties: bool = True
    ) -> dict[str, Any]:
        """Classify with what the house knows. A typed slash stays text: Rasa would take `/restart` as an intent."""
        if not isinstance(message, Incoming) or tracker is None:
            return await super().parse_message(message, tracker, only_output_properties)
        text = message.text or ""
        shown = _FULLWIDTH_SLASH + text[1:] if text.startswith("/") else text
        turn, told = message.turn, _told(tracker)
        house = {
            "language": turn.language,
            "other_language": turn.other_language,
            "plain": turn.plain,
            "vector": turn.vector,
            "hits_decision": turn.hits_decision,
            "hits": turn.hits,
            "form": tracker.active_loop_name or "",
            "asked": (tracker.get_slot(REQUESTED) or "") if tracker.active_loop_name else "",
            "said_before": (tracker.latest_message.text or "") if tracker.latest_message else "",
            "answered": _has_answered(tracker),
            "in_fraud": told.startswith("fraud."),
            "in_danger": "emergency" in (told, turn.context.get("reflex")),
            "repeat": turn.context.get("pending") == "repeat",
        }
        for_graph = UserMessage(shown, message.output_channel, message.sender_id, metadata={"house": house})
        parsed = await super().parse_message(for_graph, tracker, only_output_properties)
        parsed["text"] = text
        return parsed

    async def _update_tracker_session(
        self, tracker: DialogueStateTracker, output_channel: OutputChannel, metadata: Mapping[str, Any] | None = None
    ) -> None:
        # Rasa would write the metadata of the first message into a slot, and so into the state for good.
        await super()._update_tracker_session(tracker, output_channel, None)

    def _has_session_expired(self, tracker: DialogueStateTracker) -> bool:
        return False  # the house ends sessions, from its own clock

    def predict_next_with_tracker_if_should(self, tracker: DialogueStateTracker) -> tuple[Action, PolicyPrediction]:
        """The next action; PredictionLimit where Rasa would stop in silence."""
        try:
            return super().predict_next_with_tracker_if_should(tracker)
        except ActionLimitReached as e:
            raise PredictionLimit(f"{self.max_number_of_predictions} actions without listening") from e

    async def _run_action(
        self,
        action: Action,
        tracker: DialogueStateTracker,
        output_channel: OutputChannel,
        nlg: NaturalLanguageGenerator,
        prediction: PolicyPrediction,
    ) -> bool:
        failure: list[Exception] = []
        action.run = _watched(action.run, failure)  # type: ignore[method-assign]
        more = await super()._run_action(action, tracker, output_channel, nlg, prediction)
        if failure:
            raise ActionFailed(f"{action.name()}: {type(failure[0]).__name__}: {failure[0]}"[:300]) from failure[0]
        return more


def _has_answered(tracker: DialogueStateTracker) -> bool:
    """Was the message before this one answered with an FAQ entry?"""
    for event in reversed(tracker.events):
        if isinstance(event, UserUttered):
            return False
        if isinstance(event, BotUttered) and (event.data.get("custom") or {}).get("faq"):
            return True
    return False


def _told(tracker: DialogueStateTracker) -> str:
    """The key of the last thing that was said, "" before any."""
    said = next((event for event in reversed(tracker.events) if isinstance(event, BotUttered)), None)
    return str((said.data.get("custom") or {}).get("key", "")) if said else ""


def _watched(run: Callable[..., Any], failure: list[Exception]) -> Callable[..., Any]:
    """`run`, telling on its exceptions before Rasa swallows them; a rejection is part of a form's normal life."""

    async def watched(*args: Any, **kwargs: Any) -> Any:
        try:
            events = await run(*args, **kwargs)
            for event in events or ():
                if not isinstance(event, (*KEPT, SessionStarted)):
                    raise EventRefused(f"an action returned {event.type_name}, which this brain does not do")
            return events
        except ActionExecutionRejection:
            raise
        except Exception as e:
            failure.append(e)
            raise

    return watched


def check(metadata: ModelMetadata) -> None:
    """Raise ModelRefused for a model that needs TensorFlow, a clock or a part of Rasa that fails in silence."""
    if metadata.rasa_open_source_version != RASA:
        raise ModelRefused(f"it was trained by Rasa {metadata.rasa_open_source_version}, this is {RASA}: train again.")
    try:
        notf.refuse((node.uses.__name__ for node in metadata.predict_schema.nodes.values()), "the model")
    except notf.NeedsTensorFlow as e:
        raise ModelRefused(str(e)) from e
    check_domain(metadata.domain)


def check_domain(domain: Domain) -> None:
    """Raise ModelRefused if the domain expires sessions by the clock or fills slots by an action nobody watches."""
    if domain.session_config.session_expiration_time != 0:
        raise ModelRefused("the domain's session_expiration_time must be 0: the house ends sessions by its own clock.")
    if "action_validate_slot_mappings" in domain.user_actions:
        raise ModelRefused("action_validate_slot_mappings fails in silence: validate in the form's own action instead.")
    for slot in domain.slots:
        if any(mapping.get("type") == "custom" and mapping.get("action") for mapping in slot.mappings):
            raise ModelRefused(f"slot {slot.name} is filled by an action that fails in silence: set it from an action.")
    for name in domain.user_actions:
        if name in ("action_restart", "action_back", "action_session_start"):
            raise ModelRefused(f"{name} rewrites the past or starts sessions by the clock: the house does that.")

"""Makes Rasa 3.6.21 fast where it wastes: each patch with its reason and gain, and the same answers as without.

Gains are CPU of one turn inside the brain, added in this order: an FAQ answer, which calls no action, and the last turn
of the form, which calls two (docs/decisions/0008). From `recent_states` on, trackers.py too, they were measured later,
over questions of 68 characters. tests/brain/test_tuning.py runs one script and random talk with and without the patches
and compares every answer and every call of an action; any other version of Rasa is not patched.
"""

from __future__ import annotations

import copy
import json
from types import SimpleNamespace
from typing import Any

import rasa
import rasa.core.actions.forms
import rasa.core.processor
import rasa.shared.utils.io
from rasa.core.actions.action import ActionExtractSlots, RemoteAction
from rasa.core.channels.channel import OutputChannel
from rasa.core.nlg.generator import NaturalLanguageGenerator
from rasa.core.policies.rule_policy import RulePolicy
from rasa.core.processor import MessageProcessor
from rasa.engine.graph import ExecutionContext
from rasa.engine.runner.dask import DaskGraphRunner
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.graph_components.providers.domain_provider import DomainProvider
from rasa.shared.core.constants import (
    ACTIVE_LOOP,
    LOOP_NAME,
    MAPPING_TYPE,
    PREVIOUS_ACTION,
    SHOULD_NOT_BE_SET,
    USER,
    SlotMappingType,
)
from rasa.shared.core.domain import Domain
from rasa.shared.core.events import ActionExecuted, ActiveLoop, Event, UserUttered
from rasa.shared.core.trackers import DialogueStateTracker
from rasa.shared.exceptions import RasaException

from bot.assistant import trackers
from bot.assistant.identity import RASA


def plain_action_check() -> None:
    """An action's reply is checked by hand instead of by jsonschema.

    Rasa validates its own schema, some 40 event types, again on every reply: nearly all CPU of a turn with an action
    (FAQ 1.5 ms, form 33.4 → 3.5 ms). What the schema would have caught is caught here or by the event's constructor.
    """

    def validate(self: RemoteAction, result: Any) -> bool:
        events = result.get("events", []) if isinstance(result, dict) else None
        responses = result.get("responses", []) if isinstance(result, dict) else None
        if not isinstance(events, list) or not isinstance(responses, list):
            raise RasaException("the action's reply is not {events, responses}")
        if not all(isinstance(e, dict) and isinstance(e.get("event"), str) for e in events):
            raise RasaException("an event of the action's reply has no name")
        if not all(isinstance(r, dict) for r in responses):
            raise RasaException("a response of the action's reply is no object")
        return True

    RemoteAction._validate_action_result = validate  # type: ignore[method-assign]


_ACTION = (PREVIOUS_ACTION, "action_name")  # where states have the action before them
_INTENT = ("user", "intent")
_EMPTY = "_qiantai_empty"  # attribute of a domain: whether it is
_FILLABLE = "_qiantai_fillable"  # attribute of a domain: itself with only the slots that messages fill
_SLOTS = "_qiantai_slots"  # attribute of a domain: whether rules could read one
_PLANS = "_qiantai_plans"  # attribute of a graph runner: its order of nodes per set of targets


def straight_graph() -> None:
    """The graph runs in an order found once; Rasa builds and schedules a dask graph for each prediction.

    FAQ 1.5 → 0.95 ms, form 3.3 → 2.2 ms. Only for eager nodes without hooks, which is what a loaded model has; anything
    else takes Rasa's own way.
    """
    by_dask = DaskGraphRunner.run

    def run(self: DaskGraphRunner, inputs: Any = None, targets: Any = None) -> dict[str, Any]:
        wanted = tuple(targets or self._graph_schema.target_names)
        plans: dict[tuple[str, ...], Any] = getattr(self, _PLANS, None) or {}
        setattr(self, _PLANS, plans)
        if wanted not in plans:
            plans[wanted] = _plan(self, wanted)
        if plans[wanted] is None:
            return by_dask(self, inputs, targets)
        results: dict[str, Any] = dict(inputs or {})
        for name, call, component, needs in plans[wanted]:
            results[name] = call(component, **{parameter: results[source] for parameter, source in needs})
        return {name: results[name] for name in wanted}

    DaskGraphRunner.run = run  # type: ignore[method-assign]


def _plan(runner: DaskGraphRunner, wanted: tuple[str, ...]) -> list[Any] | None:
    schema = runner._graph_schema.minimal_graph_schema(list(wanted))
    order: list[str] = []

    def visit(name: str) -> None:
        if name in schema.nodes and name not in order:
            for source in schema.nodes[name].needs.values():
                visit(source)
            order.append(name)

    for name in schema.nodes:
        visit(name)
    nodes = [runner._instantiated_nodes[name] for name in order]
    if any(not node._eager or node._hooks for node in nodes):
        return None
    return [(n, node._fn, node._component, list(node._inputs.items())) for n, node in zip(order, nodes, strict=True)]


def indexed_rules() -> None:
    """Only the rules that the newest state can fit are compared with the states at all.

    Rasa holds every rule against every state, each time decoding the JSON text it keeps a rule as. Here each rule is
    decoded once and found by the action and the intent that its last state asks for. And a pass that compares the words
    of messages is left out where no rule reads words, which none of ours does. FAQ 3.5 → 1.9 ms; it
    grows with the number of rules, 324 now.
    """
    policy: Any = RulePolicy  # its decorator hides the class from type checkers
    by_rasa = policy._find_action_from_rules

    def find(
        self: Any, tracker: DialogueStateTracker, domain: Any, use_text_for_last_user_input: bool
    ) -> tuple[Any, Any, bool]:
        if use_text_for_last_user_input and not _reads_words(self):
            return None, None, False
        return by_rasa(self, tracker, domain, use_text_for_last_user_input)

    def possible(self: Any, lookup: dict[str, str], states: list[Any]) -> set[str]:
        indexes = self.__dict__.setdefault("_qiantai_rules", {})
        index = indexes.get(id(lookup))
        if index is None or index.of is not lookup:
            index = indexes[id(lookup)] = _Rules(lookup)
        return index.possible(states)

    policy._find_action_from_rules = find
    policy._get_possible_keys = possible


class _Rules:
    """The rules of one of the policy's tables; the tables of a loaded policy do not change."""

    def __init__(self, of: dict[str, str]) -> None:
        self.of = of
        self._begin: list[tuple[str, list[_State]]] = []  # those whose last state has no action before it
        self._after: dict[tuple[Any, Any], list[tuple[str, list[_State]]]] = {}  # by action and intent of their last
        for key in of:
            rule = [_State(state) for state in reversed(json.loads(key))]
            last = rule[0] if rule else None
            if last is None or not last.follows:
                self._begin.append((key, rule))
            else:
                self._after.setdefault((last.asked.get(_ACTION), last.asked.get(_INTENT)), []).append((key, rule))

    def possible(self, states: list[Any]) -> set[str]:
        """The keys of the rules that fit `states`, the newest last, as far as either goes back."""
        if not states:
            return set(self.of)
        action, intent = (states[-1].get(part, {}).get(name) for part, name in (_ACTION, _INTENT))
        among = {(one, other) for one in (action, None) for other in (intent, None)}
        newest = states[::-1]
        return {
            key
            for rules in (self._begin, *(self._after.get(pair, ()) for pair in among))
            for key, rule in rules
            if all(asked.fits(state) for asked, state in zip(rule, newest, strict=False))
        }


class _State:
    """What one state of a rule asks of a conversation's state (RulePolicy._is_rule_applicable)."""

    def __init__(self, state: dict[str, dict[str, Any]]) -> None:
        self.follows = bool(state.get(PREVIOUS_ACTION))
        named = {
            (part, name): tuple(value) if isinstance(value, list) else value
            for part, values in state.items()
            for name, value in values.items()
        }
        self.asked = {at: value for at, value in named.items() if value and value != SHOULD_NOT_BE_SET}
        self._barred = [at for at, value in named.items() if value == SHOULD_NOT_BE_SET]

    def fits(self, state: Any) -> bool:
        """Whether a conversation's state has what is asked and nothing that is barred."""
        follows = bool(state.get(PREVIOUS_ACTION))
        if not (self.follows and follows):
            return self.follows == follows
        return all(state.get(part, {}).get(name) == value for (part, name), value in self.asked.items()) and all(
            (state.get(part, {}).get(name) or SHOULD_NOT_BE_SET) == SHOULD_NOT_BE_SET for part, name in self._barred
        )


def _reads_words(policy: Any) -> bool:
    known = policy.__dict__.get("_qiantai_reads_words")
    if known is None:
        keys = [key for table in policy.lookup.values() if isinstance(table, dict) for key in table]
        known = policy.__dict__["_qiantai_reads_words"] = any('"text"' in key for key in keys)
    return bool(known)


def recent_states() -> None:
    """A prediction looks at as many states of the conversation as the longest rule has, and at what they are made of.

    Rasa replays all events in a tracker of its own, with a copy of every slot, and describes each state anew, for each
    of the two predictions or more of a turn. Here the newest states are put together from the events. A domain with a
    slot that rules could read, or a rule that reads words, takes Rasa's own way. FAQ 1.80 → 1.42 ms.
    """
    policy: Any = RulePolicy
    by_rasa = policy._prediction_states

    def states(
        self: Any,
        tracker: DialogueStateTracker,
        domain: Domain,
        use_text_for_last_user_input: bool = False,
        rule_only_data: Any = None,
    ) -> list[Any]:
        if use_text_for_last_user_input or _reads_words(self) or _reads_slots(domain):
            return list(by_rasa(self, tracker, domain, use_text_for_last_user_input, rule_only_data))
        newest = _states(tracker, domain, _longest(self))
        self.featurizer._choose_last_user_input([newest], use_text_for_last_user_input)
        return newest

    policy._prediction_states = states
    policy.format_tracker_states = staticmethod(lambda states: "")  # for a debug line


def _states(tracker: DialogueStateTracker, domain: Domain, most: int) -> list[dict[str, Any]]:
    """The newest states of the conversation, `most` of them, as Domain.get_active_state describes them."""
    moments: list[tuple[UserUttered, Any, str | None]] = []  # before each action: message, action and form so far
    said, action, loop = UserUttered.empty(), dict[str, str](), None
    for event in tracker.applied_events():
        if type(event) is ActionExecuted:
            moments.append((said, action, loop))
            action = event.as_sub_state()
        elif type(event) is UserUttered:
            said = event
        elif isinstance(event, ActiveLoop):
            loop = event.name
    recent = [*moments, (said, action, loop)][-most:]
    messages = {id(said): said for said, _, _ in recent}
    described: Any = domain._get_user_sub_state  # of a tracker it reads the message alone
    users = {at: described(SimpleNamespace(latest_message=one)) for at, one in messages.items()}
    wholes = [
        {USER: users[id(said)], PREVIOUS_ACTION: action, ACTIVE_LOOP: {LOOP_NAME: loop} if loop else {}}
        for said, action, loop in recent
    ]
    return [{part: values for part, values in whole.items() if values} for whole in wholes]


def _longest(policy: Any) -> int:
    """Of how many states the longest rule is."""
    known = policy.__dict__.get("_qiantai_longest")
    if known is None:
        keys = [key for table in policy.lookup.values() if isinstance(table, dict) for key in table]
        known = policy.__dict__["_qiantai_longest"] = max((len(json.loads(key)) for key in keys), default=1)
    return int(known)


def _reads_slots(domain: Domain) -> bool:
    known = domain.__dict__.get(_SLOTS)
    if known is None:
        known = domain.__dict__[_SLOTS] = any(slot.influence_conversation for slot in domain.slots)
    return bool(known)


def no_words_for_debug_lines() -> None:
    """What only debug lines show, which nobody reads here, is neither copied nor written out: the answer, the message
    with its classification, and every slot's value. FAQ 1.05 → 0.98 ms."""
    as_it_is = SimpleNamespace(deepcopy=lambda shown: shown)
    for module in (rasa.core.processor, rasa.core.actions.forms):  # which use `copy` for nothing else
        vars(module)["copy"] = as_it_is
    MessageProcessor._log_slots = staticmethod(lambda tracker: None)  # type: ignore[method-assign]


def one_empty_domain() -> None:
    """Whether the domain is empty is found once; Rasa makes an empty one to compare with on every message.

    FAQ 1.6 → 1.4 ms.
    """

    def is_empty(self: Domain) -> bool:
        known = self.__dict__.get(_EMPTY)
        if known is None:
            known = self.__dict__[_EMPTY] = by_rasa(self)
        return bool(known)

    by_rasa = Domain.is_empty
    Domain.is_empty = is_empty  # type: ignore[method-assign]


def slots_that_messages_fill() -> None:
    """Before each turn only slots with a mapping of their own are looked at, not those that actions alone set, which
    are two of three. FAQ 1.5 → 1.4 ms; it grows with the number of slots."""
    by_rasa = ActionExtractSlots.run

    async def run(
        self: ActionExtractSlots,
        output_channel: OutputChannel,
        nlg: NaturalLanguageGenerator,
        tracker: DialogueStateTracker,
        domain: Domain,
    ) -> list[Event]:
        fillable = domain.__dict__.get(_FILLABLE)
        if fillable is None:
            fillable = copy.copy(domain)
            fillable.slots = [slot for slot in domain.slots if any(map(_fills, slot.mappings))]
            domain.__dict__[_FILLABLE] = fillable
        return await by_rasa(self, output_channel, nlg, tracker, fillable)

    ActionExtractSlots.run = run  # type: ignore[method-assign]


def _fills(mapping: dict[str, Any]) -> bool:
    return mapping.get(MAPPING_TYPE) != str(SlotMappingType.CUSTOM) or bool(mapping.get("action"))


def domain_as_trained() -> None:
    """A model's domain is read as training wrote it. Rasa validates it again first, for which it reads text and schema
    twice more in a slow YAML reader: 0.2 s of a start."""

    @classmethod  # type: ignore[misc]
    def load(
        cls: type[DomainProvider],
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
        **kwargs: Any,
    ) -> DomainProvider:
        with model_storage.read_from(resource) as folder:
            content = rasa.shared.utils.io.read_yaml_file(folder / "domain.yml")
        return cls(model_storage, resource, Domain.from_dict(dict(content)))

    DomainProvider.load = load  # type: ignore[method-assign,assignment]


PATCHES = (
    plain_action_check,
    straight_graph,
    indexed_rules,
    one_empty_domain,
    slots_that_messages_fill,
    domain_as_trained,
    recent_states,
    *trackers.PATCHES,
    no_words_for_debug_lines,
)


def apply() -> None:
    """Apply all patches to this process; RuntimeError for any other Rasa than the one they were read against."""
    if rasa.__version__ != RASA:
        raise RuntimeError(f"bot/assistant/tuning.py is written for Rasa {RASA}, this is {rasa.__version__}")
    for patch in PATCHES:
        patch()

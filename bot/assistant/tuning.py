"""Makes Rasa 3.6.21 fast where it wastes: each patch with its reason and gain, and the same answers as without.

Gains are CPU of one turn inside the brain, added in this order: an FAQ answer, which calls no action, and the last turn
of the form, which calls two (docs/decisions/0008). Three more patches that help a Rasa which keeps whole conversations
(a cache of event classes, no copies for debug lines, a cheaper copy of the tracker) gain nothing that can be measured
with our short state, and were left out. tests/brain/test_tuning.py runs one script with and without the patches and
compares every answer; any other version of Rasa is not patched.
"""

from __future__ import annotations

import functools
import json
from typing import Any

import rasa
from rasa.core.actions.action import RemoteAction
from rasa.core.policies.rule_policy import RulePolicy
from rasa.engine.runner.dask import DaskGraphRunner
from rasa.shared.core.trackers import DialogueStateTracker
from rasa.shared.exceptions import RasaException

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


def remembered_rule_keys() -> None:
    """Rules are kept as JSON texts that Rasa decodes again for each comparison; here each is decoded once.

    And a pass that compares the words of messages is left out where no rule reads words, which none of ours does.
    FAQ 0.83 → 0.71 ms, form 2.1 → 1.9 ms; it grows with the number of rules.
    """

    @functools.cache
    def decoded(rule_key: str) -> Any:
        return json.loads(rule_key)

    policy: Any = RulePolicy  # its decorator hides the class from type checkers
    by_rasa = policy._find_action_from_rules

    def find(
        self: Any, tracker: DialogueStateTracker, domain: Any, use_text_for_last_user_input: bool
    ) -> tuple[Any, Any, bool]:
        if use_text_for_last_user_input and not _reads_words(self):
            return None, None, False
        return by_rasa(self, tracker, domain, use_text_for_last_user_input)

    policy._rule_key_to_state = staticmethod(decoded)
    policy._find_action_from_rules = find


def _reads_words(policy: Any) -> bool:
    known = policy.__dict__.get("_qiantai_reads_words")
    if known is None:
        keys = [key for table in policy.lookup.values() if isinstance(table, dict) for key in table]
        known = policy.__dict__["_qiantai_reads_words"] = any('"text"' in key for key in keys)
    return bool(known)


PATCHES = (plain_action_check, straight_graph, remembered_rule_keys)


def apply() -> None:
    """Apply all patches to this process; RuntimeError for any other Rasa than the one they were read against."""
    if rasa.__version__ != RASA:
        raise RuntimeError(f"bot/assistant/tuning.py is written for Rasa {RASA}, this is {rasa.__version__}")
    for patch in PATCHES:
        patch()

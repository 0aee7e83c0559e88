"""What the brain asks of the house: one file per action, run through rasa_sdk; actions ask, they do not do."""

from __future__ import annotations

import importlib
import logging
import pkgutil
import sys
import types
from collections.abc import Mapping
from functools import cache
from typing import Any, ClassVar

from core.errors import QiantaiError

__all__ = ["ActionError", "ActionRejected", "ActionUnusable", "BadCall", "UnknownAction", "execute", "names"]


class ActionError(QiantaiError):
    """An action could not be run for the brain."""

    code: ClassVar[str] = "action"

    def body(self) -> dict[str, Any]:
        """What the listener answers with `status`; Rasa reads `error` and, of a rejection, `action_name`."""
        return {"error": self.code, "detail": self.detail}


class BadCall(ActionError):
    """The call is not what Rasa sends to its action server."""

    code = "bad_call"
    status = 422


class UnknownAction(ActionError):
    """There is no action of this name."""

    code = "unknown_action"
    status = 404


class ActionRejected(ActionError):
    """The action stands back, so that another may be predicted."""

    code = "rejected"
    status = 400

    def __init__(self, action: str, detail: str = "") -> None:
        super().__init__(detail)
        self.action = action

    def body(self) -> dict[str, Any]:
        return {"error": self.detail or self.code, "action_name": self.action}


class ActionUnusable(ActionError):
    """An action needs what this front desk does not have, such as Rasa's reminders; found when it is loaded."""

    code = "action_unusable"


async def execute(body: object) -> dict[str, Any]:
    """Run one call of Rasa's action protocol and give {events, responses}.

    Raises BadCall, UnknownAction, ActionRejected; whatever else an action raises goes through unchanged.
    """
    call = _checked(body)
    from rasa_sdk.interfaces import ActionExecutionRejection, ActionNotFoundException

    try:
        result = await _executor().run(call)
    except ActionNotFoundException:
        raise UnknownAction(str(call["next_action"])) from None
    except ActionExecutionRejection as e:
        raise ActionRejected(e.action_name, e.message) from None
    if result is None:
        raise BadCall("next_action is empty")
    return {"events": result.events, "responses": result.responses}


def names() -> list[str]:
    """The actions there are, sorted; the domain's own list is checked against it by a test."""
    return sorted(_executor().actions)


def _checked(body: object) -> dict[str, Any]:
    if not isinstance(body, Mapping):
        raise BadCall("a JSON object is expected")
    call = dict(body)
    if not isinstance(call.get("next_action"), str) or not call["next_action"]:
        raise BadCall("next_action is not the name of an action")
    tracker = call.get("tracker")
    if not isinstance(tracker, Mapping) or not isinstance(tracker.get("slots"), Mapping):
        raise BadCall("tracker is not a tracker of Rasa")
    if not isinstance(tracker.get("events"), list) or not isinstance(tracker.get("sender_id"), str):
        raise BadCall("tracker has no events or no sender_id")
    if not isinstance(call.get("domain") or {}, Mapping):
        raise BadCall("domain is not an object")
    call["domain"] = call.get("domain") or {}
    return call


@cache
def _executor() -> Any:
    """rasa_sdk's executor with our actions; made on first use, so that importing this package does nothing."""
    # It reports each registration and each call; the house logs its turns itself.
    logging.getLogger("rasa_sdk").setLevel(logging.ERROR)
    from rasa_sdk import Action
    from rasa_sdk.executor import ActionExecutor

    executor = ActionExecutor()
    for found in pkgutil.iter_modules(__path__, prefix=f"{__name__}."):
        module = importlib.import_module(found.name)
        refuse_clocks(module)
        for value in vars(module).values():
            if isinstance(value, type) and issubclass(value, Action) and value.__module__ == module.__name__:
                executor.register_action(value)
    return executor


def refuse_clocks(module: types.ModuleType) -> None:
    """Raise ActionUnusable if `module` imports an event that needs a clock in the brain, which has none."""
    sdk = sys.modules.get("rasa_sdk.events") or importlib.import_module("rasa_sdk.events")
    refused = {name: getattr(sdk, name) for name in ("ReminderScheduled", "ReminderCancelled")}
    for name, event in refused.items():
        if any(value is event for value in vars(module).values()):
            raise ActionUnusable(f"{module.__name__} uses {name}: the house keeps the time, ask for an effect instead")

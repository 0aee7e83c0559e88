"""Takes a wish about a case that is there: does it at once if all is known, else opens the form that asks."""

from __future__ import annotations

from typing import Any

from rasa_sdk import Action, Tracker
from rasa_sdk.events import ActiveLoop, FollowupAction, SlotSet
from rasa_sdk.executor import CollectingDispatcher
from rasa_sdk.types import DomainDict

from actions import _case, _case_words
from actions._asking import intent_of, metadata_of, say, text_of

_ACTIONS = frozenset({"action_begin_case", "action_submit_case"})


class BeginCase(Action):
    def name(self) -> str:
        return "action_begin_case"

    async def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: DomainDict) -> list[dict[str, Any]]:
        """Inside a form of something else nothing new is opened: what cannot be done at once is put off."""
        typed = metadata_of(tracker).get("kind") != "payload"
        text = str((tracker.latest_message or {}).get("text") or "") if typed else ""
        given, own = _case_words.given(text), _case.own(tracker)
        tried = _was_just_tried(tracker)
        act, told = _wanted(tracker, text, tried=tried)
        loop = (tracker.active_loop or {}).get("name")
        held = _held(tracker) if loop == _case.FORM else {}
        number = given.case_no or held.get("case_no", "")
        if given.code and tried and not number:
            number = text_of(tracker.get_slot("case_no"))
        case = next((one for one in own if one.case_no == number), None)
        if not number and not given.mistyped_no and not given.code:
            case = _case.meant(act, own)
        slots: dict[str, Any] = {**_case.EMPTY, **held, **_case.found(given), "case_act": _case.as_stands(act, case)}
        slots |= {"case_no": case.case_no if case else number or None, "case_text": told or None}
        if case is None and not given and loop is None and _case_words.has_lost_number(text):
            return _case.turn_to_person(dispatcher)
        if given.mistyped_no:
            say(dispatcher, "case.no_wrong")
        if all(slots.get(name) for name in _case.missing(slots, tracker)):
            events = _set(_case.do(dispatcher, tracker, slots))
            if case is not None and act == "status" and not number:
                _name_others(dispatcher, case, own)
            return [*events, ActiveLoop(None), SlotSet("requested_slot", None)] if loop == _case.FORM else events
        if loop and loop != _case.FORM:
            say(dispatcher, "case.aside")
            return []
        return [*_set(slots), *([] if loop else [FollowupAction(_case.FORM)])]


def _held(tracker: Tracker) -> dict[str, str]:
    """What the open form has found out of which case it is: another wish is about the same."""
    return {name: value for name in _case.OPENING if (value := text_of(tracker.get_slot(name)))}


def _name_others(dispatcher: CollectingDispatcher, told: _case.Own, own: list[_case.Own]) -> None:
    """Behind where one case stands, the numbers of the others."""
    if others := [one.case_no for one in own if one.case_no != told.case_no]:
        say(dispatcher, "case.others", numbers=", ".join(others))


def _wanted(tracker: Tracker, text: str, *, tried: bool) -> tuple[str, str]:
    """What is wanted, and what was told of it. A number or a code alone is another try at what was wanted just before,
    or else asks where the case stands."""
    act = _case.ACTS.get(intent_of(tracker), "")
    if act:
        said = {"withdraw": _case_words.reason, "supplement": _case_words.told, "reopen": _case_words.told}
        return act, said[act](text) if act in said else ""
    if tried and (act := text_of(tracker.get_slot("case_act"))):
        return act, text_of(tracker.get_slot("case_text"))
    return "status", ""


def _was_just_tried(tracker: Tracker) -> bool:
    """Whether the message before this one was about a case."""
    messages = 0
    for event in reversed(tracker.events):
        messages += event.get("event") == "user"
        if messages == 2:
            return False
        if messages == 1 and event.get("event") == "action" and event.get("name") in _ACTIONS:
            return True
    return False


def _set(slots: dict[str, Any]) -> list[dict[str, Any]]:
    return [SlotSet(name, value) for name, value in slots.items()]

"""Begins a complaint with what the first message tells, or goes on with a draft or with what an interruption left."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from rasa_sdk import Action, Tracker
from rasa_sdk.events import SlotSet
from rasa_sdk.executor import CollectingDispatcher
from rasa_sdk.types import DomainDict

from actions import _about, _complaint, _complaint_slots
from actions._asking import ask, metadata_of, say, text_of
from actions.save_complaint import WORTH_KEEPING
from cases.intake import APART
from cases.states import ENDED, State


class BeginComplaint(Action):
    def name(self) -> str:
        return "action_begin_complaint"

    async def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: DomainDict) -> list[dict[str, Any]]:
        """Fills the form's slots; what somebody was writing to a person becomes part of the complaint. Of a draft and
        an interrupted complaint the latter goes on, for it was told last; a message about another institution begins a
        complaint of its own, and the other one is kept."""
        before = _complaint_slots.known(tracker)
        context: dict[str, Any] = metadata_of(tracker).get("context") or {}
        draft: dict[str, str] = context.get("draft") or {}
        interrupted = any(before[name] for name in WORTH_KEEPING)
        held = {} if interrupted else _complaint_slots.from_draft(draft)
        message = _complaint_slots.message(tracker)
        written = [text_of(tracker.get_slot("message_text")), message.text]
        opening = replace(message, text="\n".join(filter(None, written)))
        apart = _complaint.is_another(opening.text, message.today, {**before, **held})
        if apart and interrupted:
            kept = {**before, "draft": before["draft"] or APART}
            ask(dispatcher, "save_draft", **_complaint_slots.effect_fields(kept))
        if apart:
            args = {} if interrupted else {"case_no": held["draft"]}
            say(dispatcher, "complaint.another" if interrupted else "complaint.another_draft", **args)
            before, held = {**_complaint.EMPTY, "draft": APART}, {}
        known = {**before, **held}
        heard = _complaint.begun(opening, known)
        if (contact := text_of(tracker.get_slot("message_contact"))) and not known.get("contact"):
            heard.told["contact"] = contact
        going_on = any(known.get(name) for name in ("institution", "facts", "summary", "contact", "person"))
        nameless = heard.told.get("type") in _complaint.NAMELESS
        intro = f"as_{heard.told['type']}" if nameless else "intro"
        if not apart:
            say(dispatcher, f"complaint.{'from_draft' if held else 'kept' if going_on else intro}")
        if not apart and not held and not going_on and (open_case := _open_case(context)):
            say(dispatcher, "complaint.has_case", case_no=open_case)
        told_before = before if not held else {}
        heard.told = {**(before if apart else held), **heard.told}
        _complaint_slots.tell(dispatcher, tracker, heard, told_before)
        dropped = ("message_text", "message_contact", "message_contact_refused", "case_text", *_about.EMPTY)
        return [*_complaint_slots.set_slots(heard.told), *(SlotSet(name, None) for name in dropped)]


def _open_case(context: dict[str, Any]) -> str:
    """The number of the newest case of this conversation that has not ended; "" if there is none."""
    over = {*ENDED, State.DRAFT}
    cases: list[dict[str, str]] = context.get("cases") or []
    return next((one["case_no"] for one in cases if one["state"] not in over), "")

"""Reads the whole complaint back before it is filed."""

from __future__ import annotations

from typing import Any

from rasa_sdk import Action, Tracker
from rasa_sdk.executor import CollectingDispatcher
from rasa_sdk.types import DomainDict

from actions import _complaint, _complaint_slots
from actions._asking import say
from actions._complaint import Fields
from actions._complaint_slots import shown
from actions._contact import REFERENCE
from cases.intake import KEPT
from core.model import Language


class AskComplaintConfirmed(Action):
    def name(self) -> str:
        return "action_ask_complaint_confirmed"

    async def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: DomainDict) -> list[dict[str, Any]]:
        """complaint.read_back with all that was told; a number is named, never shown. Nothing for somebody who was just
        asked what to change."""
        if tracker.get_slot(_complaint_slots.CHANGE):
            return []
        known, language = _complaint_slots.known(tracker), _complaint_slots.language_of(tracker)
        put = _WORDS[language]
        args = {
            "about": _complaint_slots.about(known, language) or put["not_told"],
            "facts": shown(known.get("facts") or ""),
            "request": shown(known.get("request") or "") or put["not_told"],
            "prior": _prior(known, language),
            "person": _name(known.get("person"), language),
            "agent": _name(known.get("agent"), language),
            "contact": _contact(known.get("contact") or "", language),
            "consent": put["consent" if known.get("consent") == "yes" else "no_consent"],
        }
        nameless = known.get("type") in _complaint.NAMELESS
        acting = known.get("on_behalf") in _complaint.ACTING
        own = known.get("type") == "service_supervision"
        form = "nameless" if nameless else "acting" if acting else "own" if own else ""
        say(dispatcher, "complaint.read_back", form=form, **args)
        return []


def _prior(known: Fields, language: Language) -> str:
    put = _WORDS[language]
    if known.get("prior") != "yes":
        return put["not_asked"]
    told = [part for part in (known.get("prior_day"), shown(known.get("prior_reply") or "")) if part]
    return ("，" if language == "zh" else ", ").join(told) or put["asked"]


def _name(name: str | None, language: Language) -> str:
    return _WORDS[language]["kept"] if name == KEPT else shown(name or "") or _WORDS[language]["not_told"]


def _contact(contact: str, language: Language) -> str:
    put = _WORDS[language]
    if contact in (KEPT, _complaint.OWN_NUMBER):
        return put["kept" if contact == KEPT else "own_number"]
    found = REFERENCE.search(contact)
    if found is not None:
        return put["phone" if found[0].startswith("⟦phone") else "email"]
    return shown(contact) or put["not_told"]


# The words of a list that stand in for what is not shown, or was not told.
_WORDS: dict[Language, dict[str, str]] = {
    "zh": {
        "not_told": "没有写",
        "asked": "找过",
        "not_asked": "还没有找过",
        "kept": "用之前留的",
        "phone": "您留的手机号",
        "email": "您留的邮箱",
        "own_number": "就用这个号码",
        "consent": "同意",
        "no_consent": "不同意",
    },
    "en": {
        "not_told": "not given",
        "asked": "yes",
        "not_asked": "not yet",
        "kept": "as you gave it before",
        "phone": "the phone number you gave",
        "email": "the e-mail address you gave",
        "own_number": "this number",
        "consent": "yes",
        "no_consent": "no",
    },
}

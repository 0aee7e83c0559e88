"""Checks the answers of the form case: which case, what opens it, what is to be added, and whether it is to end."""

from __future__ import annotations

from typing import Any

from rasa_sdk import Tracker
from rasa_sdk.executor import CollectingDispatcher
from rasa_sdk.forms import FormValidationAction
from rasa_sdk.types import DomainDict

from actions import _case, _case_words, _yes_no
from actions._asking import say, since, text_of
from actions._steps import BACK, RESTART, is_wish
from core.model import AWAY

TEXT_MAX = 2000  # characters, as many as a message has
# Said where an answer is none; the form asks again behind it.
_AMISS = {
    "case_no": "case.not_a_number",
    "case_proof": "case.not_a_code",
    "case_phone": "case.not_a_phone",
    "case_name": "case.not_a_name",
}

Slots = dict[str, Any]


class ValidateCase(FormValidationAction):
    def name(self) -> str:
        return "validate_case"

    async def required_slots(
        self, domain_slots: list[str], dispatcher: CollectingDispatcher, tracker: Tracker, domain: DomainDict
    ) -> list[str]:
        """Only what this wish needs."""
        return _case.missing(tracker.slots, tracker)

    def validate_case_no(
        self, value: Any, dispatcher: CollectingDispatcher, tracker: Tracker, domain: DomainDict
    ) -> Slots:
        """A number, and with it or before it whatever else opens the case. Who has none is helped by a person."""
        return self._opening("case_no", text_of(value), dispatcher, tracker)

    def validate_case_proof(
        self, value: Any, dispatcher: CollectingDispatcher, tracker: Tracker, domain: DomainDict
    ) -> Slots:
        """The query code; or the telephone number and the name of whoever has none."""
        return self._opening("case_proof", text_of(value), dispatcher, tracker)

    def validate_case_phone(
        self, value: Any, dispatcher: CollectingDispatcher, tracker: Tracker, domain: DomainDict
    ) -> Slots:
        return self._opening("case_phone", text_of(value), dispatcher, tracker)

    def validate_case_name(
        self, value: Any, dispatcher: CollectingDispatcher, tracker: Tracker, domain: DomainDict
    ) -> Slots:
        return self._opening("case_name", text_of(value), dispatcher, tracker)

    def validate_case_text(
        self, value: Any, dispatcher: CollectingDispatcher, tracker: Tracker, domain: DomainDict
    ) -> Slots:
        """What is to be added; nothing after all ends the form."""
        text = text_of(value)
        if text == tracker.get_slot("case_text") and tracker.get_slot("requested_slot") != "case_text":
            return {"case_text": text}
        if is_wish(BACK, text) or is_wish(RESTART, text):
            say(dispatcher, "case.first_step")
            return {"case_text": None}
        if _case_words.is_nothing_more(text):
            return {"case_text": None, "case_act": None}
        if sum(map(str.isalnum, text)) < _case_words.TEXT_MIN or len(text) > TEXT_MAX:
            say(dispatcher, "case.invalid_text")
            return {"case_text": None}
        return {"case_text": text}

    def validate_case_sure(
        self, value: Any, dispatcher: CollectingDispatcher, tracker: Tracker, domain: DomainDict
    ) -> Slots:
        """Yes or no; why, if that is said too."""
        text = text_of(value)
        heard = _yes_no.heard(text)
        answer = "yes" if _case_words.is_sure(text) else heard.answer
        if not answer:
            say(dispatcher, "case.yes_or_no")
            return {"case_sure": None}
        known = text_of(tracker.get_slot("case_text"))
        why = heard.more if answer == "yes" and len(heard.more) >= _case_words.TEXT_MIN else ""
        return {"case_sure": answer, "case_text": "\n".join(filter(None, (known, why))) or None}

    def _opening(self, asked: str, text: str, dispatcher: CollectingDispatcher, tracker: Tracker) -> Slots:
        """The slots that an answer fills, the one that was asked for among them, with None where it is no answer."""
        if asked != tracker.get_slot("requested_slot"):  # known before the form was opened
            return {asked: text or None}
        if is_wish(BACK, text) or is_wish(RESTART, text):
            first = asked == "case_no"
            say(dispatcher, "case.first_step" if first else "case.back")
            return dict.fromkeys(_case.OPENING)
        given = _case_words.given(text, name_asked=asked in ("case_name", "case_phone"))
        filled: Slots = {asked: None} | _case.found(given)
        if given.mistyped_no:
            say(dispatcher, "case.no_wrong")
        elif given.mistyped_code and not given.code and asked == "case_proof":
            say(dispatcher, "case.code_wrong")
        elif filled[asked] is None and _case_words.is_lost(text):
            return self._lost(asked, dispatcher)
        elif filled[asked] is None and not given:
            if since(tracker) >= AWAY:  # it is about something else by now
                return {asked: None, "case_act": None}
            say(dispatcher, _AMISS[asked])
        if asked == "case_no" and filled["case_no"] is None and given:
            say(dispatcher, "case.number_too")
        if filled.get("case_no") and asked != "case_no" and filled["case_no"] != tracker.get_slot("case_no"):
            say(dispatcher, "case.corrected", case_no=str(filled["case_no"]))
        return filled

    def _lost(self, asked: str, dispatcher: CollectingDispatcher) -> Slots:
        """Without the code there are the telephone number and the name; without the number or these a person helps."""
        if asked == "case_proof":
            return {"case_proof": _case.BY_PHONE}
        return {asked: None, "case_lost": True}

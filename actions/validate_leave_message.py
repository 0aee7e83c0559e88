"""Checks the answers of the form leave_message: something to pass on, and a way to answer."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from rasa_sdk import Tracker
from rasa_sdk.executor import CollectingDispatcher
from rasa_sdk.forms import FormValidationAction

from actions import _about, _contact
from actions._asking import ask, intent_of, metadata_of, say, since, text_of
from actions._steps import BACK, RESTART, is_wish
from core.model import AWAY
from faq.folding import simplified

TEXT_MIN = 4  # letters, digits or characters: less is a greeting or a slip
TEXT_MAX = 2000  # characters, as many as a message has
_CORRECTION = re.compile(
    r"不对|不是|唔系|唔是|错了|[写说打]错|更正|改成|应该是|"
    r"\b(?:no|sorry|wait|actually|correction)\b\W|\bi meant?\b|\bshould be\b|\b(?:not|instead of) (?:rmb ?|¥)?\d",
    re.IGNORECASE,
)
REFUSED = "message_contact_refused"  # slot: a contact was asked for and refused once
SENTENCE_HAN, SENTENCE_WORDS = 8, 6  # characters or words from which an answer tells more than a name or a slip
_HAN = re.compile(r"[\u4e00-\u9fff]")
# What is said to a contact that is none yet; the form asks again behind it.
_AMISS: Mapping[str, str] = {
    "unseen_account": "leave_message.unseen_account",
    "unseen_number": "leave_message.unseen_number",
    "card": "leave_message.card_contact",
    "refused": "leave_message.no_contact",
    "asks_when": "leave_message.when",
    "asks_why": "leave_message.why_contact",
    "unclear": "leave_message.invalid_contact",
}


class ValidateLeaveMessage(FormValidationAction):
    def name(self) -> str:
        return "validate_leave_message"

    def validate_message_text(
        self, value: Any, dispatcher: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]
    ) -> dict[str, Any]:
        """A text with at least TEXT_MIN letters; a phone or e-mail in it fills the contact as well.

        The story of a fraud is answered with what to do now, as outside the form, and is the message all the same.
        """
        text = text_of(value)
        if intent_of(tracker) == "fraud_in_progress":
            ask(dispatcher, "alert", reason="fraud")
            ask(dispatcher, "hand_off", reason="fraud")
            say(dispatcher, "fraud.now")
        if since(tracker) >= AWAY:
            say(dispatcher, "leave_message.draft")
            return {"message_text": None}
        if is_wish(BACK, text) or is_wish(RESTART, text):
            say(dispatcher, "leave_message.first_step")
            return {"message_text": None}
        if len(re.findall(r"\w", text)) < TEXT_MIN or len(text) > TEXT_MAX:
            say(dispatcher, "leave_message.invalid_text")
            return {"message_text": None}
        if _about.is_mistyped(text):
            say(dispatcher, "leave_message.case_no_wrong")
        about = _about.read(tracker, text)
        filled: dict[str, Any] = {"message_text": text, **_about.EMPTY, **about}
        if (reference := _contact.REFERENCE.search(text)) and not tracker.get_slot("message_contact"):
            filled["message_contact"] = reference[0]
        elif not tracker.get_slot("message_contact"):
            _read_back(dispatcher, tracker, about)
        return filled

    def validate_message_contact(
        self, value: Any, dispatcher: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]
    ) -> dict[str, Any]:
        """A way to answer, see `_contact.heard`; who refuses to give one twice is answered in this conversation.

        Said instead of one: a step back, all over again, or a correction, which is added to the message.
        """
        contact = text_of(value)
        for wish, key in ((BACK, "leave_message.back"), (RESTART, "leave_message.restart")):
            if is_wish(wish, contact):
                say(dispatcher, key)
                return {"message_text": None, "message_contact": None, **_about.EMPTY}
        given = _contact.heard(contact, str((metadata_of(tracker).get("channel") or {}).get("kind", "")))
        if _contact.REFERENCE.search(contact) is None:
            if (about := self._correction(tracker, contact, given)) is not None:
                say(
                    dispatcher,
                    "leave_message.case_no_wrong" if _about.is_mistyped(contact) else "leave_message.corrected",
                )
                if about != _about.kept(tracker):
                    _read_back(dispatcher, tracker, about)
                message = text_of(tracker.get_slot("message_text"))
                return {"message_text": f"{message}\n{contact}", "message_contact": None, **about}
            if since(tracker) >= AWAY:
                say(dispatcher, "leave_message.draft")
                return {"message_contact": None}
        if given == "refused" and tracker.get_slot(REFUSED):
            given = "taken"
        if given == "taken":
            if _contact.is_here(contact):
                say(dispatcher, "leave_message.here")
            return {"message_contact": contact}
        say(dispatcher, _AMISS[given])
        return {"message_contact": None} | ({REFUSED: True} if given == "refused" else {})

    def _correction(self, tracker: Tracker, text: str, given: _contact.Contact) -> dict[str, str] | None:
        """What the message is about once `text` has put it right; None if `text` is no correction of it."""
        message = text_of(tracker.get_slot("message_text"))
        if given not in ("taken", "unclear") or len(message) + len(text) >= TEXT_MAX:
            return None
        known = _about.kept(tracker)
        corrects = _CORRECTION.search(simplified(text)) is not None
        changed = _about.corrected(tracker, text) if corrects else _about.read(tracker, text)
        case = _about.SLOTS["case_no"] in changed or _about.is_mistyped(text)
        news = not changed.items() <= known.items()
        if case or corrects or (given == "unclear" and (news or _is_sentence(text))):
            return known | changed
        return None


def _read_back(dispatcher: CollectingDispatcher, tracker: Tracker, about: dict[str, str]) -> None:
    """Says what the message was understood to be about, so that it can be put right."""
    if _about.is_worth_saying(about):
        language = "en" if metadata_of(tracker).get("language") == "en" else "zh"
        say(dispatcher, "leave_message.about", about=_about.words(about, language))


def _is_sentence(text: str) -> bool:
    """Whether `text` tells something, so that it is more of the message rather than a slip."""
    return len(_HAN.findall(text)) >= SENTENCE_HAN or len(text.split()) >= SENTENCE_WORDS

"""Checks the answers of the form leave_message: something to pass on, and a way to answer."""

from __future__ import annotations

import re
from typing import Any

from rasa_sdk import Tracker
from rasa_sdk.executor import CollectingDispatcher
from rasa_sdk.forms import FormValidationAction

from actions._asking import say, text_of

TEXT_MIN = 4  # letters, digits or characters: less is a greeting or a slip
TEXT_MAX = 2000  # characters, as many as a message has
CONTACT_MIN, CONTACT_MAX = 3, 100  # characters
REFERENCE = re.compile(r"⟦(?:phone|email):[a-z0-9]+⟧")  # the vault's: what was typed lies encrypted
_NO_CONTACT = re.compile(r"⟦(?:id-card|bank-card)⟧")
_HERE = re.compile(r"这里|这儿|此处|本窗口|在线回|网上回|聊天|对话|\b(here|this chat|in chat|online)\b", re.IGNORECASE)
_HANDLE = re.compile(r"[a-zA-Z0-9]{3}|[a-zA-Z][-_.@a-zA-Z0-9]{2}")  # part of a number or an account name


class ValidateLeaveMessage(FormValidationAction):
    def name(self) -> str:
        return "validate_leave_message"

    def validate_message_text(
        self, value: Any, dispatcher: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]
    ) -> dict[str, Any]:
        """A text with at least TEXT_MIN letters; a phone or e-mail in it fills the contact as well."""
        text = text_of(value)
        if len(re.findall(r"\w", text)) < TEXT_MIN or len(text) > TEXT_MAX:
            say(dispatcher, "leave_message.invalid_text")
            return {"message_text": None}
        filled: dict[str, Any] = {"message_text": text}
        if (reference := REFERENCE.search(text)) and not tracker.get_slot("message_contact"):
            filled["message_contact"] = reference[0]
        return filled

    def validate_message_contact(
        self, value: Any, dispatcher: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]
    ) -> dict[str, Any]:
        """A masked phone or e-mail, an account name or number, or the wish to be answered in this conversation."""
        contact = text_of(value)
        if _is_contact(contact):
            return {"message_contact": contact}
        say(dispatcher, "leave_message.invalid_contact")
        return {"message_contact": None}


def _is_contact(text: str) -> bool:
    if REFERENCE.search(text):
        return len(text) <= CONTACT_MAX
    plain = _NO_CONTACT.sub("", text)  # an ID or card number is no way to answer
    return CONTACT_MIN <= len(text) <= CONTACT_MAX and bool(_HANDLE.search(plain) or _HERE.search(plain))

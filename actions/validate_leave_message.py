"""Checks the answers of the form leave_message: something to pass on, and a way to answer."""

from __future__ import annotations

import re
from typing import Any

from rasa_sdk import Tracker
from rasa_sdk.executor import CollectingDispatcher
from rasa_sdk.forms import FormValidationAction

from actions import _about
from actions._asking import ask, intent_of, metadata_of, say, since, text_of
from faq.folding import simplified

TEXT_MIN = 4  # letters, digits or characters: less is a greeting or a slip
TEXT_MAX = 2000  # characters, as many as a message has
CONTACT_MIN, CONTACT_MAX = 3, 100  # characters
REFERENCE = re.compile(r"⟦(?:phone|email):[a-z0-9]+⟧")  # the vault's: what was typed lies encrypted
_NO_CONTACT = re.compile(r"⟦(?:id-card|bank-card)⟧")
_HERE = re.compile(r"这里|这儿|此处|本窗口|在线回|网上回|聊天|对话|\b(here|this chat|in chat|online)\b", re.IGNORECASE)
_BACK = re.compile(
    r"我?[要想]?(?:返回|退回)(?:上一步|一步)?|(?:回到)?上一步|(?:go )?back|(?:one )?step back|previous(?: step)?"
)
_RESTART = re.compile(
    r"我?[要想]?(?:重来|从头来|从头再来|重填|重写|重新[来填写说])(?:一遍|一次|吧)?|"
    r"start (?:over|again)|begin again|restart"
)
_CORRECTION = re.compile(
    r"不对|不是|错了|[写说打]错|更正|改成|应该是|"
    r"\b(?:no|sorry|wait|actually|correction)\b\W|\bi meant?\b|\bshould be\b",
    re.IGNORECASE,
)
_EDGES = re.compile(r"^[\W_]+|[\W_]+$")
AWAY = 12 * 3600.0  # seconds: who comes back later is asked first whether the message is still to be written
# A number, an account name with a figure or a mark in it, or a word behind the name of a messenger.
_HANDLE = re.compile(
    r"\d{5}|\d{3}[-\s]\d{3}|[a-z][-_.a-z]*[\d_@][-_.@a-z0-9]*|\d+[a-z_@][-_.@a-z0-9]+|"
    r"(?:微信|wechat|weixin|qq|line|telegram|whatsapp|skype)\W{0,3}(?:号|id)?\W{0,3}(?:是|is)?\W{0,3}[a-z0-9]{3}",
    re.IGNORECASE,
)


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
        if _is(_BACK, text) or _is(_RESTART, text):
            say(dispatcher, "leave_message.first_step")
            return {"message_text": None}
        if len(re.findall(r"\w", text)) < TEXT_MIN or len(text) > TEXT_MAX:
            say(dispatcher, "leave_message.invalid_text")
            return {"message_text": None}
        about = _about.read(tracker, text)
        filled: dict[str, Any] = {"message_text": text, **_about.EMPTY, **about}
        if (reference := REFERENCE.search(text)) and not tracker.get_slot("message_contact"):
            filled["message_contact"] = reference[0]
        elif not tracker.get_slot("message_contact"):
            _read_back(dispatcher, tracker, about)
        return filled

    def validate_message_contact(
        self, value: Any, dispatcher: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]
    ) -> dict[str, Any]:
        """A masked phone or e-mail, an account name or number, or the wish to be answered in this conversation.

        Said instead of one: a step back, all over again, or a correction, which is added to the message.
        """
        contact = text_of(value)
        for wish, key in ((_BACK, "leave_message.back"), (_RESTART, "leave_message.restart")):
            if _is(wish, contact):
                say(dispatcher, key)
                return {"message_text": None, "message_contact": None, **_about.EMPTY}
        message = text_of(tracker.get_slot("message_text"))
        if (
            _CORRECTION.search(simplified(contact))
            and not REFERENCE.search(contact)
            and len(message) + len(contact) < TEXT_MAX
        ):
            say(dispatcher, "leave_message.corrected")
            about = _about.kept(tracker) | _about.read(tracker, contact)
            _read_back(dispatcher, tracker, about)
            return {"message_text": f"{message}\n{contact}", "message_contact": None, **about}
        if since(tracker) >= AWAY and not REFERENCE.search(contact):
            say(dispatcher, "leave_message.draft")
            return {"message_contact": None}
        if _is_contact(contact):
            return {"message_contact": contact}
        say(dispatcher, "leave_message.invalid_contact")
        return {"message_contact": None}


def _read_back(dispatcher: CollectingDispatcher, tracker: Tracker, about: dict[str, str]) -> None:
    """Says what the message was understood to be about, so that it can be put right."""
    if _about.is_worth_saying(about):
        language = "en" if metadata_of(tracker).get("language") == "en" else "zh"
        say(dispatcher, "leave_message.about", about=_about.words(about, language))


def _is_contact(text: str) -> bool:
    if REFERENCE.search(text):
        return len(text) <= CONTACT_MAX
    plain = _NO_CONTACT.sub("", text)  # an ID or card number is no way to answer
    return CONTACT_MIN <= len(text) <= CONTACT_MAX and bool(_HANDLE.search(plain) or _HERE.search(plain))


def _is(wish: re.Pattern[str], text: str) -> bool:
    """Whether `text` says nothing but this wish."""
    return wish.fullmatch(_EDGES.sub("", simplified(text)).casefold()) is not None

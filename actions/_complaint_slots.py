"""Between the form `complaint` and its steps: slots in and out, sentences and what is read back."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from rasa_sdk import Tracker
from rasa_sdk.events import SlotSet
from rasa_sdk.executor import CollectingDispatcher

from actions import _about, _complaint_words
from actions._asking import intent_of, metadata_of, say, text_of
from actions._complaint import ACTING, EMPTY, Fields, Heard, Message
from actions._contact import REFERENCE
from core.model import Language
from faq import facts
from faq.entries import china_day

PREFIX = "complaint_"
FILED = (
    "soon_complaint"  # slot: the effect of the complaint that was just filed, for the few turns that state.py keeps it
)
CHANGE = "turn_change"  # slot: what is to be changed is asked for in this turn, instead of reading it all back
PRESSED: Mapping[str, str] = {"affirm": "yes", "deny": "no", "complaint": "yes"}  # what intents of buttons answer
ABOUT = ("institution", "business", "amount", "day")
_HIDDEN = re.compile(r"⟦[^⟧]*⟧")


def known(tracker: Tracker) -> dict[str, str | None]:
    """What the form knows: None for what is open, "" for what is not needed."""
    slots: Mapping[str, Any] = tracker.slots
    return {name: value if isinstance(value := slots.get(PREFIX + name), str) else None for name in EMPTY}


def set_slots(told: Fields) -> list[dict[str, Any]]:
    """The events that keep `told`."""
    return [SlotSet(PREFIX + name, value) for name, value in told.items()]


def emptied() -> list[dict[str, Any]]:
    """The events after which the form knows nothing."""
    return set_slots(EMPTY)


def language_of(tracker: Tracker) -> Language:
    return "en" if metadata_of(tracker).get("language") == "en" else "zh"


def message(tracker: Tracker) -> Message:
    """The message of this turn; a button has no text."""
    sent = metadata_of(tracker)
    now = datetime.fromisoformat(str(sent["now"]).replace("Z", "+00:00"))
    typed = sent.get("kind", "text") != "payload"
    entities: list[dict[str, Any]] = (tracker.latest_message or {}).get("entities") or []
    picked = next((str(one["value"]) for one in entities if one.get("entity") == "answer"), "")
    return Message(
        text=text_of((tracker.latest_message or {}).get("text")) if typed else "",
        today=china_day(now),
        channel=str((sent.get("channel") or {}).get("kind", "")),
        pressed="" if typed else picked or PRESSED.get(intent_of(tracker), ""),
    )


def tell(dispatcher: CollectingDispatcher, tracker: Tracker, heard: Heard, before: Fields) -> None:
    """Says what `heard` has to say, each sentence once, and of what was understood newly what is mixed up easily."""
    now = {**before, **heard.told}
    new = {name for name in ABOUT if heard.told.get(name) and heard.told[name] != before.get(name)}
    keys = list(dict.fromkeys(heard.say))
    if "corrected" in keys:
        say(dispatcher, "complaint.corrected")
        keys.remove("corrected")
    if "institution" in new or len(new - {"business"}) > 1 or ("corrected" in heard.say and new):
        say(dispatcher, "complaint.about", about=about(now, language_of(tracker)))
    for key in keys:
        args = {"matter": str(now.get("matter") or "")} if key == "route" else {}
        say(dispatcher, f"complaint.{key}", **args)


def about(now: Fields, language: Language) -> str:
    """Institution, kind of business, amount and day in one line, as far as they are known."""
    return _about.words({_about.SLOTS[name]: value for name in ABOUT if (value := now.get(name))}, language)


def shown(text: str) -> str:
    """What somebody wrote, to be read back to them: without the marks of what was hidden, and not endless."""
    plain = _HIDDEN.sub("***", text).strip()
    return plain if len(plain) <= SHOWN_MAX else f"{plain[:SHOWN_MAX]}…"


SHOWN_MAX = 300  # characters of a text that are read back


def effect_fields(known: Fields) -> dict[str, str]:
    """What the house is asked to file or to keep, by the effect's fields."""
    names = (
        *("type", "facts", "request", "institution", "track", "amount", "day", "prior", "prior_day"),
        *("prior_reply", "person", "on_behalf", "agent", "people", "consent", "draft"),
    )
    found = {name: value for name in names if (value := known.get(name))}
    if business := known.get("business"):
        found["business"] = facts.businesses()[business.casefold()].code
    if opening := known.get("summary"):
        found.setdefault("facts", opening)
    if contact := known.get("contact"):
        own = "agent_contact" if known.get("on_behalf") in ACTING else "contact"
        found[own], *others = REFERENCE.findall(contact) or [contact]
        if others:  # the number of whom they speak for
            found["contact"] = others[0]
    return found


def from_draft(draft: Mapping[str, str]) -> dict[str, str]:
    """What a draft of the house holds, by the fields of this form."""
    known = {name: value for name, value in draft.items() if name in EMPTY and value}
    if code := known.pop("business", ""):
        known["business"] = next((one.zh for one in facts.businesses().values() if one.code == code), "")
    further = any(known.get(name) for name in ("request", "prior", "person", "contact"))
    if not further and not _complaint_words.is_whole(known.get("facts", ""), known):
        known["summary"] = known.pop("facts", "")
    if contact := draft.get("agent_contact"):
        known["contact"] = contact
    return {name: value for name, value in known.items() if value}

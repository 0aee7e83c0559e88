"""What a message for a person is about: read from its words, kept in slots, read back in the consumer's language."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from rasa_sdk import Tracker

from actions._asking import metadata_of, text_of
from faq import facts
from faq.entries import china_day

SLOTS = {
    "institution": "message_institution",
    "amount": "message_amount",
    "day": "message_day",
}  # by the effect's field
EMPTY: Mapping[str, None] = dict.fromkeys(SLOTS.values())


def read(tracker: Tracker, text: str) -> dict[str, str]:
    """The slots that `text` fills: full Chinese name, yuan such as 3500.00, a day such as 2026-11-18."""
    now = datetime.fromisoformat(str(metadata_of(tracker)["now"]).replace("Z", "+00:00"))
    found = facts.read(text, china_day(now))
    filled = {
        "institution": found.institution.zh if found.institution else "",
        "amount": f"{found.amount:.2f}" if found.amount is not None else "",
        "day": found.day.isoformat() if found.day else "",
    }
    return {SLOTS[name]: value for name, value in filled.items() if value}


def kept(tracker: Tracker) -> dict[str, str]:
    """The slots that are filled."""
    return {slot: value for slot in SLOTS.values() if (value := text_of(tracker.get_slot(slot)))}


def is_worth_saying(slots: Mapping[str, str]) -> bool:
    """One amount or one day read back alone would sound like a machine; what people mix up is the institution."""
    return SLOTS["institution"] in slots or len(slots) > 1


def words(slots: Mapping[str, str], language: str) -> str:
    """The facts in one line: 中国建设银行，3500元，11月18日."""
    put = [_PUT[slot, language](slots[slot]) for slot in SLOTS.values() if slot in slots]
    return ("，" if language == "zh" else ", ").join(put)


def _yuan(amount: str) -> str:
    plain = Decimal(amount)
    return f"{plain:.0f}" if plain == plain.to_integral_value() else amount


def _day(day: str, language: str) -> str:
    when = date.fromisoformat(day)
    return f"{when.month}月{when.day}日" if language == "zh" else f"{when.day} {when:%B}"


_PUT: dict[tuple[str, str], Any] = {
    (SLOTS["institution"], "zh"): str,
    (SLOTS["institution"], "en"): lambda name: facts.institutions()[name].en,
    (SLOTS["amount"], "zh"): lambda amount: f"{_yuan(amount)}元",
    (SLOTS["amount"], "en"): lambda amount: f"RMB {_yuan(amount)}",
    (SLOTS["day"], "zh"): lambda day: _day(day, "zh"),
    (SLOTS["day"], "en"): lambda day: _day(day, "en"),
}

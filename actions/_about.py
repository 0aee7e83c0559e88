"""What a message for a person is about: read from its words, kept in slots, read back in the consumer's language."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from rasa_sdk import Tracker

from actions._asking import metadata_of, text_of
from cases import numbers
from faq import facts
from faq.entries import china_day

SLOTS = {
    "institution": "message_institution",
    "business": "message_business",
    "amount": "message_amount",
    "day": "message_day",
    "case_no": "message_case_no",
}  # by the effect's field
EMPTY: Mapping[str, None] = dict.fromkeys(SLOTS.values())


def read(tracker: Tracker, text: str) -> dict[str, str]:
    """The slots that `text` fills: Chinese names of the institution and of the kind of business, yuan such as 3500.00,
    a day such as 2026-11-18, the number of a case."""
    now = datetime.fromisoformat(str(metadata_of(tracker)["now"]).replace("Z", "+00:00"))
    found = facts.read(text, china_day(now))
    filled = {
        "institution": found.institution.zh if found.institution else "",
        "business": found.business.zh if found.business else "",
        "amount": f"{found.amount:.2f}" if found.amount is not None else "",
        "day": found.day.isoformat() if found.day else "",
        "case_no": "" if is_mistyped(text) else numbers.mentioned(text),
    }
    return {SLOTS[name]: value for name, value in filled.items() if value}


def corrected(tracker: Tracker, text: str) -> dict[str, str]:
    """The slots that a correction fills; where an amount is known, a bare number is one: "it's 5,000, not 500".

    The kind of business stays: in "no, it was my other card" it is not what is put right.
    """
    known = kept(tracker)
    about = {
        slot: value for slot, value in read(tracker, text).items() if slot != SLOTS["business"] or slot not in known
    }
    if SLOTS["amount"] in known and (amount := facts.corrected_amount(text)) is not None:
        about[SLOTS["amount"]] = f"{amount:.2f}"
    return about


def is_mistyped(text: str) -> bool:
    """Whether `text` names a case by a number that cannot be one."""
    try:
        numbers.mentioned(text)
    except ValueError:
        return True
    return False


def fields(tracker: Tracker) -> dict[str, str]:
    """What is known, by the effect's fields; the kind of business by its code."""
    known = {name: text_of(tracker.get_slot(slot)) for name, slot in SLOTS.items()}
    if business := known["business"]:
        known["business"] = facts.businesses()[business].code
    return {name: value for name, value in known.items() if value}


def kept(tracker: Tracker) -> dict[str, str]:
    """The slots that are filled."""
    return {slot: value for slot in SLOTS.values() if (value := text_of(tracker.get_slot(slot)))}


def is_worth_saying(slots: Mapping[str, str]) -> bool:
    """One amount, day or kind of business read back alone would sound like a machine; what people mix up is the
    institution, and what they mistype a case's number."""
    return bool({SLOTS["institution"], SLOTS["case_no"]} & slots.keys()) or len(slots.keys() - {SLOTS["business"]}) > 1


def words(slots: Mapping[str, str], language: str) -> str:
    """The facts in one line: 中国建设银行，信用卡，3500元，11月18日."""
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
    (SLOTS["institution"], "en"): lambda name: one.en if (one := facts.institutions().get(name.casefold())) else name,
    (SLOTS["business"], "zh"): str,
    (SLOTS["business"], "en"): lambda name: facts.businesses()[name].en,
    (SLOTS["case_no"], "zh"): lambda number: f"受理编号{number}",
    (SLOTS["case_no"], "en"): lambda number: f"case number {number}",
    (SLOTS["amount"], "zh"): lambda amount: f"{_yuan(amount)}元",
    (SLOTS["amount"], "en"): lambda amount: f"RMB {_yuan(amount)}",
    (SLOTS["day"], "zh"): lambda day: _day(day, "zh"),
    (SLOTS["day"], "en"): lambda day: _day(day, "en"),
}

"""What the brain may ask for is read strictly: a name and exactly its fields."""

from __future__ import annotations

from typing import Any

import pytest

from core import effects
from core.effects import (
    REASONS,
    ROLES,
    Alert,
    CancelHandOff,
    Effect,
    FileCase,
    HandOff,
    LeaveMessage,
    LookUp,
    OptOut,
    Rate,
    ReopenCase,
    ResumeDraft,
    SaveDraft,
    SetLanguage,
    SupplementCase,
    UrgeCase,
    WithdrawCase,
)

GOOD: list[tuple[dict[str, Any], Effect]] = [
    ({"name": "set_language", "language": "en"}, SetLanguage(language="en")),
    ({"name": "leave_message", "text": "x", "contact": "y"}, LeaveMessage(text="x", contact="y")),
    ({"name": "set_language", "language": "zh-Hant"}, SetLanguage(language="zh-Hant")),
    (
        {"name": "leave_message", "text": "x", "contact": "y", "institution": "中国银行", "day": "2026-11-18"},
        LeaveMessage(text="x", contact="y", institution="中国银行", day="2026-11-18"),
    ),
    ({"name": "rate", "helpful": "no"}, Rate(helpful="no")),
    ({"name": "alert", "reason": "fraud"}, Alert(reason="fraud")),
    ({"name": "cancel_hand_off"}, CancelHandOff()),
    ({"name": "opt_out"}, OptOut()),
    ({"name": "look_up"}, LookUp()),
    ({"name": "look_up", "case_no": "Q1", "code": "x"}, LookUp(case_no="Q1", code="x")),
    ({"name": "resume_draft", "case_no": "Q1", "code": "x"}, ResumeDraft(case_no="Q1", code="x")),
    ({"name": "save_draft", "facts": "f"}, SaveDraft(facts="f")),
    ({"name": "file_case", "facts": "f", "again": "yes"}, FileCase(facts="f", again="yes")),
    ({"name": "supplement_case", "text": "t"}, SupplementCase(text="t")),
    ({"name": "urge_case"}, UrgeCase()),
    ({"name": "withdraw_case", "text": "t"}, WithdrawCase(text="t")),
    ({"name": "reopen_case", "text": "t"}, ReopenCase(text="t")),
    *(({"name": "hand_off", "reason": reason}, HandOff(reason=reason)) for reason in REASONS),
    *(({"name": "hand_off", "reason": "asked", "role": role}, HandOff(reason="asked", role=role)) for role in ROLES),
]


@pytest.mark.parametrize(("raw", "effect"), GOOD)
def test_an_effect_is_read(raw: dict[str, Any], effect: Effect) -> None:
    assert effects.read(raw) == effect


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        ({}, "unknown effect None"),
        ({"name": "dance"}, "unknown effect 'dance'"),
        ({"name": "hand_off"}, "missing"),
        ({"name": "hand_off", "reason": "boredom"}, "unknown reason 'boredom'"),
        ({"name": "hand_off", "reason": 7}, "every field is a text"),
        ({"name": "hand_off", "reason": "asked", "seat": "x"}, "seat"),
        ({"name": "hand_off", "reason": "asked", "role": "king"}, "unknown role 'king'"),
        ({"name": "rate", "helpful": "maybe"}, "helpful is yes or no"),
        ({"name": "rate"}, "helpful"),
        ({"name": "cancel_hand_off", "reason": "asked"}, "reason"),
        ({"name": "set_language", "language": "fr"}, "unknown language 'fr'"),
        ({"name": "leave_message", "text": "x"}, "contact"),
        ({"name": "supplement_case"}, "text"),
        ({"name": "reopen_case", "case_no": "Q1"}, "text"),
        ({"name": "look_up", "case": "Q1"}, "case"),
        ({"name": "file_case", "amount": 12}, "every field is a text"),
        ({"name": "save_draft", "again": "yes"}, "again"),
    ],
)
def test_what_is_no_effect_is_refused_with_the_reason(raw: dict[str, Any], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        effects.read(raw)

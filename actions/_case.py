"""What somebody wants of a case that is there: which case it is, what is still missing, and the effect it comes to.

What opens a case of another conversation is kept in slots until it is used once, and no longer.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rasa_sdk import Tracker
from rasa_sdk.events import FollowupAction, SlotSet
from rasa_sdk.executor import CollectingDispatcher

from actions._asking import ask, metadata_of, say, text_of
from actions._case_words import Given
from cases.states import ENDED, State
from core.model import TELEPHONES

FORM = "case"
# What is wanted, by the intent that says so. `case_again` is what was wanted last.
ACTS: Mapping[str, str] = {
    "status": "status",
    "case_supplement": "supplement",
    "case_withdraw": "withdraw",
    "case_urge": "urge",
    "case_reopen": "reopen",
    "case_resume": "resume",
}
EFFECTS: Mapping[str, str] = {
    "status": "look_up",
    "supplement": "supplement_case",
    "withdraw": "withdraw_case",
    "urge": "urge_case",
    "reopen": "reopen_case",
    "resume": "resume_draft",
}
TELLING = frozenset({"supplement", "reopen"})  # what needs a text
FILE = "file"  # wanted when a file was all that was to be added
BY_PHONE = "phone"  # the proof of somebody who has no code: the telephone number and the name
OPENING = ("case_no", "case_proof", "case_phone", "case_name")
EMPTY: Mapping[str, None] = dict.fromkeys(("case_act", *OPENING, "case_text", "case_sure", "case_lost"))

_DRAFT, _CLOSED = State.DRAFT.value, State.CLOSED.value
_OVER = frozenset(state.value for state in ENDED)


@dataclass(frozen=True, kw_only=True, slots=True)
class Own:
    """A case of this conversation, as the house sent it along."""

    case_no: str
    state: str

    @property
    def has_ended(self) -> bool:
        return self.state in _OVER


def own(tracker: Tracker) -> list[Own]:
    """The cases of this conversation, newest first."""
    sent: Any = (metadata_of(tracker).get("context") or {}).get("cases") or []
    return [Own(case_no=str(each["case_no"]), state=str(each["state"])) for each in sent]


def meant(act: str, cases: list[Own]) -> Own | None:
    """Which of them is meant by somebody who names none; None if it cannot be one of these."""
    filed = [case for case in cases if case.state != _DRAFT]
    running = [case for case in filed if not case.has_ended]
    closed = [case for case in filed if case.state == _CLOSED]
    drafts = [case for case in cases if case.state == _DRAFT]
    order = {
        "status": (filed, drafts),
        "supplement": (running, closed, filed, drafts),
        "withdraw": (running, filed, drafts),
        "urge": (running, filed, drafts),
        "reopen": (closed, filed),
        "resume": (drafts,),
    }
    return next((case for group in order[act] for case in group), None)


def as_stands(act: str, case: Own | None) -> str:
    """What `act` is to that case: something new on a closed one opens it again, and of a draft or what has ended
    otherwise all that can be said is where it stands."""
    if case is None:
        return act
    if act == "supplement" and case.state == _CLOSED:
        return "reopen"
    if act in TELLING and case.state in (_OVER - {_CLOSED}) | {_DRAFT}:
        return "status"
    if act == "withdraw" and case.has_ended:
        return "status"
    return act


def found(given: Given) -> dict[str, str]:
    """The slots that a message fills."""
    slots = {"case_no": given.case_no, "case_proof": given.code, "case_phone": given.phone, "case_name": given.name}
    if given.phone and not given.code:
        slots["case_proof"] = BY_PHONE
    return {name: value for name, value in slots.items() if value}


def missing(slots: Mapping[str, Any], tracker: Tracker) -> list[str]:
    """The slots that this wish needs, in the order in which they are asked for, those that are filled among them; none
    where nothing is wanted any more."""
    number, act = text_of(slots.get("case_no")), text_of(slots.get("case_act"))
    if act in ("", FILE) or slots.get("case_lost"):
        return []
    needed = ["case_no"]
    if not _opens_itself(number, slots, tracker):
        needed.append("case_proof")
        if slots.get("case_proof") == BY_PHONE:
            needed += ["case_phone", "case_name"]
    if act in TELLING:
        needed.append("case_text")
    if act == "withdraw":
        needed.append("case_sure")
    return needed


def do(dispatcher: CollectingDispatcher, tracker: Tracker, slots: Mapping[str, Any]) -> dict[str, Any]:
    """Asks the house for it and gives the slots afterwards; of a case that may not have opened what was wanted stays,
    so that another try needs no telling again."""
    act, number = text_of(slots.get("case_act")), text_of(slots.get("case_no"))
    proof = text_of(slots.get("case_proof"))
    fields = {"case_no": number, "code": "" if proof == BY_PHONE else proof}
    fields |= {"phone": text_of(slots.get("case_phone")), "person": text_of(slots.get("case_name"))}
    if act in TELLING or act == "withdraw":
        fields["text"] = text_of(slots.get("case_text"))
    ask(dispatcher, EFFECTS[act], **{name: value for name, value in fields.items() if value})
    if number in {case.case_no for case in own(tracker)}:
        return dict(EMPTY)
    return dict(EMPTY) | {"case_act": act, "case_text": slots.get("case_text"), "case_no": None if proof else number}


def turn_to_person(dispatcher: CollectingDispatcher) -> list[dict[str, Any]]:
    """Who has lost the number leaves a message: a person finds the case, once they know whose it is."""
    say(dispatcher, "case.lost")
    ask(dispatcher, "hand_off", reason="case")
    return [*forget(), FollowupAction("leave_message")]


def forget() -> list[dict[str, Any]]:
    """Empties the slots."""
    return [SlotSet(name, None) for name in EMPTY]


def _opens_itself(number: str, slots: Mapping[str, Any], tracker: Tracker) -> bool:
    """Whether the house may open it without anything more: it is of this conversation, or the message comes from a
    telephone, which may be the one that the case names."""
    if number and number in {case.case_no for case in own(tracker)}:
        return True
    kind = str((metadata_of(tracker).get("channel") or {}).get("kind", ""))
    return bool(number) and kind in TELEPHONES and not slots.get("case_proof")

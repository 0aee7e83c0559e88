"""What the brain may ask the house to do: effects, checked when they arrive, applied in the turn's transaction."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

from core.model import Tongue


@dataclass(frozen=True, kw_only=True, slots=True)
class SetLanguage:
    """Answer in this language from now on, whatever the consumer writes."""

    name: Literal["set_language"] = "set_language"
    language: Tongue


@dataclass(frozen=True, kw_only=True, slots=True)
class LeaveMessage:
    """Keep a message and a contact for a person; texts are masked, the contact is a vault reference or plain words.

    The rest is what the message was understood to be about, "" where it does not say: the institution's full name, a
    kind of business (code of the register), yuan such as 3500.00, a day such as 2026-11-18, the number of a case.
    """

    name: Literal["leave_message"] = "leave_message"
    text: str
    contact: str
    institution: str = ""
    business: str = ""
    amount: str = ""
    day: str = ""
    case_no: str = ""


# Why a conversation waits for a person, what presses most first.
Reason = Literal["emergency", "fraud", "complaint", "case", "asked", "misses"]
REASONS: tuple[Reason, ...] = get_args(Reason)

# Whom it asks for; "agent" is anybody.
Role = Literal["agent", "expert", "leader"]
ROLES: tuple[Role, ...] = get_args(Role)


@dataclass(frozen=True, kw_only=True, slots=True)
class HandOff:
    """Let the conversation wait for a person; the bot goes on helping meanwhile."""

    name: Literal["hand_off"] = "hand_off"
    reason: Reason
    role: Role = "agent"


@dataclass(frozen=True, kw_only=True, slots=True)
class CancelHandOff:
    """The contact does not want to wait for a person any more."""

    name: Literal["cancel_hand_off"] = "cancel_hand_off"


@dataclass(frozen=True, kw_only=True, slots=True)
class Alert:
    """Tell the people on duty now."""

    name: Literal["alert"] = "alert"
    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class OptOut:
    """No proactive messages to this address any more."""

    name: Literal["opt_out"] = "opt_out"


@dataclass(frozen=True, kw_only=True, slots=True)
class Rate:
    """Keep what the contact thinks of the answer that was given last."""

    name: Literal["rate"] = "rate"
    helpful: Literal["yes", "no"]


@dataclass(frozen=True, kw_only=True, slots=True)
class _Told:
    """What a consumer tells of a case, "" for what they did not; texts are masked, `contact` and `agent_contact` are
    vault references or plain words.

    type, business and track are codes of the register, amount is yuan such as 3500.00, day and prior_day are days such
    as 2026-11-18, people is a number. prior: yes or no, whether the institution was asked first. on_behalf: proxy, heir
    or group where `agent` acts for `person`. consent: yes, to passing it on. draft: the number of the draft that it
    goes on from, or new for one apart from it.
    """

    type: str = "complaint"
    summary: str = ""
    facts: str = ""
    request: str = ""
    institution: str = ""
    business: str = ""
    track: str = ""
    amount: str = ""
    day: str = ""
    prior: str = ""
    prior_day: str = ""
    prior_reply: str = ""
    person: str = ""
    contact: str = ""
    on_behalf: str = ""
    agent: str = ""
    agent_contact: str = ""
    people: str = ""
    consent: str = ""
    draft: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class SaveDraft(_Told):
    """Keep what was told so far, to go on with later or from another channel; the house says its number and code."""

    name: Literal["save_draft"] = "save_draft"


@dataclass(frozen=True, kw_only=True, slots=True)
class FileCase(_Told):
    """File the case; the house says its number, its query code and what happens by when, or why it could not."""

    name: Literal["file_case"] = "file_case"
    again: str = ""  # yes: it is another matter than the one that the house has just named


@dataclass(frozen=True, kw_only=True, slots=True)
class _Which:
    """Which case, and what opens it: "" for the newest of this conversation; `code` and `phone` vault references or
    plain words, `person` a name. What it comes to is said by the house."""

    case_no: str = ""
    code: str = ""
    phone: str = ""
    person: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class LookUp(_Which):
    """Say where a case stands."""

    name: Literal["look_up"] = "look_up"


@dataclass(frozen=True, kw_only=True, slots=True)
class ResumeDraft(_Which):
    """Go on with a draft in this conversation."""

    name: Literal["resume_draft"] = "resume_draft"


@dataclass(frozen=True, kw_only=True, slots=True)
class SupplementCase(_Which):
    """Add `text` to a case."""

    name: Literal["supplement_case"] = "supplement_case"
    text: str


@dataclass(frozen=True, kw_only=True, slots=True)
class UrgeCase(_Which):
    """Tell whoever has the case that its consumer is waiting."""

    name: Literal["urge_case"] = "urge_case"


@dataclass(frozen=True, kw_only=True, slots=True)
class WithdrawCase(_Which):
    """End a case because its consumer wants it so; `text` says why, if they do."""

    name: Literal["withdraw_case"] = "withdraw_case"
    text: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class ReopenCase(_Which):
    """Go on with a case that is closed, because of the new facts in `text`."""

    name: Literal["reopen_case"] = "reopen_case"
    text: str


@dataclass(frozen=True, kw_only=True, slots=True)
class SendIdLink(_Which):
    """Send the address of the page for the numbers of identity papers; the one before it works no more."""

    name: Literal["send_id_link"] = "send_id_link"


@dataclass(frozen=True, kw_only=True, slots=True)
class RateCase(_Which):
    """Keep how a case went in the end: `grade` is solved, unhappy or unsolved."""

    name: Literal["rate_case"] = "rate_case"
    grade: str


@dataclass(frozen=True, kw_only=True, slots=True)
class AttachFiles:
    """The message brought files that nothing asked for: they go to the newest case of the conversation that is open.
    The house says to which, or that it has them."""

    name: Literal["attach_files"] = "attach_files"


CaseEffect = (
    SaveDraft
    | FileCase
    | LookUp
    | ResumeDraft
    | SupplementCase
    | UrgeCase
    | WithdrawCase
    | ReopenCase
    | SendIdLink
    | RateCase
    | AttachFiles
)
Effect = SetLanguage | LeaveMessage | HandOff | CancelHandOff | Alert | OptOut | Rate | CaseEffect
KINDS: dict[str, type[Effect]] = {
    "set_language": SetLanguage,
    "leave_message": LeaveMessage,
    "hand_off": HandOff,
    "cancel_hand_off": CancelHandOff,
    "alert": Alert,
    "opt_out": OptOut,
    "rate": Rate,
    "save_draft": SaveDraft,
    "file_case": FileCase,
    "look_up": LookUp,
    "resume_draft": ResumeDraft,
    "supplement_case": SupplementCase,
    "urge_case": UrgeCase,
    "withdraw_case": WithdrawCase,
    "reopen_case": ReopenCase,
    "send_id_link": SendIdLink,
    "rate_case": RateCase,
    "attach_files": AttachFiles,
}


def read(raw: Mapping[str, Any]) -> Effect:
    """The effect in `raw` ({"name": …, fields}); an unknown name, a missing, extra or mistyped field: ValueError."""
    kind = KINDS.get(str(raw.get("name")))
    if kind is None:
        raise ValueError(f"unknown effect {raw.get('name')!r}")
    fields = {k: v for k, v in raw.items() if k != "name"}
    if not all(isinstance(v, str) for v in fields.values()):
        raise ValueError(f"effect {raw['name']}: every field is a text")
    if fields.get("language", "zh") not in get_args(Tongue):
        raise ValueError(f"effect {raw['name']}: unknown language {fields['language']!r}")
    if kind is HandOff and fields.get("reason", "asked") not in REASONS:
        raise ValueError(f"effect {raw['name']}: unknown reason {fields['reason']!r}")
    if fields.get("role", "agent") not in ROLES:
        raise ValueError(f"effect {raw['name']}: unknown role {fields['role']!r}")
    if fields.get("helpful", "yes") not in ("yes", "no"):
        raise ValueError(f"effect {raw['name']}: helpful is yes or no")
    try:
        return kind(**fields)
    except TypeError as e:
        raise ValueError(f"effect {raw['name']}: {e}") from None

"""The words of a case table: what comes in and becomes events, what goes out and becomes requests."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from channels import Ack, Kept, WebhookRequest
from core.errors import QiantaiError
from core.model import Event, Outbound, Sent

NOW = datetime(2026, 11, 21, 4, 0, tzinfo=UTC)  # of every request, and what every channel's clock says

# What every kind must show, each with the meaning that the runner holds a case of that name to. A label is the name
# itself, or the name, ": " and more words where several cases belong to it.
INCOMING = ("text", "attachment", "bad signature", "malformed", "unsupported", "duplicate")
OUTGOING = (
    "plain",
    "long text",
    "throttled",
    "server down",
    "refused",
    "contact stopped",
    "200 but error",
)
# Checks that the runner makes of every kind by itself; only a kind that cannot sign may be exempt from this one.
UNSIGNED = "unsigned"


@dataclass(frozen=True, kw_only=True)
class Receives:
    """One delivery of the platform: the events it becomes, or why it is kept, or the error it is answered with."""

    label: str
    request: WebhookRequest
    events: tuple[Event, ...] = ()
    kept: tuple[Kept, ...] = ()
    raises: type[QiantaiError] | None = None
    says: str = ""  # part of the error's detail: what the other side is told
    ack: Ack | None = None  # required unless it raises
    again: WebhookRequest | None = None  # a second delivery of the same, as the platform would make it
    config: Mapping[str, Any] = field(default_factory=dict[str, Any])  # keys that differ for this case


@dataclass(frozen=True, kw_only=True)
class Reply:
    """What the stand-in for the platform answers; `fault` is "hangs" (never answers) or "hangs up" (cuts the line)."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    fault: str = ""


@dataclass(frozen=True, kw_only=True)
class Exchange:
    request: Request
    reply: Reply


@dataclass(frozen=True, kw_only=True)
class Request:
    """A request that must be made exactly so; `headers` are all but those every HTTP client sends."""

    method: str
    path: str  # with the query
    headers: Mapping[str, str]
    body: bytes

    def __rshift__(self, reply: Reply) -> Exchange:
        return Exchange(request=self, reply=reply)


@dataclass(frozen=True, kw_only=True)
class Fails:
    """The SendError that a send must end with."""

    code: str
    retryable: bool
    retry_after: float | None = None
    cut_off: bool = False  # whether the platform may have the message all the same


@dataclass(frozen=True, kw_only=True)
class Sends:
    """One message: the exact requests it makes of the platform, and how it ends."""

    label: str
    message: Outbound
    wire: tuple[Exchange, ...] = ()
    result: Sent | None = None
    raises: Fails | None = None
    listening: bool = True  # False: nobody is there
    config: Mapping[str, Any] = field(default_factory=dict[str, Any])  # keys that differ for this case


@dataclass(frozen=True, kw_only=True)
class Table:
    """All that is promised of one kind."""

    config: Callable[[str], dict[str, Any]]  # the address of the stand-in for the platform → settings of the channel
    sign: Callable[[WebhookRequest], WebhookRequest]  # makes a changed request one that the platform could have sent
    receives: tuple[Receives, ...]
    sends: tuple[Sends, ...]
    exempt: Mapping[str, str] = field(default_factory=dict[str, str])  # must-have label → the reason it has no case
    secrets: tuple[str, ...] = ()  # beyond those in the config: they may be in no log and no repr


def reply(status: int, body: str | bytes = b"", headers: Mapping[str, str] | None = None) -> Reply:
    return Reply(status=status, body=body.encode() if isinstance(body, str) else body, headers=headers or {})


def hangs() -> Reply:
    return Reply(fault="hangs")


def hangs_up() -> Reply:
    return Reply(fault="hangs up")


def with_body(request: WebhookRequest, body: bytes) -> WebhookRequest:
    return replace(request, body=body)


def problems(kind: str, table: Table) -> list[str]:
    """What a table lacks, in words: must-have labels, reasons, and cases that do not show what their label says."""
    found: list[str] = []
    incoming, outgoing = [c.label for c in table.receives], [c.label for c in table.sends]
    for label in sorted({x for x in (*incoming, *outgoing) if (*incoming, *outgoing).count(x) > 1}):
        found.append(f'{kind}: two cases are called "{label}"')
    for way, musts, labels in (("incoming", INCOMING, incoming), ("outgoing", OUTGOING, outgoing)):
        for must in musts:
            shown = any(_is(must, label) for label in labels)
            reason = table.exempt.get(must, "")
            if shown and reason:
                found.append(f'{kind}: {way} case "{must}" is both in the table and exempt')
            elif not shown and not reason:
                found.append(f'{kind}: the {way} case "{must}" is missing')
    for label, reason in table.exempt.items():
        if label not in (*INCOMING, *OUTGOING, UNSIGNED):
            found.append(f'{kind}: exempt "{label}" is not a must-have case')
        if len(reason.split()) < 4:
            found.append(f'{kind}: exempt "{label}" needs its reason in words')
    found += [f"{kind}: {why}" for case in table.receives if (why := _receives_problem(case))]
    found += [f"{kind}: {why}" for case in table.sends if (why := _sends_problem(case, table))]
    return found


def _is(must: str, label: str) -> bool:
    return label == must or label.startswith(f"{must}: ")


def _receives_problem(case: Receives) -> str:
    """Why an incoming case does not show what its label says."""
    raised = case.raises.code if case.raises else ""
    kinds = [getattr(event, "kind", "") for event in case.events]
    refused_or_kept = bool(case.raises or case.kept)
    holds = {
        "text": "text" in kinds,
        "attachment": any(getattr(event, "attachments", ()) for event in case.events) or refused_or_kept,
        "bad signature": raised == "bad_signature",
        "malformed": raised == "malformed",
        "unsupported": bool(case.kept) and case.ack is not None and case.ack.status == 200,
        "duplicate": case.again is not None and bool(case.events),
    }
    for must, shown in holds.items():
        if _is(must, case.label) and not shown:
            return f'case "{case.label}" does not show it'
    if case.raises is None and case.ack is None:
        return f'case "{case.label}" does not say how the delivery is acknowledged'
    return ""


def _sends_problem(case: Sends, table: Table) -> str:
    """Why an outgoing case does not show what its label says."""
    end = case.raises
    codes = {"throttled": True, "server down": True, "refused": False, "contact stopped": False}
    for must, retryable in codes.items():
        if _is(must, case.label):
            right = end is not None and end.code == must.replace(" ", "_") and end.retryable is retryable
            return "" if right else f'case "{case.label}" does not end as {must}'
    if _is("200 but error", case.label) and not (end and all(200 <= e.reply.status < 300 for e in case.wire)):
        return f'case "{case.label}" does not show a 200 that is an error'
    if _is("plain", case.label) and case.result is None:
        return f'case "{case.label}" does not send'
    if (case.result is None) == (end is None):
        return f'case "{case.label}" says not how it ends: a result or a failure'
    return ""

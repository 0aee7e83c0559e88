"""What all routes of the register share: what they work with, who calls, how they refuse."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Protocol

from fastapi import Body, Header, Path
from fastapi.security import HTTPBearer

from cases.model import RowId
from core.store import Store
from core.vault import Vault

REFUSALS = {
    400: "`malformed`: what was sent is not what this address takes; the detail names the fields",
    401: "`not_signed_in`: no token, or one that is not valid",
    403: "`forbidden`: the token has not got the scope",
    404: "`not_found`: there is no such case, task, file, person or institution",
    409: "`conflict`: somebody was quicker; `illegal_act`: not as the case stands; `kept`: the law still wants it",
    410: "`erased`: the personal data is gone for good",
    413: "`too_large`: longer than is taken",
    415: "`not_taken`: this kind of file is not taken",
    422: "`bad_case`: a value cannot be used; `key_used`, `infected`",
    503: "`ledger_busy`, `scan_failed`: the same again, later",
}
REFUSAL = {
    "type": "object",
    "required": ["error", "detail"],
    "properties": {"error": {"type": "string"}, "detail": {"type": "string"}},
    "example": {"error": "not_found", "detail": "there is no case Q2026-0000001-2"},
}
Described = dict[int | str, dict[str, Any]]
REFUSED: Described = {
    status: {"description": told, "content": {"application/json": {"schema": REFUSAL}}}
    for status, told in REFUSALS.items()
}
NO_STORE = {"Cache-Control": "no-store"}
# The door has let nobody in without a token: this only describes it.
SHOWN = HTTPBearer(auto_error=False, description="a token of ./qiantai tokens")

Id = Annotated[RowId, Path()]
Key = Annotated[
    str,
    Header(
        alias="Idempotency-Key",
        pattern="^[!-~]{1,100}$",
        description="your own name of this request: with it, it may be sent again",
        examples=["intake-4711"],
    ),
]


class Caller(Protocol):
    """Who holds the token of a request."""

    @property
    def token_id(self) -> int: ...


Require = Callable[[str], Callable[..., Any]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Office:
    """What the routes work with."""

    store: Store
    vault: Vault
    clock: Callable[[], datetime]
    attachment_bytes: int
    scan_command: str


def like(example: dict[str, Any]) -> Any:
    """A body that the description shows by this example."""
    return Body(openapi_examples={"one": {"value": example}})


def actor(caller: Caller) -> str:
    """How events and the audit name the holder of a token."""
    return f"token:{caller.token_id}"

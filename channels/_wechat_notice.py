"""WeChat's template messages: the notices that an account may send when the time to answer is over.

POST /cgi-bin/message/template/send?access_token=…
    {"touser":"o…","template_id":"…","url":"","data":{"character_string1":{"value":"Q2026-0000123-4"},…}}
    → {"errcode":0,"errmsg":"ok","msgid":200228332}
What became of it comes back as an event, TEMPLATESENDJOBFINISH, with MsgID and Status.

A template is chosen from the platform's library or applied for, and belongs to one account; its fields have names such
as thing1, whose letters say what the platform takes there, and how much of it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from pydantic import Field, field_validator

from channels import BaseConfig
from channels._http import url_problem
from core.model import DeliveryState, Notice, Receipt

PATH = "/cgi-bin/message/template/send"
ANY = "any"  # the template of every kind of notice that has none of its own
NAMES = frozenset({"case_no", "step", "day", "text"})  # what a notice has values for
# Characters that a field of this type takes (the platform's table of parameter values); of others, and of the old
# templates' keyword1, REST: longer values are folded on the phone anyway.
LONGEST = {"thing": 20, "character_string": 32, "phrase": 5, "name": 10, "const": 20, "short_thing": 5}
REST = 100
DELIVERED = "success"

_ID = re.compile(r"[A-Za-z0-9_-]{20,64}")
_FIELD = re.compile(r"[a-z_]{1,32}[0-9]{0,3}")
_NAMED = re.compile(r"\{([^{}]*)\}")


class Template(BaseConfig):
    """One approved template and what its fields show."""

    id: str = Field(description="template ID of the account")
    fields: dict[str, str] = Field(
        description="what each field shows: a text with {case_no}, {step}, {day} or {text} in it"
    )
    url: str = Field(default="", description="the page that a touch on the notice opens; empty: none")

    @field_validator("id")
    @classmethod
    def _an_id(cls, value: str) -> str:
        if not _ID.fullmatch(value):
            raise ValueError("20 to 64 of A-Z a-z 0-9 _ -")
        return value

    @field_validator("fields")
    @classmethod
    def _can_be_filled(cls, value: dict[str, str]) -> dict[str, str]:
        for name, shows in value.items():
            if not _FIELD.fullmatch(name):
                raise ValueError("a field is called as the template has it, such as thing1")
            if unknown := sorted(set(_NAMED.findall(shows)) - NAMES):
                raise ValueError(f"{{{unknown[0]}}} is nothing that a notice has; {', '.join(sorted(NAMES))} are")
        return value

    @field_validator("url")
    @classmethod
    def _opens(cls, value: str) -> str:
        if value and (problem := url_problem(value)):
            raise ValueError(problem)
        return value


def template_of(templates: Mapping[str, Template], notice: Notice) -> Template | None:
    """The template for this kind of notice; None if there is none."""
    return templates.get(notice.kind) or templates.get(ANY)


def body(address: str, template: Template, notice: Notice) -> dict[str, Any]:
    """The call that sends `notice`."""
    shown = {name: {"value": _fitting(name, _filled(shows, notice))} for name, shows in template.fields.items()}
    return {"touser": address, "template_id": template.id, "url": template.url, "data": shown}


def _filled(shows: str, notice: Notice) -> str:
    return _NAMED.sub(lambda found: notice.values.get(found[1], ""), shows)


def _fitting(field: str, value: str) -> str:
    """As much of a value as its field takes, in one line; the platform refuses the whole notice for a longer one."""
    line = " ".join(value.split())
    most = LONGEST.get(field.rstrip("0123456789"), REST)
    return line if len(line) <= most else line[: most - 1] + "…"


def receipt(fields: Mapping[str, str]) -> Receipt:
    """What the event says became of a notice; its Status is "success" or begins with "failed"."""
    status = fields.get("Status", "").strip()
    state = DeliveryState.DELIVERED if status == DELIVERED else DeliveryState.FAILED
    detail = "" if state is DeliveryState.DELIVERED else f"refused: {status[:60]}"
    return Receipt(outbox_id=None, external_id=fields.get("MsgID", ""), state=state, detail=detail)

"""The register's codes with their names, from `codes.yml`: what business it was, why, through which channel; pure."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

import yaml

from cases.model import BadCase

TABLE = Path(__file__).with_name("codes.yml")
KINDS: Mapping[str, str] = {"business_code": "business", "reason_code": "reason", "channel_code": "channel"}

Language = Literal["zh", "en"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Code:
    """One code; a part of another one is named after it, as `payment.bill` is of `payment`."""

    code: str
    zh: str
    en: str
    standard: str = ""  # the number of JR/T 0169-2018; "": not known
    also: tuple[str, ...] = ()

    def name(self, language: Language) -> str:
        return self.zh if language == "zh" else self.en


@cache
def tables() -> Mapping[str, Mapping[str, Code]]:
    """Every kind of codes (channel, business, reason, institution_type, and the register's own) by code."""
    raw = yaml.safe_load(TABLE.read_text(encoding="utf-8"))
    return {
        kind: {row["code"]: Code(**row | {"also": tuple(row.get("also", ()))}) for row in rows}
        for kind, rows in raw.items()
    }


@cache
def _names(kind: str) -> Mapping[str, str]:
    """The codes of a kind by everything they may be called."""
    return {folded(name): row.code for row in tables()[kind].values() for name in (row.code, row.zh, row.en, *row.also)}


def find(kind: str, told: str) -> str | None:
    """The code that somebody means by its slug or one of its names, in any width and case; None: there is none."""
    return _names(kind).get(folded(told))


def name(kind: str, code: str, language: Language) -> str:
    """How people call a code; one that is not in the table stays as it is."""
    row = tables()[kind].get(code)
    return row.name(language) if row else code


def check(given: Mapping[str, str]) -> None:
    """BadCase if one of business_code, reason_code and channel_code is given and not in the table."""
    for field, kind in KINDS.items():
        code = given.get(field, "")
        if code and code not in tables()[kind]:
            raise BadCase(f"{field}: there is no code {code}; cases/codes.yml has those there are")


def folded(text: str) -> str:
    """A heading or a name without what people write in one way or another: width, case, spaces, dashes, stars."""
    plain = unicodedata.normalize("NFKC", text).casefold()
    return "".join(char for char in plain if not char.isspace() and char not in "_-*:、,")

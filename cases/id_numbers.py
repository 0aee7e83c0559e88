"""Numbers of identity papers as people type them, and what is wrong with one; pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Literal

from stdnum.cn import ric
from stdnum.exceptions import ValidationError

# The papers that consumers may name, by their codes in codes.yml, the commonest first.
KINDS = ("id_card", "travel_permit", "hmt_permit", "passport", "pr_card", "officer", "other")
TYPED_MAX = 64  # characters that are looked at: the longest number has 18, and some put a space behind each
FIRST_BIRTHDAY = date(1900, 1, 1)

# What is wrong: the keys of sentences hang on these words.
Problem = Literal["kind", "empty", "long", "length", "signs", "birthday", "check", "shape"]

RESIDENT = re.compile(r"\d{17}[\dX]")  # GB 11643, which the newer papers for others follow
HMT_RESIDENT = re.compile(r"8[123]\d{15}[\dX]")  # 81 Hong Kong, 82 Macao, 83 Taiwan
FOREIGN_RESIDENT = re.compile(r"9\d{16}[\dX]")  # cards since 2023; older ones have three letters and twelve digits
OLD_FOREIGN_RESIDENT = re.compile(r"[A-Z]{3}\d{12}")
# Of Hong Kong and Macao a letter and eight digits, with how often it was renewed behind; of Taiwan eight digits, ten
# and a letter before 2015. Seen on papers; no standard that says so was at hand.
TRAVEL_PERMIT = re.compile(r"[HMCW]\d{8}(\d{2})?|\d{8}(\d{2}[A-Z]?)?")
PASSPORT = re.compile(r"(?=.*\d)[A-Z0-9]{5,20}")  # ICAO Doc 9303 has nine places; some countries print more
OFFICER = re.compile(r"(?=.*\d)[A-Z0-9\u3400-\u9fff]{4,30}")  # 军字第1234567号
SIGNS = re.compile(r"[A-Z0-9\u3400-\u9fff]*")
BETWEEN = re.compile(r"[\s\-‐‑–—_.·]")


@dataclass(frozen=True, kw_only=True, slots=True)
class Paper:
    """A kind of paper and its number, as it is kept."""

    kind: str
    number: str = field(repr=False)


class BadNumber(ValueError):
    """This is no such number; `problem` says why, and nothing says what was typed."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem)
        self.problem: Problem = problem


def read(kind: str, typed: str, *, today: date) -> Paper:
    """The paper with its number in half width and capitals without what people put between; BadNumber else."""
    check = CHECKS.get(kind)
    if check is None:
        raise BadNumber("kind")
    if len(typed) > TYPED_MAX:
        raise BadNumber("long")
    number = BETWEEN.sub("", unicodedata.normalize("NFKC", typed)).upper().replace("×", "X")
    if not number:
        raise BadNumber("empty")
    if SIGNS.fullmatch(number) is None:
        raise BadNumber("signs")
    check(number, today)
    return Paper(kind=kind, number=number)


def _resident(number: str, today: date, shape: re.Pattern[str] = RESIDENT) -> None:
    if len(number) != 18:
        raise BadNumber("length")
    if shape.fullmatch(number) is None:
        raise BadNumber("shape")
    try:
        born = ric.get_birth_date(number)
    except ValidationError:
        raise BadNumber("birthday") from None
    if not FIRST_BIRTHDAY <= born <= today:
        raise BadNumber("birthday")
    if ric.calc_check_digit(number) != number[-1]:
        raise BadNumber("check")


def _foreign_resident(number: str, today: date) -> None:
    if OLD_FOREIGN_RESIDENT.fullmatch(number) is None:
        _resident(number, today, FOREIGN_RESIDENT)


def _shaped(shape: re.Pattern[str]) -> Callable[[str, date], None]:
    def check(number: str, _today: date) -> None:
        if shape.fullmatch(number) is None:
            raise BadNumber("shape")

    return check


CHECKS: Mapping[str, Callable[[str, date], None]] = {
    "id_card": _resident,
    "travel_permit": _shaped(TRAVEL_PERMIT),
    "hmt_permit": lambda number, today: _resident(number, today, HMT_RESIDENT),
    "passport": _shaped(PASSPORT),
    "pr_card": _foreign_resident,
    "officer": _shaped(OFFICER),
    "other": _shaped(OFFICER),
}

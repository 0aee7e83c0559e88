"""Case numbers that tell a mistyped one, and the codes by which consumers ask after their case; pure."""

from __future__ import annotations

import re
import secrets
import unicodedata

from stdnum import damm

from core import masking

# Without 0 O, 1 I L, U V: read aloud, written by hand or typed on a telephone none is taken for another.
ALPHABET = "23456789ABCDEFGHJKMNPQRSTWXYZ"
CODE_LENGTH = 10  # 29^10, of which three in four have two digits and two letters: 48 bits, beside the locks
DIGITS = 7  # of the running number; a year with more cases gets longer numbers
NUMBER = re.compile(r"Q?([0-9]{4})-?([0-9]{7,9})-?([0-9])")
# In the middle of a sentence; without the Q, such a long number is a case number only behind a word for one.
_MENTIONED = re.compile(
    r"(?<![A-Z0-9])(?:Q|(?:单号|编号|案号|案件号|NUMBER|NO\.?|ID|CASE|TICKET|REFERENCE)[是为IS:\s#]{0,4})"
    r"\s?(20[0-9]{2}[-\s]?[0-9]{7,9}[-\s]?[0-9])(?![0-9])"
)
MENTIONED_MAX = 2000  # characters of a message that are looked at


def case_no(year: int, running: int) -> str:
    """Such as Q2026-0001234-0: the year, the running number in it and a check digit (Damm's, which tells every single
    wrong digit and every swap of neighbours)."""
    body = f"{running:0{DIGITS}d}"
    return f"Q{year}-{body}-{damm.calc_check_digit(f'{year}{body}')}"


def read_case_no(text: str) -> str:
    """A case number as we write it, from how people type it: any width, spaces, small q, no dashes; ValueError if it
    is none or mistyped."""
    plain = "".join(unicodedata.normalize("NFKC", text).upper().split()).replace("—", "-").replace("–", "-")
    match = NUMBER.fullmatch(plain)
    if match is None or not damm.is_valid("".join(match.groups())):
        raise ValueError("this is no case number, or a digit of it is wrong")
    return f"Q{match[1]}-{match[2]}-{match[3]}"


def mentioned(text: str) -> str:
    """The first case number in a message such as "工单号 q2026 0001234 0 怎么样了", "" if there is none; ValueError if
    it is mistyped."""
    plain = unicodedata.normalize("NFKC", text[:MENTIONED_MAX]).upper().replace("—", "-").replace("–", "-")
    found = _MENTIONED.search(plain)
    return read_case_no(found[1]) if found else ""


def new_code() -> str:
    """A query code, random, of the form by which it is known in a text and hidden (core.masking)."""
    while True:
        code = "".join(secrets.choice(ALPHABET) for _ in range(CODE_LENGTH))
        if masking.CODE.fullmatch(code):
            return code


def plain_code(text: str) -> str:
    """A query code as it was made, from how people type it; what cannot be one stays as wrong as it is."""
    return re.sub(r"[\s\-—–]", "", unicodedata.normalize("NFKC", text)).upper()

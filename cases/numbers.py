"""Case numbers that tell a mistyped one, and the codes by which consumers ask after their case; pure."""

from __future__ import annotations

import re
import secrets
import unicodedata

from stdnum import damm

# Without 0 O, 1 I L, U V: read aloud, written by hand or typed on a telephone none is taken for another.
ALPHABET = "23456789ABCDEFGHJKMNPQRSTWXYZ"
CODE_LENGTH = 10  # 29^10: 48 bits, beside the lock after a few wrong ones
DIGITS = 7  # of the running number; a year with more cases gets longer numbers
NUMBER = re.compile(r"Q?([0-9]{4})-?([0-9]{7,9})-?([0-9])")


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


def new_code() -> str:
    """A query code, random."""
    return "".join(secrets.choice(ALPHABET) for _ in range(CODE_LENGTH))


def plain_code(text: str) -> str:
    """A query code as it was made, from how people type it; what cannot be one stays as wrong as it is."""
    return re.sub(r"[\s\-—–]", "", unicodedata.normalize("NFKC", text)).upper()

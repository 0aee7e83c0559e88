"""Finds ID-card, bank-card and telephone numbers and e-mail addresses in a text, however they are written.

Privacy comes first: where a number may be personal and may be something else, it goes. The rules and what they cost:

- ID card, 18 digits: in one piece or in a usual grouping a valid birthday at its place is enough, so that a mistyped
  check digit hides nothing (1 in 2,000 other 18-digit numbers has such a birthday). Strange groupings must have the
  right check digit, too. 15 digits: province and birthday. The register of counties is not asked: it changes, and an
  old card stays a card.
- Bank card: the Luhn digit, a start and a length that go together in some network, no date in front (order numbers
  have one). One in ten other numbers with such a start and length passes Luhn by chance and is lost.
- After words like 身份证号 and 卡号 a number of that length goes even if it is mistyped.
- Query code: see CODE.
- Telephone: Chinese mobile numbers (with +86, 0086, 86 or 0 or plain), area code and number, + and a country. Numbers
  without an area code, 400/800 numbers and short codes stay: they are public or name nobody.
- Numbers are found glued to letters and between Chinese text, in any digits of Unicode, spelled 一三八…, and with up to
  three spaces, dashes, dots, commas, slashes, brackets, line ends or invisible characters between their digits. Digits
  in one piece that are more than the number are another number and stay (order numbers of 20 digits and more); so do
  letters in the place of digits (l for 1, O for 0).
"""

from __future__ import annotations

import itertools
import re
import unicodedata
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import date
from typing import Literal

from stdnum import luhn
from stdnum.cn import ric

Kind = Literal["id-card", "bank-card", "phone", "email", "query-code"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """A personal value at text[start:end]; `value` is canonical, the same however it was written."""

    start: int
    end: int
    kind: Kind
    value: str


# Reading characters -------------------------------------------------------------------------------------------------

# Digits that are no decimals (\d has those): superscript, circled, in brackets, with a full stop …
OTHER_DIGITS = "²³¹፩-፱᧚⁰⁴-⁹₀-₉①-⑨⑴-⑼⒈-⒐⓪⓵-⓽⓿❶-❾➀-➈➊-➒𐩀-𐩃𐹠-𐹨𑁒-𑁚🄀-🄊"
SPELLED = dict(zip("〇零○一壹幺二贰貳三叁參四肆五伍六陆陸七柒八捌九玖", "0001112223334455666778899", strict=True))
NUMERAL = "".join(SPELLED)
SUSPICIOUS = re.compile(f"[\\d{OTHER_DIGITS}@＠﹫⟦⟧]|[{NUMERAL}]{{3}}")

DASHES = "−~～〜ー˗"  # beside everything that Unicode calls a dash
DOTS = "·•‧∙・･"


class _Fold(dict[int, str]):
    """Character by character what a text says: digits as 0-9, spaces and invisibles as a space, dashes as -, …"""

    def __missing__(self, code: int) -> str:
        self[code] = folded = _fold(chr(code))
        return folded


def _fold(char: str) -> str:
    digit = unicodedata.digit(char, None)
    if digit is not None:
        return str(digit)
    if char in DOTS:
        return "."
    plain = unicodedata.normalize("NFKC", char)
    if len(plain) != 1:
        return char  # positions in the folded text are positions in the text
    if char in DASHES or unicodedata.category(plain) == "Pd":
        return "-"
    if plain == "、":
        return ","
    if plain == "\n" or unicodedata.category(plain) in ("Zl", "Zp"):
        return "\n"
    if unicodedata.category(plain) in ("Zs", "Cc", "Cf", "Mn", "Me"):
        return " "
    return plain


_FOLD = _Fold()
BETWEEN = r"[ \-.,。_()\n/|:;*\\]{0,3}"  # what may stand between two digits of one number
SPELLED_RUN = re.compile(f"[{NUMERAL}0-9](?:{BETWEEN}[{NUMERAL}0-9]){{10,}}")
RUN = re.compile(f"[0-9](?:{BETWEEN}[0-9]){{8,}}")
PIECE = re.compile("[0-9]+")


def _read(text: str) -> str:
    folded = text.translate(_FOLD)
    return SPELLED_RUN.sub(lambda m: "".join(SPELLED.get(c, c) for c in m[0]), folded)


# References ---------------------------------------------------------------------------------------------------------

OWN = re.compile(r"⟦(?:(?:phone|email|query-code):([a-z2-7]{10})|id-card|bank-card)⟧")
BRACKETS = str.maketrans("⟦⟧", "[]")
GAP = "⟧"  # none is left in the text by then


def suspicious(text: str) -> bool:
    """False if there is surely nothing to mask: no digit, no @, no reference bracket, nothing spelled."""
    return SUSPICIOUS.search(text) is not None


def replace(text: str, mark: Callable[[Found], str], *, keep: Collection[str] | None = None) -> str:
    """`text` with `mark(…)` for everything found, and with [ ] for every ⟦ ⟧.

    With `keep`, a text of our own: its bare marks and the references named in `keep` stay as they are.
    """
    own = [m for m in OWN.finditer(text) if m[1] is None or m[1] in keep] if keep is not None else []
    kept = [(m.start(), m.end(), m[0]) for m in own]
    plain = text.translate(BRACKETS)
    found = find(plain, [m.span() for m in own])
    done: list[str] = []
    at = 0
    for start, end, shown in sorted(kept + [(f.start, f.end, mark(f)) for f in found]):
        done += (plain[at:start], shown)
        at = end
    return "".join(done) + plain[at:]


def find(text: str, apart: Collection[tuple[int, int]] = ()) -> list[Found]:
    """Everything personal in `text` outside the spans `apart`: addresses first, then numbers from left to right."""
    folded = _without(_read(text), apart)
    found: list[Found] = []
    if "@" in folded:
        found = _emails(text, folded)
        folded = _without(folded, [(mail.start, mail.end) for mail in found])
    for way in (CODE, SPACED_CODE):
        codes = [
            Found(start=m.start(), end=m.end(), kind="query-code", value=NO_CODE.sub("", m[0]).upper())
            for m in way.finditer(folded)
            if way is CODE or _is_spaced_code(m[0])
        ]
        found += codes
        folded = _without(folded, [(code.start, code.end) for code in codes])
    for run in RUN.finditer(folded):
        found += _numbers(folded, run.start(), run.end())
    return found


def _without(folded: str, spans: Collection[tuple[int, int]]) -> str:
    """The folded text with something in the place of `spans` that no number or address contains."""
    if not spans:
        return folded
    chars = list(folded)
    for start, end in spans:
        chars[start:end] = GAP * (end - start)
    return "".join(chars)


# Query codes: ten of their 29 characters, two digits and two letters among them; numbers of other things that look so
# lose nothing, since a reference can be opened. One in eight references looks so: those of a text of ours stay.
_CHAR = "[2-9A-HJKMNP-TW-Z]"
_AFTER, _BEFORE = r"(?<![0-9A-Za-z⟦])(?<!\[phone:)(?<!\[email:)(?<!\[query-code:)", "(?![0-9A-Za-z])"
CODE = re.compile(
    rf"{_AFTER}(?=(?:[A-Z-]*[0-9]){{2}})(?=(?:[0-9-]*[A-Z]){{2}}){_CHAR}{{5}}-?{_CHAR}{{5}}{_BEFORE}", re.IGNORECASE
)
# … and as people read them off, in groups, with what _fold makes of any spaces and dashes between them.
NO_CODE = re.compile(r"[ \n-]+")
_SHAPES = ((5, 5), (4, 4, 2), (3, 3, 4), (3, 4, 3), (4, 3, 3), (2, 2, 2, 2, 2), (1,) * 10)
_GROUPS = "|".join(r"[ \n-]{1,3}".join(f"{_CHAR}{{{size}}}" for size in shape) for shape in _SHAPES)
SPACED_CODE = re.compile(f"{_AFTER}(?:{_GROUPS}){_BEFORE}", re.IGNORECASE)


def _is_spaced_code(written: str) -> bool:
    """Whether ten characters in groups are a code, and no words with numbers among them such as "after 95588",
    HMAC-SHA-256 or "28th and the": by the capitals and the groups that have letters and digits."""
    groups = NO_CODE.split(written)
    bare = "".join(groups)
    if not sum(char.isdigit() for char in bare) >= 2 <= sum(char.isalpha() for char in bare):
        return False
    mixed = sum(not group.isdigit() and not group.isalpha() for group in groups)
    return mixed + written.isupper() >= (1 if len(groups) == 2 else 2) or len(groups) == len(bare)


# E-mail -------------------------------------------------------------------------------------------------------------

_LABEL = "[A-Za-z0-9-]{1,63}"
DOMAIN = re.compile(rf" ?(?:{_LABEL}(?:\.{_LABEL})*。(?:com|cn|net|org)(?![A-Za-z])|(?:{_LABEL}\.)+[A-Za-z]{{2,24}})")
LOCAL = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._%+-'&=!#$*/?^`{|}")
INVISIBLE = re.compile(r"[^!-~]")
LOCAL_MAX = 64  # RFC 5321, 4.5.3.1.1


def _emails(text: str, folded: str) -> list[Found]:
    found: list[Found] = []
    at = -1
    while (at := folded.find("@", at + 1)) >= 0:
        domain = DOMAIN.match(folded, at + 1)
        if domain is None:
            continue
        last = at - 1 if folded[at - 1 : at] == " " else at
        start = last
        low = max(found[-1].end if found else 0, last - LOCAL_MAX)
        while start > low and folded[start - 1] in LOCAL:
            start -= 1
        local = folded[start:last].lstrip(".'")
        if any(c.isalnum() for c in local):
            start, end = last - len(local), domain.end()
            value = unicodedata.normalize("NFKC", text[start:end]).replace("。", ".")
            found.append(Found(start=start, end=end, kind="email", value=INVISIBLE.sub("", value)))
    return found


# Numbers ------------------------------------------------------------------------------------------------------------

DIGITS_MAX = 19  # of the longest number that is looked for
DIGITS_MIN = 11  # of the shortest, a mobile number …
DIGITS_MIN_ABROAD = 9  # … but for numbers of other countries, which begin with + or 00
CARD_USUAL = 16  # digits of most bank cards


class _Window:
    """Neighbouring pieces of digits that may be one number. It is judged by itself and by what leads to it, never by
    the pieces around it: so what stays when a text is masked stays when it is masked again."""

    __slots__ = ("_folded", "digits", "end", "plus", "shape", "start")

    def __init__(self, folded: str, start: int, end: int, digits: str, shape: tuple[int, ...]) -> None:
        self._folded = folded
        self.start = start
        self.end = end
        self.digits = digits
        self.shape = shape  # lengths of the pieces
        self.plus = folded[start - 1 : start] == "+"

    @property
    def written(self) -> str:
        return self._folded[self.start : self.end]

    @property
    def between(self) -> str:
        """All that stands between the pieces."""
        return PIECE.sub("", self.written)

    @property
    def x(self) -> re.Match[str] | None:
        """The X that follows: the check digit of one ID card in eleven."""
        return CHECK_X.match(self._folded, self.end)

    @property
    def before(self) -> str:
        """The text that leads to it."""
        return self._folded[max(0, self.start - 24) : self.start]

    def found(self, kind: Kind, value: str) -> Found:
        """With its +, its X, and the bracket that opens before it and closes in it."""
        start = self.start - self.plus
        if self._folded[start - 1 : start] == "(" and ")" in self.between:
            start -= 1
        return Found(start=start, end=self.x.end() if value[-1] == "X" and self.x else self.end, kind=kind, value=value)


def _numbers(folded: str, start: int, end: int) -> list[Found]:
    """What is found among the pieces of one run of digits; at each piece the longest number wins, but for a whole card
    number in one piece: what follows it is another number, which may well fit by chance."""
    pieces = [m.span() for m in PIECE.finditer(folded, start, end)]
    digits = "".join(folded[a:b] for a, b in pieces)
    sizes = tuple(b - a for a, b in pieces)
    offsets: list[int] = [0, *itertools.accumulate(sizes)]

    def window(first: int, after: int) -> _Window:
        own = digits[offsets[first] : offsets[after]]
        return _Window(folded, pieces[first][0], pieces[after - 1][1], own, sizes[first:after])

    found: list[Found] = []
    first: int = 0
    last: int = 0
    while first < len(pieces):
        while last < len(pieces) and offsets[last + 1] - offsets[first] <= DIGITS_MAX:
            last += 1
        start = pieces[first][0]
        abroad = folded[start - 1 : start] == "+" or digits.startswith("00", offsets[first])
        least = DIGITS_MIN_ABROAD if abroad else DIGITS_MIN
        following: int = first + 1
        whole = CARD_USUAL <= sizes[first] <= DIGITS_MAX and _is_bank_card(window(first, first + 1))
        for after in range(first + 1 if whole else last, first, -1):
            if offsets[after] - offsets[first] < least:
                break
            hit = _judge(window(first, after))
            if hit is not None:
                found.append(hit)
                following = after
                break
        first = following
        last = max(last, first)
    return found


def _judge(w: _Window) -> Found | None:
    """What the window is, if it is anything."""
    size = len(w.digits)
    if _is_amount(w):
        return None
    if size == 17 and w.x and _is_id_card(w, w.digits + "X"):
        return w.found("id-card", w.digits + "X")
    if size in (15, 18) and _is_id_card(w, w.digits):
        return w.found("id-card", w.digits)
    if (number := _telephone(w)) is not None:
        return w.found("phone", number)
    if size >= 13 and _is_bank_card(w):
        return w.found("bank-card", w.digits)
    kind = _named(w)
    return w.found(kind, w.digits) if kind else None


def _regular(shape: tuple[int, ...]) -> bool:
    """Pieces of one size, the last one perhaps shorter."""
    return all(size == shape[0] for size in shape[:-1]) and shape[-1] <= shape[0]


def _is_amount(w: _Window) -> bool:
    """1,234,567,890"""
    if len(w.shape) == 1 or w.shape[0] > 3 or any(size != 3 for size in w.shape[1:]):
        return False
    return set(w.between) <= {",", " "} and "," in w.between


def _is_date(digits: str) -> bool:
    try:
        return 1900 <= date(int(digits[:4]), int(digits[4:6]), int(digits[6:8])).year < 2050
    except ValueError:
        return False


# ID cards: GB 11643. The first two digits are the province, 91-98 the sort of residence permit for foreigners.
CHECK_X = re.compile(r"[ \-_.]?[xX×ХхΧχ✕✖╳](?![A-Za-z])")
PROVINCE = re.compile("1[1-5]|2[1-3]|3[1-7]|4[1-6]|5[0-4]|6[1-5]|71|8[1-3]|9[1-8]")
ID_SHAPES = {
    (6, 8, 4), (6, 8, 3), (6, 12), (6, 11), (14, 4), (14, 3), (10, 8), (10, 7), (6, 4, 4, 4), (6, 4, 4, 3),
    (3, 3, 8, 4), (3, 3, 8, 3), (3, 3, 4, 4, 4), (3, 3, 4, 4, 3), (6, 4, 2, 2, 4), (6, 4, 2, 2, 3), (3, 3, 4, 2, 2, 4),
    (3, 3, 4, 2, 2, 3), (6, 6, 3), (6, 9), (3, 3, 6, 3), (6, 2, 2, 2, 3),
}  # fmt: skip

THREE_AMOUNTS = (5, 5, 5)  # of 12,000 to 15,000 yuan, say, begin as a card of 15 digits; nobody groups one like this


def _is_id_card(w: _Window, number: str) -> bool:
    birthday = number[6:14] if len(number) == 18 else "19" + number[6:12]
    if number[0] == "0" or not _is_date(birthday):
        return False
    if len(number) == 18 and (len(w.shape) == 1 or ric.calc_check_digit(number) == number[-1]):
        return True
    usual = w.shape in ID_SHAPES or (_regular(w.shape) and w.shape != THREE_AMOUNTS)
    return PROVINCE.match(number) is not None and usual


# Bank cards: ISO/IEC 7812. Starts with the lengths that go with them; none is a date of our time.
CARD = re.compile(
    "3[0689][0-9]{12}|3[47][0-9]{13}|3[0-9]{15}"  # Diners, American Express, JCB
    "|4(?:[0-9]{12}|[0-9]{15}|[0-9]{18})|405512[0-9]{11}|438588[0-9]{12}"  # Visa, the last two of Chinese banks
    "|5[0-9]{15}(?:[0-9]{3})?|2[2-7][0-9]{14}"  # Mastercard
    "|(?:6(?!1)|[89])[0-9]{15,18}|690755[0-9]{9}|10[0-9]{17}"  # UnionPay and older cards of China; 61 is Shaanxi's code
)
CARD_START_GROUPED = re.compile(r"4|5[1-5]|6|3[045678]|2(?:2[2-9]|[3-6]|7[01])|9")
ROUND = re.compile(r"00(?![0-9])")
LIST = re.compile(r"[,/\n]")


def _is_bank_card(w: _Window) -> bool:
    if CARD.fullmatch(w.digits) is None or not luhn.is_valid(w.digits):
        return False
    if len(w.shape) == 1:
        return True
    if CARD_START_GROUPED.match(w.digits) is None:
        return False
    if all(size == 1 for size in w.shape):
        return len(w.digits) >= 15
    # With commas, slashes or on lines it may be a list of amounts, which are mostly round, or of one size: begin alike.
    firsts = {piece[0] for piece in PIECE.findall(w.written)}
    alike = len(firsts) == 1 < len(w.shape) - 1 or 2 * len(ROUND.findall(w.written)) > len(w.shape)
    listed = alike and LIST.search(w.between) is not None
    return min(w.shape[:-1]) >= 3 and not listed


# Telephone numbers: the numbering plan of China (area codes 010, 02x, 03xx-09xx), E.164 for the others.
MOBILE = re.compile(r"1[3-9][0-9]{9}")
LANDLINE = re.compile(r"0(?:10|2[0-9])[2-9][0-9]{7}|0[3-9][0-9]{2}[2-9][0-9]{6,7}")
TELEPHONE_SHAPES = {(11,), (3, 4, 4), (3, 8), (7, 4), (4, 4, 3), (4, 3, 4), (3, 3, 5)}
SPACED_SHAPES = {(4, 7), (5, 6), (6, 5), (3, 4, 2, 2), (3, 2, 2, 4), (3, 2, 2, 2, 2), (3, 3, 3, 2)}
LANDLINE_SHAPES = {(11,), (12,), (3, 8), (3, 4, 4), (4, 8), (4, 7), (4, 4, 4), (4, 3, 4)}
ABROAD = re.compile(r"00[1-9][0-9]{0,2}")
AMID = re.compile(r"[0-9⟧][ -]$")  # 0052 in 6217 0052 4022 … is no country, nor when what stands before it is hidden


def _telephone(w: _Window) -> str | None:
    """The canonical number: 13800138000, 01066194114, +442079460958."""
    if w.plus:
        return _chinese(w, "86") if w.digits.startswith("86") else _foreign(w, w.digits)
    for prefix in ("", "0", "86", "0086"):
        if w.digits.startswith(prefix) and (number := _chinese(w, prefix)) is not None:
            return number
    if len(w.shape) > 1 and ABROAD.fullmatch(w.digits[: w.shape[0]]) and not w.digits.startswith("0086"):
        return None if AMID.search(w.before) else _foreign(w, w.digits[2:])
    return None


def _chinese(w: _Window, prefix: str) -> str | None:
    number = w.digits[len(prefix) :]
    if not 10 <= len(number) <= 12:
        return None
    shape = _rest(w.shape, len(prefix))
    ones = all(size == 1 for size in shape)
    if MOBILE.fullmatch(number):
        spaced = shape in SPACED_SHAPES and set(w.between) <= {" ", "_"}
        return number if ones or spaced or shape in TELEPHONE_SHAPES else None
    if prefix == "0":
        return None  # an area code has its 0 already
    if prefix == "86" and not w.plus and w.shape[0] != 2:
        return None  # only a country code that stands alone replaces the 0 of the area
    if number[0] == "0" and shape[0] == 1 < len(shape) and not ones:  # +86 (0)10
        shape = (1 + shape[1], *shape[2:])
    if prefix in ("86", "0086") and number[0] != "0":
        number = "0" + number
        shape = (shape[0] + 1, *shape[1:])
    return number if LANDLINE.fullmatch(number) and (ones or shape in LANDLINE_SHAPES) else None


def _rest(shape: tuple[int, ...], count: int) -> tuple[int, ...]:
    """The shape of what is left after the first `count` digits."""
    while count and shape[0] <= count:
        count -= shape[0]
        shape = shape[1:]
    return (shape[0] - count, *shape[1:])


def _foreign(w: _Window, number: str) -> str | None:
    good = (
        DIGITS_MIN_ABROAD <= len(number) <= (15 if len(w.shape) == 1 else 13)
        and number[0] != "0"
        and "," not in w.between
    )
    return f"+{number}" if good else None


# Numbers that the text itself names, whatever their digits
NAMED_ID = re.compile(r"(?:身份证|身份號|身份号|证件|(?<![A-Za-z])(?i:id|identity))[^0-9@⟧]{0,12}$")
NAMED_CARD = re.compile(r"(?:卡号|卡號|银行卡|信用卡|储蓄卡|借记卡|账号|帐号|(?i:card|account))[^0-9@⟧]{0,12}$")


def _named(w: _Window) -> Kind | None:
    if len(w.digits) < 13 or not _regular(w.shape) or len(w.shape) > 6 or _is_date(w.digits[:8]):
        return None
    if len(w.digits) >= 15 and NAMED_ID.search(w.before):
        return "id-card"
    return "bank-card" if NAMED_CARD.search(w.before) else None

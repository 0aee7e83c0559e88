"""What a message for a person is about, as far as it says: the institution, the kind of business, an amount in yuan, a
day. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from functools import cache
from pathlib import Path

import yaml

from core.errors import ContentError
from faq.folding import simplified

TABLE = Path(__file__).with_name("institutions.yml")
BUSINESSES = Path(__file__).with_name("businesses.yml")
READ_MAX = 2000  # characters of a message that are looked at
AMOUNT_MAX = Decimal(10) ** 12  # yuan; more is a number of something else


@dataclass(frozen=True, kw_only=True, slots=True)
class Institution:
    """A bank, payment company or insurer by its full name."""

    zh: str
    en: str
    aliases: tuple[str, ...]
    type: str = ""  # a code of the register; "": unknown


@dataclass(frozen=True, kw_only=True, slots=True)
class Business:
    """A kind of business by the name it is read back with; `code` is the register's."""

    code: str
    zh: str
    en: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Facts:
    """What was said; None where it was not."""

    institution: Institution | None = None
    business: Business | None = None
    amount: Decimal | None = None  # yuan
    day: date | None = None


def read(text: str, today: date) -> Facts:
    """The facts in `text`, the first of each kind; a day is a past one or `today`, which "last Friday" is counted from.

    "不是工行，是建行" is about 建行: what is denied is passed over.
    """
    plain = _plain(text)
    return Facts(
        institution=next(_institutions(plain), None),
        business=next(_businesses(plain), None),
        amount=next(_amounts(plain), None),
        day=next(_days(plain, today), None),
    )


def named(text: str) -> tuple[Institution, ...]:
    """The institutions in `text`, each once, in the order in which they are named."""
    return tuple(dict.fromkeys(_institutions(_plain(text))))


def corrected_amount(text: str) -> Decimal | None:
    """The amount in a correction of one: there "it's 5,000, not 500" needs no yuan. None if it names none."""
    plain = _plain(text)
    return next(_amounts(plain), None) or next(_bare_amounts(plain), None)


def _plain(text: str) -> str:
    return simplified(unicodedata.normalize("NFKC", text[:READ_MAX])).casefold()


def _is_denied(plain: str, start: int) -> bool:
    """Whether what begins at `start` is said not to be so."""
    return _DENIED.search(plain, max(0, start - DENIED_MAX), start) is not None


DENIED_MAX = 24  # characters before a word that are looked at; bounds the time
_DENIED = re.compile(r"(?:不是|唔系|唔是|并非|不在|而非|\bnot(?: the| a)?|isn't|wasn't|rather than|instead of)\s*$")

# ---- institutions ----------------------------------------------------------------------------------------------------


@cache
def institutions(table: Path = TABLE) -> dict[str, Institution]:
    """The institutions of `table` by each of their names, as `read` compares them; a name of two is a ContentError."""
    found: dict[str, Institution] = {}
    for row in yaml.safe_load(table.read_text(encoding="utf-8")):
        one = Institution(zh=row["zh"], en=row["en"], aliases=tuple(row["aliases"]), type=row.get("type", ""))
        for name in {name.casefold() for name in (one.zh, one.en, *one.aliases)}:
            if found.setdefault(name, one) is not one:
                raise ContentError(f"{table.name}: {name} is {found[name].zh} and {one.zh}")
    return found


@cache
def _names() -> re.Pattern[str]:
    longest_first = sorted(institutions(), key=len, reverse=True)
    return re.compile(
        "|".join(rf"\b{re.escape(n)}\b" if n.isascii() else re.escape(n) for n in longest_first), re.ASCII
    )


def _institutions(plain: str) -> Iterator[Institution]:
    for name in _names().finditer(plain):
        if not _is_denied(plain, name.start()):
            yield institutions()[name[0]]


# ---- kinds of business -----------------------------------------------------------------------------------------------


@cache
def businesses(table: Path = BUSINESSES) -> dict[str, Business]:
    """The kinds of business of `table` by their names and by each word for them; a word of two is a ContentError."""
    found: dict[str, Business] = {}
    for row in yaml.safe_load(table.read_text(encoding="utf-8")):
        one = Business(code=row["code"], zh=row["zh"], en=row["en"])
        for word in {word.casefold() for word in (one.zh, one.en, *row["words"])}:
            if found.setdefault(word, one) is not one:
                raise ContentError(f"{table.name}: {word} is {found[word].zh} and {one.zh}")
    return found


@cache
def _words_of_business() -> re.Pattern[str]:
    longest_first = sorted(businesses(), key=len, reverse=True)
    return re.compile(
        "|".join(rf"\b{re.escape(w)}\b" if w.isascii() else re.escape(w) for w in longest_first), re.ASCII
    )


def _businesses(plain: str) -> Iterator[Business]:
    """What names the product comes before what may be said of any: "transfer" and "account" stand in every story."""
    told = [businesses()[w[0]] for w in _words_of_business().finditer(plain) if not _is_denied(plain, w.start())]
    yield from sorted(told, key=lambda one: one.code.startswith("payment."))


# ---- amounts ---------------------------------------------------------------------------------------------------------

_DIGITS = {"零": 0, "〇": 0, "一": 1, "二": 2, "两": 2, "俩": 2, "三": 3, "四": 4, "五": 5, "六": 6, "七": 7, "八": 8,
           "九": 9}  # fmt: skip
_PLACES = {"十": 10, "百": 100, "千": 1000}
_MYRIADS = {"万": 10_000, "亿": 100_000_000}
_TIMES = {"": 1, "k": 1000, "w": 10_000, "thousand": 1000, "million": 1_000_000, "grand": 1000, **_PLACES, **_MYRIADS}
_ONES = "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen"
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety"
_UNITS = (
    {word: n for n, word in enumerate(f"{_ONES} eighteen nineteen".split(), 1)}
    | {word: n * 10 for n, word in enumerate(_TENS.split(), 2)}
    | {"a": 1}
)
_SCALES = {"hundred": 100, "thousand": 1000, "million": 1_000_000}

_YUAN = r"(?:元|块|圆|人民币|rmb\b|cny\b|yuan\b|kuai\b)"
_FIGURE = r"\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?"
_TIME = r"亿|万|千|百|w\b|k\b|thousand|million|grand"
LONGEST = 20  # Chinese figures in one number; bounds the time
_HAN_NUMBER = "[零〇一二两俩三四五六七八九十百千万亿]"
_WORD = rf"(?:{'|'.join([*_UNITS, *_SCALES])})"
_AMOUNT = re.compile(
    rf"(?:[¥￥]|\b(?:rmb|cny)\b)\s*(?P<sign>{_FIGURE})\s*(?P<sign_times>{_TIME})?"
    rf"|(?<![\d.])(?<!\d,)(?P<figure>{_FIGURE})\s*(?P<figure_times>{_TIME})?\s*(?:多|余|来)?\s*{_YUAN}"
    rf"|(?<![\d.])(?<!\d,)(?P<large>{_FIGURE})\s*(?P<large_times>万|亿|w\b)(?![人个次名位字分条])"
    rf"|(?P<han>{_HAN_NUMBER}{{1,{LONGEST}}})(?:多|余|来)?(?:元|块|圆|人民币)"
    rf"|(?P<talk>{_HAN_NUMBER}{{0,{LONGEST}}}[一二两三四五六七八九][百千万][一二三四五六七八九]?)(?:多|余)?"
    rf"(?!{_HAN_NUMBER}|[人个次名位字分条年天月号户家张笔里米])"
    rf"|\b(?P<words>{_WORD}(?:(?: and |[ -]){_WORD})*) {_YUAN}"
)


_MIXED = re.compile(r"(?<![\d.])(?P<whole>\d{1,4})(?P<place>[万千])(?P<rest>[1-9])(?:元|块)?(?![\d.,万千百个人])")


def _amounts(plain: str) -> Iterator[Decimal]:
    # 3万8 is 38000, as 三万八 is.
    plain = _MIXED.sub(lambda m: f"{(int(m['whole']) * 10 + int(m['rest'])) * _TIMES[m['place']] // 10}元", plain)
    for found in _AMOUNT.finditer(plain):
        if _is_denied(plain, found.start()):
            continue
        kind = found.lastgroup or ""
        name = kind.removesuffix("_times")
        if name in ("han", "talk"):
            amount = Decimal(chinese_number(found[name]))
        elif name == "words":
            amount = Decimal(english_number(found[name]))
        else:
            amount = Decimal(found[name].replace(",", "")) * _TIMES[found[f"{name}_times"] or ""]
        if 0 < amount <= AMOUNT_MAX:
            yield amount


_BARE = re.compile(rf"(?<![\d.])(?<!\d,)(?P<bare>{_FIGURE})\s*(?P<times>{_TIME})?(?![\d.,]*\d|[月日号天年])")


def _bare_amounts(plain: str) -> Iterator[Decimal]:
    for found in _BARE.finditer(plain):
        amount = Decimal(found["bare"].replace(",", "")) * _TIMES[found["times"] or ""]
        if not _is_denied(plain, found.start()) and 0 < amount <= AMOUNT_MAX:
            yield amount


def chinese_number(text: str) -> int:
    """三千五 → 3500, 一万二 → 12000, 三千零五 → 3005, 一二三 → 123; `text` holds Chinese figures only."""
    if not set(text) & (_PLACES.keys() | _MYRIADS.keys()):
        return int("".join(str(_DIGITS[figure]) for figure in text))
    total = section = digit = 0
    last, gap = 1, False  # the place of what came before; whether a zero stands between
    for figure in text:
        if figure in _DIGITS:
            digit, gap = _DIGITS[figure], gap or figure in "零〇"
        elif figure in _PLACES:
            section += (digit or 1) * _PLACES[figure]
            last, digit, gap = _PLACES[figure], 0, False
        else:
            total = (
                (total + section + digit or 1) * _MYRIADS[figure]
                if figure == "亿"
                else total + (section + digit or 1) * 10_000
            )
            section, last, digit, gap = 0, _MYRIADS[figure], 0, False
    # The figure at the end of 三千五 counts the next lower place.
    return total + section + digit * (last // 10 if digit and not gap and last > 10 else 1)


def english_number(text: str) -> int:
    """fifty thousand → 50000, three hundred and twenty → 320; `text` holds number words only."""
    total = part = 0
    for word in re.split(r" and |[ -]", text):
        if word in _UNITS:
            part += _UNITS[word]
        elif word == "hundred":
            part = (part or 1) * 100
        else:
            total, part = total + (part or 1) * _SCALES[word], 0
    return total + part


# ---- days ------------------------------------------------------------------------------------------------------------

_BEFORE = {
    **dict.fromkeys(["今天", "今早", "今晚", "today", "this morning", "tonight"], 0),
    **dict.fromkeys(["昨天", "昨晚", "昨日", "yesterday", "last night"], 1),
    **dict.fromkeys(["前天", "前晚", "the day before yesterday"], 2),
    "大前天": 3,
}
_DAY_NAMES = "mon tue wed thu fri sat sun"
_WEEKDAYS = {name: n for names in (_DAY_NAMES.split(), "一二三四五六日") for n, name in enumerate(names)} | {"天": 6}
_MONTH_NAMES = "jan feb mar apr may jun jul aug sep oct nov dec"
_MONTHS = {name: n for n, name in enumerate(_MONTH_NAMES.split(), 1)}
_MONTH = (
    r"(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|"
    r"oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)\.?"
)
_COUNT = r"\d{1,3}|[一二两三四五六七八九十]{1,3}|one|two|three|four|five|six|seven|eight|nine|ten"
_HAN_DAY = r"\d{1,2}|[一二三四五六七八九十]{1,3}"
_DAY = re.compile(
    rf"(?P<before>{'|'.join(sorted(_BEFORE, key=len, reverse=True))})"
    rf"|(?P<weeks>上+)个?(?:周|星期|礼拜)(?P<weeks_day>[一二三四五六日天])"
    rf"|(?<![下每])(?:这个?|本)?(?:周|星期|礼拜)(?P<week_day>[一二三四五六日天])(?![年月天])"
    rf"|\b(?:last|on|this|past) (?P<english_day>mon|tue|wed|thu|fri|sat|sun)(?:s|nes|rs|ur)?(?:day)?\b"
    rf"|(?P<ago>{_COUNT}) ?(?P<ago_unit>天|周|星期|days?|weeks?) ?(?:前|之前|以前|ago)"
    rf"|(?P<iso_year>20\d\d)[-/.](?P<iso_month>\d{{1,2}})[-/.](?P<iso_day>\d{{1,2}})(?!\d)"
    rf"|(?P<year>20\d\d|\d\d|今|去|前)年(?P<year_month>{_HAN_DAY})月(?:份)?(?P<year_day>{_HAN_DAY})[日号]"
    rf"|(?P<month>{_HAN_DAY}|上个?|这个?|本)月(?:份)?(?P<month_day>{_HAN_DAY})[日号]"
    rf"|\b(?P<en_day>\d{{1,2}})(?:st|nd|rd|th)? (?:of )?(?P<en_month>{_MONTH})(?:,? (?P<en_year>20\d\d))?"
    rf"|\b(?P<us_month>{_MONTH}) (?P<us_day>\d{{1,2}})(?:st|nd|rd|th)?\b(?:,? (?P<us_year>20\d\d))?"
)


def _days(plain: str, today: date) -> Iterator[date]:
    for found in _DAY.finditer(plain):
        day = _day({name: value for name, value in found.groupdict().items() if value}, today)
        if day is not None and day <= today:
            yield day


def _day(said: dict[str, str], today: date) -> date | None:
    if "before" in said:
        return today - timedelta(days=_BEFORE[said["before"]])
    monday = today - timedelta(days=today.weekday())
    if "weeks" in said:
        return monday + timedelta(days=_WEEKDAYS[said["weeks_day"]], weeks=-len(said["weeks"]))
    if "week_day" in said:
        return _latest(_WEEKDAYS[said["week_day"]], today)
    if "english_day" in said:
        return _latest(_WEEKDAYS[said["english_day"]], today)
    if "ago" in said:
        weeks = said["ago_unit"].startswith(("周", "星", "w"))
        return today - timedelta(days=_count(said["ago"]) * (7 if weeks else 1))
    if "iso_year" in said:
        return _date(int(said["iso_year"]), int(said["iso_month"]), int(said["iso_day"]))
    if "year" in said:
        years = {"今": today.year, "去": today.year - 1, "前": today.year - 2}
        year = years.get(said["year"]) or int(said["year"]) % 100 + 2000
        return _date(year, _count(said["year_month"]), _count(said["year_day"]))
    if "month" in said:
        day = _count(said["month_day"])
        if said["month"][0] in "上这本":
            first = today.replace(day=1)
            first = (first - timedelta(days=1)).replace(day=1) if said["month"][0] == "上" else first
            return _date(first.year, first.month, day)
        return _latest_date(_count(said["month"]), day, "", today)
    style = "en" if "en_day" in said else "us"
    month = _MONTHS[said[f"{style}_month"][:3]]
    return _latest_date(month, int(said[f"{style}_day"]), said.get(f"{style}_year", ""), today)


def _latest(weekday: int, today: date) -> date:
    """The last day of this name before `today`: complaints are about what has happened."""
    return today - timedelta(days=(today.weekday() - weekday - 1) % 7 + 1)


def _latest_date(month: int, day: int, year: str, today: date) -> date | None:
    found = _date(int(year) if year else today.year, month, day)
    return _date(today.year - 1, month, day) if found is not None and found > today and not year else found


def _date(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None


def _count(text: str) -> int:
    if text.isdecimal():
        return int(text)
    return _UNITS[text] if text in _UNITS else chinese_number(text)

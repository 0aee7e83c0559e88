"""Made-up consumers' messages with personal numbers planted in them, and such whose numbers are nobody's; seeded.

Check digits are worked out here by their published formulas (GB 11643-1999; Luhn, ISO/IEC 7812-1) and not by the
library that the product checks them with. Nobody's numbers are drawn as they come in life: an order number of nineteen
digits passes for a card now and then, and whoever reads it cannot know better.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import yaml

ID, CARD, PHONE = "id-card", "bank-card", "phone"
PERSONAL = 0.6  # share of the messages with personal numbers

# The first six digits of identity cards: cities and counties all over the country (GB/T 2260).
REGIONS = (
    *("110105", "120104", "130102", "140105", "150102", "210102", "220102", "230103", "310115", "320505", "330102"),
    *("340104", "350203", "360102", "370202", "410105", "420106", "430104", "440305", "450103", "460105", "500112"),
    *("510107", "520103", "530102", "540102", "610104", "610113", "610125", "620102", "630103", "640104", "650102"),
)
# First digits and length of bank cards: UnionPay debit and credit, Visa, Mastercard, JCB.
CARDS = (
    *(("622202", 19), ("621700", 19), ("622848", 19), ("621661", 19), ("623058", 19), ("621098", 19), ("622700", 19)),
    *(("622588", 16), ("625900", 16), ("628286", 16), ("622155", 16), ("621483", 16), ("622908", 18), ("622262", 17)),
    *(("436742", 19), ("955880", 19), ("456351", 19), ("427020", 16), ("481699", 16), ("518710", 16), ("545619", 16)),
    *(("356833", 16), ("528856", 16)),
)
MOBILES = (
    *("130", "131", "132", "133", "135", "136", "137", "138", "139", "145", "147", "150", "151", "152", "153", "155"),
    *("156", "157", "158", "159", "166", "172", "173", "175", "176", "177", "178", "180", "181", "182", "183", "185"),
    *("186", "187", "188", "189", "190", "191", "192", "193", "195", "196", "197", "198", "199"),
)
AREAS = (("029", 8), ("010", 8), ("021", 8), ("020", 8), ("028", 8), ("0755", 8), ("0512", 8), ("0911", 7), ("0917", 7))
ABROAD = (("+852", (4, 4)), ("+65", (4, 4)), ("+1", (3, 3, 4)), ("+44", (4, 6)), ("+81", (2, 4, 4)), ("+49", (3, 8)))
ABROAD_FIRST = {"+852": "69", "+65": "89", "+1": "2346789", "+44": "7", "+81": "789", "+49": "1"}

WIDE = str.maketrans("0123456789Xx-+() ", "０１２３４５６７８９Ｘｘ－＋（）\u3000")

PHRASES: dict[str, Any] = yaml.safe_load(Path(__file__).with_name("messages.yml").read_text(encoding="utf-8"))

Chance = random.Random


@dataclass(frozen=True, kw_only=True, slots=True)
class Planted:
    """A personal number: its kind, its bare digits (and X), and how it was written."""

    kind: str
    value: str
    form: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Message:
    """What a consumer wrote; `hidden` is the same with ⟦kind⟧ for each planted number.

    Without personal numbers `kind` says whose else the number is, and `hidden` is the text itself.
    """

    text: str
    hidden: str
    kind: str
    planted: tuple[Planted, ...] = ()


def messages(count: int, seed: int) -> list[Message]:
    """That many messages, the same for the same seed."""
    chance = Chance(seed)
    return [personal(chance) if chance.random() < PERSONAL else nobodys(chance) for _ in range(count)]


# Personal numbers ---------------------------------------------------------------------------------------------------


def personal(chance: Chance) -> Message:
    """A message with one personal number, at times with two, and at times with an amount or a date beside them."""
    kind = chance.choice((ID, CARD, PHONE))
    planted, written = _planted(chance, kind)
    around = chance.choice(PHRASES["personal"][kind])
    text, hidden, all_planted = around.format(written), around.format(f"⟦{kind}⟧"), [planted]
    if chance.random() < 0.15:
        other = chance.choice((ID, CARD, PHONE))
        second, written = _planted(chance, other)
        between = chance.choice(PHRASES["between"])
        text, hidden = f"{text}{between}{written}", f"{hidden}{between}⟦{other}⟧"
        all_planted.append(second)
    if chance.random() < 0.25:
        innocent = _innocent(chance, chance.choice(("amount", "date", "hotline")))
        text, hidden = f"{innocent}。{text}", f"{innocent}。{hidden}"
    return Message(text=text, hidden=hidden, kind="personal", planted=tuple(all_planted))


def id_card(chance: Chance) -> str:
    """Eighteen places with the right check digit; a quarter ends in X."""
    want_x = chance.random() < 0.18
    while True:
        born = date(1935, 1, 1) + timedelta(days=chance.randrange(32_000))
        body = f"{chance.choice(REGIONS)}{born:%Y%m%d}{chance.randrange(1000):03}"
        check = id_check(body)
        if check == "X" or not want_x:
            return body + check


def id_check(body: str) -> str:
    """The check digit of the first seventeen: ISO 7064, MOD 11-2."""
    total = sum(int(digit) * 2 ** (17 - place) for place, digit in enumerate(body))
    return "10X98765432"[total % 11]


def bank_card(chance: Chance) -> str:
    """A card number of an issuer that there is, with the right check digit."""
    first, length = chance.choice(CARDS)
    body = first + _digits(chance, length - len(first) - 1)
    return body + luhn_check(body)


def luhn_check(body: str) -> str:
    """The digit that makes the sum of Luhn's formula a multiple of ten."""
    total = 0
    for place, digit in enumerate(reversed(body)):
        doubled = int(digit) * 2 if place % 2 == 0 else int(digit)
        total += doubled // 10 + doubled % 10
    return str(-total % 10)


def mobile(chance: Chance) -> str:
    return chance.choice(MOBILES) + _digits(chance, 8)


def _planted(chance: Chance, kind: str) -> tuple[Planted, str]:
    """A personal number and how it is written."""
    if kind == ID:
        value = id_card(chance)
        groups = chance.choice(((6, 8, 4), (6, 4, 4, 4), (3, 3, 4, 4, 4), (6, 12), (14, 4), (4, 4, 4, 4, 2)))
        shown = value.lower() if chance.random() < 0.4 else value
    elif kind == CARD:
        shown = value = bank_card(chance)
        groups = (4,) * (len(value) // 4) + ((len(value) % 4,) if len(value) % 4 else ())
        if chance.random() < 0.1:
            groups = (6, len(value) - 6)
    else:
        return _telephone(chance)
    form, written = _written(chance, shown, groups)
    return Planted(kind=kind, value=value, form=form), written


def _telephone(chance: Chance) -> tuple[Planted, str]:
    drawn = chance.random()
    if drawn < 0.15:
        area, length = chance.choice(AREAS)
        rest = chance.choice("2345678") + _digits(chance, length - 1)
        way = chance.choice(("{}-{}", "({}){}", "（{}）{}", "{}{}", "{} {}", "({}) {}", "{}－{}", "+86 {0:.0}{2}-{1}"))
        written = way.format(area, rest, area[1:])
        return Planted(kind=PHONE, value=area + rest, form="landline"), written
    if drawn < 0.22:
        country, groups = chance.choice(ABROAD)
        rest = chance.choice(ABROAD_FIRST[country]) + _digits(chance, sum(groups) - 1)
        joined = chance.choice((" ", "-", "")).join([country, *_split(rest, groups)])
        return Planted(kind=PHONE, value=country[1:] + rest, form="abroad"), joined
    value = mobile(chance)
    form, written = _written(chance, value, chance.choice(((3, 4, 4), (3, 4, 4), (3, 3, 5), (4, 4, 3), (3, 8), (7, 4))))
    if chance.random() < 0.2:
        prefix = chance.choice(
            ("+86", "+86 ", "+86-", "0086", "0086-", "86-", "86 ", "(+86)", "（+86）", "+ 86 ", "86")
        )
        return Planted(kind=PHONE, value=value, form="with 86"), prefix + written
    return Planted(kind=PHONE, value=value, form=form), written


def _written(chance: Chance, value: str, groups: tuple[int, ...]) -> tuple[str, str]:
    """As people write numbers, with the name of the way."""
    form = chance.choices(
        ("plain", "spaces", "dashes", "full width", "broken lines", "dots", "wide marks", "odd spaces"),
        (40, 20, 12, 10, 6, 3, 5, 4),
    )[0]
    parts = _split(value, groups)
    if form == "plain":
        return form, value
    if form == "full width":
        joined = chance.choice(("", "", "-", " ")).join(parts)
        return form, joined.translate(WIDE)
    if form == "broken lines":
        return form, _broken(chance, parts)
    joins = {
        "spaces": (" ", " ", "  "),
        "dashes": ("-", "-", "--", " - "),
        "dots": (".", "·"),
        "wide marks": ("－", "–", "—", "‐", "\u3000", "——"),
        "odd spaces": ("\u00a0", "\u2009", "\u200b", "\t", "\u202f"),
    }
    return form, chance.choice(joins[form]).join(parts)


def _broken(chance: Chance, parts: list[str]) -> str:
    """Over two lines, in groups on each of them."""
    at = chance.randrange(1, len(parts))
    return " ".join(parts[:at]) + chance.choice(("\n", "\r\n", " \n", "-\n")) + " ".join(parts[at:])


# Nobody's numbers ---------------------------------------------------------------------------------------------------


def nobodys(chance: Chance) -> Message:
    """A message with a number that tells of nobody."""
    kind = chance.choice(tuple(NOBODYS))
    text = _innocent(chance, kind)
    if chance.random() < 0.15:
        text = text.translate(WIDE)
    return Message(text=text, hidden=text, kind=kind)


def _innocent(chance: Chance, kind: str) -> str:
    return chance.choice(PHRASES["nobodys"][kind]).format(NOBODYS[kind](chance))


def _amount(chance: Chance) -> str:
    whole = chance.choice((chance.randrange(1, 1000), chance.randrange(1000, 10**6), chance.randrange(10**6, 10**9)))
    shown = chance.choice((f"{whole}", f"{whole:,}"))
    return shown if chance.random() < 0.5 else f"{shown}.{_digits(chance, 2)}"


def _amounts(chance: Chance) -> str:
    """Like instalments: of one size, whole or with fen, round at times."""
    about = chance.choice((300, 1500, 4000, 12_000))
    many = [about + chance.randrange(about // 5) for _ in range(chance.randint(3, 6))]
    if chance.random() < 0.3:
        many = [one // 50 * 50 for one in many]
    fen = chance.random() < 0.5
    return chance.choice((" ", "、", "，", ", ", "/", "+", "\n")).join(
        f"{one}.{_digits(chance, 2)}" if fen else f"{one}" for one in many
    )


def _a_day(chance: Chance) -> date:
    return date(2015, 1, 1) + timedelta(days=chance.randrange(4300))


def _day(chance: Chance) -> str:
    day = _a_day(chance)
    clock = f"{chance.randrange(24):02}:{chance.randrange(60):02}:{chance.randrange(60):02}"
    ways = ("%Y-%m-%d", "%Y年%m月%d日", "%Y%m%d", "%d/%m/%Y", f"%Y-%m-%d {clock}", f"%Y/%m/%d {clock}", "%Y%m", "%Y.%m")
    return f"{day:{chance.choice((*ways, '%Y%m%d' + clock.replace(':', '')))}}"


def _period(chance: Chance) -> str:
    day = _a_day(chance)
    way, between = chance.choice((("%Y%m%d", "-"), ("%Y.%m.%d", "至"), ("%Y-%m-%d", "~"), ("%Y-%m-%d", " 到 ")))
    return f"{day:{way}}{between}{day + timedelta(days=chance.randrange(400)):{way}}"


def _order(chance: Chance) -> str:
    day = _a_day(chance)
    return chance.choice(
        (
            _digits(chance, 12, first="123"),  # a shop's
            _digits(chance, 19, first="1234"),  # a market place's
            f"4200{_digits(chance, 6)}{day:%Y%m%d}{_digits(chance, 10)}",  # a wallet's, 28 digits
            f"{day:%Y%m%d}2200{_digits(chance, 16)}",  # another wallet's, 28 digits
            *(f"{day:%Y%m%d}{_digits(chance, 8)}", f"E{day:%Y%m%d}{_digits(chance, 10)}"),
            f"{day:%Y%m%d}{_digits(chance, 12)}",
        )
    )


def _case(chance: Chance) -> str:
    year, number = chance.randrange(2020, 2027), _digits(chance, 6)
    return chance.choice(
        (
            *(f"12363-{year}-{number}", f"QT{year}{_digits(chance, 8)}", f"〔{year}〕第{number[:3]}号"),
            *(f"（{year}）陕01民终{number[:5]}号", f"TS{year}{_digits(chance, 8)}", f"{year}-61-{number}"),
            *(f"{year}{chance.randint(1, 12):02}{number}", _digits(chance, 8)),
        )
    )


def _policy(chance: Chance) -> str:
    year = chance.randrange(2015, 2027)
    return chance.choice(
        (
            *(f"PDZA{year}6101{_digits(chance, 10)}", f"P{_digits(chance, 15)}", f"{year}{_digits(chance, 11)}"),
            *(f"8{_digits(chance, 14)}", f"GP{_digits(chance, 14)}", f"1{_digits(chance, 2)}-{_digits(chance, 9)}"),
            *(f"00{_digits(chance, 13)}8", f"AXIAN{_digits(chance, 11)}Z", f"1{year}0100{_digits(chance, 11)}"),
        )
    )


def _wrong_id(chance: Chance) -> str:
    """The length of an identity card with a wrong check digit, and no birthday in it: with one it would be somebody's
    number, mistyped."""
    body = f"{chance.choice(REGIONS)}{_digits(chance, 4)}{chance.randint(13, 99)}{_digits(chance, 5)}"
    return body + chance.choice([digit for digit in "0123456789X" if digit != id_check(body)])


def _wrong_card(chance: Chance) -> str:
    right = bank_card(chance)
    number = right[:-1] + str((int(right[-1]) + chance.randint(1, 9)) % 10)
    return number if chance.random() < 0.7 else " ".join(_split(number, (4, 4, 4, 4)))


def _like_a_phone(chance: Chance) -> str:
    return chance.choice(
        (
            *(f"1{chance.choice('012')}{_digits(chance, 9)}", f"{chance.choice(MOBILES)}{_digits(chance, 7)}"),
            *(f"{chance.choice('23456789')}{_digits(chance, 10)}", f"{chance.choice(MOBILES)}{_digits(chance, 11)}"),
            *(f"A{mobile(chance)}{_digits(chance, 5)}", f"{mobile(chance)}{_digits(chance, 2)}"),
            *(f"5{mobile(chance)}", f"{_digits(chance, 7)}", f"{chance.choice(MOBILES)}-{_digits(chance, 6)}"),
        )
    )


def _hotline(chance: Chance) -> str:
    return chance.choice(("12363", "12378", "12386", "12345", "95588", "95533", "95566", "95599", "96110", "12315"))


def _rate(chance: Chance) -> str:
    first, second = chance.randrange(1, 30), chance.randrange(100)
    return chance.choice(
        (
            *(f"年化{first}.{second:02}%", f"{first}.{second:02}%调到{first + 1}.{second:02}%"),
            *(f"LPR {first}.{second:02} + {second}BP", f"分{first}期{second}元", f"邮编710{second:03}"),
            *(f"科技路{second}号{first}栋{first}0{second:02}", f"股票600{second:03}", f"车牌陕A{second:05}"),
            *(f"{first}号柜台等了{second}分钟", f"取号A{second:03}"),
        )
    )


NOBODYS: dict[str, Callable[[Chance], str]] = {
    "amount": _amount,
    "amounts": _amounts,
    "date": _day,
    "period": _period,
    "order number": _order,
    "case number": _case,
    "policy number": _policy,
    "wrong id check": _wrong_id,
    "wrong card check": _wrong_card,
    "like a phone": _like_a_phone,
    "hotline": _hotline,
    "rate or place": _rate,
}


def _digits(chance: Chance, count: int, first: str = "0123456789") -> str:
    return chance.choice(first) + "".join(chance.choices("0123456789", k=count - 1)) if count else ""


def _split(value: str, groups: tuple[int, ...]) -> list[str]:
    parts: list[str] = []
    for size in groups:
        parts.append(value[:size])
        value = value[size:]
    return [part for part in (*parts, value) if part]

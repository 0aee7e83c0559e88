"""Sentences with planted personal numbers in many forms, and sentences whose numbers are nobody's; seeded."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from stdnum import luhn
from stdnum.cn import ric

REGIONS = ["110101", "310104", "320106", "330106", "370202", "440305", "510104", "610113", "650102", "820000", "150102"]
BINS = ["622202", "621700", "622588", "955880", "621226", "436742", "520083", "356833", "625900", "601382", "940013"]
LENGTHS = {"3": [16], "4": [16, 19], "5": [16]}  # of JCB, Visa and Mastercard in China; UnionPay has all from 16 to 19
MOBILES = ["130", "135", "138", "139", "147", "150", "158", "166", "173", "177", "186", "189", "191", "198", "199"]
AREAS = {"010": 8, "021": 8, "020": 8, "0755": 8, "0571": 8, "0316": 7, "0898": 8, "0971": 7}


@dataclass(frozen=True, kw_only=True)
class Planted:
    """`text` holds the `kind` of number `value`, written as `form`."""

    text: str
    kind: str
    value: str
    form: str


def id18(rng: random.Random) -> str:
    birthday = date(1935, 1, 1) + timedelta(days=rng.randrange(29_000))
    body = f"{rng.choice(REGIONS)}{birthday:%Y%m%d}{rng.randrange(1, 999):03d}"
    return body + ric.calc_check_digit(body + "0")


def id18_x(rng: random.Random) -> str:
    while not (number := id18(rng)).endswith("X"):
        pass
    return number


def id15(rng: random.Random) -> str:
    number = id18(rng)
    return number[:6] + number[8:17]


def card(rng: random.Random) -> str:
    start = rng.choice(BINS)
    length = rng.choice(LENGTHS.get(start[0], [16, 16, 16, 17, 18, 19, 19, 19]))
    body = start + "".join(rng.choice("0123456789") for _ in range(length - len(start) - 1))
    return body + luhn.calc_check_digit(body)


def mobile(rng: random.Random) -> str:
    return rng.choice(MOBILES) + f"{rng.randrange(10**8):08d}"


def landline(rng: random.Random) -> tuple[str, str]:
    area, length = rng.choice(list(AREAS.items()))
    return area, rng.choice("2345678") + "".join(rng.choice("0123456789") for _ in range(length - 1))


def email(rng: random.Random) -> str:
    names = ["zhang.san", "li-si99", "wang_wu", "13800138000", "10001", "A.Smith+desk", "x", "info2024"]
    hosts = ["qq.com", "163.com", "example.org", "mail.pbc.gov.cn", "foo-bar.co.uk", "126.com", "Outlook.COM"]
    return f"{rng.choice(names)}@{rng.choice(hosts)}"


def wide(text: str) -> str:
    return "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in text)


def grouped(digits: str, sizes: list[int], separator: str) -> str:
    parts: list[str] = []
    for size in sizes:
        parts.append(digits[:size])
        digits = digits[size:]
    return separator.join([*parts, digits] if digits else parts)


# Separators in the order of how often people type them.
SEPARATORS = [
    " ",
    " ",
    "-",
    "-",
    "  ",
    "\u3000",
    "—",
    "－",
    " - ",
    "\u00a0",
    "·",
    ".",
    "\u200b",
    "_",
    "，",
    "、",
    "–",
    "\t",
]
ID_GROUPS = [[6, 8, 4], [6, 8, 4], [3, 3, 4, 4, 4], [6, 4, 4, 4], [4, 4, 4, 4, 2], [3, 3, 4, 2, 2, 4], [6, 4, 2, 2, 4]]
CARD_GROUPS = [[4, 4, 4, 4, 4], [4, 4, 4, 4], [6, 13], [4, 4, 4], [4, 12], [6, 6, 7]]
MOBILE_GROUPS = [[3, 4, 4], [3, 4, 4], [3, 4, 4], [3, 8], [7, 4], [4, 4, 3]]
CIRCLED = str.maketrans("0123456789", "⓪①②③④⑤⑥⑦⑧⑨")
SPELLED = str.maketrans("0123456789", "零一二三四五六七八九")
ARABIC = str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩")


def _scripts(digits: str, rng: random.Random) -> tuple[str, str]:
    """The digits in one of the scripts people have on their telephones."""
    pick = rng.random()
    if pick < 0.70:
        return "plain", digits
    if pick < 0.90:
        return "full width", wide(digits)
    if pick < 0.93:
        return "circled", digits.translate(CIRCLED)
    if pick < 0.96:
        return "spelled", digits.translate(SPELLED)
    return "arabic-indic", digits.translate(ARABIC)


def _id_form(rng: random.Random) -> tuple[str, str, str]:
    if rng.random() < 0.15:
        value = id15(rng)
        sizes = [[], [6, 6, 3], [3, 3, 6, 3]][rng.randrange(3)]
    else:
        value = id18_x(rng) if rng.random() < 0.3 else id18(rng)
        sizes = [] if rng.random() < 0.5 else rng.choice(ID_GROUPS)
    separator = rng.choice(SEPARATORS) if sizes else ""
    written = value.lower() if rng.random() < 0.4 else value
    script, written = _scripts(written, rng)
    return value, grouped(written, sizes, separator), f"{len(value)} {script} {sizes} {separator!r}"


def _card_form(rng: random.Random) -> tuple[str, str, str]:
    value = card(rng)
    sizes = [] if rng.random() < 0.4 else rng.choice(CARD_GROUPS)
    separator = rng.choice(SEPARATORS) if sizes else ""
    script, written = _scripts(value, rng)
    return value, grouped(written, sizes, separator), f"{len(value)} {script} {sizes} {separator!r}"


def _phone_form(rng: random.Random) -> tuple[str, str, str]:
    if rng.random() < 0.2:
        area, local = landline(rng)
        prefix = rng.choice(["", "", "", "+86 "])
        between = rng.choice(["-", "-", " ", "", "－", ")"])
        value = area + local
        start = area.removeprefix("0") if prefix else ("(" + area if between == ")" else area)
        script, written = _scripts(f"{prefix}{start}{between}{local}", rng)
        return value, written, f"landline {script} {between!r}"
    if rng.random() < 0.06:
        written, value = rng.choice(
            [("+1 415 555 0123", "4155550123"), ("+442079460958", "2079460958"), ("+852 2345 6789", "23456789"),
             ("+49 (0)30 901820", "30901820"), ("+81-3-1234-5678", "312345678"), ("0044 20 7946 0958", "79460958")]
        )  # fmt: skip
        return value, written, "international"
    value = mobile(rng)
    sizes = [] if rng.random() < 0.5 else rng.choice(MOBILE_GROUPS)
    separator = rng.choice(SEPARATORS) if sizes else ""
    prefix = rng.choice(["", "", "", "", "", "", "+86", "+86 ", "0086", "0086-", "86", "(+86)", "86-"])
    script, written = _scripts(prefix + grouped(value, sizes, separator), rng)
    return value, written, f"mobile {script} {prefix!r} {sizes} {separator!r}"


def _email_form(rng: random.Random) -> tuple[str, str, str]:
    value = email(rng)
    written = wide(value) if rng.random() < 0.2 else value
    return value, written.replace("@", " @ ") if rng.random() < 0.05 else written, "email"


FORMS: dict[str, Callable[[random.Random], tuple[str, str, str]]] = {
    "id-card": _id_form,
    "bank-card": _card_form,
    "phone": _phone_form,
    "email": _email_form,
}
SENTENCES = {
    "id-card": [
        "我的身份证号是{}，能查到吗？", "身份证{}", "身份证号码：{}。姓名张三", "{}这是我的证件", "查一下{}的信用报告",
        "My ID card number is {}, please check.", "id:{}", "ID{}谢谢", "本人张三，{}，来投诉", "{}", "证件({})",
    ],
    "bank-card": [
        "我的卡号{}被盗刷了", "银行卡号是{}，请冻结", "{}这张卡转账没到账", "卡{}，昨天扣了300元", "尾号看这个：{}！",
        "My card {} was charged twice.", "card no.{}", "{}", "请查{}和余额", "工行{}的年费怎么收", "从「{}」扣款20.5元",
    ],
    "phone": [
        "我的电话{}，请回电", "手机号{}收到诈骗短信", "{}打来的是不是骗子", "联系{}张先生", "电话：{}。9点以后",
        "tel:{}",
        "Please call me at {} after 5 pm.", "{} called me 3 times", "{}", "请拨{}，不是12363", "【{}】",
        "加我微信{}谢谢",
    ],
    "email": [
        "请发到{}谢谢", "邮箱：{}。", "{}是我的邮箱", "send the report to {}, please.", "<{}>", "{}",
        "我的邮箱是{}，2024年办的",
    ],
}  # fmt: skip


def planted(seed: int, count: int) -> Iterator[Planted]:
    """`count` sentences, each with one number of somebody."""
    rng = random.Random(seed)
    kinds = ["id-card", "bank-card", "phone", "email"]
    for n in range(count):
        kind = kinds[n % 4] if n % 8 else "phone"
        value, written, form = FORMS[kind](rng)
        text = rng.choice(SENTENCES[kind]).format(written)
        yield Planted(text=text, kind=kind, value=value, form=form)


def _amount(rng: random.Random) -> str:
    whole = rng.choice([rng.randrange(10, 1000), rng.randrange(1000, 100_000), rng.randrange(10**5, 10**10)])
    return rng.choice(
        [f"{whole}", f"{whole:,}", f"{whole}.{rng.randrange(100):02d}", f"{whole:,}.{rng.randrange(100):02d}"]
    )


def _moment(rng: random.Random) -> str:
    at = date(2015, 1, 1) + timedelta(days=rng.randrange(5000))
    clock = f"{rng.randrange(24):02d}:{rng.randrange(60):02d}"
    return rng.choice([
        f"{at:%Y-%m-%d}", f"{at:%Y/%m/%d}", f"{at:%Y.%m.%d}", f"{at:%Y%m%d}", f"{at:%Y年%m月%d日}",
        f"{at:%Y-%m-%d} {clock}",
        f"{at:%Y-%m-%d}T{clock}:00Z", f"{at:%Y%m%d}{clock.replace(':', '')}59", clock, f"{clock}-{clock}",
        f"{at:%Y}年",
        f"{at:%Y} {at:%m} {at:%d} {clock}", f"{at:%Y-%m-%d}至{at:%Y-%m-%d}",
        f"{at:%Y}、{at.year + 1}、{at.year + 2}、{at.year + 3}",
    ])  # fmt: skip


def _short(rng: random.Random) -> str:
    return rng.choice([
        "12363", "95588", "110", "96110", "12378", "12345", "95533", "10086", "400-820-8820", "4008208820",
        "800-820-8820",
        "12363、12378", "110/119/120", "95588 95533 95599", "1069012363", "100800", "尾号8888", "尾号 6789",
    ])  # fmt: skip


def _order(rng: random.Random) -> str:
    digits = "".join(rng.choice("0123456789") for _ in range(rng.randrange(20, 33)))
    return rng.choice([digits, f"{rng.randrange(1, 9)}{digits}", f"20240115{digits[:14]}"])


def _code(rng: random.Random) -> str:
    digits = "".join(rng.choice("0123456789") for _ in range(8))
    return rng.choice([
        f"{digits[:4]}", f"{digits[:6]}", f"{digits}", f"KX-{digits[:4]}-B7", f"SN{digits[:8]}A",
        f"银发〔2024〕{digits[:3]}号",
        f"192.168.{rng.randrange(256)}.{rng.randrange(256)}", f"978-7-5049-{digits[:4]}-{digits[4]}",
        f"V2.{digits[0]}.{digits[1:3]}",
        f"F{digits[:2]}", f"沪A{digits[:5]}", f"{digits[:3]}/{digits[3:6]}", f"9131011{digits[0]}MA1K{digits[:4]}7X",
    ])  # fmt: skip


def _rate(rng: random.Random) -> str:
    a, b = rng.randrange(1, 30), rng.randrange(100)
    return rng.choice([
        f"{a}.{b:02d}%", f"{a}%", f"+{a}%", f"{a}～{a + 3}%", f"3.{b:02d}1592653", f"{a}.{b}、{a + 1}.{b}、{a + 2}.{b}",
        f"{a},{a + 1},{a + 2},{a + 3},{a + 4}", f"{a}期/{a * 12}期", f"1:{a}.{b:02d}", f"-{a}.5", f"第{a}条第{b}款",
        f"{a}000-{a + 5}000元", f"{a}0000、{a + 2}0000、{a + 3}0000", f"{a} 000 000",
    ])  # fmt: skip


INNOCENT = [_amount, _amount, _moment, _moment, _short, _order, _code, _rate]
INNOCENT_SENTENCES = [
    "我要查{}的记录", "转账{}元没到账", "{}是什么意思？", "订单号{}，请查", "验证码{}不要告诉别人", "从{}到现在",
    "Is {} correct?",
    "I paid {} yesterday.", "号码是{}吗", "{}", "请问{}收费吗，需要{}吗", "大约{}，另外{}", "The code is {}. Thanks",
    "利率{}合理吗",
]  # fmt: skip


def innocent(seed: int, count: int) -> Iterator[str]:
    """`count` sentences whose numbers are amounts, dates, codes … of nobody."""
    rng = random.Random(seed)
    for _ in range(count):
        sentence = rng.choice(INNOCENT_SENTENCES)
        yield sentence.format(*(rng.choice(INNOCENT)(rng) for _ in range(sentence.count("{}"))))

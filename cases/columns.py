"""The columns of a list of cases: their headings, and what their cells mean; pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from functools import cache
from typing import Any, Literal

from cases import codes
from cases.calendar import BEIJING
from cases.sheets import Cell

Kind = Literal["text", "digits", "code", "codes", "moment", "day", "money", "whole", "truth", "ignored"]

# Days since 1899-12-30 as Excel counts them: 1954 to 2119. The few of Excel for Mac before 2011 count from 1904: they
# would be four years wrong, and XLSX files tell which they are.
SERIAL = range(20_000, 80_500)
SERIAL_ZERO = datetime(1899, 12, 30, tzinfo=BEIJING)
EXACT_MAX = 10**15  # a spreadsheet keeps fifteen digits of a number and puts zeros in the place of the others
DATE = re.compile(r"(\d{4})[-/.年](\d{1,2})[-/.月](\d{1,2})日?|(\d{4})(\d\d)(\d\d)")
TIME = re.compile(r"(\d{1,2})[:时点](\d{1,2})(?:[:分](\d{1,2})(?:\.\d+)?秒?|分)?(Z|[+-]\d\d:?\d\d)?")
TRUTH = {"是": True, "yes": True, "true": True, "1": True, "否": False, "no": False, "false": False, "0": False}
LISTED = re.compile(r"[,、;|/\n]+")


@dataclass(frozen=True, kw_only=True, slots=True)
class Column:
    """One column of a list."""

    key: str  # its English heading
    zh: str  # its Chinese one
    into: tuple[str, ...]  # the field of NewCase, and of what is in it
    kind: Kind = "text"
    codes: str = ""  # of which kind its codes are
    also: tuple[str, ...] = ()  # other headings

    def heading(self, language: codes.Language) -> str:
        return self.zh if language == "zh" else self.key

    @property
    def personal(self) -> bool:
        return self.into[0] in ("person", "agent")


def _text(key: str, zh: str, *also: str, into: str = "") -> Column:
    return Column(key=key, zh=zh, also=also, into=tuple((into or key).split(".")))


def _of(kind: Kind, key: str, zh: str, *also: str, into: str = "", codes: str = "") -> Column:
    return Column(key=key, zh=zh, also=also, into=tuple((into or key).split(".")), kind=kind, codes=codes)


COLUMNS = (
    _of("moment", "received_at", "收到时间", "受理时间", "投诉时间", "来电时间", "received"),
    _of("code", "source_channel", "来源渠道", "受理渠道", "来源", codes="source_channel"),
    _text("external_no", "外部编号", "原编号", "工单号"),
    _of("code", "type", "类型", "诉求类型", codes="type"),
    _of("code", "track", "监管条线", "条线", codes="track"),
    _of("code", "level", "等级", "复杂程度", codes="level"),
    _of("code", "urgency", "紧急程度", codes="urgency"),
    _of("codes", "sensitivity", "敏感标识", codes="sensitivity"),
    _of("codes", "flags", "标记", codes="flag"),
    _text("language", "语言"),
    _text("summary", "摘要", "标题", "主题"),
    _text("facts", "事实和理由", "事实", "投诉内容", "内容"),
    _text("request", "诉求", "投诉请求"),
    _of("money", "amount", "涉及金额", "金额"),
    _text("currency", "币种"),
    _of("whole", "people_count", "涉及人数", "人数"),
    _text("prior_institution", "曾投诉机构", into="prior_complaint.to_institution"),
    _of("day", "prior_on", "曾投诉日期", into="prior_complaint.on"),
    _text("prior_reply", "机构答复", into="prior_complaint.reply"),
    _text("institution", "机构", "被投诉机构", "机构名称"),
    _text("province", "省份", "省", "发生省份"),
    _text("city", "城市", "市", "发生城市"),
    _text("district", "区县", "区", "县"),
    _of("code", "business", "业务类别", "业务", "business_code", into="business_code", codes="business"),
    _of("code", "reason", "投诉原因", "原因", "reason_code", into="reason_code", codes="reason"),
    _of("code", "channel", "业务办理渠道", "办理渠道", "channel_code", into="channel_code", codes="channel"),
    _text("product", "产品", "产品名称"),
    _of("code", "reply_mode", "答复方式", codes="reply_mode"),
    _of("truth", "responsible", "是否有责"),
    _text("owner", "承办人"),
    _text("name", "姓名", "投诉人", "投诉人姓名", into="person.name"),
    _of("code", "id_type", "证件类型", into="person.id_type", codes="id_type"),
    _of("digits", "id_number", "证件号码", "身份证号", "身份证号码", into="person.id_number"),
    _of("whole", "birth_year", "出生年份", into="person.birth_year"),
    _of("code", "gender", "性别", into="person.gender", codes="gender"),
    _of("digits", "phone", "联系电话", "电话", "手机", "手机号", "mobile", into="person.phone"),
    _of("digits", "reserved_phone", "预留电话", into="person.reserved_phone"),
    _of("digits", "reply_phone", "答复电话", into="person.reply_phone"),
    _text("email", "电子邮箱", "邮箱", "e-mail", into="person.email"),
    _text("person_country", "国籍", "国家", into="person.country"),
    _text("person_province", "居住省份", into="person.province"),
    _text("person_city", "居住城市", into="person.city"),
    _text("special_needs", "特殊需要", into="person.special_needs"),
    _text("agent_name", "代理人姓名", "代理人", into="agent.name"),
    _of("digits", "agent_id_number", "代理人证件号码", into="agent.id_number"),
    _of("digits", "agent_phone", "代理人电话", into="agent.phone"),
    # What a file of refused lines has before the others, so that it may come back mended.
    _of("ignored", "refused_line", "原行号"),
    _of("ignored", "refused_column", "被拒列"),
    _of("ignored", "refused_reason", "被拒原因"),
)
REFUSED = COLUMNS[-3:]
GIVEN = COLUMNS[:-3]


@cache
def headings() -> Mapping[str, Column]:
    """The columns by everything that may stand over them, folded."""
    return {codes.folded(name): each for each in COLUMNS for name in (each.key, each.zh, *each.also)}


def value(column: Column, cell: Cell) -> Any:
    """What a cell that is not empty says, as the field wants it; ValueError with the reason, without the content."""
    return _READERS[column.kind](cell, column)


def moment(told: str) -> datetime:
    """A time as people write it, in China unless it tells its zone; a day alone is its first instant. ValueError."""
    return _moment(told, COLUMNS[0])


def empty(cell: Cell) -> bool:
    return cell is None or (isinstance(cell, str) and not cell.strip())


# ---- inside ----------------------------------------------------------------------------------------------------------


def _plain(cell: Cell) -> str:
    return unicodedata.normalize("NFKC", _words(cell)).strip()


def _words(cell: Cell, column: Column | None = None) -> str:
    """A cell as text; a number without the .0 that spreadsheets give it."""
    if isinstance(cell, float) and cell.is_integer() and abs(cell) < EXACT_MAX:
        return str(int(cell))
    return cell if isinstance(cell, str) else str(cell)


def _digits(cell: Cell, column: Column) -> str:
    lost = "the spreadsheet has lost its last digits: format the column as text and type it again"
    if isinstance(cell, (int, float)) and not isinstance(cell, bool) and abs(cell) >= EXACT_MAX:
        raise ValueError(lost)
    told = _words(cell).strip()
    if re.fullmatch(r"\d[.,]?\d*[eE]\+?\d+", told):
        raise ValueError(lost)
    return told


def _code(cell: Cell, column: Column) -> str:
    found = codes.find(column.codes, _words(cell))
    if found is None and column.codes == "source_channel" and re.fullmatch(r"[a-z][a-z0-9_.-]{0,63}", _words(cell)):
        return _words(cell)  # a channel of the house
    if found is None:
        names = [row.code for row in codes.tables()[column.codes].values()]
        raise ValueError(f"none of the codes or their names: {', '.join(names)}")
    return found


def _codes(cell: Cell, column: Column) -> tuple[str, ...]:
    parts = [part for part in LISTED.split(_plain(cell)) if part.strip()]
    return tuple(dict.fromkeys(_code(part, column) for part in parts))


def _day(cell: Cell, column: Column) -> date:
    return _moment(cell, column).date()


def _moment(cell: Cell, column: Column) -> datetime:
    """A time with its zone; one without any is Beijing's, a day alone its first instant."""
    if isinstance(cell, datetime):
        return cell if cell.tzinfo else cell.replace(tzinfo=BEIJING)
    if isinstance(cell, date):
        return datetime(cell.year, cell.month, cell.day, tzinfo=BEIJING)
    told = _plain(cell)
    if re.fullmatch(r"\d{5}(\.\d+)?", told) and int(float(told)) in SERIAL:
        # Microseconds of a serial number are its rounding.
        return SERIAL_ZERO + timedelta(seconds=round(float(told) * 86_400))
    found = DATE.match(told)
    if found is None:
        raise ValueError("no date such as 2026-11-20 09:30")
    year, month, day = (int(part) for part in found.groups() if part)
    rest = told[found.end() :].removeprefix("T").strip()
    clock = TIME.fullmatch(rest)
    if rest and clock is None:
        raise ValueError("no date such as 2026-11-20 09:30")
    try:
        if clock is None:
            return datetime(year, month, day, tzinfo=BEIJING)
        at = datetime(year, month, day, int(clock[1]), int(clock[2]), int(clock[3] or 0), tzinfo=BEIJING)
        return at.replace(tzinfo=datetime.strptime(clock[4], "%z").tzinfo) if clock[4] else at
    except ValueError:
        raise ValueError("there is no such day or time") from None


def _money(cell: Cell, column: Column) -> Decimal:
    told = re.sub(r"^[¥$]|[,\s]|元$", "", _plain(cell).replace("CNY", "").replace("RMB", ""))
    try:
        amount = Decimal(told)
    except InvalidOperation:
        raise ValueError("no amount such as 1234.50") from None
    if not amount.is_finite() or abs(amount) >= EXACT_MAX:
        raise ValueError("no amount such as 1234.50")
    # What 0.1 + 0.2 makes of a cell is no part of a cent.
    return round(amount, 6).normalize() if isinstance(cell, float) else amount


def _whole(cell: Cell, column: Column) -> int:
    told = _plain(cell)
    if not re.fullmatch(r"[0-9]{1,9}", told):
        raise ValueError("no whole number")
    return int(told)


def _truth(cell: Cell, column: Column) -> bool:
    if isinstance(cell, bool):
        return cell
    found = TRUTH.get(_plain(cell).casefold())
    if found is None:
        raise ValueError("neither yes (是) nor no (否)")
    return found


_READERS: Mapping[Kind, Callable[[Cell, Column], Any]] = {
    "text": _words,
    "digits": _digits,
    "code": _code,
    "codes": _codes,
    "moment": _moment,
    "day": _day,
    "money": _money,
    "whole": _whole,
    "truth": _truth,
    "ignored": lambda cell, column: None,
}

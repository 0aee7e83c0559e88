"""Lists of cases in and out: each good line is a case, once; each bad one is told with its column and reason."""

from __future__ import annotations

import contextlib
import csv
import io
import zipfile
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from cases import history, institutions, privacy, sheets, transfer
from cases.calendar import BEIJING
from cases.columns import GIVEN, Column, headings, value
from cases.institutions import Institution, Names
from cases.model import BadCase, CaseType, Person, Sensitivity
from cases.sheets import BadFile, Cell
from cases.tables import complaint_case, institution
from cases.transfer import Line, List, Outcome
from core.store import Store
from core.vault import Vault
from tests.cases.given import BANK, opened
from tests.conftest import NOON

HEAD = "收到时间,来源渠道,摘要"
LINE = "2026-11-01 09:30,电话,银行乱收年费"
NOBODY = Names(())


def saved(folder: Path, content: str | bytes, encoding: str = "utf-8") -> Path:
    path = folder / "list.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode(encoding))
    return path


def book(folder: Path, *lines: Sequence[Any]) -> Path:
    path = folder / "list.xlsx"
    made = openpyxl.Workbook()
    sheet: Any = made.active
    for line in lines:
        sheet.append(list(line))
    made.save(path)
    return path


def lines(path: Path, **more: Any) -> list[Line]:
    return list(List(path, **more).lines(NOBODY))


def problems(line: Line) -> list[tuple[str, str]]:
    return [(each.column, each.reason) for each in line.problems]


async def take(store: Store, vault: Vault, path: Path, *, dry: bool = False) -> list[Outcome]:
    given = List(path)
    names = await store.read(institutions.names)
    found: list[Outcome] = []
    for batch in transfer.batches(given.lines(names)):
        found += await store.write(
            lambda conn, b=batch: transfer.take(conn, vault, given, b, actor="li", now=NOON, dry=dry)
        )
    return found


async def count(store: Store) -> int:
    return await store.read(lambda conn: conn.execute(select(func.count()).select_from(complaint_case)).scalar_one())


# ---- files -----------------------------------------------------------------------------------------------------------

ZIPPED = io.BytesIO()
with zipfile.ZipFile(ZIPPED, "w") as archive:
    archive.writestr("readme.txt", "no book")
BAD_FILES: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "empty"),
    "only spaces and line ends": (b" \n\r\n", "nothing in the file"),
    "no headings": (b"2026-11-01,13912345678,x\n", "headings"),
    "an unknown column": (f"{HEAD},星座\n".encode(), "unknown columns: 星座"),
    "the same column twice": (f"{HEAD},标题\n".encode(), "twice: summary"),
    "no time": ("来源渠道,摘要\n".encode(), "missing: received_at"),
    "neither summary nor facts": ("收到时间,来源渠道\n".encode(), "summary or facts"),
    "NUL characters": (f"{HEAD}\n2026-11-01,电话,a\0b\n".encode(), "NUL"),
    "neither encoding": (f"{HEAD}\n".encode() + b"\xff\xff\xff\n", "neither UTF-8 nor GB18030"),
    "the end within a character": (HEAD.encode("gb18030") + "，银".encode("gb18030")[:-1], "within a character"),
    "an old Excel file": (sheets.OLD_EXCEL + b"\0" * 600, "Excel 97-2003"),
    "a damaged book": (sheets.ZIP + b"\0" * 600, "damaged"),
    "a ZIP file that is no book": (ZIPPED.getvalue(), "no XLSX"),
    "too many columns": ((",".join(["收到时间"] * 300) + "\n").encode(), "more than 200 columns"),
}


@pytest.mark.parametrize("name", BAD_FILES)
def test_a_file_that_is_no_list_is_refused_as_a_whole_with_the_reason(tmp_path: Path, name: str) -> None:
    content, reason = BAD_FILES[name]
    with pytest.raises(BadFile, match=reason):
        lines(saved(tmp_path, content))


def test_a_book_that_is_cut_off_or_holds_too_much_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = book(tmp_path, HEAD.split(","), LINE.split(","))
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(BadFile, match="damaged"):
        lines(path)
    path.write_bytes(whole)
    monkeypatch.setattr(sheets, "OPENED_MAX", 1000)
    with pytest.raises(BadFile, match="more than is read"):
        lines(path)
    monkeypatch.setattr(sheets, "FILE_MAX", 1000)
    with pytest.raises(BadFile, match="at most"):
        lines(path)


def test_a_list_with_too_many_lines_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sheets, "LINES_MAX", 2)
    assert len(lines(saved(tmp_path, f"{HEAD}\n{LINE}\n{LINE}\n"))) == 2
    with pytest.raises(BadFile, match="more than 2 lines"):
        lines(saved(tmp_path, f"{HEAD}\n{LINE}\n{LINE}\n{LINE}\n"))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
@pytest.mark.parametrize("separator", list(sheets.SEPARATORS))
def test_csv_is_read_as_excel_writes_it(tmp_path: Path, encoding: str, separator: str) -> None:
    text = "\r\n".join([HEAD, "", '2026-11-01,电话,"两行\r\n的，摘要"', LINE]).replace(",", separator)
    first, second = lines(saved(tmp_path, text, encoding))
    assert [first.number, second.number] == [3, 5]
    assert first.new
    assert first.new.summary == "两行\r\n的，摘要"


def test_a_first_line_that_names_the_separator_is_none_of_the_list(tmp_path: Path) -> None:
    (line,) = lines(saved(tmp_path, "sep=;\n" + f"{HEAD}\n{LINE}".replace(",", ";")))
    assert line.new
    assert line.number == 3


def test_headings_are_known_in_both_languages_however_they_are_spaced(tmp_path: Path) -> None:
    told = "＊ 收 到 时 间,Source Channel,SUMMARY，".replace("，", "") + ",ID-Number\n2026-11-01,phone,x,1\n"
    (line,) = lines(saved(tmp_path, told))
    assert line.new
    assert (line.new.source_channel, line.new.person.id_number) == ("phone", "1")


def test_every_heading_means_one_column() -> None:
    assert len(headings()) >= 2 * len(GIVEN)
    for column in GIVEN:
        assert {headings()[transfer.codes.folded(name)] for name in (column.key, column.zh, *column.also)} == {column}


def test_a_book_gives_values_not_formulas_and_dates_as_they_are(tmp_path: Path) -> None:
    path = book(
        tmp_path,
        ["收到时间", "来源渠道", "摘要", "金额", "联系电话", "人数", "产品"],
        [NINE_THIRTY.replace(tzinfo=None), "phone", "年费", 1234.5, 13912345678, 2.0, "=1+1"],
        [46327.395833333336, "phone", "年费", 0.1 + 0.2, "+8613912345678", 1, None],
        [None, None, " "],
    )
    first, second = (line.new for line in lines(path))
    assert first
    assert second
    at = datetime(2026, 11, 1, 9, 30, tzinfo=BEIJING)
    assert (first.received_at, second.received_at) == (at, at)
    assert (first.amount, second.amount) == (Decimal("1234.5"), Decimal("0.3"))
    assert (first.person.phone, second.person.phone) == ("13912345678", "+8613912345678")
    assert (first.people_count, first.product) == (2, "")  # nobody has computed the formula


# ---- cells -----------------------------------------------------------------------------------------------------------

NINE_THIRTY = datetime(2026, 11, 1, 9, 30, tzinfo=BEIJING)
GOOD_CELLS: list[tuple[str, Cell, Any]] = [
    ("received_at", "2026-11-01 09:30", NINE_THIRTY),
    ("received_at", "2026/11/1 9:30:00", NINE_THIRTY),
    ("received_at", "２０２６年１１月１日 9时30分", NINE_THIRTY),
    ("received_at", "2026-11-01T09:30:00.000+08:00", NINE_THIRTY),
    ("received_at", "2026-11-01T01:30Z", NINE_THIRTY),
    ("received_at", "46327.395833", NINE_THIRTY),
    ("received_at", date(2026, 11, 1), datetime(2026, 11, 1, tzinfo=BEIJING)),
    ("received_at", 20261101, datetime(2026, 11, 1, tzinfo=BEIJING)),
    ("received_at", "2026-12-31 23:30", datetime(2026, 12, 31, 15, 30, tzinfo=UTC)),
    ("received_at", "2024-02-29", datetime(2024, 2, 28, 16, tzinfo=UTC)),
    ("prior_on", "2026.11.01", date(2026, 11, 1)),
    ("amount", "￥1,234.50 元", Decimal("1234.50")),
    ("amount", "３００", Decimal(300)),
    ("responsible", "是", True),
    ("responsible", "No", False),
    ("responsible", 1, True),
    ("type", "投诉", "complaint"),
    ("source_channel", "web-1", "web-1"),
    ("sensitivity", "舆情、 特殊群体;舆情", ("opinion", "vulnerable")),
    ("id_number", 123456789012345.0 - 1, "123456789012344"),
    ("people_count", "3", 3),
]
BAD_CELLS: list[tuple[str, Any, str]] = [
    ("received_at", "2026-02-30", "no such day"),
    ("received_at", "2026-11-01 25:00", "no such day or time"),
    ("received_at", "昨天", "no date such as"),
    ("received_at", "2026-11-01 上午", "no date such as"),
    ("received_at", "99999", "no date such as"),
    ("received_at", True, "no date such as"),
    ("received_at", "2027-02-29", "no such day"),
    ("received_at", "2026-12-31 24:00", "no such day or time"),
    ("received_at", timedelta(days=46327), "no date such as"),
    ("amount", "三百", "no amount"),
    ("amount", "NaN", "no amount"),
    ("amount", 1e300, "no amount"),
    ("amount", float("-inf"), "no amount"),
    ("amount", "1e30", "no amount"),
    ("amount", "", "no amount"),
    ("responsible", "maybe", "neither yes"),
    ("type", "抱怨", "none of the codes"),
    ("source_channel", "Nobody Knows", "none of the codes"),
    ("sensitivity", "舆情、天气", "none of the codes"),
    ("id_number", 1.10105194912310e17, "lost its last digits"),
    ("id_number", "1.10105E+17", "lost its last digits"),
    ("people_count", "3.5", "no whole number"),
    ("people_count", "-1", "no whole number"),
]


@pytest.mark.parametrize(("key", "cell", "meant"), GOOD_CELLS, ids=str)
def test_a_cell_is_read_as_people_write_it(key: str, cell: Cell, meant: Any) -> None:
    assert value(headings()[transfer.codes.folded(key)], cell) == meant


@pytest.mark.parametrize(("key", "cell", "reason"), BAD_CELLS, ids=str)
def test_a_cell_that_says_nothing_of_its_kind_is_refused(key: str, cell: Cell, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        value(headings()[transfer.codes.folded(key)], cell)


ANY_CELL = st.one_of(
    st.text("0123456789.-/:年月日T +eＥ１２,%'王", max_size=24),
    st.text(max_size=20),
    *(st.floats(), st.integers(), st.decimals(), st.booleans(), st.datetimes(), st.dates(), st.timedeltas()),
)


@settings(max_examples=500, deadline=None, derandomize=True, database=None, phases=[Phase.generate])
@given(column=st.sampled_from(GIVEN), cell=ANY_CELL)
def test_no_cell_whatever_stands_in_it_breaks_an_import(column: Column, cell: Any) -> None:
    with contextlib.suppress(ValueError):  # is a reason for that line alone
        value(column, cell)


def test_a_book_with_merged_cells_and_errors_costs_the_lines_that_miss_something(tmp_path: Path) -> None:
    path = book(
        tmp_path,
        HEAD.split(","),
        LINE.split(","),
        ["2026-11-01", "电话", "合并的一格"],
        ["2026-11-02", "电话", "在上一格里"],
        ["2026-11-03", "电话", "#N/A"],
        ["2026-11-03", "电话", "长" * 32_767],
    )
    made = openpyxl.load_workbook(path)
    sheet: Any = made.active
    sheet.merge_cells("A3:A4")
    sheet["C5"].data_type = "e"
    made.save(path)
    first, second, merged, error, long = lines(path)
    assert first.new
    assert second.new
    assert problems(merged) == [("收到时间", "received_at is missing")]
    assert error.new
    assert error.new.summary == ""  # which the register then refuses
    assert long.new


def test_a_first_line_of_data_is_not_repeated_with_its_numbers(tmp_path: Path) -> None:
    with pytest.raises(BadFile, match="unknown columns") as refused:
        lines(saved(tmp_path, "摘要,13912345678,11010519491231002X\n"))
    assert "139" not in str(refused.value)
    assert "1949" not in str(refused.value)


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("2026-13-01,电话,x", [("收到时间", "there is no such day or time")]),
        (",电话,x", [("收到时间", "received_at is missing")]),
        ("2026-11-01,,x", [("来源渠道", "source_channel is missing")]),
        ("2026-11-01,电话,x,y", [("", "4 cells under 3 headings")]),
        ("1960-01-01,电话,x", [("收到时间", "not a time from 1970 to 2199")]),
    ],
)
def test_a_bad_line_is_told_by_column_and_the_next_is_read(
    tmp_path: Path, line: str, told: list[tuple[str, str]]
) -> None:
    bad, good = lines(saved(tmp_path, f"{HEAD}\n{line}\n{LINE}\n"))
    assert problems(bad) == told
    assert bad.new is None
    assert good.new


def test_a_quotation_mark_that_is_never_closed_costs_its_lines_and_no_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sheets, "CELL_MAX", 100)
    found = lines(saved(tmp_path, f'{HEAD}\n2026-11-01,电话,"{"x" * 200}\n{LINE}\n'))
    assert "no line of CSV" in found[0].problems[0].reason
    assert found[-1].new


def test_no_reason_repeats_what_a_person_told(tmp_path: Path) -> None:
    head = "收到时间,来源渠道,摘要,出生年份,语言,币种,性别,证件类型,邮箱"
    (line,) = lines(saved(tmp_path, f"{head}\n2026-11-01,电话,x,1000,secret!,secret,secret,secret,secret\n"))
    assert line.problems
    assert "secret" not in str(line.problems)
    assert "secret" not in repr(line)


def test_lines_without_a_channel_of_their_own_take_the_lists(tmp_path: Path) -> None:
    (line,) = lines(saved(tmp_path, "收到时间,摘要\n2026-11-01,x\n"), source_channel="letter")
    assert line.new
    assert line.new.source_channel == "letter"


# ---- into the register -----------------------------------------------------------------------------------------------


async def test_good_lines_are_taken_once_and_bad_ones_never(store: Store, vault: Vault, tmp_path: Path) -> None:
    before = await count(store)
    head = f"{HEAD},业务类别,敏感标识,类型,机构,姓名,联系电话"
    good = f"{LINE},银行卡,舆情,咨询,长安 银行,王小明,13912345678"
    path = saved(
        tmp_path, f"{head}\n{good}\n2027-01-01,电话,明年\n{LINE},不知道\n2026-11-01,电话,{'长' * 301}\n{LINE}\n"
    )
    dry = await take(store, vault, path, dry=True)
    assert await count(store) == before
    done = await take(store, vault, path)
    assert [bool(each.problems) for each in dry] == [bool(each.problems) for each in done]
    assert [each.line.number for each in done if each.problems] == [3, 4, 5]
    assert [each.problems[0].column for each in done if each.problems] == ["收到时间", "业务类别", "摘要"]
    assert await count(store) == before + 2
    again = await take(store, vault, path)
    assert [each.known for each in again] == [True, False, False, False, True]
    assert [each.case_no for each in again] == [each.case_no for each in done]
    assert await count(store) == before + 2
    case = await store.read(lambda conn: history.load(conn, done[0].case_no))
    assert (case.told.type, case.told.sensitivity) == (CaseType.ENQUIRY, (Sensitivity.OPINION,))
    assert (case.told.institution_id, case.source_channel) == (BANK, "phone")
    assert len(done[0].query_code) >= 8


async def test_an_import_that_was_broken_off_goes_on(store: Store, vault: Vault, tmp_path: Path) -> None:
    path = saved(tmp_path, f"{HEAD}\n" + "".join(f"{LINE} {n}\n" for n in range(250)))
    before = await count(store)
    given = List(path)
    first = next(transfer.batches(given.lines(NOBODY)))
    await store.write(lambda conn: transfer.take(conn, vault, given, first, actor="li", now=NOON))
    assert await count(store) == before + transfer.BATCH
    found = await take(store, vault, path)
    assert sum(each.known for each in found) == transfer.BATCH
    assert await count(store) == before + 250


async def test_refused_lines_come_back_mended(store: Store, vault: Vault, tmp_path: Path) -> None:
    path = saved(tmp_path, f"{HEAD},联系电话\n2026-13-01,电话,第一行,+86 13912345678\n")
    (bad,) = await take(store, vault, path)
    given, file = List(path), tmp_path / "refused.csv"
    with sheets.writing(file, "csv") as write:
        write(transfer.refused_headings(given))
        write(transfer.refused(bad, len(given.headings)))
    file.write_text(file.read_text().replace("2026-13-01", "2026-11-01"))
    (good,) = await take(store, vault, file)
    case = await store.read(lambda conn: history.load(conn, good.case_no))
    who = await store.read(lambda conn: privacy.read_person(conn, vault, case.person_id))
    assert who.phone == "+86 13912345678"


# ---- out -------------------------------------------------------------------------------------------------------------


async def test_what_the_consumer_said_in_the_end_stands_in_the_list(store: Store, vault: Vault) -> None:
    case = replace((await opened(store, vault)).case, rating="unhappy")
    headings, cells = transfer.exported("zh", personal=False), transfer.cells(case, None, "zh", NOON)
    assert dict(zip(headings, cells, strict=True))["消费者评价"] == "解决了，不满意"
    headings, cells = transfer.exported("en", personal=False), transfer.cells(case, None, "en", NOON)
    assert dict(zip(headings, cells, strict=True))["rating"] == "Solved but not satisfied"


async def test_what_is_given_out_has_nobodys_data_unless_it_is_opened(store: Store, vault: Vault) -> None:
    case = (await opened(store, vault, summary="电话 13912345678", business_code="loan", amount="12.50")).case
    for language in ("zh", "en"):
        closed = transfer.cells(case, None, language, NOON)
        assert len(closed) == len(transfer.exported(language, personal=False))
        assert "13912345678" not in str(closed)
        assert "王小明" not in str(closed)
        open_ = transfer.cells(case, Person(name="王小明", phone="139"), language, NOON)
        assert len(open_) == len(transfer.exported(language, personal=True))
        assert {"王小明", "139"} <= set(open_)
    told = dict(zip(transfer.exported("zh", personal=False), transfer.cells(case, None, "zh", NOON), strict=True))
    assert (told["编号"], told["业务类别"], told["涉及金额"], told["状态"]) == (
        case.case_no,
        "贷款",
        Decimal("12.50"),
        "已提交",
    )
    assert case.due_at
    assert told["期限"] == (case.due_at - timedelta(microseconds=1)).astimezone(BEIJING)


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "＝"])
@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_no_text_becomes_a_formula_and_it_comes_back_as_it_was(tmp_path: Path, kind: Any, start: str) -> None:
    path, evil = tmp_path / f"out.{kind}", f'{start}HYPERLINK("http://x.test")'
    with sheets.writing(path, kind) as write:
        write(["摘要", "人数"])
        write([evil, 2])
    assert path.stat().st_mode & 0o077 == 0
    if kind == "csv":
        with path.open(encoding="utf-8-sig", newline="") as file:
            assert list(csv.reader(file))[1] == [f"'{evil}", "2"]
    else:
        cell: Any = openpyxl.load_workbook(path).worksheets[0]["A2"]
        assert cell.data_type == "s"
    back = list(sheets.rows(path))[1].cells[0]
    assert back == (evil.replace("\r", "\n") if kind == "xlsx" else evil)  # XML has one kind of line end


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
@pytest.mark.parametrize("language", ["zh", "en"])
def test_the_template_is_a_list_without_lines(tmp_path: Path, kind: Any, language: Any) -> None:
    path = tmp_path / f"list.{kind}"
    names, notes = transfer.template(language)
    with sheets.writing(path, kind, notes) as write:
        write(names)
    assert lines(path) == []
    assert len(notes) == len(names) + 1


# ---- institutions ----------------------------------------------------------------------------------------------------


def test_a_name_that_stands_for_two_institutions_finds_both() -> None:
    names = Names([(1, "中国银行"), (1, "中行"), (2, "中原银行"), (2, "中行")])
    assert names.find(" 中国 银行") == {1}
    assert names.find("中行") == {1, 2}
    assert names.find("某银行") == frozenset()


async def test_a_list_of_institutions_is_loaded_once_and_conflicts_are_told(store: Store) -> None:
    given = [
        Institution(name="甲银行", aliases=("甲行", "同名"), type="city_bank", regulator="nfra"),
        Institution(name="乙银行", aliases=("乙行", "同名")),
    ]
    first = await store.write(lambda conn: institutions.load(conn, given, now=NOON))
    assert (first.added, first.aliases, first.conflicts) == (2, 4, ("同名",))
    again = await store.write(lambda conn: institutions.load(conn, given, now=NOON))
    assert (again.added, again.aliases) == (0, 0)
    names = await store.read(institutions.names)
    query = select(institution.c.id).where(institution.c.name == "甲银行")
    assert names.find("甲行") == {await store.read(lambda conn: conn.execute(query).scalar_one())}
    with pytest.raises(BadCase, match="no code of institution_type"):
        await store.write(lambda conn: institutions.load(conn, [Institution(name="丙", type="shop")], now=NOON))

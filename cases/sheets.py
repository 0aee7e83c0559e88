"""CSV and XLSX files as rows of cells, read and written piece by piece: a list is never in memory as a whole."""

from __future__ import annotations

import codecs
import csv
import hashlib
import zipfile
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal, Protocol

from core.errors import QiantaiError

Format = Literal["csv", "xlsx"]
Cell = str | int | float | bool | Decimal | date | datetime | None

FILE_MAX = 512 * 2**20  # bytes; 100,000 long complaints are a fifth of it
OPENED_MAX = 2**30  # bytes of an XLSX file's parts once unzipped, which are read piece by piece
TEXTS_MAX = 256 * 2**20  # bytes of its table of texts, which is not
PART_MAX = 2**20  # bytes read at a time
CELL_MAX = 100_000  # characters; a longer one is an unclosed quotation mark more often than a text
COLUMNS_MAX = 200
LINES_MAX = 1_000_000
SEPARATORS = ",;\t|"  # what Excel writes, by the country it is set to
FORMULA = tuple("=+-@\t\r\n＝＋－＠")
BOMS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
# What a spreadsheet shows in the place of a value that it could not compute.
ERRORS = frozenset({"#NULL!", "#DIV/0!", "#VALUE!", "#REF!", "#NAME?", "#NUM!", "#N/A"})
OLD_EXCEL, ZIP = b"\xd0\xcf\x11\xe0", b"PK\x03\x04"


class BadFile(QiantaiError):
    """The file is no list that can be read."""

    code = "bad_file"
    status = 422


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """One row that has something in it; `line` as a text editor or a spreadsheet counts, from 1."""

    line: int
    cells: tuple[Cell, ...]
    problem: str = ""  # why its cells cannot be used


# ---- reading ---------------------------------------------------------------------------------------------------------


def sha256(path: Path) -> str:
    """The file's SHA-256, hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def rows(path: Path) -> Iterator[Row]:
    """The rows of a CSV file or of an XLSX file's first sheet, the headings first; the content tells which it is.

    BadFile, at once or on the way, if it is neither, too large or damaged.
    """
    size = path.stat().st_size
    if size == 0:
        raise BadFile("the file is empty")
    if size > FILE_MAX:
        raise BadFile(f"the file has {size / 2**20:.0f} MiB, at most {FILE_MAX >> 20} are read: divide it")
    with path.open("rb") as file:
        start = file.read(4)
    if start == OLD_EXCEL:
        raise BadFile(
            "this is a file of Excel 97-2003, or one with a password: save it as .xlsx without one, or as CSV"
        )
    found = _xlsx(path) if start == ZIP else _csv(path)
    for n, row in enumerate(found):
        if n > LINES_MAX:
            raise BadFile(f"more than {LINES_MAX:,} lines: divide the file")
        yield row


def encoding(path: Path) -> str:
    """What a text file is written in: UTF-8, UTF-16 with its mark, or GB18030 (as Excel in China writes)."""
    with path.open("rb") as file:
        start = file.read(4)
    for mark, name in BOMS:
        if start.startswith(mark):
            return _tried(path, name)
    try:
        return _tried(path, "utf-8")
    except BadFile:
        return _tried(path, "gb18030")


def plain(told: str) -> str:
    """A text without the apostrophe that `safe` put before it."""
    return told[1:] if told.startswith("'") and told[1:].startswith(FORMULA) else told


def _tried(path: Path, name: str) -> str:
    decoder = codecs.getincrementaldecoder(name)()
    before = 0
    with path.open("rb") as file:
        while part := file.read(PART_MAX):
            try:
                text = decoder.decode(part)
            except UnicodeDecodeError as e:
                raise BadFile(f"neither UTF-8 nor GB18030: the byte at {before + e.start} is none of it") from None
            if "\0" in text:
                raise BadFile("there are NUL characters in it: this is no CSV file, or a damaged one")
            before += len(part)
        try:
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            raise BadFile("neither UTF-8 nor GB18030: it ends within a character") from None
    return name


def _csv(path: Path) -> Iterator[Row]:
    with path.open(encoding=encoding(path), newline="") as file:
        first = file.readline(PART_MAX)
        skipped = 0
        if first.strip().lower().startswith("sep=") and len(first.strip()) == len("sep=,"):
            separator, skipped = first.strip()[-1], 1
        else:
            separator = max(SEPARATORS, key=first.count)
            file.seek(0)
        csv.field_size_limit(CELL_MAX)
        reader = csv.reader(file, delimiter=separator)
        while True:
            line = skipped + reader.line_num + 1
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as e:
                yield Row(line=line, cells=(), problem=f"this is no line of CSV: {e}")
                continue
            if any(cell.strip() for cell in cells):
                yield _row(line, [plain(cell) for cell in cells])


def _xlsx(path: Path) -> Iterator[Row]:
    import openpyxl

    _check_zip(path)
    try:
        book = openpyxl.load_workbook(path, read_only=True, data_only=True, keep_links=False)
    except Exception as e:  # whatever a damaged part makes of it: KeyError, ParseError, ValueError …
        raise BadFile(f"this is no XLSX file that can be read ({type(e).__name__}): save it anew") from None
    try:
        if not book.worksheets:
            raise BadFile("there is no sheet with cells in it")
        sheet: Any = book.worksheets[0]
        sheet.reset_dimensions()  # some programs write wrong ones
        try:
            for line, values in enumerate(sheet.iter_rows(values_only=True), 1):
                if any(value is not None and str(value).strip() for value in values):
                    yield _row(line, [_value(value) for value in values])
        except BadFile:
            raise
        except Exception as e:
            raise BadFile(f"the sheet is damaged ({type(e).__name__}): save it anew") from None
    finally:
        book.close()


def _row(line: int, cells: list[Cell]) -> Row:
    while cells and (cells[-1] is None or cells[-1] == ""):
        cells.pop()
    if len(cells) > COLUMNS_MAX:
        return Row(line=line, cells=(), problem=f"more than {COLUMNS_MAX} columns")
    return Row(line=line, cells=tuple(cells))


def _value(value: Any) -> Cell:
    """A cell's value; of a formula the one that was computed, "" if it was none or is an error."""
    if value is None or isinstance(value, (bool, int, float, datetime, date)):
        return value
    if isinstance(value, time):
        return value.isoformat()
    told = str(value)
    if told in ERRORS:
        return ""
    return plain(told) if len(told) <= CELL_MAX else told[:CELL_MAX]


def _check_zip(path: Path) -> None:
    try:
        with zipfile.ZipFile(path) as archive:
            parts = archive.infolist()
    except (zipfile.BadZipFile, OSError) as e:
        raise BadFile(f"the file is damaged: {e}") from None
    texts = sum(part.file_size for part in parts if not part.filename.startswith("xl/worksheets/"))
    if sum(part.file_size for part in parts) > OPENED_MAX or texts > TEXTS_MAX:
        raise BadFile("the file holds more than is read at once: divide it, or save it as CSV")
    if not any(part.filename == "[Content_Types].xml" for part in parts):
        raise BadFile("this is a ZIP file and no XLSX")


# ---- writing ---------------------------------------------------------------------------------------------------------


class Writer(Protocol):
    """Takes one row after the other."""

    def __call__(self, cells: Sequence[Cell]) -> None: ...


def safe(cell: Cell) -> Cell:
    """A cell as it may be opened in a spreadsheet: a text that would run as a formula gets an apostrophe before it."""
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(FORMULA) else cell


@contextmanager
def writing(path: Path, kind: Format, notes: Iterable[Sequence[Cell]] = ()) -> Generator[Writer]:
    """A new file that only its owner may read; rows go in piece by piece. `notes`: a second sheet of an XLSX file."""
    path.touch(mode=0o600, exist_ok=False)
    if kind == "csv":
        # Excel takes a file without the mark for GBK; what is written is there even if the process is killed.
        with path.open("w", buffering=1, encoding="utf-8-sig", newline="") as file:
            writer = csv.writer(file)
            yield lambda cells: writer.writerow([_written(safe(cell)) for cell in cells])
        return
    import openpyxl

    book: Any = openpyxl.Workbook(write_only=True)
    sheet = book.create_sheet("cases")
    try:
        yield lambda cells: sheet.append([_fitting(safe(cell)) for cell in cells])
        told = [list(line) for line in notes]
        if told:
            second = book.create_sheet("columns")
            for line in told:
                second.append([_fitting(safe(cell)) for cell in line])
    finally:
        book.save(path)  # closes its temporary files, too


def _written(cell: Cell) -> str:
    if isinstance(cell, datetime):
        return cell.isoformat(sep=" ", timespec="minutes")
    return "" if cell is None else str(cell)


def _fitting(cell: Cell) -> Cell:
    """What a cell of XLSX holds: times without a zone, 32,767 characters, no control characters."""
    from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE

    if isinstance(cell, datetime):
        return cell.replace(tzinfo=None)
    return ILLEGAL_CHARACTERS_RE.sub("", cell)[:32_767] if isinstance(cell, str) else cell

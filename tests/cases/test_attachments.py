"""Files of a case: known by their content, scanned, sealed, opened for a reason only."""

from __future__ import annotations

import io
import shlex
import sys
import zipfile

import pytest
from sqlalchemy import select

from cases import attachments, history
from cases.attachments import Infected, NotTaken, ScanFailed
from cases.model import BadCase
from core.errors import NotFound, QiantaiError, TooLarge
from core.store import Store
from core.tables import audit
from core.vault import Vault
from tests.cases.given import opened
from tests.conftest import NOON

PNG = b"\x89PNG\r\n\x1a\n" + bytes(16)
PDF = b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n"
PROGRAM = b"\x7fELF\x02\x01\x01" + bytes(64)


def zipped(name: str) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as file:
        file.writestr(name, "…")
    return made.getvalue()


def scanner(code: str) -> str:
    """A scan command that runs this Python with the file as `data`."""
    return shlex.join([sys.executable, "-c", f"import sys; data = sys.stdin.buffer.read(); {code}"])


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (PNG, "image/png"),
        (PDF, "application/pdf"),
        ("合同第三条\r\n".encode(), "text/plain"),
        (zipped("a.txt"), "application/zip"),
        (b"\xff\xd8\xff\xe0" + bytes(16), "image/jpeg"),
    ],
)
def test_a_file_is_what_its_content_is_whatever_it_is_called(content: bytes, kind: str) -> None:
    assert attachments.inspect("照片.exe", content, longest=1000).media_type == kind


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (b"", BadCase),
        (PNG * 100, TooLarge),
        (PROGRAM, NotTaken),
        (b"MZ" + bytes(64), NotTaken),
        (bytes(range(256)), NotTaken),
        (b"text with a \x00", NotTaken),
        ("\ufffe".encode("utf-16"), NotTaken),
    ],
)
def test_what_is_empty_too_long_or_of_another_kind_is_not_taken(content: bytes, error: type[QiantaiError]) -> None:
    with pytest.raises(error):
        attachments.inspect("contract.pdf", content, longest=1000)


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("C:\\Users\\wang\\合同.pdf", "合同.pdf"),
        ("../../etc/passwd", "passwd"),
        ("a\r\nSet-Cookie: x.pdf", "aSet-Cookie: x.pdf"),
        ("\u202egnp.exe", "gnp.exe"),
        ("", "file"),
        ("...", "file"),
        ("长" * 300 + ".pdf", "长" * 196 + ".pdf"),
    ],
)
def test_a_name_is_only_a_name(given: str, name: str) -> None:
    assert attachments.inspect(given, PDF, longest=1000).name == name


def test_a_file_is_scanned_by_the_sites_own_command() -> None:
    assert attachments.inspect("a.pdf", PDF, longest=1000).verdict == "not_scanned"
    finds = scanner("sys.exit(data.startswith(b'%PDF'))")
    with pytest.raises(Infected):
        attachments.inspect("a.pdf", PDF, longest=1000, scan=finds)
    assert attachments.inspect("a.png", PNG, longest=1000, scan=finds).verdict == "clean"


@pytest.mark.parametrize("command", [scanner("sys.exit(2)"), "/nowhere/clamdscan -"])
def test_a_file_that_could_not_be_scanned_is_not_taken(command: str) -> None:
    with pytest.raises(ScanFailed):
        attachments.inspect("a.pdf", PDF, longest=1000, scan=command)


async def test_a_file_is_kept_once_and_opened_with_a_trace(store: Store, vault: Vault) -> None:
    case = (await opened(store, vault)).case
    file = attachments.inspect("合同.pdf", PDF, longest=1000)
    add = [
        await store.write(lambda c: attachments.add(c, vault, case.case_no, file, actor="li", now=NOON)) for _ in "12"
    ]
    assert add[0] == add[1]
    assert await store.read(lambda c: attachments.of_case(c, case)) == (add[0],)
    assert (await store.read(lambda c: history.load(c, case.case_no))).version == 2
    subject = f"attachment:{add[0].id}"
    content = await store.write(lambda c: attachments.content(c, vault, add[0].id, actor="li", reason="核对", now=NOON))
    assert content == PDF
    rows = select(audit.c.actor, audit.c.detail).where(audit.c.subject == subject)
    assert await store.read(lambda c: c.execute(rows).all()) == [("li", "核对")]
    with pytest.raises(NotFound):
        await store.read(lambda c: attachments.get(c, 10**9))

"""Files of a case: their type read from their content, scanned, and sealed under the person's key."""

from __future__ import annotations

import hashlib
import shlex
import subprocess
import unicodedata
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

import filetype  # pyright: ignore[reportMissingTypeStubs]
from sqlalchemy import Connection, Row, insert, select

from cases import history, privacy
from cases.model import Attachment, BadCase, Case
from cases.tables import case_attachment
from core.errors import NotFound, QiantaiError, TooLarge
from core.vault import Vault

Verdict = Literal["clean", "not_scanned"]
NAME_MAX = 200  # characters
SCAN_SECONDS = 60.0  # a scanner that takes longer has not said that the file is clean
FOUND = 1  # exit status by which clamscan and clamdscan say that they found something
KINDS = ("image/", "audio/", "video/", "text/plain", "application/pdf", "application/zip")
OFFICE = ("application/msword", "application/vnd.", "application/rtf")


class NotTaken(QiantaiError):
    """This kind of file is not taken."""

    code = "not_taken"
    status = 415


class Infected(QiantaiError):
    """The scan found something in this file; it was not kept."""

    code = "infected"
    status = 422


class ScanFailed(QiantaiError):
    """The file could not be scanned now; send it again later."""

    code = "scan_failed"
    status = 503
    retryable = True


@dataclass(frozen=True, kw_only=True, slots=True)
class File:
    """A file that may be kept."""

    name: str
    media_type: str
    content: bytes = field(repr=False)
    verdict: Verdict = "not_scanned"

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.content).hexdigest()


def inspect(name: str, content: bytes, *, longest: int, scan: str = "") -> File:
    """A file that is not empty, not longer than `longest` bytes, of a kind that is taken, and clean.

    `scan`: a command that reads the file on its standard input and ends with 0 (clean) or 1 (something was found); "":
    the file counts as not scanned. Slow: not inside a transaction. Else TooLarge, NotTaken, Infected or ScanFailed.
    """
    if not content:
        raise BadCase("the file is empty")
    if len(content) > longest:
        raise TooLarge(f"{len(content)} bytes, at most {longest} are taken")
    kind = media_type(content)
    if not kind.startswith(KINDS + OFFICE):
        raise NotTaken(
            f"{kind or 'an unknown kind'}; taken are pictures, sound, video, PDF, office files, ZIP and text"
        )
    return File(
        name=_name(name), media_type=kind, content=content, verdict=_scan(scan, content) if scan else "not_scanned"
    )


def media_type(content: bytes) -> str:
    """What a file is by its content, whatever it is called; "" if that does not show."""
    found: Any = filetype.guess(content)  # pyright: ignore[reportUnknownMemberType]
    if found is not None:
        return str(found.mime)
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        return ""
    return "text/plain" if all(char in "\t\r\n\f" or unicodedata.category(char) != "Cc" for char in text) else ""


def add(conn: Connection, vault: Vault, case_no: str, file: File, *, actor: str, now: datetime) -> Attachment:
    """Keeps a file with a case, sealed; the same file again is the one that is there."""
    case = history.take(conn, case_no, None)
    same = select(case_attachment).where(case_attachment.c.case_id == case.id, case_attachment.c.sha256 == file.sha256)
    if (kept := conn.execute(same).one_or_none()) is not None:
        return _attachment(kept)
    seal = privacy.data_seal(conn, vault, case.person_id)
    masker = privacy.masker(conn, vault, case)
    values = {
        "case_id": case.id,
        "name": masker.text(file.name, name="name"),
        "media_type": file.media_type,
        "size": len(file.content),
        "sha256": file.sha256,
        "sealed": seal.close(file.content, context=f"attachment:{case.id}:{file.sha256}"),
        "verdict": file.verdict,
        "added_at": now,
        "added_by": actor,
    }
    id = conn.execute(insert(case_attachment).returning(case_attachment.c.id), values).scalar_one()
    masker.save(case.id)
    facts = {"attachment": id} | {name: values[name] for name in ("name", "media_type", "size", "sha256", "verdict")}
    history.record(conn, case, "attach", facts, actor=actor, now=now)
    return get(conn, id)


def get(conn: Connection, id: int) -> Attachment:
    """What is known of a file; NotFound."""
    return _attachment(_row(conn, id))


def of_case(conn: Connection, case: Case) -> tuple[Attachment, ...]:
    """The files of a case, oldest first."""
    query = select(*_ABOUT).where(case_attachment.c.case_id == case.id).order_by(case_attachment.c.id)
    return tuple(map(_attachment, conn.execute(query).all()))


def content(conn: Connection, vault: Vault, id: int, *, actor: str, reason: str, now: datetime) -> bytes:
    """The bytes of a file, opened for a reason that stays in the audit; Erased with the person's data."""
    row = _row(conn, id, with_bytes=True)
    person_id = history.person_of(conn, row.case_id)
    seal = privacy.data_seal(conn, vault, person_id)
    privacy.note_opening(conn, f"attachment:{id}", actor=actor, reason=reason, now=now)
    return seal.open(row.sealed, context=f"attachment:{row.case_id}:{row.sha256}")


def _scan(command: str, data: bytes) -> Verdict:
    try:
        done = subprocess.run(  # noqa: S603  (the command is the site's own)
            shlex.split(command), input=data, capture_output=True, timeout=SCAN_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as e:
        raise ScanFailed(f"the scan command: {type(e).__name__}") from e
    if done.returncode == FOUND:
        raise Infected
    if done.returncode:
        raise ScanFailed(f"the scan command ended with {done.returncode}")
    return "clean"


def _name(given: str) -> str:
    """The last part of a name, without what a file system or a header could trip over."""
    last = given.replace("\\", "/").rsplit("/", 1)[-1]
    plain = "".join(char for char in last if unicodedata.category(char)[0] != "C").strip(" .")
    return plain[-NAME_MAX:] or "file"


_ABOUT = tuple(each for each in case_attachment.c if each.name != "sealed")


def _row(conn: Connection, id: int, *, with_bytes: bool = False) -> Row[Any]:
    query = select(case_attachment) if with_bytes else select(*_ABOUT)
    row = conn.execute(query.where(case_attachment.c.id == id)).one_or_none()
    if row is None:
        raise NotFound(f"there is no file {id}")
    return row


def _attachment(row: Row[Any]) -> Attachment:
    return Attachment(
        id=row.id,
        case_id=row.case_id,
        name=row.name,
        media_type=row.media_type,
        size=row.size,
        sha256=row.sha256,
        verdict=row.verdict,
        added_at=row.added_at,
        added_by=row.added_by,
    )

"""The content's files as one thing: taken from their folder, packed for the ledger, and laid out again to be read."""

from __future__ import annotations

import hashlib
import io
import zipfile
import zlib
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory

from core.errors import ContentError
from faq.yamlfile import SIZE_MAX, printable

TOTAL_MAX = 16_000_000  # bytes of all files together; 84 entries with their lessons have about 400 kB
MEMBERS_MAX = 1000  # files

_ALWAYS = (1980, 1, 1, 0, 0, 0)  # the time of every packed file: equal files make equal packs


@dataclass(frozen=True, kw_only=True, slots=True)
class Files:
    """Every YAML file of a content folder at one moment, by its path inside the folder, such as "responses/zh.yml"."""

    contents: Mapping[str, bytes]
    version: str  # hash of names and contents, 12 hex digits

    def hashes(self) -> dict[str, str]:
        """The hash of each file, 12 hex digits."""
        return {name: hashlib.sha256(data).hexdigest()[:12] for name, data in self.contents.items()}


def taken(folder: Path) -> Files:
    """The files in `folder` and in the folders right inside it; ContentError names one that cannot be read.

    Hidden files and editors' backups are left out. A folder that is not there has none; one that goes while it is
    listed cannot be read.
    """
    found: dict[str, bytes] = {}
    try:
        listed = sorted((*folder.glob("*"), *folder.glob("*/*")))
    except OSError as e:
        raise ContentError(f"{folder.name}:0: cannot be listed: {e.strerror or e}") from None
    for path in listed:
        name = path.relative_to(folder)
        if path.suffix not in (".yml", ".yaml") or any(part.startswith(".") for part in name.parts):
            continue
        if (shown := printable(name.as_posix())) != name.as_posix():
            raise ContentError(f"{shown}:0: the name of this file is not UTF-8; give it another")
        try:
            with path.open("rb") as opened:
                found[name.as_posix()] = opened.read(
                    SIZE_MAX + 1
                )  # one more: whoever reads it says that it is too large
        except OSError as e:
            raise ContentError(f"{name.as_posix()}:0: cannot be read: {e.strerror or e}") from None
    if len(found) > MEMBERS_MAX or sum(map(len, found.values())) > TOTAL_MAX:
        raise ContentError(f"the content has more than {MEMBERS_MAX} files or {TOTAL_MAX} bytes; take some out")
    return _of(found)


def packed(files: Files) -> bytes:
    """The files as one compressed archive; equal files give equal bytes."""
    into = io.BytesIO()
    with zipfile.ZipFile(into, "w") as archive:
        for name, data in files.contents.items():
            archive.writestr(zipfile.ZipInfo(name, _ALWAYS), data, zipfile.ZIP_DEFLATED)
    return into.getvalue()


def unpacked(data: bytes) -> Files:
    """What `packed` packed; ContentError if it is anything else."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = archive.infolist()
            if len(members) > MEMBERS_MAX or sum(one.file_size for one in members) > TOTAL_MAX:
                raise ContentError("the kept files are larger than content may be")
            if not all(_stays_inside(one.filename) for one in members):
                raise ContentError("the kept files have names that lead out of their folder")
            return _of({one.filename: archive.read(one) for one in members})
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError) as e:
        raise ContentError(f"the kept files are damaged: {e}") from None


@contextmanager
def laid_out(files: Files) -> Generator[Path]:
    """A folder of its own with the files in it, gone afterwards: what is read there is what was taken, and no later
    edit."""
    with TemporaryDirectory(prefix="qiantai-content-") as place:
        for name, data in files.contents.items():
            path = Path(place, name)
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(data)
        yield Path(place)


def _of(contents: dict[str, bytes]) -> Files:
    digest = hashlib.sha256()
    for name in sorted(contents):
        digest.update(hashlib.sha256(name.encode()).digest())
        digest.update(hashlib.sha256(contents[name]).digest())
    return Files(contents={name: contents[name] for name in sorted(contents)}, version=digest.hexdigest()[:12])


def _stays_inside(name: str) -> bool:
    path = PurePosixPath(name)
    return not path.is_absolute() and 1 <= len(path.parts) <= 2 and not any(p.startswith(".") for p in path.parts)

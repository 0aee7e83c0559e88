"""Makes a state of the content from its files: read, checked, indexed, ready to search and to speak."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING

import structlog

from core.errors import ContentError
from faq import files, lessoncheck, lint, reading
from faq.entries import Content, china_day
from faq.files import Files
from faq.findings import Finding
from faq.reading import Whole
from faq.responses import Args, Renderer
from faq.search import Search
from faq.versions import Checked, Parts

if TYPE_CHECKING:
    from faq.vectors import Vectors

log = structlog.get_logger()


@dataclass(frozen=True, kw_only=True, slots=True)
class Current(Whole):
    """One state of the content, ready to search and to speak; never changed, only replaced."""

    search: Search
    renderer: Renderer
    version: str  # hash of all content files, 12 hex digits
    day: date  # in China: entries begin and end with days


class Refused(ContentError):
    """These files must not be published; each finding says why."""

    def __init__(self, findings: list[Finding]) -> None:
        super().__init__("\n".join(map(str, findings)))
        self.findings = findings


def checked(taken: Files) -> Checked:
    """`taken`, if it may be published; Refused with every reason why not, by file and line."""
    with files.laid_out(taken) as folder:
        whole, broken = reading.read(folder)
    found = [Finding(file=p.file, line=p.line, reason=p.reason, rule="broken") for p in broken]
    found += lint.stopping(whole.content, whole.responses)
    found += lessoncheck.stopping(whole.lessons, whole.routing)
    if found:
        raise Refused(sorted(found))
    known = {entry.id: entry.version for entry in whole.content.entries.values()}
    return Checked(files=taken, parts=Parts(entries=known, files=taken.hashes()))


def usable(of: Files) -> None:
    """Returns if this program can serve from these files, which were published once; ContentError says why not."""
    with files.laid_out(of) as folder:
        reading.load(folder)


@dataclass(frozen=True, kw_only=True, slots=True)
class Maker:
    """Makes states; slow, since the index is most of the work: for threads, not for the event loop."""

    args: Args  # what sentences may name
    clock: Callable[[], datetime]
    vectors: Vectors | None = None  # None: search by words alone

    def made(self, of: Files) -> Current:
        """A state of these files as it is today; ContentError if they cannot be used."""
        with files.laid_out(of) as folder:
            whole = reading.load(folder)
        return self._indexed(whole, of.version)

    def today(self, old: Current) -> Current:
        """`old` as it is today: with the days, entries begin and end."""
        return self._indexed(old, old.version)

    def _indexed(self, of: Whole, version: str) -> Current:
        now = self.clock()
        today = china_day(now)
        return Current(
            content=of.content,
            responses=of.responses,
            routing=of.routing,
            lessons=of.lessons,
            search=self._search(of.content, now),
            renderer=Renderer(of.content, of.responses, self.args, today, lessons=of.lessons, routing=of.routing),
            version=version,
            day=today,
        )

    def _search(self, content: Content, now: datetime) -> Search:
        """By words alone, until a state is made again, if the encoder cannot read the phrasings."""
        if self.vectors is not None:
            try:
                return Search(content, now, self.vectors)
            except Exception as e:  # whatever a model may raise: an entry that ends must end all the same
                log.error("content_not_encoded", why=f"{type(e).__name__}: {e}")
        return Search(content, now)

"""`faq gaps` and `faq wrong`: what the answers lack, and which of them seem to have been wrong."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from door.cli.common import Json, called_from, dump, ledger, say, settings
from door.cli.content import Words
from door.cli.duty import me
from door.cli.exits import Exit, fail

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Connection

    from core.model import Language
    from core.questions import Poor
    from core.settings import Settings
    from faq.doubts import Doubt
    from faq.entries import Content
    from faq.gaps import Gap, Report
    from faq.likeness import Likeness
    from faq.search import Found
    from faq.vectors import Vectors

T = TypeVar("T")

CHINA = timezone(timedelta(hours=8))  # where days begin and end; no summer time
DAY = timedelta(days=1)
FIRST, LAST = date(1970, 1, 1), date(9000, 1, 1)  # days outside are slips of the finger, and no clock can tell them
SHOWN = 5  # questions of a gap in the list for people; --json has all
ENTRIES, PHRASINGS = "new_entries.yml", "new_phrasings.txt"  # the second is no topic, wherever it is copied to

SUGGESTIONS = {
    "entry": "probably an entry is missing",
    "phrasing": "probably a phrasing is missing",
    "answer": "the answer is disliked",
}
WHY = {
    "disliked": "disliked",
    "rephrased": "asked again in other words",
    "person": "asked for a person",
    "rejected": "none of the choices",
}


def gaps(
    since: Annotated[str, typer.Option(help="From when on: days back (30d), or a day in China (2026-11-01).")] = "30d",
    write: Annotated[
        Path | None, typer.Option(help=f"A folder for drafts: entries in {ENTRIES}, phrasings in {PHRASINGS}.")
    ] = None,
    words: Words = False,
    as_json: Json = False,
) -> None:
    """What people asked and got no good answer to, in groups, the largest first, with what to write for each."""
    from core import questions
    from faq import entries
    from faq.gaps import NOTHING, line

    now = datetime.now(UTC)
    begin = _since(since, now)
    house = settings()
    folder = _drafts(write, house.content) if write else None
    content = entries.load(house.content)
    rows = _read(lambda conn: questions.poor(conn, begin, now), f"gaps since {begin:%Y-%m-%d}", now)
    found = _report(rows, content, house, words, now) if rows else NOTHING
    for gap in found.gaps:
        if as_json:
            dump(line(gap))
        else:
            _show_gap(gap, content)
    if folder:
        _write(folder, found.gaps, content)
    if not found.gaps:
        say(f"Nothing is missing: no question since {begin.astimezone(CHINA):%Y-%m-%d} is without a good answer.")
    if found.mended:
        say(f"{found.mended} more would be answered by now.")
    if found.left_out:
        say(f"{found.left_out} older questions were not looked at; a later --since gives the same list sooner.")


def wrong(
    day: Annotated[str, typer.Option(help="yesterday, today or a day (2026-11-20), in China.")] = "yesterday",
    words: Words = False,
    as_json: Json = False,
) -> None:
    """Which answers of a day seem to have been wrong: disliked, asked again, left for a person, or not chosen."""
    from core import questions
    from faq import entries
    from faq.doubts import SOON, doubts, line

    now = datetime.now(UTC)
    which = _day(day, now)
    begin = _midnight(which)
    house = settings()
    content = entries.load(house.content)
    told, said = _read(
        lambda conn: (questions.poor(conn, begin, begin + DAY), questions.said(conn, begin, begin + DAY + SOON)),
        f"wrong answers of {which}",
        now,
    )
    found: list[Doubt] = []
    if said or told:
        likeness = _likeness(content, [one.text for one in said], _vectors(house, words))
        found = [one for one in doubts(said, told, content, likeness) if begin <= one.at < begin + DAY]
    for one in found:
        if as_json:
            dump(line(one))
        else:
            _show_doubt(one, content)
    if not found:
        given = sum(bool(one.entry) and one.at < begin + DAY for one in said)
        say(f"Nothing seems to have been answered wrong on {which}, of {given} FAQ answer{'s' * (given != 1)}.")


def _read(query: Callable[[Connection], T], what: str, now: datetime) -> T:
    """What `query` gives; that somebody reads what people wrote stands in the audit first."""
    from core import audit

    async def run() -> T:
        async with ledger(settings()) as store:
            await store.write(lambda conn: audit.note(conn, actor=me(), act="questions_read", subject=what, now=now))
            return await store.read(query)

    return asyncio.run(run())


def _report(rows: Sequence[Poor], content: Content, house: Settings, words: bool, now: datetime) -> Report:
    from faq.gaps import cleaned, report
    from faq.search import Search, readable
    from faq.vectors import kept

    texts = [cleaned(row.text) for row in rows]
    own = _vectors(house, words)
    if own is None:
        return report(rows, content, Search(content, now).find, _likeness(content, texts, None))
    search = Search(content, now, kept(own.encoder, house.data))
    own.of([readable(text) for text in texts])  # all at once, which is quicker than one by one

    def find(text: str, language: Language) -> Found:
        return search.find(text, language, vector=own.of([readable(text)])[0])

    return report(rows, content, find, _likeness(content, texts, own))


def _vectors(house: Settings, words: bool) -> Vectors | None:
    """A store in memory for the vectors of what people wrote: nothing of that is kept on disk beside the ledger."""
    from faq.vectors import Vectors, load

    encoder = None if words else load(house.encoder)
    return Vectors(encoder) if encoder else None


def _likeness(content: Content, questions: Sequence[str], vectors: Vectors | None) -> Likeness:
    from faq.entries import LANGUAGES
    from faq.likeness import Likeness

    known = [text for entry in content.entries.values() for one in LANGUAGES for text in entry.phrasings[one]]
    return Likeness([*known, *questions], vectors)


# ---- days ------------------------------------------------------------------------------------------------------------


def _since(given: str, now: datetime) -> datetime:
    if back := re.fullmatch(r"(\d{1,4})d", given):
        return now - int(back[1]) * DAY
    return _midnight(_parsed(given, "--since is a number of days, such as 30d, or a day, such as 2026-11-01"))


def _day(given: str, now: datetime) -> date:
    today = now.astimezone(CHINA).date()
    named = {"today": today, "yesterday": today - DAY}
    return named.get(given) or _parsed(given, "--day is yesterday, today or a day, such as 2026-11-20")


def _parsed(given: str, advice: str) -> date:
    try:
        day = date.fromisoformat(given)
        if not FIRST <= day <= LAST:
            raise ValueError(given)
    except ValueError:
        fail(Exit.USAGE, advice)
    return day


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), CHINA).astimezone(UTC)


# ---- shown to people -------------------------------------------------------------------------------------------------


def _show_gap(gap: Gap, content: Content) -> None:
    people = "one person" if gap.conversations == 1 else f"{gap.conversations} people"
    times = "once" if gap.count == 1 else f"{gap.count} times"
    typer.echo(f"{times}, {people}: {SUGGESTIONS[gap.suggestion]}")
    for one in gap.questions[:SHOWN]:
        typer.echo(f"  {one.text}" + (f"  (x{len(one.rows)})" if len(one.rows) > 1 else ""))
    if len(gap.questions) > SHOWN:
        typer.echo(f"  … and {len(gap.questions) - SHOWN} more")
    for hit in gap.nearest:
        typer.echo(f"  near: {_named(hit.id, content)} ({hit.score:.2f})")


def _show_doubt(one: Doubt, content: Content) -> None:
    at = one.at.astimezone(CHINA)
    typer.echo(f"{at:%H:%M}  {', '.join(WHY[why] for why in one.why)}: {one.question}")
    if one.entry:
        match = f", {one.score:.2f} by “{one.phrasing}”" if one.score is not None else ", by a button"
        changed = ", changed since" if one.changed else ""
        typer.echo(f"  answered {_named(one.entry, content)}{match} (version {one.version}{changed})")
    for hit in one.offered:
        typer.echo(f"  offered {_named(hit.id, content)}, {hit.score:.2f} by “{hit.phrasing}”")
    if one.next:
        typer.echo(f"  then: {one.next}")
    typer.echo(f"  ./qiantai conversations {one.conversation} (seq {one.seq})")


def _named(entry_id: str, content: Content) -> str:
    entry = content.entries.get(entry_id)
    return f"{entry_id} {entry.question['zh']}" if entry else f"{entry_id} (removed)"


# ---- drafts ----------------------------------------------------------------------------------------------------------


def _drafts(given: Path, content: Path) -> Path:
    """The folder for drafts; not the one that is published from, where an unfinished entry holds everything back."""
    folder = called_from(given).resolve()
    if folder == content.resolve() or content.resolve() in folder.parents:
        fail(Exit.USAGE, f"{given} is the folder that is published from: give another, and copy what is finished")
    for name in (ENTRIES, PHRASINGS):
        if (folder / name).exists():
            fail(Exit.REFUSED, f"{folder / name} is there already: move it away, or give another folder")
    return folder


def _write(folder: Path, found: Sequence[Gap], content: Content) -> None:
    from faq.gaps import additions, stubs

    for name, text in ((ENTRIES, stubs(found, content)), (PHRASINGS, additions(found, content))):
        if text:
            folder.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text, encoding="utf-8")
            say(f"Written: {folder / name}")

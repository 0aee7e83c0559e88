"""`faq`: search the answers and check their files, without a running house."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from door.cli.common import Json, called_from, dump, read_ledger, say, settings, sqlite_file
from door.cli.exits import Exit, fail
from door.cli.setup.steps import ROOT

if TYPE_CHECKING:
    from core.model import Language
    from core.settings import Settings
    from faq.entries import Content
    from faq.evaluate import Case
    from faq.files import Files
    from faq.vectors import Encoder, Vectors

Words = Annotated[
    bool, typer.Option("--words", help="By words alone, without the encoder that is set: quicker to start.")
]

faq = typer.Typer(no_args_is_help=True, help="The answers: search them, measure the search, check their files.")


@faq.command("search")
def search(
    question: Annotated[list[str] | None, typer.Argument(help="What somebody might ask.")] = None,
    file: Annotated[Path | None, typer.Option(help="One question per line instead; - reads standard input.")] = None,
    language: Annotated[str, typer.Option(help="zh or en where a text does not tell by itself.")] = "zh",
    words: Words = False,
    as_json: Json = False,
) -> None:
    """Which entries answer a question, and whether the assistant would answer, ask back or say that it cannot."""
    from faq import entries
    from faq.search import Search, line, readable

    if language not in ("zh", "en"):
        fail(Exit.USAGE, "--language is zh or en")
    if bool(question) == bool(file):
        fail(Exit.USAGE, 'give a question, or --file with one per line: ./qiantai faq search "怎么查信用报告"')
    house = settings()
    encoder = _encoder(house, words)
    finder = Search(entries.load(house.content), datetime.now(UTC), _vectors(encoder, house))
    fallback: Language = language
    for query in [" ".join(question)] if question else _lines(cast("Path", file)):
        vector = encoder.encode([readable(query)])[0] if encoder else None
        found = finder.find(query, fallback, vector=vector)
        if as_json:
            dump(line(query, fallback, found))
            continue
        typer.echo(f"{query}\n  {found.decision}")
        for hit in found.hits:
            typer.echo(f"  {hit.score:.2f}  {hit.id}  {hit.topic}  {hit.phrasing}")


def _lines(file: Path) -> Iterator[str]:
    """The lines of `file` that hold something."""
    try:
        text = sys.stdin.buffer.read() if str(file) == "-" else called_from(file).read_bytes()
    except OSError as e:
        fail(Exit.USAGE, f"{file} cannot be read ({e.strerror})")
    return (line for line in text.decode("utf-8-sig", "replace").splitlines() if line.strip())


@faq.command("eval")
def measure(
    folder: Annotated[
        Path | None, typer.Option(help="Other question files (*.tsv) than those of tests/faq/held_out.")
    ] = None,
    misses: Annotated[
        bool, typer.Option("--misses", help="List the questions that did not fare well, and what changed.")
    ] = False,
    against: Annotated[
        str,
        typer.Option(help="What changed since a git revision, a published version, or the folder of an older copy."),
    ] = "",
    picture: Annotated[
        Path | None, typer.Option(help="Draw into this .svg file how often the scores are right.")
    ] = None,
    gate: Annotated[
        bool, typer.Option("--gate", help="Exit 1 if a figure is worse than gate.toml beside the questions allows.")
    ] = False,
    words: Words = False,
    as_json: Json = False,
) -> None:
    """How the search fares with questions it has not seen: per language, topic and style, and what collides."""
    from door.cli import measuring
    from faq import calibration, entries, evaluate
    from faq import gate as gates
    from faq.compare import compare
    from faq.search import Search

    place = called_from(folder) if folder else ROOT / "tests" / "faq" / "held_out"
    if not any(place.glob("*.tsv")):
        fail(
            Exit.USAGE,
            f"there are no question files (*.tsv) in {place}; the held-out ones come with a checkout of the source, "
            "in tests/faq/held_out, and --folder names others",
        )
    if picture and picture.suffix != ".svg":
        fail(Exit.USAGE, "--picture draws SVG: give it a name that ends in .svg")
    limits = gates.read(place) if gate else []
    asked = evaluate.held_out(place)
    house = settings()
    encoder = _encoder(house, words)
    vectors, now = _vectors(encoder, house), datetime.now(UTC)

    def cases(content: Content) -> list[Case]:
        return evaluate.ask(Search(content, now, vectors), asked, encoder)

    content = entries.load(house.content)
    found = cases(content)
    measuring.tell(found, content, as_json=as_json)
    if misses:
        measuring.tell_misses(found, as_json=as_json)
    if against:
        old = _as_of(house, against)
        before = cases(old)
        compared = compare(before, found, old, content)
        measuring.tell_changes(against, before, found, compared, each=misses, as_json=as_json)
    if picture:
        drawn = calibration.picture(measuring.calibrations(found), "How often the first hit is right")
        _write(called_from(picture), drawn)
    if broken := gates.broken(evaluate.by_language(found), limits):
        fail(Exit.FOUND, "\n".join(broken))


def _as_of(house: Settings, past: str) -> Content:
    """The content of another folder, of a version that was published, or of the content folder at a git revision."""
    from core.errors import ContentError
    from faq import entries
    from faq.files import laid_out
    from faq.revision import folder_at

    folder = called_from(Path(past))
    with ExitStack() as stack:
        if folder.is_dir():
            place = folder
        elif kept := _published(house, past):
            place = stack.enter_context(laid_out(kept))
        else:
            place = stack.enter_context(folder_at(house.content, past))
        try:
            return entries.load(place)
        except ContentError as e:
            raise ContentError(f"the content as of {past} cannot be used today:\n{e}") from None


def _published(house: Settings, version: str) -> Files | None:
    """The files of a published version; None where the ledger has none of that name."""
    from core.errors import ContentError
    from faq import versions

    file = sqlite_file(house)
    if not re.fullmatch("[0-9a-f]{12}", version) or (file and not file.exists()):
        return None
    with suppress(ContentError):  # it may be a commit
        return read_ledger(house, lambda conn: versions.kept(conn, version))
    return None


def _write(file: Path, text: str) -> None:
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as e:
        fail(Exit.USAGE, f"{file} cannot be written ({e.strerror})")


@faq.command("lint")
def lint(words: Words = False, as_json: Json = False) -> None:
    """Everything that should be put right in the content folder, by file and line. Warnings alone are no failure."""
    from faq.lint import run

    house = settings()
    encoder = _encoder(house, words)
    findings = run(house.content, vectors=_vectors(encoder, house))
    for finding in findings:
        if as_json:
            dump(asdict(finding) | {"level": finding.level, "stops": finding.stops})
        else:
            warning = ", warning" if finding.level == "warning" else ""
            typer.echo(f"{house.content / finding.file}:{finding.line}: {finding.reason} [{finding.rule}{warning}]")
    wrong = sum(finding.level != "warning" for finding in findings)
    if wrong:
        fail(Exit.FOUND, f"{wrong} things to put right")
    say(f"{len(findings)} warnings." if findings else "Nothing to put right.")


def _encoder(house: Settings, words: bool) -> Encoder | None:
    """The encoder that is set; None to go by words alone. Loading it takes seconds."""
    from faq import vectors

    return None if words else vectors.load(house.encoder)


def _vectors(encoder: Encoder | None, house: Settings) -> Vectors | None:
    from faq.vectors import kept

    return kept(encoder, house.data)

"""`faq`: search the answers and check their files, without a running house."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from door.cli.common import Json, called_from, dump, say, settings, table
from door.cli.exits import Exit, fail
from door.cli.setup.steps import ROOT

if TYPE_CHECKING:
    from core.model import Language

faq = typer.Typer(no_args_is_help=True, help="The answers: search them, measure the search, check their files.")


@faq.command("search")
def search(
    question: Annotated[list[str] | None, typer.Argument(help="What somebody might ask.")] = None,
    file: Annotated[Path | None, typer.Option(help="One question per line instead; - reads standard input.")] = None,
    language: Annotated[str, typer.Option(help="zh or en where a text does not tell by itself.")] = "zh",
    as_json: Json = False,
) -> None:
    """Which entries answer a question, and whether the assistant would answer, ask back or say that it cannot."""
    from faq import entries
    from faq.search import Search, line

    if language not in ("zh", "en"):
        fail(Exit.USAGE, "--language is zh or en")
    if bool(question) == bool(file):
        fail(Exit.USAGE, 'give a question, or --file with one per line: ./qiantai faq search "怎么查信用报告"')
    finder = Search(entries.load(settings().content), datetime.now(UTC))
    fallback: Language = language
    for query in [" ".join(question)] if question else _lines(cast("Path", file)):
        found = finder.find(query, fallback)
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
    misses: Annotated[bool, typer.Option("--misses", help="List the questions that did not fare well, too.")] = False,
    as_json: Json = False,
) -> None:
    """How the search fares with questions it has not seen, per language; with --misses also which ones it misses."""
    from faq import entries, evaluate
    from faq.search import Search

    place = called_from(folder) if folder else ROOT / "tests" / "faq" / "held_out"
    if not any(place.glob("*.tsv")):
        fail(
            Exit.USAGE,
            f"there are no question files (*.tsv) in {place}; the held-out ones come with a checkout of the source, "
            "in tests/faq/held_out, and --folder names others",
        )
    finder = Search(entries.load(settings().content), datetime.now(UTC))
    cases = evaluate.ask(finder, evaluate.held_out(place))
    found = {language: asdict(figures) for language, figures in evaluate.by_language(cases).items()}
    missed = [evaluate.line(case) for case in cases if misses and not case.good]
    if as_json:
        for language, figures in found.items():
            dump({"language": language} | {name: round(value, 4) for name, value in figures.items()})
        for row in missed:
            dump(row)
        return
    names = next(iter(found.values()))
    rows = [[name.replace("_", " "), *(_share(figures[name]) for figures in found.values())] for name in names]
    table(["", *found], rows, empty="No questions.")
    for row in missed:
        hits = "  ".join(f"{hit['id']} {hit['score']:.2f}" for hit in row["hits"])
        expected = " or ".join(row["expected"]) or "no answer"
        typer.echo(f"{row['outcome']}: {row['query']}\n  expected {expected}; {hits or 'no hits'}")


def _share(value: float) -> str:
    return f"{value:.1%}" if isinstance(value, float) else str(value)


@faq.command("lint")
def lint(as_json: Json = False) -> None:
    """Everything that should be put right in the content folder, by file and line."""
    from faq.lint import run

    folder = settings().content
    findings = run(folder)
    for finding in findings:
        if as_json:
            dump(asdict(finding))
        else:
            typer.echo(f"{folder / finding.file}:{finding.line}: {finding.reason} [{finding.rule}]")
    if findings:
        fail(Exit.FOUND, f"{len(findings)} things to put right")
    say("Nothing to put right.")

"""`faq`: search the answers and check their files, without a running house."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from door.cli.common import Json, called_from, dump, say, settings
from door.cli.exits import Exit, fail

if TYPE_CHECKING:
    from core.model import Language

faq = typer.Typer(no_args_is_help=True, help="The answers: search them, check their files.")


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

"""How `faq eval` tells what became of the questions: tables for people, lines of JSON for machines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import typer

from core.model import Language
from door.cli.common import dump, say, table
from faq import evaluate
from faq.calibration import Calibration, calibration
from faq.compare import Changed, Comparison
from faq.entries import LANGUAGES, Content
from faq.evaluate import Case, Figures

SHOWN = 12  # collisions in the table; --json has all
PARTS = ("top1", "top3", "answered", "offered", "wrong", "missed", "none")  # columns by topic and style


def tell(cases: Sequence[Case], content: Content, *, as_json: bool) -> None:
    """Figures by language, topic and style, collisions, and how far the scores are to be believed."""
    languages = evaluate.by_language(cases)
    groups = {"topic": evaluate.by_topic(cases, content), "style": evaluate.by_style(cases)}
    collisions = evaluate.collisions(cases)
    curves = calibrations(cases)
    if as_json:
        for language, figures in languages.items():
            dump({"language": language} | _rounded(asdict(figures)))
        for what, found in groups.items():
            for (language, name), figures in found.items():
                dump({what: {"name": name, "language": language} | _rounded(asdict(figures))})
        for collision in collisions:
            dump({"collision": asdict(collision)})
        for language, curve in curves.items():
            bins = [_rounded(asdict(one)) for one in curve.bins]
            dump({"calibration": {"language": language} | _rounded(asdict(curve)) | {"bins": bins}})
        return
    _side_by_side(languages)
    for what, found in groups.items():
        rows = [_part(language, name, figures) for (language, name), figures in found.items()]
        typer.echo()
        table(["Language", what.capitalize(), "Questions", *PARTS, "false answer", "asked"], rows, empty="")
    typer.echo()
    told = [(one.expected, one.got, one.count, one.answered) for one in collisions[:SHOWN]]
    table(["Expected", "Found first", "Questions", "… and answered"], told, empty="No entry is taken for another.")
    if len(collisions) > SHOWN:
        say(f"{len(collisions) - SHOWN} more pairs are taken for each other; --json lists them.")
    typer.echo()
    scores = [(name, one.count, f"{one.error:.3f}", f"{one.brier:.3f}") for name, one in curves.items()]
    table(["Language", "Scores", "Calibration error", "Brier score"], scores, empty="")


def tell_misses(cases: Sequence[Case], *, as_json: bool) -> None:
    """Every question that did not fare well."""
    for row in (evaluate.line(case) for case in cases if not case.good):
        if as_json:
            dump(row)
        else:
            hits = "  ".join(f"{hit['id']} {hit['score']:.2f}" for hit in row["hits"])
            expected = " or ".join(row["expected"]) or "no answer"
            typer.echo(f"{row['outcome']}: {row['query']}\n  expected {expected}; {hits or 'no hits'}")


def tell_changes(
    since: str, before: Sequence[Case], after: Sequence[Case], found: Comparison, *, each: bool, as_json: bool
) -> None:
    """What an edit did: to the entries, to the figures and, with `each`, to single questions."""
    old, new = evaluate.by_language(before), evaluate.by_language(after)
    if as_json:
        for language in LANGUAGES:
            was, now = _rounded(asdict(old[language])), _rounded(asdict(new[language]))
            dump({"against": {"revision": since, "language": language, "before": was, "after": now}})
        dump({"better": len(found.better), "worse": len(found.worse)})
        for entry in found.entries:
            dump({"entry": asdict(entry)})
        for name, pairs in (("better", found.better), ("worse", found.worse)) if each else ():
            for one, other in pairs:
                dump({name: {"before": evaluate.line(one), "after": evaluate.line(other)}})
        return
    typer.echo(f"\nSince {since}:")
    columns = [f"{language} {when}" for language in LANGUAGES for when in ("before", "after")]
    sides = [asdict(side[language]) for language in LANGUAGES for side in (old, new)]
    table(["", *columns], [[_words(name), *(_share(side[name]) for side in sides)] for name in sides[0]], empty="")
    entries = [(entry.id, entry.what, ", ".join(entry.fields)) for entry in found.entries]
    table(["Entry", "Was", "In"], entries, empty="No entry changed.")
    for name, pairs in (("better", found.better), ("worse", found.worse)):
        typer.echo(f"{len(pairs)} questions fare {name}")
        for pair in pairs if each else ():
            typer.echo(f"  {_changed(pair)}")


def calibrations(cases: Sequence[Case]) -> dict[Language, Calibration]:
    """The calibration of each language in which something was asked."""
    spoken = {case.question.language for case in cases}
    return {
        one: calibration([case for case in cases if case.question.language == one])
        for one in LANGUAGES
        if one in spoken
    }


def _side_by_side(languages: Mapping[Language, Figures]) -> None:
    sides = [asdict(figures) for figures in languages.values()]
    table(["", *languages], [[_words(name), *(_share(side[name]) for side in sides)] for name in sides[0]], empty="")


def _part(language: Language, name: str, figures: Figures) -> list[Any]:
    """A row of the tables by topic and style; figures of a side (in or out of scope) without questions stay empty."""
    inside = [_share(getattr(figures, part)) if figures.in_scope else None for part in PARTS]
    outside = [_share(share) if figures.out_of_scope else None for share in (figures.false_answer, figures.asked)]
    return [language, name, figures.in_scope + figures.out_of_scope, *inside, *outside]


def _changed(pair: Changed) -> str:
    before, after = pair
    first = [case.found.hits[0].id if case.found.hits else "nothing" for case in pair]
    return f"{after.question.text}: {before.outcome} ({first[0]}), now {after.outcome} ({first[1]})"


def _rounded(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: round(value, 4) if isinstance(value, float) else value for name, value in row.items()}


def _words(name: str) -> str:
    return name.replace("_", " ")


def _share(value: float) -> str:
    return f"{value:.1%}" if isinstance(value, float) else str(value)

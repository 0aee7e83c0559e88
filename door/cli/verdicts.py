"""How well messages were understood: figures by language, label and style, and a picture of what is taken for what."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from core.model import Language
from door.cli.examples import Utterance

SAFETY = ("emergency", "fraud_in_progress", "handoff")  # whose recall and precision are promised
CALM = "calm"  # the label of what may be taken for anything but these three: everyday talk that must set off no alarm
COLUMNS = ("count", "right", "recall", "precision", "answered", "asked")


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """What the assistant makes of a message."""

    text: str
    language: Language
    label: str  # emergency … faq:<topic>:<id>; faq:<topic> where it would ask back
    confidence: float  # 0..1, of the source that decided
    runner_up: str
    why: str


Pair = tuple[Utterance, Verdict]


def kind(label: str) -> str:
    """A label without the entry: faq:credit_report:F22 → faq:credit_report."""
    return ":".join(label.split(":")[:2])


def right(one: Utterance, got: Verdict) -> bool:
    """Whether it is one of the right labels: of the FAQ the topic counts, of everyday talk that it is no alarm."""
    return kind(got.label) in one.labels or (CALM in one.labels and kind(got.label) not in SAFETY)


def figures(found: Sequence[Pair]) -> dict[str, dict[str, Any]]:
    """By name of the group: how many, and the share (0..1) that is right; recall and precision of each label, and for
    what is out of scope how much of it was answered or asked back about."""
    told: dict[str, dict[str, Any]] = {"all": _share(found, lambda one: True)}
    for language in ("zh", "en"):
        told[language] = _share(found, lambda one, language=language: one.language == language)
    for style in sorted({one.style for one, _ in found if one.style}):
        told[f"style {style}"] = _share(found, lambda one, style=style: one.style == style)
    labels = sorted({label for one, _ in found for label in one.labels})
    for label in [*SAFETY, *(each for each in labels if each not in SAFETY)]:
        meant = [(one, got) for one, got in found if label in one.labels]
        taken = [(one, got) for one, got in found if kind(got.label) == label]
        told[label] = {
            "count": len(meant),
            "recall": _ratio(sum(right(*pair) for pair in meant), len(meant)),
            "precision": _ratio(sum(label in one.labels for one, _ in taken), len(taken)),
        }
    beyond = [got for one, got in found if one.labels == frozenset({"out_of_scope"})]
    if beyond:
        told["out_of_scope"] |= {
            "answered": _ratio(sum(got.label.count(":") == 2 for got in beyond), len(beyond)),
            "asked": _ratio(sum(got.label.count(":") == 1 for got in beyond), len(beyond)),
        }
    return told


@dataclass(frozen=True, kw_only=True, slots=True)
class Confusion:
    """What is taken for what: a row for each label that was meant, a column for each that was understood."""

    title: str
    labels: tuple[str, ...]
    counts: tuple[tuple[int, ...], ...]


def confusion(found: Sequence[Pair]) -> Confusion:
    """How often each label was taken for each; where two were right, the one that was given is the one meant."""
    pairs = Counter((kind(got.label) if right(one, got) else min(one.labels), kind(got.label)) for one, got in found)
    labels = tuple(sorted({label for pair in pairs for label in pair}))
    return Confusion(
        title=f"What is taken for what ({len(found)} messages)",
        labels=labels,
        counts=tuple(tuple(pairs[meant, given] for given in labels) for meant in labels),
    )


def page(table: Confusion) -> str:
    """The confusion as an HTML page."""
    labels = table.labels
    head = "".join(f"<th><span>{escape(label)}</span></th>" for label in labels)
    rows = "".join(
        f"<tr><th>{escape(meant)}</th>"
        + "".join(_cell(times, sum(row), meant == given) for given, times in zip(labels, row, strict=True))
        + "</tr>"
        for meant, row in zip(labels, table.counts, strict=True)
    )
    title = escape(table.title)
    return (
        f'<!doctype html><meta charset="utf-8"><title>{title}</title><style>'
        "body{font:14px sans-serif}td{text-align:right;min-width:2em}th{text-align:left;font-weight:normal}"
        f"thead span{{writing-mode:vertical-rl}}</style><h1>{title}</h1>"
        "<p>Rows: what was meant. Columns: what was understood.</p>"
        f"<table><thead><tr><th></th>{head}</tr></thead><tbody>{rows}</tbody></table>"
    )


def _cell(times: int, total: int, same: bool) -> str:
    if not times:
        return "<td></td>"
    colour = "60,140,90" if same else "200,60,50"
    return f'<td style="background:rgba({colour},{max(0.15, times / total):.2f})">{times}</td>'


def _share(found: Sequence[Pair], wanted: Callable[[Utterance], bool]) -> dict[str, Any]:
    group = [pair for pair in found if wanted(pair[0])]
    return {"count": len(group), "right": _ratio(sum(right(*pair) for pair in group), len(group))}


def _ratio(part: int, whole: int) -> float | None:
    return round(part / whole, 4) if whole else None

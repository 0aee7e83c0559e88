"""Whether the scores of the search are what they claim to be: probabilities that the first hit answers the question."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

from core.model import Language
from faq.evaluate import Case

BINS = 10  # of equal width over 0..1

# The picture, in pixels: a square with the curve and, under it, how many questions each bin holds.
_SIDE, _LEFT, _TOP, _RIGHT, _GAP, _BARS, _BOTTOM = 320, 52, 56, 170, 12, 56, 44
_COLOURS = ("#2f6fde", "#d9730d", "#2f9e5c", "#b04fc4")
_STYLE = """
text { font: 12px system-ui, sans-serif; fill: #33363d }
.title { font-size: 15px; font-weight: 600 }
.paper { fill: #fff }
.line { stroke: #c9ccd3; fill: none }
.ideal { stroke: #80858f; stroke-dasharray: 5 4 }
@media (prefers-color-scheme: dark) {
  text { fill: #d8dbe2 }
  .paper { fill: #16181d }
  .line { stroke: #42464f }
  .ideal { stroke: #969ba6 }
}
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Bin:
    """The questions whose first hit has a score in one part of 0..1."""

    low: float
    high: float
    count: int
    score: float  # mean score of the first hits, 0..1; 0 where there are none
    right: float  # share of first hits that are right


@dataclass(frozen=True, kw_only=True, slots=True)
class Calibration:
    """Scores against what was right, over all questions with a hit, those out of scope among them."""

    count: int
    error: float  # expected calibration error: mean distance of score and share right, by bin, 0..1
    brier: float  # mean squared distance of each score and its outcome (1 or 0), 0..1
    bins: tuple[Bin, ...]


def calibration(cases: Sequence[Case], bins: int = BINS) -> Calibration:
    """How far the first hits' scores are from the share of them that is right."""
    pairs = [(case.found.hits[0].score, float(case.rank() == 1)) for case in cases if case.found.hits]
    parts: list[list[tuple[float, float]]] = [[] for _ in range(bins)]
    for score, right in pairs:
        parts[min(bins - 1, int(score * bins))].append((score, right))
    found = tuple(
        Bin(
            low=n / bins,
            high=(n + 1) / bins,
            count=len(part),
            score=sum(score for score, _ in part) / max(1, len(part)),
            right=sum(right for _, right in part) / max(1, len(part)),
        )
        for n, part in enumerate(parts)
    )
    total = max(1, len(pairs))
    return Calibration(
        count=len(pairs),
        error=sum(one.count * abs(one.score - one.right) for one in found) / total,
        brier=sum((score - right) ** 2 for score, right in pairs) / total,
        bins=found,
    )


def picture(curves: Mapping[Language, Calibration], title: str) -> str:
    """The reliability diagram of some calibrations, one per language, as SVG for light and dark screens.

    A point on the broken line is right as often as its score says; under the line the search is too sure of itself.
    """
    width = _LEFT + _SIDE + _RIGHT
    floor = _TOP + _SIDE + _GAP + _BARS
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {floor + _BOTTOM}" role="img">',
        f"<title>{escape(title)}</title>",
        f"<style>{_STYLE}</style>",
        f'<rect class="paper" width="{width}" height="{floor + _BOTTOM}"/>',
        f'<text class="title" x="{_LEFT}" y="26">{escape(title)}</text>',
        *_frame(floor),
    ]
    widest = max((one.count for curve in curves.values() for one in curve.bins), default=0) or 1
    for n, (name, curve) in enumerate(curves.items()):
        parts += _curve(n, len(curves), name, curve, widest, floor)
    return "\n".join([*parts, "</svg>", ""])


def _frame(floor: int) -> list[str]:
    """Axes, scales and the line of perfect calibration."""
    bottom = _TOP + _SIDE
    parts = [
        f'<rect class="line" x="{_LEFT}" y="{_TOP}" width="{_SIDE}" height="{_SIDE}"/>',
        f'<path class="line" d="M{_LEFT} {floor}h{_SIDE}"/>',
        f'<path class="line ideal" d="M{_LEFT} {bottom}L{_LEFT + _SIDE} {_TOP}"/>',
        f'<text x="{_LEFT}" y="{_TOP - 8}">share of first hits that are right</text>',
        f'<text x="{_LEFT + _SIDE / 2:g}" y="{floor + 36}" text-anchor="middle">score of the first hit</text>',
        f'<text x="{_LEFT - 8}" y="{floor - 4}" text-anchor="end">count</text>',
    ]
    for step in range(0, 11, 2):
        x, y = _LEFT + _SIDE * step / 10, bottom - _SIDE * step / 10
        parts += [
            f'<text x="{_LEFT - 8}" y="{y + 4:g}" text-anchor="end">{step / 10:g}</text>',
            f'<text x="{x:g}" y="{floor + 18}" text-anchor="middle">{step / 10:g}</text>',
        ]
    return parts


def _curve(n: int, all_: int, name: str, curve: Calibration, widest: int, floor: int) -> list[str]:
    """Points with a line through them, the bars of their counts, and the legend of curve `n` of `all_`."""
    colour = _COLOURS[n % len(_COLOURS)]
    filled = [one for one in curve.bins if one.count]
    points = [(_LEFT + _SIDE * one.score, _TOP + _SIDE * (1 - one.right)) for one in filled]
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    parts = [f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="1.5"/>']
    for one, (x, y) in zip(filled, points, strict=True):
        told = f"{name}: score {one.score:.2f}, right {one.right:.2f}, {one.count} questions"
        parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{colour}"><title>{escape(told)}</title></circle>')
    slot = _SIDE / max(1, len(curve.bins))
    wide = 0.8 * slot / all_
    for one in filled:
        high = _BARS * one.count / widest
        x = _LEFT + _SIDE * one.low + 0.1 * slot + n * wide
        parts.append(
            f'<rect x="{x:.1f}" y="{floor - high:.1f}" width="{wide:.1f}" height="{high:.1f}" fill="{colour}"/>'
        )
    x, y = _LEFT + _SIDE + 20, _TOP + 14 + 56 * n
    return [
        *parts,
        f'<circle cx="{x}" cy="{y - 4}" r="5" fill="{colour}"/>',
        f'<text x="{x + 12}" y="{y}">{escape(name)}: {curve.count} questions</text>',
        f'<text x="{x + 12}" y="{y + 17}">calibration error {curve.error:.3f}</text>',
        f'<text x="{x + 12}" y="{y + 34}">Brier score {curve.brier:.3f}</text>',
    ]

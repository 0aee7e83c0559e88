"""Scores are compared with what was right, bin by bin, and the picture shows every bin."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest

from faq.calibration import calibration, picture
from faq.evaluate import Case, Outcome, Question
from faq.search import Found, Hit

SVG = "{http://www.w3.org/2000/svg}"


def case(score: float | None, *, right: bool) -> Case:
    hits = () if score is None else (Hit(id="F01", topic="cash", score=score, phrasing=""),)
    outcome: Outcome = "answered" if right else "wrong"
    asked = Question(expected=frozenset({"F01" if right else "F02"}), language="zh", text="")
    return Case(question=asked, found=Found(decision="answer", hits=hits), outcome=outcome)


def test_scores_that_are_right_as_often_as_they_say_have_no_error() -> None:
    cases = [case(0.75, right=n < 3) for n in range(4)] + [case(0.25, right=n < 1) for n in range(4)]
    found = calibration(cases)
    assert (found.count, found.error) == (8, 0)
    assert found.brier == pytest.approx(0.1875)  # 0.75 · 0.25² + 0.25 · 0.75², in both bins
    assert [(one.low, one.count, one.score, one.right) for one in found.bins if one.count] == [
        (0.2, 4, 0.25, 0.25),
        (0.7, 4, 0.75, 0.75),
    ]


def test_the_error_is_the_mean_distance_weighed_by_count() -> None:
    found = calibration([case(0.95, right=False)] + [case(0.05, right=False)] * 3)
    assert found.error == pytest.approx((0.95 + 3 * 0.05) / 4)


def test_a_certain_score_belongs_to_the_last_bin_and_a_question_without_hits_to_none() -> None:
    found = calibration([case(1.0, right=True), case(0.0, right=False), case(None, right=False)])
    assert found.count == 2
    assert [one.count for one in found.bins] == [1, 0, 0, 0, 0, 0, 0, 0, 0, 1]


def test_nothing_asked_is_nothing_wrong() -> None:
    found = calibration([])
    assert (found.count, found.error, found.brier) == (0, 0, 0)
    ElementTree.fromstring(picture({"zh": found}, "empty"))


def test_the_picture_has_a_point_and_a_bar_for_every_bin_that_holds_something() -> None:
    curve = calibration([case(0.1, right=False), case(0.55, right=True), case(0.9, right=True)])
    root = ElementTree.fromstring(picture({"zh": curve, "en": curve}, "Right & <wrong>"))
    assert root.findtext(f"{SVG}title") == "Right & <wrong>"
    told = [one.findtext(f"{SVG}title") for one in root.iter(f"{SVG}circle")]
    assert told.count("zh: score 0.55, right 1.00, 1 questions") == 1
    assert sum(one is not None for one in told) == 6
    bars = [one for one in root.iter(f"{SVG}rect") if one.get("fill")]
    assert len(bars) == 6
    # A score of 0.55 that is always right stands above the middle, at the top.
    [point] = [one for one in root.iter(f"{SVG}circle") if one.findtext(f"{SVG}title") == told[1]]
    frame = next(one for one in root.iter(f"{SVG}rect") if one.get("class") == "line")
    left, top, side = (float(frame.get(name, "")) for name in ("x", "y", "width"))
    assert (float(point.get("cx", "")), float(point.get("cy", ""))) == (pytest.approx(left + 0.55 * side), top)

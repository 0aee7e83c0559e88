"""What the weights are learnt from, and that they are learnt from it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import ContentError
from faq import entries, fitting
from faq.deciding import DECIDED_BY, DECIDED_BY_WORDS, FILE, Evidence, features, probability, ranks
from faq.entries import LANGUAGES, Content
from faq.evaluate import Question, ask, questions
from faq.fitting import Lesson
from faq.scope import examples
from faq.search import Search
from tests.faq.folder import CONTENT, make

NOW = datetime(2026, 11, 21, 4, 0, tzinfo=UTC)
TUNING = questions(Path(__file__).with_name("tuning.tsv"))
OURS = entries.load(CONTENT)


@pytest.fixture
def small(tmp_path: Path) -> Content:
    return entries.load(make(tmp_path))


def question(text: str, *expected: str) -> Question:
    return Question(expected=frozenset(expected), language="zh", text=text)


def kinds(content: Content) -> tuple[Lesson, list[Lesson], list[Lesson], list[Lesson]]:
    """The lesson of the file, and those of examples, phrasings and entries."""
    given: Iterator[Lesson] = fitting.lessons(content, NOW, [question("存款", "F01")])
    first, *rest = given
    return first, rest[::3], rest[1::3], rest[2::3]


def test_every_example_phrasing_and_entry_is_asked_once_and_the_file_first(small: Content) -> None:
    first, beyond, phrasings, gone = kinds(small)
    assert first.asked == [question("存款", "F01")]
    assert sorted(one.text for lesson in beyond for one in lesson.asked) == sorted(one.text for one in examples())
    texts = [text for entry in small.entries.values() for one in LANGUAGES for text in entry.phrasings[one]]
    assert sorted(one.text for lesson in phrasings for one in lesson.asked) == sorted(texts)
    asked = [one.text for lesson in gone for one in lesson.asked]
    assert len(asked) == len(texts) + len(small.entries) * len(LANGUAGES)


def test_a_phrasing_is_asked_of_a_search_without_it(small: Content) -> None:
    _, _, phrasings, _ = kinds(small)
    lesson = next(lesson for lesson in phrasings if any(one.text == "存款" for one in lesson.asked))
    [found] = [one for one in ask(lesson.search, lesson.asked) if one.question.text == "存款"]
    assert found.question.expected == {"F01"}
    assert all(hit.phrasing != "存款" for hit in found.found.hits)


def test_a_question_of_an_entry_that_was_left_out_is_out_of_scope(small: Content) -> None:
    *_, gone = kinds(small)
    lesson = next(lesson for lesson in gone if any(one.text == "存款" for one in lesson.asked))
    assert all(not one.expected for one in lesson.asked)
    assert all(hit.id != "F01" for case in ask(lesson.search, lesson.asked) for hit in case.found.hits)


def test_an_example_is_asked_of_a_search_that_does_not_know_it(small: Content) -> None:
    _, beyond, _, _ = kinds(small)
    apart = fitting.rows(beyond[:1])
    known = fitting.rows([replace(beyond[0], search=Search(small, NOW))])
    mean = np.mean([row.evidence.beyond for row in known])
    assert np.mean([row.evidence.beyond for row in apart]) < 0.8 * mean


@pytest.fixture(scope="module")
def learnt() -> list[fitting.Row]:
    return fitting.rows([Lesson(search=Search(OURS, NOW), asked=TUNING, counts=1.0, real=True)])


def test_what_speaks_for_a_right_answer_gets_a_weight_above_zero(learnt: list[fitting.Row]) -> None:
    fitted = fitting.fit(learnt)
    told = dict(zip(DECIDED_BY, fitted.decide["zh"][1:], strict=False))
    assert fitted.rank["zh"][0] > 0
    assert fitted.rank["en"][0] > 0
    assert told["cover"] > 0
    assert told["within"] > 0
    assert all(0 < fitted.ask[one] <= fitted.answer[one] < 1 for one in LANGUAGES)


def test_what_is_likely_is_right_as_often_as_it_says(learnt: list[fitting.Row]) -> None:
    fitted = fitting.fit(learnt)
    likely: list[float] = []
    right: list[bool] = []
    for row in learnt:
        fits = ranks(row.evidence, fitted.rank[row.evidence.language])
        first = int(fits.argmax())
        likely.append(probability(features(row.evidence, fits, [first])[0], fitted.decide[row.evidence.language]))
        right.append(first in row.right)
    for low, high in ((0.0, 0.4), (0.4, 0.8), (0.8, 1.0)):
        inside = [n for n, one in enumerate(likely) if low <= one < high]
        assert np.mean([likely[n] for n in inside]) == pytest.approx(np.mean([right[n] for n in inside]), abs=0.12)


def test_a_fit_on_nothing_is_refused() -> None:
    empty = Search(replace(OURS, entries={}), NOW)
    with pytest.raises(ContentError, match="shares a word"):
        fitting.fit(fitting.rows([Lesson(search=empty, asked=TUNING[:20], counts=1.0)]))


def test_what_is_written_is_what_is_read(learnt: list[fitting.Row], monkeypatch: pytest.MonkeyPatch) -> None:
    fitted = fitting.fit(learnt)
    row = fitting.written(fitted)
    assert list(row["decide"]["zh"]) == ["base", *DECIDED_BY[:DECIDED_BY_WORDS]]
    assert row["decide"]["en"]["cover"] == pytest.approx(fitted.decide["en"][2], abs=0.001)
    assert FILE.read_text(encoding="utf-8").count('"decide"') >= 3


@given(st.lists(st.floats(-30, 30), min_size=1, max_size=12), st.randoms(use_true_random=False))
def test_the_lead_and_the_doubt_of_each_hit_are_those_against_all_other_entries(
    fits: list[float], draw: Random
) -> None:
    cues = np.array([[0.5] * len(fits), fits])
    evidence = Evidence(language="zh", length=4.0, cues=cues, covers={}, familiar=0.0, beyond=0.0)
    hits = draw.sample(range(len(fits)), draw.randint(1, len(fits)))
    for hit, (_, _, lead, doubt, *_) in zip(hits, features(evidence, np.array(fits), hits), strict=True):
        others = [fit - fits[hit] for place, fit in enumerate(fits) if place != hit]
        assert lead == min(6.0, max(-6.0, -max(others, default=-6.0)))
        assert doubt == pytest.approx(1 - 1 / (1 + sum(math.exp(min(6.0, ahead)) for ahead in others)))


def test_a_search_with_one_entry_has_no_rival_to_fear() -> None:
    cues = np.array([[0.5], [2.0]])
    evidence = Evidence(language="zh", length=4.0, cues=cues, covers={0: 1.0}, familiar=0.0, beyond=-1.0)
    share, cover, lead, doubt, *_ = features(evidence, ranks(evidence, (10.0, 0.0)), [0])[0]
    assert (share, cover, lead) == (0.5, 1.0, 6.0)
    assert doubt < 0.01

"""Likeness by meaning: exact, on a scale of the content's own, whatever the encoder's cosines look like."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from core.model import Language
from faq.meaning import Meaning
from faq.vectors import Encoder, Vectors

TEXTS: Mapping[Language, Sequence[Sequence[str]]] = {
    "zh": [["card lost 卡", "lost"], ["loan 贷"], ["fraud 骗"]],
    "en": [["lost my card"], ["a loan", "loan rate"], ["fraud call"]],
}
EXAMPLES = ["weather today", "weather joke"]


class Words:
    """A model with one axis per word; `bias` is a part that all texts share, as many encoders have."""

    axes = ("card", "lost", "loan", "rate", "fraud", "call", "weather", "today", "joke")

    def __init__(self, bias: float = 0.1) -> None:
        self.bias = bias

    def encode(self, texts: list[str]) -> NDArray[np.float32]:
        rows = np.array([[self.bias, *(float(axis in text) for axis in self.axes)] for text in texts], np.float32)
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def meaning(bias: float = 0.1, examples: Sequence[str] = EXAMPLES) -> tuple[Meaning, Encoder]:
    encoder = Encoder(Words(bias), "0123456789ab")
    return Meaning(Vectors(encoder), TEXTS, examples), encoder


def test_the_entry_that_means_the_same_is_nearest_in_both_languages() -> None:
    made, encoder = meaning()
    for text, entry in (("lost card", 0), ("rate of the loan", 1), ("fraud", 2)):
        [vector] = encoder.encode([text])
        for language in ("zh", "en"):
            alike = made.alike(vector, language)
            assert [int(one.argmax()) for one in (alike.near, alike.across, alike.centre)] == [entry] * 3


def test_the_nearest_phrasing_of_an_entry_is_named_in_the_language_asked_in() -> None:
    made, encoder = meaning()
    [vector] = encoder.encode(["loan rate"])
    assert made.nearest(vector, "en", 1) == "loan rate"
    assert made.nearest(vector, "zh", 1) == "loan 贷"
    assert made.nearest(vector, "zh", 2) == "fraud 骗"


def test_the_cosines_are_those_of_the_vectors() -> None:
    made, encoder = meaning()
    [vector] = encoder.encode(["lost"])
    mean, deviation = made._scale["zh"]  # pyright: ignore[reportPrivateUsage]
    expected = max(float(vector @ row) for row in encoder.encode(TEXTS["zh"][0]))
    assert made.alike(vector, "zh").near[0] * deviation[0] + mean[0] == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("bias", [0.1, 2.0])
def test_likeness_does_not_depend_on_how_alike_an_encoder_finds_everything(bias: float) -> None:
    made, encoder = meaning(bias)
    right, wrong = encoder.encode(["lost card", "weather"])
    assert made.alike(right, "zh").near[0] > 2
    assert max(made.alike(wrong, "zh").near) < 1


def test_examples_out_of_scope_are_told_from_phrasings() -> None:
    made, encoder = meaning()
    right, wrong = encoder.encode(["loan", "weather today"])
    assert made.alike(right, "en").inside > 0 > made.alike(wrong, "en").inside
    assert made.alike(wrong, "en").outside > made.alike(right, "en").outside
    assert made.alike(wrong, "en").strange > 0.5 > made.alike(right, "en").strange


def test_a_question_is_as_like_as_every_single_vector_says() -> None:
    draw = np.random.default_rng(1)
    sizes = {"zh": (3, 1, 30), "en": (2, 25, 4)}
    texts: dict[Language, list[list[str]]] = {
        "zh": [[f"zh{entry}-{n}" for n in range(size)] for entry, size in enumerate(sizes["zh"])],
        "en": [[f"en{entry}-{n}" for n in range(size)] for entry, size in enumerate(sizes["en"])],
    }
    examples = [f"example{n}" for n in range(40)]
    every = ["?", *examples, *(text for held in texts.values() for entry in held for text in entry)]
    drawn = draw.normal(size=(len(every), 8))
    rows = dict(zip(every, (drawn / np.linalg.norm(drawn, axis=1, keepdims=True)).astype(np.float32), strict=True))

    class Known:
        def encode(self, texts: list[str]) -> NDArray[np.float32]:
            return np.array([rows[text] for text in texts])

    made = Meaning(Vectors(Encoder(Known(), "0123456789ab")), texts, examples)
    pairs: list[tuple[Language, Language]] = [("zh", "en"), ("en", "zh")]
    for language, other in pairs:
        mean, deviation = made._scale[language]  # pyright: ignore[reportPrivateUsage]
        vector = rows["example0"]
        alike = made.alike(vector, language)
        for entry in range(3):
            near = max(rows[text] @ vector for text in texts[language][entry])
            across = max(rows[text] @ vector for text in texts[other][entry])
            held = [rows[text] for text in (*texts["zh"][entry], *texts["en"][entry])]
            expected = (np.array([near, across, np.mean(held, axis=0) @ vector]) - mean) / deviation
            found = [alike.near[entry], alike.across[entry], alike.centre[entry]]
            assert found == pytest.approx(expected, abs=1e-4)
            nearest = made.nearest(vector, language, entry)
            assert nearest == max(texts[language][entry], key=lambda text: rows[text] @ vector)
        cosines = {text: float(rows[text] @ vector / deviation[0]) for text in every if text != "?"}
        strange = sorted((cosines[text] for text in examples), reverse=True)
        assert alike.outside == pytest.approx(np.mean(strange[:3]) - mean[0] / deviation[0], abs=1e-4)
        voters = sorted(cosines, key=lambda text: -cosines[text])[:20]
        votes = {text: np.exp(cosines[text] - cosines[voters[0]]) for text in voters}
        against = sum(vote for text, vote in votes.items() if text in examples)
        assert alike.strange == pytest.approx(against / sum(votes.values()), abs=1e-4)


def test_without_examples_everything_is_in_scope() -> None:
    made, encoder = meaning(examples=[])
    [vector] = encoder.encode(["weather"])
    alike = made.alike(vector, "zh")
    assert (alike.inside, alike.outside, alike.strange) == (1.0, 0.0, 0.0)


def test_one_entry_alone_has_nothing_to_compare_with_and_works() -> None:
    encoder = Encoder(Words(), "0123456789ab")
    made = Meaning(Vectors(encoder), {"zh": [["loan"]], "en": [["loan"]]}, [])
    [vector] = encoder.encode(["loan"])
    assert made.alike(vector, "zh").near[0] == pytest.approx(1.0, abs=1e-5)

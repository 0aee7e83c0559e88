"""What is read of a message and what the classifier makes of it, on a few examples of its own."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

from bot.assistant.classifier import Classifier, Known
from bot.assistant.reading import READ_MAX, Counted, Meanings, beside, even, letters, pairs

MEANINGS = {
    "weapon": ["刀", "枪", "knife", "gun", "machete"],
    "film": ["电影", "主演", "movie", "actor"],
    "person": ["人工", "客服", "agent", "real person"],
}
SHOW, HERE = (
    ("一部{}的电影", "{}主演是谁", "a movie with a {}", "the actor holds a {}"),
    ("有{}", "他拿着{}", "he has a {}"),
)
WEAPONS = ("刀", "枪", "knife", "gun")
EXAMPLES: list[tuple[str, str]] = [
    *((text.format(word), "out_of_scope") for text, word in itertools.product(SHOW, WEAPONS)),
    *((text.format(word), "emergency") for text, word in itertools.product(HERE, WEAPONS)),
    *((f"{one}{word}", "handoff") for one in ("找", "转", "要", "connect me to ") for word in MEANINGS["person"]),
]
UP, DOWN = (1.0, 0.0), (0.0, 1.0)


@pytest.fixture(scope="module")
def classifier() -> Classifier:
    """Learned with vectors that say whether somebody is meant: up for a person, down for the rest."""
    made = Classifier(Meanings.of(MEANINGS))
    known = [
        (Known(vector=UP if intent == "handoff" else DOWN, decision="none", found=[("topic", 0.1)]), Known())
        for _, intent in EXAMPLES
    ]
    made.fit([text for text, _ in EXAMPLES], [intent for _, intent in EXAMPLES], known)
    return made


def chances(classifier: Classifier, text: str, known: Known) -> Any:
    return classifier.chances([text], [known])[0]


def taken(classifier: Classifier, text: str, known: Known | None = None) -> str:
    return classifier.labels[int(np.argmax(chances(classifier, text, known or Known())))]


def test_it_knows_what_it_learned(classifier: Classifier) -> None:
    assert [intent for text, intent in EXAMPLES if taken(classifier, text) != intent] == []


def test_chances_add_up(classifier: Classifier) -> None:
    found = chances(classifier, "他拿着刀", Known())
    assert found.shape == (3,)
    assert float(found.sum()) == pytest.approx(1.0)


def test_several_texts_are_read_as_each_alone(classifier: Classifier) -> None:
    texts = ["他拿着刀", "找客服", "", "the actor holds a gun"]
    known = [Known(), Known(vector=UP, decision="ask", found=[("topic", 0.3)]), Known(), Known(vector=DOWN)]
    alone = [chances(classifier, text, one) for text, one in zip(texts, known, strict=True)]
    assert np.allclose(classifier.chances(texts, known), alone, atol=1e-6)


def test_a_word_that_no_example_has_counts_by_its_meaning(classifier: Classifier) -> None:
    assert taken(classifier, "he has a machete") == "emergency"
    assert taken(classifier, "a movie with a machete") == "out_of_scope"


def test_where_words_say_nothing_the_vector_does(classifier: Classifier) -> None:
    person = classifier.labels.index("handoff")
    up, down = (chances(classifier, "~", Known(vector=vector))[person] for vector in (UP, DOWN))
    assert up > down


def test_a_vector_of_another_size_is_not_looked_at(classifier: Classifier) -> None:
    with_it = chances(classifier, "有刀", Known(vector=(1.0, 0.0, 0.0)))
    assert with_it.tolist() == chances(classifier, "有刀", Known()).tolist()


def test_a_long_message_costs_no_more_than_its_beginning(classifier: Classifier) -> None:
    beginning = "我要人工 " * READ_MAX
    whole = beginning + "他拿着刀" * 25_000
    assert chances(classifier, whole, Known()).tolist() == chances(classifier, beginning[:READ_MAX], Known()).tolist()


@pytest.mark.parametrize("text", ["", " ", "\n", "\ud800", "🙂", "0", "'"])
def test_a_message_without_letters_is_no_error(classifier: Classifier, text: str) -> None:
    assert float(chances(classifier, text, Known()).sum()) == pytest.approx(1.0)


def test_what_was_stored_says_the_same(classifier: Classifier) -> None:
    arrays, names = classifier.stored()
    again = Classifier.restored(arrays, names)
    for text, _ in EXAMPLES:
        known = Known(vector=UP, decision="answer", found=[("topic", 0.9)])
        assert np.allclose(chances(again, text, known), chances(classifier, text, known), atol=0.01)


def test_the_same_examples_make_the_same_classifier(classifier: Classifier) -> None:
    texts, intents = [text for text, _ in EXAMPLES], [intent for _, intent in EXAMPLES]
    one, other = Classifier(Meanings.of(MEANINGS)), Classifier(Meanings.of(MEANINGS))
    for each in (one, other):
        each.fit(texts, intents, [(Known(),)] * len(texts))
    assert [chances(one, text, Known()).tolist() for text in texts] == [
        chances(other, text, Known()).tolist() for text in texts
    ]


SPOKEN: list[tuple[str, list[str]]] = [
    ("他有刀", ["weapon"]),
    ("GUN！", ["weapon"]),
    ("ｇｕｎ", ["weapon"]),
    ("begun", []),
    ("a real  person", ["person"]),
    ("real estate person", []),
    ("电影里的枪", ["film", "weapon"]),
    ("", []),
]


@pytest.mark.parametrize(("text", "names"), SPOKEN)
def test_which_meanings_a_text_touches(text: str, names: list[str]) -> None:
    meanings = Meanings.of(MEANINGS)
    assert [meanings.names[n] for n in meanings.found(even(text))] == names


def test_pairs_tell_a_knife_in_a_film_from_a_knife() -> None:
    assert pairs([0, 2, 5]) == ["0 2", "0 5", "2 5"]
    assert pairs([3]) == []


def test_letters_know_no_figures_and_keep_words_apart() -> None:
    assert letters("卡12", 4) == letters("卡34", 4)
    assert "\nno card" in letters("no card", 4)
    assert not any("o c" in piece for piece in letters("no card", 2) if not piece.startswith("\n"))


def test_what_the_search_says_is_numbers() -> None:
    assert beside("answer", [("loan", 0.5), ("cash", 0.2)], ["cash", "loan"])[:4] == [1.0, 0.0, 0.0, 0.5]
    assert beside("none", [], ["cash"])[-1] == 0
    assert beside(None, [("cash", 0.9)], ["cash"]) == [0.0] * 6


def test_what_is_rare_has_no_row_and_what_is_rarer_weighs_more() -> None:
    counted = Counted(1024)
    counted.fit([["card", "often"], ["card"], ["often"], ["once"], ["often"]], rare=2)
    at, values = counted.row(["card", "often", "once", "never"])
    weights: dict[int, Any] = dict(zip(at.tolist(), values.tolist(), strict=True))
    assert len(weights) == 2
    card, often = (counted.row([word])[0].tolist()[0] for word in ("card", "often"))
    assert weights[card] > weights[often]
    assert float(values @ values) == pytest.approx(1.0)

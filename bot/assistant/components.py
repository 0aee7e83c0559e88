"""The whole of our language understanding as one Rasa component: character n-grams, words, the message's vector and
what the search found, under one linear classifier.

One component instead of a pipeline because Rasa pays per component and per feature matrix; its stock pipeline was not
found better on such data and makes a turn cost 17 times the CPU (docs/decisions/0007, 0013). Vector
and hits come with the turn, from the house; the vector may be missing, and the classifier is trained for both.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import math
import os
import re
import unicodedata
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.nlu.classifiers.classifier import IntentClassifier
from rasa.shared.exceptions import RasaException
from rasa.shared.nlu.constants import ENTITIES, INTENT, TEXT
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData

from bot.assistant.contract import DECISIONS, Hit
from bot.assistant.understanding import Decision, Heard, Label, decide

READ_MAX = 512  # characters of a message that are looked at: bounds the cost, and what matters is said early
KNOWN = "TRAINING_KNOWN"  # names, in the environment, the file with what the house knows of the examples
_DIGIT = re.compile(r"\d")  # which figures they are says nothing about what is wanted
_WORDS = re.compile(r"[a-z0-9]+(?:'[a-z]+)?")


def features(text: str, buckets: int, longest: int) -> list[int]:
    """Sorted numbers, 0..buckets-1, of what `text` is made of.

    n-grams of 1 to `longest` characters within blanks, and Latin words alone and in pairs.
    """
    plain = _DIGIT.sub("0", unicodedata.normalize("NFKC", text[:READ_MAX]).casefold())
    found: set[str] = set()
    for word in plain.split():
        padded = f" {word} "
        for n in range(1, longest + 1):
            found.update(padded[i : i + n] for i in range(len(padded) - n + 1))
    words = _WORDS.findall(plain)
    # A mark that no text holds keeps words apart from n-grams.
    found.update(f"\n{word}" for word in words)
    found.update(f"\n{one} {other}" for one, other in itertools.pairwise(words))
    return sorted({zlib.crc32(piece.encode("utf-8", "replace")) % buckets for piece in found})


def beside(decision: str, found: Sequence[tuple[str, float]], topics: Sequence[str]) -> list[float]:
    """What the search says of a message, 5 + len(topics) numbers; `found`: topic and score of the hits, best first."""
    score = found[0][1] if found else 0.0
    odds = math.log((score + 0.001) / (1.001 - score)) / 5  # -1.4..1.4
    by_topic = [sum(one for name, one in found if name == topic) for topic in topics]
    return [*(float(decision == one) for one in DECISIONS), score, odds, *by_topic]


def key(text: str) -> bytes:
    """Under which the house keeps the vector of an example."""
    return hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=16).hexdigest().encode()


@DefaultV1Recipe.register([DefaultV1Recipe.ComponentType.INTENT_CLASSIFIER], is_trainable=True)
class Understanding(GraphComponent, IntentClassifier):
    """Classifies a message, then weighs the result against what the house sent along (`metadata["house"]`)."""

    @staticmethod
    def get_default_config() -> dict[str, Any]:
        """buckets: size of the hash table; longest: n-gram length; rare: a feature of fewer examples is left out;
        strength: inverse regularisation; sharpness: of the probabilities; vector_weight, hits_weight: how much what the
        house knows counts beside the letters, whose features have length 1 together; ranking: labels that are kept."""
        return {
            "buckets": 262144,
            "longest": 4,
            "rare": 2,
            "strength": 1.0,
            "sharpness": 4.0,
            "vector_weight": 1.5,
            "hits_weight": 0.5,
            "ranking": 5,
        }

    @classmethod
    def required_components(cls) -> list[type]:
        """None: it reads the text itself."""
        return []

    def __init__(self, config: dict[str, Any], storage: ModelStorage, resource: Resource) -> None:
        self._config = config
        self._storage = storage
        self._resource = resource
        self._labels: list[str] = []
        self._known = np.full(config["buckets"], -1, np.int32)  # (buckets,): the feature's row, -1 for what is too rare
        self._rarity = np.zeros(0, np.float32)  # (rows,), inverse document frequency
        self._weights = np.zeros((0, 0), np.float32)  # (rows, labels)
        self._more = np.zeros((0, 0), np.float32)  # (size of a vector + what `beside` gives, labels)
        self._topics: list[str] = []
        self._bias = np.zeros(0, np.float32)  # (labels,)

    @classmethod
    def create(
        cls,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
    ) -> Understanding:
        """An untrained component."""
        return cls(config, model_storage, resource)

    def train(self, training_data: TrainingData) -> Resource:
        """Fit on the examples; the parameter's name is how Rasa wires the graph. Same data, same weights."""
        from scipy.sparse import csr_matrix, hstack, vstack
        from sklearn.svm import LinearSVC

        examples = [m for m in training_data.intent_examples if m.get(TEXT) and m.get(INTENT)]
        wanted = [m.get(INTENT) for m in examples]
        if len(set(wanted)) < 3:
            raise RasaException("nlu_data/nlu must hold examples of at least three intents.")
        texts = [m.get(TEXT) for m in examples]
        self._count([features(text, self._config["buckets"], self._config["longest"]) for text in texts])
        rows = [self._row(text) for text in texts]
        where = ([i for i, (at, _) in enumerate(rows) for _ in at], np.concatenate([at for at, _ in rows]))
        values = np.concatenate([values for _, values in rows])
        letters = csr_matrix((values, where), shape=(len(rows), len(self._rarity)))
        # Each example with its vector and without: what is learned must not lean on a vector that may be missing.
        matrix = vstack([hstack([letters, csr_matrix(more)]) for more in self._known_by_house(texts)]).tocsr()
        fitted: Any = LinearSVC(
            C=self._config["strength"], class_weight="balanced", max_iter=300, tol=0.01, random_state=0
        ).fit(matrix, wanted * 2)
        self._labels = [str(label) for label in fitted.classes_]
        coefficients = np.ascontiguousarray(fitted.coef_.T.astype(np.float32))
        self._weights, self._more = coefficients[: len(self._rarity)], coefficients[len(self._rarity) :]
        self._bias = fitted.intercept_.astype(np.float32)
        with self._storage.write_to(self._resource) as folder:
            np.savez_compressed(
                folder / "weights.npz",
                known=np.flatnonzero(self._known >= 0).astype(np.int32),
                rarity=self._rarity,
                weights=self._weights.astype(np.float16),
                more=self._more,
                bias=self._bias,
            )
            (folder / "names.json").write_text(json.dumps({"labels": self._labels, "topics": self._topics}))
        return self._resource

    @classmethod
    def load(
        cls,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
        **kwargs: Any,
    ) -> Understanding:
        """The component as it was trained."""
        made = cls(config, model_storage, resource)
        with model_storage.read_from(resource) as folder:
            with np.load(str(folder / "weights.npz")) as stored:
                made._known[stored["known"]] = np.arange(len(stored["known"]), dtype=np.int32)
                made._rarity, made._bias, made._more = stored["rarity"], stored["bias"], stored["more"]
                made._weights = stored["weights"].astype(np.float32)
            names = json.loads((folder / "names.json").read_text())
        made._labels, made._topics = names["labels"], names["topics"]
        return made

    def process(self, messages: list[Message]) -> list[Message]:
        """Sets intent, entities, ranking and `decision` on each message."""
        for message in messages:
            text = message.get(TEXT) or ""
            house = dict((message.get("metadata") or {}).get("house") or {})
            ranking = self.rank(text, house.pop("vector", None), house.get("hits_decision"), house.get("hits", ()))
            decision = decide(Heard(text=text, ranking=ranking, **house)) if house else _alone(ranking)
            message.set(INTENT, {"name": decision.intent, "confidence": decision.confidence}, add_to_output=True)
            message.set(
                "intent_ranking",
                [{"name": r.name, "confidence": r.score} for r in ranking[: self._config["ranking"]]],
                add_to_output=True,
            )
            message.set(ENTITIES, entities(decision.values, len(text)), add_to_output=True)
            message.set("decision", explained(decision), add_to_output=True)
        return messages

    def rank(
        self,
        text: str,
        vector: Sequence[float] | None = None,
        decision: str | None = None,
        hits: Sequence[Hit] = (),
    ) -> list[Label]:
        """All labels of `text`, likeliest first, with probabilities; the priors where nothing is known of it.

        A `vector` of another size than those of the training is not looked at; `decision` None: nothing was searched.
        """
        at, values = self._row(text)
        scores = self._bias + values @ self._weights[at]
        size = len(self._more) - len(DECISIONS) - 2 - len(self._topics)
        if vector is not None and len(vector) == size:
            scores = scores + self._config["vector_weight"] * np.asarray(vector, np.float32) @ self._more[:size]
        if decision is not None and len(self._topics):
            told = beside(decision, [(hit.topic, hit.score) for hit in hits], self._topics)
            scores = scores + self._config["hits_weight"] * np.asarray(told, np.float32) @ self._more[size:]
        spread = np.exp(self._config["sharpness"] * (scores - scores.max()))
        chances = spread / spread.sum()
        best = np.argsort(-chances, kind="stable")
        return [Label(name=self._labels[i], score=round(float(chances[i]), 4)) for i in best]

    def _count(self, rows: Sequence[Sequence[int]]) -> None:
        """Takes the features that stand in enough examples, and how rare each is."""
        seen = np.zeros(self._config["buckets"])
        for row in rows:
            seen[row] += 1
        kept = np.flatnonzero(seen >= self._config["rare"])
        self._known[kept] = np.arange(len(kept), dtype=np.int32)
        self._rarity = (np.log((len(rows) + 1) / (seen[kept] + 1)) + 1).astype(np.float32)

    def _row(self, text: str) -> tuple[Any, Any]:
        """The rows of the features in `text` and their values, together of length 1."""
        at = self._known[features(text, self._config["buckets"], self._config["longest"])]
        at = at[at >= 0]
        values = self._rarity[at]
        return at, values / np.sqrt(max(float(values @ values), 1e-9))

    def _known_by_house(self, texts: Sequence[str]) -> tuple[Any, Any]:
        """What the house knows of `texts`, with their vectors and as it is without an encoder, a row for each; zeros
        where it knows nothing, no columns where it told nothing."""
        file = Path(os.environ.get(KNOWN) or os.devnull)
        if not file.is_file():
            return np.zeros((len(texts), 0)), np.zeros((len(texts), 0))
        with np.load(str(file)) as stored:
            vectors = stored["vectors"].astype(np.float32)
            rows = {one: n for n, one in enumerate(stored["keys"].tolist())}
            found = [json.loads(one) for one in stored["found"].tolist()]
        self._topics = sorted({topic for one in found for _, hits in one for topic, _ in hits})
        size = vectors.shape[1]
        sides = np.zeros((2, len(texts), size + 2 + len(DECISIONS) + len(self._topics)), np.float32)
        for n, text in enumerate(texts):
            if (row := rows.get(key(text))) is not None:
                sides[0, n, :size] = self._config["vector_weight"] * vectors[row]
                for side, (decision, hits) in zip(sides, found[row], strict=True):
                    side[n, size:] = self._config["hits_weight"] * np.array(beside(decision, hits, self._topics))
        return sides[0], sides[1]


def entities(values: dict[str, list[str]], length: int) -> list[dict[str, Any]]:
    """Rasa's entities for `values`; they stand for the whole message, `length` characters."""
    return [
        {"entity": name, "value": value, "start": 0, "end": length, "extractor": "Understanding"}
        for name, found in values.items()
        for value in found
    ]


def explained(decision: Decision) -> dict[str, Any]:
    """The part of a decision that the house keeps."""
    return {
        "label": decision.label,
        "confidence": round(decision.confidence, 4),
        "runner_up": decision.runner_up,
        "why": decision.why,
    }


def _alone(ranking: Sequence[Label]) -> Decision:
    """The bare classification, for Rasa's own tools, which send nothing along."""
    top, second = ranking[0], ranking[1]
    return Decision(
        intent=top.name, label=top.name, confidence=top.score, runner_up=second.name, why="the classifier alone"
    )

"""The whole of our language understanding as one Rasa component: hashed character n-grams and a linear classifier.

One component instead of a pipeline because Rasa pays per component and per feature matrix; its stock pipeline was not
found better on such data and makes a turn cost 17 times the CPU (docs/decisions/0007). `vector`, the encoder's view of
the message, is not among the features: the house sends null as long as there is no encoder.
"""

from __future__ import annotations

import json
import unicodedata
import zlib
from collections.abc import Sequence
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

from bot.assistant.understanding import Decision, Heard, Label, decide

READ_MAX = 512  # characters of a message that are looked at: bounds the cost, and what matters is said early


def features(text: str, buckets: int, longest: int) -> list[int]:
    """Sorted numbers, 0..buckets-1, of the n-grams (1..longest characters, words padded with spaces) in `text`."""
    plain = unicodedata.normalize("NFKC", text[:READ_MAX]).casefold()
    found: set[int] = set()
    for word in plain.split():
        padded = f" {word} "
        for n in range(1, longest + 1):
            for i in range(len(padded) - n + 1):
                found.add(zlib.crc32(padded[i : i + n].encode("utf-8", "replace")) % buckets)
    return sorted(found)


@DefaultV1Recipe.register([DefaultV1Recipe.ComponentType.INTENT_CLASSIFIER], is_trainable=True)
class Understanding(GraphComponent, IntentClassifier):
    """Classifies a message, then weighs the result against what the house sent along (`metadata["house"]`)."""

    @staticmethod
    def get_default_config() -> dict[str, Any]:
        """buckets: size of the hash table; longest: n-gram length; strength: inverse regularisation; ranking: kept."""
        return {"buckets": 16384, "longest": 4, "strength": 60.0, "ranking": 5}

    @classmethod
    def required_components(cls) -> list[type]:
        """None: it reads the text itself."""
        return []

    def __init__(self, config: dict[str, Any], storage: ModelStorage, resource: Resource) -> None:
        self._config = config
        self._storage = storage
        self._resource = resource
        self._labels: list[str] = []
        self._weights = np.zeros((0, 0), np.float32)  # (buckets, labels)
        self._bias = np.zeros(0, np.float32)  # (labels,)
        self._rarity = np.zeros(0, np.float32)  # (buckets,), inverse document frequency

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
        from scipy.sparse import csr_matrix
        from sklearn.linear_model import LogisticRegression

        examples = [m for m in training_data.intent_examples if m.get(TEXT) and m.get(INTENT)]
        wanted = [m.get(INTENT) for m in examples]
        if len(set(wanted)) < 2:
            raise RasaException("nlu_data/nlu must hold examples of at least two intents.")
        rows = [self._features(m.get(TEXT)) for m in examples]
        seen = np.ones(self._config["buckets"])
        for row in rows:
            seen[row] += 1
        self._rarity = (np.log((len(rows) + 1) / seen) + 1).astype(np.float32)
        values = np.concatenate([self._rarity[row] / np.linalg.norm(self._rarity[row]) for row in rows])
        where = ([i for i, row in enumerate(rows) for _ in row], [bucket for row in rows for bucket in row])
        matrix = csr_matrix((values, where), shape=(len(rows), self._config["buckets"]))
        fitted: Any = LogisticRegression(
            C=self._config["strength"], max_iter=500, class_weight="balanced", random_state=0
        ).fit(matrix, wanted)
        coefficients = fitted.coef_ if len(fitted.classes_) > 2 else np.vstack([-fitted.coef_, fitted.coef_])
        intercept = fitted.intercept_ if len(fitted.classes_) > 2 else np.array([0.0, fitted.intercept_[0]])
        self._labels = [str(label) for label in fitted.classes_]
        self._weights = np.ascontiguousarray(coefficients.T.astype(np.float32))
        self._bias = intercept.astype(np.float32)
        with self._storage.write_to(self._resource) as folder:
            np.savez_compressed(folder / "weights.npz", weights=self._weights, bias=self._bias, rarity=self._rarity)
            (folder / "labels.json").write_text(json.dumps(self._labels))
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
                made._weights, made._bias, made._rarity = stored["weights"], stored["bias"], stored["rarity"]
            made._labels = json.loads((folder / "labels.json").read_text())
        return made

    def process(self, messages: list[Message]) -> list[Message]:
        """Sets intent, entities, ranking and `decision` on each message."""
        for message in messages:
            text = message.get(TEXT) or ""
            ranking = self.rank(text)
            house = (message.get("metadata") or {}).get("house")
            decision = decide(Heard(text=text, ranking=ranking, **house)) if house else _alone(ranking)
            message.set(INTENT, {"name": decision.intent, "confidence": decision.confidence}, add_to_output=True)
            message.set(
                "intent_ranking", [{"name": r.name, "confidence": r.score} for r in ranking], add_to_output=True
            )
            message.set(ENTITIES, entities(decision.values, len(text)), add_to_output=True)
            message.set("decision", explained(decision), add_to_output=True)
        return messages

    def rank(self, text: str) -> list[Label]:
        """The likeliest labels of `text`, best first, with probabilities; the priors where nothing is known of it."""
        row = self._features(text)
        scores = self._bias
        if row:
            values = self._rarity[row]
            scores = (values / np.sqrt(values @ values)) @ self._weights[row] + self._bias
        spread = np.exp(scores - scores.max())
        chances = spread / spread.sum()
        best = np.argsort(-chances, kind="stable")[: max(2, self._config["ranking"])]
        return [Label(name=self._labels[i], score=round(float(chances[i]), 4)) for i in best]

    def _features(self, text: str) -> list[int]:
        return features(text, self._config["buckets"], self._config["longest"])


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

"""The whole of our language understanding as one Rasa component: letters, words, their meanings, the message's vector
and what the search found.

One component instead of a pipeline because Rasa pays per component and per feature matrix; its stock pipeline was not
found better on such data and makes a turn cost 17 times the CPU (docs/decisions/0007, 0013). Vector
and hits come with the turn, from the house; the vector may be missing, and the classifier is trained for both.
"""

from __future__ import annotations

import hashlib
import json
import os
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

from bot.assistant.classifier import Classifier, Known
from bot.assistant.clauses import IN_A_CLAUSE
from bot.assistant.contract import Hit
from bot.assistant.reading import Meanings
from bot.assistant.understanding import LABELS, Decision, Heard, Label, decide

KNOWN = "TRAINING_KNOWN"  # names, in the environment, the file with what the house knows of the examples


def key(text: str) -> bytes:
    """Under which the house keeps the vector of an example."""
    return hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=16).hexdigest().encode()


@DefaultV1Recipe.register([DefaultV1Recipe.ComponentType.INTENT_CLASSIFIER], is_trainable=True)
class Understanding(GraphComponent, IntentClassifier):
    """Classifies a message, then weighs the result against what the house sent along (`metadata["house"]`)."""

    @staticmethod
    def get_default_config() -> dict[str, Any]:
        """ranking: labels that are shown; all else is found by measuring and stands in classifier.py."""
        return {"ranking": 5}

    @classmethod
    def required_components(cls) -> list[type]:
        """None: it reads the text itself."""
        return []

    def __init__(self, config: dict[str, Any], storage: ModelStorage, resource: Resource) -> None:
        self._config = config
        self._storage = storage
        self._resource = resource
        self._classifier = Classifier(Meanings.of({}))

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

        examples = [m for m in training_data.intent_examples if m.get(TEXT) and m.get(INTENT)]
        intents = [m.get(INTENT) for m in examples]
        if len(set(intents)) < 3:
            raise RasaException("nlu_data/nlu must hold examples of at least three intents.")
        words = {one["name"]: one["elements"] for one in training_data.lookup_tables}
        self._classifier = Classifier(Meanings.of(words))
        texts, known = known_by_house([m.get(TEXT) for m in examples])
        self._classifier.fit(texts, intents, known)
        arrays, names = self._classifier.stored()
        with self._storage.write_to(self._resource) as folder:
            np.savez(folder / "weights.npz", **arrays)
            (folder / "names.json").write_text(json.dumps(names))
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
        with model_storage.read_from(resource) as folder, np.load(str(folder / "weights.npz")) as arrays:
            names = json.loads((folder / "names.json").read_text())
            made._classifier = Classifier.restored(arrays, names)
        return made

    def process(self, messages: list[Message]) -> list[Message]:
        """Sets intent, entities, ranking and `decision` on each message."""
        for message in messages:
            text = message.get(TEXT) or ""
            house = dict((message.get("metadata") or {}).get("house") or {})
            plain = house.pop("plain", "") or text
            if house.get("said_before") == text:
                house["said_before"] = plain
            ranking = self.rank(plain, house.pop("vector", None), house.get("hits_decision"), house.get("hits", ()))
            decision = decide(Heard(text=plain, ranking=ranking, **house), self.alone) if house else _alone(ranking)
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
        """All labels of `text`, likeliest first, with probabilities.

        A `vector` of another size than those of the training is not looked at; `decision` None: nothing was searched.
        """
        found = [(hit.topic, hit.score) for hit in hits]
        chances = self._classifier.chances([text], [Known(vector=vector, decision=decision, found=found)])[0]
        best, scores = np.argsort(-chances, kind="stable").tolist(), chances.tolist()
        return [Label(name=self._classifier.labels[i], score=round(scores[i], 4)) for i in best]

    def alone(self, texts: Sequence[str]) -> list[dict[str, float]]:
        """For each of `texts`, read alone, by the label it counts as: how likely it is."""
        counts = [LABELS.get(name, name) for name in self._classifier.labels]
        chances = self._classifier.chances(texts, [Known()] * len(texts))
        found = {one: chances[:, [c == one for c in counts]].sum(axis=1).tolist() for one in IN_A_CLAUSE}
        return [{one: each[n] for one, each in found.items()} for n in range(len(texts))]


def known_by_house(texts: Sequence[str]) -> tuple[list[str], list[tuple[Known, Known]]]:
    """The examples as the house writes them for the brain, in simplified characters, and what it knows of each, with
    its vector and as it is when the encoder is away; nothing where it told nothing."""
    file = Path(os.environ.get(KNOWN) or os.devnull)
    if not file.is_file():
        return list(texts), [(Known(), Known())] * len(texts)
    with np.load(str(file)) as stored:
        vectors = stored["vectors"].astype(np.float32)
        rows = {one: n for n, one in enumerate(stored["keys"].tolist())}
        found, plain = ([json.loads(one) for one in stored[name].tolist()] for name in ("found", "plain"))
    known: list[tuple[Known, Known]] = []
    for text in texts:
        if (row := rows.get(key(text))) is None:
            known.append((Known(), Known()))
        else:
            (decision, hits), (by_words, its_hits) = found[row]
            with_vector = Known(vector=vectors[row], decision=decision, found=hits)
            known.append((with_vector, Known(decision=by_words, found=its_hits)))
    return [plain[rows[at]] if (at := key(text)) in rows else text for text in texts], known


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

"""How likely each intent is: a linear model over all that is read of a message, and beside it two kinds of networks.

The linear model knows words. Networks weigh its scores against the message's vector, what the search found and the
meanings of the words, together; scores that they learn from are of examples the linear model had not seen. Others, the
readers, read the letters themselves and find what pieces mean beside each other.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np

from bot.assistant.reading import Counted, Meanings, beside, even, letters, pairs

LETTERS_MAX = 4  # characters of an n-gram
BUCKETS, PAIR_BUCKETS = 262144, 16384
RARE, RARE_PAIR = 3, 3  # a feature of fewer examples is left out
# How much each part counts in the linear model, where letters have length 1 together, and in the network. Found, as all
# figures here, by cross-validation over the examples (docs/decisions/0013).
PAIRS, MEANINGS, VECTOR, HITS = 0.3, 0.2, 1.5, 0.5
NETWORK_SCORES, NETWORK_MEANINGS, NETWORK_VECTOR, NETWORK_HITS = 0.35, 0.3, 1.2, 0.4
STRENGTH = 1.0  # inverse regularisation of the linear model
SHARPNESS = 4.0  # of the linear model's margins, to be weighed against the networks' logarithms of probabilities
NETWORKS = 4  # that are averaged: each begins elsewhere and errs elsewhere
HIDDEN, DECAY, EPOCHS = 256, 0.3, 10
READERS = 3  # networks that read the letters and what is known beside them, each for itself
READER_HIDDEN, READER_DECAY, READER_EPOCHS, READER_BATCH, READER_RATE = 32, 0.001, 4, 512, 0.002
READER_LETTERS, READER_DENSE = 8.0, 1.0  # times as much as the linear model takes
PARTS = 3  # of the examples, each scored by a linear model of the others
AT_ONCE = 2  # fits, in threads: both liblinear and NumPy let others run


@dataclass(frozen=True, kw_only=True)
class Known:
    """What the house knows of a message: the encoder's vector and what the search found."""

    vector: Sequence[float] | None = None
    decision: str | None = None  # answer | ask | none; None: nothing was searched
    found: Sequence[tuple[str, float]] = ()  # topic and score of the hits, best first


class Classifier:
    """Fitted once, then only asked; immutable from then on."""

    def __init__(self, meanings: Meanings) -> None:
        self.meanings = meanings
        self.labels: list[str] = []
        self.topics: list[str] = []
        self._letters, self._pairs = Counted(BUCKETS), Counted(PAIR_BUCKETS)
        self._size = 0  # of a vector
        # Of the linear model: (letters + pairs, labels), (meanings + vector + hits, labels), (labels,)
        self._sparse = self._dense = self._bias = np.zeros((0, 0), np.float32)
        # Of the readers: (letters, READERS * READER_HIDDEN), (meanings + vector + hits, the same), (the same,),
        # (the same, labels), (labels,)
        self._readers: list[Any] = []
        # Of N networks: (N, labels + meanings + vector + hits, HIDDEN), (N, 1, HIDDEN), (N, HIDDEN, labels), (labels,)
        self._networks: list[Any] = []

    def fit(self, texts: Sequence[str], intents: Sequence[str], known: Sequence[Sequence[Known]]) -> None:
        """Learn that `texts` mean `intents`. `known` has, for each text, what is known in each of some situations, such
        as with its vector and without: what is learned must not lean on what may be missing."""
        from sklearn.model_selection import StratifiedKFold

        self.labels = sorted(set(intents))
        self.topics = sorted({topic for one in known for case in one for topic, _ in case.found})
        self._size = max((len(case.vector) for one in known for case in one if case.vector is not None), default=0)
        read = [even(text) for text in texts]
        spoken = [self.meanings.found(one) for one in read]
        self._letters.fit((letters(one, LETTERS_MAX) for one in read), RARE)
        self._pairs.fit(map(pairs, spoken), RARE_PAIR)
        sparse = _matrix([self._at(*one) for one in zip(read, spoken, strict=True)], self._width)
        cases = range(len(known[0]))
        dense = [self._told(spoken, [one[case] for one in known]) for case in cases]
        wanted = np.array(intents)

        folds = list(StratifiedKFold(PARTS, shuffle=True, random_state=0).split(read, wanted))
        of_letters = sparse[:, : len(self._letters.rarity)]

        def linears() -> list[tuple[Any, Any, Any]]:
            # One after the other: liblinear has one row of random numbers for the whole process.
            of_parts = [_linear(sparse[part], [one[part] for one in dense], wanted[part]) for part, _ in folds]
            return [_linear(sparse, dense, wanted), *of_parts]

        def network(seed: int) -> list[Any]:
            return _network(entered, wanted, (HIDDEN, DECAY, EPOCHS), random_state=seed)

        with warnings.catch_warnings(), ThreadPoolExecutor(AT_ONCE) as at_once:
            warnings.simplefilter("ignore")  # networks are stopped early on purpose
            fitted, self._readers = at_once.submit(linears), _readers(of_letters, dense, wanted)
            (self._sparse, self._dense, self._bias), *others = fitted.result()
            scores = [np.zeros((len(texts), len(self.labels)), np.float32) for _ in cases]
            for model, (_, left) in zip(others, folds, strict=True):
                for case in cases:
                    scores[case][left] = _scored(model, sparse[left], dense[case][left])
            entered = np.vstack([self._entered(scores[case], dense[case]) for case in cases])
            layers = list(at_once.map(network, range(NETWORKS)))
        first, bias, second, end = (np.array(one, np.float32) for one in zip(*layers, strict=True))
        self._networks = [first, bias[:, None], second, end.mean(axis=0)]

    def chances(self, texts: Sequence[str], known: Sequence[Known]) -> Any:
        """The probability of each label for each text, shape (texts, labels); `known` has what is known of each.

        A vector of another size than the training's is not read.
        """
        read = [even(text) for text in texts]
        spoken = [self.meanings.found(one) for one in read]
        dense = self._told(spoken, known)
        of_sparse, of_dense, bias, second, end = self._readers
        scores, read_in = self._bias + dense @ self._dense, READER_DENSE * (dense @ of_dense)
        for row, (text, meant) in enumerate(zip(read, spoken, strict=True)):
            at, values = self._at(text, meant)
            scores[row] += values @ self._sparse[at]
            letters_of = at < len(of_sparse)
            read_in[row] += READER_LETTERS * (values[letters_of] @ of_sparse[at[letters_of]].astype(np.float32))
        readers = np.maximum(read_in + bias, 0) @ second + end
        first, bias, second, end = self._networks
        hidden = np.maximum(self._entered(scores, dense) @ first + bias, 0)
        logits = (hidden @ second).mean(axis=0) + end
        # The mean of the logarithms: what all find likely is likely.
        return _softmax((SHARPNESS * scores + logits) / 4 + readers / 2)

    def stored(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """Arrays and names, as `restored` takes them; weights of rows are halved in precision."""
        arrays = {
            "letters": self._letters.kept,
            "letters_rarity": self._letters.rarity,
            "pairs": self._pairs.kept,
            "pairs_rarity": self._pairs.rarity,
            "sparse": self._sparse.astype(np.float16),
            "dense": self._dense,
            "bias": self._bias,
            **{f"reader{n}": one for n, one in enumerate(self._readers)},
            **{f"network{n}": one for n, one in enumerate(self._networks)},
        }
        meanings = [self.meanings.names, self.meanings.han, self.meanings.latin]
        names = {"labels": self.labels, "topics": self.topics, "meanings": meanings, "size": self._size}
        return arrays, names

    @classmethod
    def restored(cls, arrays: Mapping[str, Any], names: Mapping[str, Any]) -> Classifier:
        """A classifier as it was stored."""
        made = cls(Meanings(*names["meanings"]))
        made.labels, made.topics, made._size = names["labels"], names["topics"], names["size"]
        made._letters.restore(arrays["letters"], arrays["letters_rarity"])
        made._pairs.restore(arrays["pairs"], arrays["pairs_rarity"])
        made._sparse = arrays["sparse"].astype(np.float32)
        made._dense, made._bias = arrays["dense"], arrays["bias"]
        made._readers = [arrays[f"reader{n}"] for n in range(5)]
        made._networks = [arrays[f"network{n}"] for n in range(4)]
        return made

    @property
    def _width(self) -> int:
        return len(self._letters.rarity) + len(self._pairs.rarity)

    def _at(self, read: str, spoken: Sequence[int]) -> tuple[Any, Any]:
        """Rows and values of what an even text holds, letters before pairs of meanings."""
        at, values = self._letters.row(letters(read, LETTERS_MAX))
        more, beside_them = self._pairs.row(pairs(spoken))
        return np.concatenate([at, more + len(self._letters.rarity)]), np.concatenate([values, PAIRS * beside_them])

    def _told(self, spoken: Sequence[Sequence[int]], known: Sequence[Known]) -> Any:
        """Meanings, vector and hits as the linear model takes them, a row for each text."""
        names = len(self.meanings.names)
        rows = np.zeros((len(known), names + self._size + len(beside(None, (), self.topics))), np.float32)
        for row, found, one in zip(rows, spoken, known, strict=True):
            row[list(found)] = MEANINGS
            if one.vector is not None and len(one.vector) == self._size:
                row[names : names + self._size] = VECTOR * np.asarray(one.vector, np.float32)
            row[names + self._size :] = HITS * np.array(beside(one.decision, one.found, self.topics), np.float32)
        return rows

    def _entered(self, scores: Any, dense: Any) -> Any:
        """What the network is given: the linear model's scores and what that took, in other proportions."""
        names = len(self.meanings.names)
        proportions = np.full(dense.shape[1], NETWORK_HITS / HITS, np.float32)
        proportions[:names] = NETWORK_MEANINGS / MEANINGS
        proportions[names : names + self._size] = NETWORK_VECTOR / VECTOR
        both = np.hstack([NETWORK_SCORES * scores, proportions * dense])
        return both * np.float32(np.sqrt(both.shape[1]) / 1.4)  # about 1 each, as networks like it


def _matrix(rows: Sequence[tuple[Any, Any]], width: int) -> Any:
    from scipy.sparse import csr_matrix

    begins = np.cumsum([0, *(len(at) for at, _ in rows)])
    values, at = np.concatenate([v for _, v in rows]), np.concatenate([a for a, _ in rows])
    return csr_matrix((values, at, begins), shape=(len(rows), width))


def _linear(sparse: Any, dense: Sequence[Any], wanted: Any) -> tuple[Any, Any, Any]:
    """Weights of the sparse features, of the dense ones, and the bias of a linear model of all cases."""
    from scipy.sparse import csr_matrix, hstack, vstack
    from sklearn.svm import LinearSVC

    matrix = vstack([hstack([sparse, csr_matrix(one)]) for one in dense]).tocsr()
    fitted: Any = LinearSVC(C=STRENGTH, class_weight="balanced", max_iter=300, tol=0.01, random_state=0)
    fitted.fit(matrix, np.tile(wanted, len(dense)))
    weights = np.ascontiguousarray(fitted.coef_.T.astype(np.float32))
    return weights[: sparse.shape[1]], weights[sparse.shape[1] :], fitted.intercept_.astype(np.float32)


def _readers(letters: Any, dense: Sequence[Any], wanted: Any) -> list[Any]:
    """Weights of the readers; those of the letters, the linear model's, halved in precision, for they are many."""
    from scipy.sparse import csr_matrix, hstack, vstack

    width = letters.shape[1]
    taken = [hstack([READER_LETTERS * letters, csr_matrix(READER_DENSE * one)]) for one in dense]
    matrix = vstack(taken).tocsr().astype(np.float32)
    rest = {"batch_size": READER_BATCH, "learning_rate_init": READER_RATE}
    size = (READER_HIDDEN, READER_DECAY, READER_EPOCHS)
    layers = [_network(matrix, wanted, size, random_state=n, **rest) for n in range(READERS)]
    first, bias, second, end = zip(*layers, strict=True)
    both = np.hstack(first)
    return [
        both[:width].astype(np.float16),
        np.ascontiguousarray(both[width:], np.float32),
        np.hstack(bias).astype(np.float32),
        np.vstack(second).astype(np.float32) / READERS,
        np.mean(end, axis=0).astype(np.float32),
    ]


def _network(entered: Any, wanted: Any, size: tuple[int, float, int], **rest: Any) -> list[Any]:
    """Weights and biases, layer by layer, of a network of one hidden layer; `size`: its width, its decay, its epochs.
    `entered` has the examples once for each situation, `wanted` once."""
    from sklearn.neural_network import MLPClassifier

    hidden, decay, epochs = size
    network: Any = MLPClassifier((hidden,), alpha=decay, max_iter=epochs, n_iter_no_change=epochs, **rest)
    network.fit(entered, np.tile(wanted, entered.shape[0] // len(wanted)))
    return [network.coefs_[0], network.intercepts_[0], network.coefs_[1], network.intercepts_[1]]


def _scored(model: tuple[Any, Any, Any], sparse: Any, dense: Any) -> Any:
    of_sparse, of_dense, bias = model
    return sparse @ of_sparse + dense @ of_dense + bias


def _softmax(scores: Any) -> Any:
    spread = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return spread / spread.sum(axis=-1, keepdims=True)

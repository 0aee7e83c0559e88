"""Compares questions by what they mean: the cosines of their vectors, exactly, with every phrasing of every entry."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits  # pyright: ignore[reportMissingTypeStubs]

from core.model import Language
from faq.index import readable
from faq.vectors import Vectors

SAMPLE = 256  # phrasings per language that tell how alike unrelated questions are
CHUNK = 32  # of them at a time
RIDGE = 5.0  # keeps the direction from out of scope into scope from following single examples
CLOSEST = 3  # of the examples out of scope that are like a question, so many are looked at
VOTERS = 20  # nearest texts, whether phrasings or examples out of scope, that are asked which of the two a question is
WEAK = 1.0  # deviations further away than the nearest one at which a voter counts e times less

# A question is too small a product to share between processors: threads that wait for each other take 100 times as long
# on a busy machine. For the whole process; what encodes (torch) has threads of its own.
threadpool_limits(1, user_api="blas")

Floats = NDArray[np.float32]

_OTHER: dict[Language, Language] = {"zh": "en", "en": "zh"}


@dataclass(frozen=True, slots=True)
class Alike:
    """How alike a question and each entry are. 0: as alike as unrelated ones; 1: one standard deviation more."""

    near: Floats  # the nearest phrasing in the question's language
    across: Floats  # the nearest phrasing in the other language
    centre: Floats  # all phrasings on average
    outside: float  # instead of an entry: the nearest questions out of scope, on the scale of `near`
    strange: float  # votes of the nearest texts for out of scope, 0..1
    inside: float  # about 1 where the phrasings lie, about -1 where the questions out of scope do


class Meaning:
    """The vectors of all phrasings, entry after entry. Immutable once made.

    A cosine of 0.6 means little: every encoder has a scale of its own. So what counts is how far one is from those of
    unrelated phrasings, which is measured on the content itself.
    """

    def __init__(
        self, vectors: Vectors, texts: Mapping[Language, Sequence[Sequence[str]]], examples: Sequence[str]
    ) -> None:
        """`texts`: the phrasings of each entry, at least one per language; `examples`: questions out of scope.

        Encodes what `vectors` does not hold yet, so this may take long.
        """
        self.encoder = vectors.encoder
        self._texts = {language: tuple(chain.from_iterable(held)) for language, held in texts.items()}
        self._rows = {language: vectors.of([readable(one) for one in held]) for language, held in self._texts.items()}
        sizes: dict[Language, NDArray[np.int64]] = {
            language: np.array([len(entry) for entry in held], np.int64) for language, held in texts.items()
        }
        self._first = {language: np.cumsum(held) - held for language, held in sizes.items()}
        totals: Floats = np.stack([np.add.reduceat(self._rows[one], self._first[one]) for one in self._rows])
        counts = np.stack(list(sizes.values()))
        self._centres = np.asarray(totals.sum(axis=0) / counts.sum(axis=0)[:, None], np.float32)
        self._examples = vectors.of([readable(one) for one in examples])
        self._inside = _direction(np.concatenate(list(self._rows.values())), self._examples)
        self._scale = {language: self._unrelated(language, sizes[language]) for language in texts}

    def alike(self, vector: Floats, language: Language) -> Alike:
        """`vector`: of one question, shape (size,), length 1."""
        mean, deviation = self._scale[language]
        products = self._products(vector[None], language)
        near, across, centre = ((self._cosines(products, vector[None], language)[0] - mean) / deviation).T
        examples = self._examples @ vector
        closest = np.sort(examples)[-CLOSEST:]
        return Alike(
            near=near,
            across=across,
            centre=centre,
            outside=float((closest.mean() - mean[0]) / deviation[0]) if len(closest) else 0.0,
            strange=_votes(np.concatenate(products, axis=None) / deviation[0], examples / deviation[0]),
            inside=float(vector @ self._inside[:-1] + self._inside[-1]),
        )

    def nearest(self, vector: Floats, language: Language, entry: int) -> str:
        """The phrasing of an entry that is most alike."""
        first = self._first[language]
        start = int(first[entry])
        end = int(first[entry + 1]) if entry + 1 < len(first) else len(self._texts[language])
        return self._texts[language][start + int((self._rows[language][start:end] @ vector).argmax())]

    def _products(self, vectors: Floats, language: Language) -> tuple[Floats, Floats]:
        """Of questions and all phrasings of the questions' language, and of the other one: their cosines."""
        return vectors @ self._rows[language].T, vectors @ self._rows[_OTHER[language]].T

    def _cosines(self, products: tuple[Floats, Floats], vectors: Floats, language: Language) -> Floats:
        """Of questions and entries, shape (questions, entries, 3): near, across, centre."""
        near, across = (
            np.maximum.reduceat(one, self._first[spoken], axis=1)
            for one, spoken in zip(products, (language, _OTHER[language]), strict=True)
        )
        return np.stack([near, across, vectors @ self._centres.T], axis=2)

    def _unrelated(self, language: Language, sizes: NDArray[np.int64]) -> tuple[Floats, Floats]:
        """Mean and deviation of the cosines of phrasings and entries that they do not belong to."""
        rows, owner = self._rows[language], np.repeat(np.arange(len(sizes)), sizes)
        if len(sizes) < 2:
            return np.zeros(3, np.float32), np.ones(3, np.float32)
        sample = np.unique(np.linspace(0, len(rows) - 1, SAMPLE).astype(np.int64))
        found: list[Floats] = []
        for start in range(0, len(sample), CHUNK):
            some = sample[start : start + CHUNK]
            foreign = owner[some][:, None] != np.arange(len(sizes))
            found.append(self._cosines(self._products(rows[some], language), rows[some], language)[foreign])
        cosines = np.concatenate(found)
        return cosines.mean(axis=0), np.maximum(cosines.std(axis=0), 1e-3)


def _votes(phrasings: Floats, examples: Floats) -> float:
    """The part that examples have in the nearest texts of both kinds, near ones counting more; in deviations."""
    kinds = [np.partition(one, -VOTERS)[-VOTERS:] if len(one) > VOTERS else one for one in (phrasings, examples)]
    least, most = np.sort(np.concatenate(kinds))[[-min(VOTERS, sum(map(len, kinds))), -1]]
    inside, outside = (float(np.exp((one[one >= least] - most) / WEAK).sum()) for one in kinds)
    return outside / (inside + outside)


def _direction(inside: Floats, outside: Floats) -> Floats:
    """A regularised linear fit of 1 for vectors inside and -1 for those outside, both counting alike: weights, base."""
    if not len(outside):
        return np.append(np.zeros(inside.shape[1]), 1.0).astype(np.float32)
    total = len(inside) + len(outside)
    bend = np.eye(inside.shape[1] + 1) * RIDGE
    slope = np.zeros(inside.shape[1] + 1)
    for rows, sign in ((inside, 1.0), (outside, -1.0)):
        padded = np.append(rows, np.ones((len(rows), 1), np.float32), axis=1)
        weight = total / 2 / len(rows)
        bend += weight * (padded.T @ padded)
        slope += sign * weight * padded.sum(axis=0)
    return np.asarray(np.linalg.solve(bend, slope), np.float32)

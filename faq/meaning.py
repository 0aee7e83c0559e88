"""Compares questions by what they mean: the cosines of their vectors, exactly, with every phrasing of every entry."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits  # pyright: ignore[reportMissingTypeStubs]

from core.model import Language
from faq.entries import LANGUAGES
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
        held = [entry for language in LANGUAGES for entry in texts[language]]
        sizes = np.array([len(entry) for entry in held], np.int64)
        self._entries = len(held) // len(LANGUAGES)
        self._texts = tuple(chain.from_iterable(held))
        self._first = np.cumsum(sizes) - sizes  # of each entry in the first language, then of each in the second
        self._bounds = [*self._first.tolist(), len(self._texts)]
        rows = vectors.of([readable(one) for one in self._texts])
        strange = vectors.of([readable(one) for one in examples])
        totals: Floats = np.add.reduceat(rows, self._first).reshape(len(LANGUAGES), self._entries, -1).sum(axis=0)
        centres = totals / sizes.reshape(len(LANGUAGES), -1).sum(axis=0)[:, None]
        direction = _direction(rows, strange)
        self._base = direction.item(-1)
        # All that a question is compared with, as columns: one product, which takes a fifth longer with rows.
        self._columns = np.concatenate([rows, strange, centres, direction[None, :-1]], dtype=np.float32).T.copy()
        self._ends = (len(rows), len(rows) + len(strange))  # of the phrasings and of the examples
        self._scale = {language: self._unrelated(language, rows) for language in LANGUAGES}

    def alike(self, vector: Floats, language: Language) -> Alike:
        """`vector`: of one question, shape (size,), length 1."""
        mean, deviation = self._scale[language]
        products = vector @ self._columns
        near, across, centre = (self._cosines(products, language) - mean[:, None]) / deviation[:, None]
        phrasings, examples = self._ends
        inside, outside = (_nearest(one) / deviation[0] for one in (products[:phrasings], products[phrasings:examples]))
        return Alike(
            near=near,
            across=across,
            centre=centre,
            outside=float(outside[-CLOSEST:].mean() - mean[0] / deviation[0]) if len(outside) else 0.0,
            strange=_votes(inside.tolist(), outside.tolist()),
            inside=products.item(-1) + self._base,
        )

    def nearest(self, vector: Floats, language: Language, entry: int) -> str:
        """The phrasing of an entry that is most alike."""
        place = LANGUAGES.index(language) * self._entries + entry
        start, end = self._bounds[place : place + 2]
        return self._texts[start + int((vector @ self._columns[:, start:end]).argmax())]

    def _cosines(self, products: Floats, language: Language) -> Floats:
        """Of questions and entries, shape (3, …, entries): near, across, centre; from a question's `products` with all
        columns, or those of several."""
        phrasings, examples = self._ends
        spoken = np.maximum.reduceat(products[..., :phrasings], self._first, axis=-1)
        both = spoken[..., : self._entries], spoken[..., self._entries :]
        near, across = both if language == LANGUAGES[0] else both[::-1]
        return np.array([near, across, products[..., examples : examples + self._entries]])

    def _unrelated(self, language: Language, rows: Floats) -> tuple[Floats, Floats]:
        """Mean and deviation of the cosines of phrasings and entries that they do not belong to."""
        if self._entries < 2:
            return np.zeros(3, np.float32), np.ones(3, np.float32)
        place = LANGUAGES.index(language) * self._entries
        start, end = self._bounds[place], self._bounds[place + self._entries]
        sample = np.unique(np.linspace(start, end - 1, SAMPLE).astype(np.int64))
        owner = np.searchsorted(self._first, sample, side="right") - 1 - place
        found: list[Floats] = []
        for at in range(0, len(sample), CHUNK):
            cosines = self._cosines(rows[sample[at : at + CHUNK]] @ self._columns, language)
            found.append(cosines[:, owner[at : at + CHUNK, None] != np.arange(self._entries)].T)
        cosines = np.concatenate(found)
        return cosines.mean(axis=0), np.maximum(cosines.std(axis=0), 1e-3)


def _nearest(products: Floats) -> Floats:
    """The highest of them, at most VOTERS, in order."""
    return np.sort(np.partition(products, -VOTERS)[-VOTERS:] if len(products) > VOTERS else products)


def _votes(phrasings: Sequence[float], examples: Sequence[float]) -> float:
    """The part that examples have in the nearest texts of both kinds, near ones counting more; in deviations."""
    nearest = sorted((*phrasings, *examples))[-VOTERS:]
    inside, outside = (
        sum(math.exp((one - nearest[-1]) / WEAK) for one in kind if one >= nearest[0]) for kind in (phrasings, examples)
    )
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

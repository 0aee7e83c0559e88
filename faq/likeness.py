"""How alike questions are: by meaning where there is an encoder, else by the characters they share."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from faq.index import plain, readable
from faq.vectors import Vectors

Matrix = NDArray[np.float32]


class Likeness:
    """Compares texts; 1 is the same, 0 has nothing in common. Blocking, for reports rather than for answers.

    `together` is the likeness from which questions (on average) are about one thing, `same` that from which one of them
    is the other said again. Both were chosen on the entries' own phrasings, 2026-11-21.
    """

    def __init__(self, known: Iterable[str], vectors: Vectors | None = None) -> None:
        """`known`: the texts to compare and others of the field, by which common characters count less. With an encoder
        none are needed."""
        self._vectors = vectors
        self._weights: Any = None
        self.together, self.same = 0.45, 0.76
        if vectors is None:
            import sklearn.feature_extraction.text as extraction  # pyright: ignore[reportMissingTypeStubs]

            self.together, self.same = 0.15, 0.25
            self._weights = cast("Any", extraction.TfidfVectorizer)(
                analyzer="char_wb", ngram_range=(1, 3), sublinear_tf=True, preprocessor=plain, dtype=np.float32
            ).fit(list(known))

    def between(self, these: Sequence[str], those: Sequence[str]) -> Matrix:
        """The likeness of each of `these` to each of `those`, shape (n, m)."""
        product = self._rows(these) @ self._rows(those).T
        return np.clip(np.asarray(product if self._vectors else product.toarray(), dtype=np.float32), 0.0, 1.0)

    def of(self, pairs: Sequence[tuple[str, str]]) -> list[float]:
        """The likeness of the two texts of each pair."""
        if not pairs:
            return []
        rows = self._rows([text for pair in pairs for text in pair])
        one, other = rows[0::2], rows[1::2]
        products = (one * other if self._vectors else one.multiply(other)).sum(axis=1)
        return [float(value) for value in np.asarray(products).ravel()]

    def _rows(self, texts: Sequence[str]) -> Any:
        """Rows of length 1: an array with an encoder, else a sparse matrix."""
        if self._vectors is not None:
            return self._vectors.of([readable(text) for text in texts])
        return self._weights.transform(texts)

"""How good an encoder is: finding translations, naming intents, telling what belongs to none of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

Encode = Callable[[Sequence[str]], NDArray[np.float32]]  # texts → rows of length 1


def first_is_right(encode: Encode, pairs: Sequence[tuple[str, str]]) -> float:
    """Share, 0..1, of queries whose nearest of all second texts is their own (R@1)."""
    near = encode([query for query, _ in pairs]) @ encode([text for _, text in pairs]).T
    return float((near.argmax(1) == np.arange(len(pairs))).mean())


def nearest_names(encode: Encode, known: Sequence[tuple[str, str]], asked: Sequence[tuple[str, str]]) -> float:
    """Share of the (label, text) in `asked` whose nearest text in `known` has the same label (1-NN accuracy)."""
    near = (encode([text for _, text in asked]) @ encode([text for _, text in known]).T).argmax(1)
    return sum(known[int(n)][0] == label for n, (label, _) in zip(near, asked, strict=True)) / len(asked)


def outside_is_far(encode: Encode, known: Sequence[str], inside: Sequence[str], outside: Sequence[str]) -> float:
    """Chance that a text of `inside` is nearer to its nearest in `known` than one of `outside` is (AUROC)."""
    index = encode(known)
    near = [np.sort((encode(texts) @ index.T).max(1)) for texts in (inside, outside)]
    below = np.searchsorted(near[1], near[0], "left") + np.searchsorted(near[1], near[0], "right")
    return float(below.mean() / 2 / len(outside))

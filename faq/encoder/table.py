# pyright: basic
# (what training is built on is typed in part only)
"""The first student: a table of n-grams. It trains in a minute and gives the transformer's tokens a meaning to start
from."""

from __future__ import annotations

import math
import re
import zlib
from collections import Counter
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from faq.encoder.corpus import Corpus, normal, unique
from faq.encoder.teacher import SIZE

ROWS = 45_000  # n-grams with a row of their own, the most frequent ones
BUCKETS = 4_096  # rows that all others share
DROPPED = 0.1  # of a text's n-grams, in training


def ngrams(text: str) -> list[str]:
    """Chinese: characters and pairs of them. English: words, and the 4-letter parts of `<word>`, marked by #."""
    found: list[str] = []
    for run in re.findall(r"[\u4e00-\u9fff]+|[a-z0-9]+", normal(text)):
        if run[0] >= "\u4e00":
            found += [*run, *(run[n : n + 2] for n in range(len(run) - 1))]
        else:
            marked = f"<{run}>"
            found += [run, *("#" + marked[n : n + 4] for n in range(len(run) - 1) if len(run) > 3)]
    return found or ["<none>"]


class Table(torch.nn.Module):
    """A text's vector is the mean of its n-grams' rows."""

    def __init__(self, corpus: Corpus, rng: np.random.Generator) -> None:
        super().__init__()
        own = [text for group in corpus.entries.values() for text in group]
        texts = [*(text for pair in corpus.pairs for text in pair), *corpus.laws, *corpus.requests, *own]
        frequency = Counter(gram for text in texts for gram in unique(ngrams(text)))
        score = Counter({gram: 10 * count for gram, count in frequency.items()})
        for word, gloss in (*corpus.words, *corpus.terms):
            for weight, text in ((7, word), (3, gloss)):  # tenths: a dictionary's word is rarer than a sentence's
                for gram in unique(ngrams(text)):
                    score[gram] += weight
        self.row = {gram: n for n, (gram, _) in enumerate(score.most_common(ROWS))}
        # Random rows, longer for rare n-grams: what training never touches still acts like TF-IDF.
        rarity = torch.full((len(self.row) + BUCKETS,), math.log(len(texts) / 2))
        rarity[: len(self.row)] = torch.tensor([math.log(len(texts) / (frequency[gram] + 1)) for gram in self.row])
        start = torch.randn(len(rarity), SIZE) / math.sqrt(SIZE) * (rarity / rarity.mean()).clamp(0.05, 3)[:, None]
        self.rows = torch.nn.EmbeddingBag.from_pretrained(start, freeze=False, mode="mean", sparse=True)
        self._rng = rng
        self._known: dict[str, list[int]] = {}

    def forward(self, texts: Sequence[str]) -> Tensor:
        """Vectors of length 1, shape (n, SIZE)."""
        bags = [self._ids(text) for text in texts]
        if self.training:
            bags = [[n for n in bag if self._rng.random() > DROPPED] or bag for bag in bags]
        starts = np.cumsum([0, *(len(bag) for bag in bags[:-1])])
        mean = self.rows(torch.tensor([n for bag in bags for n in bag]), torch.from_numpy(starts))
        return torch.nn.functional.normalize(mean, dim=-1)

    def _ids(self, text: str) -> list[int]:
        if text not in self._known:
            bucket = len(self.row)
            self._known[text] = [
                self.row.get(gram, bucket + zlib.crc32(gram.encode()) % BUCKETS) for gram in ngrams(text)
            ]
        return self._known[text]

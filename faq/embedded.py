"""The encoder that comes along, run by ONNX Runtime: an eighth of what it takes through torch, which is not imported.

Equal to `SentenceTransformer("faq/encoder/model")` to the last digits of a float (docs/decisions/0017).
"""

from __future__ import annotations

import os
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

GRAPH = Path(__file__).with_name("encoder") / "graph.onnx"
CONFIG, TOKENIZER, WEIGHTS = "config.json", "tokenizer.json", "model.safetensors"  # in the model's folder
IDS, VECTOR = "ids", "vector"  # what the graph takes and gives
UNUSED = "pooler."  # weights that a BERT has and mean pooling does not use
SILENT = 3  # errors, which are raised as well, and nothing less


class Embedded:
    """The model in `folder`, one text at a time on one processor. Threads may share it, and none waits for another."""

    def __init__(self, folder: Path) -> None:
        """Raises whatever the libraries do if a file is missing or broken."""
        from safetensors.numpy import load_file  # pyright: ignore[reportUnknownVariableType]
        from tokenizers import Tokenizer

        runtime: Any = import_module("onnxruntime")
        self._tokenizer: Any = Tokenizer.from_file(os.fspath(folder / TOKENIZER))
        weights = {name: held for name, held in load_file(folder / WEIGHTS).items() if not name.startswith(UNUSED)}
        options = runtime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = (
            1  # waiting for each other costs more than it brings
        )
        options.log_severity_level = SILENT
        # Lent, not given: they must stay while the session does.
        self._weights = [runtime.OrtValue.ortvalue_from_numpy(np.ascontiguousarray(w)) for w in weights.values()]
        options.add_external_initializers(list(weights), self._weights)
        self._session: Any = runtime.InferenceSession(GRAPH, options, providers=["CPUExecutionProvider"])

    def encode(self, texts: list[str]) -> NDArray[np.float32]:
        """Vectors of length 1, shape (n, size); at least one text."""
        return np.stack([self._vector(text) for text in texts])

    def _vector(self, text: str) -> NDArray[np.float32]:
        ids = np.array(self._tokenizer.encode(text).ids, np.int64)
        return self._session.run([VECTOR], {IDS: ids})[0]

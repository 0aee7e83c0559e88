"""Questions as vectors: the encoder a site has chosen, and a store on disk so that no text is encoded twice."""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
import threading
from collections.abc import Sequence
from contextlib import closing, suppress
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol, cast

import numpy as np
import structlog
from numpy.typing import NDArray

from core.errors import SettingsError
from faq.embedded import Embedded

log = structlog.get_logger()

EMBEDDED = Path(__file__).with_name("encoder") / "model"
MODEL_FILES = {".json", ".safetensors", ".bin", ".txt", ".model"}  # configuration, weights, vocabulary; not the card
OTHER_RUNTIMES = {"onnx", "openvino"}  # the same weights once more, for programs we do not use
BATCH = 32  # texts that are encoded together
FEW = 8  # up to so many texts are somebody's questions: on one thread, or threads cost more than they bring
MANY_THREADS = max(1, (os.cpu_count() or 1) // 2)  # for many texts: the other half goes on answering


class Model(Protocol):
    """What reads texts; different threads may use it at the same time."""

    def encode(self, texts: list[str], /) -> NDArray[np.float32]:
        """Vectors of length 1, shape (n, size), of at least one text; a longer one than the model reads is cut off."""
        ...


class _SentenceTransformer:
    """A sentence-transformers model on the processor."""

    def __init__(self, folder: Path) -> None:
        from sentence_transformers import SentenceTransformer
        from transformers.utils import logging

        logging.disable_progress_bar()
        self._model: Any = SentenceTransformer(str(folder), device="cpu", local_files_only=True)

    def encode(self, texts: list[str]) -> NDArray[np.float32]:
        rows: list[NDArray[np.float32] | None] = [None] * len(texts)
        by_length = sorted(range(len(texts)), key=lambda n: len(texts[n]))  # little padding in a batch
        threads = 1 if len(texts) <= FEW else MANY_THREADS
        for start in range(0, len(texts), BATCH):
            batch = by_length[start : start + BATCH]
            for n, row in zip(batch, self._vectors([texts[n] for n in batch], threads), strict=True):
                rows[n] = row
        return np.stack(cast("list[NDArray[np.float32]]", rows))

    def _vectors(self, texts: list[str], threads: int) -> NDArray[np.float32]:
        import torch

        torch.set_num_threads(threads)  # of the thread that asks
        return self._model.encode(
            texts, batch_size=BATCH, show_progress_bar=False, convert_to_numpy=True, normalize_embeddings=True
        )


class Encoder:
    """A model, and a key for its weights. Blocking; different threads may use it at the same time."""

    def __init__(self, model: Model, key: str, *, quick: bool = False) -> None:
        """`quick`: a question takes it less than handing the question to a thread and back would."""
        self._model = model
        self.quick = quick
        self.key = key  # says which weights these are, 12 hexadecimal digits
        # The first call may prepare things, which must not happen in two threads at once. It also tells the size.
        self.size: int = model.encode(["?"]).shape[1]

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Vectors of length 1, shape (n, size); a text longer than the model reads is cut off."""
        if not texts:
            return np.empty((0, self.size), dtype=np.float32)
        return np.asarray(self._model.encode(list(texts)), dtype=np.float32)


def load(setting: str) -> Encoder | None:
    """The encoder that the setting `encoder` names: "embedded", "none" (None), else a folder or a model's name.

    Takes seconds and blocks. Nothing is downloaded: a name must be in this machine's model cache already. SettingsError
    says in one sentence what hinders it.
    """
    if setting == "none":
        return None
    try:
        if setting == "embedded":
            folder, reader = EMBEDDED, Embedded
            for package in ("onnxruntime", "safetensors.numpy", "tokenizers"):
                import_module(package)
        else:
            # Read when the libraries are imported: no questions to servers on the way, and no bars.
            os.environ |= {"HF_HUB_OFFLINE": "1", "HF_HUB_DISABLE_TELEMETRY": "1", "HF_HUB_DISABLE_PROGRESS_BARS": "1"}
            import_module("torch")  # first: without it the others print what they lack
            import_module("sentence_transformers")
            folder, reader = _folder(setting), _SentenceTransformer
    except ImportError as e:
        how = "--repair" if setting == "embedded" else "with this setting"
        raise SettingsError(
            f"encoder is {setting!r}, and {e.name or 'a package'} is not installed: run ./qiantai setup {how}, or set "
            "encoder to none to search by words alone"
        ) from e
    if not ((folder / "modules.json").is_file() or (folder / "config.json").is_file()):
        raise SettingsError(f"encoder is {setting!r}: {folder} holds no sentence-transformers model (no modules.json)")
    try:
        return Encoder(reader(folder), _key(folder), quick=reader is Embedded)
    except Exception as e:  # whatever a model's files make the libraries raise
        why = (str(e).strip().splitlines() or [type(e).__name__])[0]
        raise SettingsError(f"encoder is {setting!r}: the model in {folder} cannot be loaded: {why}") from e


def _folder(setting: str) -> Path:
    """Where the files of the model that `setting` names lie on this machine."""
    folder = Path(setting).expanduser()
    if folder.is_dir():
        return folder
    if folder.exists():
        raise SettingsError(f"encoder is {setting!r}: that is a file; give the folder of a sentence-transformers model")
    if setting.startswith((".", "~", "/")) or setting.count("/") > 1:
        raise SettingsError(f"encoder is {setting!r}: there is no such folder")
    from huggingface_hub import snapshot_download  # pyright: ignore[reportUnknownVariableType]
    from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError

    name = setting if "/" in setting else f"sentence-transformers/{setting}"
    try:
        return Path(snapshot_download(name, local_files_only=True))
    except (LocalEntryNotFoundError, HFValidationError, OSError) as e:
        raise SettingsError(
            f"encoder is {setting!r}: there is no such folder, and this machine's model cache has no model of that "
            "name. Nothing is downloaded here: give a folder that holds the model"
        ) from e


def _key(folder: Path) -> str:
    """The same for equal files, wherever they lie."""
    total = hashlib.sha256()
    for file in sorted(folder.rglob("*")):
        name = file.relative_to(folder)
        if file.is_file() and file.suffix in MODEL_FILES and not OTHER_RUNTIMES & set(name.parts):
            total.update(name.as_posix().encode() + b"\0" + hashlib.sha256(file.read_bytes()).digest())
    return total.hexdigest()[:12]


def kept(encoder: Encoder | None, data: Path) -> Vectors | None:
    """The store of the phrasings in a house's data folder, which set-up, the house and its commands share; None: no
    encoder. What people wrote is never kept in it."""
    return Vectors(encoder, data / "vectors") if encoder else None


class Vectors:
    """The vectors of texts, each encoded once: kept in `folder` between starts, or while this lives if it is None.

    Several processes may share a folder. Every method may block for as long as encoding takes, so callers stay off the
    event loop. The file in the folder may be deleted at any time.
    """

    def __init__(self, encoder: Encoder, folder: Path | None = None) -> None:
        self.encoder = encoder
        # One file for each encoder: vectors of different models mean nothing to each other.
        self._file = folder / f"vectors-{encoder.key}.db" if folder else None
        self._lock = threading.Lock()
        self._kept = self._open()

    def of(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Vectors of length 1, shape (n, size), in the order of `texts`."""
        ids = [hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest() for text in texts]
        with self._lock:
            found = self._read(ids)
            new = {id: text for id, text in zip(ids, texts, strict=True) if id not in found}
            if new:
                made = dict(zip(new, self.encoder.encode(list(new.values())), strict=True))
                found |= made
                self._write(made)
        vectors = np.empty((len(texts), self.encoder.size), dtype=np.float32)
        for n, id in enumerate(ids):
            vectors[n] = found[id]
        return vectors

    def close(self) -> None:
        self._kept.close()

    def _open(self) -> sqlite3.Connection:
        """The store; a file that is damaged is made anew, and without a file it lies in memory."""
        if self._file is None:
            return self._tables(":memory:")
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            return self._tables(self._file)
        except (sqlite3.OperationalError, OSError) as e:  # a full disk, say: the next start encodes again
            log.warning("vectors_not_kept", file=str(self._file), why=str(e))
        except sqlite3.DatabaseError:
            return self._anew()
        return self._tables(":memory:")

    def _anew(self) -> sqlite3.Connection:
        assert self._file is not None  # noqa: S101  (a store in memory is never damaged)
        log.warning("vectors_damaged", file=str(self._file))
        try:
            for file in (self._file, self._file.with_name(f"{self._file.name}-journal")):
                file.unlink(missing_ok=True)
            return self._tables(self._file)
        except (sqlite3.Error, OSError) as e:  # a disk that can only be read, say
            log.warning("vectors_not_kept", file=str(self._file), why=str(e))
            return self._tables(":memory:")

    def _tables(self, place: Path | str) -> sqlite3.Connection:
        kept = sqlite3.connect(place, check_same_thread=False)
        try:
            kept.execute("CREATE TABLE IF NOT EXISTS vectors (id TEXT PRIMARY KEY, vector BLOB) WITHOUT ROWID")
        except sqlite3.Error:
            kept.close()
            raise
        return kept

    def _read(self, ids: list[str]) -> dict[str, NDArray[np.float32]]:
        query = "SELECT id, vector FROM vectors WHERE id IN (SELECT value FROM json_each(?))"
        size = self.encoder.size
        try:
            with closing(self._kept.execute(query, [json.dumps(ids)])) as rows:
                read = {id: np.frombuffer(vector, dtype="<f4") for id, vector in rows}
        except (sqlite3.OperationalError, sqlite3.ProgrammingError) as e:  # locked, say, or closed while we encoded
            log.warning("vectors_not_kept", file=str(self._file), why=str(e))
            return {}
        except (sqlite3.DatabaseError, ValueError, TypeError):
            self._kept.close()
            self._kept = self._anew()
            return {}
        return {id: vector for id, vector in read.items() if vector.shape == (size,)}

    def _write(self, made: dict[str, NDArray[np.float32]]) -> None:
        rows = [(id, vector.astype("<f4").tobytes()) for id, vector in made.items()]
        try:
            with self._kept:
                self._kept.executemany("INSERT OR REPLACE INTO vectors VALUES (?, ?)", rows)
        except sqlite3.DatabaseError as e:
            log.warning("vectors_not_kept", file=str(self._file), why=str(e))
            with suppress(sqlite3.Error):
                self._kept.rollback()

"""Names a model by what it was trained from; runs under any Python, without Rasa."""

from __future__ import annotations

import hashlib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
RASA = "3.6.21"
SUFFIX = ".tar.gz"


def parts(root: Path = ROOT) -> dict[str, list[Path]]:
    """The files a training reads, by part: config, domain, data (nlu, rules, stories) and the code that trains."""
    data = root / "nlu_data"
    assistant = root / "bot" / "assistant"
    return {
        "config": [root / "config.yml"],
        "domain": sorted((assistant / "domain").glob("*.yml")),
        "data": sorted(f for folder in ("nlu", "words", "rules", "stories") for f in (data / folder).glob("*.yml")),
        "code": [assistant / name for name in ("classifier.py", "components.py", "reading.py")],
    }


def model_id(root: Path = ROOT) -> str:
    """Id of the model that training would make now: 16 hex characters, the same on every machine."""
    digest = hashlib.sha256(f"rasa {RASA}\n".encode())
    for part, files in parts(root).items():
        for file in files:
            content = file.read_bytes().replace(b"\r\n", b"\n")
            digest.update(f"{part} {file.relative_to(root).as_posix()} {len(content)}\n".encode() + content)
    return digest.hexdigest()[:16]


def model_path(folder: Path = ROOT / "models", root: Path = ROOT) -> Path:
    """Where that model lies once it is trained."""
    return folder / f"{model_id(root)}{SUFFIX}"


def name_of(model: Path) -> str:
    """The id of a model file: its name without the ending."""
    return model.name.removesuffix(SUFFIX)

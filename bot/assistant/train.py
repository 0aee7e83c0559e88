"""Trains the model: `python bot/assistant/train.py [--out models/<id>.tar.gz]`.

The model's name is the hash of what it is made from (identity.py); one that exists already is not made again. Progress
goes to stderr; the last line of stdout is JSON: {"model": id, "path": …, "trained": bool, "seconds": …}. Exit code 1 if
the data is wrong, 2 for a wrong call, each with one sentence on stderr.
"""

from __future__ import annotations

import argparse
import contextlib
import gzip
import json
import os
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
KEPT = 5  # models, the newest: to go back to an older state of the data without training again; each has some 40 MB

UNFINISHED = ".training-"  # how the folder of a training begins that is under way
ABANDONED = 86_400.0  # seconds after which it is a dead one's


def main(arguments: list[str] | None = None) -> int:
    """Train if needed; the exit code."""
    from bot.assistant import identity

    parser = argparse.ArgumentParser(prog="train.py", description="Trains the brain's model from nlu_data and domain.")
    parser.add_argument("--out", type=Path, help="where the model goes; default models/<id>.tar.gz")
    parser.add_argument("--root", type=Path, default=ROOT, help="the repository whose data is read; default this one")
    parser.add_argument("--force", action="store_true", help="train although the model exists")
    parser.add_argument("--id", action="store_true", help="only print the id that the model would have")
    options = parser.parse_args(arguments)
    root: Path = options.root.resolve()
    missing = [name for name, files in identity.parts(root).items() if not files or not all(f.is_file() for f in files)]
    if missing:
        print(f"Nothing to train from: {root} has no {' and no '.join(missing)}.", file=sys.stderr)
        return 2
    model = identity.model_id(root)
    if options.id:
        print(model)
        return 0
    out: Path = options.out or identity.model_path(root / "models", root)
    started = time.monotonic()
    known = root / "models" / "known.npz"
    stale = out.is_file() and known.is_file() and known.stat().st_mtime > out.stat().st_mtime
    trained = options.force or stale or not out.is_file()
    if trained and (problem := _train(root, model, out)):
        print(problem, file=sys.stderr)
        return 1
    if trained:
        prune(out.parent)
    seconds = round(time.monotonic() - started, 1)
    print(json.dumps({"model": model, "path": str(out), "trained": trained, "seconds": seconds}))
    return 0


def _train(root: Path, model: str, out: Path) -> str:
    """Train into `out`, which appears whole or not at all; "" or one sentence on what is wrong."""
    from bot.assistant import environment, identity, notf

    config, domain = root / "config.yml", root / "bot" / "assistant" / "domain"
    try:
        notf.refuse(_components(config), config.name)
    except (notf.NeedsTensorFlow, yaml.YAMLError) as e:
        return f"The training data is not usable: {e}"
    _tell("loading Rasa")
    environment.prepare()
    import rasa.model_training
    from rasa.shared.core.domain import Domain
    from rasa.shared.exceptions import RasaException

    from bot.assistant import processor

    parts = identity.parts(root)
    examples = sum(f.read_text(encoding="utf-8").count("\n      - ") for f in (root / "nlu_data" / "nlu").glob("*.yml"))
    _tell(f"training {model} from {len(parts['data'])} files, about {examples} examples")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        processor.check_domain(Domain.load(str(domain)))
        with tempfile.TemporaryDirectory(dir=out.parent, prefix=UNFINISHED) as folder:
            os.environ["TRAINING_KNOWN"] = str(root / "models" / "known.npz")  # read by components.py; may be missing
            os.environ["RASA_CACHE_DIRECTORY"] = str(Path(folder, "cache"))  # else .rasa where one happens to stand
            with _unheard(Path(folder, "log")):
                result = rasa.model_training.train(
                    domain=str(domain),
                    config=str(config),
                    training_files=[str(f) for f in parts["data"]],
                    output=folder,
                    fixed_model_name=model,
                    force_training=True,  # Rasa's own cache knows nothing of our code
                )
            if result.code or not result.model:
                return "Rasa found no usable training data."
            os.replace(_plain(result.model), out)
    except (RasaException, processor.ModelRefused) as e:
        return f"The training data is not usable: {e}"
    except OSError as e:
        return f"The model cannot be written to {out.parent}: {e.strerror or e}."
    _tell(f"{out} is ready, {out.stat().st_size // 1024} kB")
    return ""


def _plain(model: str) -> str:
    """`model` packed without compression: its weights shrink by a fifth, and each start would unpack them twice."""
    with gzip.open(model) as packed, gzip.open(f"{model}.plain", "wb", compresslevel=0) as plain:
        shutil.copyfileobj(packed, plain, 2**20)
    return f"{model}.plain"


def prune(folder: Path) -> None:
    """Delete all models in `folder` but the KEPT newest, and what trainings that were killed left behind."""
    models = [file for file in folder.glob("*.tar.gz") if re.fullmatch(r"[0-9a-f]{16}\.tar\.gz", file.name)]
    for old in sorted(models, key=lambda file: file.stat().st_mtime)[:-KEPT]:
        old.unlink(missing_ok=True)
    for left in folder.glob(f"{UNFINISHED}*"):
        with contextlib.suppress(FileNotFoundError):  # that training has just ended
            if time.time() - left.stat().st_mtime > ABANDONED:
                shutil.rmtree(left, ignore_errors=True)


def _components(config: Path) -> list[str]:
    """Names of all components that the pipeline and the policies of config.yml ask for."""
    content = yaml.safe_load(config.read_text(encoding="utf-8")) or {}
    return [str(item.get("name", "")) for part in ("pipeline", "policies") for item in content.get(part) or [] if item]


@contextlib.contextmanager
def _unheard(log: Path) -> Iterator[None]:
    """Send what Rasa and git print meanwhile to `log`: it is for developers of Rasa. It is shown if training breaks."""
    sys.stdout.flush()
    sys.stderr.flush()
    kept = os.dup(1), os.dup(2)
    with log.open("wb") as sink:
        os.dup2(sink.fileno(), 1)
        os.dup2(sink.fileno(), 2)
    try:
        yield
    except BaseException:
        sys.stderr.flush()
        os.write(kept[1], log.read_bytes())
        raise
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        for now, before in zip((1, 2), kept, strict=True):
            os.dup2(before, now)
            os.close(before)


def _tell(what: str) -> None:
    print(f"brain: {what}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.path[0] = str(ROOT)
    sys.exit(main())

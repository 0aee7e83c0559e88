"""Stock Rasa for `bench brain`: its environment and its model, both made once and kept in .tool/stock."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import shutil
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

from core.settings import load as load_settings
from door.cli import examples
from door.cli.bench import brain_project as project
from door.cli.exits import Exit, fail
from door.cli.setup import engine, steps
from door.cli.setup.explain import SetupError
from door.cli.understanding import EXAMPLES
from faq import entries

PLACE = steps.ROOT / ".tool" / "stock"
ENVIRONMENT = PLACE / "env"
PYTHON = ENVIRONMENT / "bin" / "python"
LOCK = Path(__file__).parent / "stock" / "requirements.lock"
MODELS = PLACE / "models"  # by the key of what they were trained from
FILES = ("config.yml", "domain.yml", "data/nlu.yml", "data/rules.yml", "data/stories.yml")
THREADS = 2  # of training: this machine may have other work
TELL_EVERY = 30.0  # seconds of training

Tell = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class Model:
    """A trained stock model and what is to be told with every figure of it."""

    path: Path
    key: str  # of everything it was trained from, 12 hex digits
    trained: str  # ISO 8601, UTC
    seconds: float  # of training
    epochs: int
    examples: int

    @property
    def folder(self) -> Path:
        return self.path.parent

    def told(self) -> dict[str, Any]:
        return asdict(self) | {"path": str(self.path.relative_to(steps.ROOT))}


def environment(tell: Tell) -> None:
    """Install stock Rasa if it is not there; Exit.SETUP with one sentence where it cannot be had."""
    if platform.machine() != "x86_64":
        fail(Exit.USAGE, "stock Rasa's TensorFlow exists for x86_64 only: this bench runs nowhere else")

    def work(call: engine.Call) -> None:
        steps.sync(call, ENVIRONMENT, LOCK, python=steps.python310() or "3.10", compiled=True)

    step = engine.Step(
        name="stock",
        what="stock Rasa with TensorFlow (2.5 GB, only this bench uses it)",
        stamp=ENVIRONMENT / "ready",
        key=LOCK.read_bytes,
        there=PYTHON.exists,
        work=work,
        after=("tool",),
    )
    try:
        engine.run([steps.tool(), step], steps.ROOT)
    except SetupError as e:
        fail(Exit.SETUP, f"stock Rasa, which this bench compares with, could not be installed. {e}")
    tell("stock Rasa is installed")


def model(epochs: int, *, kept: bool, tell: Tell) -> tuple[Model, bool]:
    """The stock model of the present data, trained if there is none yet, and True; with `kept` the one trained last,
    whatever it was trained from, and whether that is the present data."""
    if kept:
        there = [_read(folder) for folder in MODELS.glob("*") if (folder / "trained.json").is_file()]
        if not there:
            fail(Exit.USAGE, "no stock model was trained yet: leave --kept away")
        last = max(there, key=lambda one: one.trained)
        return last, last.key == key_of(made(last.epochs))
    files = made(epochs)
    key = key_of(files)
    folder = MODELS / key
    if not (folder / "trained.json").is_file():
        _train(folder, key, files, epochs, tell)
    return _read(folder), True


def made(epochs: int) -> dict[str, str]:
    """The files of the stock project, from our data as it is."""
    learned = examples.load(EXAMPLES)
    content = entries.load(load_settings().content)
    intents = {one.intent for one in learned}
    rules = project.rules(_yaml("nlu_data/rules"), intents)
    sentences = read((steps.ROOT / "faq/content/responses/zh.yml").read_text("utf-8"))
    data = (
        project.config(epochs),
        project.domain(rules, intents, _yaml("bot/assistant/domain"), sentences, content),
        project.nlu(learned, content),
        {"version": "3.1", "rules": rules},
        {"version": "3.1", "stories": project.stories(rules)},
    )
    return {
        name: yaml.safe_dump(one, allow_unicode=True, sort_keys=False, width=10_000)
        for name, one in zip(FILES, data, strict=True)
    }


def key_of(files: Mapping[str, str]) -> str:
    """Changes with anything that the model depends on."""
    total = hashlib.sha256(LOCK.read_bytes())
    for name, text in files.items():
        total.update(name.encode() + b"\0" + hashlib.sha256(text.encode()).digest())
    return total.hexdigest()[:12]


def surroundings() -> dict[str, str]:
    """The environment variables of every program of stock Rasa."""
    return engine.environment(os.environ) | {"TF_CPP_MIN_LOG_LEVEL": "2"}


def read(text: str) -> Any:
    """The values of a YAML file; libyaml's reader, for the examples are many."""
    return yaml.load(text, Loader=yaml.CSafeLoader)


def _train(folder: Path, key: str, files: Mapping[str, str], epochs: int, tell: Tell) -> None:
    """Train into `folder`, which is whole when trained.json is there."""
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "data").mkdir(parents=True)
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
    count = sum(block["examples"].count("\n") for block in read(files["data/nlu.yml"])["nlu"])
    tell(f"training stock Rasa once, {epochs} epochs, {THREADS} threads; this takes long")
    began = time.monotonic()
    few = {name: str(THREADS) for name in ("TF_INTRA_OP_PARALLELISM_THREADS", "OMP_NUM_THREADS")}
    own = {"TF_INTER_OP_PARALLELISM_THREADS": "1", "RASA_MAX_CACHE_SIZE": "0"}  # its cache would take another GB
    words = ["--config", "config.yml", "--domain", "domain.yml", "--data", "data", "--out", "."]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            ["nice", PYTHON, "-m", "rasa", "train", *words, "--fixed-model-name", "model", "--skip-validation"],
            cwd=folder,
            env=surroundings() | few | own,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
        try:
            while process.poll() is None:
                try:
                    process.wait(TELL_EVERY)
                except subprocess.TimeoutExpired:
                    tell(f"training stock Rasa: {time.monotonic() - began:.0f} s")
        finally:
            if process.poll() is None:
                process.terminate()
                process.wait()
    if process.returncode or not (folder / "model.tar.gz").is_file():
        fail(Exit.FOUND, f"stock Rasa could not be trained; {folder / 'log'} tells why")
    facts = {
        "key": key,
        "trained": datetime.now(UTC).isoformat(timespec="seconds"),
        "seconds": round(time.monotonic() - began, 1),
        "epochs": epochs,
        "examples": count,
    }
    (folder / "trained.json").write_text(json.dumps(facts), encoding="utf-8")
    for older in MODELS.iterdir():  # of 0.7 GB each
        if older != folder:
            shutil.rmtree(older)


def _read(folder: Path) -> Model:
    return Model(path=folder / "model.tar.gz", **json.loads((folder / "trained.json").read_text("utf-8")))


def _yaml(folder: str) -> list[dict[str, Any]]:
    return [read(file.read_text("utf-8")) for file in sorted((steps.ROOT / folder).glob("*.yml"))]

"""What makes up a checkout that can start: the tool, two environments, torch, the page, the trained brain."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from bot.assistant.identity import model_id, model_path
from door.cli.setup.engine import Call, Step, environment
from door.cli.setup.explain import AGAIN, SetupError, cause

ROOT = Path(__file__).resolve().parents[3]
UV_VERSION = "0.13.9"
TORCH_VERSION = "2.13.0"
WHEELS = "WHEELS_FROM"  # under this name `qiantai` hands on the wheel folders of pip and uv, which only torch may use
UV = ROOT / ".tool" / "bin" / "uv"
HOUSE = ROOT / ".venv"
BRAIN = ROOT / "bot" / "assistant" / ".venv"
HOUSE_LOCK = ROOT / "requirements.lock"
BRAIN_LOCK = ROOT / "bot" / "assistant" / "requirements.lock"
MODELS = ROOT / "models"
FRONTS = tuple(sorted(p.parent for p in (ROOT / "web").glob("*/package.json")))  # web/widget, later web/console


def steps(*, developing: bool = False) -> tuple[Step, ...]:
    """Every step, for `developing` those that checks need as well; keys and ledger are the house's own affair."""
    numbers = (torch(),) if developing or _names_a_model() else ()
    return (tool(), house(), *numbers, brain(), *(step for front in FRONTS for step in page(front)), model())


def tool() -> Step:
    """uv, pinned, in an environment of its own made by the Python that runs this."""

    def work(call: Call) -> None:
        folder = UV.parents[1]
        # Not through `venv`'s own pip step: it hides why it failed (a full disk, for one).
        call([sys.executable, "-m", "venv", "--clear", "--without-pip", folder / "env"])
        python = folder / "env" / "bin" / "python"
        call([python, "-m", "ensurepip", "--default-pip"])
        pip = [python, "-m", "pip", "--disable-pip-version-check"]
        call([*pip, "install", "--quiet", f"uv=={UV_VERSION}"])
        UV.parent.mkdir(exist_ok=True)
        UV.unlink(missing_ok=True)
        UV.symlink_to(Path("..") / "env" / "bin" / "uv")

    return Step(
        name="tool",
        what="the installer (uv)",
        stamp=UV.parents[1] / "ready",
        key=lambda: UV_VERSION.encode(),
        work=work,
    )


def house() -> Step:
    """The house's environment, .venv. The stamp is a copy of the lock, which the shell can compare by itself."""

    def work(call: Call) -> None:
        sync(call, HOUSE, HOUSE_LOCK, python=_base_python())

    return Step(
        name="house",
        what="the house's environment (.venv)",
        stamp=HOUSE / "ready",
        key=HOUSE_LOCK.read_bytes,
        work=work,
        after=("tool",),
    )


def torch() -> Step:
    """torch for processors, which encoders other than the embedded one run on. It stands outside the lock: the one
    that the registry has for Linux brings gigabytes for graphics cards."""
    pin = f"torch=={TORCH_VERSION}" + ("+cpu" if sys.platform == "linux" else "")  # elsewhere there is only one kind

    def install(call: Call, *source: str) -> None:
        words = ["--quiet", "--no-deps", "--python", HOUSE / "bin" / "python", *source]
        # Not in the checkout, whose pyproject.toml tells uv to leave torch out.
        call([UV, "pip", "install", *words, pin], cwd=Path("/"), where=HOUSE)

    def work(call: Call) -> None:
        folders = re.split(r"[,\s]+", os.environ.get(WHEELS, ""))
        given = [word for folder in folders if folder for word in ("--find-links", folder)]
        try:
            if given:
                with suppress(SetupError):
                    return install(call, "--no-index", *given)
            install(call, "--torch-backend", "cpu")
        except SetupError as e:
            known = cause(e.output)
            if known and known.name != "network":
                raise
            here = f"Python {sys.version_info[0]}.{sys.version_info[1]} on this machine"
            why = "there is no network" if known else f"none was found for {here}"
            needs, without = "checks and comparisons of encoders need", "The house itself does without torch."
            if _names_a_model():
                needs = "other encoders than the embedded one need"
                without = "Or set QIANTAI_ENCODER=embedded, which does without torch."
            raise SetupError(
                f"{needs} torch {TORCH_VERSION} for processors, which could not be had ({why}). Connect to the "
                f"network, or put its wheel into a folder and set PIP_FIND_LINKS to that, {AGAIN}. {without}"
            ) from e

    return Step(
        name="torch",
        what="torch, for encoders other than the embedded one",
        stamp=HOUSE / "torch",
        key=TORCH_VERSION.encode,
        there=lambda: any(HOUSE.glob(f"lib/python3.*/site-packages/torch-{TORCH_VERSION}*.dist-info")),
        work=work,
        after=("house",),
    )


def brain() -> Step:
    """The brain's environment: Python 3.10, because Rasa 3.6 runs on nothing newer."""

    def work(call: Call) -> None:
        python = python310()
        try:
            sync(call, BRAIN, BRAIN_LOCK, python=python or "3.10", compiled=True)
        except SetupError as e:
            if python or not re.search(r"cpython-3\.10|No interpreter found|No download found", e.output):
                raise
            known = cause(e.output)
            why = "there is no network" if known and known.name == "network" else "uv found none for this machine"
            raise SetupError(
                "the brain needs Python 3.10: none was found on PATH or in pyenv, and it could not be downloaded "
                f"({why}). Install it (for example: pyenv install 3.10) or connect to the network, {AGAIN}."
            ) from e

    return Step(
        name="brain",
        what="the brain's environment (bot/assistant/.venv, Python 3.10)",
        stamp=BRAIN / "ready",
        key=BRAIN_LOCK.read_bytes,
        work=work,
        after=("tool",),
    )


def page(front: Path) -> tuple[Step, Step]:
    """One front end: its packages by the lock, then its build. Node comes with the house's environment."""
    name = front.name

    def npm(call: Call, *words: str) -> None:
        env = {**call.env, "PATH": f"{HOUSE / 'bin'}{os.pathsep}{call.env.get('PATH', os.defpath)}"}
        inside = Call(step=call.step, root=call.root, env=env, programs=call.programs)
        inside([HOUSE / "bin" / "npm", *words], cwd=front)

    def packages(call: Call) -> None:
        npm(call, "ci", "--no-audit", "--no-fund", "--loglevel=error")

    def build(call: Call) -> None:
        npm(call, "run", "build")

    return (
        Step(
            name=f"{name}-packages",
            what=f"the packages of web/{name}",
            stamp=front / "node_modules" / ".ready",
            key=(front / "package-lock.json").read_bytes,
            work=packages,
            after=("house",),
        ),
        Step(
            name=name,
            what=f"the page web/{name}",
            stamp=front / "dist" / ".ready",
            key=lambda: digest(_sources(front)),
            there=(front / "dist" / "index.html").exists,
            work=build,
            after=(f"{name}-packages",),
        ),
    )


def model(*, force: bool = False) -> Step:
    """The trained brain: a model file named by everything it was trained from; `force` makes it anew all the same."""

    def work(call: Call) -> None:
        # What the house knows of the examples, vectors among them: the brain's environment has no encoder.
        call([HOUSE / "bin" / "python", "-m", "door.cli", "nlu", "known", MODELS / "known.npz"])
        call([BRAIN / "bin" / "python", ROOT / "bot" / "assistant" / "train.py", *(["--force"] if force else [])])

    stamp = MODELS / "ready"

    def key() -> bytes:
        made_from = f"{model_id()} ".encode()
        if _words_only() and stamp.is_file() and (kept := stamp.read_bytes()).startswith(made_from):
            return kept  # a model that was trained with vectors serves without them, too
        return made_from + f"{_encoder()} ".encode() + digest((ROOT / "faq" / "encoder" / "model").rglob("*"))

    return Step(
        name="model",
        what="the brain's model",
        stamp=stamp,
        key=key,
        there=lambda: model_path().exists(),
        work=work,
        after=("house", "torch", "brain") if _names_a_model() else ("house", "brain"),
    )


def _words_only() -> bool:
    return _encoder() == "none"


def _names_a_model() -> bool:
    return _encoder() not in ("", "embedded", "none")


def _encoder() -> str:
    """The encoder that the settings name, "" if none does. Read here by hand: core.settings needs .venv."""
    if chosen := os.environ.get("QIANTAI_ENCODER"):
        return chosen
    try:
        settings = tomllib.loads((ROOT / (os.environ.get("QIANTAI_CONFIG") or "qiantai.toml")).read_text("utf-8"))
    except (OSError, ValueError):  # which the house has words for when it starts
        return ""
    return str(settings.get("encoder", ""))


def _sources(front: Path) -> Iterable[Path]:
    made = {"node_modules", "dist", "test-results"}
    return (f for f in front.rglob("*") if f.is_file() and not made & set(f.relative_to(front).parts))


def digest(files: Iterable[Path]) -> bytes:
    """SHA-256 over names and contents, in the order of the names; files that do not exist do not count."""
    total = hashlib.sha256()
    for file in sorted(f for f in files if f.is_file()):
        total.update(str(file.relative_to(ROOT)).encode() + b"\0" + hashlib.sha256(file.read_bytes()).digest())
    return total.hexdigest().encode()


def sync(call: Call, env: Path, lock: Path, *, python: str, compiled: bool = False) -> None:
    """Make `env` hold exactly what `lock` names. An environment whose last installation was cut off is made anew:
    uv counts a package as installed although files of it may be missing."""
    begun = env / "begun"
    if begun.exists() or not _runs(env / "bin" / "python"):
        # Relocatable: a checkout that is moved keeps working.
        call([UV, "venv", "--quiet", "--clear", "--relocatable", "--python", python, env], where=env)
    begun.touch()
    words = ["--quiet", "--require-hashes", "--python", env / "bin" / "python"]
    call([UV, "pip", "sync", *words, *(["--compile-bytecode"] if compiled else []), lock], where=env)
    begun.unlink()


def _runs(python: Path) -> bool:
    try:
        return subprocess.run([python, "-c", ""], capture_output=True, check=False).returncode == 0
    except OSError:
        return False


def _base_python() -> str:
    """The Python that stands behind this one: .venv must not be built upon itself."""
    return getattr(sys, "_base_executable", None) or sys.executable


def python310() -> str | None:
    """A complete Python 3.10 on PATH or in pyenv; None where uv has to bring one."""
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
    for candidate in (shutil.which("python3.10"), *sorted(pyenv.glob("3.10.*/bin/python"))):
        if candidate is None:
            continue
        probe = "import ssl, sqlite3, sys; print(sys.version_info[:2] == (3, 10) and sys.executable)"
        try:
            answer = subprocess.run([candidate, "-c", probe], capture_output=True, text=True, check=False)
        except OSError:
            continue
        if answer.returncode == 0 and answer.stdout.strip() not in ("", "False"):
            return answer.stdout.strip()
    return None


def npm_environment() -> dict[str, str]:
    """The environment in which Node tools run: the house's node first."""
    env = environment(os.environ)
    return env | {"PATH": f"{HOUSE / 'bin'}{os.pathsep}{env.get('PATH', os.defpath)}"}

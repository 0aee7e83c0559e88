"""torch stands outside the lock: where it may come from, that no build for graphics cards comes along, what is said."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from door.cli import build
from door.cli.setup import steps
from door.cli.setup.engine import Call, Programs, environment
from door.cli.setup.explain import SetupError
from tests.cli.conftest import NO_NETWORK

LOCAL = "+cpu" if sys.platform == "linux" else ""


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An environment without any package, in place of the house's."""
    env = tmp_path / "venv"
    subprocess.run([steps.UV, "venv", "--quiet", "--python", sys.executable, env], check=True)
    monkeypatch.setattr(steps, "HOUSE", env)
    monkeypatch.delenv("QIANTAI_ENCODER", raising=False)
    return env


def wheel(folder: Path, version: str, tag: str = "py3-none-any") -> None:
    """A wheel that is torch by name only."""
    folder.mkdir(exist_ok=True)
    info = f"torch-{version}.dist-info"
    with zipfile.ZipFile(folder / f"torch-{version}-{tag}.whl", "w") as made:
        made.writestr("torch/version.py", "")
        made.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: torch\nVersion: {version}\n")
        made.writestr(f"{info}/WHEEL", f"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: {tag}\n")
        made.writestr(f"{info}/RECORD", "")


def bring(tmp_path: Path) -> None:
    env = environment(os.environ) | NO_NETWORK | {"UV_CACHE_DIR": str(tmp_path / "cache")}
    steps.torch().work(Call(step="torch", root=tmp_path, env=env, programs=Programs()))


@pytest.mark.parametrize("shape", ["{wheels}", "{wheels} {empty}", "{empty},{wheels}"])
def test_it_comes_from_a_folder_of_wheels_without_a_network(
    house: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shape: str
) -> None:
    wheel(tmp_path / "wheels", steps.TORCH_VERSION + LOCAL)
    monkeypatch.setenv(steps.WHEELS, shape.format(wheels=tmp_path / "wheels", empty=tmp_path))
    assert not steps.torch().there()
    bring(tmp_path)
    assert steps.torch().there()


@pytest.mark.parametrize(
    ("version", "tag"),
    [
        ("2.12.0" + LOCAL, "py3-none-any"),
        (steps.TORCH_VERSION + LOCAL, "cp310-cp310-any"),
        pytest.param(
            steps.TORCH_VERSION,
            "py3-none-any",
            marks=pytest.mark.skipif(sys.platform != "linux", reason="elsewhere there is only one kind"),
        ),
    ],
    ids=["another version", "another Python", "a build for graphics cards"],
)
def test_what_does_not_serve_is_left_and_one_sentence_says_the_ways_out(
    house: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str, tag: str
) -> None:
    wheel(tmp_path / "wheels", version, tag)
    monkeypatch.setenv(steps.WHEELS, str(tmp_path / "wheels"))
    monkeypatch.setenv("QIANTAI_ENCODER", "/models/other")
    with pytest.raises(SetupError) as told:
        bring(tmp_path)
    assert str(told.value) == (
        f"other encoders than the embedded one need torch {steps.TORCH_VERSION} for processors, which could not be had "
        "(there is no network). Connect to the network, or put its wheel into a folder and set PIP_FIND_LINKS to that, "
        "then run the same command again: what is done is kept. Or set QIANTAI_ENCODER=embedded, which does without "
        "torch."
    )
    assert not steps.torch().there()
    monkeypatch.setenv("QIANTAI_ENCODER", "embedded")
    with pytest.raises(SetupError, match=r"^checks and comparisons of encoders need torch") as told:
        bring(tmp_path)
    assert "QIANTAI_ENCODER" not in str(told.value), "it is set to that already"


def test_without_a_wheel_for_this_python_the_sentence_names_the_python(
    house: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(steps.WHEELS, raising=False)
    monkeypatch.setattr(steps, "TORCH_VERSION", "0.0.1")
    log = "  × No solution found: because there is no version of torch==0.0.1+cpu, your requirements are unsatisfiable."

    def fail(*_: object, **__: object) -> None:
        raise SetupError("the installer failed", log)

    monkeypatch.setattr(Call, "__call__", fail)
    with pytest.raises(SetupError, match=rf"none was found for Python 3\.{sys.version_info[1]} on this machine"):
        bring(tmp_path)


@pytest.mark.parametrize(
    ("env", "toml", "wanted"),
    [
        (None, None, False),
        ("none", None, False),
        ("embedded", 'encoder = "/models/other"', False),
        ("/models/other", None, True),
        (None, 'encoder = "acme/small"', True),
        (None, "encoder = ", False),  # broken: told when the house starts
    ],
)
def test_torch_comes_only_with_an_encoder_that_runs_on_it_and_for_developing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, env: str | None, toml: str | None, wanted: bool
) -> None:
    config = tmp_path / "qiantai.toml"
    if toml is not None:
        config.write_text(toml)
    monkeypatch.setenv("QIANTAI_CONFIG", str(config))
    monkeypatch.setenv("QIANTAI_ENCODER", env or "")
    assert ("torch" in {step.name for step in steps.steps()}) is wanted
    assert "torch" in {step.name for step in steps.steps(developing=True)}


@pytest.mark.parametrize(("encoder", "wanted"), [("embedded", False), ("/models/other", True)])
def test_training_brings_torch_for_an_encoder_that_runs_on_it(
    monkeypatch: pytest.MonkeyPatch, encoder: str, wanted: bool
) -> None:
    made: list[str] = []
    monkeypatch.setenv("QIANTAI_ENCODER", encoder)
    monkeypatch.setattr(steps, "MODELS", Path("/nowhere"))
    monkeypatch.setattr(build.engine, "run", lambda needed, root: made.extend(step.name for step in needed))
    build.train()
    assert made == ["tool", *(["torch"] if wanted else []), "brain", "model"]

"""Checkouts to break: copies of this one's sources, with the installer of this one and nothing else."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from core.settings import Settings, load
from door.cli.setup import steps
from tests.servers import free_port

SOURCES = ("core", "channels", "bot", "actions", "desk", "cases", "faq", "door", "nlu_data")
FILES = ("qiantai", "config.yml", "pyproject.toml", "requirements.lock", "system-packages.txt")
MADE = shutil.ignore_patterns(".venv", "__pycache__", "models")
CLOSED = "http://127.0.0.1:9"  # the discard port: nobody listens there, connections are refused at once
NO_NETWORK = dict.fromkeys(("HTTPS_PROXY", "HTTP_PROXY", "https_proxy", "http_proxy"), CLOSED) | {
    "NO_PROXY": "",
    "no_proxy": "",
    "PIP_RETRIES": "0",
    "PIP_CONFIG_FILE": os.devnull,
    "UV_HTTP_RETRIES": "0",
}
TOOLS = ("sh", "dirname", "readlink", "cmp", "env", "uname", "ldd", "rm", "mkdir", "ln")


@dataclass(frozen=True, kw_only=True)
class Checkout:
    """One copy; `run` is what a person would type in it."""

    root: Path
    env: Mapping[str, str]

    def command(self, *words: str) -> list[str]:
        return [str(self.root / "qiantai"), *words]

    def run(
        self, *words: str, env: Mapping[str, str] | None = None, wrap: tuple[str, ...] = ()
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*wrap, *self.command(*words)],
            env={**self.env, **(env or {})},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def with_installer(self) -> Checkout:
        """As after the first step of setting up."""
        tool = self.root / ".tool"
        tool.mkdir()
        (tool / "bin").symlink_to(steps.UV.parent.resolve())
        (tool / "ready").write_bytes(steps.tool().key())
        return self


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    """A checkout as cloned, and a PATH on which there is this test's Python as python3.11 and no other."""
    root = tmp_path / "checkout"
    for name in SOURCES:
        if (steps.ROOT / name).exists():
            shutil.copytree(steps.ROOT / name, root / name, ignore=MADE)
    for name in FILES:
        shutil.copy2(steps.ROOT / name, root / name)
    path = tmp_path / "bin"
    path.mkdir()
    for tool in TOOLS:
        if found := shutil.which(tool):
            (path / tool).symlink_to(found)
    python = path / "python3.11"
    python.write_text(f'#!/bin/sh\nexec "{Path(sys.executable).resolve()}" "$@"\n')
    python.chmod(0o755)
    kept = {name: value for name, value in os.environ.items() if not name.startswith("QIANTAI_")}
    return Checkout(root=root, env=kept | {"PATH": str(path), "PYENV_ROOT": str(tmp_path / "no-pyenv")})


def _namespaces() -> tuple[str, ...]:
    """How to get mounts of our own here, as root or as anybody; () where the kernel or a container forbids it."""
    for wrap in (("unshare", "-m"), ("unshare", "-Urm")):
        try:
            done = subprocess.run([*wrap, "mount", "-t", "tmpfs", "none", "/mnt"], capture_output=True, check=False)
        except FileNotFoundError:
            return ()
        if done.returncode == 0:
            return wrap
    return ()


@pytest.fixture
def mounted() -> Callable[[str], tuple[str, ...]]:
    """A prefix for commands that run after a mount only they see."""
    wrap = _namespaces()
    if not wrap:
        pytest.skip("mounts of our own are forbidden here; the same sentences are tested on captured output")
    return lambda mount: (*wrap, "sh", "-c", f'{mount} && exec "$@"', "sh")


@dataclass(frozen=True, kw_only=True)
class Site:
    """A data folder of its own and the commands on it, in the house's environment."""

    data: Path
    env: Mapping[str, str]

    @property
    def ledger(self) -> Path:
        return self.data / "qiantai.db"

    @property
    def settings(self) -> Settings:
        return load(env={name: value for name, value in self.env.items() if name.startswith("QIANTAI_")})

    def command(self, *words: str) -> list[str]:
        return [sys.executable, "-m", "door.cli", *words]

    def run(
        self, *words: str, env: Mapping[str, str] | None = None, stdin: str = "", seconds: float = 60
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(*words),
            env={**self.env, **(env or {})},
            cwd=steps.ROOT,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """A new site: nothing in its data folder, ports of its own."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("QIANTAI_")}
    own = {
        "QIANTAI_DATA": str(tmp_path / "data"),
        "QIANTAI_CONFIG": "",
        "QIANTAI_ENCODER": "none",  # seconds less at every start
        "QIANTAI_PORT": str(free_port()),
        "QIANTAI_METRICS_PORT": "0",
        "CALLED_FROM": str(tmp_path),
    }
    return Site(data=tmp_path / "data", env=kept | own)

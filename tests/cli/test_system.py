"""What the tests need from the system: installed where that is ours to do, named where it is not."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from door.cli.exits import Exit
from door.cli.setup import system
from door.cli.setup.explain import SetupError
from tests.cli.conftest import Site


class Debian:
    """A PATH with an apt-get and a dpkg-query that do as told, and with what a shell script needs."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self.installed = folder / "installed"
        self.calls = folder / "calls"
        self.installed.write_text("postgresql installed\n")
        self.calls.touch()
        self.program("dpkg-query", f'cat "{self.installed}"')
        monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
        monkeypatch.setattr(system, "wanted", lambda: ["chromium", "postgresql"])
        monkeypatch.setattr(os, "geteuid", lambda: 0)

    def program(self, name: str, script: str) -> None:
        (self.folder / name).write_text(f'#!/bin/sh\necho "{name} $*" >> "{self.calls}"\n{script}\n')
        (self.folder / name).chmod(0o755)


@pytest.fixture
def debian(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Debian:
    return Debian(tmp_path, monkeypatch)


def test_root_on_debian_installs_what_is_missing_and_only_that(
    debian: Debian, capsys: pytest.CaptureFixture[str]
) -> None:
    debian.program("apt-get", f'[ "$1" = update ] || echo "chromium installed" >> "{debian.installed}"')
    system.install()
    called = [line for line in debian.calls.read_text().splitlines() if line.startswith("apt-get")]
    assert called == ["apt-get update -q", "apt-get install -q -y --no-install-recommends chromium"]
    assert "installing packages for the tests: chromium" in capsys.readouterr().err
    system.install()
    assert len([line for line in debian.calls.read_text().splitlines() if line.startswith("apt-get")]) == 2


def test_apt_without_a_network_is_one_sentence(debian: Debian) -> None:
    debian.program("apt-get", "echo \"Temporary failure resolving 'deb.example'\"; exit 100")
    with pytest.raises(SetupError, match="no network"):
        system.install()


def test_apt_that_claims_success_is_not_believed(debian: Debian) -> None:
    debian.program("apt-get", "exit 0")
    with pytest.raises(SetupError, match="apt-get did not install chromium"):
        system.install()


@pytest.mark.parametrize("why", ["not root", "no apt"])
def test_elsewhere_nothing_is_installed(debian: Debian, monkeypatch: pytest.MonkeyPatch, why: str) -> None:
    if why == "not root":
        debian.program("apt-get", "exit 0")
        monkeypatch.setattr(os, "geteuid", lambda: 1000)
    else:
        monkeypatch.setenv("PATH", str(debian.folder))
    system.install()
    assert debian.calls.read_text() == ""


def test_what_cannot_be_run_is_named_with_how_to_get_it_and_with_ci_nothing_may_be_missing(
    site: Site, tmp_path: Path
) -> None:
    """A machine without a browser: a PATH that has none."""
    path = tmp_path / "bin"
    path.mkdir()
    for tool in ("sh", "env"):
        (path / tool).symlink_to(f"/bin/{tool}" if Path(f"/bin/{tool}").exists() else f"/usr/bin/{tool}")
    words = ("test", "-n", "1", "tests/cli/test_explain.py")
    plain = site.run(*words, env={"PATH": str(path), "CI": ""})
    assert plain.returncode == Exit.DONE, plain.stderr
    assert "Not run: tests/browser, because chromium is missing." in plain.stderr
    assert "apt-get install chromium fonts-wqy-microhei" in plain.stderr
    strict = site.run(*words, env={"PATH": str(path), "CI": "true"})
    assert strict.returncode == Exit.FOUND
    assert "CI=true, and chromium is missing: " in strict.stderr
    assert "passed" not in strict.stdout

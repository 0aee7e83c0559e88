"""The first minutes: what `./qiantai` says when something is missing, and that it goes on where it was cut off."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from door.cli.exits import Exit
from tests.cli.conftest import NO_NETWORK, Checkout

HOUSE_ONLY = ("faq", "--help")  # a command that needs .venv and nothing else
# A small lock spares every test the installation of 115 packages; hashes and versions are the real one's.
FEW = (
    *("typer", "rich", "markdown-it-py", "mdurl", "pygments", "shellingham", "annotated-doc", "typing-extensions"),
    *("pydantic", "pydantic-core", "annotated-types", "typing-inspection"),
)


def _shorten(lock: Path, keep: tuple[str, ...]) -> None:
    blocks: list[list[str]] = []
    for line in lock.read_text().splitlines():
        if not line.startswith((" ", "#")):
            blocks.append([])
        if blocks:
            blocks[-1].append(line)
    kept = [line for block in blocks if block[0].partition("==")[0] in keep for line in block]
    lock.write_text("\n".join(kept) + "\n")


@pytest.fixture
def small(checkout: Checkout) -> Checkout:
    _shorten(checkout.root / "requirements.lock", FEW)
    return checkout.with_installer()


def _python(path: Path, name: str, version: str, complete: bool) -> None:
    """A stand-in that answers the two questions the shell asks a Python."""
    answer = f"echo {version}" if version else "exit 1"
    script = f'#!/bin/sh\ncase "$2" in *version_info*) {answer} ;; *) exit {0 if complete else 1} ;; esac\n'
    (path / name).write_text(script)
    (path / name).chmod(0o755)


@pytest.mark.parametrize(
    ("pythons", "says"),
    [
        ([], "no usable Python 3.11, 3.12 or 3.13 was found; install one"),
        ([("python3", "3.9", True)], "was found (seen: 3.9); install one"),
        ([("python3", "3.14", True)], "was found (seen: 3.14); install one"),
        ([("python3.12", "3.12", False)], "it lacks a part: install it (Debian, Ubuntu: apt-get install python3-venv)"),
        ([("python3", "", True)], "no usable Python 3.11, 3.12 or 3.13 was found; install one"),
    ],
)
def test_without_a_usable_python_one_sentence_says_what_to_install(
    checkout: Checkout, pythons: list[tuple[str, str, bool]], says: str
) -> None:
    path = Path(checkout.env["PATH"])
    (path / "python3.11").unlink()
    for name, version, complete in pythons:
        _python(path, name, version, complete)
    done = checkout.run("up")
    assert done.returncode == Exit.SETUP
    assert says in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert done.stdout == ""


@pytest.mark.parametrize("words", [(), ("--help",), ("up", "--help")])
def test_help_on_a_fresh_checkout_installs_nothing(checkout: Checkout, words: tuple[str, ...]) -> None:
    done = checkout.run(*words)
    assert done.returncode == Exit.DONE
    assert "./qiantai up" in done.stdout
    assert not (checkout.root / ".tool").exists()


def test_doctor_on_a_fresh_checkout_says_what_is_missing_and_installs_nothing(checkout: Checkout) -> None:
    done = checkout.run("doctor")
    assert (done.returncode, done.stderr) == (
        Exit.FOUND,
        "The house's environment (.venv) is missing or out of date: run ./qiantai setup\n",
    )
    assert not (checkout.root / ".tool").exists()


def test_without_a_network_the_first_step_says_so_and_names_the_proxy(checkout: Checkout) -> None:
    done = checkout.run("setup", env=NO_NETWORK)
    assert done.returncode == Exit.SETUP
    last = done.stderr.splitlines()[-1]
    assert last.startswith(
        "qiantai: tool: no network: the package registry cannot be reached through the proxy http://127"
    )
    assert last.endswith("then run the same command again: what is done is kept.")


def test_without_a_network_both_environments_give_one_sentence_together(checkout: Checkout, tmp_path: Path) -> None:
    checkout.with_installer()
    _python(Path(checkout.env["PATH"]), "python3.10", "", complete=False)
    python310 = _real_python310()
    (Path(checkout.env["PATH"]) / "python3.10").write_text(f'#!/bin/sh\nexec "{python310}" "$@"\n')
    done = checkout.run("setup", env=NO_NETWORK | {"UV_CACHE_DIR": str(tmp_path / "empty")})
    assert done.returncode == Exit.SETUP
    complaints = [line for line in done.stderr.splitlines() if line.startswith("qiantai: ")]
    assert len(complaints) == 1
    assert "house" in complaints[0]
    assert "brain" in complaints[0]
    assert "no network" in complaints[0]


def _real_python310() -> str:
    from door.cli.setup.steps import BRAIN

    return str((BRAIN / "bin" / "python").resolve())


def test_without_python_310_and_network_the_sentence_names_both_ways_out(small: Checkout, tmp_path: Path) -> None:
    done = small.run("setup", env={**NO_NETWORK, "UV_PYTHON_INSTALL_DIR": str(tmp_path / "none")})
    assert done.returncode == Exit.SETUP
    complaints = [line for line in done.stderr.splitlines() if line.startswith("qiantai: brain")]
    assert len(complaints) == 1
    assert "needs Python 3.10: none was found on PATH or in pyenv" in complaints[0]
    assert "pyenv install 3.10" in complaints[0]
    assert "connect to the network" in complaints[0]


def test_a_full_disk_is_told_with_the_room_that_is_left(
    checkout: Checkout, mounted: Callable[[str], tuple[str, ...]]
) -> None:
    """Real: the checkout lies on a disk of 24 MB."""
    keep = checkout.root.with_name("keep")
    checkout.with_installer()
    checkout.root.rename(keep)
    checkout.root.mkdir()
    wrap = mounted(f"mount -t tmpfs -o size=24m none '{checkout.root}' && cp -a '{keep}/.' '{checkout.root}'")
    done = checkout.run(*HOUSE_ONLY[:1], "search", "x", wrap=wrap, env={"PATH": os.environ["PATH"]})
    assert done.returncode == Exit.SETUP, done.stderr
    assert "the disk is full (" in done.stderr
    assert "Free some space" in done.stderr


def test_a_folder_that_cannot_be_written_is_named(
    checkout: Checkout, mounted: Callable[[str], tuple[str, ...]]
) -> None:
    root = checkout.root
    wrap = mounted(f"mount --bind '{root}' '{root}' && mount -o remount,bind,ro '{root}'")
    done = checkout.run("setup", wrap=wrap, env={"PATH": os.environ["PATH"]})
    assert done.returncode == Exit.SETUP
    assert done.stderr == (
        f"qiantai: {root} cannot be written. Give this account the right to write there, or put the checkout somewhere "
        "it may write, then run the same command again: what is done is kept.\n"
    )


def test_a_set_up_that_was_killed_goes_on_and_leaves_a_whole_environment(small: Checkout) -> None:
    """Killed while packages are being written: uv would count half a package as installed."""
    venv = small.root / ".venv"
    setting_up = subprocess.Popen(
        small.command("faq", "search", "x"),
        env=small.env,
        stdin=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    deadline = time.monotonic() + 60
    while not (venv / "begun").exists():
        assert time.monotonic() < deadline
        assert setting_up.poll() is None
    os.killpg(setting_up.pid, signal.SIGKILL)
    setting_up.wait()
    assert not (venv / "ready").exists()
    # What the kill left is made worse: a package that is there only by name.
    for package in venv.glob("lib/*/site-packages/typer"):
        shutil.rmtree(package)

    done = small.run(*HOUSE_ONLY)
    assert done.returncode == Exit.DONE, "help installs nothing, so it does not mend either"
    done = small.run("channels")
    assert "Commands" in done.stdout + done.stderr
    assert (venv / "ready").read_bytes() == (small.root / "requirements.lock").read_bytes()
    assert not (venv / "begun").exists()


def test_a_damaged_environment_is_noticed_and_mended_by_the_next_command(small: Checkout) -> None:
    assert "Commands" in small.run("channels").stdout
    for package in (small.root / ".venv").glob("lib/*/site-packages/typer"):
        shutil.rmtree(package)
    done = small.run("channels")
    assert done.returncode == Exit.SETUP
    assert done.stderr == (
        "qiantai: the house's environment is damaged (No module named 'typer'): run ./qiantai setup, it mends it.\n"
    )
    done = small.run("channels")
    assert "Commands" in done.stdout


def test_a_checkout_that_was_moved_goes_on_working(small: Checkout) -> None:
    assert "Commands" in small.run("channels").stdout
    moved = Checkout(root=small.root.rename(small.root.with_name("elsewhere")), env=small.env)
    done = moved.run("channels")
    assert "Commands" in done.stdout
    assert done.stderr == "", "nothing was made anew"


def test_a_changed_lock_is_installed_and_what_it_dropped_is_removed(small: Checkout) -> None:
    lock = small.root / "requirements.lock"
    small.run("channels")
    _shorten(lock, tuple(name for name in FEW if name != "shellingham"))
    done = small.run("channels")
    assert "[house] ready" in done.stderr
    assert not list((small.root / ".venv").glob("lib/*/site-packages/shellingham"))


def test_the_command_works_from_any_folder_and_through_a_link(small: Checkout, tmp_path: Path) -> None:
    small.run("channels")
    link = tmp_path / "bin" / "qiantai"
    link.symlink_to(small.root / "qiantai")
    done = subprocess.run(
        ["qiantai", "channels"], env=small.env, cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert "Commands" in done.stdout


def test_a_second_terminal_waits_for_the_first(small: Checkout) -> None:
    import fcntl

    with (small.root / ".tool" / "lock").open("a") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        second = subprocess.Popen(
            small.command("channels"),
            env=small.env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert second.stderr is not None
        assert second.stderr.readline() == "Another set-up of this checkout is running; waiting for it.\n"
        assert second.poll() is None
        assert not (small.root / ".venv").exists()
    with second:
        second.wait(60)
    assert (small.root / ".venv" / "ready").exists()


def test_the_shell_part_runs_under_a_plain_posix_shell() -> None:
    done = subprocess.run(["sh", "-n", "qiantai"], capture_output=True, check=False)
    assert done.returncode == 0
    assert sys.version_info[:2] in ((3, 11), (3, 12), (3, 13))

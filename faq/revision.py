"""The content folder as it was: as another folder holds it, or as git remembers it."""

from __future__ import annotations

import io
import os
import subprocess
import tarfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from core.errors import ContentError

PATIENCE = 60.0  # seconds for one git command
# Git passes these on to its hooks; inside one they would lead to another checkout.
_LEADING_AWAY = frozenset({"GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"})


@contextmanager
def folder_at(folder: Path, revision: str) -> Generator[Path]:
    """The files of `folder` as of git's `revision`, in a folder of its own that is gone afterwards.

    ContentError where there is no git, no checkout around the folder, no such revision, or no such folder in it.
    """
    folder = folder.resolve()
    top = Path(os.fsdecode(_git(folder, "rev-parse", "--show-toplevel").rstrip(b"\n"))).resolve()
    try:
        commit = _git(folder, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
    except ContentError:
        raise ContentError(f"git knows no revision {revision!r} in {top}") from None
    inside = folder.relative_to(top)
    # Two steps: `git archive` run below the top would name its files from there.
    treeish = f"{commit.decode().strip()}:{'' if inside == Path() else inside.as_posix()}"
    try:
        packed = _git(top, "archive", "--format=tar", treeish)
    except ContentError:
        raise ContentError(f"there was no folder {inside} at revision {revision}") from None
    with TemporaryDirectory(prefix="qiantai-content-") as place:
        with tarfile.open(fileobj=io.BytesIO(packed)) as tar:
            tar.extractall(place, filter="data")
        yield Path(place)


def _git(where: Path, *words: str) -> bytes:
    """What a git command prints; ContentError with its first words of complaint."""
    env = {name: value for name, value in os.environ.items() if name not in _LEADING_AWAY} | {"LC_ALL": "C"}
    try:
        done = subprocess.run(  # noqa: S603 - the words are ours, and --end-of-options stands before the person's
            ["git", *words],  # noqa: S607 - the one that the person uses, too
            cwd=where,
            env=env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=PATIENCE,
            check=False,
        )
    except FileNotFoundError:
        raise ContentError("git is needed to look at a revision, and is not here") from None
    except subprocess.TimeoutExpired:
        raise ContentError(f"git {words[0]} took more than {PATIENCE:g} seconds") from None
    if done.returncode:
        told = done.stderr.decode(errors="replace").strip() or f"exit code {done.returncode}"
        if "not a git repository" in told:
            raise ContentError(f"{where} is not in a git checkout; name an older copy of the folder instead")
        raise ContentError(f"git {words[0]}: {told.splitlines()[0]}")
    return done.stdout

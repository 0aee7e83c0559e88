"""The system's packages that only the tests need: which are missing, and bringing them where that is ours to do."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from door.cli.setup import steps
from door.cli.setup.engine import Call, Programs, environment, say
from door.cli.setup.explain import SetupError

KANNEL = tuple(map(Path, ("/usr/sbin/bearerbox", "/usr/sbin/smsbox", "/usr/lib/kannel/test/fakesmsc")))


@dataclass(frozen=True, kw_only=True)
class Missing:
    """Something a part of the tests cannot do without."""

    what: str
    tests: tuple[str, ...]  # paths that are left out
    get: str  # how a person gets it


def wanted(listing: Path | None = None) -> list[str]:
    """The package names of system-packages.txt."""
    lines = (listing or steps.ROOT / "system-packages.txt").read_text().splitlines()
    return [name for line in lines if (name := line.partition("#")[0].strip())]


def absent(packages: list[str]) -> list[str]:
    """Those of `packages` that Debian's dpkg does not count as installed."""
    query = ["dpkg-query", "-W", "-f", "${Package} ${db:Status-Status}\n", *packages]
    answer = subprocess.run(query, capture_output=True, text=True, check=False)
    installed = {line.split()[0] for line in answer.stdout.splitlines() if line.endswith(" installed")}
    return [p for p in packages if p not in installed]


def may_install() -> bool:
    """Root on a system with apt: a container or a CI machine, where installing is expected."""
    return os.geteuid() == 0 and bool(shutil.which("apt-get") and shutil.which("dpkg-query"))


def install() -> None:
    """Bring what system-packages.txt names, if this account may; SetupError if apt could not."""
    if not may_install() or not (packages := absent(wanted())):
        return
    env = environment(os.environ) | {"DEBIAN_FRONTEND": "noninteractive"}
    call = Call(step="system", root=steps.ROOT, env=env, programs=Programs())
    say(f"[system] installing packages for the tests: {', '.join(packages)} (a minute or two)")
    call(["apt-get", "update", "-q"], where=Path("/var"))
    call(["apt-get", "install", "-q", "-y", "--no-install-recommends", *packages], where=Path("/usr"))
    if still := absent(packages):
        raise SetupError(f"apt-get did not install {', '.join(still)} (all of it: {call.log.relative_to(steps.ROOT)})")


def missing() -> list[Missing]:
    """What this machine cannot test, and how to get it."""
    lacking: list[Missing] = []
    if not any(shutil.which(name) for name in ("chromium", "chromium-browser")):
        lacking.append(
            Missing(
                what="chromium",
                tests=("tests/browser",),
                get="Debian, Ubuntu: sudo apt-get install chromium fonts-wqy-microhei",
            )
        )
    if not all(program.exists() for program in KANNEL):
        lacking.append(
            Missing(
                what="kannel",
                tests=("tests/kannel",),
                get="Debian, Ubuntu: sudo apt-get install --no-install-recommends kannel kannel-extras",
            )
        )
    return lacking

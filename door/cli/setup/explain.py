"""What a failed installer meant: its output → one sentence that says what happened and what to do next."""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass
from pathlib import Path


class SetupError(Exception):
    """A step of setting up failed; the text is one sentence for the person at the keyboard."""

    def __init__(self, told: str, output: str = "") -> None:
        super().__init__(told)
        self.output = output  # what the installer printed


@dataclass(frozen=True, kw_only=True)
class Cause:
    """A kind of failure: how installers word it, and what we say instead."""

    name: str
    words: re.Pattern[str]
    sentence: str


AGAIN = "then run the same command again: what is done is kept"

# First match wins: a full disk also breaks connections, and a refused certificate also counts as "no network" for pip.
CAUSES: tuple[Cause, ...] = (
    Cause(
        name="disk_full",
        words=re.compile(r"No space left on device|ENOSPC|os error 28\b|Disk quota exceeded|EDQUOT", re.I),
        sentence=f"the disk is full ({{free}} MB free in {{where}}). Free some space, all needs about 3 GB, {AGAIN}.",
    ),
    Cause(
        name="not_writable",
        words=re.compile(r"Permission denied|Read-only file system|os error (13|30)\b|EACCES|EROFS|EPERM", re.I),
        sentence="{where} cannot be written. Give this account the right to write there, or put the checkout "
        f"somewhere it may write, {AGAIN}.",
    ),
    Cause(
        name="certificate",
        words=re.compile(
            r"certificate verify failed|UnknownIssuer|invalid peer certificate|SELF_SIGNED_CERT|CERT_", re.I
        ),
        sentence="the connection's certificate is not trusted, as happens behind an inspecting proxy. Set PIP_CERT to "
        f"your organisation's certificate file, {AGAIN}.",
    ),
    Cause(
        name="hash",
        words=re.compile(r"Hash mismatch|EINTEGRITY|do not match the hashes", re.I),
        sentence="a downloaded package is not the one the lock file names (its hash differs). Try another mirror; if "
        "it stays, do not go on: somebody changed the package.",
    ),
    Cause(
        name="network",
        words=re.compile(
            r"Connection refused|ECONNREFUSED|ENOTFOUND|ETIMEDOUT|EAI_AGAIN|ECONNRESET|dns error|name resolution|"
            r"Failed to fetch|Failed to download|error sending request|Network is unreachable|Connection broken|"
            r"timed out|Tunnel connection failed|Temporary failure resolving|Could not resolve|"
            r"\(from versions: none\)",  # all that pip says when it may not try again
            re.I,
        ),
        sentence="no network: the package registry cannot be reached{proxy}. Check the connection or the proxy, "
        f"{AGAIN}.",
    ),
    Cause(
        name="lock",
        words=re.compile(r"code EUSAGE|can only install packages when your package.json", re.I),
        sentence="package.json and package-lock.json differ. Take both from the same version of Qiantai.",
    ),
)


def cause(output: str) -> Cause | None:
    """The first known cause in an installer's output; None if no wording is known."""
    return next((c for c in CAUSES if c.words.search(output)), None)


def sentence(output: str, *, where: Path, proxy: str, log: Path | None) -> str:
    """One sentence for `output`; an unknown failure shows its last lines and names the log file."""
    found = cause(output)
    if found is None:
        tail = " / ".join(line.strip() for line in output.strip().splitlines()[-3:]) or "no output"
        return f"the installer failed: {tail}" + (f" (all of it: {log})" if log else "")
    while not where.exists():
        where = where.parent
    free = shutil.disk_usage(where).free // 1_000_000
    proxy = re.sub(r"//[^/@]*@", "//", proxy)  # without the password
    return found.sentence.format(free=free, where=where, proxy=f" through the proxy {proxy}" if proxy else "")

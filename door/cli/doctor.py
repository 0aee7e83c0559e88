"""`doctor`: what is missing, in words, and what to do about it."""

from __future__ import annotations

import os
import shutil
import socket
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Literal

import typer

from door.cli.common import Json, dump, settings, sqlite_file
from door.cli.exits import Exit, Failure
from door.cli.setup import steps, system
from door.cli.up import check_port, listened

if TYPE_CHECKING:
    from core.settings import Settings

ROOM = 500  # MB on the ledger's disk below which doctor warns

Level = Literal["ok", "hint", "missing"]  # a hint does not keep the house from starting


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that was looked at."""

    level: Level
    what: str
    do: str = ""


def doctor(as_json: Json = False) -> None:
    """Look at everything the house needs and say in words what is missing. Changes nothing."""
    findings = list(look())
    missing = [f for f in findings if f.level == "missing"]
    if as_json:
        dump({"ok": not missing, "findings": [asdict(f) for f in findings]})
    else:
        marks = {"ok": "ok     ", "hint": "hint   ", "missing": "MISSING"}
        for f in findings:
            typer.echo(f"{marks[f.level]} {f.what}" + (f"\n        → {f.do}" if f.do else ""))
    if missing:
        raise typer.Exit(Exit.FOUND)


def look() -> Iterator[Finding]:
    """Every finding, from the ground up."""
    yield Finding(level="ok", what=f"Python {sys.version.split()[0]} for the house")
    for step in steps.steps():
        if step.done():
            yield Finding(level="ok", what=step.what)
        else:
            yield Finding(level="missing", what=f"{step.what}: missing or out of date", do="./qiantai setup")
    from core.errors import SettingsError

    try:
        house = settings()
    except SettingsError as e:
        for problem in e.detail.splitlines():
            yield Finding(
                level="missing", what=f"settings: {problem}", do="mend it; `./qiantai settings` lists them all"
            )
        return
    for check in (_keys, _ledger, _room, _content, _channels, _ports, _alarms):
        yield from _safely(check, house)
    for lack in system.missing():
        yield Finding(level="hint", what=f"{lack.what}, needed by {', '.join(lack.tests)} only", do=lack.get)


def _safely(check: Callable[[Settings], Iterator[Finding]], house: Settings) -> Iterator[Finding]:
    """A check that breaks is itself a finding: doctor is for days on which things break."""
    try:
        yield from check(house)
    except Exception as e:
        reason = str(e).splitlines()[0] if str(e) else type(e).__name__
        yield Finding(level="missing", what=f"{check.__name__.strip('_')}: {reason}")


def _keys(house: Settings) -> Iterator[Finding]:
    from core.vault import Vault

    if house.key_file.exists():
        Vault.open(house.key_file)
        yield Finding(level="ok", what=f"key file {house.key_file}")
        return
    file = sqlite_file(house)
    if file is not None and file.exists():
        do = "put it back from your backup: without it the ledger's sealed values are lost"
        yield Finding(level="missing", what=f"key file {house.key_file}, although there is a ledger", do=do)
    else:
        yield Finding(level="hint", what=f"no key file {house.key_file} yet", do="./qiantai up makes it")


def _ledger(house: Settings) -> Iterator[Finding]:
    from sqlalchemy.engine import make_url

    file = sqlite_file(house)
    if file is not None:
        if not file.exists():
            yield Finding(level="hint", what=f"no ledger {file} yet", do="./qiantai up makes it")
        elif not os.access(file, os.W_OK):
            yield Finding(level="missing", what=f"ledger {file} cannot be written", do="let this account write it")
        else:
            yield Finding(level="ok", what=f"ledger {file}")
        return
    url = make_url(house.ledger_url)
    where = (url.host or "127.0.0.1", url.port or 5432)
    with socket.create_connection(where, timeout=3):
        yield Finding(level="ok", what=f"ledger: a server answers at {where[0]}:{where[1]}")


def _room(house: Settings) -> Iterator[Finding]:
    folder = house.data
    while not folder.exists():
        folder = folder.parent if folder.parent != folder else steps.ROOT
    free = shutil.disk_usage(folder).free // 1_000_000
    if free < ROOM:
        yield Finding(level="missing", what=f"room on the disk of {house.data}: {free} MB free", do="free some space")
    else:
        yield Finding(level="ok", what=f"{free} MB free on the disk of {house.data}")


def _content(house: Settings) -> Iterator[Finding]:
    from faq.entries import load

    loaded = load(house.content)
    yield Finding(level="ok", what=f"{len(loaded.entries)} FAQ entries in {house.content}")


def _channels(house: Settings) -> Iterator[Finding]:
    from channels import make_all

    made = make_all(house.channels)
    yield Finding(level="ok", what=f"channels: {', '.join(f'{id} ({one.kind})' for id, one in made.items())}")


def _ports(house: Settings) -> Iterator[Finding]:
    for host, port, setting in listened(house):
        try:
            check_port(host, port, setting)
            yield Finding(level="ok", what=f"port {port} on {host} is free")
        except Failure as e:
            yield Finding(level="hint", what=str(e), do="fine if it is this house that is running")


def _alarms(house: Settings) -> Iterator[Finding]:
    if house.alarm_webhook or house.alarm_command:
        yield Finding(level="ok", what="alarms are sent to somebody")
    else:
        do = "set QIANTAI_ALARM_WEBHOOK or QIANTAI_ALARM_COMMAND, so that somebody hears of them"
        yield Finding(level="hint", what="alarms only show in the log and in ./qiantai alarms", do=do)

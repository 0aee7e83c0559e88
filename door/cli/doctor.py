"""`doctor`: what is missing, in words, and what to do about it."""

from __future__ import annotations

import json
import os
import shutil
import socket
import sqlite3
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

import typer

from door.cli.common import DAMAGED, Json, address, dump, settings, sqlite_file
from door.cli.exits import Exit, Failure
from door.cli.premises import running, versions
from door.cli.setup import steps, system
from door.cli.up import SINKS, check_port, command_trouble, listened, unheard_alarms

if TYPE_CHECKING:
    from core.settings import Settings

ROOM = 500  # MB on the ledger's disk below which doctor warns
READY = "/readyz"
ANSWER = 5.0  # seconds a running house is waited for

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
            yield _inside(house, file)
        return
    url = make_url(house.ledger_url)
    where = (url.host or "127.0.0.1", url.port or 5432)
    with socket.create_connection(where, timeout=3):
        yield Finding(level="ok", what=f"ledger: a server answers at {where[0]}:{where[1]}")


def _inside(house: Settings, file: Path) -> Finding:
    """Reads all of the ledger, writing nothing: is it whole, of this version, and sealed with this key file?"""
    from core.errors import VaultError
    from core.vault import Vault

    # Without a -wal nobody has it open, and SQLite need not make one only to read.
    how = "mode=ro" if file.with_name(f"{file.name}-wal").exists() else "mode=ro&immutable=1"
    try:
        with closing(sqlite3.connect(f"{file.absolute().as_uri()}?{how}", uri=True)) as opened:
            verdict = opened.execute("PRAGMA quick_check(1)").fetchone()[0]
            schema = opened.execute("SELECT version_num FROM alembic_version").fetchone()
            sealed = opened.execute("SELECT conversation_id, sealed FROM address LIMIT 1").fetchone()
    except sqlite3.Error as e:
        advice = "./qiantai migrate makes its tables" if "no such table" in str(e) else DAMAGED
        return Finding(level="missing", what=f"ledger {file} cannot be used: {e}", do=advice)
    if verdict != "ok":
        return Finding(level="missing", what=f"ledger {file} is damaged: {verdict.splitlines()[0]}", do=DAMAGED)
    newest, *older = versions()
    if schema is None or schema[0] not in (newest, *older):
        do = "update this Qiantai, or restore a backup of this version"
        return Finding(level="missing", what=f"ledger {file} has tables of a newer Qiantai", do=do)
    if sealed is not None and house.key_file.exists():
        try:
            Vault.open(house.key_file).unseal(sealed[1], context=sealed[0])
        except VaultError:
            do = "put the right one back, or set QIANTAI_KEY_FILE"
            return Finding(level="missing", what=f"the key file {house.key_file} is not the one of {file}", do=do)
    if schema[0] != newest:
        do = "./qiantai up, or ./qiantai migrate, brings it to this one"
        return Finding(level="hint", what=f"ledger {file} has tables of an older version", do=do)
    return Finding(level="ok", what=f"ledger {file} is whole, of this version, and the key file is its own")


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

    made = make_all(house.channels, public_url=house.public_base_url)
    yield Finding(level="ok", what=f"channels: {', '.join(f'{id} ({one.kind})' for id, one in made.items())}")


def _ports(house: Settings) -> Iterator[Finding]:
    process = running(house)
    if process is not None:
        yield _readiness(house, process)
        return
    for host, port, setting in listened(house):
        try:
            check_port(host, port, setting)
            yield Finding(level="ok", what=f"port {port} on {host} is free")
        except Failure as e:
            yield Finding(level="missing", what=str(e))


def _readiness(house: Settings, process: str) -> Finding:
    """How the running house feels, from itself."""
    who = f"the house is running (process {process})"
    told = _ask(f"http://127.0.0.1:{house.metrics_port}{READY}") if house.metrics_port else None
    told = told or (_ask(address(house) + READY) if house.port else None)
    if told is None:
        do = "it may have been started with --port, or is starting or stopping; look into its log"
        return Finding(level="hint", what=f"{who} and does not answer at {address(house)}", do=do)
    if told.get("ready"):
        return Finding(level="ok", what=f"{who}, ready")
    reasons = "; ".join(f"{part}: {why}" for part, why in told.get("reasons", {}).items())
    do = "./qiantai alarms; a house that has just started is ready in a few seconds"
    return Finding(level="missing", what=f"{who}, not ready" + (f": {reasons}" if reasons else ""), do=do)


def _ask(url: str) -> dict[str, Any] | None:
    """The JSON object at `url`, whatever the status; None if nothing of ours answers there."""
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        try:
            with direct.open(url, timeout=ANSWER) as answer:
                told = json.load(answer)
        except urllib.error.HTTPError as e:
            with e:
                told = json.load(e)
    except (OSError, ValueError):
        return None
    return cast("dict[str, Any]", told) if isinstance(told, dict) and "ready" in told else None


def _alarms(house: Settings) -> Iterator[Finding]:
    broken, unheard = command_trouble(house), unheard_alarms(house)
    if broken:
        yield Finding(level="missing", what=broken, do="mend it: nobody is called when there is an alarm")
    elif unheard:
        yield Finding(level="hint", what=unheard, do=f"set {SINKS}, so that somebody hears of them")
    else:
        yield Finding(level="ok", what="alarms are sent to somebody")

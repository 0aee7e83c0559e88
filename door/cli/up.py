"""`up`, `brain`, `migrate`: bring the house to life."""

from __future__ import annotations

import asyncio
import errno
import os
import secrets
import shlex
import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from door.cli.build import whole
from door.cli.common import say, settings, sqlite_file
from door.cli.exits import Exit, fail
from door.cli.premises import prepare_ledger, sole_house

if TYPE_CHECKING:
    from core.settings import Settings


SINKS = "QIANTAI_ALARM_WEBHOOK or QIANTAI_ALARM_COMMAND"


def up(
    host: Annotated[str, typer.Option(help="Instead of QIANTAI_HOST.")] = "",
    port: Annotated[int | None, typer.Option(help="Instead of QIANTAI_PORT.", min=0, max=65535)] = None,
) -> None:
    """Set up what is missing, then start the house; Ctrl-C stops it in order."""
    began = time.monotonic()
    if host:
        os.environ["QIANTAI_HOST"] = host
    if port is not None:
        os.environ["QIANTAI_PORT"] = str(port)
    house = settings()  # before the long part: a wrong setting is told at once
    # A ledger that machines share may hold what another one of them published.
    if not house.content.is_dir() and sqlite_file(house) is not None:
        fail(Exit.SETTINGS, f"there is no content folder {house.content}: set QIANTAI_CONTENT")
    with sole_house(house):
        for where in listened(house):
            check_port(*where)
        whole()
        prepare_ledger(house)
        for trouble in (command_trouble(house), unheard_alarms(house)):
            if trouble:
                say(f"Beware: {trouble}.")
        from door.app import run

        run(house, began=began)


def migrate() -> None:
    """Bring the ledger to this version's tables; makes the key file if there is none yet."""
    house = settings()
    prepare_ledger(house)
    say("The ledger is up to date.")


def brain() -> None:
    """Start only the brain, in the foreground, with its actions beside it; for debugging. Ctrl-C ends it."""
    whole()
    asyncio.run(_brain(settings()))


async def _brain(house: Settings) -> None:
    import actions
    from bot.brain import BrainClient
    from door import brain_process
    from door.actions_listener import PATH, ActionsListener
    from door.listening import LOOPBACK, Listening, bind

    client, token = BrainClient("", secrets.token_urlsafe(32), house.brain_timeout), secrets.token_urlsafe(32)
    listener = ActionsListener(actions.execute, token, house.action_timeout)
    listening = Listening(listener, bind(LOOPBACK, house.action_port, "QIANTAI_ACTION_PORT"))
    await listening.start()
    url = f"http://{LOOPBACK}:{listening.port}{PATH}"
    say(f"Its callers show: Authorization: Bearer {client.token}")
    say("When it is warm it says where it listens; then POST /turn answers (bot/assistant/contract.py).")
    process = await asyncio.create_subprocess_exec(
        *brain_process.command(house), env=brain_process.environment(client.token, url, token)
    )
    try:
        code = await process.wait()
    finally:
        await listening.stop()
    if code:
        fail(Exit.AWAY, f"the brain ended with exit code {code}; its reason stands above")


def command_trouble(house: Settings) -> str:
    """Why the alarm command cannot be run, "" if it can or there is none."""
    program = (shlex.split(house.alarm_command) or [""])[0]
    if not program or shutil.which(program):
        return ""
    why = "cannot be executed" if Path(program).exists() else "cannot be found"
    return f"the program of QIANTAI_ALARM_COMMAND, {program}, {why}"


def unheard_alarms(house: Settings) -> str:
    """A sentence if nobody is called when there is an alarm, else ""."""
    if house.alarm_webhook or house.alarm_command:
        return ""
    return f"alarms only show in the log and in ./qiantai alarms, until {SINKS} is set"


def listened(house: Settings) -> list[tuple[str, int, str]]:
    """Every address the house listens on: host, port, and the setting that changes the port."""
    loopback = (("metrics", house.metrics_port), ("brain", house.brain_port), ("action", house.action_port))
    named = [("127.0.0.1", port, f"QIANTAI_{name.upper()}_PORT") for name, port in loopback if port]
    return [(house.host, house.port, "QIANTAI_PORT"), *named]


def check_port(host: str, port: int, setting: str) -> None:
    """Fails with Exit.TAKEN while somebody else listens there; port 0 takes a free one and is always fine."""
    from core.errors import SettingsError
    from door.listening import bind

    try:
        bind(host, port, setting).close()
    except SettingsError as e:
        taken = isinstance(e.__cause__, OSError) and e.__cause__.errno == errno.EADDRINUSE
        fail(Exit.TAKEN if taken else Exit.SETTINGS, e.detail)

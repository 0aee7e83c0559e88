"""`settings` and `channels`: what this checkout is set to, and whether the channels could start."""

from __future__ import annotations

from typing import Annotated

import typer

from door.cli.common import Json, dump, say, table
from door.cli.common import settings as load_settings
from door.cli.exits import Exit, fail

channels = typer.Typer(no_args_is_help=True, help="The channels of this house.")


def settings(
    as_json: Json = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="As the table in docs/operations.md.")] = False,
) -> None:
    """Every setting with its meaning, default and present value; secrets are redacted."""
    from core.settings import describe

    if markdown:
        typer.echo(settings_table(), nl=False)
        return
    now = load_settings().shown()
    if as_json:
        for one in describe():
            dump(
                {"env": one.env, "file": one.env_file, "default": one.default, "value": now[one.name], "help": one.help}
            )
        return
    for one in describe():
        value = now[one.name]
        typer.echo(
            f"{one.env} = {value}" + ("" if str(value) == one.default else f"  (default: {one.default or 'empty'})")
        )
        typer.echo(f"    {one.help}")


def settings_table() -> str:
    """The settings as a Markdown table."""
    from core.settings import describe

    lines = ["| Environment | Default | Meaning |", "|---|---|---|"]
    for one in describe():
        name = f"`{one.env}`" + (f" or `{one.env_file}`" if one.env_file else "")
        default = f"`{one.default}`" if one.default else "empty"
        wanted = "" if one.wanted in ("a text", "a path") else f" Give {one.wanted}."
        lines.append(f"| {name} | {default} | {one.help}{wanted} |".replace("\n", " "))
    return "\n".join(lines) + "\n"


@channels.command("list")
def list_channels(as_json: Json = False) -> None:
    """The configured channels and the kinds there are."""
    from channels import kinds

    configured = [(id, str(one.get("kind"))) for id, one in load_settings().channels.items()]
    if as_json:
        dump({"channels": [{"id": id, "kind": kind} for id, kind in configured], "kinds": list(kinds())})
        return
    table(["Channel", "Kind"], configured, empty="No channel is configured.")
    say(f"Kinds: {', '.join(kinds())}")


@channels.command("check")
def check_channels(as_json: Json = False) -> None:
    """Whether every channel's settings are complete; nothing is sent and nobody is called."""
    from channels import make
    from core.errors import SettingsError

    findings: dict[str, list[str]] = {}
    for id, config in load_settings().channels.items():
        try:
            make(id, config)
            findings[id] = []
        except SettingsError as e:
            findings[id] = e.detail.splitlines()
    if as_json:
        dump({id: {"ok": not problems, "problems": problems} for id, problems in findings.items()})
    else:
        for id, problems in findings.items():
            typer.echo(f"{id}: {'ready' if not problems else '; '.join(problems)}")
    if any(findings.values()):
        fail(Exit.FOUND, "a channel cannot start; see above")

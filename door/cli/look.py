"""`settings`: what this checkout is set to."""

from __future__ import annotations

from typing import Annotated

import typer

from door.cli.common import Json, dump
from door.cli.common import settings as load_settings


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

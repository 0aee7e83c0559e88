"""`faq publish`, `faq versions`, `faq rollback`: what consumers get, with or without a running house."""

from __future__ import annotations

import sys
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from door.cli.common import Json, dump, read_ledger, say, settings, table, write_ledger
from door.cli.duty import me
from door.cli.exits import Exit, fail

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from core.settings import Settings
    from faq.versions import Changes, Checked, Listed

SOON = "Every running house takes it within seconds."


def publish(
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask, also on a terminal.")] = False,
    as_json: Json = False,
) -> None:
    """Check the content files, show what they change, and make them live. Works with and without a running house."""
    from core import audit
    from faq import files, versions
    from faq.publish import place

    house = settings()
    checked = _checked(house, as_json)
    version, now = checked.files.version, datetime.now(UTC)
    before, changes = _difference(house, checked)
    news = before != version
    if not as_json:
        _show(changes)
        if news and sys.stdin.isatty() and not yes and not typer.confirm("Make this live?", err=True):
            fail(Exit.FOUND, "not published")
    if news:
        packed = files.packed(checked.files)

        def op(conn: Connection) -> None:
            versions.alone(conn)
            versions.keep(conn, checked, packed, now)
            if versions.make_live(conn, version, by=me(), why="published", place=place(house.content), now=now):
                audit.note(conn, actor=me(), act="content_published", subject=version, now=now)

        write_ledger(house, op)
    if as_json:
        dump({"version": version, "before": before, "published": news} | (asdict(changes) if changes else {}))
    say(f"Version {version} is live. {SOON}" if news else "Nothing to publish: the files are what is live.")


def list_versions(
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="How many, the latest first.")] = 20,
    as_json: Json = False,
) -> None:
    """What was made live, when, why and by whom, the latest first; and whether the files hold something newer."""
    from core.errors import ContentError
    from faq import files, versions

    house = settings()
    rows = read_ledger(house, lambda conn: versions.history(conn, limit))
    if as_json:
        for row in rows:
            dump(_line(row))
        return
    shown = (
        (
            "live" if row.live else "",
            row.publication.version + ("" if row.kept else " (files not kept)"),
            row.publication.at,
            row.publication.why.replace("_", " "),
            row.publication.by or row.publication.place,
            row.entries,
            row.changes.entries if row.changes else None,
        )
        for row in rows
    )
    table(["", "Version", "Time", "Why", "By", "Entries", "Changed"], shown, empty="Nothing was published yet.")
    try:
        waiting = files.taken(house.content).version
    except ContentError as e:
        say(f"The files in {house.content} cannot be read: {e}")
        return
    if house.content.is_dir() and rows and waiting != rows[0].publication.version:
        say(f"The files in {house.content} are not what is live (their version is {waiting}).")


def rollback(
    version: Annotated[
        str, typer.Argument(help="A version that `faq versions` lists, or its first letters; default: the one before.")
    ] = "",
    as_json: Json = False,
) -> None:
    """Make an earlier version live again. The files stay as they are; the next change of them is published as ever."""
    from core import audit
    from faq import making, versions

    house, now = settings(), datetime.now(UTC)

    def find(conn: Connection) -> tuple[str, str]:
        live = versions.live(conn)
        return versions.named(conn, version) if version else versions.before(conn), live.version if live else ""

    target, before = read_ledger(house, find)
    if target != before:
        making.usable(read_ledger(house, lambda conn: versions.kept(conn, target)))

        def op(conn: Connection) -> None:
            versions.alone(conn)
            if versions.make_live(conn, target, by=me(), why="rolled_back", place="", now=now):
                audit.note(
                    conn, actor=me(), act="content_rolled_back", subject=target, now=now, detail=f"from {before}"
                )

        write_ledger(house, op)
    if as_json:
        dump({"version": target, "before": before, "rolled_back": target != before})
    say(f"Version {target} is live again. {SOON}" if target != before else f"Version {target} is live already.")


def _checked(house: Settings, as_json: bool) -> Checked:
    """The files of the content folder, if they may be published; else every reason why not, and exit 1."""
    from faq import files, making

    try:
        return making.checked(files.taken(house.content))
    except making.Refused as e:
        for finding in e.findings:
            if as_json:
                dump(asdict(finding))
            else:
                typer.echo(f"{house.content / finding.file}:{finding.line}: {finding.reason} [{finding.rule}]")
        fail(Exit.FOUND, f"not published: {len(e.findings)} things to put right first")


def _difference(house: Settings, checked: Checked) -> tuple[str, Changes | None]:
    """The live version, "" if there is none, and what the files would change; None if that cannot be told."""
    from faq import versions

    def query(conn: Connection) -> tuple[str, Changes | None]:
        live = versions.live(conn)
        known = versions.parts_of(conn, live.version) if live else versions.Parts(entries={}, files={})
        return live.version if live else "", versions.changes(known, checked.parts) if known else None

    return read_ledger(house, query)


def _show(changes: Changes | None) -> None:
    if changes is None:
        say("What this changes cannot be told: what the live version consists of was not kept.")
        return
    for what, names in asdict(changes).items():
        if names:
            typer.echo(f"{what}: {', '.join(names)}")


def _line(row: Listed) -> dict[str, Any]:
    """One publication as machines read it; `changes` is null where it cannot be told."""
    changes = asdict(row.changes) if row.changes else None
    own = {"entries": row.entries, "changes": changes, "kept": row.kept, "live": row.live}
    return asdict(row.publication) | own

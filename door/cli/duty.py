"""`alarms`, `tokens`, `conversations`: what a person on duty asks the ledger, with or without a running house."""

from __future__ import annotations

import getpass
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from door.cli.common import Json, dump, read_ledger, say, table, write_ledger
from door.cli.common import settings as load_settings
from door.cli.exits import Exit, fail

if TYPE_CHECKING:
    import re

    from sqlalchemy import Connection

T = TypeVar("T")

PAGE = 200  # places of a transcript read at a time

alarms = typer.Typer(invoke_without_command=True, help="What people on duty should look at.")
tokens = typer.Typer(no_args_is_help=True, help="Tokens of the programs that may use this house's APIs.")


def _read(query: Callable[[Connection], T]) -> T:
    return read_ledger(load_settings(), query)


def _write(op: Callable[[Connection], T]) -> T:
    return write_ledger(load_settings(), op)


def me() -> str:
    """The account that types; it stands in the audit and beside what it acknowledged."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"


# alarms -------------------------------------------------------------------------------------------------------------


@alarms.callback()
def alarms_default(context: typer.Context) -> None:
    """Open alarms; `ack` tells that somebody looks after one, and stops its repetition."""
    if context.invoked_subcommand is None:
        list_alarms()


@alarms.command("list")
def list_alarms(as_json: Json = False) -> None:
    """The alarms that nobody has acknowledged, oldest first."""
    from core.alarm import open_alarms

    rows = _read(open_alarms)
    if as_json:
        for row in rows:
            dump(asdict(row))
        return
    shown = ((a.id, a.kind, a.subject, a.count, a.raised_at, a.last_at, a.detail) for a in rows)
    table(["No.", "Kind", "Subject", "Times", "First", "Last", "Detail"], shown, empty="No open alarms.")


@alarms.command("ack")
def acknowledge(
    numbers: Annotated[list[int], typer.Argument(help="Numbers from `alarms list`.")],
    by: Annotated[str, typer.Option(help="Who looks after it; default: this account.")] = "",
) -> None:
    """Say that somebody looks after these alarms; they are not repeated any more."""
    from core.alarm import acknowledge

    who = by or me()
    now = datetime.now(UTC)
    unknown = [n for n in numbers if not _write(lambda conn, n=n: acknowledge(conn, n, who, now))]
    if unknown:
        fail(Exit.FOUND, f"no open alarm has the number {', '.join(map(str, unknown))}; ./qiantai alarms lists them")
    say(f"Acknowledged by {who}: {', '.join(map(str, numbers))}")


# tokens -------------------------------------------------------------------------------------------------------------


@tokens.command("add")
def add_token(
    name: Annotated[str, typer.Argument(help="Which program or person will use it.")],
    scope: Annotated[list[str], typer.Option(help="What it may do; repeat for several. `tokens scopes` lists them.")],
    as_json: Json = False,
) -> None:
    """Make a token. Its secret is printed once, on stdout, and kept nowhere."""
    from core import audit
    from door.auth import issue

    now = datetime.now(UTC)

    def op(conn: Connection) -> str:
        secret = issue(conn, name=name, scopes=scope, now=now)
        audit.note(conn, actor=me(), act="token_issued", subject=name, detail=" ".join(sorted(scope)), now=now)
        return secret

    try:
        secret = _write(op)
    except ValueError as e:
        fail(Exit.USAGE, str(e))
    if as_json:
        dump({"name": name, "scopes": sorted(set(scope)), "token": secret})
        return
    typer.echo(secret)
    say("Keep it now: it is not shown again. Use: Authorization: Bearer <token>")


@tokens.command("list")
def list_tokens(as_json: Json = False) -> None:
    """Every token there ever was, without its secret."""
    from door.auth import tokens as every

    rows = _read(every)
    if as_json:
        for row in rows:
            dump(asdict(row))
        return
    shown = ((t.id, t.name, " ".join(t.scopes), t.created_at, t.last_used_at, t.revoked_at) for t in rows)
    table(["No.", "Name", "Scopes", "Made", "Last used", "Revoked"], shown, empty="No tokens yet.")


@tokens.command("revoke")
def revoke_token(number: Annotated[int, typer.Argument(help="Number from `tokens list`.")]) -> None:
    """End a token at once."""
    from core import audit
    from door.auth import revoke

    now = datetime.now(UTC)

    def op(conn: Connection) -> bool:
        ended = revoke(conn, number, now)
        if ended:
            audit.note(conn, actor=me(), act="token_revoked", subject=str(number), now=now)
        return ended

    if not _write(op):
        fail(Exit.FOUND, f"no living token has the number {number}; ./qiantai tokens list shows them")
    say(f"Token {number} is revoked.")


@tokens.command("scopes")
def scopes(as_json: Json = False) -> None:
    """What a token may be allowed."""
    from door.auth import SCOPES

    if as_json:
        dump(SCOPES)
        return
    table(["Scope", "Allows to"], SCOPES.items(), empty="There are no scopes.")


# conversations ------------------------------------------------------------------------------------------------------


def conversations(
    conversation: Annotated[
        str | None, typer.Argument(help="Id of a conversation, to read it: what was said, personal data masked.")
    ] = None,
    queued: Annotated[bool, typer.Option("--queued", help="Only who waits for a person, oldest first.")] = False,
    reveal: Annotated[
        bool, typer.Option("--reveal", help="With --queued or an id: open references to personal data (audited).")
    ] = False,
    done: Annotated[int | None, typer.Option(help="Mark the request with this number as dealt with.")] = None,
    by: Annotated[str, typer.Option(help="With --done: who has dealt with it; default: this account.")] = "",
    limit: Annotated[int, typer.Option(min=1, max=10_000)] = 50,
    as_json: Json = False,
) -> None:
    """Conversations, the latest first, without their texts; the transcript of one; or what waits for a person."""
    if (conversation is not None) + queued + (done is not None) > 1:
        fail(Exit.USAGE, "give an id, --queued or --done, one at a time")
    if done is not None:
        _settle(done, by or me())
    elif conversation is not None:
        _show_transcript(conversation, reveal, as_json)
    elif queued:
        _show_queued(reveal, limit, as_json)
    else:
        _show_latest(limit, as_json)


def _show_transcript(conversation: str, reveal: bool, as_json: bool) -> None:
    """All of one conversation; whoever reads it stands in the audit before a line is shown."""
    from core import audit
    from core.errors import NotFound
    from core.model import ConversationId
    from door.api import lines_of

    which, now = ConversationId(conversation), datetime.now(UTC)

    def op(conn: Connection) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = []
        while page := lines_of(conn, which, rows[-1]["seq"] if rows else 0, PAGE):
            rows += [
                {"seq": line.seq, "at": line.at, "author": line.author.value, "kind": line.kind.value}
                | {"text": line.text, "entry": line.entry}
                for line in page
            ]
        audit.note(conn, actor=me(), act="transcript_read", subject=which, now=now)
        return rows

    try:
        rows = _write(op)
    except NotFound:
        fail(Exit.FOUND, f"there is no conversation {conversation}; ./qiantai conversations lists them")
    if reveal:
        opened = _reveal([row["text"] for row in rows], act="transcript_revealed", subjects=[which])
        rows = [row | {"text": text} for row, text in zip(rows, opened, strict=True)]
    if as_json:
        for row in rows:
            dump(row)
        return
    shown = ((r["seq"], r["at"], r["author"], r["text"] or f"({r['kind']})") for r in rows)
    table(["Seq", "Time", "Author", "Text"], shown, empty="Nothing has been said in it.")


def _show_latest(limit: int, as_json: bool) -> None:
    from door.api import page_of_conversations

    rows = [row.model_dump() for row in _read(lambda conn: page_of_conversations(conn, limit=limit))]
    if as_json:
        for row in rows:
            dump(row)
        return
    columns = ["Conversation", "Channel", "Owner", "Messages", "Unanswered", "Last turn"]
    shown = ((r["id"], r["channel"], r["owner"], r["messages"], r["open"], r["last_at"]) for r in rows)
    table(columns, shown, empty="No conversations yet.")


def _show_queued(reveal: bool, limit: int, as_json: bool) -> None:
    from door.api import page_of_left

    rows = [row.model_dump() for row in _read(lambda conn: page_of_left(conn, limit=limit))]
    if reveal:
        subjects = [f"left_message:{row['id']}" for row in rows]
        opened = _reveal([row["contact"] for row in rows], act="contact_revealed", subjects=subjects)
        rows = [row | {"contact": contact} for row, contact in zip(rows, opened, strict=True)]
    if as_json:
        for row in rows:
            dump(row)
        return
    left = "(nothing left yet)"
    named = ("id", "created_at", "reason", "role", "conversation", "contact")

    def about(facts: Any) -> str:
        return ", ".join(facts.values())

    shown = ((*(r[name] for name in named), about(r["facts"]), r["text"] or left) for r in rows)
    columns = ["No.", "Since", "Why", "Whom", "Conversation", "Contact", "About", "Message"]
    table(columns, shown, empty="Nobody waits for a person.")


def _reveal(texts: list[str], *, act: str, subjects: list[str]) -> list[str]:
    """`texts` with their references opened; who looked at which `subjects` is written into the audit first."""
    from sqlalchemy import select

    from core import audit
    from core.masking import OWN
    from core.tables import secret
    from core.vault import Vault

    vault = Vault.open(load_settings().key_file)
    refs = {ref for text in texts for ref in OWN.findall(text) if ref}
    now = datetime.now(UTC)

    def op(conn: Connection) -> dict[str, bytes]:
        for subject in subjects:
            audit.note(conn, actor=me(), act=act, subject=subject, now=now)
        return {row.ref: row.sealed for row in conn.execute(select(secret).where(secret.c.ref.in_(refs)))}

    sealed = _write(op)

    def open_one(match: re.Match[str]) -> str:
        ref = match.group(1)
        return vault.unseal(sealed[ref], context=f"secret:{ref}") if ref in sealed else match.group(0)

    return [OWN.sub(open_one, text) for text in texts]


def _settle(number: int, who: str) -> None:
    from core import audit
    from desk.handoff import settle

    now = datetime.now(UTC)

    def op(conn: Connection) -> bool:
        done = settle(conn, number, who, now)
        if done:
            audit.note(conn, actor=me(), act="left_message_done", subject=str(number), now=now, detail=f"by {who}")
        return done

    if not _write(op):
        fail(Exit.FOUND, f"nobody waits under the number {number}; ./qiantai conversations --queued shows them")
    say(f"Number {number} is dealt with.")

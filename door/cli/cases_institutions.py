"""`cases institutions`: whom cases are about, what else they are called, who answers for complaints there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from door.cli.cases_common import explained, json_of, open_vault, plain, read_register, write_register
from door.cli.common import Json, dump, say, table
from door.cli.duty import me
from door.cli.exits import Exit, fail

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from cases.institutions import Listed
    from cases.liaisons import Liaisons, Role
    from cases.model import Person

LISTING = "./qiantai cases institutions list"

institutions = typer.Typer(
    invoke_without_command=True, help="Whom cases are about, and who answers for complaints there."
)

Institution = Annotated[int, typer.Argument(metavar="NUMBER", help="An institution's number, from the list.")]
Given = Annotated[
    Path | None, typer.Option("--from", help="Fields as JSON, as the API takes them; - for standard input.")
]
Alias = Annotated[list[str] | None, typer.Option(help="What else they are called; repeat for several.")]
Type = Annotated[str, typer.Option(help="What it is: bank, city_bank, insurer …; cases/codes.yml has them all.")]
Regulator = Annotated[str, typer.Option(help="Under whose rules: pboc, nfra, csrc …")]


@institutions.callback()
def institutions_default(context: typer.Context) -> None:
    """Whom cases are about; without a further word, the list of them."""
    if context.invoked_subcommand is None:
        list_institutions()


@institutions.command("list")
def list_institutions(
    text: Annotated[str, typer.Argument(help="A part of the name, or of what else they are called.")] = "",
    type: Annotated[str, typer.Option(help="Only of this type.")] = "",
    as_json: Json = False,
) -> None:
    """The institutions of the register with their numbers, which forwarding a case asks for, and their other names."""
    from cases import institutions as register

    most = 10_000  # a country has some five thousand
    found, _ = read_register(lambda conn: register.page(conn, text=text, type=type, limit=most))
    _show(found, as_json)


@institutions.command("load")
def load(as_json: Json = False) -> None:
    """Add the well-known institutions of faq/institutions.yml that the register has not."""
    from cases import institutions as register
    from faq import facts

    known = {each.zh: each for each in facts.institutions().values()}.values()
    given = [
        register.Institution(name=each.zh, aliases=(each.en, *each.aliases), type=each.type or "unknown")
        for each in known
    ]
    now = datetime.now(UTC)
    done = write_register(lambda conn: register.load(conn, given, now=now))
    for alias in done.conflicts:
        say(f"{alias} is the name of more than one: cases that name it so are given to none of them")
    if as_json:
        dump(asdict(done))
    else:
        say(f"{done.added} institutions and {done.aliases} other names added")


@institutions.command("show")
def show(
    id: Institution,
    reason: Annotated[
        str, typer.Option("--reveal", metavar="REASON", help="Open liaison and deputy; it stays in the audit.")
    ] = "",
    as_json: Json = False,
) -> None:
    """One institution with its liaison and deputy, who are masked unless they are opened for a reason."""
    from cases import institutions as register
    from cases import liaisons, privacy

    vault, now = open_vault(), datetime.now(UTC)

    def look(conn: Connection) -> tuple[Listed, Liaisons]:
        found = register.get(conn, id)
        if reason:
            return found, liaisons.unmask(conn, vault, id, actor=me(), reason=reason, now=now)
        return found, liaisons.masked(conn, vault, id)

    with explained(LISTING):
        found, people = write_register(look) if reason else read_register(look)
    if as_json:
        dump(
            plain(found) | {role: None if who is None else privacy.told(who) for role, who in people._asdict().items()}
        )
        return
    for name, value in asdict(found).items():
        if value not in ("", None, ()):
            typer.echo(f"{name + ':':<12}{', '.join(value) if name == 'aliases' else value}")
    for role, who in people._asdict().items():
        typer.echo(f"{role + ':':<12}{_line(who)}")


@institutions.command("add")
def add(
    name: Annotated[str, typer.Argument(help="Its own name.")],
    alias: Alias = None,
    type: Type = "",
    regulator: Regulator = "",
    file: Given = None,
    as_json: Json = False,
) -> None:
    """Put an institution into the register; --from takes the other fields, such as seat and parent_id."""
    from cases import institutions as register
    from cases.model import read

    given = _given(alias, type, regulator, file) | {"name": name}
    now = datetime.now(UTC)
    with explained(LISTING):
        new = read(register.Institution, given)
        made = write_register(lambda conn: register.add(conn, new, actor=me(), now=now))
    _show([made], as_json)


@institutions.command("change")
def change(
    id: Institution,
    name: Annotated[str, typer.Option(help="Its new name; the old one stays as another name.")] = "",
    alias: Alias = None,
    type: Type = "",
    regulator: Regulator = "",
    file: Given = None,
    as_json: Json = False,
) -> None:
    """Change what is given of an institution; the rest stays. Other names that are given take the place of all."""
    from cases import institutions as register

    given = _given(alias, type, regulator, file) | ({"name": name} if name else {})
    if not given:
        fail(Exit.USAGE, "what is to change? Give an option, or fields in a file with --from")
    now = datetime.now(UTC)
    with explained(LISTING):
        changed = write_register(lambda conn: register.change(conn, id, given, actor=me(), now=now))
    _show([changed], as_json)


@institutions.command("liaisons")
def name_people(
    id: Institution,
    file: Annotated[Path, typer.Option("--from", help="JSON with liaison, deputy or both; - for standard input.")],
    as_json: Json = False,
) -> None:
    """Name who answers for complaints at an institution, and in their absence; null takes somebody out."""
    from cases import liaisons
    from cases.model import Person, read

    given = json_of(file)
    roles: tuple[Role, ...] = ("liaison", "deputy")
    unknown = sorted(given.keys() - set(roles))
    if unknown or not given:
        wrong = f", not {', '.join(unknown)}" if unknown else ""
        fail(Exit.USAGE, f"{file}: give liaison, deputy or both{wrong}")
    vault, now, people = open_vault(), datetime.now(UTC), dict[Any, Any]()
    with explained(LISTING):
        for role in roles:
            if role in given:
                people[role] = None if given[role] is None else read(Person, _object(role, given[role]))
        write_register(lambda conn: liaisons.put(conn, vault, id, people, actor=me(), now=now))
    show(id, "", as_json)


# ---- inside ----------------------------------------------------------------------------------------------------------


def _given(alias: list[str] | None, type: str, regulator: str, file: Path | None) -> dict[str, Any]:
    typed = {"aliases": tuple(alias or ()), "type": type, "regulator": regulator}
    return (json_of(file) if file else {}) | {name: value for name, value in typed.items() if value}


def _object(role: str, told: Any) -> dict[str, Any]:
    if not isinstance(told, dict):
        fail(Exit.USAGE, f"{role}: an object with name, phone …, or null")
    return {str(name): value for name, value in told.items()}  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]


def _line(who: Person | None) -> str:
    from cases import privacy

    return "nobody is known" if who is None else ", ".join(map(str, privacy.told(who).values())) or "nothing is told"


def _show(found: Sequence[Listed], as_json: bool) -> None:
    if as_json:
        for each in found:
            dump(plain(each))
        return
    rows = ((each.id, each.name, each.type, ", ".join(each.aliases)) for each in found)
    table(
        ["Number", "Name", "Type", "Also called"],
        rows,
        empty="None. ./qiantai cases institutions load adds the well-known ones.",
    )

"""`cases id-link`: a fresh address of the page on which a consumer gives the number of an identity paper."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import typer

from door.cli.cases_common import Number, explained, minute, number, open_vault, write_register
from door.cli.common import Json, dump, settings
from door.cli.duty import me

if TYPE_CHECKING:
    from sqlalchemy import Connection


def id_link(case: Number, as_json: Json = False) -> None:
    """Make a link for the number of an identity paper, shown only now. It works once; the one before it no more."""
    from cases import history, id_links

    site, vault, now = settings(), open_vault(), datetime.now(UTC)
    valid = timedelta(hours=site.id_link_hours)

    def make(conn: Connection) -> str:
        found = history.load(conn, case_no, lock=True)
        return id_links.make(conn, vault, found, valid=valid, actor=me(), now=now)

    with explained():
        case_no = number(case)
        token = write_register(make)
    host = f"[{site.host}]" if ":" in site.host else site.host
    address = f"{site.public_base_url or f'http://{host}:{site.port}'}{id_links.PATH}{token}"
    if as_json:
        dump({"case_no": case_no, "link": address, "until": (now + valid).isoformat()})
        return
    typer.echo(address)
    typer.echo(f"For the people of {case_no} alone, once, until {minute(now + valid)}; it is not shown again.")

"""Institutions and the people who answer for complaints there, over HTTP."""

# Annotations are evaluated where they stand: those of the routes name what `router` is given.
import json
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Response
from pydantic import TypeAdapter
from sqlalchemy import Connection

from cases import institutions, keys, liaisons, shapes
from cases.institutions import Institution, Listed
from cases.liaisons import Liaisons
from cases.office import NO_STORE, REFUSED, SHOWN, Caller, Id, Key, Office, Require, actor, like

NEW: dict[str, Any] = {
    "name": "长安银行",
    "aliases": ["长安行"],
    "type": "city_bank",
    "regulator": "nfra",
    "city": "西安",
}
_NEW: TypeAdapter[Institution] = TypeAdapter(Institution)
_LISTED: TypeAdapter[Listed] = TypeAdapter(Listed)


def router(office: Office, require: Require) -> APIRouter:
    """The routes under /api/institutions; `require(scope)` is a dependency that gives the Caller."""
    routes = APIRouter(
        prefix="/api/institutions", tags=["institutions"], responses=REFUSED, dependencies=[Depends(SHOWN)]
    )
    store, vault, clock = office.store, office.vault, office.clock
    reads, writes, opens = (Depends(require(f"cases:{what}")) for what in ("read", "write", "open"))

    @routes.get("", dependencies=[reads])
    async def page(query: Annotated[shapes.InstitutionQuery, Query()]) -> shapes.InstitutionPage:
        """Institutions by their numbers; `text` is a part of a name or an alias."""
        given = query.model_dump()
        found, after = await store.read(lambda conn: institutions.page(conn, **given))
        return shapes.InstitutionPage(institutions=list(found), after=after)

    @routes.get("/{institution_id}", dependencies=[reads])
    async def get(institution_id: Id) -> shapes.InstitutionOut:
        """An institution with its liaison and deputy, masked."""

        def look(conn: Connection) -> shapes.InstitutionOut:
            people = liaisons.masked(conn, vault, institution_id)
            return shapes.InstitutionOut(institution=institutions.get(conn, institution_id), **people._asdict())

        return await store.read(look)

    @routes.post("", status_code=201)
    async def add(new: Annotated[Institution, like(NEW)], key: Key, caller: Annotated[Caller, writes]) -> Listed:
        """Puts an institution into the register; the same key with the same institution gives the same answer."""
        asked = json.dumps({"institution": _NEW.dump_python(new, mode="json")}, sort_keys=True)
        who, now = actor(caller), clock()

        def op(conn: Connection) -> dict[str, Any]:
            def do() -> dict[str, Any]:
                added = institutions.add(conn, new, actor=who, now=now)
                return _LISTED.dump_python(added, mode="json")

            return keys.once(conn, vault, token=who, key=key, request=asked, now=now, do=do)

        return _LISTED.validate_python(await store.write(op))

    @routes.patch("/{institution_id}")
    async def change(
        institution_id: Id, changes: shapes.InstitutionChanges, caller: Annotated[Caller, writes]
    ) -> Listed:
        """Changes the fields that are given; those that are left out stay. `aliases` are all there are from then on."""
        given = {name: getattr(changes, name) for name in changes.model_fields_set}
        who, now = actor(caller), clock()
        return await store.write(lambda conn: institutions.change(conn, institution_id, given, actor=who, now=now))

    @routes.put("/{institution_id}/liaisons")
    async def name_people(
        institution_id: Id, people: shapes.LiaisonsIn, caller: Annotated[Caller, writes]
    ) -> shapes.LiaisonsOut:
        """Names the liaison, the deputy or both; null: nobody, left out: as before. The answer is masked."""
        who, now = actor(caller), clock()

        def op(conn: Connection) -> Liaisons:
            if given := people.given():
                liaisons.put(conn, vault, institution_id, given, actor=who, now=now)
            return liaisons.masked(conn, vault, institution_id)

        return shapes.LiaisonsOut(**(await store.write(op))._asdict())

    @routes.post("/{institution_id}/liaisons/open")
    async def unmask(
        institution_id: Id, why: shapes.ReasonIn, caller: Annotated[Caller, opens], response: Response
    ) -> shapes.LiaisonsOut:
        """The liaison and the deputy, unmasked. Who opened them and why is written into the audit."""
        who, now = actor(caller), clock()
        response.headers.update(NO_STORE)
        found = await store.write(
            lambda conn: liaisons.unmask(conn, vault, institution_id, actor=who, reason=why.reason, now=now)
        )
        return shapes.LiaisonsOut(**found._asdict())

    return routes

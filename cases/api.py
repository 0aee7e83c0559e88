"""The register over HTTP. Who calls is the door's matter: it hands in what gives the holder of a token with a scope."""

# Annotations are evaluated where they stand: those of the routes name what `router` is given.
import asyncio
import json
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Annotated, Any, TypeVar
from urllib.parse import quote, unquote

from fastapi import APIRouter, Depends, File, Header, Path, Query, Response, UploadFile
from pydantic import TypeAdapter
from sqlalchemy import Connection

from cases import attachments, finding, history, id_links, keys, numbers, privacy, register, shapes, tasks
from cases.model import Attachment, Case, CaseEvent, NewCase, NewTask, Person, Task
from cases.office import NO_STORE, REFUSED, SHOWN, Caller, Described, Id, Key, Office, Require, actor, like
from cases.shapes import Changes, Standing
from core.errors import NotFound

T = TypeVar("T")

SOON = timedelta(days=7)  # what the list of what is due shows, unless it is asked for more
CASE_NO = "Q2026-0000001-2"
NEW_CASE: dict[str, Any] = {
    "source_channel": "phone",
    "received_at": "2026-11-20T09:30:00+08:00",
    "type": "complaint",
    "summary": "信用卡年费未经同意收取",
    "facts": "……",
    "institution": "某银行",
    "amount": "300.00",
    "person": {"name": "王小明", "phone": "13800138000"},
}
NEW_TASK = {"kind": "follow_up", "title": "回访", "owner": "queue:visits", "due_at": "2026-12-01T17:00:00+08:00"}
PERSON = {"name": "王小明", "phone": "13800138000", "city": "西安"}
_BYTES: Described = {200: {"content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}}}
_EXPORT: Described = {200: {"headers": {"X-SHA256": {"schema": {"type": "string"}}}}}
_NEW: TypeAdapter[NewCase] = TypeAdapter(NewCase)


def _number(
    case_no: Annotated[str, Path(description="a case's number, in any way it is written", examples=[CASE_NO])],
) -> str:
    try:
        return numbers.read_case_no(case_no)
    except ValueError as e:
        raise NotFound(str(e)) from None


def _seen(
    if_match: Annotated[
        str, Header(pattern=r'^(W/)?"?[0-9]{1,9}"?$', description="the version that you saw", examples=['"3"'])
    ],
) -> int:
    return int("".join(filter(str.isdigit, if_match)))


CaseNo = Annotated[str, Depends(_number)]
Seen = Annotated[int, Depends(_seen)]
PersonId = Annotated[str, Path(pattern="^[0-9a-f]{32}$")]


def router(office: Office, require: Require) -> APIRouter:
    """The routes under /api that the register has; `require(scope)` is a dependency that gives the Caller."""
    routes = APIRouter(prefix="/api", tags=["cases"], responses=REFUSED, dependencies=[Depends(SHOWN)])
    store, vault, clock = office.store, office.vault, office.clock
    reads, writes = Depends(require("cases:read")), Depends(require("cases:write"))
    opens, exports = Depends(require("cases:open")), Depends(require("cases:export"))

    def stand(case: Case, response: Response) -> Standing:
        response.headers["ETag"] = f'"{case.version}"'
        return Standing.model_validate(shapes.standing(case, clock()))

    async def write(op: Callable[[Connection, datetime], T]) -> T:
        now = clock()
        return await store.write(lambda conn: op(conn, now))

    # ---- finding -----------------------------------------------------------------------------------------------------

    @routes.get("/cases", dependencies=[reads])
    async def page(query: Annotated[shapes.ListQuery, Query()]) -> shapes.PageOut:
        """Cases that fit, the newest first."""
        found = await store.read(lambda conn: finding.page(conn, query.filter(), after=query.after, limit=query.limit))
        return _page(found, clock())

    @routes.get("/cases/due", dependencies=[reads])
    async def due(query: Annotated[shapes.DueQuery, Query()]) -> shapes.PageOut:
        """Open cases whose next limit has run out or soon will, the most pressing first."""
        now = clock()
        before, what = query.before or now + SOON, query.filter()
        found = await store.read(
            lambda conn: finding.due(conn, what, before=before, after=query.after, limit=query.limit)
        )
        return _page(found, now)

    @routes.get("/cases/cross-tab", dependencies=[reads])
    async def cross_tab(query: Annotated[shapes.CrossTabQuery, Query()]) -> shapes.CrossTabOut:
        """How many of the cases that fit there are for every pair of values that occurs."""
        what = query.filter()
        counted = await store.read(lambda conn: finding.cross_tab(conn, query.rows, query.columns, what))
        cells = [shapes.Cell(row=row, column=column, count=n) for (row, column), n in sorted(counted.items())]
        return shapes.CrossTabOut(rows=query.rows, columns=query.columns, cells=cells, total=sum(counted.values()))

    @routes.get("/cases/{case_no}", dependencies=[reads])
    async def get(case_no: CaseNo, response: Response) -> shapes.CaseOut:
        """A case with its deadlines, tasks and files; people and texts masked. Its version is the ETag."""
        now = clock()
        found = await store.read(lambda conn: shapes.whole(conn, vault, history.load(conn, case_no), now))
        response.headers["ETag"] = f'"{found.version}"'
        return found

    @routes.get("/cases/{case_no}/events", dependencies=[reads])
    async def events(case_no: CaseNo) -> list[CaseEvent]:
        """All that happened to a case, in its order."""
        return await store.read(lambda conn: list(history.events(conn, history.load(conn, case_no))))

    # ---- opening and changing ----------------------------------------------------------------------------------------

    @routes.post("/cases", status_code=201)
    async def open_case(
        new: Annotated[NewCase, like(NEW_CASE)],
        key: Key,
        caller: Annotated[Caller, writes],
    ) -> shapes.OpenedOut:
        """Opens a case. The same key with the same case gives the same answer for a week; with another one: 422.

        The query code is for the consumer, who asks with it after the case; it is shown only here.
        """
        asked = json.dumps(_NEW.dump_python(new, mode="json"), sort_keys=True)
        who = actor(caller)

        def op(conn: Connection, now: datetime) -> dict[str, Any]:
            def do() -> dict[str, Any]:
                opened = register.open_case(conn, vault, new, actor=who, cause=f"api:{who}:{key}", now=now)
                told = shapes.standing(opened.case, now) | {"query_code": opened.query_code}
                return shapes.OpenedOut.model_validate(told).model_dump(mode="json")

            return keys.once(conn, vault, token=who, key=key, request=asked, now=now, do=do)

        return shapes.OpenedOut.model_validate(await write(op))

    @routes.patch("/cases/{case_no}")
    async def edit(
        case_no: CaseNo, seen: Seen, changes: Changes, caller: Annotated[Caller, writes], response: Response
    ) -> Standing:
        """Changes what was told of a case; fields that are left out stay."""
        given = {name: getattr(changes, name) for name in changes.model_fields_set}
        who = actor(caller)
        done = await write(
            lambda conn, now: register.edit(conn, vault, case_no, given, actor=who, now=now, version=seen)
        )
        return stand(done, response)

    @routes.post("/cases/{case_no}/acts")
    async def act(
        case_no: CaseNo, seen: Seen, what: shapes.ActIn, caller: Annotated[Caller, writes], response: Response
    ) -> Standing:
        """Does something to a case: the one way in which its state changes. `acts` of a case says what is possible."""
        who = actor(caller)
        done = await write(
            lambda conn, now: register.act(conn, vault, case_no, what.act, what.facts, actor=who, now=now, version=seen)
        )
        return stand(done, response)

    @routes.post("/cases/{case_no}/notes")
    async def note(
        case_no: CaseNo, new: shapes.NoteIn, caller: Annotated[Caller, writes], response: Response
    ) -> Standing:
        """Keeps a remark with a case, for those who work on it."""
        who = actor(caller)
        done = await write(lambda conn, now: register.note(conn, vault, case_no, new.text, actor=who, now=now))
        return stand(done, response)

    @routes.put("/cases/{case_no}/owner")
    async def assign(
        case_no: CaseNo, seen: Seen, to: shapes.OwnerIn, caller: Annotated[Caller, writes], response: Response
    ) -> Standing:
        """Gives a case to an account, or to a queue (`queue:complaints`)."""
        who = actor(caller)
        done = await write(
            lambda conn, now: register.assign(
                conn, case_no, to.owner, actor=who, now=now, version=seen, reason=to.reason
            )
        )
        return stand(done, response)

    @routes.put("/cases/{case_no}/person")
    async def set_person(
        case_no: CaseNo,
        seen: Seen,
        new: Annotated[Person, like(PERSON)],
        caller: Annotated[Caller, writes],
        response: Response,
    ) -> Standing:
        """Puts other data in the place of the person's; the event names the fields, not what they hold. A case that
        waited for the number of an identity paper alone goes on with it."""
        who = actor(caller)

        def op(conn: Connection, now: datetime) -> Case:
            case = register.set_person(conn, vault, case_no, new, actor=who, now=now, version=seen)
            return id_links.complete(conn, vault, case, id_links.ENTERED, actor=who, now=now)

        return stand(await write(op), response)

    @routes.put("/cases/{case_no}/links")
    async def link(
        case_no: CaseNo, seen: Seen, to: shapes.LinksIn, caller: Annotated[Caller, writes], response: Response
    ) -> Standing:
        """Makes a case a part of another one, or notes that it tells the same as another one."""
        given = {name: _other(getattr(to, name)) for name in to.model_fields_set}
        who = actor(caller)

        def op(conn: Connection, now: datetime) -> Case:
            case = history.take(conn, case_no, seen)
            for name, tie in (("parent_no", register.set_parent), ("duplicate_of", register.mark_duplicate)):
                if name in given:
                    case = tie(conn, case_no, given[name], actor=who, now=now, version=None)
            return case

        return stand(await write(op), response)

    # ---- tasks -------------------------------------------------------------------------------------------------------

    @routes.post("/cases/{case_no}/tasks", status_code=201)
    async def add_task(
        case_no: CaseNo, new: Annotated[NewTask, like(NEW_TASK)], caller: Annotated[Caller, writes]
    ) -> Task:
        """Gives somebody something to do for a case, by a time. What its facts may be depends on its kind."""
        who = actor(caller)
        return await write(lambda conn, now: tasks.add(conn, vault, case_no, new, actor=who, now=now))

    @routes.patch("/cases/{case_no}/tasks/{task_id}")
    async def change_task(
        case_no: CaseNo, task_id: Id, to: shapes.TaskChange, caller: Annotated[Caller, writes]
    ) -> Task:
        """Gives an open task to somebody else, or another time."""
        who = actor(caller)

        def op(conn: Connection, now: datetime) -> Task:
            _belongs(conn, case_no, tasks.get(conn, task_id))
            return tasks.change(conn, task_id, actor=who, now=now, owner=to.owner, due_at=to.due_at)

        return await write(op)

    @routes.post("/cases/{case_no}/tasks/{task_id}/settle")
    async def settle_task(
        case_no: CaseNo, task_id: Id, end: shapes.SettleIn, caller: Annotated[Caller, writes]
    ) -> Task:
        """Ends a task, as done or as cancelled; what it needs to be done depends on its kind."""
        who = actor(caller)

        def op(conn: Connection, now: datetime) -> Task:
            _belongs(conn, case_no, tasks.get(conn, task_id))
            return tasks.settle(
                conn, vault, task_id, result=end.result, facts=end.facts, actor=who, now=now, cancel=end.cancel
            )

        return await write(op)

    # ---- files -------------------------------------------------------------------------------------------------------

    @routes.post("/cases/{case_no}/attachments", status_code=201)
    async def attach(
        case_no: CaseNo, file: Annotated[UploadFile, File()], caller: Annotated[Caller, writes]
    ) -> Attachment:
        """Keeps a file with a case: its type read from its content, scanned, sealed. The same file again is the same
        attachment."""
        await store.read(lambda conn: history.load(conn, case_no))  # before the work: NotFound
        content = await file.read(office.attachment_bytes + 1)
        checked = await asyncio.to_thread(
            attachments.inspect,
            unquote(file.filename or ""),  # some programs write names so
            content,
            longest=office.attachment_bytes,
            scan=office.scan_command,
        )
        who = actor(caller)
        return await write(lambda conn, now: attachments.add(conn, vault, case_no, checked, actor=who, now=now))

    @routes.post("/cases/{case_no}/attachments/{attachment_id}/open", response_class=Response, responses=_BYTES)
    async def open_attachment(
        case_no: CaseNo, attachment_id: Id, why: shapes.ReasonIn, caller: Annotated[Caller, opens]
    ) -> Response:
        """The bytes of a file. Who opened it and why is written into the audit."""
        who = actor(caller)

        def op(conn: Connection, now: datetime) -> tuple[Attachment, bytes]:
            known = attachments.get(conn, attachment_id)
            _belongs(conn, case_no, known)
            opened = attachments.content(conn, vault, attachment_id, actor=who, reason=why.reason, now=now)
            return known, opened

        known, content = await write(op)
        named = {"Content-Disposition": f"attachment; filename*=UTF-8''{quote(known.name, safe='')}"}
        return Response(content, media_type=known.media_type, headers=named | NO_STORE)

    # ---- personal data -----------------------------------------------------------------------------------------------

    @routes.post("/cases/{case_no}/open")
    async def unmask(
        case_no: CaseNo, why: shapes.ReasonIn, caller: Annotated[Caller, opens], response: Response
    ) -> shapes.OpenData:
        """The people of a case and its texts, unmasked. Who opened them and why is written into the audit."""
        who = actor(caller)
        response.headers.update(NO_STORE)
        return await write(
            lambda conn, now: shapes.open_data(conn, vault, case_no, actor=who, reason=why.reason, now=now)
        )

    @routes.get("/people/erasable", dependencies=[exports])
    async def erasable(
        after: Annotated[str, Query(pattern="^([0-9a-f]{32})?$")] = "",
        limit: Annotated[int, Query(ge=1, le=shapes.PAGE_MOST)] = shapes.PAGE,
    ) -> shapes.Erasable:
        """Ids of people whose cases need not be kept any more."""
        now = clock()
        found = await store.read(lambda conn: privacy.erasable(conn, now=now, after=after, limit=limit))
        return shapes.Erasable(people=list(found), after=found[-1] if len(found) == limit else None)

    @routes.post("/people/{person_id}/export", response_class=Response, responses=_EXPORT)
    async def export(person_id: PersonId, why: shapes.ExportIn, caller: Annotated[Caller, exports]) -> Response:
        """All that is kept of one person, open, as JSON; its SHA-256 is in the audit and in the header X-SHA256."""
        who = actor(caller)
        made = await write(
            lambda conn, now: privacy.export(
                conn, vault, person_id, requester=why.requester, basis=why.basis, actor=who, now=now
            )
        )
        return Response(made.content, media_type="application/json", headers={"X-SHA256": made.sha256} | NO_STORE)

    @routes.post("/people/{person_id}/erase", status_code=204)
    async def erase(person_id: PersonId, why: shapes.EraseIn, caller: Annotated[Caller, exports]) -> None:
        """Destroys the key of a person's data; their cases stay, without them. 409 while the law wants them kept."""
        who = actor(caller)
        await write(lambda conn, now: privacy.erase(conn, person_id, basis=why.basis, actor=who, now=now))

    return routes


def _page(found: finding.Page, now: datetime) -> shapes.PageOut:
    return shapes.PageOut(
        cases=[shapes.CaseLine.model_validate(shapes.line(case, now)) for case in found.cases], after=found.after
    )


def _other(case_no: str | None) -> str | None:
    return None if case_no is None else _number(case_no)


def _belongs(conn: Connection, case_no: str, one: Task | Attachment) -> None:
    """NotFound if it is another case's."""
    if history.load(conn, case_no).id != one.case_id:
        raise NotFound(f"{case_no} has no number {one.id} of these")

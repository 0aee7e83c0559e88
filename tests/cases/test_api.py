"""The register over HTTP, through the real door: what token holders see and do."""

from __future__ import annotations

import asyncio
import dataclasses
import hashlib
import json
from datetime import date
from typing import Any

import pytest
from sqlalchemy import Connection, select, update

from cases import history, id_links
from cases.states import ENDED, TRANSITIONS, Act, State, acts
from cases.tables import case_key, complaint_case
from door.house import House
from tests.cases import counter
from tests.cases.counter import CASES, ID_NUMBER, NAME, NEW, PHONE, PNG, Api, form, noted, serve, token
from tests.cases.given import BANK, FACTS
from tests.conftest import NOON

pytestmark = pytest.mark.asyncio(loop_scope="module")

house, url, caller = counter.house, counter.url, counter.caller


# A case's life ------------------------------------------------------------------------------------------------------


async def test_a_case_is_opened_seen_masked_worked_on_and_closed(house: House, caller: Api) -> None:
    made = await caller.new(institution_id=BANK)
    where = f"{CASES}/{made['case_no']}"
    assert (made["state"], made["owner"], made["version"]) == ("submitted", "queue:complaints", 1)
    assert len(made["query_code"]) == 10
    assert made["acts"]["refuse"] == ["reason", "where_to", "text"]
    status, case, headers = await caller.ask("GET", where.lower())
    assert (status, headers["ETag"]) == (200, '"1"')
    assert case["person"]["name"] == "王**"
    assert case["person"]["phone"] == "*******5678"
    assert case["told"]["amount"] == "300.00"
    assert PHONE not in json.dumps(case)
    assert ID_NUMBER not in json.dumps(case)
    assert [(one["rule"], one["confidence"], one["due_on"]) for one in case["deadlines"]] == [
        ("pboc_decide", "M", "2026-12-01")
    ]
    life = (
        ("accept", {}),
        ("forward", {"institution_id": BANK}),
        ("start", {}),
        ("extend", {"total": 30, "approver": "Li", "reason": "查账", "text": "已告知"}),
        ("reply", {"text": "已退还"}),
        ("visit", {}),
        ("close", {"result": "satisfied"}),
    )
    told = made
    for n, (act, facts) in enumerate(life, 1):
        told = await caller.send("POST", f"{where}/acts", {"act": act, "facts": facts}, If_Match=f'"{n}"')
        assert told["version"] == n + 1
    assert (told["state"], told["due_at"], list(told["acts"])) == ("closed", None, ["reopen"])
    assert [each["act"] for each in await caller.get(f"{where}/events")] == ["open", *(act for act, _ in life)]


async def test_no_act_goes_through_that_the_table_does_not_have(house: House, caller: Api) -> None:
    where = f"{CASES}/{(await caller.new(institution_id=BANK))['case_no']}"
    state, version = State.SUBMITTED, 1
    for next_act in (Act.ACCEPT, Act.HANDLE, Act.REPLY, Act.VISIT, Act.CLOSE, Act.REOPEN, Act.REFER):
        for wrong in set(Act) - set(acts(state)):
            body = {"act": wrong, "facts": FACTS | {"into": where.rsplit("/", 1)[1]}}
            status, answer, _ = await caller.ask("POST", f"{where}/acts", body, If_Match=version)
            assert (status, answer["error"]) == (409, "illegal_act"), (state, wrong)
        told = await caller.send("POST", f"{where}/acts", {"act": next_act, "facts": FACTS}, If_Match=version)
        state, version = State(told["state"]), version + 1
        assert (told["version"], state) == (version, TRANSITIONS[next_act].after)
        assert told["owner"]
        assert (told["due_at"] is None) is (state in ENDED)


async def test_who_is_slower_gets_a_conflict_and_nothing_is_lost(house: House, caller: Api) -> None:
    where = f"{CASES}/{(await caller.new())['case_no']}"

    async def edit(level: str) -> int:
        return (await caller.ask("PATCH", where, {"level": level}, If_Match="1"))[0]

    assert sorted(await asyncio.gather(edit("complex"), edit("major"))) == [200, 409]
    for method, path, body in (
        ("PATCH", "", {"city": "西安"}),
        ("POST", "/acts", {"act": "accept"}),
        ("PUT", "/owner", {"owner": "li"}),
        ("PUT", "/person", {"name": "李"}),
        ("PUT", "/links", {"parent_no": None}),
    ):
        status, answer, _ = await caller.ask(method, where + path, body, If_Match='"1"')
        assert (status, answer["error"]) == (409, "conflict"), path
        status, answer, _ = await caller.ask(method, where + path, body)
        assert (status, "if-match" in answer["detail"].lower()) == (400, True), path
    case = await caller.get(where)
    assert (case["version"], case["told"]["city"]) == (2, "")


async def test_fields_owner_person_notes_and_links_change_with_an_event_each(house: House, caller: Api) -> None:
    one, two = (await caller.new())["case_no"], (await caller.new(summary="另一件"))["case_no"]
    where = f"{CASES}/{two}"
    await caller.send("PATCH", where, {"level": "major", "amount": "12.5", "flags": ["repeat"]}, If_Match=1)
    await caller.send("PUT", f"{where}/owner", {"owner": "li", "reason": "熟悉"}, If_Match=2)
    await caller.send("PUT", f"{where}/person", {"name": "李四", "phone": "13712345678"}, If_Match=3)
    await caller.send("PUT", f"{where}/links", {"duplicate_of": one.replace("-", "")}, If_Match=4)
    await caller.send("POST", f"{where}/notes", {"text": f"请打{PHONE}"})
    case = await caller.get(where)
    assert case["told"]["level"] == "major"
    assert (case["told"]["amount"], case["told"]["flags"]) == ("12.50", ["repeat"])
    assert (case["owner"], case["person"]["name"], case["duplicate_of"]) == ("li", "李*", one)
    events = await caller.get(f"{where}/events")
    assert [each["act"] for each in events] == ["open", "edit", "assign", "person", "link", "note"]
    assert events[1]["facts"]["before"]["level"] == "normal"
    assert PHONE not in json.dumps(events)
    assert len({each["actor"] for each in events}) == 1
    assert events[0]["actor"].startswith("token:")


async def test_a_case_that_waited_for_the_number_goes_on_once_it_is_entered(house: House, caller: Api) -> None:
    made = await caller.new(person={"name": "王小明", "phone": PHONE})
    where = f"{CASES}/{made['case_no']}"

    def ask(conn: Connection) -> None:
        id_links.ask(conn, house.vault, history.load(conn, made["case_no"]), now=NOON)

    await house.store.write(ask)
    person = {"name": "王小明", "phone": PHONE, "id_type": "id_card"}
    assert (await caller.send("PUT", f"{where}/person", person, If_Match=2))["state"] == "supplement_requested"
    told = await caller.send("PUT", f"{where}/person", person | {"id_number": ID_NUMBER}, If_Match=3)
    assert (told["state"], told["version"]) == ("submitted", 5)
    assert [each["act"] for each in await caller.get(f"{where}/events")][-2:] == ["person", "supplement"]


async def test_tasks_are_given_moved_and_settled_and_belong_to_their_case(house: House, caller: Api) -> None:
    where, other = [f"{CASES}/{(await caller.new())['case_no']}/tasks" for _ in range(2)]
    new = {"kind": "mediation", "title": "约双方", "owner": "queue:mediation", "due_at": "2026-12-01T17:00:00+08:00"}
    task = await caller.send("POST", where, new, 201)
    assert (task["state"], task["kind"]) == ("open", "mediation")
    moved = await caller.send("PATCH", f"{where}/{task['id']}", {"owner": "li"})
    assert (moved["owner"], moved["due_at"]) == ("li", task["due_at"])
    assert (await caller.ask("PATCH", f"{other}/{task['id']}", {"owner": "li"}))[0] == 404
    settle = f"{where}/{task['id']}/settle"
    for facts, refused in (({}, (409, "illegal_act")), ({"outcome": "x"}, (422, "bad_case"))):
        status, answer, _ = await caller.ask("POST", settle, {"result": "成了", "facts": facts})
        assert (status, answer["error"]) == refused
    ended = await caller.send("POST", settle, {"result": "成了", "facts": {"outcome": "agreed", "place": "长安路"}})
    assert (ended["state"], ended["result"]) == ("done", "成了")
    assert ended["facts"] == {"outcome": "agreed", "place": "长安路"}
    status, answer, _ = await caller.ask("POST", f"{where}/{task['id']}/settle", {})
    assert (status, answer["error"]) == (409, "illegal_act")


# Institutions ---------------------------------------------------------------------------------------------------------

INSTITUTIONS = "/api/institutions"


async def test_an_institution_is_added_once_changed_and_found(house: House, caller: Api) -> None:
    new = {"name": "渭水银行", "aliases": ["渭水"], "type": "city_bank", "seat": "渭河路2号"}

    async def add(body: dict[str, Any], key: str) -> tuple[int, Any]:
        return (await caller.ask("POST", INSTITUTIONS, body, Idempotency_Key=key))[:2]

    first, second = await asyncio.gather(add(new, "bank-1"), add(new, "bank-1"))
    assert first == second
    status, made = first
    assert (status, made["name"], made["aliases"]) == (201, "渭水银行", ["渭水"])
    assert (await add(new | {"city": "咸阳"}, "bank-1"))[0] == 422
    assert (await add(new, "bank-2"))[1]["error"] == "bad_case"  # the name is taken
    where = f"{INSTITUTIONS}/{made['id']}"
    changed = await caller.send("PATCH", where, {"name": "渭河银行", "parent_id": BANK})
    assert (changed["aliases"], changed["seat"]) == (["渭水", "渭水银行"], "渭河路2号")
    found = await caller.get(f"{INSTITUTIONS}?text=渭水&type=city_bank")
    assert found == {"institutions": [changed], "after": None}
    assert (await caller.get(f"{INSTITUTIONS}?limit=1"))["after"] == BANK
    assert [each[0] for each in await noted(house, f"institution:{made['id']}")] == ["cases.institution"] * 2


async def test_liaisons_are_named_seen_masked_and_opened_with_a_trace(house: House, caller: Api) -> None:
    where = f"{INSTITUTIONS}/{BANK}"
    assert (await caller.get(where))["liaison"] is None
    zhao, sun = {"name": "赵云", "phone": PHONE}, {"name": "孙尚香", "email": "sun@example.org"}
    named = await caller.send("PUT", f"{where}/liaisons", {"liaison": zhao, "deputy": sun})
    assert (named["liaison"]["name"], named["liaison"]["phone"]) == ("赵*", "*******5678")
    named = await caller.send("PUT", f"{where}/liaisons", {"deputy": None})
    assert (named["liaison"]["name"], named["deputy"]) == ("赵*", None)
    assert await caller.send("PUT", f"{where}/liaisons", {}) == named
    shown = await caller.get(where)
    assert (shown["institution"]["name"], PHONE in json.dumps(shown)) == ("长安银行", False)
    status, opened, headers = await caller.ask("POST", f"{where}/liaisons/open", {"reason": "转办"})
    assert (status, opened["liaison"]["phone"], headers["Cache-Control"]) == (200, PHONE, "no-store")
    trace = await noted(house, f"institution:{BANK}")
    assert trace == [
        ("cases.liaisons", "liaison named, deputy named"),
        ("cases.liaisons", "deputy taken out"),
        ("cases.unmask", "转办"),
    ]


# Requests that come twice -------------------------------------------------------------------------------------------


async def test_the_same_key_with_the_same_case_gives_the_same_answer_and_one_case(house: House, caller: Api) -> None:

    async def send(body: dict[str, Any], key: str = "k-1") -> tuple[int, Any]:
        return (await caller.ask("POST", CASES, body, Idempotency_Key=key))[:2]

    first, second = await asyncio.gather(send(NEW), send(NEW))
    assert first == second == await send(dict(reversed(NEW.items())))
    assert first[0] == 201
    assert first[1]["query_code"]
    status, answer = await send(NEW | {"summary": "别的"})
    assert (status, answer["error"]) == (422, "key_used")
    other = Api(caller.url, await token(house, "cases:write"))
    assert (await other.ask("POST", CASES, NEW, Idempotency_Key="k-1"))[1]["case_no"] != first[1]["case_no"]
    kept = await house.store.read(lambda conn: list(conn.execute(select(case_key).where(case_key.c.key == "k-1"))))
    assert len(kept) == 2
    assert first[1]["query_code"] not in str(kept)
    # What failed is not an answer that is kept.
    assert (await send(NEW | {"institution_id": 999}, "k-2"))[0] == 422
    assert (await send(NEW, "k-2"))[0] == 201


# Finding ------------------------------------------------------------------------------------------------------------


async def test_cases_are_listed_page_by_page_found_and_counted(house: House, caller: Api) -> None:
    made = [
        (await caller.new(summary=f"第{n}件", province="青海", city="西安" if n % 2 else "北京"))["case_no"]
        for n in range(5)
    ]
    seen: list[str] = []
    after = ""
    while True:
        page = await caller.get(f"{CASES}?province=青海&limit=2{after}")
        seen += [one["case_no"] for one in page["cases"]]
        if page["after"] is None:
            break
        after = f"&after={page['after']}"
    assert seen == made[::-1]
    for query, count in (
        ("city=西安", 2),
        ("city=西安&city=北京", 3),  # a text has one value: the last
        ("state=submitted&state=accepted", 5),
        ("state=closed", 0),
        ("open=true&type=complaint&track=pboc", 5),
        (f"text={made[0].lower()}", 1),
        ("text=第3件", 1),
        ("received_from=2026-11-20T00:00:00Z&received_before=2026-11-21T00:00:00Z", 5),
        ("received_from=2026-11-21T00:00:00Z", 0),
    ):
        found = await caller.get(f"{CASES}?province=青海&{query}")
        assert len(found["cases"]) == count, query
        assert "facts" not in json.dumps(found)
    due = await caller.get(f"{CASES}/due?province=青海&before=2026-12-31T00:00:00Z&limit=3")
    rest = await caller.get(f"{CASES}/due?province=青海&before=2026-12-31T00:00:00Z&limit=3&after={due['after']}")
    assert [one["case_no"] for one in due["cases"] + rest["cases"]] == made
    tab = await caller.get(f"{CASES}/cross-tab?province=青海&rows=city&columns=state")
    assert (tab["total"], len(tab["cells"])) == (5, 2)
    assert {"row": "西安", "column": "submitted", "count": 2} in tab["cells"]


# Files --------------------------------------------------------------------------------------------------------------


async def test_a_file_is_kept_once_by_its_content_and_opened_with_a_reason(house: House, caller: Api) -> None:
    made, other = await caller.new(), await caller.new()
    where = f"{CASES}/{made['case_no']}"
    kept = await caller.send("POST", f"{where}/attachments", form(PNG, f"账单 {PHONE}.exe"), 201)
    assert (kept["media_type"], kept["size"], kept["verdict"]) == ("image/png", len(PNG), "not_scanned")
    assert kept["sha256"] == hashlib.sha256(PNG).hexdigest()
    assert PHONE not in json.dumps(kept)
    assert (await caller.send("POST", f"{where}/attachments", form(PNG), 201))["id"] == kept["id"]
    assert [one["id"] for one in (await caller.get(where))["attachments"]] == [kept["id"]]
    at = f"/attachments/{kept['id']}/open"
    status, content, headers = await caller.ask("POST", where + at, {"reason": "核对账单"})
    assert (status, content, headers["Content-Type"]) == (200, PNG, "image/png")
    assert headers["Content-Disposition"].startswith("attachment; filename*=UTF-8''")
    assert headers["Cache-Control"] == "no-store"
    assert (await caller.ask("POST", f"{CASES}/{other['case_no']}{at}", {"reason": "x"}))[0] == 404
    assert (await caller.ask("POST", where + at, {"reason": " "}))[0] == 422
    assert await noted(house, f"attachment:{kept['id']}") == [("cases.unmask", "核对账单")]


@pytest.mark.parametrize(
    ("content", "settings", "status", "code"),
    [
        pytest.param(b"", {}, 422, "bad_case", id="empty"),
        pytest.param(b"MZ\x90\0" + b"\0" * 60, {}, 415, "not_taken", id="a program"),
        pytest.param(PNG + b"\0" * 1024, {"attachment_bytes": 1024}, 413, "too_large", id="a little too long"),
        pytest.param(
            PNG + b"\0" * 99_000, {"attachment_bytes": 1024}, 413, "too_large", id="refused before it is read"
        ),
        pytest.param(PNG, {"scan_command": "sh -c 'exit 1'"}, 422, "infected", id="infected"),
        pytest.param(PNG, {"scan_command": "sh -c 'exit 2'"}, 503, "scan_failed", id="a scanner that is broken"),
    ],
)
async def test_files_that_are_not_taken(
    house: House, caller: Api, content: bytes, settings: dict[str, Any], status: int, code: str
) -> None:
    where = f"{CASES}/{(await caller.new())['case_no']}"
    strict = dataclasses.replace(house, settings=house.settings.model_copy(update=settings))
    async with serve(strict) as address:
        there = Api(address, caller.token)
        answered, answer, _ = await there.ask("POST", f"{where}/attachments", form(content))
        assert (answered, answer["error"]) == (status, code)
    assert (await caller.get(where))["attachments"] == []


# Personal data ------------------------------------------------------------------------------------------------------


async def test_opening_personal_data_needs_its_scope_and_a_reason_and_stands_in_the_audit(
    house: House, caller: Api
) -> None:
    made = await caller.new()
    where = f"{CASES}/{made['case_no']}"
    await caller.send("POST", f"{where}/notes", {"text": "改打13787654321"})
    status, opened, headers = await caller.ask("POST", f"{where}/open", {"reason": "回电"})
    assert (status, headers["Cache-Control"]) == (200, "no-store")
    assert (opened["person"]["name"], opened["person"]["phone"]) == (NAME, PHONE)
    assert PHONE in opened["texts"]["facts"]
    assert opened["events"] == {"2": {"text": "改打13787654321"}}
    assert ID_NUMBER not in opened["texts"]["facts"], "nobody keeps it in a text"
    person = (await caller.get(where))["person_id"]
    both = [await noted(house, subject) for subject in (made["case_no"], f"person:{person}")]
    assert both == [[("cases.unmask", "回电")] * 3, [("cases.unmask", "回电")]]
    reader = Api(caller.url, await token(house, "cases:read", "cases:write"))
    assert (await reader.ask("POST", f"{where}/open", {"reason": "回电"}))[0] == 403
    assert both == [await noted(house, subject) for subject in (made["case_no"], f"person:{person}")]


async def test_a_persons_data_is_exported_and_erased_once_the_law_lets_go(house: House, caller: Api) -> None:
    over = update(complaint_case).where(complaint_case.c.state == "withdrawn").values(retention_until=date(2020, 1, 1))
    where = f"{CASES}/{(await caller.new())['case_no']}"
    person = (await caller.get(where))["person_id"]
    status, raw, headers = await caller.ask(
        "POST", f"/api/people/{person}/export", {"requester": "本人", "basis": "个人信息保护法第45条"}
    )
    told = json.loads(raw)
    assert (status, told["person"]["phone"], len(told["cases"])) == (200, PHONE, 1)
    assert headers["X-SHA256"] == hashlib.sha256(raw).hexdigest()
    assert headers["X-SHA256"] in (await noted(house, f"person:{person}"))[-1][1]
    status, answer, _ = await caller.ask("POST", f"/api/people/{person}/erase", {"basis": "本人请求"})
    assert (status, answer["error"]) == (409, "kept")
    await caller.send("POST", f"{where}/acts", {"act": "withdraw"}, If_Match=1)
    assert (await caller.get("/api/people/erasable"))["people"] == []
    await house.store.write(lambda conn: conn.execute(over) and None)
    assert (await caller.get("/api/people/erasable"))["people"] == [person]
    assert (await caller.ask("POST", f"/api/people/{person}/erase", {"basis": "本人请求"}))[0] == 204
    assert (await caller.get(where))["person"] is None
    opened = await caller.send("POST", f"{where}/open", {"reason": "回电"})
    assert opened["person"] is None
    assert PHONE not in json.dumps(opened)
    status, answer, _ = await caller.ask("POST", f"/api/people/{person}/export", {"requester": "x", "basis": "y"})
    assert (status, answer["error"]) == (410, "erased")

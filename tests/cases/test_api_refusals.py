"""The register over HTTP, in bad hands: no token, the wrong scope, and requests that make no sense."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any
from urllib.request import Request, urlopen

import aiohttp
import hypothesis
import pytest
import schemathesis
from hypothesis import strategies as st
from schemathesis import GenerationMode
from stdnum import damm

from door.auth import SCOPES
from door.house import House
from tests.cases import counter
from tests.cases.counter import CASES, NEW, PHONE, PNG, TASK, Api, form, keys, token

pytestmark = pytest.mark.asyncio(loop_scope="module")

house, url, caller = counter.house, counter.url, counter.caller
OURS = (CASES, "/api/people", "/api/institutions")
EXAMPLES = 20  # requests made up for each operation


# What is refused ----------------------------------------------------------------------------------------------------

ROUTES = (
    ("cases:read", "GET", ""),
    ("cases:read", "GET", "/due"),
    ("cases:read", "GET", "/cross-tab?rows=city&columns=state"),
    ("cases:read", "GET", "/{no}"),
    ("cases:read", "GET", "/{no}/events"),
    ("cases:write", "POST", ""),
    ("cases:write", "PATCH", "/{no}"),
    ("cases:write", "POST", "/{no}/acts"),
    ("cases:write", "POST", "/{no}/notes"),
    ("cases:write", "PUT", "/{no}/owner"),
    ("cases:write", "PUT", "/{no}/person"),
    ("cases:write", "PUT", "/{no}/links"),
    ("cases:write", "POST", "/{no}/tasks"),
    ("cases:write", "PATCH", "/{no}/tasks/1"),
    ("cases:write", "POST", "/{no}/tasks/1/settle"),
    ("cases:write", "POST", "/{no}/attachments"),
    ("cases:open", "POST", "/{no}/attachments/1/open"),
    ("cases:open", "POST", "/{no}/open"),
    ("cases:read", "GET", "/../institutions"),
    ("cases:read", "GET", "/../institutions/12"),
    ("cases:write", "POST", "/../institutions"),
    ("cases:write", "PATCH", "/../institutions/12"),
    ("cases:write", "PUT", "/../institutions/12/liaisons"),
    ("cases:open", "POST", "/../institutions/12/liaisons/open"),
    ("cases:export", "GET", "/../people/erasable"),
    ("cases:export", "POST", "/../people/{person}/export"),
    ("cases:export", "POST", "/../people/{person}/erase"),
)


async def test_every_route_wants_a_token_with_its_own_scope(house: House, caller: Api) -> None:
    case_no = (await caller.new())["case_no"]
    person = (await caller.get(f"{CASES}/{case_no}"))["person_id"]
    described = (await caller.get("/openapi.json"))["paths"]
    ours = {path: methods for path, methods in described.items() if path.startswith(OURS)}
    assert sum(len(methods) for methods in ours.values()) == len(ROUTES), "a route is missing here"
    tokens = {scope: await token(house, scope) for scope in SCOPES}
    for needed, method, path in ROUTES:
        where = (CASES + path.format(no=case_no, person=person)).replace("cases/../", "")
        for shown in ({}, {"Authorization": "Bearer qt_none"}):
            status, answer, _ = await Api(caller.url, shown).ask(method, where, b"{}")
            assert (status, answer["error"]) == (401, "not_signed_in"), where
        for scope, shown in tokens.items():
            body = form(PNG) if path.endswith("/attachments") else b"" if method == "GET" else b"{}"
            status, answer, _ = await Api(caller.url, shown).ask(method, where, body, If_Match=1)
            assert (status == 403) is (scope != needed), (scope, method, where, answer)


LONG = "长" * 20_001
WRONG: tuple[tuple[str, Any, int, str], ...] = (
    ("no JSON", b"{", 400, "malformed"),
    ("no object", b"[]", 400, "malformed"),
    ("nothing", b"", 400, "malformed"),
    ("bytes that are no text", b"\xff\xfe{}", 400, "malformed"),
    ("a hole without a bottom", b"[" * 100_000, 400, "malformed"),
    ("a number without an end", b'{"amount":' + b"9" * 5_000 + b"}", 400, "malformed"),
    ("longer than is taken", b" " * 300_000, 413, "too_large"),
    ("an unknown field", {"state": "closed"}, 400, "malformed"),
    ("a field with half a character in its name", b'{"\\ud800": 1}', 400, "malformed"),
    ("half a character in a code", {"business_code": "\udfff"}, 400, "malformed"),
    ("no such type", {"type": "row"}, 400, "malformed"),
    ("an amount that is none", {"amount": "NaN"}, 400, "malformed"),
    (
        "an endless amount",
        b'{"source_channel":"x","received_at":"2026-11-20T00:00:00Z","amount":Infinity}',
        400,
        "malformed",
    ),
    ("less than nothing", {"amount": "-1"}, 400, "malformed"),
    ("a third of a cent", {"amount": "0.333"}, 400, "malformed"),
    ("a code with a NUL in it", {"reason_code": "a\0"}, 400, "malformed"),
    ("an owner with a NUL in it", {"owner": "li\0"}, 400, "malformed"),
    ("a time without its zone", {"received_at": "2026-11-20T09:00:00"}, 400, "malformed"),
    ("no day", {"received_at": "2026-02-30T09:00:00Z"}, 400, "malformed"),
    ("the first day of all", {"received_at": "0001-01-01T00:00:00+14:00"}, 400, "malformed"),
    ("the last day of all", {"received_at": "9999-12-31T23:59:59-12:00"}, 400, "malformed"),
    ("tomorrow", {"received_at": "2026-11-23T00:00:00Z"}, 422, "bad_case"),
    ("an institution that is none", {"institution_id": 999}, 422, "bad_case"),
    ("an institution that no column holds", {"institution_id": 2**63}, 400, "malformed"),
    ("a talk that never was", {"conversation_id": "c" * 26}, 422, "bad_case"),
    ("a person who never was", {"person_id": "0" * 32}, 404, "not_found"),
    ("too long a text", {"facts": LONG}, 422, "bad_case"),
    ("too long a summary", {"summary": "长" * 301}, 422, "bad_case"),
    ("nothing to say", {"summary": "", "facts": " \0 "}, 422, "bad_case"),
)


@pytest.mark.parametrize(("body", "status", "code"), [pytest.param(*row[1:], id=row[0]) for row in WRONG])
async def test_cases_that_cannot_be_opened(caller: Api, body: Any, status: int, code: str) -> None:
    sent = NEW | body if isinstance(body, dict) else body
    sent = json.dumps(sent).encode() if isinstance(sent, dict) else sent
    answered, answer, _ = await caller.ask("POST", CASES, sent, Idempotency_Key=f"k{next(keys)}")
    assert (answered, answer["error"], set(answer)) == (status, code, {"error", "detail"}), answer
    assert PHONE not in answer["detail"]


async def test_what_no_database_keeps_is_left_out_of_texts(caller: Api) -> None:
    made = await caller.new(summary="年费\ud800乱\0收", product="\udfff卡")
    told = (await caller.get(f"{CASES}/{made['case_no']}"))["told"]
    assert (told["summary"], told["product"]) == ("年费乱收", "卡")


async def test_what_is_wrong_of_a_case_is_told_by_field_all_at_once(caller: Api) -> None:
    wrong = NEW | {"type": "row", "amount": "much", "person": {"phone": 1, "shoe_size": 43}}
    _, answer, _ = await caller.ask("POST", CASES, wrong, Idempotency_Key="k-wrong")
    assert all(name in answer["detail"] for name in ("body.type", "body.amount", "body.person.phone", "shoe_size"))
    assert "much" not in answer["detail"]


HUGE = "9" * 30
ODD: tuple[tuple[str, str, str, Any, int, str], ...] = (
    ("a number that is none", "GET", "/Q2026-0000001-0", None, 404, "not_found"),
    ("a number with a NUL", "GET", "/%00", None, 404, "not_found"),
    ("a number of broken bytes", "GET", "/%ff%fe", None, 404, "not_found"),
    ("a case that is not there", "GET", "/Q2026-9999999-{digit}", None, 404, "not_found"),
    ("a page that never was", "GET", "?after=x", None, 422, "bad_case"),
    ("a place in no calendar", "GET", f"/due?after={'9' * 18}.1", None, 422, "bad_case"),
    ("a place that is too far", "GET", f"?after={HUGE}", None, 422, "bad_case"),
    ("a page without an end", "GET", "?limit=100000", None, 400, "malformed"),
    ("a filter that is unknown", "GET", "?name=wang", None, 400, "malformed"),
    ("an institution that no column holds", "GET", f"?institution_id={HUGE}", None, 400, "malformed"),
    ("a NUL to look for", "GET", "?owner=%00&text=%00", None, 200, ""),
    ("broken bytes to look for", "GET", "?text=%ff&city=%fe", None, 200, ""),
    ("a quote to look for", "GET", "?text=%22'%3B%20AND%20*", None, 200, ""),
    ("years that no calendar has", "GET", "?received_from=9999-12-31T23:59:59-12:00", None, 400, "malformed"),
    ("a dimension that is none", "GET", "/cross-tab?rows=person_id&columns=state", None, 400, "malformed"),
    ("an act that is none", "POST", "/{no}/acts", {"act": "burn"}, 400, "malformed"),
    (
        "an act that is not possible now",
        "POST",
        "/{no}/acts",
        {"act": "close", "facts": {"result": "x"}},
        409,
        "illegal_act",
    ),
    ("an act without its facts", "POST", "/{no}/acts", {"act": "refuse"}, 409, "illegal_act"),
    ("a merge into nothing", "POST", "/{no}/acts", {"act": "merge", "facts": {"into": "x"}}, 422, "bad_case"),
    ("a merge into itself", "POST", "/{no}/acts", {"act": "merge", "facts": {"into": "{no}"}}, 409, "illegal_act"),
    (
        "facts without a bottom",
        "POST",
        "/{no}/acts",
        {"act": "accept", "facts": {"a": [[[[[[[[[[1]]]]]]]]]]}},
        422,
        "bad_case",
    ),
    ("facts with half a character", "POST", "/{no}/notes", {"text": "\ud800"}, 400, "malformed"),
    ("a note with nothing in it", "POST", "/{no}/notes", {"text": "\0"}, 422, "bad_case"),
    ("an owner that is none", "PUT", "/{no}/owner", {"owner": ""}, 400, "malformed"),
    ("a part of itself", "PUT", "/{no}/links", {"parent_no": "{no}"}, 409, "illegal_act"),
    ("a part of nothing", "PUT", "/{no}/links", {"parent_no": "x"}, 404, "not_found"),
    ("a number without a case", "PUT", "/{no}/links", {"parent_no": "\0"}, 404, "not_found"),
    ("another state", "PATCH", "/{no}", {"state": "closed"}, 400, "malformed"),
    ("no type", "PATCH", "/{no}", {"type": None}, 400, "malformed"),
    ("a task without an end", "POST", "/{no}/tasks", {"title": "x", "owner": "li"}, 400, "malformed"),
    (
        "a task in the year 9999",
        "POST",
        "/{no}/tasks",
        TASK | {"due_at": "9999-12-31T23:59:59-12:00"},
        400,
        "malformed",
    ),
    ("a task of nobody's", "POST", "/{no}/tasks", TASK | {"institution_id": 999}, 422, "bad_case"),
    ("a task that no column holds", "PATCH", f"/{{no}}/tasks/{HUGE}", {"owner": "li"}, 400, "malformed"),
    ("a task that is not there", "POST", "/{no}/tasks/999/settle", {}, 404, "not_found"),
    ("a file that is not there", "POST", "/{no}/attachments/999/open", {"reason": "x"}, 404, "not_found"),
    ("no form", "POST", "/{no}/attachments", {"file": "x"}, 400, "malformed"),
    ("no reason", "POST", "/{no}/open", {}, 400, "malformed"),
    (
        "a person who never was",
        "POST",
        f"/../people/{'0' * 32}/export",
        {"requester": "a", "basis": "b"},
        404,
        "not_found",
    ),
    ("nobody", "POST", "/../people/%00/erase", {"basis": "b"}, 400, "malformed"),
    ("a method that is none", "DELETE", "/{no}", None, 405, "wrong_method"),
    ("a fact that no record has", "POST", "/{no}/tasks", TASK | {"facts": {"shoes": 43}}, 422, "bad_case"),
    ("a record without a bottom", "POST", "/{no}/tasks", TASK | {"facts": {"text": [[[1]]]}}, 422, "bad_case"),
    ("an institution that is not there", "GET", "/../institutions/999", None, 404, "not_found"),
    ("an institution of no number", "GET", "/../institutions/%00", None, 400, "malformed"),
    ("an institution that no column has", "GET", f"/../institutions/{HUGE}", None, 400, "malformed"),
    ("a page of institutions without an end", "GET", "/../institutions?limit=9999", None, 400, "malformed"),
    ("signs to look for", "GET", "/../institutions?text=%25_%5C%00&type=%00", None, 200, ""),
    ("another institution's change", "PATCH", "/../institutions/999", {"city": "x"}, 404, "not_found"),
    ("no name", "PATCH", "/../institutions/12", {"name": None}, 400, "malformed"),
    ("a name of nothing", "PATCH", "/../institutions/12", {"name": "\0 "}, 400, "malformed"),
    ("a type that is none", "PATCH", "/../institutions/12", {"type": "circus"}, 422, "bad_case"),
    ("a part of what is not there", "PATCH", "/../institutions/12", {"parent_id": 999}, 422, "bad_case"),
    ("a branch of its own", "PATCH", "/../institutions/12", {"parent_id": 12}, 422, "bad_case"),
    ("a sealed column", "PATCH", "/../institutions/12", {"liaison": {}}, 400, "malformed"),
    ("a liaison of nobody's", "PUT", "/../institutions/999/liaisons", {"deputy": None}, 404, "not_found"),
    ("a third person", "PUT", "/../institutions/12/liaisons", {"driver": {}}, 400, "malformed"),
    ("a liaison with shoes", "PUT", "/../institutions/12/liaisons", {"liaison": {"shoes": 43}}, 400, "malformed"),
    ("no reason for a liaison", "POST", "/../institutions/12/liaisons/open", {"reason": ""}, 400, "malformed"),
)


@pytest.fixture(scope="module")
def known() -> dict[str, str]:
    """The one case that the table below is tried on."""
    return {}


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "code"), [pytest.param(*row[1:], id=row[0]) for row in ODD]
)
async def test_odd_requests(
    caller: Api, known: dict[str, str], method: str, path: str, body: Any, status: int, code: str
) -> None:
    if not known:
        known["no"] = (await caller.new())["case_no"]
    there = known["no"]
    where = (
        (CASES + path)
        .replace("cases/../", "")
        .replace("{no}", there)
        .replace("{digit}", damm.calc_check_digit("20269999999"))
    )
    sent = None if body is None else json.dumps(body).replace("{no}", there).encode()
    answered, answer, _ = await caller.ask(method, where, sent, If_Match=1)
    assert (answered, answer.get("error", "")) == (status, code), answer
    assert (await caller.get(f"{CASES}/{there}"))["version"] == 1


async def test_a_body_without_its_length_is_read_no_further_than_is_taken(caller: Api) -> None:
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        while sent < 100_000_000:
            sent += 65_536
            yield b" " * 65_536

    headers = dict(caller.token) | {"Content-Type": "application/json", "Idempotency-Key": "k-endless"}
    async with (
        aiohttp.ClientSession() as http,
        http.post(caller.url + CASES, data=endless(), headers=headers) as response,
    ):
        assert (response.status, (await response.json())["error"]) == (413, "too_large")
    assert sent < 50_000_000


@pytest.mark.parametrize("version", ["", "x", "-1", "1" * 40, "*"])
async def test_versions_that_are_none(caller: Api, version: str) -> None:
    where = f"{CASES}/{(await caller.new())['case_no']}"
    status, answer, _ = await caller.ask("PATCH", where, {"city": "西安"}, If_Match=version)
    assert (status, answer["error"]) == (400, "malformed")


async def test_no_request_that_the_description_allows_breaks_anything_or_shows_data_to_strangers(
    house: House, caller: Api
) -> None:
    """schemathesis makes up requests from the API's own description: right ones and, of each kind, wrong ones."""
    described = await caller.get("/openapi.json")
    mine = {path: one for path, one in described["paths"].items() if path.startswith(OURS)}
    case_no = (await caller.new())["case_no"]
    tried = await asyncio.to_thread(fuzz, described | {"paths": mine}, caller, case_no)
    assert sum(tried.values()) > EXAMPLES // 2 * len(tried)
    assert len(tried) == len(ROUTES)


def fuzz(described: dict[str, Any], caller: Api, case_no: str) -> dict[str, int]:
    """How many requests were made, by operation."""
    read: Any = schemathesis.openapi.from_dict(described)  # an operation that is not sound has no ok()
    found = [each.ok() for each in read.get_all_operations()]
    return {operation.label: _try(operation, caller, case_no) for operation in found}


def _try(operation: Any, caller: Api, case_no: str) -> int:
    tried = 0
    modes = (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)
    requests = st.one_of(*(operation.as_strategy(generation_mode=mode) for mode in modes))

    @hypothesis.given(case=requests, here=st.booleans())
    @hypothesis.settings(
        max_examples=EXAMPLES,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[hypothesis.Phase.generate],
        suppress_health_check=[hypothesis.HealthCheck.too_slow, hypothesis.HealthCheck.filter_too_much],
    )
    def ask(case: schemathesis.Case, here: bool) -> None:
        nonlocal tried
        if here and "case_no" in (case.path_parameters or {}):
            case.path_parameters["case_no"] = case_no  # one that is there, as it is
            with urlopen(Request(f"{caller.url}{CASES}/{case_no}", headers=dict(caller.token))) as now:
                case.headers["If-Match"] = now.headers["ETag"]
        answer = case.call(base_url=caller.url, headers=dict(caller.token))
        assert answer.status_code < 500, (case.as_curl_command(), answer.text)
        stranger = case.call(base_url=caller.url, headers={"Authorization": "Bearer qt_none"})
        assert (stranger.status_code, stranger.json()["error"]) == (401, "not_signed_in"), case.as_curl_command()
        tried += 1

    ask()
    return tried

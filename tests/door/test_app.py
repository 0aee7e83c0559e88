"""Which addresses there are and who may use them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

import aiohttp
import pytest
from fastapi import FastAPI
from starlette.routing import BaseRoute, Mount, WebSocketRoute

from core.store import Store
from door.app import PUBLIC, create_app, create_door, is_public
from door.listening import LOOPBACK, Listening, bind
from tests.door.conftest import Running


def every(routes: Iterable[BaseRoute]) -> Iterator[BaseRoute]:
    """The routes, those of included routers among them."""
    for route in routes:
        inner = getattr(route, "original_router", None)  # FastAPI keeps what was included as one route without a path
        yield from every(inner.routes) if inner is not None else [route]


def addresses(app: FastAPI) -> list[tuple[str, str]]:
    """(kind, path) of every route, with something in the place of its parameters."""
    found: list[tuple[str, str]] = []
    paths: set[str] = set()
    for route in every(app.routes):
        path = str(getattr(route, "path"))  # noqa: B009
        paths.add(path)
        filled = re.sub(r"\{(\w+_id)\}", "1", path.replace("{channel}", "web").replace("{case_no}", "Q2026-0000001-7"))
        assert "{" not in filled, f"say what stands for the parameters of {path}"
        kind = {WebSocketRoute: "socket", Mount: "mount"}.get(type(route), "http")
        found.append((kind, filled + "/" if isinstance(route, Mount) else filled))
    assert set(app.openapi()["paths"]) <= paths, "a route was not found"
    return found


async def test_every_route_that_is_not_on_the_public_list_wants_a_token(running: Running) -> None:
    app = create_app(running.house)
    seen = addresses(app)
    assert len(seen) > 10
    closed = [(kind, path) for kind, path in seen if not is_public(path)]
    assert ("http", "/api/alarms") in closed
    assert ("http", "/openapi.json") in closed
    for kind, path in closed:
        assert kind == "http"
        for method in ("GET", "POST"):
            async with running.http.request(method, running.url + path) as response:
                assert response.status == 401, (method, path)
                assert (await response.json())["error"] == "not_signed_in"
                assert response.headers["WWW-Authenticate"] == "Bearer"


async def test_the_public_list_is_what_the_design_says(running: Running) -> None:
    assert PUBLIC == ("/", "/c/", "/id/", "/socket/", "/widget/", "/healthz", "/readyz")
    opened = {path for _, path in addresses(create_app(running.house)) if is_public(path)}
    here = {"/", "/id/1", "/socket/web", "/widget", "/widget/", "/healthz", "/readyz"}
    assert opened == here, "and /c/, beside the framework"


@pytest.mark.parametrize("method", ["PUT", "DELETE", "HEAD", "OPTIONS"])
async def test_platforms_deliver_by_get_or_post_and_nothing_else(running: Running, method: str) -> None:
    async with running.http.request(method, f"{running.url}/c/web/in") as response:
        assert response.status == 405
        assert method == "HEAD" or (await response.json())["error"] == "wrong_method"


@pytest.mark.parametrize(
    "path", ["/nowhere", "/api", "/c", "/docs", "/redoc", "/openapi.json", "/cc/", "//", "/metrics"]
)
async def test_an_address_that_does_not_exist_tells_strangers_nothing(running: Running, path: str) -> None:
    async with running.http.get(running.url + path) as response:
        assert response.status == (404 if is_public(path) else 401)
    async with running.http.get(running.url + path, headers=await running.token()) as response:
        assert response.status == (200 if path == "/openapi.json" else 404)


async def test_a_socket_elsewhere_is_refused(running: Running) -> None:
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        await running.http.ws_connect(f"{running.url}/api/alarms")
    assert refused.value.status == 403


async def test_the_page_is_served_with_a_policy_that_allows_what_it_needs_and_no_more(running: Running) -> None:
    async with running.http.get(f"{running.url}/") as response:
        assert str(response.url) == f"{running.url}/widget/"
        assert "page" in await response.text()
        policy = response.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "script-src 'self'" in policy
        assert "connect-src 'self'" in policy
        assert response.headers["X-Content-Type-Options"] == "nosniff"
    async with running.http.get(f"{running.url}/healthz") as response:
        assert response.headers["Content-Security-Policy"].startswith("default-src 'none'")


async def test_the_page_leads_nowhere_else_on_the_disk(running: Running) -> None:
    for path in ("/widget/../keys.json", "/widget/%2e%2e/keys.json", "/widget/..%2fkeys.json", "/widget//etc/passwd"):
        async with running.http.get(running.url + path) as response:
            assert response.status in (401, 404), path


async def test_a_page_that_was_not_built_says_what_to_do(running: Running) -> None:
    door = Listening(create_door(running.house, running.house.settings.data / "nowhere"), bind(LOOPBACK, 0, "a test"))
    await door.start()
    async with running.http.get(f"http://{LOOPBACK}:{door.port}/") as response:
        assert response.status == 503
        assert "./qiantai setup" in (await response.json())["detail"]
    await door.stop()


async def test_every_failure_of_the_api_has_one_shape(running: Running) -> None:
    headers = await running.token()
    wrong = [
        ("GET", "/api/conversations?limit=0", 400, "malformed"),
        ("GET", "/api/conversations/nobody", 404, "not_found"),
        ("DELETE", "/api/alarms", 405, "wrong_method"),
        ("GET", "/api/nothing", 404, "not_found"),
        ("POST", "/api/alarms/x/acknowledge", 400, "malformed"),
    ]
    for method, path, status, code in wrong:
        async with running.http.request(method, running.url + path, headers=headers) as response:
            body = await response.json()
            assert (response.status, body["error"]) == (status, code), path
            assert set(body) == {"error", "detail"}


async def test_a_defect_of_ours_is_a_500_without_its_inside(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    headers = await running.token()

    read = Store.read

    async def sometimes(self: Store, query: object) -> object:
        if getattr(query, "__name__", "") == "open_alarms":
            raise RuntimeError("the inside of the house")
        return await read(self, query)  # type: ignore[arg-type]

    monkeypatch.setattr(Store, "read", sometimes)
    async with running.http.get(f"{running.url}/api/alarms", headers=headers) as response:
        assert response.status == 500
        body = await response.json()
    assert body["error"] == "internal"
    assert "inside" not in body["detail"]

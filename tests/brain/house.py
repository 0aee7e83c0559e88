"""A house small enough for tests of the brain: the real action listener on loopback and one real brain child."""

from __future__ import annotations

import asyncio
import http.client
import json
import os
import queue
import subprocess
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from aiohttp import web

import actions

ROOT = Path(__file__).resolve().parents[2]
PYTHON = ROOT / "bot" / "assistant" / ".venv" / "bin" / "python"
TOKEN, ACTION_TOKEN = "brain-token-of-a-test", "action-token-of-a-test"
START_MAX = 60.0  # seconds until a child must be ready, on a busy machine
NOON = "2026-11-21T04:00:00+00:00"
TRIES = 3  # of a turn


def environment(**more: str) -> dict[str, str]:
    """The environment that the house gives its brain: no PYTHONDONTWRITEBYTECODE, or every start compiles Rasa."""
    kept = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE" and not k.startswith("QIANTAI_")}
    return kept | more


def python(*arguments: str, timeout: float = 120.0, **env: str) -> subprocess.CompletedProcess[str]:
    """Run the brain's Python in the repository's root."""
    return subprocess.run(
        [str(PYTHON), *arguments],
        cwd=ROOT,
        env=environment(**env),
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


def inside(what: str, model: Path, listener: ActionListener) -> Any:
    """What tests/brain/inside.py finds in a process of its own."""
    done = python("tests/brain/inside.py", what, str(model), listener.url, ACTION_TOKEN)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


class ActionListener:
    """Runs `actions.execute` as door does, in a thread; `answer` may be replaced to make it fail."""

    def __init__(self) -> None:
        self.calls: list[dict[str, Any]] = []
        self.answer: Callable[[web.Request, dict[str, Any]], Any] = self._execute
        self.port = 0
        self._loop = asyncio.new_event_loop()
        self._started = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/webhook"

    def __enter__(self) -> ActionListener:
        self._thread.start()
        assert self._started.wait(10)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    def restore(self) -> None:
        self.answer = self._execute
        self.calls.clear()

    async def _execute(self, request: web.Request, body: dict[str, Any]) -> web.Response:
        try:
            return web.json_response(await actions.execute(body))
        except actions.ActionError as e:
            return web.json_response(e.body(), status=e.status)

    async def _webhook(self, request: web.Request) -> web.StreamResponse:
        if request.headers.get("Authorization") != f"Bearer {ACTION_TOKEN}":
            return web.json_response({"error": "token"}, status=401)
        body: dict[str, Any] = await request.json()
        self.calls.append(body)
        return await self.answer(request, body)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        app = web.Application(client_max_size=1 << 20)
        app.add_routes([web.post("/webhook", self._webhook)])
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        self._loop.run_until_complete(runner.setup())
        site = web.TCPSite(runner, "127.0.0.1", 0)
        self._loop.run_until_complete(site.start())
        assert site._server is not None
        self.port = site._server.sockets[0].getsockname()[1]  # type: ignore[attr-defined]
        self._started.set()
        self._loop.run_forever()
        self._loop.run_until_complete(runner.cleanup())
        self._loop.close()


class Line:
    """One kept connection to a brain."""

    def __init__(self, port: int) -> None:
        self._http = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        self.errors: list[str] = []

    def request(
        self, method: str, path: str, body: bytes | None = None, token: str | None = TOKEN
    ) -> tuple[int, dict[str, Any]]:
        headers = {"Content-Type": "application/json"}
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        try:
            self._http.request(method, path, body, headers)
            response = self._http.getresponse()
            answer = response.read()
        except (http.client.HTTPException, OSError):
            self._http.close()
            raise
        if response.getheader("Connection", "").lower() == "close":
            self._http.close()
        return response.status, json.loads(answer)

    def close(self) -> None:
        self._http.close()

    def post(self, body: Mapping[str, Any]) -> tuple[int, dict[str, Any]]:
        """POST /turn with exactly this body."""
        return self.request("POST", "/turn", json.dumps(body).encode())

    def turn(self, text: str = "", **fields: Any) -> dict[str, Any]:
        """One good turn. One whose action ran out of its second, on a busy machine, is asked again, as a house does."""
        body = turn(text, **fields)
        status, answer = self.post(body)
        for _ in range(TRIES - 1):
            if "no answer within" in str(answer.get("detail")):
                status, answer = self.post(body)
        assert status == 200, (status, answer, "".join(self.errors[-20:]))
        return answer


class Child(Line):
    """One brain process, ready when made."""

    def __init__(self, model: Path, action_url: str, *options: str, cwd: Path = ROOT) -> None:
        env = environment(QIANTAI_BRAIN_TOKEN=TOKEN, QIANTAI_ACTION_URL=action_url, QIANTAI_ACTION_TOKEN=ACTION_TOKEN)
        started = time.monotonic()
        serve = str(ROOT / "bot" / "assistant" / "serve.py")
        self.process = subprocess.Popen(
            [str(PYTHON), serve, "--model", str(model), "--port", "0", *options],
            cwd=cwd,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._said: queue.Queue[str] = queue.Queue()
        self.errors = []
        self._readers = [
            threading.Thread(target=self._read_out, daemon=True),
            threading.Thread(target=self._read_errors, daemon=True),
        ]
        for reader in self._readers:
            reader.start()
        line = self._said.get(timeout=START_MAX)
        assert line, "the brain ended: " + "".join(self.errors)
        self.ready: dict[str, Any] = json.loads(line)
        self.started_in = time.monotonic() - started
        self._http = http.client.HTTPConnection("127.0.0.1", self.ready["port"], timeout=30)

    def line(self) -> Line:
        """One more connection, for a thread of its own."""
        return Line(self.ready["port"])

    def __enter__(self) -> Child:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    def stop(self) -> int:
        self._http.close()
        self.process.terminate()
        code = self.process.wait(20)
        for reader in self._readers:
            reader.join(10)
        assert self.process.stdout
        assert self.process.stderr
        self.process.stdout.close()
        self.process.stderr.close()
        return code

    def cpu(self) -> float:
        """Seconds of CPU the process has used, user and system."""
        stat = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(stat[11]) + int(stat[12])) / os.sysconf("SC_CLK_TCK")

    def rss(self) -> int:
        """Resident memory, MB."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1]) // 1024

    def _read_out(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            self._said.put(line)
        self._said.put("")

    def _read_errors(self) -> None:
        assert self.process.stderr
        for line in self.process.stderr:
            self.errors.append(line)


def turn(text: str = "", **fields: Any) -> dict[str, Any]:
    """The body of a turn as the house sends it; `fields` replace."""
    body: dict[str, Any] = {
        "turn": "t1",
        "kind": "text",
        "text": text,
        "payload": "",
        "attachments": [],
        "language": "zh",
        "channel": {"kind": "web", "capabilities": {"buttons": True}},
        "now": NOON,
        "vector": None,
        "hits_decision": "none",
        "hits": [],
        "context": {"pending": None, "cases": [], "last_speaker": "contact", "reflex": "", "since": None},
        "state": None,
    }
    return body | fields


def press(payload: str, **fields: Any) -> dict[str, Any]:
    """Fields of a turn in which a button of ours was pressed."""
    return {"kind": "payload", "payload": payload, **fields}


def answers(*entries: str, score: float = 0.93, decision: str = "answer") -> dict[str, Any]:
    """Fields of a turn for which the search found `entries`, best first."""
    hits = [
        {"id": entry, "topic": "credit_report", "score": round(score - 0.02 * i, 4), "phrasing": "…"}
        for i, entry in enumerate(entries)
    ]
    return {"hits_decision": decision, "hits": hits}


def said(answer: Mapping[str, Any]) -> list[str]:
    """The keys and entries of an answer, in order."""
    return [part.get("key") or part["faq"] for part in answer["say"]]

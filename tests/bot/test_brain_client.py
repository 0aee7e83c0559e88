"""The wire to the brain: what goes out, what comes back, and a name for every way it can fail."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator
from dataclasses import dataclass

import numpy as np
import orjson
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from bot.brain import TEXT_MAX, BrainClient, TurnFailed, TurnRequest, decode
from core.effects import SetLanguage
from core.model import Attachment, Capabilities, MessageKind, Say
from tests.brain_server import BrainServer, brain_server
from tests.conftest import NOON
from tests.door.stub_brain import as_told
from tests.servers import free_port
from tests.waiting import PATIENCE, until

TOKEN = "token"


def request(text: str = "你好", **more: object) -> TurnRequest:
    values: dict[str, object] = {
        "turn": "7-1",
        "kind": MessageKind.TEXT,
        "text": text,
        "language": "zh",
        "channel": "web",
        "capabilities": Capabilities(buttons=True),
        "now": NOON,
    }
    return TurnRequest(**(values | more))  # type: ignore[arg-type]


@pytest.fixture
async def stub() -> AsyncGenerator[BrainServer]:
    async with brain_server() as brain:
        brain.answer = as_told
        yield brain


@pytest.fixture
async def client(stub: BrainServer) -> AsyncGenerator[BrainClient]:
    brain = BrainClient(stub.url, TOKEN, timeout=PATIENCE)
    yield brain
    await brain.close()


@pytest.fixture
async def hasty(stub: BrainServer) -> AsyncGenerator[BrainClient]:
    brain = BrainClient(stub.url, TOKEN, timeout=0.3)
    yield brain
    await brain.close()


async def test_a_turn_carries_everything_the_contract_names(client: BrainClient, stub: BrainServer) -> None:
    @dataclass(frozen=True, slots=True)
    class Hit:
        id: str
        topic: str
        score: float
        phrasing: str

    reply = await client.turn(
        request(
            attachments=(Attachment(media_type="image/png", url="https://example.org/secret", name="a.png"),),
            vector=np.array([0.25, -1.0], np.float32),
            hits_decision="answer",
            hits=(Hit("F22", "credit_report", 0.93, "怎么查信用报告"),),
            context={"pending": None, "cases": [], "last_speaker": "bot", "since": 12.5},
            state=b'{"n":4}',
        )
    )
    (sent,) = stub.asked
    assert sent["turn"] == "7-1"
    assert sent["kind"] == "text"
    assert sent["text"] == "你好"
    assert sent["attachments"] == [{"media_type": "image/png", "name": "a.png"}]
    assert sent["channel"]["kind"] == "web"
    assert sent["channel"]["capabilities"]["buttons"] is True
    assert sent["now"] == "2026-11-21T04:00:00+00:00"
    assert sent["vector"] == [0.25, -1.0]
    assert sent["hits_decision"] == "answer"
    assert sent["hits"] == [{"id": "F22", "topic": "credit_report", "score": 0.93, "phrasing": "怎么查信用报告"}]
    assert sent["context"]["since"] == 12.5
    assert sent["state"] == {"n": 4}
    assert reply.say == (Say(key="greeting"),)
    assert reply.state == b'{"n":5}'
    assert reply.decision.label == "test"


async def test_a_new_contact_has_no_state_and_a_long_text_is_cut(client: BrainClient, stub: BrainServer) -> None:
    await client.turn(request("长" * 5000))
    assert stub.asked[0]["state"] is None
    assert len(stub.asked[0]["text"]) == TEXT_MAX


@pytest.mark.parametrize(
    ("text", "reason", "permanent"),
    [
        ("503", "down", False),
        ("500", "failed", False),
        ("broken", "failed", False),
        ("nonsense", "failed", False),
        ("empty", "empty", False),
        ("401", "refused", False),
        ("413", "refused", True),
        ("422", "refused", True),
    ],
)
async def test_every_failure_has_its_name(client: BrainClient, text: str, reason: str, permanent: bool) -> None:
    with pytest.raises(TurnFailed) as failed:
        await client.turn(request(text))
    assert (failed.value.reason, failed.value.permanent) == (reason, permanent)
    assert failed.value.code == "brain"


async def test_a_brain_that_takes_too_long_is_slow(hasty: BrainClient, stub: BrainServer) -> None:
    stub.hang()
    with pytest.raises(TurnFailed) as failed:
        await hasty.turn(request())
    stub.wake()
    assert (failed.value.reason, failed.value.permanent) == ("slow", False)


async def test_no_more_turns_are_in_flight_than_the_brain_takes(stub: BrainServer) -> None:
    client = BrainClient(stub.url, TOKEN, at_once=2)
    stub.hang()
    asked = [asyncio.create_task(client.turn(request(f"message {n}"))) for n in range(5)]
    await until(lambda: len(stub.asked) == 2)
    await asyncio.sleep(0.05)  # long enough for a third to arrive, were it let through
    assert len(stub.asked) == 2
    stub.wake()
    assert len(await asyncio.gather(*asked)) == 5
    await client.close()


async def test_a_brain_that_is_not_there_is_down_at_once() -> None:
    client = BrainClient(f"http://127.0.0.1:{free_port()}", TOKEN)
    with pytest.raises(TurnFailed, match="down") as failed:
        await client.turn(request())
    assert failed.value.reason == "down"
    assert await client.ready() == ""
    await client.close()


async def test_a_text_that_is_no_text_is_refused_before_it_is_sent(client: BrainClient, stub: BrainServer) -> None:
    with pytest.raises(TurnFailed) as failed:
        await client.turn(request("\ud800"))
    assert failed.value.permanent
    assert stub.asked == []


async def test_every_call_shows_the_token() -> None:
    shown: list[str | None] = []

    async def handle(call: web.Request) -> web.Response:
        shown.append(call.headers.get("Authorization"))
        return web.json_response({"error": "token", "detail": "not mine"}, status=401)

    app = web.Application()
    app.router.add_post("/turn", handle)
    async with TestServer(app) as server:
        client = BrainClient(str(server.make_url("")), TOKEN)
        with pytest.raises(TurnFailed, match="refused: 401 token"):
            await client.turn(request())
        await client.close()
    assert shown == [f"Bearer {TOKEN}"]


async def test_readiness_names_the_model(client: BrainClient) -> None:
    assert await client.ready() == "test"


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"say": [], "effects": {}},
        {"say": [{"key": "a", "faq": "F1"}], "effects": []},
        {"say": [{}], "effects": []},
        {"say": [{"key": 1}], "effects": []},
        {"say": [{"key": "a", "args": [1]}], "effects": []},
        {"say": ["text"], "effects": []},
        {"say": [], "effects": [{"name": "set_language", "language": "fr"}]},
        {"say": [{"key": "a"}], "effects": [], "decision": {"confidence": "high"}},
        [],
        None,
    ],
)
def test_an_answer_that_breaks_the_contract_is_a_failure_not_an_answer(answer: object) -> None:
    with pytest.raises(TurnFailed) as failed:
        decode(orjson.dumps(answer))
    assert failed.value.reason == "failed"


def test_effects_are_checked_and_kept_in_order() -> None:
    reply = decode(orjson.dumps({"say": [], "effects": [{"name": "set_language", "language": "en"}]}))
    assert reply.effects == (SetLanguage(language="en"),)
    assert reply.state is None


async def test_a_brain_that_ended_a_moment_ago_is_waited_for(client: BrainClient, stub: BrainServer) -> None:
    client.went_down()
    asked = asyncio.create_task(client.turn(request()))
    await asyncio.sleep(0)
    assert not stub.asked
    client.came_up(stub.url)
    assert (await asked).say


async def test_a_brain_that_does_not_come_back_is_down_after_one_time_budget(hasty: BrainClient) -> None:
    hasty.went_down()
    began = time.monotonic()
    with pytest.raises(TurnFailed) as failed:
        await asyncio.wait_for(hasty.turn(request()), PATIENCE)
    assert failed.value.reason == "down"
    assert time.monotonic() - began > 0.2


async def test_a_brain_that_has_been_gone_for_long_is_not_waited_for(
    client: BrainClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.brain.BACK_WITHIN", 0.0)
    client.went_down()
    with pytest.raises(TurnFailed, match="down"):
        await asyncio.wait_for(client.turn(request()), PATIENCE / 2)  # of the time budget

"""Cloud SMS and a whole house: answers in templates, statuses by our own id, and the samples of `channels simulate`."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import pytest
from aiohttp import web
from sqlalchemy import select
from yarl import URL

from core.model import DeliveryState
from core.settings import Settings
from core.tables import address, outbox
from door.cli.channels import deliveries, post
from door.cli.exits import Exit
from door.cli.setup.steps import ROOT
from tests.brain_server import say
from tests.channels import aliyun_sms_cases, tencent_sms_cases, twilio_cases
from tests.door.conftest import SECRET, Open, Running
from tests.waiting import until

HERE = "https://desk.example"


@dataclass
class Vendor:
    """All three vendors' interfaces: keeps what it is asked, takes everything."""

    url: str = ""
    asked: list[dict[str, str]] = field(default_factory=list[dict[str, str]])

    async def take(self, request: web.Request) -> web.Response:
        if request.query:
            self.asked.append(dict(request.query))
            return web.json_response({"Code": "OK", "BizId": f"biz-{len(self.asked)}"})
        if request.content_type == "application/json":
            self.asked.append(await request.json())
            status = {"Code": "Ok", "SerialNo": f"serial-{len(self.asked)}"}
            return web.json_response({"Response": {"SendStatusSet": [status]}})
        self.asked.append({k: str(v) for k, v in (await request.post()).items()})
        return web.json_response({"sid": f"SM{len(self.asked)}", "status": "queued"}, status=201)

    def channels(self) -> dict[str, Any]:
        """One account with each, which takes calls from this machine."""
        near = {"allow": "127.0.0.1"}
        return {
            "twilio": twilio_cases.config(self.url),
            "ali": aliyun_sms_cases.config(self.url) | near,
            "tencent": tencent_sms_cases.config(self.url) | near,
            "web": {"kind": "web"},
            "hook": {"kind": "webhook", "secret": SECRET, "callback_url": f"{self.url}/hook"},
        }


@pytest.fixture
async def vendor() -> AsyncGenerator[Vendor]:
    made = Vendor()
    app = web.Application()
    app.router.add_post("/{path:.*}", made.take)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    made.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield made
    await runner.cleanup()


async def bring(running: Running, item: dict[str, Any], what: str = "up") -> None:
    url = f"{running.url}/c/ali/{aliyun_sms_cases.SECRET}/{what}"
    async with running.http.post(url, json=[item]) as response:
        assert (response.status, await response.json()) == (200, {"code": 0, "msg": "接收成功"})


async def test_what_the_house_says_at_once_is_one_template_and_a_number_chooses_nothing(
    open_doors: Open, vendor: Vendor
) -> None:
    async with open_doors(channels=vendor.channels(), public_base_url=HERE) as running:
        running.brain.answer = lambda turn: say("greeting", "goodbye")
        await bring(running, aliyun_sms_cases.ASKED)
        [sent] = await until(lambda: vendor.asked)
        carried = json.loads(sent["TemplateParam"])["content"]
        assert carried.endswith("…")
        assert len(carried) <= 35
        assert "\n" not in carried
        assert len(await state(running)) == 1
        await bring(running, {**aliyun_sms_cases.ASKED, "content": "1", "sequence_id": "2"})
        await until(lambda: len(vendor.asked) == 2)
        assert [turn["payload"] for turn in running.brain.asked] == ["", ""]


async def state(running: Running) -> list[str]:
    rows = await running.house.store.read(lambda conn: conn.execute(select(outbox.c.state)).scalars().all())
    return list(rows)


async def test_a_report_moves_the_message_and_the_black_list_stops_the_contact(
    open_doors: Open, vendor: Vendor
) -> None:
    async with open_doors(channels=vendor.channels(), public_base_url=HERE) as running:
        await bring(running, aliyun_sms_cases.ASKED)
        [sent] = await until(lambda: vendor.asked)
        await until(lambda: sends(running, "ali") == 1)
        report = {**aliyun_sms_cases.REPORT, "out_id": sent["OutId"]}
        await bring(running, report, "report")
        await bring(running, report, "report")
        assert await state(running) == [DeliveryState.DELIVERED.value]
        await bring(running, {**report, "success": False, "err_code": "MOBILE_IN_BLACK"}, "report")
        assert await state(running) == [DeliveryState.FAILED.value]
        stopped = await running.house.store.read(lambda conn: conn.execute(select(address.c.stopped_at)).scalar_one())
        assert stopped is not None


def sends(running: Running, channel: str) -> float:
    return running.count("sends_total", channel=channel, outcome="sent")


async def test_a_status_of_twilio_under_our_own_id_moves_the_message_forward_and_never_back(
    open_doors: Open, vendor: Vendor
) -> None:
    async with open_doors(channels=vendor.channels(), public_base_url=HERE) as running:
        question = deliveries(house(vendor), "twilio")[1]["text"]
        assert [one.status for one in await post(running.url, "twilio", {"text": question})] == [200]
        [sent] = await until(lambda: vendor.asked)
        await until(lambda: sends(running, "twilio") == 1)
        path = sent["StatusCallback"].removeprefix(f"{HERE}/c/twilio/")
        for said in ("delivered", "sent", "queued", "delivered"):
            fields = twilio_cases.reported(said)
            signature = twilio_cases.signature(sent["StatusCallback"], list(fields.items()))
            headers = {"X-Twilio-Signature": signature}
            async with running.http.post(f"{running.url}/c/twilio/{path}", data=fields, headers=headers) as response:
                assert (response.status, await response.text()) == (200, "<Response/>")
            assert await state(running) == [DeliveryState.DELIVERED.value]

        query = urlencode(twilio_cases.reported("read"))  # by GET, whose signature is over the address to the letter
        headers = {"X-Twilio-Signature": twilio_cases.signature(f"{sent['StatusCallback']}?{query}", [])}
        where = URL(f"{running.url}/c/twilio/{path}?{query}", encoded=True)
        async with running.http.get(where, headers=headers) as response:
            assert response.status == 200
        assert await state(running) == [DeliveryState.READ.value]


# ./qiantai channels simulate ----------------------------------------------------------------------------------------


def house(vendor: Vendor) -> Settings:
    return Settings(channels=vendor.channels(), public_base_url=HERE)


async def test_samples_are_taken_by_a_running_house_the_repeated_one_once_and_forged_ones_refused(
    open_doors: Open, vendor: Vendor
) -> None:
    async with open_doors(channels=vendor.channels(), public_base_url=HERE) as running:
        for which in ("twilio", "aliyun_sms", "tencent", "web", "webhook"):
            id, requests = deliveries(house(vendor), which)
            answered = await post(running.url, id, requests)
            assert {one.label: one.status for one in answered} == dict.fromkeys(requests, 200), which
            assert running.count("duplicates_total", channel=id) == 1

        kept = {name: value for name, value in os.environ.items() if not name.startswith("QIANTAI_")}
        hook = vendor.channels()["hook"] | {"secret": "another secret than the house has"}
        command = ("-m", "door.cli", "channels", "simulate", "webhook", "--url", running.url, "--json")
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *command,
            env=kept | {"QIANTAI_CHANNELS": json.dumps({"hook": hook})},
            cwd=ROOT,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        said, told = await process.communicate()
    assert process.returncode == Exit.FOUND
    assert "4 of 4 deliveries were refused" in told.decode()
    rows = json.loads(said)
    assert [row["label"] for row in rows] == ["text", "text, delivered again", "attachment", "unsupported"]
    assert {row["status"] for row in rows} == {401}
    assert all(row["ms"] > 0 for row in rows)

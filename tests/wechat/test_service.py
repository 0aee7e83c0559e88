"""Followers write, and are answered through the customer-service interface."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from aiohttp import web
from sqlalchemy import select, update

from channels import make
from channels.wechat import Wechat
from core.errors import SendError
from core.model import Attachment, Outbound
from core.tables import inbox, unsupported
from door import house
from tests.brain_server import say
from tests.door.waiting import until
from tests.wechat.conftest import KEY, SECRET, Account, Desk
from tests.wechat.platform import WeChat, serving

LINE = "您好"


async def shown(desk: Desk, count: int = 1, who: str = "anna") -> list[str]:
    await until(lambda: len(desk.platform.follower(who).shown) >= count)
    return desk.platform.follower(who).shown


@pytest.mark.parametrize("mode", ["plain", "compatible", "encrypted"])
async def test_a_question_is_acknowledged_and_answered_in_every_mode(account: Account, mode: str) -> None:
    async with account(mode) as desk:
        assert await desk.hears(desk.platform.text("怎么查自己的信用报告？")) == ""
        assert len(await shown(desk)) == 1
        assert await desk.ended("sent")
        assert desk.platform.attempts == 1


async def test_the_check_of_the_server_settings_is_answered_and_a_forged_one_is_not(service: Desk) -> None:
    query = KEY.query(int(service.running.house.clock().timestamp()), "n") | {"echostr": "58384792"}
    async with service.running.http.get(service.platform.house, params=query) as good:
        assert (good.status, await good.text()) == (200, "58384792")
    async with service.running.http.get(service.platform.house, params=query | {"nonce": "m"}) as bad:
        assert bad.status == 401


async def test_an_altered_delivery_is_refused_and_changes_nothing(service: Desk) -> None:
    query, body = service.platform.request(service.platform.text("你好"))
    other = service.platform.request(service.platform.text("转账"))[1]
    for params, data in ((query, other), (query | {"timestamp": "1"}, body), (query | {"msg_signature": "0"}, body)):
        async with service.running.http.post(service.platform.house, params=params, data=data) as refused:
            assert refused.status == 401
    assert await service.turns() == []


async def test_the_same_id_of_two_followers_stays_two_messages(service: Desk) -> None:
    for who in ("anna", "ben"):
        await service.hears(service.platform.text("你好", who, msg_id=24999))
    for who in ("anna", "ben"):
        assert len(await shown(service, who=who)) == 1
        assert await service.turns(who) == [("text", "done")]


async def test_the_same_delivery_three_times_at_once_is_one_turn_and_one_reply(service: Desk) -> None:
    service.running.brain.hang()
    xml = service.platform.text("你好")
    answers = await asyncio.gather(*(service.platform.post(service.running.http, xml) for _ in range(3)))
    assert answers == [(200, "success")] * 3
    await service.running.brain.was_asked.wait()
    assert await service.platform.post(service.running.http, xml) == (200, "success")  # while the first is thought of
    service.running.brain.wake()
    await shown(service)
    await until(lambda: service.replies())
    assert len(service.running.brain.asked) == 1
    assert await service.ended("sent")


async def test_a_delivery_that_is_replayed_as_it_was_is_one(service: Desk) -> None:
    query, body = service.platform.request(service.platform.text("你好"))
    for _ in range(2):
        async with service.running.http.post(service.platform.house, params=query, data=body) as taken:
            assert taken.status == 200
    await shown(service)
    assert await service.turns() == [("text", "done")]


async def test_an_event_repeated_is_one_and_two_events_of_one_second_are_two(service: Desk) -> None:
    at = int(service.running.house.clock().timestamp())
    for name, key in (("subscribe", "qrscene_1"), ("subscribe", "qrscene_1"), ("SCAN", "2"), ("CLICK", "信用")):
        await service.hears(service.platform.event(name, key, at=at))
    await shown(service, 3)
    assert await service.turns() == [("followed", "done"), ("followed", "done"), ("text", "done")]


async def test_a_voice_message_without_a_transcript_is_kept_and_answered_and_one_with_it_is_read(service: Desk) -> None:
    await service.hears(service.platform.message("voice", "<MediaId>m1</MediaId><Recognition></Recognition>"))
    await shown(service)
    await service.hears(
        service.platform.message("voice", "<MediaId>m2</MediaId><Recognition>存款保险赔多少</Recognition>")
    )
    await shown(service, 2)
    assert [kind for kind, _ in await service.turns()] == ["attachment", "text"]
    assert service.running.brain.asked[-1]["text"] == "存款保险赔多少"


async def test_what_we_do_not_handle_is_acknowledged_kept_and_answered_but_an_address_opened_is_not(
    service: Desk,
) -> None:
    assert await service.hears(service.platform.message("note", "")) == ""
    assert await service.hears(service.platform.message("text", "<Content></Content>")) == ""
    assert await service.hears(service.platform.event("VIEW", "https://a.example")) == ""
    await shown(service, 2)
    reasons = select(unsupported.c.reason).order_by(unsupported.c.id)
    kept = await service.running.house.store.read(lambda conn: list(conn.execute(reasons).scalars()))
    assert kept == ["a message of type note", "a text without content"]
    assert await service.turns() == [("attachment", "done")] * 2


async def test_a_choice_of_the_menu_comes_back_as_its_button(service: Desk) -> None:
    service.running.brain.answer = lambda turn: say("followed")
    await service.hears(service.platform.text("你好"))
    await until(lambda: service.platform.follower("anna").menus)
    title = service.platform.follower("anna").menus[0]["list"][0]["content"]
    await service.hears(service.platform.choose(title))
    await shown(service, 2)
    assert [kind for kind, _ in await service.turns()] == ["text", "payload"]
    assert service.running.brain.asked[-1]["payload"].startswith("/")


async def test_an_account_without_menus_gets_numbered_lines_and_is_asked_only_once(service: Desk) -> None:
    service.platform.menus_allowed = False
    service.running.brain.answer = lambda turn: say("followed")
    for n in (1, 2):
        await service.hears(service.platform.text(f"你好{n}"))
        assert "\n1. " in (await shown(service, n))[-1]


async def test_what_is_said_to_one_message_goes_out_as_one_message(service: Desk) -> None:
    service.running.brain.answer = lambda turn: say("thanks", "greeting")
    await service.hears(service.platform.text("谢谢"))
    (one,) = await shown(service)
    assert "\n\n" in one
    assert await service.ended("sent")


async def test_a_long_word_comes_in_parts_of_2048_bytes_that_are_cut_between_characters(service: Desk) -> None:
    await service.hears(service.platform.text("你好"))
    await shown(service)
    words = "甲" * 900 + "👨‍👩‍👧" * 100
    await service.say(words)
    parts = (await shown(service, 4))[1:]
    assert "".join(parts) == words
    assert all(len(part.encode()) <= 2048 and not part.startswith("\u200d") for part in parts)


async def test_a_click_allows_three_answers_and_the_fourth_ends_visibly(service: Desk) -> None:
    await service.hears(service.platform.event("CLICK", "信用报告"))
    await shown(service)
    for n in range(3):
        await service.say(f"第{n}句", cause=f"person-{n}")
        await until(lambda n=n: service.replies())
    assert await service.ended("sent", "sent", "sent", "failed")
    assert "undeliverable" in (await service.alarms())["send_failed"]
    assert len(service.platform.follower("anna").shown) == 3


async def test_48_hours_after_a_message_nothing_is_sent_any_more(service: Desk) -> None:
    await service.hears(service.platform.text("你好"))
    await shown(service)
    earlier = service.running.house.clock() - timedelta(hours=48, minutes=1)
    await service.running.house.store.write(
        lambda conn: conn.execute(update(inbox).values(received_at=earlier)) and None
    )
    await service.say("您的事项有进展")
    assert await service.ended("sent", "failed")


ENDS: dict[str, tuple[int | web.Response, str, str]] = {  # follower → fault, state of the message, kind of alarm
    "outside": (45015, "failed", "send_failed"),
    "used-up": (45047, "failed", "send_failed"),
    "forbidden": (48001, "failed", "send_failed"),
    "address": (40164, "failed", "send_failed"),
    "gateway": (web.Response(status=502), "unknown", "send_unknown"),
    "calls": (45009, "ready", "channel_trouble"),  # the last one: after it the whole channel rests
}


async def test_an_error_of_the_platform_ends_as_it_must_and_people_hear_of_it(service: Desk) -> None:
    for who, (fault, state, kind) in ENDS.items():
        service.platform.faults.append(fault)
        await service.hears(service.platform.text("你好", who))
        await until(lambda kind=kind: _alarm(service, kind))
        assert await service.ended(state, who=who)
        assert service.platform.follower(who).shown == []
    assert "45009" in (await service.alarms())["channel_trouble"]


async def test_a_follower_sees_that_an_answer_is_being_written(service: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(house, "TYPING_AFTER", 0.0)
    service.running.brain.hang()
    await service.hears(service.platform.text("你好"))
    await until(lambda: service.platform.follower("anna").typing)
    service.running.brain.wake()
    assert len(await shown(service)) == 1


async def _alarm(desk: Desk, kind: str) -> str:
    return (await desk.alarms()).get(kind, "")


async def test_a_busy_platform_is_asked_again(service: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.retry.SEND_FIRST", 0.05)
    service.platform.faults.append(-1)
    await service.hears(service.platform.text("你好"))
    assert len(await shown(service)) == 1
    assert await service.ended("sent")


async def test_who_unsubscribes_is_told_nothing_more(service: Desk) -> None:
    await service.hears(service.platform.text("你好"))
    await shown(service)
    await service.hears(service.platform.event("unsubscribe"))
    await service.say("还在吗")
    assert await service.ended("sent", "failed")


async def test_two_accounts_do_not_take_each_others_deliveries(account: Account) -> None:
    async with account() as desk:
        other = WeChat(
            key=KEY.__class__(app_id="wx49f0ab532d5d035a", token=KEY.token, aes_key=KEY.aes_key), secret=SECRET
        )
        query, body = other.request(other.text("你好"))
        async with desk.running.http.post(desk.platform.house, params=query, data=body) as refused:
            assert refused.status == 401


# Tokens ---------------------------------------------------------------------------------------------------------------


def worker(platform: WeChat, number: int) -> Wechat:
    """The same account in another process: nothing is shared but the platform."""
    keys = {"app_id": KEY.app_id, "token": KEY.token, "aes_key": KEY.aes_key, "app_secret": SECRET}
    made = make(f"wx-{number}", {"kind": "wechat", "api_url": platform.url, **keys})
    assert isinstance(made, Wechat)
    return made


async def test_four_workers_whose_token_expires_in_a_burst_make_one_new_token() -> None:
    async with serving(WeChat(key=KEY, secret=SECRET)) as platform:
        platform.text("你好")
        platform.follower("anna").opened[0][1] = 1000
        workers = [worker(platform, n) for n in range(4)]
        for each in workers:
            await each.start()
        try:
            for round_ in range(3):
                messages = [Outbound(id=round_ * 100 + n, address="anna", text=f"{n}") for n in range(40)]
                await asyncio.gather(*(workers[m.id % 4].send(m) for m in messages))
                platform.invalidate()
        finally:
            for each in workers:
                await each.close()
    assert len(platform.follower("anna").shown) == 120
    assert len(platform.tokens) == 3  # the first, and one after each expiry
    assert platform.fetches == 4 * 3  # each process asks once


async def test_a_token_that_is_refused_for_ever_costs_one_renewal() -> None:
    async with serving(WeChat(key=KEY, secret=SECRET)) as platform:
        platform.faults += [40001] * 10
        alone = worker(platform, 1)
        await alone.start()
        try:
            with pytest.raises(SendError, match="account: 40001"):
                await alone.send(Outbound(id=1, address="anna", text=LINE))
        finally:
            await alone.close()
    assert platform.fetches == 2
    assert len(platform.faults) == 8


# Files ----------------------------------------------------------------------------------------------------------------


async def test_a_file_is_fetched_by_its_media_id_and_from_nowhere_else() -> None:
    async with serving(WeChat(key=KEY, secret=SECRET)) as platform:
        platform.files["m-1"] = (b"\xff\xd8jpeg", "image/jpeg")
        platform.files["clip"] = (b'{"video_url":"http://169.254.169.254/"}', "text/plain")
        alone = worker(platform, 1)
        await alone.start()
        try:
            head = f"{platform.url}/cgi-bin/media/get?media_id="
            assert await alone.download(_file(f"{head}m-1")) == (b"\xff\xd8jpeg", "image/jpeg")
            for url in (f"{head}gone", f"{head}clip", "http://169.254.169.254/latest", f"{platform.url}/other"):
                with pytest.raises(SendError):
                    await alone.download(_file(url))
        finally:
            await alone.close()


def _file(url: str) -> Attachment:
    return Attachment(media_type="image/jpeg", url=url)

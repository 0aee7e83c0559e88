"""Followers write, and are answered through the customer-service interface."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from aiohttp import web
from sqlalchemy import select, update

from channels import make
from channels.wechat import Wechat
from core.errors import LedgerBusy, SendError
from core.model import Attachment, Outbound
from core.tables import inbox, message, unsupported
from door import house
from door.reception import Reception
from tests.brain_server import say
from tests.door.conftest import Open
from tests.waiting import until
from tests.wechat.conftest import KEY, SECRET, Account, Desk, settings
from tests.wechat.platform import OUT_OF_ORDER, WeChat, serving

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
    service.platform.files |= dict.fromkeys(("m1", "m2"), (b"#!AMR\n", "audio/amr"))
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
    assert await service.turns() == [("unreadable", "done")] * 2


async def test_words_arrive_and_go_out_as_they_were_written(service: Desk) -> None:
    for n, words in enumerate(("👨‍👩‍👧 𠮷野家", '<a href="https://a.example/?x=1&y=2">点我</a>', "]]> & <b>"), 1):
        await service.hears(service.platform.text(words.replace("]]>", "]]]]><![CDATA[>")))
        await shown(service, 2 * n - 1)
        assert service.running.brain.asked[-1]["text"] == words
        await service.say(words, cause=f"person-{n}")
        assert (await shown(service, 2 * n))[-1] == words


async def test_a_picture_a_place_and_a_page_are_kept_and_answered(service: Desk) -> None:
    place = "<Location_X>23.1</Location_X><Location_Y>113.3</Location_Y><Label>广州市越秀区</Label>"
    page = "<Title>公告</Title><Url><![CDATA[https://a.example/n?x=1&y=2]]></Url>"
    for kind, more in (("image", "<MediaId>m-1</MediaId>"), ("location", place), ("link", page)):
        assert await service.hears(service.platform.message(kind, more)) == ""
    await shown(service, 3)
    assert await service.turns() == [(kind, "done") for kind in ("attachment", "location", "attachment")]
    urls = select(message.c.attachments).where(message.c.author == "contact").order_by(message.c.seq)
    picture, _, link = await service.running.house.store.read(lambda conn: list(conn.execute(urls).scalars()))
    assert picture[0]["url"] == f"{service.platform.url}/cgi-bin/media/get?media_id=m-1"
    assert link[0]["url"] == "https://a.example/n?x=1&y=2"


async def test_100_kb_of_text_are_acknowledged_and_answered_so(service: Desk) -> None:
    assert await service.hears(service.platform.text("长" * 34_000)) == ""
    (told,) = await shown(service)
    assert told.startswith(service.words("too_long"))
    assert await service.turns() == [("too_long", "done")]


async def test_a_house_that_cannot_write_is_brought_the_message_again_and_says_no_good_too_early(
    service: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    accept, left = Reception.accept, 2

    async def busy(self: Reception, *args: Any) -> Any:
        nonlocal left
        left -= 1
        if left >= 0:
            raise LedgerBusy
        return await accept(self, *args)

    monkeypatch.setattr(Reception, "accept", busy)
    assert await service.hears(service.platform.text("你好")) == ""
    assert service.platform.attempts == 3
    await shown(service)
    left = 3
    assert await service.hears(service.platform.text("还在吗")) == OUT_OF_ORDER  # the platform's words, after three
    assert await service.turns() == [("text", "done")]


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


@pytest.mark.parametrize("allows", [5, 3], ids=["a message", "a click"])
async def test_what_is_one_answer_too_many_ends_visibly_until_they_write_again(service: Desk, allows: int) -> None:
    opens = service.platform.text("你好") if allows == 5 else service.platform.event("CLICK", "信用报告")
    await service.hears(opens)
    for n in range(allows):  # the house's own answer is the first
        await service.say(f"第{n}句", cause=f"person-{n}")
    assert await service.ended(*["sent"] * allows, "failed")
    assert "undeliverable" in (await service.alarms())["send_failed"]
    assert len(service.platform.follower("anna").shown) == allows
    await service.hears(service.platform.text("还在"))
    assert len(await shown(service, allows + 1)) == allows + 1


async def test_the_platforms_own_count_ends_visibly_too(account: Account) -> None:
    async with account(event_quota=100, event_seconds=3600) as desk:
        await desk.hears(desk.platform.event("CLICK", "信用报告"))
        for n in range(3):
            await desk.say(f"第{n}句", cause=f"person-{n}")
        assert await desk.ended(*["sent"] * 3, "failed")
        assert "45047" in (await desk.alarms())["send_failed"]
        desk.platform.clock += 61
        await desk.say("一分钟以后", cause="person-late")
        assert await desk.ended(*["sent"] * 3, "failed", "failed")
        assert len(desk.platform.follower("anna").shown) == 3


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


async def test_two_accounts_of_one_house_are_apart_and_do_not_take_each_others_deliveries(open_doors: Open) -> None:
    async with (
        serving(WeChat(key=KEY, secret=SECRET)) as one,
        serving(WeChat(key=replace(KEY, app_id="wx49f0ab532d5d035a"), secret="another-secret")) as two,
        open_doors(channels={"one": settings(one), "two": settings(two)}) as running,
    ):
        for id, there in (("one", one), ("two", two)):
            there.house = f"{running.url}/c/{id}/in"
            assert await there.deliver(running.http, there.text("你好", msg_id=24001)) == ""  # the same id, from anna
            await until(lambda there=there: there.follower("anna").shown)
        assert [len(there.follower("anna").shown) for there in (one, two)] == [1, 1]
        query, body = two.request(two.text("你好"))
        async with running.http.post(one.house, params=query, data=body) as refused:
            assert refused.status == 401


# Tokens ---------------------------------------------------------------------------------------------------------------


def worker(platform: WeChat, number: int) -> Wechat:
    """The same account in another process: nothing is shared but the platform."""
    made = make(f"wx-{number}", settings(platform))
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


@pytest.mark.parametrize("code", [40001, 40014, 42001])
async def test_a_token_that_is_refused_once_is_renewed_once_and_the_message_goes_out_once(code: int) -> None:
    async with serving(WeChat(key=KEY, secret=SECRET)) as platform:
        platform.text("你好")
        platform.faults.append(code)
        alone = worker(platform, 1)
        await alone.start()
        try:
            await alone.send(Outbound(id=1, address="anna", text=LINE))
        finally:
            await alone.close()
    assert platform.follower("anna").shown == [LINE]
    assert platform.fetches == 2


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
        platform.files["clip"] = (json.dumps({"video_url": f"{platform.url}/video"}).encode(), "text/plain")
        platform.files["elsewhere"] = (b'{"video_url":"http://169.254.169.254/"}', "text/plain")
        platform.files["no-video"] = (b'{"video_url":["http://a.qq.com/"]}', "application/json")
        platform.files["long"] = (b"\xff\xd8" + b"x" * 1000, "image/jpeg")
        alone = worker(platform, 1)
        await alone.start()
        try:
            head = f"{platform.url}/cgi-bin/media/get?media_id="
            assert await alone.fetch(_file(f"{head}m-1"), 1000) == b"\xff\xd8jpeg"
            assert await alone.fetch(_file(f"{head}clip"), 1000) == platform.video
            nowhere = ("http://169.254.169.254/latest", f"{platform.url}/other")
            for url in (*(f"{head}{name}" for name in ("gone", "elsewhere", "no-video", "long")), *nowhere):
                with pytest.raises(SendError) as caught:
                    await alone.fetch(_file(url), 1000)
                assert not caught.value.may_retry
                assert platform.url not in str(caught.value)
        finally:
            await alone.close()


def _file(url: str) -> Attachment:
    return Attachment(media_type="image/jpeg", url=url)

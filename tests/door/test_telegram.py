"""Telegram through a whole house: told where to call, every update once, and fetched where nobody can call."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator
from datetime import datetime
from typing import Any

import pytest
from sqlalchemy import select

import channels
from channels import telegram
from channels.telegram import SECRET_HEADER
from core import outbox, retry
from core.errors import LedgerBusy, SendError
from core.model import Attachment, Author, Button, ChannelId, MessageKind, Outbound, Rendered
from core.tables import address, file, unsupported
from core.tables import outbox as outbox_table
from door.reception import Reception
from tests.brain_server import BrainServer
from tests.door.bot_api import TOKEN, BotApi, Refused, bot_api
from tests.door.conftest import Open, Running
from tests.waiting import until

BOT = "bot"
PUBLIC = "https://desk.example"
ANNA = 7788001


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retry, "SEND_FIRST", 0.02)
    monkeypatch.setattr(telegram, "AGAIN_AFTER", 0.02)


@pytest.fixture
async def api() -> AsyncGenerator[BotApi]:
    async with bot_api() as server:
        yield server


def settings(api: BotApi, **more: Any) -> dict[str, Any]:
    return {"channels": {BOT: {"kind": "telegram", "token": TOKEN, "api_url": api.url, "timeout": 2.0, **more}}}


def message(number: int, text: str) -> dict[str, Any]:
    return {"update_id": number, "message": content(text)}


def content(text: str) -> dict[str, Any]:
    who = {"id": ANNA, "is_bot": False, "first_name": "安娜", "language_code": "zh-hans"}
    return {
        "message_id": 5,
        "from": who,
        "chat": {"id": ANNA, "type": "private"},
        "date": int(time.time()),
        "text": text,
    }


def pressed(number: int, data: str, query: str = "q1") -> dict[str, Any]:
    asked = content("您想问的是哪一个？")
    return {
        "update_id": number,
        "callback_query": {"id": query, "from": asked["from"], "message": asked, "chat_instance": "-8", "data": data},
    }


async def deliver(house: Running, secret: str, update: dict[str, Any]) -> tuple[int, dict[str, Any] | None]:
    headers = {SECRET_HEADER: secret} if secret else {}
    async with house.http.post(f"{house.url}/c/{BOT}/in", json=update, headers=headers) as response:
        return response.status, await response.json(content_type=None)


async def states(house: Running) -> list[str]:
    return await house.house.store.read(
        lambda conn: list(conn.execute(select(outbox_table.c.state).order_by(outbox_table.c.id)).scalars())
    )


async def test_telegram_is_told_where_to_call_and_its_messages_are_answered(open_doors: Open, api: BotApi) -> None:
    async with open_doors(**settings(api), public_base_url=PUBLIC) as house:
        await until(lambda: api.webhook["url"])
        assert api.webhook["url"] == "https://desk.example/c/bot/in"
        wanted = ["message", "edited_message", "callback_query", "my_chat_member"]
        assert api.webhook["allowed_updates"] == wanted
        typing = {"method": "sendChatAction", "chat_id": str(ANNA), "action": "typing"}
        assert await deliver(house, api.secret, message(1, "你好")) == (200, typing)
        await until(api.sent)
        (said,) = [line for line in await house.lines(str(ANNA), BOT) if line.author is Author.BOT]
        assert api.sent() == [said.text]
        assert (await deliver(house, "", message(2, "混进来的")))[0] == 401
        assert (await deliver(house, "x" * 64, message(2, "混进来的")))[0] == 401
        # The same update three times at once is one turn and one reply.
        answers = await asyncio.gather(*(deliver(house, api.secret, message(3, "再问")) for _ in range(3)))
        assert [status for status, _ in answers] == [200, 200, 200]
        await deliver(house, api.secret, message(4, "再见"))
        await until(lambda: len(api.sent()) == 3)
        assert [turn["text"] for turn in house.brain.asked] == ["你好", "再问", "再见"]


async def test_a_button_whose_payload_is_too_long_for_telegram_comes_back_as_that_payload(
    open_doors: Open, api: BotApi, brain: BrainServer
) -> None:
    long = Button(title="选这个", payload='/faq{"id":"F22","note":"' + "长" * 30 + '"}')
    async with open_doors(**settings(api), public_base_url=PUBLIC) as house:
        secret = await until(lambda: api.secret)
        await deliver(house, secret, message(1, "你好"))
        await until(api.sent)
        which, now = house.conversation(str(ANNA), BOT), house.house.clock()
        item = Rendered(text="您想问的是哪一个？", buttons=(long,))
        await house.house.store.write(
            lambda conn: outbox.put(conn, which, [item], cause="agent:1", author=Author.AGENT, now=now, live=False)
        )
        house.house.live.sends.add(which)
        await until(lambda: len(api.sent()) == 2)
        status, answer = await deliver(house, secret, pressed(2, long.key))
        assert (status, answer) == (200, {"method": "answerCallbackQuery", "callback_query_id": "q1"})
        await until(lambda: len(api.sent()) == 3)
        assert (brain.asked[-1]["kind"], brain.asked[-1]["payload"]) == ("payload", long.payload)


async def test_a_limit_is_waited_out_and_who_blocks_the_bot_gets_nothing_any_more(
    open_doors: Open, api: BotApi
) -> None:
    async with open_doors(**settings(api), public_base_url=PUBLIC) as house:
        secret = await until(lambda: api.secret)
        asked = 0

        def first_refused(fields: dict[str, str]) -> Refused | None:
            nonlocal asked
            asked += 1
            return Refused(429, "Too Many Requests: retry after 0", retry_after=0) if asked == 1 else None

        api.refuse = first_refused
        await deliver(house, secret, message(1, "你好"))
        await until(api.sent)
        assert (asked, len(api.sent())) == (2, 1)
        api.refuse = lambda fields: Refused(403, "Forbidden: bot was blocked by the user")
        await deliver(house, secret, message(2, "还在吗"))

        async def stopped() -> object:
            return await house.house.store.read(lambda conn: conn.execute(select(address.c.stopped_at)).scalar_one())

        await until(stopped)
        assert await states(house) == ["sent", "failed"]


async def test_a_chats_limit_is_waited_out_to_the_second_in_nobodys_way(open_doors: Open, api: BotApi) -> None:
    async with open_doors(**settings(api), public_base_url=PUBLIC) as house:
        secret = await until(lambda: api.secret)
        limited = {str(ANNA)}

        def refuse(fields: dict[str, str]) -> Refused | None:
            wait = "Too Many Requests: retry after 45"
            return Refused(429, wait, retry_after=45) if fields["chat_id"] in limited else None

        async def resting() -> list[tuple[str, datetime]]:
            which = select(outbox_table.c.error, outbox_table.c.next_try_at).where(outbox_table.c.attempts > 0)
            return await house.house.store.read(lambda conn: [tuple(row) for row in conn.execute(which)])  # type: ignore[misc]

        api.refuse = refuse
        began = house.house.clock()
        await deliver(house, secret, message(1, "你好"))
        found: list[tuple[str, datetime]] = await until(resting)
        [(why, again)] = found
        assert why.startswith("recipient_limit")
        assert 45 <= (again - began).total_seconds() < 55
        other = message(2, "我也想问")
        other["message"]["chat"]["id"] = ANNA + 1
        await deliver(house, secret, other)
        await until(api.sent)
        limited.add(str(ANNA + 2))
        other["message"]["chat"]["id"] = ANNA + 2
        await deliver(house, secret, other)

        async def two() -> bool:
            return len(await resting()) == 2

        await until(two)
        assert sorted(why.partition(":")[0] for why, _ in await resting()) == ["recipient_limit", "throttled"]


async def test_a_long_answer_comes_in_parts_and_a_second_try_goes_on_where_it_ended(api: BotApi) -> None:
    channel = channels.make(BOT, settings(api)["channels"][BOT])
    calls = 0

    def third_refused(fields: dict[str, str]) -> Refused | None:
        nonlocal calls
        calls += 1
        return Refused(429, "Too Many Requests: retry after 1", retry_after=1) if calls == 3 else None

    api.refuse = third_refused
    text = "😀" * 5000  # 10,000 units
    out = Outbound(id=1, address=str(ANNA), text=text)
    await channel.start()
    with pytest.raises(SendError, match="recipient_limit"):
        await channel.send(out)
    await channel.send(out)
    await channel.close()
    assert "".join(api.sent()) == text
    assert [len(part) for part in api.sent()] == [2048, 2048, 904]


async def test_polling_fetches_answers_and_confirms_only_what_is_committed(
    open_doors: Open, api: BotApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    api.webhook = {"url": "https://elsewhere.example/"}
    accept, tries = Reception.accept, 0

    async def busy_at_first(self: Reception, *args: Any) -> Any:
        nonlocal tries
        tries += 1
        if tries <= 2:
            assert api.confirmed == 0
            raise LedgerBusy
        return await accept(self, *args)

    monkeypatch.setattr(Reception, "accept", busy_at_first)
    api.deliver(message(1, "你好"))
    api.deliver({"update_id": 2, "message": {"message_id": 1}})  # cannot be read: kept, and in nobody's way
    api.deliver(pressed(3, "/nothing", query="old"))
    api.deliver(pressed(4, "/nothing", query="q4"))
    async with open_doors(**settings(api, mode="polling"), public_base_url=PUBLIC) as house:
        await until(lambda: api.confirmed == 5)
        assert tries == 5
        assert api.webhook["url"] == ""
        assert api.waiting == []
        await until(lambda: len(api.sent()) == 3)
        assert house.brain.asked[0]["text"] == "你好"
        assert [method for method in api.methods() if method not in ("getUpdates", "sendMessage")] == [
            *("deleteWebhook", "sendChatAction", "answerCallbackQuery")
        ]
        api.deliver(message(9, "还在吗"))
        await until(lambda: len(api.sent()) == 4)


async def test_who_writes_too_much_is_in_nobodys_way_where_updates_are_fetched(open_doors: Open, api: BotApi) -> None:
    for number in range(1, 4):
        api.deliver(message(number, f"第{number}句"))
    other = message(4, "我也想问")
    other["message"]["chat"]["id"] += 1
    api.deliver(other)
    async with open_doors(**settings(api, mode="polling"), rate_per_minute=2) as house:
        await until(lambda: api.confirmed == 5)
        await until(lambda: len(api.sent()) == 3)
        assert sorted(turn["text"] for turn in house.brain.asked) == ["我也想问", "第1句", "第2句"]


async def test_a_message_longer_than_the_house_takes_is_taken_once_answered_and_kept(
    open_doors: Open, api: BotApi
) -> None:
    async with open_doors(**settings(api), public_base_url=PUBLIC, max_text=100) as house:
        secret = await until(lambda: api.secret)
        for _ in range(2):
            assert (await deliver(house, secret, message(1, "长" * 100 + "13912345678")))[0] == 200
        await until(api.sent)
        own, _ = await house.lines(str(ANNA), BOT)
        assert (own.author, own.kind, own.text) == (Author.CONTACT, MessageKind.TOO_LONG, "长" * 100)
        [(reason, raw)] = await house.house.store.read(
            lambda conn: conn.execute(select(unsupported.c.reason, unsupported.c.raw)).all()
        )
        assert (reason, raw["text"]) == ("a message that is too long", "长" * 100 + "⟦phone⟧")


async def test_a_house_is_ready_while_telegram_cannot_be_reached(open_doors: Open) -> None:
    away = BotApi(url="http://127.0.0.1:9")
    async with (
        open_doors(**settings(away), public_base_url=PUBLIC) as house,
        house.http.get(f"{house.url}/readyz") as r,
    ):
        assert r.status == 200


async def checked(api: BotApi, *, public: str = PUBLIC, **more: Any) -> list[str]:
    module, config = channels.configured(BOT, settings(api, **more)["channels"][BOT], public)
    return await module.check(ChannelId(BOT), config, public)  # type: ignore[attr-defined]


async def test_the_check_says_in_words_what_is_wrong(api: BotApi) -> None:
    ours = {"url": "https://desk.example/c/bot/in"}
    assert await checked(api) == ["Telegram was never told where to call: start the house, which tells it"]
    api.webhook = {"url": "https://other.example/x"}
    assert await checked(api) == ["Telegram calls other.example: start the house, which tells it"]
    assert await checked(api, mode="polling") == [
        "Telegram calls other.example: the house ends that as soon as it polls"
    ]
    api.webhook = ours
    assert await checked(api) == []
    api.webhook = ours | {"last_error_date": 1_795_233_600, "last_error_message": "Connection timed out"}
    assert await checked(api) == [
        "Telegram could not deliver, the last time at 2026-11-21 04:00:00+00:00: Connection timed out"
    ]
    assert await checked(api, public="") == ["the house has no public address: set QIANTAI_PUBLIC_BASE_URL"]
    other = "1" + TOKEN[1:-1] + "x"
    assert await checked(api, token=other) == ["token: Telegram does not know this bot"]
    away = await checked(BotApi(url="http://127.0.0.1:9"), public="")
    assert away[0].startswith("api_url: Telegram does not answer (server_down: no connection")
    assert away[1:] == ["the house has no public address: set QIANTAI_PUBLIC_BASE_URL"]


@pytest.mark.parametrize(
    ("public", "says"),
    [
        ("http://desk.example:443", "the platform calls https only: put a reverse proxy with a certificate before"),
        ("https://desk.example:8080", "the platform calls port 80 or 88 or 443 or 8443 only, not 8080"),
        ("https://192.168.1.5", "192.168.1.5 can be reached from this machine or a private network only"),
    ],
)
async def test_the_check_says_what_telegram_needs_of_our_address_unless_we_fetch(
    api: BotApi, monkeypatch: pytest.MonkeyPatch, public: str, says: str
) -> None:
    monkeypatch.setattr(telegram.Config.model_fields["api_url"], "default", api.url)  # as if it were Telegram's own
    assert [problem.startswith(says) for problem in await checked(api, public=public)] == [True]
    assert await checked(api, public=public, mode="polling") == []


def test_every_sample_is_taken(api: BotApi) -> None:
    module, config = channels.configured(BOT, settings(api)["channels"][BOT])
    channel = channels.make(BOT, settings(api)["channels"][BOT])
    made = module.samples(ChannelId(BOT), config, channels.utc_now())  # type: ignore[attr-defined]
    events = {label: channel.parse(request).events for label, request in made.items()}
    assert {label: type(event).__name__ for label, (event,) in events.items()} == {
        "text": "Inbound",
        "attachment": "Inbound",
        "unsubscribe": "Stopped",
        "follow": "Inbound",
    }


# Files ----------------------------------------------------------------------------------------------------------------


def photo(number: int, file_id: str, size: int = 1200) -> dict[str, Any]:
    sizes = [{"file_id": file_id, "file_unique_id": "u", "width": 90, "height": 90, "file_size": size}]
    bare = {name: value for name, value in content("").items() if name != "text"}
    return {"update_id": number, "message": {**bare, "photo": sizes}}


async def test_a_photo_is_fetched_with_the_token_and_one_that_is_too_big_is_told(open_doors: Open, api: BotApi) -> None:
    api.files |= {"pic": b"\xff\xd8\xff\xe0" + b"a receipt" * 20, "huge": b"\xff\xd8\xff\xe0" + bytes(2000)}
    async with open_doors(**settings(api), attachment_bytes=1500, public_base_url=PUBLIC) as house:
        secret = await until(lambda: api.secret)

        async def states() -> list[tuple[str, str]]:
            rows = await house.house.store.read(lambda conn: conn.execute(select(file).order_by(file.c.id)).all())
            return [(row.state, row.media_type) for row in rows]

        await deliver(house, secret, photo(1, "pic"))
        await deliver(house, secret, photo(2, "huge"))
        await deliver(house, secret, photo(3, "claimed", size=5_000_000_000))

        async def ended() -> bool:
            found = await states()
            return [state for state, _ in found] == ["kept", "lost", "lost"]

        await until(ended)
        assert (await states())[0] == ("kept", "image/jpeg")
        assert "claimed" not in [fields.get("file_id") for method, fields in api.calls if method == "getFile"]
        await until(lambda: sum("太大" in text for text in api.sent()) == 2)


async def test_only_the_bots_own_files_are_fetched(api: BotApi) -> None:
    config = settings(api)["channels"][BOT]
    channel: Any = channels.make(BOT, config)
    api.files["pic"] = b"\xff\xd8\xff\xe0"
    await channel.start()
    assert await channel.fetch(Attachment(media_type="image/jpeg", url="telegram:pic"), 1000) == api.files["pic"]
    for url in ("telegram:gone", f"{api.url}/file/bot{TOKEN}/photos/pic.jpg", "https://files.example/pic.jpg"):
        with pytest.raises(SendError) as caught:
            await channel.fetch(Attachment(media_type="image/jpeg", url=url), 1000)
        assert TOKEN not in str(caught.value)
    await channel.close()

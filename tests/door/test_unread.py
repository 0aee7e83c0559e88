"""What nobody can read is answered on every channel, at once, in a sentence of its own and in their language."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

from core.model import Author, Language, MessageKind, Say
from core.settings import Settings
from core.tables import conversation, message
from door.cli.channels import deliveries, post
from tests.channels import kannel_cases
from tests.channels.test_tables import NOWHERE, TABLES
from tests.door.conftest import Open, Running
from tests.waiting import until

STICKER = {"id": "k1", "sender": "wx-7788", "sticker": "x"}
PLATFORMS = ("aliyun_sms", "kannel", "telegram", "tencent_sms", "twilio", "wechat")
# Nobody takes an answer there: what the ledger holds for them is enough here.
CHANNELS = {kind.replace("_", "-"): TABLES[kind].config(NOWHERE) for kind in PLATFORMS}
for cloud in ("aliyun-sms", "tencent-sms"):
    CHANNELS[cloud] |= {"allow": "127.0.0.1"}


def sentence(house: Running, key: str, language: Language = "zh") -> str:
    return house.house.library.current.renderer.render(Say(key=key), language).text


async def transcript(house: Running, channel: str, count: int) -> list[tuple[Any, ...]]:
    """Author, kind and text of all that was said on a channel, once it is `count` lines."""
    which = select(message.c.author, message.c.kind, message.c.text).order_by(message.c.seq)
    mine = which.join(conversation, conversation.c.id == message.c.conversation_id).where(
        conversation.c.channel_id == channel
    )

    async def look() -> list[tuple[Any, ...]]:
        rows = await house.house.store.read(lambda conn: [tuple(row) for row in conn.execute(mine)])
        return rows if len(rows) >= count else []

    return await until(look)


async def tell(house: Running, id: str, text: str) -> None:
    url = f"{house.url}/c/kannel/{kannel_cases.SECRET}/mo"
    async with house.http.get(url, params=kannel_cases.ASKED | {"id": id, "text": text}) as taken:
        assert taken.status == 200


async def test_a_message_that_is_too_long_is_answered_so_on_every_platform_without_the_brain(
    open_doors: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_doors(channels=CHANNELS) as house:
        house.brain.hang()
        monkeypatch.setattr(house.house.inbox, "_max_text", 4)  # less than any sample's question
        for id in CHANNELS:
            _, requests = deliveries(Settings(channels=CHANNELS), id)
            asked = {label: requests[label] for label in ("text", "text, delivered again")}
            assert [one.status for one in await post(house.url, id, asked)] == [200, 200]
            own, said = await transcript(house, id, 2)
            assert own[:2] == (Author.CONTACT, MessageKind.TOO_LONG), id
            assert 0 < len(own[2]) <= 4, id  # whoever reads the conversation sees how it begins
            assert said == (Author.BOT, MessageKind.TEXT, sentence(house, "too_long")), id
        assert house.brain.asked == []


async def test_a_message_that_is_too_long_is_answered_in_its_language_and_the_conversation_goes_on(
    open_doors: Open,
) -> None:
    async with open_doors(channels=CHANNELS) as house:
        for n, text in enumerate(("How do I close my account? " * 160, "Thank you very much")):
            await tell(house, f"m{n}", text)
        said = await house.said(2, kannel_cases.PHONE, channel="kannel")
        assert [line.text for line in said] == [sentence(house, key, "en") for key in ("too_long", "greeting")]


async def test_a_cry_for_help_is_heard_in_a_message_that_is_too_long(open_doors: Open) -> None:
    async with open_doors(channels=CHANNELS) as house:
        await tell(house, "m1", "我不想活了。" + "他们逼我。" * 900)
        [line] = await house.said(1, kannel_cases.PHONE, channel="kannel")
        assert line.text == sentence(house, "emergency")
        assert house.brain.asked == []


async def test_no_half_of_a_number_is_kept_of_a_message_that_is_too_long(open_doors: Open) -> None:
    card = "6222021234567890128"
    async with open_doors(channels=CHANNELS) as house:
        for cut in (1, 7, 12, 18):
            await tell(house, f"m{cut}", "钱" * (4000 - cut) + card + "不见了")
        lines = await transcript(house, "kannel", 8)
        assert all(set(text) == {"钱"} for author, _, text in lines if author is Author.CONTACT)


async def test_what_a_platform_sends_and_nobody_can_read_is_answered_so(running: Running) -> None:
    assert (await running.post(STICKER))[0] == 200
    [line] = await running.said(1, STICKER["sender"])
    assert line.text == sentence(running, "system.unreadable")
    assert running.brain.asked == []

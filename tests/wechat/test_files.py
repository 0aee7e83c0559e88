"""Files that followers send: fetched while the platform has them, in the case, and asked for again where that fails."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

from cases import attachments, history, lookup
from core.tables import file
from tests.brain_server import say
from tests.waiting import until
from tests.wechat.conftest import Desk

JPEG = b"\xff\xd8\xff\xe0" + b"a receipt" * 50
AMR = b"#!AMR\n" + bytes(40)
STORY = {"facts": "多扣了年费", "request": "退钱", "person": "王小明", "contact": "13912345678"}


def acts(turn: dict[str, Any]) -> dict[str, Any]:
    """A brain that files when it is told so, and leaves files to the house."""
    if turn["text"] == "都说完了":
        return say(effects=[{"name": "file_case", **STORY}])
    return say(effects=[{"name": "attach_files"}]) if turn["kind"] == "attachment" else say("greeting")


def picture(media_id: str, kind: str = "image", more: str = "") -> str:
    return f"<MediaId><![CDATA[{media_id}]]></MediaId>{more}"


async def states(desk: Desk) -> list[str]:
    return await desk.running.house.store.read(
        lambda conn: list(conn.execute(select(file.c.state).order_by(file.c.id)).scalars())
    )


async def test_pictures_before_and_after_filing_go_with_the_case_and_the_follower_is_told(service: Desk) -> None:
    service.running.brain.answer = acts
    service.platform.files |= {
        "m-1": (JPEG, "image/jpeg"),
        "m-2": (JPEG + b"2", "text/html"),
        "v-1": (AMR, "audio/amr"),
    }
    anna = service.platform.follower("anna")
    await service.hears(service.platform.message("image", picture("m-1")))
    await until(lambda: len(anna.shown) == 1)
    await service.hears(service.platform.text("都说完了"))
    await until(lambda: len(anna.shown) == 2)
    house = service.running.house
    number = await house.store.read(lambda conn: lookup.mine(conn, service.conversation()))
    await service.hears(service.platform.message("image", picture("m-2")))
    await service.hears(service.platform.message("voice", picture("v-1", more="<Format>amr</Format><Recognition/>")))
    await until(lambda: len(anna.shown) == 4)

    async def there() -> bool:
        return await states(service) == ["attached"] * 3

    await until(there)
    kept = await house.store.read(lambda conn: attachments.of_case(conn, history.load(conn, number)))
    assert [(one.name, one.media_type) for one in kept] == [
        ("image.jpg", "image/jpeg"),
        ("image.jpg", "image/jpeg"),
        ("audio.amr", "audio/amr"),
    ]
    assert "看不懂" in anna.shown[0]
    assert number not in anna.shown[0]
    assert all(number in shown for shown in anna.shown[2:])


async def test_a_picture_that_the_platform_does_not_give_is_asked_for_once_more(service: Desk) -> None:
    service.running.brain.answer = acts
    await service.hears(service.platform.message("image", picture("gone")))
    anna = service.platform.follower("anna")
    await until(lambda: len(anna.shown) == 2)
    assert any(shown.startswith(service.words("file.lost")) for shown in anna.shown)
    assert await states(service) == ["lost"]
    assert "40007" in (await service.alarms())["file_lost"]


@pytest.mark.parametrize("code", [40001, -1])
async def test_a_platform_that_is_busy_is_asked_again_with_a_fresh_token(service: Desk, code: int) -> None:
    service.running.brain.answer = acts
    service.platform.files["m-1"] = (JPEG, "image/jpeg")
    service.platform.files["later"] = (JPEG, "image/jpeg")
    await service.hears(service.platform.text("你好"))
    anna = service.platform.follower("anna")
    await until(lambda: len(anna.shown) == 1)
    service.platform.media_faults = [code]
    await service.hears(service.platform.message("image", picture("m-1")))

    async def tried() -> bool:
        rows = await service.running.house.store.read(lambda conn: conn.execute(select(file)).all())
        return [(row.state, row.attempts) for row in rows] == [("kept" if code == 40001 else "wanted", 1)]

    await until(tried)


async def test_an_account_that_may_only_answer_in_replies_says_nothing_more(passive: Desk) -> None:
    passive.running.brain.answer = acts
    shown = await passive.hears(passive.platform.message("image", picture("gone")))
    assert "看不懂" in shown

    async def lost() -> bool:
        return await states(passive) == ["lost"]

    await until(lost)
    assert "file_lost" in await passive.alarms()
    assert len(await passive.replies()) == 1

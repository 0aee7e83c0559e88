"""Pictures and files in the chat: chosen, shown before they go, sent, refused with the reason, shown after a reload."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import pytest
from playwright.async_api import Locator, Page, expect

from tests.browser.frontdesk import FrontDesk
from tests.browser.test_access import PHONE, broken_rules
from tests.browser.test_conversation import write
from tests.waiting import until


def png(width: int, height: int, colour: tuple[int, int, int]) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = (b"\0" + bytes(colour) * width) * height
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


PICTURE = png(300, 200, (30, 110, 160))


async def choose(page: Page, *names: str) -> Locator:
    """Chooses files of these names; gives the list of what is chosen."""
    contents = [
        {"name": name, "mimeType": "image/png" if name.endswith("png") else "application/pdf"} for name in names
    ]
    files = [{**one, "buffer": PICTURE if one["name"].endswith("png") else b"%PDF-1.7"} for one in contents]
    async with page.expect_file_chooser() as opened:
        await page.get_by_role("button", name="添加图片或文件").click()
    await (await opened.value).set_files(files)  # type: ignore[arg-type]
    return page.get_by_role("list", name="待发送的文件")


async def test_a_picture_is_shown_before_it_goes_and_stands_in_the_talk_by_its_name(
    page: Page, desk: FrontDesk
) -> None:
    await page.locator(".line.bot").first.wait_for()
    chosen = await choose(page, "转账截图.png", "合同.pdf")
    await expect(chosen.get_by_role("listitem")).to_have_count(2)
    blue = "canvas => canvas.getContext('2d').getImageData(44, 44, 1, 1).data[2]"
    await until(lambda: chosen.locator("canvas").evaluate(blue))  # it is drawn
    await page.get_by_role("button", name="发送", exact=True).click()
    await expect(page.locator(".line.contact .file")).to_have_text(["转账截图.png", "合同.pdf"])
    await expect(chosen).to_be_hidden()
    assert [content for _, content in desk.uploads.values()] == [PICTURE, b"%PDF-1.7"]
    assert [set(frame) for frame in desk.sent("msg")] == [{"type", "cid", "file_id"}] * 2
    await page.reload()
    await expect(page.locator(".line.contact .file")).to_have_text(["转账截图.png", "合同.pdf"])


async def test_words_go_beside_a_file_and_a_file_can_be_taken_back(page: Page, desk: FrontDesk) -> None:
    await page.locator(".line.bot").first.wait_for()
    await choose(page, "a.png", "b.pdf")
    await page.get_by_role("button", name="移除 b.pdf").click()
    await write(page, "这是转账的截图")
    await expect(page.locator(".line.contact .file")).to_have_text(["a.png"])
    await expect(page.locator(".line.contact .text")).to_have_text(["这是转账的截图"])


@pytest.mark.parametrize(
    ("word", "told"), [("not_taken", "认不出"), ("too_large", "太大"), ("unheard_of", "没有被接收")]
)
async def test_a_file_that_is_refused_stays_with_the_reason_and_can_be_sent_again(
    page: Page, desk: FrontDesk, word: str, told: str
) -> None:
    await page.locator(".line.bot").first.wait_for()
    desk.upload_refusal = word
    chosen = await choose(page, "a.png")
    await page.get_by_role("button", name="发送", exact=True).click()
    await expect(chosen.get_by_role("status")).to_contain_text(told)
    assert desk.sent("msg") == []
    desk.upload_refusal = ""
    await page.get_by_role("button", name="发送", exact=True).click()
    await expect(page.locator(".line.contact .file")).to_have_text(["a.png"])


async def test_a_house_that_is_away_is_told_and_nothing_is_lost(page: Page, desk: FrontDesk) -> None:
    await page.locator(".line.bot").first.wait_for()
    chosen = await choose(page, "a.png")
    await desk.kill()
    await page.get_by_role("button", name="发送", exact=True).click()
    await expect(chosen.get_by_role("status")).to_contain_text("检查网络")
    await desk.start()
    await page.get_by_role("button", name="发送", exact=True).click()
    await expect(page.locator(".line.contact .file")).to_have_text(["a.png"], timeout=15_000)


@pytest.mark.parametrize("screen", [{}, PHONE], ids=["wide", "telephone"])
async def test_files_break_no_rule_of_accessibility(
    desk: FrontDesk, visitor: object, screen: dict[str, object], tmp_path: Path
) -> None:
    context = await visitor(**screen)  # type: ignore[operator]
    page = await context.new_page()
    await page.goto(desk.url)
    await page.locator(".line.bot").first.wait_for()
    await choose(page, "一张名字很长很长很长很长很长很长的转账截图.png", "合同.pdf")
    desk.upload_refusal = "not_taken"
    await page.get_by_role("button", name="发送", exact=True).click()
    await expect(page.get_by_role("status").filter(has_text="认不出").first).to_be_visible()
    await page.screenshot(path=tmp_path / "files.png")
    assert await broken_rules(page) == []
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")

"""The account's menu comes from the content's, fits the platform's limits, and a click is understood as its page."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any, get_args

import pytest
from typer.testing import CliRunner

from bot import choices
from core.model import Button, Language
from door.cli.app import app
from door.cli.exits import Failure
from door.cli.wechat import KEY_MAX, NAME_MAX, TITLE_MAX, account_menu
from faq import reading
from tests.wechat.conftest import KEY, SECRET
from tests.wechat.platform import WeChat, serving

CONTENT = Path(__file__).parents[2] / "faq" / "content"
RESPONSES = reading.load(CONTENT).responses


@pytest.mark.parametrize("language", get_args(Language))
def test_the_menu_fits_the_platform_and_every_click_leads_to_a_page(language: Language) -> None:
    menu = account_menu(RESPONSES, language)["button"]
    assert 1 <= len(menu) <= 3
    pages: tuple[Button, ...] = tuple(
        button
        for key, said in RESPONSES.sentences[language].items()
        if key.startswith("menu")
        for button in said.buttons
    )
    for top in menu:
        assert len(top["name"].encode()) <= NAME_MAX
        assert 1 <= len(top["sub_button"]) <= 5
        for entry in top["sub_button"]:
            assert len(entry["name"].encode()) <= TITLE_MAX
            assert len(entry["key"].encode()) <= KEY_MAX
            assert choices.topic(entry["key"], pages).startswith('/menu{"page":')


def test_a_content_without_the_names_is_told_which() -> None:
    bare = {key: said for key, said in RESPONSES.sentences["zh"].items() if key != "account_menu.more"}
    with pytest.raises(ValueError, match=r"no response account_menu\.more"):
        account_menu(SimpleNamespace(sentences={"zh": bare}), "zh")  # type: ignore[arg-type]


def run(monkeypatch: pytest.MonkeyPatch, *words: str, **config: Any) -> tuple[int, str]:
    """Exit code, and what a person is told."""
    keys = {"kind": "wechat", "app_id": KEY.app_id, "token": KEY.token, "aes_key": KEY.aes_key, "app_secret": SECRET}
    monkeypatch.setenv("QIANTAI_CHANNELS", json.dumps({"wx": keys | config}))
    monkeypatch.setenv("QIANTAI_CONTENT", str(CONTENT))
    done = CliRunner().invoke(app, ["channels", "wechat-menu", *words])
    if isinstance(done.exception, Failure):
        return done.exception.code, str(done.exception)
    return done.exit_code, done.stdout


async def test_it_is_put_into_the_account_only_when_that_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(WeChat(key=KEY, secret=SECRET)) as platform:
        code, shown = await asyncio.to_thread(run, monkeypatch, "wx", "--json", api_url=platform.url)
        assert (code, platform.account_menu) == (0, {})
        code, _ = await asyncio.to_thread(run, monkeypatch, "wx", "--send", api_url=platform.url)
        assert code == 0
        assert platform.account_menu == json.loads(shown)


@pytest.mark.parametrize(
    ("words", "config", "says"),
    [
        (("other",), {}, 'no channel "other"'),
        (("web",), {}, "no WeChat account"),
        (("wx",), {"answer": "passive"}, "only such have a menu"),
        (("wx", "--language", "fr"), {}, "zh or en"),
        (("wx", "--send"), {"api_url": "http://127.0.0.1:9"}, "did not take it"),
    ],
)
def test_what_cannot_be_done_is_said(
    monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], config: dict[str, str], says: str
) -> None:
    code, told = run(monkeypatch, *words, **config)
    assert code != 0
    assert says in told

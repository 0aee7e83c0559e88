"""`channels wechat-menu`: the menu below an official account's chat, made from the pages of the content's menu."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING, Annotated, Any

import typer

from door.cli.common import Json, dump, say, table
from door.cli.common import settings as load_settings
from door.cli.exits import Exit, fail

if TYPE_CHECKING:
    from collections.abc import Sequence

    from core.model import Button, Language
    from faq.responses import Responses

NAME_MAX, TITLE_MAX = 16, 60  # bytes of a name in the bar and in the list above it, by the platform's documentation
KEY_MAX = 128  # bytes
LIST_MAX = 5  # entries above one name
QUESTIONS = '/menu{"page":"questions"}'
PAGE = '/menu{"page":'


def account_menu(responses: Responses, language: Language) -> dict[str, Any]:
    """The menu as the platform wants it: topics of the menu's questions under two names, its other pages under a third.

    A click brings the title back, and the house reads it as if it had been typed. ValueError where the content has
    no such pages or a name is too long.
    """
    sentences = responses.sentences[language]
    try:
        topics = _pages(sentences["menu.questions"].buttons)
        others = _pages([b for b in sentences["menu"].buttons if b.payload != QUESTIONS])
        groups = {
            sentences["account_menu.questions"].text: topics[:LIST_MAX],
            sentences["account_menu.more"].text: topics[LIST_MAX : 2 * LIST_MAX],
            sentences["account_menu.help"].text: others[:LIST_MAX],
        }
    except KeyError as e:
        raise ValueError(f"the content has no response {e.args[0]}") from None
    for limit, names in ((NAME_MAX, list(groups)), (TITLE_MAX, [title for one in groups.values() for title in one])):
        if long := [name for name in names if len(name.encode()) > limit]:
            raise ValueError(f"longer than {limit} bytes: {', '.join(long)}")
    entries = {name: [{"type": "click", "name": t, "key": _key(t)} for t in titles] for name, titles in groups.items()}
    return {"button": [{"name": name, "sub_button": listed} for name, listed in entries.items() if listed]}


def _pages(buttons: Sequence[Button]) -> list[str]:
    """The titles that lead to a page: what is typed like them is understood as the page."""
    return [button.title for button in buttons if button.payload.startswith(PAGE)]


def _key(title: str) -> str:
    """What a click says: the title, or its first topic where it is longer than what is taken for a topic."""
    from core.turns import CHOICE_MAX

    return title if len(title) <= CHOICE_MAX else re.split("、|, ", title)[0]


def wechat_menu(
    which: Annotated[str, typer.Argument(metavar="ID", help="The channel; its kind is wechat.")],
    language: Annotated[str, typer.Option(help="zh or en.")] = "zh",
    send: Annotated[
        bool, typer.Option("--send", help="Put it into the account; followers see it within a day.")
    ] = False,
    as_json: Json = False,
) -> None:
    """The menu below the chat of a WeChat account, from the content; shown, and with --send put into the account."""
    from channels import configured
    from channels.wechat import Config
    from core.errors import SendError
    from faq import reading

    house = load_settings()
    if which not in house.channels:
        fail(Exit.USAGE, f'there is no channel "{which}"')
    if language not in ("zh", "en"):
        fail(Exit.USAGE, "--language is zh or en")
    _, config = configured(which, house.channels[which], house.public_base_url)
    if not isinstance(config, Config) or config.answer != "service":
        fail(Exit.USAGE, f'"{which}" is no WeChat account that answers through the interface; only such have a menu')
    try:
        menu = account_menu(reading.load(house.content).responses, language)
    except ValueError as e:
        fail(Exit.FOUND, str(e))
    if send:
        try:
            asyncio.run(_put(config, menu))
        except SendError as e:
            fail(Exit.AWAY, f"the platform did not take it: {e}")
    if as_json:
        dump(menu)
        return
    table(
        ["Name", "Entry"],
        [(top["name"], entry["name"]) for top in menu["button"] for entry in top["sub_button"]],
        empty="The menu is empty.",
    )
    say("It is in the account." if send else "Shown only; --send puts it into the account.")


async def _put(config: Any, menu: dict[str, Any]) -> None:
    from channels._wechat_api import MENU_PATH, Api

    api = Api(config.api_url, config.app_id, config.app_secret.get_secret_value(), config.timeout)
    await api.start()
    try:
        await api.call(MENU_PATH, menu)
    finally:
        await api.close()

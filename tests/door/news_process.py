"""A house that opens cases and tells of them until it is killed: `python -m tests.door.news_process URL KEYS KILLS`."""

from __future__ import annotations

import asyncio
import itertools
import os
import signal
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import Connection

from bot.conversation import Content
from cases import register
from cases.states import Act
from channels import make_all
from core.inbox import Inbox
from core.live import Live
from core.model import ChannelId, Inbound
from core.store import Store
from core.vault import Vault
from door.news import Habits, NewsDesk
from tests.cases.given import opened
from tests.faq.folder import CONTENT, still

HOOK = ChannelId("hook")
LAST = "last"


async def work(url: str, vault: Vault, content: Content, run: str) -> None:
    """Opens cases and tells of them for ever; the last run only tells."""
    store = await Store.open(url)
    config = {"kind": "webhook", "secret": "a secret of sixteen characters", "callback_url": "http://127.0.0.1:9/"}
    desk = NewsDesk(
        store=store,
        vault=vault,
        live=Live(),
        channels=make_all({HOOK: config}),
        content=content,
        habits=Habits(),
        clock=now,
    )
    for n in itertools.count():
        if run == LAST:
            break
        sender = Inbound(sender=f"{run}-{n}", external_id="1", text="你好")
        talk = await Inbox(store, vault).accept(channel=HOOK, kind="webhook", inbound=sender, now=now())
        made = await opened(store, vault, f"{run}:{n}", now=now(), conversation_id=talk.conversation)

        def accept(conn: Connection, case_no: str = made.case.case_no) -> None:
            register.act(conn, vault, case_no, Act.ACCEPT, {}, actor="li", now=now(), version=None)

        await asyncio.gather(desk.look(), store.write(accept))
    await desk.look()
    await store.close()


def now() -> datetime:
    return datetime.now(UTC)


def main(url: str, keys: str, kills: int) -> None:
    """Forks, so that what takes a second to load is loaded once; each child but the last is killed somewhere."""
    vault, content = Vault.open(Path(keys)), still(CONTENT, now)
    for run in [*map(str, range(kills)), LAST]:
        child = os.fork()
        if child == 0:
            asyncio.run(work(url, vault, content, run))
            os._exit(0)
        if run != LAST:
            time.sleep(0.3 + 0.03 * int(run))  # no wait for anything: it is struck wherever it is by then
            os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))

"""A house with a WeChat account, beside the platform that it belongs to."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from sqlalchemy import select

from channels import wechat
from core import outbox
from core.model import Author, ConversationId, Rendered, Say
from core.tables import alarm, inbox, message
from core.tables import outbox as rows
from door import holding
from tests.channels.wechat_cipher import Key
from tests.door.conftest import Open, Running, brain, make_settings, open_doors, platform
from tests.waiting import until
from tests.wechat.platform import WeChat, serving

__all__ = ["brain", "make_settings", "open_doors", "platform"]

KEY = Key(app_id="wx5823bf96d3bd56c7", token="QDG6eK4", aes_key="jWmYm7qr5nMoAUwZRjGtBxmz3KA1tkAj3ykkR6q2B2C")
SECRET = "0b79a4a1c5c9d2f0-app-secret"
ACCOUNT = "wx"
PACE = 0.2  # of a second, for one of the platform's, where its patience is used up: a follower's 15 s are 3
PACED = {wechat: ("REPLY_WITHIN", "LAST_AFTER"), holding: ("PARKING", "IN_TIME", "AGAIN_AFTER")}


@dataclass
class Desk:
    """A running house and the platform around it."""

    running: Running
    platform: WeChat

    async def hears(self, xml: str) -> str:
        """The platform delivers as it does; what the follower sees at once."""
        return await self.platform.deliver(self.running.http, xml)

    def conversation(self, who: str = "anna", account: str = ACCOUNT) -> ConversationId:
        return self.running.conversation(who, account)

    async def turns(self, who: str = "anna") -> list[tuple[str, str]]:
        """What came from a follower: kind of message and state of its turn, in order."""
        which = select(message.c.kind, inbox.c.state).join(
            inbox, (inbox.c.conversation_id == message.c.conversation_id) & (inbox.c.seq == message.c.seq)
        )
        query = which.where(inbox.c.conversation_id == self.conversation(who)).order_by(inbox.c.seq)
        return await self.running.house.store.read(lambda conn: [tuple(row) for row in conn.execute(query)])  # type: ignore[misc]

    async def replies(self, who: str = "anna") -> list[str]:
        """The states of what we wanted to say, in order."""
        query = select(rows.c.state).where(rows.c.conversation_id == self.conversation(who)).order_by(rows.c.seq)
        return await self.running.house.store.read(lambda conn: list(conn.execute(query).scalars()))

    async def ended(self, *states: str, who: str = "anna") -> bool:
        """Waits until what we wanted to say has ended in `states`, in order."""

        async def look() -> bool:
            return await self.replies(who) == list(states)

        return await until(look)

    def words(self, key: str) -> str:
        """How a sentence of ours begins in Chinese."""
        say = Say(key=key, args=dict.fromkeys(("case_no", "code", "by"), "…"))
        return self.running.house.library.current.renderer.render(say, "zh").text[:8]

    async def alarms(self) -> dict[str, str]:
        query = select(alarm.c.kind, alarm.c.detail)
        return await self.running.house.store.read(lambda conn: {row.kind: row.detail for row in conn.execute(query)})

    async def say(self, text: str, who: str = "anna", cause: str = "person") -> None:
        """A person's word to a follower."""
        now, which = self.running.house.clock(), self.conversation(who)
        words = [Rendered(text=text)]
        await self.running.house.store.write(
            lambda conn: outbox.put(conn, which, words, cause=cause, author=Author.AGENT, now=now, live=False)
        )
        self.running.house.live.sends.add(which)


def settings(there: WeChat, **more: Any) -> dict[str, Any]:
    """Those of a channel for the account that `there` has."""
    key = {
        "app_id": there.key.app_id,
        "token": there.key.token,
        "aes_key": there.key.aes_key,
        "app_secret": there.secret,
    }
    return {"kind": "wechat", "api_url": there.url, "mode": there.mode, **key, **more}


Account = Callable[..., AbstractAsyncContextManager[Desk]]


@pytest.fixture
def account(open_doors: Open, monkeypatch: pytest.MonkeyPatch) -> Account:
    """Opens a house with one account; keys given are those of its settings.

    `there`: the platform of a house that is open already, to which this one is added; `own`: settings of the house;
    `pace`: of the platform and of the house's times for it."""
    times = {(module, name): getattr(module, name) for module, names in PACED.items() for name in names}
    monkeypatch.setattr(holding, "LOOK_EVERY", 0.02)

    @asynccontextmanager
    async def start(
        mode: str = "encrypted",
        *,
        there: WeChat | None = None,
        own: dict[str, Any] | None = None,
        pace: float = 1.0,
        **more: Any,
    ) -> AsyncIterator[Desk]:
        for (module, name), seconds in times.items():
            monkeypatch.setattr(module, name, seconds * pace)
        async with AsyncExitStack() as stack:
            if there is None:
                there = await stack.enter_async_context(serving(WeChat(key=KEY, secret=SECRET, mode=mode, pace=pace)))
            channels = {"web": {}, ACCOUNT: settings(there, **more)}
            running = await stack.enter_async_context(open_doors(channels=channels, **(own or {})))
            there.house = f"{running.url}/c/{ACCOUNT}/in"
            there.behind.append(there.house)
            yield Desk(running, there)

    return start


@pytest.fixture
async def service(account: Account) -> AsyncGenerator[Desk]:
    async with account() as desk:
        yield desk


@pytest.fixture
async def passive(account: Account) -> AsyncGenerator[Desk]:
    async with account(answer="passive") as desk:
        yield desk


@pytest.fixture
async def hurried(account: Account) -> AsyncGenerator[Desk]:
    """The same where the platform's patience, and the house's, is used up: both take a fifth of the time."""
    async with account(answer="passive", pace=PACE) as desk:
        yield desk

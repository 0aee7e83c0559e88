"""A house that tells news, for tests of what it tells; on both databases."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from typing import Any

from sqlalchemy import select, update

from bot.conversation import Content
from cases import register, tasks
from cases.model import Case, Person
from cases.states import Act
from cases.tables import case_notice, complaint_case
from channels import Channel, make_all
from core import alarm, outbox
from core.inbox import Inbox
from core.live import Live
from core.model import Author, ChannelId, ConversationId, DeliveryState, Inbound, Line
from core.store import Store
from core.tables import conversation
from core.tables import outbox as rows
from core.vault import Vault
from door.news import Habits, NewsDesk
from tests.cases.given import FACTS, WANG, bank, opened
from tests.channels import kannel_cases
from tests.conftest import Clock
from tests.door.conftest import SECRET
from tests.faq.folder import CONTENT, still

DAY = 86_400.0
SECRET_CONFIG = {"kind": "webhook", "secret": SECRET, "callback_url": "http://127.0.0.1:9/"}
SMS = kannel_cases.config("http://127.0.0.1:9") | {"kind": "kannel"}
TO_CLOSE = (Act.ACCEPT, Act.HANDLE, Act.REPLY, Act.VISIT, Act.CLOSE)


@dataclass
class Desk:
    """A house that tells news and has no sender: the test says what became of each row."""

    store: Store
    vault: Vault
    clock: Clock
    content: Content
    channels: dict[ChannelId, Channel]
    habits: Habits = field(default_factory=Habits)

    def __post_init__(self) -> None:
        self.live = Live()
        self.news = NewsDesk(
            store=self.store,
            vault=self.vault,
            live=self.live,
            channels=self.channels,
            content=self.content,
            habits=self.habits,
            clock=self.clock,
        )
        self.inbox = Inbox(self.store, self.vault)
        self._ids = iter(range(1, 1000))

    def where(self, sender: str, channel: str) -> ConversationId:
        return self.vault.conversation_id(ChannelId(channel), sender)

    async def hears(self, sender: str = "anna", channel: str = "hook", text: str = "我要投诉") -> ConversationId:
        inbound = Inbound(sender=sender, external_id=f"m{next(self._ids)}", text=text)
        kind = self.channels[ChannelId(channel)].kind
        took = await self.inbox.accept(channel=ChannelId(channel), kind=kind, inbound=inbound, now=self.clock())
        return took.conversation

    async def case(self, sender: str = "anna", channel: str = "hook", who: Person = WANG, **told: str) -> Case:
        """A case that this consumer filed in their conversation, of which they know everything so far."""
        which = await self.hears(sender, channel)
        if told:
            await self.store.write(
                lambda c: c.execute(update(conversation).where(conversation.c.id == which).values(told))
            )
        made = await opened(self.store, self.vault, now=self.clock(), conversation_id=which, person=who)
        await self.store.write(
            lambda c: c.execute(update(complaint_case).where(complaint_case.c.id == made.case.id).values(news_n=1))
        )
        return made.case

    async def act(self, case: Case, *acts: Act, actor: str = "li", **facts: object) -> None:
        def walk(conn: Any) -> None:
            for what in acts:
                given = FACTS | facts
                register.act(conn, self.vault, case.case_no, what, given, actor=actor, now=self.clock(), version=None)

        await self.store.write(walk)

    async def said(self, sender: str = "anna", channel: str = "hook") -> list[Line]:
        which = self.where(sender, channel)
        lines = await self.store.read(lambda conn: outbox.transcript(conn, which, after=0))
        return [line for line in lines if line.author is not Author.CONTACT]

    async def texts(self, sender: str = "anna", channel: str = "hook") -> list[str]:
        return [line.text for line in await self.said(sender, channel)]

    async def becomes(self, state: DeliveryState, channel: str = "") -> None:
        """What the platforms made of everything that waits."""
        here = select(conversation.c.id).where(conversation.c.channel_id == channel) if channel else None
        change = update(rows).where(rows.c.state.in_(["ready", "sent"])).values(state=state.value)
        await self.store.write(
            lambda conn: conn.execute(change if here is None else change.where(rows.c.conversation_id.in_(here)))
        )
        await self.news.look()

    async def standing(self) -> list[tuple[str, str]]:
        query = select(case_notice.c.way, case_notice.c.state).order_by(case_notice.c.id)
        return await self.store.read(lambda conn: [(row.way, row.state) for row in conn.execute(query)])

    async def alarms(self) -> list[str]:
        return [one.kind for one in await self.store.read(alarm.open_alarms)]

    async def tasks(self, case: Case) -> list[tuple[str, str]]:
        found = await self.store.read(lambda conn: tasks.of_case(conn, case))
        return [(task.kind.value, task.title) for task in found]

    async def writes_again(self) -> None:
        """Everybody has just written, and been answered."""
        last = {"last_at": self.clock()}
        await self.store.write(lambda conn: conn.execute(update(conversation).values(last)))
        await self.news.look()


@cache
def content() -> Content:
    return still(CONTENT, Clock())


def accounts(clock: Clock, **more: dict[str, Any]) -> dict[ChannelId, Channel]:
    return make_all({"hook": SECRET_CONFIG, "web": {"kind": "web"}} | more, clock)


async def a_desk(store: Store, vault: Vault, clock: Clock, **more: dict[str, Any]) -> Desk:
    """With a platform's account, a page, and `more` channels."""
    await store.write(bank)
    return Desk(store, vault, clock, content(), accounts(clock, **more))

"""A message of several parts: what the platform has of it is not sent again, not even by the house that comes next."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest
from aiohttp import web
from sqlalchemy import select, update

from channels import Channel, make, utc_now
from core import outbox
from core.errors import LedgerBusy
from core.inbox import Inbox
from core.model import Attachment, Author, ChannelId, Inbound, MessageKind, Rendered
from core.settings import Settings
from core.store import Store
from core.tables import file
from core.tables import outbox as table
from core.vault import Vault
from door.metrics import Metrics
from door.sender import LEASE_SECONDS, Sender
from tests.conftest import Clock
from tests.door.conftest import HOOK, SECRET, Platform
from tests.door.test_house import process
from tests.waiting import PATIENCE, until

TEXT = "一" * 40 + "。" + "二" * 40 + "。" + "三" * 40 + "。"
PARTS = [TEXT[n : n + 41] for n in (0, 41, 82)]
Waiting = list[tuple[float, Any]]


@pytest.fixture
async def conversation(store: Store, vault: Vault, clock: Clock) -> str:
    """One with a message of three parts that waits to be sent."""
    inbound = Inbound(sender="anna", external_id="m1", text="hi")
    inbox = Inbox(store, vault)
    accepted = await inbox.accept(channel=ChannelId(HOOK), kind="webhook", inbound=inbound, now=clock())
    await store.write(
        lambda conn: outbox.put(
            conn,
            accepted.conversation,
            [Rendered(text=TEXT)],
            cause="turn:1",
            author=Author.BOT,
            now=clock(),
            live=False,
        )
    )
    return accepted.conversation


@asynccontextmanager
async def sender(
    store: Store, vault: Vault, clock: Clock, platform: Platform, wake: Callable[[float, Any], object]
) -> AsyncGenerator[Sender]:
    """A house's sender with a channel of its own, as after a start."""
    hook = {"kind": "webhook", "secret": SECRET, "callback_url": platform.url, "text_max": 50}
    channel: Channel = make(HOOK, hook, clock)
    await channel.start()
    try:
        yield Sender(
            store=store,
            vault=vault,
            channels={channel.id: channel},
            wake_later=wake,
            metrics=Metrics(),
            clock=clock,
        )
    finally:
        await channel.close()


def told(platform: Platform) -> list[tuple[int, str]]:
    return [(body["part"], body["text"]) for body in platform.sent]


async def state(store: Store) -> tuple[str, int]:
    return await store.read(lambda conn: tuple(conn.execute(select(table.c.state, table.c.parts_taken)).one()))


async def test_a_house_killed_between_two_parts_leaves_the_next_one_behind_them(
    store: Store, vault: Vault, clock: Clock, platform: Platform, conversation: Any
) -> None:
    waits: Waiting = []
    reached, never = asyncio.Event(), asyncio.Event()
    take = platform.take

    async def hang(request: web.Request) -> web.StreamResponse:
        answer = await take(request)
        if len(platform.sent) == 2:  # it has the second part, and the house dies before it hears of that
            reached.set()
            await never.wait()
        return answer

    platform.take = hang  # type: ignore[method-assign]
    async with hanging(platform) as other, sender(store, vault, clock, other, lambda s, c: waits.append((s, c))) as one:
        killed = asyncio.create_task(one.drain(conversation))
        await reached.wait()
        killed.cancel()
        await asyncio.gather(killed, return_exceptions=True)
        never.set()
    assert await state(store) == ("sending", 1)
    clock.forward(LEASE_SECONDS + 1)
    platform.sent.clear()
    async with sender(store, vault, clock, platform, lambda s, c: waits.append((s, c))) as another:
        await another.drain(conversation)
    assert told(platform) == [(2, PARTS[1]), (3, PARTS[2])]
    assert len({body["id"] for body in platform.sent}) == 1
    assert (await state(store))[0] == "sent"


@asynccontextmanager
async def hanging(platform: Platform) -> AsyncGenerator[Platform]:
    """The same platform at another address, with its `take` as it is now."""
    async with listening(web.post("/", platform.take)) as url:
        yield Platform(url=f"{url}/")


@asynccontextmanager
async def listening(*routes: web.RouteDef) -> AsyncGenerator[str]:
    """An address of this machine that answers `routes`."""
    app = web.Application()
    app.add_routes(routes)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


async def test_a_part_that_is_throttled_goes_out_after_a_restart_without_those_before_it(
    store: Store, vault: Vault, clock: Clock, platform: Platform, conversation: Any
) -> None:
    waits: Waiting = []
    platform.answer = lambda body: web.json_response({"ok": True}, status=429 if body["part"] == 3 else 200)
    async with sender(store, vault, clock, platform, lambda s, c: waits.append((s, c))) as one:
        await one.drain(conversation)
    assert [part for part, _ in told(platform)] == [1, 2, 3]
    assert await state(store) == ("ready", 2)
    platform.sent.clear()
    platform.answer = lambda body: web.json_response({"ok": True})
    clock.forward(waits[0][0])
    async with sender(store, vault, clock, platform, lambda s, c: waits.append((s, c))) as another:
        await another.drain(conversation)
    assert told(platform) == [(3, PARTS[2])]


async def test_a_part_that_the_ledger_could_not_be_told_of_is_not_sent_again(
    store: Store, vault: Vault, clock: Clock, platform: Platform, conversation: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: Waiting = []
    took = outbox.took

    def away(*_: object) -> None:
        monkeypatch.setattr(outbox, "took", took)
        raise LedgerBusy("away")

    async with sender(store, vault, clock, platform, lambda s, c: waits.append((s, c))) as one:
        monkeypatch.setattr(outbox, "took", away)
        await one.drain(conversation)
        assert [part for part, _ in told(platform)] == [1]
        assert await state(store) == ("ready", 1)
        clock.forward(waits[0][0])
        await one.drain(conversation)
    assert [part for part, _ in told(platform)] == [1, 2, 3]


async def test_a_process_that_is_killed_while_it_sends_and_fetches_is_followed_by_one_that_goes_on(
    make_settings: Callable[..., Settings],
) -> None:
    """Killed by the system, with the second part at the platform and a file half fetched."""
    settings, vault = make_settings(), Vault.open(make_settings().key_file)
    both: list[asyncio.Event] = [asyncio.Event(), asyncio.Event()]
    over, fetched = asyncio.Event(), 0
    other = Platform()

    async def take(request: web.Request) -> web.StreamResponse:
        other.sent.append(await request.json())
        if other.sent[-1].get("part") == 2 and not over.is_set():
            both[0].set()
            await over.wait()
        return web.json_response({"ok": True})

    async def give(request: web.Request) -> web.StreamResponse:
        nonlocal fetched
        fetched += 1
        if not over.is_set():
            both[1].set()
            await over.wait()
        return web.Response(body=b"\xff\xd8\xff\xe0" + b"a receipt" * 20)

    async with AsyncExitStack() as end:
        other.url = await end.enter_async_context(listening(web.post("/", take), web.get("/a.jpg", give)))
        store = await Store.open(settings.ledger_url)
        end.push_async_callback(store.close)
        now = utc_now()
        inbound = Inbound(
            sender="anna",
            external_id="m1",
            kind=MessageKind.ATTACHMENT,
            attachments=(Attachment(media_type="image/jpeg", url=f"{other.url}/a.jpg"),),
        )
        accepted = await Inbox(store, vault).accept(channel=ChannelId(HOOK), kind="webhook", inbound=inbound, now=now)
        await store.write(
            lambda conn: outbox.put(
                conn,
                accepted.conversation,
                [Rendered(text=TEXT)],
                cause="agent:1",
                author=Author.AGENT,
                now=now,
                live=False,
            )
        )
        channel = {"text_max": 50, "file_origins": [other.url], "timeout": 60.0}
        async with process(settings, other, **channel) as house:
            await asyncio.gather(*(asyncio.wait_for(one.wait(), PATIENCE) for one in both))
            house.process.kill()
            await house.process.wait()
        over.set()
        other.sent.clear()
        # What a dead house has taken is free again after a while; nobody waits for that here.
        await store.write(lambda conn: conn.execute(update(file).values(next_try_at=now)) and None)
        async with process(settings, other, **channel):
            # Its own parts alone: an answer to the picture may follow at any moment, in parts as well.
            await until(lambda: [body["part"] for body in other.sent if body["text"] in PARTS] == [2, 3])

            async def kept() -> bool:
                states = await store.read(lambda conn: conn.execute(select(file.c.state, file.c.attempts)).all())
                return [tuple(row) for row in states] == [("kept", 2)]

            await until(kept)
    assert fetched == 2

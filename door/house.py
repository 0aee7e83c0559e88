"""One house process put together: opened from the ledger up, closed from the doors down."""

from __future__ import annotations

import asyncio
import gc
import secrets
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

import structlog

import actions
import channels
from bot import reflexes
from bot.brain import BrainClient
from bot.conversation import Account, Conversations, Limits
from bot.id_request import IdPage
from channels import Attending, Channel
from channels.rasa_webchat import RasaWebchat
from channels.web import Hotline, Web
from core import alarm, turns
from core.errors import SettingsError
from core.inbox import Inbox
from core.live import Live, Ready
from core.model import TELEPHONES, ChannelId, ConversationId, Locale, Say
from core.setting_checks import networks
from core.settings import Settings
from core.store import Store
from core.vault import Vault
from door import brain_process, deadlines, fetching, news, sender, sweeper
from door.actions_listener import PATH as ACTIONS_PATH
from door.actions_listener import ActionsListener
from door.auth import Tokens
from door.brain_process import BrainProcess
from door.deadlines import Deadlines
from door.fetching import Fetcher
from door.health import Health
from door.holding import Holding
from door.id_page import IdPages
from door.listening import LOOPBACK, Listening, bind
from door.loops import Loops
from door.metrics import Metrics
from door.news import Habits, NewsDesk
from door.rates import Addresses, Rates
from door.reaching import NO_SMS
from door.reception import Reception
from door.sender import Sender
from door.sinks import CountedSinks
from door.socket import SWEEP_EVERY, Sockets
from door.sweeper import Sweeper
from door.uploads import Uploads
from door.webhooks import Webhooks
from door.workers import Pool
from faq import vectors
from faq.asking import Asking
from faq.folding import traditional
from faq.publish import Library

if TYPE_CHECKING:
    from door.rasa_socket import RasaSockets

log = structlog.get_logger()

START_GRACE = 10.0  # seconds that turns wait for a brain that is just starting, so that no try is wasted on it
URGENT_AT_ONCE = 4  # conversations with an emergency or an opt-out; a few milliseconds each
TYPING_AFTER = 0.5  # seconds a turn may take before the page shows that an answer is being written
COLLECT_AFTER = 5_000  # objects; 3 to 5 µs a message where 700 take 16 to 21: a turn leaves next to no cycles
SENDS_GRACE = 5.0  # seconds that calls to platforms get when we stop; what is cut off is `unknown`


@dataclass(kw_only=True)
class House:
    """What the doors and the tests need of a running house."""

    settings: Settings
    clock: Callable[[], datetime]
    store: Store
    vault: Vault
    live: Live
    urgent: Ready  # wakes for what the house answers without the brain
    inbox: Inbox
    channels: dict[ChannelId, Channel]
    library: Library
    tokens: Tokens
    metrics: Metrics
    health: Health
    webhooks: Webhooks
    sockets: Sockets
    rasa: RasaSockets | None  # None: no page speaks Rasa's protocol
    ids: IdPages
    brain: BrainClient
    brain_process: BrainProcess | None  # None: somebody else runs the brain


@asynccontextmanager
async def open_house(
    settings: Settings,
    *,
    clock: Callable[[], datetime] = channels.utc_now,
    brain: BrainClient | None = None,
    brain_command: Sequence[str] | None = None,
) -> AsyncGenerator[House]:
    """A house at work, without its public door; the ledger is migrated and the keys are there.

    With `brain` given that one is asked and none is started; `brain_command` starts another program in its place.
    Whatever fails on the way closes what was opened before it.
    """
    async with AsyncExitStack() as stack:
        vault = Vault.open(settings.key_file)
        store = await Store.open(settings.ledger_url)
        stack.push_async_callback(store.close)
        if settings.ledger_url.startswith("sqlite"):  # this house is alone with it: leases are a dead one's
            await store.write(turns.free_leases)
        live, metrics, inbox = Live(), Metrics(), Inbox(store, vault, max_text=settings.max_text)
        encoder = await asyncio.to_thread(vectors.load, settings.encoder)
        kept = vectors.kept(encoder, settings.data)
        if kept is not None:
            stack.callback(kept.close)
        library = await Library.open(settings, store, clock, kept)
        await asyncio.to_thread(traditional, "")  # loads its tables: 45 ms of CPU that the first message would wait for
        asking = Asking(encoder, metrics.encoder_failures.inc)
        stack.push_async_callback(asyncio.to_thread, asking.close)
        tokens = Tokens(store, clock)
        accounts = channels.make_all(settings.channels, clock, settings.public_base_url)
        for channel in accounts.values():
            await channel.start()
            stack.push_async_callback(channel.close)
        urgent = Ready()
        reception = Reception(
            inbox=inbox,
            live=live,
            urgent=urgent,
            reflexes=reflexes.load(),
            rates=Rates(settings.rate_per_minute),
            metrics=metrics,
            clock=clock,
        )
        health = Health(store=store, data=settings.data)
        addresses = Addresses(
            settings.visitors_per_minute, settings.sockets_per_address, networks(settings.trusted_proxies)
        )
        webhooks = Webhooks(
            channels=accounts,
            store=store,
            inbox=inbox,
            reception=reception,
            addresses=addresses,
            vault=vault,
            metrics=metrics,
            clock=clock,
            max_body_bytes=settings.max_body_bytes,
            uploads=Uploads(
                store=store,
                vault=vault,
                rates=reception.rates,
                metrics=metrics,
                clock=clock,
                longest=settings.attachment_bytes,
                scan=settings.scan_command,
                public_base_url=settings.public_base_url,
            ),
        )
        sockets = Sockets(
            channels={id: channel for id, channel in accounts.items() if isinstance(channel, Web)},
            store=store,
            vault=vault,
            live=live,
            reception=reception,
            addresses=addresses,
            metrics=metrics,
            hotline=lambda shown: _hotline(settings, shown),
            default_language=settings.default_language,
            public_base_url=settings.public_base_url,
        )
        house = House(
            settings=settings,
            clock=clock,
            store=store,
            vault=vault,
            live=live,
            urgent=urgent,
            inbox=inbox,
            channels=accounts,
            library=library,
            tokens=tokens,
            metrics=metrics,
            health=health,
            webhooks=webhooks,
            sockets=sockets,
            rasa=None,
            ids=IdPages(
                store=store,
                vault=vault,
                live=live,
                clock=clock,
                render=lambda say, shown: library.current.renderer.render(say, shown),
                hotline=lambda shown: _hotline(settings, shown),
                reads_ledger=lambda id: id in accounts and accounts[id].capabilities.live,
                default_language=settings.default_language,
                addresses=addresses,
                metrics=metrics,
            ),
            brain=brain or _brain_client(settings),
            brain_process=None,
        )
        stack.push_async_callback(house.brain.close)
        if (rasa := _rasa(house, reception, addresses)) is not None:
            house.rasa = rasa
            stack.push_async_callback(rasa.close)
        base = Loops(_death(metrics))
        stack.push_async_callback(base.stop)
        if brain is None:
            await _start_brain(house, base, stack, brain_command)
        base.endless("content", library.watch)
        await _start_work(house, base, asking, stack)
        yield house


def keep_what_is_loaded() -> None:
    """Tells the collector that what is there now stays for good: walking it again takes 50 ms each time. For a process
    that serves one house to its end."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(COLLECT_AFTER)


def _rasa(house: House, reception: Reception, addresses: Addresses) -> RasaSockets | None:
    """The door for pages of Rasa's, if a channel of that kind is configured; its address is fixed, so there is one."""
    found = [channel for channel in house.channels.values() if isinstance(channel, RasaWebchat)]
    if len(found) > 1:
        raise SettingsError(
            f"channels {' and '.join(one.id for one in found)}: only one can be of the kind rasa_webchat"
        )
    if not found:
        return None
    from door.rasa_socket import RasaSockets  # 45 ms that only such a house needs

    return RasaSockets(
        channel=found[0],
        store=house.store,
        vault=house.vault,
        live=house.live,
        reception=reception,
        addresses=addresses,
        metrics=house.metrics,
        words=lambda key, language: house.library.current.renderer.render(Say(key=key), language).text,
        default_language=house.settings.default_language,
        public_base_url=house.settings.public_base_url,
    )


def _brain_client(settings: Settings) -> BrainClient:
    """For a brain that is still to be started: where it listens is told when it is ready."""
    token = secrets.token_urlsafe(32)
    return BrainClient("", token, settings.brain_timeout, at_once=settings.turns_in_flight)


async def _start_brain(house: House, base: Loops, stack: AsyncExitStack, command: Sequence[str] | None) -> None:
    """The listener that actions call, then the brain that calls it."""
    settings = house.settings
    action_token = secrets.token_urlsafe(32)
    listener = ActionsListener(actions.execute, action_token, settings.action_timeout)
    listening = Listening(listener, bind(LOOPBACK, settings.action_port, "QIANTAI_ACTION_PORT"))
    await listening.start()
    stack.push_async_callback(listening.stop)
    url = f"http://{LOOPBACK}:{listening.port}{ACTIONS_PATH}"

    async def tell(detail: str) -> None:
        now = house.clock()
        await house.store.write(lambda conn: alarm.raise_alarm(conn, "brain_down", "brain", detail, now))

    def changed(up: bool, restarted: bool) -> None:
        house.metrics.brain_up.set(up)
        if restarted:
            house.metrics.brain_restarts.inc()

    house.brain_process = process = BrainProcess(
        command or brain_process.command(settings),
        brain_process.environment(house.brain.token, url, action_token),
        house.brain,
        alarm=tell,
        on_change=changed,
    )
    house.health.reasons |= {
        "brain": lambda: process.trouble,
        "actions": lambda: "" if listening.alive else "the action listener is down",
    }
    base.endless("brain", process.run)
    # While the brain loads: an action that is broken fails here, and no first caller waits for 0.3 s of imports.
    await asyncio.to_thread(actions.names)


async def _start_work(house: House, base: Loops, asking: Asking, stack: AsyncExitStack) -> None:
    """The loops that answer, send and look after things; stopped before what they stand on."""
    settings, store, live, metrics = house.settings, house.store, house.live, house.metrics
    conversations = Conversations(
        store=store,
        vault=house.vault,
        live=live,
        brain=house.brain,
        content=house.library,
        asking=asking,
        reflexes=reflexes.load(),
        accounts={id: Account(kind=c.kind, capabilities=c.capabilities) for id, c in house.channels.items()},
        limits=Limits(
            lease=settings.lease_seconds,
            tries=settings.turn_tries,
            hold_after=settings.hold_after,
            default_language=settings.default_language,
            ids=IdPage(base_url=settings.public_base_url, valid=timedelta(hours=settings.id_link_hours)),
        ),
        clock=house.clock,
        watch=lambda outcome, seconds: _count_turn(metrics, outcome, seconds),
    )
    sending = Sender(
        store=store,
        vault=house.vault,
        channels=house.channels,
        wake_later=lambda seconds, which: asyncio.get_running_loop().call_later(seconds, live.sends.add, which),
        metrics=metrics,
        clock=house.clock,
    )
    house.webhooks.holding = Holding(
        store=store,
        live=live,
        vault=house.vault,
        metrics=metrics,
        clock=house.clock,
        outbound=sending.outbound,
        park=conversations.park,
    )
    answers = Pool("turn", live.turns, _showing(live, conversations, sending), at_once=settings.turns_in_flight)
    express = Pool("urgent", house.urgent, conversations.answer_urgent, at_once=URGENT_AT_ONCE)
    parcels = Pool("send", live.sends, sending.drain, at_once=sender.AT_ONCE)
    telling = NewsDesk(
        store=store,
        vault=house.vault,
        live=live,
        channels=house.channels,
        content=house.library,
        habits=_habits(settings, house.channels),
        clock=house.clock,
    )
    swept = Sweeper(
        store=store,
        live=live,
        urgent=house.urgent,
        channels=house.channels,
        clock=house.clock,
        idle_visit=timedelta(minutes=settings.idle_visit_minutes),
    )
    fetcher = Fetcher(
        store=store,
        vault=house.vault,
        live=live,
        channels=house.channels,
        longest=settings.attachment_bytes,
        scan=settings.scan_command,
        words=lambda say, shown: house.library.current.renderer.render(say, shown),
        default_language=settings.default_language,
        metrics=metrics,
        clock=house.clock,
    )
    fetches = Pool("file", live.files, fetcher.drain, at_once=fetching.AT_ONCE)
    sinks = CountedSinks(store, settings, house.clock, metrics)
    stack.push_async_callback(parcels.finish, SENDS_GRACE)
    stack.push_async_callback(fetches.finish, 0.0)
    stack.push_async_callback(answers.finish, settings.brain_timeout + 1.0)
    stack.push_async_callback(express.finish, settings.brain_timeout + 1.0)
    work = Loops(_death(metrics))
    stack.push_async_callback(work.stop)

    async def hold() -> None:
        metrics.held.inc(await conversations.tell_waiting())

    async def answer() -> None:
        if house.brain_process is not None:
            with suppress(TimeoutError):
                async with asyncio.timeout(START_GRACE):
                    await house.brain_process.up.wait()
        await answers.run()

    await swept.wake_all()
    work.endless("sender", parcels.run)
    work.endless("turns", answer)
    work.endless("urgent", express.run)
    work.endless("files", fetches.run)
    for channel in house.channels.values():
        if isinstance(channel, Attending):
            work.endless(f"channel {channel.id}", partial(channel.attend, partial(house.webhooks.keep, channel)))
    work.every(sweeper.SWEEP_EVERY, "sweeper", swept.sweep)
    work.every(sweeper.HOLD_EVERY, "holding", hold)
    work.every(fetching.LOOK_EVERY, "wanted files", fetcher.look)
    work.every(SWEEP_EVERY, "sockets", house.sockets.sweep)
    work.every(sweeper.VISITS_EVERY, "visits", swept.close_visits)
    work.every(sweeper.SEAL_EVERY, "audit", swept.seal_hour)
    work.every(deadlines.LOOK_EVERY, "deadlines", Deadlines(store, house.clock).look)
    work.every(news.LOOK_EVERY, "news", telling.look)
    work.every(alarm.TELL_EVERY, "alarms", sinks.deliver)
    house.health.details = lambda: _details(house)
    house.health.reasons["loops"] = lambda: "; ".join((*base.troubles(), *work.troubles()))


def _showing(live: Live, conversations: Conversations, sending: Sender) -> Callable[[ConversationId], Awaitable[None]]:
    """Drains a conversation, and shows its pages or its platform that an answer is written where that takes a while."""

    async def drain(conversation: ConversationId) -> None:
        told: list[asyncio.Task[None]] = []

        def show() -> None:
            live.typing(conversation, True)
            told.append(asyncio.create_task(sending.show_typing(conversation)))

        shown = asyncio.get_running_loop().call_later(TYPING_AFTER, show)
        try:
            await conversations.drain(conversation)
        finally:
            shown.cancel()
            for telling in told:  # after the answer it would be wrong
                telling.cancel()
            live.typing(conversation, False)

    return drain


def _habits(settings: Settings, running: Mapping[ChannelId, Channel]) -> Habits:
    """How news of cases is told; SettingsError where its short messages are to go out by a channel that cannot."""
    sms = settings.sms_channel
    if sms not in ("", NO_SMS) and (ChannelId(sms) not in running or running[ChannelId(sms)].kind not in TELEPHONES):
        raise SettingsError(f'sms_channel: "{sms}" is no channel for short messages that runs; leave it empty, or none')
    return Habits(
        since=settings.proactive_from,
        until=settings.proactive_until,
        follow_up_days=settings.follow_up_days,
        sms_channel=sms,
        default_language=settings.default_language,
    )


def _details(house: House) -> dict[str, str]:
    model = {"model": house.brain_process.model} if house.brain_process else {}
    return {"content": house.library.version, **model}


def _death(metrics: Metrics) -> Callable[[str], None]:
    return lambda loop: metrics.loop_deaths.labels(loop).inc()


def _count_turn(metrics: Metrics, outcome: str, seconds: float) -> None:
    metrics.turns.labels(outcome).inc()
    metrics.turn_seconds.observe(seconds)


def _hotline(settings: Settings, shown: Locale) -> Hotline:
    told = settings.response_args("en" if shown == "en" else "zh")
    name, hours = told["hotline_name"], told["hours"]
    if shown == "zh-Hant":
        name, hours = traditional(name), traditional(hours)
    return Hotline(name=name, number=told["hotline_number"], hours=hours)

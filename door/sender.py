"""Takes what waits in the outbox to the platforms: in order, marked before each call, again where the error allows."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial

import structlog
from sqlalchemy import Connection, select

from channels import Channel, CutOff, Notifying, Typing
from core import alarm, answering, inbox, once, outbox, retry
from core.errors import LedgerBusy, SendError
from core.model import ChannelId, ConversationId, DeliveryState, Outbound, PartsTaken, Sent
from core.outbox import Outcome, SendLease
from core.store import Store
from core.tables import address, conversation
from core.vault import Vault
from door.metrics import Metrics

log = structlog.get_logger()

CALL_SECONDS = 70.0  # a channel's own timeout ends earlier (60 s at most); this one is the net below
LEASE_SECONDS = 90.0  # longer than any call, so that a lease cannot run out under one; freed at start after a crash
REST_MOST = 60.0  # seconds a whole channel rests when its platform throttles; a single message may rest longer
PASSIVE_FOR = timedelta(seconds=20)  # longer than a platform delivers again a message that got no answer
AT_ONCE_PER_CHANNEL = 16  # calls to one platform together: one that hangs must not take every hand
AT_ONCE = 10_000  # conversations in hand over all channels; most wait for a call of their channel, at 3 kB each


class Sender:
    """Sends the messages of one conversation at a time, each under the lease that `core.outbox` keeps."""

    def __init__(
        self,
        *,
        store: Store,
        vault: Vault,
        channels: Mapping[ChannelId, Channel],
        wake_later: Callable[[float, ConversationId], object],
        metrics: Metrics,
        clock: Callable[[], datetime],
    ) -> None:
        """`wake_later(seconds, conversation)` brings a conversation back when its message is due again."""
        self._store = store
        self._vault = vault
        self._channels = channels
        self._wake_later = wake_later
        self._metrics = metrics
        self._clock = clock
        self._rest_until = dict.fromkeys(channels, 0.0)  # time.monotonic(); a platform that throttles gets a rest
        self._slots = {channel_id: asyncio.Semaphore(AT_ONCE_PER_CHANNEL) for channel_id in channels}
        self._channel_of: dict[ConversationId, ChannelId] = {}
        self._unnoted: dict[int, int] = {}  # outbox id → parts that the platform has and the ledger could not be told

    async def drain(self, conversation_id: ConversationId) -> None:
        """Sends what is due in the conversation until nothing is, or until a message must rest."""
        channel = self._channels.get(await self._channel(conversation_id))
        if channel is None:  # taken out of the settings: its messages wait until it is back
            return
        if channel.capabilities.passive:
            await self._give_up(channel, conversation_id)
            return
        resend = channel.capabilities.resend_unknown
        async with self._slots[channel.id]:
            await asyncio.sleep(max(0.0, self._rest_until[channel.id] - time.monotonic()))
            held = await self._claim(conversation_id, resend=resend)
            while held is not None:
                outcome = await self._send(channel, held)
                held = await self._settle(held, outcome)

    async def show_typing(self, conversation_id: ConversationId) -> None:
        """Tells the platform that an answer is being written, where the channel can; nothing depends on it."""
        channel = self._channels.get(await self._channel(conversation_id))
        if not isinstance(channel, Typing) or not channel.capabilities.typing:
            return
        which = select(address.c.sealed).where(address.c.conversation_id == conversation_id)
        sealed = await self._store.read(lambda conn: conn.execute(which).scalar_one())
        with suppress(SendError):
            await channel.typing(self._vault.unseal(sealed, context=conversation_id))

    async def _channel(self, conversation_id: ConversationId) -> ChannelId:
        known = self._channel_of.get(conversation_id)
        if known is None:
            if len(self._channel_of) > 100_000:
                self._channel_of.clear()
            which = select(conversation.c.channel_id).where(conversation.c.id == conversation_id)
            known = ChannelId(await self._store.read(lambda conn: conn.execute(which).scalar_one()))
            self._channel_of[conversation_id] = known
        return known

    async def _give_up(self, channel: Channel, conversation_id: ConversationId) -> None:
        """Ends what no acknowledgement will carry any more; what one may still carry is left to the door."""
        before = self._clock() - PASSIVE_FOR
        while True:
            late = await self._store.read(lambda conn: answering.too_late(conn, conversation_id, before))
            held = None if late is None else await self._claim(conversation_id, resend=False, answers=late)
            if held is None:
                return
            await self._settle(held, await self._send(channel, held), more=False)

    async def _claim(
        self, conversation_id: ConversationId, *, resend: bool, answers: str | None = None
    ) -> SendLease | None:
        now = self._clock()
        held: SendLease | None = None

        def op(conn: Connection) -> SendLease | None:
            nonlocal held  # run again after a commit whose answer was lost, it knows its own lease
            held = outbox.claim(
                conn,
                conversation_id,
                now,
                seconds=LEASE_SECONDS,
                resend_unknown=resend,
                mine=held,
                answers=answers,
            )
            return held

        return await self._store.write(op, conversation_id)

    async def _send(self, channel: Channel, held: SendLease) -> Outcome:
        parcel = held.parcel
        try:
            message = await self.outbound(channel, held)
            async with asyncio.timeout(CALL_SECONDS):
                sent = await _hand(channel, message)
        except SendError as e:
            return self._judge(channel, held, e)
        except TimeoutError:
            return self._judge(channel, held, CutOff("server_down", "no answer at all", retryable=True))
        except Exception as e:
            # A defect of ours, before or after the platform took it: nobody can say, so it counts as cut off.
            log.exception("send_broke", channel=channel.id, conversation_id=held.conversation, outbox_id=parcel.id)
            return self._judge(channel, held, CutOff("broken", type(e).__name__, retryable=True))
        log.info("sent", channel=channel.id, conversation_id=held.conversation, outbox_id=parcel.id, seq=parcel.seq)
        return Outcome(state=DeliveryState.SENT, external_id=sent.external_id, as_notice=sent.as_notice)

    async def outbound(self, channel: Channel, held: SendLease) -> Outbound:
        """What the channel is handed; VaultError if the address cannot be opened."""
        parcel, text = held.parcel, await self._text(held)
        counted = channel.capabilities.window and not channel.capabilities.passive
        return Outbound(
            id=parcel.id,
            address=self._vault.unseal(parcel.sealed, context=held.conversation),
            text=f"{text}\n{parcel.source}" if parcel.source else text,
            buttons=parcel.buttons,
            in_reply_to=parcel.in_reply_to,
            notice=parcel.notice,
            heard=await self._store.read(lambda conn: answering.heard(conn, held.conversation)) if counted else (),
            taken=PartsTaken(
                count=max(parcel.parts_taken, self._unnoted.get(parcel.id, 0)), keep=partial(self._took, held)
            ),
        )

    async def _took(self, held: SendLease, count: int) -> None:
        """Commits each part that the platform has before the next one goes out.

        With the ledger away the message rests: a further part that nobody can note might be sent twice."""
        try:
            await self._store.write(lambda conn: outbox.took(conn, held, count), held.conversation)
        except LedgerBusy as e:
            self._unnoted[held.parcel.id] = count
            raise SendError("ledger_away", f"part {count} is not noted", retryable=True) from e

    async def _text(self, held: SendLease) -> str:
        """The words, with what may be read once."""
        words, now = held.parcel.text, self._clock()
        if not once.has(words):
            return words
        return await self._store.read(lambda conn: once.show(conn, self._vault, held.conversation, words, now))

    def _judge(self, channel: Channel, held: SendLease, error: SendError) -> Outcome:
        """What becomes of a message that was not taken."""
        tries = held.parcel.attempts + 1
        cut_off = isinstance(error, CutOff) and not channel.capabilities.resend_unknown
        if cut_off:
            outcome = Outcome(state=DeliveryState.UNKNOWN, error=str(error))
        elif not error.may_retry:
            # Of news nobody else would hear that the account is wrong: it goes another way.
            trouble = error.alarm and held.parcel.notice is not None
            outcome = Outcome(state=DeliveryState.FAILED, error=str(error), alarm=trouble)
        elif tries >= retry.SEND_TRIES:
            outcome = Outcome(state=DeliveryState.PARKED, error=str(error))
        else:
            wait = max(retry.send_delay(tries), error.retry_after or 0.0)
            if error.send_code == "throttled":
                self._rest_until[channel.id] = time.monotonic() + min(wait, REST_MOST)
            again = self._clock() + timedelta(seconds=wait)
            outcome = Outcome(state=DeliveryState.READY, error=str(error), next_try_at=again, alarm=error.alarm)
            self._wake_later(wait, held.conversation)
        log.warning(
            "not_sent",
            channel=channel.id,
            conversation_id=held.conversation,
            outbox_id=held.parcel.id,
            why=error.send_code,
            becomes=outcome.state.value,
            tries=tries,
        )
        return outcome

    async def _settle(self, held: SendLease, outcome: Outcome, *, more: bool = True) -> SendLease | None:
        self._metrics.sends.labels(held.channel, outcome.state.value).inc()
        now = self._clock()

        def op(conn: Connection) -> SendLease | None:
            if outcome.error.startswith("contact_stopped"):
                inbox.stop(conn, held.conversation, now)  # their wish, not our failure
            elif outcome.alarm:
                alarm.raise_alarm(conn, "channel_trouble", held.channel, outcome.error, now)
            else:
                outbox.tell(conn, held, outcome, now)
            if unnoted := self._unnoted.get(held.parcel.id):
                outbox.took(conn, held, unnoted)
            return outbox.settle(conn, held, outcome, now, seconds=LEASE_SECONDS, more=more)

        with suppress(LedgerBusy):  # the row stays `sending`: unknown, as it would be after a crash
            following = await self._store.write(op, held.conversation)
            self._unnoted.pop(held.parcel.id, None)
            return following
        return None


async def _hand(channel: Channel, message: Outbound) -> Sent:
    """Hands a message over; news that the platform's rules forbid now in the words of a notice that it has approved."""
    try:
        return await channel.send(message)
    except SendError as e:
        if e.send_code != "undeliverable" or message.notice is None or not isinstance(channel, Notifying):
            raise
        return replace(await channel.notify(message), as_notice=True)

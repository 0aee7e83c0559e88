"""Answers in the acknowledgement: for platforms that take the one answer to a message there and nowhere else.

The message is committed first, as any other. Then the delivery is held until the first outbox row that answers it is
there, which is claimed under the sender's lease and written into the acknowledgement; one answer is written in time,
however many deliveries of the message there are. A delivery that finds none is left without an acknowledgement, so that
the platform brings it again. The last one parks a message that nobody has answered, and carries the sentence that says
so; an answer that comes later would reach nobody.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from sqlalchemy import Connection
from starlette.types import Receive, Send

from channels import Ack, Channel, Hold
from core import answering, outbox
from core.answering import Answering
from core.errors import LedgerBusy, VaultError
from core.live import Live
from core.model import ConversationId, DeliveryState, Outbound
from core.outbox import Outcome, SendLease
from core.store import Store
from core.vault import Vault
from door.answers import send_plain
from door.metrics import Metrics

log = structlog.get_logger()

LOOK_EVERY = 2.0  # seconds between two looks at the ledger without news: another process may have written
PARKING = 1.5  # seconds before `Hold.within` is over in which the last delivery parks its message
IN_TIME = 0.3  # seconds beyond `Hold.within` in which a written answer still counts as read
LEASE_SECONDS = 10.0  # longer than rendering and writing one answer
AGAIN_AFTER = 1.0  # seconds until an answer that broke on the way is tried again
HANGS_UP = 10.0  # seconds in which a platform that got no answer hangs up; after them it is told to come again


@dataclass(frozen=True, kw_only=True)
class Holding:
    """The deliveries that wait for their answer."""

    store: Store
    live: Live
    vault: Vault
    metrics: Metrics
    clock: Callable[[], datetime]
    outbound: Callable[[Channel, SendLease], Awaitable[Outbound]]  # what the sender would hand to the channel
    park: Callable[[ConversationId, str], Awaitable[None]]  # the open message with this external id, out of turn

    async def answer(self, channel: Channel, hold: Hold, ack: Ack, receive: Receive, send: Send, began: float) -> None:
        """Acknowledges a delivery whose request began at `began` (time.monotonic()), with its answer if it is there."""
        gone: asyncio.Future[object] = asyncio.ensure_future(
            _ended(receive)
        )  # the body was read: all that can come is the end of the connection
        try:
            await self._answer(channel, hold, ack, gone, send, began)
        finally:
            gone.cancel()

    async def _answer(
        self, channel: Channel, hold: Hold, ack: Ack, gone: asyncio.Future[object], send: Send, began: float
    ) -> None:
        conversation = self.vault.conversation_id(channel.id, hold.sender)
        until, parked = began + hold.within, False
        async with self.live.listen(conversation) as ear:
            while not gone.done():
                seen = await self._look(conversation, hold)
                if seen is None or seen.is_over:
                    await send_plain(send, ack.status, ack.body, ack.content_type)
                    return
                now = time.monotonic()
                came_after = (self.clock() - seen.received_at).total_seconds() - (now - began)
                last, left = came_after > hold.last_after, until - now
                if seen.is_ready and await self._write(channel, hold, conversation, gone, send, began, last=last):
                    return
                may_park = last and seen.is_open and not parked
                if may_park and left <= PARKING:
                    parked = True  # tried once: a person may have the conversation, whose words are not ours to give up
                    await self.park(conversation, hold.external_id)
                elif left <= 0:
                    break
                else:
                    await ear.wait(min(left - PARKING if may_park else left, LOOK_EVERY))
        await asyncio.wait([gone], timeout=max(0.0, began + HANGS_UP - time.monotonic()))
        if not gone.done():
            await send_plain(send, 503, b"")

    async def _look(self, conversation: ConversationId, hold: Hold) -> Answering | None:
        return await self.store.read(lambda conn: answering.answering(conn, conversation, hold.external_id))

    async def _write(
        self,
        channel: Channel,
        hold: Hold,
        conversation: ConversationId,
        gone: asyncio.Future[object],
        send: Send,
        began: float,
        *,
        last: bool,
    ) -> bool:
        """Writes the answer if this delivery gets hold of it; False if another one has it."""
        held = await self._claim(conversation, hold)
        if held is None:
            return False
        written, broke = False, ""
        try:
            answer = hold.render(await self.outbound(channel, held))
            if written := not gone.done() and time.monotonic() <= began + hold.within + IN_TIME:
                await send_plain(send, answer.status, answer.body, answer.content_type)
        except Exception as e:
            log.exception("answer_broke", channel=channel.id, conversation_id=conversation, outbox_id=held.parcel.id)
            broke = f"broken: {type(e).__name__}"
            if not written:
                await self._settle(held, self._unwritten(e, broke))
                return False
        in_time = written and not broke and time.monotonic() <= began + hold.within + IN_TIME
        state = DeliveryState.SENT if in_time else DeliveryState.UNKNOWN if written and last else DeliveryState.READY
        await self._settle(held, Outcome(state=state, error="" if in_time else broke or "written too late"))
        log.info("answered_in_reply", channel=channel.id, conversation_id=conversation, state=state.value)
        return written

    def _unwritten(self, error: Exception, why: str) -> Outcome:
        """What becomes of an answer that broke before a word of it was written."""
        if isinstance(error, VaultError):  # it opens no better the next time
            return Outcome(state=DeliveryState.FAILED, error=why)
        again = self.clock() + timedelta(seconds=AGAIN_AFTER)
        return Outcome(state=DeliveryState.READY, error=why, next_try_at=again)

    async def _claim(self, conversation: ConversationId, hold: Hold) -> SendLease | None:
        now = self.clock()
        held: SendLease | None = None

        def op(conn: Connection) -> SendLease | None:
            nonlocal held  # run again after a commit whose answer was lost, it knows its own lease
            held = outbox.claim(
                conn,
                conversation,
                now,
                seconds=LEASE_SECONDS,
                resend_unknown=False,
                mine=held,
                answers=hold.external_id,
            )
            return held

        return await self.store.write(op, conversation)

    async def _settle(self, held: SendLease, outcome: Outcome) -> None:
        self.metrics.sends.labels(held.channel, outcome.state.value).inc()
        now = self.clock()

        def op(conn: Connection) -> None:
            outbox.tell(conn, held, outcome, now)
            outbox.settle(conn, held, outcome, now, seconds=LEASE_SECONDS, more=False)

        try:
            await self.store.write(op, held.conversation)
        except LedgerBusy:  # the row stays `sending`: unknown, as it would be after a crash
            log.warning("answer_not_settled", conversation_id=held.conversation, outbox_id=held.parcel.id)
        if outcome.next_try_at is None:  # what rests is no news: who waits for it would only find that it rests
            self.live.news(held.conversation)


async def _ended(receive: Receive) -> object:
    return await receive()

"""Where both doors hand in what a consumer wrote: counted, committed, and only then told to those who answer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import structlog

from bot.reflexes import Reflexes
from core.inbox import Accepted, Inbox
from core.live import Live, Ready
from core.model import ChannelId, Inbound, MessageKind
from door.metrics import Metrics
from door.rates import Rates

log = structlog.get_logger()


@dataclass(frozen=True, kw_only=True)
class Reception:
    """The one way of a message into the house."""

    inbox: Inbox
    live: Live
    urgent: Ready  # wakes that must not queue behind turns which wait for a slow brain
    reflexes: Reflexes
    rates: Rates
    metrics: Metrics
    clock: Callable[[], datetime]

    async def accept(self, channel: ChannelId, kind: str, inbound: Inbound) -> Accepted:
        """Commits the message and wakes who answers it; when this returns it may be acknowledged.

        TooMany above the sender's rate, TooLarge, LedgerBusy: nothing was taken.
        """
        if inbound.kind is not MessageKind.FOLLOWED:  # opening a page is nothing anybody wrote
            self.rates.take(channel, inbound.sender)
        accepted = await self.inbox.accept(channel=channel, kind=kind, inbound=inbound, now=self.clock())
        (self.metrics.duplicates if accepted.duplicate else self.metrics.accepted).labels(channel).inc()
        log.info(
            "accepted",
            channel=channel,
            conversation_id=accepted.conversation,
            message_id=accepted.inbox_id,
            seq=accepted.seq,
            duplicate=accepted.duplicate,
        )
        if not accepted.duplicate:
            (self.urgent if self._is_urgent(inbound) else self.live.turns).add(accepted.conversation)
            self.live.news(accepted.conversation, [accepted.line] if accepted.line else ())
            if inbound.attachments:
                self.live.files.add(accepted.conversation)
        return accepted

    def _is_urgent(self, inbound: Inbound) -> bool:
        """Will the house answer this by itself, without the brain?"""
        reflex = self.reflexes.of(inbound.kind, inbound.text)
        return reflex is not None and not reflex.brain

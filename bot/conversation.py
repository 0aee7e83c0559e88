"""One conversation's turns: reflexes first, then the brain, then one transaction; in order, one at a time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal, Protocol, cast

import structlog
from sqlalchemy import Connection

from bot import choices, follow_up, plans, rating, saying, tongues
from bot.apply import Plan, apply, apply_out_of_turn, pack, unpack
from bot.brain import BrainClient, TurnFailed, TurnReply, TurnRequest
from bot.casework import Casework
from bot.heartbeat import Heartbeat
from bot.id_request import NOWHERE, IdPage
from bot.reflexes import Reflex, Reflexes
from bot.tongues import Spoken
from cases import intake, lookup
from cases.states import State
from core import alarm, outbox, questions, retry, turns
from core.effects import CaseEffect
from core.errors import LeaseLost, LedgerBusy
from core.live import Live
from core.model import (
    Author,
    Capabilities,
    ChannelId,
    ConversationId,
    Language,
    Lease,
    Line,
    Locale,
    MessageKind,
    OwnCase,
    Rendered,
    Say,
    Turn,
)
from core.store import Store
from core.turns import FREE, Waiting
from core.vault import Vault
from faq.asking import Asking
from faq.publish import Current
from faq.search import Found

log = structlog.get_logger()

REFLEX = "reflex:"  # begins the outcome of a message that a reflex answered
HOLD_AFTER_SWEEP = 0.5  # seconds: the sweeper looks this often, so a sentence due at 5 s is written from 4.5 s on


class Content(Protocol):
    """Where the answers and sentences of this moment are found."""

    @property
    def current(self) -> Current: ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Account:
    """What a turn may know of a channel: its kind and what it can carry."""

    kind: str
    capabilities: Capabilities


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """Time budgets of DESIGN.md §2."""

    lease: float = 10.0  # seconds
    tries: int = 3
    hold_after: float = 5.0  # seconds
    outage: float = 600.0  # seconds in which one holding sentence is enough
    default_language: Language = "zh"
    ids: IdPage = NOWHERE


Outcome = Literal["answered", "silent", "parked", "postponed", "lost"]


class Conversations:
    """Takes conversations and answers what is open in them; safe to be asked for the same one any number of times."""

    def __init__(
        self,
        *,
        store: Store,
        vault: Vault,
        live: Live,
        brain: BrainClient,
        content: Content,
        asking: Asking,
        reflexes: Reflexes,
        accounts: Mapping[ChannelId, Account],
        limits: Limits,
        clock: Callable[[], datetime],
        watch: Callable[[Outcome, float], None] = lambda outcome, seconds: None,
    ) -> None:
        """`watch` is told how each turn ended and its seconds; metrics hang there."""
        self._store = store
        self._vault = vault
        self._live = live
        self._brain = brain
        self._content = content
        self._asking = asking
        self._reflexes = reflexes
        self._accounts = accounts
        self._limits = limits
        self._clock = clock
        self._watch = watch

    async def drain(self, conversation: ConversationId) -> None:
        """Answers what is open and due in `conversation`, until nothing is or somebody else has it."""
        more = True
        while more:
            held = await self._lease(conversation)
            if held is not None and held.channel not in self._accounts:  # its messages wait until it is back
                await self._store.write(lambda conn, held=held: self._leave(conn, held), conversation)
                return
            more = held is not None and await self._take(held)

    def _leave(self, conn: Connection, held: Lease) -> None:
        now = self._clock()
        turns.release(conn, held, now)
        alarm.raise_alarm(conn, "channel_gone", held.channel, "messages wait for a channel the settings lack", now)

    async def _lease(self, conversation: ConversationId) -> Lease | None:
        now = self._clock()
        held: Lease | None = None

        def op(conn: Connection) -> Lease | None:
            nonlocal held  # run again after a commit whose answer was lost, it knows its own lease
            held = turns.lease(conn, conversation, now, self._limits.lease, mine=held)
            return held and replace(held, cases=lookup.recent(conn, conversation))

        return await self._store.write(op, conversation)

    async def answer_urgent(self, conversation: ConversationId) -> None:
        """Answers at once what needs no brain, past messages that wait for one; what else is open is left to the turns.

        Safety and opt-out must not stand behind a message that a slow brain is still with (docs/decisions/0009), and
        the hands that look after them must never wait for it.
        """
        seen = await self._store.read(lambda conn: turns.look(conn, conversation))
        if seen is not None and seen.channel in self._accounts and seen.owner == "bot":
            for turn in seen.turns:
                if (reflex := self._reflex(turn)) is not None and not reflex.brain:
                    await self._answer_out_of_turn(seen, turn, reflex)
        self._live.turns.add(conversation)

    async def park(self, conversation: ConversationId, external_id: str) -> None:
        """Gives up the open message with this external id, because its answer would come too late to be told."""
        seen = await self._store.read(lambda conn: turns.look(conn, conversation))
        if seen is None or seen.owner != "bot":
            return
        for turn in seen.turns:
            if turn.external_id == external_id:
                plan = self._parked(seen, turn, TurnFailed("slow", "the platform waits no longer"))
                await self._apply_out_of_turn(seen, turn, plan)

    async def _answer_out_of_turn(self, seen: Lease, turn: Turn, reflex: Reflex) -> None:
        await self._apply_out_of_turn(seen, turn, self._reflex_plan(seen, reflex, None, self._spoken(seen, turn)))

    async def _apply_out_of_turn(self, seen: Lease, turn: Turn, plan: Plan) -> None:
        started = time.perf_counter()
        carries = self._accounts[seen.channel].capabilities
        casework = self._casework(plan)
        now = self._clock()
        with suppress(LeaseLost):  # answered in its turn meanwhile, or a person's now
            said = await self._store.write(
                lambda conn: apply_out_of_turn(conn, seen, turn, plan, casework=casework, carries=carries, now=now),
                seen.conversation,
            )
            self._announce(seen.conversation, said, live=carries.live)
            self._ended(turn, plan, time.perf_counter() - started)

    async def _take(self, held: Lease) -> bool:
        """Goes through the messages of one lease; True if the conversation should be looked at again."""
        more = False
        with Heartbeat(self._store, held, self._clock, self._limits.lease):
            for turn in held.turns:
                started = time.perf_counter()
                try:
                    plan, visit, more = await self._settle(held, turn, last=turn is held.turns[-1])
                except TurnFailed as e:
                    self._watch("postponed", time.perf_counter() - started)
                    await self._postpone(held, turn, e)
                    return False
                except (LeaseLost, LedgerBusy) as e:
                    # Committed already, taken over, or the database is away: the ledger knows which.
                    self._watch("lost", time.perf_counter() - started)
                    log.warning("turn_lost", conversation_id=held.conversation, message_id=turn.inbox_id, why=e.code)
                    return isinstance(e, LeaseLost) and await self._let_go(held)
                self._ended(turn, plan, time.perf_counter() - started)
                held = plans.after(held, plan, visit, self._clock())
                if more and any(isinstance(asked, CaseEffect) for asked in plan.effects):
                    held = replace(held, cases=await self._cases(turn))
        return more

    def _ended(self, turn: Turn, plan: Plan, seconds: float) -> None:
        self._watch("parked" if plan.parked else "answered" if plan.say else "silent", seconds)
        log.info(
            "turn_done",
            conversation_id=turn.conversation,
            message_id=turn.inbox_id,
            outcome=plan.outcome,
            ms=round(seconds * 1000, 1),
        )

    async def _let_go(self, held: Lease) -> bool:
        """After a lost turn: what a commit without an answer may have put out is told, and a lease that is still ours
        is given back. True if there is more to do; the sweeper would find all of it too, seconds later."""
        self._announce(held.conversation, live=self._accounts[held.channel].capabilities.live)
        with suppress(LedgerBusy):
            return await self._store.write(lambda conn: turns.release(conn, held, self._clock()), held.conversation)
        return False

    async def _settle(self, held: Lease, turn: Turn, *, last: bool) -> tuple[Plan, int, bool]:
        """Thinks and commits; parks the message when its last try fails. TurnFailed while it has tries left."""
        try:
            plan = await self._think(held, turn)
            return plan, *await self._commit(held, turn, plan, last=last)
        except (LeaseLost, LedgerBusy):
            raise
        except Exception as e:
            # A sentence that cannot be rendered, a row that cannot be written: as bad as a brain that is down.
            failure = e if isinstance(e, TurnFailed) else TurnFailed("failed", type(e).__name__)
            if failure is not e:
                log.exception("turn_failed", conversation_id=held.conversation, message_id=turn.inbox_id)
            if turn.attempts + 1 < self._limits.tries and not failure.permanent:
                raise failure from e
            plan = self._parked(held, turn, failure)
            return plan, *await self._commit(held, turn, plan, last=last)

    def _parked(self, held: Lease, turn: Turn, failure: TurnFailed) -> Plan:
        log.error("turn_parked", conversation_id=held.conversation, message_id=turn.inbox_id, why=failure.reason)
        spoken = self._spoken(held, turn)
        told = self._rendered((Say(key="parked"),), spoken.locale)
        return Plan(say=told, state=held.state, spoken=spoken, outcome=f"brain {failure.reason}", parked=True)

    async def _commit(self, held: Lease, turn: Turn, plan: Plan, *, last: bool) -> tuple[int, bool]:
        now = self._clock()
        until = FREE if last else now + timedelta(seconds=self._limits.lease)
        carries = self._accounts[held.channel].capabilities
        casework = self._casework(plan)
        visit, more, said = await self._store.write(
            lambda conn: apply(conn, held, turn, plan, casework=casework, carries=carries, until=until, now=now),
            held.conversation,
        )
        self._announce(held.conversation, said, live=carries.live)
        return visit, more

    def _casework(self, plan: Plan) -> Casework:
        """Who does what the plan asks of cases, in the language in which it answers."""
        spoken, renderer = plan.spoken.after(plan.effects), self._content.current.renderer
        return Casework(
            vault=self._vault,
            render=lambda say: renderer.render(say, spoken.locale),
            language=spoken.answered,
            ids=self._limits.ids,
        )

    def _announce(self, conversation: ConversationId, said: tuple[Line, ...] = (), *, live: bool) -> None:
        """Tells who listens: what was said and is committed, or that something may have been."""
        self._live.news(conversation, said)
        if not live:
            self._live.sends.add(conversation)

    async def _think(self, held: Lease, turn: Turn) -> Plan:
        """What to answer; TurnFailed if that takes the brain and the brain could not."""
        spoken = self._spoken(held, turn)
        if held.owner != "bot":
            return Plan(say=(), state=held.state, spoken=spoken, outcome="seat")
        reflex = self._reflex(turn) or rating.taken(turn, held.offered)
        if reflex is not None and not reflex.brain:
            return self._reflex_plan(held, reflex, None, spoken)
        current = self._content.current  # one state of the content for the whole turn
        found: Found | None = None
        try:
            reply, found = await self._ask(held, turn, spoken, reflex, current)
        except TurnFailed:
            if reflex is None:
                raise
            reply = None  # what a reflex says does not need the brain
        if reflex is not None and not (reflex.alone and reply):
            return self._reflex_plan(held, reflex, reply, spoken)
        answered = cast("TurnReply", reply)
        resumed = replace(answered, say=saying.resumed(answered.say, self._since(held)))
        return plans.of_brain(resumed, found, spoken, current.renderer)

    def _reflex(self, turn: Turn) -> Reflex | None:
        return self._reflexes.of(turn.kind, turn.text)

    def _reflex_plan(self, held: Lease, reflex: Reflex, reply: TurnReply | None, spoken: Spoken) -> Plan:
        """The reflex's own words first; the brain may go on from there, it does not overrule them."""
        return Plan(
            say=self._rendered(reflex.say + (reply.say if reply else ()), spoken.locale),
            effects=reflex.effects + (reply.effects if reply else ()),
            state=pack(reply.state) if reply else held.state,
            spoken=spoken,
            outcome=f"{REFLEX}{reflex.name}",
        )

    async def _ask(
        self, held: Lease, turn: Turn, spoken: Spoken, reflex: Reflex | None, current: Current
    ) -> tuple[TurnReply, Found | None]:
        """The brain's reply, and what was found for a typed message."""
        kind, text, payload = turn.kind, turn.text, turn.payload
        if reflex is not None:
            kind, text, payload = MessageKind.PAYLOAD, "", reflex.brain
        elif kind is MessageKind.PAYLOAD:
            payload = await self._offered(turn)
            if not payload:  # not a button of ours: words like any other
                kind, text = MessageKind.TEXT, text or turn.payload
        elif kind is MessageKind.TEXT:
            text = choices.asked_instead(text)
            pages = current.renderer.pages
            if meant := choices.chosen(text, held.offered) or choices.topic(text, pages):
                kind, payload = MessageKind.PAYLOAD, meant
            elif follow_up.is_one(text) and (before := await self._answered(turn)):
                has_more = follow_up.answered(held.offered) == before
                kind, payload = (
                    MessageKind.PAYLOAD,
                    await self._follow_up(text, before, spoken, current, has_more=has_more),
                )
        searched = kind is MessageKind.TEXT and not spoken.other
        asked = await self._asking.ask(current.search, text, spoken.answered) if searched else None
        found = asked.found if asked else None
        account = self._accounts[held.channel]
        now = self._clock()
        draft = await self._draft(turn) if any(own.state == State.DRAFT for own in held.cases) else {}
        reply = await self._brain.turn(
            TurnRequest(
                turn=f"{turn.inbox_id}-{held.fence}",
                kind=kind,
                text=text,
                payload=payload,
                attachments=turn.attachments,
                language=spoken.answered,
                other_language=spoken.other,
                channel=account.kind,
                capabilities=account.capabilities,
                now=now,
                vector=asked.vector if asked else None,
                hits_decision=found.decision if found else "none",
                hits=found.hits if found else (),
                context={
                    "pending": choices.pending(held.offered),
                    "cases": held.cases,
                    "draft": draft,
                    "last_speaker": "bot",
                    # The brain's state does not know what was said without it.
                    "reflex": held.outcome.removeprefix(REFLEX) if held.outcome.startswith(REFLEX) else "",
                    "since": self._since(held),
                },
                state=unpack(held.state),
            )
        )
        return reply, found

    def _since(self, held: Lease) -> float | None:
        """Seconds since the turn before; None for the first."""
        return (self._clock() - held.last_at).total_seconds() if held.last_at else None

    async def _answered(self, turn: Turn) -> str:
        return await self._store.read(lambda conn: questions.last_entry(conn, turn.conversation, before=turn.seq))

    async def _follow_up(self, text: str, before: str, spoken: Spoken, current: Current, *, has_more: bool) -> str:
        """The payload for a question on the entry `before`: another entry if one answers it, else all on that one, and
        where that was said already, that there is no answer."""
        entry = current.content.entries.get(before)
        asked = f"{entry.question[spoken.answered]} {follow_up.in_full(text)}" if entry else text
        found = (await self._asking.ask(current.search, asked, spoken.answered)).found
        best = found.hits[0].id if found.decision == "answer" and found.hits else ""
        if best and best != before:
            return follow_up.answer(best)
        if has_more:
            return follow_up.details(before)
        return follow_up.answer(before) if best and follow_up.is_on(text, entry) else follow_up.NOTHING_MORE

    async def _cases(self, turn: Turn) -> tuple[OwnCase, ...]:
        return await self._store.read(lambda conn: lookup.recent(conn, turn.conversation))

    async def _draft(self, turn: Turn) -> dict[str, str]:
        """What the conversation's draft of a complaint holds."""
        return await self._store.read(lambda conn: intake.recall(conn, self._vault, turn.conversation))

    async def _offered(self, turn: Turn) -> str:
        return await self._store.read(
            lambda conn: outbox.offered(conn, turn.conversation, turn.payload, before=turn.seq)
        )

    async def _postpone(self, held: Lease, turn: Turn, failure: TurnFailed) -> None:
        wait = retry.turn_delay(turn.attempts + 1)
        until = self._clock() + timedelta(seconds=wait)
        log.warning(
            "turn_postponed",
            conversation_id=held.conversation,
            message_id=turn.inbox_id,
            why=failure.reason,
            attempt=turn.attempts + 1,
            seconds=wait,
        )
        # A lost lease or an absent database needs nothing: the try is simply not counted.
        with suppress(LedgerBusy):
            await self._store.write(lambda conn: turns.postpone(conn, held, turn, until=until), held.conversation)
        asyncio.get_running_loop().call_later(wait, self._live.turns.add, held.conversation)

    async def tell_waiting(self) -> int:
        """Puts out the holding sentence where a consumer has waited long enough for it; how many there were."""
        now = self._clock()
        late = timedelta(seconds=self._limits.hold_after - HOLD_AFTER_SWEEP)
        outage = timedelta(seconds=self._limits.outage)
        people = await self._store.read(lambda conn: turns.waiting(conn, now, hold_after=late, outage=outage))
        # Together: they share commits, and one sentence that cannot be said must not stop the others.
        told = await asyncio.gather(*(self._tell(one, now) for one in people), return_exceptions=True)
        for failure in told:
            if isinstance(failure, BaseException):
                log.error("hold_failed", error=type(failure).__name__)
        return sum(one for one in told if not isinstance(one, BaseException))

    async def _tell(self, waiting: Waiting, now: datetime) -> bool:
        account = self._accounts.get(waiting.channel)
        if account is None or account.capabilities.passive:  # it would be the only answer there can be
            return False
        live = account.capabilities.live
        told = await self._store.write(self._hold(waiting, now, live=live), waiting.conversation)
        self._announce(waiting.conversation, live=live)
        return told

    def _hold(self, waiting: Waiting, now: datetime, *, live: bool) -> Callable[..., bool]:
        spoken = tongues.heard(
            waiting.text,
            chosen=waiting.language,
            spoken=waiting.spoken,
            written=waiting.script,
            hint=waiting.language_hint,
            default=self._limits.default_language,
        )
        words = list(self._rendered((Say(key="hold"),), spoken.locale))

        def op(conn: Connection) -> bool:
            if not turns.hold(conn, waiting, now):
                return False
            outbox.put(
                conn,
                waiting.conversation,
                words,
                cause=f"hold:{waiting.inbox_id}",
                author=Author.SYSTEM,
                now=now,
                live=live,
            )
            return True

        return op

    def _spoken(self, held: Lease, turn: Turn) -> Spoken:
        return tongues.heard(
            "" if turn.kind is MessageKind.PAYLOAD else turn.text,  # what a button says are our words
            chosen=held.language,
            spoken=held.spoken,
            written=held.script,
            hint=turn.language_hint,
            default=self._limits.default_language,
        )

    def _rendered(self, say: tuple[Say, ...], locale: Locale) -> tuple[Rendered, ...]:
        return saying.rendered(say, locale, self._content.current.renderer)

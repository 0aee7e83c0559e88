"""News of cases on its way to consumers: what the register's events say, once, over what reaches them.

Nothing calls this loop: it finds what is new in the ledger, so it does not matter how a change came or when a house
died. A case's events are marked as looked at in the transaction that puts out what is said of them, and a piece of news
that one channel could not bring goes on to the next, to a person in the end.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Protocol

import structlog
from sqlalchemy import Connection, select

from bot.news import Teller
from cases import history, news, notices, rating, tasks
from cases.calendar import DAY, midnight, next_working_day, today
from cases.model import Case, CaseEvent, NewTask, TaskKind
from cases.news import News, Untold
from cases.notices import ASK, Missed, Pending, Reach, Standing, Way
from cases.tables import institution
from channels import Channel, Notifying
from core import alarm, outbox
from core.errors import LedgerBusy
from core.live import Live
from core.model import TELEPHONES, Author, ChannelId, ConversationId, DeliveryState, Language, Notice, Rendered
from core.store import Store
from core.vault import Vault
from door import reaching
from door.reaching import Home
from faq.publish import Current

log = structlog.get_logger()

LOOK_EVERY = 1.0  # seconds
AT_ONCE = news.AT_ONCE
QUIET = timedelta(minutes=30)  # who has just written is not asked how an old matter went
RECEIPTS = timedelta(days=3)  # a carrier's word on a short message that comes later comes never
RECEIPT_LOOK = timedelta(minutes=1)  # the first look for it; each further one after half of the time that has passed
MISSED = timedelta(days=30)  # in which whoever writes again is told what did not reach them
REST = 60.0  # seconds until a case is looked at again whose news could not be written
ACTOR = "house"
_REACHED = frozenset({DeliveryState.SENT, DeliveryState.DELIVERED, DeliveryState.READ})
_WAITS = frozenset({DeliveryState.READY, DeliveryState.SENDING})
_ORDER = tuple(Way)


class Content(Protocol):
    """Where the sentences of this moment are found."""

    @property
    def current(self) -> Current: ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Habits:
    """What a site has chosen: hours of China, days, a channel's id, and the language of whom nothing is known."""

    since: int = 9
    until: int = 20
    follow_up_days: int = 3
    sms_channel: str = ""
    default_language: Language = "zh"

    @property
    def ask_after(self) -> timedelta | None:
        return timedelta(days=self.follow_up_days) if self.follow_up_days else None


class NewsDesk:
    """Tells consumers how their cases go on."""

    def __init__(
        self,
        *,
        store: Store,
        vault: Vault,
        live: Live,
        channels: Mapping[ChannelId, Channel],
        content: Content,
        habits: Habits,
        clock: Callable[[], datetime],
    ) -> None:
        self._store = store
        self._vault = vault
        self._live = live
        self._channels = channels
        self._content = content
        self._habits = habits
        self._clock = clock
        self._sms = reaching.sms_channel(channels, habits.sms_channel)
        # A page has it already; a platform that takes answers alone takes nothing beside one.
        self._later = [id for id, c in channels.items() if not c.capabilities.live and not c.capabilities.passive]
        self._resting: dict[str, float] = {}  # case number → time.monotonic() until which it is left alone

    async def look(self) -> None:
        """Tells what is new, sees what became of what was told, and asks those who are to be asked."""
        now, limit = self._clock(), AT_ONCE + len(self._resting)
        for one in await self._store.read(lambda conn: news.untold(conn, limit=limit)):
            await self._do(one.case_no, one.conversation, lambda conn, at, one=one: self._tell(conn, one, at))
        due = partial(notices.due, now=now, channels=self._channels, limit=limit)
        for sent in await self._store.read(due):
            await self._do(sent.case_no, sent.home, lambda conn, at, sent=sent: self._follow(conn, sent, at))
        later = self._later if self._opening(now) == now else [id for id in self._later if not self._is_telephone(id)]
        missed = partial(notices.missed, since=now - MISSED, channels=later, limit=limit)
        for late in await self._store.read(missed):
            await self._do(late.case_no, late.home, lambda conn, at, late=late: self._tell_late(conn, late, at))
        if self._habits.follow_up_days and self._opening(now) == now:
            for one in await self._store.read(lambda conn: rating.due(conn, now=now, limit=limit)):
                await self._do(one.case_no, one.conversation, lambda conn, at, one=one: self._ask(conn, one, at))

    async def _do(
        self, case_no: str, home: ConversationId | None, op: Callable[[Connection, datetime], ConversationId | None]
    ) -> None:
        """One case's step in a transaction of its own; one that breaks is told to people and stops no other.

        It is dated when it is done: by the time of the look, news that reached nobody could have ended before a message
        that came first, and be told again as to somebody who has written since.
        """
        if self._resting.get(case_no, 0.0) > time.monotonic():
            return
        self._resting.pop(case_no, None)
        try:
            wrote = await self._store.write(lambda conn: op(conn, self._clock()), home or "")
        except LedgerBusy:
            return  # the ledger knows where it stood
        except Exception as e:
            log.exception("news_broke", case_no=case_no)
            self._resting[case_no] = time.monotonic() + REST
            await self._tell_people(case_no, type(e).__name__)
            return
        if wrote is not None:
            self._live.news(wrote)
            self._live.sends.add(wrote)

    async def _tell_people(self, case_no: str, why: str) -> None:
        now = self._clock()
        await self._store.write(lambda conn: alarm.raise_alarm(conn, "news_failed", case_no, why, now))

    # ---- telling -----------------------------------------------------------------------------------------------------

    def _tell(self, conn: Connection, one: Untold, now: datetime) -> ConversationId | None:
        """Says what is new, and with it what has not been brought to them so far. Without a channel, or to a telephone
        at night, the notice waits for its carrier."""
        new = news.take(conn, one.case_no, ask_after=self._habits.ask_after)
        if new is None:
            return None
        case, last = new.case, new.last
        before = notices.supersede(conn, case.id, before=last.n, ended_since=now - MISSED, now=now)
        found = new if before is None else self._between(conn, case, min(before, new.since), last.n)
        home = self._home(conn, case)
        opens, cause = self._opens(home, now), _cause(case, last.n, Way.TALK)
        goes = home.channel in self._channels and opens == now
        begun = notices.begin(
            conn,
            case.id,
            since=found.since,
            n=last.n,
            act=last.act,
            locale=home.locale,
            cause=f"{cause}:0" if goes else "",
            next_at=opens if home.channel in self._channels else now,
            now=now,
        )
        return self._say(conn, home, found, cause, now) if begun and goes else None

    def _ask(self, conn: Connection, one: Untold, now: datetime) -> ConversationId | None:
        case = history.load(conn, one.case_no, lock=True)
        home = self._home(conn, case)
        if home.stopped or not self._free_text(home.channel):  # also of a channel that is gone
            rating.drop(conn, case)
            return None
        if home.last_at is not None and now - home.last_at < QUIET:
            rating.later(conn, case, home.last_at + QUIET)
            return None
        asked = rating.ask(conn, one.case_no, now=now)
        if asked is None:
            return None
        teller, n = self._teller(home, now), asked.version
        cause, locale = _cause(case, n, Way.TALK), home.locale
        begin = partial(notices.begin, conn, case.id, since=n - 1, n=n, act=ASK, locale=locale)
        if not begin(cause=f"{cause}:0", next_at=now, now=now):
            return None
        said, notice = teller.question(case), teller.notice(case, ASK, {})
        self._put(conn, home.id, self._channels[home.channel], said, cause, notice, now)
        return home.id

    # ---- what became of it -------------------------------------------------------------------------------------------

    def _follow(self, conn: Connection, sent: Pending, now: datetime) -> ConversationId | None:
        if sent.state in _WAITS:  # for a channel that does not run any more
            taken_back = outbox.withhold(conn, sent.cause, why="its channel was taken out of the settings", now=now)
            if taken_back is None:
                return None
            sent = replace(sent, state=taken_back)
        case = history.load(conn, sent.case_no)
        survey = sent.act == ASK
        home = self._home(conn, case) if sent.home is not None else None
        reach = self._reach(conn, case, home, now) if home is not None else Reach(talks=False)
        if home is not None and reach.talks and not sent.cause:
            return self._by_talk(conn, case, home, sent, now)
        waits = self._gives_receipts(sent) and now - sent.put_at < RECEIPTS
        if sent.state in (DeliveryState.SENT, DeliveryState.UNKNOWN) and waits:
            pause = max(RECEIPT_LOOK, (now - sent.put_at) / 2)
            notices.move(conn, sent, way=sent.way, cause=sent.cause, next_at=now + pause)
            return None
        if sent.state is DeliveryState.UNKNOWN:
            notices.end(conn, sent, Standing.UNKNOWN, now=now)
            return None
        if sent.state in _REACHED and notices.enough(sent.way, reach, survey=survey):
            notices.end(conn, sent, Standing.TOLD, now=now)
            return None
        left = [way for way in notices.ways(reach, survey=survey) if _ORDER.index(way) > _ORDER.index(sent.way)]
        if Way.SMS in left and self._sms is not None:
            return self._by_sms(conn, case, sent, self._sms, now)
        if notices.end(conn, sent, Standing.UNDELIVERABLE, now=now) and Way.PERSON in left:
            self._by_person(conn, case, sent, now)
        return None

    def _by_talk(self, conn: Connection, case: Case, home: Home, sent: Pending, now: datetime) -> ConversationId | None:
        """What has waited for its hour or its channel."""
        opens, cause = self._opens(home, now), _cause(case, sent.n, Way.TALK)
        goes = opens == now
        if not notices.move(conn, sent, way=sent.way, cause=f"{cause}:0" if goes else "", next_at=opens) or not goes:
            return None
        return self._say(conn, home, self._between(conn, case, sent.since, sent.n), cause, now)

    def _by_sms(
        self, conn: Connection, case: Case, sent: Pending, sms: Channel, now: datetime
    ) -> ConversationId | None:
        """A short message, within the hours; it carries the case's number and plain words."""
        opens = self._opening(now)
        if opens > now:
            notices.move(conn, sent, way=sent.way, cause=sent.cause, next_at=opens)
            return None
        cause = _cause(case, sent.n, Way.SMS)
        if not notices.move(conn, sent, way=Way.SMS, cause=f"{cause}:0", next_at=now):
            return None
        teller = Teller(renderer=self._content.current.renderer, locale=sent.locale, now=now)
        facts = next(each.facts for each in history.events(conn, case) if each.n == sent.n)
        said = teller.short(case, sent.act, facts, free_text=sms.capabilities.free_text)
        number = reaching.mobile(reaching.people(conn, self._vault, case))
        which = reaching.telephone(conn, self._vault, sms, number, now)
        self._put(conn, which, sms, said, cause, teller.notice(case, sent.act, facts), now)
        return which

    def _by_person(self, conn: Connection, case: Case, sent: Pending, now: datetime) -> None:
        """Nothing automatic is left: whoever has the case is to tell them, by the end of the next working day."""
        who = reaching.people(conn, self._vault, case)
        phone = any(one.phone or one.reply_phone for one in who)
        how = "请打电话" if phone else "请发邮件" if any(one.email for one in who) else "请设法联系消费者"
        step = Teller(renderer=self._content.current.renderer, locale="zh", now=now).step(sent.act)
        task = NewTask(
            kind=TaskKind.CONTACT,
            title=f"消息没能送达，{how}告诉消费者：{step}",
            owner=case.owner,
            due_at=midnight(next_working_day(today(now)) + DAY),
        )
        tasks.add(conn, self._vault, case.case_no, task, actor=ACTOR, now=now)
        alarm.raise_alarm(conn, "news_undeliverable", case.case_no, f"event {sent.n}, {sent.act}: {sent.way}", now)

    def _tell_late(self, conn: Connection, late: Missed, now: datetime) -> ConversationId | None:
        """They have written again, so all that did not reach them can be told, in the conversation and whole."""
        case = history.load(conn, late.case_no, lock=True)
        cause = f"{_cause(case, late.n, Way.TALK)}:{late.ended_at:%Y%m%d%H%M%S}"
        if not notices.reopen(conn, late, cause=f"{cause}:0", now=now):
            return None
        before = notices.supersede(conn, case.id, before=late.n, ended_since=now - MISSED, now=now)
        since = late.since if before is None else min(before, late.since)
        notices.widen(conn, late.id, since=since)
        return self._say(conn, self._home(conn, case), self._between(conn, case, since, late.n), cause, now)

    # ---- inside ------------------------------------------------------------------------------------------------------

    def _home(self, conn: Connection, case: Case) -> Home:
        if case.conversation_id is None:
            raise RuntimeError(f"{case.case_no} has no conversation")
        which = ConversationId(case.conversation_id)
        return reaching.home_of(conn, which, case.told.language, self._habits.default_language)

    def _reach(self, conn: Connection, case: Case, home: Home, now: datetime) -> Reach:
        number = reaching.mobile(reaching.people(conn, self._vault, case)) if self._sms is not None else ""
        return reaching.reach(home, self._channels, number=number, sms=self._sms, now=now)

    def _between(self, conn: Connection, case: Case, since: int, upto: int) -> News:
        found = news.between(conn, case, since=since, upto=upto)
        if found is None:
            raise RuntimeError(f"{case.case_no} has nothing to tell from event {since} to {upto}")
        return found

    def _say(self, conn: Connection, home: Home, found: News, cause: str, now: datetime) -> ConversationId:
        teller, last = self._teller(home, now), found.last
        notice = teller.notice(found.case, last.act, last.facts)
        channel, said = self._channels[home.channel], self._words(conn, home, found, teller)
        self._put(conn, home.id, channel, said, cause, notice, now)
        return home.id

    def _teller(self, home: Home, now: datetime) -> Teller:
        return Teller(renderer=self._content.current.renderer, locale=home.locale, now=now)

    def _words(self, conn: Connection, home: Home, found: News, teller: Teller) -> Rendered:
        """All of it; on a telephone, which others may read, the short form of the last step."""
        if home.kind in TELEPHONES:
            last = found.last
            return teller.short(found.case, last.act, last.facts, free_text=self._free_text(home.channel))
        return teller.whole(found, _institution(conn, found.case, found.last))

    def _put(
        self,
        conn: Connection,
        which: ConversationId,
        channel: Channel,
        said: Rendered,
        cause: str,
        notice: Notice,
        now: datetime,
    ) -> None:
        live = channel.capabilities.live
        outbox.put(conn, which, [said], cause=cause, author=Author.SYSTEM, now=now, live=live, notice=notice)

    def _free_text(self, channel_id: ChannelId) -> bool:
        channel = self._channels.get(channel_id)
        return channel is not None and channel.capabilities.free_text

    def _gives_receipts(self, sent: Pending) -> bool:
        """Whether the platform still has a word to say on the carrier; WeChat has one on notices alone."""
        channel = self._channels.get(sent.channel) if sent.channel is not None else None
        if isinstance(channel, Notifying):
            return sent.external_id != ""
        return channel is not None and channel.capabilities.receipts

    def _is_telephone(self, channel_id: ChannelId) -> bool:
        return self._channels[channel_id].kind in TELEPHONES

    def _opens(self, home: Home, now: datetime) -> datetime:
        """When the conversation may be written to: a telephone rings at night."""
        return self._opening(now) if home.kind in TELEPHONES else now

    def _opening(self, now: datetime) -> datetime:
        return reaching.opening(now, since=self._habits.since, until=self._habits.until)


def _cause(case: Case, n: int, way: Way) -> str:
    return f"news:{case.id}.{n}:{way}"


def _institution(conn: Connection, case: Case, event: CaseEvent) -> str:
    """The name of the institution that a case went to; "" if it went to none."""
    id = event.facts.get("institution_id", case.told.institution_id)
    if id is None:
        return ""
    name = conn.execute(select(institution.c.name).where(institution.c.id == id)).scalar_one_or_none()
    return name or ""

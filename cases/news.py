"""News of cases: which events their consumers hear of, and how far each case's events were looked through.

Only cases with a conversation have news: whoever brought a case in by list, telephone or counter tells its consumer. A
case's `news_n` is the last of its events that was looked at; it moves on in the transaction that writes what is said.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, select, update

from cases import history
from cases.model import Case, CaseEvent
from cases.states import Act, State
from cases.tables import IS_UNTOLD, case_event, complaint_case
from core.model import ConversationId

CONSUMER = "consumer"  # whose own acts are answered where they are done
AT_ONCE = 100  # cases of one look


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """Whether a consumer hears of an act; `why` says why not."""

    told: bool
    why: str = ""


TOLD = Row(told=True)


def _not(why: str) -> Row:
    return Row(told=False, why=why)


INSIDE = _not("how the desk works on it")
# What a consumer does not do themselves is told with the sentences news.<act> and news.step.<act>.
ACTS: Mapping[str, Row] = {
    Act.SUBMIT: TOLD,
    Act.REQUEST_SUPPLEMENT: TOLD,
    Act.SUPPLEMENT: TOLD,
    Act.ACCEPT: TOLD,
    Act.REFUSE: TOLD,
    Act.REFER: TOLD,
    Act.FORWARD: TOLD,
    Act.HANDLE: TOLD,
    Act.START: _not("the institution's day counts from the passing on, and that was told"),
    Act.EXTEND: TOLD,
    Act.PAUSE: TOLD,
    Act.RESUME: TOLD,
    Act.MEDIATE: TOLD,
    Act.AGREE: TOLD,
    Act.FAIL: TOLD,
    Act.REPLY: TOLD,
    Act.VISIT: _not("whoever visits speaks with them"),
    Act.CLOSE: TOLD,
    Act.REOPEN: TOLD,
    Act.WITHDRAW: TOLD,
    Act.MERGE: TOLD,
    "open": TOLD,
    "edit": INSIDE,
    "note": INSIDE,
    "assign": INSIDE,
    "urge": INSIDE,
    "move": INSIDE,
    "task": INSIDE,
    "settle": INSIDE,
    "link": INSIDE,
    "attach": INSIDE,
    "recount": _not("a day or two; whoever asks is told the new one"),
    "person": INSIDE,
    "code": _not("the code is given by whoever made it, and by nothing that could be read over a shoulder"),
    "erase": _not("whoever asked for it is answered by a person"),
    "ask": _not("it is a message itself"),
    "rate": _not("it is answered where it is given"),
}
SENT_ALONG = "missing"  # fact of a request that the sentence at filing has made already


@dataclass(frozen=True, kw_only=True, slots=True)
class Untold:
    """A case with events that nobody has looked at for news."""

    case_no: str
    conversation: ConversationId


@dataclass(frozen=True, kw_only=True, slots=True)
class News:
    """What a consumer is to hear of their case, in order; at least one event."""

    case: Case
    since: int  # the event before the first of those that were looked at for it
    events: tuple[CaseEvent, ...]
    overtaken: bool = False  # they have heard, or are about to hear, of later ones elsewhere

    @property
    def last(self) -> CaseEvent:
        return self.events[-1]


def is_told(event: CaseEvent) -> bool:
    """Whether the case's consumer hears of it: somebody else did it, and the table says so. An act that the table does
    not know is none of theirs."""
    row = ACTS.get(event.act)
    if row is None or not row.told or event.actor == CONSUMER or event.after is State.DRAFT:
        return False
    return not (event.act == Act.REQUEST_SUPPLEMENT and event.facts.get(SENT_ALONG))


def untold(conn: Connection, *, limit: int = AT_ONCE) -> list[Untold]:
    """Cases with something to look at; a case without a conversation is never among them."""
    query = select(complaint_case.c.case_no, complaint_case.c.conversation_id).where(IS_UNTOLD)
    rows = conn.execute(query.order_by(complaint_case.c.id).limit(limit))
    return [Untold(case_no=row.case_no, conversation=ConversationId(row.conversation_id)) for row in rows]


def take(conn: Connection, case_no: str, *, ask_after: timedelta | None) -> News | None:
    """Marks all events of a case as looked at and gives those to be told; None if there are none, or another process
    has just taken them.

    With a closing among them comes the time to ask how it went: `ask_after` it, once in a case's life; None: not at
    all.
    """
    query = select(complaint_case.c.id, complaint_case.c.news_n).where(complaint_case.c.case_no == case_no)
    row = conn.execute(query.with_for_update()).one()
    case = history.load(conn, case_no)
    if case.conversation_id is None or row.news_n >= case.version:
        return None
    since = tuple(each for each in history.events(conn, case) if each.n > row.news_n)
    here = (complaint_case.c.id == case.id, complaint_case.c.news_n == row.news_n)
    values: dict[str, object] = {"news_n": case.version}
    if any(each.act == Act.CLOSE for each in since):
        values |= {"ask_at": _ask_at(conn, case, ask_after)}
    if conn.execute(update(complaint_case).where(*here).values(values)).rowcount != 1:
        return None
    return _news(case, row.news_n, since)


def between(conn: Connection, case: Case, *, since: int, upto: int) -> News | None:
    """What is to be told of the events after the one and up to the other; None if nothing is."""
    events = history.events(conn, case)
    overtaken = any(is_told(each) for each in events if each.n > upto)
    return _news(case, since, tuple(each for each in events if since < each.n <= upto), overtaken=overtaken)


def _news(case: Case, since: int, events: tuple[CaseEvent, ...], *, overtaken: bool = False) -> News | None:
    told = tuple(each for each in events if is_told(each))
    return News(case=case, since=since, events=told, overtaken=overtaken) if told else None


def _ask_at(conn: Connection, case: Case, after: timedelta | None) -> datetime | None:
    """When the consumer of a closed case is to be asked how it went, unless they were, have said so, or are erased."""
    if case.state is not State.CLOSED or case.ended_at is None or after is None:
        return None
    no_more = case_event.c.act.in_(("ask", "rate", "erase"))
    asked = select(case_event.c.n).where(case_event.c.case_id == case.id, no_more)
    return None if conn.execute(asked.limit(1)).first() else case.ended_at + after

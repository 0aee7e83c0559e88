"""What a conversation says of the one-time page for the numbers of identity papers (cases.id_links)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection

from cases import id_links, tasks
from cases.calendar import DAY, midnight, next_working_day, today
from cases.model import Case, NewTask, TaskState
from core import once
from core.model import TELEPHONES, ConversationId, Say
from core.vault import Vault

OWN_PAGE = "web"  # kind of the channel whose page has found our address by itself
TASK = "请向消费者索取身份证件号码（对话里不能给链接）"


@dataclass(frozen=True, kw_only=True, slots=True)
class IdPage:
    """Where the page is found, and for how long one of its links works."""

    base_url: str = ""  # "": only who is at our own page can be sent there
    valid: timedelta = timedelta(hours=24)


NOWHERE = IdPage()


def ask(
    conn: Connection,
    vault: Vault,
    page: IdPage,
    case: Case,
    *,
    where: ConversationId,
    kind: str,
    by: str,
    now: datetime,
) -> Say:
    """The sentence with a fresh link, or that a person will ask, for whom there is a task then.

    `where` and `kind`: the conversation and its channel's; `by`: the day until which the case waits, in words.
    """
    # By text message we never send a link that asks for data.
    if kind in TELEPHONES or not (page.base_url or kind == OWN_PAGE):
        if not any(each.title == TASK and each.state is TaskState.OPEN for each in tasks.of_case(conn, case)):
            end = midnight(next_working_day(today(now)) + DAY)
            task = NewTask(title=TASK, owner=case.owner, due_at=end)
            tasks.add(conn, vault, case.case_no, task, actor=id_links.HOUSE, now=now)
        return Say(key="id_link.person", args={"by": by})
    token = id_links.make(conn, vault, case, valid=page.valid, actor=id_links.HOUSE, now=now)
    mark = once.hide(conn, vault, where, f"{page.base_url}{id_links.PATH}{token}", now, kind=once.LINK)
    id_links.shown_as(conn, case, mark)
    hours = round(page.valid / timedelta(hours=1))
    return Say(key="id_link.ask", args={"link": mark, "valid": hours, "by": by})

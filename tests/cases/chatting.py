"""What consumers do with their cases in a conversation, as rules of a machine that does everything else too."""

from __future__ import annotations

import os
from collections.abc import Callable, Coroutine
from datetime import datetime
from itertools import count
from typing import Any, cast

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule
from sqlalchemy import Connection, select

from bot.casework import Casework
from cases import history, id_links
from cases.model import Case, CaseType
from cases.states import ENDED, OPEN, State
from cases.tables import complaint_case
from core import effects
from core.effects import CaseEffect
from core.inbox import Inbox
from core.model import ChannelId, ConversationId, Inbound, InboxId, MessageKind, Rendered, Seq, Turn
from core.store import Store
from core.vault import Vault
from tests.conftest import NOON

WEB = ChannelId("web")
STEPS = ("resume_draft", "reopen_case", "urge_case", "supplement_case", "withdraw_case")
NAMED = {"person": "王小明", "contact": "13912345678", "consent": "yes"}
_turns, _people = count(1), count()


def talks(run: Callable[[Coroutine[Any, Any, Any]], Any], store: Store, vault: Vault) -> tuple[ConversationId, ...]:
    """Two conversations of one consumer."""

    def accept(sender: str) -> ConversationId:
        inbound = Inbound(sender=sender, external_id="1", text="你好")
        return run(Inbox(store, vault).accept(channel=WEB, kind="web", inbound=inbound, now=NOON)).conversation

    return tuple(accept(f"chatting {os.getpid()} {next(_people)}") for _ in range(2))


class Chatting:
    """Rules of drafts, filing and what follows. `seen` are the machine's cases, `meet` takes in a further one."""

    house: Any
    vault: Vault
    where: tuple[ConversationId, ...]
    now: datetime
    seen: list[Any]
    said: set[str]  # in any run

    def meet(self, case_no: str) -> None:
        raise NotImplementedError

    @precondition(lambda self: len(self.seen) < 4)
    @rule(
        type=st.sampled_from([CaseType.COMPLAINT, CaseType.ENQUIRY, CaseType.SUGGESTION]),
        facts=st.sampled_from(["多扣年费", "少付利息", ""]),
        keep=st.booleans(),
        named=st.booleans(),
        again=st.sampled_from(["", "yes"]),
        at=st.integers(0, 1),
    )
    def tell(self, type: CaseType, facts: str, keep: bool, named: bool, again: str, at: int) -> None:
        """A draft is kept or a case filed, from the draft where there is one; without enough nothing is there."""
        before = self._numbers()
        told = {"type": type.value, "facts": facts} | (NAMED if named else {})
        told |= {"name": "save_draft"} if keep else {"name": "file_case", "draft": "yes", "again": again}
        self.chat(told, at)
        for case_no in sorted(self._numbers() - before):
            self.meet(case_no)

    @rule(data=st.data(), kind=st.sampled_from(STEPS))
    def go_on(self, data: st.DataObject, kind: str) -> None:
        own = [one.case for one in self.seen if one.case.conversation_id in self.where]
        if own:
            self.step(data.draw(st.sampled_from(own)), kind)

    def step(self, case: Case, kind: str) -> None:
        """It is taken exactly where it may be; elsewhere it is said that it cannot be, and nothing changes."""
        assert case.conversation_id is not None
        text = {"text": "新的流水"} if kind in ("supplement_case", "reopen_case") else {}
        waits = self.house.write(lambda conn: id_links.waits(conn, self.vault, case))
        where = self.where.index(ConversationId(case.conversation_id))
        said = self.chat({"name": kind, "case_no": case.case_no} | text, where)
        after = self.house.write(lambda conn: history.load(conn, case.case_no))
        asked = case.state is State.SUPPLEMENT_REQUESTED and not waits
        possible, state = {
            "supplement_case": (case.state not in ENDED, State.SUBMITTED if asked else case.state),
            "urge_case": (case.state not in ENDED | {State.DRAFT}, case.state),
            "withdraw_case": (case.state in OPEN, State.WITHDRAWN),
            "reopen_case": (case.state is State.CLOSED, State.REOPENED),
            "resume_draft": (case.state is State.DRAFT, case.state),
        }[kind]
        assert said[0].startswith("case.cannot") is not possible, (case.state, said)
        assert after.state is (state if possible else case.state)
        if not possible:
            assert after == case

    @rule(data=st.data(), at=st.integers(0, 1))
    def look(self, data: st.DataObject, at: int) -> None:
        """Who has the conversation of a case hears how it stands, everybody else nothing; it changes nothing."""
        case = data.draw(st.sampled_from([one.case for one in self.seen]))
        said = self.chat({"name": "look_up", "case_no": case.case_no}, at)
        own = case.conversation_id == self.where[at]
        assert said[0] == f"case.state.{case.state}" if own else said[0] in ("case.unknown", "case.locked")

    def chat(self, effect: dict[str, str], at: int) -> tuple[str, ...]:
        """The keys of what is said to one turn with this effect."""
        asked, n = cast("CaseEffect", effects.read(effect)), next(_turns)
        turn = Turn(
            inbox_id=InboxId(os.getpid() * 10**6 + n),
            conversation=self.where[at],
            channel=WEB,
            seq=Seq(n),
            external_id=str(n),
            kind=MessageKind.TEXT,
            text="",
            payload="",
            attachments=(),
            language_hint="",
            received_at=self.now,
            attempts=0,
            held=False,
        )
        heard: list[str] = []

        def op(conn: Connection) -> None:
            heard.clear()
            work = Casework(vault=self.vault, render=lambda say: Rendered(text=say.key), language="zh")
            heard.extend(words.text for words in work.do(conn, turn, 0, asked, self.now))

        self.house.write(op)
        self.said |= set(heard)
        return tuple(heard)

    def _numbers(self) -> set[str]:
        here = select(complaint_case.c.case_no).where(complaint_case.c.conversation_id.in_(self.where))
        return self.house.write(lambda conn: set(conn.execute(here).scalars()))

"""What the brain asks of cases, done through the register in the turn's transaction, and what the consumer hears of it.

The number, the code and the dates are known only here, so these sentences are made here and not by the brain.
"""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import cast

from sqlalchemy import Connection, select

from bot import id_request, telling
from bot.id_request import NOWHERE, IdPage
from cases import evidence, history, id_links, intake, lookup, privacy, rating
from cases.intake import Contact, NoName, Told
from cases.lookup import Asked, Asker
from cases.model import BadCase, Case, CaseType, Conflict
from cases.states import Act, IllegalAct, State
from core import alarm, files, once
from core.effects import (
    AttachFiles,
    CaseEffect,
    FileCase,
    LookUp,
    RateCase,
    ReopenCase,
    ResumeDraft,
    SaveDraft,
    SendIdLink,
    SupplementCase,
    UrgeCase,
    WithdrawCase,
)
from core.model import TELEPHONES, Language, Rendered, Say, Turn
from core.tables import address, secret
from core.vault import Vault

# What a consumer was told in words of its own is said again with the state that it led to.
TOLD_OF: Mapping[State, tuple[Act, ...]] = {
    State.SUPPLEMENT_REQUESTED: (Act.REQUEST_SUPPLEMENT,),
    State.NOT_ACCEPTED: (Act.REFUSE,),
    State.REFERRED_OUT: (Act.REFER,),
    State.EXTENDED: (Act.EXTEND,),
    State.PAUSED: (Act.PAUSE,),
    State.AGREED: (Act.AGREE,),
    State.REPLIED: (Act.REPLY,),
    State.FOLLOW_UP: (Act.REPLY,),
    State.CLOSED: (Act.REPLY, Act.AGREE),
}
TRIES = 3  # of a step that somebody else's change of the same case got in the way of
_REFERENCE = re.compile(r"⟦(phone|email|query-code):([a-z2-7]{10})⟧")


@dataclass(frozen=True, kw_only=True, slots=True)
class Casework:
    """One turn's dealings with cases; `render` makes words of a sentence in the consumer's language and script."""

    vault: Vault
    render: Callable[[Say], Rendered]
    language: Language
    ids: IdPage = NOWHERE

    def do(self, conn: Connection, turn: Turn, n: int, asked: CaseEffect, now: datetime) -> tuple[Rendered, ...]:
        """Does it and gives what to say. What the register refuses leaves nothing behind, and is said too."""
        try:
            said = self._try(conn, turn, f"turn:{turn.inbox_id}:{n}", asked, now)
        except NoName:
            said = (Say(key="case.no_name"),)
        except (BadCase, IllegalAct) as e:
            detail = f"message {turn.inbox_id}, {asked.name}: {e.detail}"  # names fields, never what they hold
            alarm.raise_alarm(conn, "case_not_taken", turn.conversation, detail, now)
            said = (Say(key="case.not_taken"),)
        return tuple(self.render(one) for one in said)

    def _try(self, conn: Connection, turn: Turn, cause: str, asked: CaseEffect, now: datetime) -> tuple[Say, ...]:
        """Does it in a savepoint, anew where the case was changed meanwhile."""
        for _ in range(TRIES):
            with suppress(Conflict), conn.begin_nested():
                return self._do(conn, turn, cause, asked, now)
        return (Say(key="case.busy"),)

    def _do(self, conn: Connection, turn: Turn, cause: str, asked: CaseEffect, now: datetime) -> tuple[Say, ...]:
        if isinstance(asked, SaveDraft):
            return self._save(conn, turn, cause, asked, now)
        if isinstance(asked, FileCase):
            return self._file(conn, turn, cause, asked, now)
        if isinstance(asked, AttachFiles):
            return (_attach(conn, turn, now),)
        number = asked.case_no or self._newest(conn, turn, asked)
        if not number:
            return (Say(key="case.which"),)
        opens = Asked(
            case_no=number,
            code=self._value(conn, turn, asked.code),
            phone=privacy.phone(self._value(conn, turn, asked.phone)),
            name=asked.person,
        )
        looked = lookup.look_up(conn, self.vault, opens, self._asker(conn, turn), now=now)
        if looked.locked_until is not None:
            minutes = max(1, math.ceil((looked.locked_until - now) / timedelta(minutes=1)))
            return (Say(key="case.locked", args={"minutes": minutes}),)
        if looked.case is None:
            return (Say(key="case.unknown"),)
        if isinstance(asked, LookUp):
            return self._standing(conn, looked.case, now)
        return self._change(conn, turn, looked.case, asked, now)

    # ---- drafts and filing -------------------------------------------------------------------------------------------

    def _save(self, conn: Connection, turn: Turn, cause: str, asked: SaveDraft, now: datetime) -> tuple[Say, ...]:
        opened = intake.save_draft(conn, self.vault, self._told(conn, turn, asked), cause=cause, now=now)
        args = {"case_no": opened.case.case_no, "by": self._by(opened.case, now)}
        if not opened.query_code:
            return (Say(key="draft.kept", args=args),)
        code = once.hide(conn, self.vault, turn.conversation, opened.query_code, now)
        return (Say(key="draft.saved", args=args | {"code": code}),)

    def _file(self, conn: Connection, turn: Turn, cause: str, asked: FileCase, now: datetime) -> tuple[Say, ...]:
        told = self._told(conn, turn, asked)
        filed = intake.file(conn, self.vault, told, cause=cause, again=asked.again == "yes", now=now)
        if filed.repeat_of is not None:
            return (Say(key="case.repeat", args={"case_no": filed.repeat_of.case_no}),)
        opened = filed.opened
        if opened is None:
            raise RuntimeError("neither filed nor a repeat")
        case = opened.case
        code = once.hide(conn, self.vault, turn.conversation, opened.query_code, now)
        if id_links.waits(conn, self.vault, case):
            wanted = self.render(self._ask_id(conn, turn, case, now)).text
            return (Say(key="case.filed_id", args={"case_no": case.case_no, "code": code, "wanted": wanted}),)
        key = "case.filed" if case.told.type is CaseType.COMPLAINT else "case.filed_other"
        return (Say(key=key, args={"case_no": case.case_no, "code": code, "by": self._by(case, now)}),)

    def _told(self, conn: Connection, turn: Turn, asked: SaveDraft | FileCase) -> Told:
        texts = {name: cast("str", value) for name, value in dataclasses.asdict(asked).items() if value}
        return Told(
            texts=texts,
            contact=self._contact(conn, turn, asked.contact),
            agent_contact=self._contact(conn, turn, asked.agent_contact),
            conversation_id=turn.conversation,
            source_channel=self._address(conn, turn)[0],
            language=self.language,
        )

    def _contact(self, conn: Connection, turn: Turn, given: str) -> Contact:
        """A telephone number or an e-mail address. "Here" and the like are none, for the conversation is known anyway,
        but where its address is a number, "this number" is that."""
        value = self._value(conn, turn, given)
        if "@" in value:
            return Contact(email=value)
        if any(char.isdigit() for char in value):
            return Contact(phone=value)
        kind, own = self._address(conn, turn) if value and value != intake.KEPT else ("", "")
        return Contact(phone=own if kind in TELEPHONES else "")

    # ---- a case that is there ----------------------------------------------------------------------------------------

    def _change(self, conn: Connection, turn: Turn, case: Case, asked: CaseEffect, now: datetime) -> tuple[Say, ...]:
        args = {"case_no": case.case_no}
        try:
            match asked:
                case ResumeDraft():
                    intake.resume(conn, case, turn.conversation, now=now)
                    return (Say(key="draft.resumed", args=args),)
                case SupplementCase():
                    intake.supplement(conn, self.vault, case, asked.text, now=now)
                    evidence.give(conn, case.case_no, turn.conversation, now=now)
                    return (Say(key="case.supplemented", args=args),)
                case UrgeCase() if case.state is State.SUPPLEMENT_REQUESTED:
                    return self._standing(conn, case, now)  # it waits for the consumer, not for us
                case UrgeCase():
                    told = intake.urge(conn, self.vault, case, now=now)
                    key = "case.urged" if told else "case.urged_today"
                    return (Say(key=key, args=args | {"by": self._by(case, now)}),)
                case WithdrawCase():
                    intake.withdraw(conn, self.vault, case, asked.text, now=now)
                    return (Say(key="case.withdrawn", args=args),)
                case ReopenCase():
                    done = intake.reopen(conn, self.vault, case, asked.text, now=now)
                    evidence.give(conn, case.case_no, turn.conversation, now=now)
                    return (Say(key="case.reopened", args=args | {"by": self._by(done, now)}),)
                case SendIdLink():
                    if not id_links.waits(conn, self.vault, case):
                        return (Say(key="id_link.none", args=args), *self._standing(conn, case, now))
                    return (self._ask_id(conn, turn, case, now),)
                case RateCase():
                    rating.keep(conn, case, asked.grade, now=now)
                    return (Say(key=f"rating.{asked.grade}", args=args),)
                case _:
                    raise TypeError(f"{asked.name} changes no case")
        except IllegalAct:
            # Each of these steps asks whether it may before it writes anything.
            cannot = "case.cannot_reopen" if isinstance(asked, ReopenCase) else "case.cannot"
            # What it is now: another writer may have come first.
            return (Say(key=cannot, args=args), *self._standing(conn, history.load(conn, case.case_no), now))

    def _standing(self, conn: Connection, case: Case, now: datetime) -> tuple[Say, ...]:
        """Where it stands, by when what follows, of a refusal the reason and who can help, and what the consumer was
        told of it."""
        said = Say(key=f"case.state.{case.state.value}", args={"case_no": case.case_no, "by": self._by(case, now)})
        acts = TOLD_OF.get(case.state, ())
        if acts and id_links.waits(conn, self.vault, case):
            return (said, Say(key="id_link.hint"))
        told = next((each for each in reversed(history.events(conn, case)) if each.act in acts), None)
        if told is None:
            return (said,)
        reason = (Say(key=f"case.refused.{told.facts['reason']}"),) if told.act == Act.REFUSE else ()
        text = telling.shown(told.facts.get("text"))
        return (said, *reason, *((Say(key="case.told", args={"text": text}),) if text else ()))

    def _ask_id(self, conn: Connection, turn: Turn, case: Case, now: datetime) -> Say:
        kind, by = self._address(conn, turn)[0], self._by(case, now)
        return id_request.ask(conn, self.vault, self.ids, case, where=turn.conversation, kind=kind, by=by, now=now)

    def _by(self, case: Case, now: datetime) -> str:
        """The last day in time of what comes next, as a date and in words; "" where no limit runs."""
        return telling.last_day(self.render, self.language, case.due_at, now)

    # ---- who asks ----------------------------------------------------------------------------------------------------

    def _newest(self, conn: Connection, turn: Turn, asked: CaseEffect) -> str:
        if isinstance(asked, ResumeDraft):
            return intake.draft_of(conn, turn.conversation)
        return lookup.mine(conn, turn.conversation)

    def _asker(self, conn: Connection, turn: Turn) -> Asker:
        kind, value = self._address(conn, turn)
        phone = privacy.phone(value) if kind in TELEPHONES else ""
        return Asker(source=turn.conversation, network=turn.network, phone=phone)

    def _address(self, conn: Connection, turn: Turn) -> tuple[str, str]:
        """Kind and value of the address that the message came from."""
        query = select(address.c.kind, address.c.sealed).where(address.c.conversation_id == turn.conversation)
        row = conn.execute(query).one()
        return row.kind, self.vault.unseal(row.sealed, context=turn.conversation)

    def _value(self, conn: Connection, turn: Turn, given: str) -> str:
        """What a reference of this conversation stands for; anything else as it is."""
        found = _REFERENCE.search(given)
        if found is None:
            return given
        query = select(secret.c.sealed).where(secret.c.ref == found[2], secret.c.conversation_id == turn.conversation)
        sealed = conn.execute(query).scalar_one_or_none()
        return "" if sealed is None else self.vault.unseal(sealed, context=f"secret:{found[2]}")


def _attach(conn: Connection, turn: Turn, now: datetime) -> Say:
    """Gives the files of a message that nothing asked for to the conversation's newest open case, if there is one."""
    if number := evidence.open_case(conn, turn.conversation):
        evidence.give(conn, number, turn.conversation, now=now)
    # The files of the message before may have taken them along.
    taken = files.case_of(conn, turn.conversation, turn.inbox_id)
    return Say(key="case.files_added", args={"case_no": taken}) if taken else Say(key="attachment.received")

"""What came in: masked, then accepted once under the next place of its conversation."""

from __future__ import annotations

import asyncio
import re
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Table, bindparam, insert, select, update

from core import files
from core.errors import TooLarge
from core.model import (
    Author,
    ChannelId,
    ConversationId,
    Inbound,
    InboxId,
    Line,
    Seq,
)
from core.statements import Statement
from core.store import UPSERTS, Store
from core.tables import (
    address,
    channel,
    contact,
    conversation,
    conversation_seq,
    inbox,
    message,
    secret,
    unsupported,
)
from core.vault import Masked, Secret, Vault

NOTHING = Masked(text="")
_NUMBER_AT_END = re.compile(r"\d[\d\s./·-]*\Z")


@dataclass(frozen=True, kw_only=True, slots=True)
class Accepted:
    """A message is in the ledger; `duplicate` if an earlier delivery had brought it."""

    conversation: ConversationId
    inbox_id: InboxId
    seq: Seq
    duplicate: bool
    line: Line | None = None  # of the transcript; None for what was there before


@dataclass(frozen=True, kw_only=True, slots=True)
class _Row:
    """A message as it will be stored: masked, its sender sealed."""

    conversation: ConversationId
    channel: ChannelId
    kind: str
    sealed: bytes
    inbound: Inbound
    text: str
    payload: str
    secrets: tuple[Secret, ...]
    raw: Any
    now: datetime


class Inbox:
    """The door's side: puts messages into the ledger, personal data masked before anything is stored."""

    def __init__(self, store: Store, vault: Vault, *, max_text: int = 4000) -> None:
        """`max_text`: characters of one message; masking costs time with every character (5 µs at worst)."""
        self._store = store
        self._vault = vault
        self._max_text = max_text
        self._known: set[str] = set()  # conversations that surely have their rows

    async def accept(self, *, channel: ChannelId, kind: str, inbound: Inbound, now: datetime) -> Accepted:
        """Commits `inbound` under the next seq of its conversation.

        LedgerBusy if that could not be done now, TooLarge if the text is longer than this front desk takes: nothing is
        cut off silently.

        `kind` is the channel's kind. A second delivery (same channel, sender and external id) changes nothing and
        gives the first one's place.
        """
        if self.too_long(inbound):
            raise TooLarge(f"a message has at most {self._max_text} characters")
        row = self._row(channel, kind, inbound, now)
        known = row.conversation in self._known
        stored = False

        def op(conn: Connection) -> Accepted:
            """Run again after a commit whose answer was lost, it finds its own row, which is no earlier delivery."""
            nonlocal stored
            accepted = _accept(conn, row, known=known)
            mine, stored = stored, stored or not accepted.duplicate
            return replace(accepted, duplicate=False) if mine else accepted

        accepted = await self._store.write(op, row.conversation)
        if len(self._known) > 500_000:  # about 60 MB; forgetting costs three statements per conversation
            self._known.clear()
        self._known.add(row.conversation)
        return accepted

    def too_long(self, inbound: Inbound) -> bool:
        """Whether `accept` would refuse it for its length."""
        return len(inbound.text) > self._max_text or len(inbound.payload) > self._max_text

    def beginning(self, text: str) -> str:
        """As much of `text` as a message may have; no number is cut in two, of which no half could be hidden."""
        return text if len(text) <= self._max_text else _NUMBER_AT_END.sub("", text[: self._max_text])

    async def keep(self, *, channel: ChannelId, reason: str, raw: Any, now: datetime, sender: str = "") -> None:
        """Keeps a request that is the platform's but no message we handle, masked, the conversation for `sender`."""
        masked = await asyncio.to_thread(self._vault.mask_tree, raw)  # as large as a body may be
        if sender:
            whose = self._vault.conversation_id(channel, sender)
            masked = {name: whose if raw.get(name) == sender else value for name, value in masked.items()}
        await self._store.write(
            lambda conn: (
                conn.execute(insert(unsupported).values(channel_id=channel, reason=reason, raw=masked, received_at=now))
                and None
            )
        )

    async def stop(self, *, channel: ChannelId, sender: str, now: datetime) -> None:
        """Notes that this address wants no proactive messages any more; an address we never met stays unknown."""
        conversation_id = self._vault.conversation_id(channel, sender)
        await self._store.write(lambda conn: stop(conn, conversation_id, now), conversation_id)

    def masked(self, text: str) -> str:
        """`text` with bare marks for personal data: for what nobody will want to open."""
        return self._vault.mask_tree(text)

    def _row(self, channel: ChannelId, kind: str, inbound: Inbound, now: datetime) -> _Row:
        conversation_id = self._vault.conversation_id(channel, inbound.sender)
        masked = self._vault.mask(_storable(inbound.text))
        payload = self._vault.mask(inbound.payload) if inbound.payload else NOTHING
        inbound = replace(
            inbound,
            external_id=_storable(inbound.external_id),
            network=self._vault.fingerprint("network", inbound.network) if inbound.network else "",
            # The reference behind a number in a file's name leads nowhere; that it was there is enough.
            attachments=tuple(replace(a, name=self._vault.mask_tree(a.name)) for a in inbound.attachments),
        )
        return _Row(
            conversation=conversation_id,
            channel=channel,
            kind=kind,
            sealed=b"" if conversation_id in self._known else self._vault.seal(inbound.sender, context=conversation_id),
            inbound=inbound,
            text=masked.text,
            payload=payload.text,
            secrets=masked.secrets + payload.secrets,
            raw=self._vault.mask_tree(inbound.raw) if inbound.raw else None,
            now=now,
        )


def _storable(text: str) -> str:
    """`text` without what no database keeps: NUL, and halves of characters that belong to nothing."""
    try:
        text.encode()
    except UnicodeEncodeError:
        text = text.encode("utf-8", "replace").decode()
    return text.replace("\x00", "") if "\x00" in text else text


def next_seq(conn: Connection, conversation_id: str, count: int = 1) -> int:
    """Takes `count` places at the end of a conversation and returns the first.

    The counter's row stays locked until the commit, so places become visible in their own order; a serial id as a
    cursor lost 75 of 400 rows.
    """
    return _SEQ.all(conn, c=conversation_id, k=count)[0].n - count + 1


def _seq(dialect: str) -> Any:
    row = UPSERTS[dialect](conversation_seq).values(conversation_id=bindparam("c"), n=bindparam("k"))
    return row.on_conflict_do_update(
        index_elements=["conversation_id"], set_={"n": conversation_seq.c.n + row.excluded.n}
    ).returning(conversation_seq.c.n)


_SEQ = Statement({name: _seq(name) for name in UPSERTS})
_GIVE_BACK = (
    update(conversation_seq)
    .where(conversation_seq.c.conversation_id == bindparam("c"))
    .values(n=conversation_seq.c.n - 1)
)
_SEEN = select(inbox.c.id, inbox.c.seq).where(
    inbox.c.conversation_id == bindparam("c"), inbox.c.external_id == bindparam("e")
)
_INBOX = Statement(
    {
        name: _insert(inbox)
        .on_conflict_do_nothing(index_elements=["conversation_id", "external_id"])
        .returning(inbox.c.id)
        for name, _insert in UPSERTS.items()
    }
)
_MESSAGE = Statement(insert(message))
_SECRET = Statement(insert(secret))


def _unless_there(table: Table) -> Statement:
    return Statement({name: _insert(table).on_conflict_do_nothing() for name, _insert in UPSERTS.items()})


_CHANNEL, _CONVERSATION, _CONTACT, _ADDRESS = map(_unless_there, (channel, conversation, contact, address))


def _accept(conn: Connection, row: _Row, *, known: bool) -> Accepted:
    if not known:
        _make_conversation(conn, row)
    seq = next_seq(conn, row.conversation)
    new = _INBOX.first(
        conn,
        conversation_id=row.conversation,
        seq=seq,
        external_id=row.inbound.external_id,
        language_hint=row.inbound.language,
        network=row.inbound.network,
        raw=row.raw,
        next_try_at=row.now,
        received_at=row.now,
    )
    if new is not None:
        return Accepted(
            conversation=row.conversation,
            inbox_id=InboxId(new.id),
            seq=Seq(seq),
            duplicate=False,
            line=_store_message(conn, row, seq, new.id),
        )
    # It is here already, and its place is this delivery's: the new one is given back under the counter's lock.
    conn.execute(_GIVE_BACK, {"c": row.conversation})
    seen = conn.execute(_SEEN, {"c": row.conversation, "e": row.inbound.external_id}).one()
    return Accepted(conversation=row.conversation, inbox_id=InboxId(seen.id), seq=Seq(seen.seq), duplicate=True)


def _store_message(conn: Connection, row: _Row, seq: int, inbox_id: int) -> Line:
    inbound = row.inbound
    brought = files.note(conn, row.conversation, inbox_id, inbound.attachments, row.now)
    _MESSAGE.run(
        conn,
        conversation_id=row.conversation,
        seq=seq,
        author=Author.CONTACT.value,
        kind=inbound.kind.value,
        text=row.text,
        payload=row.payload,
        attachments=[asdict(a) for a in brought] or None,
        external_id=inbound.external_id,
        created_at=row.now,
    )
    for hidden in row.secrets:
        _SECRET.run(
            conn,
            ref=hidden.ref,
            conversation_id=row.conversation,
            kind=hidden.kind,
            fingerprint=hidden.fingerprint,
            sealed=hidden.sealed,
            created_at=row.now,
        )
    return Line(
        seq=Seq(seq),
        author=Author.CONTACT,
        kind=inbound.kind,
        text=row.text,
        payload=row.payload,
        buttons=(),
        source="",
        entry="",
        external_id=inbound.external_id,
        at=row.now,
        files=tuple(a.name for a in brought),
    )


def _make_conversation(conn: Connection, row: _Row) -> None:
    _add_conversation(conn, row.conversation, row.channel, row.kind, row.sealed, row.now)


def open_for(
    conn: Connection, vault: Vault, *, channel: ChannelId, kind: str, sender: str, now: datetime
) -> ConversationId:
    """The conversation with this address, made if nobody has written from it yet: so that we may write first."""
    which = vault.conversation_id(channel, sender)
    _add_conversation(conn, which, channel, kind, vault.seal(sender, context=which), now)
    return which


def _add_conversation(
    conn: Connection, which: ConversationId, channel_id: ChannelId, kind: str, sealed: bytes, now: datetime
) -> None:
    _CHANNEL.run(conn, id=channel_id, kind=kind, created_at=now)
    _CONVERSATION.run(conn, id=which, channel_id=channel_id, created_at=now)
    # One address, one contact, until a case or a person joins several.
    _CONTACT.run(conn, id=which, created_at=now)
    _ADDRESS.run(conn, conversation_id=which, contact_id=which, kind=kind, sealed=sealed, created_at=now)


def stop(conn: Connection, conversation_id: ConversationId, now: datetime) -> None:
    """No proactive messages to this conversation's address from `now` on."""
    conn.execute(
        update(address)
        .where(address.c.conversation_id == conversation_id, address.c.stopped_at.is_(None))
        .values(stopped_at=now)
    )

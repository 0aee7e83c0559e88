"""What consumers send beside words: wanted from the platform, kept sealed, and given to a case that needs it.

A file is `wanted` once its message is accepted (an upload is there before its message: `uploaded`), then `kept` with
the conversation, then `moving` to a case that asked for it, and `attached`: the case has the bytes and here are none.
What could not be had is `lost`; what nobody needed in time, or whose person's data was destroyed, is `forgotten`.

Whoever works on one takes it for LEASE by moving `next_try_at`; `attempts` tells one taking from every other: a house
that dies in between is followed by another one, and of two houses one fetches.
"""

from __future__ import annotations

import base64
import secrets
from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Protocol

from sqlalchemy import ColumnElement, Connection, and_, delete, func, insert, or_, select, update

from core.errors import NotFound
from core.model import UPLOAD, Attachment, ChannelId, ConversationId
from core.tables import IS_FILE_WORK, conversation, file
from core.vault import KEY_BYTES, Seal, Vault

LEASE = timedelta(seconds=150)  # longer than a fetch (60 s) and a scan (60 s) together
# Seconds after the first, second … failed try: a platform that is away for half an hour loses nothing, and whoever sent
# the file is still near when they are asked for it again.
DELAYS = (5.0, 20.0, 80.0, 300.0, 1200.0)
PER_DAY = 30  # files that one conversation may send in 24 h
DAY = timedelta(days=1)
KEPT_FOR = timedelta(days=30)  # in a conversation without a case
NAMED_FOR = DAY  # an upload that no message names


class Content(Protocol):
    """A file that may be kept."""

    @property
    def name(self) -> str: ...
    @property
    def media_type(self) -> str: ...
    @property
    def content(self) -> bytes: ...
    @property
    def sha256(self) -> str: ...
    @property
    def verdict(self) -> str: ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Taken:
    """A file that one house works on."""

    id: int
    conversation: ConversationId
    channel: ChannelId
    inbox_id: int
    is_here: bool  # its bytes are, and a case wants them; else they must be fetched
    attachment: Attachment
    attempts: int  # this one included


@dataclass(frozen=True, kw_only=True, slots=True)
class Opened:
    """A kept file with its bytes."""

    name: str
    media_type: str
    content: bytes
    sha256: str
    verdict: str


# ---- coming in -------------------------------------------------------------------------------------------------------


def note(
    conn: Connection,
    conversation_id: ConversationId,
    inbox_id: int,
    attachments: Collection[Attachment],
    now: datetime,
) -> list[Attachment]:
    """Notes what a message brought, in its transaction; gives it as the transcript has it. NotFound for an upload that
    is not this conversation's, or that another message has named."""
    return [_noted(conn, conversation_id, inbox_id, each, now) for each in attachments]


def _noted(
    conn: Connection, conversation_id: ConversationId, inbox_id: int, given: Attachment, now: datetime
) -> Attachment:
    if given.url.startswith(UPLOAD):
        ours = and_(
            file.c.ref == given.url.removeprefix(UPLOAD),
            file.c.conversation_id == conversation_id,
            file.c.state == "uploaded",
        )
        named = update(file).where(ours).values(state="kept", inbox_id=inbox_id)
        row = conn.execute(named.returning(file.c.name, file.c.media_type, file.c.size)).one_or_none()
        if row is None:
            raise NotFound("file_id: there is no such upload of yours")
        return replace(given, name=row.name, media_type=row.media_type, size=row.size)
    if not given.link:
        values = {"inbox_id": inbox_id, "state": "wanted", "url": given.url, "name": given.name, "size": given.size}
        _add(conn, conversation_id, now, {**values, "media_type": given.media_type})
    return given


def upload(conn: Connection, vault: Vault, conversation_id: ConversationId, found: Content, now: datetime) -> str:
    """Keeps a file that a message will name by the reference that this gives."""
    ref, values = secrets.token_urlsafe(16), {"inbox_id": None, "state": "uploaded"}
    return _add(conn, conversation_id, now, values | _sealed(vault, ref, found), ref)


def sent_today(conn: Connection, conversation_id: ConversationId, now: datetime, *, upto: int | None = None) -> int:
    """How many files the conversation has sent in the last 24 h, without lost ones; with `upto`, an id, none later."""
    mine = [file.c.conversation_id == conversation_id, file.c.received_at > now - DAY, file.c.state != "lost"]
    if upto is not None:
        mine.append(file.c.id <= upto)
    return conn.execute(select(func.count()).select_from(file).where(*mine)).scalar_one()


def _add(
    conn: Connection, conversation_id: ConversationId, now: datetime, values: dict[str, object], ref: str = ""
) -> str:
    ref = ref or secrets.token_urlsafe(16)
    about = {"conversation_id": conversation_id, "ref": ref, "next_try_at": now, "received_at": now}
    conn.execute(insert(file).values(**about, **values))
    return ref


_ABOUT = tuple(each for each in file.c if each.name not in ("key", "sealed"))


# ---- work ------------------------------------------------------------------------------------------------------------


def due(conn: Connection, now: datetime, *, channels: Collection[ChannelId], limit: int = 100) -> list[ConversationId]:
    """Conversations of `channels` with a file that should be worked on now."""
    rows = conn.execute(
        select(file.c.conversation_id)
        .join(conversation, conversation.c.id == file.c.conversation_id)
        .where(IS_FILE_WORK, file.c.next_try_at <= now, conversation.c.channel_id.in_(channels))
        .group_by(file.c.conversation_id)
        .order_by(func.min(file.c.next_try_at))
        .limit(limit)
    )
    return [ConversationId(row.conversation_id) for row in rows]


def take(conn: Connection, conversation_id: ConversationId, now: datetime) -> Taken | None:
    """Takes the conversation's first file that is due; None if there is none, or another house was faster."""
    ready = (file.c.conversation_id == conversation_id, IS_FILE_WORK, file.c.next_try_at <= now)
    row = conn.execute(
        select(*_ABOUT, conversation.c.channel_id)
        .join(conversation, conversation.c.id == file.c.conversation_id)
        .where(*ready)
        .order_by(file.c.id)
        .limit(1)
    ).one_or_none()
    if row is None:
        return None
    mine = update(file).where(file.c.id == row.id, file.c.attempts == row.attempts, *ready)
    if conn.execute(mine.values(attempts=row.attempts + 1, next_try_at=now + LEASE)).rowcount != 1:
        return None
    return Taken(
        id=row.id,
        conversation=conversation_id,
        channel=ChannelId(row.channel_id),
        inbox_id=row.inbox_id,
        is_here=row.state == "moving",
        attachment=Attachment(media_type=row.media_type, url=row.url, name=row.name, size=row.size),
        attempts=row.attempts + 1,
    )


def wanted_by(conn: Connection, held: Taken) -> str | None:
    """The case that wants a taken file, "" if none does; None if the taking is over. Locks the file."""
    query = select(file.c.case_no).where(_still(held)).with_for_update()
    row = conn.execute(query).one_or_none()
    return None if row is None else row.case_no or ""


def keep(conn: Connection, vault: Vault, held: Taken, found: Content) -> None:
    """Keeps what was fetched, with the conversation."""
    ref = conn.execute(select(file.c.ref).where(file.c.id == held.id)).scalar_one()
    conn.execute(update(file).where(_still(held)).values(state="kept", error="", **_sealed(vault, ref, found)))


def opened(conn: Connection, vault: Vault, held: Taken) -> Opened:
    """A file that is here, with its bytes."""
    row = conn.execute(select(file).where(file.c.id == held.id)).one()
    seal = Seal(base64.b64decode(vault.unseal(row.key, context=f"file-key:{row.ref}")))
    content = seal.open(row.sealed, context=f"file:{row.ref}")
    return Opened(name=row.name, media_type=row.media_type, content=content, sha256=row.sha256, verdict=row.verdict)


def attached(conn: Connection, held: Taken, found: Content) -> None:
    """The case has it: nothing of it stays here but that it was."""
    about = {"name": "", "media_type": found.media_type, "size": len(found.content), "sha256": found.sha256}
    _end(conn, held, "attached", **about, verdict=found.verdict)


def again(conn: Connection, held: Taken, error: str, now: datetime) -> datetime:
    """Leaves it to a later try; when that is."""
    at = now + timedelta(seconds=DELAYS[min(held.attempts, len(DELAYS)) - 1])
    conn.execute(update(file).where(_still(held)).values(next_try_at=at, error=error))
    return at


def lose(conn: Connection, held: Taken, error: str, state: str = "lost") -> bool:
    """Gives it up; False if the taking was over."""
    return _end(conn, held, state, error=error) == 1


def _end(conn: Connection, held: Taken, state: str, **values: object) -> int:
    done = {"state": state, "key": None, "sealed": None, "url": ""} | values
    return conn.execute(update(file).where(_still(held)).values(**done)).rowcount


def _still(held: Taken) -> ColumnElement[bool]:
    state = "moving" if held.is_here else "wanted"
    return and_(file.c.id == held.id, file.c.attempts == held.attempts, file.c.state == state)


def _sealed(vault: Vault, ref: str, found: Content) -> dict[str, object]:
    key = secrets.token_bytes(KEY_BYTES)
    return {
        "name": found.name,
        "media_type": found.media_type,
        "size": len(found.content),
        "sha256": found.sha256,
        "verdict": found.verdict,
        "key": vault.seal(base64.b64encode(key).decode(), context=f"file-key:{ref}"),
        "sealed": Seal(key).close(found.content, context=f"file:{ref}"),
    }


# ---- going to a case, and away ---------------------------------------------------------------------------------------


def give(conn: Connection, conversation_id: str, case_no: str, now: datetime) -> int:
    """Gives this case the conversation's files of the last 24 h that are in none; how many they are. Those that are
    still to be fetched go there as soon as they come."""
    free = (file.c.conversation_id == conversation_id, file.c.case_no.is_(None), file.c.received_at > now - DAY)
    sent = update(file).where(*free, file.c.state == "wanted").values(case_no=case_no)
    here = update(file).where(*free, file.c.state == "kept")
    # Taken anew from here on, as often as it may be.
    moved = here.values(case_no=case_no, state="moving", attempts=0, next_try_at=now)
    return conn.execute(sent).rowcount + conn.execute(moved).rowcount


def case_of(conn: Connection, conversation_id: str, inbox_id: int) -> str:
    """The case to which the files of a message go; "" if they go to none."""
    brought = (file.c.conversation_id == conversation_id, file.c.inbox_id == inbox_id)
    query = select(file.c.case_no).where(*brought, file.c.case_no.is_not(None)).limit(1)
    return conn.execute(query).scalar_one_or_none() or ""


def erase(conn: Connection, cases: Collection[str], conversations: Collection[str]) -> None:
    """Destroys what is on its way to these cases, and what these conversations hold for none; neither is fetched any
    more."""
    mine = and_(_of(cases, conversations), file.c.state.in_(("uploaded", "wanted", "kept", "moving")))
    conn.execute(update(file).where(mine).values(state="forgotten", key=None, sealed=None, url="", name=""))


def forget(conn: Connection, now: datetime) -> None:
    """Destroys what no case asked for in KEPT_FOR, and what was uploaded and never sent."""
    unnamed = and_(file.c.state == "uploaded", file.c.received_at <= now - NAMED_FOR)
    conn.execute(delete(file).where(unnamed))
    old = and_(file.c.state.in_(("kept", "lost")), file.c.received_at <= now - KEPT_FOR)
    conn.execute(update(file).where(old).values(state="forgotten", key=None, sealed=None, url="", name=""))


def listed(conn: Connection, cases: Collection[str], conversations: Collection[str]) -> list[tuple[str, str]]:
    """Name and SHA-256 (hex) of what is here on its way to these cases, and of what these conversations hold for none,
    oldest first."""
    here = file.c.state.in_(("kept", "moving"))
    query = select(file.c.name, file.c.sha256).where(_of(cases, conversations), here)
    return [(row.name, row.sha256) for row in conn.execute(query.order_by(file.c.id))]


def _of(cases: Collection[str], conversations: Collection[str]) -> ColumnElement[bool]:
    free = and_(file.c.case_no.is_(None), file.c.conversation_id.in_(conversations))
    return or_(file.c.case_no.in_(cases), free)

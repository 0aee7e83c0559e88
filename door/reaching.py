"""By what the consumer of a case can be reached: the conversation that it belongs to, and the telephone it names."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import cast

from sqlalchemy import Connection, select

from cases import privacy
from cases.calendar import BEIJING, midnight, today
from cases.model import Case, Person
from cases.notices import Reach
from channels import Channel
from core import inbox
from core.model import TELEPHONES, ChannelId, ConversationId, Language, Locale, Script, Tongue
from core.tables import address, conversation
from core.vault import Vault
from faq.language import locale

THERE = timedelta(minutes=10)  # who has written within this time has their page open, most likely
NO_SMS = "none"  # the setting that turns short messages off
_MOBILE = re.compile(r"1[3-9]\d{9}|\+\d{6,15}")  # a landline takes no short message
CHINA = "+86"
WITH_COUNTRY = frozenset({"twilio", "tencent_sms"})  # kinds that want the number of a Chinese telephone with its +86


@dataclass(frozen=True, kw_only=True, slots=True)
class Home:
    """The conversation that a case belongs to."""

    id: ConversationId
    channel: ChannelId
    kind: str
    locale: Locale
    stopped: bool  # no surveys any more
    last_at: datetime | None  # when they last wrote


def home_of(conn: Connection, which: ConversationId, told_in: str, default: Language) -> Home:
    """The conversation `which`; where it has not shown its language yet, that of the case, else the house's."""
    query = (
        select(
            conversation.c.channel_id,
            conversation.c.language,
            conversation.c.spoken,
            conversation.c.script,
            conversation.c.last_at,
            address.c.kind,
            address.c.stopped_at,
        )
        .join(address, address.c.conversation_id == conversation.c.id)
        .where(conversation.c.id == which)
    )
    row = conn.execute(query).one()
    spoken = row.spoken or (told_in if told_in in ("zh", "en") else default)
    return Home(
        id=which,
        channel=ChannelId(row.channel_id),
        kind=row.kind,
        locale=locale(cast("Tongue", row.language), cast("Language", spoken), cast("Script", row.script)),
        stopped=row.stopped_at is not None,
        last_at=row.last_at,
    )


def sms_channel(channels: Mapping[ChannelId, Channel], setting: str) -> Channel | None:
    """The channel by which short messages go out first; None where there is none, or none is to be."""
    if setting == NO_SMS:
        return None
    if setting:
        return channels.get(ChannelId(setting))
    return next((channel for channel in channels.values() if channel.kind in TELEPHONES), None)


def reach(
    home: Home, channels: Mapping[ChannelId, Channel], *, number: str, sms: Channel | None, now: datetime
) -> Reach:
    """What there is to reach them by now; `number`: of their telephone, "" if it takes no short message."""
    channel = channels.get(home.channel)
    page = channel is not None and channel.capabilities.live
    return Reach(
        talks=channel is not None,
        page=page,
        there=page and home.last_at is not None and now - home.last_at <= THERE,
        phone=home.kind in TELEPHONES,
        sms=sms is not None and number != "",
    )


def people(conn: Connection, vault: Vault, case: Case) -> tuple[Person, ...]:
    """Who may be told: whoever acts for the person before the person; nobody whose data was erased."""
    found: list[Person] = []
    for id in filter(None, (case.agent_id, case.person_id)):
        try:
            found.append(privacy.read_person(conn, vault, id))
        except privacy.Erased:
            continue
    return tuple(found)


def mobile(who: tuple[Person, ...]) -> str:
    """The first of their telephones that takes short messages, canonical; ""."""
    given = (each for one in who for each in (one.reply_phone, one.phone) if each)
    return next((number for number in map(privacy.phone, given) if _MOBILE.fullmatch(number)), "")


def telephone(conn: Connection, vault: Vault, sms: Channel, number: str, now: datetime) -> ConversationId:
    """The conversation with a telephone: the one that it has written from, however its carrier writes the number;
    else a new one."""
    plain = number if number.startswith("+") else f"{CHINA}{number}"
    forms = (number, plain, plain.removeprefix("+"))
    for form in forms:
        which = vault.conversation_id(sms.id, form)
        if conn.execute(select(conversation.c.id).where(conversation.c.id == which)).one_or_none() is not None:
            return which
    sender = plain if sms.kind in WITH_COUNTRY else number
    return inbox.open_for(conn, vault, channel=sms.id, kind=sms.kind, sender=sender, now=now)


def opening(now: datetime, *, since: int, until: int) -> datetime:
    """The first time from `now` on that lies within the hours of China in which people may be disturbed."""
    hour = now.astimezone(BEIJING).hour
    if since <= hour < until:
        return now
    day = today(now) + (timedelta(days=1) if hour >= until else timedelta())
    return midnight(day) + timedelta(hours=since)

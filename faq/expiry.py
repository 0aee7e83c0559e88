"""Tells people on duty which answers are about to run out, and which have: once per entry, whatever the processes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, time

from sqlalchemy import Connection

from core import alarm, audit
from faq.entries import Content, Entry, china_day
from faq.lint import SOON

BY_ITSELF = "qiantai"  # who acknowledged an alarm whose cause is gone


def tell(conn: Connection, content: Content, now: datetime) -> None:
    """Raises an alarm per topic with entries that end within 30 days, and one per topic with entries that have ended.

    An entry is told of once for each of its last days, also to those who acknowledged the alarm; an alarm whose topic
    has no such entry any more is closed.
    """
    today = china_day(now)
    dated = [(entry.valid_to, entry) for entry in content.entries.values() if entry.valid_to]
    ending = _by_topic(entry for last, entry in dated if today <= last <= today + SOON)
    ended = _by_topic(entry for last, entry in dated if last < today)
    for topic, entries in ending.items():
        if _claimed(conn, "content_expiring", entries):
            alarm.raise_alarm(conn, "content_expiring", topic, f"answered until: {_days(entries)}", now)
    for topic, entries in ended.items():
        if _claimed(conn, "content_expired", entries):
            alarm.raise_alarm(conn, "content_expired", topic, f"no longer answered since: {_days(entries)}", now)
    for one in alarm.open_alarms(conn):
        still = {"content_expiring": ending, "content_expired": ended}.get(one.kind)
        if still is not None and one.subject not in still:
            alarm.acknowledge(conn, one.id, BY_ITSELF, now)


def close(conn: Connection, kind: str, subject: str, now: datetime) -> None:
    """Closes the open alarm of this `kind` and `subject`, if there is one: its cause is gone."""
    for one in alarm.open_alarms(conn):
        if (one.kind, one.subject) == (kind, subject):
            alarm.acknowledge(conn, one.id, BY_ITSELF, now)


def _by_topic(entries: Iterable[Entry]) -> Mapping[str, list[Entry]]:
    found: defaultdict[str, list[Entry]] = defaultdict(list)
    for entry in entries:
        found[entry.topic].append(entry)
    return found


def _claimed(conn: Connection, kind: str, entries: list[Entry]) -> bool:
    """Whether one of them was not told of yet; from now on each of them was."""
    return bool([e.id for e in entries if e.valid_to and audit.claim(conn, f"{kind}:{e.id}", _slot(e.valid_to))])


def _slot(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def _days(entries: list[Entry]) -> str:
    return ", ".join(f"{entry.id} {entry.valid_to}" for entry in entries)

"""The register's tables, beside the ledger's; `core/migrations` brings a database here.

No column holds a telephone number, an identity number or an e-mail address in clear: people lie sealed in `person`
under a key of their own, and texts are masked before they get here.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Date,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from core.tables import Instant, Serial, metadata


def _id() -> Column[Any]:
    return Column("id", Serial, primary_key=True, autoincrement=True)


def _case(**more: Any) -> Column[Any]:
    return Column("case_id", BigInteger, ForeignKey("complaint_case.id"), nullable=False, **more)


def _text(name: str, default: str = "") -> Column[Any]:
    return Column(name, Text, nullable=False, server_default=default)


def _other(name: str) -> Column[Any]:
    return Column(name, Text, ForeignKey("complaint_case.case_no"))


institution = Table(
    "institution",
    metadata,
    _id(),
    Column("name", Text, nullable=False, unique=True),
    Column("type", Text, nullable=False),  # a slug of codes.yml
    _text("regulator"),  # pboc, nfra, csrc …
    _text("licence"),
    _text("level"),  # head office, branch …
    Column("parent_id", BigInteger, ForeignKey("institution.id")),
    _text("province"),
    _text("city"),
    _text("district"),
    _text("seat"),  # its address
    Column("liaison", LargeBinary),  # sealed: who answers for complaints there …
    Column("deputy", LargeBinary),  # … and in their absence
    Column("created_at", Instant, nullable=False),
    Column("updated_at", Instant, nullable=False),
)

institution_alias = Table(
    "institution_alias",
    metadata,
    Column("alias", Text, primary_key=True),
    Column("institution_id", BigInteger, ForeignKey("institution.id"), primary_key=True),
    Index("ix_institution_alias_institution_id", "institution_id"),
)

# Personal data, sealed under a random key of the row's own, which the house's key seals. Erased: neither is left.
person = Table(
    "person",
    metadata,
    Column("id", Text, primary_key=True),  # random
    Column("key", LargeBinary),
    Column("sealed", LargeBinary),
    Column("created_at", Instant, nullable=False),
    Column("erased_at", Instant),
)

# Keyed fingerprints by which somebody is known again.
person_mark = Table(
    "person_mark",
    metadata,
    Column("person_id", Text, ForeignKey("person.id"), primary_key=True),
    Column("kind", Text, primary_key=True),  # id_number, phone, email
    Column("fingerprint", Text, primary_key=True),
    Index("ix_person_mark_fingerprint", "fingerprint"),
)

# The running number of a year's newest case.
case_number = Table(
    "case_number",
    metadata,
    Column("year", Integer, primary_key=True, autoincrement=False),
    Column("n", BigInteger, nullable=False),
)

HAS_DUE = "due_at IS NOT NULL"
HAS_AGENT = "agent_id IS NOT NULL"
HAS_TALK = "conversation_id IS NOT NULL"
UNTOLD = "conversation_id IS NOT NULL AND news_n < version"
IS_UNTOLD = text("complaint_case.conversation_id IS NOT NULL AND complaint_case.news_n < complaint_case.version")
ASKS = "ask_at IS NOT NULL"
complaint_case = Table(
    "complaint_case",
    metadata,
    _id(),
    Column("case_no", Text, nullable=False, unique=True),
    Column("cause", Text, nullable=False, unique=True),  # what it was opened for: once
    _text("indexed"),  # the text whose words find it
    Column("query_hash", Text, nullable=False),  # keyed, of the code by which its consumer asks after it
    _text("external_no"),
    Column("source_channel", Text, nullable=False),
    Column("received_at", Instant, nullable=False),
    Column("conversation_id", Text, ForeignKey("conversation.id")),
    Column("person_id", Text, ForeignKey("person.id"), nullable=False),
    Column("agent_id", Text, ForeignKey("person.id")),
    # What people tell: model.Fields
    Column("type", Text, nullable=False),
    Column("track", Text, nullable=False),
    Column("level", Text, nullable=False),
    Column("urgency", Text, nullable=False),
    Column("sensitivity", JSON, nullable=False),
    Column("flags", JSON, nullable=False),
    _text("language"),
    _text("summary"),
    _text("facts"),
    _text("request"),
    Column("amount", BigInteger),  # hundredths of `currency`
    _text("currency"),
    Column("people_count", Integer, nullable=False),
    Column("prior_complaint", JSON),
    Column("institution_id", BigInteger, ForeignKey("institution.id")),
    _text("institution"),
    _text("province"),
    _text("city"),
    _text("district"),
    _text("business_code"),
    _text("reason_code"),
    _text("channel_code"),
    _text("product"),
    Column("co_handlers", JSON, nullable=False),
    Column("consents", JSON, nullable=False),
    _text("reply_mode"),
    Column("responsible", Boolean),
    _text("accountability"),
    Column("compensation", JSON),
    _text("improvement"),
    # Where it stands: only cases.register writes these
    Column("state", Text, nullable=False),
    Column("owner", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("opened_at", Instant, nullable=False),
    Column("opened_by", Text, nullable=False),
    Column("updated_at", Instant, nullable=False),
    Column("due_at", Instant),
    Column("ended_at", Instant),
    Column("retention_until", Date),
    _text("result"),
    Column("reply_at", Instant),
    _other("parent_no"),
    _other("duplicate_of"),
    _other("merged_into"),
    # What its consumer hears of it, and says in the end: cases.news and cases.rating
    Column("news_n", Integer, nullable=False, server_default="0"),  # the last event that was looked at for news
    Column("ask_at", Instant),  # when they are to be asked how it went
    _text("rating"),
    Index("ix_case_news", "id", sqlite_where=text(UNTOLD), postgresql_where=text(UNTOLD)),
    Index("ix_case_ask", "ask_at", sqlite_where=text(ASKS), postgresql_where=text(ASKS)),
    # The due list, and the overdue one.
    Index("ix_case_due", "due_at", "id", sqlite_where=text(HAS_DUE), postgresql_where=text(HAS_DUE)),
    # A seat's or a queue's list, an institution's, a person's, a state's: newest first.
    Index("ix_case_owner", "owner", "id"),
    Index("ix_case_institution", "institution_id", "id"),
    Index("ix_case_person", "person_id"),
    Index("ix_case_agent", "agent_id", sqlite_where=text(HAS_AGENT), postgresql_where=text(HAS_AGENT)),
    Index(
        "ix_case_conversation",
        "conversation_id",
        "id",
        sqlite_where=text(HAS_TALK),
        postgresql_where=text(HAS_TALK),
    ),
    Index("ix_case_state", "state", "id"),
    Index("ix_case_retention", "retention_until"),
    # All that a cross-tab counts by: it reads this index and never the rows.
    Index(
        "ix_case_tab",
        "received_at",
        "type",
        "track",
        "state",
        "level",
        "urgency",
        "institution_id",
        "business_code",
        "reason_code",
        "channel_code",
        "source_channel",
        "province",
        "city",
        "owner",
    ),
)

# What happened, append-only: the database refuses to change or to remove a row.
case_event = Table(
    "case_event",
    metadata,
    _case(primary_key=True),
    Column("n", Integer, primary_key=True),
    Column("at", Instant, nullable=False),
    Column("actor", Text, nullable=False),
    Column("act", Text, nullable=False),
    Column("before", Text),
    Column("after", Text, nullable=False),
    Column("facts", JSON, nullable=False),
)

OPEN_NOTICE = "state = 'open'"
IS_OPEN_NOTICE = text("case_notice.state = 'open'")
MISSED_NOTICE = "state = 'undeliverable'"
IS_MISSED_NOTICE = text("case_notice.state = 'undeliverable'")
# One piece of news on its way to a case's consumer, over one channel after the other; cases.notices has the states.
case_notice = Table(
    "case_notice",
    metadata,
    _id(),
    _case(),
    Column("since_n", Integer, nullable=False, server_default="0"),  # of the last event before those that it tells
    Column("n", Integer, nullable=False),  # of the last event that it tells
    Column("act", Text, nullable=False),  # of the same
    Column("locale", Text, nullable=False),
    Column("way", Text, nullable=False),
    _text("cause"),  # of the outbox row that carries it; "": none does
    Column("state", Text, nullable=False),
    Column("next_at", Instant, nullable=False),  # when to look again
    Column("created_at", Instant, nullable=False),
    Column("ended_at", Instant),
    UniqueConstraint("case_id", "n"),
    Index("ix_case_notice_open", "next_at", sqlite_where=text(OPEN_NOTICE), postgresql_where=text(OPEN_NOTICE)),
    Index("ix_case_notice_missed", "ended_at", sqlite_where=text(MISSED_NOTICE), postgresql_where=text(MISSED_NOTICE)),
)

RUNS = "met_at IS NULL AND tell_at IS NOT NULL"
case_deadline = Table(
    "case_deadline",
    metadata,
    _id(),
    _case(),
    Column("rule", Text, nullable=False),
    Column("version", Text, nullable=False),
    Column("started_at", Instant, nullable=False),
    Column("supplements", JSON, nullable=False),
    Column("pauses", JSON, nullable=False),
    Column("extensions", JSON, nullable=False),
    Column("state", Text, nullable=False),
    Column("due_on", Date),
    Column("due_at", Instant),
    Column("warn_half", Date),
    Column("warn_most", Date),
    Column("warn_last", Date),
    Column("provisional", Boolean, nullable=False),
    Column("met_at", Instant),
    _text("warned"),  # the strongest warning that was told
    Column("tell_at", Instant),  # when the next one is to be told
    Index("ix_case_deadline_case", "case_id"),
    Index("ix_case_deadline_tell", "tell_at", sqlite_where=text(RUNS), postgresql_where=text(RUNS)),
    Index(
        "ix_case_deadline_provisional",
        "id",
        sqlite_where=text("provisional AND met_at IS NULL"),
        postgresql_where=text("provisional AND met_at IS NULL"),
    ),
)

OPEN_TASK = "state = 'open'"
case_task = Table(
    "case_task",
    metadata,
    _id(),
    _case(),
    Column("kind", Text, nullable=False),
    Column("title", Text, nullable=False),
    Column("owner", Text, nullable=False),
    Column("institution_id", BigInteger, ForeignKey("institution.id")),
    Column("due_at", Instant, nullable=False),
    Column("state", Text, nullable=False),
    Column("facts", JSON, nullable=False),
    _text("result"),
    Column("created_at", Instant, nullable=False),
    Column("created_by", Text, nullable=False),
    Column("done_at", Instant),
    Column("done_by", Text),
    _text("warned"),
    Column("tell_at", Instant),
    Index("ix_case_task_case", "case_id"),
    Index("ix_case_task_owner", "owner", "due_at", sqlite_where=text(OPEN_TASK), postgresql_where=text(OPEN_TASK)),
    Index("ix_case_task_tell", "tell_at", sqlite_where=text(OPEN_TASK), postgresql_where=text(OPEN_TASK)),
)

case_attachment = Table(
    "case_attachment",
    metadata,
    _id(),
    _case(index=True),
    Column("name", Text, nullable=False),
    Column("media_type", Text, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("sha256", Text, nullable=False),
    Column("sealed", LargeBinary),  # under the person's key; NULL: erased with it
    Column("verdict", Text, nullable=False),
    Column("added_at", Instant, nullable=False),
    Column("added_by", Text, nullable=False),
    UniqueConstraint("case_id", "sha256"),
)

# Values behind the references in a case's texts, as `secret` has them for a conversation's.
case_secret = Table(
    "case_secret",
    metadata,
    _case(primary_key=True),
    Column("ref", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("fingerprint", Text, nullable=False, index=True),
    Column("sealed", LargeBinary, nullable=False),
)

# Answers to requests that may come twice: the same key of the same token gets the same answer.
case_key = Table(
    "case_key",
    metadata,
    Column("token", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("request", Text, nullable=False),  # SHA-256 of what was asked, hex
    Column("status", Integer, nullable=False),
    Column("answer", JSON, nullable=False),
    Column("created_at", Instant, nullable=False, index=True),
)

# Who asks after cases how often: see cases.lookup. No key tells who it is.
lookup_count = Table(
    "lookup_count",
    metadata,
    Column("scope", Text, primary_key=True),  # source, network, case, all
    Column("key", Text, primary_key=True),
    Column("tries", Integer, nullable=False),
    Column("until", Instant, nullable=False, index=True),  # the count begins anew after this
)

# The one link by which a case's people may give the numbers of their papers. The token itself lies nowhere but, sealed
# and until it is used, behind a reference of the message that told it.
id_link = Table(
    "id_link",
    metadata,
    Column("case_id", BigInteger, ForeignKey("complaint_case.id"), primary_key=True, autoincrement=False),
    Column("hash", Text, nullable=False, unique=True),  # keyed, of the token
    _text("secret_ref"),  # the reference; "": it was told in no conversation
    Column("created_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False, index=True),
    Column("used_at", Instant),
)

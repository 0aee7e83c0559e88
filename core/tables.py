"""The ledger's tables, one definition for SQLite and PostgreSQL; `core/migrations` brings a database here."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Dialect,
    Float,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.types import TypeDecorator

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


class Instant(TypeDecorator[datetime]):
    """An aware UTC time, kept as whole microseconds since 1970: sorts, compares and indexes alike on both databases."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a naive time must not enter the ledger")
        return (value - EPOCH) // MICROSECOND

    def process_result_value(self, value: int | None, dialect: Dialect) -> datetime | None:
        return None if value is None else EPOCH + timedelta(microseconds=value)


# SQLite numbers its rows by itself only in a column that is exactly INTEGER.
Serial = BigInteger().with_variant(Integer(), "sqlite")

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    }
)


def _id() -> Column[Any]:
    return Column("id", Serial, primary_key=True, autoincrement=True)


def _conversation(**more: Any) -> Column[Any]:
    return Column("conversation_id", Text, ForeignKey("conversation.id"), nullable=False, **more)


channel = Table(
    "channel",
    metadata,
    Column("id", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
)

contact = Table(
    "contact",
    metadata,
    Column("id", Text, primary_key=True),
    Column("created_at", Instant, nullable=False),
)

# One channel account and one address, for ever. The id is a keyed hash of both.
conversation = Table(
    "conversation",
    metadata,
    Column("id", Text, primary_key=True),
    Column("channel_id", Text, ForeignKey("channel.id"), nullable=False),
    Column("owner", Text, nullable=False, server_default="bot"),
    Column("epoch", BigInteger, nullable=False, server_default="0"),  # raised by a takeover
    Column("fence", BigInteger, nullable=False, server_default="0"),  # raised by every lease
    Column("lease_until", Instant, nullable=False, server_default="0"),  # 0: free
    Column("send_fence", BigInteger, nullable=False, server_default="0"),
    Column("send_lease_until", Instant, nullable=False, server_default="0"),
    Column("language", Text, nullable=False, server_default=""),  # chosen by the consumer; "": detect per message
    Column("spoken", Text, nullable=False, server_default=""),  # of the last message whose language showed
    Column("script", Text, nullable=False, server_default=""),  # Hans or Hant, of the last Chinese one that showed it
    Column("state", LargeBinary),  # the brain's, packed
    Column("visit_id", BigInteger),
    Column("last_at", Instant),
    Column("outcome", Text, nullable=False, server_default=""),  # of the message that was closed last, as there
    Column("hold_at", Instant),  # a holding sentence went out and no answer has followed yet
    Column("created_at", Instant, nullable=False),
    # The sweeper looks for leases that ran out.
    Index(
        "ix_conversation_leased",
        "lease_until",
        sqlite_where=text("lease_until > 0"),
        postgresql_where=text("lease_until > 0"),
    ),
)

# The counter behind `seq`, in a table of its own so that lease traffic never waits for it.
conversation_seq = Table(
    "conversation_seq",
    metadata,
    Column("conversation_id", Text, primary_key=True),
    Column("n", BigInteger, nullable=False),
)

# The last message that a page was shown which keeps no place of its own.
shown = Table(
    "shown",
    metadata,
    Column("conversation_id", Text, primary_key=True),
    Column("seq", BigInteger, nullable=False),
)

# Where a contact is reached. The value itself lies sealed; the conversation id is its keyed hash.
address = Table(
    "address",
    metadata,
    Column("conversation_id", Text, ForeignKey("conversation.id"), primary_key=True),
    Column("contact_id", Text, ForeignKey("contact.id"), nullable=False),
    Column("kind", Text, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Column("stopped_at", Instant),  # no proactive messages after this
    Column("created_at", Instant, nullable=False),
)

visit = Table(
    "visit",
    metadata,
    _id(),
    _conversation(),
    Column("opened_at", Instant, nullable=False),
    Column("first_seq", BigInteger, nullable=False),
    Column("closed_at", Instant),
    Column("last_seq", BigInteger),
    Column("reason", Text),  # idle
    Index("ix_visit_conversation", "conversation_id", "id"),
)

# The transcript: append-only, personal data masked. Client cursors, drain order and resume all go by seq.
message = Table(
    "message",
    metadata,
    Column("conversation_id", Text, ForeignKey("conversation.id"), primary_key=True),
    Column("seq", BigInteger, primary_key=True),
    Column("author", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("payload", Text, nullable=False, server_default=""),
    Column("attachments", JSON),
    Column("buttons", JSON),
    Column("source", Text, nullable=False, server_default=""),
    Column("entry", Text, nullable=False, server_default=""),
    Column("entry_version", Text, nullable=False, server_default=""),
    Column("score", Float),  # of the match that chose the entry, 0..1 …
    Column("phrasing", Text, nullable=False, server_default=""),  # … and what of the entry the question matched
    Column("answers", BigInteger),  # seq of the message that this one answers
    Column("external_id", Text, nullable=False, server_default=""),
    Column("created_at", Instant, nullable=False),
)

# Questions that found no entry, or several: what content staff write entries and phrasings from. The words are the
# message's, and whatever deletes it takes this along.
question = Table(
    "question",
    metadata,
    Column("conversation_id", Text, primary_key=True),
    Column("seq", BigInteger, primary_key=True),
    Column("kind", Text, nullable=False),  # unanswered, asked (back)
    Column("language", Text, nullable=False),
    Column("hits", JSON, nullable=False),  # best first; of what was asked back: the entries that were offered
    Column("created_at", Instant, nullable=False, index=True),
    ForeignKeyConstraint(["conversation_id", "seq"], ["message.conversation_id", "message.seq"], ondelete="CASCADE"),
)

# What the contact thinks of an answer; the latest word counts.
feedback = Table(
    "feedback",
    metadata,
    Column("conversation_id", Text, primary_key=True),
    Column("seq", BigInteger, primary_key=True),  # of the answer
    Column("helpful", Boolean, nullable=False),
    Column("created_at", Instant, nullable=False, index=True),
    ForeignKeyConstraint(["conversation_id", "seq"], ["message.conversation_id", "message.seq"], ondelete="CASCADE"),
)

# As text with literals, not with bound values: only so does SQLite see that a partial index fits a query.
OPEN = "state = 'open'"
IS_OPEN = text("inbox.state = 'open'")
inbox = Table(
    "inbox",
    metadata,
    _id(),
    _conversation(),
    Column("seq", BigInteger, nullable=False),
    Column("external_id", Text, nullable=False),
    Column("language_hint", Text, nullable=False, server_default=""),
    Column("network", Text, nullable=False, server_default=""),  # keyed hash of where it came from; "": nobody knows
    Column("raw", JSON),  # what the platform sent, masked
    Column("state", Text, nullable=False, server_default="open"),  # open, done, parked
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("next_try_at", Instant, nullable=False),
    Column("held", Boolean, nullable=False, server_default=text("false")),
    Column("received_at", Instant, nullable=False),
    Column("done_at", Instant),
    Column("outcome", Text),  # label of the decision, or why it was parked
    # The conversation is channel and sender, so this is "one delivery of a platform is one message".
    UniqueConstraint("conversation_id", "external_id"),
    Index("ix_inbox_open", "conversation_id", "seq", sqlite_where=text(OPEN), postgresql_where=text(OPEN)),
    Index("ix_inbox_due", "next_try_at", sqlite_where=text(OPEN), postgresql_where=text(OPEN)),
)

# Requests that were a platform's but not a message we handle: acknowledged and kept.
unsupported = Table(
    "unsupported",
    metadata,
    _id(),
    Column("channel_id", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("raw", JSON),
    Column("received_at", Instant, nullable=False),
)

WAITING = "state IN ('ready', 'sending')"
IS_WAITING = text("outbox.state IN ('ready', 'sending')")
UNSEEN = "as_notice OR state IN ('unknown', 'failed', 'parked', 'withheld')"
IS_UNSEEN = text("(outbox.as_notice OR outbox.state IN ('unknown', 'failed', 'parked', 'withheld'))")
outbox = Table(
    "outbox",
    metadata,
    _id(),
    _conversation(),
    Column("seq", BigInteger, nullable=False),  # the text is the message row's
    Column("cause", Text, nullable=False, unique=True),
    Column("epoch", BigInteger),  # of a bot turn; stale: withheld
    Column("in_reply_to", Text, nullable=False, server_default=""),
    Column("state", Text, nullable=False, server_default="ready"),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("parts_taken", Integer, nullable=False, server_default="0"),  # of a text that goes out in several
    Column("next_try_at", Instant, nullable=False),
    Column("external_id", Text, nullable=False, server_default=""),
    Column("error", Text, nullable=False, server_default=""),
    Column("notice", JSON),  # what an approved notice says where no free text may go out: model.Notice
    Column("as_notice", Boolean, nullable=False, server_default=text("false")),  # that one went out instead
    Column("created_at", Instant, nullable=False),
    Column("sent_at", Instant),
    Index("ix_outbox_waiting", "conversation_id", "seq", sqlite_where=text(WAITING), postgresql_where=text(WAITING)),
    Index("ix_outbox_due", "next_try_at", sqlite_where=text(WAITING), postgresql_where=text(WAITING)),
    Index("ix_outbox_unseen", "conversation_id", "seq", sqlite_where=text(UNSEEN), postgresql_where=text(UNSEEN)),
    # Receipts come back by the platform's id.
    Index(
        "ix_outbox_external",
        "external_id",
        sqlite_where=text("external_id <> ''"),
        postgresql_where=text("external_id <> ''"),
    ),
)

FILE_WORK = "state IN ('wanted', 'moving')"
IS_FILE_WORK = text("file.state IN ('wanted', 'moving')")
# What consumers send beside words; core/files.py has the states. A case takes the bytes over: then none are here.
file = Table(
    "file",
    metadata,
    _id(),
    _conversation(),
    Column("ref", Text, nullable=False, unique=True),  # random: by it a page names what it has uploaded
    Column("inbox_id", BigInteger),  # of the message that it came with; NULL: of none yet
    Column("state", Text, nullable=False),
    Column("url", Text, nullable=False, server_default=""),  # where the platform has it
    Column("name", Text, nullable=False, server_default=""),  # masked
    Column("media_type", Text, nullable=False, server_default=""),  # as the platform says, then by what is in it
    Column("size", BigInteger),  # bytes
    Column("sha256", Text, nullable=False, server_default=""),  # hex
    Column("verdict", Text, nullable=False, server_default=""),  # of the scan
    Column("key", LargeBinary),  # random, sealed by the house's …
    Column("sealed", LargeBinary),  # … and the bytes under it
    Column("case_no", Text),  # of the case that gets it
    Column("attempts", Integer, nullable=False, server_default="0"),  # every taking raises it
    Column("next_try_at", Instant, nullable=False),
    Column("error", Text, nullable=False, server_default=""),
    Column("received_at", Instant, nullable=False),
    Index("ix_file_conversation", "conversation_id", "id"),
    Index("ix_file_due", "next_try_at", sqlite_where=text(FILE_WORK), postgresql_where=text(FILE_WORK)),
    Index("ix_file_received", "received_at"),
)

# Every effect that a turn had, once: the key is the message and the effect's place in its list.
effect = Table(
    "effect",
    metadata,
    Column("inbox_id", BigInteger, ForeignKey("inbox.id"), primary_key=True),
    Column("n", Integer, primary_key=True),
    Column("name", Text, nullable=False),
    Column("fields", JSON, nullable=False),  # of an effect on a case only their names
    Column("applied_at", Instant, nullable=False),
)

# Who waits for a person, with what they left, until somebody has dealt with it; desk/handoff.py has the transitions.
left_message = Table(
    "left_message",
    metadata,
    _id(),
    _conversation(),
    Column("cause", Text, nullable=False, unique=True),
    Column("reason", Text, nullable=False, server_default="message"),  # message, or one of effects.REASONS
    Column("role", Text, nullable=False, server_default="agent"),  # whom they ask for, one of effects.ROLES
    Column("state", Text, nullable=False, server_default="left"),  # asked, left, cancelled, done
    Column("text", Text, nullable=False),  # "" while nothing was left
    Column("contact", Text, nullable=False),
    Column(
        "facts", JSON
    ),  # what the text was understood to be about: institution, amount in yuan, day; none if nothing
    Column("created_at", Instant, nullable=False),
    Column("done_at", Instant),
    Column("done_by", Text),
    Index(
        "uq_left_message_asked",
        "conversation_id",
        unique=True,
        sqlite_where=text("state = 'asked'"),
        postgresql_where=text("state = 'asked'"),
    ),
)

# Values behind the references that masked texts carry.
secret = Table(
    "secret",
    metadata,
    Column("ref", Text, primary_key=True),
    _conversation(index=True),
    Column("kind", Text, nullable=False),
    Column("fingerprint", Text, nullable=False, index=True),
    Column("sealed", LargeBinary, nullable=False),
    Column("created_at", Instant, nullable=False),
)

alarm = Table(
    "alarm",
    metadata,
    _id(),
    Column("kind", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("detail", Text, nullable=False),
    Column("count", Integer, nullable=False, server_default="1"),
    Column("raised_at", Instant, nullable=False),
    Column("last_at", Instant, nullable=False),
    Column("told_at", Instant),
    Column("acknowledged_at", Instant),
    Column("acknowledged_by", Text),
    Index(
        "uq_alarm_open",
        "kind",
        "subject",
        unique=True,
        sqlite_where=text("acknowledged_at IS NULL"),
        postgresql_where=text("acknowledged_at IS NULL"),
    ),
)

api_token = Table(
    "api_token",
    metadata,
    _id(),
    Column("name", Text, nullable=False),
    Column("hash", Text, nullable=False, unique=True),  # SHA-256, hex
    Column("scopes", Text, nullable=False),  # space separated
    Column("created_at", Instant, nullable=False),
    Column("last_used_at", Instant),
    Column("revoked_at", Instant),
)

# A state that the content once had.
faq_version = Table(
    "faq_version",
    metadata,
    Column("id", Text, primary_key=True),  # hash of the content
    Column("entries", Integer, nullable=False),
    Column("published_at", Instant, nullable=False),  # for the first time
    Column("files", LargeBinary),  # all of them, packed; NULL: not kept
    Column("sha256", Text),  # of `files`, hex
    Column("parts", JSON),  # {"entries": {id: version}, "files": {name: hash}}: tells what differs between two states
)

# What was made live, when, and by whom. The newest row is the truth for every process.
faq_publication = Table(
    "faq_publication",
    metadata,
    _id(),
    Column("version", Text, ForeignKey("faq_version.id"), nullable=False),
    Column("at", Instant, nullable=False),
    Column("by", Text, nullable=False),  # the account that published or rolled back; "" for a saved file
    Column("why", Text, nullable=False),  # saved, published, rolled_back
    Column("place", Text, nullable=False),  # machine and folder of the files; "" where none were looked at
)

# Acts of people and machines on protected things; a seal per hour chains them.
audit = Table(
    "audit",
    metadata,
    _id(),
    Column("at", Instant, nullable=False, index=True),
    Column("actor", Text, nullable=False),
    Column("act", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("detail", Text, nullable=False, server_default=""),
)

audit_seal = Table(
    "audit_seal",
    metadata,
    Column("hour", Instant, primary_key=True),
    Column("rows", Integer, nullable=False),
    Column("last_id", BigInteger, nullable=False),
    Column("hash", Text, nullable=False),  # SHA-256 over the rows and the seal before
)

# A repeated chore belongs to whoever inserts its slot first.
tick = Table(
    "tick",
    metadata,
    Column("name", Text, primary_key=True),
    Column("slot", Instant, primary_key=True),
)

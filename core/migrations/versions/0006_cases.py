"""The complaint register."""

import sqlalchemy as sa
from alembic import op

from core.tables import Instant

revision = "0006"
down_revision = "0005"

FIXED = "what happened to a case is never changed"


def upgrade() -> None:
    op.create_table(
        "case_key",
        sa.Column("token", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("request", sa.Text(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("answer", sa.JSON(), nullable=False),
        sa.Column("created_at", Instant, nullable=False),
        sa.PrimaryKeyConstraint("token", "key", name=op.f("pk_case_key")),
    )
    with op.batch_alter_table("case_key", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_case_key_created_at"), ["created_at"], unique=False)

    op.create_table(
        "case_number",
        sa.Column("year", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("n", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("year", name=op.f("pk_case_number")),
    )
    op.create_table(
        "institution",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("regulator", sa.Text(), server_default="", nullable=False),
        sa.Column("licence", sa.Text(), server_default="", nullable=False),
        sa.Column("level", sa.Text(), server_default="", nullable=False),
        sa.Column("parent_id", sa.BigInteger(), nullable=True),
        sa.Column("province", sa.Text(), server_default="", nullable=False),
        sa.Column("city", sa.Text(), server_default="", nullable=False),
        sa.Column("district", sa.Text(), server_default="", nullable=False),
        sa.Column("seat", sa.Text(), server_default="", nullable=False),
        sa.Column("liaison", sa.LargeBinary(), nullable=True),
        sa.Column("deputy", sa.LargeBinary(), nullable=True),
        sa.Column("created_at", Instant, nullable=False),
        sa.Column("updated_at", Instant, nullable=False),
        sa.ForeignKeyConstraint(["parent_id"], ["institution.id"], name=op.f("fk_institution_parent_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_institution")),
        sa.UniqueConstraint("name", name=op.f("uq_institution_name")),
    )
    op.create_table(
        "person",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("key", sa.LargeBinary(), nullable=True),
        sa.Column("sealed", sa.LargeBinary(), nullable=True),
        sa.Column("created_at", Instant, nullable=False),
        sa.Column("erased_at", Instant, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_person")),
    )
    op.create_table(
        "institution_alias",
        sa.Column("alias", sa.Text(), nullable=False),
        sa.Column("institution_id", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["institution_id"], ["institution.id"], name=op.f("fk_institution_alias_institution_id")
        ),
        sa.PrimaryKeyConstraint("alias", "institution_id", name=op.f("pk_institution_alias")),
    )
    with op.batch_alter_table("institution_alias", schema=None) as batch_op:
        batch_op.create_index("ix_institution_alias_institution_id", ["institution_id"], unique=False)

    op.create_table(
        "person_mark",
        sa.Column("person_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_person_mark_person_id")),
        sa.PrimaryKeyConstraint("person_id", "kind", "fingerprint", name=op.f("pk_person_mark")),
    )
    with op.batch_alter_table("person_mark", schema=None) as batch_op:
        batch_op.create_index("ix_person_mark_fingerprint", ["fingerprint"], unique=False)

    op.create_table(
        "complaint_case",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("case_no", sa.Text(), nullable=False),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("indexed", sa.Text(), server_default="", nullable=False),
        sa.Column("query_hash", sa.Text(), nullable=False),
        sa.Column("query_misses", sa.Integer(), server_default="0", nullable=False),
        sa.Column("query_locked_until", Instant, nullable=True),
        sa.Column("external_no", sa.Text(), server_default="", nullable=False),
        sa.Column("source_channel", sa.Text(), nullable=False),
        sa.Column("received_at", Instant, nullable=False),
        sa.Column("conversation_id", sa.Text(), nullable=True),
        sa.Column("person_id", sa.Text(), nullable=False),
        sa.Column("agent_id", sa.Text(), nullable=True),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("track", sa.Text(), nullable=False),
        sa.Column("level", sa.Text(), nullable=False),
        sa.Column("urgency", sa.Text(), nullable=False),
        sa.Column("sensitivity", sa.JSON(), nullable=False),
        sa.Column("flags", sa.JSON(), nullable=False),
        sa.Column("language", sa.Text(), server_default="", nullable=False),
        sa.Column("summary", sa.Text(), server_default="", nullable=False),
        sa.Column("facts", sa.Text(), server_default="", nullable=False),
        sa.Column("request", sa.Text(), server_default="", nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=True),
        sa.Column("currency", sa.Text(), server_default="", nullable=False),
        sa.Column("people_count", sa.Integer(), nullable=False),
        sa.Column("prior_complaint", sa.JSON(), nullable=True),
        sa.Column("institution_id", sa.BigInteger(), nullable=True),
        sa.Column("institution", sa.Text(), server_default="", nullable=False),
        sa.Column("province", sa.Text(), server_default="", nullable=False),
        sa.Column("city", sa.Text(), server_default="", nullable=False),
        sa.Column("district", sa.Text(), server_default="", nullable=False),
        sa.Column("business_code", sa.Text(), server_default="", nullable=False),
        sa.Column("reason_code", sa.Text(), server_default="", nullable=False),
        sa.Column("channel_code", sa.Text(), server_default="", nullable=False),
        sa.Column("product", sa.Text(), server_default="", nullable=False),
        sa.Column("co_handlers", sa.JSON(), nullable=False),
        sa.Column("consents", sa.JSON(), nullable=False),
        sa.Column("reply_mode", sa.Text(), server_default="", nullable=False),
        sa.Column("responsible", sa.Boolean(), nullable=True),
        sa.Column("accountability", sa.Text(), server_default="", nullable=False),
        sa.Column("compensation", sa.JSON(), nullable=True),
        sa.Column("improvement", sa.Text(), server_default="", nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("opened_at", Instant, nullable=False),
        sa.Column("opened_by", sa.Text(), nullable=False),
        sa.Column("updated_at", Instant, nullable=False),
        sa.Column("due_at", Instant, nullable=True),
        sa.Column("ended_at", Instant, nullable=True),
        sa.Column("retention_until", sa.Date(), nullable=True),
        sa.Column("result", sa.Text(), server_default="", nullable=False),
        sa.Column("reply_at", Instant, nullable=True),
        sa.Column("parent_no", sa.Text(), nullable=True),
        sa.Column("duplicate_of", sa.Text(), nullable=True),
        sa.Column("merged_into", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["agent_id"], ["person.id"], name=op.f("fk_complaint_case_agent_id")),
        sa.ForeignKeyConstraint(
            ["conversation_id"], ["conversation.id"], name=op.f("fk_complaint_case_conversation_id")
        ),
        sa.ForeignKeyConstraint(
            ["duplicate_of"], ["complaint_case.case_no"], name=op.f("fk_complaint_case_duplicate_of")
        ),
        sa.ForeignKeyConstraint(["institution_id"], ["institution.id"], name=op.f("fk_complaint_case_institution_id")),
        sa.ForeignKeyConstraint(
            ["merged_into"], ["complaint_case.case_no"], name=op.f("fk_complaint_case_merged_into")
        ),
        sa.ForeignKeyConstraint(["parent_no"], ["complaint_case.case_no"], name=op.f("fk_complaint_case_parent_no")),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_complaint_case_person_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_complaint_case")),
        sa.UniqueConstraint("case_no", name=op.f("uq_complaint_case_case_no")),
        sa.UniqueConstraint("cause", name=op.f("uq_complaint_case_cause")),
    )
    with op.batch_alter_table("complaint_case", schema=None) as batch_op:
        batch_op.create_index(
            "ix_case_agent",
            ["agent_id"],
            unique=False,
            sqlite_where=sa.text("agent_id IS NOT NULL"),
            postgresql_where=sa.text("agent_id IS NOT NULL"),
        )
        batch_op.create_index(
            "ix_case_due",
            ["due_at", "id"],
            unique=False,
            sqlite_where=sa.text("due_at IS NOT NULL"),
            postgresql_where=sa.text("due_at IS NOT NULL"),
        )
        batch_op.create_index("ix_case_institution", ["institution_id", "id"], unique=False)
        batch_op.create_index("ix_case_owner", ["owner", "id"], unique=False)
        batch_op.create_index("ix_case_person", ["person_id"], unique=False)
        batch_op.create_index("ix_case_retention", ["retention_until"], unique=False)
        batch_op.create_index("ix_case_state", ["state", "id"], unique=False)
        batch_op.create_index(
            "ix_case_tab",
            [
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
            ],
            unique=False,
        )

    op.create_table(
        "case_attachment",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("case_id", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("media_type", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=True),
        sa.Column("verdict", sa.Text(), nullable=False),
        sa.Column("added_at", Instant, nullable=False),
        sa.Column("added_by", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["case_id"], ["complaint_case.id"], name=op.f("fk_case_attachment_case_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_case_attachment")),
        sa.UniqueConstraint("case_id", "sha256", name=op.f("uq_case_attachment_case_id_sha256")),
    )
    with op.batch_alter_table("case_attachment", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_case_attachment_case_id"), ["case_id"], unique=False)

    op.create_table(
        "case_deadline",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("case_id", sa.BigInteger(), nullable=False),
        sa.Column("rule", sa.Text(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("started_at", Instant, nullable=False),
        sa.Column("supplements", sa.JSON(), nullable=False),
        sa.Column("pauses", sa.JSON(), nullable=False),
        sa.Column("extensions", sa.JSON(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("due_on", sa.Date(), nullable=True),
        sa.Column("due_at", Instant, nullable=True),
        sa.Column("warn_half", sa.Date(), nullable=True),
        sa.Column("warn_most", sa.Date(), nullable=True),
        sa.Column("warn_last", sa.Date(), nullable=True),
        sa.Column("provisional", sa.Boolean(), nullable=False),
        sa.Column("met_at", Instant, nullable=True),
        sa.Column("warned", sa.Text(), server_default="", nullable=False),
        sa.Column("tell_at", Instant, nullable=True),
        sa.ForeignKeyConstraint(["case_id"], ["complaint_case.id"], name=op.f("fk_case_deadline_case_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_case_deadline")),
    )
    with op.batch_alter_table("case_deadline", schema=None) as batch_op:
        batch_op.create_index("ix_case_deadline_case", ["case_id"], unique=False)
        batch_op.create_index(
            "ix_case_deadline_provisional",
            ["id"],
            unique=False,
            sqlite_where=sa.text("provisional AND met_at IS NULL"),
            postgresql_where=sa.text("provisional AND met_at IS NULL"),
        )
        batch_op.create_index(
            "ix_case_deadline_tell",
            ["tell_at"],
            unique=False,
            sqlite_where=sa.text("met_at IS NULL AND tell_at IS NOT NULL"),
            postgresql_where=sa.text("met_at IS NULL AND tell_at IS NOT NULL"),
        )

    op.create_table(
        "case_event",
        sa.Column("case_id", sa.BigInteger(), nullable=False),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.Column("at", Instant, nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("act", sa.Text(), nullable=False),
        sa.Column("before", sa.Text(), nullable=True),
        sa.Column("after", sa.Text(), nullable=False),
        sa.Column("facts", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["case_id"], ["complaint_case.id"], name=op.f("fk_case_event_case_id")),
        sa.PrimaryKeyConstraint("case_id", "n", name=op.f("pk_case_event")),
    )
    op.create_table(
        "case_secret",
        sa.Column("case_id", sa.BigInteger(), nullable=False),
        sa.Column("ref", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["case_id"], ["complaint_case.id"], name=op.f("fk_case_secret_case_id")),
        sa.PrimaryKeyConstraint("case_id", "ref", name=op.f("pk_case_secret")),
    )
    with op.batch_alter_table("case_secret", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_case_secret_fingerprint"), ["fingerprint"], unique=False)

    op.create_table(
        "case_task",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("case_id", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("institution_id", sa.BigInteger(), nullable=True),
        sa.Column("due_at", Instant, nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("facts", sa.JSON(), nullable=False),
        sa.Column("result", sa.Text(), server_default="", nullable=False),
        sa.Column("created_at", Instant, nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("done_at", Instant, nullable=True),
        sa.Column("done_by", sa.Text(), nullable=True),
        sa.Column("warned", sa.Text(), server_default="", nullable=False),
        sa.Column("tell_at", Instant, nullable=True),
        sa.ForeignKeyConstraint(["case_id"], ["complaint_case.id"], name=op.f("fk_case_task_case_id")),
        sa.ForeignKeyConstraint(["institution_id"], ["institution.id"], name=op.f("fk_case_task_institution_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_case_task")),
    )
    with op.batch_alter_table("case_task", schema=None) as batch_op:
        batch_op.create_index("ix_case_task_case", ["case_id"], unique=False)
        batch_op.create_index(
            "ix_case_task_owner",
            ["owner", "due_at"],
            unique=False,
            sqlite_where=sa.text("state = 'open'"),
            postgresql_where=sa.text("state = 'open'"),
        )
        batch_op.create_index(
            "ix_case_task_tell",
            ["tell_at"],
            unique=False,
            sqlite_where=sa.text("state = 'open'"),
            postgresql_where=sa.text("state = 'open'"),
        )

    # Tables of one database only, which the other has no words for: cases/words.py.
    if op.get_bind().dialect.name == "sqlite":
        op.execute("CREATE VIRTUAL TABLE case_words USING fts5(words, content='', detail=none)")
        for act in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER case_event_no_{act.lower()} BEFORE {act} ON case_event"
                f" BEGIN SELECT RAISE(ABORT, '{FIXED}'); END"
            )
    else:
        op.execute(
            "CREATE TABLE case_words"
            " (case_id bigint PRIMARY KEY REFERENCES complaint_case (id), words tsvector NOT NULL)"
        )
        op.execute("CREATE INDEX ix_case_words_words ON case_words USING gin (words)")
        op.execute(
            "CREATE FUNCTION case_event_fixed() RETURNS trigger LANGUAGE plpgsql AS"
            f" $$ BEGIN RAISE EXCEPTION '{FIXED}'; END $$"
        )
        op.execute(
            "CREATE TRIGGER case_event_fixed BEFORE UPDATE OR DELETE ON case_event"
            " FOR EACH ROW EXECUTE FUNCTION case_event_fixed()"
        )

"""Questions that were not answered well, and what contacts think of answers."""

import sqlalchemy as sa
from alembic import op

from core.tables import Instant

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    # One by one and without a batch: neither database copies a table for a column that may be empty.
    op.add_column("message", sa.Column("score", sa.Float(), nullable=True))
    op.add_column("message", sa.Column("phrasing", sa.Text(), server_default="", nullable=False))
    op.add_column("message", sa.Column("answers", sa.BigInteger(), nullable=True))
    op.create_table(
        "question",
        sa.Column("conversation_id", sa.Text(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column("hits", sa.JSON(), nullable=False),
        sa.Column("created_at", Instant, nullable=False),
        sa.ForeignKeyConstraint(
            ["conversation_id", "seq"],
            ["message.conversation_id", "message.seq"],
            name=op.f("fk_question_conversation_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("conversation_id", "seq", name=op.f("pk_question")),
    )
    op.create_index(op.f("ix_question_created_at"), "question", ["created_at"])
    op.create_table(
        "feedback",
        sa.Column("conversation_id", sa.Text(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("helpful", sa.Boolean(), nullable=False),
        sa.Column("created_at", Instant, nullable=False),
        sa.ForeignKeyConstraint(
            ["conversation_id", "seq"],
            ["message.conversation_id", "message.seq"],
            name=op.f("fk_feedback_conversation_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("conversation_id", "seq", name=op.f("pk_feedback")),
    )
    op.create_index(op.f("ix_feedback_created_at"), "feedback", ["created_at"])

"""How many parts of a message the platform has taken; what consumers send beside words."""

import sqlalchemy as sa
from alembic import op

from core.tables import Instant

revision = "0010"
down_revision = "0009"

WORK = sa.text("state IN ('wanted', 'moving')")


def upgrade() -> None:
    op.add_column("outbox", sa.Column("parts_taken", sa.Integer(), server_default="0", nullable=False))
    op.create_table(
        "file",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("conversation_id", sa.Text(), nullable=False),
        sa.Column("ref", sa.Text(), nullable=False),
        sa.Column("inbox_id", sa.BigInteger(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("url", sa.Text(), server_default="", nullable=False),
        sa.Column("name", sa.Text(), server_default="", nullable=False),
        sa.Column("media_type", sa.Text(), server_default="", nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=True),
        sa.Column("sha256", sa.Text(), server_default="", nullable=False),
        sa.Column("verdict", sa.Text(), server_default="", nullable=False),
        sa.Column("key", sa.LargeBinary(), nullable=True),
        sa.Column("sealed", sa.LargeBinary(), nullable=True),
        sa.Column("case_no", sa.Text(), nullable=True),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("next_try_at", Instant, nullable=False),
        sa.Column("error", sa.Text(), server_default="", nullable=False),
        sa.Column("received_at", Instant, nullable=False),
        sa.ForeignKeyConstraint(["conversation_id"], ["conversation.id"], name=op.f("fk_file_conversation_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_file")),
        sa.UniqueConstraint("ref", name=op.f("uq_file_ref")),
    )
    op.create_index("ix_file_conversation", "file", ["conversation_id", "id"], unique=False)
    op.create_index("ix_file_due", "file", ["next_try_at"], unique=False, sqlite_where=WORK, postgresql_where=WORK)
    op.create_index("ix_file_received", "file", ["received_at"], unique=False)

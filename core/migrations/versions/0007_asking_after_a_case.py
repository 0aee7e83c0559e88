"""Counters of who asks after cases, in the place of those that each case had; the network that a message came from."""

import sqlalchemy as sa
from alembic import op

from core.tables import Instant

revision = "0007"
down_revision = "0006"

HAS_TALK = "conversation_id IS NOT NULL"


def upgrade() -> None:
    op.create_table(
        "lookup_count",
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("until", Instant, nullable=False),
        sa.PrimaryKeyConstraint("scope", "key", name=op.f("pk_lookup_count")),
    )
    with op.batch_alter_table("lookup_count", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_lookup_count_until"), ["until"], unique=False)
    # Without a batch: both databases drop a column that nothing hangs on in its place.
    op.drop_column("complaint_case", "query_misses")
    op.drop_column("complaint_case", "query_locked_until")
    op.create_index(
        "ix_case_conversation",
        "complaint_case",
        ["conversation_id", "id"],
        unique=False,
        sqlite_where=sa.text(HAS_TALK),
        postgresql_where=sa.text(HAS_TALK),
    )
    op.add_column("inbox", sa.Column("network", sa.Text(), server_default="", nullable=False))

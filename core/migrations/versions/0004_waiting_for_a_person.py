"""Why somebody waits for a person, and how far that has come."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    # One by one and without a batch: neither database copies a table for a column with a constant default.
    op.add_column("left_message", sa.Column("reason", sa.Text(), server_default="message", nullable=False))
    op.add_column("left_message", sa.Column("state", sa.Text(), server_default="left", nullable=False))
    op.execute("UPDATE left_message SET state = 'done' WHERE done_at IS NOT NULL")
    op.create_index(
        "uq_left_message_asked",
        "left_message",
        ["conversation_id"],
        unique=True,
        sqlite_where=sa.text("state = 'asked'"),
        postgresql_where=sa.text("state = 'asked'"),
    )

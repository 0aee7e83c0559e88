"""In which characters a contact writes Chinese; whom a request asks for, and what a message for a person is about."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    # One by one and without a batch: neither database copies a table for a column with a constant default or none.
    op.add_column("conversation", sa.Column("script", sa.Text(), server_default="", nullable=False))
    op.add_column("left_message", sa.Column("role", sa.Text(), server_default="agent", nullable=False))
    op.add_column("left_message", sa.Column("facts", sa.JSON(), nullable=True))

"""What became of the message of a conversation that was closed last."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    op.add_column("conversation", sa.Column("outcome", sa.Text(), server_default="", nullable=False))

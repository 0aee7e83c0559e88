"""Which events a piece of news tells, and which messages their contact has not seen as they were written."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"

UNSEEN = sa.text("as_notice OR state IN ('unknown', 'failed', 'parked', 'withheld')")


def upgrade() -> None:
    op.add_column("outbox", sa.Column("as_notice", sa.Boolean(), server_default=sa.text("false"), nullable=False))
    op.create_index(
        "ix_outbox_unseen",
        "outbox",
        ["conversation_id", "seq"],
        unique=False,
        sqlite_where=UNSEEN,
        postgresql_where=UNSEEN,
    )
    op.add_column("case_notice", sa.Column("since_n", sa.Integer(), server_default="0", nullable=False))
    # Of what was told before this was known: its last event.
    op.execute("UPDATE case_notice SET since_n = n - 1")

"""News of cases on their way to consumers, what a platform's approved notice says, and how it went in the end."""

import sqlalchemy as sa
from alembic import op

from core.tables import Instant

revision = "0012"
down_revision = "0011"

UNTOLD = sa.text("conversation_id IS NOT NULL AND news_n < version")
ASKS = sa.text("ask_at IS NOT NULL")
OPEN = sa.text("state = 'open'")
MISSED = sa.text("state = 'undeliverable'")


def upgrade() -> None:
    op.add_column("outbox", sa.Column("notice", sa.JSON(), nullable=True))
    op.add_column("complaint_case", sa.Column("news_n", sa.Integer(), server_default="0", nullable=False))
    op.add_column("complaint_case", sa.Column("ask_at", Instant, nullable=True))
    op.add_column("complaint_case", sa.Column("rating", sa.Text(), server_default="", nullable=False))
    # What happened before there was any news is none.
    op.execute("UPDATE complaint_case SET news_n = version")
    op.create_index(
        "ix_case_news", "complaint_case", ["id"], unique=False, sqlite_where=UNTOLD, postgresql_where=UNTOLD
    )
    op.create_index("ix_case_ask", "complaint_case", ["ask_at"], unique=False, sqlite_where=ASKS, postgresql_where=ASKS)
    op.create_table(
        "case_notice",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("case_id", sa.BigInteger(), nullable=False),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.Column("act", sa.Text(), nullable=False),
        sa.Column("locale", sa.Text(), nullable=False),
        sa.Column("way", sa.Text(), nullable=False),
        sa.Column("cause", sa.Text(), server_default="", nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("next_at", Instant, nullable=False),
        sa.Column("created_at", Instant, nullable=False),
        sa.Column("ended_at", Instant, nullable=True),
        sa.ForeignKeyConstraint(["case_id"], ["complaint_case.id"], name=op.f("fk_case_notice_case_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_case_notice")),
        sa.UniqueConstraint("case_id", "n", name=op.f("uq_case_notice_case_id_n")),
    )
    op.create_index(
        "ix_case_notice_open", "case_notice", ["next_at"], unique=False, sqlite_where=OPEN, postgresql_where=OPEN
    )
    op.create_index(
        "ix_case_notice_missed", "case_notice", ["ended_at"], unique=False, sqlite_where=MISSED, postgresql_where=MISSED
    )

"""One-time links by which consumers give the numbers of their identity papers."""

import sqlalchemy as sa
from alembic import op

from core.tables import Instant

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    op.create_table(
        "id_link",
        sa.Column("case_id", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("secret_ref", sa.Text(), server_default="", nullable=False),
        sa.Column("created_at", Instant, nullable=False),
        sa.Column("expires_at", Instant, nullable=False),
        sa.Column("used_at", Instant, nullable=True),
        sa.ForeignKeyConstraint(["case_id"], ["complaint_case.id"], name=op.f("fk_id_link_case_id")),
        sa.PrimaryKeyConstraint("case_id", name=op.f("pk_id_link")),
        sa.UniqueConstraint("hash", name=op.f("uq_id_link_hash")),
    )
    with op.batch_alter_table("id_link", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_id_link_expires_at"), ["expires_at"], unique=False)

"""The content's files in the ledger, and which version is live."""

import sqlalchemy as sa
from alembic import op

from core.tables import Instant

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # One by one and without a batch: neither database copies a table for a column that may be empty.
    op.add_column("faq_version", sa.Column("files", sa.LargeBinary(), nullable=True))
    op.add_column("faq_version", sa.Column("sha256", sa.Text(), nullable=True))
    op.add_column("faq_version", sa.Column("parts", sa.JSON(), nullable=True))
    op.create_table(
        "faq_publication",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("at", Instant, nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("place", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["version"], ["faq_version.id"], name=op.f("fk_faq_publication_version")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_faq_publication")),
    )
    # Versions from before were all saved files; what was in them is not known any more.
    version = sa.table("faq_version", sa.column("id", sa.Text()), sa.column("published_at", Instant))
    publication = sa.table(
        "faq_publication",
        *(sa.column(name, sa.Text()) for name in ("version", "by", "why", "place")),
        sa.column("at", Instant),
    )
    op.execute(
        publication.insert().from_select(
            ["version", "at", "by", "why", "place"],
            sa.select(
                version.c.id, version.c.published_at, sa.literal(""), sa.literal("saved"), sa.literal("")
            ).order_by(version.c.published_at, version.c.id),
        )
    )

"""Of effects on cases only the names of their fields: what consumers told stays with the case, which can be erased."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"

ON_CASES = (
    "save_draft",
    "file_case",
    "look_up",
    "resume_draft",
    "supplement_case",
    "urge_case",
    "withdraw_case",
    "reopen_case",
)
ROWS = 1000  # read at a time


def upgrade() -> None:
    conn = op.get_bind()
    if conn.dialect.name == "sqlite":
        conn.exec_driver_sql("PRAGMA secure_delete=ON")  # else the old bytes stay in the file until others come there
    effect = sa.table(
        "effect",
        sa.column("inbox_id", sa.BigInteger),
        sa.column("n", sa.Integer),
        sa.column("name", sa.Text),
        sa.column("fields", sa.JSON),
    )
    here = sa.tuple_(effect.c.inbox_id, effect.c.n)
    last = (-1, -1)
    while True:
        query = sa.select(effect).where(effect.c.name.in_(ON_CASES), here > last)
        rows = conn.execute(query.order_by(effect.c.inbox_id, effect.c.n).limit(ROWS)).all()
        if not rows:
            return
        for row in rows:
            kept = {"filled": sorted(name for name, value in row.fields.items() if value)}
            which = (effect.c.inbox_id == row.inbox_id, effect.c.n == row.n)
            conn.execute(sa.update(effect).where(*which).values(fields=kept))
        last = (rows[-1].inbox_id, rows[-1].n)

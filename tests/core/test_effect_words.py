"""A ledger of before keeps what consumers told beside the case; its migration leaves the names of the fields."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

from sqlalchemy import Connection, select, text

from core.store import Store, migrate
from core.tables import effect

ROWS = (
    (1, 0, "file_case", {"facts": "多扣年费", "request": "", "amount": "35.00"}),
    (1, 1, "set_language", {"language": "zh"}),
    (2, 0, "supplement_case", {"text": "合同照片", "case_no": ""}),
)


async def fill(url: str) -> None:
    store = await Store.open(url)
    conversation = "INSERT INTO conversation (id, channel_id, created_at) VALUES ('c1', 'web', 0)"
    message = (
        "INSERT INTO inbox (id, conversation_id, seq, external_id, received_at, next_try_at)"
        " VALUES (:id, 'c1', :id, :name, 0, 0)"
    )
    row = "INSERT INTO effect (inbox_id, n, name, fields, applied_at) VALUES (:i, :n, :name, :fields, 0)"

    def op(conn: Connection) -> None:
        run = conn.execute
        run(text("INSERT INTO channel (id, kind, created_at) VALUES ('web', 'web', 0)"))
        run(text(conversation))
        for id in (1, 2):
            run(text(message), {"id": id, "name": f"m{id}"})
        for inbox_id, n, name, fields in ROWS:
            run(text(row), {"i": inbox_id, "n": n, "name": name, "fields": json.dumps(fields, ensure_ascii=False)})

    await store.write(op)
    await store.close()


async def test_the_words_of_effects_on_cases_go(empty_url: str, tmp_path: Path) -> None:
    await asyncio.to_thread(migrate, empty_url, "0008")
    await fill(empty_url)
    await asyncio.to_thread(migrate, empty_url)
    store = await Store.open(empty_url)
    query = select(effect.c.fields).order_by(effect.c.inbox_id, effect.c.n)
    kept = await store.read(lambda conn: conn.execute(query).scalars().all())
    await store.close()
    assert kept == [{"filled": ["amount", "facts"]}, {"language": "zh"}, {"filled": ["text"]}]
    assert "多扣年费".encode() not in on_disk(tmp_path)


def on_disk(folder: Path) -> bytes:
    """All of the SQLite file and its log; nothing where the ledger is another."""
    return b"".join(file.read_bytes() for file in folder.glob("qiantai.db*"))

"""The judge reads a sound ledger as sound, and sees each thing that may not be."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import orjson
import pytest
from sqlalchemy import Connection, delete, insert, update

from bot.apply import Plan, apply, pack, unpack
from bot.casework import Casework
from bot.tongues import Spoken
from core import effects, turns
from core.inbox import Inbox
from core.model import Capabilities, ChannelId, ConversationId, Inbound, Rendered
from core.store import Store, migrate
from core.tables import conversation, inbox, left_message, outbox
from core.turns import FREE
from core.vault import Vault
from door.cli.bench import stub
from door.cli.bench.judge import ledger_account
from tests.conftest import Clock

HOOK = ChannelId("hook")
TROUBLES = (
    "open",
    "unsent",
    "effects_twice",
    "turns_twice",
    "turns_missing_from_state",
    "turns_disordered",
    "without_reply",
    "replies_too_many",
)


async def answered(store: Store, vault: Vault, clock: Clock, number: int) -> ConversationId:
    """One message that went through the stub brain as the house does it, its replies sent; every third is a wish."""
    text = f"{'请帮我' + stub.WISH if number % 3 == 0 else '存款保险？'} #1.{number}"
    inbound = Inbound(sender="visitor", external_id=f"m1-{number}", text=text)
    where = (await Inbox(store, vault).accept(channel=HOOK, kind="webhook", inbound=inbound, now=clock())).conversation
    held = await store.write(lambda conn: turns.lease(conn, where, clock(), 10.0))
    assert held is not None
    state = unpack(held.state)
    said = stub.answer({"text": text, "state": orjson.loads(state) if state else None})
    plan = Plan(
        say=tuple(Rendered(text="好") for _ in said["say"]),
        effects=tuple(effects.read(e) for e in said["effects"]),
        state=pack(orjson.dumps(said["state"])),
        spoken=Spoken(chosen="", language="zh", script="Hans"),
        outcome="bench",
    )
    casework = Casework(vault=vault, render=lambda say: Rendered(text=say.key), language="zh")

    def op(conn: Connection) -> None:
        apply(
            conn, held, held.turns[0], plan, casework=casework, carries=Capabilities(live=True), until=FREE, now=clock()
        )

    await store.write(op)
    return where


def change(statement: Any) -> Callable[[Store], Awaitable[None]]:
    async def act(store: Store) -> None:
        await store.write(lambda conn: conn.execute(statement) and None)

    return act


async def think_twice(store: Store) -> None:
    """As if the last turn had been applied to the state twice."""

    def op(conn: Connection) -> None:
        packed = conn.execute(conversation.select()).one().state
        state = orjson.loads(unpack(packed) or b"{}")
        state["bench"]["seen"] += 1
        conn.execute(update(conversation).values(state=pack(orjson.dumps(state))))

    await store.write(op)


async def leave_twice(store: Store) -> None:
    def op(conn: Connection) -> None:
        row = dict(conn.execute(left_message.select().limit(1)).mappings().one())
        conn.execute(insert(left_message).values(row | {"id": None, "cause": "another"}))

    await store.write(op)


BREAKS: dict[str, tuple[Callable[[Store], Awaitable[None]], dict[str, int]]] = {
    "sound": (change(update(inbox).values(raw=None)), {}),
    "an open message": (
        change(update(inbox).where(inbox.c.seq == 1).values(state="open", outcome=None)),
        {"open": 1, "turns_twice": 1},
    ),
    "an unsent reply": (change(update(outbox).where(outbox.c.seq == 2).values(state="sending")), {"unsent": 1}),
    "a reply too few": (change(delete(outbox).where(outbox.c.cause == "turn:2:0")), {"without_reply": 1}),
    "a reply too many": (
        change(update(outbox).where(outbox.c.cause == "turn:1:0").values(cause="turn:2:1")),
        {"replies_too_many": 1},
    ),
    "an effect twice": (leave_twice, {"effects_twice": 1}),
    "a turn twice": (think_twice, {"turns_twice": 1}),
    "a state that went back": (
        change(update(conversation).values(state=None)),
        {"turns_missing_from_state": 5},
    ),
    "messages exchanged": (
        change(update(inbox).where(inbox.c.seq == 1).values(external_id="m1-9")),
        {"turns_disordered": 1},
    ),
}


@pytest.mark.parametrize("name", BREAKS)
async def test_the_judge_sees(name: str, tmp_path: Path, vault: Vault, clock: Clock) -> None:
    url = f"sqlite:///{tmp_path}/qiantai.db"
    migrate(url)
    store = await Store.open(url)
    for number in range(5):
        await answered(store, vault, clock, number)
    act, found = BREAKS[name]
    await act(store)
    await store.close()
    account = await ledger_account(url)
    assert {key: account[key] for key in TROUBLES if account[key]} == found
    assert account["left_messages"] == 2 + ("effects_twice" in found)

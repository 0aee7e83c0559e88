"""What a turn could not answer is kept in the turn's own transaction; an ordinary answer costs nothing more."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from aiohttp import web
from sqlalchemy import Connection, Row, event, select
from sqlalchemy.engine import Engine

from core import statements
from core.model import MessageKind
from core.store import Store
from core.tables import message, question
from core.vault import Vault
from tests.bot.test_conversation import House
from tests.brain_server import brain_server, say
from tests.conftest import Clock

ASK_BACK = {"key": "faq.ask_back", "args": {"choices": ["F22", "F24"]}}


@pytest.fixture
async def house(store: Store, vault: Vault, clock: Clock) -> AsyncIterator[House]:
    async with brain_server() as brain:
        made = House(store, vault, brain, clock)
        yield made
        brain.wake()
        await made.client.close()


async def kept(house: House) -> list[Row[tuple[object, ...]]]:
    def query(conn: Connection) -> list[Row[tuple[object, ...]]]:
        return list(conn.execute(select(question).order_by(question.c.seq)))

    return await house.store.read(query)


async def test_a_question_without_an_answer_is_kept_with_the_best_hits_and_its_language(house: House) -> None:
    house.brain.answer = lambda turn: say("faq.no_answer")
    accepted = await house.hear("how do I complain about my bank card")
    await house.turns.drain(accepted.conversation)
    [row] = await kept(house)
    assert (row.conversation_id, row.seq, row.kind) == (accepted.conversation, accepted.seq, "unanswered")
    assert (row.language, row.created_at) == ("en", house.clock())
    asked = [(hit["id"], hit["score"], hit["phrasing"]) for hit in house.brain.asked[0]["hits"][:3]]
    assert [(hit["id"], hit["score"], hit["phrasing"]) for hit in row.hits] == asked


async def test_of_a_question_that_was_asked_back_the_choices_are_kept(house: House) -> None:
    house.brain.answer = lambda turn: say(say=[ASK_BACK])
    await house.answer("怎么查自己的信用报告")
    [row] = await kept(house)
    assert row.kind == "asked"
    assert {hit["id"] for hit in row.hits} <= {"F22", "F24"}
    assert "F22" in {hit["id"] for hit in row.hits}


async def test_an_answer_keeps_what_it_answers_and_the_match_that_chose_it(house: House) -> None:
    house.brain.answer = lambda turn: say(say=[{"faq": turn["hits"][0]["id"]}])
    accepted = await house.hear("怎么查自己的信用报告？")
    await house.turns.drain(accepted.conversation)
    row = await house.store.read(lambda conn: conn.execute(select(message).where(message.c.author == "bot")).one())
    best = house.brain.asked[0]["hits"][0]
    assert (row.entry, row.answers) == ("F22", accepted.seq)
    assert (row.score, row.phrasing) == (best["score"], best["phrasing"])
    assert await kept(house) == []


@pytest.mark.parametrize("reply", [say("greeting"), say("leave_message.ask_text"), say(say=[{"faq": "F22"}])])
async def test_what_was_answered_is_not_kept(house: House, reply: dict) -> None:
    house.brain.answer = lambda turn: reply
    await house.answer("你好")
    assert await kept(house) == []


async def test_choices_behind_a_button_are_nobodys_question(house: House) -> None:
    house.brain.answer = lambda turn: say(say=[ASK_BACK])
    [asked] = await house.answer("我的报告")
    await house.answer(kind=MessageKind.PAYLOAD, payload=asked.buttons[0].payload)
    assert len(await kept(house)) == 1


async def test_a_turn_that_needed_two_tries_is_kept_once(house: House) -> None:
    house.brain.answer = lambda turn: web.Response(status=500)
    accepted = await house.hear("火星房价")
    await house.turns.drain(accepted.conversation)
    house.clock.now += timedelta(seconds=60)
    house.brain.answer = lambda turn: say("faq.no_answer")
    await house.turns.drain(accepted.conversation)
    await house.turns.drain(accepted.conversation)
    assert house.ended == ["postponed", "answered"]
    assert len(await kept(house)) == 1


async def test_one_statement_more_for_a_question_without_an_answer_and_none_for_an_answer(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[str] = []

    def note(_conn: object, _cursor: object, statement: str, *_: object) -> None:
        if statement.split(maxsplit=1)[0] in ("INSERT", "UPDATE"):
            written.append(statement)

    def values(compiled: Any, given: dict[str, Any]) -> list[Any]:
        note(None, None, compiled.sql)
        return plainly(compiled, given)

    plainly = statements._values

    async def turn(text: str, reply: dict) -> list[str]:
        house.brain.answer = lambda turn: reply
        accepted = await house.hear(text)
        written.clear()
        await house.turns.drain(accepted.conversation)
        return [statement.split(" (")[0].split(" SET")[0] for statement in written]

    await house.answer("你好")  # opens the visit
    monkeypatch.setattr(statements, "_values", values)  # of those that run for every message no event tells
    event.listen(Engine, "before_cursor_execute", note)
    try:
        answered = await turn("怎么查自己的信用报告", say(say=[{"faq": "F22"}]))
        missed = await turn("火星房价", say("faq.no_answer"))
    finally:
        event.remove(Engine, "before_cursor_execute", note)
    assert answered
    assert missed == [*answered, "INSERT INTO question"]

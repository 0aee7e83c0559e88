"""The cases of a conversation, which its next turn knows of; and what waits for the consumer is not urged."""

from __future__ import annotations

import pytest

from cases import lookup
from cases.states import Act
from tests.bot.test_casework import STORY, Office, content, office, sends_a_file, wanted_by
from tests.brain_server import say

__all__ = ["content", "office"]


def told(office: Office) -> list[list[tuple[str, str]]]:
    """Number and state of the cases that came with each turn."""
    return [[(each["case_no"], each["state"]) for each in turn["context"]["cases"]] for turn in office.brain.asked]


async def test_the_next_turn_knows_the_newest_cases_and_drafts_with_their_states(office: Office) -> None:
    first, _ = await office.file()
    await office.act(first, Act.ACCEPT)
    await office.ask("save_draft", facts="另外一件事情", institution="长安银行")
    await office.answer("在吗")
    *_, last = told(office)
    assert [state for _, state in last] == ["draft", "accepted"]
    assert last[-1][0] == first


async def test_a_stranger_and_a_new_conversation_have_none(office: Office) -> None:
    await office.file()
    office.brain.answer = lambda turn: say("greeting")
    await office.answer("在吗", sender="somebody else")
    assert told(office)[-1] == []


async def test_of_many_cases_the_newest_come(office: Office) -> None:
    last = ""
    for n in range(lookup.RECENT + 2):
        last, _ = await office.file(facts=f"第{n}件事情，和别的都不一样", institution=f"第{n}银行", again="yes")
    await office.answer("在吗")
    assert len(told(office)[-1]) == lookup.RECENT
    assert told(office)[-1][0][0] == last


async def test_what_one_message_filed_the_next_of_the_same_lease_knows(office: Office) -> None:
    fields = {**STORY, "contact": "in this conversation", "type": "enquiry"}
    office.brain.answer = lambda turn: (
        say(effects=[{"name": "file_case", **fields}]) if turn["text"] == "一" else say("menu")
    )
    accepted = await office.hear("一")
    await office.hear("二")
    await office.turns.drain(accepted.conversation)
    assert [len(each) for each in told(office)] == [0, 1]


@pytest.mark.parametrize("wanted", ["urge_case", "look_up"])
async def test_a_case_that_waits_for_the_consumer_says_so_instead_of_being_urged(office: Office, wanted: str) -> None:
    number, _ = await office.file()
    await office.act(number, Act.REQUEST_SUPPLEMENT, text="请补合同")
    [line, *_] = await office.ask(wanted)
    assert "还缺" in line.text
    assert "已经替您催了" not in line.text


async def test_files_go_with_the_new_facts_that_open_a_case_again(office: Office) -> None:
    number, _ = await office.file()
    await office.act(number, Act.ACCEPT, Act.HANDLE, Act.REPLY, Act.VISIT, Act.CLOSE)
    await sends_a_file(office, "attach_files")
    assert await wanted_by(office) == [None]
    await office.ask("reopen_case", text="找到了当时的录音，照片里是柜员的签字")
    assert await wanted_by(office) == [number]

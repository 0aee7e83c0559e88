"""What a visitor sees when parts of the house die."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest

from tests.flow.conftest import RealHouse, page


@pytest.fixture
def own_house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealHouse]:
    made = RealHouse(tmp_path_factory.mktemp("own"))
    try:
        made.start()
        yield made
    finally:
        made.stop()


async def test_a_question_asked_while_the_brain_is_down_is_held_within_five_seconds_and_then_answered(
    own_house: RealHouse,
) -> None:
    async with page(own_house) as visitor:
        os.kill(own_house.brain_pid(), signal.SIGSTOP)  # it hangs: the house must notice by time alone
        held = await visitor.say("怎么查自己的信用报告？")
        assert held["from"] == "system"
        os.kill(own_house.brain_pid(), signal.SIGCONT)
        answer = await visitor.reply()
    assert answer["entry"] == "F22"


async def test_a_brain_that_was_killed_is_started_again_and_the_conversation_goes_on(own_house: RealHouse) -> None:
    async with page(own_house) as visitor:
        await visitor.say("转人工")
        await visitor.hears("请写下")
        first = own_house.brain_pid()
        os.kill(first, signal.SIGKILL)
        own_house.wait(lambda: own_house.brain_pid() != first, 30)
        own_house.wait_ready()
        await visitor.say("信用卡年费被多收了三次，请回电")  # the form is still open: its state was not the brain's
        done = await visitor.say("13912345678")
        assert done["from"] == "bot"


async def test_a_house_that_was_killed_comes_back_with_the_transcript_and_answers_what_was_open(
    own_house: RealHouse,
) -> None:
    async with page(own_house) as visitor:
        token = visitor.welcome["token"]
        await visitor.say("怎么查自己的信用报告？")
        last = visitor.seen[-1]["seq"]
        os.kill(own_house.brain_pid(), signal.SIGSTOP)  # so that the next message is accepted and not answered
        await visitor.send({"type": "msg", "cid": "open", "text": "存款保险最多赔多少？"})
        await visitor.frame("ack")
        brain = own_house.brain_pid()
        own_house.kill()
        os.kill(brain, signal.SIGCONT)
    own_house.start()
    async with page(own_house, token=token, last_seq=last) as visitor:
        while (answer := await visitor.reply())["from"] == "system":
            pass
        assert answer["entry"] == "F77"


def test_an_orderly_stop_ends_the_brain_too(own_house: RealHouse) -> None:
    brain = own_house.brain_pid()
    assert own_house.stop() == 0
    with pytest.raises(ProcessLookupError):
        os.kill(brain, 0)

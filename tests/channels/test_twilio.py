"""What a table cannot show of Twilio: a second try, and what `./qiantai channels check` learns."""

from __future__ import annotations

from dataclasses import replace

import pytest

import channels
from channels import twilio
from core.errors import SendError
from core.model import ChannelId, PartsTaken, Sent
from tests.channels.table import Reply, Request, reply
from tests.channels.twilio_cases import ACCOUNT, BASIC, CREATED, LONG, SID, TOKEN, config, text
from tests.channels.wire import platform

ASKED = Request(
    method="GET",
    path=f"/2010-04-01/Accounts/{ACCOUNT}.json",
    headers={"Authorization": f"Basic {BASIC}"},
    body=b"",
)


async def found(answer: Reply) -> list[str]:
    async with platform((ASKED >> answer,)) as stand_in:
        _, settings = channels.configured("test", config(stand_in.url))
        problems = await twilio.check(ChannelId("test"), settings, "")
    assert stand_in.mismatches == []
    return problems


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (reply(401, '{"code":20003,"message":"Authenticate","status":401}'), "does not know account_sid"),
        (reply(404, '{"code":20404,"status":404}'), "does not know account_sid"),
        (reply(200, '{"status":"suspended"}'), "the account is suspended"),
        (reply(200, "<html>sign in</html>"), "what answers there is not Twilio"),
        (reply(200, '{"status":7}'), "what answers there is not Twilio"),
        (reply(302, "", {"Location": "http://192.0.2.1/"}), "what answers there is not Twilio (HTTP 302)"),
        (reply(503), "what answers there is not Twilio (HTTP 503)"),
    ],
)
async def test_an_account_that_would_not_work_is_said_in_words(answer: Reply, says: str) -> None:
    [problem] = await found(answer)
    assert says in problem
    assert TOKEN not in problem


async def test_nothing_is_said_against_an_account_that_works() -> None:
    assert await found(reply(200, '{"status":"active","sid":"AC"}')) == []


async def test_an_address_that_twilio_cannot_reach_is_named_beside_it() -> None:
    async with platform((ASKED >> reply(200, '{"status":"active"}'),)) as stand_in:
        _, settings = channels.configured("test", config(stand_in.url) | {"public_url": "https://10.0.0.1"})
        [problem] = await twilio.check(ChannelId("test"), settings, "")
    assert "10.0.0.1 can be reached" in problem


async def test_a_second_try_goes_on_where_the_first_one_ended_and_a_later_message_begins_anew() -> None:
    first, second = text(LONG.text[:70], "9/1"), text(LONG.text[70:], 9)
    tries = (first >> CREATED, second >> reply(429), second >> CREATED)
    message, later = replace(LONG, taken=PartsTaken()), replace(LONG, taken=PartsTaken())
    async with platform((*tries, first >> CREATED, second >> CREATED)) as stand_in:
        channel = channels.make("test", config(stand_in.url) | {"text_max": 70})
        await channel.start()
        with pytest.raises(SendError, match="throttled"):
            await channel.send(message)
        assert await channel.send(message) == Sent(external_id=SID)
        assert await channel.send(later) == Sent(external_id=SID)
        await channel.close()
    assert (stand_in.mismatches, stand_in.unused) == ([], 0)

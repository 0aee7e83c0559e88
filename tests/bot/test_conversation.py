"""Turns against a real ledger and a brain on a real socket: in order, once, one voice, and never in silence."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from functools import cache
from pathlib import Path

import pytest
from aiohttp import web
from sqlalchemy import func, select, update

from bot import reflexes
from bot.brain import BrainClient
from bot.conversation import Account, Content, Conversations, Limits
from core import outbox, questions, retry
from core.inbox import Accepted, Inbox
from core.live import Live
from core.model import (
    Author,
    Capabilities,
    ChannelId,
    ConversationId,
    DeliveryState,
    Inbound,
    Line,
    MessageKind,
    Rendered,
    Seq,
)
from core.store import Store
from core.tables import alarm, conversation, effect, left_message
from core.tables import inbox as inbox_table
from core.turns import FREE
from core.vault import Vault
from faq.asking import Asking
from tests.brain_server import BrainServer, brain_server, say
from tests.conftest import NOON, Clock
from tests.faq.folder import still

WEB, HOOK = ChannelId("web"), ChannelId("hook")
CONTENT = Path(__file__).parents[2] / "faq" / "content"


ours = cache(lambda: still(CONTENT, Clock()))  # made once: it takes a second, and nothing changes it


class House:
    """Just enough of a house: doors, turns and a look at the transcript."""

    def __init__(
        self, store: Store, vault: Vault, brain: BrainServer, clock: Clock, content: Content | None = None
    ) -> None:
        self.store, self.brain, self.clock, self.live = store, brain, clock, Live()
        self.inbox = Inbox(store, vault)
        self.client = BrainClient(brain.url, "token", timeout=0.3)
        self.ended: list[str] = []
        self.turns = Conversations(
            store=store,
            vault=vault,
            live=self.live,
            brain=self.client,
            content=content or ours(),
            asking=Asking(None),
            reflexes=reflexes.load(),
            accounts={
                WEB: Account(kind="web", capabilities=Capabilities(buttons=True, live=True)),
                HOOK: Account(kind="webhook", capabilities=Capabilities()),
            },
            limits=Limits(),
            clock=clock,
            watch=lambda outcome, seconds: self.ended.append(outcome),
        )
        self.count = 0

    async def hear(
        self, text: str = "", *, sender: str = "visitor", channel: ChannelId = WEB, **more: object
    ) -> Accepted:
        self.count += 1
        inbound = Inbound(**({"sender": sender, "external_id": f"m{self.count}", "text": text} | more))  # type: ignore[arg-type]
        return await self.inbox.accept(channel=channel, kind="web", inbound=inbound, now=self.clock())

    async def answer(self, text: str = "", **more: object) -> list[Line]:
        """Hears, drains, and gives what was said since."""
        accepted = await self.hear(text, **more)  # type: ignore[arg-type]
        await self.turns.drain(accepted.conversation)
        return await self.lines(accepted.conversation, after=accepted.seq)

    async def send(self, conversation_id: ConversationId) -> None:
        """What waits in the outbox goes out."""
        held = await self.store.write(
            lambda conn: outbox.claim(conn, conversation_id, self.clock(), seconds=5, resend_unknown=True)
        )
        sent = outbox.Outcome(state=DeliveryState.SENT)
        while held is not None:
            held = await self.store.write(
                lambda conn, held=held: outbox.settle(conn, held, sent, self.clock(), seconds=5)
            )

    async def lines(self, conversation_id: ConversationId, after: int = 0) -> list[Line]:
        return await self.store.read(lambda conn: outbox.transcript(conn, conversation_id, after=after))

    async def count_of(self, table: object) -> int:
        return await self.store.read(lambda conn: conn.execute(select(func.count()).select_from(table)).scalar_one())  # type: ignore[arg-type]


@pytest.fixture
async def house(store: Store, vault: Vault, clock: Clock) -> AsyncIterator[House]:
    async with brain_server() as brain:
        made = House(store, vault, brain, clock)
        yield made
        brain.wake()
        await made.client.close()


# The good road ----------------------------------------------------------------------------------------------------


async def test_a_message_gets_the_brains_answer_and_the_state_comes_back_with_the_next(house: House) -> None:
    house.brain.answer = lambda turn: say(
        "greeting", state={"schema": 1, "model": "m", "events": [len(house.brain.asked)]}
    )
    [line] = await house.answer("你好")
    assert line.author is Author.BOT
    assert "12363" in line.text
    await house.answer("还在吗")
    first, second = house.brain.asked
    assert (first["text"], first["state"], first["language"]) == ("你好", None, "zh")
    assert second["state"]["events"] == [1]
    assert house.ended == ["answered", "answered"]


async def test_a_question_takes_its_faq_hits_along(house: House) -> None:
    house.brain.answer = lambda turn: say(say=[{"faq": turn["hits"][0]["id"]}])
    [line] = await house.answer("怎么查自己的信用报告？")
    assert house.brain.asked[0]["hits_decision"] == "answer"
    assert line.entry == "F22"
    assert "2026-11-21" in line.source


async def test_messages_of_one_conversation_are_answered_in_the_order_they_came(house: House) -> None:
    conversations = {(await house.hear(f"第{n}句")).conversation for n in range(5)}
    await asyncio.gather(*(house.turns.drain(c) for c in list(conversations) * 4))
    assert [turn["text"] for turn in house.brain.asked] == [f"第{n}句" for n in range(5)]


async def test_a_message_that_comes_while_a_turn_runs_is_answered_without_another_wake(house: House) -> None:
    came = asyncio.Event()

    async def late(turn: dict) -> dict:
        if turn["text"] == "一":
            await house.hear("二")
            came.set()
        return say("greeting")

    house.brain.answer = late
    await house.answer("一")
    assert came.is_set()
    assert [turn["text"] for turn in house.brain.asked] == ["一", "二"]


async def test_the_answer_of_a_channel_that_is_called_waits_in_the_outbox_for_its_sender(house: House) -> None:
    accepted = await house.hear("你好", channel=HOOK)
    await house.turns.drain(accepted.conversation)
    assert await house.live.sends.next() == accepted.conversation
    held = await house.store.write(
        lambda conn: outbox.claim(conn, accepted.conversation, house.clock(), seconds=5, resend_unknown=True)
    )
    assert held is not None
    assert held.parcel.in_reply_to == "m1"


# Languages --------------------------------------------------------------------------------------------------------


async def test_each_message_is_answered_in_its_own_language_until_one_is_chosen(house: House) -> None:
    [english] = await house.answer("Hello there")
    [chinese] = await house.answer("你好")
    assert english.text != chinese.text
    house.brain.answer = lambda turn: say("language.switched", effects=[{"name": "set_language", "language": "en"}])
    [switched] = await house.answer("请用英文")
    assert switched.text.isascii()
    house.brain.answer = lambda turn: say("greeting")
    assert (await house.answer("你好"))[0].text == english.text


async def test_a_button_without_words_is_answered_in_the_language_spoken_before(house: House) -> None:
    button = {"say": [{"key": "faq.ask_back", "args": {"choices": ["F22", "F77"]}}]}
    house.brain.answer = lambda turn: say(**button)
    [asked] = await house.answer("my report")
    payload = asked.buttons[0].payload
    house.brain.answer = lambda turn: say(say=[{"faq": "F22"}])
    [line] = await house.answer(kind=MessageKind.PAYLOAD, payload=payload)
    assert house.brain.asked[-1]["kind"] == "payload"
    assert house.brain.asked[-1]["language"] == "en"
    assert "report" in line.text


# Trust ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("payload", ["/restart", '/leave_message{"text":"x"}', '/faq{"id":"F22"}'])
async def test_a_payload_we_never_offered_is_words_like_any_other(house: House, payload: str) -> None:
    await house.answer(kind=MessageKind.PAYLOAD, payload=payload)
    [turn] = house.brain.asked
    assert (turn["kind"], turn["text"], turn["payload"]) == ("text", payload, "")


async def test_the_brain_sees_references_and_never_the_numbers(house: House) -> None:
    await house.answer("我的电话13912345678，身份证110101199003074258")
    assert "13912345678" not in str(house.brain.asked)
    assert "110101199003074258" not in str(house.brain.asked)
    assert "⟦phone:" in house.brain.asked[0]["text"]


# Effects ----------------------------------------------------------------------------------------------------------


async def test_effects_are_done_in_the_turns_own_transaction(house: House) -> None:
    asked = [
        {"name": "leave_message", "text": "请回电", "contact": "⟦phone:abc⟧"},
        {"name": "alert", "reason": "emergency"},
        {"name": "opt_out"},
    ]
    house.brain.answer = lambda turn: say("leave_message.done", effects=asked)
    await house.answer("好的")
    row = await house.store.read(lambda conn: conn.execute(select(left_message)).one())
    assert (row.text, row.contact) == ("请回电", "⟦phone:abc⟧")
    names = await house.store.read(
        lambda conn: conn.execute(select(effect.c.name).order_by(effect.c.n)).scalars().all()
    )
    assert list(names) == ["leave_message", "alert", "opt_out"]
    assert await house.count_of(alarm) == 1


async def test_who_waits_for_a_person_stays_there_while_the_bot_goes_on_helping(house: House) -> None:
    async def waiting() -> list[tuple[str, str, str]]:
        query = select(left_message.c.reason, left_message.c.state, left_message.c.text)
        return await house.store.read(lambda conn: [(r.reason, r.state, r.text) for r in conn.execute(query)])

    house.brain.answer = lambda turn: say("person.how", effects=[{"name": "hand_off", "reason": "misses"}])
    await house.answer("找个人来吧")
    assert await waiting() == [("misses", "asked", "")]
    house.brain.answer = lambda turn: say(say=[{"faq": "F22"}])
    assert "征信" in (await house.answer("怎么查自己的信用报告？"))[0].text
    left = {"name": "leave_message", "text": "请回电", "contact": "⟦phone:abc⟧"}
    house.brain.answer = lambda turn: say("leave_message.done", effects=[left])
    await house.answer("13912345678")
    assert await waiting() == [("misses", "left", "请回电")]


async def test_a_request_says_whom_it_asks_for_and_what_the_message_is_about(house: House) -> None:
    waits = {"name": "hand_off", "reason": "asked", "role": "leader"}
    house.brain.answer = lambda turn: say("person.how", effects=[waits])
    await house.answer("我要见你们领导")
    left = {"name": "leave_message", "text": "请回电", "contact": "⟦phone:abc⟧", "institution": "中国建设银行"}
    house.brain.answer = lambda turn: say("leave_message.done", effects=[left])
    await house.answer("13912345678")
    row = await house.store.read(lambda conn: conn.execute(select(left_message)).one())
    assert (row.role, row.facts) == ("leader", {"institution": "中国建设银行"})


@pytest.mark.parametrize(("helpful", "kept"), [("yes", True), ("no", False)])
async def test_a_word_on_an_answer_is_a_rating_of_it(house: House, helpful: str, kept: bool) -> None:
    async def ratings(which: ConversationId) -> dict[Seq, bool]:
        return dict(await house.store.read(lambda conn: questions.ratings(conn, which)))

    rate = {"name": "rate", "helpful": helpful}
    house.brain.answer = lambda turn: say("answer.helped", effects=[rate])
    accepted = await house.hear("有用")
    await house.turns.drain(accepted.conversation)
    assert await ratings(accepted.conversation) == {}  # nothing was answered yet
    house.brain.answer = lambda turn: say(say=[{"faq": "F22"}])
    [answer] = await house.answer("怎么查自己的信用报告？")
    house.brain.answer = lambda turn: say("answer.helped", effects=[rate])
    await house.answer("有用")
    assert await ratings(accepted.conversation) == {answer.seq: kept}
    await house.answer("谢谢")  # something was said since: not about the answer any more
    assert await ratings(accepted.conversation) == {answer.seq: kept}


@pytest.mark.parametrize(("text", "reason"), [("我想自杀", "emergency"), ("转人工", "asked")])
async def test_a_reflex_lets_the_conversation_wait_for_a_person(house: House, text: str, reason: str) -> None:
    house.brain.answer = lambda turn: say("leave_message.ask_text")
    await house.answer(text)
    [row] = await house.store.read(lambda conn: list(conn.execute(select(left_message))))
    assert (row.reason, row.state) == (reason, "asked")


async def test_who_cancels_does_not_wait_any_more(house: House) -> None:
    house.brain.answer = lambda turn: say("person.how", effects=[{"name": "hand_off", "reason": "asked"}])
    await house.answer("找个人来吧")
    house.brain.answer = lambda turn: say("leave_message.cancelled", effects=[{"name": "cancel_hand_off"}])
    await house.answer("算了")
    [row] = await house.store.read(lambda conn: list(conn.execute(select(left_message))))
    assert (row.state, row.done_by) == ("cancelled", "contact")


async def test_an_answer_that_cannot_be_applied_whole_is_not_applied_at_all_and_ends_parked(house: House) -> None:
    """The message's outbox cause is taken already: the transaction must leave neither effect nor state."""
    accepted = await house.hear("你好")
    await house.store.write(
        lambda conn: outbox.put(
            conn,
            accepted.conversation,
            [Rendered(text="x")],
            cause=f"turn:{accepted.inbox_id}",
            author=Author.BOT,
            now=NOON,
            live=True,
        )
    )
    house.brain.answer = lambda turn: say("greeting", effects=[{"name": "opt_out"}])
    for _ in range(3):
        await house.turns.drain(accepted.conversation)
        house.clock.forward(15)
    assert await house.count_of(effect) == 0
    assert house.ended == ["postponed", "postponed", "parked"]


async def test_a_sentence_that_does_not_exist_counts_as_a_failed_try(house: House) -> None:
    house.brain.answer = lambda turn: say("no.such.sentence")
    assert await house.answer("你好") == []
    assert house.ended == ["postponed"]


async def test_an_entry_that_was_taken_away_since_its_button_was_offered_is_said_to_be_gone(house: House) -> None:
    house.brain.answer = lambda turn: say(say=[{"faq": "F999"}])
    [line] = await house.answer("你好")
    assert line.entry == ""
    assert house.ended == ["answered"]


# One voice --------------------------------------------------------------------------------------------------------


async def test_a_turn_that_ends_after_a_takeover_says_nothing(house: House) -> None:
    async def taken_over(turn: dict) -> dict:
        raised = update(conversation).values(
            owner="seat", epoch=conversation.c.epoch + 1, fence=conversation.c.fence + 1, lease_until=FREE
        )
        await house.store.write(lambda conn: conn.execute(raised) and None)
        return say("greeting")

    house.brain.answer = taken_over
    assert await house.answer("你好") == []
    assert house.ended == ["lost", "silent"]  # looked at again at once: the message is the seat's now


async def test_the_bot_is_silent_while_a_seat_has_the_conversation(house: House) -> None:
    accepted = await house.hear("你好")
    await house.store.write(lambda conn: conn.execute(update(conversation).values(owner="seat")) and None)
    await house.turns.drain(accepted.conversation)
    assert house.brain.asked == []
    assert house.ended == ["silent"]


# Failure ----------------------------------------------------------------------------------------------------------

FAILURES = {
    "slow": "hang",
    "broken": web.Response(status=500, text='{"error": "ActionFailed"}'),
    "not ready": web.Response(status=503),
    "nothing to say": {"say": [], "effects": [], "state": None, "decision": {}},
    "not JSON": web.Response(text="<html>"),
}


@pytest.mark.parametrize("failure", FAILURES, ids=list(FAILURES))
async def test_a_turn_is_tried_three_times_within_thirty_seconds_then_parked_told_and_alarmed(
    house: House, failure: str
) -> None:
    started = house.clock()
    if FAILURES[failure] == "hang":
        house.brain.hang()

    def answer(turn: dict) -> object:
        bad = FAILURES[failure]
        return web.Response(status=bad.status, text=bad.text) if isinstance(bad, web.Response) else bad

    house.brain.answer = answer  # type: ignore[assignment]
    accepted = await house.hear("怎么投诉")
    for pause in retry.TURN_DELAYS:
        await house.turns.drain(accepted.conversation)
        house.clock.forward(pause - 1)
        await house.turns.drain(accepted.conversation)  # too early: nothing happens
        house.clock.forward(1 + 4)  # and what a try may take
    await house.turns.drain(accepted.conversation)
    assert len(house.brain.asked) == 3
    assert (house.clock() - started).total_seconds() <= 30
    assert house.ended == ["postponed", "postponed", "parked"]
    [told] = await house.lines(accepted.conversation, after=1)
    assert told.author is Author.SYSTEM
    row = await house.store.read(lambda conn: conn.execute(select(inbox_table)).one())
    assert row.state == "parked"
    assert row.outcome.startswith("brain ")
    assert await house.count_of(alarm) == 1
    house.brain.wake()
    house.brain.answer = lambda turn: say("greeting")
    assert len(await house.answer("你好")) == 1  # the next message goes on


async def test_a_turn_that_would_fail_the_same_way_again_is_parked_at_once(house: House) -> None:
    house.brain.answer = lambda turn: web.Response(status=422, text='{"error": "text"}')
    [told] = await house.answer("怎么投诉")
    assert told.author is Author.SYSTEM
    assert len(house.brain.asked) == 1


async def test_someone_who_waits_is_told_once_before_the_answer_comes(house: House) -> None:
    accepted = await house.hear("Where is my answer?")
    assert await house.turns.tell_waiting() == 0
    house.clock.forward(4.6)
    assert await house.turns.tell_waiting() == 1
    assert await house.turns.tell_waiting() == 0
    [told] = await house.lines(accepted.conversation, after=1)
    assert told.author is Author.SYSTEM
    assert told.text.isascii()  # in the language of the question
    await house.turns.drain(accepted.conversation)
    assert len(await house.lines(accepted.conversation, after=told.seq)) == 1


# Reflexes ---------------------------------------------------------------------------------------------------------


async def test_an_emergency_is_answered_at_once_with_the_brain_down(house: House) -> None:
    house.brain.hang()
    [line] = await house.answer("我不想活了")
    assert "110" in line.text
    assert "120" in line.text
    assert house.brain.asked == []
    assert await house.count_of(alarm) == 1


async def test_an_emergency_does_not_wait_behind_a_message_that_a_slow_brain_is_with(house: House) -> None:
    house.brain.hang()
    accepted = await house.hear("怎么投诉")
    slow = asyncio.create_task(house.turns.drain(accepted.conversation))
    await house.brain.was_asked.wait()
    await house.hear("我不想活了")
    await house.turns.answer_urgent(accepted.conversation)
    assert not slow.done()
    [line] = await house.lines(accepted.conversation, after=2)
    assert "110" in line.text
    assert await house.count_of(alarm) == 1
    house.brain.wake()
    await slow
    assert len(await house.lines(accepted.conversation, after=line.seq)) == 1  # the first one, and nothing twice
    assert await house.count_of(alarm) == 1


async def test_an_emergency_behind_a_message_that_rests_is_answered_and_the_rest_stays_in_order(house: House) -> None:
    house.brain.answer = lambda turn: web.Response(status=500)
    accepted = await house.hear("怎么投诉")
    await house.turns.drain(accepted.conversation)  # fails: it rests
    await house.hear("退订")
    await house.turns.answer_urgent(accepted.conversation)
    assert len(await house.lines(accepted.conversation, after=2)) == 1
    house.clock.forward(5)
    house.brain.answer = lambda turn: say("greeting")
    await house.turns.drain(accepted.conversation)
    assert [turn["text"] for turn in house.brain.asked] == ["怎么投诉", "怎么投诉"]


async def test_an_emergency_in_a_persons_hands_is_the_persons(house: House) -> None:
    accepted = await house.hear("我不想活了")
    await house.store.write(lambda conn: conn.execute(update(conversation).values(owner="seat")) and None)
    await house.turns.answer_urgent(accepted.conversation)
    assert await house.lines(accepted.conversation, after=1) == []


async def test_messages_of_a_channel_that_was_taken_out_of_the_settings_wait(house: House) -> None:
    accepted = await house.hear("你好", channel=ChannelId("gone"))
    await house.turns.drain(accepted.conversation)
    row = await house.store.read(lambda conn: conn.execute(select(inbox_table.c.state, inbox_table.c.attempts)).one())
    assert tuple(row) == ("open", 0)


async def test_opting_out_works_with_the_brain_down(house: House) -> None:
    house.brain.hang()
    [line] = await house.answer("退订")
    assert line.author is Author.BOT
    assert house.brain.asked == []


@pytest.mark.parametrize("words", ["人工", "0", "转人工", "I want to talk to a human"])
async def test_asking_for_a_person_opens_the_form_behind_what_is_said(house: House, words: str) -> None:
    house.brain.answer = lambda turn: say("leave_message.ask_text")
    first, second = await house.answer(words)
    assert house.brain.asked[0]["payload"] == "/leave_message"
    assert first.text != second.text


async def test_asking_for_a_person_is_answered_with_the_brain_down(house: House) -> None:
    house.brain.answer = lambda turn: web.Response(status=500)
    [line] = await house.answer("人工")
    assert line.author is Author.BOT
    assert house.ended == ["answered"]

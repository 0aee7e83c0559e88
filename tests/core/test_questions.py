"""Questions that were not answered well: kept once, with what came near, and read for those who mend the answers."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Connection, delete, func, select, text, update
from sqlalchemy.exc import IntegrityError

from core import outbox, questions
from core.inbox import Inbox
from core.model import Author, ChannelId, ConversationId, Inbound, Rendered, Seq
from core.questions import Candidate, Missed, Poor
from core.store import Store, migrate
from core.tables import conversation_seq, feedback, message, question
from core.tables import inbox as inbox_table
from core.vault import Vault
from tests.conftest import NOON, Clock

WEB = ChannelId("web")
HITS = (
    Candidate(id="F22", score=0.4, phrasing="怎么查征信"),
    Candidate(id="F24", score=0.3, phrasing="征信有错"),
    Candidate(id="F29", score=0.2, phrasing="投诉征信"),
    Candidate(id="F30", score=0.1, phrasing="征信修复"),
)
HOUR = timedelta(hours=1)


class Desk:
    """Writes conversations into a ledger as the house would."""

    def __init__(self, store: Store, vault: Vault, clock: Clock) -> None:
        self.store, self.clock = store, clock
        self._inbox = Inbox(store, vault)
        self._count = 0

    async def hear(self, text: str, *, sender: str = "anna") -> tuple[ConversationId, Seq]:
        self._count += 1
        inbound = Inbound(sender=sender, external_id=f"m{self._count}", text=text)
        taken = await self._inbox.accept(channel=WEB, kind="web", inbound=inbound, now=self.clock())
        return taken.conversation, taken.seq

    async def miss(self, text: str, kind: str = "unanswered", *, sender: str = "anna") -> tuple[ConversationId, Seq]:
        where, seq = await self.hear(text, sender=sender)
        hits = HITS if kind == "unanswered" else HITS[:3]
        missed = Missed(kind=kind, language="zh", hits=hits)  # type: ignore[arg-type]
        await self.store.write(lambda conn: questions.keep(conn, where, seq, missed, self.clock()))
        await self.say(where, seq, "您想问的是……")
        return where, seq

    async def say(self, where: ConversationId, answers: Seq, text: str, entry: str = "") -> Seq:
        """The answer to the message at `answers`, and its seq."""
        words = Rendered(text=text, entry=entry, entry_version="v1" if entry else "", score=0.9, phrasing="怎么查征信")
        self._count += 1

        def op(conn: Connection) -> Seq:
            outbox.put(
                conn,
                where,
                [words],
                cause=f"turn:{self._count}",
                author=Author.BOT,
                now=self.clock(),
                live=True,
                answers=answers,
            )
            return Seq(
                conn.execute(
                    select(conversation_seq.c.n).where(conversation_seq.c.conversation_id == where)
                ).scalar_one()
            )

        return await self.store.write(op)

    async def rate(self, where: ConversationId, seq: int, helpful: bool | None) -> bool:
        return await self.store.write(lambda conn: questions.rate(conn, where, seq, helpful, self.clock()))

    async def poor(self) -> list[Poor]:
        now = self.clock()
        return await self.store.read(lambda conn: questions.poor(conn, now - 24 * HOUR, now + HOUR))


@pytest.fixture
def desk(store: Store, vault: Vault, clock: Clock) -> Desk:
    return Desk(store, vault, clock)


async def test_a_question_without_an_answer_is_kept_masked_with_what_came_near(desk: Desk) -> None:
    where, seq = await desk.miss("我的电话13912345678，为什么查不了征信")
    [one] = await desk.poor()
    assert (one.kind, one.conversation, one.seq, one.language) == ("unanswered", where, seq, "zh")
    assert "13912345678" not in one.text
    assert "查不了征信" in one.text
    assert one.hits == HITS[:3]


async def test_a_question_is_kept_once(desk: Desk) -> None:
    where, seq = await desk.miss("火星房价")
    again = Missed(kind="unanswered", language="zh", hits=())
    with pytest.raises(IntegrityError):
        await desk.store.write(lambda conn: questions.keep(conn, where, seq, again, desk.clock()))


async def test_choices_that_nobody_has_reacted_to_are_not_rejected(desk: Desk) -> None:
    await desk.miss("征信", "asked")
    assert await desk.poor() == []


@pytest.mark.parametrize(("entry", "rejected"), [("F24", False), ("F30", True), ("", True)])
async def test_choices_are_rejected_unless_what_came_next_is_one_of_them(
    desk: Desk, entry: str, rejected: bool
) -> None:
    where, _ = await desk.miss("征信", "asked")
    desk.clock.forward(60)
    _, seq = await desk.hear("都不是")
    await desk.say(where, seq, "好的", entry)
    assert [(one.kind, one.text, one.next) for one in await desk.poor()] == (
        [("rejected", "征信", "都不是")] if rejected else []
    )


async def test_another_question_much_later_rejects_nothing(desk: Desk) -> None:
    await desk.miss("征信", "asked")
    desk.clock.forward(1801)
    await desk.hear("存款保险")
    assert await desk.poor() == []


async def test_words_that_were_written_before_the_choices_came_reject_nothing(desk: Desk) -> None:
    where, seq = await desk.hear("征信")
    await desk.hear("在吗")
    asked = Missed(kind="asked", language="zh", hits=HITS[:3])
    await desk.store.write(lambda conn: questions.keep(conn, where, seq, asked, desk.clock()))
    await desk.say(where, seq, "您想问的是……")
    assert await desk.poor() == []
    await desk.hear("都不是")
    assert [one.next for one in await desk.poor()] == ["都不是"]


async def test_a_disliked_answer_is_listed_with_its_question_entry_version_and_match(desk: Desk) -> None:
    where, asked = await desk.hear("怎么查征信")
    await desk.hear("快点")  # written before the answer came: not what was asked
    answer = await desk.say(where, asked, "登录征信中心网站……", "F22")
    await desk.hear("说了等于没说")
    assert await desk.rate(where, answer, False)
    [one] = await desk.poor()
    assert (one.kind, one.text, one.typed, one.seq) == ("disliked", "怎么查征信", True, asked)
    assert (one.entry, one.version, one.score, one.phrasing) == ("F22", "v1", 0.9, "怎么查征信")
    assert one.next == "说了等于没说"


async def test_the_latest_thumb_counts_and_one_taken_back_does_not(desk: Desk) -> None:
    where, asked = await desk.hear("怎么查征信")
    answer = await desk.say(where, asked, "……", "F22")
    for helpful in (False, True):
        assert await desk.rate(where, answer, helpful)
    assert await desk.poor() == []
    assert await desk.store.read(lambda conn: questions.ratings(conn, where)) == {answer: True}
    assert await desk.rate(where, answer, False)
    assert len(await desk.poor()) == 1
    assert await desk.rate(where, answer, None)
    assert await desk.store.read(lambda conn: questions.ratings(conn, where)) == {}


async def test_the_same_thumb_again_is_no_later_word(desk: Desk) -> None:
    where, asked = await desk.hear("怎么查征信")
    answer = await desk.say(where, asked, "……", "F22")
    started = desk.clock()
    for _ in range(2):
        assert await desk.rate(where, answer, False)
        desk.clock.forward(7200)
    [one] = await desk.store.read(lambda conn: questions.poor(conn, started, started + HOUR))
    assert one.at == started


async def test_only_answers_of_this_conversation_can_be_rated(desk: Desk) -> None:
    where, asked = await desk.hear("怎么查征信")
    answer = await desk.say(where, asked, "……", "F22")
    greeting = await desk.say(where, asked, "您好")
    stranger, _ = await desk.hear("你好", sender="bert")
    for whose, seq in ((where, asked), (where, greeting), (where, 99), (where, 0), (stranger, answer)):
        assert not await desk.rate(whose, seq, False)
    assert (
        await desk.store.read(lambda conn: conn.execute(select(func.count()).select_from(feedback)).scalar_one()) == 0
    )


async def test_what_is_asked_for_ends_before_its_end(desk: Desk) -> None:
    await desk.miss("火星房价")
    now = desk.clock()
    read = desk.store.read
    assert await read(lambda conn: questions.poor(conn, now - HOUR, now)) == []
    assert len(await read(lambda conn: questions.poor(conn, now, now + HOUR))) == 1


async def test_a_transcript_is_read_with_the_decision_of_each_message(desk: Desk) -> None:
    where, asked = await desk.hear("怎么查征信")
    await desk.say(where, asked, "……", "F22")
    await desk.store.write(
        lambda conn: conn.execute(inbox_table.update().values(outcome="faq:credit_report:F22")) and None
    )
    now = desk.clock()
    question_, answer = await desk.store.read(lambda conn: questions.said(conn, now, now + HOUR))
    assert (question_.author, question_.outcome) == (Author.CONTACT, "faq:credit_report:F22")
    assert (answer.author, answer.answers, answer.entry, answer.outcome) == (Author.BOT, asked, "F22", "")


async def test_a_deleted_message_takes_its_question_and_its_thumb_along(desk: Desk) -> None:
    where, seq = await desk.miss("火星房价")
    answer = await desk.say(where, seq, "……", "F22")
    await desk.rate(where, answer, False)

    def erase(conn: Connection) -> None:
        conn.execute(delete(message).where(message.c.conversation_id == where))

    await desk.store.write(erase)
    for table in (question, feedback):
        assert (
            await desk.store.read(lambda conn, t=table: conn.execute(select(func.count()).select_from(t)).scalar_one())
            == 0
        )


async def test_an_answer_from_before_it_was_kept_what_it_answers_belongs_to_the_message_before_it(desk: Desk) -> None:
    where, asked = await desk.hear("怎么查征信")
    answer = await desk.say(where, asked, "……", "F22")
    await desk.store.write(lambda conn: conn.execute(update(message).values(answers=None)) and None)
    assert await desk.rate(where, answer, False)
    assert [(one.text, one.seq) for one in await desk.poor()] == [("怎么查征信", asked)]


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
async def test_an_older_ledger_keeps_its_messages(kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    url = f"sqlite:///{tmp_path}/old.db"
    if kind == "postgresql":
        url = request.getfixturevalue("postgres_server").create("older_ledger")
    await asyncio.to_thread(migrate, url, "0001")
    store = await Store.open(url)
    rows = (
        "INSERT INTO channel (id, kind, created_at) VALUES ('web', 'web', 1)",
        "INSERT INTO conversation (id, channel_id, created_at) VALUES ('c', 'web', 1)",
        "INSERT INTO message (conversation_id, seq, author, kind, text, entry, created_at)"
        " VALUES ('c', 1, 'bot', 'text', '……', 'F22', 1)",
    )
    try:
        await store.write(lambda conn: [conn.execute(text(row)) for row in rows] and None)
        await asyncio.to_thread(migrate, url)
        assert await store.write(lambda conn: questions.rate(conn, ConversationId("c"), 1, True, NOON))
        [line] = await store.read(lambda conn: outbox.transcript(conn, ConversationId("c"), after=0))
        assert line.entry == "F22"
    finally:
        await store.close()

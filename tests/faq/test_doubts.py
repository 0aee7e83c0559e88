"""What speaks against an answer: a thumb, the same question once more, a call for a person, choices not taken."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from core.model import Author, ConversationId, MessageKind, Seq
from core.questions import Candidate, Poor, Said
from faq import entries
from faq.doubts import Doubt, doubts
from faq.entries import Content
from faq.likeness import Likeness
from tests.conftest import NOON
from tests.faq.folder import make

ASKED = "存款保险最多赔多少"
KNOWN = ("怎么投诉银行", "信用卡年费", "征信报告", "贷款利率")


@pytest.fixture
def content(tmp_path: Path) -> Content:
    return entries.load(make(tmp_path / "content"))


def said(seq: int, text: str, *, after: float = 0, where: str = "c1", **more: object) -> Said:
    """A contact's message, or ours with `answers`."""
    plain = {
        "conversation": ConversationId(where),
        "seq": Seq(seq),
        "author": Author.BOT if "answers" in more else Author.CONTACT,
        "kind": MessageKind.TEXT,
        "text": text,
        "entry": "",
        "version": "",
        "score": None,
        "phrasing": "",
        "answers": None,
        "outcome": "",
        "at": NOON + timedelta(seconds=after),
    }
    return Said(**(plain | more))  # type: ignore[arg-type]


def answered(*then: Said) -> list[Said]:
    match = {"entry": "F01", "version": "old", "score": 0.91, "phrasing": "存款赔付"}
    return [said(1, ASKED), said(2, "最多50万元。", answers=Seq(1), **match), *then]


def found(content: Content, lines: list[Said], *poor: Poor) -> list[Doubt]:
    return doubts(lines, poor, content, Likeness([*KNOWN, *(one.text for one in lines)]))


@pytest.mark.parametrize(
    ("then", "why"),
    [
        ([], ()),
        ([said(3, "存款保险最多能赔多少钱", after=60)], ("rephrased",)),
        ([said(3, "存款保险最多能赔多少钱", after=301)], ()),
        ([said(3, "谢谢", after=60)], ()),
        ([said(3, "信用卡年费能退吗", after=60)], ()),
        ([said(3, "人工", after=60, outcome="reflex:person")], ("person",)),
        ([said(3, "给工作人员留言", after=60, outcome="leave_message", kind=MessageKind.PAYLOAD)], ("person",)),
        ([said(3, ASKED, after=60, kind=MessageKind.PAYLOAD)], ()),  # a button with the entry's own question
        ([said(3, ASKED, after=60, where="c2")], ()),  # somebody else
    ],
)
def test_what_the_contact_does_next_speaks_against_an_answer(
    content: Content, then: list[Said], why: tuple[str, ...]
) -> None:
    assert [one.why for one in found(content, answered(*then))] == ([why] if why else [])


def test_a_doubt_tells_question_entry_version_score_match_and_what_came_next(content: Content) -> None:
    [one] = found(content, answered(said(3, "转人工", after=9, outcome="reflex:person")))
    assert (one.question, one.entry, one.version, one.changed) == (ASKED, "F01", "old", True)
    assert (one.score, one.phrasing, one.next, one.seq) == (0.91, "存款赔付", "转人工", 1)


def test_an_entry_that_is_still_the_same_is_not_said_to_have_changed(content: Content) -> None:
    lines = answered(said(3, "转人工", after=9, outcome="reflex:person"))
    lines[1] = said(2, "……", answers=Seq(1), entry="F01", version=content.entries["F01"].version)
    assert [one.changed for one in found(content, lines)] == [False]


def test_words_from_before_the_answer_are_no_reaction_to_it(content: Content) -> None:
    lines = [said(1, ASKED), said(2, ASKED + "啊"), said(3, "最多50万元。", answers=Seq(1), entry="F01")]
    assert found(content, lines) == []


def told(kind: str, **more: object) -> Poor:
    plain = {
        "kind": kind,
        "conversation": ConversationId("c1"),
        "seq": Seq(1),
        "at": NOON,
        "language": "zh",
        "text": ASKED,
        "typed": True,
        "entry": "",
        "version": "",
        "score": None,
        "phrasing": "",
        "hits": (),
        "next": "",
    }
    return Poor(**(plain | more))  # type: ignore[arg-type]


def test_thumbs_and_choices_not_taken_are_listed_and_no_answer_is_not(content: Content) -> None:
    offered = (Candidate(id="F01", score=0.5, phrasing="存款"),)
    rows = (told("disliked", entry="F01"), told("rejected", seq=Seq(5), hits=offered), told("unanswered", seq=Seq(9)))
    assert [(one.why, one.seq) for one in found(content, [], *rows)] == [(("disliked",), 1), (("rejected",), 5)]


def test_several_reasons_against_one_answer_are_one_line(content: Content) -> None:
    lines = answered(said(3, "转人工", after=9, outcome="reflex:person"))
    [one] = found(content, lines, told("disliked", entry="F01"))
    assert one.why == ("disliked", "person")

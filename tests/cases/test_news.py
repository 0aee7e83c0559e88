"""What consumers hear of: one row for every act, and what reaches whom in which order."""

from __future__ import annotations

import pytest

from cases.model import CaseEvent
from cases.news import ACTS, CONSUMER, is_told
from cases.notices import Reach, Way, enough, ways
from cases.states import Act, State
from faq.news_sentences import NEEDED
from tests.conftest import NOON

ALL = {act for act, row in ACTS.items() if row.told}
OTHER = {"open", "edit", "note", "assign", "urge", "move", "task", "settle", "link", "attach", "recount"}
OTHER |= {"person", "code", "erase", "ask", "rate"}


def event(act: str, actor: str = "li", after: State = State.ACCEPTED, **facts: object) -> CaseEvent:
    return CaseEvent(n=2, at=NOON, actor=actor, act=act, before=State.SUBMITTED, after=after, facts=dict(facts))


def test_every_act_has_its_row_and_what_is_not_told_says_why() -> None:
    assert set(ACTS) == {*Act} | OTHER
    assert all(bool(row.why) != row.told for row in ACTS.values())


def test_every_act_that_is_told_has_its_sentences() -> None:
    steps = {key.removeprefix("news.step.") for key in NEEDED if key.startswith("news.step.")}
    assert steps - {"ask"} == ALL
    assert {f"news.{act}" for act in ALL} <= set(NEEDED)


@pytest.mark.parametrize("act", sorted(ALL))
def test_what_the_consumer_did_is_answered_already_and_told_only_when_somebody_else_did_it(act: str) -> None:
    assert is_told(event(act))
    assert not is_told(event(act, actor=CONSUMER))


@pytest.mark.parametrize(
    "quiet",
    [
        event("request_supplement", actor="house", missing="id_number"),  # said when it was filed
        event("open", after=State.DRAFT),
        event("an act of a later version"),
        event("note", text="内部"),
    ],
    ids=lambda one: f"{one.act} {one.after}",
)
def test_what_is_said_elsewhere_or_is_nobodys_business_is_not_told(quiet: CaseEvent) -> None:
    assert not is_told(quiet)


TALK, SMS, PERSON = Way.TALK, Way.SMS, Way.PERSON


@pytest.mark.parametrize(
    ("reach", "news", "survey"),
    [
        # a platform that brings messages to the telephone: WeChat, Telegram, another system
        (Reach(talks=True, sms=True), (TALK, SMS, PERSON), (TALK,)),
        (Reach(talks=True), (TALK, PERSON), (TALK,)),
        # a page: nobody who has closed it is reached by it
        (Reach(talks=True, page=True, sms=True), (TALK, SMS, PERSON), (TALK,)),
        (Reach(talks=True, page=True), (TALK, PERSON), (TALK,)),
        # a telephone: another short message to it changes nothing
        (Reach(talks=True, phone=True, sms=True), (TALK, PERSON), (TALK,)),
        # the channel was taken out of the settings, or the case has no conversation any more
        (Reach(talks=False, sms=True), (SMS, PERSON), ()),
        (Reach(talks=False), (PERSON,), ()),
    ],
)
def test_each_consumer_is_reached_in_this_order(reach: Reach, news: tuple[Way, ...], survey: tuple[Way, ...]) -> None:
    assert ways(reach) == news
    assert ways(reach, survey=True) == survey


@pytest.mark.parametrize(
    ("way", "reach", "is_enough"),
    [
        (TALK, Reach(talks=True, sms=True), True),
        (TALK, Reach(talks=True, page=True, sms=True), False),
        (TALK, Reach(talks=True, page=True, there=True, sms=True), True),
        (TALK, Reach(talks=True, page=True), True),  # it is there when they come back
        (SMS, Reach(talks=True, page=True, sms=True), True),
    ],
)
def test_a_page_that_nobody_has_open_is_enough_only_where_there_is_no_short_message(
    way: Way, reach: Reach, *, is_enough: bool
) -> None:
    assert enough(way, reach) is is_enough

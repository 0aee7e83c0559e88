"""What the house adds to the brain's words because it alone has a clock."""

from __future__ import annotations

import pytest

from bot.saying import resumed
from core.model import AWAY, Say

ANSWER, ASKED, DRAFT = Say(faq="F22"), Say(key="leave_message.ask_contact"), Say(key="leave_message.draft")


def test_who_asks_something_else_after_a_day_is_told_that_the_message_is_still_open() -> None:
    assert resumed((ANSWER, ASKED), AWAY) == (ANSWER, DRAFT, ASKED)


@pytest.mark.parametrize("since", [None, 0.0, AWAY - 1])
def test_who_was_not_away_is_told_nothing(since: float | None) -> None:
    assert resumed((ANSWER, ASKED), since) == (ANSWER, ASKED)


@pytest.mark.parametrize("say", [(), (ASKED,), (ANSWER,), (DRAFT, ASKED), (Say(key="leave_message.back"), ASKED)])
def test_nothing_is_added_where_no_form_asks_on_after_something_else(say: tuple[Say, ...]) -> None:
    assert resumed(say, AWAY) == say

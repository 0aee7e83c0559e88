"""A case that was taken elsewhere, asked after on the page: number and code, a slip, no code, a withdrawal, a draft."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest

from cases.model import Opened, Person
from core.store import Store
from core.vault import Vault
from tests.cases.given import opened
from tests.flow.conftest import Page, RealHouse, page


@dataclass(frozen=True)
class Words:
    """What somebody types, and what must be in the answers."""

    status: str
    mistyped: str
    unknown: str
    again: str
    no_code: str
    name: str
    standing: str
    add: str
    added: str
    withdraw: str
    yes: str
    withdrawn: str
    lost: str
    person: str
    draft: str
    found: str


WORDS = {
    "zh": Words(
        status="帮我查一下我的投诉进度",
        mistyped="有一位不对",
        unknown="没有找到",
        again="再试一次",
        no_code="没有查询码",
        name="王小明",
        standing="已经收到",
        add="补充一下，他们昨天又扣了200",
        added="已经加到",
        withdraw="我想撤回之前的投诉",
        yes="确定撤回",
        withdrawn="已经按您的意思撤回",
        lost="编号找不到了",
        person="工作人员核对后",
        draft="我有个草稿编号{}，查询码{}",
        found="找到您的草稿",
    ),
    "en": Words(
        status="what is the status of my case",
        mistyped="One digit",
        unknown="found nothing that fits",
        again="Try again",
        no_code="I have no code",
        name="Li Ming",
        standing="has reached us",
        add="please add to my case that they took another 200 yesterday",
        added="is added to",
        withdraw="please withdraw my complaint",
        yes="Withdraw it",
        withdrawn="withdrawn",
        lost="I lost it",
        person="Our staff can find the case",
        draft="I have a draft, number {} code {}",
        found="found your draft",
    ),
}
WRONG = "ABCDE23456"


@pytest.fixture(params=["zh", "en"])
def language(request: pytest.FixtureRequest) -> str:
    return request.param


async def taken(house: RealHouse, **more: Any) -> Opened:
    """A case that came in by telephone."""
    store = await Store.open(f"sqlite:///{house.data / 'qiantai.db'}")
    try:
        vault = Vault.open(house.data / "keys.json")
        return await opened(store, vault, now=datetime.now(UTC), source_channel="phone", **more)
    finally:
        await store.close()


def button(reply: dict[str, Any], title: str) -> dict[str, str]:
    return next(each for each in reply["buttons"] if each["title"] == title)


async def ask(visitor: Page, words: Words, number: str, code: str) -> dict[str, Any]:
    """Asks where the case stands, one answer after the other."""
    await visitor.say(words.status)
    await visitor.say(number)
    return await visitor.say(code)


async def test_a_case_of_elsewhere_opens_with_its_code_and_not_with_another(house: RealHouse, language: str) -> None:
    words, case = WORDS[language], await taken(house)
    number = case.case.case_no
    async with page(house, language) as visitor:
        refused = await ask(visitor, words, number, WRONG)
        assert words.unknown in refused["text"]
        await visitor.press(button(refused, words.again))
        told = await visitor.say(f"{case.query_code} {number}")
        assert (number in told["text"], words.standing in told["text"]) == (True, True)
    assert not [frame for frame in visitor.seen if case.query_code in frame["text"] and frame["from"] != "contact"]


async def test_a_mistyped_number_is_told_at_once(house: RealHouse, language: str) -> None:
    words, case = WORDS[language], await taken(house)
    number = case.case.case_no
    wrong = number[:-1] + str((int(number[-1]) + 1) % 10)
    async with page(house, language) as visitor:
        await visitor.say(words.status)
        assert words.mistyped in (await visitor.say(wrong))["text"]


async def test_without_the_code_it_opens_with_telephone_and_name(house: RealHouse, language: str) -> None:
    words = WORDS[language]
    case = await taken(house, person=Person(name=words.name, phone="13912345678"))
    async with page(house, language) as visitor:
        await ask(visitor, words, case.case.case_no, words.no_code)
        await visitor.say("13912345678")
        assert words.standing in (await visitor.say(words.name))["text"]


async def test_what_was_to_be_added_is_not_asked_for_again_after_a_wrong_code(house: RealHouse, language: str) -> None:
    words, case = WORDS[language], await taken(house)
    async with page(house, language) as visitor:
        await visitor.say(words.add)
        assert words.unknown in (await visitor.say(f"{case.case.case_no} {WRONG}"))["text"]
        assert words.added in (await visitor.say(f"{case.case.case_no} {case.query_code}"))["text"]


async def test_a_withdrawal_is_asked_about_once_and_ends_the_case(house: RealHouse, language: str) -> None:
    words, case = WORDS[language], await taken(house)
    async with page(house, language) as visitor:
        await visitor.say(words.withdraw)
        sure = await visitor.say(f"{case.case.case_no} {case.query_code}")
        assert words.withdrawn in (await visitor.press(button(sure, words.yes)))["text"]


async def test_who_has_lost_the_number_reaches_a_person(house: RealHouse, language: str) -> None:
    words = WORDS[language]
    async with page(house, language) as visitor:
        await visitor.say(words.status)
        assert words.person in (await visitor.say(words.lost))["text"]


async def test_a_draft_of_elsewhere_goes_on_here(house: RealHouse, language: str) -> None:
    words, case = WORDS[language], await taken(house, draft=True, facts="三月起每月多扣年费十元")
    async with page(house, language) as visitor:
        found = await visitor.say(words.draft.format(case.case.case_no, case.query_code))
        assert words.found in found["text"]
        assert [each["payload"] for each in found["buttons"]] == ["/complaint"]
        own = await visitor.say(words.status)
        assert case.case.case_no in own["text"]

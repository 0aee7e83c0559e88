"""Cases are found: page by page without one lost or twice, by number and words, by what presses, and counted."""

from __future__ import annotations

from datetime import timedelta

import pytest

from cases import finding, register, tasks, words
from cases.model import BadCase, CaseType, Filter, Level, NewTask, Track, Urgency
from cases.states import Act, State
from core.store import Store
from core.vault import Vault
from tests.cases.given import BANK, done, opened
from tests.conftest import NOON

DAY = timedelta(days=1)


async def found(store: Store, what: Filter, limit: int = 50) -> list[str]:
    """The numbers on all pages."""
    numbers: list[str] = []
    after: str | None = None
    while True:
        page = await store.read(lambda conn, at=after: finding.page(conn, what, after=at, limit=limit))
        assert len(page.cases) <= limit
        numbers += [case.case_no for case in page.cases]
        if (after := page.after) is None:
            return numbers


async def test_pages_go_on_where_the_last_one_ended_newest_first(store: Store, vault: Vault) -> None:
    made = [(await opened(store, vault, product="分页")).case.case_no for _ in range(7)]
    mine = set(made)
    pages = [number for number in await found(store, Filter(), limit=3) if number in mine]
    assert pages == made[::-1]


async def test_a_case_is_found_by_its_number_however_it_is_typed(store: Store, vault: Vault) -> None:
    case = (await opened(store, vault)).case
    assert await found(store, Filter(text=f" {case.case_no.lower()} ")) == [case.case_no]


@pytest.mark.parametrize(
    ("text", "fits"),
    [
        ("信用卡", True),
        ("年费 信用卡", True),
        ("费", True),  # last of its run
        ("用", True),
        ("VISA", True),
        ("vis", True),
        ("ｖｉｓａ", True),
        ("渭城支行", True),  # as they called the institution
        ("长安银行", True),  # its own name
        ("XK-2026-77", True),  # what another system calls it
        ("信用社", False),
        ("isa", False),
        ("信用卡 房贷", False),
        ("！？", False),
        ("' OR 1=1 -- \" * ( )", False),
        ("NOT AND OR NEAR", False),
    ],
)
async def test_words_find_a_case_where_all_of_them_are(store: Store, vault: Vault, text: str, fits: bool) -> None:
    told = {
        "summary": "信用卡Visa被收年费",
        "institution": "渭城支行",
        "institution_id": BANK,
        "external_no": "XK-2026-77",
    }
    case = (await opened(store, vault, **told)).case
    for limit in (1, 50):
        assert (case.case_no in await found(store, Filter(text=text), limit)) is fits
    due = await store.read(lambda c: finding.due(c, Filter(text=text), before=NOON + 90 * DAY, limit=500))
    assert (case.case_no in [each.case_no for each in due.cases]) is fits


async def test_after_an_edit_the_new_words_find_a_case_and_the_old_ones_do_not(store: Store, vault: Vault) -> None:
    case = (await opened(store, vault, summary="理财亏损赎回困难")).case
    for summary in ("保险退保扣款", "贵金属回购", ""):
        await store.write(
            lambda c, to=summary: register.edit(
                c, vault, case.case_no, {"summary": to}, actor="li", now=NOON, version=None
            )
        )
    assert case.case_no not in await found(store, Filter(text="赎回"))
    assert case.case_no not in await found(store, Filter(text="回购"))
    await store.write(
        lambda c: register.edit(c, vault, case.case_no, {"summary": "赎回太慢"}, actor="li", now=NOON, version=None)
    )
    assert case.case_no in await found(store, Filter(text="赎回"))


async def test_a_filter_takes_what_fits_all_of_it(store: Store, vault: Vault) -> None:
    case = (await opened(store, vault, track="nfra", province="陕西", business_code="loan", level="major")).case
    case = await done(store, vault, case, Act.ACCEPT)
    fitting = [
        Filter(tracks=(Track.NFRA, Track.CSRC), province="陕西"),
        Filter(states=(State.ACCEPTED,), open=True, business_code="loan"),
        Filter(level=Level.MAJOR, owner="queue:complaints", types=(CaseType.COMPLAINT,)),
        Filter(person_id=case.person_id),
        Filter(received_from=NOON, received_before=NOON + DAY, source_channel="web"),
        Filter(due_before=NOON + 60 * DAY, urgency=Urgency.III),
    ]
    for what in fitting:
        assert case.case_no in await found(store, what)
    others = [
        Filter(tracks=(Track.CSRC,)),
        Filter(states=(State.SUBMITTED,)),
        Filter(open=False),
        Filter(received_from=NOON + DAY),
        Filter(received_before=NOON),
        Filter(due_before=NOON),
        Filter(person_id="0" * 32),
        Filter(owner="li"),
    ]
    for what in others:
        assert case.case_no not in await found(store, what)


async def test_what_presses_most_stands_first_and_what_has_ended_not_at_all(store: Store, vault: Vault) -> None:
    made = [(await opened(store, vault, product="急", now=NOON - n * DAY)).case for n in (0, 30, 3)]
    ended = await done(store, vault, (await opened(store, vault, now=NOON - 40 * DAY)).case, Act.WITHDRAW)
    numbers: list[str] = []
    after: str | None = None
    while True:
        page = await store.read(lambda c, at=after: finding.due(c, Filter(), before=NOON + 99 * DAY, after=at, limit=2))
        numbers += [case.case_no for case in page.cases]
        if (after := page.after) is None:
            break
    assert len(numbers) == len(set(numbers))
    mine = {case.case_no for case in made}
    assert [number for number in numbers if number in mine] == [made[n].case_no for n in (1, 2, 0)]
    assert ended.case_no not in numbers


async def test_tasks_are_listed_by_when_they_are_due(store: Store, vault: Vault) -> None:
    case = (await opened(store, vault)).case
    for days in (3, 1, 9):
        given = NewTask(title=f"第{days}天", owner="zhou", due_at=NOON + days * DAY)
        await store.write(lambda c, new=given: tasks.add(c, vault, case.case_no, new, actor="wu", now=NOON))
    listed = await store.read(lambda c: finding.due_tasks(c, before=NOON + 5 * DAY, owner="zhou"))
    assert [each.title for each in listed] == ["第1天", "第3天"]


async def test_a_cross_tab_counts_every_case_once(store: Store, vault: Vault) -> None:
    told = [
        ("bank_card", "pricing"),
        ("bank_card", "pricing"),
        ("bank_card", "service"),
        ("loan", "pricing"),
        ("", "pricing"),
    ]
    for business, reason in told:
        await opened(store, vault, business_code=business, reason_code=reason, province="甘肃")
    counted = await store.read(lambda c: finding.cross_tab(c, "business_code", "reason_code", Filter(province="甘肃")))
    assert counted == {
        ("bank_card", "pricing"): 2,
        ("bank_card", "service"): 1,
        ("loan", "pricing"): 1,
        ("", "pricing"): 1,
    }


async def test_what_is_no_place_no_limit_and_no_dimension_is_refused(store: Store) -> None:
    for after in ("", "x", "1.2", "-1", "９", "1" * 30):
        with pytest.raises(BadCase, match="after"):
            await store.read(lambda c, at=after: finding.page(c, Filter(), after=at))
    for limit in (0, -1, 501):
        with pytest.raises(BadCase, match="limit"):
            await store.read(lambda c, n=limit: finding.page(c, Filter(), limit=n))
    with pytest.raises(BadCase, match="facts: one of"):
        await store.read(lambda c: finding.cross_tab(c, "facts", "type", Filter()))  # pyright: ignore[reportArgumentType]


def test_a_question_is_never_more_than_plain_letters() -> None:
    for given in ('a" OR b', "银行*", "x:y & !z | (q)", "\u0000", "e\u0301"):
        assert all(part.rstrip("*").isalnum() and part.isascii() for part in words.asked(given))

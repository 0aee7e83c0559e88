"""Cases that tell the same are recognised: one person's again, and many people's at once."""

from __future__ import annotations

import os
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import insert

from cases import register, repeats
from cases.model import Case, CaseType, Person
from cases.repeats import BATCH_PEOPLE, BATCH_WITHIN, REPEAT_WITHIN
from cases.states import Act
from cases.tables import institution
from core.store import Store
from core.vault import Vault
from tests.cases.given import new, opened
from tests.conftest import NOON

PHONES = iter(range(13_000_000_000 + os.getpid() % 1000 * 1_000_000, 13_999_999_999))


def somebody() -> Person:
    return Person(name="王小明", phone=str(next(PHONES)))


async def about(store: Store, name: str) -> int:
    """An institution of the test's own."""
    row = {"name": name, "type": "city_bank", "created_at": NOON, "updated_at": NOON}
    return await store.write(
        lambda conn: conn.execute(insert(institution).returning(institution.c.id), row).scalar_one()
    )


async def before(store: Store, vault: Vault, who: Person, **told: Any) -> tuple[Case, ...]:
    return await store.read(lambda conn: repeats.repeated(conn, vault, who, new(**told), now=NOON))


async def test_the_same_person_on_the_same_institution_is_recognised(store: Store, vault: Vault) -> None:
    who = somebody()
    first = await opened(store, vault, person=who, institution="长安银行", institution_id=12)
    second = await opened(store, vault, person=who, institution="长安银行")
    found = await before(store, vault, who, institution="长安银行", institution_id=12)
    assert [case.case_no for case in found] == [second.case.case_no, first.case.case_no]


@pytest.mark.parametrize(
    "other",
    [
        {"institution": "别的银行"},
        {"institution": ""},
        {"institution": "长安银行", "type": CaseType.ENQUIRY},
        {"institution": "长安银行", "business_code": "loan"},
    ],
)
async def test_another_matter_is_none_of_it(store: Store, vault: Vault, other: dict[str, Any]) -> None:
    who = somebody()
    await opened(store, vault, person=who, institution="长安银行", business_code="bank_card")
    assert await before(store, vault, who, **other) == ()


async def test_a_part_of_the_same_business_is_the_same_matter(store: Store, vault: Vault) -> None:
    who = somebody()
    made = await opened(store, vault, person=who, institution="长安银行", business_code="bank_card")
    found = await before(store, vault, who, institution="长安银行", business_code="bank_card.debit_use")
    assert found == (made.case,)


async def test_somebody_else_drafts_withdrawn_and_old_cases_are_none_of_it(store: Store, vault: Vault) -> None:
    who = somebody()
    matter: dict[str, Any] = {"institution": "长安银行"}
    await opened(store, vault, person=somebody(), **matter)
    await opened(store, vault, person=who, draft=True, **matter)
    await opened(store, vault, person=who, now=NOON - REPEAT_WITHIN, **matter)
    gone = await opened(store, vault, person=who, **matter)
    await store.write(
        lambda conn: register.act(conn, vault, gone.case.case_no, Act.WITHDRAW, {}, actor="li", now=NOON, version=None)
    )
    assert await before(store, vault, who, **matter) == ()
    assert await before(store, vault, Person(name="王小明"), **matter) == ()


async def test_many_people_on_one_matter_are_a_batch(store: Store, vault: Vault) -> None:
    bank = await about(store, "一批银行")
    matter: dict[str, Any] = {"institution_id": bank, "business_code": "loan"}
    made = [await opened(store, vault, person=somebody(), **matter) for _ in range(BATCH_PEOPLE - 1)]
    await opened(store, vault, person=somebody(), institution_id=bank, business_code="bank_card")
    await opened(store, vault, person=somebody(), now=NOON - BATCH_WITHIN, **matter)
    assert not await store.read(lambda conn: repeats.is_batch(conn, made[-1].case, now=NOON))
    last = await opened(store, vault, person=somebody(), **matter)
    assert await store.read(lambda conn: repeats.is_batch(conn, last.case, now=NOON))
    assert not await store.read(
        lambda conn: repeats.is_batch(conn, last.case, now=NOON + BATCH_WITHIN + timedelta(seconds=1))
    )


async def test_one_person_many_times_is_no_batch(store: Store, vault: Vault) -> None:
    bank, who = await about(store, "一人银行"), somebody()
    made = [await opened(store, vault, person=who, institution_id=bank) for _ in range(BATCH_PEOPLE)]
    assert not await store.read(lambda conn: repeats.is_batch(conn, made[-1].case, now=NOON))

"""Institutions as people keep them: added, changed, found again by every name, never a part of themselves."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from sqlalchemy import select

from cases import institutions
from cases.institutions import Institution, Listed
from cases.model import BadCase, read
from core.errors import NotFound
from core.store import Store
from core.tables import audit
from tests.conftest import NOON

_names = (f"第{n}银行" for n in itertools.count())


async def add(store: Store, **more: Any) -> Listed:
    new = read(Institution, {"name": next(_names), "type": "city_bank"} | more)
    return await store.write(lambda c: institutions.add(c, new, actor="li", now=NOON))


async def change(store: Store, id: int, /, **changes: Any) -> Listed:
    return await store.write(lambda c: institutions.change(c, id, changes, actor="wu", now=NOON))


async def test_an_institution_is_added_and_changed_and_the_audit_names_the_fields(store: Store) -> None:
    head = await add(store, regulator="nfra", seat="长安路1号", aliases=["总行", "总行"])
    assert (head.regulator, head.seat, head.aliases) == ("nfra", "长安路1号", ("总行",))
    branch = await add(store, parent_id=head.id, level="branch")
    assert await change(store, branch.id, city="西安", licence="B0001H111000001") == await store.read(
        lambda c: institutions.get(c, branch.id)
    )
    await change(store, branch.id, city="西安")  # nothing new
    noted = select(audit.c.actor, audit.c.act, audit.c.detail).where(audit.c.subject == f"institution:{branch.id}")
    assert await store.read(lambda c: list(map(tuple, c.execute(noted.order_by(audit.c.id))))) == [
        ("li", "cases.institution", "added"),
        ("wu", "cases.institution", "licence, city"),
    ]


async def test_whoever_is_renamed_is_still_found_by_the_old_name(store: Store) -> None:
    one = await add(store, name="老名银行", aliases=["老行"])
    renamed = await change(store, one.id, name="新名银行")
    assert set(renamed.aliases) == {"老行", "老名银行"}
    known = await store.read(institutions.names)
    assert [known.find(name) for name in ("老名银行", "新名 银行", "老行")] == [{one.id}] * 3
    assert (await change(store, one.id, name="第三名银行", aliases=[])).aliases == ()


async def test_institutions_are_found_by_a_part_of_any_name_page_by_page(store: Store) -> None:
    made = [await add(store, name=f"百分百%银行{n}", aliases=[f"BFB-{n}"]) for n in range(3)]
    first, after = await store.read(lambda c: institutions.page(c, text="百%银", limit=2))
    rest, end = await store.read(lambda c: institutions.page(c, text="bfb", after=after or 0, limit=2))
    assert [*first, *rest] == made
    assert (after, end) == (made[1].id, None)
    assert await store.read(lambda c: institutions.page(c, text="百_银", type="city_bank")) == ((), None)


async def test_what_an_institution_cannot_be_is_refused_and_nothing_is_changed(store: Store) -> None:
    one, two = await add(store), await add(store)
    part = await add(store, parent_id=one.id)
    refused: tuple[tuple[dict[str, Any], str], ...] = (
        ({"name": two.name}, "name: there is an institution"),
        ({"name": " "}, "name"),
        ({"type": "circus"}, "type: circus is no code"),
        ({"type": ""}, "type: nothing is no code"),
        ({"regulator": "circus"}, "regulator: circus is no code"),
        ({"parent_id": one.id}, "a part of itself"),
        ({"parent_id": part.id}, "a part of itself"),
        ({"parent_id": 999_999}, "no institution 999999"),
        ({"aliases": [""]}, "aliases"),
        ({"seat": "长" * 301}, "seat"),
        ({"id": 7}, "id: no such field"),
    )
    for changes, told in refused:
        with pytest.raises(BadCase, match=told):
            await change(store, one.id, **changes)
    assert await store.read(lambda c: institutions.get(c, one.id)) == one
    with pytest.raises(BadCase, match="already"):
        await add(store, name=one.name)
    with pytest.raises(NotFound):
        await change(store, 999_999, city="西安")

"""An institution's liaison and deputy: sealed, masked, opened with a trace."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from cases import liaisons
from cases.liaisons import Liaisons
from cases.model import Person
from cases.tables import institution
from core.errors import NotFound
from core.store import Store
from core.tables import audit
from core.vault import Vault
from tests.cases.given import BANK
from tests.conftest import NOON

ZHAO = Person(name="赵云", phone="13612345678")


async def test_an_institutions_liaison_lies_sealed_and_opens_with_a_trace(store: Store, vault: Vault) -> None:
    await store.write(lambda c: liaisons.put(c, vault, BANK, {"liaison": ZHAO}, actor="li", now=NOON))
    row = await store.read(lambda c: c.execute(select(institution).where(institution.c.id == BANK)).one())
    assert "赵云".encode() not in row.liaison
    seen = await store.read(lambda c: liaisons.masked(c, vault, BANK))
    assert seen == Liaisons(Person(name="赵*", phone="*******5678"), None)
    query = select(audit.c.act, audit.c.detail).where(audit.c.subject == f"institution:{BANK}").order_by(audit.c.id)
    assert (await store.read(lambda c: c.execute(query).all()))[-1:] == [("cases.liaisons", "liaison named")]
    who = await store.write(lambda c: liaisons.unmask(c, vault, BANK, actor="li", reason="转办", now=NOON))
    assert who == Liaisons(ZHAO, None)
    assert (await store.read(lambda c: c.execute(query).all()))[-1:] == [("cases.unmask", "转办")]


async def test_an_institution_that_is_not_there_has_nobody(store: Store, vault: Vault) -> None:
    with pytest.raises(NotFound):
        await store.write(lambda c: liaisons.put(c, vault, 77, {"liaison": ZHAO}, actor="li", now=NOON))
    with pytest.raises(NotFound):
        await store.read(lambda c: liaisons.masked(c, vault, 77))

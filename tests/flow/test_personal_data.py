"""Numbers that people type are nowhere afterwards: not in the ledger, its log, the house's log or the state."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from tests.core.masking_forms import Planted, planted
from tests.flow.conftest import RealHouse, page

FORMS = 1000


@pytest.fixture
def talkative_house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealHouse]:
    """A house that logs as much as it can."""
    made = RealHouse(tmp_path_factory.mktemp("own"), QIANTAI_LOG_LEVEL="DEBUG")
    try:
        made.start()
        yield made
    finally:
        made.stop()


def traces(forms: list[Planted], *places: bytes) -> list[str]:
    """The forms whose number is in one of `places`, as it was written or as its bare value."""
    return [
        form.text
        for form in forms
        if any(form.value.encode() in place or form.text.encode() in place for place in places)
    ]


def everything(house: RealHouse) -> list[bytes]:
    return [f.read_bytes() for f in house.data.rglob("*") if f.is_file()] + [house.log.read_bytes()]


async def test_a_thousand_numbers_leave_no_trace(talkative_house: RealHouse) -> None:
    forms = list(planted(seed=12363, count=FORMS))

    async def tell(part: list[Planted]) -> None:
        async with page(talkative_house) as visitor:
            for form in part:
                await visitor.say(form.text)

    await asyncio.gather(*(tell(forms[n::20]) for n in range(20)))
    running = everything(talkative_house)  # with the write-ahead log that a stop folds in
    assert talkative_house.stop() == 0
    assert traces(forms, *running, *everything(talkative_house)) == []

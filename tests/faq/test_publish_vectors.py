"""A published edit has only its new phrasings encoded, in a thread, while the old content goes on."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from structlog.testing import capture_logs

from core.settings import Settings
from core.store import Store
from faq.publish import Library
from faq.vectors import Encoder, Vectors
from tests.conftest import Clock
from tests.faq.characters import by_characters
from tests.faq.folder import edit, make


class Noting(Encoder):
    """An encoder that notes what it is asked for, and in which threads."""

    def __init__(self) -> None:
        self._encoder = by_characters()
        self.key, self.size = self._encoder.key, self._encoder.size
        self.asked: list[str] = []
        self.threads: set[int] = set()
        self.broken = False

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        if self.broken:
            raise MemoryError("no room")
        self.asked += texts
        self.threads.add(threading.get_ident())
        return self._encoder.encode(texts)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return make(tmp_path / "content")


async def test_only_phrasings_that_are_new_are_encoded_and_none_on_the_event_loop(
    store: Store, folder: Path, clock: Clock, tmp_path: Path
) -> None:
    encoder, settings = Noting(), Settings(content=folder)
    library = await Library.open(settings, store, clock, Vectors(encoder, tmp_path / "vectors"))
    assert {"取现金", "withdraw money"} <= set(encoder.asked)
    encoder.asked.clear()

    edit(folder / "saving.yml", "取现金", "领现钞")
    await library.look()
    assert encoder.asked == ["领现钞"]

    clock.forward(24 * 3600)
    await library.turn()
    again = await Library.open(settings, store, clock, Vectors(encoder, tmp_path / "vectors"))
    assert again.version == library.version
    assert encoder.asked == ["领现钞"]  # neither a new day nor a new start encodes anything
    assert threading.get_ident() not in encoder.threads


async def test_an_encoder_that_fails_holds_up_neither_an_edit_nor_an_ending_nor_a_start(
    store: Store, folder: Path, clock: Clock
) -> None:
    encoder, settings = Noting(), Settings(content=folder)
    library = await Library.open(settings, store, clock, Vectors(encoder))
    encoder.broken = True
    edit(folder / "saving.yml", "取现金", "领现钞")
    with capture_logs() as logged:
        await library.look()
    assert [line["why"] for line in logged if line["event"] == "content_not_encoded"] == ["MemoryError: no room"]
    assert library.current.search.find("领现钞", "zh").hits[0].id == "F02"

    clock.forward(2 * 366 * 24 * 3600)  # F02 ends
    await library.turn()
    assert library.current.search.find("领现钞", "zh").expired == "F02"
    assert (await Library.open(settings, store, clock, Vectors(encoder))).version == library.version

    encoder.broken = False
    clock.forward(24 * 3600)
    await library.turn()
    assert "领现钞" in encoder.asked

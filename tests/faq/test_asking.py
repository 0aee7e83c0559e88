"""Questions are read together in one thread; an encoder that fails, a full queue and those who leave hurt nobody."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from structlog.testing import capture_logs

from faq import asking, entries
from faq.asking import Asking
from faq.search import Search, readable
from faq.vectors import Encoder, Vectors
from tests.faq.folder import make

NOW = datetime(2026, 11, 21, 4, 0, tzinfo=UTC)


class Letters:
    """A model whose vectors count letters. Waits at `gate`; fails while `broken`."""

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.gate.set()
        self.entered = threading.Event()
        self.broken = False
        self.batches: list[list[str]] = []

    def encode(self, texts: list[str]) -> NDArray[np.float32]:
        self.batches.append(list(texts))
        self.entered.set()
        assert self.gate.wait(10)
        if self.broken:
            raise MemoryError("no room")
        rows = np.zeros((len(texts), 64), dtype=np.float32)
        for row, text in zip(rows, texts, strict=True):
            row[0] = 0.1
            for letter in text:
                row[ord(letter) % 64] += 1
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)


@pytest.fixture
def model() -> Letters:
    return Letters()


@pytest.fixture
def encoder(model: Letters) -> Encoder:
    return Encoder(model, "0123456789ab")


@pytest.fixture
def search(encoder: Encoder, tmp_path: Path) -> Search:
    return Search(entries.load(make(tmp_path)), NOW, Vectors(encoder))


@pytest.fixture
async def ask(encoder: Encoder) -> AsyncIterator[Asking]:
    asked = Asking(encoder)
    yield asked
    asked.close()


def read(model: Letters) -> Sequence[str]:
    return [text for batch in model.batches for text in batch]


async def test_a_question_is_answered_by_meaning_and_its_vector_is_handed_on(
    ask: Asking, search: Search, encoder: Encoder
) -> None:
    asked = await ask.ask(search, "我要取現金", "zh")
    assert asked.vector is not None
    assert np.allclose(asked.vector, encoder.encode([readable("我要取现金")])[0])
    assert asked.found == search.find("我要取現金", "zh", vector=asked.vector)


@pytest.mark.parametrize(("short", "at_once", "threads"), [(5, 100, set()), (4, 100, {"asking"}), (5, 0, {"asking"})])
async def test_what_is_short_and_compared_with_little_is_found_without_a_thread_by_a_quick_encoder(
    model: Letters, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, short: int, at_once: int, threads: set[str]
) -> None:
    monkeypatch.setattr(asking, "SHORT", short)
    monkeypatch.setattr(asking, "AT_ONCE", at_once)
    quick = Encoder(model, "0123456789ab", quick=True)
    search = Search(entries.load(make(tmp_path)), NOW, Vectors(quick))
    assert 0 < search.phrasings <= 100
    used: set[str] = set()
    encode = model.encode

    def noting(texts: list[str]) -> NDArray[np.float32]:
        used.add(threading.current_thread().name)
        return encode(texts)

    monkeypatch.setattr(model, "encode", noting)
    ask = Asking(quick)
    asked = await ask.ask(search, "我要取现金", "zh")
    ask.close()
    assert asked.vector is not None
    assert asked.found == search.find("我要取现金", "zh", vector=asked.vector)
    assert used - {threading.current_thread().name} == threads
    assert (await ask.ask(search, "我要取现金", "zh")).vector is None, "it is closed"


async def test_questions_that_wait_are_read_together(ask: Asking, search: Search, model: Letters) -> None:
    model.gate.clear()
    model.entered.clear()
    model.batches.clear()
    first = asyncio.create_task(ask.ask(search, "一", "zh"))
    await asyncio.to_thread(model.entered.wait, 10)
    others = [asyncio.create_task(ask.ask(search, text, "zh")) for text in ("二", "三", "四")]
    await asyncio.sleep(0)
    model.gate.set()
    await asyncio.gather(first, *others)
    assert model.batches == [["一"], ["二", "三", "四"]]


async def test_the_loop_goes_on_while_the_encoder_works(ask: Asking, search: Search, model: Letters) -> None:
    model.gate.clear()
    task = asyncio.create_task(ask.ask(search, "我要存钱", "zh"))
    for _ in range(100):
        await asyncio.sleep(0)
    assert not task.done()
    model.gate.set()
    assert (await task).found.decision == "answer"


async def test_one_who_leaves_is_not_read_and_the_others_are(ask: Asking, search: Search, model: Letters) -> None:
    model.gate.clear()
    model.entered.clear()
    first = asyncio.create_task(ask.ask(search, "一", "zh"))
    await asyncio.to_thread(model.entered.wait, 10)
    gone, stays = (asyncio.create_task(ask.ask(search, text, "zh")) for text in ("二", "三"))
    await asyncio.sleep(0)
    first.cancel()
    gone.cancel()
    await asyncio.sleep(0)
    model.gate.set()
    assert (await stays).vector is not None
    assert "二" not in read(model)


async def test_a_failing_encoder_leaves_the_words_and_is_told_once(
    search: Search, model: Letters, encoder: Encoder
) -> None:
    failures: list[int] = []
    ask = Asking(encoder, failed=lambda: failures.append(1))
    model.broken = True
    with capture_logs() as logged:
        for _ in range(3):
            asked = await ask.ask(search, "我要存钱", "zh")
            assert (asked.vector, asked.found) == (None, search.find("我要存钱", "zh"))
    assert [line["event"] for line in logged] == ["encoder_failed"]
    assert "no room" in logged[0]["why"]
    assert len(failures) == 3
    model.broken = False
    assert (await ask.ask(search, "我要存钱", "zh")).vector is not None
    ask.close()


async def test_a_search_that_fails_fails_for_its_own_question_only(ask: Asking, search: Search) -> None:
    class Broken(Search):
        def find(self, *_: Any, **__: Any) -> Any:
            raise ValueError("broken")

    broken = Broken.__new__(Broken)
    with pytest.raises(ValueError, match="broken"):
        await ask.ask(broken, "我要存钱", "zh")
    assert (await ask.ask(search, "我要存钱", "zh")).found.hits


async def test_what_does_not_fit_into_the_queue_is_searched_by_words_at_once(
    search: Search, model: Letters, encoder: Encoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asking, "WAITING_MAX", 2)
    ask = Asking(encoder)
    model.gate.clear()
    model.entered.clear()
    tasks = [asyncio.create_task(ask.ask(search, "一", "zh"))]
    await asyncio.to_thread(model.entered.wait, 10)
    tasks += [asyncio.create_task(ask.ask(search, text, "zh")) for text in ("二", "三")]
    await asyncio.sleep(0)
    asked = await ask.ask(search, "我要存钱", "zh")
    assert (asked.vector, asked.found.decision) == (None, "answer")
    model.gate.set()
    assert all(one.vector is not None for one in await asyncio.gather(*tasks))
    ask.close()


async def test_closing_finishes_what_waits_and_later_questions_go_by_words(search: Search, encoder: Encoder) -> None:
    ask = Asking(encoder)
    tasks = [asyncio.create_task(ask.ask(search, text, "zh")) for text in "一二三"]
    await asyncio.sleep(0)
    await asyncio.to_thread(ask.close)
    assert all(one.vector is not None for one in await asyncio.gather(*tasks))
    assert (await ask.ask(search, "我要存钱", "zh")).vector is None
    ask.close()


async def test_without_an_encoder_everything_goes_by_words_and_no_thread_is_made(tmp_path: Path) -> None:
    before = set(threading.enumerate())  # those of earlier tests may end meanwhile
    ask = Asking(None)
    asked = await ask.ask(Search(entries.load(make(tmp_path)), NOW), "我要存钱", "zh")
    assert (asked.vector, asked.found.decision) == (None, "answer")
    assert set(threading.enumerate()) <= before
    ask.close()


async def test_many_who_ask_at_once_all_get_their_own_answer(ask: Asking, search: Search) -> None:
    texts = [f"第{n}个问题" for n in range(200)]
    found = await asyncio.gather(*(ask.ask(search, text, "zh") for text in texts))
    for text, one in zip(texts, found, strict=True):
        assert one.found == search.find(text, "zh", vector=one.vector)

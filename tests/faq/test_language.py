"""Which language a message is taken for."""

from __future__ import annotations

import time

import pytest

from core.model import Language
from faq.language import detect


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("怎么查征信", "zh"),
        ("查一下 credit report", "zh"),
        ("how much is insured", "en"),
        ("ＨＥＬＬＯ", "en"),
        ("hi", "en"),
        ("𠀀", "zh"),
        ("I have 2 cards", "en"),
    ],
)
def test_letters_tell_the_language(text: str, language: Language) -> None:
    assert detect(text, "en" if language == "zh" else "zh") == language


@pytest.mark.parametrize(
    "text",
    ["", " ", "12363", "13", "😀👍", "？！", "ok", "OK.", "td", "F22", "APP", "⟦phone:abcdefghij⟧", "me@example.org",
     "https://example.org/a", "привет", "\x00", "\ud800"],
)  # fmt: skip
@pytest.mark.parametrize("fallback", ["zh", "en"])
def test_what_does_not_tell_keeps_the_language_spoken_before(text: str, fallback: Language) -> None:
    assert detect(text, fallback) == fallback


@pytest.mark.parametrize("char", ["a", "⟦", "1", "😀"])
def test_a_long_message_is_told_as_soon_as_a_short_one(char: str) -> None:
    started = time.process_time()
    detect(char * 100_000, "zh")  # the longest that can be set; with the square of its length it would take minutes
    assert time.process_time() - started < 0.5

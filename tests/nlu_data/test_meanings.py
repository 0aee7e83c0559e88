"""The words that mean much the same are written as they are looked for, or they would never be found."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import yaml

from bot.assistant.reading import Meanings, even
from faq.folding import simplified_characters

FOLDER = Path(__file__).parents[2] / "nlu_data" / "words"
WORDS: dict[str, list[str]] = {
    block["lookup"]: [line.removeprefix("- ") for line in block["examples"].splitlines()]
    for file in sorted(FOLDER.glob("*.yml"))
    for block in yaml.safe_load(file.read_text(encoding="utf-8"))["nlu"]
}


def test_every_name_is_a_word_and_has_words_in_both_languages() -> None:
    for name, words in WORDS.items():
        assert isinstance(name, str), f"YAML reads {name} as something else: give it another name"
        assert any(word.isascii() for word in words), name
        assert not all(word.isascii() for word in words), name


def test_every_word_stands_once_under_its_name_as_it_is_looked_for() -> None:
    for name, words in WORDS.items():
        assert [word for word, times in Counter(words).items() if times > 1] == [], name
        assert [word for word in words if even(simplified_characters(word)) != even(word)] == [], name


def test_every_word_is_found_in_a_text_that_says_it() -> None:
    meanings = Meanings.of(WORDS)
    for n, name in enumerate(meanings.names):
        assert [word for word in WORDS[name] if n not in meanings.found(even(f" {word} "))] == [], name

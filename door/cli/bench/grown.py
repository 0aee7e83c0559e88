"""A larger FAQ than there is: copies of the entries, each phrasing varied, always in the same way."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from dataclasses import replace

from core.model import Language
from faq.entries import LANGUAGES, Content, Entry

# What people put before and after a question; two of each and a slip of the finger make a new phrasing.
BEFORE: Mapping[Language, tuple[str, ...]] = {
    "zh": ("", "请问", "你好，", "想问下", "麻烦问一下", "我妈让我问", "昨天去银行，", "急，", "那个，", "帮我看看，"),
    "en": ("", "hi, ", "please tell me ", "quick question: ", "my mum asks ", "i was wondering ", "so ", "urgent, "),
}
AFTER: Mapping[Language, tuple[str, ...]] = {
    "zh": ("", "？", "呢", "啊", "，谢谢", "，在线等", "，没人告诉我", "，跑了两趟了", "吗", "，周末行吗"),
    "en": ("", "?", " thanks", ", anyone know?", " please", " in china", " for my parents", ", been twice already"),
}


def searched(content: Content) -> int:
    """How many texts are searched: questions and phrasings of every entry in every language."""
    return sum(1 + len(entry.phrasings[language]) for entry in content.entries.values() for language in LANGUAGES)


def grown(content: Content, texts: int, seed: int) -> Content:
    """`content` with copies of its entries until at least `texts` texts are searched."""
    dice = random.Random(seed)  # noqa: S311 - the same seed must give the same content
    entries = dict(content.entries)
    size = searched(content)
    for entry in _again_and_again(content):
        if size >= texts:
            break
        copy = _varied(entry, f"{entry.id}-{len(entries)}", dice)
        entries[copy.id] = copy
        size += sum(1 + len(copy.phrasings[language]) for language in LANGUAGES)
    return replace(content, entries=entries)


def asked(content: Content, count: int, seed: int) -> list[tuple[str, Language]]:
    """`count` questions that no entry of `content` has as a phrasing, half of them in each language."""
    dice = random.Random(seed)  # noqa: S311
    entries = list(content.entries.values())
    found: list[tuple[str, Language]] = []
    for n in range(count):
        language = LANGUAGES[n % len(LANGUAGES)]
        found.append((varied(dice.choice(dice.choice(entries).phrasings[language]), language, dice), language))
    return found


def varied(text: str, language: Language, dice: random.Random) -> str:
    """`text` with other words around it and one slip of the finger."""
    at = dice.randrange(len(text))
    slip = dice.choice((text[at] * 2, "", text[at]))
    return dice.choice(BEFORE[language]) + text[:at] + slip + text[at + 1 :] + dice.choice(AFTER[language])


def _varied(entry: Entry, name: str, dice: random.Random) -> Entry:
    return replace(
        entry,
        id=name,
        question={one: varied(entry.question[one], one, dice) for one in LANGUAGES},
        phrasings={one: tuple(varied(text, one, dice) for text in entry.phrasings[one]) for one in LANGUAGES},
    )


def _again_and_again(content: Content) -> Iterator[Entry]:
    while True:
        yield from content.entries.values()

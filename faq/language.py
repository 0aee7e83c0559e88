"""Tells Chinese from English by the letters a message is written in."""

from __future__ import annotations

import re

from core.model import Language

_HAN = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U000323af]")
# What carries Latin letters in any language: vault references, addresses, anything with a digit in it.
_NOT_WORDS = re.compile(r"⟦[^⟧]*⟧|https?://\S+|\S+@\S+|[^\s⟦]*\d[^\s⟦]*")
_LETTERS = re.compile(r"[a-zA-Zａ-ｚＡ-Ｚ]+")
# Short words that Chinese speakers type as they are; alone they say nothing about the language.
_SHARED = frozenset({"ok", "okay", "td", "t", "n", "y", "app", "atm", "pos", "id", "sms", "vip", "qq", "pin", "bye"})
LATIN_MAX = 512  # characters that are looked through for words; `_NOT_WORDS` takes time with the square of them


def detect(text: str, fallback: Language) -> Language:
    """Any Chinese character: zh; words in Latin letters: en; nothing that tells (digits, emoji, "ok"): `fallback`."""
    if _HAN.search(text):
        return "zh"
    words = _LETTERS.findall(_NOT_WORDS.sub(" ", text[:LATIN_MAX]))
    return "en" if any(word.lower() not in _SHARED for word in words) else fallback

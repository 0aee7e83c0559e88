"""What may not wait for the brain: emergency, opt-out, a person, a complaint, from one compiled table."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import yaml

from core import effects
from core.effects import Effect
from core.errors import ContentError
from core.model import MessageKind, Say
from faq.folding import simplified

TABLE = Path(__file__).with_name("reflexes.yml")
PHRASE_MAX = 40  # characters: what is longer says more than the wish itself, and the brain should read it
FIELDS = {"name", "say", "effects", "alone", "brain", "whole", "phrase", "always", "anywhere", "unless"}

# The traditional characters that the table's own words need; the rest of a message may stay as it is.
_SIMPLIFIED = str.maketrans(
    "殺樓遺書結無腕農藥燒炭殘綁彈傷嗎訂閱請問訴轉換繫線務話說談對應個馬現準備會難過撐絕潰證號碼銀為鏈連發給剛這開見",
    "杀楼遗书结无腕农药烧炭残绑弹伤吗订阅请问诉转换系线务话说谈对应个马现准备会难过撑绝溃证号码银为链连发给刚这开见",
)
_BLANK_BETWEEN_HAN = re.compile(r"(?<=[\u4e00-\u9fff])\s+(?=[\u4e00-\u9fff])")
_EDGES = re.compile(r"^[\W_]+|[\W_]+$")


@dataclass(frozen=True, kw_only=True, slots=True)
class Reflex:
    """What the house does at once, whatever the brain would have said."""

    name: str
    say: tuple[Say, ...]
    effects: tuple[Effect, ...] = ()
    brain: str = ""  # payload for the brain, asked after `say` if it is up; "" for none
    alone: bool = False  # it says and asks for something only while the brain is down


@dataclass(frozen=True, slots=True)
class _Rule:
    reflex: Reflex
    whole: frozenset[str]
    phrase: re.Pattern[str] | None
    always: re.Pattern[str] | None
    unless_or_anywhere: re.Pattern[str] | None  # group 1 is set where `anywhere` matched


# What is said of messages that nobody could read: the brain would only say the same, later.
UNREAD = {
    MessageKind.TOO_LONG: Reflex(name="too_long", say=(Say(key="too_long"),)),
    MessageKind.UNREADABLE: Reflex(name="unreadable", say=(Say(key="system.unreadable"),)),
}


class Reflexes:
    """The compiled table; immutable and safe to share."""

    def __init__(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Rows as in reflexes.yml; a field that is unknown or unusable is a ContentError."""
        self._rules = tuple(_rule(row) for row in rows)

    @property
    def all(self) -> tuple[Reflex, ...]:
        return tuple(rule.reflex for rule in self._rules)

    def of(self, kind: MessageKind, text: str) -> Reflex | None:
        """The reflex of any message: by its words if they were typed, by its kind if nobody reads it to the end.

        What begins with a cry for help is answered as one, however long it is.
        """
        if kind is MessageKind.TEXT:
            return self.match(text)
        unread = UNREAD.get(kind)
        found = self.match(text) if unread is not None and text else None
        return found if found is not None and not found.brain else unread

    def match(self, text: str) -> Reflex | None:
        """The reflex of a typed message, None for every other message. Takes a few microseconds and never fails."""
        plain = normal(text)
        bare = _EDGES.sub("", plain) if len(plain) <= 2 * PHRASE_MAX else ""
        short = bare if len(bare) <= PHRASE_MAX else ""
        for rule in self._rules:
            if _fits(rule, plain, short):
                return rule.reflex
        return None


@cache
def load(path: Path = TABLE) -> Reflexes:
    """The table of the house, read and compiled once."""
    return Reflexes(yaml.safe_load(path.read_text(encoding="utf-8")))


def normal(text: str) -> str:
    """Half width, lower case, simplified where it matters, no blanks between Chinese characters, no keycap marks."""
    plain = unicodedata.normalize("NFKC", text).casefold().translate(_SIMPLIFIED)
    plain = plain.replace("\ufe0f", "").replace("\u20e3", "").replace("’", "'")  # 0️⃣ is a 0
    return _BLANK_BETWEEN_HAN.sub("", plain) if " " in plain or "\n" in plain else plain


@lru_cache(maxsize=64)  # one message is compared with buttons, pages and follow-ups, and buttons come again and again
def bare(text: str) -> str:
    """What a title and a typed message are compared by: case, width, characters and marks at the ends do not count."""
    return _EDGES.sub("", normal(simplified(text)))


def _fits(rule: _Rule, plain: str, short: str) -> bool:
    if short and (short in rule.whole or (rule.phrase is not None and rule.phrase.fullmatch(short) is not None)):
        return True
    if rule.always is not None and rule.always.search(plain) is not None:
        return True
    if rule.unless_or_anywhere is None:
        return False
    return any(found[1] is not None for found in rule.unless_or_anywhere.finditer(plain))


def _rule(row: Mapping[str, Any]) -> _Rule:
    if not row.get("name") or not row.get("say") or set(row) - FIELDS:
        raise ContentError(f"reflexes.yml: {row.get('name')!r}: needs name and say, and knows only {sorted(FIELDS)}")
    name = str(row["name"])
    try:
        reflex = Reflex(
            name=name,
            say=tuple(Say(key=str(key)) for key in row["say"]),
            effects=tuple(effects.read(e) for e in row.get("effects", ())),
            brain=str(row.get("brain", "")),
            alone=bool(row.get("alone")),
        )
        anywhere, unless = _any(row.get("anywhere")), _any(row.get("unless"))
        both = f"{unless}|({anywhere})" if unless and anywhere else f"({anywhere})" if anywhere else ""
        return _Rule(
            reflex=reflex,
            whole=frozenset(normal(str(word)) for word in row.get("whole", ())),
            phrase=_compiled(_any([_phrase(p) for p in row.get("phrase", ())])),
            always=_compiled(_any(row.get("always"))),
            unless_or_anywhere=_compiled(both),
        )
    except (ValueError, TypeError, re.error) as e:
        raise ContentError(f"reflexes.yml: {name}: {e}") from e


def _phrase(parts: Mapping[str, Sequence[str]]) -> str:
    """A regular expression for one wish with any polite words around it; possessive, so that none is tried twice."""
    before, wish, after = (_words(parts[name]) for name in ("before", "wish", "after"))
    return rf"(?:{before}[\s,.!、。]*)*+{wish}(?:[\s,.!、。]*{after})*+"


def _words(words: Sequence[str]) -> str:
    """One of `words`, the longest that fits; a Latin word ends where the word ends."""
    longest_first = sorted((normal(w) for w in words), key=len, reverse=True)
    return "(?:" + "|".join(re.escape(w) + (r"\b" if w[-1].isascii() else "") for w in longest_first) + ")"


def _any(patterns: Sequence[str] | None) -> str:
    return "|".join(patterns or ())  # a TypeError here is a line that YAML read as something else: quote it


def _compiled(pattern: str) -> re.Pattern[str] | None:
    return re.compile(pattern) if pattern else None

"""What a message is spoken and written in, and what it is answered in; pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from core.effects import Effect, SetLanguage
from core.model import Language, Locale, Script, Tongue
from faq.language import detect, is_other, locale, script, script_of


@dataclass(frozen=True, kw_only=True, slots=True)
class Spoken:
    """How a contact speaks, as of one message."""

    chosen: Tongue | Literal[""]  # whatever they write
    language: Language  # of the message; where it does not tell, of what is known from before
    script: Script | Literal[""]  # likewise, of what they write in Chinese; "" if nothing is known
    other: bool = False  # the message is in a language that we do not speak

    @property
    def locale(self) -> Locale:
        """What to answer in."""
        return locale(self.chosen, self.language, self.script)

    @property
    def answered(self) -> Language:
        """The language to answer in."""
        return "en" if self.locale == "en" else "zh"

    def after(self, effects: Sequence[Effect]) -> Spoken:
        """The same once `effects` have switched the language, if they do."""
        chosen = switched(effects)
        return replace(self, chosen=chosen) if chosen else self


def heard(
    text: str,
    *,
    chosen: Tongue | Literal[""],
    spoken: Language | Literal[""],
    written: Script | Literal[""],
    hint: str,
    default: Language,
) -> Spoken:
    """How the contact speaks who wrote `text`: the message first, then what was `spoken` and `written` before, then the
    `hint` of their platform, then the `default` of the house."""
    known = spoken or hint[:2]
    fallback: Language = known if known in ("zh", "en") else default
    if is_other(text):
        return Spoken(chosen=chosen, language=fallback, script=written or script_of(hint), other=True)
    return Spoken(chosen=chosen, language=detect(text, fallback), script=script(text) or written or script_of(hint))


def switched(effects: Sequence[Effect]) -> Tongue | Literal[""]:
    """The language that `effects` switch to, "" if they do not."""
    for asked in effects:
        if isinstance(asked, SetLanguage):
            return asked.language
    return ""

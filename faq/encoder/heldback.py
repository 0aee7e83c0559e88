"""What tuning on our own questions brings: every fourth entry, and every fourth phrasing of the others, is kept back
from training and then asked for."""

from __future__ import annotations

from dataclasses import dataclass, replace

from faq.encoder import measure
from faq.encoder.corpus import Corpus, is_chinese

EVERY = 4


@dataclass(frozen=True, kw_only=True)
class HeldBack:
    """Texts by what they are for; each is (entry, text)."""

    learned: Corpus  # the corpus without what is kept back
    known: tuple[tuple[str, str], ...]  # what a search would look through: entries' texts but for the kept phrasings
    asked: tuple[tuple[str, str], ...]  # the kept phrasings
    strange: frozenset[str]  # entries of which nothing was learned


def hold_back(corpus: Corpus) -> HeldBack:
    """The same split every time. The questions themselves are never asked for."""
    known: list[tuple[str, str]] = []
    asked: list[tuple[str, str]] = []
    for entry, texts in corpus.entries.items():
        for chinese in (True, False):
            for n, text in enumerate(text for text in texts if is_chinese(text) is chinese):
                (asked if n and n % EVERY == 0 else known).append((entry, text))
    strange = frozenset(sorted(corpus.entries)[2::EVERY])
    entries = {id: tuple(text for entry, text in known if entry == id) for id in corpus.entries if id not in strange}
    questions = tuple(q for id, q in zip(corpus.entries, corpus.questions, strict=True) if id not in strange)
    return HeldBack(
        learned=replace(corpus, entries=entries, questions=questions),
        known=tuple(known),
        asked=tuple(asked),
        strange=strange,
    )


def told(held: HeldBack, encode: measure.Encode) -> list[str]:
    """One line for each kind of phrasing: how many find their entry first, by the encoder alone."""
    lines: list[str] = []
    for strange in (False, True):
        for chinese in (True, False):
            asked = [(e, t) for e, t in held.asked if (e in held.strange) is strange and is_chinese(t) is chinese]
            right = measure.nearest_names(encode, held.known, asked)
            kind = f"{'Chinese' if chinese else 'English'}, {'entries never seen' if strange else 'entries learned'}"
            lines.append(f"{kind}: {right:.1%} of {len(asked)} phrasings kept back find their entry first")
    return lines

"""From what the brain wants said to the words of it, and what that tells of the question; pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from core.errors import ContentError
from core.model import Language, Locale, Rendered, Say
from core.questions import Candidate, Missed
from faq.responses import Renderer
from faq.search import Found

GONE = Say(key="faq.expired")
# A question that the brain takes for somebody else's matter may be one that an entry is missing for, or ran out.
UNANSWERED = frozenset({"faq.no_answer", "out_of_scope", "person.offer"})


def rendered(say: Iterable[Say], locale: Locale, renderer: Renderer) -> tuple[Rendered, ...]:
    """The sentences; for an entry that was taken away since its button was offered, that it is gone."""
    return tuple(_words(one, locale, renderer) for one in say)


def _words(say: Say, locale: Locale, renderer: Renderer) -> Rendered:
    try:
        return renderer.render(say, locale)
    except ContentError:
        if not say.faq:
            raise
        return renderer.render(GONE, locale)


def honest(say: tuple[Say, ...], found: Found | None) -> tuple[Say, ...]:
    """`say`, but where it has no answer because the right entry has run out, that it is gone."""
    if found is None or not found.expired:
        return say
    return tuple(GONE if one.key in UNANSWERED else one for one in say)


def matched(words: Rendered, found: Found | None) -> Rendered:
    """An answer with the match that it was chosen by."""
    hit = next((hit for hit in found.hits if hit.id == words.entry), None) if found and words.entry else None
    return replace(words, score=hit.score, phrasing=hit.phrasing) if hit else words


def missed(say: tuple[Say, ...], found: Found | None, language: Language) -> Missed | None:
    """What a typed question left open, if `say` says that it has no answer or asks back which entry is meant."""
    if found is None:
        return None
    hits = tuple(Candidate(id=hit.id, score=hit.score, phrasing=hit.phrasing) for hit in found.hits)
    for one in say:
        if one.key in UNANSWERED or one == GONE:
            return Missed(kind="unanswered", language=language, hits=hits)
        if one.key == "faq.ask_back":
            offered = tuple(hit for hit in hits if hit.id in one.args.get("choices", ()))
            return Missed(kind="asked", language=language, hits=offered)
    return None

"""From what the brain wants said to the words of it, and what that tells of the question; pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace

from core.errors import ContentError
from core.model import AWAY, Capabilities, Language, Locale, Rendered, Say
from core.questions import Candidate, Missed
from faq.responses import Renderer
from faq.search import Found

GONE = Say(key="faq.expired")
# What is said to whoever comes back to an open form, by what the keys of the form begin with.
STILL_OPEN = {"leave_message.": "leave_message.draft", "complaint.": "complaint.kept"}
QUESTION = re.compile(r"((?:leave_message|complaint)\.)(?:ask_|read_back)")  # a form's own
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


def carried(say: list[Rendered], carries: Capabilities) -> list[Rendered]:
    """All that a turn says, as its channel carries it: a platform that bounds answers counts them, so they go out as
    one, and a template is paid for each time; the choices do not fit into it, so a number means none of them."""
    if not say or (carries.free_text and not carries.window):
        return say
    whole = say[0] if len(say) == 1 else merged(say)
    return [whole if carries.free_text else replace(whole, buttons=())]


def merged(say: Sequence[Rendered]) -> Rendered:
    """All of `say` in one message, with the choices of each; what is kept of an answer is kept of the first."""
    texts = [f"{one.text}\n{one.source}" if one.source else one.text for one in say]
    answer = next((one for one in say if one.entry), say[0])
    buttons = tuple(button for one in say for button in one.buttons)
    return replace(answer, text="\n\n".join(texts), buttons=buttons, source="")


def honest(say: tuple[Say, ...], found: Found | None) -> tuple[Say, ...]:
    """`say`, but where it has no answer because the right entry has run out, that it is gone."""
    if found is None or not found.expired:
        return say
    return tuple(GONE if one.key in UNANSWERED else one for one in say)


def resumed(say: tuple[Say, ...], since: float | None) -> tuple[Say, ...]:
    """`say`, but where a form asks on after something else, that it is still open if the contact was away; `since`:
    seconds since the conversation's turn before."""
    asks = QUESTION.match(say[-1].key) if say else None
    if since is None or since < AWAY or len(say) < 2 or asks is None:
        return say
    if any(one.key.startswith(asks[1]) for one in say[:-1]):
        return say
    return (*say[:-1], Say(key=STILL_OPEN[asks[1]]), say[-1])


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

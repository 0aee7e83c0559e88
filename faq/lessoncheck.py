"""The check of lessons and routing table: length, words, tone, what runs out, quizzes that give themselves away."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, timedelta

from core.model import Language
from faq import lessons, routing, texts, wording
from faq.fields import LANGUAGES, UNSURE, Confidence
from faq.findings import Finding
from faq.lessons import Lesson, Lessons
from faq.routing import Route, Routing
from faq.wording import CERTAIN, PROHIBITED, TONE, Rule
from faq.yamlfile import Step

# Characters, with the {names} of the routing table filled in: a card is read on a telephone, in one look.
LENGTHS: Mapping[str, Mapping[Language, int]] = {
    "title": {"zh": 16, "en": 40},
    "card": {"zh": 120, "en": 300},
    "question": {"zh": 60, "en": 160},
    "option": {"zh": 24, "en": 70},
    "why": {"zh": 80, "en": 200},
    "handles": {"zh": 40, "en": 110},
    "first": {"zh": 80, "en": 200},
}

Text = tuple[str, tuple[Step, ...], str]  # what it is (a key of LENGTHS or another word), its place, the text


def check(taught: Lessons, table: Routing, today: date, soon: timedelta) -> list[Finding]:
    """Everything to put right in lessons and table that could be read; what ends within `soon` is told of."""
    found: list[Finding] = []
    for lesson in taught.lessons.values():
        file = lessons.file_name(lesson.id)
        if len({question.right for question in lesson.quiz}) == 1:
            line = taught.line(lesson.id, "quiz")
            reason = f"{lesson.id}: the right answer has the same number in every question"
            found.append(Finding(file=file, line=line, reason=reason, rule="quiz"))
        for rule, place, reason in _of_lesson(lesson, table, today, soon):
            line = taught.line(lesson.id, *place)
            found.append(Finding(file=file, line=line, reason=f"{lesson.id}: {reason}", rule=rule))
    for route in table.routes.values():
        for rule, place, reason in _of_route(route, today, soon):
            line = table.line(route.id, *place)
            found.append(Finding(file=routing.FILE, line=line, reason=f"{route.id}: {reason}", rule=rule))
    return sorted(found)


def stopping(taught: Lessons, table: Routing) -> list[Finding]:
    """What forbids publishing: prohibited words."""
    return [finding for finding in check(taught, table, date.min, timedelta()) if finding.stops]


Fault = tuple[str, tuple[Step, ...], str]  # rule, place, reason


def _of_lesson(lesson: Lesson, table: Routing, today: date, soon: timedelta) -> Iterator[Fault]:
    yield from _ending(lesson.valid_to, today, soon)
    for language in LANGUAGES:
        yield from _wording(_lesson_texts(lesson, language), language, lesson.confidence, table.args(language))


def _of_route(route: Route, today: date, soon: timedelta) -> Iterator[Fault]:
    yield from _ending(route.valid_to, today, soon)
    for language in LANGUAGES:
        shown: list[Text] = [
            ("name", ("name", language), route.name[language]),
            ("handles", ("handles", language), route.handles[language]),
            ("first", ("first", language), route.first[language]),
            ("basis", ("basis", language), route.basis[language]),
        ]
        yield from _wording(shown, language, route.confidence, {})


def _ending(valid_to: date | None, today: date, soon: timedelta) -> Iterator[Fault]:
    if valid_to and valid_to < today:
        yield "expired", ("valid_to",), f"out of date since {valid_to}; check the facts again"
    elif valid_to and valid_to < today + soon:
        yield "expiring", ("valid_to",), f"good until {valid_to} only; check the facts again"


def _lesson_texts(lesson: Lesson, language: Language) -> Iterator[Text]:
    yield "title", ("title", language), lesson.title[language]
    for n, card in enumerate(lesson.cards):
        yield "card", ("cards", n, language), card[language]
    for n, question in enumerate(lesson.quiz):
        yield "question", ("quiz", n, "question", language), question.ask[language]
        yield "why", ("quiz", n, "why", language), question.why[language]
        for m, option in enumerate(question.options):
            yield "option", ("quiz", n, "options", m, language), option[language]
    yield "basis", ("basis", language), lesson.basis[language]


def _wording(
    shown: Iterator[Text] | list[Text], language: Language, confidence: Confidence, args: Mapping[str, str]
) -> Iterator[Fault]:
    given = {**{name: f"{{{name}}}" for name in texts.SETTINGS_ARGS}, **args}
    for what, place, raw in shown:
        text = texts.fill(raw, given)
        most = LENGTHS.get(what, {}).get(language)
        if most is not None and len(text) > most:
            yield (
                "too-long",
                place,
                f"the {what} in {language} has {len(text)} characters, {most} can be read in one look",
            )
        for rule, words in wording.offences(text, _rules(what, language, confidence)):
            yield rule.name, place, f"{rule.reason} ({words})"


def _rules(what: str, language: Language, confidence: Confidence) -> tuple[Rule, ...]:
    # A wrong option may be as sure of itself as a swindler is.
    careful = CERTAIN[language] if confidence in UNSURE and what != "option" else ()
    return PROHIBITED + TONE[language] + careful

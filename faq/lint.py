"""Says what is wrong with the content before a consumer finds out: broken files, look-alikes, old facts, bad words."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from core.model import Button, Language
from faq import lessoncheck, phrasings, reading, responses, texts, wording
from faq.entries import LANGUAGES, Content, Entry, china_day
from faq.findings import Finding, of_entry
from faq.responses import Response, Responses
from faq.wording import CERTAIN, PROHIBITED, TONE
from faq.yamlfile import Problem

if TYPE_CHECKING:
    from faq.vectors import Vectors

NUMBER = "12363"  # belongs into the settings: another site has another hotline
SOON = timedelta(days=30)  # before the end of an entry: time to check its facts again
# A text message holds 70 characters with Chinese and 160 without; two of them for a short answer.
SHORT_MAX: dict[Language, int] = {"zh": 120, "en": 300}


def run(folder: Path, now: datetime | None = None, vectors: Vectors | None = None) -> list[Finding]:
    """Everything to put right in the content folder, by file and line; `now` is the clock's where it is not given.

    With `vectors` phrasings are also compared by meaning, which may take as long as encoding them.
    """
    whole, broken = reading.read(folder)
    content, said, moment = whole.content, whole.responses, now or datetime.now(UTC)
    found = [_broken(problem) for problem in broken]
    for entry in content.entries.values():
        found += _entry(content, entry, moment)
    found += lessoncheck.check(whole.lessons, whole.routing, china_day(moment), SOON)
    found += phrasings.check(content, vectors)
    found += _sentences(said, content)
    return sorted(found)


def stopping(content: Content, said: Responses) -> list[Finding]:
    """What forbids publishing content that could be read, by file and line; quick enough for every save."""
    found = [
        of_entry(content, entry.id, rule.name, f"{rule.reason} ({words})", *place)
        for entry in content.entries.values()
        for language in LANGUAGES
        for place, text in _texts(entry, language)
        for rule, words in wording.offences(text, PROHIBITED)
    ]
    found += [
        finding
        for language in LANGUAGES
        for key, response in said.sentences[language].items()
        for finding in _wording(said, language, key, response)
        if finding.stops
    ]
    return sorted(found)


def _broken(problem: Problem) -> Finding:
    return Finding(file=problem.file, line=problem.line, reason=problem.reason, rule="broken")


def _entry(content: Content, entry: Entry, now: datetime) -> Iterator[Finding]:
    def finding(rule: str, reason: str, *place: str | int) -> Finding:
        return of_entry(content, entry.id, rule, reason, *place)

    today = china_day(now)
    if entry.valid_to and entry.valid_to < today:
        yield finding("expired", f"no longer answered from since {entry.valid_to}; check the facts again", "valid_to")
    elif entry.valid_to and entry.valid_to < today + SOON:
        yield finding("expiring", f"answered from until {entry.valid_to} only; check the facts again", "valid_to")
    for language in LANGUAGES:
        length = len(entry.answer[language].short)
        if length > SHORT_MAX[language]:
            reason = f"the short answer in {language} has {length} characters, {SHORT_MAX[language]} fit a text message"
            yield finding("too-long", reason, "answer", language, "short")
        rules = PROHIBITED + TONE[language] + (CERTAIN[language] if entry.confidence in ("M", "U") else ())
        for place, text in _texts(entry, language):
            for rule, words in wording.offences(text, rules):
                yield finding(rule.name, f"{rule.reason} ({words})", *place)


def _texts(entry: Entry, language: Language) -> Iterator[tuple[tuple[str, ...], str]]:
    """What a consumer may read of an entry, with its place; phrasings are the consumer's own words."""
    answer = entry.answer[language]
    yield ("question", language), entry.question[language]
    yield ("answer", language, "short"), answer.short
    yield ("answer", language, "details"), answer.details
    yield ("basis", language), entry.basis[language]
    yield ("next_step", language), entry.next_step[language]


def _sentences(said: Responses, content: Content) -> Iterator[Finding]:
    for language in LANGUAGES:
        for key, response in said.sentences[language].items():
            yield from _wording(said, language, key, response)
            for n, entry in enumerate(_slot(button, "faq", "id") for button in response.buttons):
                if entry and entry not in content.entries:
                    reason = f"a button leads to entry {entry}, which does not exist"
                    yield _sentence(said, language, "payload", reason, key, "buttons", n, "payload")
            for n, page in enumerate(_slot(button, responses.MENU, "page") for button in response.buttons):
                if page and f"{responses.MENU}.{page}" not in said.sentences[language]:
                    reason = f"a button leads to the menu's page {page}, which does not exist"
                    yield _sentence(said, language, "payload", reason, key, "buttons", n, "payload")
    zh, en = (said.sentences[language] for language in LANGUAGES)
    for key in zh.keys() & en.keys():
        one, other = texts.names(zh[key].text), texts.names(en[key].text)
        if one != other:
            yield _sentence(said, "en", "args", f"zh uses {_named(one)} and en uses {_named(other)}", key)
        # The language switch is the one button that differs on purpose: it leads to the other language.
        payloads = [[_but_language(b.payload) for b in side[key].buttons] for side in (zh, en)]
        if payloads[0] != payloads[1]:
            reason = "the buttons of zh and en do not lead to the same places"
            yield _sentence(said, "en", "payload", reason, key, "buttons")


def _wording(said: Responses, language: Language, key: str, response: Response) -> Iterator[Finding]:
    titles = {("buttons", n, "title"): button.title for n, button in enumerate(response.buttons)}
    for place, text in {("text",): response.text, **titles}.items():
        for rule, words in wording.offences(text, PROHIBITED + TONE[language]):
            yield _sentence(said, language, rule.name, f"{rule.reason} ({words})", key, *place)
        if NUMBER in text:
            reason = f"write {{hotline_number}} instead of {NUMBER}"
            yield _sentence(said, language, "hard-coded", reason, key, *place)


def _sentence(said: Responses, language: Language, rule: str, reason: str, key: str, *place: str | int) -> Finding:
    file, line = f"{responses.FOLDER}/{language}.yml", said.line(language, key, *place)
    return Finding(file=file, line=line, reason=f"{key}: {reason}", rule=rule)


def _slot(button: Button, intent: str, slot: str) -> str:
    """What a button of `intent` gives as `slot`, "" if it is another button or gives none."""
    name, _, slots = button.payload.partition("{")
    return str(json.loads("{" + slots).get(slot, "")) if name == f"/{intent}" and slots else ""


def _but_language(payload: str) -> str:
    return payload.partition("{")[0] if payload.startswith("/set_language") else payload


def _named(names: frozenset[str]) -> str:
    return " ".join(f"{{{name}}}" for name in sorted(names)) or "none"

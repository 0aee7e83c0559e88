"""Says what is wrong with the content before a consumer finds out: broken files, look-alikes, old facts, bad words."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from core.model import Button, Language
from faq import entries, responses, texts, wording
from faq.entries import LANGUAGES, Content, Entry, china_day
from faq.evaluate import grams, likeness
from faq.index import bare
from faq.responses import Response, Responses
from faq.wording import CERTAIN, PROHIBITED, TONE
from faq.yamlfile import Problem

PHRASINGS_MIN = 6  # per language: fewer and people's own words are not found
NUMBER = "12363"  # belongs into the settings: another site has another hotline
ALIKE = 0.75  # likeness of three-character pieces from which two phrasings are the same
# A text message holds 70 characters with Chinese and 160 without; two of them for a short answer.
SHORT_MAX: dict[Language, int] = {"zh": 120, "en": 300}


@dataclass(frozen=True, kw_only=True, slots=True, order=True)
class Finding:
    """Something to put right, and where; `rule` is its name for machines."""

    file: str  # relative to the content folder
    line: int  # 1, 2, …; 0 if the file as a whole is meant
    reason: str
    rule: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.reason}"


def run(folder: Path, now: datetime | None = None) -> list[Finding]:
    """Everything to put right in the content folder, by file and line; `now` is the clock's where it is not given."""
    content, broken = entries.read(folder)
    said, unsaid = responses.read(folder / responses.FOLDER)
    found = [_broken(problem) for problem in (*broken, *unsaid)]
    for entry in content.entries.values():
        found += _entry(content, entry, now or datetime.now(UTC))
    found += _look_alikes(content)
    found += _sentences(said, content)
    return sorted(found)


def _broken(problem: Problem) -> Finding:
    return Finding(file=problem.file, line=problem.line, reason=problem.reason, rule="broken")


def _entry(content: Content, entry: Entry, now: datetime) -> Iterator[Finding]:
    def finding(rule: str, reason: str, *place: str | int) -> Finding:
        file, line = content.line(entry.id, *place)
        return Finding(file=file, line=line, reason=f"{entry.id}: {reason}", rule=rule)

    if entry.valid_to and entry.valid_to < china_day(now):
        yield finding("expired", f"no longer answered from since {entry.valid_to}; check the facts again", "valid_to")
    for language in LANGUAGES:
        few = entry.phrasings[language]
        if len(few) < PHRASINGS_MIN:
            yield finding(
                "few-phrasings",
                f"{len(few)} phrasings in {language}, {PHRASINGS_MIN} are needed",
                "phrasings",
                language,
            )
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


def _look_alikes(content: Content) -> Iterator[Finding]:
    """Phrasings that are nearly the same in two entries, or exactly the same in one."""
    for language in LANGUAGES:
        phrasings = [
            (entry.id, place, text, grams(text))
            for entry in content.entries.values()
            for place, text in [(("question", language), entry.question[language])]
            + [(("phrasings", language, n), text) for n, text in enumerate(entry.phrasings[language])]
        ]
        # Only those that share a piece can be alike; most pairs share none.
        holders: defaultdict[str, list[int]] = defaultdict(list)
        for n, (entry_id, place, text, pieces) in enumerate(phrasings):
            seen: set[int] = set()
            for piece in pieces:
                seen.update(holders[piece])
                holders[piece].append(n)
            for other in sorted(seen):
                other_id, _, other_text, other_pieces = phrasings[other]
                same = entry_id == other_id
                if bare(text) == bare(other_text) if same else likeness(pieces, other_pieces) >= ALIKE:
                    file, line = content.line(entry_id, *place)
                    reason = f"{entry_id}: “{text}” is nearly {other_id}'s “{other_text}”"
                    yield Finding(file=file, line=line, reason=reason, rule="look-alike")


def _sentences(said: Responses, content: Content) -> Iterator[Finding]:
    for language in LANGUAGES:
        for key, response in said.sentences[language].items():
            yield from _wording(said, language, key, response)
            for n, entry in enumerate(map(_entry_of, response.buttons)):
                if entry and entry not in content.entries:
                    reason = f"a button leads to entry {entry}, which does not exist"
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


def _entry_of(button: Button) -> str:
    """The FAQ entry that a button leads to, "" if none."""
    intent, _, slots = button.payload.partition("{")
    return str(json.loads("{" + slots).get("id", "")) if intent == "/faq" and slots else ""


def _but_language(payload: str) -> str:
    return payload.partition("{")[0] if payload.startswith("/set_language") else payload


def _named(names: frozenset[str]) -> str:
    return " ".join(f"{{{name}}}" for name in sorted(names)) or "none"

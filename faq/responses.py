"""Every sentence a consumer can read, by key and language, and the renderer that turns a `Say` into words."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Any, cast

from core.errors import ContentError
from core.model import Button, Language, Locale, Rendered, Say
from faq import case_sentences, complaint_sentences, news_sentences, teaching, texts, yamlfile
from faq.entries import LANGUAGES, Content, Entry
from faq.fields import NO_ARGS
from faq.folding import traditional
from faq.lessons import Lesson, Lessons
from faq.routing import Routing
from faq.teaching import Teacher, entry_button
from faq.yamlfile import Place, Problem, YamlFile

FOLDER = "responses"  # inside the content folder

# The keys that the house itself says, with the {names} it gives besides those of the settings. A file without one of
# them, or with a {name} that nobody fills, is not published: an edit must never be found out by a consumer's turn.
NEEDED: dict[str, frozenset[str]] = {
    key: frozenset(args.split())
    for key, args in {
        "greeting": "", "menu": "", "goodbye": "", "thanks": "", "bot_challenge": "", "smalltalk": "", "followed": "",
        "affirm": "", "deny": "",
        "language.switched": "", "language.ask": "", "language.other": "",
        "faq.ask_back": "", "faq.no_answer": "", "faq.none_of_these": "", "faq.expired": "",
        "faq.source": "basis checked_on", "faq.source_unreviewed": "basis checked_on",
        "faq.next_step": "next_step", "faq.details": "", "answer.helped": "", "answer.missed": "",
        "hold": "", "parked": "", "afresh": "", "too_long": "", "not_taken": "", "system.unreadable": "",
        "attachment.received": "", "location.received": "",
        "leave_message.intro": "", "leave_message.ask_text": "", "leave_message.ask_contact": "",
        "leave_message.invalid_text": "", "leave_message.invalid_contact": "", "leave_message.done": "",
        "leave_message.cancelled": "", "leave_message.resume": "", "stop.nothing": "",
        "leave_message.back": "", "leave_message.first_step": "", "leave_message.restart": "",
        "leave_message.corrected": "",
        "leave_message.about": "about", "leave_message.draft": "",
        "emergency": "", "distress": "", "private_number": "",
        "fraud.now": "", "fraud.more": "", "opt_out.done": "", "outreach.kept": "", "out_of_scope": "",
        "person.how": "", "person.how.expert": "", "person.how.leader": "", "person.offer": "",
        "abuse.calm": "", "abuse.warning": "", "abuse.pause": "",
        **teaching.NEEDED,
        **complaint_sentences.NEEDED,
        **case_sentences.NEEDED,
        **news_sentences.NEEDED,
    }.items()
}  # fmt: skip

MENU = "menu"
PAGE = '/menu{"page":'  # how the payload of a button to a page of the menu begins
# Sentences with variants: the one named <key>.<value of the argument> is said in their place where there is one. The
# pages of the menu are such variants, and lead on by their buttons.
VARIED = {
    MENU: "page",
    "person.how": "role",
    "case.ask_text": "act",
    "complaint.ask_facts": "wording",
    "complaint.ask_person": "wording",
    "complaint.read_back": "form",
}

Args = Mapping[Language, Mapping[str, str]]  # the values of texts.SETTINGS_ARGS per language


@dataclass(frozen=True, kw_only=True, slots=True)
class Response:
    """One sentence with its buttons; {names} are not filled in yet."""

    text: str
    buttons: tuple[Button, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Responses:
    """All sentences by language and key; `lines` are the places of keys and values, for complaints."""

    sentences: Mapping[Language, Mapping[str, Response]]
    lines: Mapping[Language, Mapping[Place, int]]
    version: str  # hash of the files

    def line(self, language: Language, *place: str | int) -> int:
        """The line of a value such as ("greeting", "buttons", 0, "title"), or of the nearest one around it."""
        while place and place not in self.lines[language]:
            place = place[:-1]
        return self.lines[language].get(place, 0)


def load(folder: Path, more: frozenset[str] = NO_ARGS) -> Responses:
    """The sentences in `folder`/<language>.yml; ContentError with one line "file:line: reason" per problem."""
    responses, problems = read(folder, more)
    if problems:
        raise ContentError("\n".join(map(str, problems)))
    return responses


def read(folder: Path, more: frozenset[str] = NO_ARGS) -> tuple[Responses, list[Problem]]:
    """What can be read of `folder`, and everything that is wrong with it, by file and line.

    `more`: the {names} that every sentence may use besides those of the settings (Routing.names).
    """
    files: dict[Language, YamlFile] = {
        language: yamlfile.read(folder / f"{language}.yml", f"{FOLDER}/{language}.yml") for language in LANGUAGES
    }
    sentences: dict[Language, dict[str, Response]] = {
        language: _sentences(file, texts.SETTINGS_ARGS | more) for language, file in files.items()
    }
    keys = set(NEEDED).union(*sentences.values())
    for language, file in files.items():
        if file.problems and not sentences[language]:
            continue  # nothing of it could be read: naming every key as missing would bury the reason
        for key in sorted(keys - set(sentences[language])):
            if (key,) not in file.lines:
                reason = f"the key {key} is missing in {language}"
                file.problems.append(Problem(file=file.name, line=0, reason=reason))
    lines: dict[Language, Mapping[Place, int]] = {language: file.lines for language, file in files.items()}
    digest = hashlib.sha256(b"".join(hashlib.sha256(f.raw).digest() for f in files.values())).hexdigest()[:12]
    problems = sorted(problem for file in files.values() for problem in file.problems)
    return Responses(sentences=sentences, lines=lines, version=digest), problems


def _sentences(file: YamlFile, everywhere: frozenset[str]) -> dict[str, Response]:
    if file.problems:
        return {}
    value: object = file.value
    if not isinstance(value, dict):
        file.blame((), "a mapping of keys to sentences is needed here")
        return {}
    return {key: _response(file, key, raw, everywhere) for key, raw in cast("dict[str, Any]", value).items()}


def _response(file: YamlFile, key: str, raw: object, everywhere: frozenset[str]) -> Response:
    # What other rooms say is theirs to fill in; what the house says is known here.
    allowed = NEEDED[key] | everywhere if key in NEEDED else None
    row = cast("dict[str, Any]", raw) if isinstance(raw, dict) else {"text": cast("Any", raw)}
    file.mapping((key,), row, required=["text"], optional=["buttons"])
    rows = file.items((key, "buttons"), row.get("buttons", []))
    buttons = [_button(file, key, n, one, allowed) for n, one in enumerate(rows)]
    text = file.text((key, "text"), row.get("text")) if "text" in row else ""
    if why := texts.trouble(text, allowed):
        file.blame((key, "text"), f"{key}: {why}")
    return Response(text=text, buttons=tuple(buttons))


def _button(file: YamlFile, key: str, n: int, raw: Any, allowed: frozenset[str] | None) -> Button:
    place = (key, "buttons", n)
    row = file.mapping(place, raw, required=["title", "payload"])
    title, payload = (file.text((*place, part), row[part]) if part in row else "" for part in ("title", "payload"))
    if why := texts.trouble(title, allowed):
        file.blame((*place, "title"), f"{key}: {why}")
    if payload and not _is_payload(payload):
        file.blame((*place, "payload"), f'{payload!r} is not a payload; /intent or /intent{{"slot":"value"}} is')
    return Button(title=title, payload=payload)


def _is_payload(payload: str) -> bool:
    intent, _, slots = payload.partition("{")
    try:
        return intent.startswith("/") and intent[1:].isidentifier() and (not slots or bool(json.loads("{" + slots)))
    except ValueError:
        return False


class Renderer:
    """Turns what should be said into the words of one language and script, as of one day; pure and in memory."""

    def __init__(
        self,
        content: Content,
        responses: Responses,
        args: Args,
        today: date,
        *,
        lessons: Lessons | None = None,
        routing: Routing | None = None,
    ) -> None:
        """A missing value in `args` is a ContentError at once."""
        for language in LANGUAGES:
            if missing := texts.SETTINGS_ARGS - set(args.get(language, {})):
                raise ContentError(f"no value for {', '.join(sorted(missing))} in {language}")
        self._content = content
        self._responses = responses
        self._args: Args = {
            language: _with_routes(args[language], routing or Routing(), language) for language in LANGUAGES
        }
        self._routing = routing or Routing()
        self._today = today
        self._teacher = Teacher(
            lessons=lessons or Lessons(),
            entries=content.entries,
            today=today,
            sentence=self._sentence,
            values=self._args,
            source=self._source,
        )

    def render(self, say: Say, locale: Locale) -> Rendered:
        """The words for `say`. An unknown key or entry, or a {name} without a value, is a ContentError.

        What comes in the middle of a lesson names its step as `lesson` and gets a button back to it.
        """
        if [bool(say.key), bool(say.faq), bool(say.text)].count(True) != 1:
            raise ContentError("a say is exactly one of key, faq and text")
        if say.text:
            return Rendered(text=say.text)
        language: Language = "en" if locale == "en" else "zh"
        words = self._said(say, language)
        back = self._teacher.resume(str(say.args.get("lesson", "")), language)
        words = replace(words, buttons=words.buttons + back)
        return _in_traditional(words) if locale == "zh-Hant" else words

    @cached_property
    def pages(self) -> tuple[Button, ...]:
        """The buttons of the menu that lead to one of its pages, in every language."""
        return tuple(
            Button(title=texts.fill(button.title, self._args[language]), payload=button.payload)
            for language in LANGUAGES
            for key, response in self._responses.sentences[language].items()
            if key.partition(".")[0] == MENU
            for button in response.buttons
            if button.payload.startswith(PAGE)
        )

    def _said(self, say: Say, language: Language) -> Rendered:
        if say.faq:
            words = self._answer(self._entry(say.faq), language, details=bool(say.args.get("details")))
            lessons = () if say.args.get("lesson") else self._teacher.offers(words.entry, language)
            return replace(words, buttons=words.buttons + lessons)
        if say.key == "faq.ask_back":
            return self._ask_back(say.args.get("choices"), language)
        if say.key == "lessons.list":
            return self._teacher.contents(str(say.args.get("step", "")), language)
        if say.key == "lesson.step":
            return self._teacher.step(str(say.args.get("step", "")), language)
        if matter := str(say.args.get("matter", "")):
            return self._sentence(say.key, say.args | self._where(matter, language), language)
        return self._sentence(self._variant(say, language), say.args, language)

    def _where(self, matter: str, language: Language) -> dict[str, str]:
        """What a sentence may say of who handles a matter."""
        route = self._routing.of(matter)
        number = texts.fill(route.number, self._args[language])
        return {"office": route.name[language], "number": number}

    def _variant(self, say: Say, language: Language) -> str:
        """The key of the variant that `say` asks for; its own where it asks for none, or for one that is gone."""
        key = f"{say.key}.{say.args.get(VARIED[say.key], '')}" if say.key in VARIED else ""
        return key if key in self._responses.sentences[language] else say.key

    def _sentence(self, key: str, args: Mapping[str, object], language: Language) -> Rendered:
        response = self._responses.sentences[language].get(key)
        if response is None:
            raise ContentError(f"there is no sentence {key!r} in {language}")
        known = {**args, **self._args[language]}
        buttons = tuple(Button(title=texts.fill(b.title, known), payload=b.payload) for b in response.buttons)
        return Rendered(text=texts.fill(response.text, known), buttons=buttons)

    def _answer(self, entry: Entry, language: Language, *, details: bool) -> Rendered:
        if not entry.holds(self._today):
            return self._sentence("faq.expired", {}, language)
        answer, given = entry.answer[language], self._args[language]
        next_step = texts.fill(entry.next_step[language], given)
        parts = [
            texts.fill(answer.short, given),
            texts.fill(answer.details, given) if details else "",
            self._words("faq.next_step", {"next_step": next_step}, language),
        ]
        more: tuple[Button, ...] = ()
        if answer.details and not details:
            payload = json.dumps({"id": entry.id, "details": "yes"}, separators=(",", ":"))
            more = (Button(title=self._words("faq.details", {}, language), payload=f"/faq{payload}"),)
        return Rendered(
            text="\n\n".join(part for part in parts if part),
            buttons=more,
            source=self._source("faq.source", entry, language),
            entry=entry.id,
            entry_version=entry.version,
        )

    def _source(self, key: str, of: Entry | Lesson, language: Language) -> str:
        """The sentence `key` on what facts rest on and their day; what nobody has reviewed is not called checked."""
        args = {"basis": of.basis[language], "checked_on": of.checked_on.isoformat()}
        return self._words(key if of.reviewed_by else f"{key}_unreviewed", args, language)

    def _ask_back(self, choices: object, language: Language) -> Rendered:
        """The choices as buttons, before those of the sentence itself; a choice that has run out is left away."""
        if not isinstance(choices, (list, tuple)) or not choices:
            raise ContentError("faq.ask_back needs choices, a list of entry ids")
        entries = [self._entry(str(one)) for one in cast("list[object]", choices)]
        holding = [entry for entry in entries if entry.holds(self._today)]
        offered = tuple(entry_button(entry, language) for entry in holding)
        if not offered:
            return self._sentence("faq.no_answer", {}, language)
        asked = self._sentence("faq.ask_back", {}, language)
        return Rendered(text=asked.text, buttons=offered + asked.buttons)

    def _words(self, key: str, args: Mapping[str, object], language: Language) -> str:
        return self._sentence(key, args, language).text

    def _entry(self, entry: str) -> Entry:
        found = self._content.entries.get(entry)
        if found is None:
            raise ContentError(f"there is no FAQ entry {entry!r}")
        return found


def _in_traditional(words: Rendered) -> Rendered:
    """The same in traditional characters; what a button means and how an answer was found stay as they are."""
    buttons = tuple(replace(button, title=traditional(button.title)) for button in words.buttons)
    return replace(words, text=traditional(words.text), source=traditional(words.source), buttons=buttons)


def _with_routes(args: Mapping[str, str], routing: Routing, language: Language) -> dict[str, str]:
    """The settings' values, and beside them what sentences may name of the routing table."""
    return {**args, **{name: texts.fill(value, args) for name, value in routing.args(language).items()}}

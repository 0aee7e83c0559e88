"""Lessons as they are shown: the list of them, a card, a question of the quiz, what an answer was worth. Pure."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date

from core.model import Button, Language, Rendered
from faq import lessons, texts
from faq.entries import Entry
from faq.lessons import QUESTIONS, Lesson, Lessons, Step

# The sentences that are said here, with the {names} that are given besides those of the settings.
NEEDED: Mapping[str, str] = {
    "lessons.list": "", "lessons.none": "", "lessons.all": "", "lesson.step": "title place text",
    "lesson.question": "n of text", "lesson.next": "", "lesson.back": "", "lesson.quiz": "", "lesson.again": "",
    "lesson.offer": "title", "lesson.resume": "title", "lesson.right": "why", "lesson.wrong": "answer why",
    "lesson.score": "right of", "lesson.checked": "checked_on", "lesson.checked_unreviewed": "checked_on",
    "lesson.gone": "",
}  # fmt: skip


@dataclass(frozen=True, kw_only=True, slots=True)
class Teacher:
    """Shows the lessons of one day; the renderer lends its sentences, what they may name, and how a source is put."""

    lessons: Lessons
    entries: Mapping[str, Entry]
    today: date
    sentence: Callable[[str, Mapping[str, object], Language], Rendered]
    values: Mapping[Language, Mapping[str, str]]
    source: Callable[[str, Lesson, Language], str]

    def contents(self, at: str, language: Language) -> Rendered:
        """The list of lessons; first the one that was begun, if the step `at` is still in it."""
        offered = tuple(
            _button(lesson.title[language], Step(lesson=lesson.id, card=1))
            for lesson in self.lessons.lessons.values()
            if lesson.holds(self.today)
        )
        if not offered:
            return self.sentence("lessons.none", {}, language)
        listed = self.sentence("lessons.list", {}, language)
        return Rendered(text=listed.text, buttons=self.resume(at, language) + offered + listed.buttons)

    def resume(self, at: str, language: Language) -> tuple[Button, ...]:
        """A button back to the step `at`; none if it is gone or the lesson was finished there."""
        step = lessons.step(at)
        lesson = self._lesson(step)
        if step is None or lesson is None or (step.answer and step.question == QUESTIONS):
            return ()
        return (_button(self._words("lesson.resume", {"title": lesson.title[language]}, language), step),)

    def offers(self, entry: str, language: Language) -> tuple[Button, ...]:
        """Buttons to the lessons that go with the answer of `entry`."""
        return tuple(
            _button(
                self._words("lesson.offer", {"title": lesson.title[language]}, language), Step(lesson=lesson.id, card=1)
            )
            for lesson in self.lessons.lessons.values()
            if entry in lesson.offered_with and lesson.holds(self.today)
        )

    def step(self, at: str, language: Language) -> Rendered:
        """The card, question or result at the step `at`; a step that is gone since its button was offered says so."""
        step = lessons.step(at)
        lesson = self._lesson(step)
        if step is None or lesson is None:
            return self.sentence("lesson.gone", {}, language)
        if step.card:
            return self._card(lesson, step.card, language)
        return self._judged(lesson, step, language) if step.answer else self._question(lesson, step, "", language)

    def _lesson(self, step: Step | None) -> Lesson | None:
        """The lesson that `step` leads into, None if there is no such place in it now."""
        lesson = self.lessons.lessons.get(step.lesson) if step else None
        if step is None or lesson is None or not lesson.holds(self.today):
            return None
        if step.card:
            return lesson if step.card <= len(lesson.cards) else None
        in_quiz = step.quiz == lesson.quiz_version and step.question <= QUESTIONS and step.right < step.question
        return lesson if in_quiz else None

    def _card(self, lesson: Lesson, n: int, language: Language) -> Rendered:
        place, text = f"{n}/{len(lesson.cards)}", self._filled(lesson.cards[n - 1], language)
        args = {"title": lesson.title[language], "place": place, "text": text}
        last = n == len(lesson.cards)
        onward = (
            _button(self._words("lesson.quiz", {}, language), _quiz(lesson))
            if last
            else _button(self._words("lesson.next", {}, language), Step(lesson=lesson.id, card=n + 1))
        )
        back = (_button(self._words("lesson.back", {}, language), Step(lesson=lesson.id, card=n - 1)),) if n > 1 else ()
        return Rendered(
            text=self._words("lesson.step", args, language),
            buttons=(onward, *back, self._all(language)),
            # Laws have long names: on every card they would be longer than what it says.
            source=self.source("faq.source" if last else "lesson.checked", lesson, language),
        )

    def _question(self, lesson: Lesson, step: Step, before: str, language: Language) -> Rendered:
        """The question at `step`, under what there is to say of the one before it."""
        question = lesson.quiz[step.question - 1]
        args = {"n": step.question, "of": QUESTIONS, "text": self._filled(question.ask, language)}
        asked = self._words("lesson.question", args, language)
        return Rendered(
            text=f"{before}\n\n{asked}" if before else asked,
            buttons=tuple(
                _button(self._filled(option, language), replace(step, answer=n))
                for n, option in enumerate(question.options, 1)
            ),
        )

    def _judged(self, lesson: Lesson, step: Step, language: Language) -> Rendered:
        """Whether the answer was right and why; then the next question, after the last one the score."""
        question = lesson.quiz[step.question - 1]
        is_right = step.answer == question.right
        args = {
            "why": self._filled(question.why, language),
            "answer": self._filled(question.options[question.right - 1], language),
        }
        verdict = self._words("lesson.right" if is_right else "lesson.wrong", args, language)
        right = step.right + is_right
        if step.question < QUESTIONS:
            following = replace(step, question=step.question + 1, right=right, answer=0)
            return self._question(lesson, following, verdict, language)
        score = self._words("lesson.score", {"right": right, "of": QUESTIONS}, language)
        related = (self.entries[one] for one in lesson.related if one in self.entries)
        return Rendered(
            text=f"{verdict}\n\n{score}",
            buttons=(
                *(entry_button(entry, language) for entry in related if entry.holds(self.today)),
                _button(self._words("lesson.again", {}, language), Step(lesson=lesson.id, card=1)),
                self._all(language),
            ),
            source=self.source("faq.source", lesson, language),
        )

    def _filled(self, text: Mapping[Language, str], language: Language) -> str:
        return texts.fill(text[language], self.values[language])

    def _all(self, language: Language) -> Button:
        return Button(title=self._words("lessons.all", {}, language), payload="/lessons")

    def _words(self, key: str, args: Mapping[str, object], language: Language) -> str:
        return self.sentence(key, args, language).text


def entry_button(entry: Entry, language: Language) -> Button:
    """A button that asks the question of `entry`."""
    return Button(title=entry.question[language], payload=f'/faq{{"id":"{entry.id}"}}')


def _quiz(lesson: Lesson) -> Step:
    return Step(lesson=lesson.id, quiz=lesson.quiz_version, question=1)


def _button(title: str, step: Step) -> Button:
    payload = json.dumps({"step": str(step)}, separators=(",", ":"))
    return Button(title=title, payload=f"/lesson{payload}")

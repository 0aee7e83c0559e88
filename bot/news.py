"""The words of news: what consumers hear unasked of their own cases, whole where they talk with us, short elsewhere.

What has piled up at one case is said in one message: earlier steps in a line each, the last one whole. Nothing of it
holds a query code; and what leaves the conversation (a short message, a platform's notice) holds the number of the
case, plain words, a day, and where to turn, never what the case is about.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot import telling
from cases.calendar import today
from cases.model import Case, CaseEvent
from cases.news import News
from cases.rating import GRADES
from cases.states import TRANSITIONS, Act
from core.model import Button, Language, Locale, Notice, Rendered, Say
from faq.responses import Renderer

LATE = timedelta(days=1)  # news that is older is told with an apology
WHERE_MAX = 60  # characters of where to turn in a short message
RATED = "/rated"  # how the payload of an answer to a survey begins
# Acts whose `text` is what the consumer is told; of others it is for those who work on the case.
TOLD_WITH: Mapping[str, tuple[str, ...]] = {act.value: transition.needs for act, transition in TRANSITIONS.items()}


@dataclass(frozen=True, kw_only=True, slots=True)
class Teller:
    """Says things in one locale, as of `now`."""

    renderer: Renderer
    locale: Locale
    now: datetime

    @property
    def language(self) -> Language:
        return "en" if self.locale == "en" else "zh"

    def whole(self, news: News, institution: str) -> Rendered:
        """All of it, for the conversation of the case; `institution`: the name of the one it went to, "": unknown."""
        case, last = news.case, news.last
        *before, _ = news.events
        parts: list[str] = []
        if self.now - news.events[0].at > LATE:
            parts.append(self._say("news.late", case_no=case.case_no))
        # A step that others have overtaken, which are told elsewhere or not at all, has no day to promise any more.
        overtaken = news.overtaken or (case.due_at is None and last.after is not case.state)
        if before or overtaken:
            parts.append(self._say("news.several", case_no=case.case_no))
        for event in (*before, *([last] if overtaken else ())):
            day = telling.day(today(event.at), self.language)
            parts += [self._say("news.before", day=day, step=self.step(event.act)), *self._more(event)]
        if overtaken:
            return Rendered(text="\n".join(parts))
        said = self._whole(case, last, institution)
        return Rendered(text="\n".join([*parts, said.text, *self._more(last)]), buttons=said.buttons)

    def short(self, case: Case, act: str, facts: Mapping[str, object], *, free_text: bool = True) -> Rendered:
        """The same in a short message, which says first who writes; where only templates go out, which say so
        themselves, in the few characters that one carries."""
        if not free_text:
            return Rendered(text=self._say("news.sms.short", case_no=case.case_no, step=self.step(act)))
        return Rendered(text=self._say("news.sms.from", text=self._brief(case, act, facts)))

    def notice(self, case: Case, act: str, facts: Mapping[str, object]) -> Notice:
        """The same in the values that an approved notice may show."""
        values = {
            "case_no": case.case_no,
            "step": self.step(act),
            "day": today(self.now).isoformat(),
            "text": self._brief(case, act, facts),
        }
        return Notice(kind=act, values=values)

    def _brief(self, case: Case, act: str, facts: Mapping[str, object]) -> str:
        more = ""
        if act == Act.REQUEST_SUPPLEMENT and case.due_at is not None:
            more = self._say("news.sms.by", by=self._by(case))
        elif where := telling.shown(facts.get("where_to"), WHERE_MAX):
            more = self._say("news.sms.where", where_to=where)
        return self._say("news.sms", case_no=case.case_no, step=self.step(act), more=more)

    def question(self, case: Case) -> Rendered:
        """How did it go? One tap answers."""
        asked = self._render("rating.ask", case_no=case.case_no)
        titles = {grade: self._say(f"rating.title.{grade}") for grade in GRADES}
        answers = tuple(Button(title=title, payload=payload(case.case_no, grade)) for grade, title in titles.items())
        return Rendered(text=asked.text, buttons=answers)

    def step(self, act: str) -> str:
        """An act in a few words."""
        return self._say(f"news.step.{act}")

    def _whole(self, case: Case, event: CaseEvent, institution: str) -> Rendered:
        return self._render(
            f"news.{event.act}",
            case_no=case.case_no,
            by=self._by(case),
            where_to=telling.shown(event.facts.get("where_to")),
            institution=institution or self._say("news.institution"),
        )

    def _more(self, event: CaseEvent) -> list[str]:
        """Why it was refused, and what staff wrote to them."""
        reason = str(event.facts.get("reason", "N7"))
        why = [self._say(f"case.refused.{reason}")] if event.act == Act.REFUSE else []
        text = telling.shown(event.facts.get("text")) if "text" in TOLD_WITH.get(event.act, ()) else ""
        return [*why, *([self._say("news.said", text=text)] if text else [])]

    def _by(self, case: Case) -> str:
        return telling.last_day(self._words, self.language, case.due_at, self.now)

    def _words(self, say: Say) -> Rendered:
        return self.renderer.render(say, self.locale)

    def _render(self, key: str, **args: object) -> Rendered:
        return self._words(Say(key=key, args=args))

    def _say(self, key: str, **args: object) -> str:
        return self._render(key, **args).text


def payload(case_no: str, grade: str) -> str:
    """What a button of the survey means; short enough for every platform."""
    return RATED + json.dumps({"case": case_no, "as": grade}, separators=(",", ":"))

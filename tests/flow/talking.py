"""People with a complaint, played from scripts: what they say of their own accord, and what they answer when asked.

A script (conversations/*.yml) is a list of conversations; each has

    id, title, language   zh or en
    phone                 the number that its short messages come from
    answers               topic (questions.yml) → what the person says to it: the first time, and when asked again.
                          {press: words, say: words} presses the button whose title has the words, if there is one
    scenes                in order; each has
        by                web, widget, terminal, sms or webhook
        who               somebody else than in the scene before; default: the same person at the same place
        day               1, 2, 3 …; default: that of the scene before. The clock goes forward between days
        desk              refused: the desk has a case of this person and has refused it (with `each`)
        says              what the person says at first, in order
        moves             what they say instead of an answer when asked about the topic `at`, each once, in order
        until             filed, saved, withdrawn, or heard: all that is to be heard was heard; default: all was said
        hears, never      patterns, each of which must, or must not, be in what the house says in this scene. With
                          something that is said ({say: …, hears: …}): in the replies to it
        most              messages of the person in this scene
    each                  plays the scenes once for each name in it, with the `hears` given there
    register              what the register holds in the end
    waiting               what people are told of this conversation: the reason, as a pattern
    danger                the person is in danger: keys of the sentences that may say so. Nobody else may be frightened
    known                 why it fails today, in words

A person who is asked something that the script does not foresee, or for the third time in a row the same, leaves: the
conversation has failed.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import opencc
import yaml

from tests.flow.mouths import Heard, Mouth

FOLDER = Path(__file__).parent / "conversations"
RESPONSES = Path(__file__).resolve().parents[2] / "faq" / "content" / "responses"
QUESTIONS = "questions.yml"
PATIENCE = 30  # messages after which anybody gives up
ASKED_MOST = 2  # times in a row that somebody lets themselves be asked the same

GIVEN = {"filed": "number", "saved": "draft"}  # what somebody has in their hands then
_FILED = re.compile(r"(Q\d{4}-\d{7}-\d)\s.*?(?:查询码|[Qq]uery code)[：:]\s*([0-9A-Z]{10})", re.DOTALL)
_DRAFT = re.compile(r"草稿编号|[Dd]raft number")


class Leaves(AssertionError):
    """Why a person gave up."""


@dataclass(frozen=True, kw_only=True)
class Topic:
    """Something a form asks, known by sentences of the house."""

    asks: tuple[re.Pattern[str], ...]
    of: list[str]
    usual: Mapping[str, list[Any]]

    def last_in(self, text: str) -> int:
        """Where it is asked last; -1 if it is not."""
        return max((found.end() for each in self.asks for found in each.finditer(text)), default=-1)


@dataclass(frozen=True, kw_only=True)
class Script:
    id: str
    title: str
    language: str
    scenes: list[dict[str, Any]]
    phone: str = ""
    answers: dict[str, list[Any]] = field(default_factory=dict[str, list[Any]])
    each: dict[str, dict[str, Any]] = field(default_factory=dict[str, dict[str, Any]])
    register: dict[str, Any] = field(default_factory=dict[str, Any])
    waiting: str = ""
    danger: list[str] = field(default_factory=list[str])
    known: str = ""

    def plays(self) -> list[dict[str, Any]]:
        """The scenes, each with its day and its person."""
        played: list[dict[str, Any]] = []
        for name in self.each or {"": {}}:
            day = 1
            for scene in self.scenes:
                day = scene.get("day", day)
                heard = [*scene.get("hears", []), *self.each.get(name, {}).get("hears", [])]
                who = "-".join(filter(None, (self.id, scene.get("who", ""), name)))
                played.append(scene | {"day": day, "hears": heard, "who": who, "name": name})
        return played


@cache
def topics() -> dict[str, Topic]:
    said = sentences()
    read = yaml.safe_load((FOLDER / QUESTIONS).read_text())
    asked = {key for one in read.values() for key in one.get("asks", ())}
    if unknown := {key for key in said if key.startswith("complaint.ask_")} - asked:
        raise ValueError(f"{QUESTIONS}: nobody knows what {', '.join(sorted(unknown))} is about")
    return {
        name: Topic(
            asks=tuple(pattern for key in one.get("asks", ()) for pattern in said[key]),
            of=one.get("of", []),
            usual=one.get("usual", {}),
        )
        for name, one in read.items()
    }


@cache
def sentences() -> dict[str, list[re.Pattern[str]]]:
    """What the house can say, by its keys: patterns that know each sentence, in any language, whatever is filled in."""
    found: dict[str, list[re.Pattern[str]]] = defaultdict(list)
    for file in sorted(RESPONSES.glob("*.yml")):
        for key, said in yaml.safe_load(file.read_text()).items():
            text = said if isinstance(said, str) else said["text"]
            parts = re.split(r"\{\w+\}", text.strip())
            found[key].append(re.compile(".*?".join(map(re.escape, parts)), re.DOTALL))
    return found


def scripts() -> list[Script]:
    """All of them, in the order of their files; ValueError for a topic that nobody asks."""
    found: list[Script] = []
    for file in sorted(FOLDER.glob("*.yml")):
        if file.name != QUESTIONS:
            found += [Script(**one) for one in yaml.safe_load(file.read_text())]
    for each in found:
        named = {*each.answers, *(move["at"] for scene in each.scenes for move in scene.get("moves", ()))}
        if unknown := named - topics().keys():
            raise ValueError(f"{each.id}: nobody asks about {', '.join(sorted(unknown))}")
        for topic, texts in each.answers.items():
            if not all(isinstance(one, str | dict) for one in texts):
                raise ValueError(f"{each.id}: what is said about {topic} must be texts; put them in quotation marks")
    return found


@cache
def _simplified() -> opencc.OpenCC:
    return opencc.OpenCC("t2s")


def has(pattern: str, text: str) -> bool:
    """Whether it is there, in traditional characters too."""
    return re.search(pattern, text) is not None or re.search(pattern, _simplified().convert(text)) is not None


def asked_about(heard: list[Heard]) -> str:
    """The topic of what was asked last; "" if nothing was."""
    text = _simplified().convert("\n".join(one.text for one in heard))
    where = {name: topic.last_in(text) for name, topic in topics().items()}
    best = max(where, key=lambda name: where[name])
    return best if where[best] >= 0 else ""


@dataclass
class Person:
    """Plays a script scene by scene and remembers what was said."""

    script: Script
    mouth: Callable[[str, str], Awaitable[Mouth]]  # where, who
    state: Callable[[str], Awaitable[str]]  # of a case
    desk: Callable[[str], Awaitable[dict[str, str]]]  # a refused case: its number and code
    said: list[str] = field(default_factory=list[str])  # the whole transcript
    given: dict[str, str] = field(default_factory=dict[str, str])  # number, code, draft, draft_code
    answered: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])  # topic, what was said to it
    until_number: int | None = None  # messages until a case number was shown
    _mouths: dict[tuple[str, str], Mouth] = field(default_factory=dict[tuple[str, str], Mouth])

    async def play(self, scene: dict[str, Any]) -> None:
        key = (scene["by"], scene["who"])
        if key not in self._mouths:
            self._mouths[key] = await self.mouth(*key)
        self.said.append(f"---- {scene['by']}, day {scene['day']} ----")
        if "desk" in scene:
            self.given |= await self.desk(scene["name"])
        if (goal := scene.get("until")) in GIVEN:
            self.given.pop(GIVEN[goal], None)
        await _Scene(self, self._mouths[key], scene).play()

    def filled(self, text: str) -> str:
        """The text with the numbers and codes that the person was given."""
        return re.sub(r"\{(\w+)\}", lambda m: self.given.get(m[1], m[0]), text)

    def note(self, heard: list[Heard]) -> None:
        for one in heard:
            self.said.append("  < " + one.whole.replace("\n", "\n    "))
            if found := _FILED.search(_simplified().convert(one.text)):
                names = ("draft", "draft_code") if _DRAFT.search(one.text) else ("number", "code")
                self.given |= dict(zip(names, found.groups(), strict=True))

    @property
    def transcript(self) -> str:
        return "\n".join(self.said)

    def times(self, key: str) -> int:
        """How often the sentence of this key was said."""
        said = [line.replace("\n    ", "\n") for line in self.said if line.startswith("  < ")]
        return sum(any(pattern.search(_simplified().convert(one)) for pattern in sentences()[key]) for one in said)


class _Scene:
    """One sitting of a person at one mouth."""

    def __init__(self, person: Person, mouth: Mouth, scene: dict[str, Any]) -> None:
        self.person, self.mouth, self.scene = person, mouth, scene
        self.moves = [dict(move) for move in scene.get("moves", ())]
        self.all: list[Heard] = []
        self.last: list[Heard] = []
        self.sent = 0
        self.answered: dict[str, int] = {}
        self.in_row = ("", 0)  # topic, times answered without anything between

    async def play(self) -> None:
        for one in self.scene.get("says", ()):
            await self.utter(one if isinstance(one, dict) else {"say": one})
        while not await self.is_over():
            await self.answer()
        if self.moves:
            raise Leaves(f"it never asked about {self.moves[0]['at']}")
        self.judge(self.all, self.scene)
        if self.sent > self.scene.get("most", PATIENCE):
            raise Leaves(f"it took {self.sent} messages instead of {self.scene['most']}")

    async def is_over(self) -> bool:
        given, goal = self.person.given, self.scene.get("until", "")
        match goal:
            case "filed" | "saved":
                if there := GIVEN[goal] in given:
                    self.person.until_number = (self.person.until_number or 0) + self.sent
                return there
            case "withdrawn":
                return await self.person.state(given["number"]) == "withdrawn"
            case "heard":
                return not self.moves and all(self.was_said(pattern, self.all) for pattern in self.scene["hears"])
            case "":
                return True
            case _:
                raise ValueError(f"until {goal}?")

    async def answer(self) -> None:
        """Says what the person says to what was asked last."""
        topic = asked_about(self.last)
        if not topic:
            raise Leaves("it asks nothing, and nothing is settled")
        move = next((each for each in self.moves if each["at"] == topic), None)
        if move is not None:
            self.moves.remove(move)
            self.in_row = ("", 0)
            await self.utter(move)
            return
        if not (answers := self.answers_to(topic)):
            raise Leaves(f"it asks about {topic}, to which this person has nothing to say")
        times = self.in_row[1] + 1 if self.in_row[0] == topic else 1
        if times > ASKED_MOST:
            raise Leaves(f"it asks about {topic} {times} times in a row")
        self.in_row = (topic, times)
        n = self.answered.get(topic, 0)
        self.answered[topic] = n + 1
        chosen = answers[min(n, len(answers) - 1)]
        what = chosen if isinstance(chosen, dict) else {"say": chosen}
        self.person.answered.append((topic, what.get("say") or what["press"]))
        await self.utter(what)

    def answers_to(self, topic: str) -> list[Any]:
        """What this person, or anybody, says to a question; [] for nothing."""
        script, asked = self.person.script, topics()[topic]
        if own := script.answers.get(topic):
            return own
        if parts := [script.answers[part] for part in asked.of if part in script.answers]:
            comma = {"zh": "，", "en": ", "}[script.language]
            return [comma.join(each) for each in zip(*parts, strict=True)]
        return asked.usual.get(script.language, [])

    async def utter(self, what: Mapping[str, Any]) -> None:
        """Says, presses or shows something, and judges the replies to it."""
        if self.sent >= PATIENCE:
            raise Leaves(f"nothing came of {PATIENCE} messages")
        self.sent += 1
        shown = [button for one in self.last for button in one.buttons]
        button = next((b for b in shown if "press" in what and what["press"] in b["title"]), None)
        if button is not None:
            self.person.said.append(f"> [{button['title']}]")
            heard = await self.mouth.press(button)
        elif "photo" in what:
            self.person.said.append(f"> (shows {what['photo']})")
            heard = await self.mouth.show(what["photo"])
        else:
            text = self.person.filled(what.get("say") or what["press"])
            self.person.said.append(f"> {text}")
            heard = await self.mouth.say(text)
        self.person.note(heard)
        self.last = heard
        self.all += heard
        if not heard:
            raise Leaves("it says nothing")
        self.judge(heard, what)

    def judge(self, heard: list[Heard], wanted: Mapping[str, Any]) -> None:
        """Leaves unless all of `hears` and nothing of `never` was said."""
        for pattern in wanted.get("hears", ()):
            if not self.was_said(pattern, heard):
                raise Leaves(f"no word of /{pattern}/")
        for pattern in wanted.get("never", ()):
            if self.was_said(pattern, heard):
                raise Leaves(f"/{pattern}/ was said")

    def was_said(self, pattern: str, heard: list[Heard]) -> bool:
        return has(self.person.filled(pattern), "\n".join(one.whole for one in heard))

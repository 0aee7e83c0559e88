"""Decides what a typed message means from what the classifier, the FAQ search and the open form each say; pure.

Precedence: safety (emergency, fraud in progress), then what the consumer wants of us (no more messages, a person), then
their own case (complaint, case, status), then the FAQ, then everything else. Inside a form what was asked for comes
before everything but safety, a brief and clear wish, and a question that the FAQ can answer.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from bot.assistant.contract import Hit

QUESTION = "faq"  # the classifier's label for what an entry may answer
CHOICES_MAX = 3

# The probability from which an intent comes before the FAQ, in the order in which they are asked. Chosen on
# nlu_data/nlu by cross-validation (docs/decisions/0013): low where missing one is worse than a wrong alarm.
FIRST: Mapping[str, float] = {
    "emergency": 0.20,
    "fraud_in_progress": 0.20,
    "opt_out": 0.30,
    "handoff": 0.25,
    "stop": 0.30,
    "leave_message": 0.30,
    "set_language": 0.30,
    "complaint": 0.30,
    "case_supplement": 0.30,
    "case_withdraw": 0.30,
    "case_urge": 0.30,
    "status": 0.30,
}
SAFETY = frozenset({"emergency", "fraud_in_progress"})  # these interrupt a form however long the message
# What may interrupt a form when it is said briefly and clearly; all the rest is taken as the answer asked for.
INTERRUPTS = frozenset(
    {"stop", "leave_message", "set_language", "handoff", "opt_out", "menu", "bot_challenge", "goodbye"}
)

# What an intent counts as where people are told and figures are kept; the rest are labels already.
LABELS: Mapping[str, str] = {
    "opt_out": "optout",
    "leave_message": "handoff",
    "complaint": "complaint_intake",
    "case_supplement": "case_update",
    "case_withdraw": "case_update",
    "case_urge": "case_update",
    "status": "status_lookup",
    "lessons": "menu",
    "set_language": "menu",
    "stop": "menu",
    "faq_none": "out_of_scope",
    **dict.fromkeys(("greet", "thanks", "goodbye", "smalltalk", "bot_challenge", "affirm", "deny"), "chitchat"),
}

# Probabilities of the classifier, which has seen what the search found, chosen in the same way.
CLEAR = 0.50  # enough beside an entry that answers
LIKELY = 0.20  # enough where no entry answers
POSSIBLE = 0.15  # enough where the search finds nothing at all
IN_FORM = 0.50
SAFETY_IN_FORM = 0.35  # what is told inside a form sounds like much
FAQ_IN_FORM = 0.60  # of the search, that its best entry answers
BRIEF = 30  # characters: a longer text inside a form is an answer that happens to mention the word
QUESTION_MAX = 60  # characters

_ASKING = re.compile(
    r"[?？]|[吗么呢]\s*[。.!！]*$|怎么|怎样|如何|什么|为何|为啥|多少|几[天年个次家]|哪[里儿些个家]|能不能|可不可以|可以.*吗|是不是|有没有|"
    r"\b(how|what|why|when|where|which|who|can i|could i|may i|do i|does|is it|is there|are there|am i|should i)\b",
    re.IGNORECASE,
)
_TYPED_COMMAND = re.compile(r"[/／]\w+\s*([@{].*)?", re.DOTALL)  # what a button would send, but typed
_NUMBER = re.compile(r"\W*\d{1,2}\W*")  # while a list is open the house has made a button of it
# What a form's own check takes as a step back or over.
_STEP = re.compile(
    r"\W*(?:我?[要想]?(?:返回|退回|重来|重新来|重填|重写|重新[填写说])(?:上一步|一步|一遍|一次)?|(?:回到)?上一步|"
    r"(?:go )?back|start (?:over|again))\W*",
    re.IGNORECASE,
)
_TONGUES = re.compile(
    r"(?P<zh>中文|汉语|国语|普通话|华语|简体|chinese|mandarin)|(?P<en>英文|英语|english|eng\b)", re.IGNORECASE
)
_NEGATED = re.compile(
    r"(不会|不懂|不太懂|看不懂|听不懂|不明白|不想|不要|不用|别再?|别用|don'?t|do not|not|no|can'?t|cannot|can not|my)"
    r"[^,，.。;；!！]{0,12}$",
    re.IGNORECASE,
)


@dataclass(frozen=True, kw_only=True)
class Label:
    """One of the classifier's intents with its probability."""

    name: str
    score: float  # 0..1


@dataclass(frozen=True, kw_only=True)
class Heard:
    """A typed message and what is known around it."""

    text: str
    language: str
    ranking: Sequence[Label]  # at least two, best first; what is not among them has no chance
    hits_decision: str  # answer | ask | none
    hits: Sequence[Hit]  # best first
    asked: str  # the slot an open form asks for; "" outside forms
    form: str
    said_before: str  # the consumer's message before this one


@dataclass(frozen=True, kw_only=True)
class Decision:
    """The intent the dialogue goes on with, and how it was found."""

    intent: str
    label: str  # for people and statistics: own intent, faq:<topic>:<id>, faq:ask, faq:none, form:<form>:<slot>
    confidence: float  # 0..1, of the source that decided
    runner_up: str
    why: str
    values: dict[str, list[str]] = field(default_factory=dict)  # entity name → values


def decide(heard: Heard) -> Decision:
    """What the message means; `why` says which rule decided, in one sentence."""
    if _TYPED_COMMAND.fullmatch(heard.text):
        heard = replace(heard, ranking=(Label(name=QUESTION, score=1.0), Label(name="", score=0.0)))
    return _inside(heard) if heard.asked else _outside(heard)


def public(decided: str, hits: Sequence[tuple[str, str]] = ()) -> str:
    """The label under which a decision's `label` counts; `hits` are the entries found, as (id, topic), best first."""
    if decided == "faq:ask" and hits:
        return f"faq:{hits[0][1]}"
    return LABELS.get(decided.replace(":", "_"), decided)


def language_in(text: str) -> str:
    """The language that a wish to switch names: zh, en, or "" when it names none."""
    refused = ""
    for mention in _TONGUES.finditer(text):
        language = mention.lastgroup or ""
        if not _NEGATED.search(text[: mention.start()]):
            return language
        refused = refused or language
    return {"zh": "en", "en": "zh"}.get(refused, "")


def _first(heard: Heard, among: Iterable[str], least: float = 0.0) -> Label | None:
    """The first of the intents that come before the FAQ, in their order, that is likely enough."""
    chances = {label.name: label for label in heard.ranking}
    found = (chances[name] for name in FIRST if name in among and name in chances)
    return next((label for label in found if label.score >= max(least, FIRST[label.name])), None)


def _outside(heard: Heard) -> Decision:
    if _NUMBER.fullmatch(heard.text):
        return _own(heard, Label(name="menu", score=1.0), "a bare number without a list: the menu has numbers")
    if first := _first(heard, FIRST):
        return _own(heard, first, f"likely enough ({first.score:.2f}) for what comes before the FAQ")
    top, second = heard.ranking[0], heard.ranking[1]
    own = top.name != QUESTION
    best = heard.hits[0] if heard.hits else None
    decision = heard.hits_decision if best else "none"
    if decision == "answer" and best:
        if own and top.score >= CLEAR:
            return _own(heard, top, f"clearer ({top.score:.2f}) than the FAQ's {best.id} ({best.score:.2f})")
        beside = f", {top.name} was only {top.score:.2f}" if own else ""
        return _answer(best, _runner_up(top, second), f"the FAQ answers with {best.score:.2f}{beside}")
    if own and top.score >= LIKELY:
        return _own(heard, top, f"the classifier is clear enough ({top.score:.2f}) and no entry answers")
    if decision == "ask" and best:
        return Decision(
            intent="faq_ask",
            label="faq:ask",
            confidence=best.score,
            runner_up=_runner_up(top, second),
            why=f"several entries may fit, the best with {best.score:.2f}",
            values={"choice": [hit.id for hit in heard.hits[:CHOICES_MAX]]},
        )
    if own and top.score >= POSSIBLE:
        return _own(heard, top, f"no entry fits and the classifier leans to it ({top.score:.2f})")
    return Decision(
        intent="faq_none",
        label="faq:none",
        confidence=1 - (top.score if own else 0.0),
        runner_up=_runner_up(top, second),
        why="no entry fits and no intent of the assistant's own is likely",
    )


def _inside(heard: Heard) -> Decision:
    top = heard.ranking[0]
    best = heard.hits[0] if heard.hits else None
    brief = len(heard.text) <= BRIEF
    if safety := _first(heard, SAFETY, SAFETY_IN_FORM):
        return _own(heard, safety, f"safety ({safety.score:.2f}) interrupts every form")
    if _STEP.fullmatch(heard.text):
        return _inform(heard, top, "a step back or over, which the form knows itself")
    if top.name in INTERRUPTS and top.score >= IN_FORM and brief:
        return _own(heard, top, f"a brief and clear wish ({top.score:.2f}) interrupts the form")
    question = len(heard.text) <= QUESTION_MAX and _ASKING.search(heard.text) is not None
    if question and heard.hits_decision == "answer" and best and best.score >= FAQ_IN_FORM:
        if heard.text != heard.said_before:
            why = f"a question inside the form that the FAQ answers with {best.score:.2f}"
            return _answer(best, f"form:{heard.form}:{heard.asked}", why)
        return _inform(heard, top, "said again after it was answered: this is what the form asked for")
    return _inform(heard, top, f"the open form asked for {heard.asked}")


def _inform(heard: Heard, top: Label, why: str) -> Decision:
    label = f"form:{heard.form}:{heard.asked}"
    return Decision(intent="inform", label=label, confidence=1.0, runner_up=top.name, why=why)


def _answer(best: Hit, runner_up: str, why: str) -> Decision:
    label = f"faq:{best.topic}:{best.id}"
    return Decision(
        intent="faq", label=label, confidence=best.score, runner_up=runner_up, why=why, values={"id": [best.id]}
    )


def _own(heard: Heard, top: Label, why: str) -> Decision:
    best = heard.hits[0] if heard.hits_decision == "answer" and heard.hits else None
    runner_up = f"faq:{best.topic}:{best.id}" if best else _other(heard, top)
    values: dict[str, list[str]] = {}
    if top.name == "set_language" and (language := language_in(heard.text)):
        values["language"] = [language]
    return Decision(intent=top.name, label=top.name, confidence=top.score, runner_up=runner_up, why=why, values=values)


def _other(heard: Heard, chosen: Label) -> str:
    """The likeliest intent that counts as something else than the chosen one."""
    counts = LABELS.get(chosen.name, chosen.name)
    return next((each.name for each in heard.ranking if LABELS.get(each.name, each.name) != counts), "")


def _runner_up(top: Label, second: Label) -> str:
    return second.name if top.name == QUESTION else top.name

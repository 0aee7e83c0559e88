"""The rules that weigh classifier, search and open form against each other, as arithmetic without a brain."""

from __future__ import annotations

from typing import Any

import pytest

from bot.assistant.contract import Hit
from bot.assistant.understanding import Decision, Heard, Label, decide, language_in

QUESTION = "怎么查自己的信用报告？"


def hits(*scores: float) -> tuple[Hit, ...]:
    return tuple(Hit(id=f"F{20 + i}", topic="topic", score=score) for i, score in enumerate(scores))


def heard(name: str, score: float, **fields: Any) -> Heard:
    """A message that the classifier takes for `name` with `score`."""
    runner = Label(name="runner", score=round((1 - score) / 2, 4))
    given: dict[str, Any] = {
        "text": QUESTION,
        "language": "zh",
        "ranking": [Label(name=name, score=score), runner],
        "hits_decision": "none",
        "hits": (),
        "asked": "",
        "form": "",
        "said_before": "",
    }
    return Heard(**(given | fields))


def found(decision: str, *scores: float) -> dict[str, Any]:
    return {"hits_decision": decision, "hits": hits(*scores)}


FORM = {"asked": "message_text", "form": "leave_message"}

OUTSIDE: list[tuple[str, Heard, str]] = [
    # nothing found
    ("a clear own intent", heard("greet", 0.9), "greet"),
    ("a likely own intent", heard("greet", 0.45), "greet"),
    ("a possible own intent", heard("greet", 0.30), "greet"),
    ("an unlikely own intent", heard("greet", 0.29), "faq:none"),
    ("a question", heard("faq", 0.99), "faq:none"),
    ("a decision without hits counts as none", heard("faq", 0.9, hits_decision="answer"), "faq:none"),
    # an entry answers
    ("a question with its entry", heard("faq", 0.9, **found("answer", 0.9)), "faq:topic:F20"),
    ("unsure small talk gives way to an entry", heard("smalltalk", 0.79, **found("answer", 0.9)), "faq:topic:F20"),
    ("sure small talk gives way to a strong entry", heard("smalltalk", 0.95, **found("answer", 0.80)), "faq:topic:F20"),
    ("sure small talk beats a weak entry", heard("smalltalk", 0.80, **found("answer", 0.79)), "smalltalk"),
    ("a likely wish beats any entry", heard("stop", 0.45, **found("answer", 0.99)), "stop"),
    ("an unlikely wish does not", heard("stop", 0.44, **found("answer", 0.6)), "faq:topic:F20"),
    # several may answer
    ("a question with several entries", heard("faq", 0.9, **found("ask", 0.4, 0.3)), "faq:ask"),
    ("likely small talk beats a question back", heard("smalltalk", 0.45, **found("ask", 0.4)), "smalltalk"),
    ("unsure small talk does not", heard("smalltalk", 0.44, **found("ask", 0.4)), "faq:ask"),
    # typed commands
    ("a typed command is never an own intent", heard("stop", 0.99, text="／stop"), "faq:none"),
    ("with values neither", heard("faq_x", 0.99, text='/faq{"id":"F22"}'), "faq:none"),
    ("but words after a slash are words", heard("stop", 0.99, text="／取消 吧"), "stop"),
]

INSIDE: list[tuple[str, Heard, str]] = [
    ("an answer", heard("faq", 0.9, text="银行多收了钱", **FORM), "form:leave_message:message_text"),
    ("small talk is an answer", heard("greet", 0.99, text="你好", **FORM), "form:leave_message:message_text"),
    ("a clear brief wish interrupts", heard("stop", 0.6, text="取消", **FORM), "stop"),
    ("an unclear one does not", heard("stop", 0.59, text="取消", **FORM), "form:leave_message:message_text"),
    ("a long one does not", heard("stop", 0.99, text="取消" * 16, **FORM), "form:leave_message:message_text"),
    ("a question with its entry", heard("faq", 0.9, **FORM, **found("answer", 0.6)), "faq:topic:F20"),
    ("a weak entry does not", heard("faq", 0.9, **FORM, **found("answer", 0.59)), "form:leave_message:message_text"),
    ("several entries do not", heard("faq", 0.9, **FORM, **found("ask", 0.9)), "form:leave_message:message_text"),
    (
        "no question, no digression",
        heard("faq", 0.9, text="信用报告", **FORM, **found("answer", 0.9)),
        "form:leave_message:message_text",
    ),
    (
        "a long story is no question",
        heard("faq", 0.9, text=QUESTION * 6, **FORM, **found("answer", 0.9)),
        "form:leave_message:message_text",
    ),
    (
        "said twice it is the answer",
        heard("faq", 0.9, said_before=QUESTION, **FORM, **found("answer", 0.9)),
        "form:leave_message:message_text",
    ),
    ("a typed command is an answer", heard("stop", 0.99, text="/stop", **FORM), "form:leave_message:message_text"),
]


@pytest.mark.parametrize(("message", "label"), [r[1:] for r in OUTSIDE], ids=[r[0] for r in OUTSIDE])
def test_outside_forms(message: Heard, label: str) -> None:
    assert decide(message).label == label


@pytest.mark.parametrize(("message", "label"), [r[1:] for r in INSIDE], ids=[r[0] for r in INSIDE])
def test_inside_a_form(message: Heard, label: str) -> None:
    assert decide(message).label == label


def test_every_decision_explains_itself() -> None:
    for _, message, _ in OUTSIDE + INSIDE:
        decision = decide(message)
        assert decision.why
        assert 0 <= decision.confidence <= 1
        assert isinstance(decision, Decision)


def test_the_confidence_is_of_the_source_that_decided() -> None:
    assert decide(heard("greet", 0.87)).confidence == 0.87
    assert decide(heard("faq", 0.5, **found("answer", 0.91))).confidence == 0.91
    assert decide(heard("greet", 0.2)).confidence == pytest.approx(0.8)


def test_the_runner_up_is_who_lost() -> None:
    assert decide(heard("smalltalk", 0.5, **found("answer", 0.9))).runner_up == "smalltalk"
    assert decide(heard("faq", 0.5, **found("answer", 0.9))).runner_up == "runner"
    assert decide(heard("stop", 0.9, **found("answer", 0.9))).runner_up == "faq:topic:F20"
    assert decide(heard("greet", 0.9)).runner_up == "runner"


def test_no_more_than_three_entries_are_offered() -> None:
    decision = decide(heard("faq", 0.9, **found("ask", 0.5, 0.4, 0.3, 0.2)))
    assert decision.values == {"choice": ["F20", "F21", "F22"]}


WISHES = [
    ("说英文", "en"),
    ("用普通话回答", "zh"),
    ("I want Chinese", "zh"),
    ("speak English", "en"),
    ("I don't speak Chinese", "en"),
    ("my English is bad", "zh"),
    ("no Chinese, English", "en"),
    ("不要英文，要中文", "zh"),
    ("看不懂英文", "zh"),
    ("换语言", ""),
    ("another language", ""),
    ("日本語", ""),
]


@pytest.mark.parametrize(("text", "language"), WISHES)
def test_the_language_a_wish_names(text: str, language: str) -> None:
    assert language_in(text) == language

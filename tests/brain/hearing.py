"""Messages as the rules of the understanding get them, without a brain."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bot.assistant import understanding
from bot.assistant.clauses import IN_A_CLAUSE, Read
from bot.assistant.contract import Hit
from bot.assistant.understanding import Decision, Heard, Label

QUESTION = "怎么查自己的信用报告？"
FORM = {"asked": "message_text", "form": "leave_message"}


def nothing(texts: Sequence[str]) -> list[dict[str, float]]:
    """No text says anything that matters when it is read alone."""
    return [dict.fromkeys(IN_A_CLAUSE, 0.0) for _ in texts]


def decide(message: Heard, read: Read = nothing) -> Decision:
    """What the message means where no clause of it says anything by itself, or what `read` gives."""
    return understanding.decide(message, read)


def hits(*scores: float) -> tuple[Hit, ...]:
    return tuple(Hit(id=f"F{20 + i}", topic="topic", score=score) for i, score in enumerate(scores))


def heard(name: str, score: float, **fields: Any) -> Heard:
    """A message that the classifier takes for `name` with `score`, and half as likely for something else."""
    runner = Label(name="runner", score=round(min(score, 1 - score) / 2, 4))
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


def both(name: str, score: float, other: str, less: float, **fields: Any) -> Heard:
    """A message that the classifier takes for `name`, and less likely for `other`."""
    return heard(name, score, ranking=[Label(name=name, score=score), Label(name=other, score=less)], **fields)


def found(decision: str, *scores: float) -> dict[str, Any]:
    return {"hits_decision": decision, "hits": hits(*scores)}

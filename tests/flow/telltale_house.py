"""A house whose brain hides nothing: each planted number comes back from it, as it was typed, in an effect on a case.

`python -m tests.flow.telltale_house` is the house, `… brain` its brain. Real brains see masked texts only; what the
register and its tables make of open ones shows whether anything of them relies on that.
"""

from __future__ import annotations

import asyncio
import itertools
import sys
from typing import Any

from core.settings import load
from door import app, brain_process
from door.cli.premises import prepare_ledger, sole_house
from tests.brain_server import say
from tests.core.masking_forms import planted
from tests.door import stub_brain

SEED, FORMS = 12363, 1000
LONG = 60  # characters of what stands for a name: more is no name, and refused


def effects(n: int, text: str) -> dict[str, Any]:
    """What is told of a case on the n-th turn, `text` in every field that takes words."""
    told = {
        "type": ("complaint", "enquiry", "suggestion")[n % 3],
        "summary": text,
        "facts": f"{text}，多扣年费",
        "request": f"请退还{text}",
        "institution": f"长安银行{text}",
        "day": text,
        "prior": "yes",
        "prior_reply": text,
        "person": f"王{text}"[:LONG],
        "contact": text,
        "agent": f"李{text}"[:LONG],
        "agent_contact": text,
        "consent": "yes",
    }
    which = {"case_no": "", "code": text, "phone": text, "person": text}
    match n % 5:
        case 0:
            return {"name": "save_draft"} | told
        case 1:
            return {"name": "file_case", "draft": "yes", "again": "yes"} | told
        case 2:
            return {"name": "supplement_case", "text": text} | which
        case 3:
            return {"name": "look_up"} | which | {"case_no": text}
        case _:
            return {"name": "withdraw_case", "text": text} | which


def answer() -> Any:
    forms = [form.text for form in planted(seed=SEED, count=FORMS)]
    turns = itertools.count()

    def one(turn: dict[str, Any]) -> dict[str, Any]:
        if turn["kind"] != "text":
            return say("greeting")
        n = next(turns)
        return say(effects=[effects(n, forms[n % FORMS])], state={"heard": turn["text"]})

    return one


if __name__ == "__main__":
    if sys.argv[1:] == ["brain"]:
        asyncio.run(stub_brain.process(answer=answer()))
    else:
        brain_process.command = lambda settings: [sys.executable, "-m", "tests.flow.telltale_house", "brain"]
        settings = load()
        with sole_house(settings):
            prepare_ledger(settings)
            app.run(settings)

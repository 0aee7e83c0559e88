"""Every rule in both languages: the stories of nlu_data/tests/stories*.yml, played to the brain."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from tests.brain.house import ROOT, ActionListener, Child, answers, press, said

DATA = ROOT / "nlu_data"
STORIES: list[dict[str, Any]] = [
    story
    for file in sorted((DATA / "tests").glob("stories*.yml"))
    for story in yaml.safe_load(file.read_text(encoding="utf-8"))["conversations"]
]
# By what the last thing heard tells which form is open.
FORMS = {"leave_message.ask": "leave_message", "case.ask_": "case", "complaint.ask_": "complaint"}
FORMS |= {"complaint.read_back": "complaint", "complaint.away": "complaint"}
# What an action of ours says; the rest of what rules say stands in the domain.
SAID_BY_ACTIONS = {
    "action_set_language": {"language.switched", "language.ask"},
    "action_answer_abuse": {"abuse.calm", "abuse.warning", "abuse.pause"},
    "action_submit_message": {"leave_message.done"},
    "action_begin_complaint": {"complaint.intro", "complaint.kept", "complaint.from_draft"},
    "action_save_complaint": {"complaint.nothing_yet"},
    "action_submit_complaint_again": {"complaint.gone"},
    "action_begin_case": {"case.ask_no", "case.ask_code", "case.ask_text", "case.ask_sure", "case.aside"},
    "action_add_case_file": {"attachment.kept"},
    "action_submit_case": {"case.lost", "case.put_aside", "case.not_withdrawn"},
}


def fields(step: dict[str, Any], language: str) -> dict[str, Any]:
    """What the house sends for a step."""
    words = step.get("says", "")
    sent: dict[str, Any] = {"language": language, "text": words if isinstance(words, str) else words[language]}
    if "press" in step:
        sent |= press(step["press"])
    if "event" in step:
        sent["kind"] = step["event"]
    if "entries" in step:
        decision = step.get("search", "answer")
        sent |= answers(*step["entries"], decision=decision, score=0.9 if decision == "answer" else 0.4)
    if context := {name: step[name] for name in ("cases", "pending") if name in step}:
        sent["context"] = context
    if "hours" in step:
        sent["context"] = {**context, "since": step["hours"] * 3600}
    return sent | {name: step[name] for name in ("other_language",) if name in step}


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("story", STORIES, ids=[story["name"] for story in STORIES])
def test_a_story(brain: Child, listener: ActionListener, story: dict[str, Any], language: str) -> None:
    state: Any = None
    for step in story["steps"]:
        answer = brain.turn(**fields(step, language), state=state)
        assert said(answer) == step["hears"], step
        assert [effect["name"] for effect in answer["effects"]] == step.get("effects", []), step
        state = answer["state"]


def test_no_rule_is_left_out() -> None:
    assert [rule["rule"] for rule in rules() if not any(walks(story, rule) for story in STORIES)] == []


def rules() -> Iterator[dict[str, Any]]:
    for file in sorted((DATA / "rules").glob("*.yml")):
        yield from yaml.safe_load(file.read_text(encoding="utf-8"))["rules"]


def heard_from() -> dict[str, set[str]]:
    """The keys that each response of the domain says; "faq" for an entry, nothing for an effect."""
    found: dict[str, set[str]] = dict(SAID_BY_ACTIONS)
    for file in (ROOT / "bot" / "assistant" / "domain").glob("*.yml"):
        for name, variants in (yaml.safe_load(file.read_text(encoding="utf-8")).get("responses") or {}).items():
            custom = variants[0]["custom"]
            found[name] = {custom["key"]} if "key" in custom else {"faq"} if "faq" in custom else set()
    return found


HEARD_FROM = heard_from()


def open_form(heard: list[str]) -> str:
    """The form that goes on after that was heard, "" for none."""
    return next((form for start, form in FORMS.items() if heard and heard[-1].startswith(start)), "")


def walks(story: dict[str, Any], rule: dict[str, Any]) -> bool:
    """Does a step of `story` hear what `rule` says, after what it follows on, inside or outside the form as it asks?"""
    steps = rule["steps"]
    meant = max((n for n, step in enumerate(steps) if "intent" in step), default=-1)
    spoken = [HEARD_FROM.get(step.get("action", "")) for step in steps[meant + 1 :]]
    before = HEARD_FROM.get(steps[0].get("action", "")) if meant > 0 else None
    inside = {one["active_loop"] or "" for one in rule.get("condition", [])}
    last: list[str] = []
    for step in story["steps"]:
        heard = ["faq" if key.startswith("F") else key for key in step["hears"]]
        wanted = [keys for keys in spoken if keys]
        fits = len(heard) >= len(wanted) and all(key in keys for key, keys in zip(heard, wanted, strict=False))
        follows = before is None or bool(before & set(last))
        pressed = step.get("press", "/").partition("{")[0][1:]
        if fits and follows and inside <= {open_form(last)} and pressed in ("", steps[meant].get("intent", "")):
            return True
        last = heard
    return False

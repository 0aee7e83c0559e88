"""The training data and the domain: enough examples, only keys, nothing that nobody answers, and how well it works."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

import actions
from bot.assistant.understanding import public
from door.cli.examples import lint
from door.cli.examples import load as load_examples
from tests.brain.house import ROOT, ActionListener, Child, answers, press, said

DATA = ROOT / "nlu_data"
DOMAIN = ROOT / "bot" / "assistant" / "domain"
HAN = re.compile(r"[\u4e00-\u9fff]")


def load(file: Path) -> dict[str, Any]:
    return yaml.safe_load(file.read_text(encoding="utf-8"))


def examples(folder: Path) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for file in sorted(folder.glob("*.yml")):
        for block in load(file).get("nlu", []):
            found.setdefault(block["intent"], []).extend(line[2:] for line in block["examples"].splitlines() if line)
    return found


TRAINED = examples(DATA / "nlu")
HELD_OUT = examples(DATA / "tests")


def test_the_examples_are_enough_even_and_nowhere_near_each_other_under_two_intents() -> None:
    assert lint(load_examples(DATA / "nlu"), ()) == []


def test_nothing_held_out_was_trained_on() -> None:
    trained = {e.casefold() for found in TRAINED.values() for e in found}
    assert [e for found in HELD_OUT.values() for e in found if e.casefold() in trained] == []


def test_the_domain_holds_keys_and_no_sentences() -> None:
    said_keys: set[str] = set()
    for file in DOMAIN.glob("*.yml"):
        for name, variants in load(file).get("responses", {}).items():
            assert len(variants) == 1, name
            assert set(variants[0]) == {"custom"}, name
            assert set(variants[0]["custom"]) <= {"key", "faq", "args", "effect"}, name
            said_keys.add(variants[0]["custom"].get("key", ""))
    assert not [key for key in said_keys if HAN.search(key) or " " in key]


@pytest.mark.parametrize("language", ["zh", "en"])
def test_every_key_that_can_be_said_has_its_sentence(language: str) -> None:
    source = "".join(f.read_text() for f in [*DOMAIN.glob("*.yml"), *(ROOT / "actions").glob("*.py")])
    keys = set(re.findall(r"{key: ([a-z_.]+)", source)) | set(re.findall(r'say\(dispatcher, "([a-z_.]+)"', source))
    keys |= {"afresh", "attachment.kept", "attachment.received", "location.received"}
    sentences = load(ROOT / "faq" / "content" / "responses" / f"{language}.yml")
    assert sorted(keys - set(sentences)) == []
    assert len(keys) > 20


def test_every_button_of_the_house_is_understood(brain: Child, listener: ActionListener) -> None:
    payloads: set[str] = set()
    for language in ("zh", "en"):
        for sentence in load(ROOT / "faq" / "content" / "responses" / f"{language}.yml").values():
            if isinstance(sentence, dict):
                payloads |= {button["payload"] for button in sentence.get("buttons", [])}
    reflexes = load(ROOT / "bot" / "reflexes.yml")
    payloads |= set(re.findall(r"'(/[a-z_]+[^']*)'", str(reflexes)))
    assert "/leave_message" in payloads
    for payload in sorted(payloads):
        assert brain.turn(**press(payload))["say"], payload


def test_the_domains_actions_are_the_houses_actions() -> None:
    named = {name for file in DOMAIN.glob("*.yml") for name in load(file).get("actions", [])}
    assert sorted(named) == actions.names()


def test_how_well_held_out_messages_are_understood(brain: Child, listener: ActionListener) -> None:
    """Without a vector or any hit. A wrong intent is worse than an honest "no answer", so both are counted."""
    right = wrong = unsure = 0
    for intent, texts in HELD_OUT.items():
        for text in texts:
            label = public(brain.turn(text)["decision"]["label"])
            expected = public("faq:none" if intent == "faq" else intent)
            right += label == expected
            unsure += label != expected and label == "out_of_scope"
            wrong += label not in (expected, "out_of_scope")
    total = right + wrong + unsure
    print(json.dumps({"held_out": total, "right": right, "no_answer": unsure, "wrong": wrong}))
    assert right / total >= 0.80
    assert wrong / total <= 0.10


def test_no_held_out_question_is_taken_for_something_else(brain: Child, listener: ActionListener) -> None:
    """With a hit that answers, every question reaches the FAQ."""
    lost = [text for text in HELD_OUT["faq"] if said(brain.turn(text, **answers("F01", score=0.7))) != ["F01"]]
    assert lost == []


@pytest.mark.parametrize("vector", [None, [], [0.5] * 3, [0.0] * 256])
def test_a_message_is_understood_without_a_vector_and_with_one_of_another_encoder(
    brain: Child, listener: ActionListener, vector: list[float] | None
) -> None:
    assert brain.turn("我要找人工", vector=vector)["decision"]["label"] == "handoff"


CONVERSATIONS = load(DATA / "tests" / "conversations.yml")["conversations"]


@pytest.mark.parametrize("conversation", CONVERSATIONS, ids=[c["name"] for c in CONVERSATIONS])
def test_a_whole_conversation(brain: Child, listener: ActionListener, conversation: dict[str, Any]) -> None:
    state: Any = None
    for step in conversation["steps"]:
        fields: dict[str, Any] = press(step["press"]) if "press" in step else {"text": step.get("says", "")}
        if "event" in step:
            fields = {"kind": step["event"]}
        if "entries" in step:
            decision = step.get("search", "answer")
            fields |= answers(*step["entries"], decision=decision, score=0.9 if decision == "answer" else 0.4)
        answer = brain.turn(**fields, state=state)
        assert said(answer) == step["hears"], step
        assert [effect["name"] for effect in answer["effects"]] == step.get("effects", []), step
        state = answer["state"]

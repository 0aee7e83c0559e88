"""The brain bench without stock Rasa itself: what it is given to learn, how the two are judged, and what it refuses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from core.model import Language
from door.cli.bench import brain, brain_stock
from door.cli.bench import brain_project as project
from door.cli.bench.brain_paired import compare, mcnemar, stock_label
from door.cli.bench.brain_served import SCRIPT
from door.cli.examples import Example, Utterance
from door.cli.exits import Exit, Failure
from faq import entries
from faq.entries import Content
from tests.faq.folder import make


@pytest.fixture
def content(tmp_path: Path) -> Content:
    return entries.load(make(tmp_path))


@pytest.fixture(scope="module")
def files() -> dict[str, str]:
    return brain_stock.made(6)


def example(intent: str, text: str) -> Example:
    return Example(intent=intent, text=text, file="x.yml", line=1)


# What stock Rasa learns ----------------------------------------------------------------------------------------------


def test_examples_stand_under_their_intent_and_phrasings_under_their_entry(content: Content) -> None:
    first = next(iter(content.entries.values()))
    taken = first.phrasings["zh"][0]
    made = project.nlu(
        [example("greet", "hi [there]"), example("complaint", taken), example("greet", "hello")], content
    )
    by_intent = {block["intent"]: block["examples"].splitlines() for block in made["nlu"]}
    assert by_intent["greet"] == ["- hi ［there］", "- hello"]
    assert by_intent["complaint"] == [f"- {taken}"]
    phrasings = [t for one in entries.LANGUAGES for t in (first.question[one], *first.phrasings[one]) if t != taken]
    assert by_intent[f"faq/{first.id}"] == [f"- {text}" for text in phrasings]
    assert set(by_intent) == {"greet", "complaint", *(f"faq/{id}" for id in content.entries)}


def test_rules_keep_what_stock_rasa_can_follow() -> None:
    ours: list[dict[str, Any]] = [
        {"rule": "answer", "steps": [{"intent": "faq"}, {"action": "utter_faq_answer"}]},
        {"rule": "untrained", "steps": [{"intent": "faq_ask"}, {"action": "utter_faq_ask"}]},
        {"rule": "after words", "steps": [{"action": "utter_faq_ask"}, {"intent": "deny"}, {"action": "utter_none"}]},
        {"rule": "effect", "steps": [{"intent": "opt_out"}, {"action": "utter_effect_opt_out"}, {"action": "utter_x"}]},
        {"rule": "form", "steps": [{"action": "leave_message"}, {"active_loop": None}]},
    ]
    made = project.rules([{"rules": ours}], {"faq", "deny", "opt_out"})
    assert [(rule["rule"], rule["steps"]) for rule in made] == [
        ("answer", [{"intent": "faq"}, {"action": "utter_faq"}]),
        ("effect", [{"intent": "opt_out"}, {"action": "utter_x"}]),
        ("form", [{"action": "leave_message"}, {"active_loop": None}]),
        ("not understood", [{"intent": "nlu_fallback"}, {"action": "utter_faq_none"}]),
    ]


def test_everything_that_rules_and_stories_name_is_in_the_domain(files: dict[str, str]) -> None:
    domain, *data = (brain_stock.read(files[name]) for name in ("domain.yml", "data/rules.yml", "data/stories.yml"))
    steps = [step for part in data for told in part.get("rules", part.get("stories")) for step in told["steps"]]
    known = {*domain["responses"], *domain["actions"], *domain["forms"], "utter_faq", "action_deactivate_loop"}
    assert {step["action"] for step in steps if "action" in step} <= known
    intents = {name for one in domain["intents"] for name in one}
    assert {step["intent"] for step in steps if "intent" in step} <= intents | {"nlu_fallback"}
    learned = {block["intent"].partition("/")[0] for block in brain_stock.read(files["data/nlu.yml"])["nlu"]}
    assert learned == intents


def test_each_entry_has_a_response_and_no_sentence_has_a_slot_in_it(files: dict[str, str]) -> None:
    responses = brain_stock.read(files["domain.yml"])["responses"]
    learned = {block["intent"] for block in brain_stock.read(files["data/nlu.yml"])["nlu"] if "/" in block["intent"]}
    assert {f"utter_{intent}" for intent in learned} <= set(responses)
    assert not [name for name, said in responses.items() if "{" in said[0]["text"]]


def test_the_pipeline_is_that_of_rasa_init_with_jieba() -> None:
    made = project.config()
    assert made["pipeline"][0] == {"name": "JiebaTokenizer"}
    assert [one["epochs"] for one in made["pipeline"] + made["policies"] if "epochs" in one] == [100] * 4


def test_the_key_of_a_model_follows_its_data_and_its_epochs(files: dict[str, str]) -> None:
    key = brain_stock.key_of(files)
    assert key == brain_stock.key_of(dict(files))
    assert key != brain_stock.key_of(files | {"data/nlu.yml": files["data/nlu.yml"] + "\n"})
    assert key != brain_stock.key_of(files | {"config.yml": files["config.yml"].replace("epochs: 6", "epochs: 7")})


def test_the_script_is_a_conversation_of_16_turns_with_a_form() -> None:
    said = [text for text, _ in SCRIPT]
    assert (len(said), said[0], said[-1]) == (16, "你好", "再见")
    assert {"我要留言", "微信 qiantai_88"} <= set(said)


# How the two are judged ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("one", "other", "p"), [(0, 0, 1.0), (5, 0, 0.0625), (0, 5, 0.0625), (12, 8, 0.5034), (10, 2, 0.0386), (7, 7, 1.0)]
)
def test_mcnemars_exact_test(one: int, other: int, p: float) -> None:
    assert mcnemar(one, other) == pytest.approx(p, abs=5e-5)


def utterance(*labels: str, language: Language = "zh") -> Utterance:
    return Utterance(labels=frozenset(labels), style="", language=language, text="?")


def test_pairs_are_compared_over_all_and_by_language() -> None:
    asked = [utterance("faq:credit"), utterance("abuse", "handoff"), utterance("menu", language="en")]
    found = compare(asked, ["faq:credit:F22", "handoff", "abuse"], ["faq:credit:F24", "menu", "menu"])
    told = {one.group: (one.count, one.ours, one.stock, one.only_ours, one.only_stock) for one in found}
    assert told == {"all": (3, 0.6667, 0.6667, 1, 1), "zh": (2, 1.0, 0.5, 1, 0), "en": (1, 0.0, 1.0, 0, 1)}


@pytest.mark.parametrize(
    ("intent", "response", "label"),
    [
        ("complaint", None, "complaint_intake"),
        ("greet", None, "chitchat"),
        ("nlu_fallback", None, "out_of_scope"),
        (None, None, "out_of_scope"),
        ("faq", "faq/F22", "faq:credit_report"),
        ("faq", None, "faq:"),
    ],
)
def test_what_stock_rasa_understands_counts_under_our_labels(
    intent: str | None, response: str | None, label: str
) -> None:
    selected = {"default": {"response": {"intent_response_key": response}}}
    parsed = {"intent": {"name": intent}, "response_selector": selected}
    assert stock_label(parsed, {"F22": "credit_report"}) == label


def costs(**other: float) -> brain.Costs:
    same = {"turn_ms": 1.0, "p50_ms": 1.0, "parse_ms": 1.0, "start_cpu": 1.0, "memory_mib": 1.0}
    return brain.Costs(**(same | other))


@pytest.mark.parametrize(
    ("stock", "together", "good"),
    [
        ({"turn_ms": 15.0}, 14.0, [True, True, False, False, False, False]),
        ({"turn_ms": 14.99}, 14.0, [False, True, False, False, False, False]),
        ({"turn_ms": 15.0}, 13.9, [True, False, False, False, False, False]),
        ({"p50_ms": 12.0, "parse_ms": 15.0}, 1.0, [False, False, True, True, False, False]),
        ({"start_cpu": 20.0, "memory_mib": 6.0}, 1.0, [False, False, False, False, True, True]),
        ({"start_cpu": 19.96, "memory_mib": 5.96}, 1.0, [False, False, False, False, False, False]),
    ],
)
def test_a_target_is_met_or_not_and_never_by_rounding(
    stock: dict[str, float], together: float, good: list[bool]
) -> None:
    figures = brain.judged(costs(**stock), costs(), {"stock": together, "house": 2.0}, paired=[])
    assert [figure.good for figure in figures] == good


def test_accuracy_must_not_be_below_stock() -> None:
    asked = [utterance("menu"), utterance("menu", language="en")]
    paired = compare(asked, ["menu", "abuse"], ["abuse", "menu"])
    figures = brain.judged(costs(), costs(), {"stock": 1.0, "house": 1.0}, paired=paired)[-3:]
    assert [(figure.value, figure.good) for figure in figures] == [(0.0, True), (100.0, True), (-100.0, False)]


# What it refuses -----------------------------------------------------------------------------------------------------


def test_without_network_it_says_so_in_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(brain_stock, "ENVIRONMENT", tmp_path / "env")
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("UV_DEFAULT_INDEX", "http://127.0.0.1:9/simple")  # where nobody listens
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    for name in ("PIP_INDEX_URL", "UV_INDEX_URL", "UV_EXTRA_INDEX_URL"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(Failure, match=r"stock Rasa, .* could not be installed\. .*no network"):
        brain_stock.environment(lambda line: None)


def test_without_any_stock_model_there_is_none_to_keep(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(brain_stock, "MODELS", tmp_path)
    with pytest.raises(Failure, match="leave --kept away") as failure:
        brain_stock.model(6, kept=True, tell=lambda line: None)
    assert failure.value.code is Exit.USAGE

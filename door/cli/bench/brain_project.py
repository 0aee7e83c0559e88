"""What a user of stock Rasa would hand to `rasa train`, made of our own data: pure, plain values for YAML files.

`rasa init`'s pipeline and policies with Jieba in the tokenizer's place. The FAQ is a retrieval intent with a response
selector, as Rasa's documentation has it: entry F22 is `faq/F22`, its phrasings are the examples, its short answer the
response. Rules, form and sentences are ours; what only the house can do (effects, the choice among found entries,
lessons) is left out.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from door.cli.examples import Example
from faq.entries import LANGUAGES, Content

EPOCHS = 100  # of everything that learns, as in `rasa init`
FORM = "leave_message"
FALLBACK = "nlu_fallback"
QUESTION = "faq"
ASKED = ("message_text", "message_contact")
READ = ("message_institution", "message_amount", "message_day")  # by the form's own check, out of message_text
ENDS_FORM = ("stop", "goodbye", "emergency")  # everything else that is said in the form is the answer it asked for

Parts = Sequence[Mapping[str, Any]]  # the YAML files of one folder, read


def config(epochs: int = EPOCHS) -> dict[str, Any]:
    """`rasa init`'s pipeline and policies (rasa/engine/recipes/config_files/default_config.yml of 3.6.21)."""
    learns = {"epochs": epochs, "constrain_similarities": True}
    return {
        "recipe": "default.v1",
        "assistant_id": "stock",
        "language": "zh",
        "pipeline": [
            {"name": "JiebaTokenizer"},
            {"name": "RegexFeaturizer"},
            {"name": "LexicalSyntacticFeaturizer"},
            {"name": "CountVectorsFeaturizer"},
            {"name": "CountVectorsFeaturizer", "analyzer": "char_wb", "min_ngram": 1, "max_ngram": 4},
            {"name": "DIETClassifier"} | learns,
            {"name": "EntitySynonymMapper"},
            {"name": "ResponseSelector"} | learns,
            {"name": "FallbackClassifier", "threshold": 0.3, "ambiguity_threshold": 0.1},
        ],
        "policies": [
            {"name": "MemoizationPolicy"},
            {"name": "RulePolicy"},
            {"name": "UnexpecTEDIntentPolicy", "max_history": 5, "epochs": epochs},
            {"name": "TEDPolicy", "max_history": 5} | learns,
        ],
    }


def nlu(examples: Iterable[Example], content: Content) -> dict[str, Any]:
    """Every example under its intent, every phrasing of an entry under faq/<id>. A phrasing that is an
    example of another intent goes to that one; Rasa would only warn.

    The lookup tables stay out: `rasa init` has none, its word boundaries match next to nothing in Chinese, and its
    featurizer took 7 ms for them on every message.
    """
    by_intent: dict[str, list[str]] = {}
    for example in examples:
        by_intent.setdefault(example.intent, []).append(example.text)
    taken = {text.casefold() for intent, texts in by_intent.items() if intent != QUESTION for text in texts}
    for entry in content.entries.values():
        texts = [text for language in LANGUAGES for text in (entry.question[language], *entry.phrasings[language])]
        by_intent[f"{QUESTION}/{entry.id}"] = [text for text in texts if text.casefold() not in taken]
    blocks: list[dict[str, Any]] = [
        {"intent": intent, "examples": "".join(f"- {_one_line(text)}\n" for text in dict.fromkeys(texts))}
        for intent, texts in by_intent.items()
    ]
    return {"version": "3.1", "nlu": blocks}


def rules(parts: Parts, intents: Collection[str]) -> list[dict[str, Any]]:
    """Our rules that stock Rasa can follow: about intents that are trained and the form FORM, without effects and what
    was said before; the FAQ's answer is the response selector's, and what is not understood has one sentence."""
    kept = [
        {**rule, "steps": [_step(step) for step in rule["steps"] if not _is_effect(step)]}
        for part in parts
        for rule in part["rules"]
        if _follows(rule, intents)
    ]
    unclear = {"rule": "not understood", "steps": [{"intent": FALLBACK}, {"action": "utter_faq_none"}]}
    return [*kept, unclear]


def stories(made: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Conversations for the policies that learn: greeting, one matter, thanks, goodbye, for each rule with one intent
    and no form; and the form from its opening to its end. `made` are rules() of ours."""
    answers = {
        rule["steps"][0]["intent"]: list(rule["steps"])
        for rule in made
        if "intent" in rule["steps"][0] and not rule.get("condition") and all("action" in s for s in rule["steps"][1:])
    }
    frame = {"greet", "thanks", "goodbye"}
    told = [
        {"story": intent, "steps": [*answers["greet"], *steps, *answers["thanks"], *answers["goodbye"]]}
        for intent, steps in answers.items()
        if intent not in frame
    ]
    form: list[dict[str, Any]] = [
        *answers["greet"],
        {"intent": FORM},
        {"action": "utter_leave_message_intro"},
        {"action": FORM},
        {"active_loop": FORM},
        {"active_loop": None},
        {"slot_was_set": [{"requested_slot": None}]},
        {"action": "action_submit_message"},
        *answers["thanks"],
    ]
    return [*told, {"story": FORM, "steps": form}]


def domain(
    made: Iterable[Mapping[str, Any]],
    intents: Iterable[str],
    ours: Parts,
    sentences: Mapping[str, Any],
    content: Content,
) -> dict[str, Any]:
    """The domain for `made`, our rules; `ours` are the files of our domain, `sentences` the Chinese ones by key."""
    keys = {
        name: said[0]["custom"]["key"]
        for part in ours
        for name, said in part.get("responses", {}).items()
        if "key" in said[0].get("custom", {})
    }
    actions = {step["action"] for rule in made for step in rule["steps"] if "action" in step}
    asks = {f"utter_ask_{FORM}_{slot}" for slot in ASKED}
    used = {name for name in actions | asks if name.startswith("utter_") and name != f"utter_{QUESTION}"}
    responses = {name: [{"text": _words(sentences[keys[name]])}] for name in sorted(used)}
    responses |= {
        f"utter_{QUESTION}/{entry.id}": [{"text": _plain(entry.answer["zh"].short)}]
        for entry in content.entries.values()
    }
    return {
        "version": "3.1",
        "intents": [{intent: {"use_entities": []}} for intent in sorted(set(intents))],
        "slots": {slot: _asked(slot) for slot in ASKED} | {slot: _read() for slot in READ} | {"abuse_count": _count()},
        "forms": {FORM: {"required_slots": list(ASKED)}},
        "actions": [f"validate_{FORM}", *sorted(a for a in actions if a.startswith("action_") and a not in _RASAS)],
        "responses": responses,
        "session_config": {"session_expiration_time": 60, "carry_over_slots_to_new_session": True},
    }


_RASAS = frozenset({"action_deactivate_loop"})


def _asked(slot: str) -> dict[str, Any]:
    asked_for = [{"active_loop": FORM, "requested_slot": slot}]
    mapping = {"type": "from_text", "not_intent": list(ENDS_FORM), "conditions": asked_for}
    return {"type": "text", "influence_conversation": False, "mappings": [mapping]}


def _read() -> dict[str, Any]:
    return {"type": "text", "influence_conversation": False, "mappings": [{"type": "custom"}]}


def _count() -> dict[str, Any]:
    return {"type": "float", "influence_conversation": False, "mappings": [{"type": "custom"}]}


def _follows(rule: Mapping[str, Any], intents: Collection[str]) -> bool:
    first = rule["steps"][0]
    if first.get("action", "").startswith("utter_") or _is_of_another_form(rule):
        return False
    return all(step["intent"] in intents for step in rule["steps"] if "intent" in step)


def _is_of_another_form(rule: Mapping[str, Any]) -> bool:
    """The forms that file a complaint and ask after one ask by our own actions: stock Rasa has no part in that."""
    parts = [*rule.get("condition", ()), *rule["steps"]]
    loops = {part["active_loop"] for part in parts if "active_loop" in part}
    return bool(loops - {None, FORM}) or any(part.get("action") == "action_begin_case" for part in parts)


def _is_effect(step: Mapping[str, Any]) -> bool:
    return step.get("action", "").startswith("utter_effect_")


def _step(step: Mapping[str, Any]) -> dict[str, Any]:
    return {"action": f"utter_{QUESTION}"} if step.get("action") == "utter_faq_answer" else dict(step)


def _words(said: Any) -> str:
    return _plain(said if isinstance(said, str) else said["text"])


def _plain(text: str) -> str:
    """Without braces, in which Rasa would look for slots."""
    return text.replace("{", "").replace("}", "")


def _one_line(text: str) -> str:
    """An example as Rasa's data has them: one line, and brackets that mark no entity."""
    return " ".join(text.split()).replace("[", "［").replace("]", "］")

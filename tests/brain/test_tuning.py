"""The tuned brain answers exactly as Rasa does untouched, over one long script with the form in it and random talk."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from tests.brain.house import TRIES, ActionListener, Child, answers, inside, press, python, turn
from tests.brain.test_stories import STORIES, fields

TURNS = 300
PHONE = "⟦phone:abcdefghij⟧"
F22 = answers("F22", "F24")
ASK = answers("F22", "F24", "F29", score=0.4, decision="ask")

SCRIPT: list[dict[str, Any]] = [
    {"kind": "followed"},
    {"text": "你好"},
    {"text": "怎么查自己的信用报告？", **F22},
    {"text": "征信", **ASK},
    press("/deny"),
    {"text": "征信", **ASK},
    press('/faq{"id":"F29"}'),
    press('/faq{"id":"F29","details":"yes"}'),
    {"text": "说英文"},
    {"text": "换一种语言"},
    press('/set_language{"language":"zh"}'),
    {"text": "what is the price of houses on Mars"},
    {"text": "/restart"},
    {"text": "我要留言"},
    {"text": "好"},
    {"text": "怎么查自己的信用报告？", **F22},
    {"text": "你是机器人吗"},
    press("/deny"),
    {"text": "银行多扣了我二十元年费"},
    {"text": "English please"},
    {"text": "怎么查自己的信用报告？", **F22},
    {"text": "怎么查自己的信用报告？", **F22},
    {"kind": "attachment"},
    {"text": "leave a message"},
    {"text": "不告诉你"},
    {"text": PHONE},
    {"text": "谢谢"},
    press("/leave_message"),
    {"text": f"请打 {PHONE} 找我，卡被盗刷了"},
    {"text": "取消"},
    {"text": "leave a message"},
    {"text": "cancel"},
    {"text": "cancel"},
    {"text": "我要留言"},
    {"text": "再见"},
    {"kind": "location"},
    {"text": "存款保险，哈哈", **answers("F77")},
    {"text": "😀"},
    {"text": "tell me a joke"},
    {"text": "是的"},
    {"text": "不是"},
    {"text": "你能做什么"},
    {"text": "看看这个", "kind": "attachment"},
    {"text": "我要留言"},
    {"text": "第一件事情的经过是这样的"},
    {"text": "微信 zhang_san88"},
    {"text": "good morning"},
    {"text": "how do I get my credit report", **F22},
    {"text": "credit", **ASK},
    {"text": "neither"},
    {"text": "talk to a human"},
    {"text": "/leave_message"},
    {"text": "reply here"},
    {"text": "thanks"},
    {"text": "长" * 2000},
    {"text": "我要留言"},
    {"text": "长" * 2000},
    {"text": "how do I get my credit report", **F22},
    {"text": "x"},
    {"text": "a@b ⟦email:klmnopqrst⟧"},
    {"text": "bye"},
    {"text": "hello"},
    {"text": "stop"},
    {"text": "嗯"},
]


def run(brain: Child) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    state: Any = None
    for number, step in enumerate(SCRIPT):
        found.append(brain.turn(**step, turn=f"t{number}", state=state))
        state = found[-1]["state"]
    return found


def test_the_tuned_brain_answers_as_the_untuned_one(brain: Child, model: Path, listener: ActionListener) -> None:
    assert len(SCRIPT) >= 60
    with Child(model, listener.url, "--untuned") as plain:
        assert run(brain) == run(plain)


def random_turns(count: int) -> list[dict[str, Any]]:
    """Fields of turns, as people jump about: stories in either language, some of their steps left out or changed for
    one of another story. `anew`: the conversation begins again."""
    dice = random.Random(7)
    steps = [step for story in STORIES for step in story["steps"]]
    made: list[dict[str, Any]] = []
    while len(made) < count:
        language = dice.choice(("zh", "en"))
        anew = dice.random() < 0.5
        for step in dice.choice(STORIES)["steps"]:
            if (chance := dice.random()) < 0.8:
                made.append(fields(step if chance < 0.6 else dice.choice(steps), language) | {"anew": anew})
                anew = False
    return made[:count]


def talk(brain: Child, turns: list[dict[str, Any]]) -> list[tuple[int, Any]]:
    """Status and answer of each turn; one that is refused leaves the state as it was, as in a house."""
    found: list[tuple[int, Any]] = []
    state: Any = None
    for number, asked in enumerate(turns):
        sent = {name: value for name, value in asked.items() if name != "anew"}
        state = None if asked["anew"] else state
        for _ in range(TRIES):  # an action may take over its second on a busy machine
            status, answer = brain.post(turn(**sent, turn=f"t{number}", state=state))
            if "no answer within" not in str(answer.get("detail")):
                break
        found.append((status, answer))
        state = answer.get("state", state)
    return found


def posted(listener: ActionListener) -> dict[str, list[Any]]:
    """By turn, what its last try called actions with, less what differs from try to try."""

    def timeless(value: Any) -> Any:
        if isinstance(value, dict):
            kept = {k: v for k, v in value.items() if k not in ("timestamp", "latest_event_time", "sender_id")}
            return {name: timeless(part) for name, part in kept.items()}
        return [timeless(part) for part in value] if isinstance(value, list) else value

    tries: dict[str, list[Any]] = {}
    for call in listener.calls:
        tries.setdefault(call["sender_id"], []).append(timeless(call))
    listener.calls.clear()
    return {sender.partition("-")[0]: calls for sender, calls in tries.items()}


def test_random_talk_is_answered_as_by_the_untuned_one(brain: Child, model: Path, listener: ActionListener) -> None:
    turns = random_turns(TURNS)
    with (
        ActionListener() as its_listener,
        Child(model, its_listener.url, "--untuned") as untuned,
        ThreadPoolExecutor(1) as beside,
    ):
        expected = beside.submit(talk, untuned, turns)
        found = talk(brain, turns)
        assert found == expected.result()
    calls = posted(listener)
    assert calls == posted(its_listener)
    assert len(calls) > TURNS / 5
    assert sum(status == 200 for status, _ in found) > TURNS * 0.9


def test_the_script_passes_through_the_form_and_effects(brain: Child, listener: ActionListener) -> None:
    effects = [effect["name"] for answer in run(brain) for effect in answer["effects"]]
    assert effects.count("leave_message") == 5
    assert "set_language" in effects


def test_a_slot_of_one_conversation_is_never_anothers(model: Path, listener: ActionListener) -> None:
    found = inside("slots", model, listener)
    assert found["slots"] > 20
    assert found["copied"] == found["reset"] == found["slots"]
    assert found["elsewhere"] == found["in_place"] == 0


def test_a_copy_of_a_tracker_is_what_its_events_make_of_it(model: Path, listener: ActionListener) -> None:
    assert inside("copies", model, listener) == {"compared": 14, "differ": []}


def test_the_index_finds_the_rules_that_rasa_finds(model: Path, listener: ActionListener) -> None:
    found = inside("rules", model, listener)
    assert found["compared"] > 500
    assert found["possible"] > 500
    assert found["differ"] == 0


def test_another_rasa_is_not_patched() -> None:
    code = (
        "from bot.assistant import environment; environment.prepare()\n"
        "import rasa; rasa.__version__ = '3.7.0'\n"
        "from bot.assistant import tuning\n"
        "tuning.apply()"
    )
    done = python("-c", code)
    assert done.returncode == 1
    assert "written for Rasa 3.6.21, this is 3.7.0" in done.stderr

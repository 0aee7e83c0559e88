"""The tuned brain answers exactly as Rasa does untouched, over one long script with the form in it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.brain.house import ActionListener, Child, answers, inside, press, python

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
    for number, fields in enumerate(SCRIPT):
        found.append(brain.turn(**fields, turn=f"t{number}", state=state))
        state = found[-1]["state"]
    return found


def test_the_tuned_brain_answers_as_the_untuned_one(brain: Child, model: Path, listener: ActionListener) -> None:
    assert len(SCRIPT) >= 60
    with Child(model, listener.url, "--untuned") as plain:
        assert run(brain) == run(plain)


def test_the_script_passes_through_the_form_and_effects(brain: Child, listener: ActionListener) -> None:
    effects = [effect["name"] for answer in run(brain) for effect in answer["effects"]]
    assert effects.count("leave_message") == 5
    assert "set_language" in effects


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

"""What the real house could not answer, and what people thought of its answers, is there for those who mend them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

from tests.flow.conftest import ROOT, RealHouse, page


def command(house: RealHouse, *words: str) -> list[dict[str, Any]]:
    """The rows that a command prints, run beside the house on the same ledger."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith("QIANTAI_")}
    done = subprocess.run(
        [sys.executable, "-m", "door.cli", "faq", *words, "--json"],
        cwd=ROOT,
        env=clean | {"QIANTAI_DATA": str(house.data)},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


async def test_a_day_of_questions_ends_in_a_list_of_gaps_and_of_wrong_answers(house: RealHouse) -> None:
    async with page(house) as visitor:
        where = visitor.welcome["conversation"]
        refused = await visitor.say("火星上的房价是多少")
        assert refused["entry"] == ""
        choices = await visitor.say("查征信")
        assert len(choices["buttons"]) >= 2
        none = next(button for button in choices["buttons"] if button["payload"] == "/deny")
        await visitor.press(none)
        answer = await visitor.say("存款保险最多赔多少？")
        await visitor.send({"type": "rate", "seq": answer["seq"], "helpful": False})
        assert (await visitor.frame("rated"))["helpful"] is False
        good = await visitor.say("怎么查自己的信用报告？")
        await visitor.send({"type": "rate", "seq": good["seq"], "helpful": True})
        await visitor.frame("rated")
    async with page(house, token=visitor.welcome["token"]) as again:
        told = [await again.frame("rated") for _ in range(2)]
        assert {frame["seq"]: frame["helpful"] for frame in told} == {answer["seq"]: False, good["seq"]: True}

    asked = {one["text"]: gap for gap in command(house, "gaps") for one in gap["questions"]}
    assert "火星上的房价是多少" in asked
    assert "rejected" in asked["查征信"]["kinds"]
    assert asked["存款保险最多赔多少？"]["suggestion"] == "answer"
    assert "怎么查自己的信用报告？" not in asked

    wrong = {row["question"]: row for row in command(house, "wrong", "--day", "today") if row["conversation"] == where}
    assert {"查征信", "存款保险最多赔多少？"} <= set(wrong)
    assert "怎么查自己的信用报告？" not in wrong
    assert wrong["查征信"]["why"] == ["rejected"]
    disliked = wrong["存款保险最多赔多少？"]
    assert (disliked["why"], disliked["entry"], disliked["changed"]) == (["disliked"], "F77", False)
    assert disliked["score"] > 0.5
    assert disliked["next"] == "怎么查自己的信用报告？"

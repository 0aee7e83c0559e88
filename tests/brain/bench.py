"""What the brain costs: `python -m tests.brain.bench [--turns 2000] [--untuned]` prints one JSON object.

Start-up, memory, CPU of the commonest turns and of a conversation that grows, all over HTTP on one real child. CPU is
the child's user + system time by /proc, in ms per turn: unlike wall times it hardly depends on what else the machine
does.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from typing import Any, TypedDict

from bot.assistant import identity
from tests.brain.house import ActionListener, Child, answers, press, turn

PHONE = "⟦phone:abcdefghij⟧"


class Growth(TypedDict):
    """A conversation whose form stays open all the time."""

    turns: int
    largest_state_bytes: int
    last_state_bytes: int
    cpu_ms_at_turn_10: float
    cpu_ms_at_the_end: float
    ratio: float


def growth(brain: Child, turns: int, sample: int) -> Growth:
    """Digress `turns` times inside an open form; then cost `sample` turns from the tenth and from the last state."""
    state: Any = brain.turn(**press("/leave_message"))["state"]
    state = brain.turn("银行多扣了我二十元年费，找了三次都没有人管", state=state)["state"]
    largest, tenth = 0, state
    for number in range(turns):
        text = f"第{number}次想问一下怎么查自己的信用报告？"
        asked = turn(text, state=state, **answers("F22", "F24", "F29"))
        status, answer = brain.post(asked)
        if status != 200:  # an action may take over its second on a busy machine; the house repeats such a turn, too
            status, answer = brain.post(asked)
        assert status == 200, answer
        state = answer["state"]
        largest = max(largest, _size(state))
        if number == 9:
            tenth = state

    def digress(from_state: Any) -> Callable[[], Any]:
        return lambda: brain.turn("怎么查自己的信用报告？", state=from_state, **answers("F22", "F24", "F29"))

    early = late = 0.0
    for _ in range(4):  # taken in turns, so that what else the machine does meets both
        early += cpu_ms(brain, digress(tenth), sample // 4) / 4
        late += cpu_ms(brain, digress(state), sample // 4) / 4
    return {
        "turns": turns,
        "largest_state_bytes": largest,
        "last_state_bytes": _size(state),
        "cpu_ms_at_turn_10": round(early, 2),
        "cpu_ms_at_the_end": round(late, 2),
        "ratio": round(late / early, 2) if early else 0.0,
    }


def cpu_ms(brain: Child, once: Callable[[], Any], count: int) -> float:
    """CPU of the child for one run of `once`, ms, over `count` runs."""
    before = brain.cpu()
    for _ in range(count):
        once()
    return (brain.cpu() - before) * 1000 / count


def costs(brain: Child, count: int) -> dict[str, float]:
    """CPU and wall ms of single turns: an FAQ answer (no action), a greeting, and each turn of the form."""
    opened = brain.turn(**press("/leave_message"))["state"]
    asked = brain.turn("银行多扣了我二十元年费", state=opened)["state"]
    greeted = brain.turn("你好")["state"]
    turns: dict[str, Callable[[], Any]] = {
        "faq": lambda: brain.turn("怎么查自己的信用报告？", state=greeted, **answers("F22", "F24")),
        "greeting": lambda: brain.turn("你好", state=greeted),
        "form_opened": lambda: brain.turn(**press("/leave_message"), state=greeted),
        "form_answered": lambda: brain.turn("银行多扣了我二十元年费", state=opened),
        "form_digression": lambda: brain.turn("怎么查自己的信用报告？", state=asked, **answers("F22")),
        "form_submitted": lambda: brain.turn(PHONE, state=asked),
        "long_text": lambda: brain.turn("银行多扣费" * 400, state=greeted),
    }
    found: dict[str, float] = {}
    for name, once in turns.items():
        once()
        started = time.perf_counter()
        found[f"{name}_cpu_ms"] = round(cpu_ms(brain, once, count), 2)
        found[f"{name}_wall_ms"] = round((time.perf_counter() - started) * 1000 / count, 2)
    return found


def _size(state: Any) -> int:
    return len(json.dumps(state, ensure_ascii=False, separators=(",", ":")).encode())


def main() -> None:
    parser = argparse.ArgumentParser(prog="tests.brain.bench")
    parser.add_argument("--turns", type=int, default=2000, help="length of the conversation with an open form")
    parser.add_argument("--count", type=int, default=200, help="runs of each single turn")
    parser.add_argument("--untuned", action="store_true", help="without bot/assistant/tuning.py")
    options = parser.parse_args()
    with ActionListener() as listener:
        child = Child(identity.model_path(), listener.url, *(["--untuned"] if options.untuned else []))
        with child as brain:
            found: dict[str, Any] = {
                "model": brain.ready["model"],
                "start_wall_s": round(brain.started_in, 2),
                "start_cpu_s": round(brain.cpu(), 2),
                "start_rss_mb": brain.rss(),
                **costs(brain, options.count),
                "growth": growth(brain, options.turns, options.count),
                "rss_mb": brain.rss(),
            }
    print(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()

"""Says what messages mean, without a conversation: `python bot/assistant/parse.py MODEL`.

Stdin has one JSON object per line, a turn as the house sends it; stdout answers each with one: intent, label,
confidence, runner_up and why; an empty line with an empty one, which tells what the way there and back takes. The
house's command line runs it (door/cli/understanding.py).
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any


async def main(model: Path) -> None:
    """Answers line by line, in order, until stdin ends."""
    from bot.assistant import environment

    environment.prepare()
    from rasa.shared.core.trackers import DialogueStateTracker

    from bot.assistant import tuning
    from bot.assistant.brain import Brain
    from bot.assistant.contract import read_turn
    from bot.assistant.phrases import Replies
    from bot.assistant.processor import Incoming

    tuning.apply()
    processor = Brain(model, None).processor
    tracker = DialogueStateTracker.from_events("parse", [], processor.domain.slots)  # it stays empty
    for line in sys.stdin:
        if line == "\n":
            print(flush=True)
            continue
        turn = read_turn(json.loads(line))
        message = Incoming(turn, text=turn.text, output_channel=Replies(), sender="parse")
        parsed: dict[str, Any] = await processor.parse_message(message, tracker)
        print(json.dumps({"intent": parsed["intent"]["name"], **parsed["decision"]}), flush=True)


if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).resolve().parents[2])
    asyncio.run(main(Path(sys.argv[1])))

"""Runs the brain: `python bot/assistant/serve.py --model models/<id>.tar.gz --port 5005`.

Environment: QIANTAI_BRAIN_TOKEN (what callers must show), QIANTAI_ACTION_URL and QIANTAI_ACTION_TOKEN (where the house
runs actions). Binds 127.0.0.1 only. Port 0 takes a free one. When it is warm it prints one line of JSON on stdout,
{"ready": true, "port": …, "model": …}; before that `/ready` answers 503, or nobody listens yet. Ends on SIGTERM, and by
itself when the process that started it is gone. Exit code 2 for a wrong call or a model that cannot be served, with one
sentence on stderr.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import signal
import socket
import sys
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).resolve().parent
ORPHAN_CHECK = 0.5  # seconds
GRACE = 5.0  # seconds that turns in flight get at the end; the house waits 4 for one


class CannotServe(Exception):
    """The brain cannot start; the sentence says why and what to do."""


def main(arguments: list[str] | None = None) -> int:
    """Serve until told to stop; the exit code."""
    parser = argparse.ArgumentParser(prog="serve.py", description="The brain of the front desk, on 127.0.0.1.")
    parser.add_argument("--model", type=Path, required=True, help="the trained model, models/<id>.tar.gz")
    parser.add_argument("--port", type=int, required=True, help="port on 127.0.0.1; 0 for a free one")
    parser.add_argument("--untuned", action="store_true", help="leave Rasa as it is: to compare answers and speed")
    options = parser.parse_args(arguments)
    # The house says who it is: one that dies before this line must not be mistaken for another parent.
    parent = int(os.environ.get("QIANTAI_HOUSE_PID") or os.getppid())
    try:
        listening = _bound(options.port)
        for needed in ("QIANTAI_BRAIN_TOKEN", "QIANTAI_ACTION_URL", "QIANTAI_ACTION_TOKEN"):
            if not os.environ.get(needed):
                raise CannotServe(f"{needed} is not set: the house gives it to the brain that it starts.")
        if not options.model.is_file():
            raise CannotServe(f"there is no model {options.model}: train one with bot/assistant/train.py.")
        _serve(options.model, listening, tuned=not options.untuned, parent=parent)
    except CannotServe as e:
        print(f"The brain cannot start: {e}", file=sys.stderr, flush=True)
        return 2
    return 0


def _bound(port: int) -> socket.socket:
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind(("127.0.0.1", port))
    except (OSError, OverflowError) as e:
        raise CannotServe(f"port {port} on 127.0.0.1 is not free ({e}): choose another, or 0.") from e
    return listening


def _serve(model: Path, listening: socket.socket, *, tuned: bool, parent: int) -> None:
    from bot.assistant import environment

    gc.disable()  # nearly all that a start makes stays: walking it again and again was a third of a start's CPU
    environment.prepare()
    import rasa.core.run
    from rasa.core.utils import AvailableEndpoints
    from rasa.shared.utils.common import class_from_module_path
    from sanic import Sanic

    from bot.assistant import tuning
    from bot.assistant.brain import Brain
    from bot.assistant.calling import ActionListener
    from bot.assistant.door_input import DoorInput
    from bot.assistant.processor import ModelRefused

    if tuned:
        tuning.apply()
    endpoints = AvailableEndpoints.read_endpoints(str(HERE / "endpoints.yml"))
    action, phrases = endpoints.action, endpoints.nlg
    if action is None or phrases is None:
        raise CannotServe("bot/assistant/endpoints.yml must name action_endpoint and nlg.")
    actions = ActionListener(str(action.url), str(action.headers["Authorization"]).removeprefix("Bearer "))
    try:
        brain = Brain(model, actions, class_from_module_path(str(phrases.type))())
    except ModelRefused as e:
        raise CannotServe(str(e)) from e
    (channel,) = rasa.core.run.create_http_input_channels(None, str(HERE / "credentials.yml"))
    if not isinstance(channel, DoorInput):
        raise CannotServe("bot/assistant/credentials.yml must name DoorInput alone.")
    app = channel.app()
    app.config.GRACEFUL_SHUTDOWN_TIMEOUT = GRACE

    async def warm_up(app: Sanic) -> None:
        await brain.warm_up()
        # What is loaded now stays for good: the collector need not walk it again on every cycle.
        gc.freeze()
        gc.enable()
        channel.brain = brain
        print(json.dumps({"ready": True, "port": listening.getsockname()[1], "model": brain.model}), flush=True)

    async def started(app: Sanic, loop: object) -> None:
        app.add_task(warm_up(app))

    async def stopped(app: Sanic, loop: object) -> None:
        await actions.close()

    app.register_listener(started, "after_server_start")
    app.register_listener(stopped, "after_server_stop")
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    app.run(sock=listening, workers=1, access_log=False, debug=False, motd=False, auto_reload=False)


def _end_with(parent: int) -> None:
    """Stop when the process that started us is gone: an orphaned brain would hold its port and its memory for ever.

    Polling instead of prctl(PR_SET_PDEATHSIG), which fires when the starting *thread* ends and exists on Linux only.
    """
    while os.getppid() == parent:
        time.sleep(ORPHAN_CHECK)
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    sys.path[0] = str(ROOT)  # `bot.assistant.…` is how config.yml names our modules
    sys.exit(main())

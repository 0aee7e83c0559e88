"""The first minutes of a checkout: makes what is missing with a bare Python 3.11+, then hands over to .venv."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from door.cli.exits import Exit
from door.cli.setup import engine, steps
from door.cli.setup.explain import SetupError

FIRST_HELP = """\
Qiantai, the open front desk for a financial-consumer hotline. This checkout is not set up yet.

  ./qiantai up      set everything up (a few minutes, about 3 GB, network needed once) and start
  ./qiantai setup   only set up
  ./qiantai test    set up and run every test

After that `./qiantai --help` lists all commands. The first ten minutes: README.md
"""
WHOLE = ("setup", "up", "test", "lint", "train")  # commands that need every step: done side by side from the start


def main(words: Sequence[str]) -> int:
    """Runs under the system's Python; returns only when there is nothing to hand over to."""
    if not words or {"-h", "--help"} & set(words):
        print(FIRST_HELP, end="")
        return Exit.DONE
    if words[0] == "doctor":
        print("The house's environment (.venv) is missing or out of date: run ./qiantai setup", file=sys.stderr)
        return Exit.FOUND
    every = steps.steps()
    try:
        engine.run(every if words[0] in WHOLE else [s for s in every if s.name in ("tool", "house")], steps.ROOT)
    except SetupError as e:
        for line in str(e).splitlines():
            print(f"qiantai: {line}", file=sys.stderr)
        return Exit.SETUP
    except KeyboardInterrupt:
        return Exit.INTERRUPTED
    python = str(steps.HOUSE / "bin" / "python")
    os.execv(python, [python, "-m", "door.cli", *words])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

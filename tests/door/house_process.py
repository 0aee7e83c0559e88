"""A house as a process of its own, with the stub for a brain: `python -m tests.door.house_process`."""

from __future__ import annotations

import sys

from core.settings import load
from door import app, brain_process

if __name__ == "__main__":
    brain_process.command = lambda settings: [sys.executable, "-m", "tests.door.stub_brain"]
    app.run(load())

"""Marks outlive the process that made them, and tell where it stood."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from door.cli.bench.marks import Marks, Stage

WORK = """
import os, signal, sys
from pathlib import Path
from door.cli.bench.marks import Marks, Stage
marks = Marks(Path(sys.argv[1]))
marks.move(None, Stage.CALL)
marks.move(None, Stage.TURN_SQL)
marks.move(Stage.TURN_SQL, Stage.TURN_COMMIT)
marks.move(None, Stage.LEASED)
marks.move(Stage.LEASED, None)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_killed_process_leaves_word_of_where_it_stood(tmp_path: Path) -> None:
    file = tmp_path / "marks"
    done = subprocess.run([sys.executable, "-c", WORK, str(file)], check=False, cwd=Path(__file__).parents[2])
    assert done.returncode == -signal.SIGKILL
    with Marks(file) as marks:
        assert marks.standing() == {Stage.CALL, Stage.TURN_COMMIT}
        assert marks.passed(Stage.LEASED) == 1
        marks.clear()
        assert marks.standing() == set()


def test_stages_are_numbered_in_the_order_of_a_message(tmp_path: Path) -> None:
    assert [stage.value for stage in Stage] == list(range(len(Stage)))
    assert len({stage.words for stage in Stage}) == len(Stage)
    assert os.sysconf("SC_PAGE_SIZE") >= 16 * len(Stage)  # one page: the counters are never torn apart

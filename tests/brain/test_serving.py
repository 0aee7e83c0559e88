"""The child process: it starts from anywhere, says clearly why it cannot, and ends with its parent."""

from __future__ import annotations

import json
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.brain.house import (
    ACTION_TOKEN,
    PYTHON,
    ROOT,
    TOKEN,
    ActionListener,
    Child,
    environment,
    inside,
    python,
    said,
    turn,
)
from tests.waiting import PATIENCE, wait_until

SERVE = str(ROOT / "bot" / "assistant" / "serve.py")
SETTINGS = {
    "QIANTAI_BRAIN_TOKEN": TOKEN,
    "QIANTAI_ACTION_URL": "http://127.0.0.1:1/webhook",
    "QIANTAI_ACTION_TOKEN": ACTION_TOKEN,
}


async def broken(request: object, call: object) -> None:
    raise RuntimeError("broken by a test")


@pytest.mark.parametrize("folder", ["bot/assistant", "/"])
def test_it_lives_in_any_folder_logs_no_message_and_leaves_nothing_at_home(
    model: Path, listener: ActionListener, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: str
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    child = Child(model, listener.url, cwd=ROOT / folder)
    assert said(child.turn("你好")) == ["greeting"]
    for text in ("NEEDLE 怎么办", "/NEEDLE", "NEEDLE{}%s"):
        child.turn(text)
    listener.answer = broken
    status, _ = child.post(turn("说英文 NEEDLE"))
    assert status == 500
    assert child.stop() == 0
    errors = "".join(child.errors)
    assert "turn failed" in errors
    assert "NEEDLE" not in errors
    assert list(tmp_path.iterdir()) == []


def test_until_the_model_is_loaded_nothing_is_answered_with_503(model: Path, listener: ActionListener) -> None:
    found = inside("waiting", model, listener)
    not_ready = {"error": "not_ready", "detail": "the model is being loaded"}
    assert found["before"] == [503, not_ready, 503, "not_ready"]
    assert found["after"] == [200, {"model": model.name.removesuffix(".tar.gz")}, 422, "turn"]


def test_garbage_is_collected_once_it_is_ready_but_for_what_was_loaded(model: Path) -> None:
    code = (
        "import gc, os, signal, sys\n"
        "from bot.assistant import serve\n"
        "def ready(line, **rest):\n"
        "    print(gc.isenabled(), gc.get_freeze_count() > 100_000)\n"
        "    os.kill(os.getpid(), signal.SIGTERM)\n"
        "serve.print = ready\n"
        f"sys.exit(serve.main(['--model', {str(model)!r}, '--port', '0']))"
    )
    done = python("-c", code, **SETTINGS)
    assert (done.returncode, done.stdout) == (0, "True True\n"), done.stderr


def test_it_listens_on_loopback_only(brain: Child) -> None:
    port = f"{brain.ready['port']:04X}"
    listening = [
        line.split()[1]
        for table in ("tcp", "tcp6")
        for line in Path(f"/proc/{brain.process.pid}/net/{table}").read_text().splitlines()[1:]
        if line.split()[1].endswith(f":{port}") and line.split()[3] == "0A"
    ]
    assert listening == [f"0100007F:{port}"]


CANNOT: list[tuple[str, list[str], dict[str, str], str]] = [
    ("no model", ["--model", "/nowhere/m.tar.gz", "--port", "0"], {}, "there is no model /nowhere/m.tar.gz"),
    ("a model that is none", ["--model", str(ROOT / "config.yml"), "--port", "0"], {}, "is no model of Rasa"),
    ("a port beyond all ports", ["--model", SERVE, "--port", "99999"], {}, "is not free"),
    *[
        (f"no {name}", ["--model", SERVE, "--port", "0"], {name: ""}, f"{name} is not set")
        for name in ("QIANTAI_BRAIN_TOKEN", "QIANTAI_ACTION_URL", "QIANTAI_ACTION_TOKEN")
    ],
]


@pytest.mark.parametrize(("arguments", "env", "why"), [row[1:] for row in CANNOT], ids=[row[0] for row in CANNOT])
def test_it_says_in_one_sentence_why_it_cannot_start(arguments: list[str], env: dict[str, str], why: str) -> None:
    done = python(SERVE, *arguments, **(SETTINGS | env))
    assert done.returncode == 2
    assert done.stderr.startswith("The brain cannot start: ")
    assert why in done.stderr
    assert "Traceback" not in done.stderr


def test_a_taken_port_is_named(model: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = python(SERVE, "--model", str(model), "--port", str(port), **SETTINGS)
    assert done.returncode == 2
    assert f"port {port} on 127.0.0.1 is not free" in done.stderr


def test_a_model_of_a_tensorflow_component_is_refused(model: Path, tmp_path: Path) -> None:
    """As a model from elsewhere would ask for it: the class named in its prediction graph is swapped."""
    unpacked = tmp_path / "unpacked"
    shutil.unpack_archive(model, unpacked, "gztar")
    metadata = unpacked / "metadata.json"
    text = metadata.read_text()
    ours, theirs = "bot.assistant.components.Understanding", "rasa.nlu.classifiers.diet_classifier.DIETClassifier"
    assert ours in text
    metadata.write_text(text.replace(ours, theirs))
    foreign = shutil.make_archive(str(tmp_path / "foreign"), "gztar", unpacked)
    done = python(SERVE, "--model", foreign, "--port", "0", **SETTINGS)
    assert done.returncode == 2
    assert "the model asks for DIETClassifier, which cannot work here" in done.stderr


def test_no_orphan_stays_when_the_house_is_killed(model: Path) -> None:
    """A parent starts the brain and is killed: nobody tells the brain, and it ends all the same."""
    parent_code = (
        "import subprocess, sys\n"
        f"child = subprocess.Popen([{str(PYTHON)!r}, {SERVE!r}, '--model', {str(model)!r}, '--port', '0'],"
        " stdout=subprocess.PIPE, text=True)\n"
        "print(child.pid, flush=True)\n"
        "print(child.stdout.readline(), flush=True)\n"
        "sys.stdin.read()\n"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", parent_code],
        env=environment(**SETTINGS),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert parent.stdout
    assert parent.stdin
    orphan = int(parent.stdout.readline())
    assert '"ready": true' in parent.stdout.readline()
    parent.send_signal(signal.SIGKILL)
    parent.wait(PATIENCE)
    parent.stdin.close()
    parent.stdout.close()
    assert wait_until(lambda: not alive(orphan))


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_the_parser_answers_a_message_with_its_meaning_and_an_empty_line_with_an_empty_one(model: Path) -> None:
    asked = "".join(json.dumps(turn(text)) + "\n" + "\n" for text in ("我要转人工", "谢谢你"))
    done = subprocess.run(
        [str(PYTHON), str(ROOT / "bot" / "assistant" / "parse.py"), str(model)],
        cwd=ROOT,
        env=environment(),
        input=asked,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    person, empty, thanks, nothing = done.stdout.splitlines()
    assert [json.loads(one)["label"] for one in (person, thanks)] == ["handoff", "thanks"]
    assert (empty, nothing) == ("", "")

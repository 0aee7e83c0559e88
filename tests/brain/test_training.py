"""Training: the same data gives the same name, what is up to date is left alone, and wrong data is one sentence."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from bot.assistant import identity
from tests.brain.house import ROOT, python


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of all that a training reads."""
    for files in identity.parts().values():
        for file in files:
            target = tmp_path / file.relative_to(ROOT)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(file, target)
    return tmp_path


def train(tree: Path, *options: str) -> subprocess.CompletedProcess[str]:
    return python("bot/assistant/train.py", "--root", str(tree), "--out", str(tree / "model.tar.gz"), *options)


def test_the_same_files_have_the_same_id_wherever_they_lie(tree: Path) -> None:
    assert identity.model_id(tree) == identity.model_id()
    assert train(tree, "--id").stdout.strip() == identity.model_id()


@pytest.mark.parametrize(
    "file",
    [
        "config.yml",
        "nlu_data/nlu/greetings.yml",
        "nlu_data/rules/answers.yml",
        "bot/assistant/domain/answers.yml",
        "bot/assistant/components.py",
    ],
)
def test_any_change_of_what_is_read_changes_the_id(tree: Path, file: str) -> None:
    with (tree / file).open("a") as stream:
        stream.write("\n# changed\n")
    assert identity.model_id(tree) != identity.model_id()


def test_line_ends_of_another_system_change_nothing(tree: Path) -> None:
    file = tree / "config.yml"
    file.write_bytes(file.read_bytes().replace(b"\n", b"\r\n"))
    assert identity.model_id(tree) == identity.model_id()


def test_the_five_newest_models_are_kept_and_nothing_that_a_killed_training_left(tmp_path: Path) -> None:
    for n in range(8):
        (tmp_path / f"{n:016x}.tar.gz").touch()
        os.utime(tmp_path / f"{n:016x}.tar.gz", (n, n))
    (tmp_path / "mine.tar.gz").touch()
    os.utime(tmp_path / "mine.tar.gz", (0, 0))
    for name in (".training-killed", ".training-now"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "part").touch()
    os.utime(tmp_path / ".training-killed", (0, 0))
    code = f"from pathlib import Path; from bot.assistant.train import prune; prune(Path({str(tmp_path)!r}))"
    assert python("-c", code).returncode == 0
    assert sorted(file.name for file in tmp_path.iterdir()) == [
        ".training-now",
        *(f"{n:016x}.tar.gz" for n in range(3, 8)),
        "mine.tar.gz",
    ]


def test_a_model_that_is_up_to_date_is_not_trained_again(model: Path) -> None:
    written = model.stat().st_mtime_ns
    done = python("bot/assistant/train.py", "--out", str(model))
    assert done.returncode == 0
    assert json.loads(done.stdout)["trained"] is False
    assert model.stat().st_mtime_ns == written


@pytest.mark.parametrize(
    ("component", "part"),
    [
        ("DIETClassifier", "pipeline"),
        ("ResponseSelector", "pipeline"),
        ("LanguageModelFeaturizer", "pipeline"),
        ("rasa.nlu.classifiers.diet_classifier.DIETClassifier", "pipeline"),
        ("TEDPolicy", "policies"),
        ("UnexpecTEDIntentPolicy", "policies"),
    ],
)
def test_a_tensorflow_component_is_refused_in_one_sentence(tree: Path, component: str, part: str) -> None:
    config = tree / "config.yml"
    config.write_text(config.read_text().replace(f"{part}:\n", f"{part}:\n  - name: {component}\n"))
    done = train(tree)
    assert done.returncode == 1
    name = component.rpartition(".")[2]
    assert f"config.yml asks for {name}, which cannot work here because this brain has no TensorFlow" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tree / "model.tar.gz").exists()


FEW = {"greetings.yml", "stop.yml", "yes_no.yml"}
WRONG: list[tuple[str, str, str, str]] = [
    ("nlu_data/nlu/greetings.yml", "nlu:\n", "nlu:\n\t- x: {\n", "greetings.yml"),
    ("nlu_data/rules/answers.yml", "action: utter_faq_answer", "action: utter_nothing", "utter_nothing"),
    ("bot/assistant/domain/session.yml", "_time: 0", "_time: 60", "session_expiration_time must be 0"),
    (
        "bot/assistant/domain/leave_message.yml",
        "  - action_drop_message",
        "  - action_drop_message\n  - action_validate_slot_mappings",
        "fails in silence",
    ),
    (
        "bot/assistant/domain/language.yml",
        "      - type: from_entity\n        entity: language\n        intent: set_language\n",
        "      - type: custom\n        action: action_set_language\n",
        "fails in silence",
    ),
    (
        "bot/assistant/domain/language.yml",
        "  - action_set_language",
        "  - action_set_language\n  - action_session_start",
        "starts sessions by the clock",
    ),
]


@pytest.mark.parametrize(("file", "old", "new", "sentence"), WRONG, ids=[row[3] + " " + row[0] for row in WRONG])
def test_wrong_data_is_named_and_no_model_appears(tree: Path, file: str, old: str, new: str, sentence: str) -> None:
    for examples in (tree / "nlu_data" / "nlu").iterdir():
        if examples.name not in FEW:
            examples.unlink()  # what is wrong is found without learning from all of them first
    text = (tree / file).read_text()
    assert old in text
    (tree / file).write_text(text.replace(old, new))
    done = train(tree)
    assert (done.returncode, sentence in done.stderr) == (1, True), done.stderr
    assert not (tree / "model.tar.gz").exists()
    assert list(tree.glob(".training-*")) == []


def test_a_place_that_cannot_be_written_is_named(tree: Path) -> None:
    (tree / "file").write_text("")
    done = python("bot/assistant/train.py", "--root", str(tree), "--out", str(tree / "file" / "model.tar.gz"))
    assert done.returncode == 1
    assert f"The model cannot be written to {tree / 'file'}: " in done.stderr
    assert "Traceback" not in done.stderr


def test_missing_data_is_named(tree: Path) -> None:
    shutil.rmtree(tree / "nlu_data")
    done = train(tree)
    assert done.returncode == 2
    assert "has no data" in done.stderr

"""The documents say what the code does: every setting, code, metric, alarm and command stands there, and no other."""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest
import yaml

from channels.web import Close, Problem
from core.errors import QiantaiError
from core.settings import OTHER_NAMES, describe
from door.auth import SCOPES
from door.cli.exits import Exit
from door.cli.look import settings_table
from door.cli.setup import steps, system
from door.metrics import Metrics
from tests.cli.test_commands import commands

ROOT = steps.ROOT
OPERATIONS = (ROOT / "docs" / "operations.md").read_text()
README = (ROOT / "README.md").read_text()
DOCS = {path: path.read_text() for path in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]}
ROOMS = ("core", "channels", "bot", "actions", "desk", "cases", "faq", "door")
RESPONSES = ROOT / "faq" / "content" / "responses"


def section(title: str) -> str:
    """What stands under one heading of docs/operations.md."""
    return OPERATIONS.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def sources(*suffixes: str) -> Iterator[Path]:
    for room in (*ROOMS, "nlu_data"):
        for file in (ROOT / room).rglob("*"):
            if file.suffix in suffixes and not {".venv", "__pycache__", "responses"} & set(file.parts):
                yield file


def test_the_table_of_settings_is_the_settings() -> None:
    shown = OPERATIONS.partition("<!-- settings -->\n")[2].partition("<!-- end of settings -->")[0]
    assert shown.strip() == settings_table().strip(), "take it from ./qiantai settings --markdown"


def test_every_environment_name_in_a_document_exists() -> None:
    known = {name for doc in describe() for name in (doc.env, doc.env_file)} | set(OTHER_NAMES)
    for path, text in DOCS.items():
        named = set(re.findall(r"\bQIANTAI_[A-Z_]*[A-Z]\b", text))
        assert named <= known, f"{path.name}: {named - known}"


def test_every_error_code_is_documented_with_its_status_and_sentence() -> None:
    for room in ROOMS:
        for file in (ROOT / room).glob("*.py"):
            importlib.import_module(f"{room}.{file.stem}" if file.stem != "__init__" else room)

    def tree(kind: type[QiantaiError]) -> Iterator[type[QiantaiError]]:
        for sub in kind.__subclasses__():
            if sub.__module__.partition(".")[0] in ROOMS:
                yield sub
            yield from tree(sub)

    rows = dict(re.findall(r"^\| `(\w+)` \| (\w+) \|", section("Error codes"), re.M))
    statuses: dict[str, set[str]] = {}
    for kind in (QiantaiError, *tree(QiantaiError)):
        statuses.setdefault(kind.code, {"inside"}).add(str(kind.status))
    assert set(rows) == set(statuses)
    assert {code: told for code, told in rows.items() if told not in statuses[code]} == {}
    for problem in get_args(Problem):
        assert f"`{problem}`" in section("Error codes")
    for code in Close:
        assert str(int(code)) in section("Error codes")


def test_every_exit_code_is_documented_with_its_meaning() -> None:
    rows = re.findall(r"^\| (\d+) \| (.+) \|$", section("Exit codes"), re.M)
    assert [(int(code), meaning) for code, meaning in rows] == [(code.value, code.meaning) for code in Exit]


def test_every_metric_is_documented_with_its_kind_and_meaning() -> None:
    rows = set(re.findall(r"^\| `(\w+)` \| (\w+) \| (.+) \|$", section("Metrics"), re.M))
    found = Metrics().registry.collect()
    assert rows == {
        (one.name + ("_total" if one.type == "counter" else ""), one.type, one.documentation) for one in found
    }


def test_every_kind_of_alarm_is_documented() -> None:
    raised = {
        kind for file in sources(".py") for kind in re.findall(r'raise_alarm\(\s*conn,\s*"(\w+)"', file.read_text())
    }
    assert raised
    documented = set(re.findall(r"`(\w+)`", re.sub(r"(?m)^(?!\|).*$", "", section("Alarms"))))
    assert raised <= documented, raised - documented


def test_every_command_is_documented_and_every_documented_command_exists() -> None:
    known = commands()
    leaves = {words for words in known if not any(other.startswith(f"{words} ") for other in known)}
    rows = dict(re.findall(r"^\| `\./qiantai ([a-z -]+)` \| (.+) \|$", section("Commands"), re.M))
    assert set(rows) == leaves
    for words, told in rows.items():
        assert told == " ".join((known[words].help or "").split("\n\n")[0].split()), words
    for path, text in DOCS.items():
        for words in re.findall(r"\./qiantai ((?:[a-z][a-z-]* ?)+)", text):
            first, _, rest = words.strip().partition(" ")
            assert first in known, f"{path.name}: ./qiantai {words}"
            if any(name.startswith(f"{first} ") for name in known) and rest:
                assert any(f"{first} {rest}".startswith(name) for name in known if " " in name), f"{path.name}: {words}"


def test_every_option_that_a_document_shows_exists() -> None:
    known = commands()
    for path, text in DOCS.items():
        for line in re.findall(r"\./qiantai [^`\n#|]*", text):
            words = line.split()[1:]
            command = next((found for n in (3, 2, 1) if (found := known.get(" ".join(words[:n])))), None)
            options = {name for parameter in command.params for name in parameter.opts} if command else set[str]()
            used = {word for word in words if word.startswith("--")} - {"--help"}
            assert used <= options or words[0] == "test", f"{path.name}: {line}"


def test_every_scope_that_a_document_shows_exists() -> None:
    for path, text in DOCS.items():
        named = set(re.findall(r"\b(?:alarms|conversations|cases|health):\w+", text))
        assert named <= set(SCOPES), path.name


def test_every_sentence_for_consumers_is_used() -> None:
    keys = set(yaml.safe_load((RESPONSES / "zh.yml").read_text())) | set(
        yaml.safe_load((RESPONSES / "en.yml").read_text())
    )
    text = "\n".join(file.read_text() for file in sources(".py", ".yml"))
    # In Python a key is a whole string; in YAML it is a value.
    used = {key for key in keys if re.search(rf"""["']{re.escape(key)}["']|[:\[{{,-]\s*{re.escape(key)}\b""", text)}
    pages = re.findall(r'/menu\{"page":"(\w+)"\}', (RESPONSES / "zh.yml").read_text())
    used |= {f"menu.{page}" for page in pages}  # a page of the menu is said by the button that leads to it
    assert keys == used, f"nobody says {keys - used}"


@pytest.mark.parametrize("path", DOCS, ids=lambda path: path.name)
def test_links_between_documents_lead_somewhere(path: Path) -> None:
    for target in re.findall(r"\]\(([^)#:]+)(?:#[\w-]*)?\)", DOCS[path]):
        assert (path.parent / target).exists(), target


def test_the_readme_begins_with_the_two_commands() -> None:
    start = README.partition("## Start")[2].partition("## ")[0]
    commands_shown = re.search(r"```sh\n(.*?)```", start, re.S)
    assert commands_shown
    assert [line.split(" ")[0] for line in commands_shown[1].splitlines()] == ["git", "./qiantai"]


def test_the_clean_clone_runs_the_readmes_own_commands() -> None:
    ran = re.findall(r"^\./qiantai \w+", (ROOT / ".ci" / "run").read_text(), re.M)
    assert ran == ["./qiantai setup", "./qiantai lint", "./qiantai test"]
    for command in ran:
        assert command in README + OPERATIONS


def test_system_packages_are_listed_with_a_reason() -> None:
    lines = [line for line in (ROOT / "system-packages.txt").read_text().splitlines() if not line.startswith("#")]
    assert all(re.fullmatch(r"[a-z0-9.+-]+ +# .+", line) for line in lines)
    assert system.wanted() == [line.split()[0] for line in lines]

"""One trained model, one action listener and one brain child for all tests of the brain."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.assistant import identity
from tests.brain.house import ActionListener, Child, python


@pytest.fixture(scope="session")
def model() -> Path:
    """The model of the tree as it is; trained here if its data changed since `./qiantai train`."""
    path = identity.model_path()
    done = python("bot/assistant/train.py", "--out", str(path))
    assert done.returncode == 0, done.stderr
    return path


@pytest.fixture(scope="session")
def the_listener() -> Iterator[ActionListener]:
    with ActionListener() as running:
        yield running


@pytest.fixture(scope="session")
def brain(model: Path, the_listener: ActionListener) -> Iterator[Child]:
    with Child(model, the_listener.url) as running:
        yield running


@pytest.fixture
def listener(the_listener: ActionListener) -> Iterator[ActionListener]:
    """The listener, which a test may make fail; it is whole again afterwards."""
    the_listener.restore()
    yield the_listener
    the_listener.restore()

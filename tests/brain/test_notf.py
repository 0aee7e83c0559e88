"""The stand-in for TensorFlow: Rasa imports without the real one, and only what never needs it is allowed."""

from __future__ import annotations

import re

import pytest

from bot.assistant import notf
from tests.brain.house import PYTHON, python


def test_there_is_no_tensorflow_in_the_brains_environment() -> None:
    packages = PYTHON.parents[1] / "lib" / "python3.10" / "site-packages"
    assert [p.name for p in packages.glob("*") if re.match(r"(tensorflow|keras|tensorboard)", p.name)] == []


def test_rasa_can_be_imported_and_a_second_install_changes_nothing() -> None:
    code = (
        "import sys\n"
        "from bot.assistant import notf\n"
        "notf.install(); notf.install()\n"
        "assert sum(type(f).__module__ == 'bot.assistant.notf' for f in sys.meta_path) == 1\n"
        "import rasa.nlu.classifiers.diet_classifier, rasa.core.policies.ted_policy\n"
        "import tensorflow.keras.layers as layers\n"
        "assert layers.Dense(3) is not None\n"
    )
    done = python("-c", code, RASA_TELEMETRY_ENABLED="false")
    assert done.returncode == 0, done.stderr


def test_the_list_of_refused_components_is_what_rasa_registers_with_tensorflow() -> None:
    """Every registered component whose module imports TensorFlow is refused, and nothing else is."""
    code = (
        "import sys, inspect, re\n"
        "from bot.assistant import environment, notf; environment.prepare()\n"
        "from rasa.engine.recipes.default_recipe import DefaultV1Recipe\n"
        "import rasa.engine.recipes.default_components\n"
        "found = set()\n"
        "for name, entry in DefaultV1Recipe._registered_components.items():\n"
        "    source = inspect.getsource(sys.modules[entry.clazz.__module__])\n"
        "    if re.search(r'^\\s*(import|from) tensorflow', source, re.M): found.add(name)\n"
        "print(sorted(found))\n"
        "assert found <= notf.NEEDS_TENSORFLOW, found - notf.NEEDS_TENSORFLOW\n"
        "known = set(DefaultV1Recipe._registered_components)\n"
        "assert notf.NEEDS_TENSORFLOW & known <= found, notf.NEEDS_TENSORFLOW & known - found\n"
    )
    done = python("-c", code)
    assert done.returncode == 0, done.stderr
    assert "DIETClassifier" in done.stdout


@pytest.mark.parametrize("harmless", ["RulePolicy", "MemoizationPolicy", "CRFEntityExtractor", "JiebaTokenizer"])
def test_other_components_are_allowed(harmless: str) -> None:
    notf.refuse([harmless, "bot.assistant.components.Understanding"], "config.yml")


def test_the_sentence_names_every_refused_component() -> None:
    with pytest.raises(notf.NeedsTensorFlow, match=r"config\.yml asks for DIETClassifier, TEDPolicy, which cannot"):
        notf.refuse(["TEDPolicy", "RulePolicy", "rasa.nlu.DIETClassifier"], "config.yml")

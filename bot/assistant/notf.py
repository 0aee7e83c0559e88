"""Stands in for TensorFlow, which Rasa imports everywhere and which nothing of ours uses.

Rasa 3.6.21 imports `tensorflow` at module level in its registry of components, so it cannot be imported without it.
The real package and its friends are 1.9 GB on disk, 350 MB of memory and 3 s of every start; they serve components that
this assistant does without. `install()` puts inert modules in their place; `refuse()` makes sure that no component that
would really need them is ever built on top of nothing. Why and what it saves: docs/decisions/0002.
"""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import sys
import types
from collections.abc import Iterable, Sequence
from typing import Any

ROOTS = frozenset({"tensorflow", "tensorflow_addons", "tensorflow_hub", "tensorflow_text", "keras", "tensorboard"})

# Every component of Rasa 3.6.21 whose module imports TensorFlow and uses it to train or predict.
NEEDS_TENSORFLOW = frozenset(
    {
        "ConveRTFeaturizer",
        "DIETClassifier",
        "LanguageModelFeaturizer",
        "ResponseSelector",
        "TEDPolicy",
        "UnexpecTEDIntentPolicy",
    }
)


class NeedsTensorFlow(Exception):
    """A pipeline or policy asks for a component that cannot work in this environment."""


class _Inert(type):
    """A class that is its own attribute, base, decorator and annotation: enough for Rasa's module-level code."""

    def __getattr__(cls, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        made = _inert(name)
        setattr(cls, name, made)
        return made

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        if not cls.__dict__.get("stands_in"):
            return super().__call__(*args, **kwargs)  # a class of Rasa's that only inherits from us
        if len(args) == 1 and callable(args[0]) and not kwargs:
            return args[0]  # used as a decorator: hand back what it decorates
        return cls

    def __or__(cls, other: Any) -> Any:
        return cls

    def __getitem__(cls, key: Any) -> Any:
        return cls

    def __iter__(cls) -> Any:
        return iter(())


def _inert(name: str) -> _Inert:
    return _Inert(name, (), {"stands_in": True})


class _Module(types.ModuleType):
    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        made = _inert(name)
        setattr(self, name, made)
        return made


class _Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: types.ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname.partition(".")[0] in ROOTS:
            return importlib.machinery.ModuleSpec(fullname, self, is_package=True)
        return None

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> types.ModuleType:
        return _Module(spec.name)

    def exec_module(self, module: types.ModuleType) -> None:
        """Nothing to run: the module makes its attributes when they are asked for."""


def install() -> None:
    """Must run before `rasa` is imported; a second call changes nothing."""
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder())


def refuse(components: Iterable[str], where: str) -> None:
    """Raise NeedsTensorFlow if one of `components` (class names or dotted paths, as `where` gives them) needs it."""
    asked = sorted({name.rpartition(".")[2] for name in components} & NEEDS_TENSORFLOW)
    if asked:
        raise NeedsTensorFlow(
            f"{where} asks for {', '.join(asked)}, which cannot work here because this brain has no TensorFlow: "
            "use bot.assistant.components.Understanding and RulePolicy instead."
        )

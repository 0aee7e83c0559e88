"""Sentences with {names} in them: which names one uses, and filling them in."""

from __future__ import annotations

import re
from collections.abc import Mapping

from core.errors import ContentError

# What every sentence and answer may use; the values come from the settings, per language.
SETTINGS_ARGS = frozenset({"hotline_name", "hotline_number", "hotline_city", "hours"})

_ARG = re.compile(r"\{([a-z][a-z0-9_]*)\}")


def names(text: str) -> frozenset[str]:
    """The {names} in `text`."""
    return frozenset(_ARG.findall(text))


def trouble(text: str, allowed: frozenset[str] | None) -> str:
    """What is wrong with the {names} of `text`, "" if nothing is; `allowed` None lets every well-formed name pass."""
    if "{" in (rest := _ARG.sub("", text)) or "}" in rest:
        return "a curly bracket that is not part of a {name}"
    unknown = sorted(names(text) - allowed) if allowed is not None else []
    return f"{{{unknown[0]}}} is not known here; known are {', '.join(sorted(allowed or ()))}" if unknown else ""


def fill(text: str, args: Mapping[str, object]) -> str:
    """`text` with its {names} replaced, once: a value with brackets stays as it is. ContentError if one is missing."""

    def value(found: re.Match[str]) -> str:
        given = args.get(found[1])
        if given is None or isinstance(given, (list, tuple, dict, set)):
            raise ContentError(f"no value for {{{found[1]}}} in {text!r}")
        return str(given)

    return _ARG.sub(value, text) if "{" in text else text

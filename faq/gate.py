"""What the figures of the search may not fall below, as a file beside the questions says."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, cast

from core.errors import ContentError
from core.model import Language
from faq.entries import LANGUAGES
from faq.evaluate import Figures

FILE = "gate.toml"
SHARES = tuple(one.name for one in fields(Figures) if one.type == "float")


@dataclass(frozen=True, kw_only=True, slots=True)
class Limit:
    """One figure of one language, and what it may be at the least or at the most."""

    language: Language
    figure: str  # a name among SHARES
    least: float = 0.0  # shares of the questions, 0..1
    most: float = 1.0

    def broken_by(self, found: Mapping[Language, Figures]) -> str:
        """Why the figures do not keep this limit, "" if they do."""
        value = cast("float", getattr(found[self.language], self.figure))
        what = f"{self.language} {self.figure.replace('_', ' ')} is {value:.1%}"
        if value < self.least:
            return f"{what}, at least {self.least:.1%} is needed"
        return f"{what}, at most {self.most:.1%} is allowed" if value > self.most else ""


def read(folder: Path) -> list[Limit]:
    """The limits of the gate file in `folder`; ContentError says what is wrong with it.

    It has a table per language with `figure = { least = 0.9 }` or `{ most = 0.02 }`, or both.
    """
    try:
        text = (folder / FILE).read_text(encoding="utf-8")
        return list(_limits(tomllib.loads(text)))
    except FileNotFoundError:
        raise ContentError(f"there is no {FILE} in {folder}: it says what the figures may not fall below") from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as e:
        raise ContentError(f"{FILE} cannot be read: {e}") from None


def _limits(tables: Mapping[str, Any]) -> Iterator[Limit]:
    if not tables:
        raise ContentError(f"{FILE} sets no limit")
    for language, figures in tables.items():
        if language not in LANGUAGES or not isinstance(figures, dict):
            raise ContentError(f"{FILE}: {language} is not a table of a language (zh, en)")
        for figure, limits in cast("dict[str, Any]", figures).items():
            if figure not in SHARES:
                raise ContentError(f"{FILE}: {language}.{figure} is no figure; known are {', '.join(SHARES)}")
            yield Limit(language=language, figure=figure, **_bounds(f"{language}.{figure}", limits))


def _bounds(name: str, given: Any) -> dict[str, float]:
    bounds = cast("dict[str, Any]", given) if isinstance(given, dict) else {}
    if not bounds or bounds.keys() - {"least", "most"}:
        raise ContentError(f"{FILE}: {name} needs least or most, such as {{ least = 0.9 }}")
    for value in bounds.values():
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= 1:
            raise ContentError(f"{FILE}: {name}: {value} is not a share between 0 and 1")
    return {key: float(value) for key, value in bounds.items()}


def broken(found: Mapping[Language, Figures], limits: list[Limit]) -> list[str]:
    """One sentence for each limit that the figures do not keep."""
    return [why for limit in limits if (why := limit.broken_by(found))]

"""What figures may not fall below, from a TOML file: a table per group of messages, in it a limit per figure."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from core.errors import ContentError


@dataclass(frozen=True, kw_only=True, slots=True)
class Limit:
    """One figure of one group, and what it may be at the least or at the most."""

    group: str
    figure: str
    least: float = 0.0  # shares, 0..1
    most: float = 1.0

    def broken_by(self, found: Mapping[str, Mapping[str, Any]]) -> str:
        """Why the figures, by group and name, do not keep this limit; "" if they do."""
        what = f"{self.group} {self.figure}"
        value = found.get(self.group, {}).get(self.figure)
        if value is None:
            return f"{what} was not measured"
        if value < self.least:
            return f"{what} is {value:.1%}, at least {self.least:.1%} is needed"
        return f"{what} is {value:.1%}, at most {self.most:.1%} is allowed" if value > self.most else ""


def read(file: Path) -> list[Limit]:
    """The limits of a file such as `[zh]` with `right = { least = 0.9 }` under it; ContentError says what is wrong."""
    try:
        return list(_limits(tomllib.loads(file.read_text(encoding="utf-8"))))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as e:
        raise ContentError(f"{file.name} cannot be read: {e}") from None
    except ValueError as e:
        raise ContentError(f"{file.name}: {e}") from None


def _limits(tables: Mapping[str, Any]) -> Iterator[Limit]:
    if not tables:
        raise ValueError("it sets no limit")
    for group, figures in tables.items():
        if not isinstance(figures, dict):
            raise ValueError(f"{group} is not a table of figures")
        for figure, bounds in cast("dict[str, Any]", figures).items():
            name = f"{group}.{figure}"
            if not isinstance(bounds, dict) or not bounds or cast("dict[str, Any]", bounds).keys() - {"least", "most"}:
                raise ValueError(f"{name} needs least or most, such as {{ least = 0.9 }}")
            for value in cast("dict[str, Any]", bounds).values():
                if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= 1:
                    raise ValueError(f"{name}: {value} is not a share between 0 and 1")
            yield Limit(group=group, figure=figure, **cast("dict[str, float]", bounds))

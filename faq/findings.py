"""What the check of the content finds, and how bad it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from faq.entries import Content

# stops: content with it is not published · error: it does not pass the check · warning: to be looked at
Level = Literal["stops", "error", "warning"]
STOPS = frozenset({"broken", "prohibited"})  # a missing language and an id that does not exist are broken
WARNINGS = frozenset({"expiring", "same-meaning"})


@dataclass(frozen=True, kw_only=True, slots=True, order=True)
class Finding:
    """Something to put right, and where; `rule` is its name for machines."""

    file: str  # relative to the content folder
    line: int  # 1, 2, …; 0 if the file as a whole is meant
    reason: str
    rule: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.reason}"

    @property
    def level(self) -> Level:
        """How bad it is."""
        return "stops" if self.rule in STOPS else "warning" if self.rule in WARNINGS else "error"

    @property
    def stops(self) -> bool:
        """Whether content with this is not published."""
        return self.rule in STOPS


def of_entry(content: Content, entry: str, rule: str, reason: str, *place: str | int) -> Finding:
    """A finding at a value of an entry, such as "F22", …, "answer", "zh", "short"."""
    file, line = content.line(entry, *place)
    return Finding(file=file, line=line, reason=f"{entry}: {reason}", rule=rule)

"""Reads a YAML file into plain values and remembers the line of each, so that a complaint can say where."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any, cast

import yaml

SIZE_MAX = 1_000_000  # bytes of one file; a topic of 20 entries has about 60 kB
DEPTH_MAX = 20  # levels; entries have five, and the C parser dies of tens of thousands

Step = str | int
Place = tuple[Step, ...]  # the way from the top of a file to a value: keys and list positions

# The C parser is ten times as fast; both give the same nodes and marks.
_Loader = cast("type[yaml.SafeLoader]", getattr(yaml, "CSafeLoader", yaml.SafeLoader))


@dataclass(frozen=True, kw_only=True, slots=True, order=True)
class Problem:
    """Why a content file cannot be used as it is, and where to look."""

    file: str  # relative to the content folder
    line: int  # 1, 2, …; 0 if the file as a whole is meant
    reason: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.reason}"


@dataclass(kw_only=True, slots=True)
class YamlFile:
    """One file's plain values, the line of each, and what was found wrong with it so far."""

    name: str
    raw: bytes = b""
    value: Any = None
    lines: dict[Place, int] = field(default_factory=dict[Place, int])
    problems: list[Problem] = field(default_factory=list[Problem])

    def blame(self, place: Place, reason: str) -> None:
        """Notes a problem at `place`, or at the nearest value around it that has a line."""
        while place and place not in self.lines:
            place = place[:-1]
        self.problems.append(Problem(file=self.name, line=self.lines.get(place, 0), reason=reason))

    def mapping(
        self, place: Place, value: Any, *, required: Iterable[str], optional: Iterable[str] = ()
    ) -> dict[str, Any]:
        """`value` as a mapping with these keys; what is missing, unknown or no mapping at all is a problem."""
        if not isinstance(value, dict):
            self.blame(place, f"{_name(place)}: a mapping is needed here")
            return {}
        found = cast("dict[str, Any]", value)
        needed, known = list(required), {*required, *optional}
        for key in needed:
            if key not in found:
                self.blame(place, f"{_name(place)}: {key} is missing")
        for key in found:
            if key not in known:
                self.blame((*place, key), f"{_name(place)}: unknown key {key!r}; known are {', '.join(sorted(known))}")
        return found

    def text(self, place: Place, value: Any) -> str:
        """`value` as a text that is not empty; "" and a problem otherwise."""
        if isinstance(value, str) and value.strip():
            return value.strip()
        if isinstance(value, str) or value is None:
            self.blame(place, f"{_name(place)}: the text is empty")
        else:
            kind = type(value).__name__
            self.blame(place, f"{_name(place)}: YAML reads this as {kind}, not as text; put quotes around it")
        return ""

    def items(self, place: Place, value: Any) -> list[Any]:
        """`value` as a list; [] and a problem otherwise."""
        if isinstance(value, list):
            return cast("list[Any]", value)
        self.blame(place, f"{_name(place)}: a list is needed here")
        return []

    def day(self, place: Place, value: Any) -> date | None:
        """`value` as a day, None for an empty one; a problem if it is anything else."""
        if value is None or (isinstance(value, date) and not isinstance(value, datetime)):
            return value
        self.blame(place, f"{_name(place)}: a day like 2026-11-21 is needed here")
        return None


def read(path: Path, name: str) -> YamlFile:
    """The file at `path`; never raises: what cannot be read is a problem in the result, and its value is None."""
    file = YamlFile(name=printable(name))
    if file.name != name:
        file.blame((), "the name of this file is not UTF-8; give it another")
        return file
    try:
        with path.open("rb") as opened:
            file.raw = opened.read(SIZE_MAX + 1)
        if len(file.raw) > SIZE_MAX:
            file.blame((), f"larger than {SIZE_MAX} bytes; split it")
            return file
        text = file.raw.decode("utf-8")
        _check_shape(file, text)
        if not file.problems:
            _fill(file, text)
    except OSError as e:
        file.blame((), f"cannot be read: {e.strerror or e}")
    except UnicodeDecodeError as e:
        line = file.raw.count(b"\n", 0, e.start) + 1
        file.problems.append(Problem(file=name, line=line, reason="not UTF-8; save the file as UTF-8"))
    except yaml.YAMLError as e:
        file.problems.append(Problem(file=name, line=_line(e, file.raw), reason=f"not YAML: {_why(e)}"))
    return file


def printable(name: str) -> str:
    """A file's name as it can be shown and kept; another one only where the name is not UTF-8, as of old archives."""
    return name.encode(errors="backslashreplace").decode()


def _check_shape(file: YamlFile, text: str) -> None:
    """Looks at the file's events, one by one, for what would be dangerous to build."""
    depth = 0
    for event in yaml.parse(text, Loader=_Loader):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        reason = "nested too deeply" if depth > DEPTH_MAX else ""
        if isinstance(event, yaml.AliasEvent):
            reason = "anchors and aliases (& and *) are not used here; write the value out"
        if reason:
            file.problems.append(
                Problem(file=file.name, line=event.start_mark.line + 1 if event.start_mark else 0, reason=reason)
            )
            return


def _fill(file: YamlFile, text: str) -> None:
    loader = _Loader(text)
    construct = cast("Callable[[yaml.Node], Any]", loader.construct_object)  # pyright: ignore[reportUnknownMemberType]

    def walk(node: yaml.Node, place: Place) -> Any:
        file.lines.setdefault(place, node.start_mark.line + 1)
        if isinstance(node, yaml.MappingNode):
            return pairs(node, place)
        if isinstance(node, yaml.SequenceNode):
            return [walk(child, (*place, n)) for n, child in enumerate(cast("list[yaml.Node]", node.value))]
        try:
            return construct(node)
        except ValueError as e:  # 2026-02-30 looks like a day and is none
            file.blame(place, f"unreadable value {node.value!r}: {e}")
            return None

    def pairs(node: yaml.MappingNode, place: Place) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key_node, value_node in cast("list[tuple[yaml.Node, yaml.Node]]", node.value):
            key = str(key_node.value)
            file.lines[(*place, key)] = key_node.start_mark.line + 1
            if key in found:
                file.blame((*place, key), f"the key {key!r} is here twice")
            found[key] = walk(value_node, (*place, key))
        return found

    try:
        top = loader.get_single_node()
        file.value = None if top is None else walk(top, ())
    finally:
        loader.dispose()


def _line(e: yaml.YAMLError, raw: bytes) -> int:
    mark = getattr(e, "problem_mark", None) or getattr(e, "context_mark", None)
    if mark is not None:
        return int(mark.line) + 1
    position = getattr(e, "position", None)  # in bytes: of a character that YAML does not allow
    return raw.count(b"\n", 0, position) + 1 if isinstance(position, int) else 0


def _why(e: yaml.YAMLError) -> str:
    return str(getattr(e, "problem", None) or getattr(e, "reason", None) or str(e).splitlines()[0])


def _name(place: Place) -> str:
    return ".".join(str(step) for step in place) or "the file"

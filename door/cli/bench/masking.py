"""`bench masking`: how many planted personal numbers the vault hides, and how many of nobody's numbers it hides too."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from core.vault import Vault
from door.cli.bench.figures import Figure, as_data
from door.cli.bench.personal import CARD, ID, PHONE, Message, Planted, messages

RECALL = 99.5  # % of each kind of personal number, at the least
FALSE = 1.0  # % of the messages with nobody's numbers alone, at the most
SHOWN = 20  # misses and false masks that are told in full
MARK = re.compile(r"⟦([a-z-]+)(?::[^⟧]*)?⟧")
CHINA = re.compile(r"(?:00)?86\D{0,3}(?=⟦phone⟧)")  # it may stay in front of a number that is hidden

Tell = Callable[[str], None]


def measure(count: int, seed: int, tell: Tell = lambda line: None) -> dict[str, Any]:
    """Recall by kind and by way of writing, false masks by kind of number, and the first examples of both.

    All numbers are made up, so the examples may be shown.
    """
    tell(f"seed {seed}, {count:,} messages")
    planted: Counter[str] = Counter()
    hidden: Counter[str] = Counter()
    nobodys: Counter[str] = Counter()
    masked: Counter[str] = Counter()
    missed: list[dict[str, str]] = []
    false: list[dict[str, str]] = []
    with TemporaryDirectory(prefix="qiantai-bench-") as place:
        vault = Vault.create(Path(place) / "keys.json")
    for message in messages(count, seed):
        shown = MARK.sub(r"⟦\1⟧", vault.mask(message.text).text)
        told = {"text": message.text, "masked": shown, "expected": message.hidden}
        if not message.planted:
            nobodys[message.kind] += 1
            if shown != message.text:
                masked[message.kind] += 1
                false.append({"kind": message.kind, **told})
            continue
        left = left_over(message, shown)
        for one in message.planted:
            planted.update(_names(one))
            if one not in left:
                hidden.update(_names(one))
        missed += [{"kind": one.kind, "form": one.form, **told} for one in left]
    figures = [
        Figure.at_least(f"{kind}: recall", _percent(hidden[kind], planted[kind]), RECALL, "%")
        for kind in (ID, CARD, PHONE)
    ]
    figures.append(Figure.at_most("false masks", _percent(masked.total(), nobodys.total()), FALSE, "%"))
    return {
        "messages": count,
        "seed": seed,
        "recall": _table(planted, hidden, "planted", "hidden"),
        "false": _table(nobodys, masked, "messages", "masked"),
        "missed": missed[:SHOWN],
        "false_masks": false[:SHOWN],
        "figures": as_data(figures),
        "passed": all(figure.good for figure in figures),
    }


def left_over(message: Message, shown: str) -> list[Planted]:
    """The planted numbers that were not hidden as what they are, every place of them and nothing else.

    Signs and spaces round a number may go with it. Where places are left over of which no number can be told, and
    where an innocent neighbour went with it, all of the message's numbers count as missed.
    """
    rest, marks = _places(CHINA.sub("", unicodedata.normalize("NFKC", shown))), MARK.findall(shown)
    if rest == _places(message.hidden) and marks == [one.kind for one in message.planted]:
        return []
    return [one for one in message.planted if one.value in rest] or list(message.planted)


def _places(text: str) -> str:
    """The digits of a text, and every X, in plain width."""
    return "".join(re.findall("[0-9X]", unicodedata.normalize("NFKC", MARK.sub("", text)).upper()))


def _names(one: Planted) -> tuple[str, str]:
    return one.kind, f"{one.kind}: {one.form}"


def _percent(part: int, whole: int) -> float:
    return round(100 * part / whole, 4) if whole else 0.0


def _table(whole: Counter[str], part: Counter[str], of: str, are: str) -> dict[str, dict[str, float]]:
    rows = {name: {of: count, are: part[name], "%": _percent(part[name], count)} for name, count in whole.items()}
    return dict(sorted(rows.items()))

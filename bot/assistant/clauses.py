"""The clauses of a message, each of which may say by itself what matters most; pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property

# The probability from which one clause of several counts, read alone: in a long story that clause's words are few.
# A fraud is told by the whole story.
IN_A_CLAUSE: Mapping[str, float] = {"emergency": 0.95, "handoff": 0.90}
PLAIN = 0.99  # from which it does against what the whole says, and inside a form
HINTED = 0.02  # of the whole, from which one word alone says it: "人工、材料" is a list, "disgraceful. human." a wish
CLAUSES_MAX = 48  # of a message that are read, half of them its last: bounds the cost
# Characters in Chinese and in other letters: of a longer clause without marks the end is read once more, and how much
# of it. What somebody wants or fears now comes last.
LONG, LONG_LATIN = 40, 120
END, END_LATIN = 16, 60

_BETWEEN = re.compile(
    r"(?:[，。!！?？;；:：…、｡|｜\n\r\u2028~～—\u2600-\u27bf\U0001f300-\U0001faff]|(?<!\d),|,(?!\d{3}(?!\d))|\.(?!\d))+|"
    r"\s-+\s|\s{2,}|(?<=[\u3000-\u9fff])\s+(?=[\u3000-\u9fff])"
)
REFERENCE = re.compile(r"⟦([^⟦⟧:]*)(?::[^⟦⟧]*)?⟧")  # stands for a number that was hidden; what it is comes first
ONE_WORD = re.compile(r"\W*(?:[\u4e00-\u9fff]{1,2}|[a-zA-Z]+)\W*")
_HAN = re.compile(r"[\u4e00-\u9fff]")
# Whoever names a person so wants none.
_REFUSED = re.compile(
    r"(?:不(?:用|要|想|需要|必|愿意?|会)|别|无需)(?:再|给我|帮我|转接?|找|接|叫|跟|和|什么){0,3}(?:人工(?!智能)|真人|客服)|"
    r"\b(?:no (?:need (?:for|of) )?(?:an? |any )?|"
    r"(?:don't|do not|needn't|rather not) (?:want|need|transfer|put|speak|talk)\b"
    r"(?:(?!bot\b|robot|machine|\bbut\b).)*\b)"
    r"(?:person|human|agent|operator|anybody|anyone)",
    re.IGNORECASE,
)

# For what IN_A_CLAUSE has: how likely it is for each of some texts, read alone.
Read = Callable[[Sequence[str]], Sequence[Mapping[str, float]]]


class Clauses:
    """What the clauses of a text say, each read alone, when first asked; of fewer than `fewest` none is read."""

    def __init__(self, text: str, read: Read, whole: Mapping[str, float], *, fewest: int = 2) -> None:
        """`whole`: how likely it is for the whole text, of what may be."""
        self._text, self._read, self._whole, self._fewest = text, read, whole, fewest

    def chance(self, what: str) -> float:
        """How likely the clause is that says it most plainly."""
        return max((self._chance(clause, what) for clause in self._said), default=0.0)

    def saying(self, what: str) -> str:
        """Those that say it, "" if none does."""
        return "\n".join(one[0] for one in self._said if self._chance(one, what) >= IN_A_CLAUSE[what])

    def refuse_a_person(self) -> bool:
        """Whether they want none, and none says that they do: "not a robot, a person"."""
        return _REFUSED.search(self._text) is not None and not self.saying("handoff")

    @cached_property
    def _said(self) -> list[tuple[str, Mapping[str, float]]]:
        parts = split(self._text)
        return list(zip(parts, self._read(parts), strict=True)) if len(parts) >= self._fewest else []

    def _chance(self, clause: tuple[str, Mapping[str, float]], what: str) -> float:
        text, chances = clause
        refused = what == "handoff" and _REFUSED.search(text)
        listed = ONE_WORD.fullmatch(text) and self._whole.get(what, 0.0) < HINTED
        return 0.0 if refused or listed else chances[what]


def split(text: str) -> list[str]:
    """What stands between the marks of a text, and the end of what goes on long without any; at most CLAUSES_MAX, of a
    longer text the first and the last. Of a number that was hidden only what it is."""
    shown = REFERENCE.sub(r"⟦\1⟧", text)
    found = [part for clause in map(str.strip, _BETWEEN.split(shown)) if len(clause) > 1 for part in _read_as(clause)]
    return found if len(found) <= CLAUSES_MAX else found[: CLAUSES_MAX // 2] + found[-CLAUSES_MAX // 2 :]


def _read_as(clause: str) -> Sequence[str]:
    if len(_HAN.findall(clause)) > LONG:
        return clause, clause[-END:]
    if len(clause) > LONG_LATIN:
        return clause, clause[-END_LATIN:].partition(" ")[2]
    return (clause,)
